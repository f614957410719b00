"""What a bundle may have in place of evidence, or of an object with ancestors, that no verifier reads: a word.

Nobody signed it, so whoever hands a bundle on can write it. It is taken where the release that made the record may have
kept something so large; where that release bounds what it keeps, what was signed is missing.
"""

from flops_auditor.domain.ledger.ledger_errors import EvidenceMismatch, LedgerError, TooLarge

LEFT_OUT = b"too large to be exported"
_BEFORE_BOUNDS = "0.0."
"""Versions of the code that kept whatever there was begin so."""


def bounds(code_version: str) -> bool:
    """Whether a version of the code keeps nothing that is too large for a verifier."""
    return not code_version.startswith(_BEFORE_BOUNDS)


def left_out(what: str, bounded: bool) -> LedgerError:
    """What it means that the word stands in place of something; `bounded`: by the version that kept it."""
    if bounded:
        return EvidenceMismatch(
            f"{what} missing: the bundle says too large, but its record's release keeps none so large"
        )
    return TooLarge(f"{what} not here: the bundle says that it is too large, which nobody can check")
