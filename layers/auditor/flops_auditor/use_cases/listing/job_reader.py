"""Reads a region's training jobs where they were not read yet, the newest first, a page at a time.

What was read is saved after each page, once the caller has done its work on it and comes back for the next one: a round
that dies reads a page twice and passes none over.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from flops_auditor.use_cases.listing.reading import JobReading, ReadingStore
from flops_auditor.use_cases.ports.sources import Clock, JobListing, ListedJob, ListedPage, SourceDenied

MOST_AT_THE_HEAD = 20
"""Pages that a round reads of a region's newest jobs before the other regions have their turn."""
LEASE = "ROUND#listing"
"""Who lists training jobs claims this, so that all who list keep one pace together."""
_SAME_SECOND = timedelta(seconds=1)
"""CreationTimeBefore leaves out the moment that it names; jobs created in it are listed again."""
_UNCHANGED = timedelta(minutes=50)
"""A round that read no new job is noted about once an hour."""


@dataclass(frozen=True)
class ReadPage:
    """The jobs of a page that were not read before, and how far the region is read with it. `again`: the whole history
    was read, and is being read once more.
    """

    jobs: tuple[ListedJob, ...]
    reading: JobReading
    again: bool


@dataclass(frozen=True)
class JobReader:
    """What reading works with; `stop` is asked before each request. `again`: from time to time everything is read once
    more.
    """

    listing: JobListing
    store: ReadingStore
    clock: Clock
    stop: Callable[[], bool] = lambda: False
    again: bool = True

    def head(self, region: str, known: JobReading, down_to: datetime | None = None) -> Iterator[ReadPage]:
        """The jobs that are new since the last round, at most MOST_AT_THE_HEAD pages, down to those of `down_to`;
        `known` is what the store has now. Raises SourceDenied, SourceUnavailable.
        """
        begun = known.begin(self.clock(), again=self.again)
        for pages, (jobs, reading) in enumerate(self._pages(region, begun, down_to), start=1):
            yield ReadPage(jobs, reading, begun.again)
            if jobs or len(reading.stretches) != len(known.stretches) or _late(known, reading):
                self.store.write(region, reading)
            if len(reading.stretches) < len(begun.stretches) or pages == MOST_AT_THE_HEAD:
                return

    def rest(self, region: str, down_to: datetime | None = None) -> Iterator[ReadPage]:
        """What earlier rounds left of the history. Raises SourceDenied, SourceUnavailable."""
        known = self.store.read(region)
        for jobs, reading in self._pages(region, known, down_to):
            yield ReadPage(jobs, reading, known.again)
            self.store.write(region, reading)

    def closed(self, region: str, failure: Exception) -> bool:
        """Whether the region refuses and was never read, as one does that a policy of the organisation closes."""
        return isinstance(failure, SourceDenied) and self.store.read(region).read_to is None

    def _pages(
        self, region: str, reading: JobReading, down_to: datetime | None
    ) -> Iterator[tuple[tuple[ListedJob, ...], JobReading]]:
        """Each page's jobs that were not read before, with the reading after it."""
        while reading.stretches and not reading.whole and not self.stop():
            page, asked = self._page(region, reading)
            met, created = reading.met, [job.creation_time for job in page.jobs]
            fresh = tuple(job for job in page.jobs if met is None or job.creation_time > met)
            ended = down_to is not None and bool(created) and created[-1] < down_to
            reading = reading.after(created, "" if ended else page.token, asked)
            yield fresh, reading

    def _page(self, region: str, reading: JobReading) -> tuple[ListedPage, datetime]:
        """The next page, and before which moment of creation it was asked for.

        A token goes with the question that it was the answer to; one that is refused has run out.
        """
        first = reading.stretches[0]
        before = (first.older or first.newer) + _SAME_SECOND
        if first.token and first.asked is not None:
            try:
                return self.listing.page(region, first.asked, first.token), first.asked
            except SourceDenied as denied:
                if not denied.unread.error.startswith("Validation"):
                    raise
        return self.listing.page(region, before), before


def _late(known: JobReading, reading: JobReading) -> bool:
    """Whether what is noted says an old time, though no new job was read."""
    then, now = known.read_to, reading.read_to
    return then is None or (now is not None and now - then > _UNCHANGED)
