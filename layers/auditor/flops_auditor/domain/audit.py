"""The audit of one job as a pure function: evidence in, estimate and verdicts out.

The same function serves the deployed path, the command line and a verifier that recomputes a record from its evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from flops_auditor.domain.amounts import scientific
from flops_auditor.domain.aws_flops_meter import apply_flops_meter
from flops_auditor.domain.declared import Declared, read_declared
from flops_auditor.domain.evidence import Evidence
from flops_auditor.domain.hardware import HardwareTable
from flops_auditor.domain.job import TrainingJob, parse_training_job
from flops_auditor.domain.job_estimate import Estimate, ModelSize, estimate_job
from flops_auditor.domain.lineage import Ancestor, Cumulative, accumulate
from flops_auditor.domain.observations import observe
from flops_auditor.domain.policy import Assessment, Figures, Original, Policy, Verdict, assess, most_severe
from flops_auditor.domain.trainer_metrics import TrainerMetrics
from flops_auditor.domain.training_time import training_time


class KnownModel(Protocol):
    """A base model of the table, as far as an audit asks it."""

    @property
    def model_id(self) -> str: ...
    @property
    def size(self) -> ModelSize | None: ...
    @property
    def original(self) -> Original: ...


class ModelCatalogue(Protocol):
    """Finds a base model by any name it goes by."""

    def find(self, identifier: str) -> KnownModel | None: ...


@dataclass(frozen=True)
class Tables:
    """What every audit looks up, with the SHA-256 of each file by name."""

    hardware: HardwareTable
    models: ModelCatalogue | None
    metrics: TrainerMetrics
    policies: tuple[Policy, ...]
    digests: Mapping[str, str]


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


def audit(evidence: Evidence, tables: Tables, ancestors: Sequence[Ancestor] = ()) -> Audit:
    """Audit a job from its evidence. Raises MalformedJob when the description is not one of a training job."""
    job = parse_training_job(evidence.description, evidence.tags)
    declared = read_declared(job)
    time = training_time(job, evidence.collected_at)
    observed = observe(evidence, job, time, tables.metrics)
    model = tables.models.find(declared.base_model) if tables.models and declared.base_model else None
    size = model_size(declared, model)
    declared, observed = apply_flops_meter(evidence.files, declared, observed, size)
    unread = [f"evidence could not be read: {unread}" for unread in evidence.unread]
    estimate = estimate_job(job, declared, time, observed, tables.hardware, size, unread)
    original = find_original(declared, model)
    own = Figures(estimate.best_flop, estimate.upper_flop)
    cumulative = accumulate(own, job.job_id, ancestors)
    doubts = (*estimate.doubts, *cumulative.doubts)
    figures = Figures(cumulative.best_flop, cumulative.upper_flop, doubts, estimate.settle)
    assessments = tuple(a for p in tables.policies for a in assess(p, declared.activity, figures, original))
    if declared.activity == "not-training":
        verdict: Verdict = "indeterminate" if estimate.doubts else "below"
    else:
        verdict = most_severe([a.verdict for a in assessments])
    base_model = model.model_id if model else declared.base_model
    return Audit(job, declared, base_model, original, estimate, cumulative, assessments, verdict)


def model_size(declared: Declared, model: KnownModel | None) -> ModelSize | None:
    """Parameters of the model: what the job says goes before the table."""
    known = model.size if model else None
    total = declared.parameters or (known.total if known else None)
    if total is None:
        return None
    if declared.parameters is None and known is not None:
        return ModelSize(total, declared.active_parameters or known.active, known.source)
    return ModelSize(total, declared.active_parameters or total, "tag flops-auditor:params")


def find_original(declared: Declared, model: KnownModel | None) -> Original:
    """Pretraining compute of the original: what the job says wins, a contradiction with the table is said."""
    table = model.original if model else None
    if declared.pretraining_flop is None:
        found = table or Original()
        systemic = found.systemic_risk or declared.systemic_risk_original
        return Original(found.pretraining_flop, systemic, found.source, found.trusted, declared.threshold_doubts)
    source = f"the job says {scientific(declared.pretraining_flop)} FLOP of pretraining"
    known = table.pretraining_flop if table else None
    if known is not None and not known <= 2 * declared.pretraining_flop <= 4 * known:
        source += f"; the table has {scientific(known)} for {model.model_id if model else ''}, a contradiction"
    return Original(declared.pretraining_flop, declared.systemic_risk_original, source)
