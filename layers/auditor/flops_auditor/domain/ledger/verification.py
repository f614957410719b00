"""Verification of a log's leaves and checkpoints, pure: what a verifier does with bytes, wherever they came from.

A log is checked in chunks, in any order and in several processes; a chunk's summary is small, and summaries are then
joined in order. Every batch of the log ends with a heartbeat, and every heartbeat is the last leaf under a checkpoint.
"""

import binascii
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import ROLES, KeyHistory
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Leaf, Rotation, Verify, check_time, read_leaf
from flops_auditor.domain.ledger.ledger_errors import (
    BadCheckpointSignature,
    CannotVerify,
    DuplicateSubject,
    EvidenceMismatch,
    ForkedHistory,
    FutureTimestamp,
    LedgerError,
    MalformedRecord,
    MissingCheckpoint,
    RolledBack,
    RootMismatch,
    StaleLedger,
    TruncatedLedger,
    UnauthorisedRotation,
    UncheckpointedTail,
    WrongOrigin,
)
from flops_auditor.domain.ledger.merkle import EMPTY_ROOT, CompactRange, Node, leaf_hash
from flops_auditor.domain.ledger.signed_note import Checkpoint, note_key_id, parse_checkpoint, parse_note
from flops_auditor.domain.values.moments import iso

LONGEST_VERSION = 40
IDENTITY_BYTES = 16
"""How much of SHA-256 stands for one job and revision when duplicates are looked for."""


class Kept(Hashable, Protocol):
    """What records name by SHA-256 (hex) and do not hold themselves; None for what is not at hand."""

    def ancestors(self, digest: str) -> bytes | None:
        """The object with a record's many ancestors."""

    def table(self, digest: str) -> bytes | None:
        """A version of a table or policy."""


class NothingKept:
    """A log without anything beside it."""

    def ancestors(self, digest: str) -> bytes | None:
        """Not at hand."""

    def table(self, digest: str) -> bytes | None:
        """Not at hand."""


Recompute = Callable[[bytes, dict[str, Any], Kept], None]
"""(evidence, predicate, what it names) -> nothing; raises EvidenceMismatch if the figures do not follow."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that is wrong: the error's name, what was seen, and at which leaf if at one."""

    error: str
    message: str
    index: int | None = None
    tampered: bool = True


@dataclass(frozen=True, slots=True)
class Segment:
    """Leaves up to and including a heartbeat (or up to the chunk's end, without one)."""

    begin: int
    end: int
    nodes: tuple[Node, ...]
    sealed_at: datetime | None
    previous_size: int = 0
    previous_sha256: str = ""
    rotations: int = 0
    keys: tuple[str, str] = ("", "")


