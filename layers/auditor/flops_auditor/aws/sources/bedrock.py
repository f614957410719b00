"""The CustomizationJobs, CustomModels, JobListing and JobStates ports on Amazon Bedrock, in any region."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from flops_auditor.aws.calls.listing_pages import page_at_pace
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.aws.sources.regions import regions_with
from flops_auditor.aws.sources.sagemaker import described
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.custom_models import IMPORTED_MODEL
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage, SourceDenied, UnknownTrainingJob

GET_JOB = "bedrock:GetModelCustomizationJob"
LIST_TAGS = "bedrock:ListTagsForResource"
GET_IMPORTED_MODEL = "bedrock:GetImportedModel"
GET_CUSTOM_MODEL = "bedrock:GetCustomModel"
LIST_JOBS = "bedrock:ListModelCustomizationJobs"
PAGE = 100
_BEDROCK = "bedrock"
_NOT_FOUND = frozenset({"ResourceNotFoundException", "ValidationException"})


class BedrockJobs:
    """Needs bedrock:GetModelCustomizationJob and bedrock:ListTagsForResource."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata."""
        ask = partial(self._client_for(region).get_model_customization_job, jobIdentifier=name)
        return described(GET_JOB, ask, f"{name} in {region}", lambda code, _: code in _NOT_FOUND)

    def tags(self, arn: str, region: str) -> Sequence[Mapping[str, str]]:
        """The answer of ListTagsForResource, which has no pages."""
        with refusals(LIST_TAGS):
            tags = self._client_for(region).list_tags_for_resource(resourceARN=arn)["tags"]
        return [{"Key": tag["key"], "Value": tag["value"]} for tag in tags]


class BedrockModels:
    """Needs bedrock:GetImportedModel and bedrock:GetCustomModel."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def model(self, arn: str, region: str) -> Mapping[str, Any]:
        """The answer without transport metadata."""
        imported = IMPORTED_MODEL.fullmatch(arn) is not None
        action = GET_IMPORTED_MODEL if imported else GET_CUSTOM_MODEL
        if region not in regions_with(_BEDROCK):  # the ARN may be anybody's text: there is nobody to ask
            raise SourceDenied(Unread(action, "UnknownRegion", f"no Bedrock in region {region[:40]!r}"))
        client = self._client_for(region)
        ask = partial(client.get_imported_model if imported else client.get_custom_model, modelIdentifier=arn)
        try:
            return described(action, ask, arn, lambda code, _: code == "ResourceNotFoundException")
        except UnknownTrainingJob as gone:
            raise SourceDenied(Unread(action, "ResourceNotFound", str(gone)[:300])) from gone


class BedrockListing:
    """Needs bedrock:ListModelCustomizationJobs. The clients must not try again by themselves."""

    def __init__(self, client_for: Callable[[str], Any], pace: Pace) -> None:
        self._client_for = client_for
        self._pace = pace

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """One page, the newest job first; asked for again, more slowly, where it was throttled or did not come."""
        answer = page_at_pace(lambda: self._ask(region, created_before, token), LIST_JOBS, region, self._pace)
        jobs = tuple(
            ListedJob(
                summary["jobName"],
                summary["jobArn"],
                region,
                summary["status"],
                summary["creationTime"].astimezone(UTC),
                _ended(summary),
            )
            for summary in answer.get("modelCustomizationJobSummaries", [])
        )
        return ListedPage(jobs, answer.get("nextToken", ""))

    def _ask(self, region: str, created_before: datetime, token: str) -> Mapping[str, Any]:
        answer: Mapping[str, Any] = self._client_for(region).list_model_customization_jobs(
            sortBy="CreationTime",
            sortOrder="Descending",
            maxResults=PAGE,
            creationTimeBefore=created_before,
            **({"nextToken": token} if token else {}),
        )
        return answer


class BedrockStates:
    """The JobStates port: needs what BedrockJobs needs."""

    asks, asks_tags = GET_JOB, LIST_TAGS

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._jobs = BedrockJobs(client_for)

    def now(self, job: ListedJob) -> ListedJob | None:
        """What GetModelCustomizationJob says of it now."""
        try:
            with outages(self.asks):
                answer = self._jobs.describe(job.arn, job.region)
        except UnknownTrainingJob:
            return None
        return replace(job, status=str(answer["status"]), last_modified=_ended(answer) or job.last_modified)

    def tags(self, job: ListedJob) -> Sequence[Mapping[str, str]]:
        """The answer of ListTagsForResource."""
        with outages(self.asks_tags):
            return self._jobs.tags(job.arn, job.region)


def _ended(answer: Mapping[str, Any]) -> datetime | None:
    """When a job was last touched."""
    moment: datetime | None = answer.get("lastModifiedTime") or answer.get("endTime")
    return None if moment is None else moment.astimezone(UTC)
