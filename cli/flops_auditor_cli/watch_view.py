"""The jobs in progress in every form but the live one: a table for people, documents and lines for machines."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.audit.forecast import RunForecast, ThresholdForecast
from flops_auditor.domain.messages.record_row import MARK, MARK_MEANS
from flops_auditor.domain.messages.record_words import line_named
from flops_auditor.domain.values.amounts import Bound, flop, percent, share_number
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.view import PointList, Table, View

COLUMNS = {
    "job": "Job",
    "flop": "FLOP so far",
    "best": "Best",
    "most": "At most",
    "line": "Of (FLOP)",
    "projected": "At limit",
    "crosses_in": "Crosses in",
}
WIDE_COLUMNS = {
    "region": "Region",
    "job": "Job",
    "hours": "Hours",
    "flop": "Best so far (FLOP)",
    "upper": "At most (FLOP)",
    "nearest": "Nearest threshold",
    "best": "Best share",
    "most": "Share at most",
    "projected": "Best at time limit",
    "crosses_in": "Crosses in",
}
RIGHT = ("hours", "flop", "upper", "best", "most", "projected", "crosses_in")
FIELDS = (
    *("region", "job", "job_arn", "hours", "best_flop", "upper_flop", "policy", "scenario", "lower_share"),
    *("best_share", "upper_share", "projected_best_share", "projected_upper_share", "seconds_left", "crosses_at"),
)


def row_of(seen: RunForecast) -> dict[str, str]:
    """A running job for people: the threshold that it meets first."""
    audited, closest = seen.audited, seen.closest()
    cumulative = audited.cumulative
    hours = "unknown" if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.1f}"
    return {
        "region": audited.run.region,
        "job": audited.run.name,
        "hours": hours,
        "flop": flop(cumulative.best_flop),
        "upper": flop(cumulative.upper_flop, "upper"),
        "nearest": f"{closest.assessment.policy}, {closest.assessment.scenario}" if closest else "none",
        "best": _marked(closest, percent(closest.best_of_line if closest else None)),
        "most": _marked(closest, percent(closest.upper_of_line if closest else None, "upper")),
        "line": named(closest) if closest else "none",
        "projected": _marked(closest, percent(closest.projected_best_of_line if closest else None)),
        "crosses_in": _left(seen, closest),
    }


def named(outlook: ThresholdForecast) -> str:
    """A threshold as the report names it."""
    return line_named(outlook.assessment.threshold_flop, bool(outlook.assessment.wording_of))


def _marked(outlook: ThresholdForecast | None, share: str) -> str:
    return f"{MARK} {share}" if _counts_original(outlook) else share


def _counts_original(outlook: ThresholdForecast | None) -> bool:
    return outlook is not None and outlook.assessment.inherited_flop > 0


def _left(seen: RunForecast, outlook: ThresholdForecast | None) -> str:
    if outlook is None or outlook.seconds_left is None:
        return "unknown"
    if outlook.crossed:
        return "by its end" if seen.as_a_whole else "over"
    return f"{float(outlook.seconds_left) / 3600:.1f} h"


def line_of(seen: RunForecast, at: datetime) -> dict[str, Any]:
    """A running job as a line of CSV."""
    document, closest = document_of(seen, at), seen.closest()
    outlook = document["outlooks"][seen.outlooks.index(closest)] if closest else {}
    hours = None if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.6g}"
    job, total = document["job"], document["cumulative"]
    return {**outlook, **total, "region": job["region"], "job": job["name"], "job_arn": job["arn"], "hours": hours}


def document_of(seen: RunForecast, at: datetime) -> dict[str, Any]:
    """A running job for machines."""
    job, cumulative = seen.audited.run, seen.audited.cumulative
    return {
        "job": {"name": job.name, "arn": job.arn, "id": job.job_id, "region": job.region},
        "cumulative": {
            "best_flop": None if cumulative.best_flop is None else str(cumulative.best_flop),
            "upper_flop": None if cumulative.upper_flop is None else str(cumulative.upper_flop),
            "ancestors": len(cumulative.ancestors),
        },
        "outlooks": [
            {
                "policy": o.assessment.policy,
                "scenario": o.assessment.scenario,
                "threshold_flop": str(o.assessment.threshold_flop),
                "verdict": o.assessment.verdict,
                "lower_share": _number(o.lower_of_line, "lower"),
                "best_share": _number(o.best_of_line),
                "upper_share": _number(o.upper_of_line, "upper"),
                "projected_best_share": _number(o.projected_best_of_line),
                "projected_upper_share": _number(o.projected_upper_of_line, "upper"),
                "seconds_left": _number(o.seconds_left),
                "crosses_at": iso(when) if (when := o.crosses_at(at)) else None,
            }
            for o in seen.outlooks
        ],
    }


def _number(value: Fraction | None, bound: Bound = "best") -> float | None:
    """A share of a line or a duration for reading, not for deciding: six digits, and more beside a line. A bound is
    rounded outward.
    """
    return None if value is None else share_number(value, 6, bound)


@dataclass(frozen=True)
class Sight:
    """The jobs in progress as they were seen at a moment, and what could not be looked at."""

    at: datetime
    forecasts: Sequence[RunForecast]
    failures: Sequence[str]

    @property
    def over(self) -> bool:
        """Whether the best estimate of one is over a line."""
        return any(outlook.crossed for seen in self.forecasts for outlook in seen.outlooks)


def view_of(sight: Sight, wide: bool) -> View:
    """What one look has to show."""
    document = {
        "as_of": iso(sight.at),
        "jobs": [document_of(seen, sight.at) for seen in sight.forecasts],
        "failures": list(sight.failures),
    }
    rows = [row_of(seen) for seen in sight.forecasts]
    table = Table(WIDE_COLUMNS if wide else COLUMNS, rows, right=RIGHT, cut=() if wide else ("job",))
    note = [PointList([MARK_MEANS], "Shares")] if any(_counts_original(s.closest()) for s in sight.forecasts) else []
    return View("watch", document, [table, *note], [line_of(seen, sight.at) for seen in sight.forecasts], FIELDS)
