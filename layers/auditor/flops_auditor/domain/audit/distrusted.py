"""Which lines are below on a word of the job that is not trusted, and how they are left open."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import replace

from flops_auditor.domain.audit.rests_on import LineWithout
from flops_auditor.domain.law.assessment import Assessment, Line
from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.values.figures import Verdict
from flops_auditor.domain.values.remarks import Kind, Remark

Doubts = Mapping[tuple[str, str], Sequence[Remark]]
"""Why no line may be below on a statement, by its place and name."""
NO_DOUBTS: Doubts = {}


def each_of(doubts: Iterable[Sequence[Remark]]) -> list[Remark]:
    """All of several."""
    return [doubt for several in doubts for doubt in several]


def wary_policies(policies: Iterable[Policy], *, trusts_statements: bool) -> frozenset[str]:
    """The ids of those under which no line is below on the job's own word alone: all, or those that say so."""
    return frozenset(p.policy_id for p in policies if not (trusts_statements and p.trusts_statements))


def distrusted_lines(
    lines: Mapping[Line, LineWithout], wary: Set[str], of_activity: Doubts = NO_DOUBTS
) -> dict[Line, LineWithout]:
    """The lines that would not be below without a word that is not trusted: none of a wary policy is, nor what is said
    of an activity of which there are doubts, `of_activity`.
    """
    return {
        line: each
        for line, each in lines.items()
        if each.verdict != "below" and (line[0] in wary or any(map(each.rests_on, of_activity)))
    }


def left_open(
    assessments: Sequence[Assessment],
    distrusted: Mapping[Line, LineWithout],
    of_activity: Doubts = NO_DOUBTS,
    kind: Kind | None = None,
) -> dict[Line, Assessment]:
    """The assessments of lines that are left open, with why; of the `kind`, or in the words of what they rest on. A
    line that only such a word keeps from applying is told where nothing else of its policy is open or over; of an
    activity, where nothing is.
    """
    lines = {a.line: a for a in assessments}
    open_policies = {a.policy for a in assessments if a.verdict != "below"}
    doubted = {}
    for line, without in distrusted.items():
        activities = each_of(doubts for statement, doubts in of_activity.items() if without.rests_on(statement))
        assessment = lines.get(line)
        if assessment is None and not (open_policies if activities else open_policies & {line[0]}):
            assessment = without.assessment
        elif assessment is not None and assessment.verdict != "below":
            assessment = None
        if assessment is not None:
            doubts = activities or on_its_word(without, without.verdict, kind)
            doubted[line] = replace(assessment, verdict="indeterminate", doubts=(*assessment.doubts, *doubts))
    return doubted


def on_its_word(without: LineWithout, verdict: Verdict, kind: Kind | None = None) -> list[Remark]:
    """Why a line is not below on statements that are not trusted: a doubt for each way to settle it."""
    statements = [ground.words for ground in without.milder]
    options = dict.fromkeys(option for ground in without.milder for option in ground.options)
    kinds = [kind] if kind else dict.fromkeys(ground.doubt for ground in without.milder)
    return [kind(statements=statements, verdict=verdict, options=" ".join(options)) for kind in kinds]
