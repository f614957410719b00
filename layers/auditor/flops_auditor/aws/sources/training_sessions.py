"""The TrainingSessions, JobListing and JobStates ports on Amazon SageMaker's training sessions, in any region."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.listing_pages import pages_at_pace
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.sagemaker import described, stopped
from flops_auditor.aws.sources.self_described import SelfDescribedStates, modified
from flops_auditor.domain.runs.sources.training_session_answer import DESCRIBE_SESSION, DETAIL
from flops_auditor.domain.values.arns import name_of
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage

LIST_SESSIONS = "sagemaker:ListTrainingSessions"
STOP_SESSION = "sagemaker:StopTrainingSession"
PAGE = 100
"""The most that ListTrainingSessions gives at once."""
_NOT_OFFERED = "UnknownOperationException"
"""What a region answers to an operation that it does not have (AWS JSON protocols): it has no sessions, either."""


class SageMakerSessions:
    """Needs sagemaker:DescribeTrainingSession."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata; tags stand in it."""
        ask = partial(self._client_for(region).describe_training_session, TrainingSessionName=name)
        return described(DESCRIBE_SESSION, ask, f"{name} in {region}")


class SessionStopper:
    """Needs sagemaker:StopTrainingSession; made only where StopOnCrossing is on."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def stop(self, name: str, region: str) -> None:
        """StopTrainingSession."""
        ask = partial(self._client_for(region).stop_training_session, TrainingSessionName=name)
        stopped(STOP_SESSION, ask)


class SessionListing:
    """Needs sagemaker:ListTrainingSessions. The clients must not try again by themselves.

    It says nothing of the order of its pages, so that a region's sessions are read whole each time.
    """

    def __init__(self, client_for: Callable[[str], Any], pace: Pace) -> None:
        self._client_for = client_for
        self._pace = pace

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """All sessions, the newest first; each page asked for again, more slowly, where it was throttled or did not
        come.
        """
        pages = pages_at_pace(partial(self._ask, region, created_before), LIST_SESSIONS, region, self._pace)
        listed = [_listed(each, region) for page in pages for each in page.get("TrainingSessionSummaries", [])]
        return ListedPage(tuple(sorted(listed, key=lambda each: each.creation_time, reverse=True)))

    def _ask(self, region: str, created_before: datetime, token: str) -> Mapping[str, Any]:
        more = {"NextToken": token} if token else {}
        try:
            answer: Mapping[str, Any] = self._client_for(region).list_training_sessions(
                MaxResults=PAGE, CreationTimeBefore=created_before, **more
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == _NOT_OFFERED:
                return {}
            raise
        return answer


class SessionStates(SelfDescribedStates):
    """The JobStates port: needs what SageMakerSessions needs."""

    asks = asks_tags = DESCRIBE_SESSION
    status = "TrainingSessionStatus"

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._sessions = SageMakerSessions(client_for)

    def described(self, job: ListedJob) -> Mapping[str, Any]:
        """What DescribeTrainingSession says of it now."""
        detail: Mapping[str, Any] = self._sessions.describe(job.name, job.region)[DETAIL]
        return detail


def _listed(summary: Mapping[str, Any], region: str) -> ListedJob:
    arn, created = summary["TrainingSessionArn"], summary["CreationTime"].astimezone(UTC)
    return ListedJob(name_of(arn), arn, region, summary["TrainingSessionStatus"], created, modified(summary))
