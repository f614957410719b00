"""What the use cases need from the outside, as protocols. Adapters: flops_auditor.aws; twins: tests/fakes."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from flops_auditor.domain import archive_keys
from flops_auditor.domain.alert import Alert
from flops_auditor.domain.errors import AuditorError
from flops_auditor.domain.evidence import Unread
from flops_auditor.domain.job import TERMINAL_STATUSES, iso
from flops_auditor.domain.locations import Location
from flops_auditor.domain.reassessment import Reassessment
from flops_auditor.domain.training_time import Span


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


class SourceUnavailable(AuditorError):
    """A source did not answer, although it was asked several times."""

    remedy = (
        "The deployed functions ask again by themselves. If it stays, check the region's name, the network and the AWS "
        "Health Dashboard."
    )


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


@dataclass(frozen=True)
class StoredRecord:
    """A committed record: its revision and the exact envelope line."""

    revision: int
    line: bytes


class RecordIndex(Protocol):
    """Which jobs have a record."""

    def recorded(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the job ids that have a record, read consistently."""


class AuditQueue(Protocol):
    """Where finished jobs wait for their audit."""

    def send(self, jobs: Sequence[ListedJob]) -> None:
        """Queue jobs, at least once each. Raises SourceUnavailable when one was not taken."""


@dataclass(frozen=True)
class Progress:
    """How far the comparison of one region with the ledger has come.

    `complete_to`: every job last modified before it was recorded or queued. `whole_at`: when the last scan of the
    whole history began. A scan that is not finished has `began`, `since` (None: the whole history) and, in `reached`,
    the creation time up to which it has come.
    """

    complete_to: datetime | None = None
    whole_at: datetime | None = None
    began: datetime | None = None
    since: datetime | None = None
    reached: datetime | None = None


class ProgressStore(Protocol):
    """Keeps the progress of each region between runs."""

    def read(self, region: str) -> Progress:
        """What was written last; Progress() for a region never scanned."""

    def write(self, region: str, progress: Progress) -> None:
        """Replace it, unless another run has come further: `complete_to` never goes back."""


class Records(Protocol):
    """The index of records: conditional puts only, nothing is changed or deleted."""

    def latest(self, job_id: str) -> StoredRecord | None:
        """The record of the highest revision, read consistently."""

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        """Store a record with the attributes it is found by; False if that revision exists (nothing is written)."""

    def alert_sent(self, job_id: str, alert: str) -> bool:
        """Whether this alert of the job was noted as sent."""

    def note_alert(self, job_id: str, alert: str, at: datetime) -> None:
        """Note an alert as sent; repeating it is no error."""

    def noted(self, job_id: str, what: str) -> datetime | None:
        """Since when something is noted of the job, None if it is not."""

    def note(self, job_id: str, what: str, at: datetime) -> None:
        """Note something of the job; the first time stays."""


IndexKind = Literal["output", "input", "directory"]
"""What an entry of the index says of its place: a job leaves results there; begins from there; takes all below it."""


@dataclass(frozen=True)
class IndexEntry:
    """One job at one place. `created` is its creation time (ISO 8601), `family` its tuning job, if any."""

    location: Location
    created: str
    job_id: str
    job_arn: str
    family: str = ""

    @property
    def cursor(self) -> str:
        """Where the entry stands among all of its kind and space: by path, then time, then job."""
        return f"{self.location.key}#{self.created}#{self.job_id}"


class LineageIndex(Protocol):
    """Which jobs leave results where, and which begin from where. Entries are added and never changed."""

    def add(self, kind: IndexKind, entry: IndexEntry) -> None:
        """Add; repeating it is no error."""

    def newest(self, kind: IndexKind, at: Location, before: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place that were created before `before`, newest first; read consistently."""

    def within(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at this place and below it, in the order of their cursors, after a cursor; read consistently."""

    def exactly(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place, in the order of their cursors, after a cursor; read consistently."""


class Reassessments(Protocol):
    """The queue in which jobs wait for being assessed again."""

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Queue all of them."""


class Claims(Protocol):
    """At most one worker audits a job at a time."""

    def claim(self, subject: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take the subject until then; False while another owner holds it."""

    def release(self, subject: str, owner: str, now: datetime) -> None:
        """Give it back; of no effect if another owner took it meanwhile."""


class Alerts(Protocol):
    """Reaches people."""

    def send(self, alert: Alert) -> None:
        """Publish once."""


class Clock(Protocol):
    """The time, so that no use case reads a clock."""

    def __call__(self) -> datetime:
        """Now, in UTC."""
