"""Applying a policy: on which side of its lines the figures lie, what is in doubt about that, and what would settle it.

Assessments are values; words are made of them where people or records read them. Where it is not known which of
several things is true - two figures for an original, weights or a configuration, a statement that only a tag makes - a
policy is applied to each, and a verdict stands only where it is the same.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from fractions import Fraction

from flops_auditor.domain.law.policy import Policy, Reading, Role, Rule
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.originals.find_origin import BY_A_PATH
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL
from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.figures import SEVERITY, Figures, Verdict, verdict
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

ORIGINAL_NOT_KNOWN = Kind(
    "unknown-pretraining-compute", "the pretraining compute of the original is not known", AMEND_ORIGINAL
)
MODIFICATION_ALONE = Kind(
    "modification-alone",
    "below {line:flop} FLOP, of the modification alone: the original's compute counts as well and is not known",
)
WITH_ITS_ORIGINAL = Kind(
    "with-its-original",
    "the original's compute counts as well and is not known: with {least:flop} FLOP, which it is taken for at least, "
    "the total would be over the line",
    AMEND_ORIGINAL,
)
WEAK_ORIGINAL = Kind(
    "weak-original", "the figure for the original is weak ({source}), but the verdict is the same without it"
)
TOO_WEAK_ORIGINAL = Kind(
    "too-weak-original",
    "the figure for the original is too weak to rest on ({source}), so it counts as undisclosed",
    AMEND_ORIGINAL,
)
STRADDLES = Kind(
    "original-straddles-a-line",
    "figures for the original's compute, {lowest:flop} and {highest:flop} FLOP, lie on two sides of a line that "
    "decides which rule applies",
    AMEND_ORIGINAL,
)
BETWEEN_RULES = Kind(
    "original-between-two-rules",
    "sources differ whether the original took more than {line:flop} FLOP, which decides which rule applies "
    "({lowest:flop} to {highest:flop}): of the total, a run of at most a hundredth of that is not taken for what "
    "carries it over",
)
_SMALL_PART = 100
WHOSE_WEIGHTS = Kind(
    "weights-or-configuration",
    "the run is said to pretrain, or to begin with no weights, and names a model: if it loads that model's weights, it "
    "modifies it",
    Remedy(
        "say-whose-weights",
        "say what the run begins with: `flops-auditor amend {job} --who NAME --why REASON --from-scratch` "
        "(or --not-from-scratch)",
    ),
)
FROM_NONE = Kind(
    "only-a-tag-says-from-none",
    "only the job itself says that the model was begun from no weights; if it was begun from somebody's, this modifies "
    "it",
    Remedy(
        "confirm-from-scratch",
        "have somebody who knows confirm it: `flops-auditor amend {job} --who NAME --why REASON --from-scratch` "
        "(or --not-from-scratch)",
    ),
)
MAYBE_FROM_NONE = Kind(
    "perhaps-from-none",
    "the name of its model may be that of a configuration, which is trained from no weights: then it is a model of "
    "one's own",
    WHOSE_WEIGHTS.remedy,
)
SAID_ORIGINAL = Kind(
    "stated-original",
    "only the job says how much compute the original took ({source}); without its word it would count as not known",
)
UNCONFIRMED = Kind(
    "only-a-tag-says-so",
    "only a tag of the job says that {statement}, which would make the verdict milder",
    Remedy(
        "confirm-the-tag",
        "have somebody who knows confirm it: `flops-auditor models set MODEL`, or `flops-auditor amend {job} --who "
        "NAME --why REASON {option}`",
    ),
)
DISPUTED = Kind(
    "disputed-reading",
    "whether it counts that the line is crossed is disputed ({source}): {left_open}",
    Remedy("decide-the-reading", "have somebody who answers for it decide the disputed reading, and keep why"),
)
CERTAIN = Kind(
    "certain-all-the-same", "over the line {line}, too, so it does not matter here what is disputed ({left_open})"
)
READING_OF_OURS = Kind("reading-of-ours", "a reading of ours ({source}): {left_open}")
NO_RULE = Kind(
    "no-rule",
    "nothing of policy {policy} applies to such a run ({role})",
    Remedy(
        "choose-a-policy",
        "to have it assessed, choose a policy that has a rule about it, with --policy or the stack's parameter "
        "Policies: `flops-auditor catalog policies` lists them",
    ),
)
DENIED = Kind(
    "systemic-all-the-same",
    "somebody says that the original has no systemic risk; it is listed so, or over the line that presumes it, and "
    "counts as one: only the authority ends that",
)
MET_BEFORE = Kind(
    "met-before", "the line was crossed before this run began: a day counts from then, and may be earlier than is shown"
)
BEFORE_THE_LAW = Kind(
    "before-the-law",
    "{jurisdiction}: the law is in force from {day}, after this run; what is due is due from then on{later}",
)
BY_A_READING = "that it is not disputed here, since it is over the line {line}, too, which is so by a reading of ours"

ROLES: dict[Role, str] = {
    "developer": "the training of one's own model",
    "modifier": "the modification of somebody else's model",
    "data-generator": "the generation of training data",
}
_STATEMENTS = {
    "ours": ("the original is its own organisation's", "--original-is-ours"),
    "general_purpose": ("the original is, or is not, a general-purpose model", "--original-is-general-purpose"),
    "systemic_risk": ("the original is one of systemic risk", "--systemic-risk"),
    "pretraining_flop": ("the original took {flop} FLOP", "--pretraining-flop NUMBER"),
    "generated_data_public": ("the generated data is public", "--generated-data public"),
}


Line = tuple[str, int]
"""A line of a policy: the policy's id, and which of its groups of rules; at most one rule of each applies to a run."""


