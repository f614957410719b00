"""Cases from evidence, by the reader of the service that ran the run."""

from flops_auditor.domain.runs.bounded_evidence import NO_MEMBERS, bounded
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.sources.registry import SERVICES, Services, read_run
from flops_auditor.domain.values.json_size import LARGEST_EVIDENCE, has_room


def read_case(body: bytes, services: Services = SERVICES) -> Case:
    """A case from its evidence file. Raises MalformedEvidence, UnknownSource, and what the source's reader raises."""
    evidence = parse_evidence(body)
    return Case(evidence, read_run(evidence, services), body)


def case_of(evidence: Evidence, services: Services = SERVICES) -> Case:
    """A case from evidence that was just collected. Raises UnknownSource, and what the source's reader raises."""
    return Case(evidence, read_run(evidence, services))


def kept_case(case: Case, services: Services = SERVICES) -> Case:
    """The case as it is kept: itself, or, where its evidence is too large for a verifier, one whose evidence is not.

    Raises UnknownSource, and what the source's reader raises.
    """
    if has_room(case.body, LARGEST_EVIDENCE):
        return case
    service = services.get(case.evidence.source)
    least, places = (service.least, service.place_members) if service else (dict, NO_MEMBERS)
    evidence = bounded(case.evidence, least, places)
    return case if evidence == case.evidence else case_of(evidence, services)
