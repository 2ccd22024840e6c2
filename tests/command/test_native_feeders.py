"""Native feeder files and generated feeders as users meet them."""
import json

import h5py
import pytest

from command_line import DEMONSTRATION, dec, succeed


@pytest.fixture(scope="module")
def native(tmp_path_factory):
    folder = tmp_path_factory.mktemp("native")
    succeed("convert", DEMONSTRATION, "feeder.h5", folder=folder)
    return folder / "feeder.h5"


def test_the_way_through_a_native_file_changes_no_byte_of_a_feeder(native, tmp_path):
    assert succeed("diff", DEMONSTRATION, native, "--tolerance", "0").out == ""
    succeed("convert", native, "through_native.xml", folder=tmp_path)
    succeed("convert", DEMONSTRATION, "direct.xml", folder=tmp_path)
    assert (tmp_path / "through_native.xml").read_bytes() == (tmp_path / "direct.xml").read_bytes()


@pytest.mark.parametrize("ranks", [0, 3])
def test_the_answer_does_not_depend_on_the_format_of_the_feeder(native, ranks, tmp_path):
    succeed("solve", DEMONSTRATION, "-o", "xml.h5", folder=tmp_path)
    succeed("solve", native, "-o", "native.h5", ranks=ranks, folder=tmp_path)
    assert succeed("diff", "xml.h5", "native.h5", folder=tmp_path).out == ""


@pytest.mark.parametrize("ranks", [2, 8])
def test_a_feeder_is_split_alike_whatever_its_format(ranks, tmp_path):
    generated = ("--buses", 3000, "--seed", 4, "--target-vmax", 1.06)
    options = ("--policy", "quadratic", "--ac", "none")
    succeed("generate", "feeder.xml", *generated, folder=tmp_path)
    succeed("convert", "feeder.xml", "feeder.h5", folder=tmp_path)  # in the order of the text, which has breakers first
    for form in ("xml", "h5"):
        succeed("solve", f"feeder.{form}", *options, "-o", f"answer_{form}.h5", ranks=ranks, folder=tmp_path)
    assert succeed("diff", "answer_xml.h5", "answer_h5.h5", folder=tmp_path).out == ""
    with h5py.File(tmp_path / "answer_xml.h5") as one, h5py.File(tmp_path / "answer_h5.h5") as other:
        assert (one["partition/node_rank"][:] == other["partition/node_rank"][:]).all()
        assert len(set(one["partition/node_rank"][:])) == ranks


@pytest.mark.parametrize("ranks", [0, 3])
def test_what_is_wrong_with_single_elements_is_said_by_name_wherever_they_are(native, ranks, tmp_path):
    def with_mistake(name, dataset, row, value):
        (tmp_path / name).write_bytes(native.read_bytes())
        with h5py.File(tmp_path / name, "a") as file:
            before = file[dataset][row]
            file[dataset][row] = value if value is not None else file[dataset][0]
            return before
    last = -1
    bus = with_mistake("twice.h5", "buses/name", last, None)
    with_mistake("length.h5", "branches/lines/length", last, -3.0)
    with_mistake("power.h5", "loads/p", last, [float("nan")] * 3)
    with_mistake("dark.h5", "switches/closed", 0, 0)
    assert bus
    for name, problem in (("twice", "the name stands 2 times"), ("length", "length -3"), ("power", "its power is not a number")):
        outcome = dec("solve", f"{name}.h5", "--ac", "none", ranks=ranks, folder=tmp_path)
        assert outcome.code == 2 and len(outcome.errors) == 1 and problem in outcome.errors[0], outcome.err
        assert not (tmp_path / "results.h5").exists()
    outcome = dec("solve", "dark.h5", "--ac", "none", ranks=ranks, folder=tmp_path)
    assert outcome.code == 0 and any("are not energised" in line for line in outcome.warnings), outcome.err


def test_python_finds_names_units_and_meanings_in_a_native_file(native):
    with h5py.File(native) as file:
        assert file.attrs["format"] == "dec-feeder" and file.attrs["format_version"] == 3
        assert file.attrs["name"] == "ieee123_secondary" and file.attrs["order"] == "free"
        assert file["buses/name"].asstr()[:].tolist().count("s114a_1") == 1
        assert file["loads/p"].shape == (783, 3) and file["loads/p"].attrs["unit"] == "W"
        assert file["loads/bus"].attrs["meaning"] == "row of `/buses`, -1 none"


