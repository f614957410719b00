"""Have the jobs that continue a recorded job assessed again: its record is new to them, or has changed.

Descendants follow step by step: each of them tells those that continue it, once its own record has changed. One message
waits for each job at a time, and who cannot tell the run from many others at a place is not told of it: however many
jobs share a place, and in whatever order they end, messages grow with their number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from types import MappingProxyType

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.run import Run
from flops_auditor.use_cases.auditing.crowds import ENTRIES_IN_A_PAGE, Crowd, crowd_at, crowd_below, crowd_beside
from flops_auditor.use_cases.auditing.find_lineage import entry_of
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.lineage import IndexEntry, IndexKind, LineageReads

MOST_PAGES = 10
"""Full pages of the index in one invocation; the rest is told in the next one, which is queued."""
MOST_LOOKS = 60
"""Pages in all: most places have nobody."""
MOST_AHEAD = 10
"""Pages that are looked up side by side."""
_TELL_OF_BUCKET = 2
"""Runs of one role that tell who reads in a bucket that each of them keeps its checkpoints in as a whole."""
TOLD = "descendants#{:06d}"
"""The note that those who continue a job were told of a revision."""
WAITS = timedelta(hours=1)
"""So long a job counts as waiting for a message that nobody began with; then another one may be sent."""


@dataclass(frozen=True)
class IndexQuery:
    """Where to look for jobs that take a result: entries of one kind, at a place or also below it; those created after
    `until` have been told by another job. Of those that read all that begins so, `begun` is the place that has to.
    """

    kind: IndexKind
    at: Location
    below: bool
    until: str = ""
    begun: Location | None = None

    def page(self, index: LineageReads, after: str = "") -> Sequence[IndexEntry]:
        """The next entries after a cursor."""
        if self.begun is not None:
            return index.beginning(self.kind, self.at, after, ENTRIES_IN_A_PAGE)
        if self.below:
            return index.within(self.kind, self.at, after, ENTRIES_IN_A_PAGE)
        return index.exactly(self.kind, self.at, after, ENTRIES_IN_A_PAGE)

    def concerns(self, run: Run, entry: IndexEntry) -> bool:
        """Whether the entry's job may be affected: it is a later one, or of the same time, or went on when this run was
        created, or a person named this run in its tag.
        """
        told = bool(self.until) and entry.created > self.until
        during = self.kind == "input" and not entry.checkpoint and entry.created < run.created_text < entry.ended
        by_name = not self.at.in_s3 and self.at not in run.checkpoints
        at_once = entry.created == run.created_text and not self.at.whole_bucket
        if self.begun is not None:
            read = self.read_by(entry)
            if read == self.begun or not self.begun.text.startswith(read.text):
                return False
        return not told and (entry.created > run.created_text or at_once or during or by_name)

    def read_by(self, entry: IndexEntry) -> Location:
        """The place that the entry's job reads."""
        if self.begun is None:
            return self.at
        return Location(self.begun.space, (*self.begun.path[:-1], *entry.location.path))

    def crowd(self, at: Location, run: Run, recorder: Recorder) -> Crowd:
        """The other runs there. A job that cannot tell them apart does not count this run either."""

        def told(job_id: str) -> bool:
            return recorder.records.noted(job_id, TOLD.format(0)) is not None

        one = entry_of(run, self.begun or self.at)
        if self.begun is not None:
            return crowd_beside(one, at, recorder.index, told)
        if self.kind == "directory":
            return crowd_below(one, at, recorder.index, told)
        return crowd_at(one, recorder.index, told) if at in run.checkpoints else Crowd(one, at)


FirstPages = Mapping[IndexQuery, Sequence[IndexEntry]]
"""What was found first at places."""


def queries_of(run: Run, index: LineageReads) -> list[IndexQuery]:
    """Everywhere that jobs may take this job's results: at each result, below it, and the directories that hold it."""
    queries: list[IndexQuery] = []
    for location in run.results:
        if location.too_long:
            continue
        if location.whole_bucket:
            queries += _of_bucket(run, location, index)
            continue
        queries.append(IndexQuery("input", location, below=location.in_s3))
        holders = list(location.upwards())[1:-1] if location.in_s3 else []
        queries += [IndexQuery("directory", place, below=False) for place in holders]
        queries += [_begun(place) for place in (location, *holders) if location.in_s3]
    return list(dict.fromkeys(queries))


def _begun(place: Location) -> IndexQuery:
    """Who reads whatever begins so, in the folder of a place: its name begins as that one's does."""
    at = place.in_folder
    return IndexQuery("prefix", Location(at.space, (at.path[0][:1],)), below=True, begun=place)


def _of_bucket(run: Run, bucket: Location, index: LineageReads) -> list[IndexQuery]:
    """Of a run that keeps its checkpoints in a whole bucket: who reads there only learns that there is such a run.

    So each is told by the first ones before it alone, however many there are of a role: by two, since it may continue
    the one.
    """
    before = index.newest("output", bucket, run.created_text, ENTRIES_IN_A_PAGE)
    if len({entry.job_id for entry in before if entry.role == run.role}) >= _TELL_OF_BUCKET:
        return []
    later = index.exactly("output", bucket, entry_of(run, bucket).cursor, ENTRIES_IN_A_PAGE)
    others = [entry.created for entry in later if entry.role == run.role]
    return [IndexQuery("input", bucket, below=True, until=others[_TELL_OF_BUCKET - 1] if len(others) > 1 else "")]


def first_pages(run: Run, recorder: Recorder) -> FirstPages:
    """The first page of the first places where jobs may take this job's results, looked up side by side."""
    queries = queries_of(run, recorder.index)[:MOST_AHEAD]
    pages = recorder.at_once([partial(query.page, recorder.index) for query in queries])
    return dict(zip(queries, pages, strict=True))


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
    told_before = TOLD.format(revision)
    if not new and recorder.records.noted(run.job_id, told_before):
        return
    number, _, cursor = after.partition("|")
    places = queries_of(run, recorder.index)
    told_by = _told_by(run.job_id, revision, recorder)
    told: set[str] = {run.job_id}
    looks = pages = 0
    for position in range(int(number or 0), len(places)):
        query, crowds = places[position], dict[Location, Crowd]()
        while True:
            if pages == MOST_PAGES or looks == MOST_LOOKS:
                recorder.queue.send([Reassessment(run.job_id, f"{position}|{cursor}")])
                return
            read = None if cursor else ahead.get(query)
            page = query.page(recorder.index, cursor) if read is None else read
            looks += 1
            last = page[-1] if len(page) == ENTRIES_IN_A_PAGE else None
            pages += last is not None
            later = [entry for entry in page if query.concerns(run, entry) and entry.job_id not in told]
            asked = later if last is None else [*later, last]
            for at in {query.read_by(entry) for entry in asked} - crowds.keys():
                crowds[at] = query.crowd(at, run, recorder)
            concerned = [entry for entry in later if not crowds[query.read_by(entry)].hides_from(entry)]
            _have_assessed(concerned, told_by, recorder)
            told |= {entry.job_id for entry in concerned}
            if last is None:
                cursor = ""
                break
            cursor = last.end_of_place if crowds[query.read_by(last)].hides_after(last) else last.cursor
    recorder.at_once([partial(recorder.records.note, run.job_id, told_before, recorder.clock()), *at_last])


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
    due = [job for _, job in oldest if recorder.claims.claim(waiting(job), told_by, now, now + WAITS)]
    recorder.queue.send([Reassessment(job, told_by=told_by) for job in due])


def waiting(job_id: str) -> str:
    """The claim that a message waits for a job."""
    return f"REASSESSMENT#{job_id}"
