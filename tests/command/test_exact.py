"""Method exact from the command line: policies, contracts, prices, elastic limits, warm start, the exported program. The laws here are
those of the linear model: without AC correction, which tests of its own try."""
import csv
import json
import re

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, SOURCE, dec, succeed

POLICIES = ["quadratic", "min-curtailment", "nash", "min-max", "equal-kw", "proportional", "uniform-export"]


def summary_of(*options, folder, **more):
    return json.loads(succeed("solve", DEMONSTRATION, "--ac", "none", "--json", "-o", folder / "results.h5", *options, **more).out)


def systems(folder):
    """mRIDs of all photovoltaic systems with power, in the feeder's order."""
    succeed("solve", DEMONSTRATION, "--ac", "none", "--quiet", "-o", folder / "any.h5", "--setpoints", folder / "any.csv")
    with open(folder / "any.csv") as file:
        return [row["mrid"] for row in csv.DictReader(file)]


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_is_solved_and_any_number_of_ranks_says_the_same(policy, tmp_path):
    one = summary_of("--policy", policy, folder=tmp_path)
    three = json.loads(succeed("solve", DEMONSTRATION, "--policy", policy, "--ac", "none", "--json", "-o",
                               tmp_path / "three.h5", ranks=3).out)

    assert one["method"] == "exact" and one["status"] == "optimal"
    assert one["violation"] < 1e-8
    for key in ("objective", "alpha_min", "alpha_mean", "alpha_max", "curtailed_kw", "v_max"):
        assert three[key] == pytest.approx(one[key], rel=1e-8, abs=1e-8), key
    assert three["binding"] == one["binding"]
    assert three["levels"] == one["levels"]


def test_policies_keep_what_they_promise(tmp_path):
    answers = {policy: summary_of("--policy", policy, "--price-of-fairness", folder=tmp_path) for policy in POLICIES}

    least = answers["min-curtailment"]["curtailed_kw"]
    assert answers["min-curtailment"]["price_of_fairness"] == pytest.approx(0.0, abs=1e-8)
    for policy, answer in answers.items():
        assert answer["curtailed_kw"] >= least - 1e-6, policy
        exported, most = answer["available_kw"] - answer["curtailed_kw"], answer["available_kw"] - least
        assert answer["price_of_fairness"] == pytest.approx((most - exported) / most, abs=1e-7), policy
    assert min(answer["alpha_max"] for answer in answers.values()) == pytest.approx(answers["min-max"]["alpha_max"], abs=1e-8)
    assert answers["min-max"]["levels"] > 1 and answers["quadratic"]["levels"] is None


def test_a_wider_scope_never_costs_less(tmp_path):
    curtailed = [summary_of("--scope", scope, folder=tmp_path)["curtailed_kw"] for scope in ("agent", "area", "feeder")]
    assert curtailed == sorted(curtailed) and curtailed[0] < curtailed[2]


def test_prices_and_binding_nodes_are_in_the_results(tmp_path):
    summary_of("--policy", "quadratic", folder=tmp_path)
    with h5py.File(tmp_path / "results.h5") as file:
        price, v, limit = (file["nodes"][name][:] for name in ("price_high", "v", "v_limit_high"))
        names = [f"{bus}.{phase}" for bus, phase in zip(file["nodes/bus"].asstr()[:], file["nodes/phase"].asstr()[:])]
        alpha, binding = file["ders/alpha"][:], file["ders/binding_node"].asstr()[:]
        rounds, curtailed = (file["convergence"][name][:] for name in ("objective", "total_injection_kw"))

    priced = {name for name, p in zip(names, price) if p > 1e-6 * np.nanmax(price)}
    assert priced
    assert all(abs(v[names.index(name)] - limit[names.index(name)]) < 1e-8 for name in priced)
    for share, node in zip(alpha, binding):
        assert (node in priced) if share > 1e-6 else (node == "" or share > 1e-7)
    assert len(rounds) > 5 and len(set(rounds)) == len(rounds) and len(set(curtailed)) == len(curtailed)


