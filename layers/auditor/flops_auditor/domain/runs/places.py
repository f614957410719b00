"""Places where runs leave results and begin from: the two ends of lineage, whatever service ran them.

A location is compared segment by segment, so `s3://b/run1` is never part of `s3://b/run10`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from flops_auditor.domain.values.remarks import Remark

NAMES = "name"
"""The space of names: the tag `flops-auditor:lineage` may name a run without its ARN."""
LONGEST = 880
"""Bytes of an escaped path: with time and job id it then fits a DynamoDB sort key (1,024 bytes)."""
MOST_REFERENCES = 60
DEPTH = 64
"""Segments of a path that are looked at; S3 keys deeper than that are not told apart below it."""


@dataclass(frozen=True, order=True)
class Location:
    """A place: `space` is "s3://bucket", the ARN of a run or of what was made from one, or NAMES;
    `path` has no empty segment."""

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

    @property
    def in_s3(self) -> bool:
        """Whether it is a bucket or lies in one."""
        return self.space.startswith("s3://")

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
    `data`: nothing says that it is a model: only what a run surely left there is taken for one.
    `explicit`: a person named it in a tag, so finding nothing there is a doubt; so is `unless_found`, where it is
    given. `leads_to`: other places whose results are found at this one.
    """

    location: Location
    where: str
    directory: bool = False
    data: bool = False
    explicit: bool = False
    leads_to: tuple[Location, ...] = ()
    unless_found: Remark | None = None


_URI = re.compile(r"s3[an]?://(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.IGNORECASE | re.DOTALL)
_ARN = re.compile(r"arn:aws[a-z-]*:s3:::(?P<bucket>[^/]+)(?:/(?P<key>.*))?", re.DOTALL)
_ACCESS_POINT = re.compile(
    r"(?:s3://)?(?P<bucket>arn:aws[a-z-]*:s3:[a-z0-9-]+:\d+:accesspoint/[^/]+)(?:/object)?(?:/(?P<key>.*))?", re.DOTALL
)
_ENDPOINT = r"s3(?:[.-](?:dualstack\.)?[a-z0-9-]+)?\.amazonaws\.com(?:\.cn)?(?::\d+)?"
_OF_A_HOST = re.compile(
    rf"https?://(?P<bucket>[a-z0-9.-]+)\.{_ENDPOINT}(?:/(?P<key>[^?#]*))?(?:[?#].*)?", re.IGNORECASE | re.DOTALL
)
_OF_A_PATH = re.compile(
    rf"https?://{_ENDPOINT}/(?P<bucket>[^/?#]+)(?:/(?P<key>[^?#]*))?(?:[?#].*)?", re.IGNORECASE | re.DOTALL
)
_ALIAS = re.compile(r"s3://(?:.*-s3alias|arn:aws[a-z-]*:s3:[^/]*:accesspoint/.*)")


def read_s3(text: str) -> Location | None:
    """A place in S3, whichever way it is spelt: URI, ARN, or URL with the bucket in the host or the path; None for
    anything else. Source: Amazon S3 User Guide, "Methods for accessing a general purpose bucket".
    """
    text = text.strip()
    for spelling in (_ACCESS_POINT, _URI, _ARN):
        if match := spelling.fullmatch(text):
            return _in_bucket(match["bucket"], match["key"])
    match = _OF_A_PATH.fullmatch(text) or _OF_A_HOST.fullmatch(text)
    return _in_bucket(match["bucket"], unquote(match["key"] or "")) if match else None


def _in_bucket(bucket: str, key: str | None) -> Location:
    return Location(f"s3://{bucket}", tuple(part for part in (key or "").split("/") if part))


def is_access_point(location: Location) -> bool:
    """Whether a place is named through an access point, which may belong to any bucket."""
    return _ALIAS.fullmatch(location.space) is not None


def each_once(references: Sequence[Reference]) -> tuple[Reference, ...]:
    """One reference per place: the tag first, then whichever takes the most."""
    best: dict[Location, Reference] = {}
    for reference in references:
        known = best.get(reference.location)
        if known is None or _weight(reference) > _weight(known):
            best[reference.location] = reference
    return tuple(best.values())


def _weight(reference: Reference) -> tuple[bool, bool, bool]:
    return reference.explicit, reference.directory, not reference.data