@dataclass(frozen=True)
class Assessment:
    """The answer of one rule: `counted` beside the line, in FLOP, and the verdict.

    `own` is the modification alone on the rule's basis, `inherited_flop` the original's compute that is counted with
    it, `room_flop` what the modification may take at most. `doubts` keep the verdict open, `notes` do not. `condition`
    is the policy's: where it applies at all, and `condition_asks` the question about a model that answers it.
    `in_force` is the day from which the policy holds: nothing is owed before it. `role` is whose model is trained,
    `wording_of` the policy with the law itself, if that is applied beside this one. `met_at` is when the line was
    crossed, `met_from` the earliest that it may have been; None: it was not, or nothing says when. `group` is which of
    the policy's groups of rules answers.
    """

    policy: str
    rule: Rule
    threshold_flop: int
    verdict: Verdict
    counted: Figures
    own: Figures
    room_flop: int
    inherited_flop: int = 0
    doubts: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    condition: str = ""
    condition_asks: Question | None = None
    in_force: date | None = None
    met_at: datetime | None = None
    met_from: datetime | None = None
    rests_on: tuple[str, ...] = ()
    without_statements: Verdict | None = None
    role: Role | None = None
    wording_of: str = ""
    group: int = 0

    @property
    def line(self) -> Line:
        """Which line it is the answer of, whatever rule of it applies."""
        return (self.policy, self.group)

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
    def disputed(self) -> bool:
        """Whether the line is crossed, and it is only disputed whether that counts."""
        return any(doubt.kind is DISPUTED for doubt in self.doubts)

    @property
    def unconfirmed(self) -> bool:
        """Whether only a job's tags keep the line from being crossed for certain."""
        return any(doubt.kind in {UNCONFIRMED, FROM_NONE} for doubt in self.doubts)

    @property
    def reading(self) -> Reading:
        """How the sentence is read that the verdict rests on."""
        if self.disputed:
            return "disputed"
        if self.rule.reading == "text" and any(note.kind is READING_OF_OURS for note in self.notes):
            return "ours"
        certain = any(note.kind is CERTAIN for note in self.notes)
        return "ours" if certain and self.rule.reading == "disputed" else self.rule.reading

    @property
    def left_open(self) -> str:
        """What a disputed reading, or one of ours, leaves open; what is certain all the same says so in its note."""
        disputed = next((doubt for doubt in self.doubts if doubt.kind is DISPUTED), None)
        if disputed is None and self.rule.reading == "disputed" and any(note.kind is CERTAIN for note in self.notes):
            return ""
        return str(disputed.fact("left_open")) if disputed else self.rule.left_open

    @property
    def before_the_law(self) -> bool:
        """Whether the regime was not in force yet on the day of the run."""
        return any(note.kind is BEFORE_THE_LAW for note in self.notes)

    @property
    def narrow(self) -> bool:
        """Whether a closer figure would settle the verdict: the line lies within the figure's bounds."""
        upper = self.own.upper_flop
        open_ = self.own.best_flop is None or upper is None or upper > self.room_flop
        return self.verdict == "indeterminate" and not self.disputed and open_

    @property
    def crossed(self) -> bool:
        """Whether the best estimate is over the line, be it disputed what that means, or not certain."""
        return self.verdict == "above" or (self.own.best_flop is not None and self.own.best_flop > self.room_flop)

    @property
    def likely(self) -> bool:
        """Whether the best estimate is over the line, and what is certain of it is not."""
        best, certain = self.own.best_flop, self.own.certain_flop or 0
        over = best is not None and best > self.room_flop >= certain
        return self.verdict == "indeterminate" and not self.disputed and over