def test_a_rating_that_binds_is_named_wherever_reasons_are(tmp_path):
    folder = tmp_path / "three"
    folder.mkdir()
    options = ["--policy", "quadratic", "--ratings", "normal"]
    summary = summary_of(*options, "--setpoints", tmp_path / "why.csv", folder=tmp_path)
    table = succeed("solve", DEMONSTRATION, *options, "--ac", "none", "-o", folder / "table.h5").out
    succeed("solve", DEMONSTRATION, *options, "--ac", "none", "--quiet", "-o", folder / "results.h5", "--setpoints",
            folder / "why.csv", ranks=3)

    with open(tmp_path / "why.csv") as file:
        rows = list(csv.DictReader(file))
    # Both legs of a service at their limits share a price in any way: which one is named may depend on rounding.
    place = lambda row: re.sub(r"\.s[12]$", "", row["binding_node"])
    with open(folder / "why.csv") as file:
        assert [place(row) for row in csv.DictReader(file)] == [place(row) for row in rows]
    with h5py.File(tmp_path / "results.h5") as file:
        assert list(file["ders/binding_node"].asstr()[:]) == [row["binding_node"] for row in rows]
    reasons = {row["binding_node"] for row in rows if float(row["share"]) > 1e-6}
    assert "" not in reasons and reasons <= set(summary["binding"])
    assert any(reason.startswith("transformer ") for reason in reasons) and "83.A" in reasons

    # In the table of each of five limits who gives up most because of it, the largest share first.
    assert "Binding limits" in table
    lines = table[table.index("Given up most"):table.index("Fairness")].removeprefix("Given up most").strip().splitlines()
    told = [re.fullmatch(r"(\S+) ([0-9.]+) % because of (.+)", line.strip()).groups() for line in lines]
    largest = {}
    for row in rows:
        largest[row["binding_node"]] = max(largest.get(row["binding_node"], 0.0), float(row["share"]))
    assert [float(share) for _, share, _ in told] == pytest.approx(
        [100.0 * share for share in sorted(largest.values(), reverse=True)[:5]], abs=0.006)
    assert len({reason for *_, reason in told}) == 5
    for name, share, reason in told:
        row = next(row for row in rows if row["name"] == name)
        assert row["binding_node"] == reason and 100.0 * float(row["share"]) == pytest.approx(float(share), abs=0.006)


@pytest.mark.parametrize("ranks", [1, 2])
def test_a_rating_that_cannot_be_kept_is_named(tmp_path, ranks):
    exempt = tmp_path / "exempt.csv"
    exempt.write_text("name,exempt\n" + "".join(f"pv_s2b_{i},yes\n" for i in range(1, 7)))
    options = ["--policy", "quadratic", "--contracts", exempt, "--ac", "none", "-o", tmp_path / "none.h5"]
    succeed("solve", DEMONSTRATION, *options, "--quiet")
    (tmp_path / "none.h5").unlink()

    outcome = dec("solve", DEMONSTRATION, *options, "--ratings", "normal", ranks=ranks)

    assert outcome.code == 3 and not (tmp_path / "none.h5").exists()
    heaviest, *others = outcome.errors
    assert "transformer xf_s2b: 38.9 kVA with nothing and 7.8 kVA with everything curtailed, the rating is 27.5 kVA" in heaviest
    assert "--ratings emergency or none" in heaviest and not any("transformer" in other for other in others)


def test_a_warm_start_reaches_the_same_answer(tmp_path):
    cold = summary_of("--policy", "quadratic", folder=tmp_path)
    warm = json.loads(succeed("solve", DEMONSTRATION, "--policy", "quadratic", "--ac", "none", "--json", "--load-scale", "1.001", "--warm-start",
                              tmp_path / "results.h5", "-o", tmp_path / "warm.h5", ranks=2).out)
    again = json.loads(succeed("solve", DEMONSTRATION, "--policy", "quadratic", "--ac", "none", "--json", "--load-scale", "1.001", "-o",
                               tmp_path / "again.h5").out)

    assert warm["objective"] == pytest.approx(again["objective"], rel=1e-8)
    assert warm["objective"] != pytest.approx(cold["objective"], rel=1e-8)


