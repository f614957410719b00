"""Where a SageMaker training job leaves its results, and what it begins from.

Facts: Amazon SageMaker API Reference, DescribeTrainingJob (OutputDataConfig, ModelArtifacts, CheckpointConfig,
InputDataConfig, ModelPackageConfig, TensorBoardOutputConfig, DebugHookConfig, WarmPoolStatus, HubAccessConfig);
Developer Guide, "Configure the DebuggerHookConfig API to save tensors" (where it saves them).
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flops_auditor.domain.runs.hyperparameters import MODEL, Hyperparameters
from flops_auditor.domain.runs.places import NAMES, Location, Reference, each_once
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.s3_spellings import is_access_point, is_made_by_bedrock
from flops_auditor.domain.runs.sources.channel_paths import ANY_CHANNEL
from flops_auditor.domain.runs.sources.named_places import (
    DATA_NOT_FOLLOWED,
    MANIFEST,
    MODEL_LIKE,
    NOT_COUNTED,
    NOT_FOLLOWED,
    UNKNOWN_FORM,
    WHOLE_BUCKET_OF_DATA,
    NamedPlaces,
    named_by_tags,
    named_places,
    read_location,
)
from flops_auditor.domain.runs.sources.other_texts import LEFT_OUT_PLACES
from flops_auditor.domain.runs.sources.training_job_answer import Channel, TrainingJob, as_read, parse_training_job
from flops_auditor.domain.values.remarks import Kind, Remark, as_word

PLACE_MEMBERS = frozenset({"S3Uri", "s3Uri", "S3OutputPath", "S3ModelArtifacts", LEFT_OUT_PLACES})
"""Members whose texts are places: of each there is one in whatever an owner writes, or so few as the service takes."""
NOT_CONTINUED = "none"
"""The tag value that says: whatever this job reads, it continues no other job."""

CONTINUES_NOTHING = Kind(
    "lineage-tag-none",
    "tag flops-auditor:lineage says that the job continues no other: what it reads was not looked up",
)
AUXILIARY_CHANNEL = Kind(
    "auxiliary-channel",
    "channel {channel:said} is a teacher or an auxiliary model, which does not count",
)
ONLY_AUXILIARY_NAMED = Kind(
    "only-auxiliary-named",
    "the only model that the job reads is named by {label:said}, a teacher or an auxiliary model by that name: nothing "
    "says what it begins from",
    TAG_LINEAGE,
)
PRIVATE_HUB = Kind(
    "private-hub",
    "{where} reads a model of AWS through the private hub of {arn:said200}: which one it refers to is not looked up",
)
WARM_POOL = Kind(
    "warm-pool",
    "its hosts are kept for the next job (warm pool): what that one finds in their cache is not seen",
)
_OWN_HUB = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d+:hub-content/[^/]+/(?P<kind>[^/]+)/.+")
ONLY_AUXILIARY = Kind(
    "only-auxiliary-model",
    "the only model that the job reads is in channel {channel:said}, a teacher or an auxiliary model by its name: "
    "nothing says what it begins from",
    TAG_LINEAGE,
)


def is_model_channel(name: str) -> bool:
    """Whether a channel gives a model that the job begins with, and no teacher or reward model."""
    return bool(MODEL_LIKE.search(name)) and not NOT_COUNTED.search(name)


def outputs(job: TrainingJob) -> tuple[Location, ...]:
    """Every place that the job's results may be taken from, each once, none inside another.

    SageMaker writes below `<S3OutputPath>/<job name>/`: the output path alone is shared by many jobs.
    """
    places = [Location(job.arn), Location(NAMES, (job.name,))]
    written = job.output_data_config.s3_output_path.strip()
    path = read_location(written)
    if path is not None:
        places.append(_below(path, job.name))
    elif written:
        places.append(Location(written))
    made = map(read_location, (job.model_artifacts.s3_model_artifacts, job.output_model_package_arn))
    for location in (*made, *_named_by_owner(job)):
        if location is not None and not any(known.holds(location) for known in places):
            places.append(location)
    if job.places_not_known and job.role_arn:
        places.append(Location(job.role_arn))  # wherever that may write
    return tuple(dict.fromkeys(places))


def checkpoints(job: TrainingJob) -> tuple[Location, ...]:
    """Those of its outputs that are no places of SageMaker's choice, as the checkpoint URI: any job may name them."""
    own = outputs(job)
    return tuple(dict.fromkeys(place for place in _named_by_owner(job) if place in own))


