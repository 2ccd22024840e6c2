"""The demonstration feeder, from its tables to a checked answer, on 1, 2, 3 and 4 ranks."""
import csv
import filecmp
import json

import h5py
import numpy as np
import pytest

from command_line import DEMONSTRATION, JSON_KEYS, SECONDS_KEYS, TABLES, dec, succeed

RANKS = [1, 2, 3, 4]
POLICIES = ["proportional", "equal-kw"]
ABOUT_THE_RUN = {"ranks", "edge_cut", "imbalance", "peak_memory_mb", "communication", "seconds"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demonstration")
    succeed("populate", TABLES, folder / "made.xml")
    return folder


class Solved:
    """One policy on some ranks: results file, setpoints and summary."""

    def __init__(self, folder, policy, ranks, name):
        self.results, self.setpoints = folder / f"{name}.h5", folder / f"{name}.csv"
        self.outcome = succeed("solve", folder / "made.xml", "--policy", policy, "-o", self.results, "--setpoints",
                               self.setpoints, "--json", ranks=ranks)
        self.summary = json.loads(self.outcome.out)


@pytest.fixture(scope="module")
def solved(folder):
    return {(policy, ranks): Solved(folder, policy, ranks, f"{policy}_{ranks}") for policy in POLICIES for ranks in RANKS}


def datasets(path, without=("partition", "timing")):
    found = {}
    with h5py.File(path) as file:
        file.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        found |= {f"attribute {name}": np.asarray(value) for name, value in file.attrs.items()}
    return {name: value for name, value in found.items() if name.split("/")[0] not in without}


def test_the_feeder_in_the_project_is_what_its_tables_make(folder):
    assert filecmp.cmp(folder / "made.xml", DEMONSTRATION, shallow=False)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_voltage_is_above_its_limit_and_a_third_of_the_nodes_would_be(solved, policy):
    with h5py.File(solved[policy, 1].results) as file:
        v, before = file["nodes/v_ac"][:], file["nodes/v_uncurtailed"][:]
    assert len(v) == 1986
    assert v.max() <= 1.05 + 1e-5
    assert v.max() > 1.05 - 1e-5  # and no more is curtailed than needed
    assert 0.25 < np.mean(before > 1.05) < 0.40


@pytest.mark.parametrize("policy", POLICIES)
def test_everybody_bears_what_the_policy_says(solved, policy):
    with h5py.File(solved[policy, 1].results) as file:
        available, alpha, p = (file[f"ders/{name}"][:] for name in ("available_kw", "alpha", "p_kw"))
    curtailed = available * alpha
    assert np.allclose(p, available - curtailed, rtol=0, atol=1e-9)
    if policy == "proportional":
        assert np.ptp(alpha) < 1e-10
    else:
        level = curtailed.max()
        assert np.allclose(curtailed, np.minimum(level, available), rtol=0, atol=1e-8)
    assert solved[policy, 1].summary["curtailed_kw"] == pytest.approx(curtailed.sum(), abs=1e-6)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("ranks", RANKS[1:])
def test_the_answer_does_not_depend_on_the_number_of_ranks(solved, policy, ranks):
    alone, spread = solved[policy, 1], solved[policy, ranks]

    assert succeed("diff", alone.results, spread.results).out == ""

    a, b = datasets(alone.results), datasets(spread.results)
    assert a.keys() == b.keys() and len(a) > 80
    for name, value in a.items():
        if value.dtype.kind == "f":
            np.testing.assert_allclose(b[name], value, rtol=1e-9, atol=1e-9, err_msg=name)
        else:
            np.testing.assert_array_equal(b[name], value, err_msg=name)
    assert spread.setpoints.read_text().count("\n") == alone.setpoints.read_text().count("\n")
    for key in set(JSON_KEYS) - ABOUT_THE_RUN:
        one, other = alone.summary[key], spread.summary[key]
        assert other == (pytest.approx(one, rel=1e-9, abs=1e-9) if isinstance(one, float) else one), key


@pytest.mark.parametrize("ranks", [1, 3])
def test_the_same_number_of_ranks_twice_gives_the_same_bits(folder, solved, ranks):
    again = Solved(folder, "equal-kw", ranks, f"again_{ranks}")
    first = datasets(solved["equal-kw", ranks].results, without=("timing",))
    for name, value in datasets(again.results, without=("timing",)).items():
        assert value.tobytes() == first[name].tobytes(), name
    assert again.setpoints.read_bytes() == solved["equal-kw", ranks].setpoints.read_bytes()


@pytest.mark.parametrize("ranks", RANKS)
def test_json_is_one_object_with_exactly_the_keys_of_the_contract(solved, ranks):
    summary = solved["proportional", ranks].summary
    assert list(summary) == JSON_KEYS
    assert list(summary["seconds"]) == SECONDS_KEYS
    assert summary["status"] == "optimal" and summary["scope"] == "feeder" and summary["ranks"] == ranks
    assert summary["v_max_ac"] <= 1.05 + 1e-5 < summary["v_max_uncurtailed"]
    assert summary["binding"] and summary["levels"] is None
    assert solved["equal-kw", ranks].summary["scope"] is None


def test_setpoints_have_one_row_per_system_and_agree_with_the_results(solved):
    run = solved["proportional", 1]
    with open(run.setpoints, newline="") as text:
        rows = list(csv.DictReader(text))
    with h5py.File(run.results) as file:
        ders = {name: file[f"ders/{name}"][()] for name in ("name", "mrid", "bus", "available_kw", "p_kw", "alpha", "binding_node")}
    assert len(rows) == len(ders["name"]) == run.summary["ders"]
    for i, row in enumerate(rows):
        assert [row["name"], row["mrid"], row["bus"], row["binding_node"]] == [
            ders[key][i].decode() for key in ("name", "mrid", "bus", "binding_node")]
        assert [float(row[key]) for key in ("available_kw", "allowed_kw", "share")] == [
            ders[key][i] for key in ("available_kw", "p_kw", "alpha")]


def test_setpoints_keep_every_limit_when_they_are_what_is_available(folder):
    """The answer put back as a question: with the export that is allowed, nothing more needs to go."""
    linear = ("solve", folder / "made.xml", "--ac", "none", "--json", "-o", folder / "again.h5")
    share = json.loads(succeed(*linear).out)["alpha_max"]
    summary = json.loads(succeed(*linear, "--pv-scale", repr(1.0 - share)).out)
    assert summary["curtailed_kw"] == pytest.approx(0.0, abs=1e-6)
    assert summary["v_max_uncurtailed"] == pytest.approx(1.05, abs=1e-9)


def test_the_summary_for_people_names_what_matters(folder):
    out = succeed("solve", folder / "made.xml", "-o", folder / "table.h5").out
    for text in ("proportional over the feeder", "Curtailed", "Highest voltage", "Voltage limits", "469 DERs", "table.h5"):
        assert text in out
    assert dec("solve", folder / "made.xml", "-o", folder / "table.h5", "--quiet").out == ""
