"""Policies: which threshold applies, and on which side of it the figures lie."""

import json
from dataclasses import replace
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import load_tables, policy_ids
from flops_auditor.domain.audit.assessment_words import assessment_members, reason_in_words, remedies_of
from flops_auditor.domain.law.assessment import DISPUTED, Assessment, assess
from flops_auditor.domain.law.policy import Effect, MalformedPolicy, Policy, ReadingOf, Role
from flops_auditor.domain.law.policy_file import parse_policy
from flops_auditor.domain.law.situation import situation_of_training
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import ACTIVITIES
from flops_auditor.domain.values.figures import SEVERITY, Figures, Verdict, most_severe, verdict
from flops_auditor.domain.values.remarks import Kind, Remedy
from tests.fakes import tide_law
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


ROLES: dict[str, Role | None] = {
    "fine-tuning": "modifier",
    "pretraining": "developer",
    "synthetic-data": "data-generator",
    "not-training": None,
}


def apply(
    policy: Policy, activity: str, figures: Figures, original: Original, cumulative: Figures | None = None
) -> tuple[Assessment, ...]:
    """Apply a policy to a run of this activity on this original, without ancestors."""
    return assess(policy, situation_of_training(ROLES[activity], original, figures, cumulative or figures))


def said(found: Assessment) -> str:
    """The reason, the doubts and the notes in words."""
    return "; ".join(
        [
            reason_in_words(found),
            *(remark.words for remark in (*found.doubts, *found.notes)),
        ]
    )


def explain(figures: Figures, threshold: int, result: Any) -> str:
    [found] = apply(parse_policy(policy_text(threshold=str(max(threshold, 1)))), "fine-tuning", figures, Original())
    return reason_in_words(replace(found, threshold_flop=threshold, verdict=result))


def assessed(
    policy: str, original: Original, figures: Figures = ONE, activity: Any = "fine-tuning"
) -> list[Assessment]:
    return list(apply(policy_of(policy), activity, figures, original))


def test_the_two_policies_of_the_product() -> None:
    for name in (AWS, EU):
        policy = policy_of(name)
        assert policy.policy_id == name
        assert len(policy.title) > 20 and policy.sources
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


def test_jobs_that_do_not_train_have_no_threshold() -> None:
    assert assessed(EU, KNOWN, activity="not-training") == assessed(AWS, KNOWN, activity="not-training") == []


@pytest.mark.parametrize(
    "original", [Original(), Original(None, True), Original(10**22), KNOWN, Original(10**25), Original(10**26)]
)
def test_at_each_threshold_and_one_operation_either_side_of_the_aws_flow(original: Original) -> None:
    """A figure equal to the threshold is not over it. The Guidelines' lines: tests/law/cases.csv."""
    [found] = assessed(AWS, original)
    at = found.threshold_flop
    for flop, expected in ((at - 1, "below"), (at, "below"), (at + 1, "above")):
        assert [a.verdict for a in assessed(AWS, original, flat(flop))] == [expected]
    assert [a.verdict for a in assessed(AWS, original, Figures(at, at + 1))] == ["indeterminate"]


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
FIGURES = st.none() | st.integers(1, 10**27)
OTHERS = st.lists(st.builds(lambda flop: (remark("two names"), Original(flop)), FIGURES), max_size=2).map(tuple)
ORIGINALS = st.builds(Original, FIGURES, st.booleans(), trusted=st.booleans(), others=OTHERS)


@given(AMOUNT, AMOUNT, ORIGINALS, st.sampled_from(ACTIVITIES))
def test_what_could_not_be_read_never_yields_below(best: int, more: int, original: Original, activity: Any) -> None:
    """A verdict never rests on evidence that could not be read (docs/adr/0002)."""
    figures = Figures(best, best + more, (remark("evidence could not be read"),))
    for policy in (AWS, EU):
        assert "below" not in {a.verdict for a in apply(policy_of(policy), activity, figures, original)}
        unknown = Figures(None, None)
        assert "below" not in {a.verdict for a in apply(policy_of(policy), activity, unknown, original)}


@given(AMOUNT, AMOUNT, AMOUNT, ORIGINALS)
def test_a_higher_figure_is_never_judged_more_mildly(best: int, spread: int, more: int, original: Original) -> None:
    """Art. 51(2), Guidelines: thresholds are crossed by more compute, never by less."""
    order = {"below": 0, "indeterminate": 1, "above": 2}
    for policy in (AWS, EU):
        low = apply(policy_of(policy), "fine-tuning", Figures(best, best + spread), original)
        high = apply(policy_of(policy), "fine-tuning", Figures(best + more, best + spread + more), original)
        assert order[most_severe([a.verdict for a in low])] <= order[most_severe([a.verdict for a in high])]


def test_an_assessment_carries_its_figures_and_the_room_for_the_modification() -> None:
    found = apply(policy_of(EU), "fine-tuning", Figures(2, 3), Original(3 * 10**24), Figures(4, 5))
    assert [(a.best_flop, a.upper_flop, a.room_flop) for a in found] == [(2, 3, 10**24), (4, 5, 7 * 10**24)]
    [generated] = assessed(EU, Original(None), activity="synthetic-data")
    assert (generated.room_flop, generated.inherited_flop) == (10**25, 0)
    assert [a.inherited_flop for a in found] == [0, 3 * 10**24]


