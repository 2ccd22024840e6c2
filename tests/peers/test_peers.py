"""A few random feeders, every policy: we and independent solvers agree. `scripts/check peers` does the same on 500 feeders."""
import os

import pytest

peers = pytest.importorskip("peers", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")

COUNT = 48


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    return peers.solve_random_feeders(os.environ["DEC_PEER_SOLVER"], folder, 0, COUNT, "rotate")


@pytest.mark.parametrize("number", range(COUNT))
def test_independent_solvers_find_the_same_optimum(answers, number):
    assert peers.compare(answers[number]) == []


@pytest.fixture(scope="module")
def lexicographic(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lexicographic")
    return peers.solve_random_feeders(os.environ["DEC_PEER_SOLVER"], folder, 300, 60, "min-max", "lifo")


def test_no_move_improves_a_level_or_a_date(lexicographic):
    assert len(lexicographic) == 120
    assert {name.name: flaws for name in lexicographic if (flaws := peers.compare(name))} == {}
