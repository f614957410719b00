"""records.csv of a bundle: its records as a table, for people with a spreadsheet. It follows from the records alone.

Every cell stands between quotation marks (RFC 4180). What a spreadsheet would take for a formula begins with an
apostrophe (OWASP, CSV injection). What cannot be seen in a text, or may be taken for something else, is shown by its
number, whatever stands around it. Which characters these are stands here, and not in the Unicode tables of whichever
Python reads it: every verifier must write the same bytes, the one in JavaScript too (verifier/core/table.js).
"""

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from flops_auditor.domain.ledger.code_points import one_of
from flops_auditor.domain.values.figures import nearest
from flops_auditor.domain.values.look_alikes import ALWAYS, AMONG_OTHERS, MARKS
from flops_auditor.domain.values.spreadsheets import FORMULA
from flops_auditor.domain.values.visible import as_number

COLUMNS = {
    "job_name": "job.name",
    "job_arn": "job.arn",
    "job_id": "job.id",
    "revision": "revision",
    "recorded_at": "recorded_at",
    "status": "job.status",
    "region": "job.region",
    "started_at": "job.start",
    "ended_at": "job.end",
    "activity": "job.activity",
    "base_model": "original.base_model",
    "verdict": "verdict",
    "verdict_without_statements": "rests_on.verdict_without_statements",
    "method": "estimate.method",
    "lower_flop": "cumulative.lower_flop",
    "best_flop": "cumulative.best_flop",
    "upper_flop": "cumulative.upper_flop",
    "run_best_flop": "estimate.best_flop",
    "run_upper_flop": "estimate.upper_flop",
    "earlier_runs": "lineage.ancestors",
    "energy_kwh": "estimate.energy_kwh",
    "notification_due": "notification_due",
    "supersedes": "supersedes",
}
"""Column -> member of a record's predicate. `best_flop` and its bounds include the runs that a job continues."""
COMPARED = ("compared_with", "threshold_flop")
"""Columns after these: with how many thresholds the run was compared, and the one that it comes nearest to."""
_UNSEEN = (
    *((0x00, 0x1F), (0x3B, 0x3B), (0x7F, 0xA0), (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160)),
    (0x1680, 0x1680),
    *((0x17B4, 0x17B5), (0x180B, 0x180F), (0x2000, 0x200F), (0x2028, 0x202F), (0x205F, 0x206F), (0x2800, 0x2800)),
    *((0x27E8, 0x27E9), (0x3000, 0x3000), (0x3164, 0x3164), (0xD800, 0xDFFF), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF)),
    *((0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB), (0xE0000, 0xE0FFF)),
)
"""First and last code points of characters without a shape, of the brackets that their numbers stand between, and of
the semicolon: where the comma stands in numbers a spreadsheet ends a cell at it, even between quotation marks.
"""

_PATHS = tuple(path.split(".") for path in COLUMNS.values())


@cache
def numbered() -> tuple[tuple[int, int], ...]:
    """First and last code points of what is shown by its number."""
    parts = (part.partition("-") for table in (ALWAYS, AMONG_OTHERS, MARKS) for part in table.split())
    return (*_UNSEEN, *((int(first, 16), int(last or first, 16)) for first, _, last in parts))


@cache
def _numbered() -> re.Pattern[str]:
    return one_of(numbered())


@cache
def _plain() -> frozenset[str]:
    """Of ASCII what is shown as it is: as almost every text is made of that alone, few are searched."""
    return frozenset(map(chr, range(128))).difference(
        chr(each) for first, last in numbered() for each in range(first, min(last, 127) + 1)
    )


def csv_header() -> str:
    """The first line: `leaf` is the place in the log."""
    return _line(["leaf", *COLUMNS, *COMPARED])


def csv_row(leaf: int, content: Mapping[str, Any]) -> str:
    """A record's line."""
    assessments = content["assessments"]
    closest = nearest(assessments)
    compared = len(assessments), closest["threshold_flop"] if closest else None
    return _line([leaf, *(_member(content, path) for path in _PATHS), *compared])


def _member(content: Any, path: Iterable[str]) -> object:
    for name in path:
        content = content[name]
    return content


def _line(cells: Iterable[object]) -> str:
    return ",".join(f'"{_cell(each)}"' for each in cells) + "\n"


def _cell(value: object) -> str:
    """None is an empty cell."""
    text = "" if value is None else str(value)
    if not _plain().issuperset(text):
        text = _numbered().sub(lambda each: as_number(each[0]), text)
    return ("'" if text[:1] and text[0] in FORMULA else "") + text.replace('"', '""')