Groups = list[Assessment | None]
Combine = Callable[[Assessment | None, Assessment | None], Assessment | None]


def lines_of(policy: Policy) -> list[Line]:
    """The lines of a policy, in its order."""
    return [(policy.policy_id, group) for group in range(len(policy.groups))]


def assess(policy: Policy, situation: Situation) -> tuple[Assessment, ...]:
    """Apply a policy to a run: one assessment of each group of rules that speaks about it."""
    groups = _by_group(policy, situation)
    if situation.other_role is not None:
        groups = _in_either_role(groups, policy, situation)
    if situation.role_without_tag is not None:
        begun = replace(situation, role=situation.role_without_tag, inherits=True, role_without_tag=None)
        groups = _unless(FROM_NONE(), groups, _by_group(policy, begun))
    if situation.perhaps_own:
        own = replace(situation, role="developer", inherits=False, perhaps_own=False)
        groups = _unless(MAYBE_FROM_NONE(), groups, _by_group(policy, own))
    for other, combine in _alternatives(policy, situation):
        groups = [combine(stated, careful) for stated, careful in zip(groups, _by_group(policy, other), strict=True)]
    read = [_with_readings(policy, situation, a) for a in groups if a is not None]
    return tuple(_certain_by_a_reading(a, read) for a in read)


def _unless(doubt: Remark, groups: Groups, careful: Groups) -> Groups:
    """Where the lines of the role that is taken are milder as a whole than those of the one that it may have, they are
    not chosen by what a job's owner writes.
    """
    if max(map(_severity, groups), default=0) >= max(map(_severity, careful), default=0):
        return groups
    return [_unconfirmed(doubt)(*pair) for pair in zip(groups, careful, strict=True)]


def _in_either_role(as_given: Groups, policy: Policy, situation: Situation) -> Groups:
    """Where a name may be that of weights or of a configuration, lines stand that are above, or below, in both roles as
    a whole; the others are open.
    """
    other = _by_group(policy, replace(situation, role=situation.other_role, inherits=True, other_role=None))
    worst, others = (max(map(_severity, groups), default=0) for groups in (as_given, other))
    if worst != others:
        return [_open(WHOSE_WEIGHTS())(*pair) for pair in zip(as_given, other, strict=True)]
    return [
        stated or (_doubted(a, WHOSE_WEIGHTS()) if _severity(a) else None)
        for stated, a in zip(as_given, other, strict=True)
    ]