def test_a_statement_about_the_original_that_could_not_be_read_is_a_doubt_where_it_matters() -> None:
    found = assessed(EU, Original(15 * 10**23, doubts=(remark("PRETRAIN_FLOPS could not be read"),)))
    assert [a.verdict for a in found] == ["indeterminate", "indeterminate"]
    assert "PRETRAIN_FLOPS could not be read" in said(found[0])
    pretraining = assessed(EU, Original(doubts=(remark("x"),)), activity="pretraining")
    assert [a.verdict for a in pretraining] == ["below", "below"]
    ours = assessed(EU, Original(ours=True), activity="pretraining")
    assert "the pretraining compute of the original is not known" in said(ours[0])


WEAK = Original(15 * 10**23, source="a forum", trusted=False)


def test_a_weak_figure_is_used_where_it_changes_nothing() -> None:
    found = assessed(EU, WEAK, flat(1))
    assert [(a.scenario, a.verdict) for a in found] == [("one-third", "below"), ("systemic-risk-total", "below")]
    assert "weak (a forum), but the verdict is the same without it" in said(found[0])


def test_a_weak_figure_counts_as_undisclosed_where_it_would_release() -> None:
    found, total = assessed(EU, WEAK, flat(10**23))
    assert (total.scenario, total.verdict) == ("systemic-risk-total", "below")
    assert (found.scenario, found.threshold_flop, found.verdict) == ("original-unknown", THIRD, "above")
    assert "too weak to rest on (a forum), so it counts as undisclosed" in said(found)


