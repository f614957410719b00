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
    `artifact` is where SageMaker says that the model lies which it wrote for the job, and `succeeded` whether that job
    ended with success: only both together prove who wrote a place (docs/adr/1201-who-wrote-a-place.md).
    """

    location: Location
    created: str
    job_id: str
    job_arn: str
    family: str = ""
    checkpoint: bool = False
    role: str = ""
    ended: str = ""
    artifact: Location | None = None
    succeeded: bool = False

    @property
    def cursor(self) -> str:
        """Where the entry stands among all of its kind and space: by path, then time, then job."""
        return f"{self.location.key}#{self.created}#{self.job_id}"

    @property
    def end_of_place(self) -> str:
        """Where all entries of its place end, and before whatever lies below it: times are written in digits."""
        return f"{self.location.key}#~"

    def wrote(self, at: Location) -> bool:
        """Whether SageMaker wrote exactly this for the job."""
        return self.succeeded and self.artifact == at

    def wrote_object(self, at: Location) -> bool:
        """The same where it is one object, which whoever writes it writes whole; of a folder another's files stay."""
        return self.wrote(at) and at.path[-1:] == ("model.tar.gz",)

    def wrote_around(self, at: Location) -> bool:
        """Whether SageMaker wrote this for the job, or a folder that it lies in."""
        return self.succeeded and self.artifact is not None and self.artifact.holds(at)

    def wrote_within(self, at: Location) -> bool:
        """Whether SageMaker wrote the job's model at this place or below it."""
        return self.succeeded and self.artifact is not None and at.holds(self.artifact)

    def wrote_begun(self, at: Location) -> bool:
        """The same, or at another place whose text begins with this one's."""
        wrote = self.artifact if self.succeeded else None
        return wrote is not None and wrote.space == at.space and wrote.text.startswith(at.text)

    def foreign_to(self, role: str) -> bool:
        """Whether it had the rights of another role than this one, where both are known."""
        return bool(self.role and role) and self.role != role


Find = Callable[[IndexKind, Location, str, int], Sequence[IndexEntry]]
"""Pages of entries that are found by a place, after a cursor, at most so many."""


class LineageReads(Protocol):
    """Which jobs leave results where, and which begin from where, as it is read."""

    def newest(self, kind: IndexKind, at: Location, before: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place that were created before `before`, newest first; read consistently."""

    def within(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at this place and below it, in the order of their cursors, after a cursor; read consistently."""

    def exactly(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at exactly this place, in the order of their cursors, after a cursor; read consistently."""

    def beginning(self, kind: IndexKind, at: Location, after: str, limit: int) -> Sequence[IndexEntry]:
        """Entries at every place whose text begins with this one's, in the order of their cursors, after a cursor; read
        consistently."""


class LineageIndex(LineageReads, Protocol):
    """The same, where entries are added, which are never changed."""

    def add(self, entries: Sequence[tuple[IndexKind, IndexEntry]]) -> None:
        """Add the entries of one job; repeating it is no error."""

    def look(self, places: Sequence[Location]) -> LineageReads:
        """Reads of one look at who left results at these places, above and below them: each range of entries is read
        after the look began, and may be read once for all that is asked of it.
        """
