"""A plan from a definition whose own word is not trusted: what an audit of such a run would leave open is left open."""

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace
from fractions import Fraction

from flops_auditor.domain.audit.distrusted import distrusted_lines, left_open, on_its_word
from flops_auditor.domain.audit.heard import Heard
from flops_auditor.domain.audit.plan import Plan, PlannedThreshold
from flops_auditor.domain.audit.rests_on import LineWithout, rests_on
from flops_auditor.domain.law.assessment import Assessment, lines_of
from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

ON_THE_DEFINITIONS_WORD = Kind(
    "only-the-definitions-word",
    "only the definition's own word makes it below: without {statements:phrases} it would be {verdict}, and statements "
    "are not trusted here (--no-trust-statements, or the policy)",
    Remedy("say-it-as-an-option", "whoever knows that it is true says the same with options of `flops-auditor plan`"),
)


@dataclass(frozen=True)
class _Seen:
    """A plan as an audit sees it; `plan` is None where nothing bounds the run."""

    plan: Plan | None
    whole: Plan

    @property
    def estimate(self) -> "_Seen":
        return self

    @property
    def method(self) -> str:
        chosen = self.plan.choice.chosen if self.plan else None
        return chosen.method if chosen else "unknown"

    @property
    def best_flop(self) -> int | None:
        return self.plan.best_flop if self.plan else None

    @property
    def cautious_upper_flop(self) -> int | None:
        return self.plan.upper_flop if self.plan else None

    @property
    def firm_flop(self) -> int | None:
        return self.plan.firm_flop if self.plan else None

    @property
    def accelerator_seconds(self) -> Fraction | None:
        return None

    @property
    def occupancy(self) -> Fraction | None:
        return None

    @property
    def assumptions(self) -> tuple[Remark, ...]:
        return ()

    @property
    def doubts(self) -> tuple[Remark, ...]:
        return ()  # nobody continues a plan

    @property
    def assessments(self) -> tuple[Assessment, ...]:
        lines = tuple(each.assessment for each in (self.plan or self.whole).outlooks)
        if self.plan is not None:
            return lines
        return tuple(replace(a, verdict="indeterminate", counted=Figures(None, None)) for a in lines)

    @property
    def verdict(self) -> Verdict:
        return self.plan.verdict if self.plan else "indeterminate"


@dataclass(frozen=True)
class OnTrust:
    """A plan whose lines rest on no word that is not trusted. `doubts` are about all of it; `without` are the run's own
    figures in FLOP without that word, None where nothing bounds them.
    """

    plan: Plan
    doubts: tuple[Remark, ...]
    without: Figures | None


def on_trust(
    whole: Plan,
    heard: Heard,
    again: Callable[[Heard], Plan | None],
    policies: Sequence[Policy],
    wary: Set[str],
) -> OnTrust:
    """A plan with its lines left open that are below on the definition's word alone, under the `wary` policies. `again`
    plans by what else was heard; None where nothing bounds the run then.
    """
    lines = [line for policy in policies for line in lines_of(policy)]
    rests = rests_on(heard, _Seen(whole, whole), lambda other: _Seen(again(other), whole), (), lines)
    whole = rests.whole.plan or whole
    careful = rests.careful.plan
    without = careful.alone if careful is not None else None
    known = {each.assessment.line: each for each in whole.outlooks}
    if not known and whole.verdict == "below" != rests.careful.verdict:
        everything = LineWithout(None, rests.milder)
        doubts = on_its_word(everything, rests.careful.verdict, ON_THE_DEFINITIONS_WORD)
        return OnTrust(replace(whole, verdict="indeterminate"), tuple(doubts), without)
    distrusted = distrusted_lines(rests.lines, wary)
    doubted = left_open([each.assessment for each in known.values()], distrusted, kind=ON_THE_DEFINITIONS_WORD)
    if not doubted:
        return OnTrust(whole, (), without)
    opened = {line: PlannedThreshold(each, *_hours(known.get(line))) for line, each in doubted.items()}
    every = known | opened
    outlooks = tuple(every[line] for line in lines if line in every)
    verdict = most_severe([whole.verdict, "indeterminate"])
    return OnTrust(replace(whole, outlooks=outlooks, verdict=verdict), (), without)


def _hours(outlook: PlannedThreshold | None) -> tuple[Fraction | None, Fraction | None]:
    """Of a line that applies without the definition's word alone nobody says when the run reaches it."""
    return (outlook.expected_hours, outlook.earliest_hours) if outlook else (None, None)
