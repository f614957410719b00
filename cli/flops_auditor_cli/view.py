"""What a command has to show, in every form: text for people, JSON and CSV for machines, Markdown for comments.

Text on a terminal is as wide as the terminal; piped text is plain: no colour, no frame, and no line is broken.
"""

import csv
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flops_auditor_cli.output import Output, as_shown, cell, filled, markdown, write_json
from flops_auditor_cli.schemas import versioned

ViewRow = Mapping[str, Any]
INDENT = "  "
_LEAST_NAME = 12


@dataclass(frozen=True)
class Table:
    """Rows under headings. `columns`: field -> heading. Numbers are in `right`; names in `cut` lose their middle where
    there is no room; any other text is broken into lines.
    """

    columns: Mapping[str, str]
    rows: Sequence[ViewRow]
    title: str = ""
    right: Sequence[str] = ()
    cut: Sequence[str] = ()


@dataclass(frozen=True)
class FactList:
    """What is said of one thing: pairs of a label and a value."""

    pairs: Sequence[tuple[str, str]]
    title: str = ""


@dataclass(frozen=True)
class PointList:
    """Sentences under one heading, `lead` before them; nothing where there are none."""

    texts: Sequence[str]
    title: str
    lead: str = ""


@dataclass(frozen=True)
class Headline:
    """The first thing to read."""

    text: str


Block = Table | FactList | PointList | Headline


@dataclass(frozen=True)
class View:
    """`schema` names the JSON Schema of `document`; `rows` are the lines of CSV, under `fields`."""

    schema: str
    document: ViewRow
    blocks: Sequence[Block]
    rows: Sequence[ViewRow]
    fields: Sequence[str] = field(default=())


def show(view: View, output: Output) -> None:
    """Write a view to stdout."""
    if output is Output.JSON:
        write_json(versioned(view.schema, view.document))
    elif output is Output.CSV:
        fields = list(view.fields or (view.rows[0] if view.rows else ()))
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(fields)
        writer.writerows([cell(row.get(name)) for name in fields] for row in view.rows)
    elif output is Output.MARKDOWN:
        sys.stdout.write("\n\n".join(filter(None, map(in_markdown, view.blocks))) + "\n")
    else:
        write_text(view.blocks)


