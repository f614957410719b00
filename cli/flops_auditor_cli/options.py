"""Options that several commands have, and how amounts and numbers are read that people write after an option."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from flops_auditor.domain.values.amounts import LARGEST_AMOUNT, UnreadableAmount, exact, parse_amount
from flops_auditor_cli.output import Output

OutputOption = Annotated[
    Output, typer.Option("--output", "-o", help="Table for people, json or csv for machines, markdown for comments.")
]
WideOption = Annotated[bool, typer.Option("--wide", help="All columns, and nothing cut off.")]
PolicyOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Policy to assess against, as `catalog policies` names it; may be repeated. Left out: those on by default."
    ),
]
PolicyFolderOption = Annotated[
    Path | None,
    typer.Option(exists=True, file_okay=False, help="A folder of policies beside those shipped, one JSON file each."),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust-statements/--no-trust-statements",
        help="Whether a job may be below on its own word alone; if not, such a verdict is indeterminate.",
    ),
]
MOMENTS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%MZ"]
"""How a moment may be written, in UTC."""


def moment_or_end(text: str) -> datetime:
    """A moment, or of a day its end. Raises BadParameter."""
    return _moment(text, of_a_day=timedelta(days=1, milliseconds=-1))


def moment_or_begin(text: str) -> datetime:
    """A moment, or of a day its begin. Raises BadParameter."""
    return _moment(text, of_a_day=timedelta(0))


def _moment(text: str, of_a_day: timedelta) -> datetime:
    """What is written, in UTC; `of_a_day`: how long after its begin a day is meant."""
    for form in MOMENTS:
        try:
            moment = datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
        return moment + of_a_day if form == MOMENTS[0] else moment
    raise typer.BadParameter(
        f"{text!r} is neither a day, such as 2026-11-24, nor a moment, such as 2026-11-24T09:30:00"
    )


SMALLEST = Fraction(1, 10**30)
"""A smaller number is a mistake, and what is divided by it is too large to show."""


def amount(text: str | None, option: str) -> int | None:
    """A positive whole amount from an option. Raises typer.BadParameter."""
    if text is None:
        return None
    try:
        return parse_amount(text)
    except UnreadableAmount as error:
        raise typer.BadParameter(f"{option}: {error}") from error


def number(text: str | None, option: str, most: int | None = None) -> Fraction | None:
    """A positive number from an option, exactly as written. Raises typer.BadParameter."""
    if text is None:
        return None
    try:
        value = exact(text)
    except (ValueError, ZeroDivisionError) as error:
        raise typer.BadParameter(f"{option}: {text[:40]!r} is not a number") from error
    limit = LARGEST_AMOUNT if most is None else most
    if not SMALLEST <= value <= limit:
        raise typer.BadParameter(f"{option}: {text[:40]!r} must be over 0 and at most {limit:.0g}")
    return value
