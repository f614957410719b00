"""L of the hardware-based method: for how long the hardware of a job trained, and when.

Annex A.2 counts seconds of use. SageMaker's SecondaryStatusTransitions has one `Training` span per start: a spot job is
interrupted and restarted, and the time between is not use. BillableTimeInSeconds and the wall clock are something else;
TrainingTimeInSeconds includes downloading and uploading.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.runs.sources.training_job import TRAINING, TrainingJob, Transition

_AFTER_TRAINING = frozenset({"Uploading", "Completed", "MaxRuntimeExceeded"})
_NOTABLE = Fraction(3600)
STILL_TRAINING = "it may still be training"
"""A doubt that time settles: how the doubt about a job in progress ends."""


@dataclass(frozen=True)
class Span:
    """Half-open interval of time."""

    start: datetime
    end: datetime

    @property
    def seconds(self) -> Fraction:
        """Length in seconds."""
        return seconds_between(self.start, self.end)


@dataclass(frozen=True)
class TrainingTime:
    """Disjoint spans in order of time, their sum in seconds, and how they were found.

    `seconds` is None when nothing says how long the job trained: then no upper bound exists. `longest` is what another
    field of the description says, where that is so much more that the spans may be incomplete.
    """

    spans: tuple[Span, ...]
    seconds: Fraction | None
    basis: str
    doubts: tuple[str, ...] = ()
    longest: Fraction | None = None


def seconds_between(start: datetime, end: datetime) -> Fraction:
    """Seconds from `start` to `end`, exact to the microsecond."""
    delta = end - start
    return Fraction(delta.days * 86400 + delta.seconds) + Fraction(delta.microseconds, 10**6)


def training_time(job: TrainingJob, as_of: datetime | None = None) -> TrainingTime:
    """How long the job's hardware trained (Annex A.2's L), up to `as_of` for a job still in progress.

    A job that has not ended is in doubt: what it spent so far says nothing about what it will have spent.
    """
    found = _found(job, as_of)
    if job.finished:
        return found
    return replace(found, doubts=(*found.doubts, f"the job is {job.training_job_status}: {STILL_TRAINING}"))


def _found(job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    transitions = job.secondary_status_transitions
    if any(step.status == TRAINING for step in transitions):
        return _compared(_from_transitions(job, as_of), job)
    if job.training_time_in_seconds is not None:
        spans = _outer_span(job, as_of)
        return TrainingTime(spans, Fraction(job.training_time_in_seconds), "TrainingTimeInSeconds")
    if transitions:
        if job.training_job_status == "Completed" or any(step.status in _AFTER_TRAINING for step in transitions):
            doubt = "SecondaryStatusTransitions has no Training span, though the job went past training"
            return TrainingTime((), None, "unknown", (doubt,))
        return TrainingTime((), Fraction(0), "SecondaryStatusTransitions has no Training span: the job never trained")
    spans = _outer_span(job, as_of)
    if spans:
        basis = "TrainingStartTime to TrainingEndTime, since SecondaryStatusTransitions is absent"
        return TrainingTime(spans, spans[0].seconds, basis)
    return TrainingTime((), None, "unknown", ("nothing says how long the job trained",))


def _outer_span(job: TrainingJob, as_of: datetime | None) -> tuple[Span, ...]:
    start, end = job.training_start_time, job.training_end_time or (None if job.finished else as_of)
    return (Span(start, end),) if start and end and start < end else ()


def _compared(found: TrainingTime, job: TrainingJob) -> TrainingTime:
    """The spans beside TrainingTimeInSeconds, which is a little longer; less, or much more, contradicts them."""
    said = job.training_time_in_seconds
    if said is None or found.seconds is None:
        return found
    if said + 1 < found.seconds:
        note = f"; contradictory evidence: TrainingTimeInSeconds is only {said} s, the longer time counts"
        return replace(found, basis=found.basis + note)
    if said > 2 * found.seconds and said - found.seconds > _NOTABLE:
        return replace(found, longest=Fraction(said))
    return found


def _from_transitions(job: TrainingJob, as_of: datetime | None) -> TrainingTime:
    known, doubts = [], []
    for step in job.secondary_status_transitions:
        if step.status != TRAINING:
            continue
        end = step.end_time or _next_start(job.secondary_status_transitions, step) or _last_word(job, as_of)
        if step.start_time is None or end is None:
            doubts.append("a Training span has no start or no end")
        elif end < step.start_time:
            doubts.append("a Training span ends before it starts")
        else:
            known.append(Span(step.start_time, end))
    spans = merge(known)
    seconds = sum((s.seconds for s in spans), Fraction(0))
    count = f"{len(spans)} Training span{'s' if len(spans) != 1 else ''} of SecondaryStatusTransitions"
    basis = f"{count}, {float(seconds):.10g} s"
    return TrainingTime(spans, None if doubts else seconds, basis, tuple(doubts))


def _next_start(transitions: tuple[Transition, ...], step: Transition) -> datetime | None:
    later = [t.start_time for t in transitions if t.start_time and step.start_time and t.start_time > step.start_time]
    return min(later, default=None)


def _last_word(job: TrainingJob, as_of: datetime | None) -> datetime | None:
    return (job.training_end_time or job.last_modified_time) if job.finished else as_of


def merge(spans: list[Span]) -> tuple[Span, ...]:
    """Overlapping or touching spans joined, so that no second is counted twice (Annex A.2 counts seconds of use)."""
    merged: list[Span] = []
    for span in sorted(spans, key=lambda s: (s.start, s.end)):
        if merged and span.start <= merged[-1].end:
            merged[-1] = Span(merged[-1].start, max(merged[-1].end, span.end))
        else:
            merged.append(span)
    return tuple(merged)
