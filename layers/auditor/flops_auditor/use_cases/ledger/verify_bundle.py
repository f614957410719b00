"""Verify a bundle offline: no AWS, no network, memory that does not grow with the log, every core at work.

The bundle is hostile until the end: its zip is read strictly, every file in it is expected and used, and what it says
of itself is only a claim to check.
"""

from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.container import Entry
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_key_history
from flops_auditor.domain.ledger.leaves import Leaf, Rotation, check_time, read_leaf
from flops_auditor.domain.ledger.ledger_errors import (
    BadBundle,
    BadCheckpointSignature,
    DuplicateSubject,
    EvidenceMismatch,
    LedgerError,
    MalformedRecord,
    MissingCheckpoint,
    RootMismatch,
    UnknownKey,
    WrongLedger,
)
from flops_auditor.domain.ledger.merkle import EMPTY_ROOT, is_consistent, leaf_hash, root_from_inclusion
from flops_auditor.domain.ledger.signed_note import Checkpoint
from flops_auditor.domain.ledger.verification import (
    ChunkSummary,
    Defect,
    LogFacts,
    LogJoin,
    Pin,
    Recompute,
    Segment,
    ancestors_of,
    check_ancestors,
    check_chunk,
    check_evidence,
    check_freshness,
    check_pin,
    check_pin_signature,
    check_rotations,
    check_tables,
    checkpoint_to_verify,
    defect_of,
    identity,
    read_pin,
    segment_of,
    tables_of,
    version_of,
)
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.signatures import verifies

MOST_FINDINGS = 100


@dataclass(frozen=True)
class Demands:
    """What the reader knows from elsewhere, and when the bundle was obtained."""

    as_of: datetime
    max_age: timedelta = timedelta(hours=25)
    pin: bytes | None = None
    keys: bytes | None = None
    recompute: Recompute | None = None
    processes: int = 1


@dataclass
class VerificationReport:
    """What was found. Valid if there are no findings."""

    ledger_id: str = ""
    kind: str = ""
    selection: str = ""
    size: int = 0
    records: int = 0
    checkpoints: int = 0
    root: str = ""
    sealed_at: datetime | None = None
    pinned: bool = False
    keys_given: bool = False
    recorded_by: dict[str, int] = field(default_factory=dict)
    findings: list[Defect] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """valid, tampered, or cannot verify."""
        if not self.findings:
            return "valid"
        return "tampered" if any(found.tampered for found in self.findings) else "cannot verify"


TellProgress = Callable[[int, int], None]
"""(leaves done, leaves in all)."""


def verify_bundle(
    path: Path, demands: Demands, progress: TellProgress = lambda done, total: None
) -> VerificationReport:
    """Check all of a bundle against the rest of it, and against what is demanded. Never raises for a bad one."""
    report = VerificationReport(pinned=demands.pin is not None, keys_given=demands.keys is not None)
    try:
        with BundleFiles(path) as files:
            _verify(files, demands, report, progress)
    except LedgerError as error:
        report.findings.append(defect_of(error))
    return report


def _verify(files: BundleFiles, demands: Demands, report: VerificationReport, progress: TellProgress) -> None:
    manifest = files.manifest()
    files.need(bundle.README)
    keys = parse_key_history(files.need(bundle.KEYS))
    report.kind, report.selection, report.ledger_id = manifest.kind, manifest.selection, manifest.ledger_id
    if keys.ledger_id != manifest.ledger_id:
        raise WrongLedger(f"keys.json is of the ledger {keys.ledger_id[:120]!r}, the manifest says otherwise")
    _check_keys(files, keys, demands)
    newest = files.read(bundle.CHECKPOINT)
    if newest is None:
        raise MissingCheckpoint("there is no checkpoint, so nothing commits to the records")
    head = _check_newest(newest, manifest, keys)
    report.size, report.root = head.size, head.root.hex()
    facts = LogFacts(manifest.ledger_id, keys, head.size, verifies, demands.recompute, files)
    pin = read_pin(demands.pin, manifest.ledger_id) if demands.pin is not None else None
    said = (_whole if manifest.kind == "whole" else _part)(
        _Job(files, facts, newest, head, pin, report, demands, progress)
    )
    if report.findings or said is None or said.sealed_at is None:
        return
    report.sealed_at = said.sealed_at
    check_freshness(said.sealed_at, demands.as_of, demands.max_age)


def _check_keys(files: BundleFiles, keys: KeyHistory, demands: Demands) -> None:
    if demands.keys is not None and parse_key_history(demands.keys).first_keys != keys.first_keys:
        raise UnknownKey("the bundle's first keys are not those that were given with --keys")
    for key in keys.ranges:
        if files.need(f"{bundle.PEM}{key.keyid}.pem") != bundle.pem(key.spki):
            raise UnknownKey(f"the PEM file of {key.keyid[:16]} holds another key than keys.json")


