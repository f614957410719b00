"""The TrainingJobs, JobListing and JobStopper ports on Amazon SageMaker, in any region."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.aws.sources.regions import regions_with_sagemaker
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.use_cases.ports.sources import ListedJob, SourceDenied, UnknownTrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

DESCRIBE_PACKAGE = "sagemaker:DescribeModelPackage"
MOST_JOBS_IN_A_PAGE = 100
"""The most that ListTrainingJobs gives at once."""


class SageMakerJobs:
    """Needs sagemaker:DescribeTrainingJob, sagemaker:ListTags and sagemaker:DescribeModelPackage."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._client_for = client_for

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata."""
        with refusals("sagemaker:DescribeTrainingJob"):
            try:
                answer: dict[str, Any] = dict(self._client_for(region).describe_training_job(TrainingJobName=name))
            except ClientError as error:
                message = error.response["Error"].get("Message", "")
                if error.response["Error"]["Code"] in {"ValidationException", "ResourceNotFound"} and (
                    "not found" in message or "not find" in message
                ):
                    raise UnknownTrainingJob(f"{name} in {region}: {message[:200]}") from error
                raise
        answer.pop("ResponseMetadata", None)
        return answer

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        """All pages of ListTags."""
        with refusals("sagemaker:ListTags"):
            pages = self._client_for(region).get_paginator("list_tags").paginate(ResourceArn=arn)
            return [{"Key": tag["Key"], "Value": tag["Value"]} for page in pages for tag in page["Tags"]]

    def model_package(self, arn: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata and, where boto3 can leave it out, the text of the model card."""
        if region not in regions_with_sagemaker():  # the ARN may be anybody's text: there is nobody to ask
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
    """Needs sagemaker:ListTrainingJobs."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._client_for = client_for

    def list(
        self,
        region: str,
        *,
        status: str | None = None,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        modified_after: datetime | None = None,
    ) -> Iterator[ListedJob]:
        """All pages of ListTrainingJobs, oldest job first, as many to a page as the API gives."""
        wanted = {
            "StatusEquals": status,
            "CreationTimeAfter": created_after,
            "CreationTimeBefore": created_before,
            "LastModifiedTimeAfter": modified_after,
        }
        with outages("sagemaker:ListTrainingJobs"), refusals("sagemaker:ListTrainingJobs"):
            pages = (
                self._client_for(region)
                .get_paginator("list_training_jobs")
                .paginate(
                    SortBy="CreationTime",
                    SortOrder="Ascending",
                    PaginationConfig={"PageSize": MOST_JOBS_IN_A_PAGE},
                    **{key: value for key, value in wanted.items() if value is not None},  # type: ignore[arg-type]
                )
            )
            for page in pages:
                for found in page["TrainingJobSummaries"]:
                    yield ListedJob(
                        found["TrainingJobName"],
                        found["TrainingJobArn"],
                        region,
                        found["TrainingJobStatus"],
                        found["CreationTime"].astimezone(UTC),
                        found["LastModifiedTime"].astimezone(UTC) if "LastModifiedTime" in found else None,
                    )


class SageMakerStopper:
    """Needs sagemaker:StopTrainingJob; made only where StopOnCrossing is on."""

    def __init__(self, client_for: Callable[[str], "SageMakerClient"]) -> None:
        self._client_for = client_for

    def stop(self, name: str, region: str) -> None:
        """StopTrainingJob. A job that has ended meanwhile needs no stopping."""
        with refusals("sagemaker:StopTrainingJob"):
            try:
                self._client_for(region).stop_training_job(TrainingJobName=name)
            except ClientError as error:
                message = error.response["Error"].get("Message", "")
                if "status" in message.lower() or "not found" in message.lower():
                    return
                raise
