"""Checks that a whole bundle and a part have in common: checkpoints, the pin, keys, and what records name by digest."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from flops_auditor.domain.ledger.agreement import check_order, milliseconds
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.forms import ANCESTORS_FORM
from flops_auditor.domain.ledger.key_history import ROLES, KeyHistory
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Rotation, Verify
from flops_auditor.domain.ledger.ledger_errors import (
    AnotherLedger,
    BadCheckpointSignature,
    EvidenceMismatch,
    ForkedHistory,
    FutureTimestamp,
    LateRecord,
    LedgerError,
    MalformedRecord,
    MissingCheckpoint,
    PinOfUnknownKey,
    RolledBack,
    StaleLedger,
    TimeRunsBackwards,
    TooLarge,
    UnauthorisedRotation,
    WrongAsOf,
    WrongOrigin,
)
from flops_auditor.domain.ledger.left_out import LEFT_OUT, left_out
from flops_auditor.domain.ledger.merkle import EMPTY_ROOT
from flops_auditor.domain.ledger.saved_mail import notes_in
from flops_auditor.domain.ledger.signed_note import Checkpoint, note_key_id, parse_checkpoint, parse_note
from flops_auditor.domain.ledger.verification import Dated, FirstNamed, Heartbeat, times_of
from flops_auditor.domain.values.canonical_json import NotCanonical, UnreadableJson, parse_canonical
from flops_auditor.domain.values.json_size import MOST_PARTS, parts_of
from flops_auditor.domain.values.moments import iso

Load = Callable[[str], bytes | None]
"""SHA-256 in hex -> the object, None if it is not at hand."""
SEALED_WITHIN = timedelta(hours=25)
"""From a record's own time to the heartbeat after it. The sealer runs every 15 minutes; a day's outage is let pass."""


def check_checkpoint(note: bytes, ledger_id: str, keys: KeyHistory, verify: Verify) -> Checkpoint:
    """The tree head that a checkpoint commits to, signed by the key in force at its size.

    Signatures by keys of this ledger are checked, others (of witnesses, say) passed over (c2sp.org/signed-note). An
    ECDSA signature has two values of s; either is taken, as of records: the log covers the bytes of both. Raises
    WrongOrigin or BadCheckpointSignature.
    """
    parsed = parse_note(note)
    head = parse_checkpoint(parsed.text)
    if head.origin != ledger_id:
        raise WrongOrigin(f"the checkpoint of size {head.size} is of {head.origin[:120]!r}, not of {ledger_id!r}")
    signed = False
    for signature in parsed.signatures:
        for key in keys.ranges:
            if key.role != "checkpoint" or (signature.name, signature.key_id) != (ledger_id, note_key_id(key.spki)):
                continue
            if not verify(key.spki, signature.der, head.text):
                raise BadCheckpointSignature(f"a signature of the checkpoint of size {head.size} does not verify")
            signed = signed or key.covers(max(head.size - 1, 0))
    if not signed:
        raise BadCheckpointSignature(f"the checkpoint of size {head.size} is not signed by the key in force there")
    return head


@dataclass(frozen=True, slots=True)
class Pin:
    """A checkpoint that reached the verifier by another way than the bundle."""

    note: bytes
    head: Checkpoint


@dataclass(frozen=True, slots=True)
class Pins:
    """The checkpoints of a ledger in what somebody saved: those that accuse where they do not fit, and `others`, of
    that no key that is known signed, beside some that one did: whoever can write into a mail can write such a text, and
    a bundle that ends before a rotation lacks the key of what came after. `denied`: a key denies each.
    """

    compared: tuple[Pin, ...] = ()
    others: tuple[Pin, ...] = ()
    denied: bool = False

    @property
    def sizes(self) -> list[int]:
        """How many leaves those commit to that are compared, each once, in order."""
        return sorted({pin.head.size for pin in self.compared})

    def roots(self, unknown: bytes | None) -> dict[int, bytes | None]:
        """The sizes at which the tree's root is asked for, each with `unknown` until it is seen."""
        pins = (*self.compared, *self.others)
        return {pin.head.size: unknown if pin.head.size else EMPTY_ROOT for pin in pins}


