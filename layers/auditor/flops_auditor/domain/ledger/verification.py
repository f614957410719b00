"""Verification of a log's leaves, pure: what a verifier does with bytes, wherever they came from.

A log is checked in chunks, in any order and in several processes; a chunk's summary is small, and summaries are then
joined in order (`log_join`). A chunk may end anywhere. Every batch of the log ends with a heartbeat, and every
heartbeat is the last leaf under a checkpoint.
"""

import struct
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from flops_auditor.domain.ledger.agreement import Reader, Rows, milliseconds
from flops_auditor.domain.ledger.bills import Bills
from flops_auditor.domain.ledger.dsse import Envelope, parse_envelope, strict_base64
from flops_auditor.domain.ledger.findings import Defect, defect_of
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.leaves import (
    Leaf,
    LeafKind,
    Rotation,
    Verify,
    check_heartbeat,
    check_signed,
    leaf_of,
)
from flops_auditor.domain.ledger.ledger_errors import (
    EvidenceMismatch,
    LedgerError,
    MalformedRecord,
    TooLarge,
    UncheckpointedTail,
)
from flops_auditor.domain.ledger.left_out import LEFT_OUT, bounds, left_out
from flops_auditor.domain.ledger.merkle import CompactRange, Node, leaf_hash
from flops_auditor.domain.ledger.named_counts import NamedCounts
from flops_auditor.domain.values.json_size import MOST_PARTS, parts_of

AT_ONCE = 32
"""Leaves whose signatures are checked in a row."""
SHORTEST_LINE = 100
"""Bytes of a leaf: what a chunk splits into is bounded by them."""


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


class Replay(Protocol):
    """Holds all records of a log against one another by their evidence."""

    def add(self, leaf: int, at: datetime, told: bytes) -> None:
        """The next record of the log: what its `Recompute` told of it."""

    def leave_out(self, job_id: str) -> None:
        """A run of which a record told nothing, since its evidence is too large."""

    def check(self, sealed_at: datetime) -> Iterator[Defect]:
        """What does not follow, once all are there; `sealed_at` dates the log."""


class Recompute(Protocol):
    """Computes records again from their evidence; goes to other processes."""

    def __call__(self, evidence: bytes, content: dict[str, Any], kept: Kept) -> bytes:
        """(evidence, predicate, what it names) -> what a replay needs of the record.

        Raises EvidenceMismatch if its figures do not follow.
        """

    def bill(self, evidence: bytes, content: dict[str, Any]) -> None:
        """(evidence, predicate) of a statement on a bill. Raises EvidenceMismatch if its sums do not follow."""

    def replay(self, kept: Kept) -> Replay:
        """Of a whole log."""


class Dated(NamedTuple):
    """A leaf and when it says that it was made; `waited`: for its place since then, as records and bills do."""

    at: datetime
    leaf: int
    waited: bool = True


class FirstNamed(NamedTuple):
    """The first record that names an object with ancestors: its leaf and time, and whether its version of the code
    keeps none that is too large.
    """

    leaf: int
    at: datetime
    bounded: bool


@dataclass(frozen=True, slots=True)
class Segment:
    """Leaves up to and including a heartbeat (or up to the chunk's end, without one).

    `earliest` of its records and statements on bills, and `latest` of all its leaves are by their own time; a rotation
    may be asked for long before its key is at hand.
    """

    begin: int
    end: int
    nodes: tuple[Node, ...]
    heartbeat: Leaf | None = None
    earliest: Dated | None = None
    latest: Dated | None = None
    times: bytes = b""

    @property
    def closing(self) -> "Heartbeat":
        """What its heartbeat says."""
        if self.heartbeat is None:
            raise MalformedRecord(f"no heartbeat closes the leaves up to {self.end}")
        return Heartbeat.of(self.heartbeat)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What a heartbeat says: when, of which batch, after which checkpoint, under which keys."""

    sealed_at: datetime
    first_index: int
    previous_size: int
    previous_sha256: str
    rotations: int
    keys: tuple[str, str]

    @classmethod
    def of(cls, leaf: Leaf) -> "Heartbeat":
        """Read it from its leaf, whose form was checked."""
        predicate = leaf.statement.predicate
        return cls(
            leaf.at,
            int(predicate["first_index"]),
            int(predicate["previous_size"]),
            leaf.statement.subject_sha256,
            predicate["rotations"],
            (predicate["keys"]["record"], predicate["keys"]["checkpoint"]),
        )


@dataclass(slots=True)
class Tally:
    """What is counted of records that passed: their versions of the code, policies, and what they name by SHA-256.

    `ancestors` are the objects with ancestors, `tables` those of the tables and policies that are at hand: records may
    name any number of others.
    """

    versions: NamedCounts = field(default_factory=NamedCounts)
    policies: NamedCounts = field(default_factory=NamedCounts)
    ancestors: dict[str, FirstNamed] = field(default_factory=dict)
    tables: set[str] = field(default_factory=set)

    @property
    def records(self) -> int:
        """How many there are: each has one version."""
        return self.versions.total()

    def add(self, leaf: Leaf, index: int, tables: Collection[str]) -> None:
        """The record that is leaf `index`; `tables` are at hand."""
        content = leaf.statement.predicate
        if kept := content["lineage"]["kept"]:
            first = FirstNamed(index, leaf.at, bounds(content["code_version"]))
            self.ancestors.setdefault(str(kept["sha256"]), first)
        self.tables.update(digest for digest in content["tables"].values() if digest in tables)
        self.count(content)

    def count(self, content: Mapping[str, Any], number: int = 1) -> None:
        """A record's version and policies; -1 for one that was counted at another place, too."""
        self.versions.add(content["code_version"], number)
        for policy in {each["policy"] for each in content["assessments"]}:
            self.policies.add(policy, number)

    def join(self, other: "Tally") -> None:
        """Those of later records."""
        for digest, first in other.ancestors.items():
            self.ancestors.setdefault(digest, first)
        self.tables |= other.tables
        self.versions.join(other.versions)
        self.policies.join(other.policies)


