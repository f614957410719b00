"""Audit one finished job: evidence, estimate, signature, commit, archive, alert - each step resumed, none repeated.

Order and fences: the evidence file is written once, so a retry audits the same bytes; the record is committed by a
conditional put, so the first signature stays; the archive takes an object once; an alert is noted after it was sent, so
it is sent at least once, and again only if the function dies between the two. A claim keeps two deliveries of one event
from working side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from typing import Any, Literal

from flops_auditor.domain.alert import compose
from flops_auditor.domain.archive_keys import evidence_key, record_key
from flops_auditor.domain.audit import Audit, Tables, audit
from flops_auditor.domain.dsse import PAYLOAD_TYPE, envelope_line, parse_envelope, pre_authentication_encoding
from flops_auditor.domain.errors import AuditorError
from flops_auditor.domain.evidence import Unread, parse_evidence
from flops_auditor.domain.job import JobPointer, MalformedJob, TrainingJob, iso, parse_training_job
from flops_auditor.domain.keys import keyid
from flops_auditor.domain.record import predicate
from flops_auditor.domain.statement import parse_statement, statement
from flops_auditor.use_cases.collect_evidence import Sources, collect
from flops_auditor.use_cases.ledger_ports import Archive, Signer
from flops_auditor.use_cases.ports import Alerts, Claims, Clock, Records, StoredRecord, UnknownTrainingJob

CLAIM = timedelta(minutes=5)
"""Longer than the function may run, shorter than the queue hides a message."""


class NotFinished(AuditorError):
    """An event says that the job ended, SageMaker does not yet."""

    remedy = "Nothing to do: the event is delivered again and the job is then audited."


class EvidenceLost(AuditorError):
    """The archive neither took the evidence nor has it."""

    remedy = "Check the archive bucket with `flops-auditor doctor`; the event is delivered again."


@dataclass(frozen=True)
class Recorder:
    """Everything an audit works with."""

    sources: Sources
    tables: Tables
    records: Records
    archive: Archive
    signer: Signer
    alerts: Alerts
    claims: Claims
    clock: Clock
    ledger_id: str
    code_version: str


@dataclass(frozen=True)
class Outcome:
    """What became of one event."""

    kind: Literal["recorded", "already recorded", "claimed by another delivery"]
    job_id: str = ""
    verdict: str = ""


def audit_job(pointer: JobPointer, recorder: Recorder, owner: str) -> Outcome:
    """Audit the job that an event points at; `owner` names this delivery.

    Raises UnknownTrainingJob, NotFinished, SourceDenied, MalformedJob; the event then stays in its queue.
    """
    now = recorder.clock()
    if not recorder.claims.claim(pointer.arn, owner, now, now + CLAIM):
        return Outcome("claimed by another delivery")
    try:
        description, gone = describe(pointer, recorder)
        job = parse_training_job(description)
        stored = recorder.records.latest(job.job_id)
        record = stored or make_record(job, description, recorder, gone)
        recorder.archive.put_if_absent(record_key(job.job_id, record.revision), record.line)
        content = parse_statement(parse_envelope(record.line).payload).predicate
        alert_people(job.job_id, record.revision, content, recorder)
        return Outcome("already recorded" if stored else "recorded", job.job_id, content["verdict"])
    finally:
        recorder.claims.release(pointer.arn, owner, recorder.clock())


def describe(pointer: JobPointer, recorder: Recorder) -> tuple[Mapping[str, Any], tuple[Unread, ...]]:
    """What SageMaker says of the job, or, when it no longer knows it, what the event said, with that doubt."""
    try:
        description = recorder.sources.jobs.describe(pointer.name, pointer.region)
        check_identity(pointer, parse_training_job(description))
        return description, ()
    except UnknownTrainingJob as unknown:
        if not pointer.known_to_exist:
            raise
        doubt = f"SageMaker no longer knows the job, what {pointer.source} said of it is all there is: {unknown}"
        return last_word(pointer), (Unread("sagemaker:DescribeTrainingJob", unknown.name, doubt[:400]),)


def last_word(pointer: JobPointer) -> Mapping[str, Any]:
    """A description of a job that is gone, from its event; only who it was, where the rest cannot be read."""
    identity = {
        "TrainingJobName": pointer.name,
        "TrainingJobArn": pointer.arn,
        "TrainingJobStatus": pointer.status,
        "CreationTime": pointer.creation_time,
    }
    whole = {key: value for key, value in pointer.said.items() if key != "Tags"} | identity
    try:
        parse_training_job(whole)
    except MalformedJob:
        return identity
    return whole


def check_identity(pointer: JobPointer, job: TrainingJob) -> None:
    """Refuse a description of another run than the event's: names may be used again after deletion."""
    if job.arn != pointer.arn:
        raise UnknownTrainingJob(f"asked for {pointer.arn}, SageMaker described {job.arn}")
    created = pointer.creation_time
    if created and job.creation_time and abs(created - job.creation_time) >= timedelta(seconds=1):
        raise UnknownTrainingJob(
            f"{job.name} created {iso(created)} is gone; the name now means a job created {iso(job.creation_time)}"
        )
    if not job.finished:
        raise NotFinished(f"{job.name} is {job.training_job_status}")


