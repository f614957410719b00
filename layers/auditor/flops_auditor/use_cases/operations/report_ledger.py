"""The report on a deployed ledger: its newest records, and how far it is complete and sealed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from flops_auditor import __version__
from flops_auditor.data import shipped_policy
from flops_auditor.domain.ledger.leaves import Verify
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.record_lines import RecordLines
from flops_auditor.domain.messages.report.job_line import line_of
from flops_auditor.domain.messages.report.report import LedgerSeen, RecordedRevision, Report, ShutDoorSeen, report_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ledger.bills_shown import bill_seen
from flops_auditor.use_cases.ledger.log_reader import (
    closing,
    newest_batch,
    newest_checkpoint,
    read_batch,
    read_checkpoint,
    signers_of,
)
from flops_auditor.use_cases.listing.reading import ReadingStore
from flops_auditor.use_cases.operations.compare_jobs import SETTLING
from flops_auditor.use_cases.ports.ledger import Archive, PendingRecords
from flops_auditor.use_cases.ports.records import RecordIndex, SeenJobs
from flops_auditor.use_cases.ports.sources import Regions


@dataclass(frozen=True)
class NewestRecord:
    """The predicate of a job's newest record, and the job id of the first run of its lineage."""

    content: Mapping[str, Any]
    lineage: str


class CurrentRecords(Protocol):
    """The newest record of every job."""

    def history(self) -> Iterable[RecordedRevision]:
        """Every record, superseded ones too."""

    def newest(self) -> Iterable[NewestRecord]:
        """Of every job."""

    def superseded(self, revisions: Sequence[RecordedRevision]) -> Iterable[Mapping[str, Any]]:
        """The predicates of these records of the history."""

    def contents(self, job_ids: Sequence[str]) -> Iterable[Mapping[str, Any]]:
        """The predicates of the newest records of these jobs."""

    def bill(self) -> Mapping[str, Any] | None:
        """The predicate of the statement on a bill that was made last; None where there is none."""


@dataclass(frozen=True)
class ListedDoor:
    """How far the jobs of one service were read, and which of them wait for their record."""

    regions: Regions
    readings: ReadingStore
    seen: SeenJobs


@dataclass(frozen=True)
class ClosedDoor:
    """A service whose jobs are not recorded as long as a parameter of the stack says so, and what was seen before."""

    what: str
    parameter: str
    regions: Regions
    seen: SeenJobs


@dataclass(frozen=True)
class Reporter:
    """What a report is made from; `doors` are the services whose jobs are recorded, `closed` those that could be."""

    ledger_id: str
    records: CurrentRecords
    archive: Archive
    pending: PendingRecords
    doors: tuple[ListedDoor, ...]
    index: RecordIndex
    verify: Verify
    clock: Callable[[], datetime]
    closed: tuple[ClosedDoor, ...] = ()


def report_ledger(reporter: Reporter, since: datetime, queried: RecordLines | None = None) -> Report:
    """The report of now, with what changed since a moment. The records that it read are added to `queried`."""
    size, sealed_at = newest_seal(reporter.archive, reporter.verify)
    now = reporter.clock()
    ledger = LedgerSeen(
        made_from="deployment",
        ledger_id=reporter.ledger_id,
        as_of=now,
        selection="",
        size=size,
        sealed_at=sealed_at,
        complete_to=complete_through(reporter.doors, reporter.index),
        waiting_since=waiting_since(reporter.pending),
        bill=bill_seen(reporter.records.bill()),
        shut_doors=tuple(shut_door_seen(door, reporter.index) for door in reporter.closed),
    )
    records = reporter.records
    lines = (line_of(each.content, now.date()) for each in listed_too(records.newest(), queried))
    return report_of(
        lines, records.contents, records.history(), ledger, since, __version__, shipped_policy, records.superseded
    )


def listed_too(records: Iterable[NewestRecord], queried: RecordLines | None) -> Iterator[NewestRecord]:
    """The same records; each is read once."""
    for each in records:
        if queried is not None:
            queried.add(each.content, each.lineage)
        yield each


def newest_seal(archive: Archive, verify: Verify) -> tuple[int, datetime | None]:
    """The size of the log by the newest heartbeat that its key signed, and when that was; (0, None) before the first.

    Raises LedgerError where the log is not as its sealer left it.
    """
    signers = signers_of(archive, verify)
    first = None if signers is None else newest_batch(archive, signers)
    if signers is None or first is None:
        return 0, None
    heartbeat = closing(read_batch(archive, first), first, signers)
    return (0, None) if heartbeat is None else (int(heartbeat["index"]) + 1, read_time(heartbeat["sealed_at"]))


def newest_pin(archive: Archive, verify: Verify) -> str:
    """The newest checkpoint that the log's key signed, as a text that `verify --pin` reads; "" before the first.

    Raises LedgerError where the log is not as its sealer left it.
    """
    signers = signers_of(archive, verify)
    size = 0 if signers is None else newest_checkpoint(archive, signers)
    return read_checkpoint(archive, size).decode() if size else ""


def complete_to(door: ListedDoor, index: RecordIndex) -> datetime | None:
    """Every job that ended before has a record, as the rounds of the reconciliation found; None where they do not know.

    Lists no jobs itself. A job that has its record may wait all the same, until people were told of it.
    """
    enabled = door.regions.enabled()
    reached = {name: door.readings.read(name) for name in enabled.names}
    if enabled.unread or not reached or any(each.whole_at is None or each.read_to is None for each in reached.values()):
        return None
    ends = [each.read_to - SETTLING for each in reached.values() if each.read_to is not None]
    waiting = [each.job for name in enabled.names for each in door.seen.waiting(name) if each.job.finished]
    recorded = index.recorded([job.job_id for job in waiting]) if waiting else {}
    without = [job for job in waiting if job.job_id not in recorded]
    return min([*ends, *(job.last_modified or job.creation_time for job in without)])


def complete_through(doors: Sequence[ListedDoor], index: RecordIndex) -> datetime | None:
    """What `complete_to` says of all services together."""
    moments = [complete_to(door, index) for door in doors]
    known = [moment for moment in moments if moment is not None]
    return min(known, default=None) if len(known) == len(moments) else None


def shut_door_seen(door: ClosedDoor, index: RecordIndex) -> ShutDoorSeen:
    """What a report says of a door that is shut. Jobs that ran when it was shut may have ended since: all are named."""
    waiting = [each.job for name in door.regions.enabled().names for each in door.seen.waiting(name)]
    recorded = index.recorded([job.job_id for job in waiting]) if waiting else {}
    return ShutDoorSeen(door.what, door.parameter, tuple(job.name for job in waiting if job.job_id not in recorded))


def waiting_since(pending: PendingRecords) -> datetime | None:
    """When the oldest record was made that has no place in the log yet."""
    oldest = next(iter(pending.waiting()), None)
    return None if oldest is None else read_time(predicate_of(oldest.line)["recorded_at"])
