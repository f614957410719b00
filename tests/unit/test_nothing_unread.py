"""Every field of a value and every column of a table is read by something: what nothing reads decides nothing."""

import ast
import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, nodes

from flops_auditor import data

ROOT = Path(__file__).parents[2]
FOR_PEOPLE = {"source", "note", "shape_source", "release", "file"}
"""Columns that say where a figure, or a file, comes from: whoever mends the table reads them."""


def trees() -> Iterator[ast.Module]:
    for folder in ("layers/auditor/flops_auditor", "cli/flops_auditor_cli", "functions"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield ast.parse(path.read_text(encoding="utf-8"))


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
    read = read_by_templates()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and is_dataclass(node):
                declared |= {f"{node.name}.{name}": name for name in fields_of(node)}
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                read.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                read.add(node.value)
    assert [name for name, field in declared.items() if field not in read] == []


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
