"""A case: the evidence of one run with the run that was read from it, once, and handed on from step to step."""

from dataclasses import dataclass
from hashlib import sha256

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.run import Run


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
