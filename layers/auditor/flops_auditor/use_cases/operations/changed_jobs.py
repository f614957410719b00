"""What became of training jobs after they were seen or audited: tags that were changed or deleted, names that were
used again, and jobs that may not be asked for.

A record stays as it was; whoever relies on it should know. Each change is noted once people were told of it, so that
none is told again; what no later round would find is noted as untold until then.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from flops_auditor.domain.runs.evidence import digest_of_tags
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.use_cases.auditing.used_names import TOLD_OF_NAME
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
    "its name was used before, by a job created {created} that was deleted since; each has, or gets, a record of its "
    "own",
)
NOT_DESCRIBED = Kind(
    "not-described",
    "it ran when it was seen, and {action} is refused for it ({error}), so its end is not seen before its event "
    "comes or the region is read once more; other jobs are recorded as ever",
)
BY_GRAVITY = (GONE, TAGS_DELETED, TAGS_CHANGED, NAME_USED_AGAIN, NOT_DESCRIBED)
MOST_UNANSWERED = 3
"""A call that a region did not answer for so many jobs asks it for no other job in the same round."""
YOUNG = timedelta(days=30)
"""Of jobs that ended longer ago no tags are compared, and no names looked for."""
MOST_A_ROUND = 300
"""Jobs whose tags are compared, in all regions together, and beyond them a page of each: ListTags has a quota, too.
Reading once more pauses then, and the next round goes on where this one stopped.
"""


@dataclass(frozen=True)
class Change:
    """What was found of a job; `note` is the name under which it is noted once people were told."""

    job: ListedJob
    remark: Remark
    note: str


@dataclass
class ChangeFinder:
    """Finds changes, in one round; `changes` are those that nobody was told of yet, each once.

    `unasked` maps the ARN of a job that could not be asked for to a named error: it keeps no other job waiting.
    """

    states: JobStates
    records: Records
    lineage: LineageIndex
    changes: dict[Change, None] = field(default_factory=dict)
    asked: int = 0
    unasked: dict[str, str] = field(default_factory=dict)
    _unanswered: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def asked_enough(self) -> bool:
        """Whether no more tags are to be asked for in this round."""
        return self.asked >= MOST_A_ROUND

    def unanswered(self, region: str) -> list[str]:
        """The calls that ask this region for no other job."""
        return [call for call in (self.states.asks, self.states.asks_tags) if not self._answers(call, region)]

    def now(self, job: ListedJob) -> ListedJob | None:
        """The job as it is now; None when it is gone, and as it was where that cannot be asked."""
        if not self._answers(self.states.asks, job.region):
            return job
        try:
            return self.states.now(job)
        except (SourceDenied, SourceUnavailable) as failure:
            self._withheld(self.states.asks, job, failure)
            if isinstance(failure, SourceDenied):
                remark = NOT_DESCRIBED(action=failure.unread.source, error=failure.unread.error)
                self._add(Change(job, remark, NOT_DESCRIBED.name))
            return job

    def tags_changed(self, job: ListedJob, digest: str, now: datetime) -> bool:
        """Hold the tags of a recorded job against those that its record rests on; `digest` is of those. False where
        its region answers no more, so that this is still to be done.
        """
        if not digest or not is_young(job, now):
            return True
        if not self._answers(self.states.asks_tags, job.region):
            return False
        self.asked += 1
        try:
            tags = self.states.tags(job)
        except (SourceDenied, SourceUnavailable) as failure:
            self._withheld(self.states.asks_tags, job, failure)
            return self._answers(self.states.asks_tags, job.region)
        present = digest_of_tags(tags)
        if present != digest:
            self._add(Change(job, (TAGS_CHANGED if tags else TAGS_DELETED)(), f"tags-{present[:16]}"))
        return True

    def name_used_again(self, job: ListedJob, waiting: Iterable[datetime] = ()) -> bool:
        """Find an earlier job that had the name of this one, among those with a record and those that wait for theirs,
        which were created at `waiting`; whether people are to be told.
        """
        before = iso(job.creation_time)
        recorded = self.lineage.newest("output", Location(job.arn), before, 1)
        earlier = [each.created for each in recorded] + [iso(each) for each in waiting if each < job.creation_time]
        return bool(earlier) and self._add(Change(job, NAME_USED_AGAIN(created=max(earlier)), TOLD_OF_NAME))

    def gone(self, job: ListedJob) -> None:
        """A job that was seen running and is no longer known."""
        self._add(Change(job, GONE(), "gone"))

    def _answers(self, call: str, region: str) -> bool:
        return self._unanswered[call, region] < MOST_UNANSWERED

    def _withheld(self, call: str, job: ListedJob, failure: SourceDenied | SourceUnavailable) -> None:
        """Name the job."""
        self.unasked[job.arn] = f"{failure.name}: {failure}"
        self._unanswered[call, job.region] += isinstance(failure, SourceUnavailable)

    def _add(self, change: Change) -> bool:
        new = change not in self.changes and self.records.noted(change.job.job_id, change.note) is None
        if new:
            self.changes[change] = None
        return new


def is_young(job: ListedJob, now: datetime) -> bool:
    """Whether it ended, or changed in another way, within YOUNG."""
    return now - (job.last_modified or job.creation_time) <= YOUNG
