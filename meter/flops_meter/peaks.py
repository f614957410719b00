"""Peak FLOP/s of the hardware that this process runs on, for model FLOPs utilisation (MFU)."""

import json
import os
import re
from functools import cache
from importlib import resources

import torch


@cache
def _table() -> dict[str, float]:
    """Dense TFLOP/s by name, as in the auditor's accelerators.csv (`python -m bench.meter_peaks` writes it)."""
    return dict(json.loads(resources.files("flops_meter").joinpath("peaks.json").read_text())["dense_tflops"])


def device_name() -> str | None:
    """The accelerator's name as its driver gives it; None on a CPU."""
    return torch.cuda.get_device_name() if torch.cuda.is_available() else None


def peak_flop_per_second(name: str | None) -> float | None:
    """Dense BF16 peak of one unit (FP16 where there is no BF16), FLOP/s; None where it is not known.

    FLOPS_METER_PEAK_TFLOPS goes first: for hardware that the table does not know.
    """
    said = os.environ.get("FLOPS_METER_PEAK_TFLOPS")
    if said:
        try:
            return float(said) * 1e12
        except ValueError:
            return None
    if name is None:
        return None
    for known in sorted(_table(), key=len, reverse=True):
        if re.search(rf"(?<![A-Za-z0-9]){re.escape(known)}(?![A-Za-z0-9])", name):
            return _table()[known] * 1e12
    return None
