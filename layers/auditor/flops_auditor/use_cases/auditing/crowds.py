"""Places where so many runs leave results that none of them can be told from the others.

A run that begins from such a place has a doubt and continues none of them. Whether it does, is a matter of the runs
created before it, so it does not change for a job when others follow.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageReads

MOST_SHARING = 20
"""Runs that keep their checkpoints at one place, or that leave results below one, and are told apart."""
MOST_BELOW = 2000
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
    """Other runs that leave results at or below a place, as `one` does: those that begin from there were told of each
    of them. Whoever has the rights of another role learns of one of them as much as of all. `uncounted`: so many
    results that nobody counts any.
    """

    one: IndexEntry
    at: Location
    others: Sequence[IndexEntry] = ()
    uncounted: bool = False

    def hides_from(self, reader: IndexEntry) -> bool:
        """Whether what a job that begins from the place says of it is the same without the one run."""
        if self.uncounted:
            return True
        others = [e for e in self.others if not apart(e, reader.job_id, reader.family)]
        if self.one.foreign_to(reader.role):
            theirs = (e for e in others if e.foreign_to(reader.role) and e.created < reader.created)
            return any(self._wrote_as_it(e, (self.at, reader.location)) for e in theirs)
        ours = [e for e in others if not e.foreign_to(reader.role)]
        if self.one.created >= reader.created and any(_during(e, reader) for e in ours):
            return True
        return is_crowd(e for e in ours if e.created < reader.created)

    def hides_after(self, last: IndexEntry) -> bool:
        """Whether it hides from every job that begins where `last` does and was not created before it, whatever the
        job's role.
        """
        places = (self.at, last.location)
        alike = (e for e in self.others if e.role == self.one.role and self._wrote_as_it(e, places))
        return self.uncounted or is_crowd(e for e in alike if e.created < last.created and not e.family)

    def _wrote_as_it(self, entry: IndexEntry, places: Iterable[Location]) -> bool:
        """Whether SageMaker wrote models of a run at the same of some places as of the one run."""
        return all(entry.wrote_begun(place) == self.one.wrote_begun(place) for place in places)


def _of(entry: IndexEntry, at: Location) -> tuple[str, bool]:
    """What tells runs at a place apart: the role, and whether SageMaker wrote the model there."""
    return entry.role, entry.wrote_begun(at)


def _during(entry: IndexEntry, reader: IndexEntry) -> bool:
    """Whether a run that shares the place was created while another one went on."""
    return entry.checkpoint and reader.created < entry.created < reader.ended


def crowd_at(one: IndexEntry, index: LineageReads, told: Callable[[str], bool]) -> Crowd:
    """The other runs that keep their checkpoints where one does. `told`: of which runs others were told."""
    entries = index.exactly("output", one.location, "", ENTRIES_IN_A_PAGE)
    others = [entry for entry in entries if entry.checkpoint and entry.job_id != one.job_id]
    return Crowd(one, one.location, _first_told(one, one.location, others, told))


def crowd_below(one: IndexEntry, at: Location, index: LineageReads, told: Callable[[str], bool]) -> Crowd:
    """The same of runs that leave results below a place, as one does."""
    return _crowd(one, at, index.within, lambda place: place != at, told)


def crowd_beside(one: IndexEntry, at: Location, index: LineageReads, told: Callable[[str], bool]) -> Crowd:
    """The same of runs that leave results at other places whose names begin as that of a place."""
    return _crowd(one, at, index.beginning, lambda place: not at.holds(place), told)


def _crowd(
    one: IndexEntry, at: Location, find: Find, wanted: Callable[[Location], bool], told: Callable[[str], bool]
) -> Crowd:
    entries: list[IndexEntry] = []
    after = ""
    while len(entries) < MOST_BELOW + _MARGIN:
        page = find("output", at, after, ENTRIES_IN_A_PAGE)
        entries += [entry for entry in page if wanted(entry.location) and entry.job_id != one.job_id]
        if len(page) < ENTRIES_IN_A_PAGE:
            return Crowd(one, at, _first_told(one, at, entries, told))
        after = page[-1].cursor
    return Crowd(one, at, uncounted=True)


def _first_told(
    one: IndexEntry, at: Location, entries: Sequence[IndexEntry], told: Callable[[str], bool]
) -> Sequence[IndexEntry]:
    """Of each role the oldest runs of which others were told, one entry each, if they may be a crowd or are of several
    roles: a run whose audit is still under way may yet have to tell.
    """
    if not is_crowd(entries) and all(entry.role == one.role for entry in entries):
        return ()
    chosen: dict[tuple[str, bool], dict[str, IndexEntry]] = {}
    asked: dict[str, bool] = {}
    for entry in sorted(entries, key=lambda each: each.created):
        alike = chosen.setdefault(_of(entry, at), {})
        if len(alike) > MOST_SHARING or entry.job_id in alike or len(asked) == MOST_BELOW:
            continue
        if entry.job_id not in asked:
            asked[entry.job_id] = told(entry.job_id)
        if asked[entry.job_id]:
            alike[entry.job_id] = entry
    return [entry for alike in chosen.values() for entry in alike.values()]
