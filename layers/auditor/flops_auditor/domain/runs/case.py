"""A case: the evidence of one run with the run that was read from it, once, and handed on from step to step."""

from dataclasses import dataclass
from hashlib import sha256

from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.registry import SERVICES, Services, read_run


@dataclass(frozen=True)
class Case:
    """Evidence and its run. `body` is the evidence file, byte for byte as it is kept."""

    evidence: Evidence
    run: Run
    body: bytes

    @property
    def digest(self) -> str:
        """SHA-256 of the evidence file, in hex."""
        return sha256(self.body).hexdigest()


def read_case(body: bytes, services: Services = SERVICES) -> Case:
    """A case from its evidence file. Raises MalformedEvidence, UnknownSource, and what the source's reader raises."""
    evidence = parse_evidence(body)
    return Case(evidence, read_run(evidence, services), body)


def case_of(evidence: Evidence, services: Services = SERVICES) -> Case:
    """A case from evidence that was just collected. Raises UnknownSource, and what the source's reader raises."""
    return Case(evidence, read_run(evidence, services), evidence.to_bytes())
