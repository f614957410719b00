"""The LineageReads port as ranges of keys, and one look that reads each range of them once.

The places that hold a place have keys that come before its own. So one descending query, from the place on, finds the
longest of them that anybody has (a predecessor search), and all of them where little lies between.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.domain.runs.places import AFTER_ALL, Location
from flops_auditor.use_cases.ports.lineage import ANYBODY, IndexEntry, IndexKind

AROUND = 25
"""Entries that are read at once around a place: mostly there are none or a few, in a quiet bucket all of them."""


class LineageRanges(ABC):
    """The LineageReads port on whatever reads a range of keys."""

    @abstractmethod
    def between(
        self,
        kind: IndexKind,
        at: Location,
        low: str,
        high: str,
        limit: int,
        *,
        newest_first: bool,
        role: str | None = ANYBODY,
    ) -> Sequence[IndexEntry]:
        """Entries of a kind, all or those of a role, in the space of `at` whose cursors lie between two keys, both
        included, at most so many, in the order of their cursors or the other way round.
        """

    def newest(
        self, kind: IndexKind, at: Location, before: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At exactly this place, newest first. A time is shorter than the key of an entry of that time."""
        return self._between(kind, at, f"{at.key}#", f"{at.key}#{before}", limit, role, newest_first=True)

    def within(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At this place and below."""
        return self._between(kind, at, _next(after) or at.key, at.key + AFTER_ALL, limit, role)

    def beginning(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At every place that begins so."""
        return self._between(kind, at, _next(after) or at.text, at.text + AFTER_ALL, limit, role)

    def exactly(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """At exactly this place."""
        low, high = _exactly(at)
        return self._between(kind, at, _next(after) or low, high, limit, role)

    def _between(
        self,
        kind: IndexKind,
        at: Location,
        low: str,
        high: str,
        limit: int,
        role: str | None,
        *,
        newest_first: bool = False,
    ) -> Sequence[IndexEntry]:
        return [] if low > high else self.between(kind, at, low, high, limit, newest_first=newest_first, role=role)


class _Known(NamedTuple):
    """All entries between two keys, in the order of their cursors."""

    low: str
    high: str
    entries: Sequence[IndexEntry]


class LineageLook(LineageRanges):
    """The reads of one look at who left results around places: each answer is that of `ranges`, and what was read once
    is not asked again. The places are read first, side by side.
    """

    def __init__(self, ranges: LineageRanges, places: Sequence[Location]) -> None:
        self._ranges = ranges
        self._known: dict[tuple[IndexKind, str], list[_Known]] = {}
        self._looked: set[tuple[IndexKind, Location]] = set()
        last = {place.space: place for place in sorted(places, key=lambda place: place.text)}
        self._look_around("output", list(last.values()))
        self._look_around("output", [place for place in places if not self._settled("output", place)])

    def between(
        self,
        kind: IndexKind,
        at: Location,
        low: str,
        high: str,
        limit: int,
        *,
        newest_first: bool,
        role: str | None = ANYBODY,
    ) -> Sequence[IndexEntry]:
        """From what is known, else by a query, as always of a role."""
        if role is not ANYBODY:
            return self._ranges.between(kind, at, low, high, limit, newest_first=newest_first, role=role)
        known = self._knowing(kind, at, low, high)
        if known is None and (kind, at) not in self._looked:
            self._look_around(kind, [at])
            known = self._knowing(kind, at, low, high)
        if known is None:
            return self._ranges.between(kind, at, low, high, limit, newest_first=newest_first)
        entries = [entry for entry in known.entries if low <= entry.cursor <= high]
        return (entries[::-1] if newest_first else entries)[:limit]

    def _knowing(self, kind: IndexKind, at: Location, low: str, high: str) -> _Known | None:
        every = self._known.get((kind, at.space), ())
        return next((each for each in every if each.low <= low and high <= each.high), None)

    def _settled(self, kind: IndexKind, at: Location) -> bool:
        """Whether a place was looked for, or all is known of what lies there, below it, and beside it with a name that
        begins so.
        """
        return (kind, at) in self._looked or self._knowing(kind, at, *_around(at)) is not None

    def _look_around(self, kind: IndexKind, places: Sequence[Location]) -> None:
        """Read backwards from the end of each place: first what lies there, then what lies at places that hold it."""
        self._looked.update((kind, place) for place in places)
        side_by_side([partial(self._read, kind, place, *self._from_end(kind, place)) for place in places])

    def _from_end(self, kind: IndexKind, at: Location) -> tuple[str, str]:
        """The keys between which a place is looked for; what lies below it is not read again."""
        low, high = _around(at)
        if any(each.low <= high and low <= each.high for each in self._known.get((kind, at.space), ())):
            high = _exactly(at)[1]
        return "/" if at.in_s3 else low, high

    def _read(self, kind: IndexKind, at: Location, low: str, high: str) -> None:
        entries = self._ranges.between(kind, at, low, high, AROUND, newest_first=True)
        reached = entries[-1].cursor if len(entries) == AROUND else low
        self._known.setdefault((kind, at.space), []).append(_Known(reached, high, entries[::-1]))


def _exactly(at: Location) -> tuple[str, str]:
    return f"{at.key}#", f"{at.key}#{AFTER_ALL}"


def _around(at: Location) -> tuple[str, str]:
    """Between which keys a place lies, with what is below it or beside it; of a bucket, a name or an ARN itself."""
    return (at.text, at.text + AFTER_ALL) if at.in_s3 and at.path else _exactly(at)


def _next(cursor: str) -> str:
    """The least key after a cursor."""
    return cursor + "\x00" if cursor else ""
