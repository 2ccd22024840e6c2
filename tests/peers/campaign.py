"""Every policy on many random feeders against Clarabel and HiGHS: campaign.py WRITER [FIRST] [COUNT]. One line per difference."""
import sys
import tempfile
from pathlib import Path

from peers import POLICIES, compare, write_random_feeders


def main():
    writer = sys.argv[1]
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    differences = 0
    with tempfile.TemporaryDirectory() as folder:
        feeders = write_random_feeders(writer, folder, first, count)
        for feeder, limit in feeders:
            for policy, scope in POLICIES:
                for flaw in compare(feeder, limit, policy, scope, folder):
                    differences += 1
                    print(f"{Path(feeder).name} --vmax {limit} --policy {policy} {scope or ''}: {flaw}", flush=True)
    print(f"{len(feeders)} feeders, {len(POLICIES)} policies each: {differences} differences")
    sys.exit(differences > 0)


main()
