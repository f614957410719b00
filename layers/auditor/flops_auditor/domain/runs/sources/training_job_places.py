"""Where a SageMaker training job leaves its results, and what it begins from.

Facts: Amazon SageMaker API Reference, DescribeTrainingJob (OutputDataConfig, ModelArtifacts, CheckpointConfig,
InputDataConfig, ModelPackageConfig).
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from flops_auditor.domain.runs.hyperparameters import MODEL, Hyperparameters, plain
from flops_auditor.domain.runs.places import NAMES, Location, Reference, each_once, is_access_point, read_s3
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.sources.training_job_answer import Channel, TrainingJob
from flops_auditor.domain.values.remarks import Kind, Remark, as_word

NOT_CONTINUED = "none"
"""The tag value that says: whatever this job reads, it continues no other job."""
_MODEL_LIKE = re.compile(r"model|check_?point|ckpt|weight|resume|adapter|pretrain|init|base", re.IGNORECASE)
_OUTPUT_LIKE = re.compile(r"output|save|export|upload|log|push|submit", re.IGNORECASE)
_NOT_COUNTED = re.compile(r"teacher|reward|value_?function|critic|judge", re.IGNORECASE)
_LONGEST_LABEL = 256
_MAY_NAME = (str, dict, list)
"""What of a configuration may name a place: no number does."""
_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d*:(training-job|model-package)/\S+")

CONTINUES_NOTHING = Kind(
    "lineage-tag-none",
    "tag flops-auditor:lineage says that the job continues no other: what it reads was not looked up",
)
AUXILIARY_CHANNEL = Kind(
    "auxiliary-channel",
    "channel {channel:said} is a teacher or an auxiliary model, which does not count",
)
NOT_FOLLOWED = Kind(
    "model-not-followed", "{where} reads a model from {form}: whose result lies there cannot be looked up", TAG_LINEAGE
)
NOT_SEARCHED = Kind(
    "too-much-to-search",
    "its {what}s have more than the {most} characters that are searched for places, and more than SageMaker takes: "
    "what else it begins from is not known",
    TAG_LINEAGE,
)
DATA_NOT_FOLLOWED = Kind("data-not-followed", "{where} reads {form}: whose result lies there cannot be looked up")
ONLY_AUXILIARY = Kind(
    "only-auxiliary-model",
    "the only model that the job reads is in channel {channel:said}, a teacher or an auxiliary model by its name: "
    "nothing says what it begins from",
    TAG_LINEAGE,
)
_PLACE = re.compile(
    r"(?:s3[an]?|https?)://[^\s\"'<>,;|\\]+|arn:aws[a-z-]*:(?:s3|sagemaker):[^\s\"'<>,;|\\]+", re.IGNORECASE
)
_LONGEST_TEXT = 256_000
"""Characters of all hyperparameters, or variables, that are searched for places. SageMaker takes no more than 100
hyperparameters of 2,500 characters (API Reference, CreateTrainingJob), a file any."""
_MOST_LEAVES = 200
_DEEPEST = 8
"""Of the JSON in a hyperparameter or variable: what lies deeper is read as text."""


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
    places = [Location(job.arn), Location(NAMES, (job.name,))]
    path = read_location(job.output_data_config.s3_output_path)
    if path is not None:
        places.append(Location(path.space, (*path.path, job.name)))
    artifacts = (job.model_artifacts.s3_model_artifacts, job.checkpoint_config.s3_uri, job.output_model_package_arn)
    for text in artifacts:
        location = read_location(text)
        if location is not None and not any(known.holds(location) for known in places):
            places.append(location)
    return tuple(dict.fromkeys(places))


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
    result = [_tagged(text) for text in tagged if text.lower() != NOT_CONTINUED]
    if len(result) < len(tagged):
        notes.append(CONTINUES_NOTHING())
        return each_once(result), tuple(notes)
    auxiliary = ""
    for channel in job.input_data_config:
        location = read_location(channel.uri)
        name = channel.channel_name[:64]
        if _NOT_COUNTED.search(name):
            if location is not None or _not_followed(channel, location):
                auxiliary = name
                notes.append(AUXILIARY_CHANNEL(channel=name))
            continue
        model = bool(_MODEL_LIKE.search(name))
        where, form = f"channel {as_word(name, 64)}", _not_followed(channel, location)
        if form:
            notes.append((NOT_FOLLOWED if model else DATA_NOT_FOLLOWED)(where=where, form=form))
        if location is not None:
            result.append(Reference(location, where, directory=model, data=not model))
    checkpoint = read_location(job.checkpoint_config.s3_uri)
    if checkpoint is not None:
        result.append(Reference(checkpoint, "checkpoint configuration", directory=True))
    result += _named(job.hyper_parameters, "hyperparameter", notes)
    result += _named(job.environment, "variable", notes)
    notes += [
        NOT_FOLLOWED(where=each.where, form="an access point")
        for each in result
        if not each.data and is_access_point(each.location) and not each.where.startswith("channel ")
    ]
    sources = [("source model package", job.model_package_config.source_model_package_arn)]
    if job.serverless is not None:
        sources.append(("base model", job.serverless.base_model_arn))
    for where, text in sources:
        location = read_location(text)
        if location is not None:
            result.append(Reference(location, where))
    if auxiliary and all(each.data for each in result) and not _names_a_model(job):
        notes.append(ONLY_AUXILIARY(channel=auxiliary))
    return each_once(result), tuple(dict.fromkeys(notes))


def _not_followed(channel: Channel, location: Location | None) -> str:
    """In which form a channel names what it reads, where nobody can look up whose it is; "" where one can."""
    if channel.file_system:
        return "a file system"
    if channel.manifest:
        return "what a manifest lists"
    if location is not None:
        return "an access point" if is_access_point(location) else ""
    return "a place of a form that is not known" if channel.uri.strip() else ""


def _names_a_model(job: TrainingJob) -> bool:
    """Whether it names a model to begin with under a name that trainers load one by: others, such as a model's type,
    say nothing of what lies in a channel.
    """
    variables = {name: value for name, value in job.environment.items() if name.lower() in MODEL}
    return any(Hyperparameters.of(named).models() for named in (job.hyper_parameters, variables))


def _tagged(text: str) -> Reference:
    location = read_location(text) or Location(NAMES, (text[:128],))
    return Reference(location, "tag flops-auditor:lineage", directory=True, explicit=True)


def _named(values: Mapping[str, str], what: str, notes: list[Remark]) -> list[Reference]:
    """Every place in the values; of too many the shortest. One whose name says nothing of a model is taken for data."""
    named = []
    searched: dict[str, str] = {}
    left = _LONGEST_TEXT
    for name, value in sorted(values.items(), key=lambda each: (len(each[1]), each[0])):
        left -= len(value)
        if left < 0:
            notes.append(NOT_SEARCHED(what=what, most=_LONGEST_TEXT))
            break
        searched[name] = value
    for name, value in sorted(searched.items()):
        for label, text in _leaves(name, value):
            if _OUTPUT_LIKE.search(label) or _NOT_COUNTED.search(label):
                continue
            model = bool(_MODEL_LIKE.search(label))
            whole = read_location(text)
            places = [whole] if whole else _places_in(text)
            where = f"{what} {as_word(name, 64)}"
            named += [Reference(place, where, directory=model, data=not model) for place in places if place]
    return named


def _places_in(text: str) -> list[Location | None]:
    """Every place that a text mentions; most texts mention none, and a long one is not searched for nothing."""
    if "://" not in text and "arn:" not in text.lower():
        return []
    return [read_location(each.group()) for each in _PLACE.finditer(text)]


def _leaves(name: str, value: str) -> Iterator[tuple[str, str]]:
    """The texts in a value, which may be JSON, each with the names that it stands under."""
    text = plain(value)
    if text[:1] not in ("{", "["):
        yield name, text
        return
    try:
        waiting = [(name, json.loads(text), 0)]
    except (ValueError, RecursionError):
        yield name, text
        return
    for _ in range(_MOST_LEAVES):
        if not waiting:
            return
        label, node, depth = waiting.pop(0)
        if isinstance(node, dict | list) and depth < _DEEPEST:
            inner = node.items() if isinstance(node, dict) else [("", each) for each in node]
            names = ((f"{label}.{key}"[-_LONGEST_LABEL:] if key else label, each) for key, each in inner)
            waiting += [(each_label, each, depth + 1) for each_label, each in names if isinstance(each, _MAY_NAME)]
        else:
            yield label, node if isinstance(node, str) else json.dumps(node)
    for label, node, _ in waiting:
        yield label, node if isinstance(node, str) else json.dumps(node)