@dataclass(slots=True)
class ChunkSummary:
    """What is left of a chunk once its leaves are checked."""

    begin: int
    end: int
    records: int = 0
    segments: list[Segment] = field(default_factory=list)
    rotations: list[tuple[int, Rotation]] = field(default_factory=list)
    identities: bytes = b""
    ancestors: set[str] = field(default_factory=set)
    tables: set[str] = field(default_factory=set)
    versions: Counter[str] = field(default_factory=Counter)
    findings: list[Defect] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a chunk is checked against."""

    ledger_id: str
    keys: KeyHistory
    size: int
    verify: Verify
    recompute: Recompute | None = None
    kept: Kept = field(default_factory=NothingKept)


def defect_of(error: LedgerError, index: int | None = None) -> Defect:
    """An error as a finding."""
    return Defect(error.name, str(error), index, not isinstance(error, CannotVerify))


def check_chunk(facts: LogFacts, begin: int, log: bytes, evidence: bytes | None) -> ChunkSummary:
    """Check the leaves of one chunk in order, with their evidence; stop at the first that is not as it should be."""
    lines = log.split(b"\n")
    rest = lines.pop()
    proofs = evidence.split(b"\n") if evidence is not None else None
    chunk = _ChunkCheck(facts, ChunkSummary(begin, begin + len(lines)), begin)
    index = begin
    try:
        for index, line in enumerate(lines, start=begin):
            chunk.add(line, index, proofs)
        index = chunk.summary.end
        if rest and index >= facts.size:
            raise UncheckpointedTail(f"{len(rest)} bytes after the last newline")
        if rest:
            raise MalformedRecord(f"leaf {index} is cut off after {len(rest)} bytes")
        if proofs is not None and (len(proofs) != len(lines) + 1 or proofs[-1]):
            raise EvidenceMismatch(f"{len(proofs) - 1} lines of evidence for {len(lines)} leaves")
    except LedgerError as error:
        chunk.summary.findings.append(defect_of(error, index))
    return chunk.close()


class _ChunkCheck:
    """The state of checking one chunk."""

    def __init__(self, facts: LogFacts, summary: ChunkSummary, begin: int) -> None:
        self._facts, self.summary, self._begin, self._start = facts, summary, begin, begin
        self._hashes: list[bytes] = []
        self._identities = bytearray()
        self._undated: list[tuple[int, datetime]] = []

    def add(self, line: bytes, index: int, proofs: list[bytes] | None) -> None:
        """Check one leaf; at a heartbeat, the batch that it closes."""
        leaf = read_leaf(parse_envelope(line), self._facts.ledger_id, index, self._facts.keys, self._facts.verify)
        self._hashes.append(leaf_hash(line))
        if proofs is not None:
            _check_evidence(self._facts, leaf, index, proofs, self._begin)
        if leaf.kind == "record":
            self.summary.records += 1
            self._identities += identity(leaf)
            self.summary.ancestors |= ancestors_of(leaf)
            self.summary.tables |= tables_of(leaf)
            self.summary.versions[version_of(leaf)] += 1
            self._undated.append((index, leaf.at))
        elif leaf.rotation:
            self.summary.rotations.append((index, leaf.rotation))
        else:
            for at, earlier in self._undated:
                check_time(earlier, leaf.at, at)
            self.summary.segments.append(_segment(leaf, self._start, index, self._hashes))
            self._start, self._hashes, self._undated = index + 1, [], []

    def close(self) -> ChunkSummary:
        """The summary, with what no heartbeat closed."""
        if self._hashes:
            nodes = CompactRange.of(self._start, self._hashes).nodes
            self.summary.segments.append(Segment(self._start, self._start + len(self._hashes), nodes, None))
        self.summary.identities = bytes(self._identities)
        return self.summary


def identity(leaf: Leaf) -> bytes:
    """A short name of job and revision."""
    job, revision = leaf.identity or ("", 0)
    return sha256(f"{job}/{revision}".encode()).digest()[:IDENTITY_BYTES]


def ancestors_of(leaf: Leaf) -> frozenset[str]:
    """SHA-256 of the object with a record's ancestors, if it has too many to list. Raises MalformedRecord."""
    try:
        kept = (leaf.statement.predicate.get("lineage") or _NO_LINEAGE)["kept"]
        if kept is None:
            return _NOTHING
        if isinstance(kept["sha256"], str):
            return frozenset({kept["sha256"]})
    except (KeyError, TypeError):
        pass
    raise MalformedRecord("the record's lineage is not readable")


_NO_LINEAGE: dict[str, Any] = {"kept": None}
_NOTHING: frozenset[str] = frozenset()


def tables_of(leaf: Leaf) -> frozenset[str]:
    """SHA-256 of every table and policy that a record rests on. Raises MalformedRecord."""
    named = leaf.statement.predicate.get("tables")
    if not isinstance(named, dict) or not all(isinstance(digest, str) for digest in named.values()):
        raise MalformedRecord("the record's tables are not readable")
    return frozenset(named.values())


