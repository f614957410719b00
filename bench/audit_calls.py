"""How many AWS calls one audit makes, what each is for, and how long they take in turn.

    python -m bench.audit_calls [--json]

Five finished jobs are audited by a function that is warm, in one process, on the real adapters and moto. A call takes
8 ms by a clock that is only counted, so the result is the same on every machine; calls that are made side by side take
as long as one of them. The computing between the calls is not in it (`python -m bench.audit_cpu`). Beside each figure
stands what the plan of the calls asks for. With `--page` it writes docs/performance.md's tables as well.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import time_machine
from botocore.client import BaseClient

from bench.figures import Figure, show
from bench.marked import between
from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import IndexEntry
from tests.fakes.in_turn import InTurn
from tests.fakes.jobs import describe, moved
from tests.fakes.lineage import artifact, channel
from tests.faults.account import ACCOUNT, REGION, Account, Context, account, event_of, message

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN = "<!-- audit calls: written by `python -m bench.audit_calls --page` -->\n"
END = "<!-- audit calls: end -->\n"
CALL_MS = 8
MOST_MS = 85
CHAIN = 10
OTHERS = 200
PLAN = {"below": 15, "alert": 18, "child": 21, "10th of a chain": 21, "5 channels": 27}
"""Calls of an audit of each kind, as planned."""
PLAN_MS = {"below": 63, "alert": 80, "child": 84, "10th of a chain": 82, "5 channels": 68}
"""How long they take in turn, as planned."""
ROLE = "arn:aws:iam::123456789012:role/training"
NODES = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}


@dataclass
class Counted:
    """The calls that were made: service, operation and what for; and when the last one ended, in ms."""

    calls: list[tuple[str, str]] = field(default_factory=list)
    now: int = 0

    def begin(self) -> None:
        """Count from nothing."""
        self.calls.clear()
        self.now = 0

    def made(self, call: str) -> None:
        """Count a call, and the time that it takes."""
        self.calls.append((call, purpose()))
        self.now += CALL_MS

    def by_call(self) -> dict[str, dict[str, int]]:
        """How often each call was made, by what for."""
        counts: dict[str, Counter[str]] = {}
        for call, why in self.calls:
            counts.setdefault(call, Counter())[why] += 1
        return {call: dict(sorted(counts[call].items())) for call in sorted(counts)}

    def pool(self) -> type[InTurn]:
        """In place of a pool of threads: what it runs begins at one time, and has ended when all has."""

        class AtOnce(InTurn):
            def __exit__(inside, *_: object) -> None:  # noqa: N805 - self is what counts
                inside.begun = inside.ended = self.now
                super().__exit__()
                self.now = inside.ended

            def run(inside, call: Callable[[], Any]) -> Any:  # noqa: N805
                self.now = inside.begun
                try:
                    return call()
                finally:
                    inside.ended = max(inside.ended, self.now)

        return AtOnce


def purpose() -> str:
    """The innermost function of the use cases, or of the function itself, that is at work."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        module = frame.f_globals.get("__name__", "")
        if module.startswith(("flops_auditor.use_cases.", "function_")) and not frame.f_code.co_name.startswith("<"):
            return f"{module.rpartition('.')[2]}.{frame.f_code.co_name}"
        frame = frame.f_back
    return "outside"


@contextmanager
def counting() -> Iterator[Counted]:
    """Count every call of every client."""
    counted, call = Counted(), BaseClient._make_api_call

    def noted(self: Any, operation: str, parameters: Any) -> Any:
        try:
            return call(self, operation, parameters)
        finally:
            counted.made(f"{self.meta.service_model.service_name}:{operation}")

    with patch.object(BaseClient, "_make_api_call", noted):
        yield counted


def job(name: str, day: int, hours: float = 1, channels: Sequence[dict[str, Any]] = (), **changes: Any) -> Any:
    """A job as SageMaker's examples make it: a channel of data, a bucket for models, a role."""
    data = channel("train", f"s3://data/{name}/train/")
    description = {
        "InputDataConfig": [data, *channels],
        "OutputDataConfig": {"S3OutputPath": "s3://models/"},
        "RoleArn": ROLE,
        **changes,
    }
    return moved(describe(name, hours, **description), timedelta(days=day))