def _named_by_owner(job: TrainingJob) -> list[Location]:
    """Where the job's container leaves files while it runs: checkpoints, TensorBoard's and the debugger's, and what its
    texts call its output.
    """
    checkpoint = read_location(job.checkpoint_config.s3_uri)
    return [*([checkpoint] if checkpoint is not None else []), *_kept_by_container(job)]


def _kept_by_container(job: TrainingJob) -> list[Location]:
    """The same without its checkpoints, which it always goes on from."""
    places = [
        read_location(job.tensor_board_output_config.s3_output_path),
        *(
            _below(path, job.name, folder)
            for config, folder in ((job.debug_hook_config, "debug-output"), (job.profiler_config, "profiler-output"))
            if (path := read_location(config.s3_output_path)) is not None
        ),
    ]
    return [*(place for place in places if place is not None), *_named_results(job)]


def _named_results(job: TrainingJob) -> tuple[Location, ...]:
    """Where its texts say that it leaves results, or said before they were cut; tags never are."""
    if job.left_out_places is None:
        named = named_places(job)
        return (*named.results, *named.own_folders)
    said_before = [place for text in job.left_out_places if (place := read_location(text)) is not None]
    return tuple(dict.fromkeys([*said_before, *named_by_tags(job).results]))


def least(answer: Mapping[str, Any]) -> dict[str, Any]:
    """A DescribeTrainingJob answer without what no audit reads, with the places of results that its texts name: these
    may be cut. Raises MalformedJob.
    """
    named = _named_results(parse_training_job(answer))
    return {**as_read(answer), LEFT_OUT_PLACES: [str(place) for place in named if not place.too_long]}


def _below(path: Location, *folders: str) -> Location:
    return Location(path.space, (*path.path, *folders))


