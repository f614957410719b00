"""Rebuild the table of records from the archive, which has everything: the table is an index, never the evidence.

Not rebuilt are the notes of alerts sent: a job that is audited again may be told of once more.
"""

from dataclasses import dataclass

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.leaves import record_of
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.values.archive_keys import RECORDS, evidence_key, record_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.find_lineage import index_run, recorded_lineage
from flops_auditor.use_cases.auditing.keep_record import summary
from flops_auditor.use_cases.ledger.log_reader import batches, newest_checkpoint, places_of, signers_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import Archive, Identity, PendingRecords
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.records import Records, StoredRecord


@dataclass(frozen=True)
class Rebuilt:
    """What was put back: records written, those that were there already, those of them that are in the log.

    `skipped` names records that could not be read, with the reason.
    """

    written: int
    known: int
    logged: int
    skipped: tuple[tuple[str, str], ...] = ()


def rebuild_index(archive: Archive, records: Records, pending: PendingRecords, index: LineageIndex) -> Rebuilt:
    """Put every archived record into the table unless it is there, then note the places of the log.

    The first place of each is noted, whatever the table says; what has none in the log waits for one.
    """
    written = known = 0
    unlogged = set[Identity]()
    done = set[Identity]()
    skipped: list[tuple[str, str]] = []
    for key in archive.list(RECORDS):
        try:
            identity, fresh = _restore(archive, key, records, index)
        except AuditorError as error:
            skipped.append((key, f"{error.name}: {error}"))
            continue
        unlogged.add(identity)
        written, known = written + fresh, known + (not fresh)
    signers = signers_of(archive, verifies)
    size = newest_checkpoint(archive, signers) if signers else 0
    for first, lines in batches(archive, size):
        places = {place.identity: place for place in reversed(places_of(first, lines)) if place.identity not in done}
        pending.correct(list(places.values()))
        done |= places.keys()
    pending.have_wait(unlogged - done)
    return Rebuilt(written, known, len(done), tuple(skipped))


def _restore(archive: Archive, key: str, records: Records, index: LineageIndex) -> tuple[Identity, bool]:
    line = archive.get(key) or b""
    leaf = record_of(parse_envelope(line))
    content = leaf.statement.predicate
    job, revision = content["job"]["id"], content["revision"]
    if record_key(job, revision) != key:
        raise MalformedRecord("the object is the record of another job or revision")
    evidence = archive.get(evidence_key(job, revision))
    tags = None
    if evidence is not None:
        case = read_case(evidence)
        tags = case.evidence.tags
        index_run(case.run, index)
    lineage = recorded_lineage(content, archive)
    return (job, revision), records.commit(job, StoredRecord(revision, line), summary(content, lineage, tags))
