"""Finding one's way in the archived log: its newest objects in O(log n) listings, and its Merkle frontier."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import ROLES, KeyHistory, KeyRole, parse_key_history
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import (
    CLOCK_SKEW,
    Rotation,
    Verify,
    kind_of,
    parse_rotation,
    read_leaf,
    rests_on_evidence,
)
from flops_auditor.domain.ledger.ledger_errors import (
    BadCheckpointSignature,
    LedgerError,
    MissingCheckpoint,
    ObjectReplaced,
    RootMismatch,
    TimeRunsBackwards,
    TruncatedLedger,
    UnauthorisedRotation,
    UncheckpointedTail,
    WrongOrigin,
)
from flops_auditor.domain.ledger.merkle import CompactRange, frontier, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, note_key_id, parse_checkpoint, parse_note
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.values.archive_keys import (
    CHECKPOINTS,
    KEYS,
    LOG,
    batch_key,
    checkpoint_key,
    frontier_key,
    number_of,
    rotation_key,
)
from flops_auditor.domain.values.canonical_json import UnreadableJson, canonical, parse_strict
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.ledger import Archive, LogPlace

KEYS_IN_A_PAGE = 1000
MOST_LEAVES = 10**20
"""What the digits of a key have room for."""


@dataclass(frozen=True)
class Signers:
    """Who may have signed the log and its records: every key of keys.json and of authorised requests for new ones."""

    ledger_id: str
    checkpoint: tuple[bytes, ...]
    verify: Verify
    record: tuple[bytes, ...] = ()

    def signed(self, key_id: bytes, message: bytes, signature: bytes) -> bool:
        """Whether one of the keys, named by the first bytes of its key id, made the signature."""
        return any(note_key_id(spki) == key_id and self.verify(spki, signature, message) for spki in self.checkpoint)

    def recorded(self, line: bytes) -> bool:
        """Whether one of the record keys signed a line. Raises MalformedRecord."""
        envelope = parse_envelope(line)
        return any(
            keyid(spki) == each.keyid and self.verify(spki, each.der, envelope.signed_bytes)
            for each in envelope.signatures
            for spki in self.record
        )


def signers_of(archive: Archive, verify: Verify) -> Signers | None:
    """Whose signatures the log may bear; None before the first seal."""
    text = archive.get(KEYS)
    if text is None:
        return None
    keys = parse_key_history(text)
    known: dict[KeyRole, list[bytes]] = {role: [keys.current(role).spki] for role in ROLES}
    number = 0
    try:
        while line := rotation_line(archive, number):
            envelope = parse_envelope(line)
            change = parse_rotation(envelope.payload)
            signed = zip((keys.current(change.role).spki, change.new_spki), envelope.signatures, strict=True)
            if not all(verify(spki, signature.der, envelope.signed_bytes) for spki, signature in signed):
                break
            keys = keys.rotated(change.role, change.new_spki, number)
            known[change.role].append(change.new_spki)
            number += 1
    except (LedgerError, ValueError):
        pass  # a request that the sealer refuses: nothing is signed by its key
    return Signers(keys.ledger_id, tuple(known["checkpoint"]), verify, tuple(known["record"]))


def numbers(
    archive: Archive, prefix: str, key_of: Callable[[int], str], after: str, limit: int
) -> tuple[list[int], str]:
    """The numbers among the next keys of a prefix, at most `limit` keys, and the last key ("" at the end).

    Keys that no writer of the log makes are passed over: `doctor` names them.
    """
    page = list(archive.list(prefix, start_after=after, limit=limit))
    present = [number for key in page if (number := number_of(key, key_of)) is not None]
    return present, page[-1] if len(page) == limit else ""


def newest_number(archive: Archive, prefix: str, key_of: Callable[[int], str]) -> int | None:
    """The largest number among the keys of a prefix, None if there is none.

    A page is listed; while it is full, ever wider steps are tried from its end. O(log^2 n) calls, most for one key.
    """
    newest: int | None = None
    start = ""
    while True:
        present, last = numbers(archive, prefix, key_of, start, KEYS_IN_A_PAGE)
        newest = present[-1] if present else newest
        if not last:
            return newest
        start = last
        if present:
            step = present[-1] - present[0] + 1
            while present[-1] + step < MOST_LEAVES:
                further = first_after(archive, prefix, key_of, present[-1] + step)
                if further is None:
                    break
                present.append(further)
                step *= 2
            newest = present[-1]
            start = max(start, key_of(newest))


def first_after(archive: Archive, prefix: str, key_of: Callable[[int], str], number: int) -> int | None:
    """The next number after one among the keys of a prefix."""
    after, limit = key_of(number), 1
    while after:
        present, after = numbers(archive, prefix, key_of, after, limit)
        if present:
            return present[0]
        limit = KEYS_IN_A_PAGE
    return None


def newest_checkpoint(archive: Archive, signers: Signers) -> int:
    """The size of the newest checkpoint; 0 if there is none. What nobody of the log signed is passed over.

    Raises ObjectReplaced where the checkpoint of the newest batch was.
    """
    size, sure = _newest_of_ours(archive, CHECKPOINTS, checkpoint_key, lambda size, note: _is_ours(note, size, signers))
    while not sure:
        end = _end_of(archive, size or 0, signers)
        sure = end is None or not _is_ours(archive.get(checkpoint_key(end)) or b"", end, signers)
        size = size if sure else end
    return size or 0


def newest_batch(archive: Archive, signers: Signers) -> int | None:
    """The first index of the newest batch; what nobody of the log signed is passed over. Raises ObjectReplaced."""
    first, sure = _newest_of_ours(
        archive, LOG, batch_key, lambda first, body: closing(body, first, signers) is not None
    )
    while not sure:
        following = 0 if first is None else _end_of(archive, first, signers)
        sure = following is None or _end_of(archive, following, signers) is None
        first = first if sure else following
    return first


def _newest_of_ours(
    archive: Archive, prefix: str, key_of: Callable[[int], str], ours: Callable[[int, bytes], bool]
) -> tuple[int | None, bool]:
    """The newest object that the log's writers made, and whether nothing can be between it and the end.

    Whoever may write to the archive can put any number of objects above the head of the log. The prefix is then listed
    once and searched as if all that is ours came first, so O(log n) objects are read, however many there are. Objects
    of others among ours may lead the search astray, so the caller goes on from what it found, batch by batch.
    """

    def is_ours(number: int) -> bool:
        try:
            return ours(number, archive.get(key_of(number)) or b"")
        except ObjectReplaced:
            return False

    top = newest_number(archive, prefix, key_of)
    if top is None or is_ours(top):
        return top, True
    known = [number for key in archive.list(prefix) if (number := number_of(key, key_of)) is not None]
    low, high, step = -1, len(known) - 1, 1
    while high > 0 and low < 0:
        at = max(0, high - step)
        low, high, step = (at, high, step) if is_ours(known[at]) else (-1, at, 2 * step)
    while high - low > 1 and low >= 0:
        middle = (low + high) // 2
        low, high = (middle, high) if is_ours(known[middle]) else (low, middle)
    return (known[low] if low >= 0 else None), False


def _end_of(archive: Archive, first: int, signers: Signers) -> int | None:
    """Where the batch from `first` on ends; None if nobody of the log wrote one. Raises ObjectReplaced."""
    body = archive.get(batch_key(first)) or b""
    return first + body.count(b"\n") if closing(body, first, signers) is not None else None


def closing(body: bytes, first: int, signers: Signers) -> dict[str, Any] | None:
    """What the heartbeat at the end of a batch says; None if the body is no batch of this log that begins there."""
    try:
        lines = lines_of(body)
        envelope = parse_envelope(lines[-1])
        if kind_of(envelope.payload) != "heartbeat":
            return None
        heartbeat = parse_statement(envelope.payload).predicate
        (signature,) = envelope.signatures
        signed = signers.signed(bytes.fromhex(signature.keyid)[:4], envelope.signed_bytes, signature.der)
        place = (str(first), str(first + len(lines) - 1), signers.ledger_id)
        return (
            heartbeat
            if signed and (heartbeat["first_index"], heartbeat["index"], heartbeat["ledger_id"]) == place
            else None
        )
    except (LedgerError, ValueError, KeyError, IndexError):
        return None


def _is_ours(note: bytes, size: int, signers: Signers) -> bool:
    try:
        parsed = parse_note(note)
        head = parse_checkpoint(parsed.text)
    except LedgerError:
        return False
    signed = any(signers.signed(each.key_id, parsed.text, each.der) for each in parsed.signatures)
    return signed and (head.origin, head.size) == (signers.ledger_id, size)


def lines_of(body: bytes) -> list[bytes]:
    """The lines of a batch. Raises UncheckpointedTail for bytes after the last newline."""
    lines = body.split(b"\n")
    if lines.pop():
        raise UncheckpointedTail("a batch does not end in a newline")
    return lines


def range_of(first_index: int, lines: list[bytes]) -> CompactRange:
    """The compact range of a batch."""
    return CompactRange.of(first_index, [leaf_hash(line) for line in lines])


def verified_checkpoint(note: bytes, origin: str, spki: bytes, verify: Verify) -> Checkpoint:
    """A checkpoint's content, if the key signed it. Raises BadCheckpointSignature or WrongOrigin."""
    parsed = parse_note(note)
    checkpoint = parse_checkpoint(parsed.text)
    if checkpoint.origin != origin:
        raise WrongOrigin(
            f"the checkpoint of size {checkpoint.size} is of the log {checkpoint.origin[:120]!r}, not {origin!r}"
        )
    ours = [line for line in parsed.signatures if line.name == origin and line.key_id == note_key_id(spki)]
    if not ours or not all(verify(spki, line.der, parsed.text) for line in ours):
        raise BadCheckpointSignature(f"the checkpoint of size {checkpoint.size} is not signed by the key in force")
    return checkpoint


