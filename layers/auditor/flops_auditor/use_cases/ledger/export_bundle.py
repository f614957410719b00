"""Write a bundle from the archive: the whole ledger, or chosen records that each prove their place in the signed tree.

Of what is not chosen a part holds hashes alone: how many leaves there are can be read from it, and nothing about them.
"""

import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from flops_auditor.data import shipped
from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.bundle_readme import readme
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.leaves import LeafKind, kind_of, parse_rotation, rests_on_evidence
from flops_auditor.domain.ledger.ledger_errors import BadBundle, MissingCheckpoint, ObjectReplaced
from flops_auditor.domain.ledger.left_out import LEFT_OUT
from flops_auditor.domain.ledger.merkle import MerkleTree, leaf_hash
from flops_auditor.domain.ledger.signed_note import parse_checkpoint, parse_note
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.values.archive_keys import evidence_key, tables_key
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.json_size import LARGEST_ANCESTORS, LARGEST_EVIDENCE, is_readable
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.visible import means
from flops_auditor.use_cases.ledger.batches_ahead import batches_ahead
from flops_auditor.use_cases.ledger.log_reader import (
    genesis_keys,
    newest_checkpoint,
    read_checkpoint,
    signers_of,
)
from flops_auditor.use_cases.ledger.report_bundle import Page, shown_files
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.side_by_side import Ahead, each_when_asked

MOST_SHRUNK, SURELY_FEW = bundle.MOST_GROWTH * 4 // 5, 1 << 14
"""A file that zip would make a smaller part of is stored as it is, from so many bytes on: a job's owner can write
evidence so repetitive that a bundle of it would unpack to more than a verifier takes for its size.
"""
PIECE = 1 << 16
"""Bytes that are compressed at a time, until it is known whether a file shrinks by so much."""
EPOCH = (1980, 1, 1, 0, 0, 0)
RecordFilter = Callable[[dict[str, Any]], bool]
"""Predicate of a record -> whether it fits."""


class NothingChosen(WrongInput):
    """No record of the log fits the selection."""

    remedy = "List what is recorded with `flops-auditor records list`; new records are in the log after 15 minutes."


class SelectionTooLarge(WrongInput):
    """More than a verifier takes: too large files, or too many, of which a part has three for each record and two for
    each batch of these.
    """

    remedy = "Export a part with fewer records, such as of a shorter time; in place of a large part, the whole ledger."


@dataclass(frozen=True)
class Exported:
    """What was written. `left_out` are objects of the archive that no verifier reads: older releases kept such;
    `not_shown` are the files for people that would be too large.
    """

    size: int
    records: int
    left_out: tuple[str, ...] = ()
    not_shown: tuple[str, ...] = ()


def of_model(*names: str) -> RecordFilter:
    """Records whose original model has one of these names."""
    return lambda content: content["original"]["base_model"] in names


def anything(_: dict[str, Any]) -> bool:
    """Every record."""
    return True


def of_job(job: str) -> RecordFilter:
    """Records of the training jobs with this name or ARN."""
    return lambda content: means(job, content["job"]["name"]) or job == content["job"]["arn"]


def of_time(since: datetime | None, until: datetime | None) -> RecordFilter:
    """Records recorded in [since, until)."""

    def chosen(content: dict[str, Any]) -> bool:
        at = datetime.fromisoformat(content["recorded_at"])
        return (since is None or at >= since) and (until is None or at < until)

    return chosen


@dataclass(frozen=True)
class _Leaf:
    """A leaf of the log: of a chosen record what it says; of one, or of a chosen statement on a bill, whose evidence
    under which key of the archive.
    """

    index: int
    line: bytes
    kind: LeafKind
    payload: bytes
    content: dict[str, Any] | None = None
    key: str = ""
    evidence: bytes = b""