def test_a_weak_figure_that_accuses_leaves_the_verdict_open() -> None:
    low = Original(10**23 + 1, source="a forum", trusted=False)
    assert [a.verdict for a in assessed(EU, low, flat(10**23 // 3))] == ["below", "below"]
    small = Original(10**22, source="a forum", trusted=False)
    found = assessed(EU, small, flat(4 * 10**22))[0]
    assert (found.scenario, found.verdict) == ("original-unknown", "above")
    assert "counts as undisclosed" in said(found)
    accused = assessed(EU, Original(8 * 10**22, source="a forum", trusted=False), flat(3 * 10**22))[0]
    assert (accused.scenario, accused.verdict, accused.reading) == ("small-original", "indeterminate", "disputed")
    assert "counts as undisclosed" in said(accused)


def test_of_two_figures_that_contradict_each_other_the_lower_threshold_counts() -> None:
    claimed = Original(9 * 10**24, source="the job says", others=((remark("the table differs"), Original(10**24)),))
    assert [(a.threshold_flop, a.verdict) for a in assessed(EU, claimed, flat(10**23))][:1] == [
        (10**24 // 3, "below"),
    ]
    large = assessed(EU, claimed, flat(5 * 10**23))
    assert [a.verdict for a in large] == ["above", "below"]
    assert large[0].threshold_flop == 10**24 // 3
    assert "the table differs" in said(large[0])
    open_ = assessed(EU, claimed, Figures(10**23, 5 * 10**23))
    assert [(a.threshold_flop, a.verdict) for a in open_][:1] == [(10**24 // 3, "indeterminate")]
    assert "the table differs" in said(open_[0])


def test_reasons_say_the_shares() -> None:
    assert explain(flat(12), 10, "above") == "best estimate 1.20e1 is over 1.00e1 FLOP (120 %)"
    assert explain(flat(200), 10, "above") == "best estimate 2.00e2 is over 1.00e1 FLOP (20 times)"
    assert explain(Figures(1, 5), 10, "below") == "upper bound 5.00e0 is not over 1.00e1 FLOP (50 %)"
    assert explain(Figures(5, 20), 10, "indeterminate") == (
        "best estimate 5.00e0 (50 %), upper bound 2.00e1 (200 %) of 1.00e1 FLOP"
    )
    assert (
        explain(Figures(None, 5, (remark("a"), remark("b")), "ask"), 10, "indeterminate") == "the compute is not known"
    )
    assert explain(Figures(1, None), 10, "indeterminate") == "the compute is not known"


def test_a_reason_shows_in_full_what_three_digits_would_hide() -> None:
    assert "best estimate 33000000000000000000001 is over 3.30e22" in explain(
        flat(33 * 10**21 + 1), 33 * 10**21, "above"
    )
    assert "upper bound 3.30e22 is not over" in explain(flat(33 * 10**21), 33 * 10**21, "below")
    assert "upper bound 32999999999999999999999" in explain(flat(33 * 10**21 - 1), 33 * 10**21, "below")
    between = explain(Figures(1, 33 * 10**21 + 1), 33 * 10**21, "indeterminate")
    assert "upper bound 3.31e22 (101 %)" in between


def test_a_threshold_of_zero_breaks_nothing() -> None:
    """One third of an original of 2 FLOP is no whole operation."""
    found = assessed(EU, Original(2, general_purpose=True), flat(1))
    assert (found[0].threshold_flop, found[0].verdict) == (0, "above")
    assert "a threshold of 0" in said(found[0])


STRADDLING = Original(9 * 10**22, highest_flop=2 * 10**23)


@pytest.mark.parametrize(
    ("flop", "verdict"),
    [(10**18, "below"), (10**21, "below"), (10**21 + 1, "indeterminate"), (8 * 10**22, "indeterminate")],
)
def test_an_original_between_small_and_general_purpose_is_held_against_both_rules(flop: int, verdict: str) -> None:
    """By its low figure the total counts, by its high one the third does: a verdict stands where both agree."""
    assert assessed(EU, STRADDLING, flat(flop))[0].verdict == verdict
    small = replace(STRADDLING, pretraining_flop=8 * 10**22, highest_flop=9 * 10**22)
    found = assessed(EU, small, flat(10**22))[0]
    assert (found.scenario, found.verdict, found.counted.upper_flop) == ("small-original", "below", 10**23)


def test_a_small_run_on_an_original_between_the_rules_says_why_it_is_below() -> None:
    tiny, more = (assessed(EU, STRADDLING, flat(flop))[0] for flop in (10**18, 10**22))
    assert "sources differ whether the original took more than 1.00e23 FLOP" in said(tiny)
    assert more.counted.upper_flop == 10**23 + 10**22, "where this rule applies the original took no more than 1e23"
    at_most = assessed(EU, replace(STRADDLING, pretraining_flop=10**23), flat(1))[0]
    assert at_most.verdict == "indeterminate", "any run brings an original of exactly 1e23 over it"


def test_the_total_counts_the_original_by_its_highest_figure_where_below_rests_on_it() -> None:
    original = Original(9 * 10**24, highest_flop=99 * 10**23)
    [_, total] = assessed(EU, original, flat(2 * 10**23))
    counted = total.counted
    assert (total.verdict, counted.best_flop, counted.upper_flop) == ("indeterminate", 92 * 10**23, 101 * 10**23)
    assert [a.verdict for a in assessed(EU, original, flat(10**23))] == ["below", "below"]


def test_the_aws_flow_knows_the_lowest_figure_alone() -> None:
    [found] = assessed(AWS, STRADDLING, flat(32 * 10**21))
    assert (found.scenario, found.threshold_flop, found.verdict) == ("default", 33 * 10**21, "below")


def doubts_of(count: int) -> list[str]:
    [found] = assessed(AWS, Original(), Figures(1, 2, tuple(remark(f"doubt {i}") for i in range(count))))
    return [doubt["words"] for doubt in assessment_members(found, "job")["doubts"]]


def test_a_record_holds_sixteen_doubts_of_an_assessment_at_most() -> None:
    assert doubts_of(16)[-1] == "doubt 15"
    assert doubts_of(18)[-2:] == ["doubt 15", "and 2 more doubts"]


def test_figures_add_up() -> None:
    assert Figures(1, 2, (remark("d"),), "s").plus(10) == Figures(11, 12, (remark("d"),), "s")
    assert Figures(None, None).plus(10) == Figures(None, None)


RULE = {
    "scenario": "s",
    "title": "t",
    "when": {"role": ["modifier"]},
    "threshold": "10",
    "comparison": "greater than",
    "basis": "updates",
    "meaning": "m",
    "source": "x",
    "reading": "text",
    "duties": ["report"],
}
DUTY = {"what": "Report", "article": "Art. 1", "reading": "text"}
TRANSITION = {"placed_before": "2025-08-02", "until": "2027-08-02", "article": "Art. 9"}
READING = {"reading": "ours", "left_open": "x", "source": "y"}
POLICY = {"id": "p", "title": "t", "jurisdiction": "j", "in_force": None, "sources": [{"title": "x", "read": "text"}]}


def policy_text(**changes: Any) -> str:
    rule = {key: value for key, value in {**RULE, **changes}.items() if value is not ...}
    return json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[rule]]})


def with_duty(**changes: Any) -> str:
    duty = {key: value for key, value in {**DUTY, **changes}.items() if value is not ...}
    return json.dumps({**POLICY, "duties": {"report": duty}, "groups": [[RULE]]})


def with_reading(name: str, **changes: Any) -> str:
    return json.dumps({**json.loads(policy_text()), "readings": {name: {**READING, **changes}}})


def of(**when: Any) -> dict[str, Any]:
    return {**RULE, "when": {"role": ["modifier"], **when}}


def groups_of(*rules: dict[str, Any]) -> str:
    """One group; lines are told apart by their numbers."""
    named = [
        {**rule, "scenario": f"s{n}" if rule["scenario"] == "s" else rule["scenario"]} for n, rule in enumerate(rules)
    ]
    return json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [named]})


BEHIND = {**RULE, "scenario": "behind", "threshold": "20"}
BEHIND_BOTH = {**BEHIND, "when": {"role": ["developer", "modifier"]}}


def applies(rules: str, original: Original, activity: Any = "fine-tuning") -> bool:
    return any(parse_policy(rules).rules(ROLES[activity], original))


def test_a_policy_is_a_file() -> None:
    rule = parse_policy(policy_text(threshold="1e2/3", basis="cumulative", includes_pretraining=True)).groups[0][0]
    assert (rule.threshold(Original()), rule.share, rule.basis, rule.includes_pretraining) == (
        33,
        None,
        "cumulative",
        True,
    )
    assert (rule.original, rule.systemic_risk, rule.at_least, rule.at_most) == ("any", None, 0, None)
    when = {"role": ["modifier"], "original": "known", "systemic_risk": True, "at_least": "5", "at_most": "8"}
    text = policy_text(when=when, threshold=..., share_of_original="2/3")
    rule = parse_policy(text).groups[0][0]
    assert (rule.amount, rule.threshold(Original(8)), rule.at_least, rule.at_most) == (None, 5, 5, 8)
    assert [applies(text, Original(flop, True)) for flop in (4, 5, 8, 9, None)] == [False, True, True, False, False]
    assert not applies(text, Original(5, True), "pretraining")
    over = policy_text(when={"role": ["modifier"], "original": "known", "over": "5"})
    assert [applies(over, Original(flop)) for flop in (5, 6)] == [False, True]
    assert not applies(text, Original(5, False))


def test_a_line_that_is_itself_included_is_crossed_by_a_figure_equal_to_it() -> None:
    policy = parse_policy(policy_text(comparison="at least"))
    assert [apply(policy, "fine-tuning", flat(flop), Original())[0].verdict for flop in (9, 10, 11)] == [
        "below",
        "above",
        "above",
    ]
    [at] = apply(policy, "fine-tuning", flat(10), Original())
    assert (at.threshold_flop, at.room_flop) == (10, 9)
    assert said(at) == "best estimate 1.00e1 reaches 1.00e1 FLOP (100 %)"
    [under] = apply(policy, "fine-tuning", flat(9), Original())
    assert said(under) == "upper bound 9.00e0 does not reach 1.00e1 FLOP (90 %)"
    third = parse_policy(policy_text(comparison="at least", threshold="10/3"))
    assert [apply(third, "fine-tuning", flat(flop), Original())[0].verdict for flop in (3, 4)] == ["below", "above"]


def test_a_disputed_line_that_is_crossed_leaves_the_verdict_open_unless_another_one_makes_it_certain() -> None:
    disputed = {"left_open": "who it binds", "certain_if_over": ["sure"]}
    open_ = {**RULE, "disputed_if_crossed": disputed}
    sure = {**RULE, "scenario": "sure", "threshold": "20"}
    policy = parse_policy(json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[open_], [sure]]}))
    for flop, expected in ((10, "below"), (11, "indeterminate"), (20, "indeterminate"), (21, "above")):
        found = apply(policy, "fine-tuning", flat(flop), Original())[0]
        assert (found.verdict, found.disputed) == (expected, expected == "indeterminate")
        assert [duty["state"] for duty in assessment_members(found, "j")["duties"]] == {
            "below": [],
            "indeterminate": ["disputed"],
            "above": ["owed"],
        }[expected]
    assert "whether it counts that the line is crossed is disputed (x): who it binds" in said(
        apply(policy, "fine-tuning", flat(11), Original())[0]
    )


