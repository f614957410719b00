"""Attacks on the ledger. `make test` runs a short set, `make test-attacks` (FLOPS_AUDITOR_ATTACKS=full) the whole."""

import os

FULL = os.environ.get("FLOPS_AUDITOR_ATTACKS") == "full"


def tries(short: int, full: int) -> int:
    """How many random cases a test makes."""
    return full if FULL else short