def export_whole(
    archive: Archive,
    ledger_id: str,
    path: Path,
    now: datetime,
    page: Page | None = None,
    ahead: Ahead = each_when_asked,
) -> Exported:
    """Everything up to the newest checkpoint. With `page` it opens itself, if it has not too many records for that.

    Batches, evidence and checkpoints are read `ahead`.
    """
    size, records, keys = _size(archive), 0, _genesis(archive, ledger_id)
    ends: list[int] = []
    with _Writer(path, page) as out:
        chunk = _ChunkContent(0)
        for leaf in ahead(_readings(archive, size, anything, ahead, with_bills=True)):
            out.read(leaf.index, leaf.line, records)
            evidence = b64encode(out.evidence(leaf.key, leaf.evidence)) if leaf.key else b""
            if leaf.content is not None:
                out.named(archive, leaf.content)
                records += 1
            elif leaf.kind == "rotation":
                change = parse_rotation(leaf.payload)
                keys = keys.rotated(change.role, change.new_spki, leaf.index)
            elif leaf.kind == "heartbeat":
                ends.append(leaf.index + 1)
            full = chunk.add(leaf.line, evidence)
            if full or (leaf.kind == "heartbeat" and len(chunk.lines) >= bundle.CHUNK):
                out.chunk(chunk)
                chunk = _ChunkContent(leaf.index + 1)
        out.chunk(chunk)
        out.lines(bundle.CHECKPOINTS, (bundle.checkpoint_line(note) for note in _checkpoints(archive, ends, ahead)))
        manifest = bundle.Manifest("whole", ledger_id, size, bundle.EVERYTHING, iso(now))
        if page:
            out.shown(shown_files(out.leaves, manifest, records, page))
        out.frame(manifest, keys, archive)
    return Exported(size, records, tuple(out.left_out), tuple(out.not_shown))


def export_part(
    archive: Archive,
    ledger_id: str,
    path: Path,
    now: datetime,
    selection: str,
    *,
    chosen: RecordFilter = anything,
    by_job: RecordFilter | None = None,
    page: Page | None = None,
    ahead: Ahead = each_when_asked,
) -> Exported:
    """The chosen records, all rotations, the heartbeats that date them, and the first, with proofs. Statements on bills
    are in no part: their evidence names whatever ran in the account.

    With `by_job` they are those of jobs of which one record fits it: the revisions of a job need not name one model,
    and each that is superseded belongs beside the one that supersedes it. The log is then read once more. With `page`
    the bundle opens itself, as a whole one does; `ahead` as there. Raises NothingChosen.
    """
    size, records, keys, tree = _size(archive), 0, _genesis(archive, ledger_id), MerkleTree()
    checkpoint = read_checkpoint(archive, size)
    jobs = None if by_job is None else {c["job"]["id"] for c in _records(archive, size, ahead) if by_job(c)}
    kept: list[int] = []
    ends: list[int] = []
    begin = 0

    def wanted(content: dict[str, Any]) -> bool:
        return chosen(content) and (jobs is None or content["job"]["id"] in jobs)

    with _Writer(path, page) as out:
        for leaf in ahead(_readings(archive, size, wanted, ahead)):
            index = leaf.index
            tree.append(leaf_hash(leaf.line))
            if rests_on_evidence(leaf.kind):
                if leaf.content is None:
                    continue
                records += 1
                out.add(bundle.leaf_name(bundle.EVIDENCE, index), out.evidence(leaf.key, leaf.evidence))
                out.named(archive, leaf.content)
            elif leaf.kind == "rotation":
                change = parse_rotation(leaf.payload)
                keys = keys.rotated(change.role, change.new_spki, index)
            else:
                ends.append(index + 1)
                if begin > 0 and index != size - 1 and (not kept or kept[-1] < begin):
                    begin = index + 1
                    continue  # of other batches than the first, which says when keys could be replaced, it has nothing
                begin = index + 1
            kept.append(index)
            out.read(index, leaf.line, records)
            out.add(bundle.leaf_name(bundle.LEAVES, index), leaf.line)
        if not records:
            raise NothingChosen(f"no record in the log fits: {selection}")
        for index in kept:
            proof = bundle.proof_file(index, tree.inclusion_proof(index, size), checkpoint)
            out.add(bundle.leaf_name(bundle.PROOFS, index, ".tlog-proof"), proof)
        out.lines(
            bundle.CHECKPOINTS,
            (
                bundle.checkpoint_line(note, tree.consistency_proof(_size_of(note), size))
                for note in _checkpoints(archive, ends, ahead)
            ),
        )
        manifest = bundle.Manifest("part", ledger_id, size, bundle.as_selection(selection), iso(now))
        if page:
            out.shown(shown_files(out.leaves, manifest, records, page))
        out.frame(manifest, keys, archive)
    return Exported(size, records, tuple(out.left_out), tuple(out.not_shown))


@dataclass
class _ChunkContent:
    begin: int
    lines: list[bytes] = field(default_factory=list)
    evidence: list[bytes] = field(default_factory=list)
    sizes: tuple[int, int] = (0, 0)

    def add(self, line: bytes, evidence: bytes) -> bool:
        """The next leaf with its evidence in base64; True when so many bytes are enough for one chunk."""
        self.lines.append(line)
        self.evidence.append(evidence)
        self.sizes = (self.sizes[0] + len(line) + 1, self.sizes[1] + len(evidence) + 1)
        return max(self.sizes) >= bundle.CHUNK_BYTES


