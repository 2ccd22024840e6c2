"""`dec solve` of many feeders: the answers of single runs, whatever the ranks; failures are reported and the rest is finished."""
import csv
import json
import signal
import subprocess
import time

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, ENVIRONMENT, TABLES, command, dec, succeed

QUADRATIC = ("--policy", "quadratic")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory):
    """Five generated feeders in native files, of different sizes, where limits bind."""
    folder = tmp_path_factory.mktemp("fleet")
    for number, buses in enumerate((400, 900, 300, 600, 500), start=1):
        succeed("generate", folder / f"feeder{number}.h5", "--buses", buses, "--seed", number, "--target-vmax", "1.07",
                "--pv-penetration", "0.6")
    return folder


@pytest.fixture(scope="module")
def solved(fleet, tmp_path_factory):
    output = tmp_path_factory.mktemp("solved") / "fleet.h5"
    return output, json.loads(succeed("solve", fleet, "-o", output, "--json", *QUADRATIC).out)


def same_results(a, b):
    outcome = dec("diff", a, b)
    assert outcome.code == 0, outcome.out[:2000]


@pytest.mark.parametrize("ranks", [2, 3, 8])
def test_a_fleet_has_the_same_answers_from_any_number_of_ranks(ranks, fleet, solved, tmp_path):
    output = tmp_path / "fleet.h5"
    summary = json.loads(succeed("solve", fleet, "-o", output, "--json", *QUADRATIC, ranks=ranks).out)
    same_results(solved[0], output)
    for one, other in zip(summary["results"], solved[1]["results"]):
        assert one["name"] == other["name"] and one["curtailed_kw"] == pytest.approx(other["curtailed_kw"], rel=1e-9)


def test_every_feeder_of_a_fleet_has_the_answer_of_a_run_of_its_own(fleet, solved, tmp_path):
    output, summary = solved
    assert [one["name"] for one in summary["results"]] == [f"feeder{i}" for i in range(1, 6)]
    assert summary["curtailed_kw"] > 0.0
    with h5py.File(output) as together:
        for one in summary["results"]:
            alone = json.loads(succeed("solve", fleet / f"{one['name']}.h5", "-o", tmp_path / "one.h5", "--json", *QUADRATIC).out)
            assert one["curtailed_kw"] == alone["curtailed_kw"] and one["binding"] == alone["binding"]
            with h5py.File(tmp_path / "one.h5") as file:
                group = together[f"feeders/{one['name']}"]
                names = []
                file.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
                assert len(names) > 50
                for name in names:
                    assert group[name].dtype == file[name].dtype and group[name].attrs["unit"] == file[name].attrs["unit"]
                    if not name.startswith("timing"):
                        np.testing.assert_array_equal(group[name][:], file[name][:], err_msg=name)
                assert {k: v for k, v in group.attrs.items() if v == v} == {k: v for k, v in file.attrs.items() if v == v}


def test_the_table_of_a_fleet_and_its_sums_are_those_of_the_feeders(solved):
    output, summary = solved
    with h5py.File(output) as file:
        table = file["fleet"]
        assert [name for name in table["name"].asstr()] == [one["name"] for one in summary["results"]]
        for key in ("buses", "nodes", "ders", "available_kw", "curtailed_kw", "alpha_max", "v_max", "v_max_ac"):
            assert table[key][:] == pytest.approx([one[key] for one in summary["results"]])
            joined = np.max if key in ("alpha_max", "v_max", "v_max_ac") else np.sum
            assert file.attrs[key] == pytest.approx(joined(table[key][:])) == pytest.approx(summary[key])
        assert file.attrs["feeders"] == file.attrs["answers"] == 5 and file.attrs["exit_code"] == 0


