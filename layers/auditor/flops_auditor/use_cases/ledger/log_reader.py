"""Finding one's way in the archived log: its newest objects in O(log n) listings, and its Merkle frontier."""

from collections.abc import Callable

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_key_history
from flops_auditor.domain.ledger.leaves import Verify
from flops_auditor.domain.ledger.ledger_errors import (
    BadCheckpointSignature,
    MissingCheckpoint,
    RootMismatch,
    TruncatedLedger,
    UncheckpointedTail,
    WrongOrigin,
)
from flops_auditor.domain.ledger.merkle import CompactRange, frontier, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, note_key_id, parse_checkpoint, parse_note
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
from flops_auditor.use_cases.ports.ledger import Archive

KEYS_IN_A_PAGE = 1000


def newest_number(archive: Archive, prefix: str, key_of: Callable[[int], str]) -> int | None:
    """The largest number among the keys of a prefix, None if there is none.

    A page is listed; while it is full, ever wider steps are tried from its end. O(log^2 n) calls, most for one key.
    """
    newest: int | None = None
    while True:
        start = key_of(newest) if newest is not None else ""
        page = [number_of(key) for key in archive.list(prefix, start_after=start, limit=KEYS_IN_A_PAGE)]
        if len(page) < KEYS_IN_A_PAGE:
            return page[-1] if page else newest
        newest, step = page[-1], page[-1] - page[0] + 1
        while (found := _first_after(archive, prefix, key_of(newest + step))) is not None:
            newest, step = found, step * 2


def _first_after(archive: Archive, prefix: str, key: str) -> int | None:
    return next((number_of(found) for found in archive.list(prefix, start_after=key, limit=1)), None)


def newest_checkpoint(archive: Archive) -> int:
    """The size of the newest checkpoint; 0 if there is none."""
    return newest_number(archive, CHECKPOINTS, checkpoint_key) or 0


def newest_batch(archive: Archive) -> int | None:
    """The first index of the newest batch."""
    return newest_number(archive, LOG, batch_key)


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
    found = parse_checkpoint(parsed.text)
    if found.origin != origin:
        raise WrongOrigin(f"the checkpoint of size {found.size} is of the log {found.origin[:120]!r}, not {origin!r}")
    ours = [line for line in parsed.signatures if line.name == origin and line.key_id == note_key_id(spki)]
    if not ours or not all(verify(spki, line.der, parsed.text) for line in ours):
        raise BadCheckpointSignature(f"the checkpoint of size {found.size} is not signed by the key in force")
    return found


def read_batch(archive: Archive, first_index: int) -> bytes:
    """A batch's bytes. Raises TruncatedLedger if it is not there."""
    body = archive.get(batch_key(first_index))
    if body is None:
        raise TruncatedLedger(f"the batch that begins at leaf {first_index} is missing")
    return body


def read_checkpoint(archive: Archive, size: int) -> bytes:
    """A checkpoint's bytes. Raises MissingCheckpoint if it is not there."""
    note = archive.get(checkpoint_key(size))
    if note is None:
        raise MissingCheckpoint(f"the checkpoint of size {size} is missing")
    return note


def load_frontier(archive: Archive, head: Checkpoint) -> CompactRange:
    """The frontier under a checkpoint: the kept one if it leads to the signed root, else hashed from all leaves."""
    kept = archive.get(frontier_key(head.size))
    if kept is not None:
        try:
            found = frontier(head.size, [bytes.fromhex(digest) for digest in parse_strict(kept)["hashes"]])
            if found.root() == head.root:
                return found
        except (UnreadableJson, KeyError, TypeError, ValueError):
            pass  # a cache, and not a good one
    tree = CompactRange()
    while tree.end < head.size:
        tree = tree.join(range_of(tree.end, lines_of(read_batch(archive, tree.end))))
    if tree.end != head.size or tree.root() != head.root:
        raise RootMismatch(f"the leaves do not lead to the root of the checkpoint of size {head.size}")
    return tree


def store_frontier(archive: Archive, tree: CompactRange) -> None:
    """Keep the frontier for the next seal."""
    hashes = [digest.hex() for _, _, digest in tree.nodes]
    archive.put_if_absent(frontier_key(tree.end), canonical({"size": str(tree.end), "hashes": hashes}))


def genesis_keys(archive: Archive, ledger_id: str) -> KeyHistory | None:
    """The keys the ledger began with; None before the first seal. Raises WrongOrigin for another ledger's."""
    text = archive.get(KEYS)
    if text is None:
        return None
    found = parse_key_history(text)
    if found.ledger_id != ledger_id:
        raise WrongOrigin(f"keys.json is of the ledger {found.ledger_id[:120]!r}, not {ledger_id!r}")
    return found


def rotation_line(archive: Archive, number: int) -> bytes | None:
    """The signed request for rotation `number`, without its newline."""
    line = archive.get(rotation_key(number))
    if line is not None:
        parse_envelope(line)
    return line
