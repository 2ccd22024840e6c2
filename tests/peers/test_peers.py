"""A few random feeders and every policy: we and independent solvers agree. scripts/check peers does the same on 500."""
import os

import pytest

peers = pytest.importorskip("peers", reason="SKIPPED: independent solvers are not installed; run scripts/setup_python")

COUNT = 42


@pytest.fixture(scope="module")
def feeders(tmp_path_factory):
    return peers.write_random_feeders(os.environ["DEC_FEEDER_WRITER"], tmp_path_factory.mktemp("feeders"), 0, COUNT)


@pytest.mark.parametrize("number", range(COUNT))
def test_independent_solvers_find_the_same_optimum(feeders, number, tmp_path):
    feeder, limit = feeders[number]
    policy, scope = peers.POLICIES[number % len(peers.POLICIES)]
    assert peers.compare(feeder, limit, policy, scope, tmp_path) == []
