"""dec powerflow: the AC power flow as its users ask for it."""
import json

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, JSON_KEYS, SECONDS_KEYS, dec, public_feeder, succeed

OWN_KEYS = """source_kw source_kvar load_kw load_kvar pv_kw storage_kw machine_kw loss_kw max_loading max_loading_branch
    v_max_node v_min_node solver control_rounds tap_steps capacitor_switchings mismatch_kva mismatch_node""".split()
PUBLIC = ["IEEE13.xml", "IEEE37.xml", "IEEE123.xml", "IEEE123_PV.xml", "ieee8500.xml.gz"]


def check_ranks(feeder, folder, ranks, *options):
    for count in ranks:
        succeed("powerflow", feeder, *options, "-o", folder / f"{count}.h5", "--quiet", ranks=count)
        if count > 1:
            assert succeed("diff", folder / "1.h5", folder / f"{count}.h5").out == ""


def test_the_answer_does_not_depend_on_the_number_of_ranks(tmp_path):
    check_ranks(DEMONSTRATION, tmp_path, [1, 2, 3, 4, 8])


@pytest.mark.parametrize("name", PUBLIC)
def test_the_answer_of_a_public_feeder_does_not_depend_on_the_number_of_ranks(name, tmp_path):
    check_ranks(public_feeder(name), tmp_path, [1, 2, 4], "--load-limits", "wide")


def test_the_summary_is_one_json_object_and_its_powers_balance(tmp_path):
    summary = json.loads(succeed("powerflow", DEMONSTRATION, "--json", "-o", tmp_path / "a.h5").out)
    assert list(summary) == JSON_KEYS + OWN_KEYS
    assert list(summary["seconds"]) == SECONDS_KEYS
    assert summary["status"] == "converged"
    injected = summary["source_kw"] + summary["pv_kw"] + summary["storage_kw"] + summary["machine_kw"]
    assert injected == pytest.approx(summary["load_kw"] + summary["loss_kw"], abs=1e-5)
    assert summary["alpha_max"] is None and summary["v_max"] is None  # nothing was decided, nothing linear was done


def test_the_file_holds_voltages_flows_and_losses(tmp_path):
    summary = json.loads(succeed("powerflow", DEMONSTRATION, "--json", "-o", tmp_path / "a.h5").out)
    with h5py.File(tmp_path / "a.h5") as file:
        v, angle = file["nodes/v_ac"][:], file["nodes/angle_deg"][:]
        phase = file["nodes/phase"].asstr()[:]
        assert np.nanmax(v) == summary["v_max_ac"] and np.nanmin(v) == summary["v_min_ac"]
        floating = file["nodes/bus"].asstr()[:] == "610"  # behind a delta winding: line to line
        for name, expected in {"A": 0.0, "B": -120.0, "C": 120.0}.items():
            assert np.all(np.abs(angle[(phase == name) & ~floating] - expected) < 10.0)
            assert np.all(np.abs(angle[(phase == name) & floating] - expected - 30.0) < 10.0)
        legs = angle[phase == "s1"], angle[phase == "s2"]
        assert np.all(np.abs(np.abs(legs[0] - legs[1]) - 180.0) < 2.0)
        assert np.nansum(file["branches/loss_kw"][:]) == pytest.approx(summary["loss_kw"], abs=1e-6)
        assert np.nanmax(file["branches/loading"][:]) == summary["max_loading"]
        power = np.hypot(file["branches/p_kw"][:], file["branches/q_kvar"][:])
        base = dict(zip(zip(file["nodes/bus"].asstr()[:], phase), v * file["nodes/base_kv"][:]))
        kv = np.array([base[key] for key in zip(file["branches/to"].asstr()[:], file["branches/phase"].asstr()[:])])
        carries = power > 0.1
        assert np.allclose(file["branches/current_a"][carries], power[carries] / kv[carries])
        assert np.isnan(file["nodes/v"][:]).all()
        assert "agents" not in file
        assert file.attrs["loss_kw"] == summary["loss_kw"]


def test_a_power_flow_that_is_given_up_says_where_and_ends_with_4(tmp_path):
    outcome = dec("powerflow", DEMONSTRATION, "--load-scale", 30, "--max-iterations", 2, "--json", "-o", tmp_path / "a.h5")
    summary = json.loads(outcome.out)
    assert outcome.code == 4
    assert summary["status"] == "diverged"
    assert any("did not converge in 2 iterations" in line and summary["mismatch_node"] in line for line in outcome.warnings)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file.attrs["status"] == "diverged"


def test_loads_outside_their_limits_change_the_answer(tmp_path):
    options = ("powerflow", DEMONSTRATION, "--pv-scale", 0, "--source-voltage", 0.9, "--controls", "off", "--json", "-o",
               tmp_path / "a.h5")
    as_file = json.loads(succeed(*options).out)
    wide = json.loads(succeed(*options, "--load-limits", "wide").out)
    assert wide["load_kw"] > 1.01 * as_file["load_kw"]