def test_what_makes_an_original_one_of_systemic_risk_is_the_policys_to_say() -> None:
    rules = [[{**RULE, "when": {"role": ["modifier"], "systemic_risk": True}}]]
    text = json.dumps({**POLICY, "systemic_risk_over": "100", "duties": {"report": DUTY}, "groups": rules})
    assert [applies(text, Original(flop)) for flop in (100, 101, None)] == [False, True, False]
    assert applies(text, Original(None, systemic_risk=True))
    assert not applies(policy_text(when={"role": ["modifier"], "systemic_risk": True}), Original(10**30))


EXEMPTION = {"what": "it is free", "article": "Law, Art. 2", "licences": ["MIT"]}
MERGE = {"reading": "ours", "left_open": "which", "source": "x"}
NOT_EITHER = "rule s: give one of threshold, share_of_original, at_any_compute"
NO_ROLE = "rule s: role is not of developer, modifier, data-generator"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not JSON: Expecting value"),
        ("[]", "the policy: not an object"),
        ("{}", "the policy: duties is missing"),
        (json.dumps({**POLICY, "duties": {}, "groups": [["rule"]]}), "a rule: not an object"),
        (json.dumps({**POLICY, "duties": {}, "groups": [[{"when": None}]]}), "a rule: scenario is missing"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "law": 1}), "the policy: unknown fields law"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "in_force": "soon"}), "in_force is 'soon', not a day"),
        (policy_text(when=[]), "rule s: not an object"),
        (policy_text(meaning=...), "rule s: meaning is missing"),
        (policy_text(meaning=" "), "meaning is not a text"),
        (policy_text(source=...), "rule s: source is missing"),
        (policy_text(scenario=...), "a rule: scenario is missing"),
        (policy_text(threshold=...), NOT_EITHER),
        (policy_text(threshold="1/0"), "rule s: threshold: '0' is not between 1 and 1e40"),
        (policy_text(threshold="many"), "rule s: threshold: 'many' is not a number"),
        (policy_text(share_of_original="1/3"), NOT_EITHER),
        (policy_text(at_any_compute=True), NOT_EITHER),
        (policy_text(threshold=..., at_any_compute=False), NOT_EITHER),
        (policy_text(threshold=..., at_any_compute="yes"), "at_any_compute is 'yes', not true or false"),
        (policy_text(threshold=..., at_any_compute=True, includes_pretraining=True), "includes no pretraining"),
        (policy_text(threshold=..., at_any_compute=True, comparison="at least"), "the comparison greater than"),
        (policy_text(takes_original_for="1e23"), "is for a line of originals that are unknown"),
        (policy_text(threshold=..., share_of_original="1/3"), "rule s: a share needs an original that is known"),
        (policy_text(threshhold="10", extra=1), "rule s: unknown fields extra, threshhold"),
        (policy_text(when={"role": []}), NO_ROLE),
        (policy_text(when={"role": ["fine-tuning"]}), NO_ROLE),
        (policy_text(when={"role": ["modifier"], "at_leest": "1e23"}), "rule s: unknown fields at_leest"),
        (policy_text(when={"role": ["modifier"], "original": "Known"}), "original is 'Known', not one of known"),
        (policy_text(when={"role": ["modifier"], "systemic_risk": "yes"}), "systemic_risk is 'yes', not true or false"),
        (policy_text(when={"role": ["modifier"], "at_most": "-1"}), "rule s: at_most: '-1' is not between"),
        (policy_text(threshold="1e22/-3"), "rule s: threshold: '-3'"),
        (policy_text(threshold=5), "rule s: threshold is not a text"),
        (policy_text(when={"role": "modifier"}), "role is not a list of texts"),
        (policy_text(when={"role": ["modifier", "modifier"]}), "role names something twice"),
        (
            policy_text(when={"role": ["modifier"], "at_least": "10", "at_most": "9"}),
            "rule s: no original is at least 10",
        ),
        (policy_text(when={"role": ["modifier"], "over": "9", "at_most": "9"}), "rule s: no original is at least 10"),
        (
            json.dumps({**json.loads(policy_text()), "readings": {"merge": {**MERGE, "lines": ["t"]}}}),
            "reading merge: lines names no rule: t",
        ),
        (policy_text(when={"role": ["modifier"], "general_purpose": "maybe"}), "general_purpose is 'maybe'"),
        (policy_text(limited_to=7), "limited_to is not a text"),
        (policy_text(limited_to=""), "limited_to is not a text"),
        (policy_text(title=["t"]), "title is not a text"),
        (policy_text(duties="report"), "duties is not a list of texts"),
        (policy_text(duties=["report", 4]), "duties is not a list of texts"),
        (policy_text(comparison=["greater than"]), r"comparison is \['greater than'\]"),
        (policy_text(reading="disputed"), "rule s: left_open says what"),
        (policy_text(disputed_if_crossed={"left_open": "x", "certain_if_over": "s"}), "certain_if_over is not a list"),
        (policy_text(disputed_if_crossed={"left_open": ["x"]}), "left_open is not a text"),
        (policy_text(disputed_if_crossed={"left_open": "x", "certain_if_over": ["s"]}), "names the rule itself"),
        (json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE], [RULE]]}), "stands in two groups"),
        (json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE, RULE]]}), "stands twice"),
        (policy_text()[:-1] + ', "title": "u"}', "title stands twice in one object"),
        (with_duty(within_days=10**9, since="met"), "duty report: within_days is not a number of days up to 3650"),
        (
            json.dumps(
                {**POLICY, "duties": {}, "groups": [], "transitions": {"t": {**TRANSITION, "until": "2020-01-01"}}}
            ),
            "transition t: until 2020-01-01 is not after 2025-08-02",
        ),
        (
            json.dumps(
                {**POLICY, "duties": {}, "groups": [], "transitions": {"t": {**TRANSITION, "until": "2027-13-01"}}}
            ),
            "transition t: until is '2027-13-01', not a day",
        ),
        (with_duty(to=4), "to is not a text"),
        (with_duty(form=True), "form is not a text"),
        (with_duty(what={"a": 1}), "what is not a text"),
        (json.dumps({**POLICY, "condition": ["x"], "duties": {}, "groups": []}), "condition is not a text"),
        (json.dumps({**POLICY, "sources": [{"title": 1, "read": "text"}], "duties": {}, "groups": []}), "title is not"),
        (policy_text(basis="both"), "basis is 'both', not one of updates, cumulative"),
        (policy_text(comparison=">="), "comparison is '>=', not one of greater than, at least"),
        (policy_text(reading="clear"), "reading is 'clear', not one of text, ours, disputed"),
        (policy_text(reading="ours"), "rule s: left_open says what"),
        (policy_text(left_open="something"), "rule s: left_open says what"),
        (policy_text(disputed_if_crossed={"certain_if_over": ["s"]}), "rule s: left_open is missing"),
        (policy_text(disputed_if_crossed={"left_open": "x", "certain_if_over": ["z"]}), "names no rule: z"),
        (policy_text(disputed_if_crossed={"left_open": "x", "unless": []}), "rule s: unknown fields unless"),
        (policy_text(exemptions="no"), "exemptions is 'no', not true or false"),
        (policy_text(when={"role": ["modifier"], "general_purpose": 1}), "general_purpose is 1, not true or false"),
        (with_duty(exemption="none"), "duty report: exemption is 'none', not one of"),
        (with_duty(transition="none"), "duty report: transition is 'none', not one of"),
        (
            json.dumps({**POLICY, "duties": {}, "groups": [], "readings": {"x": READING}}),
            "reading x: not one of",
        ),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "original_compute": "both"}), "original_compute is 'both'"),
        (policy_text(duties=["pay"]), "rule s: the policy has no duty pay"),
        (with_duty(what=...), "duty report: what is missing"),
        (with_duty(extra=1), "duty report: unknown fields extra"),
        (with_duty(within_days=14), "duty report: within_days and since belong together"),
        (with_duty(within_days="14", since="met"), "duty report: within_days is not a number of days up to 3650"),
        (with_duty(within_days=10**7, since="met"), "duty report: within_days is not a number of days"),
        (with_duty(within_days=-1, since="met"), "duty report: within_days is not a number of days"),
        (with_duty(within_days=True, since="met"), "duty report: within_days is not a number of days"),
        (with_duty(within_days=None, since="met"), "duty report: within_days is not a number of days"),
        (with_duty(what="Tell\nWHAT TO DO"), "duty report: what is longer than 600 characters, or has line breaks"),
        (policy_text(title="T" * 601), "rule s: title is longer than 600 characters"),
        (policy_text(limited_to=["x"]), "rule s: limited_to is not a text"),
        (policy_text(scenario="S 1"), "a rule: scenario is not a name"),
        (policy_text(scenario="s#1"), "a rule: scenario is not a name"),
        (policy_text(threshold="1/1000"), "rule s: threshold is under 1 FLOP"),
        (policy_text(threshold="1e23/-3"), "rule s: threshold: '-3' is not between"),
        (policy_text(threshold="1e23/"), "rule s: threshold: '' is not a number"),
        (policy_text(threshold="1.5"), "rule s: threshold: '1.5' is not a whole number"),
        (policy_text(threshold="1e41"), "rule s: threshold: '1e41' is not between 1 and 1e40"),
        (
            policy_text(when={"role": ["modifier"], "original": "known"}, threshold=..., share_of_original="1001"),
            "rule s: share_of_original is over 1000",
        ),
        (policy_text(when={"role": ["modifier"], "systemic_risk": None}), "systemic_risk is None, not true or false"),
        (policy_text().replace('"scenario"', '"scenario": "t", "scenario"'), "stands twice in one object"),
        (policy_text().replace('"in_force"', '"in_force": null, "in_force"'), "stands twice in one object"),
        (json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE], [RULE]]}), "stands in two groups"),
        (
            json.dumps(
                {**POLICY, "duties": {"report": DUTY}, "groups": [[RULE | {"scenario": f"s{n}"}] for n in range(17)]}
            ),
            "more than 16 groups",
        ),
        (groups_of(*({**RULE, "scenario": f"s{n}"} for n in range(49))), "a group more than 48 rules"),
        (json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE], []]}), "a group has no rules"),
        (
            json.dumps({**POLICY, "duties": {"report": DUTY, "pay": DUTY}, "groups": [[RULE]]}),
            "duty pay: no rule names",
        ),
        (
            json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE]], "exemptions": {"e": EXEMPTION}}),
            "exemption e: no duty names it",
        ),
        (
            json.dumps({**POLICY, "duties": {"report": DUTY}, "groups": [[RULE]], "transitions": {"t": TRANSITION}}),
            "transition t: no duty names it",
        ),
        (groups_of(RULE, BEHIND), "rule behind: it applies to no run"),
        (groups_of(of(role=["developer"]), of(role=["modifier"]), BEHIND_BOTH), "rule behind: it applies to no run"),
        (groups_of(of(original="known"), of(original="unknown"), BEHIND), "rule behind: it applies to no run"),
        (groups_of(of(over="1e23"), of(at_most="1e23"), BEHIND), "rule behind: it applies to no run"),
        (groups_of(of(systemic_risk=True), of(designated=True), BEHIND), "rule s1: it applies to no run"),
        (json.dumps({**POLICY, "condition_asks": "placed_on_market", "duties": {}, "groups": []}), "there is none"),
        (json.dumps({**POLICY, "wording_of": "p", "duties": {}, "groups": []}), "wording_of names the policy itself"),
        (with_reading("merge", reading="disputed"), "reading merge: only failed-runs may be disputed"),
        (with_reading("failed-runs", reading="disputed", effect="milder"), "a disputed one has no effect"),
        (with_reading("failed-runs", reading="disputed", lines=["s"]), "a disputed one has no lines"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "in_force": "2026-W48-4"}), "in_force is '2026-W48-4', not"),
        (
            json.dumps({**POLICY, "duties": {}, "groups": [], "in_force": "20261126"}),
            "in_force is '20261126', not a day",
        ),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "in_force": 0}), "in_force is 0, not a day"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "in_force": "9999-12-31"}), "in_force is '9999-12-31'"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "condition": None}), "condition is not a text"),
        (json.dumps({**POLICY, "duties": {}, "groups": [], "condition_asks": "ours"}), "condition_asks is 'ours'"),
        (json.dumps({**POLICY, "duties": {"a b": DUTY}, "groups": []}), "'a b' is not a name"),
        (
            json.dumps({**POLICY, "duties": {}, "groups": [], "exemptions": {"e": EXEMPTION | {"licences": "mit"}}}),
            "exemption e: licences is not a list of texts",
        ),
        (with_duty(within_days=14, since="soon"), "since is 'soon', not one of met, met or foreseeable"),
        (with_duty(reading="disputed"), "duty report: left_open says what"),
    ],
)
def test_a_policy_that_could_be_misread_is_refused(text: str, message: str) -> None:
    with pytest.raises(MalformedPolicy, match=message):
        parse_policy(text)


