"""Modules hand on values. Nothing in the layer takes a sentence apart or looks for words in it (CONTRIBUTING.md)."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

LAYER = Path(__file__).parents[2] / "layers" / "auditor" / "flops_auditor"
PROSE = {
    "words", "reason", "doubt", "doubts", "assumption", "assumptions", "notes", "meaning", "settle", "advice", "source",
    "explanation",
}  # fmt: skip
"""Names that hold what is said to people."""
TAKES_APART = {
    "split", "rsplit", "partition", "rpartition", "startswith", "endswith", "find", "rfind", "index", "removeprefix",
    "removesuffix", "search", "match", "fullmatch", "findall", "sub", "splitlines",
}  # fmt: skip
MATCHES = {"search", "match", "fullmatch", "split", "findall", "sub", "finditer"}
SENTENCES = {"words", "reason", "doubt", "assumption", "note"}
MODULES = sorted(path for path in LAYER.rglob("*.py"))


def names_of(node: ast.AST) -> Iterator[str]:
    """Names, attributes and constant keys in an expression."""
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.Subscript) and isinstance(each.slice, ast.Constant):
            yield str(each.slice.value)


def holds_prose(node: ast.AST) -> bool:
    """Whether an expression holds what is said to people, or a text made from it."""
    return any(name in PROSE for name in names_of(node))


def takes_apart(node: ast.AST) -> bool:
    """Whether a call splits, searches or matches what holds prose."""
    if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
        return False
    looked_at = [node.func.value, *(node.args if node.func.attr in MATCHES else [])]
    return node.func.attr in TAKES_APART and any(holds_prose(part) for part in looked_at)


def looks_for_words(node: ast.AST) -> bool:
    """Whether a comparison looks for a phrase in what holds prose, or asks whether it is a certain sentence."""
    if not isinstance(node, ast.Compare):
        return False
    for operator, right in zip(node.ops, node.comparators, strict=True):
        text = isinstance(node.left, ast.Constant) and isinstance(node.left.value, str)
        if isinstance(operator, ast.In | ast.NotIn) and any(name in SENTENCES for name in names_of(right)):
            return text or (isinstance(node.left, ast.Name) and node.left.id.isupper())
        if isinstance(operator, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant):
            return (
                isinstance(right.value, str) and bool(right.value) and any(n in SENTENCES for n in names_of(node.left))
            )
    return False


def reads_prose(tree: ast.AST) -> list[int]:
    """Lines that take apart, or look for words in, what holds prose."""
    return [node.lineno for node in ast.walk(tree) if takes_apart(node) or looks_for_words(node)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(LAYER)))
def test_no_module_reads_what_is_said_to_people(path: Path) -> None:
    assert reads_prose(ast.parse(path.read_text())) == []


@pytest.mark.parametrize(
    "code",
    [
        'a["reason"].partition("; to settle: ")',
        "doubt.endswith(NOT_IN_TABLE)",
        '_WEAK.search(row["meaning"])',
        '"not in the table" in remark.words',
        "content['estimate']['doubts'][0].split('; ')",
        "PHRASE in remark.words",
        '"not in the table" in doubt',
        'remark.words == "abc"',
        "re.split(';', remark.words)",
    ],
)
def test_the_check_sees_what_it_is_for(code: str) -> None:
    assert reads_prose(ast.parse(code))