def make_record(
    job: TrainingJob, description: Mapping[str, Any], recorder: Recorder, gone: tuple[Unread, ...] = ()
) -> StoredRecord:
    """Collect evidence once, audit it, sign and commit; whatever an earlier try left behind is adopted."""
    body = keep_evidence(job.job_id, description, recorder, gone)
    audited = audit(parse_evidence(body), recorder.tables)
    content = predicate(
        audited,
        ledger_id=recorder.ledger_id,
        revision=0,
        recorded_at=recorder.clock(),
        code_version=recorder.code_version,
        table_digests=recorder.tables.digests,
    )
    record = StoredRecord(0, sign(job.arn, body, content, recorder.signer))
    if recorder.records.commit(job.job_id, record, summary(audited, content)):
        return record
    return recorder.records.latest(job.job_id) or record


def keep_evidence(
    job_id: str, description: Mapping[str, Any], recorder: Recorder, gone: tuple[Unread, ...] = ()
) -> bytes:
    """The evidence file of the first try: collected and stored once, then read back."""
    key = evidence_key(job_id, 0)
    kept = recorder.archive.get(key)
    if kept is not None:
        return kept
    body = collect(description, recorder.sources, recorder.clock(), gone).to_bytes()
    if recorder.archive.put_if_absent(key, body):
        return body
    kept = recorder.archive.get(key)
    if kept is None:
        raise EvidenceLost(f"{key} is neither free nor readable")
    return kept


def sign(subject: str, evidence: bytes, content: dict[str, Any], signer: Signer) -> bytes:
    """The signed record: one DSSE envelope line over an in-toto statement about the evidence file."""
    payload = statement(subject, sha256(evidence).hexdigest(), content)
    digest = sha256(pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()
    return envelope_line(payload, keyid(signer.public_key()), signer.sign(digest))


def summary(audited: Audit, content: Mapping[str, Any]) -> dict[str, str]:
    """The attributes that records are listed and found by; FLOP as decimal strings, absent where not known."""
    job = content["job"]
    found = {
        "job_id": job["id"],
        "job_name": job["name"],
        "job_arn": job["arn"],
        "region": audited.job.region,
        "status": job["status"],
        "verdict": content["verdict"],
        "method": content["estimate"]["method"],
        "best_flop": content["cumulative"]["best_flop"],
        "upper_flop": content["cumulative"]["upper_flop"],
        "base_model": audited.base_model[:500],
        "lineage": " ".join(audited.declared.lineage)[:500],
        "ended_at": job["end"] or job["creation_time"],
        "recorded_at": content["recorded_at"],
    }
    return {key: value for key, value in found.items() if value}


def alert_people(job_id: str, revision: int, content: Mapping[str, Any], recorder: Recorder) -> None:
    """Tell people about a job that is not below, once."""
    alert = compose(content)
    name = f"{revision:06d}#{content['verdict']}"
    if alert is None or recorder.records.alert_sent(job_id, name):
        return
    recorder.alerts.send(alert)
    recorder.records.note_alert(job_id, name, recorder.clock())
