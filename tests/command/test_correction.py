"""`--ac`: what it changes in the summary and in the results file."""
import json

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, succeed


def solve(folder, *options):
    out = succeed("solve", DEMONSTRATION, "--policy", "quadratic", "-o", folder / "r.h5", "--json", *options).out
    return json.loads(out)


def test_linear_and_corrected_answer_are_both_in_the_file(tmp_path):
    linear = solve(tmp_path, "--ac", "none")
    corrected = solve(tmp_path)

    assert linear["v_max_ac"] is None and linear["ac_rounds"] == 0
    assert corrected["status"] == "optimal" and 1 <= corrected["ac_rounds"] <= 5
    assert 1.05 - 1e-5 < corrected["v_max_ac"] <= 1.05 + 1e-5 and corrected["v_max_ac_linear"] < 1.05
    assert corrected["curtailed_kw"] < 0.8 * corrected["curtailed_kw_linear"]
    assert corrected["curtailed_kw_linear"] == pytest.approx(linear["curtailed_kw"], rel=1e-6)
    with h5py.File(tmp_path / "r.h5") as file:
        before = (file["ders/available_kw"][:] * file["ders/alpha_linear"][:]).sum()
        rounds = file["convergence/ac_round"][:]
        assert np.isfinite(file["branches/loss_kw"][:]).any()
    assert before == pytest.approx(linear["curtailed_kw"], rel=1e-6)
    assert list(rounds[rounds > 0]) == list(range(1, corrected["ac_rounds"] + 1))


def test_a_check_leaves_the_linear_answer_as_it_is(tmp_path):
    linear, checked = solve(tmp_path, "--ac", "none"), solve(tmp_path, "--ac", "check")

    assert checked["status"] == "optimal" and checked["ac_rounds"] == 0
    assert checked["curtailed_kw"] == linear["curtailed_kw"]
    assert checked["v_max_ac"] == checked["v_max_ac_linear"] < 1.05
