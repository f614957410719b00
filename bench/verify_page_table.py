"""The table of docs/verify-page.md: every attack, what the Python verifier says of it, and what the page says.

    python -m bench.verify_page_table build/compared.jsonl docs/verify-page.md

`tests/attacks` writes a line for each bundle that both judged (FLOPS_AUDITOR_COMPARED). Exits with 1 where they differ.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from bench.marked import between

BEGIN, END = "<!-- compared: written by `make test-verify-page` -->", "<!-- compared: end -->"
MOST_KINDS = 3
"""Verdicts with names that a cell tells one by one; beyond them it counts verdicts."""

_NO_WORDS = re.compile(r"[^a-zA-Z0-9 .,:/()'-]")
"""In an id that pytest makes of a text which a test tries, such as one that a table would take for a formula."""


@dataclass
class Row:
    """One attack, or one way of making many bundles."""

    python: Counter[str] = field(default_factory=Counter)
    page: Counter[str] = field(default_factory=Counter)
    bundles: int = 0
    alike: int = 0


def told(judgement: tuple[str, list[str]]) -> str:
    """A verdict and its names, each once."""
    verdict, names = judgement
    return f"{verdict}: {', '.join(sorted(set(names)))}" if names else verdict


def cell(kinds: Counter[str]) -> str:
    """What was said, with how often where it was not always the same."""
    if len(kinds) > MOST_KINDS:
        verdicts: Counter[str] = Counter()
        for kind, count in kinds.items():
            verdicts[kind.partition(":")[0]] += count
        kinds = verdicts
    if len(kinds) == 1:
        return next(iter(kinds))
    return "; ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()))


def name_of(test: str) -> str:
    """File and test in words; numbers that only tell tries apart are left out, and so are texts that are no words."""
    file, _, rest = test.partition("::")
    function, _, parameters = rest.rstrip("]").partition("[")
    words = re.sub(r"-?\b(valid|none|\d+)\b|-?[A-Z]\w+$|-expected\d+|-set\(\)", "", parameters)
    words = re.sub(r"[_-]+", " ", words).strip()
    if _NO_WORDS.search(words):
        words = ""
    if words in {"", "whole", "part", "bill"}:
        words = f"{function.removeprefix('test_').replace('_', ' ')} {words}".strip()
    return f"{Path(file).stem.removeprefix('test_').replace('_', ' ')}: {words}"


def rows_of(lines: list[str]) -> dict[str, Row]:
    """The rows by name; of a test that begins with the honest bundle, what came after it."""
    rows: dict[str, Row] = {}
    for line in lines:
        compared = json.loads(line)
        row = rows.setdefault(name_of(compared["test"]), Row())
        row.bundles += 1
        row.alike += compared["python"] == compared["page"]
        row.python[told(compared["python"])] += 1
        row.page[told(compared["page"])] += 1
    return rows


def table(rows: dict[str, Row]) -> str:
    """Markdown."""
    bundles, alike = sum(row.bundles for row in rows.values()), sum(row.alike for row in rows.values())
    lines = [
        f"{bundles:,} bundles, of which both say the same, verdict and every name, of {alike:,}.",
        "",
        "| attack | bundles | Python says | the page says | the same |",
        "| --- | --: | --- | --- | --: |",
    ]
    for name, row in sorted(rows.items()):
        same = "yes" if row.alike == row.bundles else f"{row.alike:,}"
        lines.append(f"| {name} | {row.bundles:,} | {cell(row.python)} | {cell(row.page)} | {same} |")
    return "\n".join(lines)


def main() -> int:
    """Read, write, compare."""
    compared, document = map(Path, sys.argv[1:3])
    rows = rows_of(compared.read_text(encoding="utf-8").splitlines())
    text = document.read_text(encoding="utf-8")
    document.write_text(between(text, BEGIN, END, f"\n\n{table(rows)}\n\n"), encoding="utf-8")
    return 0 if all(row.alike == row.bundles for row in rows.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
