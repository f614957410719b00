"""No regular expression walks a text again from each of its places: one that grows by the square of a text's length
takes seconds for what one person writes in a tag or a file.

Each expression of layers/ and cli/, with each method by which the code uses it, meets texts that are made from the
expression itself: what each of its repeats takes, over and over, with an end that it does not take. An expression that
is only ever matched from one place is not searched for in all.
"""

import ast
import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from types import ModuleType
from typing import Any

import pytest

import flops_auditor
import flops_auditor_cli

METHODS = ("match", "fullmatch", "search", "finditer", "findall", "sub", "split")
SHORT = 1_000
LONG = 16 * SHORT
FLOOR = 0.002
"""Seconds of CPU of a long text that are not worth a second look: a square of which a thousand characters take 8
microseconds takes as long."""
STEEPEST = 48
"""Times as long for a text 16 times as long: a square takes 256 times, a walk 16 times. The least of several times of
each is compared, so another process beside this one would have to disturb them all."""
AT_ONCE = 0.1
"""Seconds for a short text that need no comparison: a walk takes less than a thousandth of them."""
ANYTHING = [*" \n\ta0_-./\"'\\{[=:,$%(<|é", "a ", "a\n", "a-", "a.", "a/", "--a ", "=a", '{"', "s3://", "\r\n", "A"]
REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}
MANY = 50
OF_A_CLASS = {op.CATEGORY_DIGIT: "0", op.CATEGORY_SPACE: " ", op.CATEGORY_NOT_WORD: "!"}

Tree = list[tuple[Any, Any]]
Used = tuple[str | bytes, int, str]
"""A pattern, its flags, and the method by which it is used."""


def one_of(members: Tree) -> str:
    """A character of a class; of what a class leaves out one that is not in it."""
    if members[0][0] is op.NEGATE:
        taken = re.compile(f"[{''.join(map(re.escape, map(one_of, ([m] for m in members[1:]))))}]")
        return next((char for char in "a 0_-./=!\x01" if not taken.match(char)), "\x01")
    kind, value = members[0]
    if kind is op.CATEGORY:
        return OF_A_CLASS.get(value, "a")
    return chr(value[0] if kind is op.RANGE else value)


def taken(tree: Tree, least: int = 1) -> str:
    """A short text that an expression takes; each repeat `least` times at least."""
    text = ""
    for kind, value in tree:
        if kind is op.LITERAL:
            text += chr(value)
        elif kind in (op.NOT_LITERAL, op.ANY):
            text += "a" if value != ord("a") else "b"
        elif kind is op.IN:
            text += one_of(value)
        elif kind in REPEATS:
            text += taken(list(value[2]), least) * max(value[0], least)
        elif kind is op.SUBPATTERN:
            text += taken(list(value[3]), least)
        elif kind is op.BRANCH:
            text += taken(list(value[1][0]), least)
        elif kind is op.ATOMIC_GROUP:
            text += taken(list(value), least)
    return text


def parts_of(kind: Any, value: Any) -> list[Tree]:
    if kind in REPEATS:
        return [list(value[2])]
    if kind is op.SUBPATTERN:
        return [list(value[3])]
    if kind is op.BRANCH:
        return [list(each) for each in value[1]]
    if kind in (op.ASSERT, op.ASSERT_NOT):
        return [list(value[1])]
    return [list(value)] if kind is op.ATOMIC_GROUP else []


def repeated(tree: Tree, before: str = "") -> Iterator[tuple[str, str]]:
    """What stands before each long repeat of an expression, and what it takes."""
    for kind, value in tree:
        parts = parts_of(kind, value)
        if kind in REPEATS and (value[1] is op.MAXREPEAT or value[1] >= MANY):
            inner = [part for each in parts[0] for part in parts_of(*each)]
            yield from ((before, taken(part) or "a") for part in (parts[0], *inner))
        for part in parts:
            yield from repeated(part, before)
        before += taken([(kind, value)], 0)