def _check_newest(note: bytes, manifest: bundle.Manifest, keys: KeyHistory) -> Checkpoint:
    head, spki, der = checkpoint_to_verify(note, manifest.ledger_id, keys)
    if not verifies(spki, der, head.text):
        raise BadCheckpointSignature("the signature of the newest checkpoint does not verify")
    if head.size != manifest.size:
        raise BadBundle(f"the manifest says {manifest.size} leaves, the newest checkpoint of {head.size}")
    return head


@dataclass
class _Job:
    """What checking the leaves works with."""

    files: BundleFiles
    facts: LogFacts
    newest: bytes
    head: Checkpoint
    pin: Pin | None
    report: VerificationReport
    demands: Demands
    progress: TellProgress

    @property
    def keyids(self) -> list[str]:
        """The names of all keys."""
        return [key.keyid for key in self.facts.keys.ranges]

    def notes(self, with_proof: bool) -> Iterator[tuple[bytes, list[bytes]]]:
        """Checkpoints in order; the last must be the newest."""
        note = b""
        for line in self.files.lines(bundle.CHECKPOINTS):
            note, proof = bundle.parse_checkpoint_line(line, with_proof)
            yield note, proof
        if note != self.newest:
            raise MissingCheckpoint("the newest checkpoint is not the last of all checkpoints")


def _whole(job: _Job) -> Segment | None:
    """All leaves, in chunks spread over processes, joined in order."""
    begins = job.files.numbers(bundle.LOG)
    chunks = [bundle.chunk_name(folder, begin) for begin in begins for folder in (bundle.LOG, bundle.EVIDENCE)]
    job.files.expect(chunks, job.keyids)
    join = LogJoin(job.facts, (note for note, _ in job.notes(with_proof=False)), job.pin)
    broken: LedgerError | None = None
    for summary in _summaries(job, begins):
        job.report.findings += summary.findings
        try:
            if broken is None:
                join.add(summary)
        except LedgerError as error:
            broken = error
        job.progress(summary.end, job.head.size)
        if len(job.report.findings) >= MOST_FINDINGS:
            return None
    job.report.records, job.report.checkpoints = join.records, join.checkpoints
    job.report.recorded_by = dict(join.versions)
    if job.report.findings:
        return None  # what the leaves show first explains what the tree would show
    if broken is not None:
        raise broken
    join.finish()
    _check_named(job, join.ancestors, join.tables)
    check_rotations(job.facts.keys, join.rotations, join.newest)
    return join.newest


def _check_named(job: _Job, ancestors: Collection[str], tables: Collection[str]) -> None:
    """What stands beside the records is what they name."""
    check_ancestors(ancestors, job.files.digests(bundle.ANCESTORS), job.files.ancestors)
    check_tables(tables, job.files.digests(bundle.TABLES), job.files.table)


def _summaries(job: _Job, begins: Sequence[int]) -> Iterator[ChunkSummary]:
    """The chunks' summaries in order; a few chunks ahead are under way in other processes."""
    if job.demands.processes == 1 or len(begins) < 4:
        yield from (_check(job.files, job.facts, begin) for begin in begins)
        return
    entries = {name: entry for name, entry in job.files.entries.items() if name.startswith(_FOR_WORKERS)}
    settings = (
        job.files.path,
        entries,
        job.facts.ledger_id,
        job.facts.keys.to_bytes(),
        job.head.size,
        job.demands.recompute,
    )
    with ProcessPoolExecutor(
        job.demands.processes, get_context("forkserver"), initializer=_start_worker, initargs=settings
    ) as pool:
        waiting = iter(begins)
        ahead: deque[Future[ChunkSummary]] = deque(
            pool.submit(_check_in_worker, begin) for begin in islice(waiting, 3 * job.demands.processes)
        )
        try:
            while ahead:
                yield ahead.popleft().result()
                ahead.extend(pool.submit(_check_in_worker, begin) for begin in islice(waiting, 1))
        finally:
            for future in ahead:
                future.cancel()


_FOR_WORKERS = (bundle.LOG, bundle.EVIDENCE, bundle.ANCESTORS, bundle.TABLES)
_worker: tuple[BundleFiles, LogFacts]


def _start_worker(
    path: Path, entries: dict[str, Entry], ledger_id: str, keys: bytes, size: int, recompute: Recompute | None
) -> None:
    global _worker  # noqa: PLW0603 - one bundle per worker process
    files = BundleFiles(path, entries)
    _worker = (files, LogFacts(ledger_id, parse_key_history(keys), size, verifies, recompute, files))


