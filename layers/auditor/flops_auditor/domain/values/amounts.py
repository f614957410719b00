"""Amounts of floating-point operations (FLOP), as exact integers, and rates (FLOP/s).

A figure is a whole number of operations, so every comparison with a threshold is exact and a record holds decimal
strings: RFC 8785 refuses integers of 2^53 and more, and binary floats do not survive re-serialisation.
"""

import math
from collections.abc import Iterable
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal

from flops_auditor.domain.values.errors import AuditorError

LARGEST_AMOUNT = 10**40
"""No training run of this century comes near; a larger figure is a mistake, not a measurement."""

_LONGEST_NUMBER = 64
"""Characters."""
_LARGEST_EXPONENT = 400
"""Of ten; that of a binary float is at most 324."""

Real = int | Decimal | Fraction
Bound = Literal["lower", "best", "upper"]
ROUNDINGS: dict[Bound, str] = {"lower": ROUND_FLOOR, "best": ROUND_HALF_EVEN, "upper": ROUND_CEILING}
"""How a figure is shortened for people: what it took "at least" is never shown over it, "at most" never under it."""


class UnreadableAmount(AuditorError):
    """A text that should hold a positive number does not."""

    remedy = "Give a positive number such as 1.5e24, without units or separators."

    def __init__(self, text: str, problem: str) -> None:
        super().__init__(f"{text!r} is {problem}")
        self.problem = problem


def parse_amount(text: object) -> int:
    """Read a positive whole amount ("1.5e24", 3800000000, "3.8e9") exactly.

    Raises UnreadableAmount for anything that is not a finite number between 1 and LARGEST_AMOUNT.
    """
    shown = str(text)[:40]
    if isinstance(text, bool) or len(str(text)) > 64:
        raise UnreadableAmount(shown, "not an amount")
    try:
        value = Decimal(str(text).strip())
    except InvalidOperation as error:
        raise UnreadableAmount(shown, "not a number") from error
    if not value.is_finite() or not 1 <= value <= LARGEST_AMOUNT:
        raise UnreadableAmount(shown, "not between 1 and 1e40")
    return nearest(value)


def nearest(value: Real) -> int:
    """The nearest whole number of operations, ties to even: for best estimates."""
    return round(value if type(value) is Fraction else Fraction(value))


def summed(amounts: Iterable[Fraction]) -> Fraction:
    """Their sum; mostly there is one alone, which is not added to 0."""
    each = list(amounts)
    return each[0] if len(each) == 1 else sum(each, Fraction(0))


def at_least(value: Real) -> int:
    """The smallest whole number not below `value`: for upper bounds, which must never be understated."""
    return math.ceil(value)


def at_most(value: Real) -> int:
    """The largest whole number not over `value`: for lower bounds, which must never be overstated."""
    return math.floor(value)


def exact(number: float | str | int | Decimal) -> Fraction:
    """A measured number as the exact decimal it was written as (0.1 is one tenth, not its binary neighbour).

    Raises ValueError for what is no number, or so long or with such an exponent that to write it out would take all
    memory: nothing that a binary float cannot hold.
    """
    text = str(number)
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(f"{text[:40]!r} is too long for a number")
    if "/" not in text:
        _check_exponent(text)
    return Fraction(text)


def _check_exponent(text: str) -> None:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise ValueError(f"{text[:40]!r} is not a number") from error
    if value and not (value.is_finite() and abs(value.adjusted()) <= _LARGEST_EXPONENT):
        raise ValueError(f"{text[:40]!r} is not within what a number may be")


def shortened(value: Real, digits: int, bound: Bound = "best") -> Decimal:
    """A number with so many significant digits."""
    numerator, denominator = value.as_integer_ratio()
    context = Context(prec=digits, rounding=ROUNDINGS[bound])
    return context.divide(Decimal(numerator), Decimal(denominator))


def on_its_side(share: Real, digits: int, bound: Bound = "best") -> Decimal:
    """A share of a line with so many significant digits, and as many more as it takes to be on its side of the line: it
    is 1 only where it is exactly 1.
    """
    side = _side(share)
    while True:
        short = shortened(share, digits, bound)
        if _side(short) == side:
            return short
        digits += 1


def _side(share: Real) -> int:
    numerator, denominator = share.as_integer_ratio()
    return (numerator > denominator) - (numerator < denominator)


def share_number(share: Real, digits: int, bound: Bound = "best") -> float:
    """A share of a line as a binary float: 1.0 only where it is exactly 1."""
    value = float(on_its_side(share, digits, bound))
    return value if value != 1 or _side(share) == 0 else math.nextafter(1, 1 + _side(share))


def scientific(amount: Real, digits: int = 3, bound: Bound = "best") -> str:
    """An amount for people, e.g. 2.71e+20 as "2.71e20"; zero is "0"."""
    if amount == 0:
        return "0"
    mantissa, exponent = f"{shortened(amount, digits, bound):.{digits - 1}e}".split("e")
    return f"{mantissa}e{int(exponent)}"


def flop(amount: str | int | None, bound: Bound = "best") -> str:
    """An amount for people."""
    return "unknown" if amount is None else scientific(int(amount), bound=bound)


def excess_in_percent(upper: int, best: int) -> int:
    """How far an upper bound is over the best estimate, in whole per cent, and never less than it is."""
    return at_least(Fraction((upper - best) * 100, best))


LEAST_DISTANCE = Decimal("1e-7")
"""Of a share from the line: what is nearer is just under, or over it."""
LEAST_IN_PERCENT = Decimal("1e-5")
"""A smaller share is only said to be under it."""
IN_TIMES = 10
"""A share from there on is told as a multiple."""
WRITTEN_OUT = 10**6
"""Larger multiples are read by their power of ten."""


def times(value: Fraction | float) -> str:
    """A multiple for people: three digits, all of a larger one, in powers of ten from 1e6."""
    exactly = _as_written(value)
    return _multiple(shortened(exactly, _digits_of(exactly)))


def percent(share: Fraction | float | None, bound: Bound = "best") -> str:
    """A share for people: three digits, in per cent up to tenfold, in times from there, in powers of ten from 1e6; as
    many more as it takes to say on which side of the line it is. Give the share itself: of a rounded one the digits
    would be rounded again, and 109.467 % would be 110 %.
    """
    if share is None:
        return "unknown"
    exactly = _as_written(share)
    told = on_its_side(exactly, _digits_of(exactly), bound)
    if told >= IN_TIMES:
        return f"{_multiple(told)} times"
    if 0 < told < LEAST_IN_PERCENT:
        return "under 0.001 %"
    if abs(told - 1) < LEAST_DISTANCE and told != 1:
        return f"just {'over' if told > 1 else 'under'} 100 %"
    return f"{(told * 100).normalize():f} %"


def _as_written(value: Fraction | float) -> Fraction:
    """A number exactly; a binary float is the decimal that it is written as."""
    return Fraction(repr(value)) if isinstance(value, float) else Fraction(value)


def _digits_of(value: Fraction) -> int:
    """How many digits of a share or a multiple people are shown: three, or all that are whole."""
    return max(3, len(str(int(value)))) if value < WRITTEN_OUT else 3


def _multiple(told: Decimal) -> str:
    """A multiple that has the digits that people are shown already."""
    return scientific(told) if told >= WRITTEN_OUT else f"{told.normalize():f}"


def counted(number: int, one: str, several: str = "") -> str:
    """So many things, in words; `several` is what more than one are called, if not `one` with an s."""
    return f"{number} {one if number == 1 else several or f'{one}s'}"
