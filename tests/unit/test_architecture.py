"""docs/architecture.md draws the rooms as the imports have them."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bench.rooms import BEGIN, END, PAGE, part, reach, reduced, with_part


def test_the_drawing_is_that_of_the_imports() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
    assert page == with_part(page), "docs/architecture.md is out of date: `make rooms` draws the rooms anew"


def test_every_room_says_what_it_is() -> None:
    rows = [line.split("|") for line in part().splitlines() if line.startswith("| `")]
    assert len(rows) > 15
    for row in rows:
        assert row[2].strip().endswith("."), row[1]


def test_implied_arrows_are_left_out_of_the_drawing_and_nothing_else() -> None:
    found = {"a": {"b", "c", "d"}, "b": {"c"}, "c": set(), "d": set()}
    assert reduced(found) == {"a": {"b", "d"}, "b": {"c"}, "c": set(), "d": set()}
    assert {room: reach(reduced(found), room) for room in found} == {room: reach(found, room) for room in found}


ROOT = PAGE.parents[1]
DOMAIN = ROOT / "layers" / "auditor" / "flops_auditor" / "domain"
PURE = {
    "base64", "binascii", "bisect", "collections", "collections.abc", "csv", "dataclasses", "datetime", "decimal",
    "difflib", "email", "marshal", "quopri",
    "enum", "fractions", "functools", "hashlib", "io", "itertools", "json", "math", "operator", "re", "shlex", "string",
    "struct", "textwrap", "types", "typing", "unicodedata", "urllib.parse", "uuid", "zlib",
    "orjson", "pybase64", "pydantic", "pydantic.alias_generators", "pydantic_core", "rfc8785",
}  # fmt: skip
"""What modules of the domain import of others: values, and no world around them."""
OF_THE_WORLD = {"open", "print", "input", "__import__", "eval", "exec", "uuid1", "uuid4", "getnode"}
OF_THE_CLOCK = {"now", "utcnow", "today"}
HANDLERS = sorted((ROOT / "functions").glob("*/app.py"))
OF_HANDLERS = {"datetime", "gc", "json", "os", "typing", "flops_auditor", "aws_lambda_powertools"}


def imported(path: Path) -> Iterator[str]:
    """Modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or "." * node.level


def asked_of_the_world(source: str) -> set[str]:
    """What a text of code asks, or hands on to be asked: the clock, chance, files."""
    asked = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in OF_THE_WORLD:
            asked.add(node.func.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            clock = node.value.id in {"datetime", "date", "dt"} and node.attr in OF_THE_CLOCK
            asked |= {node.attr} if clock or node.attr in {"uuid1", "uuid4", "getnode"} else set()
    return asked


def test_the_domain_imports_what_is_pure_and_nothing_else() -> None:
    found = {each for path in DOMAIN.rglob("*.py") for each in imported(path)}
    assert {each for each in found if not each.startswith("flops_auditor.domain")} <= PURE
    assert "datetime" in found


def test_the_domain_asks_neither_clock_nor_chance_nor_files() -> None:
    assert asked_of_the_world("at, clock = datetime.now(UTC), date.today; open(path); uuid.uuid4()") == {
        *("now", "today", "open", "uuid4")
    }
    for path in DOMAIN.rglob("*.py"):
        assert not asked_of_the_world(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_is_wired_by_the_layer_and_knows_neither_the_command_line_nor_another_handler(path: Path) -> None:
    assert {each.partition(".")[0] for each in imported(path)} <= OF_HANDLERS
    assert not [each for each in imported(path) if each.startswith(("flops_auditor.aws.sources", "flops_auditor_cli"))]


CODE = ("bench", "cli", "functions", "layers", "meter", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@cache
def modules() -> frozenset[str]:
    """Every module of the repository, by its path and by each end of it."""
    paths = [path.relative_to(ROOT).parts for folder in (*CODE, "verifier") for path in (ROOT / folder).rglob("*.py")]
    return frozenset("/".join(path[first:]) for path in paths for first in range(len(path)))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    names = re.findall(r"`([\w/.-]+\.py)\b", document.read_text(encoding="utf-8"))
    assert not set(names) - modules()
