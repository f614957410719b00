"""Places where so many runs leave results that none of them can be told from the others.

A run that begins from such a place has a doubt and continues none of them. Whether it does, is a matter of the runs
created before it, so it does not change for a job when others follow.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import IndexEntry, LineageIndex

MOST_SHARING = 20
"""Runs that keep their checkpoints at one place, or that leave results below one, and are told apart."""
MOST_BELOW = 500
"""Results below a place that are looked through."""
ENTRIES_IN_A_PAGE = 100
_MARGIN = 100
"""More runs than may be entered in the index at one moment: whoever sees so many more than MOST_BELOW knows that others
have told of that."""


def is_crowd(entries: Iterable[IndexEntry]) -> bool:
    """Whether these are too many runs to be told apart."""
    return len({entry.job_id for entry in entries}) > MOST_SHARING


def apart(entry: IndexEntry, job_id: str, family: str) -> bool:
    """Whether a job takes nothing from a run: from itself, and from trials of its own tuning job, which share what they
    are told but nothing that they learned, unless they share a checkpoint.
    """
    sibling = bool(family) and family == entry.family and not entry.checkpoint
    return entry.job_id == job_id or sibling


@dataclass(frozen=True)
class Crowd:
    """Other runs at a place. `uncounted`: so many that nobody counts any."""

    others: Sequence[IndexEntry] = ()
    uncounted: bool = False

    def hides_from(self, reader: IndexEntry) -> bool:
        """Whether a job that begins from the place takes no result there even without one more run."""
        earlier = (e for e in self.others if e.created < reader.created)
        return self.uncounted or is_crowd(e for e in earlier if not apart(e, reader.job_id, reader.family))


def crowd_at(at: Location, job_id: str, index: LineageIndex) -> Crowd:
    """The runs that keep their checkpoints at a place, the first ones, without a run."""
    entries = index.exactly("output", at, "", ENTRIES_IN_A_PAGE)
    return Crowd([entry for entry in entries if entry.checkpoint and entry.job_id != job_id])


def crowd_below(at: Location, job_id: str, index: LineageIndex) -> Crowd:
    """The runs that leave results below a place, without a run."""
    entries: list[IndexEntry] = []
    after = ""
    while len(entries) < MOST_BELOW + _MARGIN:
        page = index.within("output", at, after, ENTRIES_IN_A_PAGE)
        entries += [entry for entry in page if entry.location != at and entry.job_id != job_id]
        if len(page) < ENTRIES_IN_A_PAGE:
            return Crowd(entries)
        after = page[-1].cursor
    return Crowd(uncounted=True)
