"""Every field of a value and every column of a table is read by something: what nothing reads decides nothing."""

import ast
import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from flops_auditor import data

ROOT = Path(__file__).parents[2]
FOR_PEOPLE = {"source", "note", "shape_source", "release", "file"}
"""Columns that say where a figure, or a file, comes from: whoever mends the table reads them."""


BY_NAME = {
    "ThresholdForecast.projected_upper_share": "cli/flops_auditor_cli/schemas.py",
    "LineStanding.verdict_in_words": "cli/flops_auditor_cli/form_view.py",
    **dict.fromkeys(
        (f"BillableTokens.{kind}_tokens" for kind in ("training", "sample", "prefill", "all", "most")),
        "layers/auditor/flops_auditor/domain/runs/billable_tokens.py",
    ),
}
"""Fields that are shown by their names, and where these stand."""
BY_TESTS = {"kv_heads", "tied"}
"""Of a model's shape: the test that builds the models of the table, and counts what they do, needs all of it."""
CALLED_BY_TESTS = {
    *(
        "load_batch_job",
        "load_cluster",
        "load_custom_model",
        "load_customization_job",
        "load_sagemaker_job",
        "load_session",
    ),
    "remove_job",
}


@cache
def trees() -> tuple[ast.Module, ...]:
    folders = ("layers/auditor/flops_auditor", "cli/flops_auditor_cli", "functions")
    paths = [path for folder in folders for path in sorted((ROOT / folder).rglob("*.py"))]
    return tuple(ast.parse(path.read_text(encoding="utf-8")) for path in paths)


def read_by_templates() -> set[str]:
    """Members that the templates of pages show."""
    folder = ROOT / "layers/auditor/flops_auditor/pages"
    parsed = [
        Environment(autoescape=True).parse(path.read_text(encoding="utf-8")) for path in sorted(folder.glob("*.jinja"))
    ]
    return {node.attr for template in parsed for node in template.find_all(nodes.Getattr)}


def is_dataclass(node: ast.ClassDef) -> bool:
    names = [each.func if isinstance(each, ast.Call) else each for each in node.decorator_list]
    return any(isinstance(each, ast.Name) and each.id == "dataclass" for each in names)


def fields_of(node: ast.ClassDef) -> Iterator[str]:
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id


def test_every_field_of_a_value_is_read() -> None:
    declared: dict[str, str] = {}
    read = read_by_templates() | read_by_tests()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and is_dataclass(node):
                declared |= {f"{node.name}.{name}": name for name in fields_of(node)}
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
            elif isinstance(node, ast.MatchClass):
                read |= taken_apart(node)
    unread = {name for name, field in declared.items() if field not in read}
    assert unread == BY_NAME.keys()
    for name, path in BY_NAME.items():
        assert f'"{name.rpartition(".")[2]}"' in (ROOT / path).read_text(encoding="utf-8")


def taken_apart(node: ast.MatchClass) -> set[str]:
    """Fields that a `case` reads, by position or by name."""
    name = node.cls.id if isinstance(node.cls, ast.Name) else ""
    classes = (each for tree in trees() for each in tree.body if isinstance(each, ast.ClassDef) and each.name == name)
    by_position = [field for found in classes for field in list(fields_of(found))[: len(node.patterns)]]
    return {*node.kwd_attrs, *by_position}


def read_by_tests() -> set[str]:
    text = (ROOT / "tests/meter/test_architecture_tier.py").read_text(encoding="utf-8")
    return {name for name in BY_TESTS if f"shape.{name}" in text}


def test_every_class_and_function_is_used() -> None:
    defined, used = set(), read_by_templates()
    for tree in trees():
        defined |= {
            each.name
            for each in tree.body
            if isinstance(each, ast.ClassDef) or (isinstance(each, ast.FunctionDef) and not each.decorator_list)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                used.add(node.id)
            elif isinstance(node, ast.Attribute):
                used.add(node.attr)
    assert defined - used == CALLED_BY_TESTS


@pytest.mark.parametrize("path", sorted(Path(data.__file__).parent.glob("*.csv")), ids=lambda path: path.name)
def test_every_column_of_a_table_is_read(path: Path) -> None:
    with path.open(encoding="utf-8", newline="") as table:
        columns = next(csv.reader(table))
    texts: set[str] = set()
    for tree in trees():
        texts |= {
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        }
    precisions = {f"{name}_tflops" for name in texts}
    assert [name for name in columns if name not in texts | precisions | FOR_PEOPLE] == []
