"""Every policy on many random feeders against Clarabel, HiGHS and an active-set method: campaign.py SOLVER [FIRST] [COUNT [WORD…]], words as
solve_random_feeders knows them (`plain powers`: without, and with reactive power, a power factor, ratings, and all together). A line per
difference, and per policy what was found; fails if anything differs or more than a fiftieth of the others' answers is missing."""
import sys
import tempfile
from collections import Counter, defaultdict

from peers import compare_all, solve_random_feeders

MOST_SILENT = 0.02


def main():
    solver = sys.argv[1]
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 500
    asked, differing, unanswered = Counter(), Counter(), defaultdict(Counter)
    largest = defaultdict(lambda: {"share": 0.0, "left": 0.0})
    for start in range(first, first + count, 50):
        with tempfile.TemporaryDirectory() as folder:
            for name in solve_random_feeders(solver, folder, start, min(50, first + count - start), *sys.argv[4:]):
                policy = name.name.split("-", 1)[1]
                silent, seen = [], {}
                flaws = compare_all(name, silent=silent, seen=seen)
                unanswered[policy].update(silent)
                asked[policy] += 1
                differing[policy] += bool(flaws)
                for measure, value in seen.items():
                    largest[policy][measure] = max(largest[policy][measure], value)
                for flaw in flaws:
                    print(f"{name.name}: {flaw}", flush=True)
    too_silent = False
    for policy, number in asked.items():
        of = ", ".join(f"{silent} of {who}" for who, silent in unanswered[policy].items()) or "none"
        too_silent |= any(silent > MOST_SILENT * number for silent in unanswered[policy].values())
        print(f"{policy}: {number} asked, {differing[policy]} differ, without an answer: {of}; "
              f"shares within {largest[policy]['share']:.1e}, left of the conditions {largest[policy]['left']:.1e}")
    sys.exit(sum(differing.values()) > 0 or too_silent)


main()
