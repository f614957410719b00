"""Blocks as a DOCX document: the same bytes for the same blocks, and nothing in a text but the text.

Needs python-docx (the extra `form`). Texts become character data of runs: XML knows no markup in it, and no field code
is made. A character that XML cannot hold was shown by its number before it came here, or is replaced here.
"""

import io
import zipfile
from collections.abc import Iterable, Sequence
from datetime import datetime
from math import sqrt
from typing import TYPE_CHECKING, Any

from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt

from flops_auditor_cli.output import as_shown
from flops_auditor_cli.view import Block, FactList, Headline, PointList

if TYPE_CHECKING:
    from docx.document import Document as DocumentType
    from docx.table import _Cell

MARK = "FFF2CC"
"""Behind what a person fills in: yellow, as a highlighter."""
HEAD = "E7E6E6"
MARKED = "for_a_person"
"""The member of a row of which the answer is for a person."""
GRID = "Table Grid"
TEXT_WIDTH = 261
"""Millimetres between the margins."""
LEAST_WEIGHT = 4
FIRST_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip holds: of every file in the document."""


def document(title: str, blocks: Iterable[Block], at: datetime) -> bytes:
    """The bytes of a DOCX file. `at` stands in its properties in the place of a clock."""
    made = Document()
    _set_up(made, title, at)
    for number, block in enumerate(blocks):
        _add(made, block, first=number == 0)
    written = io.BytesIO()
    made.save(written)
    return _timeless(written.getvalue())


def _set_up(made: "DocumentType", title: str, at: datetime) -> None:
    properties = made.core_properties
    properties.title, properties.author, properties.comments = title, "", ""
    properties.created = properties.modified = at.replace(tzinfo=None, microsecond=0)
    properties.last_modified_by, properties.revision, properties.language = "", 1, "en"
    section = made.sections[0]
    section.orientation = WD_ORIENT.LANDSCAPE
    section.page_width, section.page_height = Mm(297), Mm(210)
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Mm(18)
    made.styles["Normal"].font.size = Pt(9)


def _add(made: "DocumentType", block: Block, first: bool) -> None:
    if isinstance(block, Headline):
        made.add_heading(as_shown(block.text), 1).paragraph_format.page_break_before = not first
    elif isinstance(block, PointList):
        if block.texts:
            made.add_heading(as_shown(block.title), 3)
        for text in block.texts:
            made.add_paragraph(as_shown(text), "List Bullet")
    elif isinstance(block, FactList):
        _table(made, block.title, (), [([as_shown(text) for text in pair], False) for pair in block.pairs])
    else:
        cells = [([as_shown(row.get(name)) for name in block.columns], bool(row.get(MARKED))) for row in block.rows]
        _table(made, block.title, [as_shown(head) for head in block.columns.values()], cells)


def _table(made: "DocumentType", title: str, heads: Sequence[str], rows: Sequence[tuple[Sequence[str], bool]]) -> None:
    """A table of texts as they are shown, and whether a person fills in the row."""
    if not rows:
        return
    if title:
        made.add_heading(as_shown(title), 2)
    table = made.add_table(0, len(rows[0][0]), GRID)
    table.autofit = False
    widths = _widths([heads, *(texts for texts, _ in rows)])
    for column, width in zip(table.columns, widths, strict=True):
        column.width = width
    if heads:
        row = table.add_row()
        for cell, head in zip(row.cells, heads, strict=True):
            _write(cell, head, bold=True)
            _shade(cell, HEAD)
        _say_of(row, "w:tblHeader")
    for texts, marked in rows:
        row = table.add_row()
        _say_of(row, "w:cantSplit")
        for number, (cell, text) in enumerate(zip(row.cells, texts, strict=True)):
            _write(cell, text, bold=number == 0 and not heads)
            if marked:
                _shade(cell, MARK)


def _write(cell: "_Cell", text: str, bold: bool) -> None:
    run = cell.paragraphs[0].add_run(text)
    run.bold = bold


def _shade(cell: "_Cell", colour: str) -> None:
    shade = OxmlElement("w:shd")
    for name, value in (("w:val", "clear"), ("w:color", "auto"), ("w:fill", colour)):
        shade.set(qn(name), value)
    cell._tc.get_or_add_tcPr().append(shade)


def _say_of(row: Any, what: str) -> None:
    """Say of a row that it stands on top of each page, as a header, or that it is not broken between two pages."""
    flag = OxmlElement(what)
    flag.set(qn("w:val"), "true")
    row._tr.get_or_add_trPr().append(flag)


def _widths(lines: Sequence[Sequence[str]]) -> list[Mm]:
    """Widths of columns: each by the root of its longest text, so that long ones are broken into lines."""
    longest = [max((len(text) for text in column), default=1) for column in zip(*filter(None, lines), strict=True)]
    weights = [max(sqrt(length), LEAST_WEIGHT) for length in longest]
    return [Mm(TEXT_WIDTH * weight / sum(weights)) for weight in weights]


def _timeless(content: bytes) -> bytes:
    """The same zip, with one time for every file."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist(), key=lambda each: (each != "[Content_Types].xml", each)):
            new.writestr(zipfile.ZipInfo(name, FIRST_TIME), old.read(name), zipfile.ZIP_DEFLATED)
    return written.getvalue()
