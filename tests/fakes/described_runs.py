"""A service whose description of a run is all that is known of it: twins of the JobListing, JobStates and JobStopper
ports.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage, SourceDenied, UnknownTrainingJob


@dataclass
class FakeDescribedRuns(ABC):
    """The ports over answers, each by what its run is asked for by. `denied` holds API calls that answer AccessDenied;
    `asks` describes a run, `lists` lists them, and `stops` stops one. `stopped` are those that it was asked of.
    """

    asks: ClassVar[str]
    asks_tags: ClassVar[str]
    lists: ClassVar[str]
    stops: ClassVar[str] = ""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    stopped: list[tuple[str, str]] = field(default_factory=list)

    @abstractmethod
    def listed(self, answer: dict[str, Any]) -> ListedJob:
        """What a listing says of the run of an answer."""

    def runs(self) -> Iterable[dict[str, Any]]:
        """The answers that are about runs."""
        return self.answers.values()

    def answer_of(self, name: str) -> dict[str, Any]:
        """What the service says of a run."""
        self.called(self.asks)
        if name not in self.answers:
            raise UnknownTrainingJob(name)
        return self.answers[name]

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        self.called(self.lists)
        jobs = [each for each in map(self.listed, self.runs()) if each.region == region]
        jobs = [each for each in jobs if each.creation_time < created_before]
        return ListedPage(tuple(sorted(jobs, key=lambda each: each.creation_time, reverse=True)))

    def now(self, job: ListedJob) -> ListedJob | None:
        return next((each for each in map(self.listed, self.answers.values()) if each.arn == job.arn), None)

    def stop(self, name: str, region: str) -> None:
        self.called(self.stops)
        self.stopped.append((name, region))

    def called(self, action: str) -> None:
        """Refuse an API call that is denied."""
        if action in self.denied:
            raise SourceDenied(Unread(action, "AccessDeniedException"))
