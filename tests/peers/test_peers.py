"""A few random feeders, every policy: we and independent solvers agree. `scripts/check peers` does the same on 500 feeders."""
import os

import pytest

peers = pytest.importorskip("peers", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")

COUNT = 42


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    return peers.solve_random_feeders(os.environ["DEC_PEER_SOLVER"], folder, 0, COUNT, "one policy each")


@pytest.mark.parametrize("number", range(COUNT))
def test_independent_solvers_find_the_same_optimum(answers, number):
    assert peers.compare(answers[number]) == []


@pytest.fixture(scope="module")
def answers_with_powers(tmp_path_factory):
    folder = tmp_path_factory.mktemp("answers")
    return peers.solve_random_feeders(os.environ["DEC_PEER_SOLVER"], folder, 0, COUNT, "one policy each", "powers")


@pytest.mark.parametrize("number", range(COUNT))
def test_with_reactive_power_and_ratings_cones_find_the_same_optimum(answers_with_powers, number):
    assert peers.compare(answers_with_powers[number]) == []
    assert peers.reactive_flaws(answers_with_powers[number]) == []
