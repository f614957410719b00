"""What is asked of the services that run training jobs, and how they refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.occupancy import AGENT_PERIOD
from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.listed_states import state_of_listed
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.domain.values.moments import iso


class UnknownTrainingJob(WrongInput):
    """SageMaker does not know the job that an event names."""

    remedy = (
        "Check the name, the region and the account. A job that was deleted cannot be asked again; see "
        "`flops-auditor docs operations`, dead letters."
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
    def state(self) -> RunState:
        """What its status means."""
        return state_of_listed(self.arn, self.status)

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state not in NOT_ENDED

    @property
    def job_id(self) -> str:
        """The identity of the run, as TrainingJob.job_id."""
        return archive_keys.job_id(self.arn, iso(self.creation_time))


@dataclass(frozen=True)
class ListedPage:
    """A part of what a listing answered, the newest job first; may be empty although `token` says that more
    follow. `token` is "" after the last page.
    """

    jobs: tuple[ListedJob, ...]
    token: str = ""


class JobListing(Protocol):
    """Which jobs of a service a region has. There is no filter by status: SageMaker filters what it has fetched, so a
    filtered page costs the quota as much as a whole one.
    """

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """One page of the jobs that were created before, the newest first; `token` goes on after an earlier page.

        Keeps the pace of the quota, and waits where it is throttled. Raises SourceDenied, also for a token that is no
        longer taken, and SourceUnavailable when the region does not answer.
        """


class JobStates(Protocol):
    """What a service says now of jobs that were listed before; by which actions it is asked."""

    asks: str
    asks_tags: str

    def now(self, job: ListedJob) -> ListedJob | None:
        """The same job as it is now; None when it is gone, also where its name belongs to another job by now.

        Raises SourceDenied, SourceUnavailable.
        """

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        """All its tags, as ListTags gives them. Raises SourceDenied, SourceUnavailable."""


class JobStopper(Protocol):
    """Ends runs of one service."""

    def stop(self, name: str, region: str) -> None:
        """Ask the service to stop a run; no error when it has ended already, or is gone. Raises SourceDenied."""


@dataclass(frozen=True)
class EnabledRegions:
    """Regions in order of name. `unread` says why there may be others, which could not be asked for."""

    names: tuple[str, ...]
    unread: str = ""


class Regions(Protocol):
    """Where the account may have training jobs."""

    def enabled(self) -> EnabledRegions:
        """The enabled regions that have SageMaker; the stack's own alone where the others cannot be found."""


@dataclass(frozen=True)
class MetricRequest:
    """Which series of one job to read: hosts for occupancy, names for emitted metrics, over the spans.

    Of each host the mean, the highest and lowest values and the number of samples of a period are read, and the mean
    and the highest values alone where a period holds several samples (domain/runs/occupancy.py).
    Of `counters` the highest value of a period is read, of other metrics the mean, and of `lowest_too` the lowest one
    as well, labelled "<name> Minimum".
    """

    job_name: str
    region: str
    hosts: int
    emitted: tuple[str, ...]
    counters: tuple[str, ...]
    spans: tuple[Span, ...]
    period_seconds: int
    lowest_too: tuple[str, ...] = ()

    @property
    def long_periods(self) -> bool:
        """Whether a period holds several samples, so that of each host means and highest values alone are read."""
        return self.period_seconds * 10**6 > AGENT_PERIOD

    @property
    def series(self) -> int:
        """How many series that is."""
        return self.of_each_host * self.hosts + len(self.emitted) + len(self.lowest_too)

    @property
    def of_each_host(self) -> int:
        """How many of them each host has: four, or two."""
        return 2 if self.long_periods else 4


class JobMetrics(Protocol):
    """What CloudWatch kept of a job."""

    def read(self, request: MetricRequest) -> Sequence[Mapping[str, Any]]:
        """MetricDataResults labelled "GPUUtilization algo-1" (and with " Maximum", " Minimum", " SampleCount") or with
        the emitted name. Raises SourceDenied.
        """


class TrainingSessions(Protocol):
    """What SageMaker says about training sessions."""

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The DescribeTrainingSession answer, tags within. Raises UnknownTrainingJob or SourceDenied."""


class DescribedJobs(Protocol):
    """What SageMaker says about jobs of the newer kinds, whose names are of a category."""

    def describe(self, arn: str) -> Mapping[str, Any]:
        """The DescribeJob answer, tags within. Raises UnknownTrainingJob or SourceDenied."""


class BatchJobs(Protocol):
    """What AWS Batch says about jobs, and where they may have run."""

    def describe(self, arn: str) -> Mapping[str, Any]:
        """What DescribeJobs says of one job. Raises UnknownTrainingJob or SourceDenied."""

    def environments(self, queue: str) -> Mapping[str, Mapping[str, Any] | Unread]:
        """The compute environments of a job queue, by ARN, as DescribeComputeEnvironments gives them; why nothing is
        known of one, or, by the queue's ARN, of any.
        """


class CustomizationJobs(Protocol):
    """What Bedrock says about model customization jobs."""

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The GetModelCustomizationJob answer; `name` is a job's name or ARN. Raises UnknownTrainingJob or
        SourceDenied.
        """

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        """All tags, with Key and Value as SageMaker's ListTags gives them. Raises SourceDenied."""


class CustomModels(Protocol):
    """What Bedrock says about imported and custom models."""

    def model(self, arn: str, region: str) -> Mapping[str, Any]:
        """The GetImportedModel or GetCustomModel answer, as the ARN says. Raises SourceDenied, also for a model that is
        gone.
        """


class ObjectEntries(Protocol):
    """What S3 lists of objects, for which nobody has to be able to read them."""

    def entry(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        """Key, size in bytes and time of the last writing; None where there is no such object. Raises SourceDenied."""


class ObjectAttributes(Protocol):
    """What S3 says of objects."""

    def read(self, bucket: str, key: str) -> Mapping[str, Any] | None:
        """ETag, size and checksums of an object; None where there is none. Raises SourceDenied."""


class Clock(Protocol):
    """The time, so that no use case reads a clock."""

    def __call__(self) -> datetime:
        """Now, in UTC."""
