"""A SageMaker job of the newer kinds (CreateJob, ListJobs) as DescribeJob describes it.

Parsed once, at the edge, with pydantic; everything further in works on a run made from it (`sagemaker_job.py`). What
its JobConfigDocument says is read by `sagemaker_job_document.py`.
Facts about the API: Amazon SageMaker API Reference, CreateJob, DescribeJob.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, Field, ValidationError

from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.sagemaker_job_document import JobDocument, read_document
from flops_auditor.domain.runs.sources.training_job_answer import (
    DELETED,
    AnswerShape,
    OptionalText,
    StatusTransition,
    Texts,
    Time,
    what_is_wrong,
)
from flops_auditor.domain.values.arns import region_of
from flops_auditor.domain.values.errors import WrongInput

DESCRIBE_SAGEMAKER_JOB = "sagemaker:DescribeJob"
SAGEMAKER_JOB_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]{1,20}):(?P<account>\d{12}):"
    r"job/(?P<category>[a-zA-Z0-9]{1,64})/(?P<name>[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})"
)
TRAINS = "AgentRFT"
GENERATES = "SyntheticDataGeneration"
NEITHER = ("AgentRFTEvaluation", "DataQualityEvaluation", "DataTransformation")
"""Evaluate a model or data, or change the form of data: no parameters are updated, and nothing is generated that a
model is trained on (CreateJob).
"""
CATEGORIES = (TRAINS, GENERATES, *NEITHER)
_STATES: Mapping[str, RunState] = {
    "InProgress": "running",
    "Stopping": "ending",
    "Completed": "succeeded",
    **dict.fromkeys(("Stopped", "Deleting", "DeleteFailed"), "stopped"),
    "Failed": "error",
    DELETED: "gone",
}
"""None that runs can be deleted (DeleteJob)."""


_OWN = frozenset({"Tags", "tags", "Document", "document"})
"""Members that the answer does not give as the shape has them."""


class MalformedSageMakerJob(WrongInput):
    """A DescribeJob answer that lacks or distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws sagemaker describe-job`."


def _job_arn(text: str) -> str:
    if SAGEMAKER_JOB_ARN.fullmatch(text) is None:
        raise ValueError("it is no ARN of a job")
    return text


class SageMakerJob(AnswerShape):
    """One job: what DescribeJob answers, as far as the audit reads it. `document` is its JobConfigDocument, read."""

    job_arn: Annotated[str, AfterValidator(_job_arn)]
    job_name: str = Field(min_length=1)
    job_category: OptionalText = ""
    job_status: str
    job_config_schema_version: OptionalText = ""
    creation_time: Time
    last_modified_time: Time | None = None
    end_time: Time | None = None
    role_arn: OptionalText = ""
    secondary_status_transitions: tuple[StatusTransition, ...] = ()
    tags: Texts = Field(default_factory=dict)
    document: JobDocument

    @property
    def category(self) -> str:
        """Its category; the one in its ARN, where nothing else says it. Both, where they contradict each other."""
        told, named = self.job_category, category_in(self.job_arn)
        return f"{told} and {named}" if told and named in CATEGORIES and named != told else told or named

    @property
    def state(self) -> RunState:
        """What `JobStatus` means."""
        return state_of_sagemaker_job(self.job_status)

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.state not in NOT_ENDED

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return region_of(self.job_arn)


def state_of_sagemaker_job(status: str) -> RunState:
    """What a JobStatus means, and our own word. One that is not known shows neither that the job goes on nor that it
    has ended.
    """
    return _STATES.get(status, "ending")


def category_in(arn: str) -> str:
    """The category that an ARN names, as the API spells it; as it stands there where it is not known."""
    match = SAGEMAKER_JOB_ARN.fullmatch(arn)
    spelt = match["category"] if match else ""
    return next((each for each in CATEGORIES if each.lower() == spelt.lower()), spelt)


def is_sagemaker_job(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is one of DescribeJob."""
    return "JobCategory" in answer


def parse_sagemaker_job(answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] | None = None) -> SageMakerJob:
    """Read a DescribeJob answer; `tags`, or those inside of it. Raises MalformedSageMakerJob with the field that is
    wrong.
    """
    try:
        listed = tags if tags is not None else answer.get("Tags") or []
        pairs = {str(tag["Key"]): str(tag["Value"]) for tag in listed}
        present = {key: value for key, value in answer.items() if key not in _OWN and value is not None}
        document = read_document(answer.get("JobConfigDocument"))
        return SageMakerJob.model_validate({**present, "tags": pairs, "document": document})
    except ValidationError as error:
        raise MalformedSageMakerJob(what_is_wrong(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedSageMakerJob(f"not a description of a job: {error}") from error