def excess_of(table):
    """What limits are exceeded by according to the table: at most, in all (pu), and at how many nodes."""
    said = re.search(r"violated by (\S+) pu at most, by (\S+) pu in all at (\d+) nodes", table)
    return float(said[1]), float(said[2]), int(said[3])


@pytest.mark.parametrize("policy", ["quadratic", "nash", "min-curtailment", "min-max", "proportional",
                                    "proportional --scope agent", "proportional --scope area"])
def test_elastic_limits_say_by_how_much_they_are_exceeded(tmp_path, policy):
    options = ["--policy", *policy.split(), "--vmax", "1.01"]
    rigid = dec("solve", DEMONSTRATION, *options, "--ac", "none", "-o", tmp_path / "none.h5")
    assert rigid.code == 3 and "node " in rigid.err and not (tmp_path / "none.h5").exists()

    relaxed = summary_of(*options, "--elastic", folder=tmp_path)
    assert relaxed["status"] == "relaxed"
    table = succeed("solve", DEMONSTRATION, *options, "--ac", "none", "--elastic", "-o", tmp_path / "results.h5").out
    largest, total, nodes = excess_of(table)
    assert largest == pytest.approx(relaxed["violation"], rel=0.05)
    assert largest <= total <= nodes * largest

    # Whoever decides for himself can violate limits as little as anybody; the logarithm keeps nash from the last of it.
    if not policy.startswith("proportional"):
        least = excess_of(succeed("solve", DEMONSTRATION, "--policy", "min-curtailment", "--vmax", "1.01", "--ac", "none",
                                  "--elastic", "-o", tmp_path / "least.h5").out)[1]
        assert total == pytest.approx(least, rel=0.05)


def test_a_limit_of_iterations_is_kept(tmp_path):
    outcome = dec("solve", DEMONSTRATION, "--policy", "quadratic", "--max-iterations", 3, "--json", "-o", "r.h5", folder=tmp_path)
    assert outcome.code == 4 and json.loads(outcome.out)["iterations"] == 3
    with h5py.File(tmp_path / "r.h5") as file:
        assert list(file["convergence/iteration"]) == [0, 1, 2, 3]


def test_contracts_are_kept(tmp_path):
    names = systems(tmp_path)
    rows = ["name,weight,guaranteed_kw,exempt,connected"]
    for i, name in enumerate(names):
        rows.append(f"{name},{'4' if i % 3 == 0 else ''},{'2' if i % 4 == 0 else ''},{'yes' if i % 10 == 0 else ''},20{10 + i % 9}-05-01")
    (tmp_path / "contracts.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")  # as spreadsheets do
    for policy in ("quadratic", "proportional", "min-max", "lifo", "equal-kw", "uniform-export"):
        summary_of("--policy", policy, "--contracts", tmp_path / "contracts.csv", "--setpoints", tmp_path / "out.csv",
                   folder=tmp_path, ranks=2)
        with open(tmp_path / "out.csv") as file:
            for i, row in enumerate(csv.DictReader(file)):
                available, allowed = float(row["available_kw"]), float(row["allowed_kw"])
                if i % 10 == 0:
                    assert allowed == pytest.approx(available), (policy, row)
                if i % 4 == 0:
                    assert allowed >= min(2.0, available) - 1e-6, (policy, row)


def test_last_in_is_first_out(tmp_path):
    names = systems(tmp_path)
    year = {name: 2005 + (7 * i) % 12 for i, name in enumerate(names)}
    (tmp_path / "contracts.csv").write_text("name,connected\n" + "".join(f"{n},{y}-01-31\n" for n, y in year.items()))
    answer = summary_of("--policy", "lifo", "--contracts", tmp_path / "contracts.csv", "--setpoints", tmp_path / "out.csv",
                        folder=tmp_path)

    with open(tmp_path / "out.csv") as file:
        given = {row["mrid"]: float(row["available_kw"]) - float(row["allowed_kw"]) for row in csv.DictReader(file)}
    by_year = {y: sum(kw for name, kw in given.items() if year[name] == y) for y in set(year.values())}
    assert answer["status"] == "optimal"
    first = min(y for y, kw in by_year.items() if kw > 1e-6)
    assert first > 2005 and all(by_year[y] > 1e-6 for y in by_year if y > first)


