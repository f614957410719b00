"""Compare the table of records, the archive and the log: what is in one of them and not, or otherwise, in another.

The log is what counts: its checkpoints were mailed. The table is an index, and whoever writes to either is seen here.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from hashlib import sha256
from random import SystemRandom
from typing import NamedTuple

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.key_history import KeyHistory, parse_key_history
from flops_auditor.domain.ledger.leaves import CLOCK_SKEW, Leaf, kind_of, parse_rotation, record_of, rests_on_evidence
from flops_auditor.domain.ledger.ledger_errors import LedgerError, ObjectReplaced
from flops_auditor.domain.ledger.statement import BILL_PREDICATE, Statement, parse_statement
from flops_auditor.domain.runs.models_file import MalformedModels, read_models
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.archive_keys import (
    CHECKPOINTS,
    EVIDENCE,
    FRONTIERS,
    KEYS,
    LOG,
    MODELS,
    RECORDS,
    ROTATIONS,
    TABLES,
    batch_key,
    checkpoint_key,
    evidence_key,
    frontier_key,
    models_key,
    number_of,
    record_key,
    rotation_key,
    tables_key,
)
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ledger.batches_ahead import batches_ahead
from flops_auditor.use_cases.ledger.log_reader import (
    Signers,
    closing,
    frontier_leads,
    newest_checkpoint,
    requested_rotation,
    signers_of,
)
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.operations.check_health import HealthCheck, named
from flops_auditor.use_cases.ports.ledger import Archive, Identity
from flops_auditor.use_cases.ports.records import RecordItem, RecordItems
from flops_auditor.use_cases.ports.side_by_side import Ahead, each_when_asked

_DIGEST = "[0-9a-f]{64}"
_OTHERS = re.compile(rf"ancestors/{_DIGEST}/({_DIGEST})\.json|tables/({_DIGEST})")
_RECORD = re.compile(rf"({RECORDS}|{EVIDENCE})({_DIGEST})/([0-9]{{1,6}})\.json")
_BOUNDARIES: dict[str, Callable[[int], str]] = {
    LOG: batch_key,
    CHECKPOINTS: checkpoint_key,
    FRONTIERS: frontier_key,
}

REBUILD = "`flops-auditor rebuild-index` puts back what the archive has; the next seal gives the rest its place."
FOREIGN = "Find in CloudTrail who wrote them. They are passed over by seal and export, and can stay."
LOOK = (
    "Keep both, export the log and verify it; then find in CloudTrail who wrote to the table or the archive. "
    "`flops-auditor rebuild-index` notes all places again as the log has them, and has the rest wait."
)
HELD = (
    "The seal function's log names each with its reason ('held back'): see `flops-auditor docs ledger`, A seal. "
    "A record that follows one without a place waits until that has one."
)
NEXT_KEY = (
    "Find in CloudTrail who wrote it. A request for a key has this place alone, so no key can be replaced while the "
    "object is there: where its retention allows, remove it; else begin a new ledger before a key must be replaced."
)
TWICE = (
    "The log verifies, and the record counts once. Find in CloudTrail who wrote to the table before the later place."
)


SAMPLE = 100
"""Records whose evidence is read, drawn anew each time, unless all of it is asked for."""


class _Place(NamedTuple):
    """A leaf and the digest of its line."""

    leaf: int
    line: bytes


class _Logged(NamedTuple):
    """A record's first place, and the digests of its line and of its evidence."""

    leaf: int
    line: bytes
    evidence: str


