"""Where records, their notes, and the progress of comparisons are kept."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from flops_auditor.domain.runs.tags_seen import TagsSeen
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.use_cases.ports.sources import ListedJob

BILL = "bill"
"""What the attribute `kind` of a statement on a bill is."""


@dataclass(frozen=True)
class StoredRecord:
    """A committed record, or statement on a bill: its revision and the exact envelope line."""

    revision: int
    line: bytes


class RecordIndex(Protocol):
    """Which jobs have a record of their end."""

    def recorded(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """Those of the job ids that have a record, read consistently, each with the digest of the tags that its first
        record rests on ("" where that names none). A record made while the job ran, to stop it, is none of its end.
        """


@dataclass(frozen=True)
class SeenJob:
    """A job that was seen when it had no record.

    `seen_at` is when first, `queued_at` when it was last queued for its audit. `description` is what
    its service said of it while it ran, as JSON, "" where nobody asked. `untold`: people are still to be told
    that it is gone, or that its name was used before.
    """

    job: ListedJob
    seen_at: datetime
    queued_at: datetime | None = None
    description: str = ""
    untold: bool = False


@dataclass(frozen=True)
class LastLook:
    """When the watch last began to look at a running job, and the largest share of a line that it saw then or before
    (upper bound; 0.0 where it saw none).
    """

    at: datetime
    share: float = 0.0


class SeenJobs(Protocol):
    """Which jobs wait for their record, or to be told of."""

    def waiting(self, region: str) -> Sequence[SeenJob]:
        """The jobs of a region that wait, in the order in which they were seen first."""

    def note(self, jobs: Sequence[SeenJob]) -> None:
        """Have jobs wait, or replace what is noted of them but their descriptions."""

    def note_new(self, jobs: Sequence[SeenJob]) -> None:
        """Have those wait that do not yet; of others, what is noted stays."""

    def describe(self, job_id: str, description: str, at: datetime) -> None:
        """Keep what was said of a running job at a moment, whoever notes it."""

    def described(self, job_id: str) -> str:
        """What was last kept of a job that ran; "" where nothing is, or no more."""

    def settle(self, jobs: Sequence[SeenJob]) -> None:
        """They wait no longer."""

    def looks(self, job_ids: Sequence[str]) -> Mapping[str, LastLook]:
        """The last look at each of these jobs that was looked at."""

    def note_look(self, job_id: str, look: LastLook) -> None:
        """Note a look, in place of the one before."""


@dataclass(frozen=True)
class KnownJob:
    """What is kept of a job before its audit: its newest record, and its tags as they were noted, oldest first."""

    latest: StoredRecord | None
    tags_seen: Sequence[TagsSeen]


class Records(Protocol):
    """The index of records: conditional puts only, nothing is changed or deleted."""

    def known(self, job_id: str) -> KnownJob:
        """What `latest` and `tags_seen` say, both in one read."""

    def latest(self, job_id: str) -> StoredRecord | None:
        """The record of the highest revision, read consistently."""

    def commit(self, job_id: str, record: StoredRecord, summary: Mapping[str, str]) -> bool:
        """Store a record with the attributes it is found by; False if that revision exists (nothing is written)."""

    def alert_sent(self, job_id: str, alert: str) -> bool:
        """Whether this alert of the job was noted as sent."""

    def note_alerts(self, job_id: str, alerts: Sequence[str], at: datetime) -> None:
        """Note alerts as sent, all or none of them: one mail may tell of several. Repeating it is no error."""

    def noted(self, job_id: str, what: str) -> datetime | None:
        """Since when something is noted of the job, None if it is not."""

    def note(self, job_id: str, what: str, at: datetime) -> bool:
        """Note something of the job; the first time stays, and False says that it was noted before."""

    def tags_seen(self, job_id: str) -> Sequence[TagsSeen]:
        """The auditor's tags of the job as they were noted, oldest first."""

    def note_tags(self, job_id: str, seen: TagsSeen) -> None:
        """Note the auditor's tags of the job; what was noted at a moment stays."""


@dataclass(frozen=True)
class RecordItem:
    """A record as the table has it: whether it `waits` for its place in the log, or the leaf that it is said to be."""

    job_id: str
    revision: int
    line: bytes
    waits: bool
    index: int | None


class RecordItems(Protocol):
    """Everything that the table has of records."""

    def items(self) -> Iterator[RecordItem]:
        """Every record, in any order."""


class Claims(Protocol):
    """At most one worker audits a job at a time."""

    def claim(self, subject: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take the subject until then; False while another owner holds it."""

    def release(self, subject: str, owner: str, now: datetime) -> None:
        """Give it back; of no effect if another owner took it meanwhile."""


class EndsBeforeItBegins(WrongInput):
    """A span of time of which the end is before the begin."""

    remedy = "Give the earlier moment first: --since, then --until."


@dataclass(frozen=True)
class RecordQuery:
    """Which jobs are looked for, by what their newest record says; "" asks nothing.

    `lineage` is the job id of the first run of a lineage; `ended_from` and `ended_until` are moments as records hold
    them, both included. Raises EndsBeforeItBegins where the first is later.
    """

    verdict: str = ""
    base_model: str = ""
    lineage: str = ""
    region: str = ""
    ended_from: str = ""
    ended_until: str = ""

    def __post_init__(self) -> None:
        if self.ended_until and self.ended_from > self.ended_until:
            raise EndsBeforeItBegins(f"from {self.ended_from} until {self.ended_until}: no moment is between them")

    @property
    def asks(self) -> bool:
        """Whether anything is asked."""
        return self != RecordQuery()

    def fits(self, row: Mapping[str, str]) -> bool:
        """Whether the attributes that a record is found by are what is asked."""
        asked = {name: getattr(self, name) for name in ("verdict", "base_model", "lineage", "region")}
        ended = row.get("ended_at", "")
        return (
            all(not value or row.get(name) == value for name, value in asked.items())
            and self.ended_from <= ended
            and (not self.ended_until or ended <= self.ended_until)
        )


class RecordSearch(Protocol):
    """Finds jobs by what their newest record says."""

    def fitting(self, query: RecordQuery) -> Sequence[Mapping[str, str]]:
        """The attributes of the newest record of each job that fits, the job that ended last first."""
