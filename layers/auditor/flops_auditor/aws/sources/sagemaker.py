"""The TrainingJobs, JobListing, JobStates and JobStopper ports on Amazon SageMaker, in any region."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.listing_pages import page_at_pace
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.aws.sources.regions import SAGEMAKER, regions_with
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage, SourceDenied, UnknownTrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

DESCRIBE_PACKAGE = "sagemaker:DescribeModelPackage"
LIST_JOBS = "sagemaker:ListTrainingJobs"
PAGE = 100
"""The most that ListTrainingJobs gives at once."""


def _knows_none(code: str, message: str) -> bool:
    """Whether SageMaker knows nothing of a name, by its error."""
    not_found = "not found" in message or "not find" in message
    return code in {"ValidationException", "ResourceNotFound"} and not_found


def described(
    action: str,
    ask: Callable[[], Mapping[str, Any]],
    name: str,
    knows_none: Callable[[str, str], bool] = _knows_none,
) -> Mapping[str, Any]:
    """What `ask` is answered by `action`, without transport metadata. Raises UnknownTrainingJob where the service knows
    nothing of that name, which its error's code and message say, and SourceDenied.
    """
    with refusals(action):
        try:
            answer = dict(ask())
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            if knows_none(error.response["Error"]["Code"], message):
                raise UnknownTrainingJob(f"{name}: {message[:200]}") from error
            raise
    answer.pop("ResponseMetadata", None)
    return answer


class SageMakerJobs:
    """Needs sagemaker:DescribeTrainingJob, sagemaker:ListTags and sagemaker:DescribeModelPackage."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._client_for = client_for

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata."""
        ask = partial(self._client_for(region).describe_training_job, TrainingJobName=name)
        return described("sagemaker:DescribeTrainingJob", ask, f"{name} in {region}")

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        """All pages of ListTags."""
        with refusals("sagemaker:ListTags"):
            pages = self._client_for(region).get_paginator("list_tags").paginate(ResourceArn=arn)
            return [{"Key": tag["Key"], "Value": tag["Value"]} for page in pages for tag in page["Tags"]]

    def model_package(self, arn: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata and, where boto3 can leave it out, the text of the model card."""
        if region not in regions_with(SAGEMAKER):  # the ARN may be anybody's text: there is nobody to ask
            raise SourceDenied(Unread(DESCRIBE_PACKAGE, "UnknownRegion", f"no SageMaker in region {region[:40]!r}"))
        client = self._client_for(region)
        shape = client.meta.service_model.operation_model("DescribeModelPackage").input_shape
        with refusals(DESCRIBE_PACKAGE):
            try:
                answer: dict[str, Any] = dict(
                    client.describe_model_package(ModelPackageName=arn, IncludedData="MetadataOnly")
                    if shape is not None and "IncludedData" in shape.members  # newer than some Lambda runtimes
                    else client.describe_model_package(ModelPackageName=arn)
                )
            except ClientError as error:
                if error.response["Error"]["Code"].startswith("ResourceNotFound"):
                    message = error.response["Error"].get("Message", "")
                    raise SourceDenied(Unread(DESCRIBE_PACKAGE, "ResourceNotFound", message[:300])) from error
                raise
        answer.pop("ResponseMetadata", None)
        return answer


class SageMakerListing:
    """Needs sagemaker:ListTrainingJobs. The clients must not try again by themselves: each try counts for the quota."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"], pace: Pace) -> None:
        self._client_for = client_for
        self._pace = pace

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """One page of ListTrainingJobs; asked for again, more slowly, where it was throttled or did not come."""
        answer = page_at_pace(lambda: self._ask(region, created_before, token), LIST_JOBS, region, self._pace)
        jobs = tuple(
            ListedJob(
                summary["TrainingJobName"],
                summary["TrainingJobArn"],
                region,
                summary["TrainingJobStatus"],
                summary["CreationTime"].astimezone(UTC),
                summary["LastModifiedTime"].astimezone(UTC) if "LastModifiedTime" in summary else None,
            )
            for summary in answer["TrainingJobSummaries"]
        )
        return ListedPage(jobs, answer.get("NextToken", ""))

    def _ask(self, region: str, created_before: datetime, token: str) -> Mapping[str, Any]:
        return self._client_for(region).list_training_jobs(
            SortBy="CreationTime",
            SortOrder="Descending",
            MaxResults=PAGE,
            CreationTimeBefore=created_before,
            **({"NextToken": token} if token else {}),  # type: ignore[arg-type]
        )


class SageMakerStates:
    """The JobStates port: needs sagemaker:DescribeTrainingJob and sagemaker:ListTags."""

    asks, asks_tags = "sagemaker:DescribeTrainingJob", "sagemaker:ListTags"

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._jobs = SageMakerJobs(client_for)

    def now(self, job: ListedJob) -> ListedJob | None:
        """What DescribeTrainingJob says of it now."""
        try:
            with outages(self.asks):
                job_now = self._jobs.describe(job.name, job.region)
        except UnknownTrainingJob:
            return None
        created = job_now["CreationTime"].astimezone(UTC)
        if abs(created - job.creation_time) >= timedelta(seconds=1):
            return None
        modified = job_now.get("LastModifiedTime")
        status = str(job_now["TrainingJobStatus"])
        return replace(job, status=status, last_modified=modified.astimezone(UTC) if modified else job.last_modified)

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        """All pages of ListTags."""
        with outages(self.asks_tags):
            return self._jobs.tags(job.arn, job.region)


class SageMakerStopper:
    """Needs sagemaker:StopTrainingJob; made only where StopOnCrossing is on."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._client_for = client_for

    def stop(self, name: str, region: str) -> None:
        """StopTrainingJob."""
        stopped("sagemaker:StopTrainingJob", partial(self._client_for(region).stop_training_job, TrainingJobName=name))


def stopped(action: str, ask: Callable[[], object]) -> None:
    """Ask SageMaker to stop a run. One that has ended meanwhile, or is gone, needs no stopping. Raises SourceDenied."""
    with refusals(action):
        try:
            ask()
        except ClientError as error:
            message = error.response["Error"].get("Message", "")
            if "status" in message.lower() or "not found" in message.lower():
                return
            raise
