"""The audit of one job as a pure function: evidence in, estimate and verdicts out.

The same function serves the deployed path, the command line and a verifier that recomputes a record from its evidence.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.run_estimate import Estimate, estimate_job
from flops_auditor.domain.law.policy import Assessment, Policy, assess
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Cumulative, Lineage, accumulate
from flops_auditor.domain.originals.find_origin import ModelCatalogue, find_origin
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.apply_amendments import amend_declared, amend_observations
from flops_auditor.domain.runs.aws_flops_meter import apply_flops_meter
from flops_auditor.domain.runs.declared import Activity, Declared, read_declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.observations import observe
from flops_auditor.domain.runs.sources.training_job import TrainingJob, parse_training_job
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.runs.training_time import training_time
from flops_auditor.domain.values.figures import Figures, Verdict, most_severe


@dataclass(frozen=True)
class Tables:
    """What every audit looks up, with the files that it was parsed from, by name."""

    hardware: HardwareTable
    models: ModelCatalogue | None
    metrics: TrainerMetrics
    policies: tuple[Policy, ...]
    files: Mapping[str, bytes]

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """File name -> SHA-256 in hex: what a record names."""
        return {name: sha256(content).hexdigest() for name, content in self.files.items()}


@dataclass(frozen=True)
class Audit:
    """All that is known of a job after its audit. `base_model` is the resolved id, or what the job calls it."""

    job: TrainingJob
    declared: Declared
    base_model: str
    original: Original
    estimate: Estimate
    cumulative: Cumulative
    assessments: tuple[Assessment, ...]
    verdict: Verdict
    lineage: Lineage = NO_LINEAGE


def audit(evidence: Evidence, tables: Tables, lineage: Lineage = NO_LINEAGE) -> Audit:
    """Audit a job from its evidence and what is recorded of the jobs it continues.

    Raises MalformedJob when the description is not one of a training job.
    """
    job = parse_training_job(evidence.description, evidence.tags)
    said = read_declared(job)
    time = training_time(job, evidence.collected_at)
    observed = observe(evidence, job, time, tables.metrics)
    origin = find_origin(amend_declared(said, evidence.amendments), lineage, tables.models)
    said, observed = apply_flops_meter(evidence.files, said, observed, origin.size)
    declared = amend_declared(said, evidence.amendments)
    observed = amend_observations(observed, evidence.amendments)
    unread = [f"evidence could not be read: {unread}" for unread in evidence.unread]
    estimate = estimate_job(job, declared, time, observed, tables.hardware, origin.size, unread)
    own = Figures(estimate.best_flop, estimate.cautious_upper_flop)
    cumulative = accumulate(own, job.job_id, lineage, declared.activity)
    doubts = (*estimate.doubts, *cumulative.doubts)
    updates = Figures(cumulative.updates_best_flop, cumulative.updates_upper_flop, doubts, estimate.settle)
    everything = Figures(cumulative.best_flop, cumulative.upper_flop, doubts, estimate.settle)
    activity = activity_of(declared, lineage)
    assessments = tuple(a for p in tables.policies for a in assess(p, activity, updates, origin.original, everything))
    if activity == "not-training":
        verdict: Verdict = "indeterminate" if estimate.doubts else "below"
    else:
        verdict = most_severe([a.verdict for a in assessments])
    return Audit(job, declared, origin.base_model, origin.original, estimate, cumulative, assessments, verdict, lineage)


def activity_of(declared: Declared, lineage: Lineage) -> Activity:
    """The activity that the thresholds are chosen by.

    Who continues a model that they pretrained themselves is its provider, no modifier: the model as a whole counts.
    """
    pretrained = any(ancestor.activity == "pretraining" for ancestor in lineage.ancestors)
    return "pretraining" if pretrained and declared.activity == "fine-tuning" else declared.activity
