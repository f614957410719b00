"""Verify a bundle offline: no AWS, no network, memory that hardly grows with the log, every core at work.

The bundle is hostile until the end: its zip is read strictly, every file in it is expected and used, and what it says
of itself is only a claim to check.
"""

import os
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Literal

from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.agreement import KEY_BYTES, Agreement, Reader, Rows, check_record, milliseconds
from flops_auditor.domain.ledger.bills import Bills, BillSaid
from flops_auditor.domain.ledger.bundle_readme import readme
from flops_auditor.domain.ledger.checks import (
    SEALED_WITHIN,
    Pins,
    check_ancestors,
    check_checkpoint,
    check_freshness,
    check_pins,
    check_rotations,
    check_sealed,
    check_tables,
    listed_in,
    read_pins,
)
from flops_auditor.domain.ledger.container import Entries, Entry
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.findings import Defect, Findings, defect_of
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_given_keys, parse_key_history
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Leaf, Rotation, check_heartbeat, kind_of, read_leaf
from flops_auditor.domain.ledger.ledger_errors import (
    AncestorNotHere,
    AnotherLedger,
    BadBundle,
    EvidenceMismatch,
    LateRecord,
    LedgerError,
    MalformedRecord,
    MissingCheckpoint,
    PageNotCompared,
    RootMismatch,
    TimeRunsBackwards,
    TooLarge,
    UnknownKey,
    WrongLedger,
)
from flops_auditor.domain.ledger.log_join import LogJoin
from flops_auditor.domain.ledger.merkle import is_consistent, leaf_hash, root_from_inclusion
from flops_auditor.domain.ledger.signed_note import Checkpoint, parse_checkpoint, parse_note
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.ledger.verification import (
    ChunkSummary,
    Dated,
    FirstNamed,
    Heartbeat,
    LogFacts,
    Recompute,
    Tally,
    check_chunk,
    check_evidence,
)
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.report_bundle import Page, check_shown
from flops_auditor.use_cases.ledger.signatures import verifies, with_other_s

MOST_FINDINGS = 100
"""Of the log: with so many no further chunk is read."""

BundleVerdict = Literal["valid", "valid, but stale", "valid, with reservations", "tampered", "cannot verify"]


@dataclass(frozen=True)
class Demands:
    """What the reader knows from elsewhere, and when the bundle was obtained; `now` is the verifier's clock, if set.

    `page` makes the page of a report, to compare with that of the bundle; without it that page is passed over.
    """

    as_of: datetime
    max_age: timedelta = timedelta(hours=25)
    pin: bytes | None = None
    keys: bytes | None = None
    recompute: Recompute | None = None
    page: Page | None = None
    processes: int = 1
    now: datetime | None = None


@dataclass
class VerificationReport:
    """What was found. Valid if there are no findings; `reservations` are what a valid bundle does not promise.

    `pins`: how many leaves each pinned checkpoint commits to that is compared.
    `followed`: what records continue was followed again from their evidence, which takes the whole log.
    `recorded_by` counts records by version of the code, `assessed_under` those that each policy assesses: the first
    names in their order, and the sum of all others.
    `bills`: the newest statement on each bill, of those with the most that is open; `more_bills` counts the others.
    `elsewhere` counts the ancestors that records of a part list and that are not in the part, `superseded_elsewhere`
    the records that others of the same job in it supersede; `more` counts findings of a kind beyond those that are told
    one by one.
    """

    ledger_id: str = ""
    kind: str = ""
    selection: str = ""
    left_out: str = ""
    size: int = 0
    records: int = 0
    checkpoints: int = 0
    root: str = ""
    sealed_at: datetime | None = None
    pinned: bool = False
    pins: list[int] = field(default_factory=list)
    keys_given: bool = False
    followed: bool = False
    elsewhere: int = 0
    superseded_elsewhere: int = 0
    recorded_by: dict[str, int] = field(default_factory=dict)
    recorded_by_others: int = 0
    assessed_under: dict[str, int] = field(default_factory=dict)
    assessed_under_others: int = 0
    bills: list[BillSaid] = field(default_factory=list)
    more_bills: int = 0
    findings: list[Defect] = field(default_factory=list)
    reservations: list[Defect] = field(default_factory=list)
    more: Mapping[str, int] = field(default_factory=dict)

    @property
    def verdict(self) -> BundleVerdict:
        """In the order in which one overrides another."""
        if self.findings:
            return "tampered" if any(finding.tampered for finding in self.findings) else "cannot verify"
        kinds = {finding.error for finding in self.reservations}
        if not kinds:
            return "valid"
        return "valid, but stale" if kinds == {"StaleLedger"} else "valid, with reservations"