def test_a_policy_may_speak_of_every_role_and_of_unknown_originals() -> None:
    text = policy_text(when={"role": ["developer", "modifier", "data-generator"], "original": "unknown"})
    for activity in ("fine-tuning", "pretraining", "synthetic-data"):
        assert [applies(text, original, activity) for original in (Original(), Original(5))] == [True, False]
    assert [applies(policy_text(), original) for original in (Original(), Original(5))] == [True, True]
    assert not applies(text, Original(), "not-training")


def test_an_assessment_says_why_and_what_it_means() -> None:
    [over] = assessed(AWS, Original(), flat(34 * 10**21))
    assert said(over) == "best estimate 3.40e22 is over 3.30e22 FLOP (103 %)"
    assert over.rule.meaning == "the modifier is, indicatively, the provider of the modified general-purpose AI model"
    [under] = assessed(AWS, Original(), flat(33 * 10**21))
    assert said(under) == "upper bound 3.30e22 is not over 3.30e22 FLOP (100 %)"


def test_doubts_about_a_weak_original_stay_with_it() -> None:
    weak = Original(10**23, True, "a forum", False, doubts=(remark("a tag could not be read"),))
    found, total = assessed(EU, weak, flat(10**23))
    assert total.scenario == "systemic-risk-total"
    assert (found.scenario, found.threshold_flop, found.verdict) == (
        "systemic-original-unknown",
        10**25 // 3,
        "indeterminate",
    )
    assert "a tag could not be read" in said(found)


