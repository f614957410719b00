"""Make, sign, commit and archive the record of one job's evidence, and bring it up to date when its lineage changes.

The evidence of a revision is written before its record, once, so whoever continues after a crash audits the same bytes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from flops_auditor.data import titles
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.audit.record import Reassessed, predicate, result
from flops_auditor.domain.law.due_dates import notification_due
from flops_auditor.domain.ledger.dsse import PAYLOAD_TYPE, envelope_line, pre_authentication_encoding
from flops_auditor.domain.ledger.keys import keyid
from flops_auditor.domain.ledger.statement import predicate_of, statement
from flops_auditor.domain.lineage.kept_ancestors import Packed, pack
from flops_auditor.domain.lineage.lineage import Lineage
from flops_auditor.domain.messages.record_alert import compose
from flops_auditor.domain.runs.evidence import parse_evidence
from flops_auditor.domain.runs.sources.training_job import TERMINAL_STATUSES, parse_training_job
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.find_lineage import (
    FoundLineage,
    awaits_parent,
    find_lineage,
    index_job,
    recorded_lineage,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.ledger import Signer
from flops_auditor.use_cases.ports.records import StoredRecord

CROSSING_SYSTEMIC = "crossing-systemic-risk"
"""The note of the first warning that a threshold of systemic risk will be met: from then on it was known."""
MOST_ROUNDS = 8


class EvidenceLost(AuditorError):
    """The archive neither took the evidence nor has it."""

    remedy = "Check the archive bucket with `flops-auditor doctor`; the event is delivered again."


class NotSettled(AuditorError):
    """The job's lineage kept changing while it was assessed."""

    remedy = "Nothing to do: the message is delivered again and the job is then assessed."


@dataclass(frozen=True)
class Examined:
    """An audit with everything its record says beside it."""

    audited: Audit
    found: FoundLineage
    packed: Packed


def content_of(record: StoredRecord) -> dict[str, Any]:
    """The predicate of a record."""
    return predicate_of(record.line)


def is_interim(record: StoredRecord) -> bool:
    """Whether the record was made while the job was still running."""
    return content_of(record)["job"]["status"] not in TERMINAL_STATUSES


def put_evidence(job_id: str, revision: int, body: bytes, recorder: Recorder) -> bytes:
    """Store the evidence of a revision, or adopt what an earlier try stored. Raises EvidenceLost."""
    key = evidence_key(job_id, revision)
    if recorder.archive.put_if_absent(key, body):
        return body
    kept = recorder.archive.get(key)
    if kept is None:
        raise EvidenceLost(f"{key} is neither free nor readable")
    return kept


def evidence_of(job_id: str, revision: int, recorder: Recorder) -> bytes:
    """The evidence that a record rests on. Raises EvidenceLost."""
    body = recorder.archive.get(evidence_key(job_id, revision))
    if body is None:
        raise EvidenceLost(f"{evidence_key(job_id, revision)} is not in the archive")
    return body


def examine(body: bytes, recorder: Recorder) -> Examined:
    """Audit evidence with the lineage as it is now."""
    evidence = parse_evidence(body)
    job = parse_training_job(evidence.description, evidence.tags)
    found = find_lineage(job, evidence.packages, recorder.records, recorder.index, recorder.archive)
    return Examined(audit(evidence, recorder.tables, found.lineage), found, pack(job.job_id, found.lineage, found.kept))


def commit(
    body: bytes,
    examined: Examined,
    previous: StoredRecord | None,
    recorder: Recorder,
    action: Mapping[str, str] | None = None,
    reassessed: Reassessed | None = None,
) -> StoredRecord | None:
    """Sign and commit the next revision; None if another worker has committed it meanwhile.

    What it rests on is in the archive before it is committed. `reassessed` says why, where tables are the reason.
    """
    job, packed = examined.audited.job, examined.packed
    revision = previous.revision + 1 if previous else 0
    before = content_of(previous) if previous else None
    if packed.kept and packed.body:
        recorder.archive.put_if_absent(packed.kept.key, packed.body)
    recorder.keep_tables()
    content = predicate(
        examined.audited,
        ledger_id=recorder.ledger_id,
        revision=revision,
        recorded_at=recorder.clock(),
        code_version=recorder.code_version,
        table_digests=recorder.tables.digests,
        supersedes=sha256(previous.line).hexdigest() if previous else None,
        previous=before,
        packed=packed,
        notification_due=_due(examined, before, recorder),
        action=action,
        reassessed=reassessed,
    )
    record = StoredRecord(revision, sign(job.arn, body, content, recorder.signer))
    return record if recorder.records.commit(job.job_id, record, summary(content, examined.audited.lineage)) else None


