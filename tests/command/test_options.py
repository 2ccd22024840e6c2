"""What the options of `dec solve` change, and what they leave alone."""
import json
import re

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, JSON_KEYS, dec, succeed


def solve(folder, *options, ranks=0):
    return json.loads(succeed("solve", DEMONSTRATION, "-o", folder / "results.h5", "--json", *options, ranks=ranks).out)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    folder = tmp_path_factory.mktemp("plain")
    return solve(folder) | {"file": folder / "results.h5"}


def test_scales_multiply_loads_and_available_pv(plain, tmp_path):
    half = solve(tmp_path, "--pv-scale", 0.5)
    assert half["available_kw"] == pytest.approx(0.5 * plain["available_kw"])
    none = solve(tmp_path, "--pv-scale", 0)
    assert none["available_kw"] == none["curtailed_kw"] == 0.0 and none["ders"] == plain["ders"]
    unloaded = solve(tmp_path, "--load-scale", "0")
    assert unloaded["v_max_uncurtailed"] > plain["v_max_uncurtailed"]
    with h5py.File(tmp_path / "results.h5") as file:
        # Without loads everything that is exported goes to the source, but for what the lossless model does not know of.
        assert file["branches/p_kw"][0] <= 0.0


def test_limits_and_the_source_voltage_are_taken_at_their_word(plain, tmp_path):
    tighter = solve(tmp_path, "--vmax", "1.04")
    assert tighter["v_max_ac"] == pytest.approx(1.04, abs=1e-5) and tighter["curtailed_kw"] > plain["curtailed_kw"]
    lower = solve(tmp_path, "--source-voltage", "0.98")
    assert lower["curtailed_kw"] < plain["curtailed_kw"] and lower["v_max_ac"] <= 1.05 + 1e-5
    with h5py.File(tmp_path / "results.h5") as file:
        bus = file["nodes/bus"][:].astype(str)
        assert np.allclose(file["nodes/v"][bus == "150"], 0.98, atol=1e-9)


def test_nodes_below_the_lower_limit_are_counted_and_said(tmp_path):
    options = ("-o", tmp_path / "r.h5", "--json", "--load-scale", "5")
    outcome = succeed("solve", DEMONSTRATION, *options)
    count = json.loads(outcome.out)["nodes_below_vmin"]
    assert count > 0 and f"{count} nodes are below 0.95 pu with nothing curtailed" in outcome.warnings[-1]
    held = dec("solve", DEMONSTRATION, *options, "--vmin-relax", "off", folder=tmp_path)
    assert held.code == 3 and "the lower limit is 0.9500 pu" in held.errors[0] and "--vmin-relax on" in held.errors[0]


def test_taps_at_neutral_lower_the_voltages(plain, tmp_path):
    neutral = solve(tmp_path, "--taps", "neutral")
    assert neutral["v_max_uncurtailed"] != plain["v_max_uncurtailed"]
    assert solve(tmp_path, "--taps", "file")["v_max_uncurtailed"] == plain["v_max_uncurtailed"]


@pytest.mark.parametrize("words", [("--open", "sw2,sw3"), ("--open", "sw2", "--open", "sw3"), ("--open=sw2,sw3",)])
def test_several_switches_are_named_in_one_option_or_in_several(words, tmp_path):
    # The option before the feeder: it must not take the feeder for a third switch.
    outcome = succeed("solve", *words, DEMONSTRATION, "-o", tmp_path / "r.h5", "--json")
    with h5py.File(tmp_path / "r.h5") as file:
        bus, v = file["nodes/bus"][:].astype(str), file["nodes/v"][:]
    assert np.isnan(v[np.isin(bus, ["135", "152"])]).all() and not np.isnan(v[np.isin(bus, ["18", "13"])]).any()
    assert any("not energised" in line for line in outcome.warnings)


