"""The audit of one job as a pure function: evidence in, estimate and verdicts out.

The same function serves the deployed path, the command line and a verifier that recomputes a record from its evidence.
"""

from dataclasses import dataclass

from flops_auditor.domain.audit.situation_of_run import situation_of
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.audit.when_met import with_times
from flops_auditor.domain.compute.run_estimate import Estimate, estimate_job
from flops_auditor.domain.law.assessment import Assessment, assess, silent_policies
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Cumulative, Lineage, accumulate
from flops_auditor.domain.originals.find_origin import find_origin
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.apply_amendments import amend_declared, amend_observations
from flops_auditor.domain.runs.aws_flops_meter import apply_flops_meter
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.observations import facts_of, observe
from flops_auditor.domain.runs.remedies import GRANT
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe
from flops_auditor.domain.values.remarks import Kind, Remark

UNREAD = Kind("evidence-not-read", "evidence could not be read: {unread}", GRANT)


@dataclass(frozen=True)
class Audit:
    """All that is known of a job after its audit. `base_model` is the resolved id, or what the job calls it.

    `not_assessed` names the policies that have no rule for such a run.
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


def audit(case: Case, tables: Tables, lineage: Lineage = NO_LINEAGE) -> Audit:
    """Audit a run from its case and what is recorded of the runs that it continues. Never raises."""
    run, evidence = case.run, case.evidence
    said = run.declared
    observed = observe(evidence, run, tables.metrics)
    origin = find_origin(amend_declared(said, evidence.amendments), lineage, tables.models)
    said, observed = apply_flops_meter(evidence.files, said, observed, origin.size, facts_of(run))
    declared = amend_declared(said, evidence.amendments, {run.name, run.arn})
    observed = amend_observations(observed, evidence.amendments)
    unread = [UNREAD(unread=str(each), source=each.source) for each in evidence.unread]
    estimate = estimate_job(run, declared, observed, tables.hardware, tables.utilisation, origin.size, unread)
    cumulative = accumulate(
        figures_of(estimate),
        run.job_id,
        lineage,
        declared.activity,
        updates_upper_flop=estimate.updates_upper_flop,
        signal_flop=estimate.signal_flop,
        stated=declared.stated,
        doubts=estimate.doubts,
    )
    situation = situation_of(run, declared, origin.original, lineage, cumulative)
    assessments = tuple(_timed(a, run, estimate, situation) for p in tables.policies for a in assess(p, situation))
    silent = silent_policies(tables.policies, situation)
    if situation.role is None:
        verdict: Verdict = "indeterminate" if estimate.doubts else "below"
    else:
        verdict = most_severe([a.verdict for a in assessments])
    return Audit(
        run, declared, origin.base_model, origin.original, estimate, cumulative, assessments, verdict, lineage, silent
    )


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
