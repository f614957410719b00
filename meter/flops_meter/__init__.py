"""flops-meter: model FLOP of a training run, counted inside the container on the basis of Annex A.1 of the Guidelines.

    from flops_meter import FlopsMeter
    meter = FlopsMeter(model)
    with meter.step(tokens=n):
        loss.backward()
    meter.model_flop

Importing this package needs the standard library alone; torch is imported when a meter is made.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flops_meter.hosts.lightning import FlopsMeterLightningCallback
    from flops_meter.hosts.trainer import FlopsMeterCallback
    from flops_meter.meter import FlopsMeter

__all__ = ["FlopsMeter", "FlopsMeterCallback", "FlopsMeterLightningCallback"]
__version__ = "0.1.0"

_HOMES = {
    "FlopsMeter": "flops_meter.meter",
    "FlopsMeterCallback": "flops_meter.hosts.trainer",
    "FlopsMeterLightningCallback": "flops_meter.hosts.lightning",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, and only then the frameworks that it needs."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  nothing more than needed at import

    return getattr(import_module(_HOMES[name]), name)
