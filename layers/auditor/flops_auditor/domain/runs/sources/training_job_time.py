"""For how long a SageMaker training job trained.

SecondaryStatusTransitions has one `Training` span per start: a spot job is interrupted and restarted. The wall clock
and BillableTimeInSeconds are something else; TrainingTimeInSeconds includes downloading and uploading.
"""

from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.sources.training_job_answer import TRAINING, StatusTransition, TrainingJob
from flops_auditor.domain.runs.training_time import STILL_TRAINING, UNKNOWN_TIME, Span, TrainingTime, merge
from flops_auditor.domain.values.remarks import Kind, Remark

_AFTER_TRAINING = frozenset({"Uploading", "Completed", "MaxRuntimeExceeded"})
_NOTABLE = Fraction(3600)
_A_MOMENT = Fraction(60)
"""States follow each other; a gap of less is how a service keeps its times."""

SPANS = Kind("training-spans", "training time: {spans} of SecondaryStatusTransitions, {seconds:.10g} s")
SECONDS_FIELD = Kind("training-seconds-field", "training time: TrainingTimeInSeconds")
NEVER_TRAINED = Kind(
    "never-trained", "training time: SecondaryStatusTransitions has no Training span: the job never trained"
)
START_TO_END = Kind(
    "training-start-to-end",
    "training time: TrainingStartTime to TrainingEndTime, since SecondaryStatusTransitions is absent",
)
SHORTER_FIELD = Kind(
    "training-seconds-contradict",
    "contradictory evidence: TrainingTimeInSeconds is only {seconds} s, the longer time counts",
)
PAST_TRAINING = Kind(
    "no-training-span",
    "SecondaryStatusTransitions has no Training span, though the job went past training",
    AMEND,
)
UNEXPLAINED = Kind(
    "training-time-unexplained",
    "the job had its hardware for {longest:g} s (TrainingStartTime to TrainingEndTime), of which {said:g} s are said "
    "to be training, and nothing says what the rest was",
    AMEND,
)
COMPLETED_IN_NO_TIME = Kind(
    "completed-in-no-time",
    "the job completed, and its TrainingTimeInSeconds is 0: nothing says how long it trained",
    AMEND,
)
NO_TIME = Kind("no-training-time", "nothing says how long the job trained", AMEND)
OPEN_SPAN = Kind("open-training-span", "a Training span has no start or no end", AMEND)
REVERSED_SPAN = Kind("reversed-training-span", "a Training span ends before it starts", AMEND)


def training_time(job: TrainingJob, as_of: datetime | None = None) -> TrainingTime:
    """How long the job's hardware trained (Annex A.2's L), up to `as_of` for a job still in progress.

    A job that has not ended is in doubt: what it spent so far says nothing about what it will have spent.
    """
    time = _found(job, as_of)
    if job.finished:
        return time
    return replace(time, doubts=(*time.doubts, STILL_TRAINING(status=job.training_job_status)))