def write_text(blocks: Iterable[Block]) -> None:
    """Blocks as text, set apart by blank lines."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    written = False
    for block in blocks:
        lines = in_text(block, width)
        if lines:
            sys.stdout.write(("\n" if written else "") + "\n".join(line.rstrip() for line in lines) + "\n")
            written = True


def in_text(block: Block, width: int | None) -> list[str]:
    """The lines of a block; `width` is None where nothing is to be broken."""
    if isinstance(block, Headline):
        return filled(as_shown(block.text), width)
    if isinstance(block, PointList):
        lines = [line for text in block.texts for line in filled(as_shown(text), width, f"{INDENT}- ", f"{INDENT}  ")]
        lead = filled(as_shown(block.lead), width, INDENT, INDENT) if block.lead else []
        return [*filled(as_shown(block.title), width), *lead, *lines] if lines else []
    if isinstance(block, FactList):
        return _facts(block, width)
    return _table(block, width)


def _facts(block: FactList, width: int | None) -> list[str]:
    if not block.pairs:
        return []
    labels = max(len(as_shown(label)) for label, _ in block.pairs)
    indent = INDENT if block.title else ""
    lines = [block.title] if block.title else []
    for label, value in block.pairs:
        first = f"{indent}{as_shown(label).ljust(labels)}  "
        lines += filled(as_shown(value), width, first, " " * len(first))
    return lines


def _table(block: Table, width: int | None) -> list[str]:
    lines = filled(as_shown(block.title), width) if block.title else []
    cells = [{name: as_shown(row.get(name)) for name in block.columns} for row in block.rows]
    widths = {name: max(len(head), *(len(row[name]) for row in cells), 1) for name, head in block.columns.items()}
    if width is not None:
        widths = fitted(widths, block, width)
    lines.append(_line({name: [head] for name, head in block.columns.items()}, widths, block.right)[0])
    lines.append(INDENT.join("-" * each for each in widths.values()))
    for row in cells:
        broken = {name: _in_cell(text, widths[name], name in block.cut) for name, text in row.items()}
        lines += [_coloured(line, row) for line in _line(broken, widths, block.right)]
    return lines


def fitted(widths: Mapping[str, int], block: Table, width: int) -> dict[str, int]:
    """Widths of columns that fit a line: the widest one that may be cut or broken gives way first."""
    fits = dict(widths)
    least = {name: _least(name, head, block) for name, head in block.columns.items()}
    while sum(fits.values()) + len(INDENT) * (len(fits) - 1) > width:
        loose = [name for name in fits if name not in block.right and fits[name] > least[name]]
        if not loose:
            break
        fits[max(loose, key=fits.__getitem__)] -= 1
    return fits


def _least(name: str, head: str, block: Table) -> int:
    """Under which width a column cannot be read: a word of a few letters stays whole."""
    words = [word for row in block.rows for word in as_shown(row.get(name)).split()]
    short = [len(word) for word in words if len(word) <= _LEAST_NAME]
    return max(len(head), _LEAST_NAME if name in block.cut else 0, *short, 1)


def _in_cell(text: str, width: int, cut: bool) -> list[str]:
    if len(text) <= width:
        return [text]
    if cut:
        return [cut_in_the_middle(text, width)]
    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def cut_in_the_middle(name: str, width: int) -> str:
    """A name whose beginning and end are kept: both tell more than what is between."""
    kept = width - 3
    return name if len(name) <= width else f"{name[: (kept + 1) // 2]}...{name[len(name) - kept // 2 :]}"


def _line(cells: Mapping[str, Sequence[str]], widths: Mapping[str, int], right: Sequence[str]) -> list[str]:
    height = max(len(lines) for lines in cells.values())
    return [
        INDENT.join(
            (text.rjust if name in right else text.ljust)(widths[name])
            for name, lines in cells.items()
            for text in [lines[number] if number < len(lines) else ""]
        )
        for number in range(height)
    ]


def _coloured(line: str, row: ViewRow) -> str:
    """A line with its verdict in colour, on a terminal."""
    verdict = row.get("verdict") or row.get("state")
    if not sys.stdout.isatty() or verdict not in ANSI:
        return line
    head, separator, tail = line.rpartition(f" {verdict}")
    return f"{head} {ANSI[verdict]}{verdict}\x1b[0m{tail}" if separator else line


ANSI = {"above": "\x1b[1;31m", "indeterminate": "\x1b[33m", "below": "\x1b[32m", "NOT OK": "\x1b[1;31m"}


def in_markdown(block: Block) -> str:
    """A block as GitHub and GitLab show it in a comment."""
    if isinstance(block, Headline):
        return f"### {markdown(block.text)}"
    title = f"**{markdown(block.title)}**\n\n" if block.title else ""
    if isinstance(block, PointList):
        lead = f"{markdown(block.lead)}\n\n" if block.lead else ""
        return title + lead + "\n".join(f"- {markdown(text)}" for text in block.texts) if block.texts else ""
    if isinstance(block, FactList):
        rows = [(markdown(label), markdown(value)) for label, value in block.pairs]
        return title + "\n".join(["| | |", "| --- | --- |", *(f"| {label} | {value} |" for label, value in rows)])
    heads = " | ".join(markdown(head) for head in block.columns.values())
    rule = " | ".join("---:" if name in block.right else "---" for name in block.columns)
    rows_of = [" | ".join(markdown(row.get(name)) for name in block.columns) for row in block.rows]
    return title + "\n".join(f"| {line} |" for line in (heads, rule, *rows_of))
