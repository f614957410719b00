"""Policies: which threshold applies to a job, and on which side of it the estimate lies.

A policy is a data file (data/policies); this module reads and applies it. All thresholds are *greater than*: a figure
equal to the threshold is not over it (Guidelines, section on downstream modifiers; AI Act, Art. 51(2)).
"""

import json
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import ACTIVITIES, Activity
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL
from flops_auditor.domain.values.amounts import parse_amount, scientific
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe, verdict
from flops_auditor.domain.values.remarks import Kind

Basis = Literal["updates", "cumulative"]
_MOST_DOUBTS = 16
UNKNOWN_ORIGINAL = Kind(
    "unknown-pretraining-compute", "the pretraining compute of the original is not known", AMEND_ORIGINAL
)


class MalformedPolicy(AuditorError):
    """A policy file that does not say what a policy must say."""

    remedy = "Compare the file with flops_auditor/data/policies/eu-gpai-guidelines-2025-07.json."


@dataclass(frozen=True)
class Bases:
    """The figures on the two bases of Annex A.1: parameter updates alone, and everything that contributed."""

    updates: Figures
    cumulative: Figures


@dataclass(frozen=True)
class Rule:
    """One line of a policy. `when` holds the conditions, `amount` or `share` of the original the threshold."""

    scenario: str
    activities: tuple[Activity, ...]
    original: Literal["known", "unknown", "any"]
    systemic_risk: bool | None
    at_least: int
    below: int | None
    amount: int | None
    share: Fraction | None
    basis: Basis
    includes_pretraining: bool
    meaning: str
    source: str

    def applies(self, activity: Activity, original: Original) -> bool:
        """Whether this rule speaks about a job of this activity on this original."""
        flop = original.pretraining_flop
        if activity not in self.activities:
            return False
        if self.original != "any" and (self.original == "known") != (flop is not None):
            return False
        if self.systemic_risk is not None and flop is None and self.systemic_risk != original.systemic_risk:
            return False
        return flop is None or (self.at_least <= flop and (self.below is None or flop < self.below))

    def threshold(self, original: Original) -> int:
        """The largest whole number of FLOP that is not over the threshold."""
        if self.share is not None and original.pretraining_flop is not None:
            return int(self.share * original.pretraining_flop // 1)
        if self.amount is None:
            raise MalformedPolicy(f"rule {self.scenario} has no threshold for an unknown original")
        return self.amount


@dataclass(frozen=True)
class Policy:
    """A named set of rules; of each group the first rule that applies counts."""

    policy_id: str
    title: str
    source: str
    groups: tuple[tuple[Rule, ...], ...]


@dataclass(frozen=True)
class Assessment:
    """The answer of one policy: the threshold in FLOP, the verdict, and the reason in words.

    `best_flop` and `upper_flop` are the modification on the rule's basis, `room_flop` what it may take at most: the
    threshold, less the pretraining where the rule counts it.
    """

    policy: str
    scenario: str
    threshold_flop: int
    verdict: Verdict
    reason: str
    basis: Basis = "updates"
    meaning: str = ""
    best_flop: int | None = None
    upper_flop: int | None = None
    room_flop: int = 0


def parse_policy(text: str) -> Policy:
    """Read a policy file. Raises MalformedPolicy naming the rule."""
    try:
        document = json.loads(text)
        groups = tuple(tuple(_rule(rule) for rule in group) for group in document["groups"])
        return Policy(document["id"], document["title"], document["source"], groups)
    except (KeyError, TypeError, ValueError, AttributeError, ArithmeticError, AuditorError) as error:
        raise MalformedPolicy(f"{type(error).__name__}: {error}") from error


_RULE_FIELDS = frozenset(
    {"scenario", "when", "threshold", "share_of_original", "basis", "includes_pretraining", "meaning", "source"}
)
_CONDITIONS = frozenset({"activity", "original", "systemic_risk", "at_least", "below"})


def _rule(rule: dict[str, Any]) -> Rule:
    """Read one rule strictly: a word that nothing reads would make the rule apply where it should not."""
    when = rule["when"]
    strange = sorted((set(rule) - _RULE_FIELDS) | (set(when) - _CONDITIONS))
    if strange:
        raise MalformedPolicy(f"rule {rule['scenario']}: unknown fields {', '.join(strange)}")
    if ("threshold" in rule) == ("share_of_original" in rule):
        raise MalformedPolicy(f"rule {rule['scenario']}: give either threshold or share_of_original")
    parsed = Rule(
        scenario=rule["scenario"],
        activities=tuple(when["activity"]),
        original=when.get("original", "any"),
        systemic_risk=when.get("systemic_risk"),
        at_least=parse_amount(when["at_least"]) if "at_least" in when else 0,
        below=parse_amount(when["below"]) if "below" in when else None,
        amount=int(_over(rule["threshold"]) // 1) if "threshold" in rule else None,
        share=_over(rule["share_of_original"]) if "share_of_original" in rule else None,
        basis=rule.get("basis", "updates"),
        includes_pretraining=rule.get("includes_pretraining", False),
        meaning=rule["meaning"],
        source=rule["source"],
    )
    if not parsed.activities or not set(parsed.activities) <= set(ACTIVITIES):
        raise MalformedPolicy(f"rule {parsed.scenario}: activity is not of {', '.join(ACTIVITIES)}")
    if parsed.original not in {"known", "unknown", "any"} or parsed.basis not in {"updates", "cumulative"}:
        raise MalformedPolicy(f"rule {parsed.scenario}: original or basis is not what it may be")
    if parsed.share is not None and parsed.original != "known":
        raise MalformedPolicy(f"rule {parsed.scenario}: a share needs an original that is known")
    return parsed


def _over(text: object) -> Fraction:
    """An amount, or an amount over a divisor ("1e23/3")."""
    top, _, divisor = str(text).partition("/")
    return Fraction(parse_amount(top), int(divisor or 1))


def assess(
    policy: Policy, activity: Activity, figures: Figures, original: Original, cumulative: Figures | None = None
) -> tuple[Assessment, ...]:
    """Apply a policy. `figures` are those of the whole modification (the job and its ancestors).

    `cumulative` are the figures on the cumulative basis of Annex A.1, where they differ from parameter updates alone.

    An original whose figure is too weak to rest on counts as undisclosed, unless the verdict is the same either way.
    Where another source contradicts it, and that changes the verdict, nothing can be said.
    """
    bases = Bases(figures, cumulative or figures)
    strong = tuple(_assess_known(policy, activity, bases, original))
    if original.trusted or original.pretraining_flop is None:
        return strong
    other = Original(original.instead, original.systemic_risk, original.source, doubts=original.doubts)
    careful = _assess_known(policy, activity, bases, other)
    if most_severe([a.verdict for a in strong]) == most_severe([a.verdict for a in careful]):
        note = f"; the figure for the original is weak ({original.source}), but the verdict is the same without it"
        return tuple(_with(a, a.verdict, a.reason + note) for a in strong)
    if original.instead is not None:
        note = f"; two figures for the original contradict each other ({original.source}): clear up which is right"
        return tuple(_with(a, "indeterminate", a.reason + note) for a in careful)
    note = f"; the figure for the original is too weak to rest on ({original.source}), so it counts as undisclosed"
    return tuple(_with(a, "indeterminate" if a.verdict == "below" else a.verdict, a.reason + note) for a in careful)


def _with(assessment: Assessment, new: Verdict, reason: str) -> Assessment:
    a = assessment
    return replace(a, verdict=new, reason=reason)


def _assess_known(policy: Policy, activity: Activity, bases: Bases, original: Original) -> list[Assessment]:
    found = []
    for group in policy.groups:
        rule = next((rule for rule in group if rule.applies(activity, original)), None)
        if rule is None:
            continue
        threshold = rule.threshold(original)
        counted = figures = bases.cumulative if rule.basis == "cumulative" else bases.updates
        if rule.includes_pretraining and original.inherited_flop is not None:
            counted = figures.plus(original.inherited_flop)
        elif rule.includes_pretraining:
            doubt = UNKNOWN_ORIGINAL()
            counted = Figures(figures.best_flop, figures.upper_flop, (*figures.doubts, doubt), figures.settle)
        if original.doubts and (rule.original != "any" or rule.includes_pretraining):
            counted = Figures(counted.best_flop, counted.upper_flop, counted.doubts + original.doubts, figures.settle)
        result = verdict(counted, threshold)
        reason = explain(counted, threshold, result)
        room = threshold - (original.inherited_flop or 0 if rule.includes_pretraining else 0)
        name, scenario = policy.policy_id, rule.scenario
        size = (figures.best_flop, figures.upper_flop, room)
        found.append(Assessment(name, scenario, threshold, result, reason, rule.basis, rule.meaning, *size))
    return found


def explain(figures: Figures, threshold: int, result: Verdict) -> str:
    """The reason for a verdict, in words, with shares of the threshold."""
    line = f"{scientific(threshold)} FLOP"
    if result == "above":
        best = figures.best_flop or 0
        return f"best estimate {_beside(best, threshold)} is over {line} ({_share(best, threshold)})"
    if result == "below":
        upper = figures.upper_flop or 0
        return f"upper bound {_beside(upper, threshold)} is not over {line} ({_share(upper, threshold)})"
    if figures.best_flop is None or figures.upper_flop is None:
        known = "the compute is not known"
    else:
        known = (
            f"best estimate {scientific(figures.best_flop)} ({_share(figures.best_flop, threshold)}), "
            f"upper bound {_beside(figures.upper_flop, threshold)} ({_share(figures.upper_flop, threshold)}) of {line}"
        )
    more = len(figures.doubts) - _MOST_DOUBTS
    parts = [
        known,
        *(doubt.words for doubt in figures.doubts[:_MOST_DOUBTS]),
        *([f"and {more} more doubts"] if more > 0 else []),
    ]
    return "; ".join(parts) + (f"; to settle: {figures.settle}" if figures.settle else "")


def _beside(flop: int, threshold: int) -> str:
    """A figure beside a threshold: in full where three digits would hide on which side of it the figure lies."""
    hidden = flop != threshold and scientific(flop) == scientific(threshold)
    return str(flop) if hidden else scientific(flop)


def _share(flop: int, threshold: int) -> str:
    if threshold == 0:
        return "of a threshold of 0"
    share = Fraction(flop, threshold)
    return f"{float(share):.3g} times" if share >= 10 else f"{float(share * 100):.3g} %"
