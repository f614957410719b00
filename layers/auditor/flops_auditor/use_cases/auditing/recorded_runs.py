"""The newest records of runs and the objects with their ancestors, of which one audit reads a bounded amount."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flops_auditor.domain.lineage.kept_ancestors import AncestorSet, Unpacked, Unpacking, read_kept
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Ancestor, Lineage, MalformedLineage, read_lineage
from flops_auditor.domain.values.json_size import LARGEST_ANCESTORS
from flops_auditor.use_cases.ports.ledger import Archive

MOST_READ = 2 * LARGEST_ANCESTORS
"""Bytes of objects with ancestors that one audit reads, one object more at most: each takes about four times as much in
memory. An ancestor that another object lists as well is not held twice, and counts for an _AGAIN-th."""
_AGAIN = 8


class AncestorObjects:
    """Objects with ancestors in the archive, each read once; `kept` has them by key."""

    def __init__(self, archive: Archive) -> None:
        self.kept: dict[str, AncestorSet] = {}
        self._archive, self._sizes, self._unpack = archive, dict[str, int](), Unpacking()

    def load(self, key: str, digest: str) -> Unpacked:
        """One by its key. Raises MalformedLineage."""
        if key not in self.kept:
            body = self._archive.get(key)
            if body is None:
                raise MalformedLineage(f"{key} is missing")
            self.kept[key] = read_kept(key, digest, self._unpack(body, digest))
            self._sizes[key] = len(body)
        return Unpacked(self.kept[key].ancestors, self._sizes[key])


@dataclass
class RecordedRuns:
    """Newest records and what they continue, each read once. Objects are read as far as MOST_READ goes, in the same
    order always: whoever follows the lineage again has to come to the same.
    """

    newest: Callable[[str], Mapping[str, Any] | None]
    load: Callable[[str, str], Unpacked]
    _contents: dict[str, Mapping[str, Any] | None] = field(default_factory=dict)
    _lineages: dict[str, Lineage | None] = field(default_factory=dict)
    _seen: dict[str, int] = field(default_factory=dict)
    _read: int = 0

    def content(self, job_id: str) -> Mapping[str, Any] | None:
        """The predicate of a run's newest record."""
        if job_id not in self._contents:
            self._contents[job_id] = self.newest(job_id)
        return self._contents[job_id]

    def ancestors(self, job_id: str) -> Sequence[Ancestor] | None:
        """Those of a recorded run, none of another one; None where they are beyond what one audit reads."""
        content = self.content(job_id)
        lineage = NO_LINEAGE if content is None else self._lineage(job_id, content)
        return None if lineage is None else lineage.ancestors

    def _lineage(self, job_id: str, content: Mapping[str, Any]) -> Lineage | None:
        if job_id not in self._lineages:
            try:
                self._lineages[job_id] = read_lineage(content, self._load)
            except _BeyondMostRead:
                self._lineages[job_id] = None
        return self._lineages[job_id]

    def _load(self, key: str, digest: str) -> Sequence[Ancestor]:
        if self._read >= MOST_READ:
            raise _BeyondMostRead
        ancestors, size = self.load(key, digest)
        new = sum(self._seen.get(a.job_id) != a.revision for a in ancestors)
        self._seen.update((a.job_id, a.revision) for a in ancestors)
        self._read += size * (len(ancestors) + (_AGAIN - 1) * new) // (_AGAIN * max(len(ancestors), 1))
        return ancestors

    def ancestor_ids(self, job_id: str) -> frozenset[str] | None:
        """Job ids of those that count of a recorded run, None for one without a record, or beyond what one audit reads:
        they tell holders of a place apart.
        """
        content = self.content(job_id)
        if content is None:
            return None
        if content["job"]["activity"] == "synthetic-data":
            return frozenset()
        lineage = self._lineage(job_id, content)
        return None if lineage is None else frozenset(a.job_id for a in lineage.counted)


class _BeyondMostRead(Exception):
    """One audit reads no more objects."""
