"""The way of one job through the house: `python -m bench.walk`. How often each thing is read, and how often the way
leads from one module into another.

A finished job of 64 hosts, an hour of metrics each, goes from its queued event to its signed record, in memory; every
call of the product's code is counted. A crossing is a call from one module into another. The column "d7516de" was
counted with the same program there, when the domain was one room. `--json` gives the figures for machines; exit code 1
if something is read twice or the crossings are not halved.

Without any points there are more crossings than at d7516de, and the table says where: what the verdict rests on is
found by auditing again without statements (docs/adr/1100-rests-on.md), which nothing did then; and the audit asks more:
each line also without what nobody confirmed, figures also of what only updates, when a line was met. 64 of its
crossings ask for the points of one series each, whose reader has a module of its own now. What no statement changes is
made once: the observations, the hosts and how busy they were, each set of declarations, and what the policies answer to
one and the same situation.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from bench.figures import Figure, show
from flops_auditor.use_cases.auditing.audit_job import audit_job
from tests.fakes.audit import FakeMetrics, FakeTrainingJobs, recorder
from tests.fakes.jobs import CREATED, describe

HOSTS = 64
POINTS = 60
ONCE = (
    "parse_training_job",
    "training_time",
    "parse_evidence",
    "run_of",
    "observe",
    "audit",
)
"""Functions that may be called once on the way of one job."""
AGAIN = ("read_declared", "estimate_job")
"""Called once for each set of statements that is left out (audit/rests_on.py); reading also for each alone."""
AROUND = "collecting, lineage, record"
PARTS = {"audit": "the audit", "rests_on": "what the verdict rests on"}
"""Functions with which a part of the way begins; the last one that was entered counts, and the rest is around them."""


def walked(points: int) -> tuple[Counter[str], Counter[str]]:
    """Calls by function, and crossings by part of the way, from the event to the record, of a house that has audited
    before: what a process makes once, the tables and the spellings of known names, is there.
    """
    _way(points)()
    return count(_way(points))


def _way(points: int) -> Callable[[], object]:
    jobs, metrics = FakeTrainingJobs(), FakeMetrics()
    pointer = jobs.add(describe(name="walk", ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": HOSTS}))
    start = CREATED + timedelta(minutes=10)
    metrics.results["walk"] = [
        {
            "Label": f"GPUUtilization algo-{host}",
            "Timestamps": [start + timedelta(minutes=minute) for minute in range(points)],
            "Values": [500.0] * points,
        }
        for host in range(1, HOSTS + 1)
    ]
    audited_by = recorder(jobs, metrics)
    return lambda: audit_job(pointer, audited_by, "delivery")


def count(work: Callable[[], object]) -> tuple[Counter[str], Counter[str]]:
    """What `work` calls of the product's own code, and how often it crosses from one module into another, by part."""
    calls: Counter[str] = Counter()
    crossings: Counter[str] = Counter()
    way: list[str] = []

    def seen(frame: Any, event: str, _: object) -> None:
        module, name = frame.f_globals.get("__name__", ""), frame.f_code.co_name
        if not module.startswith("flops_auditor.") or name.startswith("<"):
            return
        if event == "return" and way:
            way.pop()
        if event != "call":
            return
        part = way[-1] if way else AROUND
        way.append(PARTS.get(name, part) if part != PARTS["rests_on"] else part)
        calls[name] += 1
        caller = frame.f_back
        while caller is not None and not caller.f_globals.get("__name__", "").startswith("flops_auditor."):
            caller = caller.f_back
        if caller is not None and caller.f_globals["__name__"] != module:
            crossings[part] += 1

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls, crossings


def figures() -> dict[str, int]:
    """What was counted: calls of what is read once, and crossings with the points of the metrics and without any, of
    the whole way and by part.
    """
    calls, with_points = walked(POINTS)
    _, without = walked(0)
    return {
        **{name: calls[name] for name in (*ONCE, *AGAIN, "find_lineage")},
        f"crossings, {POINTS} points a host": sum(with_points.values()),
        "crossings, no points": sum(without.values()),
        **{f"of these, {part}": without[part] for part in (AROUND, *PARTS.values())},
    }


BEFORE = {
    "parse_training_job": 10,
    "read_declared": 7,
    "training_time": 3,
    "parse_evidence": 4,
    "run_of": 0,
    "observe": 2,
    "estimate_job": 2,
    "audit": 2,
    "find_lineage": 2,
    f"crossings, {POINTS} points a host": 19823,
    "crossings, no points": 359,
    f"of these, {AROUND}": 221,
    f"of these, {PARTS['audit']}": 138,
    f"of these, {PARTS['rests_on']}": 0,
}
"""Counted at d7516de by this program."""


def main() -> int:
    """Count, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="Print the figures as JSON.")
    now = figures()
    twice = [name for name in ONCE if now[name] > 1]
    crossed = f"crossings, {POINTS} points a host"
    slow = [crossed] if 2 * now[crossed] > BEFORE[crossed] else []
    if parser.parse_args().json:
        half = {"floor": BEFORE[crossed] / 2, "floor_is": "half of d7516de's", "target": BEFORE[crossed] / 2}
        figure = Figure("calls between modules on the way of a job", now[crossed], "calls", **half)
        show("walk", [figure], True, before=BEFORE, now=now, read_twice=twice, not_halved=slow)
    else:
        print(f"{'':37} {'d7516de':>8} {'now':>8}")
        for name, amount in now.items():
            print(f"{name:37} {BEFORE[name]:8} {amount:8}")
        for name in twice:
            print(f"{name} is called {now[name]} times")
        for name in slow:
            print(f"{name}: {now[name]} is more than half of {BEFORE[name]}")
    return 1 if twice or slow else 0


if __name__ == "__main__":
    sys.exit(main())