def test_doubts_keep_the_figures_and_name_what_would_settle_them() -> None:
    found = assessed(EU, Original(ours=True), Figures(4, 5, (remark("d"),), "ask them"), "pretraining")[0]
    assert [remedy.words for remedy in remedies_of(found, "job-1")] == [
        "say how much compute the original took: `flops-auditor amend job-1 --who NAME --why REASON "
        "--pretraining-flop NUMBER`"
    ]
    assert said(found).endswith("; d; the pretraining compute of the original is not known")


ASK = Kind("ask", "something is open", Remedy("ask", "ask them"))


def test_a_closer_figure_is_asked_for_only_where_it_would_settle_something() -> None:
    """An unreadable statement about the original is not settled by counting tokens."""
    between = assessed(AWS, Original(), Figures(10**22, 10**23, settle=ASK()))
    assert [remedy.words for remedy in remedies_of(between[0], "job-1")] == ["ask them"]
    in_doubt = assessed(AWS, Original(), Figures(1, 2, (remark("d"),), ASK()))
    assert remedies_of(in_doubt[0], "job-1") == []


def test_shares_of_ten_times_and_more_are_said_as_times() -> None:
    assert "(10 times)" in explain(flat(100), 10, "above")
    assert "(990 %)" in explain(flat(99), 10, "above")
    assert explain(flat(1), 0, "above").endswith("(of a threshold of 0)")
    assert explain(Figures(0, 0), 10, "below") == "upper bound 0 is not over 1.00e1 FLOP (0 %)"


