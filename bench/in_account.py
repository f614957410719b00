"""Processor time of a function on the real adapters and moto, without what moto itself takes of it."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import StringIO
from random import Random
from statistics import median
from typing import Any
from unittest.mock import patch

import time_machine
from moto.core.botocore_stubber import BotocoreStubber

from flops_auditor_cli.local_aws.training_jobs import EmittedSeries, LoadedJob
from tests.faults.account import Account, Context, account
from tests.template.loading import load

VCPU_MB = 1769
"""Of memory for each vCPU (AWS Lambda Developer Guide, "Configure Lambda function memory")."""
MINUTE = 60.0
STATISTICS = 4
"""Of each host and minute (`flops_auditor.aws.sources.cloudwatch`)."""


@dataclass
class Aside:
    """What moto took, and its answers: of GetMetricData one for all jobs that ask alike, since they all did alike."""

    seconds: float = 0.0
    answers: dict[bytes, Any] = field(default_factory=dict)


@contextmanager
def account_aside() -> Iterator[tuple[Account, Aside]]:
    """An account whose own processor time is put aside."""
    aside, answer = Aside(), BotocoreStubber.process_request

    def answered(self: BotocoreStubber, request: Any) -> Any:
        begin = time.process_time()
        alike = _without_names(request.body) if "monitoring" in request.url else b""
        try:
            if alike not in aside.answers:
                given = answer(self, request)
                if not alike:
                    return given
                aside.answers[alike] = given
            return aside.answers[alike]
        finally:
            aside.seconds += time.process_time() - begin

    with account() as made, patch.object(BotocoreStubber, "process_request", answered):
        made.environment |= {"LISTING_RATE": "1000000", "COMPARE_ARTIFACTS": "false"}
        yield made, aside


def _without_names(body: bytes) -> bytes:
    """A request for metrics without the number of its job: names are `job-000000`."""
    parts = body.split(b"job-")
    return b"job-".join([parts[0], *(part[6:] for part in parts[1:])])


def load_job(made: Account, description: Mapping[str, Any], series: EmittedSeries) -> None:
    """Make SageMaker know a job whose hosts were all busy in the same way."""
    job = LoadedJob(dict(description))
    for host in range(1, description["ResourceConfig"]["InstanceCount"] + 1):
        job.series["GPUUtilization", f"{job.name}/algo-{host}"] = series
    made.jobs.load(job)


def by_the_minute(start: datetime, minutes: int) -> EmittedSeries:
    """A host with eight accelerators that was busy as it liked."""
    chance, first = Random(minutes), start.timestamp()  # noqa: S311 - no secret
    return EmittedSeries(
        [first + MINUTE * minute for minute in range(minutes)], [chance.uniform(300, 790) for _ in range(minutes)]
    )


def cpu_seconds(made: Account, aside: Aside, function: str, event: Any, at: datetime) -> tuple[float, dict[str, Any]]:
    """Processor time of a warm function's one invocation, and its answer. Time stands still."""
    with time_machine.travel(at, tick=False), redirect_stdout(StringIO()):
        handler: Callable[[Any, Any], dict[str, Any]] = made.handler(function)
        made.calls.function = function
        try:
            before, begin = aside.seconds, time.process_time()
            answer = handler(event, Context(function))
            return time.process_time() - begin - (aside.seconds - before), answer
        finally:
            made.calls.function = ""


def of_lambda(function: str) -> tuple[float, int]:
    """The share of a vCPU that a function has, and its time-out in seconds."""
    template = load()
    every = template.get("Globals", {}).get("Function", {})
    properties = {**every, **template["Resources"][f"{function}Function"]["Properties"]}
    return properties["MemorySize"] / VCPU_MB, properties["Timeout"]


READ_ONCE = "points read once"
"""What `read_once` is called beside a figure."""


def read_once(points: int) -> float:
    """Processor time of the least that reads so many points from JSON, a float and a moment each: the median, in
    seconds.
    """
    times = [MINUTE * minute for minute in range(points)]
    body = json.dumps({"Values": [500.5] * points, "Timestamps": times})
    taken = []
    for _ in range(5):
        begin = time.process_time()
        answer = json.loads(body)
        for moment in answer["Timestamps"]:
            datetime.fromtimestamp(moment, UTC)
        sum(answer["Values"])
        taken.append(time.process_time() - begin)
    return median(taken)