def test_a_tie_closed_for_an_opened_switch_moves_the_load(plain, tmp_path):
    moved = solve(tmp_path, "--open", "sw2", "--close", "sw7")
    assert moved["status"] == "optimal" and moved["available_kw"] == plain["available_kw"]
    with h5py.File(tmp_path / "results.h5") as file:
        assert not np.isnan(file["nodes/v"][:]).any()


def test_options_from_a_file_give_way_to_the_command_line(plain, tmp_path):
    options = tmp_path / "options.toml"
    options.write_text(f"""# for the command that is run
policy = "equal-kw"
json = true
open = ["sw2", "sw3"]
FEEDER = "{DEMONSTRATION}"

[solve]
vmax = 1.04
output = "{tmp_path / 'from_file.h5'}"

[populate]
seed = 3
""")
    from_file = json.loads(succeed("solve", "--config", options).out)
    assert from_file["policy"] == "equal-kw" and from_file["available_kw"] < plain["available_kw"]
    assert (tmp_path / "from_file.h5").exists()
    for place in (("solve", "--config", options), ("--config", options, "solve")):
        changed = json.loads(succeed(*place, "--policy", "proportional", "--vmax", "1.045", "--open", "sw2", ranks=3).out)
        assert changed["policy"] == "proportional" and changed["v_max_ac"] <= 1.045 + 1e-5


def test_commands_that_ask_the_same_question_share_a_section(tmp_path):
    options = tmp_path / "options.toml"
    options.write_text('[scenario]\nnodes = 1986\n[problem]\nsource-voltage = 1.0\npv-scale = 0.5\n[solve]\npv-scale = 0.25\n'
                       '[populate]\nseed = 3\n')
    plain = json.loads(succeed("solve", DEMONSTRATION, "--json", folder=tmp_path).out)["available_kw"]

    asked = {command: json.loads(succeed(command, DEMONSTRATION, "--config", options, "--json", folder=tmp_path).out)
             for command in ("solve", "tradeoff")}

    assert asked["solve"]["available_kw"] == pytest.approx(0.25 * plain)  # its own section wins
    assert asked["tradeoff"]["available_kw"] == pytest.approx(0.5 * plain)
    succeed("powerflow", DEMONSTRATION, "--config", options, folder=tmp_path)
    succeed("convert", DEMONSTRATION, tmp_path / "copy.h5", "--config", options)  # asks nothing
    options.write_text("[problem]\nfrob = 1\n")
    assert dec("tradeoff", DEMONSTRATION, "--config", options).errors == [
        f"{options}: frob: there is no such option; see dec tradeoff --help"]
    assert dec("convert", DEMONSTRATION, tmp_path / "copy.h5", "--config", options).code == 0


def test_what_a_file_of_options_cannot_mean_is_refused_line_by_line(tmp_path):
    options = tmp_path / "options.toml"
    options.write_text('vmaxx = 1.04\n[solv]\na = 1\nb = 2\n[solve]\nfrob = "x"\n')
    outcome = dec("solve", DEMONSTRATION, "--config", options, folder=tmp_path)
    assert outcome.code == 2
    assert outcome.errors == [f"{options}: vmaxx: there is no such option; see dec solve --help",
                              f"{options}: section solv: there is no such command; see dec --help",
                              f"{options}: frob: there is no such option; see dec solve --help",
                              "3 problems; nothing was written"]
    options.write_text('vmax = "high"\n')
    outcome = dec("solve", DEMONSTRATION, "--config", options, folder=tmp_path)
    assert outcome.code == 2 and "--vmax: high is not a number" in outcome.errors[0]
    assert [path.name for path in tmp_path.iterdir()] == ["options.toml"]


