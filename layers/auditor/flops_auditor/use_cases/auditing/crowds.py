"""Places where so many runs leave results that none of them can be told from the others.

A run that begins from such a place has a doubt and continues none of them. Whether it does, is a matter of the runs
created before it, so it does not change for a job when others follow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageIndex

MOST_SHARING = 20
"""Runs that keep their checkpoints at one place, or that leave results below one, and are told apart."""
MOST_BELOW = 500
"""Results below a place that are looked through."""
ENTRIES_IN_A_PAGE = 100
_MARGIN = 1000
"""As many audits may go on at once: whoever sees so many more than MOST_BELOW knows that others have told of that."""


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
    """Other runs at a place, as many as make a crowd; those that begin from there were told of each of them.
    `uncounted`: so many results that nobody counts any.
    """

    others: Sequence[IndexEntry] = ()
    uncounted: bool = False

    def hides_from(self, reader: IndexEntry) -> bool:
        """Whether a job that begins from the place has its doubt about it even without one more run."""
        others = [e for e in self.others if not apart(e, reader.job_id, reader.family)]
        during = any(reader.created < e.created < reader.ended for e in others if e.checkpoint)
        return self.uncounted or during or is_crowd(e for e in others if e.created < reader.created)

    def hides_after(self, created: str) -> bool:
        """Whether it hides from every job that was created later."""
        return self.uncounted or is_crowd(e for e in self.others if e.created <= created and not e.family)


def crowd_at(at: Location, job_id: str, index: LineageIndex, told: Callable[[str], bool]) -> Crowd:
    """The runs that keep their checkpoints at a place, without a run. `told`: of which runs others were told."""
    entries = index.exactly("output", at, "", ENTRIES_IN_A_PAGE)
    return Crowd(_first_told([e for e in entries if e.checkpoint and e.job_id != job_id], told))


def crowd_below(at: Location, job_id: str, index: LineageIndex, told: Callable[[str], bool]) -> Crowd:
    """The same of runs that leave results below a place."""
    return _crowd(at, job_id, index.within, lambda place: place != at, told)


def crowd_beside(at: Location, job_id: str, index: LineageIndex, told: Callable[[str], bool]) -> Crowd:
    """The same of runs that leave results at other places whose names begin as that of a place."""
    return _crowd(at, job_id, index.beginning, lambda place: not at.holds(place), told)


def _crowd(
    at: Location, job_id: str, find: Find, wanted: Callable[[Location], bool], told: Callable[[str], bool]
) -> Crowd:
    entries: list[IndexEntry] = []
    after = ""
    while len(entries) < MOST_BELOW + _MARGIN:
        page = find("output", at, after, ENTRIES_IN_A_PAGE)
        entries += [entry for entry in page if wanted(entry.location) and entry.job_id != job_id]
        if len(page) < ENTRIES_IN_A_PAGE:
            return Crowd(_first_told(entries, told))
        after = page[-1].cursor
    return Crowd(uncounted=True)


def _first_told(entries: Sequence[IndexEntry], told: Callable[[str], bool]) -> Sequence[IndexEntry]:
    """The oldest runs of which others were told, one entry each, if they may be a crowd: a run whose audit is still
    under way may yet have to tell.
    """
    if not is_crowd(entries):
        return ()
    chosen: dict[str, IndexEntry] = {}
    for entry in sorted(entries, key=lambda each: each.created):
        if entry.job_id not in chosen and told(entry.job_id):
            chosen[entry.job_id] = entry
        if len(chosen) > MOST_SHARING:
            break
    return list(chosen.values())