@dataclass
class LedgerDifferences:
    """What differs, in words, by what to do about it; `records` of the log, and `waiting` for their place.

    `evidence` of so many of `with_evidence` records was read and compared with what was signed.
    """

    size: int = 0
    records: int = 0
    rotations: int = 0
    sealed_at: datetime | None = None
    waiting: int = 0
    evidence: int = 0
    with_evidence: int = 0
    missing: list[str] = field(default_factory=list)
    otherwise: list[str] = field(default_factory=list)
    twice: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    next_key: str = ""
    foreign: list[str] = field(default_factory=list)

    def checks(self) -> list[HealthCheck]:
        """As answers of the doctor."""
        checks = [
            HealthCheck("table, archive and log", False, _of(seen, "difference", "differences"), remedy, seen)
            for seen, remedy in ((self.missing, REBUILD), (self.otherwise, LOOK))
            if seen
        ]
        if not checks:
            leaves, waiting = counted(self.size, "leaf", "leaves"), counted(self.waiting, "waits", "wait")
            detail = f"agree on {counted(self.records, 'record')} in {leaves}; {waiting} for the next seal; "
            checks = [HealthCheck("table, archive and log", True, detail + self._read())]
        if self.twice:
            detail = _of(self.twice, "record stands twice in the log", "records stand twice in the log")
            checks.append(HealthCheck("places in the log", False, detail, TWICE, self.twice))
        if self.held:
            waited = "waited when the last seal came, and"
            detail = _of(self.held, f"record {waited} was held", f"records {waited} were held")
            checks.append(HealthCheck("records without a place", False, detail, HELD, self.held))
        if self.next_key:
            checks.append(HealthCheck("the next key", False, self.next_key, NEXT_KEY))
        if self.foreign:
            wrote = "in the archive that nothing of ours wrote"
            detail = _of(self.foreign, f"object {wrote}", f"objects {wrote}")
            checks.append(HealthCheck("foreign objects", False, detail, FOREIGN, self.foreign))
        return checks

    def _read(self) -> str:
        """Whose evidence was compared."""
        if self.evidence == self.with_evidence:
            return f"all evidence is what was signed ({counted(self.evidence, 'file')})"
        return (
            f"the evidence of {self.evidence} of {self.with_evidence} records, drawn at random, is what was signed: "
            "--evidence compares all"
        )


def _of(seen: Sequence[str], one: str, several: str) -> str:
    """How many there are of what was seen, and the first of them."""
    return f"{counted(len(seen), one, several)}: {named(seen)}"


def compare_ledger(
    archive: Archive, items: RecordItems, all_evidence: bool = False, ahead: Ahead = each_when_asked
) -> LedgerDifferences:
    """Read all three; of evidence SAMPLE files, or all. The archive is read `ahead`.

    Raises what the log itself shows, such as TruncatedLedger.
    """
    differences = LedgerDifferences()
    signers = signers_of(archive, verifies)
    log = _read_log(archive, signers, differences, ahead)
    logged = log.records
    signed = {identity: known.evidence for identity, known in logged.items()}
    tabled = _compare_table(items, logged, signed, differences)
    archived, evidence = _list_archive(archive, signers, log, differences)
    if signers and differences.size and not frontier_leads(archive, differences.size):
        differences.foreign.append(frontier_key(differences.size))
    differences.next_key = _not_a_request(archive, signers, log, differences)
    for identity in archived - tabled.keys() - logged.keys():
        differences.missing.append(f"{_name(identity)} is archived, and neither in the table nor in the log")
    for identity in (tabled.keys() | logged.keys()) - archived:
        differences.missing.append(f"{_name(identity)} is recorded, and not archived")
    for identity, digest in _digests(archive, sorted(archived), record_key, ahead):
        line = logged[identity].line if identity in logged else tabled.get(identity)
        if line not in (None, digest):
            what = f"{_name(identity)}: the archive has another record than the log or the table"
            differences.otherwise.append(what)
    for identity in sorted((tabled.keys() | logged.keys()) - evidence):
        differences.missing.append(f"the evidence of {_name(identity)} is not archived")
    revisions = Counter(job for job, _ in tabled.keys() | logged.keys())
    for identity in sorted(evidence - tabled.keys() - logged.keys() - archived):
        if identity[1] > revisions[identity[0]] or not revisions[identity[0]]:
            differences.foreign.append(evidence_key(*identity))
    sealed = {each: signed[each] for each in sorted(evidence & signed.keys())}
    _compare_evidence(archive, sealed, all_evidence, differences, ahead)
    return differences


