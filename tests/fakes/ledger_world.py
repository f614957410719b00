"""A whole ledger in memory: real records of made-up jobs, real signatures, the real sealer."""

import copy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any

from flops_auditor import __version__
from flops_auditor.data import load_tables
from flops_auditor.domain.audit.record import predicate
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.ledger.dsse import (
    PAYLOAD_TYPE,
    Signature,
    envelope_line,
    pre_authentication_encoding,
    signed_line,
)
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.leaves import rotation
from flops_auditor.domain.ledger.statement import RECORD_PREDICATE, statement
from flops_auditor.domain.lineage.kept_ancestors import Packed, pack
from flops_auditor.domain.lineage.lineage import Ancestor, Lineage
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.values.archive_keys import evidence_key, job_id, record_key, rotation_key, tables_key
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.find_lineage import CONTINUES
from flops_auditor.use_cases.ledger.seal_log import Sealed, Sealer, seal_log
from flops_auditor.use_cases.ledger.signatures import verifies
from flops_auditor.use_cases.ports.ledger import PendingRecord, Signer
from tests.fakes.cases import audit
from tests.fakes.jobs import CREATED, describe
from tests.fakes.ledger import MemoryArchive, MemoryMailbox, MemoryMailedDays, MemoryPendingRecords, MemorySigner
from tests.fakes.lineage import artifact, channel

LEDGER = "flops-auditor/123456789012/eu-west-1/audit"
START = datetime(2026, 11, 1, tzinfo=UTC)
MODELS = ("org/model-a", "org/model-b", "org/model-c")


@cache
def template() -> dict[str, Any]:
    """The predicate of one real audit."""
    body = Evidence(describe()).to_bytes()
    return predicate(
        audit(parse_evidence(body), load_tables()),
        ledger_id=LEDGER,
        revision=0,
        recorded_at=START,
        code_version="0",
        table_digests=load_tables().digests,
    )


def sign(payload: bytes, signer: Signer, payload_type: str = PAYLOAD_TYPE) -> Signature:
    """One signature over a payload."""
    digest = sha256(pre_authentication_encoding(payload_type, payload)).digest()
    return Signature(keyid(signer.public_key()), signer.sign(digest))


@dataclass
class Draft:
    """A record in the making; tests change it before it is signed."""

    number: int
    at: datetime
    evidence: bytes
    content: dict[str, Any]
    subject: str
    predicate_type: str = RECORD_PREDICATE
    tables: Tables = field(default_factory=load_tables)

    @property
    def payload(self) -> bytes:
        return statement(self.subject, sha256(self.evidence).hexdigest(), self.content, self.predicate_type)

    def line(self, signer: Signer) -> bytes:
        signature = sign(self.payload, signer)
        return envelope_line(self.payload, signature.keyid, signature.der)


def draft(number: int, at: datetime, model: str = "", ledger: str = LEDGER, revision: int = 0) -> Draft:
    """The record of job `number`."""
    name = f"secret-job-{number:06d}"
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}"
    content = copy.deepcopy(template())
    content["job"].update(name=name, arn=arn, id=job_id(arn, iso(CREATED)))
    content["original"]["base_model"] = model or MODELS[number % len(MODELS)]
    content.update(ledger_id=ledger, recorded_at=iso(at), revision=revision)
    evidence = b'{"schema":"test","job":"%s","number":%d}' % (name.encode(), number)
    return Draft(number, at, evidence, content, arn)


def real_draft(number: int, at: datetime, revision: int = 0, tables: Tables | None = None) -> Draft:
    """The record of job `number` with real evidence, from which its figures follow with these tables or today's."""
    tables = tables or load_tables()
    body = Evidence(describe(name=f"job-{number:03d}", hours=1 + number)).to_bytes()
    audited = audit(parse_evidence(body), tables)
    content = predicate(
        audited,
        ledger_id=LEDGER,
        revision=revision,
        recorded_at=at,
        code_version=__version__,
        table_digests=tables.digests,
    )
    return Draft(number, at, body, content, audited.run.arn, tables=tables)


