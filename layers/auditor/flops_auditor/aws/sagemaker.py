"""The TrainingJobs port on Amazon SageMaker, in any region."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.refusals import refusals
from flops_auditor.use_cases.ports import UnknownTrainingJob

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


class SageMakerJobs:
    """Needs sagemaker:DescribeTrainingJob and sagemaker:ListTags."""

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
