"""Parts of a JSON document that somebody else wrote: of what is of another form there is nothing."""

from collections.abc import Iterator, Mapping
from typing import Any


def members(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """The members of the object of that name."""
    part = document.get(name)
    return part if isinstance(part, Mapping) else {}


def objects_in(part: object) -> Iterator[Mapping[str, Any]]:
    """The objects of a list."""
    yield from (each for each in part if isinstance(each, Mapping)) if isinstance(part, list) else ()
