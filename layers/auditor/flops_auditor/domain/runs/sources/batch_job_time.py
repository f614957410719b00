"""For how long a job of AWS Batch had its hosts: each of its attempts, from its start to its stop."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.sources.batch_job_answer import BatchJob
from flops_auditor.domain.runs.sources.training_job_time import NO_TIME
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

ATTEMPTS = Kind("attempts", "training time: {attempts}, {seconds:.10g} s")
NEVER_STARTED = Kind("never-started", "training time: none, since no attempt of it was ever started")
"""Of one that has failed, or waits."""
OPEN_ATTEMPT = Kind("open-attempt", "an attempt of it has no stop", AMEND)
REVERSED_ATTEMPT = Kind("reversed-attempt", "an attempt of it stops before it starts", AMEND)

ATTEMPTS_NOT_TOLD = Kind(
    "attempts-not-told",
    "it may have had {most} attempts, and nothing is said of any: for how long the earlier ones ran is not known",
    AMEND,
)


def batch_job_time(job: BatchJob, as_of: datetime | None = None) -> TrainingTime:
    """How long its hosts worked (Annex A.2's L), up to `as_of` for a job that goes on, which is a doubt."""
    time = _found(job, as_of)
    most = job.retry_strategy.attempts or 1
    if job.started_at and most > 1 and not job.tries:
        time = replace(time, doubts=(*time.doubts, ATTEMPTS_NOT_TOLD(most=most)))
    return time if job.finished else replace(time, doubts=(*time.doubts, STILL_TRAINING(status=job.status)))


def limit_of(job: BatchJob) -> int | None:
    """Seconds that a job may run for: an attempt's time-out, after those that have stopped; None: there is none."""
    limit = job.timeout.attempt_duration_seconds
    if limit is None or job.finished:
        return limit
    stopped, _ = _read([(each.started_at, each.stopped_at) for each in job.tries if each.stopped_at])
    return limit + int(length(merge(stopped)))


def _found(job: BatchJob, as_of: datetime | None) -> TrainingTime:
    last = job.stopped_at if job.finished else as_of
    tries = [(each.started_at, each.stopped_at or last) for each in job.tries if each.started_at]
    if not job.finished and job.started_at and all(stop and stop <= job.started_at for _, stop in tries):
        tries.append((job.started_at, last))  # AWS Batch tells of an attempt when it has stopped
    outer = (job.started_at, last)
    known, doubts = _read(tries or ([outer] if job.started_at else []))
    if not known and not doubts:
        if job.state == "error" or (job.state == "running" and not job.ever_started):
            return TrainingTime((), Fraction(0), NEVER_STARTED())
        return TrainingTime((), None, UNKNOWN_TIME(), (NO_TIME(),) if job.finished else ())
    spans = merge(known)
    seconds = length(spans)
    counted = f"{len(known)} attempt{'s' if len(known) != 1 else ''}"
    between, _ = _read([outer] if job.started_at and last else [])
    rest = tuple(gap for span in between for gap in gaps(span, spans))
    beside = length(rest) if length(rest) > A_MOMENT else Fraction(0)
    basis = ATTEMPTS(attempts=counted, seconds=seconds)
    known_seconds = None if doubts else seconds
    return TrainingTime(spans, known_seconds, basis, doubts, unexplained=beside, in_no_state=rest)


def _read(tries: Sequence[tuple[datetime | None, datetime | None]]) -> tuple[list[Span], tuple[Remark, ...]]:
    """The spans of attempts, and what is wrong with others."""
    known: list[Span] = []
    doubts: list[Remark] = []
    for start, stop in tries:
        if start is None or stop is None:
            doubts.append(OPEN_ATTEMPT())
        elif stop < start:
            doubts.append(REVERSED_ATTEMPT())
        else:
            known.append(Span(start, stop))
    return known, tuple(dict.fromkeys(doubts))
