"""What a verdict rests on, and what it would be without the job's own word.

A job's owner writes tags, hyperparameters and environment, and the job emits its metrics: all of it is a statement, not
a measurement. Each statement is left out in turn and the run is audited again: what changes rests on it. Then all that
make the result milder are left out together (docs/adr/1100-rests-on.md).
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, islice
from typing import Generic, Protocol, TypeVar

from flops_auditor.domain.audit.grounds import (
    GROUND_SOURCES,
    LONGEST_VALUE,
    Ground,
)
from flops_auditor.domain.audit.heard import (
    ACTIVITY_TAG,
    EARLIER_ACTIVITY,
    Heard,
    Part,
    parts_of,
    without_parts,
)
from flops_auditor.domain.law.assessment import Assessment, Line
from flops_auditor.domain.lineage.lineage import SETTLE_ANCESTOR
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA
from flops_auditor.domain.runs.declared import ACTIVITY_CONTRADICTED, Activity, Declared
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.training_time import SAID_BY_THE_OPERATOR
from flops_auditor.domain.values.figures import SEVERITY, Verdict, most_severe
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy, as_word, printable

ACTIVITY_DECIDES = Kind(
    "only-a-tag-says-activity",
    "only a tag of the job says that it is {activity}, without which it would be above",
    Remedy(
        "confirm-the-activity",
        "have somebody who knows say what the run did, and sign for it: `flops-auditor amend {job} --who NAME --why "
        "REASON --activity ACTIVITY`",
    ),
)
EARLIER_ACTIVITY_DECIDES = Kind(
    "only-a-tag-says-earlier-activity",
    "only its own word says that the earlier run {name} generated data, without which this one would be above",
    SETTLE_ANCESTOR,
)
NOT_ALL_TRIED = Kind(
    "too-many-statements",
    "it says and emits so much that not all of it was left out in turn: what its verdict rests on may be more than is "
    "named",
    AMEND,
)
_MOST_PAIRS = 100
"""Pairs of kinds that are left out together."""
MOST_AUDITS = 1_000
"""Audits of one run, each without something else: a count and no clock, so that whoever computes it again gets the
same. Jobs with up to 20 statements, several of which hide each other, were seen to take 206.
"""
MOST_READ = 24_000_000
"""Characters of statements that are read for them, each statement counted as 160 more. All that SageMaker takes of one
job, 327,000 in some hundred statements, is read so often that each of the 40 that are left out one by one is; 6,000
short ones are read some 20 times.
"""


class Estimated(Protocol):
    """Figures in FLOP, as far as what they rest on is asked."""

    @property
    def method(self) -> str: ...
    @property
    def best_flop(self) -> int | None: ...
    @property
    def cautious_upper_flop(self) -> int | None: ...
    @property
    def firm_flop(self) -> int | None: ...
    @property
    def accelerator_seconds(self) -> Fraction | None: ...
    @property
    def occupancy(self) -> Fraction | None: ...
    @property
    def assumptions(self) -> tuple[Remark, ...]: ...
    @property
    def doubts(self) -> tuple[Remark, ...]: ...


class Audited(Protocol):
    """An audit, or a plan, as far as what it rests on is asked."""

    @property
    def estimate(self) -> Estimated: ...
    @property
    def assessments(self) -> tuple[Assessment, ...]: ...
    @property
    def verdict(self) -> Verdict: ...


A = TypeVar("A", bound=Audited)
H = TypeVar("H")
Heaviness = tuple[int, Fraction, bool]
Weigh = Callable[[Audited], Heaviness]


@dataclass(frozen=True)
class LineWithout:
    """A line without the job's own word: its assessment, None where it does not apply then, and the statements that
    make it milder, each with what the line would be without it alone.
    """

    assessment: Assessment | None
    milder: tuple[Ground, ...]

    @property
    def verdict(self) -> Verdict:
        """Its verdict: where a line does not apply, nothing is over it."""
        return self.assessment.verdict if self.assessment else "below"

    def rests_on(self, statement: tuple[str, str]) -> bool:
        """Whether the line is below by this statement, by place and name, and would not be without it alone."""
        return any(statement in each.names and each.verdict_without != "below" for each in self.milder)


@dataclass(frozen=True)
class RestsOn(Generic[A]):
    """What an audit rests on. `careful` is the audit without the statements that make its result milder as a whole; it
    is the audit itself where there are none. `lines` are the same of each line, which other statements may make milder.
    `milder` are the statements that make the whole, or the verdict of a line, milder. `whole` is what was audited, with
    a doubt where not all could be left out that might make it milder.
    """

    whole: A
    grounds: tuple[Ground, ...]
    milder: tuple[Ground, ...]
    careful: A
    lines: Mapping[Line, LineWithout]


def rests_on(
    heard: Heard, whole: A, audited: Callable[[Heard], A], tables: Sequence[Ground], lines: Sequence[Line]
) -> RestsOn[A]:
    """Leave out each statement in turn, then all that make the result milder, as a whole and for each line by itself.
    `audited` audits what was heard; `tables` are the rows of tables that were used, `lines` all that there are. Never
    raises.
    """
    parts = list(parts_of(heard))
    statements = [part for part in parts if part.ground.statement]
    search = _Search(heard, whole, audited)
    without = search.without
    without(statements)  # first, so that it is tried whatever the others take
    left = _left_without_each(parts, without)
    grounds = {
        part: replace(part.ground, verdict_without=most_severe([each.verdict for each in audits]))
        for part, audits in left.items()
        if any(_says(each) != _says(whole) for each in audits)
    }
    kinds = _kinds(statements)
    but_against = [] if not statements or whole.verdict == "above" else _but_against_it(statements, without)
    overall = _without_the_word(whole, statements, kinds, but_against, without, _weight)
    apply = {a.line for each in search.known.values() for a in each.assessments}
    by_line = {
        line: _without_the_word(whole, statements, kinds, but_against, without, _weight_of(line))
        for line in lines
        if line in apply
    }
    heavier = (
        each
        for line, each in by_line.items()
        if SEVERITY[_verdict_at(each.audit, line)] > SEVERITY[_verdict_at(whole, line)]
    )
    decisive = [overall, *heavier]
    milder = {part for each in decisive for part in each.milder}
    for part in parts:
        if part in milder:
            grounds.setdefault(part, replace(part.ground, verdict_without=most_severe([a.verdict for a in left[part]])))
    signed = [part for part in parts if not part.ground.statement and part not in grounds]
    for part in signed:
        if any(_says(without([*each.left_out, part])) != _says(each.audit) for each in decisive):
            grounds[part] = replace(part.ground, verdict_without=whole.verdict)
    every = (*_measured(whole.estimate), *grounds.values(), *tables)
    if search.may_hide(parts):
        whole, overall = search.doubted(()), replace(overall, audit=search.doubted(overall.left_out))
        more = {a.line: _WithoutTheWord(whole, (), ()) for a in whole.assessments} | by_line
        by_line = {
            line: replace(more[line], audit=search.doubted(more[line].left_out)) for line in lines if line in more
        }
    return RestsOn(
        whole,
        tuple(sorted(every, key=lambda ground: GROUND_SOURCES.index(ground.source))),
        tuple(grounds[part] for part in parts if part in milder),
        overall.audit,
        {line: _line_without(line, each, left) for line, each in by_line.items()},
    )


def contradiction_of(declared: Declared, observed: Observations) -> Remark | None:
    """What speaks against the activity that a tag declares; None where nothing does.

    A run that makes data names the model that makes it, as well as one that is fine-tuned. What speaks against training
    nothing whatever the run is told is a doubt of its estimate already.
    """
    signs: list[str] = []
    if declared.activity == "not-training":
        heard = declared.told_not_to_train or observed.training_signs or declared.signs_of_training
        signs += [] if heard or not observed.work_signs else [_emits(observed.work_signs)]
    elif declared.activity in {"pretraining", "synthetic-data"}:
        signs += [f"it begins with {declared.base_model[:LONGEST_VALUE]!r}"] if declared.loads_weights else []
        if declared.activity == "synthetic-data" and observed.training_signs:
            signs.append(_emits(observed.training_signs))
    else:
        return None
    if declared.unheard is not None:
        signs.append(declared.unheard.words)
    if not signs:
        return None
    return ACTIVITY_CONTRADICTED(activity=declared.activity, evidence=printable(" and ".join(signs)))


def _emits(names: Sequence[str]) -> str:
    emitted = ", ".join(as_word(name, LONGEST_VALUE) for name in names[:4])
    return f"it emits {emitted}, which training does"


def doubt_of_the_activity(
    activity: Activity, contradicted: Remark | None, without: Collection[Verdict | None]
) -> Remark | None:
    """Why nothing may be below on the activity that a tag declares, by what would be `without` it and what speaks
    against it; None where it may.
    """
    if contradicted is not None and any(each != "below" for each in without):
        return contradicted
    return ACTIVITY_DECIDES(activity=activity) if "above" in without else None


class _Search(Generic[A]):
    """Audits without parts of what was heard. Each set of parts is audited once, `MOST_AUDITS` sets at most, and until
    `MOST_READ` was read for them: what is asked beyond is taken to change nothing.
    """

    def __init__(self, heard: Heard, whole: A, audited: Callable[[Heard], A]) -> None:
        self.known: dict[frozenset[Part], A] = {frozenset(): whole}
        self._heard, self._whole, self._audited = heard, whole, audited
        self._ended = False

    def without(self, left_out: Sequence[Part]) -> A:
        """The audit without these parts."""
        key = frozenset(left_out)
        known = self.known.get(key)
        if known is None:
            if len(self.known) > MOST_AUDITS or self._heard.readings.characters > MOST_READ:
                self._ended = True
                return self._whole
            known = self.known[key] = self._audited(without_parts(self._heard, left_out))
        return known

    def may_hide(self, parts: Iterable[Part]) -> bool:
        """Whether not all was tried, and it is not below whatever was."""
        if not self._ended and not any(part.not_told_apart for part in parts):
            return False
        return any(each.verdict != "below" for each in self.known.values())

    def doubted(self, left_out: Sequence[Part]) -> A:
        """The audit without these parts, with the doubt that not all was tried."""
        doubts = (*self._heard.doubts, NOT_ALL_TRIED())
        return self._audited(without_parts(replace(self._heard, doubts=doubts), left_out))


@dataclass(frozen=True)
class _WithoutTheWord(Generic[A]):
    """The most severe audit that is left without statements: `left_out`, of which `milder` each bear on that."""

    audit: A
    left_out: Sequence[Part]
    milder: Sequence[Part]


def _without_the_word(
    whole: A,
    statements: Sequence[Part],
    kinds: Sequence[Sequence[Part]],
    but_against: Sequence[Sequence[Part]],
    without: Callable[[Sequence[Part]], A],
    weigh: Weigh,
) -> _WithoutTheWord[A]:
    """What is most severe without statements, as `weigh` weighs it. `whole` itself where none makes it milder."""
    weigh = _each_once(weigh)
    left_out, careful = _careful(statements, without, weigh)
    deciding = _deciding(statements, kinds, but_against, without, weigh)
    for several in deciding:
        if weigh(without(several)) > weigh(careful):
            left_out, careful = list(several), without(several)
    heaviest, given = weigh(careful), weigh(whole)
    if heaviest <= given:
        return _WithoutTheWord(careful, left_out, ())
    named = {part for several in deciding for part in several}
    milder = [
        part
        for part in left_out
        if weigh(without([part])) > given or weigh(without([each for each in left_out if each is not part])) < heaviest
    ]
    named.update(milder or left_out)
    return _WithoutTheWord(careful, left_out, [part for part in statements if part in named])


def _deciding(
    statements: Sequence[Part],
    kinds: Sequence[Sequence[Part]],
    but_against: Sequence[Sequence[Part]],
    without: Callable[[Sequence[Part]], A],
    weigh: Weigh,
) -> list[Sequence[Part]]:
    """Statements without which the verdict is more severe: one; all of one kind, or all but one, since each may say
    enough; all of two kinds; and all but those that count against the run. Of several those alone that are needed.
    """

    def severity(gone: Sequence[Part]) -> int:
        return weigh(without(gone))[0]

    def needed(gone: Sequence[Part]) -> Sequence[Part]:
        all_out = severity(gone)
        return [part for part in gone if severity([each for each in gone if each is not part]) < all_out] or gone

    given = severity([])
    if given == max(SEVERITY.values()):
        return []
    alone = [part for part in statements if severity([part]) > given]
    rest = [left for kind in kinds if (left := [part for part in kind if part not in alone])]
    several = [each for kind in rest for each in _of_one_kind(kind)]
    of_a_kind = [each for each in several if len(each) > 1 and severity(each) > given]
    deciding: list[Sequence[Part]] = [*([part] for part in alone), *map(needed, of_a_kind)]
    if given == 0 and not (deciding or severity(statements)):
        return deciding
    deciding += [needed(gone) for gone in but_against if severity(gone) > given]
    pairs = combinations([each for each in several if each not in of_a_kind], 2)
    for one, other in islice(pairs, _MOST_PAIRS):
        both = [*one, *(part for part in other if part not in one)]
        if severity(both) > given:
            deciding.append(needed(both))
    return deciding


def _of_one_kind(kind: Sequence[Part]) -> list[list[Part]]:
    """All that bear on the same, and all but each one of them."""
    but_one = ([other for other in kind if other.beside(part)] for part in kind)
    return [list(kind), *(each for each in but_one if each)] if len(kind) > 1 else [list(kind)]


def _but_against_it(statements: Sequence[Part], without: Callable[[Sequence[Part]], A]) -> list[list[Part]]:
    """All statements but those by which more is certain, each taken back where it makes more so: once with what names
    the model, by which the lines are drawn, and once without.
    """
    certain = _each_once(_certain)
    several = []
    for start in (statements, [part for part in statements if "base_model" not in part.bears_on]):
        left, most = list(start), certain(without(start))
        for part in (*start, *start):
            others = [each for each in left if each is not part]
            if len(others) < len(left) and certain(without(others)) > most:
                left, most = others, certain(without(others))
        several.append(left)
    return several


def _certain(audited: Audited) -> tuple[int, Fraction]:
    """How severe a result is, and how near what is certain of it comes to a threshold."""
    shares = (Fraction(a.counted.certain_flop or 0, max(1, a.threshold_flop)) for a in audited.assessments)
    return SEVERITY[audited.verdict], max(shares, default=Fraction(0))


def _kinds(statements: Sequence[Part]) -> list[list[Part]]:
    """All statements that bear on the same, wherever they stand, for each of what is borne on."""
    by_kind: defaultdict[str, list[Part]] = defaultdict(list)
    for part in statements:
        for kind in sorted(part.bears_on) or [part.ground.what]:
            by_kind[kind].append(part)
    return list({frozenset(parts): parts for parts in by_kind.values()}.values())


def _careful(statements: Sequence[Part], without: Callable[[Sequence[Part]], A], weigh: Weigh) -> tuple[list[Part], A]:
    """The statements to leave out so that the result is most severe, and that result.

    Left out one after the other, those first that alone make the verdict milder, since without others they may not;
    and taken back one after the other from none at all: a statement may hide that two together make the result milder,
    as tokens do beside an MFU that is lower still.
    """
    statements = sorted(statements, key=lambda part: weigh(without([part]))[0], reverse=True)
    gone: list[Part] = []
    careful = without([])
    for part in statements:
        other = without([*gone, part])
        if weigh(other) >= weigh(careful):
            gone, careful = [*gone, part], other
    left, bare = list(statements), without(statements)
    for part in statements:
        others = [each for each in left if each is not part]
        other = without(others)
        if weigh(other) > weigh(bare):
            left, bare = others, other
    return (left, bare) if weigh(bare) >= weigh(careful) else (gone, careful)


def _weight(audited: Audited) -> Heaviness:
    """How severe a result is: by its verdict, then by how near the upper bound comes to a threshold, then by whether
    there is a doubt about the run: one that is open for its original alone hands no doubt on to who continues it.
    """
    nearest = max(map(_nearness, audited.assessments), default=Fraction(0))
    return SEVERITY[audited.verdict], nearest, bool(audited.estimate.doubts)


def _each_once(weigh: Callable[[Audited], H]) -> Callable[[Audited], H]:
    """The same for audits that all stay alive, each of which is weighed once."""
    known: dict[int, H] = {}

    def once(audited: Audited) -> H:
        if id(audited) not in known:
            known[id(audited)] = weigh(audited)
        return known[id(audited)]

    return once


def _weight_of(line: Line) -> Weigh:
    """How severe a result is at one line. Where the line does not apply it is as mild as can be."""

    def weigh(audited: Audited) -> Heaviness:
        assessment = _at(audited, line)
        if assessment is None:
            return 0, Fraction(0), False
        return SEVERITY[assessment.verdict], _nearness(assessment), False

    return weigh


def _at(audited: Audited, line: Line) -> Assessment | None:
    return next((a for a in audited.assessments if a.line == line), None)


def _verdict_at(audited: Audited, line: Line) -> Verdict:
    """The verdict at a line: where it does not apply, nothing is over it."""
    assessment = _at(audited, line)
    return "below" if assessment is None else assessment.verdict


def _nearness(assessment: Assessment) -> Fraction:
    upper = assessment.counted.upper_flop
    return Fraction(10**40) if upper is None else Fraction(upper, max(1, assessment.threshold_flop))


def _left_without_each(parts: Sequence[Part], without: Callable[[Sequence[Part]], A]) -> dict[Part, tuple[A, ...]]:
    """What is left without each part alone. What a run says that it did, and what those before it say, hide each other:
    of them also what is left without all, where the one makes a difference to its verdicts.
    """
    activities = [part for part in parts if part.ground.names & {ACTIVITY_TAG, EARLIER_ACTIVITY}]

    def together(part: Part) -> tuple[A, ...]:
        if part not in activities:
            return ()
        others, every = without([each for each in activities if each is not part]), without(activities)
        return (every,) if _verdicts(others) != _verdicts(every) else ()

    return {part: (without([part]), *together(part)) for part in parts}


def _line_without(line: Line, without: _WithoutTheWord[A], left: Mapping[Part, Sequence[A]]) -> LineWithout:
    """A line without the job's word; each statement with what the line would be without it."""
    milder = tuple(
        replace(part.ground, verdict_without=most_severe([_verdict_at(each, line) for each in left[part]]))
        for part in without.milder
    )
    return LineWithout(_at(without.audit, line), milder)


def _says(audited: Audited) -> tuple[object, ...]:
    """What a statement can change: figures, thresholds and verdicts."""
    e = audited.estimate
    lines = [(a.policy, a.scenario, a.threshold_flop, a.verdict, a.counted.upper_flop) for a in audited.assessments]
    return (e.method, e.best_flop, e.cautious_upper_flop, e.firm_flop, audited.verdict, lines)


def _verdicts(audited: Audited) -> tuple[object, ...]:
    return audited.verdict, [(a.line, a.verdict) for a in audited.assessments]


def _measured(estimate: Estimated) -> Iterator[Ground]:
    handed_in = any(remark.kind is SAID_BY_THE_OPERATOR for remark in estimate.assumptions)
    if estimate.accelerator_seconds is not None and not handed_in:
        yield Ground("measured", "hardware and training time, as the service says")
    if estimate.occupancy is not None:
        yield Ground("measured", "occupancy of the accelerators (GPUUtilization)")
    if any(remark.kind is BOUND_BY_DATA for remark in estimate.assumptions):
        yield Ground("measured", "size of the training data and passes over it, as the service says")