def test_a_failing_feeder_is_reported_and_the_rest_is_finished(fleet, tmp_path):
    (tmp_path / "broken.h5").write_bytes((fleet / "feeder3.h5").read_bytes()[:3000])
    (tmp_path / "empty.xml").write_text("")
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"# two good ones and two bad ones\n{fleet}/feeder1.h5\nbroken.h5  # cut off\n\nnothing = empty.xml\n"
                      f"last one = {fleet}/feeder3.h5\n")
    for ranks in (0, 3):
        outcome = dec("solve", listed, "-o", tmp_path / "r.h5", "--json", *QUADRATIC, ranks=ranks)
        assert outcome.code == 2
        assert len(outcome.errors) == 3 and outcome.errors[-1] == "2 of 4 feeders have no answer"
        assert outcome.errors[0].startswith("broken: ") and outcome.errors[1].startswith("nothing: ")
        summary = json.loads(outcome.out)
        assert [one["status"] for one in summary["results"]] == ["optimal", "failed", "failed", "optimal"]
        assert summary["answers"] == 2 and summary["exit_code"] == 2
        with h5py.File(tmp_path / "r.h5") as file:
            assert set(file["feeders"]) == {"feeder1", "last one"}
            assert list(file["fleet/exit_code"]) == [0, 2, 2, 0]
            assert [bool(text) for text in file["fleet/error"].asstr()] == [False, True, True, False]


def test_the_exit_code_of_a_fleet_is_the_largest_of_its_feeders(fleet, tmp_path):
    # No setpoint brings what the source lifts above the limit below it.
    outcome = dec("solve", fleet, "-o", tmp_path / "r.h5", "--source-voltage", "1.2", ranks=2)
    assert outcome.code == 3 and outcome.err.count("error: ") >= 5
    assert list(tmp_path.iterdir()) == []  # nobody has an answer
    limited = dec("solve", fleet, "-o", tmp_path / "r.h5", *QUADRATIC, "--max-iterations", "1")
    assert limited.code == 4
    with h5py.File(tmp_path / "r.h5") as file:
        assert set(file["fleet/status"].asstr()) == {"iteration_limit"}


def test_a_fleet_starts_where_its_earlier_answers_end(fleet, solved, tmp_path):
    output, cold = solved
    listed = tmp_path / "fleet.txt"
    listed.write_text("\n".join(f"{fleet}/feeder{i}.h5" for i in range(1, 6)) + f"\nnew = {fleet}/feeder1.h5\n")
    outcome = succeed("solve", listed, "--warm-start", output, "-o", tmp_path / "warm.h5", "--json", *QUADRATIC, ranks=2)
    warm = json.loads(outcome.out)
    assert any("new: " in warning and "begins from nothing" in warning for warning in outcome.warnings)
    assert warm["iterations"] < cold["iterations"] + cold["results"][0]["iterations"]
    for one, other in zip(warm["results"], cold["results"]):
        assert one["curtailed_kw"] == pytest.approx(other["curtailed_kw"], abs=1e-5)
    assert "holds the answers of a fleet" in dec("solve", fleet / "feeder1.h5", "--warm-start", output, "-o", tmp_path / "x.h5").errors[0]
    succeed("solve", fleet / "feeder1.h5", "-o", tmp_path / "one.h5")
    assert "holds no answers of a fleet" in dec("solve", fleet, "--warm-start", tmp_path / "one.h5", "-o", tmp_path / "x.h5").errors[0]


