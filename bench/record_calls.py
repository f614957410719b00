"""Records what bench.cost computes with: the AWS calls of idle rounds, and of auditing and sealing the sample jobs.

`make record-calls` deploys template.yaml on the local AWS (some minutes) and writes bench/calls.json. It records no
time: the local AWS is no measure of Lambda's.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from flops_auditor.aws.calls.side_by_side import MOST
from flops_auditor_cli.demo import run_as_scheduled, run_demo
from flops_auditor_cli.local_aws import Stack, deploy, start, stop
from flops_auditor_cli.local_aws.locate import forget
from tests.integration.conftest import RECORDING

CALLS = Path(__file__).with_name("calls.json")
SCHEDULED = ("Seal", "Reconcile", "Watch", "Report")
STARTING = 2
"""Rounds of a scheduled function that start it and read the history, before the one that is recorded."""
REGIONS_AT_ONCE = ("Watch",)
"""Scheduled functions that ask regions side by side."""
DOORS_AT_ONCE = ("Reconcile",)
"""Those that ask one region after another, and there all doors side by side."""
REGIONS = (
    *("us-east-1", "us-east-2", "us-west-1", "us-west-2", "ca-central-1", "sa-east-1", "eu-central-1", "eu-west-1"),
    *("eu-west-2", "eu-west-3", "eu-north-1", "ap-south-1", "ap-southeast-1", "ap-southeast-2", "ap-northeast-1"),
    *("ap-northeast-2", "ap-northeast-3"),
)
"""Those of a new account (AWS Account Management Reference Guide, regions that are enabled by default)."""


def units_of(lines: Iterable[Mapping[str, Any]], each: int) -> dict[str, float]:
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


def made(lines: Sequence[Mapping[str, Any]], home: str, each: int = 1, function: str = "") -> dict[str, Any]:
    """What is kept of recorded calls: what is billed of them, and how many went where one after another, which takes
    time.
    """
    elsewhere = [line for line in lines if line["region"] != home]
    return {
        "here": round((len(lines) - len(elsewhere)) / each, 2),
        "elsewhere": round(_in_turn(elsewhere, function) / each, 2),
        "calls": units_of(lines, each),
    }


def _in_turn(elsewhere: Sequence[Mapping[str, Any]], function: str) -> int:
    """As how many calls in turn these last: of those that are made side by side the most that one region, or one door,
    is asked. What a door asks of a region, it asks at once.
    """
    if function in REGIONS_AT_ONCE:
        of_regions = Counter(line["region"] for line in elsewhere)
        return -(-(len(of_regions) + 1) // MOST) * max(of_regions.values(), default=0)
    if function in DOORS_AT_ONCE:
        return max(Counter(operation for operation, _ in _asked(elsewhere)).values(), default=0)
    return len(elsewhere)


def _asked(lines: Iterable[Mapping[str, Any]]) -> set[tuple[str, str]]:
    """Which operations were asked of which regions."""
    return {(line["operation"], line["region"]) for line in lines}


def idle_round(stack: Stack, calls: Recording, function: str) -> dict[str, Any]:
    """The calls of one round while nothing happens."""
    for _ in range(STARTING):
        run_as_scheduled(stack, function)
    calls.since()
    run_as_scheduled(stack, function)
    return made(calls.since(function), stack.region, function=function)


def record(state: Path) -> dict[str, Any]:
    """Deploy, let the schedules run without a job, then audit and seal the sample jobs of the demo."""
    path = state / "calls.jsonl"
    stack = start(state, {"PYTHONPATH": str(RECORDING), "RECORD_CALLS_IN": str(path)}, enforce=True)
    try:
        deploy(stack, {"Regions": ",".join(REGIONS)})
        calls = Recording(stack, path)
        idle = {function: idle_round(stack, calls, function) for function in SCHEDULED}
        with Progress(console=Console(stderr=True)) as progress:
            stack, rows, _ = run_demo(progress, state)
        lines = calls.since("Audit", "Seal")
        of = {name: [call for call in lines if f"-{name}Function" in call["function"]] for name in ("Audit", "Seal")}
        records = sum(call["operation"] == "Sign" for call in of["Audit"])
        return {
            "recorded": datetime.now(UTC).date().isoformat(),
            "regions": len(REGIONS),
            "jobs": len(rows),
            "records": records,
            "idle": idle,
            "audit": made(of["Audit"], stack.region, records),
            "seal": made(of["Seal"], stack.region, records),
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
