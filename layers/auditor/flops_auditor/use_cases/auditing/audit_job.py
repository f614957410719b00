"""Audit one finished job: evidence, estimate, signature, commit, archive, alert - each step resumed, none repeated.

Order and fences: the evidence file is written once, so a retry audits the same bytes; the record is committed by a
conditional put, so the first signature stays; the archive takes an object once; an alert is noted after it was sent, so
it is sent at least once, and again only if the function dies between the two. A claim keeps two deliveries of one event
from working side by side; one that finds it taken stays in its queue. Replays take none (docs/adr/0003).
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from typing import Literal

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.pointer import JobPointer, PassedOver, is_replay
from flops_auditor.domain.runs.reassessment import Reassessment, is_reassessment, parse_reassessment
from flops_auditor.domain.runs.run import NOT_ENDED
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.tags_seen import TagsSeen
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.archive_keys import job_id as job_id_of
from flops_auditor.domain.values.errors import AuditorError, MalformedEvent
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.collect_evidence import Described
from flops_auditor.use_cases.auditing.keep_record import (
    Committed,
    bring_up_to_date,
    case_behind,
    committed,
    finish,
    first_record,
    left_case,
    newest,
)
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.tags_before import with_tags_seen
from flops_auditor.use_cases.auditing.tell_descendants import FirstPages, first_pages, tell_descendants, waiting
from flops_auditor.use_cases.auditing.used_names import note_used_names
from flops_auditor.use_cases.ports.records import KnownJob
from flops_auditor.use_cases.ports.side_by_side import tried
from flops_auditor.use_cases.ports.sources import Regions, UnknownTrainingJob

CLAIM = timedelta(seconds=150)
"""Longer than the function may run, shorter than the tries of a message that finds a claim last together."""
COME_BACK_SECONDS = 40
"""After so long a message that found a claim is delivered again. Its five tries outlast a claim whose holder died."""
LONGEST_AUDIT_SECONDS = 40
"""The most that one job's texts and metrics were seen to take at the function's memory, some 30, and what is beside."""
PAUSE_SECONDS = 0.2
"""After a replay that recorded nothing. Two functions work on replays, so a flood of them asks SageMaker, DynamoDB and
S3, which serve the events of AWS as well, of at most 10 jobs a second."""
PAUSE_SHARE = 4
"""Times what such a replay took, where that is longer: what is slow has others to serve."""
SPARE_SECONDS = 10
"""Of the time that the function may run, for what follows the last replay of a batch."""


class DeliveredAgain(AuditorError):
    """An event that is not worked on now, but some seconds later."""

    remedy = "Nothing to do: the event is delivered again, and ends once the job has its record."
    seconds = COME_BACK_SECONDS


class Claimed(DeliveredAgain):
    """Another delivery works on the job."""


class NoTimeLeft(AuditorError):
    """The jobs before it in a batch took so long that an audit may not end within the function's time."""

    remedy = "Nothing to do: the event is delivered anew, and keeps all its tries."


class NotOurs(AuditorError):
    """An event names a job of another account, or of a region that is not looked after."""

    remedy = "Replay events of this account's training jobs alone; `flops-auditor doctor` lists the regions."


class ShutDoor(PassedOver):
    """A run went through a service that is not looked after: of it the functions may ask nothing."""

    remedy = "Nothing to do; or open the door by the stack's parameters: the next reconciliation finds it."


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
    "passed over",
]


@dataclass(frozen=True)
class Outcome:
    """What became of one event. `refusal` says why a replay was refused, `reason` why nothing was recorded of what is
    no run.
    """

    kind: OutcomeKind
    job_id: str = ""
    verdict: str = ""
    refusal: AuditorError | None = None
    reason: str = ""


@dataclass(frozen=True)
class Territory:
    """Whose jobs are audited: those of one account, in the regions that are looked after, that went through an open
    door. `sources` are those that their evidence names, None for all.
    """

    account: str
    regions: Regions
    sources: frozenset[str] | None = None

    def check(self, pointer: JobPointer) -> None:
        """Refuse other accounts, what went through a shut door, and replays of other regions, before anything is stored
        or asked. Raises NotOurs, ShutDoor.
        """
        if pointer.account != self.account:
            raise NotOurs(f"{pointer.arn} is of account {pointer.account}")
        if self.sources is not None and pointer.service not in self.sources:
            raise ShutDoor(f"{pointer.arn} went through a door that is shut: {pointer.service}")
        if not pointer.trusted and pointer.region not in self.regions.enabled().names:
            raise NotOurs(f"{pointer.arn} is of a region that is left out or not enabled")


def handle_event(
    event: object,
    recorder: Recorder,
    owner: str,
    territory: Territory,
    after_replay: Callable[[float], None] = lambda took: None,
) -> Outcome:
    """Do what a queued event asks for: audit the job it points at, or assess a recorded one again.

    Raises MalformedEvent, NotOurs, and whatever `audit_job` and `reassess` raise; the event then stays in its queue. A
    replay that names nothing to audit is refused at once: else whoever may put events could bury real dead letters.
    `after_replay` is told the seconds that a replay took that recorded nothing, whatever it raises.
    """
    if is_reassessment(event):
        return reassess(parse_reassessment(event), recorder)
    if not is_replay(event):
        return _audit(event, recorder, owner, territory)
    begun, outcome = recorder.clock(), Outcome("not recorded")
    try:
        outcome = _audit(event, recorder, owner, territory)
    except (MalformedEvent, NotOurs, UnknownTrainingJob, NotFinished) as error:
        outcome = Outcome("refused", refusal=error)
    finally:
        if outcome.kind != "recorded":
            after_replay((recorder.clock() - begun).total_seconds())
    return outcome


