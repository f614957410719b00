"""Rebuild the table of records from the archive, which has everything: the table is an index, never the evidence.

Not rebuilt are the notes of alerts sent: a job that is audited again may be told of once more.
"""

from dataclasses import dataclass

from flops_auditor.domain.values.archive_keys import RECORDS
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.keep_record import put_back
from flops_auditor.use_cases.ledger.log_reader import batches, newest_checkpoint, places_of, signers_of
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import Archive, Identity, PendingRecords
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.records import Records


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

    The first place of each is noted, whatever the table says; what has none in the log waits for one. What no record
    key of the ledger signed is skipped; before the first seal no key is known, and all is taken.
    """
    written = known = 0
    unlogged = set[Identity]()
    done = set[Identity]()
    skipped: list[tuple[str, str]] = []
    signers = signers_of(archive, verifies)
    for key in archive.list(RECORDS):
        try:
            restored = put_back(key, archive, records, index, signers.recorded if signers else lambda line: True)
        except AuditorError as error:
            skipped.append((key, f"{error.name}: {error}"))
            continue
        if restored is None:
            continue
        identity, fresh = restored
        unlogged.add(identity)
        written, known = written + fresh, known + (not fresh)
    size = newest_checkpoint(archive, signers) if signers else 0
    for first, lines in batches(archive, size):
        places = {place.identity: place for place in reversed(places_of(first, lines)) if place.identity not in done}
        pending.correct(list(places.values()))
        done |= places.keys()
    pending.have_wait(unlogged - done)
    return Rebuilt(written, known, len(done), tuple(skipped))
