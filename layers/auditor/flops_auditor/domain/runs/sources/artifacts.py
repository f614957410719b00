"""Objects in S3 by their content: a copy of a run's artifact is its result, wherever it lies.

Two objects are of one content where a checksum of them is the same, or ETag and size together (Amazon S3 API Reference,
GetObjectAttributes). What is small is left out: empty archives are the same everywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.s3_spellings import read_s3
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob
from flops_auditor.domain.values.remarks import Kind, Remark

CONTENT = "s3-content"
"""The space of contents: its paths are a checksum, or an ETag and a size."""
LEAST_BYTES = 1_000_000
ARTIFACT = "model.tar.gz"
"""What SageMaker calls an artifact, and what a channel with a folder is looked for."""
_PACKED = (".tar.gz", ".tgz")
"""How files end that are asked for where nothing says that a model is read."""
MOST_OBJECTS = 20
"""Of a run, its own artifact among them."""
GET_ATTRIBUTES = "s3:GetObjectAttributes"
NOT_THERE = "NoSuchKey"
TOO_SMALL = "smaller than a model"
_ALGORITHMS = ("ChecksumSHA256", "ChecksumSHA1", "ChecksumCRC64NVME", "ChecksumCRC32C", "ChecksumCRC32")

UNSEEN_COPY = Kind(
    "copy-not-looked-for",
    "{count} places could not be compared with results of runs ({error}): whether these are copies is not seen",
)
TOO_MANY_OBJECTS = Kind(
    "too-many-objects",
    "the job reads models from more places than the {most} objects that are compared with results of runs: whether "
    "copies of these lie at the others is not seen",
    TAG_LINEAGE,
)

Objects = Mapping[str, Mapping[str, Any] | Unread]
"""What was answered about objects, by their place, or why nothing was. Empty where artifacts are not compared."""


def objects_at(location: Location) -> tuple[Location, ...]:
    """The objects that a model at a place may be: the place itself, or an artifact in that folder. The name of a folder
    may have a dot.
    """
    if not location.in_s3 or not location.path:
        return ()
    inside = Location(location.space, (*location.path, ARTIFACT))
    if location.path[-1].endswith(_PACKED):
        return (location,)
    return (location, inside) if "." in location.path[-1] else (inside,)


def own_artifact(job: TrainingJob) -> Location | None:
    """Where SageMaker says that the job's artifact lies."""
    return read_s3(job.model_artifacts.s3_model_artifacts)


def objects_of(begins: Sequence[Reference], job: TrainingJob) -> tuple[Location, ...]:
    """Which objects to ask for: the job's own artifact, and those that it begins from, of data packed files alone."""
    return _wanted(begins, job)[:MOST_OBJECTS]


def _wanted(begins: Sequence[Reference], job: TrainingJob) -> tuple[Location, ...]:
    artifact = own_artifact(job)
    own = [artifact] if artifact is not None and artifact.path else []
    read = sorted(filter(_is_compared, begins), key=lambda each: each.data)
    return tuple(dict.fromkeys([*own, *(at for each in read for at in objects_at(each.location))]))


def _is_compared(reference: Reference) -> bool:
    if reference.data:
        return not reference.exact and bool(reference.location.path) and reference.location.path[-1].endswith(_PACKED)
    return not reference.explicit


def contents(answer: Mapping[str, Any] | Unread | None) -> tuple[Location, ...]:
    """The contents that an object is known by, none where nothing was answered or it is small."""
    if answer is None or isinstance(answer, Unread):
        return ()
    size, etag = answer.get("ObjectSize"), str(answer.get("ETag", "")).strip('"')
    if type(size) is not int or size < LEAST_BYTES:
        return ()
    sums = answer.get("Checksum")
    named = sums if isinstance(sums, Mapping) else {}
    kind = str(named.get("ChecksumType", ""))
    known = [(name, str(named[name]), kind, str(size)) for name in _ALGORITHMS if named.get(name)]
    return tuple(Location(CONTENT, path) for path in ([("ETag", etag, str(size))] if etag else []) + known)


def with_copies(begins: Sequence[Reference], objects: Objects) -> tuple[Reference, ...]:
    """What a run begins from, and the contents of it."""
    copies = [
        replace(each, location=content, directory=False, prefix=False)
        for each in filter(_is_compared, begins)
        for at in objects_at(each.location)
        for content in contents(objects.get(str(at)))
    ]
    return (*begins, *copies)


def own_contents(job: TrainingJob, objects: Objects) -> tuple[Location, ...]:
    """The contents of the job's own artifact."""
    return contents(objects.get(str(own_artifact(job))))


def unseen(
    begins: Sequence[Reference], results: Sequence[Location], job: TrainingJob, objects: Objects
) -> tuple[Remark, ...]:
    """A note where nothing was answered about a place that is none of the job's `results`, or about its own artifact,
    or where a model is read and what lies there is too small for one; and a doubt where models were read from too many.
    """
    if not objects:
        return ()
    asked = objects_of(begins, job)
    compared = list(filter(_is_compared, begins))
    beyond = any(set(objects_at(each.location)) - set(asked) for each in compared if not each.data)
    read = sorted((each for each in compared if each.location not in results), key=lambda each: not each.data)
    places = {objects_at(each.location): each.data for each in read}
    artifact = own_artifact(job)
    if artifact is not None and artifact in asked and str(artifact) in objects:
        places[(artifact,)] = True
    errors = [
        error
        for place, small in places.items()
        if place and (error := _missed(map(objects.get, map(str, place)), small))
    ]
    notes = [UNSEEN_COPY(count=len(errors), error=errors[0])] if errors else []
    return (*notes, *([TOO_MANY_OBJECTS(most=MOST_OBJECTS)] if beyond else []))


def _missed(answers: Iterable[Mapping[str, Any] | Unread | None], small: bool) -> str:
    """Why a place was not compared, "" where it was. `small`: whatever lies there may be as small as it is."""
    known = list(answers)
    there = [each for each in known if isinstance(each, Mapping)]
    if there:
        return "" if small or any(map(contents, there)) else TOO_SMALL
    return next((each.error for each in known if isinstance(each, Unread)), NOT_THERE)
