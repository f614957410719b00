"""Whether the model is still the one that was counted: without a look at every module in every step.

Two marks cost nothing. torch tells whoever asks of every module and parameter that is registered anywhere in the
process: then the meter looks at the parameters again. And a forward that runs more, fewer or other layers makes
another number of autograd nodes, however it came to it: an attribute, a deleted layer, a branch.
"""

from typing import Any

from torch.nn.modules import module as torch_module

_MOST_GRAPHS = 8
"""Graphs of one kind of call that took the same FLOP after all: from then on its number of nodes says nothing."""


class _Registrations:
    """Counts what is registered in this process, once somebody has asked."""

    def __init__(self) -> None:
        self.count = 0
        self._handles: list[Any] = []

    def begin(self) -> None:
        if not self._handles:
            self._handles = [
                torch_module.register_module_module_registration_hook(self._one_more),
                torch_module.register_module_parameter_registration_hook(self._one_more),
            ]

    def _one_more(self, module: Any, name: str, registered: Any) -> None:
        self.count += 1


_REGISTRATIONS = _Registrations()


def registered() -> int:
    """A number that grows when a module or a parameter is registered anywhere in this process."""
    _REGISTRATIONS.begin()
    return _REGISTRATIONS.count


class Graphs:
    """How many autograd nodes the forward of each kind of call makes, where it is not counted."""

    def __init__(self) -> None:
        self._nodes: dict[int, set[int]] = {}
        self._doubts: dict[int, list[int]] = {}
        self._not_comparable: dict[int, int] = {}

    def made(self, key: int, nodes: int) -> None:
        """A forward that was not counted made so many. The first one sets what they are; another number is a doubt."""
        known = self._nodes.setdefault(key, {nodes})
        if nodes not in known and len(known) <= _MOST_GRAPHS:
            self._doubts.setdefault(key, []).append(nodes)

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