def _alternatives(policy: Policy, situation: Situation) -> Iterator[tuple[Situation, Combine]]:
    """What else may be true of the run, and what becomes of a verdict then."""
    original = situation.original
    if policy.original_compute == "range" and original.highest_flop not in (None, original.pretraining_flop):
        doubt = STRADDLES(lowest=original.pretraining_flop, highest=original.highest_flop)
        yield situation.with_original(original.taken_at_most()), _if_other_rule(_open(doubt))
    for question, other in situation.without_unconfirmed():
        statement, option = _STATEMENTS[question]
        yield other, _unconfirmed(UNCONFIRMED(statement=statement, option=option))
    if "pretraining_flop" in original.unconfirmed and original.pretraining_flop is not None:
        statement, option = _STATEMENTS["pretraining_flop"]
        doubt = UNCONFIRMED(statement=statement.format(flop=scientific(original.pretraining_flop)), option=option)
        absurd = original.beyond_any or policy.is_systemic(replace(original, systemic_risk=False))
        combine = _unconfirmed(doubt) if absurd else _noted(SAID_ORIGINAL(source=original.source))
        yield situation.with_original(original.without_its_figure()), combine
    for contradiction, instead in original.others:
        lowest_counts = _lowest_counts(contradiction, contradiction.kind not in BY_A_PATH)
        yield situation.with_original(instead), lowest_counts
        if not instead.trusted and instead.pretraining_flop is not None:
            yield situation.with_original(instead.without_its_figure()), lowest_counts
    if not original.trusted and original.pretraining_flop is not None:
        yield situation.with_original(original.without_its_figure()), _weak(situation)
    if situation.if_not_public is not None:
        updates, cumulative = situation.if_not_public
        statement, option = _STATEMENTS["generated_data_public"]
        doubt = UNCONFIRMED(statement=statement, option=option)
        yield replace(situation, updates=updates, cumulative=cumulative), _if_public(doubt)
    failed = policy.readings.get("failed-runs")
    if failed is not None and failed.reading == "disputed" and situation.without_failed is not None:
        updates, cumulative = situation.without_failed
        doubt = DISPUTED(source=failed.source, left_open=failed.left_open)
        yield replace(situation, updates=updates, cumulative=cumulative), _without_failed(doubt)


def _severity(assessment: Assessment | None) -> int:
    """A line that does not apply is as mild as one that is not crossed."""
    return 0 if assessment is None else SEVERITY[assessment.verdict]


def _nearness(assessment: Assessment) -> Fraction:
    """How near the upper bound comes to the line."""
    return Fraction(assessment.counted.upper_flop or 0, max(1, assessment.threshold_flop))


def _open(doubt: Remark) -> Combine:
    """Where the two differ, nothing can be said."""

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        if _severity(stated) == _severity(careful):
            return stated or careful
        return _doubted(max((stated, careful), key=_severity), doubt)

    return combine


def _lowest_counts(doubt: Remark, proven: bool) -> Combine:
    """Of two originals the one counts whose line is nearer; a doubt where that decides, or where nothing but a path
    says that it may be the other one: it is not `proven` then.
    """

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        if _severity(stated) == _severity(careful):
            return max((a for a in (stated, careful) if a is not None), key=_nearness, default=None)
        severe = max((stated, careful), key=_severity)
        if severe is not None and severe.verdict == "above" and (proven or severe is stated):
            return replace(severe, notes=(*severe.notes, doubt))
        return _doubted(severe, doubt)

    return combine


