"""Whether the model is still the one that was counted: without a look at every module in every step.

Two marks cost next to nothing. torch tells whoever asks of every module and parameter that is registered: where that
is in the model, the meter looks at its parameters again. And a forward that runs more, fewer or other layers makes
another number of autograd nodes, however it came to it: an attribute, a deleted layer, a branch.
"""

import gc
import sys
import weakref
from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.nn.modules import module as torch_module

_MOST_GRAPHS = 8
"""Graphs of one kind of call that took the same FLOP after all: from then on its number of nodes says nothing."""


_WATCHED: "weakref.WeakSet[nn.Module]" = weakref.WeakSet()
_COMPILED: "weakref.WeakSet[Any]" = weakref.WeakSet()
_LATEST = [0]
_HANDLES: list[Any] = []


def _registered(module: nn.Module, name: str, registered: Any) -> None:
    if module in _WATCHED:
        _LATEST[0] += 1
    if name == "_orig_mod":
        _COMPILED.add(module)


def _listen() -> None:
    """To what is registered in modules, from now on; what torch.compile wrapped before is looked for, once."""
    if _HANDLES:
        return
    _HANDLES.append(torch_module.register_module_module_registration_hook(_registered))
    _HANDLES.append(torch_module.register_module_parameter_registration_hook(_registered))
    if "torch._dynamo.eval_frame" in sys.modules:
        wrapper = sys.modules["torch._dynamo.eval_frame"].OptimizedModule
        # type(), since isinstance would ask lazy objects for their class and wake them
        _COMPILED.update(each for each in gc.get_objects() if type(each) is wrapper)


def watch_registrations(modules: Iterable[nn.Module]) -> int:
    """From now on know of what is registered in these modules. Returns what registrations() says now."""
    _WATCHED.update(modules)
    _listen()
    return registrations()


def compiled_forms() -> list[Any]:
    """What torch.compile wrapped, each with the module in `_orig_mod`."""
    _listen()
    return [each for each in _COMPILED if "_orig_mod" in each._modules]


def registrations() -> int:
    """A number that grows when a module or a parameter is registered in a module that is watched."""
    return _LATEST[0]


class Graphs:
    """How many autograd nodes the forward of each kind of call makes, where it is not counted."""

    def __init__(self) -> None:
        self._nodes: dict[int, set[int]] = {}
        self._doubts: dict[int, list[int]] = {}
        self._not_comparable: dict[int, int] = {}
        self._counted: dict[int, set[int]] = {}

    def made(self, key: int, nodes: int) -> None:
        """A forward that was not counted made so many. The first one sets what they are; another number is a doubt."""
        known = self._nodes.setdefault(key, {nodes})
        if nodes not in known and len(known) <= _MOST_GRAPHS:
            self._doubts.setdefault(key, []).append(nodes)

    def new_when_counted(self, key: int, nodes: int) -> bool:
        """Whether a forward that was counted made another number than all that were counted before it."""
        known = self._counted.setdefault(key, {nodes})
        if nodes in known or len(known) > _MOST_GRAPHS:
            return False
        known.add(nodes)
        return True

    def doubted(self, key: int) -> int:
        """How many calls made other graphs than those that were counted: the next one is to be counted."""
        return len(self._doubts.get(key, ()))

    def accept(self, key: int) -> None:
        """Another graph, and the same FLOP."""
        self._nodes[key].update(self._doubts.pop(key))

    def begin_anew(self, key: int, seen_before: bool) -> bool:
        """Another graph, and other FLOP, or sizes that nothing was known of: then the doubt stays, for some calls."""
        tried = self._not_comparable[key] = self._not_comparable.get(key, 0) + 1
        if not seen_before and tried % _MOST_GRAPHS:
            return False
        if seen_before:
            self._nodes.pop(key)
            self._doubts.pop(key)
        else:
            self.accept(key)
        return True