def read_batch(archive: Archive, first_index: int) -> bytes:
    """A batch's bytes. Raises TruncatedLedger if it is not there."""
    body = archive.get(batch_key(first_index))
    if body is None:
        raise TruncatedLedger(f"the batch that begins at leaf {first_index} is missing")
    return body


def batches(
    archive: Archive, size: int, first: int = 0, read: Callable[[int], bytes] | None = None
) -> Iterator[tuple[int, list[bytes]]]:
    """(first index, lines) of the batches from one on, as far as `size`, one in memory at a time; `read` gives the
    bytes of each, as `read_batch` does.

    Each is found by where the one before ends, so nothing else in the archive matters. Raises TruncatedLedger.
    """
    read = read or partial(read_batch, archive)
    while first < size:
        lines = lines_of(read(first))
        if not lines or first + len(lines) > size:
            raise TruncatedLedger(f"no batch that begins at leaf {first} ends at the checkpoint of size {size}")
        yield first, lines
        first += len(lines)


def places_of(first: int, lines: Iterable[bytes]) -> list[LogPlace]:
    """Where the records and the statements on bills among the lines from a leaf on stand."""
    places = []
    for index, line in enumerate(lines, start=first):
        payload = parse_envelope(line).payload
        if rests_on_evidence(kind_of(payload)):
            places.append(LogPlace(*parse_statement(payload).identity, index))
    return places


