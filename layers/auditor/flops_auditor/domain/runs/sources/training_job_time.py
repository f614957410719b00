"""For how long a SageMaker training job trained.

SecondaryStatusTransitions has one `Training` span per start: a spot job is interrupted and restarted. The wall clock
and BillableTimeInSeconds are something else; TrainingTimeInSeconds includes downloading and uploading.
"""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.sources.training_job_answer import TRAINING, StatusTransition, TrainingJob
from flops_auditor.domain.runs.training_time import (
    A_MOMENT,
    STILL_TRAINING,
    UNKNOWN_TIME,
    Span,
    TrainingTime,
    gaps,
    length,
    merge,
)
from flops_auditor.domain.values.remarks import Kind, Remark

_AFTER_TRAINING = frozenset({"Uploading", "Completed", "MaxRuntimeExceeded"})
_NOTABLE = Fraction(3600)

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
        return _with_the_rest(_from_transitions(job, as_of), job, as_of)
    spans, completed = _outer_span(job, as_of), job.state == "succeeded"
    time = TrainingTime((), None, UNKNOWN_TIME(), (NO_TIME(),))
    if billed == 0 and completed and not spans:
        time = TrainingTime((), None, UNKNOWN_TIME(), (COMPLETED_IN_NO_TIME(),))
    elif billed is not None:
        time = TrainingTime(spans, Fraction(billed), SECONDS_FIELD())
    elif (completed and transitions) or any(step.status in _AFTER_TRAINING for step in transitions):
        time = TrainingTime((), None, UNKNOWN_TIME(), (PAST_TRAINING(),))
    elif transitions:
        time = TrainingTime((), Fraction(0), NEVER_TRAINED())
    elif spans:
        time = TrainingTime(spans, length(spans), START_TO_END())
    return _with_the_rest(time, job, as_of)


def _with_the_rest(time: TrainingTime, job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    """With the time that the job had its hardware for and that nothing explains: it is neither training that counts nor
    in a state that the transitions name; nor is what TrainingTimeInSeconds has beyond all of them.

    Where no span is training, and the rest is far longer, nothing is known.
    """
    seconds = time.seconds
    if seconds is None:
        return time
    outer = _outer_span(job, as_of)
    known = merge([*time.placed, *_states(job, as_of)])
    rest = tuple(gap for span in outer for gap in gaps(span, known))
    if outer and not time.placed and length(rest) > max(2 * seconds, seconds + _NOTABLE):
        return TrainingTime((), None, UNKNOWN_TIME(), (UNEXPLAINED(longest=outer[0].seconds, said=seconds),))
    every = length(merge([*known, *outer]))
    beyond = max(Fraction(0), Fraction(job.training_time_in_seconds or 0) - max(seconds, every))
    time = replace(time, in_no_state=rest)
    unexplained = max(Fraction(0), length(time.accounted) - seconds) + beyond
    return replace(time, unexplained=unexplained) if unexplained > A_MOMENT else time


def _states(job: TrainingJob, as_of: datetime | None) -> list[Span]:
    """When the job was in which state, as far as its transitions say."""
    now = None if job.finished else as_of
    states = [(step.start_time, step.end_time or now) for step in job.secondary_status_transitions]
    return [Span(start, end) for start, end in states if start and end and start < end]


def _outer_span(job: TrainingJob, as_of: datetime | None) -> tuple[Span, ...]:
    start, end = job.training_start_time, job.training_end_time or (None if job.finished else as_of)
    return (Span(start, end),) if start and end and start < end else ()


def _from_transitions(job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    known: list[Span] = []
    doubts: list[Remark] = []
    starts = sorted(step.start_time for step in job.secondary_status_transitions if step.start_time)
    for step in job.secondary_status_transitions:
        if step.status != TRAINING:
            continue
        end = step.end_time or _next_start(starts, step) or _last_word(job, as_of)
        if step.start_time is None or end is None:
            doubts.append(OPEN_SPAN())
        elif end < step.start_time:
            doubts.append(REVERSED_SPAN())
        else:
            known.append(Span(step.start_time, end))
    spans = merge(known)
    seconds = length(spans)
    counted = f"{len(spans)} Training span{'s' if len(spans) != 1 else ''}"
    basis = SPANS(spans=counted, seconds=seconds)
    billed = job.training_time_in_seconds
    shorter = () if billed is None or doubts or billed + 1 >= seconds else (SHORTER_FIELD(seconds=billed),)
    return TrainingTime(spans, None if doubts else seconds, basis, tuple(doubts), notes=shorter)


def _next_start(starts: Sequence[datetime], step: StatusTransition) -> datetime | None:
    """When the first step after this one started; `starts` are in order."""
    following = bisect_right(starts, step.start_time) if step.start_time else len(starts)
    return starts[following] if following < len(starts) else None


def _last_word(job: TrainingJob, as_of: datetime | None) -> datetime | None:
    return (job.training_end_time or job.last_modified_time) if job.finished else as_of