def read_pins(text: bytes, ledger_id: str, keys: Sequence[KeyHistory], verify: Verify) -> Pins:
    """The pins in a text: every checkpoint of this ledger.

    Where none is signed by a key of these histories, all are compared that no such key denies: a forged ledger has keys
    of its own. Raises UnreadableNote, or AnotherLedger where none is of this ledger.
    """
    pins = [Pin(note, parse_checkpoint(parse_note(note).text)) for note in notes_in(text) or [text]]
    ours = [pin for pin in pins if pin.head.origin == ledger_id]
    if not ours:
        raise AnotherLedger(f"the pinned checkpoint is of {pins[0].head.origin[:120]!r}, not of {ledger_id[:120]!r}")
    ids = {note_key_id(key.spki): key.spki for each in keys for key in each.ranges if key.role == "checkpoint"}
    by_key = [(pin, _is_signed(pin, ids, verify)) for pin in ours]
    signed, unknown = (tuple(pin for pin, is_signed in by_key if is_signed is each) for each in (True, None))
    if signed:
        return Pins(signed, tuple(pin for pin, is_signed in by_key if not is_signed))
    return Pins(unknown) if unknown else Pins((ours[0],), denied=True)


def _is_signed(pin: Pin, ids: Mapping[bytes, bytes], verify: Verify) -> bool | None:
    """Whether the keys of a ledger that a pin names signed it; None where it names none. `ids` are key IDs -> keys."""
    named = [signature for signature in parse_note(pin.note).signatures if signature.key_id in ids]
    return all(verify(ids[each.key_id], each.der, pin.head.text) for each in named) if named else None


def check_pins(pins: Pins, newest: int, roots: Mapping[int, bytes | None]) -> None:
    """The history goes on from each pin; `roots` are the roots of the tree at their sizes, None where it is not here.

    Raises BadCheckpointSignature, and what `check_pin` raises; PinOfUnknownKey where one of the others does not fit.
    """
    if pins.denied:
        raise BadCheckpointSignature("the signature of the pinned checkpoint does not verify")
    for pin in pins.compared:
        check_pin(pin, newest, roots[pin.head.size])
    for pin in pins.others:
        try:
            check_pin(pin, newest, roots[pin.head.size])
        except LedgerError as error:
            raise PinOfUnknownKey(f"of a checkpoint in the pin that no key here signed: {error}") from error


def check_pin(pin: Pin, newest: int, root_at_pin: bytes | None) -> None:
    """The history goes on from the pin. Raises RolledBack, MissingCheckpoint where none of the pin's size is here (of a
    part, whoever handed it over may have left it out), or ForkedHistory.
    """
    if pin.head.size > newest:
        raise RolledBack(f"the pin commits to {pin.head.size} leaves, the newest checkpoint to {newest}")
    if root_at_pin is None:
        raise MissingCheckpoint(f"the checkpoint of {pin.head.size} leaves, which was pinned, is not here to compare")
    if root_at_pin != pin.head.root:
        raise ForkedHistory(f"the history up to leaf {pin.head.size} is not the one that was pinned")


def check_rotations(
    keys: KeyHistory,
    rotations: Sequence[tuple[int, Rotation]],
    heartbeat: Heartbeat | None,
    began: datetime | None = None,
) -> None:
    """keys.json is the first keys and what rotation leaves, numbered from 0, made of them. Raises UnauthorisedRotation,
    TimeRunsBackwards.

    `said` is the newest heartbeat: it counts the rotations and names the keys in force, so none can be kept back;
    `began` is when the first batch was sealed, if that is here: keys are replaced after that, one after the other.
    """
    history = keys.first_keys
    for number, (index, change) in enumerate(rotations):
        if began is not None and change.at < began - CLOCK_SKEW:
            raise TimeRunsBackwards(f"the rotation at leaf {index} is dated {iso(change.at)}, before {iso(began)}")
        began = max(began or change.at, change.at)
        if history.current(change.role).keyid != change.old_keyid:
            raise UnauthorisedRotation(f"the rotation at leaf {index} replaces a key that is not in force")
        if change.number != number:
            raise UnauthorisedRotation(f"the rotation at leaf {index} has the number {change.number}, not {number}")
        history = history.rotated(change.role, change.new_spki, index)
    if history != keys:
        raise UnauthorisedRotation("keys.json has a key or a range that no rotation leaf authorises")
    if heartbeat is not None:
        current = tuple(keys.current(role).keyid for role in ROLES)
        if heartbeat.rotations != len(rotations) or heartbeat.keys != current:
            raise UnauthorisedRotation("the newest heartbeat names other keys than keys.json and the rotation leaves")


