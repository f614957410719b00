"""Applying a policy: on which side of its lines the figures lie, what is in doubt about that, and what would settle it.

Assessments are values; words are made of them where people or records read them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date

from flops_auditor.domain.law.policy import Basis, Policy, Rule
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import Activity
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe, verdict
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

ORIGINAL_NOT_KNOWN = Kind(
    "unknown-pretraining-compute", "the pretraining compute of the original is not known", AMEND_ORIGINAL
)
WEAK_ORIGINAL = Kind(
    "weak-original", "the figure for the original is weak ({source}), but the verdict is the same without it"
)
TOO_WEAK_ORIGINAL = Kind(
    "too-weak-original",
    "the figure for the original is too weak to rest on ({source}), so it counts as undisclosed",
    AMEND_ORIGINAL,
)
ORIGINALS_CONTRADICT = Kind(
    "originals-contradict",
    "two figures for the original contradict each other ({source})",
    Remedy(
        "say-which-original",
        "clear up which figure for the original is right, and say it: flops-auditor amend {job} --who NAME --why "
        "REASON --pretraining-flop NUMBER",
    ),
)
DISPUTED = Kind(
    "disputed-reading",
    "whether it is crossed in law is disputed ({source}): {left_open}",
    Remedy("decide-the-reading", "have somebody who answers for it decide the disputed reading, and keep why"),
)
NOT_IN_FORCE = Kind("not-in-force", "{jurisdiction}: in force from {day} on only")


@dataclass(frozen=True)
class Bases:
    """The figures on the two bases of Annex A.1: parameter updates alone, and everything that contributed."""

    updates: Figures
    cumulative: Figures

    def on(self, basis: Basis) -> Figures:
        """Those that a rule counts."""
        return self.cumulative if basis == "cumulative" else self.updates


@dataclass(frozen=True)
class Assessment:
    """The answer of one rule: `counted` beside the line, in FLOP, and the verdict.

    `own` is the modification alone on the rule's basis, `room_flop` what it may take at most: the line, less the
    pretraining where the rule counts it. `doubts` keep the verdict open, `notes` do not. `condition` is the policy's:
    where it applies at all.
    """

    policy: str
    rule: Rule
    threshold_flop: int
    verdict: Verdict
    counted: Figures
    own: Figures
    room_flop: int
    doubts: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    condition: str = ""

    @property
    def scenario(self) -> str:
        """The rule's name."""
        return self.rule.scenario

    @property
    def best_flop(self) -> int | None:
        """Best estimate of the modification on the rule's basis."""
        return self.own.best_flop

    @property
    def upper_flop(self) -> int | None:
        """Upper bound of the modification on the rule's basis."""
        return self.own.upper_flop

    @property
    def crossed(self) -> bool:
        """Whether the best estimate is over the threshold, be it disputed what that means."""
        return self.best_flop is not None and self.best_flop > self.room_flop

    @property
    def disputed(self) -> bool:
        """Whether the line is crossed, and it is only disputed whether that counts."""
        return any(doubt.kind is DISPUTED for doubt in self.doubts)

    @property
    def narrow(self) -> bool:
        """Whether a closer figure would settle the verdict: the line lies within the figure's bounds."""
        return self.verdict == "indeterminate" and not self.crossed and _not_under(self.own, self.room_flop)


def _not_under(figures: Figures, most: int) -> bool:
    return figures.best_flop is None or figures.upper_flop is None or figures.upper_flop > most


def assess(
    policy: Policy,
    activity: Activity,
    figures: Figures,
    original: Original,
    cumulative: Figures | None = None,
    on: date | None = None,
) -> tuple[Assessment, ...]:
    """Apply a policy. `figures` are those of the whole modification (the job and its ancestors).

    `cumulative` are the figures of everything that contributed, where they differ from parameter updates alone; `on` is
    the day of the run.

    An original whose figure is too weak to rest on counts as undisclosed, unless the verdict is the same either way.
    Where another source contradicts it, and that changes the verdict, nothing can be said.
    """
    bases = Bases(figures, cumulative or figures)
    strong = _assess_known(policy, activity, bases, original, on)
    if original.trusted or original.pretraining_flop is None:
        return tuple(strong)
    other = Original(original.instead, original.systemic_risk, original.source, doubts=original.doubts)
    careful = _assess_known(policy, activity, bases, other, on)
    if most_severe([a.verdict for a in strong]) == most_severe([a.verdict for a in careful]):
        return tuple(replace(a, notes=(*a.notes, WEAK_ORIGINAL(source=original.source))) for a in strong)
    if original.instead is not None:
        return tuple(_doubted(a, "indeterminate", ORIGINALS_CONTRADICT(source=original.source)) for a in careful)
    doubt = TOO_WEAK_ORIGINAL(source=original.source)
    return tuple(
        replace(a, notes=(*a.notes, doubt)) if a.verdict == "above" else _doubted(a, "indeterminate", doubt)
        for a in careful
    )


def _doubted(assessment: Assessment, new: Verdict, doubt: Remark) -> Assessment:
    return replace(assessment, verdict=new, doubts=(*assessment.doubts, doubt))


def _assess_known(
    policy: Policy, activity: Activity, bases: Bases, original: Original, on: date | None
) -> list[Assessment]:
    found = [_assess_rule(policy, rule, bases, original, on) for rule in policy.rules(activity, original)]
    return list(_disputed_left_open(found))


def _assess_rule(policy: Policy, rule: Rule, bases: Bases, original: Original, on: date | None) -> Assessment:
    own = bases.on(rule.basis)
    counted, doubts = own, list(own.doubts)
    inherited = original.inherited_flop if rule.includes_pretraining else 0
    if inherited is None:
        doubts.append(ORIGINAL_NOT_KNOWN())
    elif inherited:
        counted = own.plus(inherited)
    if rule.original != "any" or rule.includes_pretraining:
        doubts += original.doubts
    most = rule.most_allowed(original)
    early = policy.in_force is not None and on is not None and on < policy.in_force
    return Assessment(
        policy=policy.policy_id,
        rule=rule,
        threshold_flop=rule.threshold(original),
        verdict=verdict(replace(counted, doubts=tuple(doubts)), most),
        counted=counted,
        own=own,
        room_flop=most - (inherited or 0),
        doubts=tuple(doubts),
        notes=(NOT_IN_FORCE(jurisdiction=policy.jurisdiction, day=str(policy.in_force)),) if early else (),
        condition=policy.condition,
    )


def _disputed_left_open(found: Sequence[Assessment]) -> Iterator[Assessment]:
    """Where it is disputed whether a crossed line counts, the verdict stays open, and a doubt says which sentence."""
    over = {a.scenario for a in found if a.verdict == "above"}
    for a in found:
        rule = a.rule
        if a.verdict == "above" and rule.reading == "disputed" and over.isdisjoint(rule.certain_if_over):
            yield _doubted(a, "indeterminate", DISPUTED(source=rule.source, left_open=rule.left_open))
        else:
            yield a
