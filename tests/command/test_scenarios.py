"""benchmarks/scenarios: every file is a problem that `dec` understands, and the small ones are what their files say."""
import os
import sys
import tomllib
from pathlib import Path

import pytest

from command_line import SHARED, SOURCE, dec, succeed

sys.path.insert(0, str(Path(SOURCE) / "benchmarks"))
from common import SCENARIOS, Failure, Scenario, scenario_names  # noqa: E402

LARGEST_IN_TESTS = 20000  # nodes


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("scenarios")


@pytest.mark.parametrize("name", scenario_names())
def test_the_name_tells_the_share_in_danger(name):
    scenario = Scenario.load(name)

    # Of a small feeder, the nearest number of nodes that the PV can be scaled to.
    coarse = 5.0 / scenario.nodes
    assert abs(scenario.share - 0.01 * int(name.rsplit("_", 1)[1])) < 0.001 + coarse


@pytest.mark.parametrize("name", [name for name in scenario_names() if Scenario.load(name).nodes < LARGEST_IN_TESTS])
def test_a_scenario_has_the_stated_nodes_in_danger_and_an_optimum(name, folder):
    scenario = Scenario.load(name)
    if scenario.source() is not None and not scenario.source().exists():
        pytest.skip(f"SKIPPED: {scenario.source()} is absent; set DEC_SHARED to the folder of public feeders")

    summary = scenario.check(scenario.make_feeder(folder), folder / "results.h5")

    assert summary["status"] == "optimal"
    assert 0.0 < summary["curtailed_kw"] < summary["available_kw"]


@pytest.mark.parametrize("name", [name for name in scenario_names() if Scenario.load(name).nodes > LARGEST_IN_TESTS])
def test_options_of_large_scenarios_are_known(name, folder):
    """On a feeder that is not theirs: what is looked at is the file."""
    small = folder / "small.h5"
    if not small.exists():
        succeed("generate", small, "--buses", 500, "--config", SCENARIOS / f"{name}.toml", "--quiet")

    assert dec("solve", small, "--config", SCENARIOS / f"{name}.toml", "--dry-run", "--quiet").code == 0


@pytest.mark.parametrize("name", ["demonstration_1", "demonstration_40", "synthetic_1e4_10"])
def test_the_scale_that_gives_a_share_is_found_from_two_power_flows(name, folder):
    scenario = Scenario.load(name)

    scale, nodes, above = scenario.fit(scenario.make_feeder(folder), folder / "fit.h5", scenario.share)

    assert nodes == scenario.nodes
    assert scale == pytest.approx(scenario.tables["problem"]["pv-scale"], rel=1e-3)
    assert abs(above - scenario.above) <= 1e-3 * nodes


def test_another_number_of_nodes_than_stated_is_refused(folder):
    scenario = Scenario.load("demonstration_10")
    scenario.above += 1

    with pytest.raises(Failure, match="199 of 1986 nodes.*says 200 of 1986"):
        scenario.check(scenario.make_feeder(folder), folder / "results.h5")


def test_a_name_that_is_none_is_answered_with_those_there_are():
    with pytest.raises(Failure, match="there is no scenario mars; there are: demonstration_1"):
        Scenario.load("mars")