TellProgress = Callable[[int, int], None]
"""(leaves done, leaves in all)."""


def verify_bundle(
    path: Path, demands: Demands, progress: TellProgress = lambda done, total: None
) -> VerificationReport:
    """Check all of a bundle against the rest of it, and against what is demanded. Never raises for a bad one."""
    report = VerificationReport(pinned=demands.pin is not None, keys_given=demands.keys is not None)
    findings = Findings()
    try:
        with BundleFiles(path) as files:
            _verify(files, demands, report, findings, progress)
    except LedgerError as error:
        findings.add([defect_of(error)])
    report.findings, report.reservations, report.more = findings.defects, findings.reservations, findings.more
    return report


def _verify(
    files: BundleFiles, demands: Demands, report: VerificationReport, findings: Findings, progress: TellProgress
) -> None:
    manifest = files.manifest()
    keys = parse_key_history(files.need(bundle.KEYS))
    report.kind, report.selection, report.ledger_id = manifest.kind, manifest.selection, manifest.ledger_id
    report.left_out = manifest.left_out
    if keys.ledger_id != manifest.ledger_id:
        raise WrongLedger(f"keys.json is of the ledger {keys.ledger_id[:120]!r}, the manifest says otherwise")
    given = None if demands.keys is None else parse_given_keys(demands.keys)
    _check_keys(files, keys, manifest.size, given)
    newest = files.read(bundle.CHECKPOINT)
    if newest is None:
        raise MissingCheckpoint("there is no checkpoint, so nothing commits to the records")
    head = check_checkpoint(newest, manifest.ledger_id, keys, verifies)
    if head.size != manifest.size:
        raise BadBundle(f"the manifest speaks of {manifest.size} leaves, the newest checkpoint of {head.size}")
    report.size, report.root = head.size, head.root.hex()
    reader = Reader(os.urandom(KEY_BYTES))
    facts = LogFacts(
        *(manifest.ledger_id, keys, head.size, verifies, reader, demands.recompute, files),
        *(frozenset(files.digests(bundle.TABLES)), len(files.digests(bundle.ANCESTORS))),
    )
    known = [keys] if given is None else [keys, given]
    pins = read_pins(demands.pin, manifest.ledger_id, known, verifies) if demands.pin is not None else Pins()
    report.pins = pins.sizes
    job = _Job(files, facts, newest, head, pins, report, findings, demands, progress)
    heartbeat = (_whole if manifest.kind == "whole" else _part)(job)
    if findings.of_the_log or heartbeat is None:
        return
    if files.need(bundle.README) != readme(manifest, keys):
        raise BadBundle("README.md is not the text that export writes for this manifest and these keys")
    try:
        check_shown(files, manifest, report.records, demands.page)
    except PageNotCompared as error:
        findings.add([defect_of(error)])
    report.sealed_at = heartbeat.sealed_at
    check_freshness(heartbeat.sealed_at, demands.as_of, demands.now, demands.max_age)


def _check_keys(files: BundleFiles, keys: KeyHistory, size: int, given: KeyHistory | None) -> None:
    if given is not None:
        if given.ledger_id != keys.ledger_id:
            raise AnotherLedger(f"the keys given are of {given.ledger_id[:120]!r}, not of {keys.ledger_id[:120]!r}")
        if not keys.agrees_with(given, size):
            raise UnknownKey("the bundle's keys are not those that were given with --keys, as far as both go")
    for key in keys.ranges:
        if files.need(f"{bundle.PEM}{key.keyid}.pem") != bundle.pem(key.spki):
            raise UnknownKey(f"the PEM file of {key.keyid[:16]} holds another key than keys.json")


