"""Cases from evidence, by the reader of the service that ran the run."""

from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.sources.registry import SERVICES, Services, read_run


def read_case(body: bytes, services: Services = SERVICES) -> Case:
    """A case from its evidence file. Raises MalformedEvidence, UnknownSource, and what the source's reader raises."""
    evidence = parse_evidence(body)
    return Case(evidence, read_run(evidence, services), body)


def case_of(evidence: Evidence, services: Services = SERVICES) -> Case:
    """A case from evidence that was just collected. Raises UnknownSource, and what the source's reader raises."""
    return Case(evidence, read_run(evidence, services), evidence.to_bytes())
