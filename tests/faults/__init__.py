"""Faults, injected. `make test` runs a short set, `make test-faults` (FLOPS_AUDITOR_FAULTS=full) the whole."""

import os
import sys
from pathlib import Path

FULL = os.environ.get("FLOPS_AUDITOR_FAULTS") == "full"


FIGURES = Path(__file__).resolve().parents[2] / "build" / "fault-figures.txt"


def told(figure: str) -> None:
    """A figure for docs/reliability.md, on stderr; that of the full set is kept in build/fault-figures.txt too."""
    sys.stderr.write(f"FIGURE {figure}\n")
    if FULL:
        FIGURES.parent.mkdir(exist_ok=True)
        with FIGURES.open("a", encoding="utf-8") as file:
            file.write(figure + "\n")
