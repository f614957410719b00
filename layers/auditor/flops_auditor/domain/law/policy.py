"""Policies as values: which line applies to a run, what it counts, what crossing it means, and which duties follow.

All of a regime stands in its file (data/policies); nothing in the code knows a threshold, an article or an authority.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import chain
from typing import Literal

from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.figures import Verdict

Basis = Literal["updates", "cumulative"]
"""What a line counts: parameter updates alone, or everything that contributed to the model."""
BASES: dict[Basis, str] = {"updates": "parameter updates", "cumulative": "all that contributed to the model"}
Comparison = Literal["greater than", "at least"]
Reading = Literal["text", "ours", "disputed"]
"""Whether a sentence is the text's, is how we read a text that is silent, or is open between two readings."""
Role = Literal["developer", "modifier", "data-generator"]
"""Whose model is trained: one's own, somebody else's, or none yet, since training data is generated."""
Since = Literal["met", "met or foreseeable"]
"""When the days of a duty begin: the line is met, or it becomes known that it will be, whichever is earlier."""
Circumstance = Literal[
    "several-runs",
    "failed-runs",
    "merge",
    "rollouts",
    "continued-pretraining",
    "generated-data",
    "designated-and-no-general-purpose",
]
"""What a text may be silent about: earlier runs that are added up, ancestors that failed or were stopped, weights that
were merged from several originals, tokens that reinforcement learning generates to train on, pretraining that goes on
from somebody else's weights, generated training data where updates are counted, and a model of which two things are
said that exclude each other.
"""
Effect = Literal["stricter", "milder", "either"]
"""What a reading does to figures and lines: "below" does not rest on a stricter one, nor "above" on a milder one."""


class MalformedPolicy(WrongInput):
    """A policy file that does not say what a policy must say."""

    remedy = "Mend the file; flops_auditor/data/README.md says what each field of a policy means."


@dataclass(frozen=True)
class Exemption:
    """Who does not owe a duty, in words; `licences` are those (SPDX identifiers) that may bring it about."""

    what: str
    article: str
    licences: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Transition:
    """A later day for models that were there before: placed on the market before one day, due by another."""

    placed_before: date
    until: date
    article: str


@dataclass(frozen=True)
class Duty:
    """What somebody over a line has to do. `what` is an instruction in the article's words.

    `within_days` with `since` makes a day by which it is due. `left_open` says what is disputed, or why it is a reading
    of ours. `form` is the id of the form that may be filled in for it. `no_transition` says why the transition's later
    day does not hold for it.
    """

    duty_id: str
    what: str
    article: str
    to: str = ""
    within_days: int | None = None
    since: Since = "met"
    reading: Reading = "text"
    left_open: str = ""
    form: str = ""
    exemption: Exemption | None = None
    transition: Transition | None = None
    no_transition: str = ""


@dataclass(frozen=True)
class Source:
    """A text that a policy rests on. `read` says how: the text itself, or what others wrote of it."""

    title: str
    read: Literal["text", "secondary"]


@dataclass(frozen=True)
class Disputed:
    """It is disputed whether crossing a line counts: what is left open, by which text ("": the rule's own),
    unless one of these scenarios is crossed.
    """

    left_open: str
    certain_if_over: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class ReadingOf:
    """How a policy reads a circumstance that its text is silent about; `lines` it bears on, by scenario (none: all)."""

    reading: Literal["ours", "disputed"]
    left_open: str
    source: str
    effect: Effect = "stricter"
    lines: frozenset[str] = frozenset()

    def bears_on(self, scenario: str, verdict: Verdict) -> bool:
        """Whether a verdict about a line rests on it."""
        spared = {"stricter": "below", "milder": "above"}.get(self.effect)
        return verdict != spared and (not self.lines or scenario in self.lines)


