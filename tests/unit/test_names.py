"""One name, one thing: no class, and no set of allowed words, is called as another one is in another module. And a name
says what its value is, not how one came by it.
"""

import ast
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def modules(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


HOUSE = modules("layers/auditor/flops_auditor", "cli/flops_auditor_cli", "functions")
OF_ANYTHING = {"found", "said"}
"""Names that fit any value that was looked for, or that somebody stated."""


def named(tree: ast.Module) -> Iterator[str]:
    """Classes, and aliases such as `Role = Literal[...]`; those of one module alone begin with an underscore."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript):
            yield from (each.id for each in node.targets if isinstance(each, ast.Name) and each.id.istitle())


def test_a_name_means_one_thing() -> None:
    places: defaultdict[str, list[str]] = defaultdict(list)
    for path in HOUSE:
        for name in named(ast.parse(path.read_text(encoding="utf-8"))):
            if not name.startswith("_"):
                places[name].append(path.relative_to(ROOT).as_posix())
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def given(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Names that a module gives to a value, a parameter or a function, and the line of each."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.FunctionDef):
            yield node.name, node.lineno


def test_a_name_says_what_its_value_is() -> None:
    anything = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in (*HOUSE, *modules("bench"))
        for name, line in given(ast.parse(path.read_text(encoding="utf-8")))
        if name in OF_ANYTHING
    ]
    assert anything == []


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    found = g()",
        "def f(found): ...",
        "[x for found in y]",
        "lambda said: 0",
        "class A:\n    said: int",
        "def said(): ...",
        "a, *said = b",
    ],
)
def test_every_way_of_giving_a_name_is_seen(source: str) -> None:
    assert {name for name, _ in given(ast.parse(source))} & OF_ANYTHING