def _due(examined: Examined, before: Mapping[str, Any] | None, recorder: Recorder) -> str | None:
    warned = recorder.records.noted(examined.audited.job.job_id, CROSSING_SYSTEMIC)
    earlier = [*examined.found.due, *([before["notification_due"]] if before and before["notification_due"] else [])]
    return notification_due(result(examined.audited, examined.packed), warned or recorder.clock(), earlier)


def finish(job_id: str, record: StoredRecord, recorder: Recorder) -> dict[str, Any]:
    """What a committed record still needs, each once: its place in the archive, and people told. Gives its content."""
    recorder.archive.put_if_absent(record_key(job_id, record.revision), record.line)
    content = content_of(record)
    alert_people(job_id, record.revision, content, recorder)
    return content


def bring_up_to_date(job_id: str, recorder: Recorder) -> StoredRecord | None:
    """Supersede a job's record until it agrees with its lineage; None for a job without a record.

    The check after a commit is not idle: a parent recorded between our reading it and our commit looked for its
    children before ours had a record. Raises EvidenceLost, NotSettled.
    """
    for _ in range(MOST_ROUNDS):
        stored = recorder.records.latest(job_id)
        if stored is None:
            return None
        content = finish(job_id, stored, recorder)
        left = recorder.archive.get(evidence_key(job_id, stored.revision + 1))
        body = left or evidence_of(job_id, stored.revision, recorder)
        examined = examine(body, recorder)
        if left is None and examined.found.lineage.same_as(recorded_lineage(content, recorder.archive)):
            return stored
        body = put_evidence(job_id, stored.revision + 1, body, recorder)
        commit(body, examined, stored, recorder, content["action"] if is_interim(stored) else None)
    raise NotSettled(f"{job_id} changed {MOST_ROUNDS} times while it was assessed")


def first_record(
    job_id: str,
    body: bytes,
    recorder: Recorder,
    previous: StoredRecord | None = None,
    action: Mapping[str, str] | None = None,
) -> None:
    """Record a job from its evidence, after the interim record, if there is one."""
    body = put_evidence(job_id, previous.revision + 1 if previous else 0, body, recorder)
    evidence = parse_evidence(body)
    index_job(parse_training_job(evidence.description, evidence.tags), evidence.packages, recorder.index)
    commit(body, examine(body, recorder), previous, recorder, action)


def sign(subject: str, evidence: bytes, content: dict[str, Any], signer: Signer) -> bytes:
    """The signed record: one DSSE envelope line over an in-toto statement about the evidence file."""
    payload = statement(subject, sha256(evidence).hexdigest(), content)
    digest = sha256(pre_authentication_encoding(PAYLOAD_TYPE, payload)).digest()
    return envelope_line(payload, keyid(signer.public_key()), signer.sign(digest))


def summary(content: Mapping[str, Any], lineage: Lineage) -> dict[str, str]:
    """The attributes that records are listed and found by; FLOP as decimal strings, absent where not known.

    `lineage` is the job id of the first root: all jobs that continue it are found by it.
    """
    job = content["job"]
    roots = sorted(root.job_id for root in lineage.roots()) or [job["id"]]
    found = {
        "job_id": job["id"],
        "job_name": job["name"],
        "job_arn": job["arn"],
        "region": job["arn"].split(":")[3],
        "status": job["status"],
        "verdict": content["verdict"],
        "method": content["estimate"]["method"],
        "best_flop": content["cumulative"]["best_flop"],
        "upper_flop": content["cumulative"]["upper_flop"],
        "base_model": content["original"]["base_model"],
        "lineage": roots[0],
        "ended_at": job["end"] or job["creation_time"],
        "recorded_at": content["recorded_at"],
    }
    return {key: value for key, value in found.items() if value}


def alert_people(job_id: str, revision: int, content: Mapping[str, Any], recorder: Recorder) -> None:
    """Tell people about a job that is not below, or whose verdict has changed, once.

    A verdict that only waits for a parent whose audit is under way is not told, and neither is its end: a moment
    later the parent's commit settles it, and if that audit fails, an alarm tells of its dead letter.
    """
    alert = compose(content, titles())
    name = f"{revision:06d}#{content['verdict']}"
    if alert is None or recorder.records.alert_sent(job_id, name):
        return
    if content["verdict"] == "indeterminate" and awaits_parent(content):
        return
    if content["verdict"] == "below" and not was_told(job_id, revision, recorder):
        return
    recorder.alerts.send(alert)
    recorder.records.note_alert(job_id, name, recorder.clock())


def was_told(job_id: str, revision: int, recorder: Recorder) -> bool:
    """Whether people were told of an earlier revision, so that an all-clear makes sense to them."""
    names = (f"{earlier:06d}#{verdict}" for earlier in range(revision) for verdict in ("above", "indeterminate"))
    return any(recorder.records.alert_sent(job_id, name) for name in names)
