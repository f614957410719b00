"""Places where runs leave results and begin from: the two ends of lineage, whatever service ran them.

A location is compared segment by segment, so `s3://b/run1` is never part of `s3://b/run10`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from flops_auditor.domain.values.remarks import Remark

NAMES = "name"
"""The space of names: the tag `flops-auditor:lineage` may name a run without its ARN."""
LONGEST = 880
"""Bytes of an escaped path: with time and job id it then fits a DynamoDB sort key (1,024 bytes)."""
MOST_REFERENCES = 60
DEPTH = 64
"""Segments of a path that are looked at; S3 keys deeper than that are not told apart below it."""


AFTER_ALL = "\U0010ffff"
"""Behind whatever may stand in a key: the last character, which itself stands in none."""
_ESCAPED = str.maketrans({"%": "%25", "#": "%23", AFTER_ALL: "%10FFFF"})


@dataclass(frozen=True, order=True)
class Location:
    """A place: `space` is "s3://bucket", the ARN of a run or of what was made from one, or NAMES;
    `path` has no empty segment."""

    space: str
    path: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "/".join((self.space, *self.path))

    @cached_property
    def key(self) -> str:
        """The path as text in which "/" closes every segment, and "#" and AFTER_ALL stand in none: "/a/b/"; the root is
        "/".
        """
        return "/" + "".join(part.translate(_ESCAPED) + "/" for part in self.path)

    @property
    def text(self) -> str:
        """The key without its end: how the keys of all places begin whose names begin as this one's."""
        return self.key.removesuffix("/")

    @property
    def in_folder(self) -> "Location":
        """The same place, with its folder as the space: so places of one folder lie together, without what is below."""
        return Location("/".join((self.space, *self.path[:-1])), self.path[-1:])

    @property
    def too_long(self) -> bool:
        """Whether the path can't be kept in the index."""
        return len(self.key.encode()) > LONGEST or len(self.space.encode()) > LONGEST

    def holds(self, other: "Location") -> bool:
        """Whether `other` is this place or lies below it."""
        return self.space == other.space and self.path == other.path[: len(self.path)]

    @property
    def in_s3(self) -> bool:
        """Whether it is a bucket or lies in one."""
        return self.space.startswith("s3://")

    @property
    def is_artifact(self) -> bool:
        """Whether it is called as SageMaker calls a model that it wrote, whatever it is read as."""
        return self.path[-2:] == ("output", "model.tar.gz")

    @property
    def whole_bucket(self) -> bool:
        """Whether it is a bucket's root, which tells of no run that writes there."""
        return self.in_s3 and not self.path

    def upwards(self) -> Iterator["Location"]:
        """This place, then each place that holds it, longest path first, at most DEPTH."""
        for length in range(min(len(self.path), DEPTH), -1, -1):
            yield Location(self.space, self.path[:length])


@dataclass(frozen=True)
class Reference:
    """A place that a job begins from. `where` says how the job names it, for people.

    `directory`: the job takes whatever lies below the place, too (a model channel), not only what holds it.
    `data`: nothing says that it is a model: only what a run surely left there is taken for one. `exact`: neither is it
    said that the job reads it, so that nothing is said of it otherwise. `kept`: the job keeps checkpoints of its own
    there, and nothing says that it goes on from one of others.
    `prefix`: it takes whatever has a name that begins so, too.
    `explicit`: a person named it in a tag, so finding nothing there is a doubt; so is `unless_found`, where it is
    given. `leads_to`: other places whose results are found at this one.
    """

    location: Location
    where: str
    directory: bool = False
    data: bool = False
    exact: bool = False
    kept: bool = False
    prefix: bool = False
    explicit: bool = False
    leads_to: tuple[Location, ...] = ()
    unless_found: Remark | None = None


def each_once(references: Sequence[Reference]) -> tuple[Reference, ...]:
    """One reference per place: the tag first, then whichever takes the most."""
    best: dict[Location, Reference] = {}
    for reference in references:
        known = best.get(reference.location)
        if known is None or _weight(reference) > _weight(known):
            best[reference.location] = reference
    return tuple(best.values())


def _weight(reference: Reference) -> tuple[bool, ...]:
    says = (not reference.data, not reference.exact, not reference.kept)
    return reference.explicit, reference.directory, *says, reference.prefix
