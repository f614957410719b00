"""What the exit codes mean; scripts and CI gates rely on them."""

from flops_auditor.domain.values.figures import Verdict

FINE = 0
FAILED = 1
USAGE = 2
OVER_THRESHOLD = 3
EVIDENCE_INCOMPLETE = 4

OF_VERDICT: dict[Verdict, int] = {"below": FINE, "above": OVER_THRESHOLD, "indeterminate": EVIDENCE_INCOMPLETE}
