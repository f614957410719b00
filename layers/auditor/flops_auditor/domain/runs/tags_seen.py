"""The auditor's own tags of a run as they stood before: a tag that was changed while the run went on is said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.domain.values.remarks import Kind, Remark

MOST_SEEN = 20
"""Changes that are kept of one run."""
MOST_SAID = 8
TAG_CHANGED = Kind("tag-changed", "tag {name:said80} was {before} when the run was seen at {at}; it is {now} now")


@dataclass(frozen=True)
class TagsSeen:
    """The auditor's tags of a run, by name, as they were at a moment."""

    at: datetime
    tags: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As evidence holds it."""
        return {"at": iso(self.at), "tags": dict(self.tags)}


def read_tags_seen(members: Mapping[str, Any]) -> TagsSeen:
    """Read it back. Raises KeyError, TypeError, ValueError."""
    return TagsSeen(read_time(members["at"]), {str(name): str(value) for name, value in members["tags"].items()})


def own_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """The tags that are the auditor's."""
    return {name: value for name, value in sorted(tags.items()) if name.startswith(TAG_PREFIX)}


def changed_tags(seen: Sequence[TagsSeen], tags: Mapping[str, str]) -> tuple[Remark, ...]:
    """What each tag was when it was seen, where it is something else now; the last such look counts."""
    now = own_tags(tags)
    by_tag: dict[str, Remark] = {}
    for look in seen:
        for name in sorted(look.tags.keys() | now.keys()):
            before, after = look.tags.get(name), now.get(name)
            if before != after:
                by_tag[name] = TAG_CHANGED(name=name, before=_quoted(before), at=iso(look.at), now=_quoted(after))
    return tuple(by_tag.values())[:MOST_SAID]


def _quoted(value: str | None) -> str:
    return "absent" if value is None else repr(value[:60])
