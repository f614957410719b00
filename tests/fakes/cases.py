"""Cases for tests: evidence audited in one call, and remarks in words."""

from collections.abc import Iterable, Mapping
from typing import Any

from flops_auditor.domain.audit import audit as auditing
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.compute.run_estimate import Estimate
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Lineage
from flops_auditor.domain.runs.declared import Declared, read_declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_job import run_of, statements
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob, parse_training_job
from flops_auditor.domain.values.remarks import Kind, Remark


def audit(evidence: Evidence, tables: Tables, lineage: Lineage = NO_LINEAGE) -> Audit:
    """Audit evidence that no step before has read."""
    return auditing.audit(case_of(evidence), tables, lineage)


def run_from(description: Mapping[str, Any], **more: Any) -> Run:
    """The run of a description."""
    return case_of(Evidence(description, **more)).run


def run_of_job(job: TrainingJob) -> Run:
    """The run of a job that is parsed already."""
    return run_of(job, Evidence({}))


def declared_by(job: TrainingJob) -> Declared:
    """What a job declares."""
    return read_declared(statements(job))


def parsed(description: Mapping[str, Any]) -> TrainingJob:
    """A description, parsed."""
    return parse_training_job(description)


def kinds(estimate: Estimate) -> set[str]:
    """The names of the kinds of what an estimate assumes."""
    return {remark.kind.name for remark in estimate.assumptions}


def words(remarks: Iterable[Any]) -> tuple[str, ...]:
    """Remarks in words, as values or as records hold them."""
    return tuple(
        remark.words if isinstance(remark, Remark) else remark["words"] if isinstance(remark, Mapping) else remark
        for remark in remarks
    )


def remark(text: str) -> Remark:
    """A remark of no kind in particular."""
    return Kind("in-words", "{words}")(words=text)
