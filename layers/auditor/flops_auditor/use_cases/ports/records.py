"""Where records, their notes, and the progress of comparisons are kept."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True)
class StoredRecord:
    """A committed record: its revision and the exact envelope line."""

    revision: int
    line: bytes


class RecordIndex(Protocol):
    """Which jobs have a record."""

    def recorded(self, job_ids: Sequence[str]) -> set[str]:
        """Those of the job ids that have a record, read consistently."""


@dataclass(frozen=True)
class ScanProgress:
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

    def read(self, region: str) -> ScanProgress:
        """What was written last; ScanProgress() for a region never scanned."""

    def write(self, region: str, progress: ScanProgress) -> None:
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


class Claims(Protocol):
    """At most one worker audits a job at a time."""

    def claim(self, subject: str, owner: str, now: datetime, until: datetime) -> bool:
        """Take the subject until then; False while another owner holds it."""

    def release(self, subject: str, owner: str, now: datetime) -> None:
        """Give it back; of no effect if another owner took it meanwhile."""