@pytest.mark.parametrize("content, said", [
    ("name,weight\nnobody,1\n", ["line 2", "nobody"]),
    ("name,weight\n{0},-1\n", ["line 2, column weight", "positive"]),
    ("name,connected\n{0},31.1.2020\n", ["line 2, column connected", "2019-06-30"]),
    ("name,exempt\n{0},no\n{0},yes\n", ["line 3", "line 2"]),
    ("name,colour\n{0},red\n", ["colour", "has no meaning"]),
])
def test_bad_contracts_are_told_with_their_line(content, said, tmp_path):
    (tmp_path / "contracts.csv").write_text(content.format(systems(tmp_path)[0]))
    outcome = dec("solve", DEMONSTRATION, "--policy", "quadratic", "--contracts", tmp_path / "contracts.csv", "-o",
                  tmp_path / "none.h5", ranks=2)
    assert outcome.code == 2 and len(outcome.errors) == 1, outcome
    assert all(text in outcome.errors[0] for text in said), outcome.errors


@pytest.mark.parametrize("options, said", [
    (["--policy", "quadratic", "--method", "bisection"], "exact does"),
    (["--scope", "area", "--method", "bisection"], "exact does"),
    (["--policy", "quadratic", "--scope", "area"], "has a scope"),
    (["--elastic", "--method", "bisection"], "--method exact"),
    (["--elastic", "--policy", "equal-kw"], "needs limits that hold"),
    (["--elastic", "--policy", "lifo"], "needs limits that hold"),
    (["--policy", "lifo"], "date of connection"),
    (["--warm-start", SOURCE / "README.md"], "no results file"),
])
def test_what_is_not_possible_is_said_with_what_is(options, said, tmp_path):
    outcome = dec("solve", DEMONSTRATION, *options, "-o", tmp_path / "none.h5")
    assert outcome.code == 2 and said in outcome.err, outcome


def test_the_exported_program_is_complete_and_lean_means_less(tmp_path):
    succeed("export-qp", DEMONSTRATION, "--policy", "nash", "-o", tmp_path / "p.npz", ranks=2)
    succeed("export-qp", DEMONSTRATION, "--policy", "nash", "--lean", "-o", tmp_path / "lean.npz")
    full, lean = np.load(tmp_path / "p.npz"), np.load(tmp_path / "lean.npz")

    for program in (full, lean):
        n = program["q"].size
        assert program["A_shape"][1] == program["G_shape"][1] == n == program["names"].size == program["lb"].size
        assert program["A_shape"][0] == program["b"].size and program["G_shape"][0] == program["h_high"].size
        assert all(program["names"][i].startswith(b"alpha:") for i in program["log_terms"])
    assert 0 < lean["q"].size < full["q"].size
    assert set(lean["names"]) < set(full["names"])

    for policy in ("equal-kw", "lifo"):
        assert dec("export-qp", DEMONSTRATION, "--policy", policy, "-o", tmp_path / "none.npz").code == 2
    assert dec("export-qp", DEMONSTRATION, "--policy", "nash", "-o", tmp_path / "none.mps").code == 2


@pytest.mark.parametrize("policy", ["quadratic", "proportional"])
def test_reactive_power_spares_curtailment_and_is_in_all_outputs(policy, tmp_path):
    asked = ["--policy", policy, "--vmax", "1.03"]
    without = summary_of(*asked, folder=tmp_path)
    csv_file, folder = tmp_path / "q.csv", tmp_path / "messages"
    one = summary_of(*asked, "--reactive", "capability", "--power-factor", 0.95, "--setpoints", csv_file, "--messages", folder,
                     "--timestamp", 1, folder=tmp_path)

    assert one["status"] in ("optimal", "converged") and one["violation"] < 1e-7
    assert one["curtailed_kw"] < 0.5 * without["curtailed_kw"]
    with h5py.File(tmp_path / "results.h5") as file:
        p, q = file["ders/p_kw"][:], file["ders/q_kvar"][:]
        names = file["ders/mrid"].asstr()[:]
    assert np.all(np.abs(q) <= p * np.tan(np.arccos(0.95)) + 1e-5) and q.min() < -1.0
    with open(csv_file) as rows:
        table = {row["mrid"]: float(row["q_kvar"]) for row in csv.DictReader(rows)}
    assert [table[name] for name in names] == pytest.approx(q)
    told = {d["object"]: d["value"] for path in folder.iterdir()
            for d in json.loads(path.read_text())["input"]["message"]["forward_differences"] if d["attribute"].endswith(".q")}
    assert [told[name] for name in names] == pytest.approx(1000.0 * q, abs=1e-2)


