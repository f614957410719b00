"""The audit of one job as a pure function: evidence in, estimate and verdicts out.

The same function serves the deployed path, the command line and a verifier that recomputes a record from its evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from flops_auditor.domain.audit.distrusted import (
    Doubts,
    distrusted_lines,
    each_of,
    left_open,
    on_its_word,
    wary_policies,
)
from flops_auditor.domain.audit.grounds import LONGEST_VALUE, Ground
from flops_auditor.domain.audit.heard import ACTIVITY_TAG, EARLIER_ACTIVITY, Heard, Readings
from flops_auditor.domain.audit.rests_on import (
    EARLIER_ACTIVITY_DECIDES,
    LineWithout,
    RestsOn,
    contradiction_of,
    doubt_of_the_activity,
    rests_on,
)
from flops_auditor.domain.audit.situation_of_run import situation_of
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.audit.when_met import with_times
from flops_auditor.domain.compute.cautions import with_rollouts
from flops_auditor.domain.compute.hardware_use import MeasuredHosts, hosts_of
from flops_auditor.domain.compute.run_estimate import Estimate, estimate_job
from flops_auditor.domain.law.assessment import Assessment, Line, assess_under, lines_of
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.lineage.lineage import DOUBTFUL, NO_LINEAGE, Cumulative, Lineage, accumulate
from flops_auditor.domain.originals.find_origin import find_origin
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.apply_amendments import amend_declared, amend_observations
from flops_auditor.domain.runs.aws_flops_meter import apply_flops_meter
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.declared import ACTIVITY_CONTRADICTED, Declared
from flops_auditor.domain.runs.evidence import TOO_LARGE, Unread
from flops_auditor.domain.runs.models_file import MalformedModels, still_about
from flops_auditor.domain.runs.observations import facts_of, observe
from flops_auditor.domain.runs.remedies import GRANT, REPAIR_MODELS
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.tags_seen import changed_tags
from flops_auditor.domain.runs.training_time import SAID_BY_THE_OPERATOR
from flops_auditor.domain.values.figures import SEVERITY, Figures, Verdict, most_severe
from flops_auditor.domain.values.remarks import Kind, Remark, printable

UNREAD = Kind("evidence-not-read", "evidence could not be read: {unread}", GRANT)
UNREAD_MODELS = Kind("models-not-read", "evidence could not be read: {unread}", REPAIR_MODELS)
NOT_THERE = Kind("evidence-not-there", "evidence could not be had: {unread}")
"""What was asked for is gone: no right would bring it back."""
CUT = Kind("evidence-cut", "the evidence is too large to be kept whole: {detail}")


_MOST_EARLIER = 4
"""Earlier runs that are named of those whose activity a line rests on."""


def _unread(unread: Unread) -> Remark:
    if unread.error == TOO_LARGE:
        return CUT(detail=unread.detail)
    kind = UNREAD if unread.denied else UNREAD_MODELS if unread.error == MalformedModels.__name__ else NOT_THERE
    return kind(unread=str(unread), source=unread.source)


@dataclass(frozen=True)
class Audit:
    """All that is known of a job after its audit. `base_model` is the resolved id, or what the job calls it;
    `other_names` are what it calls it beside.

    `not_assessed` names the policies that have no rule for such a run: where none has one, no line can be crossed, and
    only what may make it another kind of run leaves that open. `rests_on` is what it rests on;
    `trusts_statements`: whether "below" may rest on the job's own word.
    """

    run: Run
    declared: Declared
    base_model: str
    original: Original
    estimate: Estimate
    cumulative: Cumulative
    assessments: tuple[Assessment, ...]
    verdict: Verdict
    lineage: Lineage = NO_LINEAGE
    not_assessed: tuple[Remark, ...] = ()
    rests_on: "RestsOn[Audit] | None" = None
    trusts_statements: bool = True
    other_names: tuple[str, ...] = ()

    @cached_property
    def without_statements(self) -> "Audit":
        """The audit without the statements that make its result milder; each of its lines as severe as it is without
        those that make this line milder.
        """
        if self.rests_on is None:
            return self
        careful = self.rests_on.careful
        lines = tuple(each.assessment for each in self.rests_on.lines.values() if each.assessment is not None)
        verdict = most_severe([careful.verdict, *(a.verdict for a in lines)])
        return replace(careful, assessments=lines, verdict=verdict)

    def distrusted(self) -> "Audit":
        """The audit without those statements, which still says what it leaves out."""
        return replace(self.without_statements, rests_on=self.rests_on, trusts_statements=self.trusts_statements)

    @property
    def on_the_jobs_word(self) -> bool:
        """Whether only the job's own word makes the verdict below."""
        return self.verdict == "below" and self.without_statements.verdict != "below"


