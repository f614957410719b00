"""The forms of a result, and how any text is made harmless in each: whatever a job's name contains."""

import codecs
import json
import re
import shutil
import sys
import textwrap
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from flops_auditor.domain.values.spreadsheets import FORMULA
from flops_auditor.domain.values.visible import CLOSE, OPEN, as_written, visible


class Output(StrEnum):
    """The forms in which a result can be had."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    MARKDOWN = "markdown"


_SIGNS = re.escape(FORMULA)
_FORMULA = re.compile(rf"[{_SIGNS}\t\r]")
_CELL_OF_ANOTHER_LOCALE = re.compile(rf";(?=[\s\"']*[{_SIGNS}])")
"""Where the comma stands in numbers, a spreadsheet ends a cell at a semicolon."""
_LINK = re.compile(r"(https?|ftp|mailto|xmpp):|(www)\.", re.IGNORECASE)
"""What is a link without any markup (GitHub Flavored Markdown, 6.9)."""
_OF_MARKDOWN = str.maketrans(
    {
        **{character: f"\\{character}" for character in "\\`*_{}[]()#+!|~"},
        "<": "&lt;",
        ">": "&gt;",
        "&": "&amp;",
        "@": "&#64;",
    }
)


def say(*lines: object) -> None:
    """Tell people something, on stderr: in lines as wide as a terminal, which a name can neither break nor colour."""
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else None
    for line in lines:
        sys.stderr.write("\n".join(filled(plain(line), width)) + "\n")


def filled(text: str, width: int | None, first: str = "", further: str = "") -> list[str]:
    """A text in lines; a word longer than a line, such as a command or an ARN, stays whole."""
    if width is None:
        return [first + text]
    return textwrap.wrap(
        text,
        max(width, 20),
        initial_indent=first,
        subsequent_indent=further,
        break_long_words=False,
        break_on_hyphens=False,
    ) or [first.rstrip()]


def plain(value: object) -> str:
    """A value as one line of text: control characters, such as ANSI escapes in a path, and all that cannot be seen by
    their numbers. For what the caller wrote, which nobody imitates.
    """
    text = "" if value is None else str(value)
    return text if text.isascii() and text.isprintable() else "".join(map(_plain, text))


def _plain(character: str) -> str:
    return character if character in (OPEN, CLOSE) else visible(character)


@dataclass(frozen=True)
class Drawn:
    """A text after lines that we draw, such as a branch of a tree."""

    lines: str
    text: str


def as_shown(value: object) -> str:
    """A value as one line of text, whoever wrote it: what it hides or imitates is shown for what it is."""
    if isinstance(value, Drawn):
        return value.lines + as_written(value.text)
    return "" if value is None else as_written(str(value))


def digits(value: float | Fraction) -> str:
    """A measured number for people: four digits at least, and never an exponent."""
    return f"{float(value):.0f}" if value >= 1000 else f"{float(value):.4g}"


def cell(value: object) -> str:
    """A value for CSV: a text that a spreadsheet would take for a formula begins with an apostrophe (OWASP)."""
    if isinstance(value, (list, tuple)):
        return cell(";".join(str(each) for each in value))
    if isinstance(value, bool):
        return str(value).lower()
    text = as_shown(value)
    text = _CELL_OF_ANOTHER_LOCALE.sub(";'", text)
    return "'" + text if _FORMULA.match(text) and not _is_number(text) else text


def markdown(value: object) -> str:
    """A value for a comment: nothing in it marks up, links, mentions or breaks a table."""
    text = as_shown(value).translate(_OF_MARKDOWN)
    return _LINK.sub(lambda link: f"{link[1]}&#58;" if link[1] else f"{link[2]}&#46;", text)


def write_json(document: object) -> None:
    """JSON on stdout. Who reads it takes it for UTF-8, as JSON is (RFC 8259, 8.1): where the locale has another
    encoding, nothing but ASCII is written.
    """
    text = json_text(document)
    encoding = sys.stdout.encoding  # none where the text goes into a file, which is UTF-8
    if encoding and codecs.lookup(encoding).name != "utf-8":
        text = "".join(character if character.isascii() else _escaped(character) for character in text)
    sys.stdout.write(text + "\n")


def json_text(document: object) -> str:
    """JSON with all escaped that a terminal would obey: JSON itself leaves C1 controls and bidi overrides raw."""
    lines = json.dumps(document, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_shown_in_json, line)) for line in lines)


def _shown_in_json(character: str) -> str:
    return character if character.isprintable() else _escaped(character)


def _escaped(character: str) -> str:
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else json.dumps(character)[1:-1]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
