"""A case: the evidence of one run with the run that was read from it, once, and handed on from step to step."""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from hashlib import sha256

from flops_auditor.domain.runs.evidence import Evidence, Unread, written_at
from flops_auditor.domain.runs.run import Run


@dataclass(frozen=True)
class Case:
    """Evidence and its run. `read` is the evidence file that they were read from, where there is one."""

    evidence: Evidence
    run: Run
    read: bytes | None = None

    @cached_property
    def body(self) -> bytes:
        """The evidence file, byte for byte as it is kept. What is only looked at, as a running job is, needs none."""
        return self.evidence.to_bytes() if self.read is None else self.read

    @property
    def tells_of(self) -> datetime | None:
        """The latest point in time that the answers tell of, as far as an audit reads it; nothing records it earlier.

        Amendments are beside them: people make them by clocks of their own.
        """
        evidence = self.evidence
        written = (written_at(answer) for answer in evidence.objects.values() if not isinstance(answer, Unread))
        looks = (look.at for look in evidence.tags_seen)
        spans = (span.end for span in self.run.time.spans)
        told = (evidence.collected_at, *written, *looks, *spans)
        return max((each for each in told if each is not None), default=None)

    @property
    def digest(self) -> str:
        """SHA-256 of the evidence file, in hex."""
        return sha256(self.body).hexdigest()
