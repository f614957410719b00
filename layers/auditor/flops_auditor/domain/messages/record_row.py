"""A record as one row of a list: the job, its compute, and the threshold that this comes nearest to."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from flops_auditor.domain.messages.record_words import counts_original, share_in_words, share_of
from flops_auditor.domain.values.amounts import Bound, on_its_side
from flops_auditor.domain.values.figures import nearest

MARK = "*"
"""Before a share that counts what the original took."""
MARK_MEANS = f"those with {MARK} count what the original model took, too, which is in no FLOP here"


@dataclass(frozen=True)
class ListedRecord:
    """A record in a list: `row` for machines; for people, in words, how much of its nearest threshold it took by the
    best estimate, and at most, with a mark where that `counts_original`.
    """

    row: Mapping[str, Any]
    best_share: str
    share_at_most: str
    counts_original: bool


def listed_record(content: Mapping[str, Any]) -> ListedRecord:
    """Of a record's predicate."""
    closest = nearest(content["assessments"])
    shares = _in_words(closest, "best"), _in_words(closest, "upper")
    return ListedRecord(row_of(content), *shares, closest is not None and counts_original(closest))


def _in_words(closest: Mapping[str, Any] | None, bound: Bound) -> str:
    """A share of the nearest threshold; "-" where a run was compared with none."""
    if closest is None:
        return "-"
    share = share_in_words(closest[f"{bound}_flop"], closest["threshold_flop"], bound)
    return f"{MARK} {share}" if counts_original(closest) else share


def row_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """Of a record's predicate. FLOP are decimal texts, None where nobody knows them; shares are of the threshold.
    `compared_with` counts the thresholds of policies that have one for such a run.
    """
    job, total = content["job"], content["cumulative"]
    closest = nearest(content["assessments"]) or {}
    threshold = closest.get("threshold_flop")
    return {
        "job_name": job["name"],
        "verdict": content["verdict"],
        "verdict_without_statements": content["rests_on"]["verdict_without_statements"],
        "lower_flop": total["lower_flop"],
        "best_flop": total["best_flop"],
        "upper_flop": total["upper_flop"],
        "compared_with": len(content["assessments"]),
        "nearest_policy": closest.get("policy"),
        "nearest_scenario": closest.get("scenario"),
        "threshold_flop": threshold,
        "best_share": share_of(closest["best_flop"], threshold) if threshold else None,
        "upper_share": share_of(closest["upper_flop"], threshold, "upper") if threshold else None,
        "method": content["estimate"]["method"],
        "status": job["status"],
        "base_model": content["original"]["base_model"],
        "started_at": job["start"],
        "ended_at": job["end"] or job["creation_time"],
        "recorded_at": content["recorded_at"],
        "revision": content["revision"],
        "region": job["region"],
        "job_arn": job["arn"],
        "job_id": job["id"],
    }


def reaches(row: Mapping[str, Any], share: float) -> bool:
    """Whether a job may have taken so much of its nearest threshold, by its upper share or as people are shown that, to
    three digits; where nobody knows, its verdict says.
    """
    upper: float | None = row["upper_share"]
    if upper is None:
        return bool(row["verdict"] != "below")
    return on_its_side(Fraction(repr(upper)), 3, "upper") >= Decimal(repr(share))
