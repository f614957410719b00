"""Objects in S3 by their content: a copy of a run's artifact is its result, wherever it lies.

Two objects are of one content where a checksum of them is the same, or ETag and size together (Amazon S3 API Reference,
GetObjectAttributes). What is small is left out: empty archives are the same everywhere.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.s3_spellings import read_s3
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob
from flops_auditor.domain.values.remarks import Kind, Remark

CONTENT = "s3-content"
"""The space of contents: its paths are a checksum, or an ETag and a size."""
LEAST_BYTES = 1_000_000
ARTIFACT = "model.tar.gz"
"""What SageMaker calls an artifact, and what a channel with a folder is looked for."""
MOST_OBJECTS = 10
"""Of a run, its own artifact among them."""
_ALGORITHMS = ("ChecksumSHA256", "ChecksumSHA1", "ChecksumCRC64NVME", "ChecksumCRC32C", "ChecksumCRC32")

UNSEEN_COPY = Kind(
    "copy-not-looked-for",
    "{count} objects could not be asked for ({error}): whether they are copies of results is not seen",
)

Objects = Mapping[str, Mapping[str, Any] | Unread]
"""What was answered about objects, by their place, or why nothing was."""


def object_of(location: Location) -> Location | None:
    """The object at a place that a model is read from: the place itself, or an artifact in that folder."""
    if not location.in_s3 or not location.path:
        return None
    return location if "." in location.path[-1] else Location(location.space, (*location.path, ARTIFACT))


def own_artifact(job: TrainingJob) -> Location | None:
    """Where SageMaker says that the job's artifact lies."""
    return read_s3(job.model_artifacts.s3_model_artifacts)


def objects_of(begins: Sequence[Reference], job: TrainingJob) -> tuple[Location, ...]:
    """Which objects to ask for: the job's own artifact, and those that it begins from; data is not looked at."""
    artifact = own_artifact(job)
    own = [artifact] if artifact is not None and artifact.path else []
    read = [at for each in begins if not each.data and (at := object_of(each.location)) is not None]
    return tuple(dict.fromkeys([*own, *read]))[:MOST_OBJECTS]


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
        replace(each, location=content, directory=False)
        for each in begins
        if not each.data and not each.explicit and (at := object_of(each.location)) is not None
        for content in contents(objects.get(str(at)))
    ]
    return (*begins, *copies)


def own_contents(job: TrainingJob, objects: Objects) -> tuple[Location, ...]:
    """The contents of the job's own artifact."""
    return contents(objects.get(str(own_artifact(job))))


def unseen(objects: Objects) -> tuple[Remark, ...]:
    """A note where objects could not be asked for."""
    refused = [answer for answer in objects.values() if isinstance(answer, Unread)]
    return (UNSEEN_COPY(count=len(refused), error=refused[0].error),) if refused else ()
