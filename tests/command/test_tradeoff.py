"""dec tradeoff: the curve lies where it must, its ends are policies, and every output says the same on any number of ranks."""
import csv
import json
import re
import signal
import subprocess
import sys
import xml.etree.ElementTree as ElementTree

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, ENVIRONMENT, SOURCE, command, dec, succeed

# A tenth of the nodes above the limit: benchmarks/scenarios/demonstration_10.toml.
QUESTION = ("--source-voltage", "1.0", "--pv-scale", "0.8343")
POINTS = 11


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """Folder with tradeoff.h5 and tradeoff.csv, and the object of --json."""
    folder = tmp_path_factory.mktemp("tradeoff")
    outcome = succeed("tradeoff", DEMONSTRATION, *QUESTION, "--points", POINTS, "--table", "tradeoff.csv", "--json", folder=folder)
    assert any("lifo is left out" in line for line in outcome.err.splitlines())
    return folder, json.loads(outcome.out)


def table(path, name):
    with h5py.File(path) as file:
        return {key: data.asstr()[:] if data.dtype.kind in "SO" else data[:] for key, data in file[name].items()}


def test_every_policy_that_can_be_done_is_there_proportional_with_each_scope(answered):
    rows = [(row["policy"], row["scope"]) for row in answered[1]["policies"]]

    assert rows == [("proportional", "feeder"), ("proportional", "area"), ("proportional", "agent"), ("equal-kw", None),
                    ("min-curtailment", None), ("quadratic", None), ("nash", None), ("min-max", None), ("uniform-export", None)]
    assert all(row["status"] == "optimal" for row in answered[1]["policies"])


