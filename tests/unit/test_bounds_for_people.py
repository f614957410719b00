"""Figures for people: what was taken "at least" is never shown over it, "at most" never under it."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.audit.plan import _significant
from flops_auditor.domain.messages.record_words import share_in_words, share_of
from flops_auditor.domain.values.amounts import Bound, excess_in_percent, flop, percent
from flops_auditor_cli.watch_view import _number

LINE = 333 * 10**20


def read(text: str) -> Fraction:
    """A share as `percent` writes it."""
    number, unit = text.removeprefix("under ").removeprefix("just under ").split()
    return Fraction(number) / (100 if unit == "%" else 1)


@given(st.integers(1, 10**34))
def test_a_bound_is_rounded_outward(amount: int) -> None:
    assert int(Fraction(flop(amount, "lower"))) <= amount <= int(Fraction(flop(amount, "upper")))
    share = Fraction(amount, LINE)
    most = percent(share, "upper")
    assert read(most) >= share
    least = percent(share, "lower")
    assert least.startswith("under") or read(least) <= share
    told = [share_of(str(amount), str(LINE), bound) for bound in ("lower", "upper")]
    assert Fraction(str(told[0])) <= share <= Fraction(str(told[1]))
    assert read(percent(told[1], "upper")) >= share


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_what_is_made_of_bounds_is_rounded_outward_too(amount: int, best: int) -> None:
    """Shares of a running job, the earliest hour of a plan, and how far a bound is over the best estimate."""
    value = Fraction(amount, LINE)
    lower, upper, earliest = _number(value, "lower"), _number(value, "upper"), _significant(value, "lower")
    assert lower is not None and upper is not None and earliest is not None
    assert Fraction(repr(lower)) <= value <= Fraction(repr(upper)) and Fraction(repr(earliest)) <= value
    assert excess_in_percent(best + amount, best) * best >= amount * 100


@pytest.mark.parametrize(
    ("share", "bound", "shown"),
    [
        ("1.00004", "upper", "101 %"),
        ("1.00004", "best", "100.004 %"),
        ("1.00004", "lower", "100.004 %"),
        ("1", "best", "100 %"),
        ("1", "lower", "100 %"),
        ("0.9996", "upper", "99.96 %"),
        ("0.9996", "best", "99.96 %"),
        ("0.99991", "upper", "99.991 %"),
        ("1.0004", "best", "100.04 %"),
        ("0.99999999", "best", "just under 100 %"),
        ("1.00000001", "lower", "just over 100 %"),
        ("0.9996", "lower", "99.9 %"),
        ("9.991", "upper", "10 times"),
        ("1234.5", "upper", "1235 times"),
        ("1234.5", "lower", "1234 times"),
        ("1e-7", "upper", "under 0.001 %"),
        ("0", "upper", "0 %"),
    ],
)
def test_beside_the_line(share: str, bound: Bound, shown: str) -> None:
    assert percent(Fraction(share), bound) == shown
    assert percent(float(share), bound) == shown


@given(st.integers(1, 10**30), st.sampled_from(["lower", "best", "upper"]))
def test_no_figure_is_on_another_side_of_the_line_than_what_it_stands_for(beside: int, bound: Bound) -> None:
    for amount in (LINE - beside % LINE, LINE, LINE + beside):
        share = Fraction(amount, LINE)
        side = (share > 1) - (share < 1)
        number = share_of(str(amount), str(LINE), bound)
        assert number is not None
        assert (number > 1) - (number < 1) == side
        assert [(percent(each, bound) == "100 %") == (side == 0) for each in (share, number)] == [True, True]


@given(st.integers(1, 10**34), st.sampled_from([LINE, 10**25, 33 * 10**21]))
def test_a_share_is_rounded_once(amount: int, threshold: int) -> None:
    """What people read is no farther from the share than half a unit of the last digit that they are shown."""
    share, shown = Fraction(amount, threshold), share_in_words(str(amount), str(threshold))
    if shown.startswith("under"):
        assert share < Fraction(1, 10**5)
    elif not shown.startswith("just"):
        last = Fraction(10) ** (Decimal(shown.split()[0]).adjusted() - 2)
        last /= 100 if shown.endswith("%") else 1
        whole = 1 if shown.endswith("times") and share < 10**6 else last
        assert abs(read(shown) - share) <= min(last, whole) / 2


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("36452600000000000000000", "109 %"),
        ("36497000000000000000000", "110 %"),
        ("2214449", "under 0.001 %"),
        (str(LINE * 1234 + LINE // 2 - 1), "1234 times"),
        (str(LINE * 10**6 * 1005 // 1000 - 1), "1.00e6 times"),
        (str(LINE * 10**6 * 1005 // 1000 + 1), "1.01e6 times"),
    ],
)
def test_a_share_is_not_that_of_a_rounded_share(amount: str, shown: str) -> None:
    """109.467 % was 109.5 % for machines, and 110 % where people read that."""
    assert share_in_words(amount, str(LINE)) == shown


def test_nothing_is_lost_of_a_round_figure() -> None:
    bounds: tuple[Bound, ...] = ("lower", "best", "upper")
    assert {flop(LINE, bound) for bound in bounds} == {"3.33e22"}
    assert {percent(0.29, bound) for bound in bounds} == {"29 %"}
    assert [flop(0, bound) for bound in bounds] == ["0"] * 3