@dataclass(slots=True)
class ChunkSummary:
    """What is left of a chunk once its leaves are checked.

    `told` is what computing records again told of them, `untold` the runs of which one told nothing.
    """

    begin: int
    end: int
    tally: Tally = field(default_factory=Tally)
    bills: Bills = field(default_factory=Bills)
    segments: list[Segment] = field(default_factory=list)
    rotations: list[tuple[int, Rotation]] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    told: list[tuple[int, datetime, bytes]] = field(default_factory=list)
    untold: set[str] = field(default_factory=set)
    findings: list[Defect] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LogFacts:
    """What a chunk is checked against. `reader` holds the key of this run under which records become rows.

    `tables` are the tables that are at hand, by SHA-256; `ancestors` is how many objects with ancestors are.
    """

    ledger_id: str
    keys: KeyHistory
    size: int
    verify: Verify
    reader: Reader
    recompute: Recompute | None = None
    kept: Kept = field(default_factory=NothingKept)
    tables: frozenset[str] = frozenset()
    ancestors: int = 0


def check_chunk(facts: LogFacts, begin: int, log: bytes, evidence: bytes | None) -> ChunkSummary:
    """Check the leaves of one chunk in order, with their evidence; stop at the first that is not as it should be."""
    most = len(log) // SHORTEST_LINE
    lines = log.split(b"\n", most + 1)
    if len(lines) > most + 1:
        return ChunkSummary(begin, begin, findings=[defect_of(MalformedRecord("lines too short for leaves"), begin)])
    rest = lines.pop()
    proofs = evidence.split(b"\n", len(lines) + 2) if evidence is not None else None
    if proofs is not None and len(proofs) > len(lines) + 2:
        message = f"more lines of evidence than the {len(lines)} leaves"
        return ChunkSummary(begin, begin, findings=[defect_of(EvidenceMismatch(message), begin)])
    chunk = _ChunkCheck(facts, ChunkSummary(begin, begin + len(lines)), begin)
    index = begin
    try:
        for line, envelope, kind in _signed(facts, lines, begin):
            chunk.add(line, leaf_of(envelope, kind, facts.ledger_id, index), index, proofs)
            index += 1
        if rest and index >= facts.size:
            raise UncheckpointedTail(f"{len(rest)} bytes after the last newline")
        if rest:
            raise MalformedRecord(f"leaf {index} is cut off after {len(rest)} bytes")
        if proofs is not None and (len(proofs) != len(lines) + 1 or proofs[-1]):
            raise EvidenceMismatch(f"{len(proofs) - 1} lines of evidence for {len(lines)} leaves")
    except LedgerError as error:
        chunk.summary.findings.append(defect_of(error, index))
    return chunk.close()


def _signed(facts: LogFacts, lines: Sequence[bytes], begin: int) -> Iterator[tuple[bytes, Envelope, LeafKind]]:
    """Lines in order, each with its envelope and kind, once its signatures are checked. Raises what the first shows.

    Signatures of some lines are checked in a row: the tables of the curve stay in the processor's cache meanwhile.
    """
    for at in range(0, len(lines), AT_ONCE):
        signed: list[tuple[bytes, Envelope, LeafKind]] = []
        broken: LedgerError | None = None
        try:
            for index, line in enumerate(lines[at : at + AT_ONCE], start=begin + at):
                envelope = parse_envelope(line)
                signed.append((line, envelope, check_signed(envelope, index, facts.keys, facts.verify)))
        except LedgerError as error:
            broken = error
        yield from signed
        if broken is not None:
            raise broken


