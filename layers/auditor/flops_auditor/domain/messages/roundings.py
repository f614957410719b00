"""The roundings that the Model Documentation Form asks for, and whether they hide on which side of a line an amount is.

Half goes to even (IEEE 754-2019, 4.3.1, roundTiesToEven; ISO 80000-1:2022, rule A): no direction is favoured. Bounds
beside what it asks for are rounded outward. The order of magnitude is the exponent in scientific notation, so it is
never over the amount.
"""

from decimal import Context, Decimal

from flops_auditor.domain.values.amounts import ROUNDINGS, Bound

DIGITS = 2
"""Significant figures that the AI Office is told at least."""
_PLAIN = 6
"""A number of so many digits before the point is written out; a longer one as 1.2x10^7."""


def two_digits(flop: int | None, bound: Bound = "best") -> str | None:
    """An amount of FLOP with two significant figures, as the AI Office is told."""
    return None if flop is None else f"{power(Decimal(flop), bound)} FLOP"


def magnitude(flop: int | None) -> str | None:
    """The order of magnitude of an amount of FLOP, as national competent authorities are told."""
    if flop is None:
        return None
    return f"10^{len(str(flop)) - 1} FLOP" if flop else "0 FLOP"


def rounded(number: Decimal, bound: Bound = "best") -> Decimal:
    """Two significant figures."""
    return Context(prec=DIGITS, rounding=ROUNDINGS[bound]).create_decimal(number)


def significant(number: Decimal) -> str:
    """Two significant figures, as a plain number where that is short."""
    two = rounded(number)
    return f"{two:f}" if not two or -_PLAIN < two.adjusted() < _PLAIN else power(number)


def power(number: Decimal, bound: Bound = "best") -> str:
    """Two significant figures, as 4.1x10^5."""
    if not number:
        return "0"
    digits, exponent = f"{rounded(number, bound):.{DIGITS - 1}e}".split("e")
    return f"{digits}x10^{int(exponent)}"


def exactly(number: Decimal) -> str:
    """A number in full, without an exponent and without zeros that say nothing."""
    return f"{number.normalize():f}"


def hides(flop: int, threshold: int) -> bool:
    """Whether an amount is on another side of a threshold when it is told with two significant figures."""
    told = int(rounded(Decimal(flop)))
    return (flop > threshold) is not (told > threshold)


def magnitude_hides(flop: int, threshold: int) -> bool:
    """Whether an amount is over a threshold, and its order of magnitude is not."""
    told = int("1".ljust(len(str(flop)), "0"))
    return flop > threshold >= told
