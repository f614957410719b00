"""Where two JSON values differ, field by field, for people: bounded, however large or strange the values are."""

from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from flops_auditor.domain.values.canonical_json import NoCanonicalForm, canonical

MOST = 8
"""Differences that are shown."""
LONGEST = 60
"""Characters of a value that are shown."""
ABSENT = object()


class Difference(NamedTuple):
    """One place, as a path such as `estimate.tiers[0].best_flop`, and what is there on either side."""

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


def differences(before: Any, after: Any, without: Collection[str] = (), path: str = "") -> Iterator[Difference]:
    """The places at which two values differ, in order; members named in `without` are passed over, at any depth."""
    if _alike(before, after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*after, *(name for name in before if name not in after)]:
            if name not in without:
                inside = f"{path}.{name}" if path else str(name)
                yield from differences(before.get(name, ABSENT), after.get(name, ABSENT), without, inside)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for at, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, without, f"{path}[{at}]")
    elif type(before) is not type(after) or before != after:
        yield Difference(path[:200], before, after)


def _alike(before: Any, after: Any) -> bool:
    """Whether two values surely do not differ: mostly so, and seen without naming each place."""
    kind = type(before)
    if kind is not type(after):
        return False
    if kind is dict:
        return before.keys() == after.keys() and all(_alike(each, after[name]) for name, each in before.items())
    if kind is list:
        return len(before) == len(after) and all(map(_alike, before, after))
    return bool(before == after)


def in_words(compared: Iterator[Difference]) -> str:
    """The first differences in one line, and that there are more."""
    shown = list(islice(compared, MOST + 1))
    return "; ".join([*map(str, shown[:MOST]), *(["and more"] if len(shown) > MOST else [])])


def _shown(value: Any) -> str:
    if value is ABSENT:
        return "nothing"
    if isinstance(value, list):
        return f"{len(value)} entries"
    try:
        text = canonical(value).decode()
    except NoCanonicalForm:
        text = repr(value)
    return text if len(text) <= LONGEST else text[:LONGEST] + " ..."
