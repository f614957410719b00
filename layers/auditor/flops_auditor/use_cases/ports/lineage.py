"""Which jobs leave results where, and which begin from where."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from flops_auditor.domain.runs.places import Location

IndexKind = Literal["output", "input", "directory", "prefix"]
"""What an entry of the index says of its place: a job leaves results there; begins from there; takes all below it;
takes all whose name begins so. The last kind has places in their folders (Location.in_folder)."""


@dataclass(frozen=True)
class IndexEntry:
    """One job at one place. `created` and `ended` are its times (ISO 8601; "": not known), `family` its tuning job and
    `role` whose rights it had, if any; `checkpoint`: its owner named the place, where SageMaker chooses others.
    """

    location: Location
    created: str
    job_id: str
    job_arn: str
    family: str = ""
    checkpoint: bool = False
    role: str = ""
    ended: str = ""

    @property
    def cursor(self) -> str:
        """Where the entry stands among all of its kind and space: by path, then time, then job."""
        return f"{self.location.key}#{self.created}#{self.job_id}"


Find = Callable[[IndexKind, Location, str, int], Sequence[IndexEntry]]
"""Pages of entries that are found by a place, after a cursor, at most so many."""


class LineageIndex(Protocol):
    """Which jobs leave results where, and which begin from where. Entries are added and never changed."""

    def add(self, kind: IndexKind, entry: IndexEntry) -> None:
        """Add; repeating it is no error."""

    def newest(self, kind: IndexKind, at: Location, before: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place that were created before `before`, newest first; read consistently."""

    def within(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at this place and below it, in the order of their cursors, after a cursor; read consistently."""

    def exactly(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place, in the order of their cursors, after a cursor; read consistently."""

    def beginning(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at every place whose text begins with this one's, in the order of their cursors, after a cursor; read
        consistently."""
