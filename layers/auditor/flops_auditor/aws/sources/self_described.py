"""The JobStates port of services whose description of a run holds its tags, too."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.aws.calls.refusals import outages
from flops_auditor.use_cases.ports.sources import ListedJob, UnknownTrainingJob


class SelfDescribedStates(ABC):
    """Needs the operation that describes a run, `asks`, of which tags are asked, too. `status` is the member that holds
    a run's.
    """

    asks: str
    asks_tags: str
    status: str

    @abstractmethod
    def described(self, job: ListedJob) -> Mapping[str, Any]:
        """The members that describe a run. Raises UnknownTrainingJob."""

    def now(self, job: ListedJob) -> ListedJob | None:
        """What its service says of a run now; None where it is gone, or its name means another one."""
        told = self._told(job)
        if told is None or abs(told["CreationTime"] - job.creation_time) >= timedelta(seconds=1):
            return None
        return replace(job, status=str(told[self.status]), last_modified=modified(told) or job.last_modified)

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        """Those in its description; none of one that is gone."""
        return (self._told(job) or {}).get("Tags") or []

    def _told(self, job: ListedJob) -> Mapping[str, Any] | None:
        try:
            with outages(self.asks):
                return self.described(job)
        except UnknownTrainingJob:
            return None


def modified(answer: Mapping[str, Any]) -> datetime | None:
    """When what is described, or listed, was last touched."""
    moment: datetime | None = answer.get("LastModifiedTime")
    return None if moment is None else moment.astimezone(UTC)