def references(job: TrainingJob, tagged: Sequence[str]) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the job begins from, and remarks about what was not used (never raises). `tagged` is its lineage tag.

    Model and checkpoint channels, the checkpoint URI, hyperparameters and variables that name a model in S3, the source
    model package and the lineage tag. Teachers and reward models do not count (Annex A.1).
    """
    result, nothing = named_by_the_tag(tagged)
    if nothing:
        return each_once(result), nothing
    notes: list[Remark] = []
    auxiliary = _of_channels(job, result, notes)
    checkpoint = read_location(job.checkpoint_config.s3_uri)
    if checkpoint is not None:
        result.append(Reference(checkpoint, "checkpoint configuration", directory=True))
        if is_access_point(checkpoint):
            notes.append(NOT_FOLLOWED(where="checkpoint configuration", form="an access point"))
    named = named_places(job)
    result += named.references
    result += _resumed(job, named)
    notes += named.notes
    _of_models_in_channels(job, named, result, notes)
    sources = [("source model package", job.model_package_config.source_model_package_arn)]
    if job.serverless is not None:
        sources.append(("base model", job.serverless.base_model_arn))
        notes += of_hub(job.serverless.base_model_arn, "base model")
    located = [(where, read_location(text)) for where, text in sources]
    result += [Reference(location, where) for where, location in located if location is not None]
    if all(each.data for each in result) and not _names_a_model(job):
        notes += [ONLY_AUXILIARY(channel=auxiliary)] if auxiliary else []
        notes += [ONLY_AUXILIARY_NAMED(label=named.auxiliary)] if named.auxiliary and not auxiliary else []
    if job.resource_config.keep_alive_period_in_seconds or job.warm_pool_status.reused_by_job:
        notes.append(WARM_POOL())
    return each_once(result), tuple(dict.fromkeys(notes))


def _resumed(job: TrainingJob, named: NamedPlaces) -> list[Reference]:
    """Where it goes on from what it left, if it is told to: TensorBoard's folder and the like only where it keeps
    nothing elsewhere, since teams share them. Beside that it is its word that it goes on from there.
    """
    if not named.resumes:
        return []
    elsewhere = bool(job.checkpoint_config.s3_uri or named.results)
    kept = [named.resumed(place) for place in _kept_by_container(job)]
    word = [Reference(each.location, each.where, data=True) for each in kept]
    return [*(word if elsewhere else kept), *map(named.resumed, named.results)]


def _of_channels(job: TrainingJob, result: list[Reference], notes: list[Remark]) -> str:
    """Add what channels read. The last one that holds a teacher or an auxiliary model, "" where none does."""
    auxiliary = ""
    for channel in job.input_data_config:
        location = read_location(channel.uri)
        name = channel.channel_name[:64]
        where, form = f"channel {as_word(name, 64)}", _not_followed(channel, location)
        if NOT_COUNTED.search(name):
            if location is not None or form:
                auxiliary = name
                notes.append(AUXILIARY_CHANNEL(channel=name))
            continue
        model = is_model_channel(name)
        if form:
            artifact = location is not None and location.is_artifact
            notes.append((NOT_FOLLOWED if model or artifact else DATA_NOT_FOLLOWED)(where=where, form=form))
        elif model:
            notes += of_hub(channel.hub_content_arn, where)
        if location is not None:
            if not model and location.whole_bucket:
                notes.append(WHOLE_BUCKET_OF_DATA(where=where, place=str(location)))
            takes = model and channel.prefix
            result.append(Reference(location, where, directory=model, data=not model, prefix=takes))
    return auxiliary


def _of_models_in_channels(job: TrainingJob, named: NamedPlaces, result: list[Reference], notes: list[Remark]) -> None:
    """Add what the job says to be a model in a channel that is not called so."""
    for where, name, below in named.in_channels:
        for channel in job.input_data_config:
            called = channel.channel_name
            several = name == ANY_CHANNEL
            if (called.lower() != name and not several) or is_model_channel(called):
                continue
            location = read_location(channel.uri)
            if form := _not_followed(channel, location):
                notes.append(NOT_FOLLOWED(where=where, form=form))
            if location is not None:
                result.append(Reference(_below(location, *below), where, directory=True, kept=several))


def _not_followed(channel: Channel, location: Location | None) -> str:
    """In which form a channel names what it reads, where nobody can look up whose it is; "" where one can."""
    if channel.file_system:
        return "a file system"
    if channel.manifest:
        return MANIFEST
    if location is not None:
        return "an access point" if is_access_point(location) else ""
    return UNKNOWN_FORM if channel.uri.strip() or channel.of_another_kind else ""


def of_hub(arn: str, where: str) -> list[Remark]:
    """What is said of a model of a hub of the account, which may be one that refers to a public model."""
    own = _OWN_HUB.fullmatch(arn)
    if own is None:
        return []
    return [
        PRIVATE_HUB(where=where, arn=arn)
        if own["kind"] == "ModelReference"
        else NOT_FOLLOWED(where=where, form="a private hub")
    ]


def _names_a_model(job: TrainingJob) -> bool:
    """Whether it names a model to begin with under a name that trainers load one by: others, such as a model's type,
    say nothing of what lies in a channel.
    """
    variables = {name: value for name, value in job.environment.items() if name.lower() in MODEL}
    return any(Hyperparameters.of(named).models() for named in (job.hyper_parameters, variables))


def named_by_the_tag(tagged: Sequence[str]) -> tuple[list[Reference], tuple[Remark, ...]]:
    """What a lineage tag names, and the remark that the run goes on from nothing else, where the tag says so."""
    named = [tagged_place(text) for text in tagged if text.lower() != NOT_CONTINUED]
    return named, (CONTINUES_NOTHING(),) if len(named) < len(tagged) else ()


def tagged_place(text: str) -> Reference:
    """What a lineage tag names: a place, or a run by its name."""
    location = read_made(text) or Location(NAMES, (text[:128],))
    return Reference(location, "tag flops-auditor:lineage", directory=True, explicit=True)


def read_made(text: str) -> Location | None:
    """A place, or what Bedrock made, by its ARN; None for anything else."""
    return Location(text.strip()) if is_made_by_bedrock(text.strip()) else read_location(text)
