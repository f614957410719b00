"""Lineage: which jobs made the model that a job continues, and what they add to its training compute.

Compute accumulates along the chain of runs that made a model (Annex A.1); each run counts once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flops_auditor.domain.policy import Figures


@dataclass(frozen=True)
class Ancestor:
    """One earlier run: its own best estimate and upper bound in FLOP (None: not known) and its doubts."""

    job_id: str
    job_arn: str
    best_flop: int | None
    upper_flop: int | None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Cumulative:
    """The job and its ancestors, added up."""

    best_flop: int | None
    upper_flop: int | None
    ancestors: tuple[Ancestor, ...]
    doubts: tuple[str, ...] = ()


def accumulate(own: Figures, job_id: str, ancestors: Sequence[Ancestor]) -> Cumulative:
    """Add up a job and its ancestors, each once; one unknown figure makes the sum unknown."""
    once = {ancestor.job_id: ancestor for ancestor in ancestors if ancestor.job_id != job_id}
    distinct = tuple(once[key] for key in sorted(once))
    best = _sum([own.best_flop, *(a.best_flop for a in distinct)])
    upper = _sum([own.upper_flop, *(a.upper_flop for a in distinct)])
    doubts = tuple(f"ancestor {a.job_arn.rsplit('/', 1)[-1]}: {doubt}" for a in distinct for doubt in a.doubts)
    return Cumulative(best, upper, distinct, doubts)


def _sum(amounts: list[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
