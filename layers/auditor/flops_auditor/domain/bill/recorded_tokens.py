"""How many tokens a record says at most. No member of a record counts them: the words of its estimate say so."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from flops_auditor.domain.compute.architecture import GENERATED
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA, BYTES_OF_A_TOKEN, LEAST_BYTES_OF_A_TOKEN

_NOT_ALL = frozenset({"tokens-not-said", "more"})
"""Kinds of remarks beside which others may be missing: a count that its service does not say, what had no room."""
_NONE = "no-tokens-charged"
_NUMBER = r"([0-9](?:\.[0-9]{1,9})?+)e([0-9]{1,2}+) tokens\b"
_TRAINED = re.compile(rf" x {_NUMBER}")
_GENERATED = re.compile(rf"counts {_NUMBER}")


def most_tokens(estimate: Mapping[str, Any]) -> int | None:
    """What passed through the model, all together: what was trained on, and what was generated or read beside it. None
    where a record does not say. Words are rounded to three digits: it is the most that they may stand for.
    """
    words = {each["kind"]: each["words"] for each in estimate["assumptions"]}
    kinds = words.keys() | {each["kind"] for each in estimate["doubts"]}
    if kinds & _NOT_ALL:
        return None
    counts = (_most(_TRAINED, tier["basis"]) for tier in estimate["tiers"])
    known = [each for each in counts if each is not None]
    if not known:
        return 0 if _NONE in kinds else None
    trained = max(known)
    if BOUND_BY_DATA.name in kinds:
        trained *= BYTES_OF_A_TOKEN / LEAST_BYTES_OF_A_TOKEN
    return int(trained + (_most(_GENERATED, words.get(GENERATED.name, "")) or 0))


def _most(spelt: re.Pattern[str], words: str) -> Fraction | None:
    """The most that a number in these words may be rounded from."""
    match = spelt.search(words)
    if match is None:
        return None
    digits = len(match[1].partition(".")[2])
    return (Fraction(match[1]) + Fraction(1, 2 * 10**digits)) * Fraction(10) ** int(match[2])
