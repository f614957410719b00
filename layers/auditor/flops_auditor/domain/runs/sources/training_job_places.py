"""Where a SageMaker training job leaves its results, and what it begins from.

Facts: Amazon SageMaker API Reference, DescribeTrainingJob (OutputDataConfig, ModelArtifacts, CheckpointConfig,
InputDataConfig, ModelPackageConfig).
"""

import re
from collections.abc import Mapping, Sequence

from flops_auditor.domain.runs.hyperparameters import plain
from flops_auditor.domain.runs.places import NAMES, Location, Reference, each_once, read_s3
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob
from flops_auditor.domain.values.remarks import Kind, Remark

NOT_CONTINUED = "none"
"""The tag value that says: whatever this job reads, it continues no other job."""
_MODEL_LIKE = re.compile(r"model|check_?point|ckpt|weight|resume|adapter|pretrain|init|base", re.IGNORECASE)
_OUTPUT_LIKE = re.compile(r"output|save|export|upload|log|push|submit", re.IGNORECASE)
_NOT_COUNTED = re.compile(r"teacher|reward|value_?function|critic|judge", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d*:(training-job|model-package)/\S+")

CONTINUES_NOTHING = Kind(
    "lineage-tag-none",
    "tag flops-auditor:lineage says that the job continues no other: what it reads was not looked up",
)
AUXILIARY_CHANNEL = Kind(
    "auxiliary-channel",
    "channel {channel:said} is a teacher or an auxiliary model, which does not count",
)


def read_location(text: str) -> Location | None:
    """An S3 URI or an ARN of a training job or model package; None for anything else."""
    text = text.strip()
    return read_s3(text) or (Location(text) if _ARN.fullmatch(text) else None)


def is_model_channel(name: str) -> bool:
    """Whether a channel gives a model that the job begins with, and no teacher or reward model."""
    return bool(_MODEL_LIKE.search(name)) and not _NOT_COUNTED.search(name)


def outputs(job: TrainingJob) -> tuple[Location, ...]:
    """Every place that the job's results may be taken from, each once, none inside another.

    SageMaker writes below `<S3OutputPath>/<job name>/`: the output path alone is shared by many jobs.
    """
    found = [Location(job.arn), Location(NAMES, (job.name,))]
    path = read_location(job.output_data_config.s3_output_path)
    if path is not None:
        found.append(Location(path.space, (*path.path, job.name)))
    artifacts = (job.model_artifacts.s3_model_artifacts, job.checkpoint_config.s3_uri, job.output_model_package_arn)
    for text in artifacts:
        location = read_location(text)
        if location is not None and not any(known.holds(location) for known in found):
            found.append(location)
    return tuple(dict.fromkeys(found))


def checkpoints(job: TrainingJob) -> tuple[Location, ...]:
    """Those of its outputs that are no place of SageMaker's choice: the checkpoint URI, which any job may name."""
    location = read_location(job.checkpoint_config.s3_uri)
    return (location,) if location is not None and location in outputs(job) else ()


def references(job: TrainingJob, tagged: Sequence[str]) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the job begins from, and remarks about what was not used (never raises). `tagged` is its lineage tag.

    Model and checkpoint channels, the checkpoint URI, hyperparameters and variables that name a model in S3, the source
    model package and the lineage tag. Teachers and reward models do not count (Annex A.1).
    """
    notes: list[Remark] = []
    found = [_tagged(text) for text in tagged if text.lower() != NOT_CONTINUED]
    if len(found) < len(tagged):
        notes.append(CONTINUES_NOTHING())
        return each_once(found), tuple(notes)
    for channel in job.input_data_config:
        location = read_location(channel.uri)
        name = channel.channel_name[:64]
        if location is None:
            continue
        if _NOT_COUNTED.search(name):
            notes.append(AUXILIARY_CHANNEL(channel=name))
            continue
        model = bool(_MODEL_LIKE.search(name))
        found.append(Reference(location, f"channel {name}", directory=model, data=not model))
    checkpoint = read_location(job.checkpoint_config.s3_uri)
    if checkpoint is not None:
        found.append(Reference(checkpoint, "checkpoint configuration", directory=True))
    found += _named(job.hyper_parameters, "hyperparameter")
    found += _named(job.environment, "variable")
    sources = [("source model package", job.model_package_config.source_model_package_arn)]
    if job.serverless is not None:
        sources.append(("base model", job.serverless.base_model_arn))
    for where, text in sources:
        location = read_location(text)
        if location is not None:
            found.append(Reference(location, where))
    return each_once(found), tuple(notes)


def _tagged(text: str) -> Reference:
    location = read_location(text) or Location(NAMES, (text[:128],))
    return Reference(location, "tag flops-auditor:lineage", directory=True, explicit=True)


def _named(values: Mapping[str, str], what: str) -> list[Reference]:
    found = []
    for name, value in sorted(values.items()):
        location = read_location(plain(value))
        counted = _MODEL_LIKE.search(name) and not _OUTPUT_LIKE.search(name) and not _NOT_COUNTED.search(name)
        if location is not None and counted:
            found.append(Reference(location, f"{what} {name[:64]}", directory=True))
    return found