def read_checkpoint(archive: Archive, size: int) -> bytes:
    """A checkpoint's bytes. Raises MissingCheckpoint if it is not there."""
    note = archive.get(checkpoint_key(size))
    if note is None:
        raise MissingCheckpoint(f"the checkpoint of size {size} is missing")
    return note


def root_at(archive: Archive, size: int, signers: Signers) -> bytes:
    """The root of the first leaves, by the checkpoint over them. Raises MissingCheckpoint, BadCheckpointSignature."""
    note = read_checkpoint(archive, size)
    if not _is_ours(note, size, signers):
        raise BadCheckpointSignature(f"the checkpoint of size {size} is not one that a key of the log signed")
    return parse_checkpoint(parse_note(note).text).root


def load_frontier(archive: Archive, head: Checkpoint) -> CompactRange:
    """The frontier under a checkpoint: the kept one if it leads to the signed root, else hashed from all leaves."""
    kept = _kept_frontier(archive, head)
    if kept is not None:
        return kept
    tree = CompactRange()
    while tree.end < head.size:
        tree = tree.join(range_of(tree.end, lines_of(read_batch(archive, tree.end))))
    if tree.end != head.size or tree.root() != head.root:
        raise RootMismatch(f"the leaves do not lead to the root of the checkpoint of size {head.size}")
    return tree


