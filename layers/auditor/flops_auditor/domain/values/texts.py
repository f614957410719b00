"""Texts from outside that may be none: JSON escapes and arguments can bring surrogates without their other half."""

import json
import re
from collections.abc import Callable

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u(?P<lone>[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
"""One escape of JSON, whole pairs of surrogates first (RFC 8259, 7)."""


def whole_text(text: str) -> str:
    """The text with U+FFFD for each lone surrogate, which cannot be written in UTF-8 (RFC 8259, 8.2)."""
    return _LONE_SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)


def whole_json(text: str) -> str:
    """A text of JSON with U+FFFD for each lone surrogate, also for one that an escape in it brings."""
    return _ESCAPE.sub(lambda escape: "\\ufffd" if escape["lone"] else escape[0], whole_text(text))


def read_json(text: str, number: Callable[[str], object] | None = None) -> object:
    """What a text of JSON holds, with U+FFFD for each lone surrogate, which an escape in it can bring though the text
    itself has none; an object that has a name twice is a list of its members. `number` reads numbers, where they are
    not to be Python's. Raises ValueError, RecursionError.
    """
    return json.loads(
        whole_json(text), parse_int=number, parse_float=number, parse_constant=number, object_pairs_hook=_every_member
    )


def _every_member(members: list[tuple[str, object]]) -> object:
    once = dict(members)
    return once if len(once) == len(members) else [{name: value} for name, value in members]
