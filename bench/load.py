"""A burst of finished jobs on the local AWS: does the queue drain, how fast, with how many AWS calls per audit?

    python -m bench.load --jobs 10000

Deploys template.yaml on a local AWS of its own, loads the jobs into its SageMaker, sends their events in one burst and
waits. Fails unless every job has exactly one record and no dead letter is left. The local AWS, its Lambda workers and
this program share the machine: the throughput is a floor of what the code does, not of what AWS does.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from flops_auditor_cli.demo import unaudited
from flops_auditor_cli.local_aws import deploy, start, stop
from tests.faults.test_wire import announce, records_of
from tests.faults.wire import stack_behind_proxies
from tests.integration.deployed import Deployed, fresh_job

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


def main() -> int:
    """Run it and print one line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=10_000)
    parser.add_argument("--patience", type=float, default=3600, help="seconds")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, stack_behind_proxies(Path(folder)) as (stack, proxies):
        deploy(stack)
        before = sum(proxy.requests()[0] for proxy in proxies)
        burst(Deployed(stack), SAMPLE, arguments.patience)
        calls = sum(proxy.requests()[0] for proxy in proxies) - before
    with tempfile.TemporaryDirectory() as folder:
        stack = start(Path(folder))
        try:
            deploy(stack)
            deployed = Deployed(stack)
            jobs, sent, drained = burst(deployed, arguments.jobs, arguments.patience)
            records = records_of(deployed, jobs)
            letters = deployed.waiting("AuditDeadLetterQueueUrl")
        finally:
            stop(Path(folder))
    print(f"calls per audit: {calls / SAMPLE:.1f}")
    print(f"events: {len(jobs)} sent in {sent:.0f} s")
    print(f"drained after {drained:.0f} s: {len(jobs) / drained:.1f} audits per second, {os.cpu_count()} processors")
    print(f"records: {len(records)}, doubled: {sum(count > 1 for count in records.values())}, dead letters: {letters}")
    return 0 if records == Counter({job["TrainingJobName"]: 1 for job in jobs}) and not letters else 1


if __name__ == "__main__":
    sys.exit(main())
