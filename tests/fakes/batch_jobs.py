"""Answers of AWS Batch's DescribeJobs about one job, of its queues and of its compute environments."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import BATCH_JOB, Evidence, Unread, plain
from flops_auditor.domain.runs.sources.batch_job import passed_over
from flops_auditor.domain.runs.sources.batch_job_answer import parse_batch_job
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied
from tests.fakes.described_runs import FakeDescribedRuns
from tests.fakes.jobs import CREATED, tagged

ACCOUNT = "arn:aws:batch:eu-west-1:123456789012"
QUEUE = f"{ACCOUNT}:job-queue/gpus"
ENVIRONMENT = f"{ACCOUNT}:compute-environment/p5"
CLUSTER = "p5_Batch_1f0b"
HOST = f"arn:aws:ecs:eu-west-1:123456789012:container-instance/{CLUSTER}/0123456789abcdef0"


def batch_id(number: int = 1) -> str:
    """A job of this number."""
    return f"{number:08x}-0000-4000-8000-000000000000"


def batch_arn(number: int = 1, of: str = "") -> str:
    """A job of this number; `of` is what stands behind it, such as `:3` for a child of an array."""
    return f"{ACCOUNT}:job/{batch_id(number)}{of}"


def milliseconds(moment: datetime) -> int:
    """A point in time as AWS Batch gives it."""
    return int(moment.timestamp() * 1000)


def gpus(count: int) -> list[dict[str, str]]:
    """What a container asks for."""
    asked = {"MEMORY": "1000000", "VCPU": "96", "GPU": str(count)}
    return [{"type": kind, "value": value} for kind, value in asked.items() if value != "0"]


def container(count: int = 8, **changes: Any) -> dict[str, Any]:
    """A container that asks for so many GPUs; a member that is None is left out."""
    parts = {
        "image": "trainer",
        "command": ["python", "train.py", "--bf16", "true"],
        "jobRoleArn": "arn:aws:iam::123456789012:role/tuner",
        "environment": [{"name": "MAX_SEQ_LENGTH", "value": "512"}],
        "resourceRequirements": gpus(count),
        "containerInstanceArn": HOST,
        **changes,
    }
    return {name: value for name, value in parts.items() if value is not None}


def tries(*hours: float, begun: datetime = CREATED) -> list[dict[str, Any]]:
    """Attempts of so many hours each, an hour apart, the first a quarter of an hour after the job was created."""
    found: list[dict[str, Any]] = []
    start = begun + timedelta(minutes=15)
    for each in hours:
        stop = start + timedelta(hours=each)
        times = {"startedAt": milliseconds(start), "stoppedAt": milliseconds(stop)}
        found.append({"container": {"containerInstanceArn": HOST}, **times})
        start = stop + timedelta(hours=1)
    return found


def batch_job(number: int = 1, hours: float = 10, **changes: Any) -> dict[str, Any]:
    """What DescribeJobs says of one that succeeded, each a day after the one before; a member that is None is left
    out.
    """
    created = CREATED + timedelta(days=number - 1)
    attempts = tries(hours, begun=created)
    answer = {
        "jobArn": batch_arn(number),
        "jobName": f"tune-{number}",
        "jobId": batch_id(number),
        "jobQueue": QUEUE,
        "jobDefinition": f"{ACCOUNT}:job-definition/tune:1",
        "status": "SUCCEEDED",
        "createdAt": milliseconds(created),
        "startedAt": attempts[-1]["startedAt"],
        "stoppedAt": attempts[-1]["stoppedAt"],
        "attempts": attempts,
        "container": container(),
        "tags": {},
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not None}


def environment(*types: str, arn: str = ENVIRONMENT, cluster: str = CLUSTER, **changes: Any) -> dict[str, Any]:
    """A compute environment that may launch these types, or p5.48xlarge."""
    resources = {"type": "EC2", "maxvCpus": 192, "instanceTypes": list(types) or ["p5.48xlarge"], "subnets": []}
    named = {"computeEnvironmentName": arn.rsplit("/", 1)[1], "computeEnvironmentArn": arn}
    ecs = f"arn:aws:ecs:eu-west-1:123456789012:cluster/{cluster}"
    return {**named, "type": "MANAGED", "ecsClusterArn": ecs, "computeResources": resources, **changes}


def batch_evidence(
    answer: dict[str, Any] | None = None, *environments: dict[str, Any] | Unread, **tags: str
) -> Evidence:
    """Evidence of a job that ran in these compute environments. A tag `a_b` is flops-auditor:a-b."""
    told = environments or (environment(),)
    named = {ENVIRONMENT if isinstance(each, Unread) else each["computeEnvironmentArn"]: each for each in told}
    description = {name: value for name, value in (answer or batch_job()).items() if name != "tags"}
    return Evidence(plain(description), tags=tagged(**tags), source=BATCH_JOB, objects=named)


@dataclass
class FakeBatchJobs(FakeDescribedRuns):
    """The BatchJobs port as well, by ARN; `asked` are the API calls."""

    told: dict[str, Mapping[str, Any] | Unread] = field(default_factory=lambda: {ENVIRONMENT: environment()})
    asked: list[str] = field(default_factory=list)
    asks = asks_tags = "batch:DescribeJobs"
    lists = "batch:ListJobs"

    def add(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put a job, or its new state, in place; its answer."""
        self.answers[answer["jobArn"]] = answer
        return answer

    def describe(self, arn: str) -> dict[str, Any]:
        return self.answer_of(arn)

    def environments(self, queue: str) -> Mapping[str, Mapping[str, Any] | Unread]:
        try:
            self.called("batch:DescribeComputeEnvironments")
        except SourceDenied as denied:
            return {queue: denied.unread}
        return self.told

    def runs(self) -> list[dict[str, Any]]:
        """Those that are listed: the answers about what is a run."""
        return [each for each in self.answers.values() if not passed_over(parse_batch_job(each))]

    def tags(self, job: ListedJob) -> list[dict[str, str]]:
        return [{"Key": key, "Value": value} for key, value in self.describe(job.arn).get("tags", {}).items()]

    def listed(self, answer: dict[str, Any]) -> ListedJob:
        """As its description says."""
        it = parse_batch_job(answer)
        stopped = read_time(answer["stoppedAt"]) if answer.get("stoppedAt") else None
        return ListedJob(it.job_name, it.job_arn, it.region, it.status, it.created_at, stopped)

    def called(self, action: str) -> None:
        """As any call, noted."""
        self.asked.append(action)
        super().called(action)
