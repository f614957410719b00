"""The lineage of a job as a tree in lines of text: the job on top, below each run those that it continues."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

from flops_auditor.domain.lineage.lineage import Ancestor, Lineage, added_up

MOST_ROWS = 400


@dataclass(frozen=True)
class TreeRow:
    """One line. `branch` are the lines of the tree before the name; FLOP are the run's own, None where not known.

    `again`: the run stands further up already, with those that it continues; `counted`: whether it is added up.
    `name` is the end of the run's ARN, which need not be the name of the job `job_id`; of the job on top it is.
    """

    branch: str
    name: str
    activity: str
    best_flop: int | None
    upper_flop: int | None
    doubtful: bool = False
    again: bool = False
    counted: bool = True
    job_id: str = ""


def own_bound(estimate: Mapping[str, Any]) -> str | None:
    """What a run took at most, in FLOP, as sums and verdicts take it; None where nothing bounds it."""
    bound: str | None = estimate.get("cautious_upper_flop", estimate["upper_flop"])
    return bound


def tree(content: Mapping[str, Any], lineage: Lineage, most: int = MOST_ROWS) -> list[TreeRow]:
    """The tree of a record's predicate with its full lineage, nearest runs first, at most `most` rows.

    Each row has the bound that is added up.
    """
    estimate, job = content["estimate"], content["job"]
    told = (estimate["best_flop"], own_bound(estimate))
    best, upper = (None if amount is None else int(amount) for amount in told)
    doubtful = bool(estimate["doubts"] or lineage.doubts)
    rows = [TreeRow("", job["name"], job["activity"], best, upper, doubtful)]
    rows += _below(lineage, {a.job_id for a in added_up(lineage, job["activity"])}, most - 1)
    return rows


def _below(lineage: Lineage, counted: Set[str], most: int) -> Iterator[TreeRow]:
    """Depth first, without recursion: a lineage may be 10,000 runs deep."""
    known = {ancestor.job_id: ancestor for ancestor in lineage.ancestors}
    shown: set[str] = set()
    waiting = _children(lineage.parents, known, "")
    count = 0
    while waiting and count < most:
        ancestor, stem, last = waiting.pop()
        again = ancestor.job_id in shown and bool(ancestor.parents) and ancestor.has_weights
        branch = stem + ("└─ " if last else "├─ ")
        yield TreeRow(
            branch=branch,
            name=ancestor.name,
            activity=ancestor.activity,
            best_flop=ancestor.best_flop,
            upper_flop=ancestor.upper_flop,
            doubtful=bool(ancestor.doubts),
            again=again,
            counted=ancestor.job_id in counted,
            job_id=ancestor.job_id,
        )
        count += 1
        if not again:
            single = last and len(known) > _DEEP
            parents = ancestor.parents if ancestor.has_weights else ()
            waiting += _children(parents, known, stem if single else stem + ("   " if last else "│  "))
        shown.add(ancestor.job_id)


_DEEP = 12
"""From so many runs on, a chain is drawn straight down instead of ever further to the right."""


def _children(parents: tuple[str, ...], known: Mapping[str, Ancestor], stem: str) -> list[tuple[Ancestor, str, bool]]:
    parents_known = [known[job_id] for job_id in parents if job_id in known]
    ordered = sorted(parents_known, key=lambda a: a.name)
    return [(ancestor, stem, index == len(ordered) - 1) for index, ancestor in enumerate(ordered)][::-1]
