"""Turns: who comes with many keeps nobody out."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import TypeVar

T = TypeVar("T")


def by_turns(things: Iterable[T], group: Callable[[T], Hashable]) -> list[T]:
    """The first of each group, then the second of each, and so on; groups and their members in the order given."""
    turns: Counter[Hashable] = Counter()
    ranked = []
    for thing in things:
        ranked.append((turns[group(thing)], thing))
        turns[group(thing)] += 1
    return [thing for _, thing in sorted(ranked, key=lambda pair: pair[0])]