def jobs() -> Iterator[tuple[str, dict[str, Any]]]:
    """The jobs in the order of their audits, and of which kind each is: "" where its calls are not counted."""
    yield "", job("first", 0)
    yield "below", job("below", 1)
    yield "alert", job("alert", 2, hours=2000, ResourceConfig=NODES)
    yield "", job("link-1", 3)
    for number in range(2, CHAIN + 1):
        model = channel("model", artifact(f"link-{number - 1}"))
        kind = {2: "child", CHAIN: "10th of a chain"}.get(number, "")
        yield kind, job(f"link-{number}", 2 + number, channels=[model])
    more = [channel(f"data{number}", f"s3://data/shared/{number}/") for number in range(4)]
    yield "5 channels", job("channels", 3 + CHAIN, channels=more)


def others() -> Iterator[IndexEntry]:
    """Where other jobs left their models: a bucket for models is a busy place."""
    for number in range(OTHERS):
        at = Location("s3://models", (f"job-{number:03d}",))
        arn = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/job-{number:03d}"
        yield IndexEntry(at, "2026-01-01T00:00:00.000Z", f"{number:064x}", arn, role=ROLE)


def audited(made: Account, handler: Callable[[Any, Any], Any], one: dict[str, Any]) -> None:
    """Audit a job, as its event has the function do it."""
    made.load(one)
    event = {"Records": [message(event_of(one), next(made.numbers))]}
    with time_machine.travel(made.now, tick=True), redirect_stdout(sys.stderr):
        answer = handler(event, Context("audit"))
    if answer["batchItemFailures"]:
        raise SystemExit(f"{one['TrainingJobName']} was not audited")


def measure() -> Iterator[dict[str, Any]]:
    """The calls of each kind of audit."""
    with counting() as counted, account(counted.pool()) as made:
        made.environment["COMPARE_ARTIFACTS"] = "false"  # as template.yaml has it
        handler = made.handler("audit")
        index = DynamoDbLineageIndex(boto3.client("dynamodb", REGION), made.environment["TABLE_NAME"])
        index.add([("output", entry) for entry in others()])
        for kind, one in jobs():
            counted.begin()
            audited(made, handler, one)
            if kind:
                yield {
                    "kind": kind,
                    "calls": len(counted.calls),
                    "plan": PLAN[kind],
                    "path_ms": counted.now,
                    "path_target_ms": MOST_MS,
                    "by_call": counted.by_call(),
                }


def table(kinds: Sequence[Mapping[str, Any]]) -> str:
    """The figures as they stand in docs/performance.md, and what each call of an audit is for."""
    lines = [
        "| audit of a job | calls | planned | ms in turn at 8 ms a call | at most |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for each in kinds:
        path = f"{each['path_ms']} | {each['path_target_ms']}"
        lines.append(f"| {each['kind']} | {each['calls']} | {each['plan']} | {path} |")
    head = " | ".join(each["kind"] for each in kinds)
    lines += ["", f"| call | for | {head} |", f"| --- | --- |{' ---: |' * len(kinds)}"]
    rows = sorted({(call, why) for each in kinds for call, purposes in each["by_call"].items() for why in purposes})
    for call, why in rows:
        counts = " | ".join(str(each["by_call"].get(call, {}).get(why, "")) for each in kinds)
        lines.append(f"| {call} | `{why}` | {counts} |")
    return "\n".join(lines)


def figures_of_kinds(kinds: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    """The calls of each kind beside their plan, and the time in turn."""
    for each in kinds:
        plan = {"floor": each["plan"], "floor_is": "the plan", "target": each["plan"]}
        yield Figure(f"AWS calls of an audit: {each['kind']}", each["calls"], "calls", **plan)
    for each in kinds:
        path = {"floor": PLAN_MS[each["kind"]], "floor_is": "the plan", "target": each["path_target_ms"]}
        what = f"critical path at {CALL_MS} ms a call: {each['kind']}"
        yield Figure(what, each["path_ms"], "ms", timed=False, **path)


def main() -> None:
    """One object for each kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", action="store_true", help="write the tables into docs/performance.md")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    kinds = list(measure())
    show("audit_calls", list(figures_of_kinds(kinds)), arguments.json, kinds=kinds)
    if arguments.page:
        PAGE.write_text(between(PAGE.read_text(), BEGIN, END, f"\n{table(kinds)}\n\n"))


if __name__ == "__main__":
    main()
