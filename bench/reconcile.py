"""Reconciling a region's history: requests and processor time, by the number of its jobs.

    python -m bench.reconcile [--jobs 1000 10000 100000] [--json]

What `bench.listing` simulates, an account with a quota, from the deployment until every job is recorded. Floor of the
requests: a full page each, and each page once; of the time, which the simulation is a part of: a job of the smallest
history, of which a job of a longer one may take at most twice.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from bench.figures import SAME_CODE, Figure, show
from bench.listing import simulate

AUDITS_A_SECOND = 100
DAYS = 60
STEADY_HOURS = 6
MOST_RATIO = 2.0


def measure(sizes: Sequence[int]) -> Iterator[Figure]:
    """Both figures of each size."""
    least = 0.0
    for jobs in sizes:
        begin = time.process_time()
        seen = simulate(jobs, days=DAYS, audits_per_second=AUDITS_A_SECOND, steady_hours=STEADY_HOURS)
        each = round((time.process_time() - begin) / jobs * 1e6)
        least = least or each
        if seen.ended_without_a_record or seen.queued_twice:
            raise SystemExit(f"of {jobs} jobs {seen.ended_without_a_record} have no record, {seen.queued_twice} twice")
        requests = {"floor": 1, "floor_is": "full pages, each once", "size": jobs}
        asked = round(seen.requests / seen.requests_needed, 2)
        yield Figure("reconcile, requests for each 100 jobs of a history", asked, "requests", **requests)
        alike = {"floor": least, "floor_is": f"{SAME_CODE}{sizes[0]:,} jobs", "size": jobs}
        alike |= {"target": MOST_RATIO * least, "asked": f"<= {MOST_RATIO:g} x at {sizes[0]:,}"}
        yield Figure("reconcile, CPU a job, simulation included", each, "us", **alike)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, nargs="+", default=[1000, 10_000, 100_000])
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("reconcile", list(measure(given.jobs)), given.json)


if __name__ == "__main__":
    sys.exit(main())
