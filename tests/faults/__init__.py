"""Faults, injected. `make test` runs a short set, `make test-faults` (FLOPS_AUDITOR_FAULTS=full) the whole."""

import os
import sys

FULL = os.environ.get("FLOPS_AUDITOR_FAULTS") == "full"


def told(figure: str) -> None:
    """A figure for docs/reliability.md, on stderr; pytest shows it with -s."""
    sys.stderr.write(f"FIGURE {figure}\n")
