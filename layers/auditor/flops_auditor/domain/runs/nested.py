"""Configurations that a job passes as one text: JSON in a hyperparameter, and a command line."""

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice

from flops_auditor.domain.values.texts import read_json

_LONGEST_TEXT = 65_536
"""Characters of all configurations of a job, and of its command line."""
_MOST_LEAVES = 500
_DEEPEST = 12


def flattened(given: Mapping[str, str]) -> dict[str, str]:
    """The values by name; in place of one that is an object or a list in JSON its leaves, as `config.model.path`."""
    values: dict[str, str] = {}
    left, places = _LONGEST_TEXT, _MOST_LEAVES
    for key, value in given.items():
        text = value.strip()
        leaves: list[tuple[str, str]] = []
        if text.startswith(("{", "[", '"{')) and len(text) <= left:
            left -= len(text)
            leaves = list(islice(_leaves(key, _tree(text), _DEEPEST), places))
            places -= len(leaves)
        values.update(leaves or [(key, value)])
    return values


def _tree(text: str) -> object:
    """What a text in JSON holds, numbers as they are written, also where the SageMaker SDK wrote it as a text of JSON
    once more. None for no JSON.
    """
    try:
        tree = read_json(text, number=str)
        return read_json(tree, number=str) if isinstance(tree, str) else tree
    except (ValueError, RecursionError):
        return None


def _leaves(name: str, tree: object, deeper: int) -> Iterator[tuple[str, str]]:
    """Leaves with their whole names. A list of texts or numbers is one leaf."""
    if isinstance(tree, dict):
        inside: Iterable[tuple[str, object]] = ((f"{name}.{key}", value) for key, value in tree.items())
    elif isinstance(tree, list):
        plain = [str(value) for value in tree if isinstance(value, str | bool)]
        if plain:
            yield name, ",".join(plain)
        inside = ((f"{name}.{index}", value) for index, value in enumerate(tree) if isinstance(value, dict | list))
    else:
        if tree is not None:
            yield name, str(tree)
        return
    for inner, value in inside if deeper else ():
        yield from _leaves(inner, value, deeper - 1)


def options(command: Sequence[str]) -> dict[str, str]:
    """What the options of a command line say: `--name value`, `--name=value` and `name=value`; "true" for an option
    without a value. A value that the shell would fill in is not known, and left out.
    """
    words: list[str] = []
    left = _LONGEST_TEXT
    for part in command:
        text = part[:left]
        left -= len(text)
        words += _words(text) if any(map(str.isspace, text)) else [text]
    values: dict[str, str] = {}
    for position, word in enumerate(words):
        name, equals, value = word.partition("=")
        if not equals:
            following = words[position + 1] if position + 1 < len(words) else "-"
            value = "true" if following.startswith("-") and not _is_number(following) else following
        named = (word.startswith("-") or equals) and not _is_number(word) and name.strip("-+")
        if named and "$" not in value and len(values) < _MOST_LEAVES:
            values[name.lstrip("-+")] = value
    return values


def _words(text: str) -> list[str]:
    """Words of a line for a shell; what it quotes may be a line itself."""
    try:
        words = shlex.split(text)
    except ValueError:
        words = text.split()
    return [inner for word in words for inner in word.split() or [word]]


def _is_number(text: str) -> bool:
    return text[1:2].isdigit()