def test_the_price_of_fairness_counts_reactive_power_on_both_sides(tmp_path):
    asked = ["--vmax", "1.03", "--reactive", "capability", "--power-factor", 0.95]
    fair = summary_of("--policy", "proportional", *asked, "--price-of-fairness", folder=tmp_path)
    least = summary_of("--policy", "min-curtailment", *asked, folder=tmp_path)

    most = fair["available_kw"] - least["curtailed_kw"]
    assert fair["curtailed_kw"] > least["curtailed_kw"]
    assert fair["price_of_fairness"] == pytest.approx((fair["curtailed_kw"] - least["curtailed_kw"]) / most, abs=1e-7)


def test_a_run_with_reactive_power_begun_from_its_own_file_ends_where_it_did(tmp_path):
    asked = ["--policy", "quadratic", "--vmax", "1.03", "--reactive", "capability"]
    cold = summary_of(*asked, folder=tmp_path)
    (tmp_path / "results.h5").rename(tmp_path / "before.h5")
    warm = summary_of(*asked, "--warm-start", tmp_path / "before.h5", folder=tmp_path)

    assert warm["objective"] == pytest.approx(cold["objective"], rel=1e-8)
    with h5py.File(tmp_path / "before.h5") as before, h5py.File(tmp_path / "results.h5") as after:
        assert after["ders/alpha"][:] == pytest.approx(before["ders/alpha"][:], abs=1e-7)


def test_ratings_are_kept_and_have_prices(tmp_path):
    without = summary_of("--policy", "quadratic", folder=tmp_path)
    rated = summary_of("--policy", "quadratic", "--ratings", "normal", folder=tmp_path)
    assert rated["objective"] > without["objective"] and rated["violation"] < 1e-7
    with h5py.File(tmp_path / "results.h5") as file:
        assert np.nanmax(file["branches/price"][:]) > 0.0


@pytest.mark.parametrize("policy,sign", [("equal-kw", 1.0), ("uniform-export", -1.0)])
def test_under_one_scalar_reactive_power_and_ratings_count(policy, sign, tmp_path):
    without = summary_of("--policy", policy, folder=tmp_path)
    with_reactive = summary_of("--policy", policy, "--reactive", "capability", folder=tmp_path)
    rated = summary_of("--policy", policy, "--ratings", "normal", folder=tmp_path)
    assert {with_reactive["status"], rated["status"]} == {"optimal"}
    assert sign * with_reactive["objective"] < sign * without["objective"]
    assert sign * rated["objective"] >= sign * without["objective"] - 1e-7
    assert max(with_reactive["violation"], rated["violation"]) < 1e-7


@pytest.mark.parametrize("options,word", [
    (["--method", "bisection", "--reactive", "capability"], "--method exact"),
    (["--method", "exchange", "--policy", "quadratic", "--ratings", "normal"], "--method exact"),
    (["--power-factor", "0.9"], "--reactive capability"),
    (["--power-factor", "1.1", "--reactive", "capability"], "--power-factor"),
    (["--reactive", "capability", "--elastic", "--policy", "quadratic"], "leave one of them out")])
def test_who_cannot_do_reactive_power_and_ratings_says_so(options, word, tmp_path):
    run = dec("solve", DEMONSTRATION, "-o", tmp_path / "no.h5", *options)
    assert run.code == 2 and word in run.err and not (tmp_path / "no.h5").exists()
