"""A training job as SageMaker describes it.

Parsed once, at the edge, with pydantic; everything further in works on a run made from it (`training_job.py`). Facts
about the API: Amazon SageMaker API Reference, DescribeTrainingJob.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel, to_pascal

from flops_auditor.domain.runs.bounded_evidence import as_digest, is_large
from flops_auditor.domain.runs.run import NOT_ENDED, RunState, state_of
from flops_auditor.domain.runs.sources.built_in_images import is_built_in
from flops_auditor.domain.runs.sources.other_texts import LEFT_OUT_PLACES, other_texts
from flops_auditor.domain.values import archive_keys
from flops_auditor.domain.values.arns import region_of
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.moments import iso, read_time

DELETED = "Deleted"
"""Our own word for a job that was seen running and is gone: only a job that has ended can be deleted."""
PLACES_NOT_KNOWN = "placesNotKnown"
"""Our own member of a description of which only AWS's event is known: it has neither the command line nor TensorBoard's
place, by which a job may say where it leaves results."""
TRAINING = "Training"
MOST_NEEDED = (
    *("RoleArn", "ResourceConfig", "TrainingStartTime"),
    *("OutputDataConfig", "CheckpointConfig", "ModelPackageConfig"),
    "SecondaryStatusTransitions",
)
"""Of an answer that is too long to be noted: whose rights a job had, what it took, and where it leaves what; the parts
that SageMaker bounds first, then the steps, of which there is one more with each restart.
"""
UNREAD = frozenset({"KmsKeyId", "VolumeKmsKeyId", "LocalPath", "StatusMessage"})
"""Members of these parts that no figure rests on, and that may be long."""


class MalformedJob(WrongInput):
    """A DescribeTrainingJob answer that lacks or distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws sagemaker describe-training-job`."


MOST_ENTRIES = 500
"""Hyperparameters, variables or tags: SageMaker itself takes 100, 100 and 50 (API Reference, CreateTrainingJob)."""


def _no_truth(value: object) -> object:
    """JSON's true is no number, whatever a parser makes of it."""
    if isinstance(value, bool):
        raise ValueError(f"{value} is no number")
    return value


def _few(value: object) -> object:
    if isinstance(value, Mapping | Sequence) and len(value) > MOST_ENTRIES:
        raise ValueError(f"{len(value)} entries, more than {MOST_ENTRIES}, and SageMaker takes 100 at most")
    return value


Time = Annotated[datetime, BeforeValidator(read_time)]
MOST_HOSTS = 10**6
"""Of one job, all its groups together."""
Count = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=MOST_HOSTS)]
Seconds = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=10**10)]
TokenCount = Annotated[int, BeforeValidator(_no_truth), Field(ge=0, le=10**18)]
OptionalText = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


def or_nothing(value: object) -> object:
    """A part that may be null, as one that says nothing."""
    return {} if value is None else value


def what_is_wrong(error: ValidationError) -> str:
    """The first field of an answer that is wrong, and why."""
    first = error.errors(include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


class AnswerShape(BaseModel):
    """A part of an answer of SageMaker, with its names there; what else it holds is left aside."""

    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_pascal, populate_by_name=True, defer_build=True
    )


class CamelShape(AnswerShape):
    """The same of a service whose names begin with a small letter, as Bedrock's and AWS Batch's do."""

    model_config = ConfigDict(alias_generator=to_camel)


class StatusTransition(AnswerShape):
    """One entry of SecondaryStatusTransitions."""

    status: str
    start_time: Time | None = None
    end_time: Time | None = None


class InstanceGroup(AnswerShape):
    """`instance_count` hosts of one instance type."""

    instance_type: str
    instance_count: Count


def _within_bounds(groups: tuple[InstanceGroup, ...]) -> tuple[InstanceGroup, ...]:
    hosts = sum(group.instance_count for group in groups)
    if hosts > MOST_HOSTS:
        raise ValueError(f"{hosts} hosts, more than {MOST_HOSTS}")
    return groups


class _Preference(AnswerShape):
    instance_type: str
    instance_count: Count = 0


class _ResourceConfig(AnswerShape):
    instance_type: OptionalText = ""
    instance_count: Count = 0
    instance_groups: Annotated[tuple[InstanceGroup, ...], AfterValidator(_within_bounds)] = ()
    instance_preferences: tuple[_Preference, ...] = ()
    selected_instance_type: OptionalText = ""
    selected_instance_count: Count = 0
    keep_alive_period_in_seconds: Seconds = 0

    def groups(self) -> tuple[InstanceGroup, ...]:
        """The hosts the job ran on; what SageMaker selected overrides what was asked for.

        API Reference, ResourceConfig: a count stands with each preference, or once for the job.
        """
        if self.selected_instance_type:
            asked = {p.instance_type: p.instance_count for p in self.instance_preferences}
            count = self.selected_instance_count or asked.get(self.selected_instance_type, 0) or self.instance_count
            chosen = [(self.selected_instance_type, count)]
        elif self.instance_groups:
            return self.instance_groups
        elif self.instance_type:
            chosen = [(self.instance_type, self.instance_count)]
        else:
            chosen = []
        return tuple(InstanceGroup(instance_type=kind, instance_count=count) for kind, count in chosen)


class Serverless(AnswerShape):
    """A serverless customisation job: no hardware is disclosed, tokens are."""

    base_model_arn: OptionalText = ""
    job_type: OptionalText = ""
    customization_technique: OptionalText = ""
    peft: OptionalText = ""
    sequence_length: OptionalText = ""


CommandLine = Annotated[tuple[str, ...], BeforeValidator(lambda value: () if value is None else _few(value))]


class _MetricDefinition(AnswerShape):
    name: str
    regex: OptionalText = ""


_OWN_SCRIPT = frozenset({"sagemaker_program", "sagemaker_submit_directory"})
"""Hyperparameters, or variables, by which SageMaker's toolkit runs a script (sagemaker-training-toolkit)."""


class _Algorithm(AnswerShape):
    metric_definitions: tuple[_MetricDefinition, ...] = ()
    container_entrypoint: CommandLine = ()
    container_arguments: CommandLine = ()
    training_image: OptionalText = ""


class FinalMetric(AnswerShape):
    """The last value of a metric that the job's log emitted."""

    metric_name: str
    value: Annotated[float, BeforeValidator(_no_truth)]
    timestamp: Time | None = None


class _HubAccess(AnswerShape):
    hub_content_arn: OptionalText = ""


class S3Source(AnswerShape):
    """A place in S3."""

    s3_uri: OptionalText = ""
    s3_data_type: OptionalText = ""
    manifest_s3_uri: OptionalText = ""
    hub_access_config: _HubAccess = _HubAccess.model_construct()


class FileSystem(AnswerShape):
    """A file system that the job mounts."""

    file_system_type: OptionalText = ""


class DataSource(AnswerShape):
    """Where data lies."""

    s3_data_source: S3Source | None = Field(default=None, alias="S3DataSource")
    file_system_data_source: FileSystem | None = None


class Channel(AnswerShape):
    """One input of the job."""

    channel_name: OptionalText = ""
    data_source: DataSource | None = None

    @property
    def uri(self) -> str:
        """The S3 URI the channel reads, or an empty text."""
        source = self.data_source.s3_data_source if self.data_source else None
        return source.s3_uri if source else ""

    @property
    def file_system(self) -> str:
        """The kind of file system the channel reads, or an empty text."""
        source = self.data_source.file_system_data_source if self.data_source else None
        return (source.file_system_type or "unknown") if source else ""

    @property
    def of_another_kind(self) -> bool:
        """Whether it reads something that is neither in S3 nor a file system."""
        source = self.data_source
        return source is not None and source.s3_data_source is None and source.file_system_data_source is None

    @property
    def prefix(self) -> bool:
        """Whether it reads every object whose key begins with its URI's, rather than a folder (API Reference,
        S3DataSource).
        """
        source = self.data_source.s3_data_source if self.data_source else None
        return source is not None and source.s3_data_type == "S3Prefix" and self.uri.rstrip()[-1:] != "/"

    @property
    def hub_content_arn(self) -> str:
        """What of a hub gives the channel's model, or an empty text."""
        source = self.data_source.s3_data_source if self.data_source else None
        return source.hub_access_config.hub_content_arn if source else ""

    @property
    def manifest(self) -> bool:
        """Whether a file lists what the channel reads."""
        source = self.data_source.s3_data_source if self.data_source else None
        return source is not None and source.s3_data_type in {"ManifestFile", "AugmentedManifestFile"}


class _ModelArtifacts(AnswerShape):
    s3_model_artifacts: OptionalText = Field(default="", alias="S3ModelArtifacts")


class _OutputConfig(AnswerShape):
    s3_output_path: OptionalText = Field(default="", alias="S3OutputPath")


class _WarmPool(AnswerShape):
    reused_by_job: OptionalText = ""


class _Checkpoint(AnswerShape):
    s3_uri: OptionalText = ""


class _Stopping(AnswerShape):
    max_runtime_in_seconds: Seconds | None = None


class _ModelPackage(AnswerShape):
    source_model_package_arn: OptionalText = ""


Texts = Annotated[dict[str, str], BeforeValidator(lambda value: {} if value is None else _few(value))]


class _Debugger(AnswerShape):
    s3_output_path: OptionalText = Field(default="", alias="S3OutputPath")
    hook_parameters: Texts = {}


class _Profiler(AnswerShape):
    s3_output_path: OptionalText = Field(default="", alias="S3OutputPath")
    profiling_parameters: Texts = {}


class TrainingJob(AnswerShape):
    """One SageMaker training job: what DescribeTrainingJob answers, as far as the audit reads it."""

    training_job_name: str = Field(min_length=1)
    training_job_arn: OptionalText = ""
    role_arn: OptionalText = ""
    training_job_status: str
    creation_time: Time | None = None
    training_start_time: Time | None = None
    training_end_time: Time | None = None
    last_modified_time: Time | None = None
    training_time_in_seconds: Seconds | None = None
    billable_token_count: TokenCount | None = None
    secondary_status_transitions: tuple[StatusTransition, ...] = ()
    resource_config: _ResourceConfig = _ResourceConfig.model_construct()
    serverless: Serverless | None = Field(default=None, alias="ServerlessJobConfig")
    hyper_parameters: Texts = {}
    environment: Texts = {}
    algorithm_specification: _Algorithm = _Algorithm.model_construct()
    final_metric_data_list: tuple[FinalMetric, ...] = ()
    input_data_config: tuple[Channel, ...] = ()
    model_artifacts: _ModelArtifacts = _ModelArtifacts.model_construct()
    output_data_config: _OutputConfig = _OutputConfig.model_construct()
    checkpoint_config: _Checkpoint = _Checkpoint.model_construct()
    tensor_board_output_config: _OutputConfig = _OutputConfig.model_construct()
    debug_hook_config: _Debugger = _Debugger.model_construct()
    profiler_config: _Profiler = _Profiler.model_construct()
    warm_pool_status: _WarmPool = _WarmPool.model_construct()
    stopping_condition: _Stopping = _Stopping.model_construct()
    model_package_config: _ModelPackage = _ModelPackage.model_construct()
    output_model_package_arn: OptionalText = ""
    tuning_job_arn: OptionalText = ""
    tags: Texts = {}
    other_texts: dict[str, str] = {}
    places_not_known: bool = Field(default=False, alias=PLACES_NOT_KNOWN)
    """Whether only AWS's event says what the job was."""
    left_out_places: tuple[str, ...] | None = Field(default=None, alias=LEFT_OUT_PLACES)
    """Where its texts say that it leaves results, of evidence in which they are cut; None of any other."""

    def with_tags(self, listed: Sequence[Mapping[str, str]]) -> "TrainingJob":
        """The job with its tags, as ListTags gives them."""
        return self.model_copy(update={"tags": {str(tag["Key"]): str(tag["Value"]) for tag in listed}})

    @property
    def name(self) -> str:
        """TrainingJobName."""
        return self.training_job_name

    @property
    def arn(self) -> str:
        """TrainingJobArn; a description without one stands under its name in no account."""
        return self.training_job_arn or f"arn:aws:sagemaker:unknown:000000000000:training-job/{self.name}"

    @property
    def job_id(self) -> str:
        """The identity of the run: a name may be used again after deletion, ARN and creation time may not."""
        return archive_keys.job_id(self.arn, iso(self.creation_time) if self.creation_time else "")

    @property
    def region(self) -> str:
        """The region in the ARN."""
        return region_of(self.arn)

    @property
    def state(self) -> RunState:
        """What TrainingJobStatus means."""
        return state_of_training(self.training_job_status)

    @property
    def finished(self) -> bool:
        """Whether the job has ended."""
        return self.state not in NOT_ENDED

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics that the job's log emits; a failed job may have no final values, but has definitions."""
        defined = (definition.name for definition in self.algorithm_specification.metric_definitions)
        return tuple(sorted({*defined, *(metric.metric_name for metric in self.final_metric_data_list)}))

    @property
    def built_in(self) -> bool:
        """Whether it runs an algorithm of AWS that trains no language model, and no code of its owner in its image.

        Developer Guide, "XGBoost algorithm" (with a script it is a framework); API Reference, AlgorithmSpecification
        (an entrypoint takes the place of the image's own).
        """
        algorithm = self.algorithm_specification
        own = algorithm.container_entrypoint or algorithm.container_arguments
        scripts = {name.lower() for name in (*self.hyper_parameters, *self.environment)} & _OWN_SCRIPT
        return is_built_in(algorithm.training_image) and not own and not scripts

    @property
    def groups(self) -> tuple[InstanceGroup, ...]:
        """Hosts by instance type; empty for a serverless job."""
        return self.resource_config.groups()


def state_of_training(status: str) -> RunState:
    """What a TrainingJobStatus means, and our own word."""
    return "gone" if status == DELETED else state_of(status)


def parse_training_job(answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] | None = None) -> TrainingJob:
    """Read a DescribeTrainingJob answer; `tags` (or a `Tags` list inside the answer) as ListTags gives them.

    Raises MalformedJob with the field that is wrong.
    """
    try:
        listed = tags if tags is not None else answer.get("Tags") or []
        pairs = {str(tag["Key"]): str(tag["Value"]) for tag in listed}
        present = {key: value for key, value in answer.items() if key != "Tags" and value is not None}
        return TrainingJob.model_validate({**present, "tags": pairs, "OtherTexts": other_texts(present)})
    except ValidationError as error:
        raise MalformedJob(what_is_wrong(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise MalformedJob(f"not a description of a training job: {error}") from error


def as_read(answer: Mapping[str, Any], shape: type[AnswerShape] = TrainingJob) -> dict[str, Any]:
    """A DescribeTrainingJob answer in which what is large, and read for places at most, is a digest: rules of
    the debugger and of the profiler alone may be megabytes (API Reference, CreateTrainingJob).
    """
    shapes = {field.alias or to_pascal(name): field.annotation for name, field in shape.model_fields.items()}
    read: dict[str, Any] = {}
    for name, value in answer.items():
        within = shapes.get(name)
        if name not in shapes:
            read[name] = as_digest(value) if is_large(value) else value
        elif isinstance(within, type) and issubclass(within, AnswerShape) and isinstance(value, Mapping):
            read[name] = as_read(value, within)
        else:
            read[name] = value
    return read
