"""Audit one finished job: evidence, estimate, signature, commit, archive, alert - each step resumed, none repeated.

Order and fences: the evidence file is written once, so a retry audits the same bytes; the record is committed by a
conditional put, so the first signature stays; the archive takes an object once; an alert is noted after it was sent, so
it is sent at least once, and again only if the function dies between the two. A claim keeps two deliveries of one event
from working side by side.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flops_auditor.domain.runs.evidence import Unread, parse_evidence
from flops_auditor.domain.runs.reassessment import Reassessment, is_reassessment, parse_reassessment
from flops_auditor.domain.runs.sources.training_job import (
    JobPointer,
    MalformedJob,
    TrainingJob,
    parse_event,
    parse_training_job,
)
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import collect
from flops_auditor.use_cases.auditing.keep_record import (
    bring_up_to_date,
    content_of,
    evidence_of,
    finish,
    first_record,
    is_interim,
)
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.tell_descendants import tell_descendants
from flops_auditor.use_cases.ports.records import StoredRecord
from flops_auditor.use_cases.ports.sources import UnknownTrainingJob

CLAIM = timedelta(minutes=5)
"""Longer than the function may run, shorter than the queue hides a message."""


class NotFinished(AuditorError):
    """An event says that the job ended, SageMaker does not yet."""

    remedy = "Nothing to do: the event is delivered again and the job is then audited."


OutcomeKind = Literal[
    "recorded",
    "already recorded",
    "assessed again",
    "not recorded",
    "descendants told",
    "claimed by another delivery",
]


@dataclass(frozen=True)
class Outcome:
    """What became of one event."""

    kind: OutcomeKind
    job_id: str = ""
    verdict: str = ""


def handle_event(event: object, recorder: Recorder, owner: str) -> Outcome:
    """Do what a queued event asks for: audit the job it points at, or assess a recorded one again.

    Raises MalformedEvent and whatever `audit_job` and `reassess` raise; the event then stays in its queue.
    """
    if is_reassessment(event):
        return reassess(parse_reassessment(event), recorder)
    return audit_job(parse_event(event), recorder, owner)


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
        made = record_the_end(job.job_id, description, gone, recorder)
        return settle(job.job_id, recorder, "recorded" if made else "already recorded")
    finally:
        recorder.claims.release(pointer.arn, owner, recorder.clock())


def record_the_end(job_id: str, description: Mapping[str, Any], gone: tuple[Unread, ...], recorder: Recorder) -> bool:
    """Record a finished job unless it is recorded; False if it was. A record made while it ran is superseded.

    More than one round is needed only where evidence of a running job was left behind without its record.
    """
    made = False
    for _ in range(3):
        stored = recorder.records.latest(job_id)
        if stored is not None and not is_interim(stored):
            break
        if stored is not None:
            finish(job_id, stored, recorder)  # the watch may have died between its stop and this
        made = True
        first_record(job_id, gather(job_id, description, gone, stored, recorder), recorder, stored)
    return made


def reassess(message: Reassessment, recorder: Recorder) -> Outcome:
    """Assess a recorded job again, since its lineage may have changed; of no effect if it has not.

    Needs no claim: the next revision is committed by a conditional put. Raises EvidenceLost, NotSettled.
    """
    if message.after:
        stored = recorder.records.latest(message.job_id)
        if stored is not None:
            tell_descendants(described(message.job_id, stored, recorder), stored.revision, recorder, message.after)
        return Outcome("descendants told", message.job_id)
    return settle(message.job_id, recorder, "assessed again")


def settle(job_id: str, recorder: Recorder, kind: OutcomeKind) -> Outcome:
    """Bring the record up to date and have those that continue the job assessed again."""
    stored = bring_up_to_date(job_id, recorder)
    if stored is None:
        return Outcome("not recorded", job_id)
    tell_descendants(described(job_id, stored, recorder), stored.revision, recorder)
    return Outcome(kind, job_id, content_of(stored)["verdict"])


def described(job_id: str, stored: StoredRecord, recorder: Recorder) -> TrainingJob:
    """The job as the evidence of its record describes it."""
    evidence = parse_evidence(evidence_of(job_id, stored.revision, recorder))
    return parse_training_job(evidence.description, evidence.tags)


def gather(
    job_id: str,
    description: Mapping[str, Any],
    gone: tuple[Unread, ...],
    stored: StoredRecord | None,
    recorder: Recorder,
) -> bytes:
    """The evidence of the next revision: what an earlier try collected, or what is known now."""
    revision = stored.revision + 1 if stored else 0
    kept = recorder.archive.get(evidence_key(job_id, revision))
    return kept or collect(description, recorder.sources, recorder.clock(), gone).to_bytes()


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
