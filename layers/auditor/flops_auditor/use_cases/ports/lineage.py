"""Which jobs leave results where, and which begin from where."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from flops_auditor.domain.runs.places import Location

IndexKind = Literal["output", "input", "directory", "prefix"]
"""What an entry of the index says of its place: a job leaves results there; begins from there; takes all below it;
takes all whose name begins so. The last kind has places in their folders (Location.in_folder)."""

_MADE = 2
"""Levels from `<S3OutputPath>/<job name>/` down to the artifact: `output/model.tar.gz`."""
ANYBODY, EVERYBODY = None, ""
"""Whose entries are read, beside those of a role: all, or those that count for all (`IndexEntry.counts_for_all`)."""


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

    @cached_property
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

    @property
    def counts_for_all(self) -> bool:
        """Whether it counts whatever the role of who begins there: it is the folder that SageMaker made for it, or lies
        inside: nobody else's run has its model there.
        """
        wrote = self.artifact if self.succeeded else None
        return wrote is not None and self.location.holds(wrote) and len(wrote.path) - len(self.location.path) <= _MADE

    def read_for(self, role: str | None) -> bool:
        """Whether it is among what is read of a role, of ANYBODY, or for EVERYBODY."""
        if role == EVERYBODY:
            return self.counts_for_all
        return role is ANYBODY or self.role == role

    def foreign_to(self, role: str) -> bool:
        """Whether a run of this role says nothing by naming the same place: it had the rights of another one, or of
        none that is known, which its owner may have left out. To a run without a role nobody is foreign: else its
        owner would leave that out to hide what it continues.
        """
        return bool(role) and self.role != role


def read_under(kind: IndexKind, entry: IndexEntry) -> list[str | None]:
    """For whom an entry has to be found: ANYBODY, and of results those of its role, and EVERYBODY where it counts for
    all.
    """
    beside = dict.fromkeys((entry.role, EVERYBODY)) if kind == "output" else ()
    return [ANYBODY, *(role for role in beside if entry.read_for(role))]


class Find(Protocol):
    """Pages of entries that are found by a place, after a cursor, at most so many."""

    def __call__(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """The next page."""


class LineageReads(Protocol):
    """Which jobs leave results where, and which begin from where, as it is read: all, or, of results, those of a role,
    or those that count for EVERYBODY. So nobody's entries stand between those of another.
    """

    def newest(
        self, kind: IndexKind, at: Location, before: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """Entries at exactly this place that were created before `before`, newest first; read consistently."""

    def within(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """Entries at this place and below it, in the order of their cursors, after a cursor; read consistently."""

    def exactly(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
        """Entries at exactly this place, in the order of their cursors, after a cursor; read consistently."""

    def beginning(
        self, kind: IndexKind, at: Location, after: str, limit: int, role: str | None = ANYBODY
    ) -> Sequence[IndexEntry]:
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
