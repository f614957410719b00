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
    """How many autograd nodes the forward of each kind of call makes."""

    def __init__(self) -> None:
        self._nodes: dict[int, set[int]] = {}
        self._to_be_counted: set[int] = set()

    def fits(self, key: int, nodes: int) -> bool:
        """Whether a forward that was not counted made a graph like those before; the first one sets what they are."""
        known = self._nodes.setdefault(key, {nodes})
        return nodes in known or len(known) > _MOST_GRAPHS

    def accept(self, key: int, nodes: int) -> None:
        """Another graph, and the same FLOP."""
        self._nodes[key].add(nodes)

    def begin_anew(self, key: int) -> None:
        """Another graph, and other FLOP: what was counted holds no more, and the next call is counted."""
        self._nodes.pop(key, None)
        self._to_be_counted.add(key)

    def changed(self, key: int) -> bool:
        """Whether calls of this kind are to be counted anew."""
        return key in self._to_be_counted

    def counted(self, key: int) -> None:
        """A call was counted."""
        self._to_be_counted.discard(key)