@dataclass
class _Job:
    """What checking the leaves works with."""

    files: BundleFiles
    facts: LogFacts
    newest: bytes
    head: Checkpoint
    pins: Pins
    report: VerificationReport
    findings: Findings
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

    def lines(self, leaves: Iterable[int]) -> Iterator[bytes]:
        """Leaves in rising order, which were checked, from their files: each of these is unpacked once."""
        begins, held, lines = self.files.numbers(bundle.LOG), -1, list[bytes]()
        for leaf in leaves:
            if self.report.kind == "part":
                yield self.files.need(bundle.leaf_name(bundle.LEAVES, leaf))
                continue
            begin = begins[bisect_right(begins, leaf) - 1]
            if begin != held:
                held, lines = begin, self.files.need(bundle.chunk_name(bundle.LOG, begin)).split(b"\n")
            yield lines[leaf - begin]

    def count(self, tally: Tally) -> None:
        """Report what was counted of the records."""
        versions, policies = tally.versions, tally.policies
        self.report.records = tally.records
        self.report.recorded_by, self.report.recorded_by_others = versions.told, versions.others
        self.report.assessed_under, self.report.assessed_under_others = policies.told, policies.others

    def agree(self, agreement: Agreement, tally: Tally, bills: Bills) -> None:
        """What stands beside the records is what they name, and all of them agree with one another."""
        unread = check_ancestors(tally.ancestors, self.files.digests(bundle.ANCESTORS), self._kept)
        self.findings.add(unread.values())
        check_tables(tally.tables, self.files.digests(bundle.TABLES), self.files.table)
        for digest, first in tally.ancestors.items():
            if digest not in unread:
                agreement.add(self._listed(digest, first))
        for defect in agreement.check(self.lines, lambda line: self.facts.reader.line(with_other_s(line))):
            if self.report.kind == "part" and defect.error == AncestorNotHere.__name__:
                self.report.elsewhere += 1
            else:
                self.findings.add([defect])
        self.report.superseded_elsewhere = agreement.superseded_elsewhere
        for payload in (parse_envelope(line).payload for line in self.lines(agreement.twins)):
            if kind_of(payload) == "record":
                tally.count(parse_statement(payload).predicate, -1)
        self.count(tally)
        self.findings.add(bills.check(self._roots()))
        self.report.bills, self.report.more_bills = bills.in_order(), bills.more

    def _roots(self) -> Iterator[tuple[int, bytes]]:
        """Size and root of all checkpoints, which were checked."""
        heads = (parse_checkpoint(parse_note(note).text) for note, _ in self.notes(self.report.kind == "part"))
        return ((head.size, head.root) for head in heads)

    def _kept(self, digest: str) -> bytes | None:
        return self.files.read(bundle.ancestors_name(digest))

    def _listed(self, digest: str, first: FirstNamed) -> Rows:
        """What an object with ancestors says of them, of which one is in memory at a time."""
        listed = listed_in(self._kept(digest) or b"")
        return Rows(references=self.facts.reader.references(listed, "", first.leaf, milliseconds(first.at)))


def _whole(job: _Job) -> Heartbeat | None:
    """All leaves, in chunks spread over processes, joined in order."""
    begins = job.files.numbers(bundle.LOG)
    chunks = [bundle.chunk_name(folder, begin) for begin in begins for folder in (bundle.LOG, bundle.EVIDENCE)]
    job.files.expect(chunks, job.keyids)
    join = LogJoin(job.facts, (note for note, _ in job.notes(with_proof=False)), job.pins, job.findings)
    broken: LedgerError | None = None
    for summary in _summaries(job, begins):
        job.findings.add(summary.findings)
        try:
            if broken is None:
                join.add(summary)
        except LedgerError as error:
            broken = error
        job.progress(summary.end, job.head.size)
        if job.findings.of_the_log >= MOST_FINDINGS:
            return None
    job.count(join.tally)
    job.report.checkpoints = join.checkpoints
    if job.findings.of_the_log:
        return None  # what the leaves show first explains what the tree would show
    if broken is not None:
        raise broken
    join.finish()
    check_rotations(job.facts.keys, join.rotations, join.newest, join.began)
    job.agree(join.agreement, join.tally, join.bills)
    if join.replay is not None and join.newest is not None and not job.findings.of_the_log:
        job.report.followed = not job.findings.defects
        job.findings.add(join.replay.check(join.newest.sealed_at))
    return join.newest