@pytest.mark.parametrize("ranks", [0, 4])
def test_a_dry_run_writes_nothing_and_foretells_the_memory(ranks, tmp_path):
    outcome = succeed("solve", DEMONSTRATION, "--dry-run", "--setpoints", "s.csv", ranks=ranks, folder=tmp_path)
    assert "986 buses, 1986 nodes" in outcome.out and "nothing was solved or written" in outcome.out
    foretold = re.search(r"about (\d+) MB on the rank that reads", outcome.out)
    assert list(tmp_path.iterdir()) == []

    summary = solve(tmp_path, ranks=ranks)
    assert float(foretold[1]) == pytest.approx(summary["peak_memory_mb"], rel=0.1)
    if ranks:
        others = float(re.search(r", (\d+) MB on each other", outcome.out)[1])
        with h5py.File(tmp_path / "results.h5") as file:
            assert others == pytest.approx(file["timing/peak_memory"][1:].max(), rel=0.15)


def test_a_dry_run_knows_in_json_what_can_be_known_before(plain, tmp_path):
    summary = json.loads(succeed("solve", DEMONSTRATION, "--dry-run", "--json", folder=tmp_path).out)
    assert list(summary) == JSON_KEYS
    for key in ("feeder", "buses", "nodes", "ders", "agents", "areas", "policy", "scope", "edge_cut"):
        assert summary[key] == plain[key]
    assert summary["available_kw"] == pytest.approx(plain["available_kw"])
    assert summary["status"] is None and summary["curtailed_kw"] is None
    assert summary["seconds"]["solve"] is None and summary["seconds"]["total"] > 0.0
    assert succeed("solve", DEMONSTRATION, "--dry-run", "--quiet", folder=tmp_path).out == ""
    assert dec("solve", DEMONSTRATION, "--dry-run", "--close", "sw7", folder=tmp_path).code == 2


def test_quiet_verbose_and_progress_say_less_and_more_on_standard_error(tmp_path):
    options = ("-o", tmp_path / "r.h5", "--open", "sw2,sw3")  # which is worth warnings
    assert succeed("solve", DEMONSTRATION, *options, "--json").warnings
    quiet = succeed("solve", DEMONSTRATION, *options, "--quiet")
    assert quiet.out == "" and quiet.err == ""
    verbose = succeed("solve", DEMONSTRATION, *options, "--verbose", "--json", ranks=3)
    json.loads(verbose.out)
    steps = [line for line in verbose.err.splitlines() if re.fullmatch(r"(read|partition|build|solve|check|write): \d+\.\d+ s; "
                                                                          r"so far \d+\.\d+ s of computing, \d+ MB now and \d+ MB at most", line)]
    assert len(steps) == 6
    rounds = succeed("solve", DEMONSTRATION, *options, "--progress", "on", "--json", ranks=3)
    json.loads(rounds.out)
    assert sum(line.startswith("round ") for line in rounds.err.splitlines()) >= 1
    assert "round" not in succeed("solve", DEMONSTRATION, *options, "--json").err


def test_an_iteration_limit_is_exit_code_4_with_marked_results(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--policy", "equal-kw", "--max-iterations", "1", "-o", tmp_path / "r.h5", "--json")
    assert outcome.code == 4
    assert json.loads(outcome.out)["status"] == "iteration_limit"
    with h5py.File(tmp_path / "r.h5") as file:
        assert file.attrs["status"] == "iteration_limit"


@pytest.mark.parametrize("options", [("--ac", "none"), ("--policy", "quadratic")])
@pytest.mark.parametrize("ranks", [0, 2])
def test_a_dry_run_foretells_the_memory_of_a_generated_feeder(options, ranks, tmp_path):
    feeder = tmp_path / "feeder.h5"
    succeed("generate", feeder, "--buses", 15000, "--target-vmax", "1.06")
    foretold = json.loads(succeed("solve", feeder, "--dry-run", "--json", *options, ranks=ranks).out)
    found = json.loads(succeed("solve", feeder, "-o", tmp_path / "r.h5", "--json", *options, ranks=ranks).out)
    assert foretold["peak_memory_mb"] == pytest.approx(found["peak_memory_mb"], rel=0.3)
    assert foretold["v_max_uncurtailed"] == pytest.approx(found["v_max_uncurtailed"], abs=1e-9)
    assert foretold["seconds"]["total"] > foretold["seconds"]["build"] > 0.0