def _list_archive(
    archive: Archive, signers: Signers | None, log: "_Log", differences: LedgerDifferences
) -> tuple[set[Identity], set[Identity]]:
    """Records and evidence that are there. Named are objects that cannot be read, are missing, or are foreign."""
    archived, evidence, missing = set[Identity](), set[Identity](), log.named | log.tables
    for key, refused in archive.inspect(""):
        match = _RECORD.fullmatch(key)
        identity = (match[2], int(match[3])) if match else ("", 0)
        if match and key == record_key(*identity):
            archived.add(identity)
        elif match and key == evidence_key(*identity):
            evidence.add(identity)
        elif key == rotation_key(differences.rotations) or _under_way(archive, key, refused, signers, differences.size):
            continue
        elif not _is_ours(key, log.boundaries, differences.size, differences.rotations):
            differences.foreign.append(key)
            continue
        missing.discard(key)
        if refused:
            differences.otherwise.append(f"{ObjectReplaced.__name__}: {key} {refused}")
        elif key in log.tables:
            if sha256(_read(archive, key) or b"").hexdigest() != key.removeprefix(TABLES):
                differences.otherwise.append(f"{key} is not the table that records rest on")
        elif key not in log.named and not _is_as_named(archive, key):
            differences.foreign.append(key)
    differences.otherwise += [f"{key}, which the log names, is not archived" for key in sorted(missing)]
    return archived, evidence


def _is_as_named(archive: Archive, key: str) -> bool:
    """Whether an object that the log does not name, or not yet, is what its name says."""
    if match := _OTHERS.fullmatch(key):
        return sha256(archive.get(key) or b"").hexdigest() == (match[1] or match[2])
    if key.startswith(MODELS):
        try:
            read_models(archive.get(key) or b"")
        except MalformedModels:
            return False
    return True


def _under_way(archive: Archive, key: str, refused: str, signers: Signers | None, size: int) -> bool:
    """Whether it is the batch of a seal that is under way, or was cut off: the next one finishes it."""
    if key != batch_key(size) or refused or signers is None:
        return False
    return closing(archive.get(key) or b"", size, signers) is not None


def _not_a_request(archive: Archive, signers: Signers | None, log: "_Log", differences: LedgerDifferences) -> str:
    """What is wrong with the object at the place of the next request for a key, which nobody can put elsewhere."""
    if log.keys is None or signers is None:
        return ""
    try:
        requested_rotation(archive, signers, log.keys, differences.rotations, differences.size)
    except LedgerError as error:
        return f"{rotation_key(differences.rotations)} is no request for a key: {error.name}: {error}"
    return ""


@dataclass
class _Log:
    """What the log says: records and statements on `bills` by identity, each with its first place; the sizes at which
    batches end; the keys that sign what comes next; and which tables and other objects must be in the archive.
    """

    keys: KeyHistory | None
    records: dict[Identity, _Logged] = field(default_factory=dict)
    bills: set[Identity] = field(default_factory=set)
    boundaries: set[int] = field(default_factory=lambda: {0})
    tables: set[str] = field(default_factory=set)
    named: set[str] = field(default_factory=set)


def _read_log(archive: Archive, signers: Signers | None, differences: LedgerDifferences, ahead: Ahead) -> _Log:
    differences.size = newest_checkpoint(archive, signers) if signers else 0
    log = _Log(parse_key_history(archive.get(KEYS) or b"") if signers else None)
    for first, lines in batches_ahead(archive, differences.size, ahead):
        for index, line in enumerate(lines, start=first):
            payload = parse_envelope(line).payload
            kind = kind_of(payload)
            if rests_on_evidence(kind):
                _read_record(log, parse_statement(payload), _Place(index, sha256(line).digest()), differences)
            elif kind == "heartbeat":
                differences.sealed_at = read_time(parse_statement(payload).predicate["sealed_at"])
            elif log.keys is not None:
                change = parse_rotation(payload)
                log.keys = log.keys.rotated(change.role, change.new_spki, index)
                log.named.add(rotation_key(change.number))
                differences.rotations += 1
        log.boundaries.add(first + len(lines))
        log.named.add(checkpoint_key(first + len(lines)))
    differences.records = len(log.records) - len(log.bills)
    return log


def _read_record(log: _Log, statement: Statement, at: "_Place", differences: LedgerDifferences) -> None:
    content = statement.predicate
    known = log.records.setdefault(statement.identity, _Logged(*at, statement.subject_sha256))
    if known.leaf != at.leaf:
        same = "once more" if known.line == at.line else "another record of the same revision"
        differences.twice.append(f"leaf {at.leaf} is leaf {known.leaf}, {same}")
    if statement.predicate_type == BILL_PREDICATE:
        log.bills.add(statement.identity)
        return
    log.tables.update(map(tables_key, content["tables"].values()))
    if kept := content["lineage"]["kept"]:
        log.named.add(kept["key"])


