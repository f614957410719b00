"""How far the training jobs of a region were read: a value, with the steps that change it, and where it is kept.

ListTrainingJobs sorts by creation time, so what was read is a few stretches of it. Each round begins a stretch at the
newest job and reads downwards until it meets the stretch below; what is left of a long history lies below the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

OVERLAP = timedelta(minutes=10)
"""Listings are eventually consistent: the newest jobs are read once more by the next round."""
WHOLE_EVERY = timedelta(days=1)
SHARE_OF_WHOLE = 100
"""Reading everything again takes at most a hundredth of the time, where a page takes a second."""


@dataclass(frozen=True)
class Stretch:
    """Creation times between which every job was read, from `newer` down to `older`; None: down to the first job.

    `token` goes on below `older`, where the service gave one: it belongs to the question that it answered, which asked
    for jobs created before `asked`.
    """

    newer: datetime
    older: datetime | None
    token: str = ""
    asked: datetime | None = None


@dataclass(frozen=True)
class JobReading:
    """How far a region was read: `stretches` are disjoint, the newest first.

    `first_at` is when the region was read first. `began` is when the present reading of the whole history began, and
    `pages` how many pages it took; `whole_at` is when the last one that came to its end had begun.
    """

    stretches: tuple[Stretch, ...] = ()
    first_at: datetime | None = None
    began: datetime | None = None
    pages: int = 0
    whole_at: datetime | None = None

    @property
    def whole(self) -> bool:
        """Whether every job that there was at the last round was read."""
        return len(self.stretches) == 1 and self.stretches[0].older is None

    @property
    def again(self) -> bool:
        """Whether the history was read before, and is being read once more."""
        return self.whole_at is not None and self.whole_at != self.began

    @property
    def read_to(self) -> datetime | None:
        """The creation time up to which the last round read; None before the first."""
        return self.stretches[0].newer if self.stretches else None

    @property
    def met(self) -> datetime | None:
        """Down to where is read below the first stretch: where the next one begins; None: down to the first job."""
        return self.stretches[1].newer if len(self.stretches) > 1 else None

    def begin(self, now: datetime, *, again: bool = True) -> "JobReading":
        """Begin a round at the newest job; with it a new reading of the whole history, when that is due and wanted."""
        reading = self
        if again and self.whole and self.whole_at is not None:
            pause = max(WHOLE_EVERY, timedelta(seconds=self.pages * SHARE_OF_WHOLE))
            if now - self.whole_at >= pause:
                reading = JobReading(first_at=self.first_at, began=now, whole_at=self.whole_at)
        stretches = (Stretch(now - OVERLAP, now), *reading.stretches)
        return replace(reading, stretches=stretches, began=reading.began or now, first_at=reading.first_at or now)

    def after(self, created: Sequence[datetime], token: str, asked: datetime | None = None) -> "JobReading":
        """After a page below the first stretch: the creation times of its jobs, the newest first, its token, and
        before which moment of creation it was asked for.
        """
        first, *others = self.stretches
        counted = replace(self, pages=self.pages if self.whole_at == self.began else self.pages + 1)
        if not token:
            return replace(counted, stretches=(Stretch(first.newer, None),), whole_at=self.began)
        older = created[-1] if created else first.older
        if self.met is None or older is None or older > self.met:
            return replace(counted, stretches=(Stretch(first.newer, older, token, asked), *others))
        joined = replace(others[0], newer=first.newer)
        whole_at = self.began if joined.older is None else self.whole_at
        return replace(counted, stretches=(joined, *others[1:]), whole_at=whole_at)


class ReadingStore(Protocol):
    """Keeps how far each region was read, between rounds."""

    def read(self, region: str) -> JobReading:
        """What was written last; JobReading() for a region that was never read."""

    def write(self, region: str, reading: JobReading) -> None:
        """Replace it. Raises SourceUnavailable when another round has replaced it since it was read."""
