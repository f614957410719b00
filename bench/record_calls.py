"""Records what bench.cost computes with: the AWS calls of idle rounds, and those of auditing and sealing the sample jobs.

`make record-calls` deploys template.yaml on the local AWS (some minutes) and writes bench/calls.json. Seconds are those of a
warm invocation as its caller sees it, on the machine that recorded them.
"""

from __future__ import annotations

import json
import platform
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from flops_auditor.aws.sources.regions import AccountRegions
from flops_auditor.domain.runs.sources.training_job_events import AWS_EVENT_SOURCE
from flops_auditor_cli.demo import run_as_scheduled, run_demo
from flops_auditor_cli.local_aws import Stack, deploy, start, stop
from flops_auditor_cli.local_aws.locate import forget
from tests.integration.conftest import RECORDING
from tests.integration.deployed import Deployed, entry_of, fresh_job

CALLS = Path(__file__).with_name("calls.json")
SCHEDULED = ("Seal", "Reconcile", "Watch", "Report")
ROUNDS = 4
"""Of each scheduled function while nothing happens; the first two read the history and start the function."""
STARTING = 2


def units_of(lines: Iterable[dict[str, Any]], each: int) -> dict[str, float]:
    """The calls among recorded lines by service and operation, in what is billed of them, for one of `each`."""
    billed: Counter[str] = Counter()
    for line in lines:
        billed[f"{line['service']}:{line['operation']}"] += line["units"]
    return {name: round(count / each, 2) for name, count in sorted(billed.items())}


class Recording:
    """The file that the functions' calls are noted in, read piece by piece."""

    def __init__(self, stack: Stack, path: Path) -> None:
        self._stack = stack
        self._path = path
        self._read = 0

    def since(self, *functions: str) -> list[dict[str, Any]]:
        """What these functions have called since the last time that anybody asked."""
        names = {self._stack.outputs[f"{function}FunctionName"] for function in functions}
        lines = self._path.read_text().splitlines()
        new, self._read = lines[self._read :], len(lines)
        return [call for call in map(json.loads, new) if call["function"] in names]


def idle_round(stack: Stack, calls: Recording, function: str) -> dict[str, Any]:
    """Seconds and calls of one round while nothing happens."""
    for _ in range(STARTING):
        run_as_scheduled(stack, function)
    calls.since()
    begun, rounds = time.monotonic(), ROUNDS - STARTING
    for _ in range(rounds):
        run_as_scheduled(stack, function)
    seconds = (time.monotonic() - begun) / rounds
    return {"seconds": round(seconds, 2), "calls": units_of(calls.since(function), rounds)}


def seconds_of_an_audit(deployed: Deployed) -> float:
    """Of a warm audit of one job of one host, invoked with a message as the queue has it."""
    seconds = []
    for _ in range(ROUNDS):
        job = fresh_job()
        deployed.load(job)
        body = json.dumps({"source": AWS_EVENT_SOURCE, "detail": json.loads(entry_of(job)["Detail"])})
        message = {"messageId": job["TrainingJobName"], "receiptHandle": "none", "body": body, "eventSource": "aws:sqs"}
        begun = time.monotonic()
        deployed.invoke("AuditFunctionName", {"Records": [message]})
        seconds.append(time.monotonic() - begun)
    return round(sorted(seconds)[ROUNDS // 2], 2)


def record(state: Path) -> dict[str, Any]:
    """Deploy, let the schedules run without a job, then audit and seal the sample jobs of the demo."""
    path = state / "calls.jsonl"
    stack = start(state, {"PYTHONPATH": str(RECORDING), "RECORD_CALLS_IN": str(path)}, enforce=True)
    try:
        deploy(stack)
        calls = Recording(stack, path)
        idle = {function: idle_round(stack, calls, function) for function in SCHEDULED}
        with Progress(console=Console(stderr=True)) as progress:
            stack, rows, _ = run_demo(progress, state)
        made = calls.since(*SCHEDULED, "Audit")
        of = {name: [call for call in made if f"-{name}Function" in call["function"]] for name in ("Audit", "Seal")}
        records = sum(call["operation"] == "Sign" for call in of["Audit"])
        return {
            "recorded": datetime.now(UTC).date().isoformat(),
            "machine": f"local AWS, {platform.machine()}",
            "regions": len(AccountRegions(stack.client("ec2")).enabled().names),
            "idle": idle,
            "jobs": len(rows),
            "records": records,
            "audit": {
                "seconds": seconds_of_an_audit(Deployed(stack)),
                "calls": units_of(of["Audit"], records),
            },
            "seal": {"calls": units_of(of["Seal"], records)},
        }
    finally:
        stop(state)
        forget(state)


def main() -> None:
    """Write calls.json."""
    with tempfile.TemporaryDirectory() as folder:
        CALLS.write_text(json.dumps(record(Path(folder)), indent=1) + "\n")


if __name__ == "__main__":
    main()
