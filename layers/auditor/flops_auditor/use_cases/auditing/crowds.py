"""Runs that leave results at one place, and whom of those that begin from there one of them need not tell of itself.

Of a place with too many runs none can be told from the others: a run that begins there has a doubt and continues none.
So a run is passed over only where what it finds is the same whichever of the runs there it sees beside those that it
was told of. Where that is not sure, it is told: it then looks for itself (docs/adr/0300-lineage-by-places.md).
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageReads

MOST_SHARING = 20
"""Runs that keep their checkpoints at one place, or that leave results below one, and are told apart."""
MOST_BELOW = 2000
"""Results below a place that are looked through."""
ENTRIES_IN_A_PAGE = 100
_MARGIN = 1000
"""Entries more than these that are read: so many of them at most belong to runs that have not told others yet."""

WhoTold = Callable[[Sequence[IndexEntry]], AbstractSet[str]]
"""Of which of some runs, as they stand in the index, others were told, by job id."""


def is_crowd(entries: Iterable[IndexEntry]) -> bool:
    """Whether these are too many runs to be told apart."""
    return len({entry.job_id for entry in entries}) > MOST_SHARING


def apart(entry: IndexEntry, job_id: str, family: str) -> bool:
    """Whether a job takes nothing from a run: from itself, and from trials of its own tuning job, which share what they
    are told but nothing that they learned, unless they share a checkpoint.
    """
    sibling = bool(family) and family == entry.family and not entry.checkpoint
    return entry.job_id == job_id or sibling


def first_told(entries: Iterable[IndexEntry], told: WhoTold) -> list[IndexEntry]:
    """Of each role the first runs of which others were told, until they are a crowd, also to a trial of any search."""
    by_role: dict[str, dict[str, IndexEntry]] = {}
    for entry in entries:
        by_role.setdefault(entry.role, {}).setdefault(entry.job_id, entry)
    oldest: list[IndexEntry] = []
    for alike in by_role.values():
        left, here = list(alike.values()), list[IndexEntry]()
        while left and not is_crowd(_without_siblings(here)):
            sure = told(left[: MOST_SHARING + 1])
            here += [entry for entry in left[: MOST_SHARING + 1] if entry.job_id in sure]
            left = left[MOST_SHARING + 1 :]
        oldest += here
    return oldest


def _without_siblings(entries: Sequence[IndexEntry]) -> Iterator[IndexEntry]:
    """These without the trials of the search that has most of them."""
    searches = Counter(entry.family for entry in entries if entry.family and not entry.checkpoint).most_common(1)
    return (entry for entry in entries if entry.checkpoint or entry.family not in dict(searches))


@dataclass
class Place:
    """Who leaves results at exactly one place, oldest first; `cut`: others came later. A job that begins there sees of
    those before it the newest page, and of its role at most the newest `window` (per_role.py).
    """

    entries: Sequence[IndexEntry]
    cut: bool
    window: int
    told: WhoTold
    _blocks: dict[tuple[int, int], list[tuple[int, IndexEntry]]] = field(default_factory=dict)
    _ours: dict[str, "Place"] = field(default_factory=dict)

    def ours(self, role: str) -> "Place":
        """Those among them who are not of another role."""
        if role not in self._ours:
            entries = [entry for entry in self.entries if not entry.foreign_to(role)]
            self._ours[role] = Place(entries, self.cut, self.window, self.told)
        return self._ours[role]

    def _no_stranger_to(self, role: str) -> bool:
        """Whether none of them is of another role: then nobody needs to be looked at for it."""
        return len(self.ours(role).entries) == len(self.entries)

    @cached_property
    def created(self) -> list[str]:
        """When they were created, in order."""
        return [entry.created for entry in self.entries]

    @cached_property
    def by_role(self) -> Mapping[str, list[str]]:
        """The same of the runs of each role."""
        times: dict[str, list[str]] = {}
        for entry in self.entries:
            times.setdefault(entry.role, []).append(entry.created)
        return times

    @cached_property
    def twins(self) -> frozenset[str]:
        """Times at which several were created: where pages end, one of them may hide another."""
        return frozenset(time for time, count in Counter(self.created).items() if count > 1)

    @cached_property
    def own(self) -> Sequence[IndexEntry]:
        """Those who do not just keep checkpoints here."""
        return [entry for entry in self.entries if not entry.checkpoint]

    @cached_property
    def by_artifact(self) -> Mapping[Location, list[IndexEntry]]:
        """By where SageMaker wrote their models."""
        written: dict[Location, list[IndexEntry]] = {}
        for entry in self.entries:
            if entry.succeeded and entry.artifact is not None:
                written.setdefault(entry.artifact, []).append(entry)
        return written

    @cached_property
    def _told_at(self) -> list[str]:
        """When those were created of which others were told."""
        sure = self.told(self.entries)
        return [e.created for e in self.entries if e.job_id in sure and e.created not in self.twins]

    def steady(self, reader: IndexEntry) -> bool:
        """Whether a job sees all runs of its role before it here, or not all, whichever of them have told others."""
        if self.cut and reader.created > self.created[-1]:
            return False
        ours = self.ours(reader.role)
        few = bisect_left(ours.created, reader.created) < self.window
        return few or bisect_left(ours._told_at, reader.created) >= self.window

    def strangers_before(self, reader: IndexEntry) -> list[IndexEntry]:
        """Runs of other roles before a job, where it may not see all of them."""
        count = bisect_left(self.created, reader.created)
        if count < ENTRIES_IN_A_PAGE or self._no_stranger_to(reader.role):
            return []
        return [entry for entry in self.entries[:count] if entry.foreign_to(reader.role)]

    def last_before(self, reader: IndexEntry) -> str:
        """When the last run before a job was created that is not of another role."""
        ours = (times for role, times in self.by_role.items() if not reader.role or role == reader.role)
        before = ((times, bisect_left(times, reader.created)) for times in ours)
        return max((times[count - 1] for times, count in before if count), default="")

    def seen(self, reader: IndexEntry) -> list[IndexEntry]:
        """Some told runs that keep checkpoints here and that a job surely sees, of each block of runs the oldest."""
        return self._seen_per_role(reader, self.window)

    def seen_first(self, reader: IndexEntry) -> list[IndexEntry]:
        """The same where a job looks at the newest ones alone, one page of them."""
        return self._seen_per_role(reader, ENTRIES_IN_A_PAGE)

    def _seen_per_role(self, reader: IndexEntry, most: int) -> list[IndexEntry]:
        met = () if self._no_stranger_to(reader.role) else self._seen(reader, ENTRIES_IN_A_PAGE)
        strangers = (entry for entry in met if entry.foreign_to(reader.role))
        return [*self.ours(reader.role)._seen(reader, most), *strangers]

    def _seen(self, reader: IndexEntry, most: int) -> list[IndexEntry]:
        end, block = bisect_left(self.created, reader.created), max(most // 2, 1)
        begin = max(0, end - most)
        numbers = range(begin // block, -(-end // block))
        chosen = [each for number in numbers for each in self._of_block(number, block)]
        sure = [entry for position, entry in chosen if begin <= position < end]
        return sure if end < ENTRIES_IN_A_PAGE else [entry for entry in sure if entry.created not in self.twins]

    def _of_block(self, number: int, size: int) -> list[tuple[int, IndexEntry]]:
        if (number, size) not in self._blocks:
            begin = number * size
            here = self.entries[begin : begin + size]
            position = {entry.job_id: begin + n for n, entry in enumerate(here)}
            oldest = first_told([entry for entry in here if entry.checkpoint], self.told)
            self._blocks[number, size] = [(position[entry.job_id], entry) for entry in oldest]
        return self._blocks[number, size]


@dataclass
class Results:
    """Results below a place, or of names that begin as its name, in the order in which they are looked through. `cut`:
    there are more; `one_page`: one page of the index holds all that is looked through; `on_first_page`: the runs on the
    first one, by job id. Of other roles a job looks through that, and what SageMaker wrote.
    """

    entries: Sequence[IndexEntry]
    cut: bool
    one_page: bool
    on_first_page: AbstractSet[str]
    told: WhoTold

    @property
    def few(self) -> bool:
        """Whether they are looked through whole."""
        return len(self.entries) <= MOST_BELOW

    @cached_property
    def first_told(self) -> list[IndexEntry]:
        """The oldest told runs of each role among those that are surely looked through."""
        return first_told(sorted(self.entries[:MOST_BELOW], key=lambda entry: entry.created), self.told)

    @cached_property
    def all_told(self) -> AbstractSet[str]:
        """All runs here of which others were told, by job id."""
        return self.told(self.entries)

    def surely_too_many(self, reader: IndexEntry) -> bool:
        """Whether a job meets too many results of its role before it meets too many runs of it, whichever of them have
        told others. Where they are so many that not all are read, nobody asks which. A trial of its own search it may
        count.
        """
        counted, ours = 0, list[IndexEntry]()
        enough = MOST_BELOW + ENTRIES_IN_A_PAGE + (_MARGIN if self.cut else 0)
        for entry in self.entries:
            if entry.job_id == reader.job_id or entry.foreign_to(reader.role):
                continue
            sure = self.cut or entry.job_id in self.all_told
            counted += sure and not apart(entry, reader.job_id, reader.family)
            if entry.created < reader.created:
                ours.append(entry)
            if counted > enough:
                break
        return counted > (enough if self.cut else MOST_BELOW) and not is_crowd(ours)


def read_at(at: Location, index: LineageReads, told: WhoTold, window: int) -> Place:
    """Who leaves results at exactly one place; see Place."""
    entries, cut, _ = _read(index.exactly, at, max(window, MOST_BELOW) + _MARGIN)
    return Place(entries, cut, window, told)


def read_around(at: Location, find: Find, wanted: Callable[[Location], bool], told: WhoTold) -> Results:
    """Results that a way of finding them finds around a place, those at places that are wanted."""
    entries, cut, first = _read(find, at, MOST_BELOW + _MARGIN + 2 * ENTRIES_IN_A_PAGE, wanted)
    on_first_page = {entry.job_id for entry in first}
    return Results(entries, cut, len(first) < ENTRIES_IN_A_PAGE, on_first_page, told)


def _read(
    find: Find, at: Location, most: int, wanted: Callable[[Location], bool] = lambda place: True
) -> tuple[list[IndexEntry], bool, Sequence[IndexEntry]]:
    """At least so many entries that are wanted, whether there are more, and the first page of all."""
    entries: list[IndexEntry] = []
    page = first = find("output", at, "", ENTRIES_IN_A_PAGE)
    while True:
        entries += [entry for entry in page if wanted(entry.location)]
        if len(page) < ENTRIES_IN_A_PAGE:
            return entries, False, first
        if len(entries) >= most:
            return entries, True, first
        page = find("output", at, page[-1].cursor, ENTRIES_IN_A_PAGE)