@pytest.mark.parametrize(
    ("effect", "rest_on_it"),
    [
        ("stricter", {"indeterminate", "above"}),
        ("milder", {"below", "indeterminate"}),
        ("either", {"below", "indeterminate", "above"}),
    ],
)
def test_which_verdicts_rest_on_a_reading(effect: Effect, rest_on_it: set[Verdict]) -> None:
    """ "Below" does not rest on what makes the rule stricter, nor "above" on what makes it milder."""
    verdicts: tuple[Verdict, ...] = ("below", "indeterminate", "above")
    of_all = ReadingOf("ours", "silent", "a text", effect)
    of_one = replace(of_all, lines=frozenset({"new-model"}))
    assert {each for each in verdicts if of_all.bears_on("new-model", each)} == rest_on_it
    assert {each for each in verdicts if of_one.bears_on("new-model", each)} == rest_on_it
    assert not any(of_one.bears_on("another", each) for each in verdicts)


def test_a_rule_about_originals_of_which_nothing_is_said_speaks_of_no_other() -> None:
    policy = policy_of(EU)
    rule = replace(
        policy.groups[0][0],
        roles=("modifier",),
        original="any",
        systemic_risk=None,
        designated=None,
        general_purpose="not stated",
        at_least=0,
        over=None,
        at_most=None,
    )
    alone = replace(policy, groups=((rule,),))
    speaks = [alone.rules("modifier", replace(KNOWN, general_purpose=said)) for said in (None, True, False)]
    assert speaks == [(rule,), (None,), (None,)]


@pytest.mark.parametrize("modification", [1, 10**22, 7 * 10**22, 2 * 10**23, 5 * 10**24, 6 * 10**24, 2 * 10**25])
@pytest.mark.parametrize("designated", [False, True])
def test_a_bigger_original_said_to_be_no_general_purpose_model_is_answered_no_milder(
    modification: int, designated: bool
) -> None:
    """As a whole, and on each line but the third, whose line rises with the original."""
    severities = []
    for original in (2 * 10**23, 9 * 10**24, 10**25 + 1, 10**26):
        found = assessed(EU, Original(original, designated, general_purpose=False), flat(modification))
        lines = {a.scenario: SEVERITY[a.verdict] for a in found if a.scenario != "systemic-one-third"}
        assert lines.keys() == {"no-general-purpose-original", "modification-alone", "systemic-risk-total"}
        severities.append((max(SEVERITY[a.verdict] for a in found), *lines.values()))
    for milder, severer in pairwise(severities):
        assert all(less <= more for less, more in zip(milder, severer, strict=True))