def _summaries(job: _Job, begins: Sequence[int]) -> Iterator[ChunkSummary]:
    """The chunks' summaries in order; a few chunks ahead are under way in other processes."""
    if job.demands.processes == 1 or len(begins) < 4:
        yield from (_check(job.files, job.facts, begin) for begin in begins)
        return
    facts, entries = job.facts, job.files.entries
    named = [entries[name] for name in entries if facts.recompute and name.startswith(_FOR_RECOMPUTE)]
    settings = (facts.ledger_id, facts.keys.to_bytes(), facts.size, facts.reader, facts.recompute, facts.tables)
    with ProcessPoolExecutor(
        job.demands.processes,
        get_context("forkserver"),
        initializer=_start_worker,
        initargs=(job.files.path, named, *settings),
    ) as pool:
        waiting = iter(begins)
        ahead: deque[Future[ChunkSummary]] = deque(
            pool.submit(_check_in_worker, begin, _of_chunk(entries, begin))
            for begin in islice(waiting, 3 * job.demands.processes)
        )
        try:
            while ahead:
                yield ahead.popleft().result()
                for begin in islice(waiting, 1):
                    ahead.append(pool.submit(_check_in_worker, begin, _of_chunk(entries, begin)))
        finally:
            for future in ahead:
                future.cancel()


def _of_chunk(entries: Entries, begin: int) -> list[Entry]:
    """The files of a chunk that are there."""
    names = (bundle.chunk_name(folder, begin) for folder in (bundle.LOG, bundle.EVIDENCE))
    return [entries[name] for name in names if name in entries]


_FOR_RECOMPUTE = (bundle.ANCESTORS, bundle.TABLES)
_worker: tuple[BundleFiles, LogFacts]


def _start_worker(
    path: Path,
    named: list[Entry],
    ledger_id: str,
    keys: bytes,
    size: int,
    reader: Reader,
    recompute: Recompute | None,
    tables: frozenset[str],
) -> None:
    global _worker  # noqa: PLW0603 - one bundle per worker process
    files = BundleFiles(path, Entries(named))
    _worker = (files, LogFacts(ledger_id, parse_key_history(keys), size, verifies, reader, recompute, files, tables))


def _check_in_worker(begin: int, entries: list[Entry]) -> ChunkSummary:
    _worker[0].entries.add(entries)
    return _check(*_worker, begin)


def _check(files: BundleFiles, facts: LogFacts, begin: int) -> ChunkSummary:
    try:
        log = files.need(bundle.chunk_name(bundle.LOG, begin))
        return check_chunk(facts, begin, log, files.read(bundle.chunk_name(bundle.EVIDENCE, begin)) or b"")
    except LedgerError as error:
        return ChunkSummary(begin, begin, findings=[defect_of(error, begin)])


def _part(job: _Job) -> Heartbeat:
    """Chosen leaves, each with its proof; all checkpoints consistent with the newest."""
    chosen = _chosen(job)
    if chosen.heartbeat is None:
        raise MissingCheckpoint("the newest heartbeat, which dates the newest checkpoint, is missing")
    _check_times(job, chosen)
    check_rotations(job.facts.keys, chosen.rotations, chosen.heartbeat, chosen.began)
    job.count(chosen.tally)
    _check_history(job)
    job.agree(chosen.agreement, chosen.tally, Bills())
    return chosen.heartbeat


def _check_times(job: _Job, chosen: "_Chosen") -> None:
    """Each leaf is dated by the heartbeat that closes its batch, and those follow one another."""
    latest: datetime | None = None
    for heartbeat, dated in chosen.batches:
        if dated and dated[0].leaf < heartbeat.first_index:
            raise MissingCheckpoint(f"the heartbeat that closes the batch of leaf {dated[0].leaf} is missing")
        if latest is not None and heartbeat.sealed_at < latest - CLOCK_SKEW:
            raise TimeRunsBackwards(f"a heartbeat of {iso(heartbeat.sealed_at)} follows one of {iso(latest)}")
        latest = max(latest or heartbeat.sealed_at, heartbeat.sealed_at)
        check_sealed(max(dated, default=None), heartbeat.sealed_at)
        for each in dated:
            if each.waited and heartbeat.sealed_at - each.at > SEALED_WITHIN:
                message = f"leaf {each.leaf} is dated {iso(each.at)}, and was sealed {iso(heartbeat.sealed_at)}"
                job.findings.add([defect_of(LateRecord(message), each.leaf)])


