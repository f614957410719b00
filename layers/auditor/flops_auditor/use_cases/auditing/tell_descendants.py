"""Have the jobs that continue a recorded job assessed again: its record is new to them, or has changed.

Descendants follow step by step: each of them tells those that continue it, once its own record has changed. One message
waits for each job at a time, and who cannot tell the run from many others at a place is not told of it: however many
jobs share a place, and in whatever order they end, messages grow with their number.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import compress
from types import MappingProxyType

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.run import Run
from flops_auditor.use_cases.auditing.crowds import ENTRIES_IN_A_PAGE
from flops_auditor.use_cases.auditing.find_holders import most_at_a_place
from flops_auditor.use_cases.auditing.find_lineage import entry_of
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.passing_over import Around, Deleted, InABucket, Neighbours, Open, Passing, Sharing
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.lineage import IndexEntry, IndexKind, LineageReads
from flops_auditor.use_cases.ports.side_by_side import in_groups

MOST_PAGES = 10
"""Full pages of the index in one invocation; the rest is told in the next one, which is queued."""
MOST_LOOKS = 60
"""Pages in all: most places have nobody."""
MOST_AHEAD = 10
"""Pages that are looked up side by side."""
TOLD = "descendants#{:06d}"
"""The note that those who continue a job were told of a revision."""
_MESSAGE = "a message"
WAITS = timedelta(hours=1)
"""So long a job counts as waiting for a message that nobody began with; then another one may be sent."""


@dataclass(frozen=True)
class IndexQuery:
    """Where to look for jobs that take a result: entries of one kind, at a place or also below it. Of those that read
    all that begins so, `begun` is the place that has to. `since` is a cursor before which nobody is concerned.
    """

    kind: IndexKind
    at: Location
    below: bool
    begun: Location | None = None
    since: str = ""

    @property
    def name(self) -> str:
        """What tells it from the others of a run; no longer than two places (places.LONGEST)."""
        at = self.begun or self.at
        return f"{self.kind} {at.space}{at.key}"

    def page(self, index: LineageReads, after: str = "") -> Sequence[IndexEntry]:
        """The next entries after a cursor."""
        if self.begun is not None:
            return index.beginning(self.kind, self.at, after, ENTRIES_IN_A_PAGE)
        if self.below:
            return index.within(self.kind, self.at, after, ENTRIES_IN_A_PAGE)
        return index.exactly(self.kind, self.at, after or self.since, ENTRIES_IN_A_PAGE)

    def concerns(self, run: Run, entry: IndexEntry) -> bool:
        """Whether the entry's job may be affected: it is a later one, or of the same time, or went on when this run was
        created; a person may have named just this place in its tag; or it looks through all results, as many as may be.
        """
        if self.begun is not None:
            read = self.read_by(entry)
            return read != self.begun and self.begun.text.startswith(read.text)
        if self.kind == "directory" or entry.location == self.at:
            return True
        if self.at.whole_bucket or entry.checkpoint:
            return entry.created > run.created_text or (entry.checkpoint and entry.created == run.created_text)
        return entry.created >= run.created_text or not entry.ended or run.created_text <= entry.ended

    def read_by(self, entry: IndexEntry) -> Location:
        """The place that the entry's job reads."""
        if self.begun is None:
            return entry.location
        return Location(self.begun.space, (*self.begun.path[:-1], *entry.location.path))

    def passing(self, at: Location, run: Run, neighbours: Neighbours) -> Passing:
        """What hides the run from jobs that read this place."""
        one, index, told = entry_of(run, self.begun or self.at), neighbours.index, neighbours.told
        if self.since:
            return Deleted(neighbours.at(at), told)
        if self.begun is not None:
            return Around(one, at, index.beginning, lambda place: not at.holds(place), told)
        if self.kind == "directory":
            return Around(one, at, index.within, lambda place: place != at, told)
        if self.at not in run.checkpoints:
            return Open()
        return (InABucket if self.at.whole_bucket else Sharing)(one, at, neighbours)


FirstPages = Mapping[IndexQuery, Sequence[IndexEntry]]
"""What was found first at places."""


def queries_of(run: Run) -> list[IndexQuery]:
    """Everywhere that jobs may take this job's results: at each result, below it, and the directories that hold it."""
    queries: list[IndexQuery] = []
    for location in run.results:
        if location.too_long:
            continue
        if run.role and location == Location(run.role):
            queries.append(IndexQuery("input", location, below=False, since=entry_of(run, location).cursor))
            continue
        queries.append(IndexQuery("input", location, below=location.in_s3))
        holders = list(location.upwards())[1:-1] if location.in_s3 else []
        queries += [IndexQuery("directory", place, below=False) for place in holders]
        queries += [_begun(place) for place in (location, *holders) if location.in_s3 and place.path]
    return list(dict.fromkeys(queries))


def _begun(place: Location) -> IndexQuery:
    """Who reads whatever begins so, in the folder of a place: its name begins as that one's does."""
    at = place.in_folder
    return IndexQuery("prefix", Location(at.space, (at.path[0][:1],)), below=True, begun=place)


def first_pages(run: Run, recorder: Recorder) -> FirstPages:
    """The first page of the first places where jobs may take this job's results, looked up side by side."""
    queries = queries_of(run)[:MOST_AHEAD]
    pages = recorder.at_once([partial(query.page, recorder.index) for query in queries])
    return dict(zip(queries, pages, strict=True))


