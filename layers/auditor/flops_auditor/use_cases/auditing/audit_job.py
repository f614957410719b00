"""Audit one finished job: evidence, estimate, signature, commit, archive, alert - each step resumed, none repeated.

Order and fences: the evidence file is written once, so a retry audits the same bytes; the record is committed by a
conditional put, so the first signature stays; the archive takes an object once; an alert is noted after it was sent, so
it is sent at least once, and again only if the function dies between the two. A claim keeps two deliveries of one event
from working side by side; one that finds it taken stays in its queue. Replays take none (docs/adr/0003).
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.pointer import JobPointer, is_replay
from flops_auditor.domain.runs.reassessment import Reassessment, is_reassessment, parse_reassessment
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.errors import AuditorError, MalformedEvent
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import Described
from flops_auditor.use_cases.auditing.keep_record import (
    Committed,
    bring_up_to_date,
    case_behind,
    finish,
    first_record,
    newest,
)
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.tags_before import with_tags_seen
from flops_auditor.use_cases.auditing.tell_descendants import tell_descendants, waiting
from flops_auditor.use_cases.ports.sources import Regions, UnknownTrainingJob

CLAIM = timedelta(seconds=150)
"""Longer than the function may run, shorter than the tries of a message that finds a claim last together."""
COME_BACK_SECONDS = 40
"""After so long a message that found a claim is delivered again. Its five tries outlast a claim whose holder died."""


PAUSE_SECONDS = 0.2
"""After a replay that recorded nothing. Two functions work on replays, so a flood of them asks SageMaker, DynamoDB and
S3, which serve the events of AWS as well, of at most 10 jobs a second."""
PAUSE_SHARE = 4
"""Times what such a replay took, where that is longer: what is slow has others to serve."""
LONGEST_PAUSE_SECONDS = 5.0
"""Ten of them, a whole batch, are far less than the function may run."""


class Claimed(AuditorError):
    """Another delivery works on the job."""

    remedy = "Nothing to do: the event is delivered again, and ends once the job has its record."


class NotOurs(AuditorError):
    """An event names a job of another account, or of a region that is not looked after."""

    remedy = "Replay events of this account's training jobs alone; `flops-auditor doctor` lists the regions."


class NotFinished(AuditorError):
    """An event says that the job ended, SageMaker does not yet."""

    remedy = "Nothing to do: the event is delivered again and the job is then audited."


OutcomeKind = Literal[
    "recorded",
    "already recorded",
    "assessed again",
    "not recorded",
    "descendants told",
    "refused",
]


@dataclass(frozen=True)
class Outcome:
    """What became of one event. `refusal` says why a replay was refused; `pause_seconds` is how long to wait before the
    next event.
    """

    kind: OutcomeKind
    job_id: str = ""
    verdict: str = ""
    refusal: AuditorError | None = None
    pause_seconds: float = 0


@dataclass(frozen=True)
class Territory:
    """Whose jobs are audited: those of one account, in the regions that are looked after."""

    account: str
    regions: Regions

    def check(self, pointer: JobPointer) -> None:
        """Refuse other accounts, and replays of other regions, before anything is stored or asked. Raises NotOurs."""
        if pointer.account != self.account:
            raise NotOurs(f"{pointer.arn} is of account {pointer.account}")
        if not pointer.trusted and pointer.region not in self.regions.enabled().names:
            raise NotOurs(f"{pointer.arn} is of a region that is left out or not enabled")


def handle_event(event: object, recorder: Recorder, owner: str, territory: Territory) -> Outcome:
    """Do what a queued event asks for: audit the job it points at, or assess a recorded one again.

    Raises MalformedEvent, NotOurs, and whatever `audit_job` and `reassess` raise; the event then stays in its queue. A
    replay that names nothing to audit is refused at once: else whoever may put events could bury real dead letters.
    """
    if is_reassessment(event):
        return reassess(parse_reassessment(event), recorder)
    replayed, begun = is_replay(event), recorder.clock()
    try:
        pointer = read_pointer(event, recorder.services)
        territory.check(pointer)
        outcome = audit_job(pointer, recorder, owner)
    except (MalformedEvent, NotOurs, UnknownTrainingJob, NotFinished) as error:
        if not replayed:
            raise
        outcome = Outcome("refused", refusal=error)
    if not replayed or outcome.kind == "recorded":
        return outcome
    took = (recorder.clock() - begun).total_seconds()
    return replace(outcome, pause_seconds=min(max(PAUSE_SECONDS, PAUSE_SHARE * took), LONGEST_PAUSE_SECONDS))


def audit_job(pointer: JobPointer, recorder: Recorder, owner: str) -> Outcome:
    """Audit the job that an event points at; `owner` names this delivery.

    Raises Claimed, UnknownTrainingJob, NotFinished, SourceDenied, MalformedJob; the event then stays in its queue.
    """
    if not pointer.trusted:
        return record_the_end(describe(pointer, recorder), recorder)
    now, run = recorder.clock(), f"{pointer.arn}#{iso(pointer.creation_time) if pointer.creation_time else ''}"
    if not recorder.claims.claim(run, owner, now, now + CLAIM):
        raise Claimed(f"another delivery works on {pointer.arn}")
    try:
        return record_the_end(describe(pointer, recorder), recorder)
    finally:
        recorder.claims.release(run, owner, recorder.clock())


def record_the_end(described: Described, recorder: Recorder) -> Outcome:
    """Record a finished job unless it is recorded. A record made while it ran is superseded.

    More than one round is needed only where evidence of a running job was left behind without its record.
    """
    job_id = described.job_id
    made, kept = False, newest(job_id, recorder)
    for _ in range(3):
        if kept is not None and not kept.interim:
            break
        if kept is not None:
            finish(job_id, kept, recorder)  # the watch may have died between its stop and this
        made = True
        case = gather(described, kept.revision + 1 if kept else 0, recorder)
        kept = first_record(case, recorder, kept) or newest(job_id, recorder)
    return settle(job_id, recorder, "recorded" if made else "already recorded", kept)


def reassess(message: Reassessment, recorder: Recorder) -> Outcome:
    """Assess a recorded job again, since its lineage may have changed; of no effect if it has not.

    Needs no claim: the next revision is committed by a conditional put. Raises EvidenceLost, NotSettled.
    """
    if message.after:
        kept = newest(message.job_id, recorder)
        if kept is not None:
            run = case_behind(message.job_id, kept, recorder).run
            tell_descendants(run, kept.revision, recorder, message.after)
        return Outcome("descendants told", message.job_id)
    if message.told_by:
        # Before anything is read: whoever tells of a record that this look misses then sends another message.
        recorder.claims.release(waiting(message.job_id), message.told_by, recorder.clock())
    return settle(message.job_id, recorder, "assessed again")


def settle(job_id: str, recorder: Recorder, outcome: OutcomeKind, known: Committed | None = None) -> Outcome:
    """Bring the record up to date and have those that continue the job assessed again."""
    kept = bring_up_to_date(job_id, recorder, known)
    if kept is None:
        return Outcome("not recorded", job_id)
    tell_descendants(case_behind(job_id, kept, recorder).run, kept.revision, recorder)
    return Outcome(outcome, job_id, kept.content["verdict"])


def gather(described: Described, revision: int, recorder: Recorder) -> Case:
    """The case of the next revision: what an earlier try collected, or what is known now."""
    body = recorder.archive.get(evidence_key(described.job_id, revision))
    if body is not None:
        return read_case(body, recorder.services)
    return with_tags_seen(described.collect(recorder.clock(), said_of_models(recorder)), recorder)


def describe(pointer: JobPointer, recorder: Recorder) -> Described:
    """What its service says of a finished run. Raises NotFinished, and what the collector's `describe` raises."""
    described = recorder.collectors[pointer.service].describe(pointer)
    if described.state in NOT_ENDED:
        raise NotFinished(f"{described.name} is {described.status}")
    return described
