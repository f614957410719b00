"""Making a meter for a host that was switched on by a variable: an error of the meter's ends no training."""

import logging
import os
from collections.abc import Mapping
from typing import Any

from torch import nn

from flops_meter.meter import FlopsMeter

_log = logging.getLogger("flops_meter")


def meter_for(model: nn.Module, *others: nn.Module, total_steps: int | None) -> FlopsMeter | None:
    """A meter, or None where none can be made: the run is then not counted, which the audit sees."""
    try:
        return FlopsMeter(model, *others, total_steps=total_steps)
    except Exception:
        if os.environ.get("FLOPS_METER_STRICT") == "1":
            raise
        _log.exception("flops-meter could not be made for this model; this run is not counted")
        return None


def go_on(meter: FlopsMeter, state: Mapping[str, Any], steps: int) -> None:
    """Take up a checkpoint's count; where that cannot be read, say that its steps are not counted."""
    try:
        meter.load_state_dict(dict(state))
    except (ValueError, TypeError, AttributeError) as error:
        _log.warning("flops-meter: the count in the checkpoint could not be read (%s)", error)
        meter.missed(steps)