@dataclass
class _Told:
    """Of which runs others were told, as they stand in the index now: each is looked up once."""

    job_id: str
    recorder: Recorder
    known: dict[str, bool] = field(default_factory=dict)

    def __call__(self, entries: Sequence[IndexEntry]) -> set[str]:
        new = {entry.job_id: entry for entry in entries if entry.job_id not in self.known}
        answers = self.recorder.at_once([partial(self._ask, entry) for entry in new.values()])
        self.known.update(zip(new, answers, strict=True))
        return {entry.job_id for entry in entries if self.known[entry.job_id]}

    def _ask(self, entry: IndexEntry) -> bool:
        """Of a run whose audit is under way others are told later: also of one that has ended since it was recorded."""
        if entry.job_id == self.job_id:
            return False
        kept = newest(entry.job_id, self.recorder)
        if kept is None or (kept.interim and entry.ended):
            return False
        return self.recorder.records.noted(entry.job_id, TOLD.format(kept.revision)) is not None


def tell_descendants(
    run: Run,
    revision: int,
    recorder: Recorder,
    after: str = "",
    *,
    new: bool = False,
    ahead: FirstPages = MappingProxyType({}),
    at_last: Sequence[Callable[[], object]] = (),
) -> None:
    """Queue every job that may continue this one, once per revision: nobody was told of a `new` one before. `after`
    goes on where an invocation ended; `ahead` was read since the revision was committed; `at_last` is done beside the
    note that all were told.
    """
    if not new and recorder.records.noted(run.job_id, TOLD.format(revision)):
        return
    revision, name, cursor = _read_after(after) or (revision, "", "")
    told_before, goes_on = TOLD.format(revision), f"DESCENDANTS#{run.job_id}#{revision:06d}"
    if not new and not after and not _begins(goes_on, recorder):
        return
    places = queries_of(run)
    begin = next((position for position, query in enumerate(places) if query.name == name), None)
    if begin is None:
        begin, cursor = 0, ""
    told_by = _told_by(run.job_id, revision, recorder)
    neighbours = Neighbours(recorder.index, _Told(run.job_id, recorder), most_at_a_place())
    told: set[str] = {run.job_id}
    looks = pages = 0
    for query in places[begin:]:
        passing = dict[Location, Passing]()
        while True:
            if pages == MOST_PAGES or looks == MOST_LOOKS:
                recorder.queue.send([Reassessment(run.job_id, _written_after(revision, query.name, cursor))])
                recorder.claims.claim(goes_on, _MESSAGE, recorder.clock(), recorder.clock() + WAITS)
                return
            read = None if cursor else ahead.get(query)
            page = query.page(recorder.index, cursor) if read is None else read
            looks += 1
            last = page[-1] if len(page) == ENTRIES_IN_A_PAGE else None
            pages += last is not None
            later = [entry for entry in page if query.concerns(run, entry) and entry.job_id not in told]
            asked = later if last is None else [*later, last]
            for at in {query.read_by(entry) for entry in asked} - passing.keys():
                passing[at] = query.passing(at, run, neighbours)
            concerned = [entry for entry in later if not passing[query.read_by(entry)].hides_from(entry)]
            _have_assessed(concerned, told_by, recorder)
            told |= {entry.job_id for entry in concerned}
            if last is None:
                cursor = ""
                break
            cursor = last.end_of_place if passing[query.read_by(last)].hides_after(last) else last.cursor
    recorder.at_once([partial(recorder.records.note, run.job_id, told_before, recorder.clock()), *at_last])


def _begins(goes_on: str, recorder: Recorder) -> bool:
    """Whether a job that is assessed again tells others itself: unless a message goes on with that, or each look at a
    job that many read would begin anew, and have them looked at, who have it looked at again.
    """
    return recorder.claims.claim(goes_on, "", recorder.clock(), datetime.fromtimestamp(0, UTC))


def _written_after(revision: int, name: str, cursor: str) -> str:
    """Where an invocation ended: telling of which revision, in which query, after which of its entries."""
    return json.dumps([revision, name, cursor])


def _read_after(after: str) -> tuple[int, str, str] | None:
    """The same, read; None where it says so in the form of an earlier version, by a number: then all begins anew."""
    match json.loads(after) if after.startswith("[") else None:
        case [int(revision), str(name), str(cursor)]:
            return revision, name, cursor
    return None


def _told_by(job_id: str, revision: int, recorder: Recorder) -> str:
    """Who tells of a revision: whoever began to tell of one before it and did not end, since a message that he noted as
    waiting may never have been sent.
    """
    while revision and not recorder.records.noted(job_id, TOLD.format(revision - 1)):
        revision -= 1
    return f"{job_id}#{revision}"


def _have_assessed(entries: Sequence[IndexEntry], told_by: str, recorder: Recorder) -> None:
    """Queue the jobs for which no message waits, the oldest first: whoever continues others comes after them.

    A job is noted as waiting before its message is sent, by whoever sends it, who may do both again. Whoever finds the
    note has committed his record, and the message was not begun with yet: it will see that record.
    """
    now = recorder.clock()
    oldest = sorted({(entry.created, entry.job_id) for entry in entries})
    claims = [partial(recorder.claims.claim, waiting(job), told_by, now, now + WAITS) for _, job in oldest]
    due = list(compress(oldest, in_groups(claims, recorder.at_once)))
    recorder.queue.send([Reassessment(job, told_by=told_by) for _, job in due])


def waiting(job_id: str) -> str:
    """The claim that a message waits for a job."""
    return f"REASSESSMENT#{job_id}"