@dataclass(frozen=True)
class Rule:
    """One line of a regime: when it applies, where it lies, what it counts, what crossing it means, what then is due.

    Conditions: `roles`, `original` (its compute), `systemic_risk`, `designated` (it is said or listed to have systemic
    risk, whatever its compute), `general_purpose` (what is said of the original), `at_least`, `over` and `at_most` (its
    compute in FLOP). The line is `amount` in FLOP or `share` of the original's; an amount of 0 is no line: what is said
    of the model decides. `takes_original_for` is the least, in FLOP, that an original of unknown compute is taken for
    where it counts beside the modification; 0: it is not considered.
    `text_where_bases_agree`: where parameter updates alone are on the same side of the line, it does not matter which
    of the two is counted, and the verdict is the text's.
    `limited_to` says what the duties are about where that is not the whole model; `exemptions` whether they have any.
    """

    scenario: str
    title: str
    roles: tuple[Role, ...]
    original: Literal["known", "unknown", "any"]
    systemic_risk: bool | None
    designated: bool | None
    general_purpose: bool | Literal["not stated"] | None
    at_least: int
    over: int | None
    at_most: int | None
    amount: Fraction | None
    share: Fraction | None
    takes_original_for: int
    comparison: Comparison
    basis: Basis
    includes_pretraining: bool
    meaning: str
    source: str
    reading: Reading
    left_open: str
    disputed: Disputed | None
    duties: tuple[Duty, ...]
    limited_to: str
    exemptions: bool
    text_where_bases_agree: bool = False

    @property
    def at_any_compute(self) -> bool:
        """Whether it applies whatever the compute: what is said of the model decides, and there is no line to cross."""
        return self.amount == 0

    def line(self, original: Original) -> Fraction:
        """Where the line lies, in FLOP."""
        if self.share is not None and original.pretraining_flop is not None:
            return self.share * original.pretraining_flop
        if self.amount is None:
            raise MalformedPolicy(f"rule {self.scenario} has no threshold for an unknown original")
        return self.amount

    def threshold(self, original: Original) -> int:
        """The line as a whole number of FLOP, rounded so that comparing whole figures with it stays exact."""
        line = self.line(original)
        return int(line // 1) if self.comparison == "greater than" else -int(-line // 1)

    def most_allowed(self, original: Original) -> int:
        """The largest whole number of FLOP that does not cross the line."""
        return self.threshold(original) - (1 if self.comparison == "at least" else 0)


@dataclass(frozen=True)
class Policy:
    """A regime: of each group of rules the first one that applies counts.

    `condition` says where the regime applies at all ("if the model is placed on the Union market"), which no figure
    tells; `condition_asks` is the question about a model whose answer tells it, where one does.

    An original of more than `systemic_risk_over` FLOP is of systemic risk in this regime's sense.
    `original_compute` says whether the regime looks at the range of what sources say of an original, or at the lowest
    figure alone. `readings` are of circumstances that the text is silent about. `trusts_statements`: whether a verdict
    of below may rest on the job's own word, where the deployment trusts it, too. `wording_of` is the id of the policy
    that holds the law itself, where this one is somebody's wording of it: its duties and days are that law's.
    """

    policy_id: str
    title: str
    jurisdiction: str
    in_force: date | None
    condition: str
    condition_asks: Question | None
    sources: tuple[Source, ...]
    systemic_risk_over: int | None
    original_compute: Literal["range", "lowest"]
    readings: Mapping[Circumstance, ReadingOf]
    groups: tuple[tuple[Rule, ...], ...]
    trusts_statements: bool = True
    wording_of: str = ""

    def rules(self, role: Role | None, original: Original) -> tuple[Rule | None, ...]:
        """Of each group the first rule that speaks about a run in this role on this original, None where none does."""
        return tuple(next((r for r in group if self._applies(r, role, original)), None) for group in self.groups)

    @property
    def duties(self) -> tuple[Duty, ...]:
        """All duties that its rules name, each once."""
        return tuple({duty.duty_id: duty for group in self.groups for rule in group for duty in rule.duties}.values())

    @property
    def most_dated(self) -> int:
        """How many duties with a day one run can have at most: of each group one rule speaks about it."""
        dated = [[{d.duty_id for d in rule.duties if d.within_days is not None} for rule in g] for g in self.groups]
        return min(
            len(set(chain.from_iterable(chain.from_iterable(dated)))), sum(max(map(len, group)) for group in dated)
        )

    def is_systemic(self, original: Original) -> bool:
        """Whether the original is of systemic risk: known to be, or by its compute."""
        flop, over = original.pretraining_flop, self.systemic_risk_over
        return original.systemic_risk or (flop is not None and over is not None and flop > over)

    def _applies(self, rule: Rule, role: Role | None, original: Original) -> bool:
        flop = original.pretraining_flop
        if role not in rule.roles:
            return False
        if rule.original != "any" and (rule.original == "known") != (flop is not None):
            return False
        asked = (
            (rule.systemic_risk, self.is_systemic(original)),
            (rule.designated, original.systemic_risk),
            (rule.general_purpose, "not stated" if original.general_purpose is None else original.general_purpose),
        )
        if any(condition is not None and condition != known for condition, known in asked):
            return False
        if flop is None:
            return True
        over = rule.over is None or flop > rule.over
        return rule.at_least <= flop and over and (rule.at_most is None or flop <= rule.at_most)
