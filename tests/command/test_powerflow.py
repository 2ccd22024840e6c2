"""dec powerflow: the AC power flow as its users ask for it."""
import json

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, JSON_KEYS, SECONDS_KEYS, dec, public_feeder, succeed

OWN_KEYS = """source_kw source_kvar load_kw load_kvar pv_kw storage_kw machine_kw loss_kw max_loading max_loading_branch
    v_max_node v_min_node mismatch_kva mismatch_node""".split()
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
    options = ("powerflow", DEMONSTRATION, "--pv-scale", 0, "--source-voltage", 0.9, "--json", "-o", tmp_path / "a.h5")
    as_file = json.loads(succeed(*options).out)
    wide = json.loads(succeed(*options, "--load-limits", "wide").out)
    assert wide["load_kw"] > 1.01 * as_file["load_kw"]


def test_controls_that_do_not_exist_yet_are_refused(tmp_path):
    outcome = dec("powerflow", DEMONSTRATION, "--controls", "on", "-o", tmp_path / "a.h5")
    assert outcome.code == 2
    assert "off" in outcome.errors[0]


def test_the_feeder_is_not_written_over():
    outcome = dec("powerflow", DEMONSTRATION, "-o", DEMONSTRATION)
    assert outcome.code == 2
    assert "name the same file" in outcome.errors[0]