def _compare_table(
    items: RecordItems, logged: dict[Identity, _Logged], signed: dict[Identity, str], differences: LedgerDifferences
) -> dict[Identity, bytes]:
    """Records of the table by identity with their digests; those in the log are compared.

    `signed` gets the digests of the evidence of those that wait.
    """
    tabled: dict[Identity, bytes] = {}
    for item in items.items():
        identity, line = (item.job_id, item.revision), sha256(item.line).digest()
        known = logged.get(identity)
        if known is None:
            record = _record_in(item)
            if record is None:
                differences.otherwise.append(f"the item of the table at {_name(identity)} is no such record")
                continue
            differences.waiting += item.waits
            signed[identity] = record.statement.subject_sha256
            if item.waits and _was_passed_over(record, differences.sealed_at):
                follows = item.revision > 0 and (item.job_id, item.revision - 1) not in logged
                why = f"; revision {item.revision - 1} has no place either" if follows else ""
                differences.held.append(_name(identity) + why)
            if not item.waits:
                differences.otherwise.append(
                    f"{_name(identity)}: the table says leaf {item.index}, the log has no place"
                )
        elif known.line != line:
            differences.otherwise.append(f"{_name(identity)}: the table has another record than leaf {known.leaf}")
        elif item.waits:
            differences.missing.append(f"{_name(identity)}: the table says that it waits, and it is leaf {known.leaf}")
        elif item.index != known.leaf:
            differences.otherwise.append(
                f"{_name(identity)}: the table says leaf {item.index}, it is leaf {known.leaf}"
            )
        tabled[identity] = line
    for identity in logged.keys() - tabled.keys():
        differences.missing.append(f"{_name(identity)} is leaf {logged[identity].leaf}, and not in the table")
    return tabled


def _was_passed_over(record: Leaf, sealed_at: datetime | None) -> bool:
    """Whether the newest seal came so long after a record that it saw it."""
    return sealed_at is not None and record.at + 2 * CLOCK_SKEW < sealed_at


def _record_in(item: RecordItem) -> Leaf | None:
    """The record that an item holds; None where that is none, or another one than its keys say."""
    try:
        record = record_of(parse_envelope(item.line))
    except LedgerError:
        return None
    return record if record.identity == (item.job_id, item.revision) else None


def _compare_evidence(
    archive: Archive, signed: dict[Identity, str], all_evidence: bool, differences: LedgerDifferences, ahead: Ahead
) -> None:
    """Evidence beside the digests that records were signed with."""
    drawn = list(signed) if all_evidence else SystemRandom().sample(list(signed), min(SAMPLE, len(signed)))
    differences.evidence, differences.with_evidence = len(drawn), len(signed)
    for identity, digest in _digests(archive, drawn, evidence_key, ahead):
        if digest.hex() != signed[identity]:
            differences.otherwise.append(f"the evidence of {_name(identity)} is not what was signed")


def _read(archive: Archive, key: str) -> bytes | None:
    """An object that was listed; None for one that is refused, which was named then."""
    try:
        return archive.get(key)
    except ObjectReplaced:
        return None


def _digests(
    archive: Archive, identities: Sequence[Identity], key_of: Callable[[str, int], str], ahead: Ahead
) -> Iterator[tuple[Identity, bytes]]:
    """The digests of listed objects, each with whose it is, without those that are refused or gone."""

    def digest(identity: Identity) -> bytes | None:
        body = _read(archive, key_of(*identity))
        return None if body is None else sha256(body).digest()

    digests = ahead(partial(digest, identity) for identity in identities)
    return ((identity, each) for identity, each in zip(identities, digests, strict=True) if each is not None)


def _is_ours(key: str, boundaries: set[int], size: int, rotations: int) -> bool:
    if key == KEYS or _OTHERS.fullmatch(key):
        return True
    if key.startswith(MODELS):
        return number_of(key, models_key) is not None
    if key.startswith(ROTATIONS):
        number = number_of(key, rotation_key)
        return number is not None and number < rotations
    for prefix, key_of in _BOUNDARIES.items():
        number = number_of(key, key_of) if key.startswith(prefix) else None
        if number is not None and number in boundaries:
            return number < size if prefix == LOG else number > 0
    return False


def _name(identity: Identity) -> str:
    return f"{identity[0][:16]}, revision {identity[1]}"
