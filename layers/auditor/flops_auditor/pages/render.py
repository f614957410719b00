"""A report as one HTML file. It loads nothing, runs one script, and shows what others wrote as text alone.

Style and script stand in the file, and its Content-Security-Policy allows these two by their SHA-256 and nothing else
(W3C, Content Security Policy Level 3, section 6.7.2). The same report is always the same bytes.
"""

from base64 import b64encode
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from flops_auditor.domain.ledger.part_words import OF_A_PART, lacked
from flops_auditor.domain.messages.report.pictures import BAR_WIDTH, CHART_HEIGHT, CHART_WIDTH, LEFT, RIGHT
from flops_auditor.domain.messages.report.report import Report
from flops_auditor.domain.messages.report.verdict_words import (
    NOT_ASSESSED_ON_ITS_WORD,
    ON_ITS_WORD,
    WORDS_OF,
    WORDS_OF_GROUP,
    words_of,
)
from flops_auditor.domain.values.amounts import flop, percent
from flops_auditor.domain.values.moments import minute_of
from flops_auditor.domain.values.visible import as_written
from flops_auditor.pages.job_data import FIRST_ROWS, job_data

FOLDER = Path(__file__).parent
POLICY = (
    "default-src 'none'; style-src '{style}'; script-src '{script}'; img-src data:; base-uri 'none'; form-action 'none'"
)


def report_page(report: Report) -> bytes:
    """The page, in UTF-8."""
    style, script = _text("report.css"), _text("report.js")
    policy = POLICY.format(style=source_hash(style), script=source_hash(script))
    page = (
        _environment()
        .get_template("report.html.jinja")
        .render(
            report=report,
            policy=policy,
            style=Markup(style),  # noqa: S704 - files of this package
            script=Markup(script),  # noqa: S704
            data=Markup(job_data(report.jobs, report.places)),  # noqa: S704 - no character of markup is left in it
            first_rows=FIRST_ROWS,
        )
    )
    return page.encode()


def source_hash(text: str) -> str:
    """A style or script as a Content-Security-Policy names it."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def shown(value: Any) -> Any:
    """What a template writes: of a text all that cannot be seen, or looks like something else, whoever wrote it."""
    return as_written(value) if isinstance(value, str) and not isinstance(value, Markup) else value


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(coded=_coded, flop=flop, percent=percent, moment=minute_of)
    environment.globals.update(
        words_of=words_of,
        WORDS_OF=WORDS_OF,
        WORDS_OF_GROUP=WORDS_OF_GROUP,
        ON_ITS_WORD=ON_ITS_WORD,
        NOT_ASSESSED_ON_ITS_WORD=NOT_ASSESSED_ON_ITS_WORD,
        BAR_WIDTH=BAR_WIDTH,
        CHART_WIDTH=CHART_WIDTH,
        CHART_HEIGHT=CHART_HEIGHT,
        LEFT=LEFT,
        RIGHT=RIGHT,
        OF_A_PART=OF_A_PART,
        lacked=lacked,
    )
    return environment


def _coded(text: str) -> Markup:
    """A sentence in which commands stand between backticks, as on a terminal; one that is left alone stays as it is."""
    parts = [escape(as_written(part)) for part in text.split("`")]
    if len(parts) % 2 == 0:
        return escape(as_written(text))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else part for place, part in enumerate(parts)
    )


@cache
def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