def hostile(pattern: str | bytes, flags: int) -> list[tuple[str, str, str]]:
    """Texts as beginning, what is repeated, and end."""
    tree = list(parser.parse(pattern, flags))
    texts = [("", each, "") for each in (*ANYTHING, taken(tree)) if each]
    for before, pump in set(repeated(tree)):
        for end in ("", "\x01"):
            texts += [(before, pump, end), ("", before + pump, end), ("", f"{before}{pump} ", end)]
    return list(dict.fromkeys(texts))


def seconds(walk: Callable[[Any], Any], shape: tuple[str, str, str], length: int, as_bytes: bool, times: int) -> float:
    """The least of several."""
    before, pump, end = shape
    text: str | bytes = before + pump * (length // len(pump)) + end
    text = text.encode("utf-8", "replace") if as_bytes else text
    fastest = 60.0
    for _ in range(times):
        begun = time.process_time()
        found = walk(text)
        for _ in found if hasattr(found, "__next__") else ():
            pass
        fastest = min(fastest, time.process_time() - begun)
        if length == LONG and not FLOOR < fastest < AT_ONCE:
            break
    return fastest


def grows(walk: Callable[[Any], Any], shape: tuple[str, str, str], as_bytes: bool, times: int) -> bool:
    long = seconds(walk, shape, LONG, as_bytes, times)
    return long > FLOOR and long > STEEPEST * seconds(walk, shape, SHORT, as_bytes, 4 * times)


def steep(used: Used) -> str:
    """A text whose time grows faster than it does; empty where none was found."""
    pattern, flags, method = used
    walk = getattr(re.compile(pattern, flags), method)
    if method == "sub":
        walk = lambda text, sub=walk: sub(text[:0], text)  # noqa: E731
    as_bytes = isinstance(pattern, bytes)
    for shape in hostile(pattern, flags):
        short = seconds(walk, shape, SHORT, as_bytes, 1)
        if short < AT_ONCE and not all(grows(walk, shape, as_bytes, times) for times in (1, 5)):
            continue
        return f"{method} {pattern!r} on {shape!r}: {short:.6f} s of {SHORT} characters"
    return ""


def expressions() -> set[Used]:
    """All expressions of layers/ and cli/ with the methods by which the code uses them."""
    used: set[Used] = set()
    for root in (flops_auditor, flops_auditor_cli):
        for module in pkgutil.walk_packages(root.__path__, f"{root.__name__}."):
            if not module.name.endswith(("__main__", "emulator")):  # the latter runs in the local AWS's environment
                used |= of_module(importlib.import_module(module.name))
    return used


def of_module(module: ModuleType) -> set[Used]:
    """Those that a module uses; of what it uses by no method of its own, such as one of several, each method."""
    own = {
        name: [each for each in (value if isinstance(value, tuple) else (value,)) if isinstance(each, re.Pattern)]
        for name, value in vars(module).items()
    }
    unused = {name for name, patterns in own.items() if patterns}
    used: set[Used] = set()
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
        if isinstance(node, ast.Attribute) and node.attr in METHODS and isinstance(node.value, ast.Name):
            unused.discard(node.value.id)
            used |= {(each.pattern, each.flags, node.attr) for each in own.get(node.value.id, ())}
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first, whose = node.args[0], node.func.value
            of_re = isinstance(whose, ast.Name) and whose.id == "re" and node.func.attr in METHODS
            if of_re and isinstance(first, ast.Constant) and isinstance(first.value, str):
                used.add((first.value, re.compile(first.value).flags, node.func.attr))
    return used | {
        (each.pattern, each.flags, method) for name in unused for each in own[name] for method in METHODS[:3]
    }


def test_no_regular_expression_takes_the_square_of_a_text() -> None:
    found = expressions()
    assert len({pattern for pattern, _, _ in found}) > 120
    assert [line for each in sorted(found, key=repr) if (line := steep(each))] == []


@pytest.mark.parametrize(
    ("pattern", "method"),
    [(r"\s+WITH\s+", "split"), (r"\w*\w*-", "fullmatch"), (r"\d+\. ", "search"), (r"\$\{([^}]*)\}", "sub")],
)
def test_an_expression_that_does_is_seen(pattern: str, method: str) -> None:
    assert steep((pattern, re.compile(pattern).flags, method))
