"""Variables in what a job is told: how a shell and OmegaConf fill them in, and what is open where nothing says how.

Facts: Bash Reference Manual, "Shell Parameter Expansion", "Brace Expansion", "Pattern Matching"; OmegaConf,
"Variable interpolation" (`${name}`, `${oc.env:NAME,default}`); Python, str.format (`{name}`).
"""

import re
from collections.abc import Mapping

from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.channel_paths import path_in_channel

LONGEST_VARIABLE = 2_500
"""Of a variable that is filled in; SageMaker takes no hyperparameter that is longer."""
_VARIABLE = re.compile(
    r"\$(?P<name>[A-Za-z_]\w*+|[0-9@*])"
    r"|\$?\{(?:(?:oc\.)?env:)?(?P<braced>[A-Za-z_][\w.]*+|[0-9@*])(?:\[[@*\d]{1,4}\])?"
    r"(?:(?P<how>:?[-=?+]|,{1,2}|%{1,2}|#{1,2}|/{1,2}|\^{1,2}|:(?=\d))(?P<what>[^{}$]*+))?\}"
)
"""Also an element of an array, a parameter of a script, and a value that is changed as it is filled in."""
_PATTERN = re.compile(r"[*?\[\\]")
_NOT_TOLD = re.compile(
    r"\$(?:\( |$|[0-9@*]|\{[0-9@*!])|[a-z][a-z0-9+]{0,9}://[^/$`{]{0,63}(?:\$\(|`|\$\{?[0-9@*]|\{[^/{},]{0,63},)"
)
"""How a value begins that a shell makes in a way that is not followed, or a place whose bucket it makes so."""
_MOST_VARIABLES = 4
"""Of a word."""
_OPEN = re.compile(r"[$`*\[{]|\?(?!\w+=)")
"""What stands in a place that is not known before the job runs, or in one that stands for several; no query of one."""


def filled_in(text: str, variables: Mapping[str, str], most: int = _MOST_VARIABLES) -> str:
    """A word with the first of its variables filled in, of those without a value by the default that it gives them."""
    return _VARIABLE.sub(lambda match: _value(match, variables), text, count=most)


def _value(match: re.Match[str], variables: Mapping[str, str]) -> str:
    name, how, what = match["name"] or match["braced"], match["how"] or "", match["what"] or ""
    of_shell = match[0].startswith("$")
    value = (variables.get(name) or variables.get(name.rpartition(".")[2])) if of_shell or not name.isdigit() else None
    if value:
        return (_changed(value, how, what) or match[0]) if of_shell else value
    return what if of_shell and how.lstrip(":") in ("-", "=", ",") and how else match[0]


def _changed(value: str, how: str, what: str) -> str:
    """A value as a shell changes it; of a change that is not followed what it is made of, where that is a place or a
    path in a channel, and else "".
    """
    if how.lstrip(":") in ("", "-", "=", "?", ",") and how != ":":
        return value
    if how in (":+", "+"):
        return what
    told, _, new = what.partition("/")
    if how in ("/", "//") and told and told[0] not in "#%" and not _PATTERN.search(told):
        return value.replace(told, new, 1 if how == "/" else -1)
    if how[0] in "%#" and not _PATTERN.search(what):
        return value.removesuffix(what) if how[0] == "%" else value.removeprefix(what)
    return made_of(value) if ":/" in value or path_in_channel(value) is not None else ""


def made_of(text: str) -> str:
    """What a shell makes of a text in a way that is not followed."""
    return f"$( {text} )"


def is_told(value: str) -> bool:
    """Whether it is known how a shell made a value, or it only has a variable that nothing sets."""
    return _NOT_TOLD.match(value) is None


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
