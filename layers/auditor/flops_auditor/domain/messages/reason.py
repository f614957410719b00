"""The reason of an assessment, as `policy.explain` and `policy.assess` write it, read apart for people."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

TO_SETTLE = "; to settle: "
_AND = "; "
_OF_THE_ORIGINAL = re.compile(r"; (?=(?:the figure|two figures) for the original )")

Titles = Mapping[str, Mapping[str, str]]
"""Policy -> scenario -> what people call it."""


@dataclass(frozen=True)
class Reason:
    """The figures beside the threshold, what is in doubt clause by clause, and what would settle it."""

    figures: str
    doubts: tuple[str, ...]
    settle: str


def read_reason(text: str) -> Reason:
    """A reason's parts; joined by semicolons they say all that it says."""
    said, _, rest = text.partition(TO_SETTLE)
    settle, *notes = _OF_THE_ORIGINAL.split(rest)
    figures, *doubts = _AND.join([said, *notes]).split(_AND)
    return Reason(figures, tuple(doubts), settle)


def clauses(doubt: str) -> list[str]:
    """A doubt clause by clause, as a reason's doubts are."""
    return doubt.split(_AND)


def named(policy: str, scenario: str, titles: Titles) -> str:
    """A threshold by its title and its ids; by its ids alone where it has no title, as one of another release."""
    title = titles.get(policy, {}).get(scenario)
    return f"{title} ({policy}, {scenario})" if title else f"{policy}, {scenario}"
