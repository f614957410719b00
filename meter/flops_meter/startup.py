"""FLOPS_METER=1 alone: switches the meter on for trainers, without a change of the training code.

`flops_meter.pth` in site-packages runs activate() when Python starts with that variable set (docs/adr/1701). Nothing
is imported then but this module: it waits until a trainer's module has been imported, and adds the callback in its
constructor.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import logging
import sys
from collections.abc import Callable, Sequence
from functools import wraps
from types import ModuleType
from typing import Any

import flops_meter.job  # noqa: F401  notes when the process began

_log = logging.getLogger("flops_meter")


def _add_to_transformers(module: ModuleType) -> None:
    _extend(module.Trainer, _transformers_callback)


def _add_to_lightning(module: ModuleType) -> None:
    _extend(module.Trainer, _lightning_callback)


_TRAINERS: dict[str, Callable[[ModuleType], None]] = {
    "transformers.trainer": _add_to_transformers,
    "lightning.pytorch.trainer.trainer": _add_to_lightning,
    "pytorch_lightning.trainer.trainer": _add_to_lightning,
}


def activate() -> None:
    """Wait for trainers. A second call does nothing."""
    for name, add in _TRAINERS.items():
        if name in sys.modules:
            add(sys.modules[name])
    if not any(isinstance(each, _Waiting) for each in sys.meta_path):
        sys.meta_path.insert(0, _Waiting())


class _Waiting(importlib.abc.MetaPathFinder):
    """Finds nothing itself; has a trainer's module extended once it has been loaded."""

    def __init__(self) -> None:
        self._looking = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname not in _TRAINERS or self._looking:
            return None
        self._looking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._looking = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Extending(spec.loader, _TRAINERS[fullname])
        return spec


class _Extending(importlib.abc.Loader):
    """Loads with the loader that was found, then extends."""

    def __init__(self, loader: Any, extend: Callable[[ModuleType], None]) -> None:
        self._loader, self._extend = loader, extend

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)  # type: ignore[no-any-return]

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        try:
            self._extend(module)
        except Exception:
            _log.exception("flops-meter: %s could not be extended; this run is not counted", module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)


def _extend(trainer: Any, add: Callable[[Any], None]) -> None:
    plain = trainer.__init__
    if getattr(plain, "_flops_meter", False):
        return

    @wraps(plain)
    def constructor(self: Any, *args: Any, **kwargs: Any) -> None:
        plain(self, *args, **kwargs)
        try:
            add(self)
        except Exception:
            _log.exception("flops-meter could not be added to the trainer; this run is not counted")

    constructor._flops_meter = True  # type: ignore[attr-defined]
    trainer.__init__ = constructor


def _transformers_callback(trainer: Any) -> None:
    from flops_meter.hosts.trainer import FlopsMeterCallback  # noqa: PLC0415  transformers is loaded by now

    if not any(isinstance(each, FlopsMeterCallback) for each in trainer.callback_handler.callbacks):
        trainer.add_callback(FlopsMeterCallback(trainer))


def _lightning_callback(trainer: Any) -> None:
    from flops_meter.hosts.lightning import FlopsMeterLightningCallback  # noqa: PLC0415

    if not any(isinstance(each, FlopsMeterLightningCallback) for each in trainer.callbacks):
        trainer.callbacks.append(FlopsMeterLightningCallback())
