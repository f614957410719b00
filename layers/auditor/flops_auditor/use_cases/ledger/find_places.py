"""Which records are in the log: the log is asked, not the table that says that they wait, or where they are.

A record is sealed at its own time or later, so only batches from then on are read: the last one or two for records that
wait as they should, more for those that an older state of the table, or somebody who may write it, put back. What a
waiting record follows may be of any age: the table says where to look for it, and the batch there is read.
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
from flops_auditor.use_cases.ledger.log_reader import Signers, batches, closing, first_after, numbers, places_of
from flops_auditor.use_cases.ledger.small_batches import SmallBatches
from flops_auditor.use_cases.ledger.successions import Predecessors
from flops_auditor.use_cases.ports.ledger import Archive, Identity, LogPlace, PendingRecord
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn

RECENT = timedelta(hours=25)
"""Records that wait no longer are looked for whatever the time; older ones only as long as there is time."""

FIRST_STEP, WIDER = 16, 8
"""How many leaves before a record the beginning of its batch is looked for first, and how much further each time."""
TRIES = 4
"""How many objects of each such step are read."""


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
        return {place.identity for place in self.places} | self.others.keys() | self.unread


def find_places(
    archive: Archive,
    signers: Signers,
    size: int,
    waiting: Sequence[tuple[PendingRecord, datetime]],
    now: datetime,
    may_go_on: Callable[[], bool],
    into: Predecessors,
) -> Found:
    """Look for records, each with its own time, in the first `size` leaves; what is found is known to `into`."""
    logged = Found()
    recent = [each for each in waiting if now - each[1] <= RECENT]
    older = [each for each in waiting if now - each[1] > RECENT]
    _look(archive, signers, size, recent, logged, lambda: True, into)
    _look(archive, signers, size, older, logged, may_go_on, into)
    return logged


def confirm_places(
    archive: Archive,
    signers: Signers,
    size: int,
    hints: Sequence[LogPlace],
    may_go_on: Callable[[], bool],
    into: Predecessors,
    at_once: SideBySide = in_turn,
) -> set[Identity]:
    """Make those known that are in the first `size` leaves, where it is said; those that there was no time to see.

    Small batches are read `at_once`, some at a time, others one by one.
    """
    unread = set[Identity]()
    first, lines = 0, list[bytes]()
    places = sorted((place for place in hints if place.index < size), key=lambda place: place.index)
    small: SmallBatches | None = None
    for place in places:
        if not first <= place.index < first + len(lines):
            if not may_go_on():
                unread.add(place.identity)
                continue
            small = small or SmallBatches(archive, signers, [each.index for each in places], at_once)
            first, lines = small.with_leaf(place.index)
            if not first <= place.index < first + len(lines):
                first, lines = batch_with(archive, signers, size, place.index, may_go_on)
        if not first <= place.index < first + len(lines):
            unread |= set() if may_go_on() else {place.identity}
        elif place in places_of(place.index, [lines[place.index - first]]):
            into.know(lines[place.index - first], place.index)
    return unread


def batch_with(
    archive: Archive, signers: Signers, size: int, index: int, may_go_on: Callable[[], bool] = lambda: True
) -> tuple[int, list[bytes]]:
    """(first index, lines) of the batch that has a leaf; no lines where none is found, or there is no time."""
    try:
        for first, lines in batches(archive, size, _batch_before(archive, signers, index)):
            if index < first + len(lines) or not may_go_on():
                return first, lines
    except LedgerError:
        pass  # an archive that is not as its sealer left it: what cannot be read confirms nothing
    return 0, []


def _batch_before(archive: Archive, signers: Signers, index: int) -> int:
    """The first index of a batch of this log that begins at a leaf or, by few leaves, before it."""
    step, end = FIRST_STEP, index
    while end > 0:
        after = batch_key(index - step - 1) if step < index else ""
        present, _ = numbers(archive, LOG, batch_key, after, step + 1)
        for first in [number for number in present if number <= end][: -TRIES - 1 : -1]:
            if _closing(archive, first, signers) is not None:
                return first
        end, step = index - step - 1, step * WIDER
    return 0


def time_of(record: PendingRecord, keys: KeyHistory, verify: Verify) -> datetime | None:
    """A waiting record's own time, if a record key of the ledger, of whatever time, signed it."""
    try:
        envelope = parse_envelope(record.line)
        if not _signed(envelope, keys, verify):
            return None
        leaf = record_of(envelope)
    except LedgerError:
        return None
    return leaf.at if leaf.identity == record.identity else None


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
    into: Predecessors,
) -> None:
    if not waiting or not size:
        return
    lines = {record.identity: record.line for record, _ in waiting}
    since = min(at for _, at in waiting) - 2 * CLOCK_SKEW
    for index, line in _leaves(archive, size, _begin(archive, signers, size, since), may_go_on):
        if line is None:
            logged.unread |= lines.keys()
            return
        for place in places_of(index, [line]):
            if place.identity not in lines:
                continue
            into.know(line, index)
            if lines[place.identity] == line:
                logged.places.append(place)
                del lines[place.identity]
            else:
                logged.others.setdefault(place.identity, index)
    for place in logged.places:
        logged.others.pop(place.identity, None)


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
