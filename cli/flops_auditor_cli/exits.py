"""What the exit codes mean; scripts and CI gates rely on them."""

TYPE_CHECKING = False
if TYPE_CHECKING:  # the program's first lines import this, and typing would be most of their time
    from flops_auditor.domain.values.figures import Verdict

FINE = 0
FAILED = 1
USAGE = 2
OVER_THRESHOLD = 3
EVIDENCE_INCOMPLETE = 4
FAILED_OF = {"verify": 2}
"""Of a command for which 1 is a result: of `verify` it is that a bundle was tampered with, and 2 that it cannot say."""
INTERRUPTED = 130
"""128 + SIGINT, as a shell expects."""

OF_VERDICT: "dict[Verdict, int]" = {"below": FINE, "above": OVER_THRESHOLD, "indeterminate": EVIDENCE_INCOMPLETE}
