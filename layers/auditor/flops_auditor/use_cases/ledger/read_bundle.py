"""The records of a bundle, for whoever shows them: only of one that was verified, and the newest of each job."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flops_auditor.domain.ledger import bundle
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.findings import Defect
from flops_auditor.domain.ledger.leaves import kind_of
from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.ledger.statement import Statement, parse_statement
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.use_cases.ledger.bundle_files import BundleFiles
from flops_auditor.use_cases.ledger.verify_bundle import Demands, TellProgress, VerificationReport, verify_bundle


class NoBundle(WrongInput):
    """What is to be read is not there, or is no bundle that can be verified: nothing of it is shown."""

    remedy = "Name a bundle that `flops-auditor export` wrote, whole and unchanged; `flops-auditor verify` says more."


class NotVerified(LedgerError):
    """A bundle in which something contradicts what was signed: nothing of it is shown."""

    remedy = "Run `flops-auditor verify` on it, which names all that it finds and says what to do."


@dataclass(frozen=True, slots=True)
class BundleRecord:
    """A record in a bundle: its leaf in the log, the exact line of its envelope, and what it says.

    It is parsed when asked for, so that many of them need little memory.
    """

    index: int
    job_id: str
    revision: int
    line: bytes

    @property
    def statement(self) -> Statement:
        """What was signed: the subject is the evidence."""
        return parse_statement(parse_envelope(self.line).payload)

    @property
    def content(self) -> dict[str, Any]:
        """The predicate."""
        return self.statement.predicate


@dataclass(frozen=True)
class ReadBundle:
    """What a verified bundle says: the newest record of each job in it, in the order of the log.

    Of a part nobody can say that a job has no newer one. `ancestors` are the objects with the ancestors of records that
    have too many to list them, by the SHA-256 that records give.
    """

    report: VerificationReport
    records: tuple[BundleRecord, ...]
    ancestors: dict[str, bytes]


def read_bundle(path: Path, demands: Demands, progress: TellProgress = lambda done, total: None) -> ReadBundle:
    """Verify a bundle and read it. Raises NotVerified and NoBundle, with the first thing that was found."""
    report = verify_bundle(path, demands, progress)
    if report.verdict == "cannot verify":
        raise NoBundle(f"{path.name} is not shown: {report.verdict}: {_in_words(report.findings[0])}")
    if report.findings:
        raise NotVerified(f"{path.name} is not shown: {report.verdict}: {_in_words(report.findings[0])}")
    newest: dict[str, BundleRecord] = {}
    with BundleFiles(path) as files:
        for record in bundle_records(files):
            known = newest.get(record.job_id)
            if known is None or record.revision > known.revision:
                newest[record.job_id] = record
        kept = {digest: files.ancestors(digest) or b"" for digest in files.digests(bundle.ANCESTORS)}
    records = sorted(newest.values(), key=lambda record: record.index)
    return ReadBundle(report, tuple(records), kept)


def bundle_records(files: BundleFiles) -> Iterator[BundleRecord]:
    """Every record of a bundle, superseded ones too, in the order of the log; nothing is checked here.

    Raises BadBundle, MalformedRecord and what else a file that was not verified can show.
    """
    for index, line in files.leaves():
        payload = parse_envelope(line).payload
        if kind_of(payload) == "record":
            content = parse_statement(payload).predicate
            yield BundleRecord(index, content["job"]["id"], content["revision"], line)


def _in_words(defect: Defect) -> str:
    return f"{defect.error}: {defect.message}"
