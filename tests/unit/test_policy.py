"""Policies: which threshold applies, and on which side of it the figures lie."""

import json
from importlib import resources
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.law.policy import Assessment, MalformedPolicy, Policy, assess, explain, parse_policy
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import ACTIVITIES
from flops_auditor.domain.values.figures import Figures, most_severe, verdict
from tests.fakes.cases import remark

AWS, EU = "aws-flops-meter-2026-05", "eu-gpai-guidelines-2025-07"


def policy_of(name: str) -> Policy:
    """Read anew in each test, as an audit does."""
    return parse_policy((resources.files("flops_auditor.data") / "policies" / f"{name}.json").read_text())


KNOWN = Original(15 * 10**23, source="a table")
THIRD = 10**23 // 3


def flat(flop: int) -> Figures:
    return Figures(flop, flop)


ONE = flat(1)


def assessed(
    policy: str, original: Original, figures: Figures = ONE, activity: Any = "fine-tuning"
) -> list[Assessment]:
    return list(assess(policy_of(policy), activity, figures, original))


def test_the_two_policies_of_the_product() -> None:
    for name in (AWS, EU):
        policy = policy_of(name)
        assert policy.policy_id == name
        assert len(policy.title) > 20 and len(policy.source) > 20
        assert all(rule.source and rule.meaning for group in policy.groups for rule in group)