def version_of(leaf: Leaf) -> str:
    """The version of the code that says it made a record. Raises MalformedRecord."""
    version = leaf.statement.predicate.get("code_version")
    if not isinstance(version, str) or len(version) > LONGEST_VERSION:
        raise MalformedRecord("the record's code_version is not readable")
    return version


def check_tables(named: Collection[str], files: Collection[str], load: Callable[[str], bytes | None]) -> None:
    """Tables are those that records name, by their digests. Raises EvidenceMismatch.

    One that is missing is named when figures are computed again: nothing else rests on it.
    """
    for digest in files:
        if digest not in named or sha256(load(digest) or b"").hexdigest() != digest:
            raise EvidenceMismatch(f"the table {digest[:64]} is not one that a record names")


def check_ancestors(named: Collection[str], files: Collection[str], load: Callable[[str], bytes | None]) -> None:
    """Objects with ancestors are exactly those that records name, by their digests. Raises EvidenceMismatch."""
    for digest in files:
        if digest not in named or sha256(load(digest) or b"").hexdigest() != digest:
            raise EvidenceMismatch(f"the ancestors in {digest[:64]} are not those that a record names")
    for digest in set(named).difference(files):
        raise EvidenceMismatch(f"the ancestors in {digest[:64]}, which a record names, are missing")


def check_evidence(leaf: Leaf, evidence: bytes, index: int, facts: LogFacts) -> None:
    """The evidence is the signed one, and the figures follow from it. Raises EvidenceMismatch."""
    if sha256(evidence).hexdigest() != leaf.statement.subject_sha256:
        raise EvidenceMismatch(f"the evidence of leaf {index} is not the file that was signed")
    if facts.recompute:
        facts.recompute(evidence, leaf.statement.predicate, facts.kept)


def checkpoint_to_verify(note: bytes, ledger_id: str, keys: KeyHistory) -> tuple[Checkpoint, bytes, bytes]:
    """Checkpoint, key and signature to verify over `Checkpoint.text`. Raises WrongOrigin or BadCheckpointSignature."""
    parsed = parse_note(note)
    head = parse_checkpoint(parsed.text)
    if head.origin != ledger_id:
        raise WrongOrigin(f"the checkpoint of size {head.size} is of {head.origin[:120]!r}, not of {ledger_id!r}")
    spki = next(
        (key.spki for key in keys.ranges if key.role == "checkpoint" and key.covers(max(head.size - 1, 0))), None
    )
    if spki is None or len(parsed.signatures) != 1:
        raise BadCheckpointSignature(f"the checkpoint of size {head.size} has not exactly one signature")
    signature = parsed.signatures[0]
    if signature.name != ledger_id or signature.key_id != note_key_id(spki):
        raise BadCheckpointSignature(f"the checkpoint of size {head.size} is not signed by the key in force there")
    return head, spki, signature.der


def _check_evidence(facts: LogFacts, leaf: Leaf, index: int, proofs: list[bytes], begin: int) -> None:
    at = index - begin
    if at >= len(proofs) - 1 or bool(proofs[at]) != (leaf.kind == "record"):
        raise EvidenceMismatch(f"leaf {index} has no evidence, or has some that it should not have")
    if leaf.kind == "record":
        try:
            evidence = binascii.a2b_base64(proofs[at], strict_mode=True)
        except binascii.Error as error:
            raise EvidenceMismatch(f"the evidence of leaf {index} is not strict base64") from error
        if binascii.b2a_base64(evidence, newline=False) != proofs[at]:
            raise EvidenceMismatch(f"the evidence of leaf {index} is not strict base64")
        check_evidence(leaf, evidence, index, facts)


def _segment(leaf: Leaf, start: int, index: int, hashes: Sequence[bytes]) -> Segment:
    """The batch that a heartbeat closes, which must stand where the heartbeat says."""
    return segment_of(leaf, index, start, CompactRange.of(start, hashes).nodes)


