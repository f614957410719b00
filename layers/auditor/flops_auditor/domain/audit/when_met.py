"""When a line was crossed: in the job's own time, not when somebody got round to recording it.

The compute is taken to have come evenly over the time that the run trained.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction

from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.training_time import TrainingTime
from flops_auditor.domain.values.amounts import summed


def with_times(assessment: Assessment, run: Run, own_best: int | None, own_upper: int | None) -> Assessment:
    """An assessment with when its line was crossed by the best estimate, and from when on by the upper bound.

    `own_*` are what the run itself added to the assessment's figures; what its ancestors took was there before it.
    """
    a = assessment
    edge = a.room_flop + (1 if a.rule.comparison == "at least" else 0)
    met_at = _crossing(a.own.best_flop, own_best, a.room_flop, edge, run)
    met_from = _crossing(a.own.upper_flop, own_upper, a.room_flop, edge, run)
    met_from = None if a.verdict == "below" else met_from
    return a if (met_at, met_from) == (a.met_at, a.met_from) else replace(a, met_at=met_at, met_from=met_from)


def _crossing(total: int | None, own: int | None, room: int, edge: int, run: Run) -> datetime | None:
    """When a total went over what is allowed, `room`: at `edge`; None if it did not, or nothing says when the run
    trained.
    """
    if total is None or total <= room:
        return None
    before = total - (own or 0)
    if before > room:
        return run.started or run.created or run.ended
    return _moment(run.time, Fraction(edge - before, own or 1)) or run.ended or run.started or run.created


def _moment(time: TrainingTime, share: Fraction) -> datetime | None:
    """When so much of the training time was over, to the second before it."""
    left = share * summed(span.seconds for span in time.spans)
    for span in time.spans:
        if left <= span.seconds:
            return span.start + timedelta(seconds=int(left))
        left -= span.seconds
    return None
