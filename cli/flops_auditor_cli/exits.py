"""What the exit codes mean; scripts and CI gates rely on them."""

from flops_auditor.data import UnknownPolicy
from flops_auditor.domain.audit.plan import NothingToPlan
from flops_auditor.domain.runs.amendment import MalformedAmendment
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.figures import Verdict

FINE = 0
FAILED = 1
USAGE = 2
OVER_THRESHOLD = 3
EVIDENCE_INCOMPLETE = 4

OF_VERDICT: dict[Verdict, int] = {"below": FINE, "above": OVER_THRESHOLD, "indeterminate": EVIDENCE_INCOMPLETE}

WRONG_USAGE: tuple[type[AuditorError], ...] = (MalformedAmendment, NothingToPlan, UnknownPolicy)
"""Errors that say the command was given the wrong options, not that it failed."""
