"""A round of the watch over a thousand running jobs of eight hosts each, by the minute: processor time.

    python -m bench.watch [--jobs 200] [--json]

The watch function runs on the real adapters and moto; what moto takes is not counted, nor are sockets and TLS. The jobs
have run for a day and were seen before. So many jobs are looked at, and their time is multiplied to a thousand; the
function has a share of a processor by its memory. Floor: every point of the answers read once from JSON. Exits with 1
over the target.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import timedelta

from bench.figures import Figure, show
from bench.in_account import (
    STATISTICS,
    account_aside,
    by_the_minute,
    cpu_seconds,
    load_job,
    of_lambda,
    read_once,
)
from tests.fakes.running import START, running

WATCHED = 1000
HOSTS = 8
MINUTES = 24 * 60
SECONDS = 300
SPARE_SECONDS = 60
"""Of the function's time-out, in which it begins no further look (`functions/watch/app.py`)."""


def measure(jobs: int) -> Iterator[Figure]:
    """The round after the first one, of a thousand jobs."""
    with account_aside() as (made, aside):
        series = by_the_minute(START, MINUTES)
        for number in range(jobs):
            load_job(made, running(f"job-{number:06d}", hosts=HOSTS), series)
        cpu_seconds(made, aside, "watch", {}, START + timedelta(minutes=5))
        cpu, answer = cpu_seconds(made, aside, "watch", {}, START + timedelta(minutes=MINUTES))
    if answer["jobs"] != jobs or answer["failures"]:
        raise SystemExit(f"not all of {jobs} jobs were watched: {answer}")
    whole = cpu * WATCHED / jobs
    floor = read_once(HOSTS * MINUTES * STATISTICS) * WATCHED
    share, timeout = of_lambda("Watch")
    what = f"watch, {WATCHED:,} running jobs x {HOSTS} hosts"
    reading = "points read once"
    yield Figure(f"{what}, CPU", round(whole, 1), "s", floor=round(floor, 2), floor_is=reading)
    at_memory = {"floor": round(floor / share, 1), "floor_is": reading, "target": SECONDS}
    yield Figure(f"{what}, at its memory", round(whole / share), "s", asked=f"< {SECONDS} s, else resumed", **at_memory)
    in_one = int(WATCHED * (timeout - SPARE_SECONDS) / (whole / share))
    yield Figure("jobs that one round of the watch comes to", in_one, "jobs", "more", target=WATCHED)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=200, help="that are looked at")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("watch", list(measure(given.jobs)), given.json)


if __name__ == "__main__":
    sys.exit(main())