def _found(job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    transitions, billed = job.secondary_status_transitions, job.training_time_in_seconds
    if any(step.status == TRAINING for step in transitions):
        return _compared(_from_transitions(job, as_of), job, as_of)
    spans, completed = _outer_span(job, as_of), job.state == "succeeded"
    time = TrainingTime((), None, UNKNOWN_TIME(), (NO_TIME(),))
    if billed == 0 and completed and not spans:
        time = TrainingTime((), None, UNKNOWN_TIME(), (COMPLETED_IN_NO_TIME(),))
    elif billed is not None:
        time = _explained(TrainingTime(spans, Fraction(billed), SECONDS_FIELD()), spans, job, as_of)
    elif (completed and transitions) or any(step.status in _AFTER_TRAINING for step in transitions):
        time = TrainingTime((), None, UNKNOWN_TIME(), (PAST_TRAINING(),))
    elif transitions:
        time = _explained(TrainingTime((), Fraction(0), NEVER_TRAINED()), spans, job, as_of)
    elif spans:
        time = TrainingTime(spans, spans[0].seconds, START_TO_END())
    return time


def _explained(time: TrainingTime, outer: tuple[Span, ...], job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    """What is said of the training time, unless the job had its hardware for far longer without a word of why."""
    billed = time.seconds or Fraction(0)
    if outer and _unexplained(outer[0], (), job, as_of) > max(2 * billed, billed + _NOTABLE):
        return TrainingTime((), None, UNKNOWN_TIME(), (UNEXPLAINED(longest=outer[0].seconds, said=billed),))
    return time


def _unexplained(outer: Span, trained: tuple[Span, ...], job: TrainingJob, as_of: datetime | None) -> Fraction:
    """Seconds of a span in which the job neither trained nor was in a state that its transitions name; one in progress
    is in its last.
    """
    known = merge([*trained, *_states(job, as_of)])
    within = [Span(max(s.start, outer.start), min(s.end, outer.end)) for s in known]
    return outer.seconds - sum((span.seconds for span in within if span.start < span.end), Fraction(0))


def _beyond_all_states(job: TrainingJob, billed: int | None, as_of: datetime | None) -> Fraction:
    """Seconds of TrainingTimeInSeconds that all states together do not have, where the span of the whole is unknown."""
    states = sum((span.seconds for span in merge(_states(job, as_of))), Fraction(0))
    return max(Fraction(0), Fraction(billed or 0) - states)


def _states(job: TrainingJob, as_of: datetime | None) -> list[Span]:
    """When the job was in which state, as far as its transitions say."""
    now = None if job.finished else as_of
    states = [(step.start_time, step.end_time or now) for step in job.secondary_status_transitions]
    return [Span(start, end) for start, end in states if start and end and start < end]


def _outer_span(job: TrainingJob, as_of: datetime | None) -> tuple[Span, ...]:
    start, end = job.training_start_time, job.training_end_time or (None if job.finished else as_of)
    return (Span(start, end),) if start and end and start < end else ()


def _compared(time: TrainingTime, job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    """The spans beside TrainingTimeInSeconds, which is a little longer, and beside the time that the job had its
    hardware; less, or much more, contradicts them.
    """
    seconds = time.seconds
    if seconds is None:
        return time
    billed, outer = job.training_time_in_seconds, _outer_span(job, as_of)
    if billed is not None and billed + 1 < seconds:
        time = replace(time, notes=(SHORTER_FIELD(seconds=billed),))
    unexplained = _unexplained(outer[0], time.spans, job, as_of) if outer else _beyond_all_states(job, billed, as_of)
    if unexplained > _A_MOMENT:
        time = replace(time, unexplained=unexplained)
    longest = max(Fraction(billed or 0), seconds + unexplained)
    return replace(time, longest=longest) if longest > max(2 * seconds, seconds + _NOTABLE) else time


def _from_transitions(job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    known: list[Span] = []
    doubts: list[Remark] = []
    for step in job.secondary_status_transitions:
        if step.status != TRAINING:
            continue
        end = step.end_time or _next_start(job.secondary_status_transitions, step) or _last_word(job, as_of)
        if step.start_time is None or end is None:
            doubts.append(OPEN_SPAN())
        elif end < step.start_time:
            doubts.append(REVERSED_SPAN())
        else:
            known.append(Span(step.start_time, end))
    spans = merge(known)
    seconds = sum((s.seconds for s in spans), Fraction(0))
    counted = f"{len(spans)} Training span{'s' if len(spans) != 1 else ''}"
    basis = SPANS(spans=counted, seconds=seconds)
    return TrainingTime(spans, None if doubts else seconds, basis, tuple(doubts))


def _next_start(transitions: tuple[StatusTransition, ...], step: StatusTransition) -> datetime | None:
    later = [t.start_time for t in transitions if t.start_time and step.start_time and t.start_time > step.start_time]
    return min(later, default=None)


def _last_word(job: TrainingJob, as_of: datetime | None) -> datetime | None:
    return (job.training_end_time or job.last_modified_time) if job.finished else as_of
