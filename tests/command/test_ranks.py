"""Any number of ranks finds the same optimum of the linear model: objectives to 1e-9, shares to 1e-9 where they are the answer of one program, to 1e-8 where
a tie is broken by a second one."""
import json

import h5py
import numpy as np
import pytest
from command_line import DEMONSTRATION, public_feeder, succeed

FEEDERS = {"demonstration": (), "IEEE123_PV.xml": (), "IEEE123_PV.xml with eight times the PV": ("--pv-scale", "8"),
           "IEEE37.xml": ()}
POLICIES = {"quadratic": 1e-9, "nash": 1e-9, "min-curtailment": 1e-8, "proportional --scope agent": 1e-8,
            "proportional --scope area": 1e-8, "proportional --scope feeder": 1e-9, "equal-kw": 1e-9}


def answer(folder, feeder, options, policy, ranks, ac="none"):
    path = DEMONSTRATION if feeder == "demonstration" else public_feeder(feeder.split()[0])
    output = folder / f"{ranks}.h5"
    out = succeed("solve", path, *options, "--ac", ac, "--policy", *policy.split(), "-o", output, "--json", ranks=ranks).out
    with h5py.File(output) as results:
        return json.loads(out), results["/ders/alpha"][()]


# Where branches at the AC point leave residuals above the tolerance, one of 1e-8 pu^2 is what shares are known to.
CORRECTED = {"quadratic": 1e-9, "min-curtailment": 1e-9, "proportional --scope agent": 5e-8}


@pytest.mark.parametrize("policy", CORRECTED)
def test_any_number_of_ranks_corrects_it_to_the_same_answer(tmp_path, policy):
    feeder = "IEEE123_PV.xml with eight times the PV"
    alone, shares = answer(tmp_path, feeder, FEEDERS[feeder], policy, 1, ac="correct")
    for ranks in (3, 8):
        summary, others = answer(tmp_path, feeder, FEEDERS[feeder], policy, ranks, ac="correct")

        assert summary["status"] == alone["status"] == "optimal"
        assert summary["ac_rounds"] == alone["ac_rounds"] <= 5
        assert summary["v_max_ac"] <= 1.05 + 1e-5
        assert summary["objective"] == pytest.approx(alone["objective"], rel=1e-8)
        assert np.abs(others - shares).max() <= CORRECTED[policy]


@pytest.mark.parametrize("feeder", FEEDERS)
@pytest.mark.parametrize("policy", POLICIES)
def test_any_number_of_ranks_finds_the_same_optimum(tmp_path, feeder, policy):
    alone, shares = answer(tmp_path, feeder, FEEDERS[feeder], policy, 1)
    for ranks in (3, 8):
        summary, others = answer(tmp_path, feeder, FEEDERS[feeder], policy, ranks)

        assert summary["status"] == alone["status"] == "optimal"
        assert summary["objective"] == pytest.approx(alone["objective"], rel=1e-9, abs=1e-9)
        assert np.abs(others - shares).max(initial=0.0) <= POLICIES[policy]