def check_freshness(sealed_at: datetime, as_of: datetime, now: datetime | None, max_age: timedelta) -> None:
    """The sealer lives. Raises StaleLedger, FutureTimestamp or, where the question is wrong, WrongAsOf."""
    if sealed_at > as_of + CLOCK_SKEW:
        message = f"the newest heartbeat is dated {iso(sealed_at)}, after {iso(as_of)}"
        if now is not None and sealed_at <= now + CLOCK_SKEW:
            raise WrongAsOf(message)
        raise FutureTimestamp(message)
    if as_of - sealed_at > max_age:
        raise StaleLedger(f"sealed {(as_of - sealed_at) / timedelta(hours=1):.1f} hours before {iso(as_of)}")


def check_sealed(latest: Dated | None, sealed_at: datetime) -> None:
    """Nothing is dated after the heartbeat that closes its batch. Raises FutureTimestamp."""
    if latest is not None and latest.at > sealed_at + CLOCK_SKEW:
        raise FutureTimestamp(f"leaf {latest.leaf} is dated {iso(latest.at)}, its batch {iso(sealed_at)}")


def late(earliest: Dated | None, times: Iterable[bytes], sealed_at: datetime) -> Iterator[Defect]:
    """Every record of a batch that came into the log long after its own time."""
    if earliest is None or sealed_at - earliest.at <= SEALED_WITHIN:
        return
    sealed = milliseconds(sealed_at)
    for at, leaf in (each for packed in times for each in times_of(packed)):
        if sealed - at > SEALED_WITHIN // timedelta(milliseconds=1):
            message = f"leaf {leaf} is dated {(sealed - at) / 3_600_000:.1f} hours before it was sealed"
            yield defect_of(LateRecord(message), leaf)


def check_tables(named: Collection[str], files: Collection[str], load: Load) -> None:
    """Tables are those that records name, by their digests. Raises EvidenceMismatch.

    One that is missing is named when figures are computed again: nothing else rests on it.
    """
    for digest in files:
        if digest not in named or sha256(load(digest) or b"").hexdigest() != digest:
            raise EvidenceMismatch(f"the table {digest[:64]} is not one that a record names")


def check_ancestors(named: Mapping[str, FirstNamed], files: Collection[str], load: Load) -> dict[str, Defect]:
    """Objects with ancestors are exactly those that records name, by their digests. Raises EvidenceMismatch.

    Returns what was found of those that are too large to be read: all that does not rest on them is still checked.
    """
    unread = {}
    for digest in files:
        if digest not in named:
            raise EvidenceMismatch(f"the ancestors in {digest[:64]} are not those that a record names")
        try:
            check_kept(digest, load(digest) or b"", named[digest].bounded)
        except TooLarge as error:
            unread[digest] = defect_of(error, named[digest].leaf)
    for digest in named.keys() - files:
        raise EvidenceMismatch(f"the ancestors in {digest[:64]}, which a record names, are missing")
    return unread


def check_kept(digest: str, body: bytes, bounded: bool = False) -> None:
    """An object with ancestors is the one that was signed; `bounded`: by a version that keeps none that is too large.

    Raises EvidenceMismatch, or TooLarge for one that takes too much memory.
    """
    if body == LEFT_OUT:
        raise left_out(f"the object with ancestors {digest} is", bounded)
    if sha256(body).hexdigest() != digest:
        raise EvidenceMismatch(f"the ancestors in {digest} are not those that a record names")
    if parts_of(body) > MOST_PARTS:
        raise TooLarge(f"the ancestors in {digest} have more than {MOST_PARTS} parts")


def listed_in(body: bytes) -> list[dict[str, Any]]:
    """The ancestors in an object that was checked by its digest. Raises MalformedRecord."""
    try:
        document = parse_canonical(body)
    except (UnreadableJson, NotCanonical) as error:
        raise MalformedRecord(f"an object with ancestors is {error}") from error
    ANCESTORS_FORM.check(document)
    ancestors: list[dict[str, Any]] = document["ancestors"]
    check_order(ancestors)
    return ancestors
