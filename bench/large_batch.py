"""Ten jobs of 100,800 metric points in one batch of the audit function: processor time at its memory, and memory.

    python -m bench.large_batch [--jobs 10] [--json]

The audit function runs on the real adapters and moto; what moto takes is not counted, nor are sockets and TLS. 100,800
points are the most of one answer of GetMetricData: ten hosts by the minute, four statistics each, for 42 hours. Floor
of the time: every point read once from JSON; of the memory: after the first, small job. moto's own memory is in it.
Exits with 1 over a target.
"""

import argparse
import sys
from collections.abc import Iterator
from datetime import timedelta

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
from tests.fakes.jobs import CREATED, describe
from tests.faults.account import event_of, message
from tests.memory import peak_memory

POINTS = 100_800
HOSTS = 10
HOURS = POINTS // (STATISTICS * HOSTS * 60)
START = CREATED + timedelta(minutes=10)
RESOURCES = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": HOSTS}
MEMORY_MB = 512


def measure(jobs: int) -> Iterator[Figure]:
    """One batch, after a small job."""
    now = START + timedelta(hours=HOURS + 1)
    with account_aside() as (made, aside):
        small = describe("small", hours=1)
        load_job(made, small, by_the_minute(START, 60))
        cpu_seconds(made, aside, "audit", {"Records": [message(event_of(small), 0)]}, now)
        series, messages = by_the_minute(START, HOURS * 60), []
        for number in range(jobs):
            one = describe(f"job-{number:06d}", hours=HOURS, ResourceConfig=RESOURCES)
            load_job(made, one, series)
            messages.append(message(event_of(one), number + 1))
        before = peak_memory()
        cpu, answer = cpu_seconds(made, aside, "audit", {"Records": messages}, now)
        peak = peak_memory()
    if answer["batchItemFailures"]:
        raise SystemExit(f"not all jobs were audited: {answer}")
    share, timeout = of_lambda("Audit")
    what = f"{jobs} jobs of {POINTS:,} points in one batch"
    floor = read_once(POINTS) * jobs
    yield Figure(f"{what}, CPU", round(cpu, 3), "s", floor=round(floor, 3), floor_is=READ_ONCE)
    at_memory = {"floor": round(floor / share, 3), "floor_is": READ_ONCE, "target": timeout}
    asked = f"the time-out, {timeout} s"
    yield Figure(f"{what}, at the function's memory", round(cpu / share, 2), "s", asked=asked, **at_memory)
    megabytes = {"floor": round(before / 1e6), "floor_is": "before it", "target": MEMORY_MB}
    yield Figure(f"{what}, memory with moto's", round(peak / 1e6), "MB", **megabytes)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--jobs", type=int, default=10)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    return show("large_batch", list(measure(given.jobs)), given.json)


if __name__ == "__main__":
    sys.exit(main())
