"""Compare what a service lists with what the ledger holds, region by region: which finished jobs have no record."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.listing.reading import JobReading, ReadingStore
from flops_auditor.use_cases.ports.records import RecordIndex, SeenJobs
from flops_auditor.use_cases.ports.sources import ListedJob, Regions, SourceDenied, SourceUnavailable

SETTLING = timedelta(minutes=30)
"""A job that ended less than so long ago is left to its own event: 5 minutes of delay, then up to two tries."""


@dataclass(frozen=True)
class RegionState:
    """One region compared with the ledger; `error` says why it could not be, in full or in part.

    `listed`, `finished` and `settling` count the jobs that were read for this comparison. `whole`: with what the rounds
    before have read, that is every job.
    """

    region: str
    listed: int
    finished: int
    settling: int
    missing: tuple[ListedJob, ...]
    error: str = ""
    whole: bool = True


@dataclass(frozen=True)
class JobComparison:
    """What services list against the ledger, over all regions. `unknown` says why there may be other regions."""

    regions: tuple[RegionState, ...]
    compared_at: datetime
    unknown: str = ""

    @property
    def missing(self) -> tuple[ListedJob, ...]:
        """Finished jobs without a record, the longest missed first."""
        missing = [job for state in self.regions for job in state.missing]
        return tuple(sorted(missing, key=lambda job: (job.last_modified or job.creation_time, job.arn)))

    @property
    def unread(self) -> tuple[RegionState, ...]:
        """Regions that could not be read."""
        return tuple(state for state in self.regions if state.error)

    @property
    def complete_to(self) -> datetime | None:
        """Every job that ended before has a record; None while a region was not read to its first job."""
        if self.unknown or any(state.error or not state.whole for state in self.regions):
            return None
        ends = [job.last_modified or job.creation_time for job in self.missing]
        return min([*ends, self.compared_at - SETTLING])


def joined(comparisons: Mapping[str, JobComparison]) -> JobComparison:
    """Comparisons of several services as one, by what they compare, in words; these stand before the regions of all but
    the first.
    """
    names, (first, *_) = list(comparisons), comparisons.values()
    regions = [
        replace(state, region=f"{name} in {state.region}") if name != names[0] else state
        for name, comparison in comparisons.items()
        for state in comparison.regions
    ]
    unknown = next((each.unknown for each in comparisons.values() if each.unknown), "")
    return JobComparison(tuple(regions), first.compared_at, unknown)


@dataclass
class UnwrittenReadings:
    """A ReadingStore for who only looks: begins where the deployed rounds stand, or nowhere, and changes nothing."""

    deployed: ReadingStore | None = None

    def __post_init__(self) -> None:
        self._readings: dict[str, JobReading] = {}

    def read(self, region: str) -> JobReading:
        """As the deployed rounds left it, or as this comparison did."""
        if region in self._readings:
            return self._readings[region]
        return self.deployed.read(region) if self.deployed else JobReading()

    def write(self, region: str, reading: JobReading) -> None:
        """Keep it in memory."""
        self._readings[region] = reading


def compare(
    regions: Regions,
    reader: JobReader,
    index: RecordIndex,
    seen: SeenJobs,
    *,
    whole: bool,
    told: Callable[[RegionState], None] = lambda _: None,
) -> JobComparison:
    """Compare every enabled region; only reads. `told` is called after each page of a region.

    `whole` reads all jobs. Otherwise those that the deployed rounds have not read yet, beside those that wait.
    """
    enabled = regions.enabled()
    now = reader.clock()
    store = UnwrittenReadings(None if whole else reader.store)
    looking = replace(reader, store=store)
    states = []
    for region in enabled.names:
        state = RegionState(region, 0, 0, 0, ())
        try:
            for state in _states(region, looking, index, seen, whole, now):
                told(state)
            state = replace(state, whole=whole or store.read(region).whole_at is not None)
        except (SourceDenied, SourceUnavailable) as failure:
            state = replace(state, error=f"{failure.name}: {failure}", whole=False)
            told(state)
        states.append(state)
    return JobComparison(tuple(states), now, enabled.unread)


def _states(
    region: str, reader: JobReader, index: RecordIndex, seen: SeenJobs, whole: bool, now: datetime
) -> Iterator[RegionState]:
    """The state of a region after each page, the jobs that wait first."""
    waiting = [each.job for each in seen.waiting(region)] if not whole else []
    state = _with(RegionState(region, 0, 0, 0, ()), waiting, index, now)
    yield replace(state, listed=0)
    known = {job.job_id for job in waiting}
    for page in chain(reader.head(region, reader.store.read(region)), reader.rest(region) if whole else ()):
        state = _with(state, [job for job in page.jobs if job.job_id not in known], index, now)
        yield state


def _with(state: RegionState, jobs: list[ListedJob], index: RecordIndex, now: datetime) -> RegionState:
    """The state with some more jobs compared with the ledger."""
    finished = [job for job in jobs if job.finished]
    settled = [job for job in finished if job.last_modified is None or job.last_modified <= now - SETTLING]
    recorded = index.recorded([job.job_id for job in settled]) if settled else {}
    return replace(
        state,
        listed=state.listed + len(jobs),
        finished=state.finished + len(finished),
        settling=state.settling + len(finished) - len(settled),
        missing=state.missing + tuple(job for job in settled if job.job_id not in recorded),
    )