def _kept_frontier(archive: Archive, head: Checkpoint) -> CompactRange | None:
    """What was kept under a checkpoint, if it leads to its root: a cache, which anything may have become."""
    try:
        kept = archive.get(frontier_key(head.size)) or b""
        rebuilt = frontier(head.size, [bytes.fromhex(digest) for digest in parse_strict(kept)["hashes"]])
    except (ObjectReplaced, UnreadableJson, KeyError, TypeError, ValueError):
        return None
    return rebuilt if rebuilt.root() == head.root else None


def frontier_leads(archive: Archive, size: int) -> bool:
    """Whether the frontier of a size, if one is there, leads to the checkpoint's root: else each seal reads the log."""
    head = parse_checkpoint(parse_note(read_checkpoint(archive, size)).text)
    return frontier_key(size) not in archive.list(frontier_key(size), limit=1) or bool(_kept_frontier(archive, head))


def store_frontier(archive: Archive, tree: CompactRange) -> None:
    """Keep the frontier for the next seal."""
    hashes = [digest.hex() for _, _, digest in tree.nodes]
    archive.put_if_absent(frontier_key(tree.end), canonical({"size": str(tree.end), "hashes": hashes}))


def genesis_keys(archive: Archive, ledger_id: str) -> KeyHistory | None:
    """The keys the ledger began with; None before the first seal. Raises WrongOrigin for another ledger's."""
    text = archive.get(KEYS)
    if text is None:
        return None
    history = parse_key_history(text)
    if history.ledger_id != ledger_id:
        raise WrongOrigin(f"keys.json is of the ledger {history.ledger_id[:120]!r}, not {ledger_id!r}")
    return history


def not_asked_before(archive: Archive, signers: Signers, number: int) -> datetime | None:
    """When rotation `number` can have been asked for at the earliest: after the first seal and all before it.

    Of all, since each may be dated a little before the one before it. None before the first seal.
    """
    heartbeat = closing(archive.get(batch_key(0)) or b"", 0, signers)
    began = [] if heartbeat is None else [read_time(heartbeat["sealed_at"])]
    lines = (rotation_line(archive, earlier) for earlier in range(number))
    return max([*began, *(parse_rotation(parse_envelope(line).payload).at for line in lines if line)], default=None)


def requested_rotation(
    archive: Archive, signers: Signers, keys: KeyHistory, number: int, index: int
) -> tuple[bytes, Rotation] | None:
    """The request for rotation `number`, which would be the leaf at `index`; None if nobody asked.

    Raises the error that names why the object at its place is no such request.
    """
    line = rotation_line(archive, number)
    if line is None:
        return None
    change = read_leaf(parse_envelope(line), keys.ledger_id, index, keys, signers.verify).rotation
    if change is None or change.number != number:
        raise UnauthorisedRotation("the request is not a rotation, or has another number")
    earliest = not_asked_before(archive, signers, number)
    if earliest is not None and change.at < earliest - CLOCK_SKEW:
        raise TimeRunsBackwards(f"the request is dated {iso(change.at)}, before {iso(earliest)}")
    keys.rotated(change.role, change.new_spki, index)
    return line, change


def rotation_line(archive: Archive, number: int) -> bytes | None:
    """The signed request for rotation `number`, without its newline."""
    line = archive.get(rotation_key(number))
    if line is not None:
        parse_envelope(line)
    return line
