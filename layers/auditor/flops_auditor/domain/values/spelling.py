"""How a name is compared with lists of names: without case, and without blanks and signs between its words."""

import re
from collections.abc import Iterable
from functools import lru_cache

_BETWEEN_WORDS = re.compile(r"[-_\s]+")
_LONGEST_KEPT = 256
"""Characters: longer ones are no names, and whoever writes one does not choose how much is remembered."""


def squeezed(name: str) -> str:
    """`Model Name`, `MODEL-NAME` and `model_name` are one name: `modelname`. What a "." or "/" divides stays so."""
    return as_compared(name) if len(name) <= _LONGEST_KEPT else _squeezed(name)


def all_squeezed(*lists: Iterable[str]) -> frozenset[str]:
    """The names of lists, as they are compared."""
    return frozenset(squeezed(name) for names in lists for name in names)


def _squeezed(name: str) -> str:
    return _BETWEEN_WORDS.sub("", name).lower()


as_compared = lru_cache(4096)(_squeezed)
"""`squeezed` of a name from our own lists, which is short: it is asked for hundreds of times a job."""


@lru_cache(256)
def all_as_compared(names: tuple[str, ...]) -> frozenset[str]:
    """The names of one of our own lists, as they are compared."""
    return frozenset(map(as_compared, names))
