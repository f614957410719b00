"""The DescribedJobs, JobListing and JobStates ports on Amazon SageMaker's jobs of the newer kinds, in any region."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.listing_pages import pages_at_pace
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.sagemaker import described, stopped
from flops_auditor.aws.sources.self_described import SelfDescribedStates, modified
from flops_auditor.domain.runs.sources.sagemaker_job_answer import CATEGORIES, DESCRIBE_SAGEMAKER_JOB, category_in
from flops_auditor.domain.values.arns import name_of, region_of
from flops_auditor.use_cases.ports.side_by_side import SideBySide, in_turn
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage

LIST_SAGEMAKER_JOBS = "sagemaker:ListJobs"
STOP_JOB = "sagemaker:StopJob"
PAGE = 100
"""The most that ListJobs gives at once."""
_NOT_OFFERED = "UnknownOperationException"
"""What a region answers to an operation that it does not have (AWS JSON protocols): it has no such jobs, either."""


class DescribedSageMakerJobs:
    """Needs sagemaker:DescribeJob."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def describe(self, arn: str) -> Mapping[str, Any]:
        """The answer without transport metadata; tags stand in it."""
        client = self._client_for(region_of(arn))
        ask = partial(client.describe_job, JobName=name_of(arn), JobCategory=category_in(arn))
        return described(DESCRIBE_SAGEMAKER_JOB, ask, arn)


class SageMakerJobStopper:
    """Needs sagemaker:StopJob; made only where StopOnCrossing is on. It stops jobs of one category."""

    def __init__(self, client_for: Callable[[str], Any], category: str) -> None:
        self._client_for = client_for
        self._category = category

    def stop(self, name: str, region: str) -> None:
        """StopJob."""
        stopped(STOP_JOB, partial(self._client_for(region).stop_job, JobName=name, JobCategory=self._category))


class SageMakerJobListing:
    """Needs sagemaker:ListJobs. The clients must not try again by themselves.

    A request lists one category, so the categories of a region are read whole each time, `side_by_side`. Each keeps a
    pace of its own, and whoever is throttled slows down.
    """

    def __init__(
        self,
        client_for: Callable[[str], Any],
        pace: Callable[[], Pace],
        categories: Sequence[str] = CATEGORIES,
        side_by_side: SideBySide = in_turn,
    ) -> None:
        self._client_for = client_for
        self._side_by_side = side_by_side
        self._paces = {category: pace() for category in categories}

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """All jobs of the categories, the newest first; each page asked for again, more slowly, where it was throttled
        or did not come.
        """
        try:
            listed = self._side_by_side([partial(self._of, each, region, created_before) for each in self._paces])
        except _NoSuchOperation:
            listed = []
        return ListedPage(tuple(sorted(chain(*listed), key=lambda each: each.creation_time, reverse=True)))

    def _of(self, category: str, region: str, created_before: datetime) -> list[ListedJob]:
        ask = partial(self._ask, category, region, created_before)
        pages = pages_at_pace(ask, LIST_SAGEMAKER_JOBS, region, self._paces[category], category)
        return [_listed(each, region) for page in pages for each in page.get("JobSummaries", [])]

    def _ask(self, category: str, region: str, created_before: datetime, token: str) -> Mapping[str, Any]:
        more = {"NextToken": token} if token else {}
        try:
            answer: Mapping[str, Any] = self._client_for(region).list_jobs(
                JobCategory=category, MaxResults=PAGE, CreationTimeBefore=created_before, **more
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == _NOT_OFFERED:
                raise _NoSuchOperation from error
            if _is_unknown(category, error):
                return {}
            raise
        return answer


class SageMakerJobStates(SelfDescribedStates):
    """The JobStates port: needs what DescribedSageMakerJobs needs."""

    asks = asks_tags = DESCRIBE_SAGEMAKER_JOB
    status = "JobStatus"

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._jobs = DescribedSageMakerJobs(client_for)

    def described(self, job: ListedJob) -> Mapping[str, Any]:
        """What DescribeJob says of it now."""
        return self._jobs.describe(job.arn)


class _NoSuchOperation(Exception):
    """A region does not have the operation."""


def _is_unknown(category: str, error: ClientError) -> bool:
    """Whether a region refuses a category as one that it does not know: it has no jobs of it."""
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "")
    return code == "ValidationException" and category in message and "enum value set" in message


def _listed(summary: Mapping[str, Any], region: str) -> ListedJob:
    created, status = summary["CreationTime"].astimezone(UTC), summary["JobStatus"]
    return ListedJob(summary["JobName"], summary["JobArn"], region, status, created, modified(summary))