def _check_in_worker(begin: int) -> ChunkSummary:
    return _check(*_worker, begin)


def _check(files: BundleFiles, facts: LogFacts, begin: int) -> ChunkSummary:
    try:
        log = files.need(bundle.chunk_name(bundle.LOG, begin))
        return check_chunk(facts, begin, log, files.read(bundle.chunk_name(bundle.EVIDENCE, begin)) or b"")
    except LedgerError as error:
        return ChunkSummary(begin, begin, findings=[defect_of(error, begin)])


def _part(job: _Job) -> Segment | None:
    """Chosen leaves, each with its proof; all checkpoints consistent with the newest."""
    indexes = job.files.numbers(bundle.LEAVES)
    names = [bundle.leaf_name(bundle.LEAVES, index) for index in indexes]
    names += [bundle.leaf_name(bundle.PROOFS, index, ".tlog-proof") for index in indexes]
    rotations: list[tuple[int, Rotation]] = []
    seen: set[bytes] = set()
    said: Segment | None = None
    leaves: list[tuple[int, Leaf]] = []
    for done, index in enumerate(indexes, start=1):
        leaf = _check_leaf(job, index)
        if leaf.kind == "record":
            names.append(bundle.leaf_name(bundle.EVIDENCE, index))
            leaves.append((index, leaf))
            if identity(leaf) in seen:
                raise DuplicateSubject(f"the job and revision of leaf {index} are a duplicate in the log")
            seen.add(identity(leaf))
        elif leaf.rotation:
            rotations.append((index, leaf.rotation))
        elif index == job.head.size - 1:
            said = segment_of(leaf, index)
        else:
            raise BadBundle(f"leaf {index} is a heartbeat, but not the newest")
        job.progress(done, len(indexes))
    job.files.expect(names, job.keyids)
    if said is None or said.sealed_at is None:
        raise MissingCheckpoint("the newest heartbeat, which dates the newest checkpoint, is missing")
    ancestors, tables = (frozenset().union(*(of(leaf) for _, leaf in leaves)) for of in (ancestors_of, tables_of))
    _check_named(job, ancestors, tables)
    for index, leaf in leaves:
        check_time(leaf.at, said.sealed_at, index)
    check_rotations(job.facts.keys, rotations, said)
    job.report.records = len(leaves)
    job.report.recorded_by = dict(Counter(version_of(leaf) for _, leaf in leaves))
    _check_history(job)
    return said


def _check_leaf(job: _Job, index: int) -> Leaf:
    line = job.files.need(bundle.leaf_name(bundle.LEAVES, index))
    leaf = read_leaf(parse_envelope(line), job.facts.ledger_id, index, job.facts.keys, job.facts.verify)
    at, path, checkpoint = bundle.parse_proof(job.files.need(bundle.leaf_name(bundle.PROOFS, index, ".tlog-proof")))
    if at != index or checkpoint != job.newest:
        raise RootMismatch(f"the proof of leaf {index} is for leaf {at} or for another checkpoint")
    if root_from_inclusion(index, job.head.size, leaf_hash(line), path) != job.head.root:
        raise RootMismatch(f"the proof of leaf {index} does not lead to the root that was signed")
    if leaf.kind == "record":
        evidence = job.files.read(bundle.leaf_name(bundle.EVIDENCE, index))
        if evidence is None:
            raise EvidenceMismatch(f"the evidence of leaf {index} is missing")
        check_evidence(leaf, evidence, index, job.facts)
    return leaf


def _check_history(job: _Job) -> None:
    """Every checkpoint is signed, and the newest tree extends its tree."""
    root_at_pin = EMPTY_ROOT if job.pin and job.pin.head.size == 0 else None
    before = 0
    for note, proof in job.notes(with_proof=True):
        head, spki, der = checkpoint_to_verify(note, job.facts.ledger_id, job.facts.keys)
        if not verifies(spki, der, head.text):
            raise BadCheckpointSignature(f"the signature of the checkpoint of size {head.size} does not verify")
        if head.size <= before:
            raise MalformedRecord("checkpoints.ndjson is not in order")
        if not is_consistent(head.size, job.head.size, head.root, job.head.root, proof):
            raise RootMismatch(f"the newest tree does not extend that of the checkpoint of size {head.size}")
        if job.pin and job.pin.head.size == head.size:
            root_at_pin = head.root
        before = head.size
        job.report.checkpoints += 1
    if job.pin:
        check_pin_signature(job.pin, job.facts.keys, job.facts.verify)
        check_pin(job.pin, job.head.size, root_at_pin)