@pytest.mark.parametrize("compute", [None, 10**22, 5 * 10**24, 10**25, 10**25 + 1, 10**26])
@pytest.mark.parametrize("run", [1, 2 * 10**25])
def test_an_own_model_said_to_be_designated_and_none_is_open_whatever_it_took(compute: int | None, run: int) -> None:
    own = Original(compute, systemic_risk=True, general_purpose=False, ours=True)
    found = assessed(EU, own, flat(run), "pretraining")
    assert most_severe([a.verdict for a in found]) == "indeterminate"
    assert "systemic-risk-designated" in {a.scenario for a in found if a.disputed}
    sentence = "only general-purpose models are designated (Art. 51(1)); the two statements do not go together"
    assert all(a.left_open.startswith(sentence) for a in found if a.disputed)
    by_compute = assessed(EU, replace(own, systemic_risk=False), flat(run), "pretraining")
    assert not any(a.left_open.startswith(sentence) for a in by_compute)
    assert "systemic-risk-designated" not in {a.scenario for a in by_compute}


def test_an_unknown_original_counts_beside_the_line_that_the_modification_alone_is_held_against() -> None:
    """Below says that it is so; with the least that the original is taken for the total may be over the line."""

    def line(flop: int) -> Assessment:
        return next(a for a in assessed(EU, Original(), flat(flop)) if a.scenario == "systemic-risk-modification")

    counts = "the original's compute counts as well and is not known"
    most = line(99 * 10**23)
    assert (most.verdict, [note.words for note in most.notes]) == (
        "below",
        [f"below 1.00e25 FLOP, of the modification alone: {counts}"],
    )
    more = line(99 * 10**23 + 1)
    assert (more.verdict, more.notes, more.crossed) == ("indeterminate", (), False)
    assert [doubt.words for doubt in more.doubts] == [
        f"{counts}: with 1.00e23 FLOP, which it is taken for at least, the total would be over the line"
    ]
    assert line(10**25 + 1).verdict == "above"


@pytest.mark.parametrize(
    ("roles", "held"), [(("developer", "modifier"), False), (("modifier", "data-generator"), True)]
)
def test_the_lines_that_one_run_may_have_are_bounded_together(roles: tuple[Role, ...], held: bool) -> None:
    """Whose model is trained may be open, and then it has those of both; a run that generates data trains none."""
    duties = {f"report-{i}": DUTY | {"what": "w" * 600} for i in range(85)}
    groups = [[RULE | {"scenario": each, "when": {"role": [each]}, "duties": [*duties]}] for each in roles]
    alone, both = (json.dumps({**POLICY, "duties": duties, "groups": some}) for some in (groups[:1], groups))
    assert parse_policy(alone)
    if held:
        assert len(parse_policy(both).groups) == 2
    else:
        with pytest.raises(MalformedPolicy, match="more than 100000 characters for one run"):
            parse_policy(both)


def test_a_rule_without_a_line_says_which_it_is() -> None:
    rule = replace(policy_of(EU).groups[0][0], amount=None, share=None)
    with pytest.raises(MalformedPolicy, match=f"rule {rule.scenario} has no threshold for an unknown original"):
        rule.line(KNOWN)


@pytest.mark.parametrize("name", policy_ids())
def test_what_leaves_a_verdict_open_is_said_in_full(name: str) -> None:
    """A remark is bounded, and a mail and a record hold no more of it."""
    found = policy_of(name)
    rules = [rule for group in found.groups for rule in group]
    sentences = [(disputed.source or rule.source, disputed.left_open) for rule in rules if (disputed := rule.disputed)]
    sentences += [(each.source, each.left_open) for each in found.readings.values()]
    assert sentences
    for source, left_open in sentences:
        assert DISPUTED(source=source, left_open=left_open).words.endswith(left_open)


@pytest.mark.parametrize(("laws", "fits"), [([64], True), ([65], False), ([32, 32], True), ([33, 32], False)])
def test_a_record_has_room_for_the_days_that_chosen_policies_make(tmp_path: Path, laws: list[int], fits: bool) -> None:
    """Else an honest record would be sealed that no verifier takes."""
    for number, dated in enumerate(laws):
        duties = [f"tell-{each}" for each in range(dated)]
        law = {**tide_law.LAW, "id": f"law-{number}", "duties": dict.fromkeys(duties, tide_law.DUTY)}
        law["groups"] = [[{**tide_law.LINE, "duties": duties}]]
        (tmp_path / f"law-{number}.json").write_text(json.dumps(law))
    names = [f"law-{number}" for number in range(len(laws))]
    if fits:
        assert len(load_tables([*names, names[0]], tmp_path).policies) == len(laws)
    else:
        with pytest.raises(MalformedPolicy, match="65 duties with a day"):
            load_tables(names, tmp_path)