@dataclass
class _Chosen:
    """What the leaves of a part say together. `began`: when the log's first batch was sealed, if that is here."""

    agreement: Agreement
    heartbeat: Heartbeat | None = None
    began: datetime | None = None
    rotations: list[tuple[int, Rotation]] = field(default_factory=list)
    dated: list[Dated] = field(default_factory=list)
    batches: list[tuple[Heartbeat, list[Dated]]] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)


def _chosen(job: _Job) -> _Chosen:
    indexes = job.files.numbers(bundle.LEAVES)
    names = [bundle.leaf_name(bundle.LEAVES, index) for index in indexes]
    names += [bundle.leaf_name(bundle.PROOFS, index, ".tlog-proof") for index in indexes]
    chosen = _Chosen(Agreement(part=True))
    for done, index in enumerate(indexes, start=1):
        line, leaf = _check_leaf(job, index)
        if leaf.kind == "record":
            names.append(bundle.leaf_name(bundle.EVIDENCE, index))
            chosen.agreement.add(job.facts.reader.rows(leaf, line, index))
            chosen.tally.add(leaf, index, job.facts.tables)
        elif leaf.rotation:
            chosen.rotations.append((index, leaf.rotation))
        elif leaf.kind == "bill":
            raise BadBundle(f"leaf {index} of a part is a statement on a bill, as export writes none")
        else:
            check_heartbeat(leaf, index, job.facts.keys)
            heartbeat = Heartbeat.of(leaf)
            chosen.batches.append((heartbeat, chosen.dated))
            chosen.dated = []
            if heartbeat.first_index == 0:
                chosen.began = heartbeat.sealed_at
            if index == job.head.size - 1:
                chosen.heartbeat = heartbeat
        if leaf.kind != "heartbeat":
            chosen.dated.append(Dated(leaf.at, index, leaf.kind == "record"))
        job.progress(done, len(indexes))
    job.files.expect(names, job.keyids)
    if not chosen.tally.records:
        raise BadBundle("a part without a record, as export writes none")
    return chosen


def _check_leaf(job: _Job, index: int) -> tuple[bytes, Leaf]:
    line = job.files.need(bundle.leaf_name(bundle.LEAVES, index))
    leaf = read_leaf(parse_envelope(line), job.facts.ledger_id, index, job.facts.keys, job.facts.verify)
    at, path, checkpoint = bundle.parse_proof(job.files.need(bundle.leaf_name(bundle.PROOFS, index, ".tlog-proof")))
    if at != index or checkpoint != job.newest:
        raise RootMismatch(f"the proof of leaf {index} is for leaf {at} or for another checkpoint")
    if root_from_inclusion(index, job.head.size, leaf_hash(line), path) != job.head.root:
        raise RootMismatch(f"the proof of leaf {index} does not lead to the root that was signed")
    if leaf.kind == "record":
        check_record(leaf)
        evidence = job.files.read(bundle.leaf_name(bundle.EVIDENCE, index))
        if evidence is None:
            raise EvidenceMismatch(f"the evidence of leaf {index} is missing")
        try:
            check_evidence(leaf, evidence, index, job.facts)
        except TooLarge as error:
            job.findings.add([defect_of(error, index)])
    return line, leaf


def _check_history(job: _Job) -> None:
    """Every checkpoint is signed, and the newest tree extends its tree."""
    roots, before = job.pins.roots(unknown=None), 0
    for note, proof in job.notes(with_proof=True):
        head = check_checkpoint(note, job.facts.ledger_id, job.facts.keys, job.facts.verify)
        if head.size <= before:
            raise MalformedRecord("checkpoints.ndjson is not in order")
        if not is_consistent(head.size, job.head.size, head.root, job.head.root, proof):
            raise RootMismatch(f"the newest tree does not extend that of the checkpoint of size {head.size}")
        if head.size in roots:
            roots[head.size] = head.root
        before = head.size
        job.report.checkpoints += 1
    check_pins(job.pins, job.head.size, roots)
