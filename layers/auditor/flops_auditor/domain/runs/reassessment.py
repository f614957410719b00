"""A message that asks for a recorded job to be assessed again, since one that it continues was recorded or changed."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flops_auditor.domain.values.errors import MalformedEvent

LINEAGE_SOURCE = "flops-auditor.lineage"
_JOB_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Reassessment:
    """Which job. `after`: go on telling its descendants from this place of the index, instead of assessing it.
    `told_by`: the revision that has it assessed, in whose name the job is noted as waiting.
    """

    job_id: str
    after: str = ""
    told_by: str = ""

    def to_event(self) -> dict[str, Any]:
        """As it is queued, in the shape of the other events."""
        detail = {"JobId": self.job_id, "After": self.after, "ToldBy": self.told_by}
        return {"source": LINEAGE_SOURCE, "detail": detail}


def is_reassessment(event: object) -> bool:
    """Whether an event is such a message."""
    return isinstance(event, Mapping) and event.get("source") == LINEAGE_SOURCE


def parse_reassessment(event: object) -> Reassessment:
    """Read one. Raises MalformedEvent."""
    detail = event.get("detail") if isinstance(event, Mapping) else None
    if not isinstance(detail, Mapping) or not _JOB_ID.fullmatch(str(detail.get("JobId", ""))):
        raise MalformedEvent("a reassessment names no job id")
    return Reassessment(str(detail["JobId"]), str(detail.get("After", "")), str(detail.get("ToldBy", "")))
