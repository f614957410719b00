"""Hooks that a meter leaves on modules. A copied module reports to the same meter; a saved one forgets it."""

from collections.abc import Callable
from typing import Any


class ModuleHook:
    """Calls the meter. Copying a module keeps it; pickling one replaces it by nothing, so that torch.save works."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> None:
        self._call(*args)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ModuleHook":
        return self

    def __reduce__(self) -> tuple[type["SavedHook"], tuple[()]]:
        return SavedHook, ()


class SavedHook:
    """What a loaded module has in place of a meter's hook."""

    def __call__(self, *args: Any) -> None:
        return None


class OutputHook:
    """On the output of a pass: notes that gradients came back through it. Gone when nothing can come back any more."""

    __slots__ = ("__weakref__", "_arrived")

    def __init__(self, arrived: Callable[[], None]) -> None:
        self._arrived = arrived

    def __call__(self, gradient: Any) -> None:
        self._arrived()