@pytest.mark.parametrize(
    ("flop", "scenario", "threshold"),
    [
        (None, "default", 33 * 10**21),
        (1, "default", 33 * 10**21),
        (10**23 - 1, "default", 33 * 10**21),
        (10**23, "relative", 3 * 10**22),
        (10**23 + 1, "relative", 3 * 10**22),
        (15 * 10**23, "relative", 45 * 10**22),
        (10**25 - 1, "relative", (3 * (10**25 - 1)) // 10),
        (10**25, "systemic-risk", 33 * 10**23),
        (10**25 + 1, "systemic-risk", 33 * 10**23),
    ],
)
def test_the_four_steps_of_the_aws_flow(flop: int | None, scenario: str, threshold: int) -> None:
    """AWS post: unknown 3.3e22; >= 1e25 3.3e24; >= 1e23 30 % of it; else 3.3e22. Its example: 1.5e24 -> 4.5e23."""
    [found] = assessed(AWS, Original(flop))
    assert (found.scenario, found.threshold_flop) == (scenario, threshold)


@pytest.mark.parametrize(
    ("original", "expected"),
    [
        (Original(), [("original-unknown", THIRD)]),
        (Original(None, systemic_risk=True), [("systemic-risk-original-unknown", 10**25 // 3)]),
        (Original(15 * 10**23), [("one-third", 5 * 10**23), ("systemic-risk-cumulative", 10**25)]),
        (Original(10, systemic_risk=True), [("one-third", 3), ("systemic-risk-cumulative", 10**25)]),
        (Original(10**25), [("one-third", 10**25 // 3), ("systemic-risk-cumulative", 10**25)]),
        (Original(10**25 + 1), [("one-third", (10**25 + 1) // 3)]),
    ],
)
def test_the_rules_for_modifiers(original: Original, expected: list[tuple[str, int]]) -> None:
    """Guidelines, section on downstream modifiers; AI Act, Art. 51(2) for the modified model as a whole."""
    assert [(a.scenario, a.threshold_flop) for a in assessed(EU, original)] == expected


def test_pretraining_has_the_thresholds_of_a_model_of_its_own() -> None:
    """Guidelines: over 1e23 a general-purpose model; AI Act, Art. 51(2): over 1e25 presumed systemic risk."""
    found = assessed(EU, Original(), flat(10**24), "pretraining")
    assert [(a.scenario, a.threshold_flop, a.verdict, a.basis) for a in found] == [
        ("general-purpose", 10**23, "above", "updates"),
        ("systemic-risk", 10**25, "below", "cumulative"),
    ]
    assert assessed(AWS, Original(), activity="pretraining") == []


@pytest.mark.parametrize("flop", [None, 1, 10**25, 10**25 + 1, 10**27])
def test_generated_data_always_has_a_rule_on_the_cumulative_basis(flop: int | None) -> None:
    """Annex A.1: forward passes that generated training data that is not public count on the second basis alone."""
    found = assessed(EU, Original(flop), activity="synthetic-data")
    assert [(a.threshold_flop, a.basis) for a in found] == [(10**25, "cumulative")]
    assert found[0].verdict == ("above" if flop == 10**25 else "indeterminate" if flop is None else "below")


def test_jobs_that_do_not_train_have_no_threshold() -> None:
    assert assessed(EU, KNOWN, activity="not-training") == assessed(AWS, KNOWN, activity="not-training") == []


@pytest.mark.parametrize("policy", [AWS, EU])
@pytest.mark.parametrize(
    "original", [Original(), Original(None, True), Original(10**22), KNOWN, Original(10**25), Original(10**26)]
)
def test_at_each_threshold_and_one_operation_either_side(policy: str, original: Original) -> None:
    """All thresholds are "greater than": a figure equal to the threshold is not over it."""
    for found in assessed(policy, original):
        pretraining = original.pretraining_flop if found.scenario == "systemic-risk-cumulative" else 0
        at = found.threshold_flop - (pretraining or 0)
        if at <= 0:
            continue
        for flop, expected in ((at - 1, "below"), (at, "below"), (at + 1, "above")):
            again = next(a for a in assessed(policy, original, flat(flop)) if a.scenario == found.scenario)
            assert again.verdict == expected, (found.scenario, flop)
        between = Figures(at, at + 1)
        again = next(a for a in assessed(policy, original, between) if a.scenario == found.scenario)
        assert again.verdict == "indeterminate"


@pytest.mark.parametrize(
    ("best", "upper", "doubts", "expected"),
    [
        (10, 10, (), "below"),
        (11, 11, (), "above"),
        (10, 11, (), "indeterminate"),
        (11, None, (), "above"),
        (11, 11, (remark("unread"),), "above"),
        (1, 10, (remark("unread"),), "indeterminate"),
        (None, 10, (), "indeterminate"),
        (1, None, (), "indeterminate"),
        (None, None, (), "indeterminate"),
        (0, 0, (), "below"),
    ],
)
def test_verdicts(best: int | None, upper: int | None, doubts: tuple[str, ...], expected: str) -> None:
    """Above if best > T; below if upper <= T and nothing is in doubt; else indeterminate."""
    assert verdict(Figures(best, upper, doubts), 10) == expected


def test_the_most_severe_verdict() -> None:
    assert most_severe(["below", "above", "indeterminate"]) == "above"
    assert most_severe(["below", "indeterminate", "below"]) == "indeterminate"
    assert most_severe(["below"]) == "below"
    assert most_severe([]) == "indeterminate"


AMOUNT = st.integers(0, 10**27)
ORIGINALS = st.builds(
    Original,
    st.none() | st.integers(1, 10**27),
    st.booleans(),
    trusted=st.booleans(),
    instead=st.none() | st.integers(1, 10**27),
)


@given(AMOUNT, AMOUNT, ORIGINALS, st.sampled_from(ACTIVITIES))
def test_what_could_not_be_read_never_yields_below(best: int, more: int, original: Original, activity: Any) -> None:
    """A verdict never rests on evidence that could not be read (docs/adr/0002)."""
    figures = Figures(best, best + more, (remark("evidence could not be read"),))
    for policy in (AWS, EU):
        assert "below" not in {a.verdict for a in assess(policy_of(policy), activity, figures, original)}
        unknown = Figures(None, None)
        assert "below" not in {a.verdict for a in assess(policy_of(policy), activity, unknown, original)}


@given(AMOUNT, AMOUNT, AMOUNT, ORIGINALS)
def test_a_higher_figure_is_never_judged_more_mildly(best: int, spread: int, more: int, original: Original) -> None:
    """Art. 51(2), Guidelines: thresholds are crossed by more compute, never by less."""
    order = {"below": 0, "indeterminate": 1, "above": 2}
    for policy in (AWS, EU):
        low = assess(policy_of(policy), "fine-tuning", Figures(best, best + spread), original)
        high = assess(policy_of(policy), "fine-tuning", Figures(best + more, best + spread + more), original)
        assert order[most_severe([a.verdict for a in low])] <= order[most_severe([a.verdict for a in high])]


def test_pretraining_counts_in_the_cumulative_rule() -> None:
    original = Original(99 * 10**23)
    [_, found] = assessed(EU, original, Figures(10**23, 10**23))
    assert (found.verdict, found.basis) == ("below", "cumulative")
    [_, found] = assessed(EU, original, Figures(10**23 + 1, 10**24))
    assert found.verdict == "above"


def test_an_assessment_carries_its_figures_and_the_room_for_the_modification() -> None:
    found = assess(policy_of(EU), "fine-tuning", Figures(2, 3), Original(3 * 10**24), Figures(4, 5))
    assert [(a.best_flop, a.upper_flop, a.room_flop) for a in found] == [(2, 3, 10**24), (4, 5, 7 * 10**24)]
    [unknown] = assessed(EU, Original(None), activity="synthetic-data")
    assert unknown.room_flop == 10**25


def test_a_merged_original_counts_with_all_that_it_was_merged_from() -> None:
    """Annex A.1: the compute of weights it was merged from counts on the cumulative basis."""
    [third, whole] = assessed(EU, Original(10**24, merged_flop=10**25), flat(1))
    assert (third.threshold_flop, third.verdict) == (10**24 // 3, "below")
    assert whole.verdict == "above"


def test_the_cumulative_basis_has_its_own_figures() -> None:
    found = assess(policy_of(EU), "fine-tuning", flat(1), Original(1000), flat(10**26))
    assert [a.verdict for a in found] == ["below", "above"]


def test_a_statement_about_the_original_that_could_not_be_read_is_a_doubt_where_it_matters() -> None:
    found = assessed(EU, Original(15 * 10**23, doubts=(remark("PRETRAIN_FLOPS could not be read"),)))
    assert [a.verdict for a in found] == ["indeterminate", "indeterminate"]
    assert "PRETRAIN_FLOPS could not be read" in found[0].reason
    pretraining = assessed(EU, Original(doubts=(remark("x"),)), activity="pretraining")
    assert [a.verdict for a in pretraining] == ["below", "below"]
    unknown = assessed(EU, Original(None), activity="synthetic-data")
    assert "the pretraining compute of the original is not known" in unknown[0].reason


WEAK = Original(15 * 10**23, source="a forum", trusted=False)


def test_a_weak_figure_is_used_where_it_changes_nothing() -> None:
    found = assessed(EU, WEAK, flat(1))
    assert [(a.scenario, a.verdict) for a in found] == [("one-third", "below"), ("systemic-risk-cumulative", "below")]
    assert "weak (a forum), but the verdict is the same without it" in found[0].reason


def test_a_weak_figure_counts_as_undisclosed_where_it_would_release() -> None:
    [found] = assessed(EU, WEAK, flat(10**23))
    assert (found.scenario, found.threshold_flop, found.verdict) == ("original-unknown", THIRD, "above")
    assert "too weak to rest on (a forum), so it counts as undisclosed" in found.reason


def test_a_weak_figure_that_accuses_leaves_the_verdict_open() -> None:
    low = Original(10**20, source="a forum", trusted=False)
    [found] = assessed(EU, low, flat(10**21))
    assert (found.scenario, found.verdict) == ("original-unknown", "indeterminate")


def test_two_figures_that_contradict_each_other_leave_the_verdict_open() -> None:
    claimed = Original(9 * 10**24, source="the job says", trusted=False, instead=10**24)
    small = assessed(EU, claimed, flat(10**23))
    assert [(a.threshold_flop, a.verdict) for a in small][:1] == [(3 * 10**24, "below")]
    large = assessed(EU, claimed, flat(5 * 10**23))
    assert [a.verdict for a in large] == ["indeterminate", "indeterminate"]
    assert large[0].threshold_flop == 10**24 // 3
    assert "contradict each other (the job says)" in large[0].reason


def test_reasons_say_the_shares() -> None:
    assert explain(flat(12), 10, "above") == "best estimate 1.20e1 is over 1.00e1 FLOP (120 %)"
    assert explain(flat(200), 10, "above") == "best estimate 2.00e2 is over 1.00e1 FLOP (20 times)"
    assert explain(Figures(1, 5), 10, "below") == "upper bound 5.00e0 is not over 1.00e1 FLOP (50 %)"
    assert explain(Figures(5, 20), 10, "indeterminate") == (
        "best estimate 5.00e0 (50 %), upper bound 2.00e1 (200 %) of 1.00e1 FLOP"
    )
    assert explain(Figures(None, 5, (remark("a"), remark("b")), "ask"), 10, "indeterminate") == (
        "the compute is not known; a; b; to settle: ask"
    )
    assert explain(Figures(1, None), 10, "indeterminate") == "the compute is not known"


def test_a_reason_shows_in_full_what_three_digits_would_hide() -> None:
    assert "best estimate 33000000000000000000001 is over 3.30e22" in explain(
        flat(33 * 10**21 + 1), 33 * 10**21, "above"
    )
    assert "upper bound 3.30e22 is not over" in explain(flat(33 * 10**21), 33 * 10**21, "below")
    assert "upper bound 32999999999999999999999" in explain(flat(33 * 10**21 - 1), 33 * 10**21, "below")
    between = explain(Figures(1, 33 * 10**21 + 1), 33 * 10**21, "indeterminate")
    assert "upper bound 33000000000000000000001 (100 %)" in between


def test_a_threshold_of_zero_breaks_nothing() -> None:
    """One third of an original of 2 FLOP is no whole operation."""
    found = assessed(EU, Original(2), flat(1))
    assert (found[0].threshold_flop, found[0].verdict) == (0, "above")
    assert "a threshold of 0" in found[0].reason


def test_a_reason_holds_sixteen_doubts_at_most() -> None:
    reason = explain(Figures(1, 2, tuple(remark(f"doubt {i}") for i in range(18))), 10, "indeterminate")
    assert "doubt 15" in reason
    assert "doubt 16" not in reason
    assert "and 2 more doubts" in reason
    assert "more doubts" not in explain(Figures(1, 2, (remark("doubt"),) * 16), 10, "indeterminate")


def test_figures_add_up() -> None:
    assert Figures(1, 2, (remark("d"),), "s").plus(10) == Figures(11, 12, (remark("d"),), "s")
    assert Figures(None, None).plus(10) == Figures(None, None)


RULE = {"scenario": "s", "when": {"activity": ["fine-tuning"]}, "threshold": "10", "meaning": "m", "source": "x"}


def policy_text(**changes: Any) -> str:
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not ...}
    return json.dumps({"id": "p", "title": "t", "source": "x", "groups": [[rule]]})


def test_a_policy_is_a_file() -> None:
    rule = parse_policy(policy_text(threshold="1e2/3", basis="cumulative", includes_pretraining=True)).groups[0][0]
    assert (rule.amount, rule.share, rule.basis, rule.includes_pretraining) == (33, None, "cumulative", True)
    assert (rule.original, rule.systemic_risk, rule.at_least, rule.below) == ("any", None, 0, None)
    when = {"activity": ["fine-tuning"], "original": "known", "systemic_risk": True, "at_least": "5", "below": "9"}
    rule = parse_policy(policy_text(when=when, threshold=..., share_of_original="2/3")).groups[0][0]
    assert (rule.amount, rule.threshold(Original(8)), rule.at_least, rule.below) == (None, 5, 5, 9)
    assert [rule.applies("fine-tuning", Original(flop)) for flop in (4, 5, 8, 9, None)] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert not rule.applies("pretraining", Original(5))
    assert (rule.basis, rule.includes_pretraining) == ("updates", False)


NOT_EITHER = "rule s: give either threshold or share_of_original"
NO_ACTIVITY = "rule s: activity is not of fine-tuning, pretraining, synthetic-data, not-training"
NOT_ALLOWED = "rule s: original or basis is not what it may be"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "JSONDecodeError: Expecting value"),
        ("[]", "TypeError: list indices"),
        ("{}", "KeyError: 'groups'"),
        (json.dumps({"id": "p", "title": "t", "source": "x", "groups": [["rule"]]}), "TypeError: string indices"),
        (json.dumps({"id": "p", "title": "t", "source": "x", "groups": [[{"when": None}]]}), "TypeError"),
        (policy_text(when=[]), "MalformedPolicy|TypeError|KeyError"),
        (policy_text(meaning=...), "KeyError: 'meaning'"),
        (policy_text(source=...), "KeyError: 'source'"),
        (policy_text(scenario=...), "KeyError: 'scenario'"),
        (policy_text(threshold=...), NOT_EITHER),
        (policy_text(threshold="1/0"), "ZeroDivisionError"),
        (policy_text(threshold="many"), "UnreadableAmount: 'many' is not a number"),
        (policy_text(share_of_original="1/3"), NOT_EITHER),
        (policy_text(threshold=..., share_of_original="1/3"), "rule s: a share needs an original that is known"),
        (policy_text(threshhold="10", extra=1), "rule s: unknown fields extra, threshhold"),
        (policy_text(when={"activity": []}), NO_ACTIVITY),
        (policy_text(when={"activity": ["finetuning"]}), NO_ACTIVITY),
        (policy_text(when={"activity": ["fine-tuning"], "at_leest": "1e23"}), "rule s: unknown fields at_leest"),
        (policy_text(when={"activity": ["fine-tuning"], "original": "Known"}), NOT_ALLOWED),
        (policy_text(when={"activity": ["fine-tuning"], "below": "-1"}), "UnreadableAmount"),
        (policy_text(basis="both"), NOT_ALLOWED),
    ],
)
def test_a_policy_that_could_be_misread_is_refused(text: str, message: str) -> None:
    with pytest.raises(MalformedPolicy, match=message):
        parse_policy(text)


def test_a_policy_may_speak_of_every_activity_and_of_unknown_originals() -> None:
    when = {"activity": list(ACTIVITIES), "original": "unknown"}
    rule = parse_policy(policy_text(when=when)).groups[0][0]
    assert [rule.applies("not-training", original) for original in (Original(), Original(5))] == [True, False]
    open_rule = parse_policy(policy_text()).groups[0][0]
    assert [open_rule.applies("fine-tuning", original) for original in (Original(), Original(5))] == [True, True]


def test_an_assessment_says_why_and_what_it_means() -> None:
    [over] = assessed(AWS, Original(), flat(34 * 10**21))
    assert over.reason == "best estimate 3.40e22 is over 3.30e22 FLOP (103 %)"
    assert over.meaning == "the modifier becomes the provider of a general-purpose AI model"
    [under] = assessed(AWS, Original(), flat(33 * 10**21))
    assert under.reason == "upper bound 3.30e22 is not over 3.30e22 FLOP (100 %)"


def test_doubts_about_a_weak_original_stay_with_it() -> None:
    weak = Original(10**23, True, "a forum", False, doubts=(remark("a tag could not be read"),))
    [found] = assessed(EU, weak, flat(10**23))
    assert (found.scenario, found.threshold_flop, found.verdict) == (
        "systemic-risk-original-unknown",
        10**25 // 3,
        "indeterminate",
    )
    assert "a tag could not be read" in found.reason


def test_doubts_keep_the_figures_and_what_would_settle_them() -> None:
    figures = Figures(4, 5, (remark("d"),), "ask them")
    known = Original(10**24, doubts=(remark("tag"),))
    unknown = assessed(EU, Original(), figures, "synthetic-data")
    for found in (*assessed(EU, known, figures), *unknown):
        assert "best estimate" in found.reason and "upper bound" in found.reason
        assert found.reason.endswith("to settle: ask them")
    assert "; the pretraining compute of the original is not known;" in unknown[0].reason
    assert found.policy == EU


def test_shares_of_ten_times_and_more_are_said_as_times() -> None:
    assert "(10 times)" in explain(flat(100), 10, "above")
    assert "(990 %)" in explain(flat(99), 10, "above")
    assert explain(flat(1), 0, "above").endswith("(of a threshold of 0)")
    assert explain(Figures(0, 0), 10, "below") == "upper bound 0 is not over 1.00e1 FLOP (0 %)"
    one_more = explain(Figures(1, 2, tuple(remark(f"doubt {i}") for i in range(17))), 10, "indeterminate")
    assert one_more.endswith("and 1 more doubts")
