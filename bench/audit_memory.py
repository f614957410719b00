"""The audit function's memory and the size of its batches: what each choice takes in time, memory and money.

    python -m bench.audit_memory [--json]

Batches of usual jobs (one host, ten hours by the minute) and of the largest ones (`bench.large_batch`) go through the
function on the real adapters and moto; what moto takes is not counted. A vCPU comes with 1,769 MB; a usual audit waits
72 ms for its calls beside (`bench.audit_calls`), at 8 ms a call. Memory: of the cold function in a process of its own,
and by how much the largest jobs raise it; what moto stores lies on disk. Floor of the times, and of what follows from
them: every point read once from JSON, with the same waiting. Exits with 1 where the deployed choice is too
slow or too small.
"""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from bench.figures import Figure, show
from bench.in_account import (
    READ_ONCE,
    STATISTICS,
    VCPU_MB,
    Aside,
    account_aside,
    by_the_minute,
    cpu_seconds,
    load_job,
    of_lambda,
    read_once,
)
from bench.large_batch import HOURS, POINTS, RESOURCES, START
from tests.fakes.jobs import describe
from tests.faults.account import ROOT, Account, account, event_of, message
from tests.memory import peak_memory

SIZES_MB = (256, 512, 1024, 1769)
BATCH = 10
USUAL_HOURS = 10
WAITS_SECONDS = 0.072
"""Of one audit, for calls that take 8 ms each."""
MOST_OF_MEMORY = 0.9
COLD = f"""
import runpy
runpy.run_path({str(ROOT / "functions" / "audit" / "app.py")!r})
from tests.memory import peak_memory
print(peak_memory())
"""


def cold_memory() -> int:
    """Bytes of a process that has started the function."""
    with account() as made:
        environment = {**os.environ, **made.environment}
    printed = subprocess.run([sys.executable, "-c", COLD], env=environment, check=True, capture_output=True, text=True)
    return int(printed.stdout.split()[-1])


class Batches:
    """Audits batches of new jobs, and takes the time."""

    def __init__(self, made: Account, aside: Aside) -> None:
        self._made, self._aside, self._number = made, aside, 0

    def seconds(self, jobs: int, hours: int, series: Any, now: datetime, **more: Any) -> float:
        """Processor time of one invocation with so many jobs."""
        messages = []
        for _ in range(jobs):
            self._number += 1
            one = describe(f"job-{self._number:06d}", hours=hours, **more)
            load_job(self._made, one, series)
            messages.append(message(event_of(one), self._number))
        taken, answer = cpu_seconds(self._made, self._aside, "audit", {"Records": messages}, now)
        if answer["batchItemFailures"]:
            raise SystemExit(f"not all jobs were audited: {answer}")
        return taken


def measure() -> Iterator[Figure]:
    """Processor time and memory as measured, then what follows for each size."""
    now = START + timedelta(hours=HOURS + 1)
    os.environ["MOTO_S3_DEFAULT_KEY_BUFFER_SIZE"] = "1"
    with account_aside() as (made, aside):
        batches, usual_series = Batches(made, aside), by_the_minute(START, USUAL_HOURS * 60)
        batches.seconds(1, USUAL_HOURS, usual_series, now)
        usual = min(batches.seconds(BATCH, USUAL_HOURS, usual_series, now) for _ in range(3))
        series, before = by_the_minute(START, HOURS * 60), peak_memory()
        one = batches.seconds(1, HOURS, series, now, ResourceConfig=RESOURCES)
        after_one = peak_memory() - before
        largest = batches.seconds(BATCH, HOURS, series, now, ResourceConfig=RESOURCES)
        after_all = peak_memory() - before
    cold = cold_memory()
    timeout = of_lambda("Audit")[1]
    deployed = round(of_lambda("Audit")[0] * VCPU_MB)
    least, least_of_largest = read_once(USUAL_HOURS * 60 * STATISTICS), read_once(POINTS)
    yield Figure(f"{BATCH} usual jobs, CPU", round(usual, 3), "s", floor=round(least * BATCH, 4), floor_is=READ_ONCE)
    yield Figure(
        "one of the largest jobs, CPU", round(one, 2), "s", floor=round(least_of_largest, 4), floor_is=READ_ONCE
    )
    floor = round(least_of_largest * BATCH, 3)
    yield Figure(f"{BATCH} of the largest jobs, CPU", round(largest, 2), "s", floor=floor, floor_is=READ_ONCE)
    yield Figure("memory of the cold function", round(cold / 1e6), "MB")
    yield Figure("memory that one of the largest jobs takes", round(after_one / 1e6), "MB")
    yield Figure(f"memory that {BATCH} of the largest jobs take", round(after_all / 1e6), "MB")
    room = {"target": round(MOST_OF_MEMORY * deployed)}
    yield Figure(
        f"memory of the function with {BATCH} of the largest jobs", round((cold + after_all) / 1e6), "MB", **room
    )
    price = float(json.loads((ROOT / "bench" / "prices.json").read_text())["prices"]["lambda:gb-second"]["usd"])
    for size in SIZES_MB:
        share = min(1.0, size / VCPU_MB)
        asked = {"target": float(timeout), "asked": f"the time-out, {timeout} s"} if size == deployed else {}
        asked |= {"floor": round(least_of_largest * BATCH / share, 2), "floor_is": READ_ONCE}
        of_size, waiting = f"at {size:,} MB", f"{READ_ONCE}, and the same waiting"
        yield Figure(f"{BATCH} of the largest jobs {of_size}", round(largest / share, 1), "s", **asked)
        each, at_least = (seconds / share + WAITS_SECONDS for seconds in (usual / BATCH, least))
        yield Figure(f"a usual job {of_size}", round(each, 3), "s", floor=round(at_least, 3), floor_is=waiting)
        usd, at_best = (round(seconds * size / 1024 * price * 10**6, 2) for seconds in (each, at_least))
        yield Figure(f"a million usual jobs {of_size}", usd, "USD", floor=at_best, floor_is=waiting, timed=True)


def main() -> int:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true")
    return show("audit_memory", list(measure()), options.parse_args().json)


if __name__ == "__main__":
    sys.exit(main())