def test_the_curve_goes_through_three_policies(answered):
    """The policies by programs of their own (a tie-break, a plain square, two power flows), the curve by another."""
    policies, ders = table(answered[0] / "tradeoff.h5", "policies"), table(answered[0] / "tradeoff.h5", "ders")
    shares = {name: ders["alpha_policies"][:, row] for row, name in enumerate(policies["policy"])
              if policies["scope"][row] in ("", "feeder")}

    assert np.abs(ders["alpha_curve"][:, 0] - shares["min-curtailment"]).max() == 0.0
    assert np.abs(ders["alpha_curve"][:, POINTS // 2] - shares["quadratic"]).max() < 1e-7
    assert np.abs(ders["alpha_curve"][:, -1] - shares["proportional"]).max() < 1e-7


def test_min_curtailment_with_its_tie_break_is_the_limit_of_the_curve(answered, tmp_path):
    """Blend 1/400 is by no other means at the same answer: the weight of squares is small enough to change no kilowatt."""
    succeed("tradeoff", DEMONSTRATION, *QUESTION, "--points", 401, "--policies", "min-curtailment", folder=tmp_path)

    curve = table(tmp_path / "tradeoff.h5", "ders")["alpha_curve"]
    assert np.abs(curve[:, 1] - curve[:, 0]).max() < 1e-6


def test_along_the_curve_more_is_curtailed_and_shares_come_together(answered):
    curve = answered[1]["curve"]
    total, spread = (np.array([row[key] for row in curve]) for key in ("curtailed_kw", "spread"))

    assert [row["blend"] for row in curve] == [k / (POINTS - 1) for k in range(POINTS)]
    assert np.all(np.diff(total) > -1e-7)
    assert np.all(np.diff(spread) < 1e-9)
    # Convex in the plane of total and squared spread, as the front of two convex functions is.
    assert np.all(np.diff(np.diff(spread**2) / np.diff(total)) > -1e-9)


def test_no_policy_lies_below_the_curve(answered):
    curve, available = answered[1]["curve"], answered[1]["available_kw"]
    total, spread = (np.array([row[key] for row in curve]) for key in ("curtailed_kw", "spread"))
    # Each point touches a line below which there is no answer: spread^2 + (mean - nu)^2 is smallest there.
    m = answered[1]["common_share"]
    for row in answered[1]["policies"]:
        for k, blend in enumerate(point["blend"] for point in curve):
            if blend == 0.0:
                assert row["curtailed_kw"] >= total[0] - 1e-6
                continue
            nu = m * (2.0 - 1.0 / blend)
            far = lambda c, s: s**2 + (c / available - nu) ** 2  # noqa: E731
            assert far(row["curtailed_kw"], row["spread"]) >= far(total[k], spread[k]) - 1e-9


def test_an_independent_solver_finds_the_points_of_the_curve(answered):
    peers_folder = SOURCE / "tests" / "peers"
    sys.path.insert(0, str(peers_folder))
    peers = pytest.importorskip("peers", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")
    folder, summary = answered
    succeed("export-qp", DEMONSTRATION, *QUESTION, "--policy", "min-curtailment", "-o", folder / "problem.npz")
    program = peers.in_decisions_alone(peers.Program.load(folder / "problem.npz"))
    available = program.q.copy()  # min-curtailment costs what is available
    for k in (2, 8):
        blend = summary["curve"][k]["blend"]
        program.P = 2.0 * blend * available
        program.q = 2.0 * summary["common_share"] * (1.0 - 2.0 * blend) * available
        theirs = peers.solve_with_clarabel(program)
        assert theirs.status == "optimal"
        assert available @ theirs.x == pytest.approx(summary["curve"][k]["curtailed_kw"], rel=1e-6)


def test_figures_follow_from_the_shares(answered):
    ders = table(answered[0] / "tradeoff.h5", "ders")
    available = ders["available_kw"]
    takes_part = available > 0.0
    for group, name in (("policies", "alpha_policies"), ("curve", "alpha_curve")):
        rows = table(answered[0] / "tradeoff.h5", group)
        for k in range(len(rows["status"])):
            alpha = ders[name][takes_part, k]
            kept, weight = 1.0 - alpha, available[takes_part] / available.sum()
            mean = weight @ alpha
            expected = {
                "curtailed_kw": available[takes_part] @ alpha,
                "jain": kept.sum() ** 2 / (len(kept) * (kept**2).sum()),
                "gini": np.abs(kept[:, None] - kept[None, :]).sum() / (2 * len(kept) ** 2 * kept.mean()),
                "spread": np.sqrt(weight @ (alpha - mean) ** 2),
                "alpha_min": alpha.min(), "alpha_mean": alpha.mean(), "alpha_max": alpha.max()}
            for key, value in expected.items():
                assert rows[key][k] == pytest.approx(value, rel=1e-9, abs=1e-9), (group, k, key)


def test_json_csv_and_file_say_the_same(answered):
    folder, summary = answered
    with open(folder / "tradeoff.csv", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(summary["policies"]) + len(summary["curve"])
    for group, rows, listed in (("policies", summary["policies"], lines[:len(summary["policies"])]),
                                ("curve", summary["curve"], lines[len(summary["policies"]):])):
        columns = table(folder / "tradeoff.h5", group)
        for k, (row, line) in enumerate(zip(rows, listed)):
            for key, value in row.items():
                stored = columns[key][k]
                if value is None:
                    assert stored == "" and line[key] == ""
                elif isinstance(value, str):
                    assert (stored, line[key]) == (value, value)
                else:
                    assert (stored, float(line[key])) == (value, value)


def test_the_file_is_what_its_document_says(answered):
    text = (SOURCE / "docs" / "tradeoff.md").read_text()
    documented = {}
    for names, kind, unit in re.findall(r"^\| (`/[^|]*) \| (\w+) \| ([\w/]*) ?\|", text, re.MULTILINE):
        for name in re.findall(r"`(/[^`]*)`", names):
            documented[name] = (kind, unit)
    found = {}
    with h5py.File(answered[0] / "tradeoff.h5") as file:
        for group in ("policies", "curve", "ders"):
            for name, data in file[group].items():
                kind = "text" if data.dtype.kind in "SO" else data.dtype.name
                found[f"/{group}/{name}"] = (kind, data.attrs["unit"])
        assert file.attrs["format"] == "dec-tradeoff" and file.attrs["format_version"] == 1

    assert found == documented


@pytest.mark.parametrize("ranks", [1, 2, 3, 8])
def test_any_number_of_ranks_gives_the_same(answered, tmp_path, ranks):
    succeed("tradeoff", DEMONSTRATION, *QUESTION, "--points", POINTS, ranks=ranks, folder=tmp_path)

    for group in ("policies", "curve", "ders"):
        one, other = table(answered[0] / "tradeoff.h5", group), table(tmp_path / "tradeoff.h5", group)
        assert one.keys() == other.keys()
        for key, values in one.items():
            if key == "iterations":
                continue  # rounding may add one
            if values.dtype.kind == "f":
                assert np.allclose(values, other[key], rtol=1e-7, atol=1e-7), (group, key)
            else:
                assert list(values) == list(other[key])


def test_exempt_systems_take_no_part_in_the_curve(answered, tmp_path):
    names = table(answered[0] / "tradeoff.h5", "ders")["name"]
    (tmp_path / "contracts.csv").write_text("name,exempt,connected\n" + "".join(
        f"{name},{'yes' if k < 5 else 'no'},20{k % 10 + 10}-01-01\n" for k, name in enumerate(names)))

    succeed("tradeoff", DEMONSTRATION, *QUESTION, "--points", 3, "--contracts", "contracts.csv", "--policies", "lifo,quadratic",
            folder=tmp_path)

    ders, policies = (table(tmp_path / "tradeoff.h5", group) for group in ("ders", "policies"))
    assert list(policies["policy"]) == ["min-curtailment", "quadratic", "lifo"]
    assert np.all(ders["alpha_curve"][:5] == 0.0)
    assert np.ptp(ders["alpha_curve"][5:, 2]) < 1e-7 and ders["alpha_curve"][5, 2] > 0.1


def test_where_nothing_has_to_be_curtailed_there_is_no_curve(tmp_path):
    summary = json.loads(succeed("tradeoff", DEMONSTRATION, "--source-voltage", 1.0, "--pv-scale", 0.1, "--policies", "quadratic",
                                 "--json", folder=tmp_path).out)

    assert summary["curve"] == [] and summary["common_share"] is None
    assert [row["curtailed_kw"] for row in summary["policies"]] == [0.0, pytest.approx(0.0, abs=1e-6)]
    assert "alpha_curve" not in table(tmp_path / "tradeoff.h5", "ders")


def test_a_policy_without_an_answer_does_not_keep_the_others_from_theirs(tmp_path):
    """Nobody above the new lower limit may fall below it, which the same export for everybody would make them."""
    outcome = dec("tradeoff", DEMONSTRATION, *QUESTION, "--vmin", 1.005, "--policies", "uniform-export", "--points", 3, "--json",
                  "--table", "tradeoff.csv", folder=tmp_path)

    assert outcome.code == 3
    least, without = json.loads(outcome.out)["policies"]
    assert (least["policy"], least["status"]) == ("min-curtailment", "optimal") and least["price_of_fairness"] == 0.0
    assert (without["policy"], without["status"]) == ("uniform-export", "infeasible") and without["curtailed_kw"] is None
    policies = table(tmp_path / "tradeoff.h5", "policies")
    assert list(policies["status"]) == ["optimal", "infeasible"] and np.isnan(policies["jain"][1])
    assert (tmp_path / "tradeoff.csv").read_text().splitlines()[2].startswith("uniform-export,,,infeasible,")
    assert len(table(tmp_path / "tradeoff.h5", "curve")["blend"]) == 3


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_the_answers_so_far_marked(number, code, tmp_path):
    process = subprocess.Popen(command("tradeoff", DEMONSTRATION, *QUESTION, "--points", 1_000_000, "--policies", "quadratic",
                                       "--verbose"), cwd=tmp_path, env=ENVIRONMENT, text=True, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
    for line in process.stderr:
        if "blend 0.000" in line:
            process.send_signal(number)
            break
    process.stderr.read()

    assert process.wait(timeout=60) == code
    with h5py.File(tmp_path / "tradeoff.h5") as file:
        assert file.attrs["interrupted"] == 1
        assert list(file["policies/status"].asstr()[:]) == ["optimal", "optimal"]
        assert len(file["curve/blend"]) == file["ders/alpha_curve"].shape[1] > 0


def test_without_any_answer_the_limits_in_conflict_are_named_and_nothing_is_written(tmp_path):
    outcome = dec("tradeoff", DEMONSTRATION, "--source-voltage", 1.06, folder=tmp_path)

    assert outcome.code == 3
    assert any("the upper limit is 1.0500 pu" in line for line in outcome.errors)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("arguments, message", [
    (("--policies", "kind"), "--policies kind: there is no such policy; some of proportional,"),
    (("--points", "1"), "1 is not a whole number of at least 2"),
    (("--policy", "quadratic"), "--policy: there is no such option"),
    (("--table", "tradeoff.h5"), "--output and --table name the same file"),
])
def test_wrong_usage_is_one_line(tmp_path, arguments, message):
    outcome = dec("tradeoff", DEMONSTRATION, *arguments, folder=tmp_path)

    assert outcome.code == 2
    assert any(message in line for line in outcome.errors), outcome.err
    assert list(tmp_path.iterdir()) == []


def plot(*arguments):
    return subprocess.run([sys.executable, SOURCE / "scripts" / "plot_tradeoff", *map(str, arguments)], capture_output=True,
                          text=True, timeout=300)


def test_the_plot_names_every_policy_and_marks_each_in_every_panel(answered, tmp_path):
    run = plot(answered[0] / "tradeoff.h5", "-o", tmp_path)

    assert run.returncode == 0, run.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tradeoff.png", "tradeoff.svg", "tradeoff_shares.png",
                                                                "tradeoff_shares.svg"]
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    texts = {node.text.strip() for node in ElementTree.parse(tmp_path / "tradeoff.svg", parser).iter()
             if node.tag is ElementTree.Comment}
    for name in ("proportional (agent)", "equal-kw", "min-curtailment", "quadratic", "nash", "min-max", "uniform-export"):
        assert name in texts


def test_the_plot_refuses_what_is_no_tradeoff(tmp_path):
    succeed("solve", DEMONSTRATION, folder=tmp_path)

    run = plot(tmp_path / "results.h5")

    assert run.returncode == 2 and "is not what `dec tradeoff` writes" in run.stderr
