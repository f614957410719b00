"""A burst of finished jobs on the local AWS: does the queue drain, how fast, with how many AWS calls per audit?

    python -m bench.load --jobs 400 [--workers 10] [--json]

Deploys template.yaml on a local AWS of its own, loads the jobs into its SageMaker, sends their events in one burst and
waits. Every job must have exactly one record, and no dead letter be left. The local AWS, its Lambda workers and this
program share the machine. Floor, on the same stack: as many processes make an audit's calls in a bare boto3 loop
(`bench.audit_calls` counts them) and compute nothing. Exits with 1 below the target.
"""

import argparse
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from bench.audit_calls import measure
from bench.bare_loop import loop
from bench.figures import Figure, show
from flops_auditor_cli.demo import unaudited
from flops_auditor_cli.local_aws import deploy, start, stop
from flops_auditor_cli.local_aws.deployment import limit_concurrency
from tests.faults.test_wire import announce, records_of
from tests.faults.wire import stack_behind_proxies
from tests.integration.deployed import Deployed, fresh_job

SHARE = 0.8
SAMPLE = 50
"""Jobs of a first, smaller burst, whose calls are counted at a proxy; the large burst has a stack without one."""


def burst(deployed: Deployed, count: int, patience: float) -> tuple[list[dict[str, Any]], float, float]:
    """Send the events of new jobs; (jobs, seconds until the events were sent, until the queue was empty)."""
    jobs = [fresh_job() for _ in range(count)]
    with ThreadPoolExecutor(4) as loaders:
        list(loaders.map(deployed.load, jobs))
    begun = time.monotonic()
    announce(deployed, jobs)
    sent = time.monotonic() - begun
    quiet = 0
    while quiet < 3:
        quiet = 0 if unaudited(deployed.stack) else quiet + 1
        if time.monotonic() - begun > patience:
            raise SystemExit(f"not drained after {patience} s: {unaudited(deployed.stack)} messages left")
        time.sleep(1)
    return jobs, sent, time.monotonic() - begun - 3


def calls_of_one() -> dict[str, int]:
    """The calls of a small audit, by service and operation."""
    below = next(each for each in measure() if each["kind"] == "below")
    return {call: sum(purposes.values()) for call, purposes in below["by_call"].items()}


def counted_calls(patience: float) -> float:
    """Requests for each audit of a small burst, counted at a proxy."""
    with tempfile.TemporaryDirectory() as folder, stack_behind_proxies(Path(folder)) as (stack, proxies):
        deploy(stack)
        before = sum(proxy.requests()[0] for proxy in proxies)
        burst(Deployed(stack), SAMPLE, patience)
        return (sum(proxy.requests()[0] for proxy in proxies) - before) / SAMPLE


def drained(count: int, workers: int, patience: float) -> tuple[float, float]:
    """Audits a second of a burst of so many jobs, and rounds a second of the bare loop."""
    with tempfile.TemporaryDirectory() as folder:
        stack = start(Path(folder))
        try:
            deploy(stack)
            limit_concurrency(stack, {"AuditConcurrency": str(workers)})
            deployed = Deployed(stack)
            burst(deployed, 2 * workers, patience)  # the workers have begun
            jobs, _, seconds = burst(deployed, count, patience)
            records = records_of(deployed, jobs)
            letters = deployed.waiting("AuditDeadLetterQueueUrl")
            if records != Counter({job["TrainingJobName"]: 1 for job in jobs}) or letters:
                raise SystemExit(f"{len(records)} records of {count} jobs, {letters} dead letters")
            bare = loop(stack, calls_of_one(), jobs, workers)
        finally:
            stop(Path(folder))
    return count / seconds, count / bare


def main() -> int:
    """Run it and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=400)
    parser.add_argument("--workers", type=int, default=10)
    parser.add_argument("--patience", type=float, default=3600, help="seconds")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    calls = counted_calls(given.patience)
    audits, bare = (round(each, 1) for each in drained(given.jobs, given.workers, given.patience))
    what = f"audits a second, {given.jobs:,} jobs, {given.workers} workers"
    aim: dict[str, Any] = {"target": SHARE * bare, "asked": f">= {SHARE} of the loop"}
    figures = [
        Figure(what, audits, "audits/s", "more", floor=bare, floor_is="bare boto3 loop, same calls", **aim),
        Figure("requests of an audit on the local AWS", round(calls, 1), "requests"),
    ]
    return show("load", figures, given.json)


if __name__ == "__main__":
    sys.exit(main())
