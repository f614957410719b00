"""A training session as SageMaker describes it.

Parsed once, at the edge, with pydantic; everything further in works on a run made from it (`training_session.py`).
Facts about the API: Amazon SageMaker API Reference, DescribeTrainingSession; the operations that a session takes are
those of Amazon SageMaker Training Session Runtime, ExecuteTrainingOperation and ExecuteSamplingOperation.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from flops_auditor.domain.runs.run import NOT_ENDED, RunState
from flops_auditor.domain.runs.sources.training_job_answer import (
    DELETED,
    AnswerShape,
    OptionalText,
    Texts,
    Time,
    TokenCount,
    or_nothing,
    what_is_wrong,
)
from flops_auditor.domain.values.arns import region_of
from flops_auditor.domain.values.errors import WrongInput

DETAIL = "TrainingSessionDetail"
DESCRIBE_SESSION = "sagemaker:DescribeTrainingSession"
SESSION_ARN = re.compile(
    r"arn:aws[a-z-]*:sagemaker:(?P<region>[a-z0-9-]{1,20}):(?P<account>\d{12}):"
    r"training-session/(?P<name>[a-zA-Z0-9](?:-*[a-zA-Z0-9]){0,62})"
)
_STATES: Mapping[str, RunState] = {
    **dict.fromkeys(("Created", "Scheduled", "Running", "Blocked"), "running"),
    "Stopping": "ending",
    **dict.fromkeys(("Stopped", "Expired", "Deleting", "DeletionFailed"), "stopped"),
    "Failed": "error",
    DELETED: "gone",
}
"""A blocked session takes operations (ExecuteTrainingOperation), and none that runs can be deleted
(DeleteTrainingSession).
"""


class MalformedTrainingSession(WrongInput):
    """A DescribeTrainingSession answer that lacks or distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws sagemaker describe-training-session`."


def _session_arn(text: str) -> str:
    if SESSION_ARN.fullmatch(text) is None:
        raise ValueError("it is no ARN of a training session")
    return text


class TokenUsage(AnswerShape):
    """Tokens that the service charges for; None of which it says nothing."""

    training_token_count: TokenCount | None = None
    sample_token_count: TokenCount | None = None
    prefill_token_count: TokenCount | None = None


class _ModelConfig(AnswerShape):
    base_model_arn: OptionalText = ""


class _S3Location(AnswerShape):
    path: OptionalText = ""


class _Output(AnswerShape):
    s3_location: Annotated[_S3Location, BeforeValidator(or_nothing)] = Field(
        default=_S3Location.model_construct(), alias="S3Location"
    )


class _Lora(AnswerShape):
    """That there are adapters says how it trains: of how many parameters, depends on the layers that have one."""


class TrainingSession(AnswerShape):
    """One training session: what DescribeTrainingSession answers, as far as the audit reads it."""

    training_session_arn: Annotated[str, AfterValidator(_session_arn)]
    training_session_name: str = Field(min_length=1)
    training_session_status: str
    creation_time: Time
    last_modified_time: Time | None = None
    end_time: Time | None = None
    model_package_group_arn: OptionalText = ""
    last_received_sequence_number: Annotated[int, Field(ge=0, strict=True)] | None = None
    billable_token_usage: Annotated[TokenUsage, BeforeValidator(or_nothing)] = TokenUsage.model_construct()
    role_arn: OptionalText = ""
    lora_config: _Lora | None = None
    model_config_: Annotated[_ModelConfig, BeforeValidator(or_nothing)] = Field(
        default=_ModelConfig.model_construct(), alias="ModelConfig"
    )
    output_config: Annotated[_Output, BeforeValidator(or_nothing)] = _Output.model_construct()
    tags: Texts = Field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """What `TrainingSessionStatus` means."""
        return state_of_session(self.training_session_status)

    @property
    def finished(self) -> bool:
        """Whether it has ended."""
        return self.state not in NOT_ENDED

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return region_of(self.training_session_arn)

    @property
    def base_model(self) -> str:
        """The ARN of the model that it begins with, or an empty text."""
        return self.model_config_.base_model_arn

    @property
    def output(self) -> str:
        """Where in S3 it leaves checkpoints and models, or an empty text."""
        return self.output_config.s3_location.path


def state_of_session(status: str) -> RunState:
    """What a TrainingSessionStatus means, and our own word. One that is not known shows neither that the session goes
    on nor that it has ended.
    """
    return _STATES.get(status, "ending")


def is_training_session(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is one of DescribeTrainingSession."""
    return DETAIL in answer


def parse_training_session(
    answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] | None = None
) -> TrainingSession:
    """Read a DescribeTrainingSession answer; `tags`, or those inside of it. Raises MalformedTrainingSession with the
    field that is wrong.
    """
    try:
        detail = answer[DETAIL]
        listed = tags if tags is not None else detail.get("Tags") or []
        pairs = {str(tag["Key"]): str(tag["Value"]) for tag in listed}
        present = {key: value for key, value in detail.items() if key != "Tags" and value is not None}
        return TrainingSession.model_validate({**present, "tags": pairs})
    except ValidationError as error:
        raise MalformedTrainingSession(what_is_wrong(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedTrainingSession(f"not a description of a training session: {error}") from error