_TIME = struct.Struct("<qQ")


def times_of(packed: bytes) -> Iterator[tuple[int, int]]:
    """(milliseconds since 1970, leaf) of each record of a segment."""
    return ((at, leaf) for at, leaf in _TIME.iter_unpack(packed))


class _ChunkCheck:
    """The state of checking one chunk."""

    def __init__(self, facts: LogFacts, summary: ChunkSummary, begin: int) -> None:
        self._facts, self.summary, self._begin, self._start = facts, summary, begin, begin
        self._hashes: list[bytes] = []
        self._rows: list[Rows] = []
        self._earliest: Dated | None = None
        self._latest: Dated | None = None
        self._times = bytearray()

    def add(self, line: bytes, leaf: Leaf, index: int, proofs: list[bytes] | None) -> None:
        """Check one leaf; at a heartbeat, the batch that it closes."""
        self._hashes.append(leaf_hash(line))
        if leaf.identity is not None:
            self._rows.append(self._facts.reader.rows(leaf, line, index))
        if leaf.kind == "record":
            self.summary.tally.add(leaf, index, self._facts.tables)
        elif leaf.kind == "bill":
            self.summary.bills.add(leaf, index)
        if proofs is not None:
            self._add_evidence(leaf, index, proofs)
        if leaf.rotation:
            self.summary.rotations.append((index, leaf.rotation))
        elif leaf.kind == "heartbeat":
            check_heartbeat(leaf, index, self._facts.keys)
            self._close(leaf)
            return
        dated = Dated(leaf.at, index)
        self._latest = max(self._latest or dated, dated)
        if leaf.identity is not None:
            self._earliest = min(self._earliest or dated, dated)
            self._times += _TIME.pack(milliseconds(leaf.at), index)

    def _add_evidence(self, leaf: Leaf, index: int, proofs: list[bytes]) -> None:
        """What is too large says nothing about the leaves around it."""
        try:
            told = _check_evidence(self._facts, leaf, index, proofs, self._begin)
        except TooLarge as error:
            self.summary.findings.append(defect_of(error, index))
            self.summary.untold.update([leaf.statement.identity[0]] if leaf.kind == "record" else ())
            return
        if told:
            self.summary.told.append((index, leaf.at, told))

    def _close(self, heartbeat: Leaf | None) -> None:
        nodes = CompactRange.of(self._start, self._hashes).nodes
        end = self._start + len(self._hashes)
        self.summary.segments.append(
            Segment(self._start, end, nodes, heartbeat, self._earliest, self._latest, bytes(self._times))
        )
        self._start, self._hashes, self._earliest, self._latest, self._times = end, [], None, None, bytearray()

    def close(self) -> ChunkSummary:
        """The summary, with what no heartbeat closed."""
        if self._hashes:
            self._close(None)
        self.summary.rows = Rows(*(b"".join(parts) for parts in zip(*self._rows, strict=True)))
        return self.summary


def check_evidence(leaf: Leaf, evidence: bytes, index: int, facts: LogFacts) -> bytes:
    """The evidence is the signed one, and the figures follow from it. Raises EvidenceMismatch, or TooLarge.

    Returns what computing them told.
    """
    if evidence == LEFT_OUT:
        raise left_out(f"the evidence of leaf {index} is", bounds(leaf.statement.predicate["code_version"]))
    if sha256(evidence).hexdigest() != leaf.statement.subject_sha256:
        raise EvidenceMismatch(f"the evidence of leaf {index} is not the file that was signed")
    if parts_of(evidence) > MOST_PARTS:
        raise TooLarge(f"the evidence of leaf {index} has more than {MOST_PARTS} parts")
    if leaf.kind == "bill":
        if facts.recompute:
            facts.recompute.bill(evidence, leaf.statement.predicate)
        return b""
    return facts.recompute(evidence, leaf.statement.predicate, facts.kept) if facts.recompute else b""


def _check_evidence(facts: LogFacts, leaf: Leaf, index: int, proofs: Sequence[bytes], begin: int) -> bytes:
    at = index - begin
    if at >= len(proofs) - 1 or bool(proofs[at]) != (leaf.identity is not None):
        raise EvidenceMismatch(f"leaf {index} has no evidence, or has some that it should not have")
    if leaf.identity is not None:
        try:
            evidence = strict_base64(proofs[at])
        except ValueError as error:
            raise EvidenceMismatch(f"the evidence of leaf {index} is not strict base64") from error
        return check_evidence(leaf, evidence, index, facts)
    return b""
