"""`dec solve --method exchange` as its users see it."""
import json

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, dec, public_feeder, succeed


@pytest.mark.parametrize("policy", ["quadratic", "proportional"])
def test_the_end_is_reported_with_its_distance_from_the_optimum(policy, tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--method", "exchange", "--policy", policy, "--ac", "none", "-o", "r.h5",
                  "--json", ranks=3, folder=tmp_path)

    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)
    assert summary["status"] == "converged" and summary["scope"] == ("agent" if policy == "proportional" else None)
    assert summary["violation"] <= 1.1e-6
    assert summary["objective"] > summary["objective_optimal"] > 0
    gap = summary["objective"] / summary["objective_optimal"] - 1
    assert summary["optimality_gap"] == pytest.approx(gap, rel=1e-9)


@pytest.mark.parametrize("policy", ["quadratic", "proportional"])
@pytest.mark.parametrize("options", [(), ("--target-vmax", 1.08)])
def test_a_public_feeder_with_pv_added_converges_with_the_default_limit(policy, options, tmp_path):
    succeed("populate", public_feeder("IEEE123_PV.xml"), "feeder.xml", *options, folder=tmp_path)

    summary = json.loads(succeed("solve", "feeder.xml", "--method", "exchange", "--policy", policy, "--ac", "none", "--json",
                                 ranks=2, folder=tmp_path).out)

    assert summary["status"] == "converged"
    assert summary["violation"] <= 1.1e-6


def test_every_agent_meets_the_one_that_feeds_it_at_one_bus(tmp_path):
    assert dec("solve", DEMONSTRATION, "--method", "exchange", "--ac", "none", "-o", "r.h5", ranks=2, folder=tmp_path).code == 0

    with h5py.File(tmp_path / "r.h5") as file:
        agents, boundaries = file["agents"], file["boundaries"]
        below = boundaries["downstream_agent"].asstr()[:]
        parent = dict(zip(agents["name"].asstr()[:], agents["parent"].asstr()[:]))
        assert list(dict.fromkeys(below)) == list(agents["name"].asstr()[1:])
        assert all(parent[b] == a for a, b in zip(boundaries["upstream_agent"].asstr()[:], below))
        meetings = {agent: set() for agent in below}
        for agent, bus in zip(below, boundaries["bus"].asstr()[:]):
            meetings[agent].add(bus)
        assert all(len(buses) == 1 for buses in meetings.values())
        # The voltage of a boundary is that of its bus, and the last of its history.
        nodes = file["nodes"]
        voltage = dict(zip(zip(nodes["bus"].asstr()[:], nodes["phase"].asstr()[:]), nodes["v"][:]))
        history = file["convergence/boundary_v"][-1]
        row = {agent: i for i, agent in enumerate(dict.fromkeys(below))}
        for agent, bus, phase, v in zip(below, *(boundaries[name].asstr()[:] for name in ("bus", "phase")),
                                        boundaries["v"][:]):
            assert v == pytest.approx(voltage[bus, phase], abs=1e-12)
            assert v == pytest.approx(history[row[agent], "ABC".index(phase)], abs=1e-12)
        # At full sun some agents export and others do not.
        assert np.nanmin(boundaries["p_kw"][:]) < 0 < np.nanmax(boundaries["p_kw"][:])


def test_a_run_that_does_not_converge_ends_with_code_4_and_marked_results(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--method", "exchange", "--max-iterations", "3", "-o", "r.h5", "--json",
                  folder=tmp_path)

    assert outcome.code == 4
    summary = json.loads(outcome.out)
    assert summary["status"] == "iteration_limit" and summary["violation"] > 1e-4
    with h5py.File(tmp_path / "r.h5") as file:
        assert file.attrs["status"] == "iteration_limit" and len(file["convergence/iteration"]) == 4