def long_lineage_draft(number: int, at: datetime, ancestors: int) -> tuple[Draft, Packed]:
    """A record that continues so many runs that they stand in an object of their own, with that object."""
    runs = [
        Ancestor(job_id(f"arn-{run}", ""), f"arn:aws:sagemaker:eu-west-1:1:training-job/run-{run}", 10**20, 10**21)
        for run in range(ancestors)
    ]
    channels = [channel("model", artifact("run-0"))]
    body = Evidence(describe(name=f"job-{number:03d}", InputDataConfig=channels)).to_bytes()
    taken = read_case(body).run.begins[0]
    note = CONTINUES(where=taken.where, place=str(taken.location), name="run-0")
    parents = (replace(runs[0], parents=tuple(run.job_id for run in runs[1:])), *runs[1:])
    ancestors_in_order = tuple(sorted(parents, key=lambda run: run.job_id))
    lineage = Lineage((runs[0].job_id,), ancestors_in_order, notes=(note,))
    audited = audit(parse_evidence(body), load_tables(), lineage)
    packed = pack(audited.run.job_id, lineage)
    content = predicate(
        audited,
        ledger_id=LEDGER,
        revision=0,
        recorded_at=at,
        code_version=__version__,
        table_digests=load_tables().digests,
        packed=packed,
    )
    return Draft(number, at, body, content, audited.run.arn), packed


def superseding(made: Draft, before: Draft, line: bytes) -> Draft:
    """The record made to be the next revision after one of the same job that was signed as `line`."""
    content = before.content
    made.content.update(
        revision=content["revision"] + 1,
        supersedes=sha256(line).hexdigest(),
        previous_verdict=content["verdict"],
        changes=changes_between(content["assessments"], made.content["assessments"]),
    )
    return made


def changes_between(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What `changes` of a record must be."""
    old, new = ({(each["policy"], each["scenario"]): each["verdict"] for each in found} for found in (before, now))
    return [
        {"policy": line[0], "scenario": line[1], "from": old.get(line), "to": new.get(line)}
        for line in dict.fromkeys((*new, *old))
        if old.get(line) != new.get(line)
    ]


@dataclass
class World:
    """The ledger's surroundings; `at` is the time, moved by hand."""

    archive: Any = field(default_factory=MemoryArchive)
    pending: MemoryPendingRecords = field(default_factory=MemoryPendingRecords)
    record: Signer = field(default_factory=lambda: MemorySigner("record"))
    checkpoint: Signer = field(default_factory=lambda: MemorySigner("checkpoint"))
    mailbox: MemoryMailbox = field(default_factory=MemoryMailbox)
    mailed: MemoryMailedDays = field(default_factory=MemoryMailedDays)
    at: datetime = START
    made: int = 0
    ledger: str = LEDGER

    def sealer(self, **changed: Any) -> Sealer:
        parts: dict[str, Any] = {
            "archive": self.archive,
            "pending": self.pending,
            "signer": self.checkpoint,
            "record_spki": self.record.public_key(),
            "mailbox": self.mailbox,
            "mailed": self.mailed,
            "clock": lambda: self.at,
            "verify": verifies,
            "ledger_id": self.ledger,
        }
        return Sealer(**{**parts, **changed})

    def draft(self, model: str = "") -> Draft:
        self.made += 1
        return draft(self.made - 1, self.at, model, self.ledger)

    def add_real(self, count: int) -> None:
        for _ in range(count):
            self.commit(real_draft(self.made, self.at))
            self.made += 1

    def commit(self, draft: Draft, signer: Signer | None = None) -> bytes:
        """Sign a record, archive it, put it before the sealer."""
        line = draft.line(signer or self.record)
        job, revision = draft.content["job"]["id"], draft.content["revision"]
        self.archive.put_if_absent(evidence_key(job, revision), draft.evidence)
        self.archive.put_if_absent(record_key(job, revision), line)
        for name, digest in draft.tables.digests.items():
            self.archive.put_if_absent(tables_key(digest), draft.tables.files[name])
        self.pending.commit(PendingRecord(job, revision, line))
        return line

    def add(self, count: int) -> None:
        for _ in range(count):
            self.commit(self.draft())

    def seal(self, **changed: Any) -> Sealed:
        """A quarter of an hour passes, and the sealer runs."""
        self.at += timedelta(minutes=15)
        return seal_log(self.sealer(**changed))

    def request_rotation(self, role: Any, number: int, old: Signer, new: Signer, signers: Any = None) -> bytes:
        """What `flops-auditor keys rotate` puts into the archive."""
        payload = rotation(self.ledger, role, number, keyid(old.public_key()), new.public_key(), iso(self.at))
        line = signed_line(payload, tuple(sign(payload, signer) for signer in signers or (old, new)))
        self.archive.put_if_absent(rotation_key(number), line)
        return line
