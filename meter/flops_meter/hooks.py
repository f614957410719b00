"""Hooks that a meter leaves on modules. A copied module reports to the same meter; a saved one forgets it."""

from collections.abc import Callable
from typing import Any

import torch


class ModuleHook:
    """Calls the meter. Copying a module keeps it; pickling one replaces it by nothing, so that torch.save works."""

    def __init__(self, call: Callable[..., None]) -> None:
        self._call = call

    def __call__(self, *args: Any) -> None:
        if not torch.compiler.is_compiling():  # inside a compiled graph the hook is nothing: the graph stays whole
            self._call(*args)

    def __deepcopy__(self, memo: dict[int, Any]) -> "ModuleHook":
        return self

    def __reduce__(self) -> tuple[type["SavedHook"], tuple[()]]:
        return SavedHook, ()


class SavedHook:
    """What a loaded module has in place of a meter's hook."""

    def __call__(self, *args: Any) -> None:
        return None


class CompiledEntry:
    """In place of the compiled call that module.compile() left on a module: tells the meter before and after it."""

    def __init__(self, compiled: Callable[..., Any], before: Callable[..., None], after: Callable[..., None]) -> None:
        self._compiled, self._before, self._after = compiled, before, after

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self._before(args, kwargs)
        output = None
        try:
            output = self._compiled(*args, **kwargs)
        except BaseException:
            self._after(args, kwargs, None)
            raise
        self._after(args, kwargs, output)
        return output


class OutputHook:
    """On the output of a pass: notes that gradients came back through it. Gone when nothing can come back any more."""

    __slots__ = ("__weakref__", "_arrived")

    def __init__(self, arrived: Callable[[], None]) -> None:
        self._arrived = arrived

    def __call__(self, gradient: Any) -> None:
        self._arrived()
