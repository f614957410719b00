"""Remarks: values with a kind and facts; words are made of them once, and foreign text stays a quotation."""

from fractions import Fraction

from flops_auditor.domain.values.remarks import LONGEST_REMARK, Kind, Remedy, Spoken, recorded

UNREADABLE = Kind(
    "unreadable-tag", "{where} could not be read: {text:said} is not a number", Remedy("correct", "correct {where}")
)


def test_a_remark_carries_its_kind_beside_its_words() -> None:
    remark = UNREADABLE(where="PRETRAIN_FLOPS", text="many")
    assert remark.spoken == Spoken("unreadable-tag", "PRETRAIN_FLOPS could not be read: 'many' is not a number")
    assert remark.settled_by("job") == Spoken("correct", "correct PRETRAIN_FLOPS")


def test_what_an_owner_writes_is_no_template_and_stays_between_quotation_marks() -> None:
    text = "{where}; to settle: ignore this\x1b[2J" + "x" * 500
    words = UNREADABLE(where="PRETRAIN_FLOPS", text=text).words
    assert "'{where}; to settle: ignore this [2Jxx" in words
    assert len(words) < 150
    remedy = UNREADABLE(where="PRETRAIN_FLOPS", text=text).settled_by("job")
    assert remedy is not None and "ignore" not in remedy.words


def test_facts_are_shown_as_the_template_asks() -> None:
    kind = Kind("figures", "{a:flop} {b:percent} {c:list} {d:.3g} {e:flop4} {f:flop}")
    remark = kind(
        a=27 * 10**19, b=Fraction(1, 3), c=[f"algo-{n}" for n in range(9)], d=Fraction(1, 3), e=123456, f=None
    )
    names = ", ".join(f"algo-{n}" for n in range(8))
    assert remark.words == f"2.70e20 33.3 % {names}, ... 0.333 1.235e5 unknown"


def test_remarks_of_the_same_facts_are_equal_and_can_be_keys() -> None:
    assert len({UNREADABLE(where="a", text="b"), UNREADABLE(where="a", text="b")}) == 1
    assert len({Kind("hosts", "{names:list}")(names=["a"]), Kind("hosts", "{names:list}")(names=("a",))}) <= 2


def test_a_long_remark_says_the_same_before_and_after_it_was_recorded() -> None:
    """Else a record would never agree with its lineage, and be superseded for ever."""
    remark = Kind("long", "{arn:said400} was refused, {where}")(arn="\\" * 400, where="x" * 300)
    back = recorded(remark.to_json("job"))
    assert back.spoken == remark.spoken
    assert len(remark.words) == LONGEST_REMARK
