"""Queue every finished training job that has no record: the first run covers the account's history, each later run
what changed since, and one run a day all of it again, so that neither a lost event nor a lost message loses a job.

ListTrainingJobs cannot sort by LastModifiedTime, so a scan walks in order of creation and is filtered by what changed;
it resumes at the creation time it had reached. Progress is saved after the jobs were queued: a run that dies queues
some jobs twice, which the audit does not mind, and never passes one over.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flops_auditor.use_cases.operations.compare_jobs import BATCH, SETTLING, batches
from flops_auditor.use_cases.ports.queues import AuditQueue
from flops_auditor.use_cases.ports.records import ProgressStore, RecordIndex, ScanProgress
from flops_auditor.use_cases.ports.sources import Clock, JobListing, ListedJob, Regions, SourceDenied, SourceUnavailable

OVERLAP = timedelta(minutes=10)
"""Scans overlap by so much: listings are eventually consistent."""
WHOLE_EVERY = timedelta(days=1)
IN_ONE_ROUND = timedelta(hours=2)
"""After its end a job was seen by an hourly run, SETTLING included, and audited."""
_SAME_SECOND = timedelta(seconds=1)
"""CreationTimeAfter leaves out the second that it names; the jobs created in it are listed again."""


@dataclass(frozen=True)
class Reconciler:
    """Everything a reconciliation works with. `home` is the stack's region: events come from there alone."""

    regions: Regions
    listing: JobListing
    index: RecordIndex
    queue: AuditQueue
    progress: ProgressStore
    clock: Clock
    home: str


@dataclass
class ReconcileReport:
    """What one run did. `pending` regions are resumed by the next run; `failed` maps region -> named error."""

    listed: int = 0
    finished: int = 0
    queued: list[ListedJob] = field(default_factory=list)
    complete: list[str] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)

    def overdue(self, home: str, now: datetime) -> list[ListedJob]:
        """Queued jobs that should have had a record: their event was lost, or an earlier run queued them in vain.

        A job of another region than `home` has no event; it is queued once in the ordinary course.
        """
        due = now - IN_ONE_ROUND
        return [job for job in self.queued if job.region == home or (job.last_modified or job.creation_time) < due]

    @property
    def share_complete(self) -> float:
        """The share of regions whose scan is complete, in percent: the progress of a backfill."""
        regions = len(self.complete) + len(self.pending) + len(self.failed)
        return 100 * len(self.complete) / regions if regions else 100.0


def reconcile(reconciler: Reconciler, out_of_time: Callable[[], bool]) -> ReconcileReport:
    """Scan region after region until done or out of time (asked after each batch); the next call resumes.

    A region that refuses or does not answer is reported and keeps no other region waiting. Raises SourceDenied when the
    regions themselves cannot be listed.
    """
    report = ReconcileReport()
    found = {region: reconciler.progress.read(region) for region in reconciler.regions.enabled()}
    for region in sorted(found, key=lambda name: _urgency(name, found[name])):
        if out_of_time():
            report.pending.append(region)
            continue
        try:
            done = _scan(region, found[region], reconciler, report, out_of_time)
        except (SourceDenied, SourceUnavailable) as failure:
            report.failed[region] = f"{failure.name}: {failure}"
            continue
        (report.complete if done else report.pending).append(region)
    return report


def _urgency(region: str, progress: ScanProgress) -> tuple[bool, bool, float, str]:
    """Scans under way first, then regions never scanned, then those that were scanned longest ago."""
    reached = progress.complete_to
    return progress.began is None, reached is not None, reached.timestamp() if reached else 0.0, region


def begun(progress: ScanProgress, now: datetime) -> ScanProgress:
    """The scan to go on with, or a new one: of the whole history when that was not done for a day."""
    if progress.began is not None:
        return progress
    whole_due = progress.whole_at is None or now - progress.whole_at >= WHOLE_EVERY
    since = None if whole_due or progress.complete_to is None else progress.complete_to - OVERLAP
    return replace(progress, began=now, since=since, reached=None)


def ended(progress: ScanProgress, began: datetime) -> ScanProgress:
    """After the last page. Jobs that were settling when the scan began are left to the next."""
    whole_at = began if progress.since is None else progress.whole_at
    return ScanProgress(complete_to=began - SETTLING, whole_at=whole_at)


def _scan(
    region: str,
    progress: ScanProgress,
    reconciler: Reconciler,
    report: ReconcileReport,
    out_of_time: Callable[[], bool],
) -> bool:
    progress = begun(progress, reconciler.clock())
    began = progress.began or reconciler.clock()
    created_after = progress.reached - _SAME_SECOND if progress.reached else None
    listed = reconciler.listing.list(region, created_after=created_after, modified_after=progress.since)
    for batch in batches(listed, reconciler.index, began - SETTLING):
        if batch.missing:
            reconciler.queue.send(batch.missing)
        report.listed += batch.listed
        report.finished += batch.finished
        report.queued.extend(batch.missing)
        progress = replace(progress, reached=batch.reached)
        reconciler.progress.write(region, progress)
        if batch.listed == BATCH and out_of_time():
            return False
    reconciler.progress.write(region, ended(progress, began))
    return True
