"""Which of the waiting records are in the log already: the log is asked, not the table that says that they wait.

A record is sealed at its own time or later, so only batches from then on are read: the last one or two for records that
wait as they should, more for those that an older state of the table, or somebody who may write it, put back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from flops_auditor.domain.ledger.dsse import Envelope, parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Verify, record_of
from flops_auditor.domain.ledger.ledger_errors import LedgerError, ObjectReplaced
from flops_auditor.domain.values.archive_keys import LOG, batch_key
from flops_auditor.use_cases.ledger.log_reader import Signers, batches, closing, first_after, places_of
from flops_auditor.use_cases.ports.ledger import Archive, LogPlace, PendingRecord

RECENT = timedelta(hours=25)
"""Records that wait no longer are looked for whatever the time; older ones only as long as there is time."""

Identity = tuple[str, int]


@dataclass
class Found:
    """`places` of records that are logged; `others` by the leaf of another record of their job and revision; `unread`:
    there was no time to look for them.
    """

    places: list[LogPlace] = field(default_factory=list)
    others: dict[Identity, int] = field(default_factory=dict)
    unread: set[Identity] = field(default_factory=set)

    @property
    def known(self) -> set[Identity]:
        """All that must not get a place now."""
        return {(p.job_id, p.revision) for p in self.places} | self.others.keys() | self.unread


def find_places(
    archive: Archive,
    signers: Signers,
    size: int,
    waiting: Sequence[tuple[PendingRecord, datetime]],
    now: datetime,
    may_go_on: Callable[[], bool],
) -> Found:
    """Look for records, each with its own time, in the first `size` leaves."""
    logged = Found()
    recent = [each for each in waiting if now - each[1] <= RECENT]
    older = [each for each in waiting if now - each[1] > RECENT]
    _look(archive, signers, size, recent, logged, lambda: True)
    _look(archive, signers, size, older, logged, may_go_on)
    return logged


def time_of(record: PendingRecord, keys: KeyHistory, verify: Verify) -> datetime | None:
    """A waiting record's own time, if a record key of the ledger, of whatever time, signed it."""
    try:
        envelope = parse_envelope(record.line)
        if not _signed(envelope, keys, verify):
            return None
        leaf = record_of(envelope)
    except LedgerError:
        return None
    return leaf.at if leaf.identity == (record.job_id, record.revision) else None


def _signed(envelope: Envelope, keys: KeyHistory, verify: Verify) -> bool:
    known = {key.keyid: key.spki for key in keys.ranges if key.role == "record"}
    named = [each for each in envelope.signatures if each.keyid in known]
    return len(named) == 1 and verify(known[named[0].keyid], named[0].der, envelope.signed_bytes)


def _look(
    archive: Archive,
    signers: Signers,
    size: int,
    waiting: Sequence[tuple[PendingRecord, datetime]],
    logged: Found,
    may_go_on: Callable[[], bool],
) -> None:
    if not waiting or not size:
        return
    lines = {(record.job_id, record.revision): record.line for record, _ in waiting}
    since = min(at for _, at in waiting) - 2 * CLOCK_SKEW
    for index, line in _leaves(archive, size, _begin(archive, signers, size, since), may_go_on):
        if line is None:
            logged.unread |= lines.keys()
            return
        for place in places_of(index, [line]):
            identity = place.job_id, place.revision
            if identity not in lines:
                continue
            if lines[identity] == line:
                logged.places.append(place)
                del lines[identity]
            else:
                logged.others.setdefault(identity, index)
    for place in logged.places:
        logged.others.pop((place.job_id, place.revision), None)


def _leaves(
    archive: Archive, size: int, begin: int, may_go_on: Callable[[], bool]
) -> Iterator[tuple[int, bytes | None]]:
    """Leaves from a batch's first on; None for a line when the time is over."""
    for first, lines in batches(archive, size, begin):
        if not may_go_on():
            yield first, None
            return
        yield from enumerate(lines, start=first)


def _begin(archive: Archive, signers: Signers, size: int, since: datetime) -> int:
    """The first index of a batch that was sealed before `since`, or 0: wider and wider steps back from the end."""
    step, last = 1, size
    while step < size:
        probe = first_after(archive, LOG, batch_key, size - step - 1)
        if probe is not None and probe < last:
            last = probe
            heartbeat = _closing(archive, probe, signers)
            if heartbeat is not None and datetime.fromisoformat(heartbeat["sealed_at"]) < since:
                return probe
        step *= 2
    return 0


def _closing(archive: Archive, first: int, signers: Signers) -> dict[str, Any] | None:
    """What the heartbeat of a batch says; None if there is no batch of this log."""
    try:
        return closing(archive.get(batch_key(first)) or b"", first, signers)
    except ObjectReplaced:
        return None