def segment_of(leaf: Leaf, index: int, begin: int = 0, nodes: tuple[Node, ...] = ()) -> Segment:
    """What the heartbeat at `index` says. Raises RootMismatch if it says that it stands elsewhere."""
    said = leaf.statement.predicate
    try:
        if said["index"] != str(index):
            raise RootMismatch(f"leaf {index} says that it is leaf {said['index']}: leaves are missing or were added")
        keys = (str(said["keys"]["record"]), str(said["keys"]["checkpoint"]))
        previous, rotations = int(said["previous_size"]), int(said["rotations"])
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedRecord(f"leaf {index}: the heartbeat lacks a member: {error!r:.120}") from error
    return Segment(begin, index + 1, nodes, leaf.at, previous, leaf.statement.subject_sha256, rotations, keys)


@dataclass(frozen=True, slots=True)
class Pin:
    """A checkpoint that reached the verifier by another way than the bundle."""

    note: bytes
    head: Checkpoint


def read_pin(note: bytes, ledger_id: str) -> Pin:
    """A pin, which must be of this ledger. Raises WrongOrigin or BadCheckpointSignature."""
    head = parse_checkpoint(parse_note(note).text)
    if head.origin != ledger_id:
        raise WrongOrigin(f"the pinned checkpoint is of {head.origin[:120]!r}, not of {ledger_id!r}")
    return Pin(note, head)


def check_pin(pin: Pin, newest: int, root_at_pin: bytes | None) -> None:
    """The history goes on from the pin. Raises RolledBack or ForkedHistory."""
    if pin.head.size > newest:
        raise RolledBack(f"the pin commits to {pin.head.size} leaves, the newest checkpoint to {newest}")
    if root_at_pin != pin.head.root:
        raise ForkedHistory(f"the history up to leaf {pin.head.size} is not the one that was pinned")


def check_pin_signature(pin: Pin, keys: KeyHistory, verify: Verify) -> None:
    """A pin that names a key of this ledger must be signed by it; one of an unknown key is compared by its root."""
    text = pin.head.text
    for signature in parse_note(pin.note).signatures:
        for key in keys.ranges:
            if (
                key.role == "checkpoint"
                and signature.key_id == note_key_id(key.spki)
                and not verify(key.spki, signature.der, text)
            ):
                raise BadCheckpointSignature("the signature of the pinned checkpoint does not verify")


def check_rotations(keys: KeyHistory, rotations: Sequence[tuple[int, Rotation]], said: Segment | None) -> None:
    """keys.json is the first keys and what rotation leaves made of them. Raises UnauthorisedRotation.

    `said` is the newest heartbeat: it counts the rotations and names the keys in force, so none can be kept back.
    """
    history = keys.first_keys
    for index, change in rotations:
        if history.current(change.role).keyid != change.old_keyid:
            raise UnauthorisedRotation(f"the rotation at leaf {index} replaces a key that is not in force")
        history = history.rotated(change.role, change.new_spki, index)
    if history != keys:
        raise UnauthorisedRotation("keys.json has a key or a range that no rotation leaf authorises")
    if said is not None:
        current = tuple(keys.current(role).keyid for role in ROLES)
        if said.rotations != len(rotations) or said.keys != current:
            raise UnauthorisedRotation("the newest heartbeat names other keys than keys.json and the rotation leaves")


def check_freshness(sealed_at: datetime, as_of: datetime, max_age: timedelta) -> None:
    """The sealer lives. Raises StaleLedger or FutureTimestamp."""
    if sealed_at > as_of + CLOCK_SKEW:
        raise FutureTimestamp(f"the newest heartbeat is dated {iso(sealed_at)}, after {iso(as_of)}")
    if as_of - sealed_at > max_age:
        raise StaleLedger(
            f"the newest heartbeat is of {iso(sealed_at)}, {(as_of - sealed_at) / timedelta(hours=1):.1f} hours before "
            f"{iso(as_of)}"
        )