def test_controls_move_taps_unless_they_are_off(tmp_path):
    feeder = public_feeder("IEEE123.xml")
    on = json.loads(succeed("powerflow", feeder, "--taps", "neutral", "--json", "-o", tmp_path / "on.h5").out)
    off = json.loads(succeed("powerflow", feeder, "--taps", "neutral", "--controls", "off", "--json", "-o",
                             tmp_path / "off.h5").out)
    assert on["tap_steps"] > 0 and on["control_rounds"] > 0 and off["tap_steps"] == 0
    assert on["v_min_ac"] > 0.97 > 0.93 > off["v_min_ac"]
    with h5py.File(tmp_path / "on.h5") as file:
        taps = dict(zip(file["taps/name"].asstr()[:], file["taps/step"][:]))
        assert taps == {"creg1a": 6, "creg2a": 0, "creg3a": 2, "creg3c": 0, "creg4a": 10, "creg4b": 4, "creg4c": 6}
        assert np.allclose(file["taps/ratio"][:], 1 + 0.00625 * file["taps/step"][:])
        assert file["capacitors/sections"].shape == (4, 3)
    with h5py.File(tmp_path / "off.h5") as file:
        assert (file["taps/step"][:] == 0).all()


def test_controls_do_not_depend_on_the_number_of_ranks(tmp_path):
    check_ranks(public_feeder("IEEE123.xml"), tmp_path, [1, 2, 3, 4], "--taps", "neutral", "--volt-var", "b")


def test_settled_taps_stay_where_they_came_to_rest_without_sun(tmp_path):
    feeder = public_feeder("IEEE123.xml")
    for command, option in (("solve", ("--vmax", 1.06)), ("powerflow", ("--controls", "off"))):
        succeed(command, feeder, "--taps", "settle", *option, "-o", tmp_path / f"{command}.h5", "--quiet")
        with h5py.File(tmp_path / f"{command}.h5") as file:
            assert list(file["taps/step"][:]) == [6, 0, 2, 0, 10, 4, 6]


def test_inverters_on_their_own_lower_the_highest_voltage(tmp_path):
    options = ("powerflow", DEMONSTRATION, "--json", "-o", tmp_path / "a.h5")
    alone = json.loads(succeed(*options).out)
    absorbing = json.loads(succeed(*options, "--volt-var", "b").out)
    with h5py.File(tmp_path / "a.h5") as file:
        assert (file["ders/q_kvar"][:] < 0).any() and np.allclose(file["ders/alpha"][:], 0)
    both = json.loads(succeed(*options, "--volt-var", "b", "--volt-watt", "default").out)
    off = json.loads(succeed(*options, "--volt-var", "b", "--controls", "off").out)
    without = json.loads(succeed(*options, "--controls", "off").out)
    given = json.loads(succeed(*options, "--volt-var", "0.92:0.44,0.98:0,1.02:0,1.08:-0.44").out)
    assert alone["v_max_ac"] > absorbing["v_max_ac"] >= both["v_max_ac"]
    assert both["pv_kw"] <= absorbing["pv_kw"] + 1e-6
    assert off["v_max_ac"] == pytest.approx(without["v_max_ac"], abs=1e-9)
    assert given["v_max_ac"] == pytest.approx(absorbing["v_max_ac"], abs=1e-9)


@pytest.mark.parametrize("curve", ["1.0", "0.9:0.1,0.8:0", "0.9:x", "b,a", ""])
def test_a_curve_that_is_none_is_refused(curve, tmp_path):
    outcome = dec("powerflow", DEMONSTRATION, "--volt-var", curve, "-o", tmp_path / "a.h5")
    assert outcome.code == 2
    assert "--volt-var" in outcome.errors[0]


def test_a_closed_tie_makes_a_mesh(tmp_path):
    feeder = public_feeder("IEEE123.xml")
    options = (feeder, "--close", "sw7", "--controls", "off")
    for ranks in (1, 2, 4):
        succeed("powerflow", *options, "-o", tmp_path / f"{ranks}.h5", "--quiet", ranks=ranks)
        assert succeed("diff", tmp_path / "1.h5", tmp_path / f"{ranks}.h5").out in ("", "no differences\n")
    with h5py.File(tmp_path / "1.h5") as file:
        assert file.attrs["solver"] == "sparse"
        assert np.nansum(file["branches/loss_kw"][:]) == pytest.approx(file.attrs["loss_kw"], abs=1e-6)
        tie = file["branches/name"].asstr()[:] == "sw7"
        assert (file["branches/current_a"][tie] > 1).any()
    outcome = dec("powerflow", *options, "--solver", "tree", "-o", tmp_path / "a.h5")
    assert outcome.code == 2 and "loops" in outcome.errors[0]


def test_both_solvers_write_the_same_file(tmp_path):
    succeed("powerflow", DEMONSTRATION, "--solver", "tree", "-o", tmp_path / "tree.h5", "--quiet")
    succeed("powerflow", DEMONSTRATION, "--solver", "sparse", "-o", tmp_path / "sparse.h5", "--quiet", ranks=2)
    with h5py.File(tmp_path / "tree.h5") as tree, h5py.File(tmp_path / "sparse.h5") as sparse:
        assert np.nanmax(np.abs(tree["nodes/v_ac"][:] - sparse["nodes/v_ac"][:])) < 1e-9
        for name in ("p_kw", "q_kvar", "loss_kw"):
            assert np.nanmax(np.abs(tree["branches"][name][:] - sparse["branches"][name][:])) < 1e-5


def test_the_feeder_is_not_written_over():
    outcome = dec("powerflow", DEMONSTRATION, "-o", DEMONSTRATION)
    assert outcome.code == 2
    assert "name the same file" in outcome.errors[0]
