"""A round of the watch over a thousand running jobs of eight hosts each, by the minute: processor time.

    python -m bench.watch [--jobs 200] [--json]

The watch function runs on the real adapters and moto; what moto takes is not counted, nor are sockets and TLS. The jobs
have run for a day and were seen before. So many jobs are looked at, and their time is multiplied to a thousand; the
function has a share of a processor by its memory, and waits 8 ms for each call in turn: so many as a few more jobs add
to a round. Floor: every point of the answers read once from JSON, with the same calls. Exits with 1 over the target.
"""

import argparse
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta

import time_machine

from bench.audit_calls import CALL_MS, counting
from bench.figures import Figure, show
from bench.in_account import (
    READ_ONCE,
    STATISTICS,
    account_aside,
    by_the_minute,
    cpu_seconds,
    load_job,
    of_lambda,
    read_once,
)
from tests.fakes.running import START, running
from tests.faults.account import Context, account

WATCHED = 1000
HOSTS = 8
MINUTES = 24 * 60
SECONDS = 300
FEW = (2, 4)
"""Jobs of two rounds whose calls are counted: what more jobs add is what a look takes."""
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
    waits = waits_of_a_look() * WATCHED
    what = f"watch, {WATCHED:,} running jobs x {HOSTS} hosts"
    yield Figure(f"{what}, CPU", round(whole, 1), "s", floor=round(floor, 2), floor_is=READ_ONCE)
    yield Figure(f"{what}, waiting for calls in turn at {CALL_MS} ms", round(waits, 1), "s", timed=False)
    taken, least, waiting = whole / share + waits, floor / share + waits, f"{READ_ONCE}, and the same calls"
    at_memory = {"floor": round(least, 1), "floor_is": waiting, "target": SECONDS}
    yield Figure(f"{what}, at its memory", round(taken), "s", asked=f"< {SECONDS} s, else resumed", **at_memory)
    in_one, at_best = (int(WATCHED * (timeout - SPARE_SECONDS) / each) for each in (taken, least))
    round_of_jobs = {"floor": at_best, "floor_is": waiting, "target": WATCHED, "timed": True}
    yield Figure("jobs that one round of the watch comes to", in_one, "jobs", "more", **round_of_jobs)


def waits_of_a_look() -> float:
    """How long a look at one job waits for its calls in turn, in seconds: what is asked at once counts once."""
    fewer, more = (waits_of_a_round(jobs) for jobs in FEW)
    return (more - fewer) / (FEW[1] - FEW[0])


def waits_of_a_round(jobs: int) -> float:
    """How long the round after the first one waits for its calls, in seconds."""
    series = by_the_minute(START, MINUTES)
    with counting() as counted, account(counted.pool()) as made:
        for number in range(jobs):
            load_job(made, running(f"job-{number:06d}", hosts=HOSTS), series)
        handler = made.handler("watch")
        for minute in (5, MINUTES):
            counted.begin()
            with time_machine.travel(START + timedelta(minutes=minute), tick=True), redirect_stdout(sys.stderr):
                answer = handler({}, Context("watch"))
    if answer["jobs"] != jobs or answer["failures"]:
        raise SystemExit(f"not all of {jobs} jobs were watched: {answer}")
    return counted.now / 1000


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=200, help="that are looked at")
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("watch", list(measure(given.jobs)), given.json)


if __name__ == "__main__":
    sys.exit(main())
