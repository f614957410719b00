"""Compare what SageMaker lists with what the ledger holds, region by region: which finished jobs have no record."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from flops_auditor.use_cases.ports.records import RecordIndex
from flops_auditor.use_cases.ports.sources import JobListing, ListedJob, Regions, SourceDenied, SourceUnavailable

SETTLING = timedelta(minutes=30)
"""A job that ended less than so long ago is left to its own event: 5 minutes of delay, then up to two tries."""
BATCH = 100
"""One page of ListTrainingJobs, and one BatchGetItem."""


@dataclass(frozen=True)
class Batch:
    """Some jobs of a region in order of creation: how many were listed, had finished, are settling, and lack a record.

    `reached` is the creation time of the last one listed.
    """

    listed: int
    finished: int
    settling: int
    missing: tuple[ListedJob, ...]
    reached: datetime


def batches(jobs: Iterator[ListedJob], index: RecordIndex, settled_before: datetime) -> Iterator[Batch]:
    """Compare listed jobs with the ledger, a batch at a time. Jobs that changed after `settled_before` are settling."""
    while chunk := list(islice(jobs, BATCH)):
        finished = [job for job in chunk if job.finished]
        settled = [job for job in finished if job.last_modified is None or job.last_modified <= settled_before]
        recorded = index.recorded([job.job_id for job in settled]) if settled else set()
        missing = tuple(job for job in settled if job.job_id not in recorded)
        yield Batch(len(chunk), len(finished), len(finished) - len(settled), missing, chunk[-1].creation_time)


@dataclass(frozen=True)
class RegionState:
    """One region compared with the ledger; `error` says why it could not be, in full or in part."""

    region: str
    listed: int
    finished: int
    settling: int
    missing: tuple[ListedJob, ...]
    error: str = ""


@dataclass(frozen=True)
class Comparison:
    """SageMaker against the ledger, over all regions."""

    regions: tuple[RegionState, ...]
    compared_at: datetime

    @property
    def missing(self) -> tuple[ListedJob, ...]:
        """Finished jobs without a record, the longest missed first."""
        found = [job for state in self.regions for job in state.missing]
        return tuple(sorted(found, key=lambda job: (job.last_modified or job.creation_time, job.arn)))

    @property
    def unread(self) -> tuple[RegionState, ...]:
        """Regions that could not be read to the end."""
        return tuple(state for state in self.regions if state.error)

    @property
    def complete_to(self) -> datetime | None:
        """Every job that ended before has a record; None while a region could not be read."""
        if self.unread:
            return None
        ends = [job.last_modified or job.creation_time for job in self.missing]
        return min([*ends, self.compared_at - SETTLING])


def compare(
    regions: Regions,
    listing: JobListing,
    index: RecordIndex,
    now: datetime,
    since: datetime | None = None,
    told: Callable[[RegionState], None] = lambda _: None,
) -> Comparison:
    """Compare every enabled region; only reads. Raises SourceDenied when the regions themselves cannot be listed.

    `since` leaves out jobs that last changed before; `told` is called after each region.
    """
    states = []
    for region in regions.enabled():
        seen: list[Batch] = []
        error = ""
        try:
            seen.extend(batches(listing.list(region, modified_after=since), index, now - SETTLING))
        except (SourceDenied, SourceUnavailable) as failure:
            error = f"{failure.name}: {failure}"
        states.append(summed(region, seen, error))
        told(states[-1])
    return Comparison(tuple(states), now)


def summed(region: str, seen: Sequence[Batch], error: str) -> RegionState:
    """The batches of one region added up."""
    return RegionState(
        region,
        sum(batch.listed for batch in seen),
        sum(batch.finished for batch in seen),
        sum(batch.settling for batch in seen),
        tuple(job for batch in seen for job in batch.missing),
        error,
    )
