"""What torch's own counter says, with attention that it can see into."""

from collections.abc import Callable
from inspect import unwrap

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from flops_meter.journal import Settings

QUIET = Settings(write=None)
IN_PLACE = {
    getattr(torch.ops.aten, f"{name}_"): unwrap(flop_registry[getattr(torch.ops.aten, name)])
    for name in ("addmm", "baddbmm")
}
"""For FlopCounterMode's custom_mapping: products that it knows, and not where they are done in place. TRL works its
losses out in chunks so."""


def counted_by_torch(run: Callable[[], object]) -> int:
    """FLOP of everything that runs, attention as plain products."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def close(found: int, expected: int, tolerance: float = 0.02) -> bool:
    """Within 2 % of what torch counts."""
    return abs(found - expected) <= tolerance * expected


__all__ = ["QUIET", "close", "counted_by_torch", "torch"]
