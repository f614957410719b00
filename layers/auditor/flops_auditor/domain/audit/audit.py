"""The audit of one job as a pure function: evidence in, estimate and verdicts out.

The same function serves the deployed path, the command line and a verifier that recomputes a record from its evidence.
"""

from dataclasses import dataclass

from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.compute.run_estimate import Estimate, estimate_job
from flops_auditor.domain.law.assessment import Assessment, assess
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Cumulative, Lineage, accumulate
from flops_auditor.domain.originals.find_origin import find_origin
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.apply_amendments import amend_declared, amend_observations
from flops_auditor.domain.runs.aws_flops_meter import apply_flops_meter
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.declared import Activity, Declared
from flops_auditor.domain.runs.observations import observe
from flops_auditor.domain.runs.remedies import GRANT
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe
from flops_auditor.domain.values.remarks import Kind

UNREAD = Kind("evidence-not-read", "evidence could not be read: {unread}", GRANT)


@dataclass(frozen=True)
class Audit:
    """All that is known of a job after its audit. `base_model` is the resolved id, or what the job calls it."""

    run: Run
    declared: Declared
    base_model: str
    original: Original
    estimate: Estimate
    cumulative: Cumulative
    assessments: tuple[Assessment, ...]
    verdict: Verdict
    lineage: Lineage = NO_LINEAGE


def audit(case: Case, tables: Tables, lineage: Lineage = NO_LINEAGE) -> Audit:
    """Audit a run from its case and what is recorded of the runs that it continues. Never raises."""
    run, evidence = case.run, case.evidence
    said = run.declared
    observed = observe(evidence, run, tables.metrics)
    origin = find_origin(amend_declared(said, evidence.amendments), lineage, tables.models)
    said, observed = apply_flops_meter(evidence.files, said, observed, origin.size)
    declared = amend_declared(said, evidence.amendments)
    observed = amend_observations(observed, evidence.amendments)
    unread = [UNREAD(unread=str(each), source=each.source) for each in evidence.unread]
    estimate = estimate_job(run, declared, observed, tables.hardware, origin.size, unread)
    own = Figures(estimate.best_flop, estimate.cautious_upper_flop)
    cumulative = accumulate(own, run.job_id, lineage, declared.activity)
    doubts = (*estimate.doubts, *cumulative.doubts)
    updates = Figures(cumulative.updates_best_flop, cumulative.updates_upper_flop, doubts, estimate.settle)
    everything = Figures(cumulative.best_flop, cumulative.upper_flop, doubts, estimate.settle)
    activity = activity_of(declared, lineage)
    day = run.ended.date() if run.ended else None
    assessments = tuple(
        a for p in tables.policies for a in assess(p, activity, updates, origin.original, everything, day)
    )
    if activity == "not-training":
        verdict: Verdict = "indeterminate" if estimate.doubts else "below"
    else:
        verdict = most_severe([a.verdict for a in assessments])
    return Audit(run, declared, origin.base_model, origin.original, estimate, cumulative, assessments, verdict, lineage)


def activity_of(declared: Declared, lineage: Lineage) -> Activity:
    """The activity that the thresholds are chosen by.

    Who continues a model that they pretrained themselves is its provider, no modifier: the model as a whole counts.
    """
    pretrained = any(ancestor.activity == "pretraining" for ancestor in lineage.ancestors)
    return "pretraining" if pretrained and declared.activity == "fine-tuning" else declared.activity
