"""Every policy on many random feeders against Clarabel and HiGHS: campaign.py SOLVER [FIRST] [COUNT]. A line per difference."""
import sys
import tempfile
import time
from collections import Counter

from peers import compare, solve_random_feeders


def main():
    solver = sys.argv[1]
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    asked, differing, unanswered = Counter(), Counter(), Counter()
    for start in range(first, first + count, 50):
        with tempfile.TemporaryDirectory() as folder:
            for name in solve_random_feeders(solver, folder, start, min(50, first + count - start)):
                policy = name.name.split("-", 1)[1]
                silent = []
                flaws = compare(name, silent=silent)
                unanswered[policy] += "Clarabel" in silent
                asked[policy] += 1
                differing[policy] += bool(flaws)
                for flaw in flaws:
                    print(f"{name.name}: {flaw}", flush=True)
    for policy, number in asked.items():
        print(f"{policy}: {number} asked, {differing[policy]} differ, {unanswered[policy]} without an answer of Clarabel")
    sys.exit(sum(differing.values()) > 0)


main()
