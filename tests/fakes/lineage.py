"""Jobs that continue one another, and a queue that is worked off until nothing is left to do."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.pointer import JobPointer
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.use_cases.auditing.audit_job import audit_job, reassess
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.auditing.recording import Recorder
from tests.fakes.audit import FakeTrainingJobs, MemoryReassessments, recorder
from tests.fakes.jobs import CREATED, describe


def artifact(name: str) -> str:
    """Where the job of that name leaves its model."""
    return f"s3://models/{name}/output/model.tar.gz"


def channel(name: str, uri: str) -> dict[str, Any]:
    """An input channel."""
    return {"ChannelName": name, "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}}


def continuing(name: str, parents: Iterable[str] = (), day: int = 0, **changes: Any) -> dict[str, Any]:
    """A job, created `day` days after the first, whose model channels read what its parents left."""
    channels = [channel(f"model{n}", artifact(parent)) for n, parent in enumerate(parents)]
    created = CREATED + timedelta(days=day)
    return describe(
        name,
        **{
            "CreationTime": created,
            "OutputDataConfig": {"S3OutputPath": "s3://models/"},
            "InputDataConfig": channels,
            **changes,
        },
    )


class World:
    """A recorder on twins, and its queue."""

    def __init__(self, **overrides: Any) -> None:
        self.jobs = FakeTrainingJobs()
        self.recorder: Recorder = recorder(self.jobs, **overrides)
        self.pointers: dict[str, JobPointer] = {}

    def add(self, description: dict[str, Any], **tags: str) -> JobPointer:
        """Have a finished job in SageMaker."""
        pointer = self.jobs.add(description, **tags)
        self.pointers[pointer.name] = pointer
        return pointer

    def deliver(self, name: str) -> None:
        """Deliver the job's event; the reassessments stay in the queue."""
        audit_job(self.pointers[name], self.recorder, owner=name)

    def work_off(self, most: int = 100_000) -> int:
        """Work off the queue, oldest first; the number of messages."""
        queue = self.recorder.queue
        assert isinstance(queue, MemoryReassessments)
        count = 0
        while queue.waiting:
            assert count < most, "the queue does not come to rest"
            reassess(queue.waiting.pop(0), self.recorder)
            count += 1
        return count

    def audit(self, *names: str) -> None:
        """Deliver these events, or all, in order, and work off the queue after each."""
        for name in names or tuple(self.pointers):
            self.deliver(name)
            self.work_off()

    def job_id(self, name: str) -> str:
        pointer = self.pointers[name]
        return parse_training_job(self.jobs.descriptions[pointer.name, pointer.region]).job_id

    def run(self, name: str) -> Run:
        """The run of a job, as its collector reads it."""
        pointer = self.pointers[name]
        recorder = self.recorder
        described = recorder.collectors[pointer.service].describe(pointer)
        return described.collect(recorder.clock(), said_of_models(recorder)).run

    def content(self, name: str) -> dict[str, Any]:
        """The predicate of the newest record."""
        stored = self.recorder.records.latest(self.job_id(name))
        assert stored is not None, f"{name} has no record"
        return predicate_of(stored.line)

    def ancestors(self, name: str) -> set[str]:
        """Names of the ancestors that the newest record lists."""
        return {a["job_arn"].rsplit("/", 1)[-1] for a in self.content(name)["cumulative"]["ancestors"]}
