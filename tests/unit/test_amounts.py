"""Amounts: exact whole numbers in, decimal strings out."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.audit.record import decimal
from flops_auditor.domain.values.amounts import (
    LARGEST_AMOUNT,
    UnreadableAmount,
    at_least,
    at_most,
    exact,
    flop,
    nearest,
    parse_amount,
    scientific,
)

AMOUNTS = st.integers(1, LARGEST_AMOUNT)


@pytest.mark.parametrize("text", ["1e-99999999", "1e99999999", "9" * 100, "nan", "inf", "x", "", "1e401", "-1e-401"])
def test_a_number_that_would_take_all_memory_is_refused(text: str) -> None:
    """A few characters must not become a number of a hundred million digits."""
    with pytest.raises(ValueError, match="number"):
        exact(text)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_finite_float_is_a_number(value: float) -> None:
    """What a metric may hold is never refused."""
    assert float(exact(value)) == value


@given(AMOUNTS)
def test_an_amount_survives_as_a_decimal_string(amount: int) -> None:
    """Annex XI, section 1, point 2(d): the figure handed over is the figure that was computed, to the last unit."""
    assert parse_amount(decimal(amount)) == amount
    assert parse_amount(f"{Decimal(amount):e}") == amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("1.5e24", 15 * 10**23),
        (" 3.8E9 ", 3_800_000_000),
        (7, 7),
        (1e23, 10**23),
        ("1", 1),
        ("1e40", 10**40),
        ("2.5", 2),
        ("3.5", 4),
        ("0" * 63 + "7", 7),
    ],
)
def test_amounts_as_people_write_them(text: object, amount: int) -> None:
    assert parse_amount(text) == amount


@pytest.mark.parametrize(
    "text",
    [
        "",
        "many",
        "1e24 FLOP",
        "1,5e24",
        "0",
        "0.99",
        "-1",
        "1.0000001e40",
        "1e9999999",
        "nan",
        "sNaN",
        "inf",
        True,
        None,
    ],
)
def test_what_is_no_amount_is_refused_with_a_remedy(text: object) -> None:
    with pytest.raises(UnreadableAmount) as caught:
        parse_amount(text)
    assert "1.5e24" in caught.value.remedy
    assert caught.value.name == "UnreadableAmount"


def test_a_hostile_text_is_shown_short() -> None:
    with pytest.raises(UnreadableAmount) as caught:
        parse_amount("9" * 65)
    assert len(str(caught.value)) < 80


@given(st.fractions(0, 10**30))
def test_best_estimates_round_to_the_nearest_and_bounds_never_down(value: Fraction) -> None:
    """A verdict of below rests on the upper bound, so that must not be understated by rounding."""
    assert abs(nearest(value) - value) <= Fraction(1, 2)
    assert value <= at_least(value) < value + 1


def test_a_measured_number_is_the_decimal_that_was_written() -> None:
    assert exact(0.1) == Fraction(1, 10)
    assert exact("98.6") == Fraction(493, 5)


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [(0, 3, "0"), (271 * 10**18, 3, "2.71e20"), (1, 3, "1.00e0"), (9_999, 3, "1.00e4"), (9_999, 4, "9.999e3")],
)
def test_amounts_for_people(amount: int, digits: int, text: str) -> None:
    assert scientific(amount, digits) == text


def test_an_amount_for_people() -> None:
    assert flop(None) == "unknown"
    assert flop(15 * 10**20) == flop("1500000000000000000000") == "1.50e21"


def test_the_longest_numbers_and_the_largest_exponents_that_are_read() -> None:
    assert exact("1" * 64) == int("1" * 64)
    assert exact("1e400") == 10**400
    for text, problem in (("1" * 65, "too long for a number"), ("x" * 50, "not a number")):
        with pytest.raises(ValueError, match=rf"^'{text[:40]}' is {problem}$"):
            exact(text)
    with pytest.raises(ValueError, match=rf"^'{'1' * 40}' is not within what a number may be$"):
        exact("1" * 50 + "e401")


def test_a_lower_bound_is_cut_downwards_on_either_side_of_zero() -> None:
    assert (at_most(Fraction(3, 2)), at_most(Fraction(-3, 2))) == (1, -2)