def audit(case: Case, tables: Tables, lineage: Lineage = NO_LINEAGE) -> Audit:
    """Audit a run from its case and what is recorded of the runs that it continues. Never raises."""
    run, evidence = case.run, case.evidence
    heard = Heard(
        readings=Readings(run.declared),
        observed=observe(evidence, run, tables.metrics),
        lineage=lineage,
        files=evidence.files,
        amendments=evidence.amendments,
        reads=run.reads if run.declared.lineage else (),
        auxiliary=() if run.declared.lineage else run.auxiliary,
        may_read_a_checkpoint=run.may_read_a_checkpoint,
        operators_hours=run.time.basis if run.time.basis.kind is SAID_BY_THE_OPERATOR else None,
    )
    unchanging = _Unchanging(case, tables, hosts_of(run, heard.observed, tables.hardware, tables.utilisation))
    as_stated = _audited(unchanging, heard)
    used, lines = _looked_up(as_stated, tables), [line for policy in tables.policies for line in lines_of(policy)]
    rests = rests_on(heard, as_stated, lambda other: _audited(unchanging, other), used, lines)
    return _with_word(replace(rests.whole, trusts_statements=tables.trusts_statements), rests, tables)


@dataclass(frozen=True)
class _Unchanging:
    """What stays the same whatever statement is left out: the case, the tables, the run's hosts, and what the policies
    answer to a situation, which is asked once.
    """

    case: Case
    tables: Tables
    hosts: MeasuredHosts
    _answers: dict[Situation, tuple[tuple[Assessment, ...], tuple[Remark, ...]]] = field(default_factory=dict)

    def answers(self, situation: Situation) -> tuple[tuple[Assessment, ...], tuple[Remark, ...]]:
        """The assessments, and the policies without a rule."""
        known = self._answers.get(situation)
        if known is None:
            known = self._answers[situation] = assess_under(self.tables.policies, situation)
        return known


def _audited(unchanging: _Unchanging, heard: Heard) -> Audit:
    """The audit of what was heard."""
    case, tables = unchanging.case, unchanging.tables
    run, stated, lineage = case.run, heard.declared, heard.lineage
    amendments = still_about(run, stated, heard.amendments, tables.meaning)
    origin = find_origin(amend_declared(stated, amendments), lineage, tables.models)
    stated, observed = apply_flops_meter(heard.files, stated, heard.emitting, origin.size, facts_of(run))
    declared = amend_declared(stated, amendments, {run.name, run.arn})
    contradiction = contradiction_of(declared, observed)
    changed = changed_tags(case.evidence.tags_seen, run.tags)
    notes = (*origin.notes, *([contradiction] if contradiction else []), *changed)
    declared = replace(declared, notes=(*declared.notes, *notes)) if notes else declared
    declared = with_rollouts(declared, observed)
    if declared.resumes or heard.may_read_a_checkpoint:
        observed = observed.of_a_resumed_run()
    observed = amend_observations(observed, amendments)
    unread = [_unread(each) for each in case.evidence.unread]
    doubts = (*unread, *heard.doubts)
    estimate = estimate_job(run, declared, observed, unchanging.hosts, origin.size, doubts)
    cumulative = accumulate(
        figures_of(estimate),
        run.job_id,
        lineage,
        declared.activity,
        updates_upper_flop=estimate.updates_upper_flop,
        signal_flop=estimate.signal_flop,
        stated=declared.stated,
        met_error=run.state == "error",
        doubts=estimate.doubts,
    )
    situation = situation_of(run, declared, origin.original, lineage, cumulative)
    answers, silent = unchanging.answers(situation)
    assessments = tuple(_timed(answer, run, estimate, situation) for answer in answers)
    verdict: Verdict
    if situation.role is None:
        verdict = "indeterminate" if estimate.doubts else "below"
    elif silent and not assessments:
        verdict = "indeterminate" if (*estimate.doubts, *origin.original.doubts) else "below"
    else:
        verdict = most_severe([a.verdict for a in assessments])
    return Audit(
        run,
        declared,
        origin.base_model,
        origin.original,
        estimate,
        cumulative,
        assessments,
        verdict,
        lineage,
        silent,
        other_names=origin.other_names,
    )


