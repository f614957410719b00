"""Queue every finished training job that has no record, so that no lost event, lost message or deletion loses a job.

Each round follows up the jobs that wait for their record, then reads the jobs that are new in every region, and then as
much of the history as its time and the queue allow. A job that was seen and has no record waits until it has one: it is
noted before the listing is read on. A job that was seen running and is gone is recorded with what was seen of it, and
waits until people were told, too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from flops_auditor.domain.messages.changed_jobs import tell_changes
from flops_auditor.domain.runs.sources.training_job_answer import DELETED
from flops_auditor.domain.values.turns import by_turns
from flops_auditor.use_cases.listing.job_reader import JobReader, ReadPage
from flops_auditor.use_cases.listing.reading import JobReading
from flops_auditor.use_cases.operations.changed_jobs import (
    BY_GRAVITY,
    MOST_UNANSWERED,
    Change,
    ChangeFinder,
    is_young,
)
from flops_auditor.use_cases.operations.compare_jobs import SETTLING
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.queues import Alerts, AuditQueue
from flops_auditor.use_cases.ports.records import RecordIndex, Records, SeenJob, SeenJobs
from flops_auditor.use_cases.ports.sources import JobStates, ListedJob, Regions, SourceDenied, SourceUnavailable

IN_VAIN = timedelta(hours=2)
"""A job that was queued so long ago and has no record is overdue."""
QUEUED_AGAIN = timedelta(days=1)
SETTLED_TOGETHER = 100
"""Jobs; the deadline is asked before each so many."""
REGIONS = "regions"
"""Under this name stands what kept the regions themselves from being found."""
MOST_FOUND_AGAIN = 300
"""Jobs that a round looks up, beside what it finds itself, of those that earlier rounds could not tell of."""


@dataclass(frozen=True)
class Reconciler:
    """Everything a reconciliation works with. `home` is the stack's region, whose events come by themselves, and which
    is never taken for one that is closed; empty where there are none. `room` is how many messages may wait in the queue
    before history is left for the next round.
    """

    regions: Regions
    reader: JobReader
    states: JobStates
    index: RecordIndex
    seen: SeenJobs
    queue: AuditQueue
    records: Records
    lineage: LineageIndex
    alerts: Alerts
    home: str
    room: int


@dataclass
class ReconcileReport:
    """What one round did. `pending` regions have history left for the next one.

    `failed` and `closed` map a region to a named error: `closed` are those that refuse and were never read. `overdue`
    jobs should have had a record. `changes` are what people are to be told of: jobs that are gone, tags, names;
    `untold` are the jobs of these that are noted until people were. `unasked` maps the ARN of a job that could not be
    described, or whose tags could not be listed, to a named error; `unqueued` that of a job which the queue did not
    take, and which the next round queues again.
    """

    listed: int = 0
    finished: int = 0
    queued: list[ListedJob] = field(default_factory=list)
    overdue: list[ListedJob] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    untold: list[SeenJob] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    closed: dict[str, str] = field(default_factory=dict)
    unasked: dict[str, str] = field(default_factory=dict)
    unqueued: dict[str, str] = field(default_factory=dict)

    @property
    def share_complete(self) -> float:
        """The share of the regions that were read to their first job, in percent: the progress of a long history."""
        regions = len(self.complete) + len(self.pending) + len(self.failed.keys() - {REGIONS})
        return 100 * len(self.complete) / regions if regions else 100.0


def reconcile(reconciler: Reconciler, out_of_time: Callable[[], bool]) -> ReconcileReport:
    """One round over all regions, ended between two requests when out of time; the next one goes on. `tell_people` is
    to follow.

    A region that refuses or does not answer is reported and keeps no other region waiting, nor does a job another job.
    """
    report = ReconcileReport()
    enabled = reconciler.regions.enabled()
    if enabled.unread:
        report.failed[REGIONS] = enabled.unread
    finder = ChangeFinder(reconciler.states, reconciler.records, reconciler.lineage)
    rounds = [_Round(region, reconciler, report, finder, out_of_time) for region in enabled.names]
    for each in sorted(rounds, key=lambda each: (each.region != reconciler.home, each.region)):
        each.attempt(each.news)
    new = set(finder.changes)
    _find_again(rounds, out_of_time)
    waited = finder.changes.keys() - new
    read = [each for each in rounds if each.region not in report.failed and each.region not in report.closed]
    for each in sorted(read, key=lambda each: each.turn):
        each.attempt(each.history)
    for each in read:
        if calls := finder.unanswered(each.region):
            report.failed.setdefault(each.region, _unanswered(calls))
        if each.region not in report.failed:
            (report.complete if each.known.whole else report.pending).append(each.region)
    report.unasked = finder.unasked
    report.changes = sorted(
        finder.changes, key=lambda change: (BY_GRAVITY.index(change.remark.kind), change not in waited)
    )
    report.untold = [seen for each in rounds for seen in each.to_tell()]
    return report


def tell_people(report: ReconcileReport, reconciler: Reconciler) -> None:
    """Mail what changed, then note that people were told: what is not sent, the next round or reading finds again.
    Raises what sending raises.
    """
    if report.changes:
        reconciler.alerts.send(tell_changes([(c.job.name, c.job.region, c.remark) for c in report.changes]))
    now = reconciler.reader.clock()
    for change in report.changes:
        reconciler.records.note(change.job.job_id, change.note, now)
    reconciler.seen.note([replace(seen, untold=False) for seen in report.untold])


def _find_again(rounds: Sequence["_Round"], out_of_time: Callable[[], bool]) -> None:
    """Look up what earlier rounds could not tell of: after what is new in every region, while there is time, in room of
    its own. Jobs that are gone take turns with names used again, in these the regions, of which the longest waiting
    come first. What this round does not come to stays untold.
    """
    untold = sorted(
        ((each, seen) for each in rounds for seen in each.untold()), key=lambda pair: pair[1].job.state != "gone"
    )
    in_regions = by_turns(untold, lambda pair: (pair[0].region, pair[1].job.state))
    failing: set[str] = set()
    for each, seen in by_turns(in_regions, lambda pair: pair[1].job.state == "gone")[:MOST_FOUND_AGAIN]:
        if out_of_time():
            return
        if each.region not in failing and not each.attempt(partial(each.find_again, seen)):
            failing.add(each.region)


def _unanswered(calls: Sequence[str]) -> str:
    """Why a region was not compared to its end, as a named error."""
    return f"SourceUnavailable: {', '.join(calls)} went unanswered for {MOST_UNANSWERED} jobs; no other was asked for"


class _Round:
    """One round in one region. `known` is how far it was read, as its own part of the round read it: a fault there is
    the region's, and not the whole round's.
    """

    def __init__(
        self,
        region: str,
        reconciler: Reconciler,
        report: ReconcileReport,
        finder: ChangeFinder,
        out_of_time: Callable[[], bool],
    ) -> None:
        self.region, self._to, self._report, self._finder = region, reconciler, report, finder
        self._out_of_time = out_of_time
        self._now = reconciler.reader.clock()
        self._waiting: dict[str, SeenJob] = {}
        self._created: dict[str, set[datetime]] = {}
        self._found: set[str] = set()
        self._first_at: datetime | None = None
        self._paused = False
        self.known = JobReading()

    @property
    def turn(self) -> tuple[bool, float, str]:
        """When its history has its turn; the least comes first. A history that was never read to its end comes before
        those that are read once more, the shortest first; of the others the one whose reading began first, so that
        each comes to its end.
        """
        if self.known.again and self.known.began is not None:
            return True, self.known.began.timestamp(), self.region
        return False, self.known.pages, self.region

    def to_tell(self) -> list[SeenJob]:
        """Jobs that are noted until people were told of them, and of which this round found what is to be told."""
        return [seen for job_id, seen in self._waiting.items() if job_id in self._found]

    def attempt(self, work: Callable[[], None]) -> bool:
        """Do a part of the round, and whether it came to its end; what keeps it from that is reported."""
        try:
            work()
            return True
        except (SourceDenied, SourceUnavailable) as failure:
            closed = self.region != self._to.home and self._to.reader.closed(self.region, failure)
            (self._report.closed if closed else self._report.failed)[self.region] = f"{failure.name}: {failure}"
            return False

    def news(self) -> None:
        """Follow up the jobs that wait, and take in those that are new."""
        known = self.known = self._to.reader.store.read(self.region)
        self._first_at = known.first_at
        self._have_wait(self._to.seen.waiting(self.region))
        recorded = self._follow_up()
        past_the_new = False
        reader = replace(
            self._to.reader, stop=lambda: self._out_of_time() or (past_the_new and self._finder.asked_enough)
        )
        for page in reader.head(self.region, known):
            self._take_in(page, known.read_to)
            past_the_new = page.again and _reaches_below(page, known.read_to)
            if self._paused:
                break
            self.known = page.reading
        self._settle(recorded)

    def untold(self) -> list[SeenJob]:
        """Jobs that are noted until people were told of them, and of which this round did not find why; the longest
        waiting first.
        """
        return [seen for job_id, seen in self._waiting.items() if seen.untold and job_id not in self._found]

    def find_again(self, seen: SeenJob) -> None:
        """Find what is to be told of an untold job."""
        self._finder.name_used_again(seen.job, self._created[seen.job.arn])
        if seen.job.state == "gone":
            self._finder.gone(seen.job)
        self._found.add(seen.job.job_id)

    def history(self) -> None:
        """Take in what is left of the history, while there is time and the queue has room."""
        if self.known.whole:
            return
        room = len(self._report.queued) + self._to.room - self._to.queue.waiting()
        reader = replace(
            self._to.reader,
            stop=lambda: (
                self._out_of_time()
                or len(self._report.queued) >= room
                or (self.known.again and self._finder.asked_enough)
            ),
        )
        for page in reader.rest(self.region):
            self._take_in(page)
            if self._paused:
                break
            self.known = page.reading

    def _look_for_names(self, jobs: Iterable[ListedJob]) -> None:
        """Find those of the jobs of which the names were used before."""
        again = [job for job in jobs if self._finder.name_used_again(job, self._created.get(job.arn, ()))]
        self._note([replace(self._seen(job), untold=True) for job in again])
        self._found |= {job.job_id for job in again}

    def _take_in(self, page: ReadPage, read_to: datetime | None = None) -> None:
        """Have jobs without a record wait, and queue those that have ended.

        What is read once more is compared, but for jobs that were created after `read_to`: those are new, and have
        their names looked for. A region that does not answer has its reading paused at the page, which is read again by
        the next round.
        """
        self._report.listed += len(page.jobs)
        self._report.finished += sum(job.finished for job in page.jobs)
        recorded = self._to.index.recorded([job.job_id for job in page.jobs]) if page.jobs else {}
        missing = [job for job in page.jobs if not (job.finished and job.job_id in recorded)]
        self._have_audited([self._seen(job) for job in missing if self._is_news(job)])
        new = [job for job in page.jobs if read_to is not None and job.creation_time > read_to]
        self._look_for_names(new)
        if page.again:
            old = [job for job in page.jobs if job not in new]
            compared = [self._finder.tags_changed(job, recorded.get(job.job_id, ""), self._now) for job in old]
            self._paused = not all(compared)

    def _is_news(self, job: ListedJob) -> bool:
        """Whether it does not wait yet, or waits as one that runs, of which nobody may ask, and has ended."""
        waits = self._waiting.get(job.job_id)
        return waits is None or (job.finished and not waits.job.finished)

    def _seen(self, job: ListedJob) -> SeenJob:
        waits = self._waiting.get(job.job_id)
        return SeenJob(job, self._now) if waits is None else replace(waits, job=job)

    def _follow_up(self) -> list[str]:
        """Look again at the waiting jobs that were running; the job ids of those that have a record now."""
        recorded = self._to.index.recorded(list(self._waiting)) if self._waiting else {}
        self._have_audited(self._due(seen for job_id, seen in self._waiting.items() if job_id not in recorded))
        return list(recorded)

    def _settle(self, recorded: Sequence[str]) -> None:
        """Have jobs wait no longer: after what is new was read, which must not wait, and while there is time. Their
        names are looked for once more: an audit may have noted meanwhile that one was used before.
        """
        told = [seen for job_id in recorded if not (seen := self._waiting[job_id]).untold]
        for first in range(0, len(told), SETTLED_TOGETHER):
            if self._out_of_time():
                return
            together = told[first : first + SETTLED_TOGETHER]
            self._look_for_names(seen.job for seen in together if is_young(seen.job, self._now))
            self._to.seen.settle([seen for seen in together if seen.job.job_id not in self._found])

    def _due(self, waiting: Iterable[SeenJob]) -> list[SeenJob]:
        """Those of the waiting jobs of which there is something new, or that were queued in vain for a day."""
        due = []
        for seen in waiting:
            now = seen if seen.job.finished or self._out_of_time() else self._look_again(seen)
            waited = self._now - seen.queued_at if seen.queued_at else None
            if waited is not None and waited >= IN_VAIN:
                self._report.overdue.append(seen.job)
            if now != seen or (now.job.finished and (waited is None or waited >= QUEUED_AGAIN)):
                due.append(now)
        return due

    def _look_again(self, seen: SeenJob) -> SeenJob:
        """A job that was running, as it is now. One that is gone ended at the latest when it was missed."""
        now = self._finder.now(seen.job)
        if now is None:
            lost = replace(seen, job=replace(seen.job, status=DELETED, last_modified=self._now), untold=True)
            self._finder.gone(lost.job)
            self._found.add(lost.job.job_id)
            return lost
        return seen if now.status == seen.job.status else replace(seen, job=now)

    def _have_audited(self, jobs: Sequence[SeenJob]) -> None:
        """Queue those that ended long enough ago, then note all: in this order, a death in between loses none."""
        due = [seen for seen in jobs if seen.job.finished and self._settled(seen.job)]
        if due:
            refused = self._to.queue.send(due)
            self._report.unqueued |= refused
            self._report.overdue += [s.job for s in due if s.job.arn in refused or self._event_was_lost(s)]
            due = [seen for seen in due if seen.job.arn not in refused]
            self._report.queued += [seen.job for seen in due]
        self._note([replace(seen, queued_at=self._now) if seen in due else seen for seen in jobs])

    def _note(self, jobs: Sequence[SeenJob]) -> None:
        self._to.seen.note(jobs)
        self._have_wait(jobs)

    def _have_wait(self, jobs: Iterable[SeenJob]) -> None:
        for seen in jobs:
            self._waiting[seen.job.job_id] = seen
            self._created.setdefault(seen.job.arn, set()).add(seen.job.creation_time)

    def _settled(self, job: ListedJob) -> bool:
        return job.last_modified is None or job.last_modified <= self._now - SETTLING

    def _event_was_lost(self, seen: SeenJob) -> bool:
        """Whether the job ended in the stack's region since that is read, so that its event should have come."""
        ended = seen.job.last_modified or seen.job.creation_time
        lately = self._first_at is not None and ended > self._first_at
        return self.region == self._to.home and seen.queued_at is None and lately


def _reaches_below(page: ReadPage, read_to: datetime | None) -> bool:
    """Whether a page has a job that an earlier round has read."""
    return read_to is not None and any(job.creation_time <= read_to for job in page.jobs)