def may_begin(left: float) -> None:
    """Whether so many seconds suffice for whatever an audit may take. Raises NoTimeLeft."""
    if left < LONGEST_AUDIT_SECONDS:
        raise NoTimeLeft(f"{left:.0f} s are left")


def pause_after(took: float, left: float, others: int) -> float:
    """Seconds to wait after a replay that took so many and recorded nothing. Its function may run for `left` more, in
    which `others` of its batch follow: what these need, should each take as long, is not waited for, nor what the last
    of them must have to begin.
    """
    kept = max(SPARE_SECONDS, LONGEST_AUDIT_SECONDS - took) if others else SPARE_SECONDS
    spare = (left - kept - others * took) / (others + 1)
    return min(max(PAUSE_SECONDS, PAUSE_SHARE * took), max(0.0, spare))


def _audit(event: object, recorder: Recorder, owner: str, territory: Territory) -> Outcome:
    try:
        pointer = read_pointer(event, recorder.services)
        territory.check(pointer)
        return audit_job(pointer, recorder, owner)
    except PassedOver as no_run:
        return Outcome("passed over", reason=str(no_run))


def audit_job(pointer: JobPointer, recorder: Recorder, owner: str) -> Outcome:
    """Audit the job that an event points at; `owner` names this delivery.

    Raises Claimed, UnknownTrainingJob, NotFinished, SourceDenied, MalformedJob; the event then stays in its queue.
    """
    if not pointer.trusted:
        return record_the_end(describe(pointer, recorder), recorder)
    now, created = recorder.clock(), iso(pointer.creation_time) if pointer.creation_time else ""
    run, job_id = f"{pointer.arn}#{created}", job_id_of(pointer.arn, created)
    claimed, described, known = recorder.at_once(
        [
            partial(recorder.claims.claim, run, owner, now, now + CLAIM),
            partial(tried, partial(describe, pointer, recorder)),
            partial(tried, partial(recorder.records.known, job_id)),
        ]
    )
    if not claimed:
        raise Claimed(f"another delivery works on {pointer.arn}")

    @cache
    def release() -> None:
        recorder.claims.release(run, owner, recorder.clock())

    try:
        ended = described()
        return record_the_end(ended, recorder, known() if ended.job_id == job_id else None, [release])
    finally:
        release()


def record_the_end(
    described: Described,
    recorder: Recorder,
    known: KnownJob | None = None,
    at_last: Sequence[Callable[[], object]] = (),
) -> Outcome:
    """Record a finished job unless it is recorded. A record made while it ran is superseded. `known` is what was kept
    of it a moment ago; `at_last` is done beside the last note.

    More than one round is needed only where evidence of a running job was left behind without its record.
    """
    job_id = described.job_id
    known = known or recorder.records.known(job_id)
    made, kept = False, committed(known.latest)
    for _ in range(3):
        if kept is not None and not kept.interim:
            break
        if kept is not None:
            finish(job_id, kept, recorder)  # the watch may have died between its stop and this
        made = True
        case = gather(described, kept.revision + 1 if kept else 0, recorder, known.tags_seen)
        kept = first_record(case, recorder, kept) or newest(job_id, recorder)
    names = [partial(note_used_names, kept, recorder)] if kept else []
    return settle(job_id, recorder, "recorded" if made else "already recorded", kept, beside=names, at_last=at_last)


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


def settle(
    job_id: str,
    recorder: Recorder,
    outcome: OutcomeKind,
    known: Committed | None = None,
    beside: Sequence[Callable[[], object]] = (),
    at_last: Sequence[Callable[[], object]] = (),
) -> Outcome:
    """Bring the record up to date and have those that continue the job assessed again. Who they are is looked up beside
    the second look at what a record that was committed just now continues.
    """
    look_ahead: Callable[[], FirstPages] = dict
    if known and known.new and known.case:
        look_ahead = partial(first_pages, known.case.run, recorder)
    kept, pages, *_ = recorder.at_once([partial(bring_up_to_date, job_id, recorder, known), look_ahead, *beside])
    if kept is None:
        return Outcome("not recorded", job_id)
    ahead = pages if known and kept.revision == known.revision else {}
    run = case_behind(job_id, kept, recorder).run
    tell_descendants(run, kept.revision, recorder, new=kept.new, ahead=ahead, at_last=at_last)
    return Outcome(outcome, job_id, kept.content["verdict"])


def gather(described: Described, revision: int, recorder: Recorder, looks: Sequence[TagsSeen]) -> Case:
    """The case of the next revision: what is known now, which `put_evidence` leaves for what an earlier try collected.
    Of a run that its service no longer knows that comes first. Raises ForeignEvidence.
    """
    if described.gone:
        key = evidence_key(described.job_id, revision)
        body = recorder.archive.get(key)
        if body is not None:
            return left_case(body, None, key, recorder)
    return with_tags_seen(described.collect(recorder.clock(), said_of_models(recorder)), looks)


def describe(pointer: JobPointer, recorder: Recorder) -> Described:
    """What its service says of a finished run; of one that is gone, what it said while that ran counts, too.

    Raises NotFinished, and what the collector's `describe` raises.
    """
    collector = recorder.collectors[pointer.service]
    described = collector.describe(pointer)
    if described.gone and (seen := recorder.seen.described(described.job_id)):
        described = collector.describe(pointer.model_copy(update={"seen": json.loads(seen)}))
    if described.state in NOT_ENDED:
        raise NotFinished(f"{described.name} is {described.status}")
    return described
