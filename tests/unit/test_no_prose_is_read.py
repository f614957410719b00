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
    "removesuffix", "search", "match", "fullmatch", "findall", "sub", "splitlines", "count",
}  # fmt: skip
MATCHES = {"search", "match", "fullmatch", "split", "findall", "sub", "finditer"}
SENTENCES = {"words", "reason", "doubt", "assumption", "note", "meaning", "title", "left_open"}
ROOT = LAYER.parents[2]
FOLDERS = (LAYER, ROOT / "cli" / "flops_auditor_cli", ROOT / "functions")
MODULES = sorted(path for folder in FOLDERS for path in folder.rglob("*.py"))


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


def is_sentence(node: ast.AST) -> bool:
    """Whether an expression is what is said to people itself: a member or attribute that holds a sentence."""
    if isinstance(node, ast.Attribute):
        return node.attr in SENTENCES
    if isinstance(node, ast.Subscript):
        return (isinstance(node.slice, ast.Constant) and node.slice.value in SENTENCES) or (
            isinstance(node.slice, ast.Slice) and is_sentence(node.value)
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
        return isinstance(node.args[0], ast.Name) and node.args[0].id in SENTENCES
    if isinstance(node, ast.SetComp | ast.ListComp | ast.GeneratorExp):
        return is_sentence(node.elt)
    return False


def decides_by_sentence(node: ast.AST) -> bool:
    """Whether a sentence is looked into, matched, or used as a key."""
    if isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators, strict=True)
        return any(isinstance(operator, ast.In | ast.NotIn) and is_sentence(right) for operator, right in pairs)
    if isinstance(node, ast.Match):
        return is_sentence(node.subject)
    if isinstance(node, ast.Subscript):
        return is_sentence(node.slice)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        taken = node.func.attr in TAKES_APART and is_sentence(node.func.value)
        return taken or (node.func.attr in MATCHES | {"get"} and any(is_sentence(part) for part in node.args))
    return False


class _Named(ast.NodeTransformer):
    """Puts a sentence in the place of each name that holds one and nothing else."""

    def __init__(self, names: set[str]) -> None:
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self.names and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Attribute(node, "words", ast.Load()), node)
        return node


def with_names(tree: ast.AST) -> ast.AST:
    """The tree, with what is assigned from a sentence followed into its uses, a function at a time."""
    for scope in [tree, *(each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef))]:
        if not isinstance(scope, ast.FunctionDef | ast.Module):
            continue
        given: dict[str, list[bool]] = {}
        for each in ast.walk(scope):
            if isinstance(each, ast.Assign):
                for target in each.targets:
                    if isinstance(target, ast.Name):
                        given.setdefault(target.id, []).append(is_sentence(each.value))
        names = {name for name, kinds in given.items() if all(kinds)}
        if names and isinstance(scope, ast.FunctionDef):
            scope.body = [_Named(names).visit(statement) for statement in scope.body]
        elif names and isinstance(scope, ast.Module):
            scope.body = [
                each if isinstance(each, ast.FunctionDef) else _Named(names).visit(each) for each in scope.body
            ]
    return tree


def reads_prose(tree: ast.AST) -> list[int]:
    """Lines that take apart, or look for words in, what holds prose."""
    found = {node.lineno for node in ast.walk(tree) if takes_apart(node) or looks_for_words(node)}  # type: ignore[attr-defined]
    followed = ast.walk(with_names(tree))
    return sorted(found | {node.lineno for node in followed if decides_by_sentence(node)})  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
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
        'text = remark.words\nif "not in the table" in text: pass',
        "if any(x in r.words for x in PHRASES): pass",
        'kept = {r.words for r in remarks}\nif "abc" in kept: pass',
        's = a["reason"]\ns.split(";")',
        'def f(a):\n    s = a["reason"]\n    return s.split(";")',
        'if a["reason"].count("above"): pass',
        'if remark.words[:5] == "above": pass',
        'str(doubt).startswith("tag")',
        'a["title"].startswith("AI Act")',
        'match remark.words:\n  case "abc": pass',
        'd = {"abc": 1}[remark.words]',
        "LOOKUP.get(remark.words)",
        'if "AI" in a["meaning"]: pass',
    ],
)
def test_the_check_sees_what_it_is_for(code: str) -> None:
    assert reads_prose(ast.parse(code))
