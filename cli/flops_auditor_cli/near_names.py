"""Names that look like one that was not found."""

from collections.abc import Iterable
from difflib import get_close_matches

from flops_auditor import data

MOST_NAMES = 3
ALIKE = 0.6
"""Share of matching characters from which on two names are alike (difflib's own default)."""


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are most like it, the likeliest first; case is ignored."""
    by_lower = {each.lower(): each for each in known}
    return [by_lower[each] for each in get_close_matches(name.lower()[:200], by_lower, MOST_NAMES, ALIKE)]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to add to a message; empty where nothing is alike."""
    near = nearest_names(name, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def model_names() -> list[str]:
    """Every name that the table of base models knows."""
    return [name for model in data.base_model_table().models.values() for name in (model.model_id, *model.aliases)]


def unknown_model(name: str) -> str:
    """That a model is not in the table, and what its name may mean; empty for one that is known or has no name."""
    if not name or data.base_model_table().look_up(name).model is not None:
        return ""
    return f"not in the table of base models.{did_you_mean(name, model_names())}"
