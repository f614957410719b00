"""What is asked about clusters, and the files that their operators drop. Adapters: flops_auditor.aws."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from flops_auditor.domain.values.moments import iso


class Clusters(Protocol):
    """What SageMaker says about the HyperPod clusters of a region. All raise SourceDenied and SourceUnavailable."""

    def names(self, region: str) -> Sequence[str]:
        """The clusters that there are."""

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """The DescribeCluster answer."""

    def hosts(self, name: str, region: str) -> Sequence[Mapping[str, Any]]:
        """All summaries of ListClusterNodes."""


@dataclass(frozen=True)
class LastAsked:
    """When AWS was last asked about the cluster of a name in a region, and its id. `gone`: it was no longer listed."""

    region: str
    name: str
    cluster: str
    at: datetime
    gone: bool = False


class AskedTimes(Protocol):
    """When each cluster was last asked about. What is lost of it makes a time in which nobody asked seem longer."""

    def asked(self, region: str) -> Mapping[str, LastAsked]:
        """By name. Raises SourceDenied, SourceUnavailable."""

    def note_asked(self, last: LastAsked) -> None:
        """In place of what was noted of that name before; of a cluster that is gone it may be forgotten after 90 days.
        Raises SourceDenied, SourceUnavailable.
        """


@dataclass(frozen=True)
class DroppedFile:
    """A file in the operators' bucket as it is now; `size` in bytes."""

    key: str
    etag: str
    size: int
    dropped_at: datetime

    @property
    def version(self) -> str:
        """Tells it from the same file dropped again."""
        return f"{self.etag} of {iso(self.dropped_at)}"


class OperatorsFiles(Protocol):
    """The bucket that operators of clusters write to. All raise SourceDenied and SourceUnavailable."""

    bucket: str

    def listed(self) -> Sequence[DroppedFile]:
        """All files, in the order of keys; one more than MOST_FILES where there are more."""

    def read(self, file: DroppedFile) -> tuple[bytes, str] | None:
        """Its bytes, and what S3 calls this version; None where it is no longer so."""


MOST_FILES = 20_000
"""In the bucket: more are not looked at."""

FileStage = Literal["reading", "recording", "recorded", "waits", "not reached", "refused"]
"""How far a file is. `reading`: a round took it up, and has not said more since; `recording`: the next round goes on;
`waits`: it is tried again, since that may help; `not reached`: no round had time for it; `refused`: not until it is
replaced.
"""


@dataclass(frozen=True)
class FileState:
    """What became of a version of a file. `after` is the run that was looked at last, and `looked_at` how many were;
    `otherwise` and `failed` are how many are recorded otherwise than the file says, or could not be recorded, and
    `names` the first of them; `unlike` are digests of them, until the hours of no run were looked at. `tries` are
    rounds that took it up and ended without a word of it, `passes` how often all its runs were looked at.
    `doubted`: its runs are on record, and not as a whole and plain file would have them. `reason` and `remedy` say why
    it is not done.
    """

    key: str
    version: str
    at: datetime
    stage: FileStage
    after: str = ""
    looked_at: int = 0
    recorded: int = 0
    otherwise: int = 0
    failed: int = 0
    names: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    tries: int = 0
    passes: int = 0
    doubted: bool = False
    reason: str = ""
    remedy: str = ""

    @property
    def troubled(self) -> bool:
        """Whether a person has to do something about it."""
        return (
            self.stage in ("waits", "not reached", "refused")
            or self.tries > 1
            or bool(self.otherwise or self.failed or self.doubted)
        )


class FileStates(Protocol):
    """What became of each file, in its newest version that was looked at."""

    def states(self) -> Mapping[str, FileState]:
        """By key. Raises SourceDenied, SourceUnavailable."""

    def note(self, state: FileState) -> None:
        """In place of what was noted of the file before. Raises SourceDenied, SourceUnavailable."""

    def forget(self, key: str, at: datetime) -> None:
        """A file that was found to be no longer in the bucket. Raises SourceDenied, SourceUnavailable."""
