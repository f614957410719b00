"""docs/architecture.md draws the rooms as the imports have them."""

import re
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
CODE = ("bench", "cli", "functions", "layers", "meter", "tests")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_module_that_a_document_names_is_there(document: Path) -> None:
    names = re.findall(r"`([\w/.-]+\.py)\b", document.read_text(encoding="utf-8"))
    missing = {
        name for name in names if not any(True for _ in ROOT.glob(f"*/**/{name}")) and not (ROOT / name).exists()
    }
    assert not missing
