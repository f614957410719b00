"""What became of training jobs after they were seen or audited: tags that were changed or deleted, names that were
used again, and jobs that may not be asked for.

A record stays as it was; whoever relies on it should know. Each change is told once.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flops_auditor.domain.runs.evidence import digest_of_tags
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.use_cases.ports.lineage import LineageIndex
from flops_auditor.use_cases.ports.records import Records
from flops_auditor.use_cases.ports.sources import JobStates, ListedJob, SourceDenied, SourceUnavailable

GONE = Kind(
    "seen-running-gone",
    "seen running, gone: it was deleted before its end was seen, and gets a record of what was seen of it",
)
TAGS_CHANGED = Kind(
    "tags-changed",
    "its tags are not those that its record rests on any more; `flops-auditor amend JOB --ask-again` takes in what "
    "they say now",
)
TAGS_DELETED = Kind("tags-deleted", "the tags that its record rests on were deleted; its evidence keeps them")
NAME_USED_AGAIN = Kind(
    "name-used-again",
    "its name was used before, by a job created {created} that was deleted since; each has a record of its own",
)
NOT_DESCRIBED = Kind(
    "not-described",
    "it ran when it was seen, and {action} is refused for it ({error}), so its end is not seen before its event "
    "comes or the region is read once more; other jobs are recorded as ever",
)
MOST_UNANSWERED = 3
"""A region that did not answer for so many jobs is asked for no other job in the same round."""
YOUNG = timedelta(days=30)
"""Tags of jobs that ended longer ago are not compared."""
MOST_A_ROUND = 300
"""Jobs whose tags are compared, and the rest of the page, in each region: ListTags has a quota, too. Reading once more
pauses then, and the next round goes on where this one stopped.
"""


@dataclass(frozen=True)
class Change:
    """What was found of a job; `note` is the name under which it is noted once people were told."""

    job: ListedJob
    remark: Remark
    note: str


@dataclass
class ChangeFinder:
    """Finds changes, in one round; `changes` are those that nobody was told of yet.

    `unasked` maps the ARN of a job that could not be asked for to a named error: it keeps no other job waiting.
    """

    states: JobStates
    records: Records
    lineage: LineageIndex
    changes: list[Change] = field(default_factory=list)
    asked: int = 0
    unasked: dict[str, str] = field(default_factory=dict)
    _unanswered: Counter[str] = field(default_factory=Counter)

    @property
    def asked_enough(self) -> bool:
        """Whether no more tags are to be asked for in this round."""
        return self.asked >= MOST_A_ROUND

    def now(self, job: ListedJob) -> ListedJob | None:
        """The job as it is now; None when it is gone, and as it was where that cannot be asked."""
        if self._unanswered[job.region] >= MOST_UNANSWERED:
            return job
        try:
            return self.states.now(job)
        except (SourceDenied, SourceUnavailable) as failure:
            self._withheld(job, failure)
            if isinstance(failure, SourceDenied):
                remark = NOT_DESCRIBED(action=failure.unread.source, error=failure.unread.error)
                self._add(Change(job, remark, NOT_DESCRIBED.name))
            return job

    def tags_changed(self, job: ListedJob, digest: str, now: datetime) -> None:
        """Hold the tags of a recorded job against those that its record rests on; `digest` is of those."""
        if not digest or now - (job.last_modified or job.creation_time) > YOUNG:
            return
        if self._unanswered[job.region] >= MOST_UNANSWERED:
            return
        self.asked += 1
        try:
            tags = self.states.tags(job)
        except (SourceDenied, SourceUnavailable) as failure:
            self._withheld(job, failure)
            return
        present = digest_of_tags(tags)
        if present != digest:
            self._add(Change(job, (TAGS_CHANGED if tags else TAGS_DELETED)(), f"tags-{present[:16]}"))

    def name_used_again(self, job: ListedJob) -> None:
        """Find a recorded job that had the name of a new one."""
        earlier = self.lineage.newest("output", Location(job.arn), iso(job.creation_time), 1)
        if earlier:
            self._add(Change(job, NAME_USED_AGAIN(created=earlier[0].created), "name-used-again"))

    def told(self, now: datetime) -> None:
        """People were told of what was found."""
        for change in self.changes:
            self.records.note(change.job.job_id, change.note, now)

    def _withheld(self, job: ListedJob, failure: SourceDenied | SourceUnavailable) -> None:
        """Name the job."""
        self.unasked[job.arn] = f"{failure.name}: {failure}"
        self._unanswered[job.region] += isinstance(failure, SourceUnavailable)

    def _add(self, change: Change) -> None:
        if self.records.noted(change.job.job_id, change.note) is None:
            self.changes.append(change)


def gone(job: ListedJob) -> Change:
    """A job that was seen running and is no longer known."""
    return Change(job, GONE(), "gone")