def test_results_and_feeders_are_not_taken_for_each_other(native, tmp_path):
    succeed("solve", native, "-o", tmp_path / "answer.h5")
    for command in ("solve", "convert"):
        outcome = dec(command, tmp_path / "answer.h5", *(["out.xml"] if command == "convert" else []), folder=tmp_path)
        assert outcome.code == 2 and outcome.errors == [
            f"{tmp_path}/answer.h5: is a results file, not a feeder; name the feeder it is of; dec inspect shows what "
            "is in it"]
    outcome = dec("diff", tmp_path / "answer.h5", native)
    assert outcome.code == 2 and "is not a results file, but the other one is" in outcome.errors[0]
    assert "986, 1986 nodes" in succeed("inspect", native).out


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_damaged_native_file_is_one_line_and_code_2(native, ranks, tmp_path):
    (tmp_path / "cut.h5").write_bytes(native.read_bytes()[:300000])
    (tmp_path / "foreign.h5").write_bytes(b"")
    with h5py.File(tmp_path / "foreign.h5", "w") as file:
        file["x"] = [1.0]
    (tmp_path / "wrong.h5").write_bytes(native.read_bytes())
    with h5py.File(tmp_path / "wrong.h5", "a") as file:
        file["loads/bus"][17] = 5000
    for name, problem in (("cut", "is damaged or incomplete"), ("foreign", "is an HDF5 file, but no feeder of dec"),
                          ("wrong", "/loads/bus: row 17 refers to row 5000 of 986")):
        outcome = dec("solve", f"{name}.h5", ranks=ranks, folder=tmp_path)
        assert outcome.code == 2 and len(outcome.errors) == 1 and problem in outcome.errors[0]
        assert f"{name}.h5" in outcome.errors[0] and not (tmp_path / "results.h5").exists()


def test_generating_again_gives_the_same_file_on_any_number_of_ranks(tmp_path):
    options = ("--buses", 3000, "--seed", 4)
    said = succeed("generate", "one.h5", *options, folder=tmp_path).err
    assert "synthetic_3000_4: 3000 buses" in said
    succeed("generate", "three.h5", *options, ranks=3, folder=tmp_path)
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "three.h5").read_bytes()
    succeed("generate", "one.xml", *options, folder=tmp_path)
    assert succeed("diff", "one.h5", "one.xml", folder=tmp_path).out == ""
    with h5py.File(tmp_path / "one.h5") as file:
        assert file.attrs["order"] == "depth-first"


@pytest.mark.parametrize("options", [("--buses", 13000), ("--buses", 9000, "--feeders", 6, "--substations", 2, "--seed", 3)])
def test_datasets_are_the_same_on_one_to_eight_ranks(options, tmp_path):
    options = (*options, "--target-vmax", 1.06)
    succeed("generate", "one.h5", *options, folder=tmp_path)
    for ranks in (2, 3, 4, 8):
        succeed("generate", "many.h5", *options, ranks=ranks, folder=tmp_path)
        assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "many.h5").read_bytes(), f"{ranks} ranks"


def take_out(region, number, path):
    """Writes one feeder of a region as a file of its own, as docs/native.md says."""
    with h5py.File(region) as whole, h5py.File(path, "w") as one:
        one.attrs.update(whole.attrs)
        one.attrs["format"] = "dec-feeder"
        for name, texts in whole["feeders"].items():
            if not name.startswith("first_"):
                one.attrs[name] = texts.asstr()[number]

        def copy(name, data):
            if not isinstance(data, h5py.Dataset) or name.startswith("feeders/"):
                return
            begins = whole[f"feeders/first_{name.split('/')[-2]}"]
            end = begins[number + 1] if number + 1 < len(begins) else len(data)
            one[name] = data[begins[number]:end]

        whole.visititems(copy)


