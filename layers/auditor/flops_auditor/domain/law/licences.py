"""Whether a licence, named as SPDX does (ISO/IEC 5962, license expressions), is one of a policy's free ones."""

import re
from collections.abc import Collection
from typing import Literal

from flops_auditor.domain.runs.spdx import BETWEEN, unknown_names

Standing = Literal["free", "other", "unknown"]
"""Whether a licence is one of those that a policy takes for free ones; another one; or no name that SPDX has."""

_EXCEPTION = re.compile(r"(?<!\s)\s+WITH\s+[^\s()]+", re.IGNORECASE)
_OR = re.compile(r"(?<!\s)\s+OR\s+", re.IGNORECASE)


def standing(expression: str, free: Collection[str]) -> Standing:
    """What is known of a licence that somebody names."""
    if is_free(expression, free):
        return "free"
    return "unknown" if unknown_names(expression) else "other"


def is_free(expression: str, free: Collection[str]) -> bool:
    """Whether one may choose a licence among these (identifiers in lower case): one of several, or all that hold.

    An exception only adds to what a licence allows; "+" means a later version, too. In an expression with brackets all
    that it names have to be free, which is never too mild.
    """
    plain = _EXCEPTION.sub("", expression)
    any_of = [plain] if "(" in plain else _OR.split(plain)
    return any(_all_free(each, free) for each in any_of)


def _all_free(expression: str, free: Collection[str]) -> bool:
    names = BETWEEN.split(re.sub(r"[()]", " ", expression).strip())
    return all(name.strip().lower() in free or name.strip().lower().removesuffix("+") in free for name in names)
