"""Energy of a job, estimated from the board power of its accelerators (Annex XI, section 1, point 2(e))."""

from collections.abc import Sequence
from fractions import Fraction

from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.values.amounts import summed
from flops_auditor.domain.values.remarks import Kind

JOULES_PER_KWH = 3_600_000
ASSUMPTION = Kind(
    "energy-of-board-power",
    "energy: board power (TDP) of the accelerators over the training time; hosts, network and cooling are not included",
)


def energy_kwh(hardware: Sequence[HardwareUse]) -> Fraction | None:
    """Kilowatt-hours at TDP; None without known hardware."""
    if not hardware:
        return None
    return summed(use.unit_seconds * use.watts for use in hardware) / JOULES_PER_KWH