def _looked_up(audited: Audit, tables: Tables) -> list[Ground]:
    """Rows of tables that the audit used."""
    used = [Ground("table", "peak of the accelerators")] if audited.estimate.accelerator_seconds is not None else []
    if audited.base_model and tables.models and tables.models.find(audited.base_model) is not None:
        used.append(Ground("table", "base model", printable(audited.base_model)[:LONGEST_VALUE]))
    return used


def _with_word(audited: Audit, rests: "RestsOn[Audit]", tables: Tables) -> Audit:
    """The audit with what each of its lines would be without the job's own word; where that word is not trusted, no
    line is below on it alone.
    """
    sources = tuple(dict.fromkeys(ground.source for ground in rests.grounds))
    audited = replace(
        audited,
        rests_on=rests,
        assessments=tuple(
            replace(a, rests_on=sources, without_statements=rests.lines[a.line].verdict) for a in audited.assessments
        ),
    )
    wary = wary_policies(tables.policies, trusts_statements=tables.trusts_statements)
    of_activity = _doubts_of_activities(audited, rests)
    distrusted = distrusted_lines(rests.lines, wary, of_activity)
    every_line_is_below = all(each.verdict == "below" for each in rests.lines.values())
    if audited.assessments:
        return _with_doubts(audited, rests, distrusted, of_activity)
    if not audited.on_the_jobs_word or not (distrusted or (wary and every_line_is_below)):
        return audited
    worst = max(distrusted.values(), key=lambda each: SEVERITY[each.verdict], default=None)
    worst = worst or LineWithout(None, rests.milder)
    doubts = each_of(of_activity.values()) or on_its_word(worst, audited.without_statements.verdict)
    estimate = replace(audited.estimate, doubts=(*audited.estimate.doubts, *doubts))
    return replace(audited, estimate=estimate, verdict="indeterminate")


def _with_doubts(
    audited: Audit, rests: "RestsOn[Audit]", distrusted: Mapping[Line, LineWithout], of_activity: Doubts
) -> Audit:
    """The audit with its lines that are below on a word that is not trusted left open."""
    lines = {a.line: a for a in audited.assessments}
    doubted = left_open(audited.assessments, distrusted, of_activity)
    if not doubted:
        return audited
    every = lines | doubted
    verdict = most_severe([audited.verdict, "indeterminate"])
    return replace(audited, assessments=tuple(every[line] for line in rests.lines if line in every), verdict=verdict)


def _doubts_of_activities(audited: Audit, rests: "RestsOn[Audit]") -> dict[tuple[str, str], list[Remark]]:
    """Why no line may be below on what the run, or an earlier one, says that it did; by the name of that statement."""
    declared, earlier = audited.declared, [a for a in audited.lineage.counted if a.data_by_its_word]
    against = next((note for note in declared.notes if note.kind is ACTIVITY_CONTRADICTED), None)
    doubt = doubt_of_the_activity(declared.activity, against, _without(ACTIVITY_TAG, rests))
    doubts = {ACTIVITY_TAG: [doubt]} if doubt else {}
    without = _without(EARLIER_ACTIVITY, rests)
    against_earlier = [DOUBTFUL(name=a.name, doubt=doubt.words) for a in earlier for doubt in a.activity_doubts]
    if against_earlier and without - {"below"}:
        doubts[EARLIER_ACTIVITY] = against_earlier[:_MOST_EARLIER]
    elif "above" in without:
        doubts[EARLIER_ACTIVITY] = [EARLIER_ACTIVITY_DECIDES(name=a.name) for a in earlier[:_MOST_EARLIER]]
    return doubts


def _without(statement: tuple[str, str], rests: "RestsOn[Audit]") -> set[Verdict | None]:
    """What the verdict would be without a statement that makes it milder."""
    return {ground.verdict_without for ground in rests.milder if statement in ground.names}


def figures_of(estimate: Estimate) -> Figures:
    """An estimate as thresholds see it."""
    return Figures(
        best_flop=estimate.best_flop,
        upper_flop=estimate.cautious_upper_flop,
        settle=estimate.settle,
        lower_flop=estimate.lower_flop,
        firm_flop=estimate.firm_flop,
    )


def _timed(assessment: Assessment, run: Run, estimate: Estimate, situation: Situation) -> Assessment:
    """An assessment with when its line was crossed; what a run generates updates no parameters."""
    updates = assessment.rule.basis == "updates"
    if updates and situation.role == "data-generator":
        return with_times(assessment, run, 0, 0)
    if updates or estimate.best_flop is None:
        return with_times(assessment, run, estimate.best_flop, estimate.updates_upper_flop)
    return with_times(assessment, run, estimate.best_flop + estimate.signal_flop, estimate.cautious_upper_flop)
