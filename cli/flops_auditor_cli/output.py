"""How results are shown: a table for people, JSON and CSV for machines; harmless whatever a job's name contains."""

import csv
import json
import sys
from collections.abc import Mapping, Sequence
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


class Output(StrEnum):
    """The forms in which a result can be had."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


COLOURS = {"above": "bold red", "indeterminate": "yellow", "below": "green"}
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_WIDTH_WHEN_PIPED = 160
_FOLDS_AT = 12


def talk() -> "Console":
    """The console for people, on stderr."""
    from rich.console import Console  # noqa: PLC0415 - only people need it

    return Console(stderr=True, markup=False, highlight=False)


def say(*lines: object) -> None:
    """Tell people something, on stderr: lines that a terminal wraps and a name cannot break or colour."""
    for line in lines:
        sys.stderr.write(plain(line) + "\n")


def plain(value: object) -> str:
    """A value as one line of text without control characters, such as ANSI escapes in a job's name."""
    text = "" if value is None else str(value)
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def digits(value: float | Fraction) -> str:
    """A measured number for people: four digits at least, and never an exponent."""
    return f"{float(value):.0f}" if value >= 1000 else f"{float(value):.4g}"


def cell(value: object) -> str:
    """A value for CSV: a text that a spreadsheet would take for a formula begins with an apostrophe (OWASP)."""
    text = plain(value)
    return "'" + text if text.startswith(_FORMULA) and not _is_number(text) else text


def json_text(document: object) -> str:
    """JSON with all escaped that a terminal would obey: JSON itself leaves C1 controls and bidi overrides raw."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    return "".join(each if each.isprintable() or each == "\n" else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else json.dumps(character)[1:-1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def emit(
    rows: Sequence[Mapping[str, Any]],
    output: Output,
    columns: Mapping[str, str],
    document: object = None,
    title: str = "",
    right: Sequence[str] = (),
) -> None:
    """Write rows to stdout. `columns` maps field -> heading; `document` is what JSON shows instead of the rows."""
    if output is Output.JSON:
        sys.stdout.write(json_text(rows if document is None else document) + "\n")
    elif output is Output.CSV:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([cell(row.get(field)) for field in columns] for row in rows)
    else:
        from rich.console import Console  # noqa: PLC0415 - only people need it

        console = Console(markup=False, highlight=False)
        if not console.is_terminal:
            console = Console(markup=False, highlight=False, width=_WIDTH_WHEN_PIPED)
        least = {field: _least_width(field, heading, rows, right) for field, heading in columns.items()}
        narrow = sum(least.values()) + 3 * len(least) + 1 > console.width
        console.print(
            _one_below_another(rows, columns, title) if narrow else _table(rows, columns, title, right, least)
        )


def _least_width(field: str, heading: str, rows: Sequence[Mapping[str, Any]], right: Sequence[str]) -> int:
    """The width under which a column cannot be read: a number and a verdict are never broken."""
    longest = max((len(plain(row.get(field))) for row in rows), default=0)
    whole = field in right or field == "verdict"
    return max(longest if whole else min(longest, _FOLDS_AT), *(len(word) for word in heading.split() or [""]))


def _table(
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    title: str,
    right: Sequence[str],
    least: Mapping[str, int],
) -> "Table":
    from rich.table import Table  # noqa: PLC0415 - only people need it

    table = Table(title=title or None, title_justify="left", header_style="bold", show_header=any(columns.values()))
    for field, heading in columns.items():
        justify: Literal["left", "right"] = "right" if field in right else "left"
        table.add_column(heading, justify=justify, overflow="fold", min_width=least[field])
    for row in rows:
        table.add_row(*(_styled(field, row.get(field)) for field in columns))
    return table


def _one_below_another(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], title: str) -> "Table":
    """Each row as a block of heading and value, for a terminal that is too narrow for the table."""
    from rich.table import Table  # noqa: PLC0415 - only people need it

    table = Table(title=title or None, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for row in rows:
        for field, heading in columns.items():
            table.add_row(heading, _styled(field, row.get(field)))
        table.add_section()
    return table


def _styled(field: str, value: object) -> "Text":
    from rich.text import Text  # noqa: PLC0415 - only people need it

    text = plain(value)
    return Text(text, style=COLOURS.get(text, "") if field == "verdict" else "")
