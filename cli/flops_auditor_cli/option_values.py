"""Amounts and numbers that people write after an option."""

from fractions import Fraction

import typer

from flops_auditor.domain.values.amounts import LARGEST_AMOUNT, UnreadableAmount, exact, parse_amount


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
    if not 0 < value <= limit:
        raise typer.BadParameter(f"{option}: {text[:40]!r} must be over 0 and at most {limit:.0g}")
    return value