def _if_other_rule(combine: Combine) -> Combine:
    """Only where another rule applies: the same one already counts with the lower threshold and the higher total."""

    def only(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        same = stated is not None and careful is not None and stated.scenario == careful.scenario
        decided = stated is not None and stated.rule.at_any_compute
        return stated if same or decided else combine(stated, careful)

    return only


def _unconfirmed(doubt: Remark) -> Combine:
    """A statement that only a tag makes counts against the run, never for it."""

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        return stated if _severity(stated) >= _severity(careful) else _doubted(careful, doubt)

    return combine


def _if_public(doubt: Remark) -> Combine:
    """Generated data that only a tag calls public counts: what is over, or may be, with it is open, and says so."""

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        above = stated is not None and stated.verdict == "above"
        return stated if above or not _severity(careful) else _doubted(careful, doubt)

    return combine


def _noted(note: Remark) -> Combine:
    """A verdict that would be more severe otherwise stands, and says so."""

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        if stated is None or _severity(stated) >= _severity(careful):
            return stated
        return replace(stated, notes=(*stated.notes, note))

    return combine


def _weak(situation: Situation) -> Combine:
    """A weak figure is used where it changes nothing; else the original counts as undisclosed, or as contradictory."""
    original = situation.original

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        if _severity(stated) == _severity(careful):
            weak = WEAK_ORIGINAL(source=original.source)
            return None if stated is None else replace(stated, notes=(*stated.notes, weak))
        doubt = TOO_WEAK_ORIGINAL(source=original.source)
        if careful is not None and careful.verdict == "above":
            return replace(careful, notes=(*careful.notes, doubt))
        return _doubted(stated if careful is None or (stated and stated.disputed) else careful, doubt)

    return combine


def _without_failed(doubt: Remark) -> Combine:
    """A line that is crossed only with runs that failed: whether those count is disputed."""

    def combine(stated: Assessment | None, careful: Assessment | None) -> Assessment | None:
        crossed = stated is not None and stated.verdict == "above" and _severity(careful) < SEVERITY["above"]
        return _doubted(stated, doubt) if crossed else stated

    return combine


def _doubted(assessment: Assessment | None, doubt: Remark) -> Assessment | None:
    """An assessment that is left open by a doubt."""
    if assessment is None:
        return None
    return replace(assessment, verdict="indeterminate", doubts=(*assessment.doubts, doubt))


def _by_group(policy: Policy, situation: Situation) -> Groups:
    rules = policy.rules(situation.role, situation.original)
    answers = [
        None if rule is None else _assess_rule(policy, group, rule, situation) for group, rule in enumerate(rules)
    ]
    return _disputed_left_open(answers)


def _inherited(
    policy: Policy, group: int, rule: Rule, situation: Situation
) -> tuple[int | None, int | None, list[Remark]]:
    """What a rule counts of the original, by its lowest and its highest figure. Where another rule applies to an
    original of the highest, the original took no more than decides that, if this one applies; and of a run that is
    small beside it nobody can tell that just that run brings the total over (docs/adr/0007).
    """
    if not rule.includes_pretraining:
        return 0, 0, []
    lowest, highest = situation.inherited()
    original = situation.original
    if lowest is None or highest is None or highest == lowest or original.merged_flop is not None:
        return lowest, highest, []
    other = policy.rules(situation.role, original.taken_at_most())[group]
    if other is None or other is rule or other.over is None:
        return lowest, highest, []
    own = situation.figures(rule.basis).upper_flop
    if own is None or own > other.over // _SMALL_PART:
        return lowest, max(lowest, min(highest, other.over)), []
    return lowest, lowest, [BETWEEN_RULES(line=other.over, lowest=lowest, highest=highest)]


def _assess_rule(policy: Policy, group: int, rule: Rule, situation: Situation) -> Assessment:
    own = situation.figures(rule.basis)
    counted, doubts = own, list(own.doubts)
    lowest, highest, notes = _inherited(policy, group, rule, situation)
    if lowest is None or highest is None:
        doubts.append(ORIGINAL_NOT_KNOWN())
    else:
        counted = own.plus(lowest)
        if own.upper_flop is not None:
            counted = replace(counted, upper_flop=own.upper_flop + highest)
    if situation.inherits and (rule.original != "any" or rule.includes_pretraining):
        doubts += situation.original.doubts
    most, line = rule.most_allowed(situation.original), rule.threshold(situation.original)
    under = own.upper_flop is not None and own.upper_flop <= most
    if under and (own.upper_flop or 0) + rule.takes_original_for > line:
        doubts.append(WITH_ITS_ORIGINAL(least=rule.takes_original_for))
    early = policy.in_force is not None and situation.on is not None and situation.on < policy.in_force
    notes += [_before_the_law(policy, rule)] if early else []
    dated = any(duty.within_days is not None for duty in rule.duties)
    if dated and situation.role == "developer" and most < (lowest or 0):
        notes.append(MET_BEFORE())
    if situation.original.systemic_denied and rule.systemic_risk:
        notes.append(DENIED())
    decided = rule.at_any_compute and own.best_flop != 0
    if rule.text_where_bases_agree and (under or (situation.updates.certain_flop or 0) > most):
        rule = replace(rule, reading="text", left_open="")
    return Assessment(
        policy=policy.policy_id,
        rule=rule,
        threshold_flop=rule.threshold(situation.original),
        verdict="above" if decided else verdict(replace(counted, doubts=tuple(doubts)), most),
        counted=counted,
        own=own,
        room_flop=most - (lowest or 0),
        inherited_flop=lowest or 0,
        doubts=tuple(doubts),
        notes=tuple(notes),
        condition=policy.condition,
        condition_asks=policy.condition_asks,
        in_force=policy.in_force,
        role=situation.role,
        group=group,
    )


def _before_the_law(policy: Policy, rule: Rule) -> Remark:
    """That the law came, or comes, into force after the run, and for which models it waits longer."""
    waits = {duty.transition: None for duty in rule.duties if duty.transition and not duty.no_transition}
    later = "".join(f", or until {t.until} for a model placed before {t.placed_before} ({t.article})" for t in waits)
    return BEFORE_THE_LAW(jurisdiction=policy.jurisdiction, day=str(policy.in_force), later=later)


def _disputed_left_open(groups: Groups) -> Groups:
    """Where it is disputed whether a crossed line counts, the verdict stays open, and a doubt says which sentence."""
    over = {a.scenario for a in groups if a is not None and a.verdict == "above"}
    return [None if a is None else _left_open(a, over) for a in groups]


def _left_open(assessment: Assessment, over: set[str]) -> Assessment | None:
    rule, disputed = assessment.rule, assessment.rule.disputed
    if not assessment.crossed or disputed is None:
        return assessment
    certain = over.intersection(disputed.certain_if_over)
    if certain and rule.reading != "disputed":
        return assessment
    if certain:
        return replace(assessment, notes=(*assessment.notes, CERTAIN(left_open=disputed.left_open, line=min(certain))))
    return _doubted(assessment, DISPUTED(source=disputed.source or rule.source, left_open=disputed.left_open))


def _with_readings(policy: Policy, situation: Situation, assessment: Assessment) -> Assessment:
    """An assessment says which of our readings it rests on beside its rule's own."""
    over_alone = situation.certain_alone(assessment.rule.basis) > assessment.room_flop
    circumstances = situation.readable - ({"several-runs"} if over_alone else frozenset())
    readings = [policy.readings[each] for each in sorted(circumstances) if each in policy.readings]
    rests = [r for r in readings if r.reading == "ours" and r.bears_on(assessment.scenario, assessment.verdict)]
    notes = [READING_OF_OURS(source=r.source, left_open=r.left_open) for r in rests]
    alone = assessment.rule.takes_original_for and assessment.verdict == "below"
    if not alone and not notes:
        return assessment
    before = [MODIFICATION_ALONE(line=assessment.threshold_flop)] if alone else []
    return replace(assessment, notes=(*before, *assessment.notes, *notes))


def _certain_by_a_reading(assessment: Assessment, others: Sequence[Assessment]) -> Assessment:
    """What is certain only since another line is crossed is no more certain than how that one is read."""
    rule = assessment.rule
    if assessment.verdict != "above" or rule.disputed is None or assessment.reading != "text":
        return assessment
    over = [a for a in others if a.scenario in rule.disputed.certain_if_over and a.verdict == "above"]
    if not over or any(a.reading == "text" for a in over):
        return assessment
    note = READING_OF_OURS(source=over[0].rule.source, left_open=BY_A_READING.format(line=over[0].scenario))
    return replace(assessment, notes=(*assessment.notes, note))


def assess_under(policies: Sequence[Policy], situation: Situation) -> tuple[tuple[Assessment, ...], tuple[Remark, ...]]:
    """Apply policies to a run: their assessments, and which of them have no rule for it, with what to do about that;
    none for a run that trains nothing.
    """
    assessments: list[Assessment] = []
    silent: list[Remark] = []
    by_policy = {policy.policy_id: assess(policy, situation) for policy in policies}
    for policy in policies:
        answers = by_policy[policy.policy_id]
        law = policy.wording_of if by_policy.get(policy.wording_of) else ""
        assessments += [replace(a, wording_of=law) for a in answers] if law else answers
        if not answers and situation.role is not None:
            silent.append(NO_RULE(policy=policy.policy_id, role=ROLES[situation.role]))
    return tuple(assessments), tuple(silent)


def crossed_lines(assessments: Sequence[Assessment]) -> list[Assessment]:
    """The lines that are crossed by the best estimate, disputed and uncertain ones included: a day that may be due is
    kept.
    """
    return [a for a in assessments if a.crossed]
