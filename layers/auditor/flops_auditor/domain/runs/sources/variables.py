"""Variables in what a job is told: how a shell and OmegaConf fill them in, and what is open where nothing says how.

Facts: Bash Reference Manual, "Shell Parameter Expansion", "Brace Expansion", "Pattern Matching"; OmegaConf,
"Variable interpolation" (`${name}`, `${oc.env:NAME,default}`); Python, str.format (`{name}`).
"""

import re
from collections.abc import Mapping

from flops_auditor.domain.runs.places import Location

LONGEST_VARIABLE = 2_500
"""Of a variable that is filled in; SageMaker takes no hyperparameter that is longer."""
_VARIABLE = re.compile(
    r"\$(?P<name>[A-Za-z_]\w*+)"
    r"|\$?\{(?:(?:oc\.)?env:)?(?P<braced>[A-Za-z_][\w.]*+)(?:(?::?[-=]|,)(?P<default>[^{}$,]*+))?\}"
)
_MOST_VARIABLES = 4
"""Of a word."""
_OPEN = re.compile(r"[$`*\[{]|\?(?!\w+=)")
"""What stands in a place that is not known before the job runs, or in one that stands for several; no query of one."""


def filled_in(text: str, variables: Mapping[str, str], most: int = _MOST_VARIABLES) -> str:
    """A word with the first of its variables filled in, of those without a value by the default that it gives them."""
    return _VARIABLE.sub(lambda match: _value(match, variables), text, count=most)


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name = match["name"] or match["braced"]
    default = match["default"] if match[0].startswith("$") else None
    return variables.get(name) or variables.get(name.rpartition(".")[2]) or (match[0] if default is None else default)


def left_open(place: Location) -> Location | None:
    """Of a place of which a part is open the folder above that, itself open where its bucket is; None of any other."""
    if is_open(place.space):
        return place
    for level, part in enumerate(place.path):
        if _OPEN.search(part):
            return Location(place.space, place.path[:level])
    return None


def is_open(text: str) -> bool:
    """Whether a variable, a pattern or a choice stands in a text."""
    return _OPEN.search(text) is not None
