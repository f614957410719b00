"""What is asked of the services that run training jobs, and how they refuse."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.training_job_answer import TERMINAL_STATUSES
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso


class UnknownTrainingJob(AuditorError):
    """SageMaker does not know the job that an event names."""

    remedy = (
        "Check the name, the region and the account. A job that was deleted cannot be asked again; see "
        "docs/operations.md, dead letters."
    )


class SourceDenied(AuditorError):
    """A source of evidence refused to answer: access denied or the request invalid. Not for passing faults."""

    remedy = "Grant the function's role the action that is named, then redrive the dead-letter queue."

    def __init__(self, unread: Unread) -> None:
        super().__init__(str(unread))
        self.unread = unread


class SourceUnavailable(AuditorError):
    """A source did not answer, although it was asked several times."""

    remedy = (
        "The deployed functions ask again by themselves. If it stays, check the region's name, the network and the AWS "
        "Health Dashboard."
    )


class TrainingJobs(Protocol):
    """What SageMaker says about training jobs."""

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The DescribeTrainingJob answer. Raises UnknownTrainingJob or SourceDenied."""

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        """All tags, as ListTags gives them. Raises SourceDenied."""

    def model_package(self, arn: str, region: str) -> Mapping[str, Any]:
        """The DescribeModelPackage answer. Raises SourceDenied, also for a package that is gone."""


@dataclass(frozen=True)
class ListedJob:
    """One line of ListTrainingJobs: enough to point at a job, not to judge it."""

    name: str
    arn: str
    region: str
    status: str
    creation_time: datetime
    last_modified: datetime | None = None

    @property
    def finished(self) -> bool:
        """Whether the job has reached a terminal state."""
        return self.status in TERMINAL_STATUSES

    @property
    def job_id(self) -> str:
        """The identity of the run, as TrainingJob.job_id."""
        return archive_keys.job_id(self.arn, iso(self.creation_time))


class JobListing(Protocol):
    """Which training jobs a region has."""

    def list(
        self,
        region: str,
        *,
        status: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        modified_after: datetime | None = None,
    ) -> Iterator[ListedJob]:
        """Every training job of the region, all pages, oldest first, that has this TrainingJobStatus.

        Raises SourceDenied, and SourceUnavailable when the region does not answer.
        """


class JobStopper(Protocol):
    """Ends training jobs."""

    def stop(self, name: str, region: str) -> None:
        """StopTrainingJob; no error when the job has ended already. Raises SourceDenied."""


class Regions(Protocol):
    """Where the account may have training jobs."""

    def enabled(self) -> Sequence[str]:
        """The enabled regions that have SageMaker, in order of name. Raises SourceDenied."""


@dataclass(frozen=True)
class MetricRequest:
    """Which series of one job to read: hosts for occupancy, names for emitted metrics, over the spans."""

    job_name: str
    region: str
    hosts: int
    emitted: tuple[str, ...]
    counters: tuple[str, ...]
    spans: tuple[Span, ...]
    period_seconds: int


class JobMetrics(Protocol):
    """What CloudWatch kept of a job."""

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        """MetricDataResults labelled "GPUUtilization algo-1" or with the emitted name. Raises SourceDenied."""


class Clock(Protocol):
    """The time, so that no use case reads a clock."""

    def __call__(self) -> datetime:
        """Now, in UTC."""