class LogJoin:
    """Joins the chunks' summaries in order and holds every checkpoint against the tree so far."""

    def __init__(self, facts: LogFacts, checkpoints: Iterator[bytes], pin: Pin | None) -> None:
        self._facts, self._pin = facts, pin
        self._notes = checkpoints
        self._note, self._before = self._next(), b""
        self.tree = CompactRange()
        self.root_at_pin: bytes | None = EMPTY_ROOT if pin and pin.head.size == 0 else None
        self.newest: Segment | None = None
        self.checkpoints = 0
        self.records = 0
        self.rotations: list[tuple[int, Rotation]] = []
        self.ancestors: set[str] = set()
        self.tables: set[str] = set()
        self.versions: Counter[str] = Counter()
        self._identities = [bytearray() for _ in range(256)]

    def add(self, summary: ChunkSummary) -> None:
        """The next chunk. Raises the error that names what does not fit."""
        if summary.begin != self.tree.end:
            raise RootMismatch(f"after leaf {self.tree.end} comes a chunk that begins at leaf {summary.begin}")
        self.records += summary.records
        self.rotations += summary.rotations
        self.ancestors |= summary.ancestors
        self.tables |= summary.tables
        self.versions.update(summary.versions)
        found = summary.identities
        for at in range(0, len(found), IDENTITY_BYTES):
            self._identities[found[at]] += found[at : at + IDENTITY_BYTES]
        for segment in summary.segments:
            self.tree = self.tree.join(CompactRange(segment.begin, segment.end, segment.nodes))
            if segment.sealed_at:
                self._boundary(segment)
                self.newest = segment

    def finish(self) -> None:
        """Nothing is missing at the end, nothing is over, nothing is a duplicate."""
        size = self._facts.size
        if self.tree.end < size:
            raise TruncatedLedger(f"{self.tree.end} leaves are there, the newest checkpoint commits to {size}")
        if self.tree.end > size:
            raise UncheckpointedTail(f"{self.tree.end} leaves are there, the newest checkpoint commits to {size}")
        if self._note is not None:
            raise RootMismatch(f"no batch ends where the checkpoint of size {self._note[1].size} does")
        if self._pin:
            check_pin_signature(self._pin, self._facts.keys, self._facts.verify)
            check_pin(self._pin, size, self.root_at_pin)
        for bucket in self._identities:
            count = len(bucket) // IDENTITY_BYTES
            names = {bytes(bucket[at : at + IDENTITY_BYTES]) for at in range(0, len(bucket), IDENTITY_BYTES)}
            if len(names) != count:
                raise DuplicateSubject("a job and revision are a duplicate in the log")

    def _next(self) -> tuple[bytes, Checkpoint] | None:
        for note in self._notes:
            head, spki, der = checkpoint_to_verify(note, self._facts.ledger_id, self._facts.keys)
            if not self._facts.verify(spki, der, head.text):
                raise BadCheckpointSignature(f"the signature of the checkpoint of size {head.size} does not verify")
            return note, head
        return None

    def _boundary(self, segment: Segment) -> None:
        if self.tree.end > self._facts.size:
            return  # a tail, which `finish` names
        if self._note is None or self._note[1].size > segment.end:
            raise MissingCheckpoint(f"there is no checkpoint of size {segment.end}, where a batch ends")
        note, head = self._note
        if head.size < segment.end:
            raise RootMismatch(f"no batch ends where the checkpoint of size {head.size} does")
        if head.root != self.tree.root():
            raise RootMismatch(f"the first {head.size} leaves do not lead to the root that was signed for them")
        if segment.previous_sha256 != sha256(self._before).hexdigest():
            raise MissingCheckpoint(f"the log names another checkpoint of size {segment.previous_size} than is here")
        if self._pin and self._pin.head.size == head.size:
            self.root_at_pin = head.root
        self.checkpoints += 1
        self._before, self._note = note, self._next()