class _Writer:
    """A zip of files without dates, written aside and put in place when complete. For a page its leaves are kept aside
    as well, until then.
    """

    def __init__(self, path: Path, page: Page | None) -> None:
        self._path = path
        self._partial = path.with_name(path.name + ".partial")
        self._has_page = page is not None
        self._named: set[str] = set()
        self._inventory = bundle.Inventory()
        self.left_out: list[str] = []
        self.not_shown: list[str] = []

    def __enter__(self) -> "_Writer":
        try:
            self._open = self._opened()
        except OSError as error:  # of a name beside it that nobody gave
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        return self

    def _opened(self) -> ExitStack:
        with ExitStack() as opened:
            if self._has_page:
                self._aside = opened.enter_context(NamedTemporaryFile(dir=self._path.parent))
            self._zip = opened.enter_context(zipfile.ZipFile(self._partial, "w", zipfile.ZIP_DEFLATED))
            return opened.pop_all()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            self._open.close()
            if kind is None:
                with _read_by_all():
                    self._inventory.check_together(self._partial.stat().st_size)
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)

    def add(self, name: str, content: bytes) -> None:
        """One file. Raises SelectionTooLarge where nobody could read it."""
        self._take(name, len(content))
        info = _info(name)
        if len(content) >= SURELY_FEW and shrinks_beyond(content, MOST_SHRUNK):
            info.compress_type = zipfile.ZIP_STORED
        self._zip.writestr(info, content)

    def _take(self, name: str, size: int) -> None:
        with _read_by_all():
            self._inventory.add(name, size)

    def read(self, index: int, line: bytes, records: int) -> None:
        """Keep a leaf aside for the page, as long as there are not too many records before it for one."""
        if self._has_page and records <= bundle.MOST_SHOWN:
            self._aside.write(b"%d %b\n" % (index, line))

    def leaves(self) -> Iterator[tuple[int, bytes]]:
        """(index, line) of the leaves that were kept aside: the log is not read again for the page."""
        self._aside.flush()
        with Path(self._aside.name).open("rb") as kept:
            for row in kept:
                index, line = row[:-1].split(b" ", 1)
                yield int(index), line

    def shown(self, files: Mapping[str, bytes]) -> None:
        """The files for people, of which an empty one would be too large."""
        for name, content in files.items():
            if content:
                self.add(name, content)
            else:
                self.not_shown.append(name)

    def lines(self, name: str, lines: Iterator[bytes]) -> None:
        """One file, line by line."""
        with self._zip.open(_info(name), "w") as file:
            size = sum(file.write(line) for line in lines)
        self._take(name, size)

    def named(self, archive: Archive, content: dict[str, Any]) -> None:
        """What a record names by digest and does not hold itself, once: many ancestors, and the tables of its time.

        A table that was not kept is taken from this version, if it is the same.
        """
        kept = (content.get("lineage") or {}).get("kept")
        if kept:
            self._once(bundle.ancestors_name(kept["sha256"]), partial(self._ancestors, archive, kept["key"]))
        for digest in content["tables"].values():
            self._once(bundle.tables_name(digest), partial(self._table, archive, digest))

    def evidence(self, key: str, body: bytes) -> bytes:
        """What a leaf rests on; empty if it was never archived, which the verifier then reports."""
        return self._readable(key, body, LARGEST_EVIDENCE)

    def _ancestors(self, archive: Archive, key: str) -> bytes | None:
        body = archive.get(key)
        return None if body is None else self._readable(key, body, LARGEST_ANCESTORS)

    def _table(self, archive: Archive, digest: str) -> bytes | None:
        """A table by its digest: the archived one, or what this version ships where that is the same; no other one is
        as large as no verifier reads it.
        """
        key = tables_key(digest)
        body = archive.get(key)
        if body is None or sha256(body).hexdigest() != digest:
            return shipped().get(digest)
        if len(body) <= bundle.LARGEST_TABLE:
            return body
        self.left_out.append(key)
        return None

    def _readable(self, key: str, body: bytes, largest: int) -> bytes:
        """An object, or, of one that no verifier reads, the word that says so."""
        if is_readable(body, largest):
            return body
        self.left_out.append(key)
        return LEFT_OUT

    def _once(self, name: str, load: Callable[[], bytes | None]) -> None:
        if name not in self._named:
            self._named.add(name)
            body = load()
            if body is not None:
                self.add(name, body)

    def chunk(self, chunk: _ChunkContent) -> None:
        """Leaves and their evidence."""
        if chunk.lines:
            self.add(bundle.chunk_name(bundle.LOG, chunk.begin), b"\n".join([*chunk.lines, b""]))
            self.add(bundle.chunk_name(bundle.EVIDENCE, chunk.begin), b"\n".join([*chunk.evidence, b""]))

    def frame(self, manifest: bundle.Manifest, keys: KeyHistory, archive: Archive) -> None:
        """What every bundle has; last of all the manifest, which promises how much the other files unpack to."""
        self.add(bundle.CHECKPOINT, read_checkpoint(archive, manifest.size))
        self.add(bundle.KEYS, keys.to_bytes())
        for name, spki in {key.keyid: key.spki for key in keys.ranges}.items():
            self.add(f"{bundle.PEM}{name}.pem", bundle.pem(spki))
        self.add(bundle.README, readme(manifest, keys))
        sizes = [entry.file_size for entry in self._zip.infolist()]
        self.add(bundle.MANIFEST, replace(manifest, files=len(sizes), unpacked=sum(sizes)).to_bytes())


