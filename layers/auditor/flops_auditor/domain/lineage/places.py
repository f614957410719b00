"""Where a training job leaves its results, and where it takes its beginning: the two ends of lineage.

A location is compared segment by segment, so `s3://b/run1` is never part of `s3://b/run10`.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flops_auditor.domain.runs.declared import plain, read_declared
from flops_auditor.domain.runs.sources.training_job import TrainingJob

JOBS = "training-job"
"""The space of job names: the tag `flops-auditor:lineage` may name a job without its ARN."""
LONGEST = 880
"""Bytes of an escaped path: with time and job id it then fits a DynamoDB sort key (1,024 bytes)."""
MOST_REFERENCES = 60
DEPTH = 64
"""Segments of a path that are looked at; S3 keys deeper than that are not told apart below it."""
NOT_CONTINUED = "none"
"""The tag value that says: whatever this job reads, it continues no other job."""
_MODEL_LIKE = re.compile(r"model|check_?point|ckpt|weight|resume|adapter|pretrain|init|base", re.IGNORECASE)
_OUTPUT_LIKE = re.compile(r"output|save|export|upload|log|push|submit", re.IGNORECASE)
_NOT_COUNTED = re.compile(r"teacher|reward|value_?function|critic|judge", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Location:
    """A place: `space` is "s3://bucket", a job or model package ARN, or JOBS; `path` has no empty segment."""

    space: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join((self.space, *self.path))

    @property
    def key(self) -> str:
        """The path as text in which "/" closes every segment and "#" stands in none: "/a/b/"; the root is "/"."""
        return "/" + "".join(part.replace("%", "%25").replace("#", "%23") + "/" for part in self.path)

    @property
    def too_long(self) -> bool:
        """Whether the path can't be kept in the index."""
        return len(self.key.encode()) > LONGEST or len(self.space.encode()) > LONGEST

    def holds(self, other: "Location") -> bool:
        """Whether `other` is this place or lies below it."""
        return self.space == other.space and self.path == other.path[: len(self.path)]

    def upwards(self) -> Iterator["Location"]:
        """This place, then each place that holds it, longest path first, at most DEPTH."""
        for length in range(min(len(self.path), DEPTH), -1, -1):
            yield Location(self.space, self.path[:length])


@dataclass(frozen=True)
class Reference:
    """A place that a job begins from. `where` says how the job names it, for people.

    `directory`: the job takes whatever lies below the place, too (a model channel), not only what holds it.
    `explicit`: a person named it in a tag, so finding nothing there is a doubt.
    """

    location: Location
    where: str
    directory: bool = False
    explicit: bool = False


def read_location(text: str) -> Location | None:
    """An S3 URI or an ARN of a training job or model package; None for anything else."""
    text = text.strip()
    scheme, separator, rest = text.partition("://")
    if separator and scheme.lower() in {"s3", "s3a", "s3n"}:
        bucket, _, key = rest.partition("/")
        if not bucket:
            return None
        return Location(f"s3://{bucket}", tuple(part for part in key.split("/") if part))
    if re.fullmatch(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d*:(training-job|model-package)/\S+", text):
        return Location(text)
    return None


def outputs(job: TrainingJob) -> tuple[Location, ...]:
    """Every place that the job's results may be taken from, each once, none inside another.

    SageMaker writes below `<S3OutputPath>/<job name>/`: the output path alone is shared by many jobs.
    """
    found = [Location(job.arn), Location(JOBS, (job.name,))]
    path = read_location(job.output_data_config.s3_output_path)
    if path is not None:
        found.append(Location(path.space, (*path.path, job.name)))
    artifacts = (job.model_artifacts.s3_model_artifacts, job.checkpoint_config.s3_uri, job.output_model_package_arn)
    for text in artifacts:
        location = read_location(text)
        if location is not None and not any(known.holds(location) for known in found):
            found.append(location)
    return tuple(dict.fromkeys(found))


def references(job: TrainingJob) -> tuple[tuple[Reference, ...], tuple[str, ...]]:
    """What the job begins from, and remarks about what was left aside (never raises).

    Model and checkpoint channels, the checkpoint URI, hyperparameters and variables that name a model in S3, the source
    model package and the lineage tag. Teachers and reward models do not count (Annex A.1).
    """
    tagged = read_declared(job).lineage
    notes: list[str] = []
    found = [_tagged(text) for text in tagged if text.lower() != NOT_CONTINUED]
    if len(found) < len(tagged):
        notes.append("tag flops-auditor:lineage says that the job continues no other: what it reads was not looked up")
        return each_once(found), tuple(notes)
    for channel in job.input_data_config:
        location = read_location(channel.uri)
        name = channel.channel_name[:64]
        if location is None:
            continue
        if _NOT_COUNTED.search(name):
            notes.append(f"channel {name!r} is a teacher or an auxiliary model, which Annex A.1 does not count")
            continue
        found.append(Reference(location, f"channel {name}", directory=bool(_MODEL_LIKE.search(name))))
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
    location = read_location(text) or Location(JOBS, (text[:128],))
    return Reference(location, "tag flops-auditor:lineage", directory=True, explicit=True)


def _named(values: Mapping[str, str], what: str) -> list[Reference]:
    found = []
    for name, value in sorted(values.items()):
        location = read_location(plain(value))
        counted = _MODEL_LIKE.search(name) and not _OUTPUT_LIKE.search(name) and not _NOT_COUNTED.search(name)
        if location is not None and counted:
            found.append(Reference(location, f"{what} {name[:64]}", directory=True))
    return found


def each_once(found: Sequence[Reference]) -> tuple[Reference, ...]:
    """One reference per place: the tag first, then whichever takes the most."""
    best: dict[Location, Reference] = {}
    for reference in found:
        known = best.get(reference.location)
        if known is None or (reference.explicit, reference.directory) > (known.explicit, known.directory):
            best[reference.location] = reference
    return tuple(best.values())