def test_setpoints_and_messages_of_a_fleet_are_those_of_its_feeders(fleet, tmp_path):
    options = (*QUADRATIC, "--timestamp", "1655321845")
    succeed("solve", fleet, "-o", tmp_path / "r.h5", "--setpoints", tmp_path / "s.csv", "--messages", tmp_path / "m", *options, ranks=3)
    with open(tmp_path / "s.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    for i in range(1, 6):
        succeed("solve", fleet / f"feeder{i}.h5", "-o", tmp_path / "one.h5", "--setpoints", tmp_path / "one.csv",
                "--messages", tmp_path / "one", *options)
        with open(tmp_path / "one.csv", newline="") as file:
            assert [{"feeder": f"feeder{i}", **row} for row in csv.DictReader(file)] == [row for row in rows if row["feeder"] == f"feeder{i}"]
        for path in (tmp_path / "one").iterdir():
            assert (tmp_path / "m" / f"feeder{i}" / path.name).read_text() == path.read_text()
            path.unlink()
    assert [row["feeder"] for row in rows] == sorted(row["feeder"] for row in rows)


def test_one_file_may_hold_a_fleet(fleet, solved, tmp_path):
    with h5py.File(tmp_path / "region.h5", "w") as region:
        region.attrs["format"] = "dec-region"
        region.attrs["format_version"] = 1
        for i in range(1, 6):
            with h5py.File(fleet / f"feeder{i}.h5") as feeder:
                feeder.copy("/", region.require_group("feeders"), name=f"feeder{i}")
    succeed("solve", tmp_path / "region.h5", "-o", tmp_path / "r.h5", *QUADRATIC, ranks=2)
    with h5py.File(tmp_path / "r.h5") as one, h5py.File(solved[0]) as other:
        for i in range(1, 6):
            np.testing.assert_array_equal(one[f"feeders/feeder{i}/ders/alpha"][:], other[f"feeders/feeder{i}/ders/alpha"][:])


def test_a_generated_region_is_a_fleet(tmp_path):
    succeed("generate", tmp_path / "region.h5", "--buses", 4000, "--substations", 2)
    assert "2 feeders" in succeed("inspect", tmp_path / "region.h5").out
    one, two = (json.loads(succeed("solve", tmp_path / "region.h5", "-o", tmp_path / f"{ranks}.h5", "--json", *QUADRATIC, ranks=ranks).out)
                for ranks in (1, 2))
    with h5py.File(tmp_path / "region.h5") as region:
        assert [feeder["name"] for feeder in one["results"]] == list(region["feeders/name"].asstr())
        assert one["answers"] == 2 and one["buses"] == len(region["buses/name"]) and one["ders"] == len(region["ders/pv/name"])
        with h5py.File(tmp_path / "1.h5") as file:
            shares = [mrid for name in file["feeders"] for mrid in file[f"feeders/{name}/ders/mrid"]]
            assert sorted(shares) == sorted(region["ders/pv/mrid"])
    same_results(tmp_path / "1.h5", tmp_path / "2.h5")


def test_large_feeders_are_solved_by_all_ranks_and_small_ones_beside_each_other(tmp_path):
    folder = tmp_path / "fleet"
    folder.mkdir()
    for name, buses in (("large", 42000), ("b", 700), ("c", 900)):
        succeed("generate", folder / f"{name}.h5", "--buses", buses)
    succeed("solve", folder, "-o", tmp_path / "one.h5", "--ac", "none", *QUADRATIC)
    summary = json.loads(succeed("solve", folder, "-o", tmp_path / "two.h5", "--ac", "none", "--json", *QUADRATIC, ranks=2).out)
    assert [one["ranks"] for one in summary["results"]] == [1, 1, 2]
    with h5py.File(tmp_path / "one.h5") as one, h5py.File(tmp_path / "two.h5") as two:
        assert list(one["feeders"]) == list(two["feeders"]) == ["b", "c", "large"]
        for name in one["feeders"]:
            # How a method came there may differ by the ranks; where it came to does not.
            for path in ("ders/alpha", "ders/p_kw", "nodes/v", "branches/p_kw"):
                np.testing.assert_allclose(one[f"feeders/{name}/{path}"][:], two[f"feeders/{name}/{path}"][:], atol=1e-8)
            for path in ("ders/mrid", "nodes/bus", "branches/name"):
                np.testing.assert_array_equal(one[f"feeders/{name}/{path}"][:], two[f"feeders/{name}/{path}"][:])


def test_what_a_fleet_cannot_be_is_refused_before_anything_is_solved(fleet, tmp_path):
    def errors(*arguments):
        outcome = dec("solve", *arguments, "-o", tmp_path / "r.h5")
        assert outcome.code == 2 and outcome.out == "" and not (tmp_path / "r.h5").exists()
        return outcome.errors

    listed = tmp_path / "fleet.txt"
    listed.write_text(f"{fleet}/feeder1.h5\nabsent.h5\n{fleet}/feeder1.h5\na/b = {fleet}/feeder2.h5\nfleet.txt\n")
    found = errors(listed)
    assert len(found) == 5 and found[-1] == "4 problems; nothing was written"
    assert "line 2" in found[0] and "is no file" in found[0]
    assert "line 3" in found[1] and "is the name of line 1, too" in found[1]
    assert "line 4" in found[2] and "cannot be the name" in found[2]
    assert "line 5" in found[3] and "no feeder format" in found[3]
    listed.write_text("# nothing\n")
    assert "names no feeder" in errors(listed)[0]
    assert "dec populate" in errors(TABLES)[0]
    assert "one feeder" in errors(fleet, "--open", "sw1")[0]
    assert len(errors(fleet, "--close", "sw1", "--agent-messages", tmp_path / "a.h5", *QUADRATIC)) == 3
    for other in ("powerflow", "tradeoff", "export-qp"):
        outcome = dec(other, fleet, "-o", tmp_path / "r.h5")
        assert outcome.code == 2 and "fleet" in outcome.errors[0], outcome


def test_results_in_a_folder_are_left_out_with_a_warning(fleet, solved, tmp_path):
    folder = tmp_path / "fleet"
    folder.mkdir()
    (folder / "a.h5").write_bytes((fleet / "feeder1.h5").read_bytes())
    (folder / "results.h5").write_bytes(solved[0].read_bytes())
    outcome = succeed("solve", folder, "-o", tmp_path / "r.h5", "--json")
    assert json.loads(outcome.out)["feeders"] == 1 and any("is left out" in warning for warning in outcome.warnings)


def test_inspect_shows_a_fleet_and_its_results_as_tables(fleet, solved):
    shown = succeed("inspect", fleet).out
    assert "5 feeders" in shown and "feeder3" in shown
    results = succeed("inspect", solved[0]).out
    assert "/fleet/curtailed_kw" in results and "/feeders/feeder1/" not in results and "feeder4" in results


def test_a_signal_stops_a_fleet_with_what_is_finished_written(fleet, tmp_path):
    listed = tmp_path / "fleet.txt"
    listed.write_text("".join(f"f{i} = {fleet}/feeder{1 + i % 5}.h5\n" for i in range(400)))
    output = tmp_path / "r.h5"
    for ranks, number in ((0, signal.SIGTERM), (2, signal.SIGUSR1)):
        output.unlink(missing_ok=True)
        process = subprocess.Popen(command("solve", listed, "-o", output, "--json", "--progress", "on", ranks=ranks), env=ENVIRONMENT,
                                   text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for line in process.stderr:  # the first line of progress: something is finished
            if "of 400 feeders" in line:
                break
        time.sleep(0.3)
        process.send_signal(number)
        out, _ = process.communicate(timeout=100)
        assert process.returncode == 143
        summary = json.loads(out)
        assert 0 < summary["answers"] < 400 and summary["exit_code"] == 143
        with h5py.File(output) as file:
            assert len(file["feeders"]) == summary["answers"]
            assert {"optimal", "interrupted"} >= set(file["fleet/status"].asstr()) >= {"interrupted"}
        # What is there is a start for the next run.
    short = tmp_path / "short.txt"
    short.write_text("".join(f"f{i} = {fleet}/feeder{1 + i % 5}.h5\n" for i in range(3)))
    succeed("solve", short, "--warm-start", output, "-o", tmp_path / "next.h5")


def test_a_dry_run_of_a_fleet_reads_all_and_writes_nothing(fleet, tmp_path):
    outcome = succeed("solve", fleet, "--dry-run", "-o", tmp_path / "r.h5", ranks=2)
    assert "5 feeders, 2700 buses" in outcome.out and "nothing was solved or written" in outcome.out
    assert list(tmp_path.iterdir()) == []
    assert json.loads(succeed("solve", fleet, "--dry-run", "--json").out)["buses"] == 2700


def test_demonstration_feeders_in_text_formats_make_a_fleet_too(fleet, tmp_path):
    listed = tmp_path / "fleet.txt"
    listed.write_text(f"{DEMONSTRATION}\n{fleet}/feeder1.h5\n")
    summary = json.loads(succeed("solve", listed, "-o", tmp_path / "r.h5", "--json", ranks=2).out)
    alone = json.loads(succeed("solve", DEMONSTRATION, "-o", tmp_path / "one.h5", "--json").out)
    assert summary["results"][0]["curtailed_kw"] == alone["curtailed_kw"]