@contextmanager
def _read_by_all() -> Iterator[None]:
    """What would be no bundle to any verifier is not written. Raises SelectionTooLarge."""
    try:
        yield
    except BadBundle as error:
        raise SelectionTooLarge(f"no verifier would read the bundle: {error}") from error


def shrinks_beyond(content: bytes, times: int) -> bool:
    """Whether zip makes it more than so many times smaller. It is compressed until that is known, which is soon for
    what is not repetitive.
    """
    compressor, size = zlib.compressobj(), 0
    for begin in range(0, len(content), PIECE):
        size += len(compressor.compress(content[begin : begin + PIECE]))
        if size * times >= len(content):
            return False
    return (size + len(compressor.flush())) * times < len(content)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = 0o644 << 16
    return info


def _size(archive: Archive) -> int:
    signers = signers_of(archive, verifies)
    size = newest_checkpoint(archive, signers) if signers else 0
    if not size:
        raise MissingCheckpoint("the log has no checkpoint yet: nothing was sealed")
    return size


def _genesis(archive: Archive, ledger_id: str) -> KeyHistory:
    keys = genesis_keys(archive, ledger_id)
    if keys is None:
        raise BadBundle("the archive has no keys.json")
    return keys


def _leaves(archive: Archive, size: int, ahead: Ahead) -> Iterator[tuple[int, bytes]]:
    """(index, line) of every leaf below `size`; of batches few leaves, or one batch, are in memory at a time."""
    for first, lines in batches_ahead(archive, size, ahead):
        yield from enumerate(lines, start=first)


def _records(archive: Archive, size: int, ahead: Ahead) -> Iterator[dict[str, Any]]:
    """The predicate of every record below `size`."""
    for _, line in _leaves(archive, size, ahead):
        payload = parse_envelope(line).payload
        if kind_of(payload) == "record":
            yield parse_statement(payload).predicate


def _readings(
    archive: Archive, size: int, chosen: RecordFilter, ahead: Ahead, with_bills: bool = False
) -> Iterator[Callable[[], _Leaf]]:
    """What reads each leaf below `size`, with the evidence of the chosen records and, if asked, of bills."""
    return (partial(_leaf, archive, index, line, chosen, with_bills) for index, line in _leaves(archive, size, ahead))


def _leaf(archive: Archive, index: int, line: bytes, chosen: RecordFilter, with_bills: bool) -> _Leaf:
    payload = parse_envelope(line).payload
    kind = kind_of(payload)
    if not rests_on_evidence(kind):
        return _Leaf(index, line, kind, payload)
    statement = parse_statement(payload)
    content = statement.predicate if kind == "record" else None
    if not (with_bills if content is None else chosen(content)):
        return _Leaf(index, line, kind, payload)
    key = evidence_key(*statement.identity)
    return _Leaf(index, line, kind, payload, content, key, _evidence(archive, key))


def _checkpoints(archive: Archive, ends: Iterable[int], ahead: Ahead) -> Iterator[bytes]:
    """The checkpoint at each end of a batch."""
    return ahead(partial(read_checkpoint, archive, end) for end in ends)


def _size_of(note: bytes) -> int:
    return parse_checkpoint(parse_note(note).text).size


def _evidence(archive: Archive, key: str) -> bytes:
    try:
        return archive.get(key) or b""
    except ObjectReplaced as error:
        raise ObjectReplaced(f"{error}: compare all versions of the object, the oldest is the signed one") from error