def test_every_feeder_of_a_region_is_whole_within_its_rows_and_reaches_its_voltages(tmp_path):
    options = ("--buses", 9000, "--feeders", 5, "--substations", 2, "--target-vmax", 1.065)
    said = succeed("generate", "region.h5", *options, ranks=2, folder=tmp_path).err
    assert "synthetic_region_9000_1: 5 feeders, 9000 buses" in said
    with h5py.File(tmp_path / "region.h5") as file:
        assert file.attrs["format"] == "dec-region" and len(file["feeders/name"]) == 5
        assert len(set(file["feeders/mrid"][:])) == 5 and len(set(file["feeders/substation"][:])) == 2
    buses, highest = 0, []
    for number in range(5):
        take_out(tmp_path / "region.h5", number, tmp_path / "one.h5")
        flow = json.loads(succeed("powerflow", "one.h5", "--controls", "off", "--json", folder=tmp_path).out)
        assert flow["status"] == "converged"
        buses += flow["buses"]
        highest.append(flow["v_max_ac"])
    assert buses == 9000
    assert max(highest) == pytest.approx(1.065, abs=0.002)
    outcome = dec("powerflow", "region.h5", folder=tmp_path)
    assert outcome.code == 2 and "is a fleet, not a feeder" in outcome.errors[0]


def test_a_region_is_solved_feeder_for_feeder(tmp_path):
    succeed("generate", "region.h5", "--buses", 2000, "--feeders", 3, "--substations", 2, "--target-vmax", 1.07, folder=tmp_path)
    succeed("solve", "region.h5", "--ac", "none", "-o", "together.h5", folder=tmp_path)
    with h5py.File(tmp_path / "region.h5") as file:
        names = list(file["feeders/name"].asstr()[:])
    for number, name in enumerate(names):
        take_out(tmp_path / "region.h5", number, tmp_path / "one.h5")
        succeed("solve", "one.h5", "--ac", "none", "-o", "alone.h5", folder=tmp_path)
        with h5py.File(tmp_path / "alone.h5") as alone, h5py.File(tmp_path / "together.h5") as together:
            assert alone.attrs["buses"] == together[f"feeders/{name}"].attrs["buses"]
            assert list(alone["ders/mrid"][:]) == list(together[f"feeders/{name}/ders/mrid"][:])
            assert alone["ders/alpha"][:] == pytest.approx(together[f"feeders/{name}/ders/alpha"][:], abs=1e-7)


@pytest.mark.parametrize("options", [("--buses", 6000), ("--buses", 20000, "--seed", 2), ("--buses", 13000, "--pv-penetration", 0.7)])
@pytest.mark.parametrize("target", [1.055, 1.08])
def test_the_ac_power_flow_of_a_generated_feeder_comes_as_high_as_asked(options, target, tmp_path):
    succeed("generate", "sunny.h5", *options, "--target-vmax", target, folder=tmp_path)
    flow = json.loads(succeed("powerflow", "sunny.h5", "--controls", "off", "--json", folder=tmp_path).out)
    assert flow["v_max_ac"] == pytest.approx(target, abs=0.002)


@pytest.mark.parametrize("ranks", [0, 3])
def test_a_generated_feeder_is_brought_below_the_limit(ranks, tmp_path):
    succeed("generate", "sunny.h5", "--buses", 12000, "--target-vmax", 1.075, folder=tmp_path)
    summary = json.loads(succeed("solve", "sunny.h5", "--json", ranks=ranks, folder=tmp_path).out)
    assert summary["buses"] == 12000 and summary["status"] == "optimal"
    assert summary["v_max_ac"] <= 1.05 + 1e-5 and summary["nodes_below_vmin"] == 0


@pytest.mark.parametrize("options, problem", [
    (("--buses", 5), "5 is not a whole number of at least 20"),
    (("--buses", 10**12), "give 20 to 1000000000"),
    (("--buses", 1000, "--substations", 51), "--substations: 51 do not fit 1000 buses"),
    (("--pv-penetration", 2), "2 is not a number from 0 to 1"),
    (("--pv-penetration", 0, "--target-vmax", 1.06), "there is no PV to scale"),
    (("--target-vmax", 0.9), "ask for more than that"),
])
def test_what_cannot_be_generated_is_said_in_one_line(options, problem, tmp_path):
    outcome = dec("generate", "out.h5", *options, folder=tmp_path)
    assert outcome.code == 2 and len(outcome.errors) == 1 and problem in outcome.errors[0]
    assert list(tmp_path.iterdir()) == []
