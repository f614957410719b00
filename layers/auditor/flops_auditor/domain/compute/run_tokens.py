"""D of the architecture-based method for one job: how many tokens it trained on, and who says so."""

from fractions import Fraction
from math import ceil

from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.observations import AGREEMENT, Observations
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.amounts import scientific


def measured_tokens(run: Run, observed: Observations) -> tuple[int, str] | None:
    if "tokens" in observed.emitted:
        emitted = observed.emitted["tokens"]
        return ceil(emitted.value), f"metric {emitted.name[:80]}"
    if run.billed_tokens:
        return run.billed_tokens, "BillableTokenCount"
    return None


def tokens_of(
    run: Run,
    declared: Declared,
    observed: Observations,
    uses: tuple[HardwareUse, ...],
    notes: list[str],
) -> tuple[int | None, str]:
    """Tokens of all epochs and where they come from. What a tag says goes first, unless more was measured."""
    measured, said = measured_tokens(run, observed), declared.tokens
    if said is None:
        return measured or _tokens_from_rate(observed, uses)
    source = declared.tokens_source
    if measured is None or measured[0] <= said * AGREEMENT:
        return said, source
    counts = "the larger number" if declared.tagged("tokens") else "the amendment"
    notes.append(
        f"contradictory evidence: {scientific(said)} tokens ({source}), but {scientific(measured[0])} ({measured[1]}): "
        f"{counts} counts"
    )
    return measured if declared.tagged("tokens") else (said, source)


def _tokens_from_rate(observed: Observations, uses: tuple[HardwareUse, ...]) -> tuple[int | None, str]:
    """Tokens/s times the training time: too many where training paused, never too few while it ran at that rate."""
    over = {
        "token_rate": max((use.seconds for use in uses), default=Fraction(0)),
        "token_rate_per_unit": sum((use.unit_seconds for use in uses), Fraction(0)),
    }
    for quantity, seconds in over.items():
        emitted = observed.emitted.get(quantity)
        if emitted is not None and seconds:
            return round(emitted.value * seconds), f"metric {emitted.name} over the training time"
    return None, ""
