"""Configurations that a job passes as one text: JSON in a hyperparameter, and a command line."""

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

_LONGEST_TEXT = 100_000
"""Characters of one configuration, or of a command line."""
_MOST_LEAVES = 500
_DEEPEST = 12


def leaves(given: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and values; of a value that is an object or a list in JSON each leaf, as `config.model.path`, instead."""
    for key, value in given.items():
        text = _unquoted(value.strip())
        if not text.startswith(("{", "[")) or len(text) > _LONGEST_TEXT:
            yield key, value
            continue
        try:
            tree = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
        except (ValueError, RecursionError):
            yield key, value
            continue
        inside = list(islice(_leaves(key, tree, _DEEPEST), _MOST_LEAVES))
        yield from inside or [(key, value)]


def _unquoted(text: str) -> str:
    """A text that the SageMaker SDK wrote as one of JSON, without its quotation marks."""
    if not text.startswith('"{') or len(text) > _LONGEST_TEXT:
        return text
    try:
        inner = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return inner if isinstance(inner, str) else text


def _leaves(name: str, tree: object, deeper: int) -> Iterator[tuple[str, str]]:
    if isinstance(tree, dict):
        inside: Iterable[tuple[str, object]] = ((f"{name}.{key}", value) for key, value in tree.items())
    elif isinstance(tree, list):
        inside = ((name, value) for value in tree)
    else:
        yield name, "" if tree is None else str(tree)
        return
    for inner, value in inside if deeper else ():
        yield from _leaves(inner, value, deeper - 1)


def options(command: Sequence[str]) -> dict[str, str]:
    """What the options of a command line say: `--name value`, `--name=value` and `name=value`; "true" for an option
    without a value. A value that the shell would fill in is not known, and left out.
    """
    words: list[str] = []
    for part in command:
        words += _words(part[:_LONGEST_TEXT]) if any(each.isspace() for each in part) else [part]
    values: dict[str, str] = {}
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals:
            following = words[position + 1] if position + 1 < len(words) else "-"
            value = "true" if following.startswith("-") and not _is_number(following) else following
        if (word.startswith("-") or equals) and name.strip("-+") and "$" not in value and len(values) < _MOST_LEAVES:
            values[name.lstrip("-+")] = value
    return values


def _words(text: str) -> list[str]:
    """Words of a line for a shell; what it quotes may be a line itself."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return [inner for word in words for inner in (word.split() if any(c.isspace() for c in word) else [word])]


def _is_number(text: str) -> bool:
    return text[1:2].isdigit()
