"""A model customization job as Amazon Bedrock describes it.

Parsed once, at the edge, with pydantic; everything further in works on a run made from it (`customization_job.py`).
Facts about the API: Amazon Bedrock API Reference, GetModelCustomizationJob and CreateModelCustomizationJob.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, ValidationError

from flops_auditor.domain.runs.run import NOT_ENDED, RunState, state_of
from flops_auditor.domain.runs.sources.training_job_answer import (
    CamelShape,
    OptionalText,
    Texts,
    Time,
    or_nothing,
    what_is_wrong,
)
from flops_auditor.domain.values.arns import region_of, service_of
from flops_auditor.domain.values.errors import WrongInput

FINE_TUNING = "FINE_TUNING"
CONTINUED_PRE_TRAINING = "CONTINUED_PRE_TRAINING"
DISTILLATION = "DISTILLATION"
REINFORCEMENT = "REINFORCEMENT_FINE_TUNING"
NOT_STARTED = "NotStarted"
"""Of a part of a job that never began."""
JOB_ARN = re.compile(
    r"(?P<service>arn:aws[a-z-]*:bedrock:(?P<region>[a-z0-9-]{1,20}):(?P<account>\d{12})):"
    r"model-customization-job/(?P<id>[A-Za-z0-9][A-Za-z0-9.:+-]{0,190}(?:/[a-z0-9]{1,63})?)"
)
_MODEL = re.compile(
    r"(?P<service>arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}):(?:"
    r"(?:\d{12})?:foundation-model/(?P<foundation>[^/\s]{1,256})"
    r"|\d{12}:(?:custom-model/(?P<base>[^/\s]{1,256})|(?P<imported>imported)-model)/[a-z0-9]{12})"
)
IMPORTED = "imported"
"""In the ARN of a custom model, in the place of its base: its weights came from elsewhere."""


class MalformedCustomizationJob(WrongInput):
    """A GetModelCustomizationJob answer that lacks or distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws bedrock get-model-customization-job`."


def _job_arn(text: str) -> str:
    if JOB_ARN.fullmatch(text) is None:
        raise ValueError("it is no ARN of a model customization job")
    return text


class PartOfJob(CamelShape):
    """One of the parts that a job passes through, such as its training."""

    status: OptionalText = ""
    creation_time: Time | None = None
    last_modified_time: Time | None = None


class _Details(CamelShape):
    training_details: Annotated[PartOfJob, BeforeValidator(or_nothing)] = PartOfJob.model_construct()


class _TrainingData(CamelShape):
    """What it is trained on: a file, and whatever else it names."""

    model_config = ConfigDict(extra="allow")

    s3_uri: OptionalText = ""

    @property
    def beside_the_file(self) -> list[str]:
        """Members that name other data, such as logs of invocations."""
        return sorted(name for name, value in (self.model_extra or {}).items() if value)


class _Teacher(CamelShape):
    teacher_model_identifier: OptionalText = ""


class _Distillation(CamelShape):
    teacher_model_config: Annotated[_Teacher, BeforeValidator(or_nothing)] = _Teacher.model_construct()


class _Reinforcement(CamelShape):
    """What is set up for it bounds no tokens: how many prompts there are is said nowhere."""


class _Customization(CamelShape):
    """How it is customized; what else it holds is a way that is not known."""

    model_config = ConfigDict(extra="allow")

    distillation_config: _Distillation | None = None
    rft_config: _Reinforcement | None = None


class CustomizationJob(CamelShape):
    """One customization job: what GetModelCustomizationJob answers, as far as the audit reads it."""

    job_arn: Annotated[str, AfterValidator(_job_arn)]
    job_name: str = Field(min_length=1)
    status: str
    creation_time: Time
    last_modified_time: Time | None = None
    end_time: Time | None = None
    role_arn: OptionalText = ""
    base_model_arn: OptionalText = ""
    output_model_arn: OptionalText = ""
    customization_type: OptionalText = ""
    status_details: Annotated[_Details, BeforeValidator(or_nothing)] = _Details.model_construct()
    hyper_parameters: Texts = Field(default_factory=dict)
    training_data_config: Annotated[_TrainingData, BeforeValidator(or_nothing)] = _TrainingData.model_construct()
    customization_config: Annotated[_Customization, BeforeValidator(or_nothing)] = _Customization.model_construct()
    tags: Texts = Field(default_factory=dict)

    @property
    def state(self) -> RunState:
        """What `status` means. One that is not known shows neither that the job goes on nor that it has ended."""
        return state_of(self.status)

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state not in NOT_ENDED

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return region_of(self.job_arn)

    @property
    def training(self) -> PartOfJob:
        """Its training."""
        return self.status_details.training_details

    @property
    def kind(self) -> Literal["tuning", "distillation", "reinforcement", "other"]:
        """How it trains: on its data alone, on what a teacher makes, on what it generates; or in a way that is not
        known. What it is set up for counts before what it is called.
        """
        config, called = self.customization_config, self.customization_type
        if config.distillation_config is not None or called == DISTILLATION:
            return "distillation"
        if config.rft_config is not None or called == REINFORCEMENT:
            return "reinforcement"
        return "tuning" if called in (FINE_TUNING, CONTINUED_PRE_TRAINING) and not self.other_ways else "other"

    @property
    def other_ways(self) -> list[str]:
        """Ways to customize that it is set up for, and that are not known."""
        return sorted(
            name for name, value in (self.customization_config.model_extra or {}).items() if value is not None
        )

    @property
    def teacher(self) -> str:
        """The model that made the data that it trains on, or an empty text."""
        config = self.customization_config.distillation_config
        return config.teacher_model_config.teacher_model_identifier if config else ""

    @property
    def foundation_model(self) -> str:
        """The id of the foundation model that it began with, through a custom model, too; empty where its ARN says
        none.
        """
        model = _MODEL.fullmatch(self.base_model_arn)
        named = (model["foundation"] or model["base"] or "") if model else ""
        return "" if named == IMPORTED else named

    @property
    def foundation_model_arn(self) -> str:
        """The same as an ARN."""
        model = _MODEL.fullmatch(self.base_model_arn)
        named = self.foundation_model
        return f"{model['service']}::foundation-model/{named}" if model and named else ""

    @property
    def custom_model(self) -> str:
        """The ARN of the custom or imported model that it continues, or an empty text."""
        model = _MODEL.fullmatch(self.base_model_arn)
        return self.base_model_arn if model and (model["base"] or model["imported"]) else ""


def is_customization_job(answer: Mapping[str, Any]) -> bool:
    """Whether an answer is one of GetModelCustomizationJob: no other service's job, which AWS Batch calls alike."""
    named = "jobArn" in answer and ("jobName" in answer or "baseModelArn" in answer)
    return named and service_of(str(answer["jobArn"])) in ("bedrock", "")


def parse_customization_job(
    answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] | None = None
) -> CustomizationJob:
    """Read a GetModelCustomizationJob answer; `tags` (or a `tags` list inside the answer) as the audit keeps them, or
    as ListTagsForResource gives them. Raises MalformedCustomizationJob with the field that is wrong.
    """
    try:
        listed = tags if tags is not None else answer.get("tags") or answer.get("Tags") or []
        pairs = {str(_of(tag, "Key")): str(_of(tag, "Value")) for tag in listed}
        present = {key: value for key, value in answer.items() if value is not None}
        return CustomizationJob.model_validate({**present, "tags": pairs})
    except ValidationError as error:
        raise MalformedCustomizationJob(what_is_wrong(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedCustomizationJob(f"not a description of a customization job: {error}") from error


def _of(tag: Mapping[str, str], name: str) -> str:
    return tag[name] if name in tag else tag[name.lower()]
