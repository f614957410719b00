"""Whom a run need not tell of itself, of those that begin from a place where it leaves results.

Each class holds what one place makes of it, and says so only where it is sure: the job then sees, of runs that have
told it, what hides the run. What a job makes of places, find_holders.py tells.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import cached_property

from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.auditing import crowds
from flops_auditor.use_cases.auditing.crowds import (
    Place,
    Results,
    WhoTold,
    apart,
    first_told,
    is_crowd,
    read_around,
    read_at,
)
from flops_auditor.use_cases.ports.lineage import Find, IndexEntry, LineageReads

MOST_ASKED = 25
"""Runs that are asked for one that has told others."""


class Passing(ABC):
    """What hides one run from jobs that begin from a place; by itself, nothing does."""

    @abstractmethod
    def hides_from(self, reader: IndexEntry) -> bool:
        """Whether what a job that begins from the place finds is surely the same without the one run."""

    def hides_after(self, last: IndexEntry) -> bool:
        """Whether it is the same for every job that begins where `last` does and was not created before it."""
        return False


class Open(Passing):
    """Hides nothing."""

    def hides_from(self, reader: IndexEntry) -> bool:
        """No."""
        return False


@dataclass
class Neighbours:
    """Places as one run reads them while it tells others; each is read once. See Place for `window`."""

    index: LineageReads
    told: WhoTold
    window: int
    _places: dict[Location, Place] = field(default_factory=dict)

    def at(self, location: Location) -> Place:
        """Who leaves results at exactly this place."""
        if location not in self._places:
            self._places[location] = read_at(location, self.index, self.told, self.window)
        return self._places[location]


@dataclass
class Deleted(Passing):
    """One run of which not all places are known, and jobs of its role: each is in doubt by the first such run that was
    created before it. `told` says who told others.
    """

    role: Place
    told: WhoTold

    @cached_property
    def _first(self) -> str:
        """When the first such run was created of which others were told; of many only some are asked."""
        here = self.role.entries[:MOST_ASKED]
        sure = self.told(here)
        return next((entry.created for entry in here if entry.job_id in sure), "")

    def hides_from(self, reader: IndexEntry) -> bool:
        """Whether it sees that one."""
        return bool(self._first) and self._first < reader.created

    def hides_after(self, last: IndexEntry) -> bool:
        """The same of all later ones."""
        return self.hides_from(last)


@dataclass
class _Above(Passing):
    """One run that keeps checkpoints at a place, its `home`, and jobs that begin `at` that place or below it."""

    one: IndexEntry
    at: Location
    neighbours: Neighbours

    @cached_property
    def home(self) -> Place:
        """Who leaves results where the one run does."""
        return self.neighbours.at(self.one.location)

    @cached_property
    def levels(self) -> Sequence[Place]:
        """All places whose runs such a job may continue: no whole bucket."""
        above = (place for place in self.at.upwards() if place.path or not place.in_s3)
        return [self.neighbours.at(place) for place in above]

    @cached_property
    def writers(self) -> Sequence[IndexEntry]:
        """Who may be taken to have written what such a job reads, however many share the places."""
        above = list(self.at.upwards())
        may_have = [entry for level in self.levels for entry in level.own]
        may_have += [e for level in self.levels for place in above for e in level.by_artifact.get(place, ())]
        return [entry for entry in may_have if entry.job_id != self.one.job_id]

    def wrote_before(self, reader: IndexEntry) -> list[IndexEntry]:
        """Those of them that were created before a job."""
        return [entry for entry in self.writers if entry.created < reader.created]

    def proves(self, writer: IndexEntry) -> bool:
        """Whether what is read is what SageMaker wrote for one of them: nobody counts then who only names a place."""
        return writer.location == self.at and not writer.checkpoint and writer.wrote_object(self.at)

    def counted_until(self, reader: IndexEntry) -> str:
        """When the last run was created that a job may continue: what they continue is older."""
        times = [entry.created for entry in self.wrote_before(reader)]
        for level in self.levels:
            if not is_crowd(_ours(level.seen(reader), reader)):
                times.append(level.last_before(reader))
        return max(times, default="")

    def independent(self, told: Sequence[IndexEntry], reader: IndexEntry, since: str) -> list[IndexEntry]:
        """Of told runs those that a job does not continue, nor any run that it continues."""
        wrote = {entry.job_id for entry in self.wrote_before(reader)}
        return [entry for entry in told if entry.created >= since and entry.job_id not in wrote]

    def says_more_than(self, other: IndexEntry) -> bool:
        """Whether SageMaker wrote the one run's model inside of what is read, and not another one's."""
        return self.one.wrote_within(self.at) and not other.wrote_within(self.at)

    def strangers_stay(self, reader: IndexEntry) -> bool:
        """Whether a job sees another run of a role that is not its own as well if the one takes the place of the oldest
        on the page that is looked at.
        """
        for level in {id(each): each for each in (*self.levels, self.home)}.values():
            strangers = level.strangers_before(reader)
            if not strangers:
                continue
            seen = [entry for entry in level.seen(reader) if entry.foreign_to(reader.role)]
            others = self.independent(seen, reader, self.counted_until(reader))
            inside = any(entry.wrote_within(self.at) for entry in strangers)
            if not any(entry.wrote_within(self.at) or not inside for entry in others):
                return False
        return True

    @cached_property
    def _older(self) -> AbstractSet[str]:
        """Runs that come before the one at its place."""
        return {entry.job_id for entry in self.home.entries if entry.created < self.one.created}

    @cached_property
    def _follows_a_told_one(self) -> bool:
        """Whether one of the oldest of them has told others."""
        older = [entry for entry in self.home.entries[:MOST_ASKED] if entry.created < self.one.created]
        return bool(first_told(older, self.neighbours.told))

    def named_before(self, reader: IndexEntry) -> bool:
        """Whether a job whose tag names just this place, where it finds nothing, says the same of it: it goes by the
        oldest run there.
        """
        return reader.job_id in self._older or self._follows_a_told_one


@dataclass
class Sharing(_Above):
    """One run that keeps its checkpoints at a place in a bucket, or left the same content as others."""

    def hides_from(self, reader: IndexEntry) -> bool:
        """Where the job sees a crowd there, or another run of a role that is not its own, or one that came later."""
        one = self.one
        if one.wrote_around(self.at):
            return False
        if one.created > reader.created and (reader.checkpoint or (reader.ended and one.created > reader.ended)):
            return self.at != one.location or self.named_before(reader)
        if not all(level.steady(reader) for level in self.levels) or not self.strangers_stay(reader):
            return False
        sure = self._beside_a_stranger(reader) if one.foreign_to(reader.role) else self._in_a_crowd(reader)
        return sure or self._after_another(reader)

    def _in_a_crowd(self, reader: IndexEntry) -> bool:
        """Whether a job counts no checkpoints there in any case, and reads nothing of which it says who else may have
        written it, or says that already.
        """
        one, crowd = self.one, _ours(self.home.seen(reader), reader)
        if not is_crowd(crowd) or (one.created >= reader.created and not self.at.in_s3):
            return False
        writers = self.wrote_before(reader)
        exact = [entry for entry in writers if entry.wrote_object(self.at)]
        if exact and not all(self.proves(entry) for entry in exact if entry.location == self.at):
            return False
        written = max((entry.ended for entry in exact), default="")
        if exact and (one.created >= reader.created or (one.ended and one.ended <= written)):
            return True
        others = self.independent(crowd, reader, max((entry.created for entry in writers), default=""))
        return any(not exact or not entry.ended or entry.ended > written for entry in others)

    def _beside_a_stranger(self, reader: IndexEntry) -> bool:
        """Whether a later job of another role says of another run what it would say of the one."""
        if self.one.created >= reader.created:
            return False
        if any(map(self.proves, self.wrote_before(reader))):
            return True
        strangers = [entry for entry in self.home.seen(reader) if entry.foreign_to(reader.role)]
        others = self.independent(strangers, reader, self.counted_until(reader))
        return any(not self.says_more_than(entry) for entry in others)

    def _after_another(self, reader: IndexEntry) -> bool:
        """Whether a job went on when the one run and another one, both later than it, were created."""
        foreign = self.one.foreign_to(reader.role)
        home = self.home if foreign else self.home.ours(reader.role)
        later = [entry for entry in home.entries if entry.created >= reader.created]
        most = crowds.ENTRIES_IN_A_PAGE if foreign else home.window
        if self.one.created <= reader.created or home.cut or len(later) >= most:
            return False
        alike = [e for e in later if e.checkpoint and e.foreign_to(reader.role) == foreign]
        during = [e for e in alike if reader.created < e.created and (not reader.ended or e.created <= reader.ended)]
        return bool(first_told(during[:MOST_ASKED], self.neighbours.told))

    def hides_after(self, last: IndexEntry) -> bool:
        """In a crowd of its role, of which all are seen, and where nobody else leaves anything."""
        home, one = self.home, self.one
        if one.created >= last.created:
            return False
        alone = all(level is home or not level.entries for level in self.levels)
        whole = not home.cut and len(home.entries) < home.window and set(home.by_role) == {one.role}
        if not (alone and whole) or self.writers or one.wrote_around(self.at) or one.wrote_within(self.at):
            return False
        return is_crowd(entry for entry in home.seen(last) if entry.created not in home.twins)


@dataclass
class InABucket(_Above):
    """One run that keeps its checkpoints in a whole bucket: who reads there only learns that there is such a run."""

    def hides_from(self, reader: IndexEntry) -> bool:
        """Where the job is sure whose result it reads, or sees another such run that it does not continue."""
        if self.at == self.one.location:
            return self.named_before(reader)
        if self.one.created >= reader.created:
            return True
        if self.one.wrote_around(self.at) or not all(level.steady(reader) for level in (*self.levels, self.home)):
            return False
        if any(map(self.proves, self.wrote_before(reader))):
            return True
        if not self.strangers_stay(reader):
            return False
        foreign = self.one.foreign_to(reader.role)
        alike = [entry for entry in self.home.seen_first(reader) if entry.foreign_to(reader.role) == foreign]
        others = self.independent(alike, reader, self.counted_until(reader))
        return any(not (foreign and self.says_more_than(entry)) for entry in others)


@dataclass
class Around(Passing):
    """One run that leaves results below a place, or beside it, and jobs that read all that is found around it."""

    one: IndexEntry
    at: Location
    find: Find
    wanted: Callable[[Location], bool]
    told: WhoTold

    @cached_property
    def results(self) -> Results:
        """All that such a job looks through."""
        return read_around(self.at, self.find, self.wanted, self.told)

    def hides_from(self, reader: IndexEntry) -> bool:
        """Where the job counts none of too many runs or results, or another stranger is there."""
        one, results = self.one, self.results
        later, foreign = one.created >= reader.created, one.foreign_to(reader.role)
        if (one.created == reader.created and not foreign) or self._order_matters(reader):
            return False
        if later and results.few:
            return self._strangers_stay(reader)
        told = [entry for entry in results.first_told if not apart(entry, reader.job_id, reader.family)]
        before = [entry for entry in told if entry.created < reader.created]
        if is_crowd(_ours(before, reader)):
            return True
        if not results.few:
            return results.surely_too_many(reader)
        strangers = self._seen_strangers(reader) if foreign else []
        return any(entry.wrote_within(self.at) or not one.wrote_within(self.at) for entry in strangers)

    def _seen_strangers(self, reader: IndexEntry) -> list[IndexEntry]:
        """Of told runs of other roles before a job those that it surely sees."""
        results = self.results
        told = [e for e in results.first_told if e.created < reader.created and e.foreign_to(reader.role)]
        return [entry for entry in told if entry.job_id in results.on_first_page or entry.counts_for_all]

    def _strangers_stay(self, reader: IndexEntry) -> bool:
        """Whether a job says the same of other roles if the one takes the place of the last on the first page."""
        results = self.results
        strangers = [e for e in results.entries if e.created < reader.created and e.foreign_to(reader.role)]
        if results.one_page or not strangers:
            return True
        inside = any(entry.wrote_within(self.at) for entry in strangers)
        return any(entry.wrote_within(self.at) or not inside for entry in self._seen_strangers(reader))

    def _order_matters(self, reader: IndexEntry) -> bool:
        """Whether runs of the job's own time may be seen or not, since it looks no further once there are too many."""
        results = self.results
        ours = _ours((e for e in results.entries if e.job_id != reader.job_id), reader)
        if results.one_page or not any(entry.created == reader.created for entry in ours):
            return False
        return not results.few or is_crowd(entry for entry in ours if entry.created < reader.created)


def _ours(entries: Iterable[IndexEntry], reader: IndexEntry) -> list[IndexEntry]:
    """Runs of a job's role; of a job without one, all."""
    return [entry for entry in entries if not entry.foreign_to(reader.role)]
