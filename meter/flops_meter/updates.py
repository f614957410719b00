"""Whether weights, or their gradients, changed between two looks: a few values of some of them, however written."""

import weakref
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.weak import TensorWeakRef

_FEW = 4
_MOST = 512
"""Weights in a close look, at most."""
_VALUES = 16
_CHOOSE_AGAIN = 64
"""Looks after which weights are chosen again: others may be trained now."""

Gradient = tuple[TensorWeakRef, int] | None
"""A weight's gradient and how often it was written to. Its id says less: the next one may lie where it was."""


@dataclass(frozen=True)
class _Look:
    """Some weights as they were."""

    weights: Sequence[weakref.ref[nn.Parameter]] = ()
    values: Sequence[torch.Tensor | None] = ()
    gradients: Sequence[Gradient] = ()

    def differs(self, later: "_Look") -> bool:
        """Whether any of the weights that both looked at was another one then."""
        then = {id(each()): values for each, values in later.pairs()}
        return any(each() is not None and _differ(values, then.get(id(each()))) for each, values in self.pairs())

    def pairs(self) -> Iterable[tuple[weakref.ref[nn.Parameter], torch.Tensor | None]]:
        """Each weight and its values."""
        return zip(self.weights, self.values, strict=True)


class Updates:
    """Looks at weights that are trained, from the first to the last; at any where none needs gradients.

    Four of them in most steps; closely, at all of them: in steps that are counted, and in all once weights changed of
    which none was among the four. A look copies on the device and does not wait for it; `changed` does.
    """

    def __init__(self) -> None:
        self._weights: list[weakref.ref[nn.Parameter]] = []
        self._few = 0
        self._left = 0
        self._closely = False
        self._last = _Look()
        self._fed: _Look | None = None

    def look(self, modules: Iterable[nn.Module], closely: bool = False) -> None:
        """What the weights of these modules are now: a step begins."""
        self._left -= 1
        chosen = self._chosen(closely)
        if self._left < 0 or any(each() is None for each in chosen):
            self._left, (self._weights, self._few) = _CHOOSE_AGAIN, _spread(modules)
            chosen = self._chosen(closely)
        self._last = _Look(chosen, [_copied(each()) for each in chosen], [_gradient(each()) for each in chosen])

    def changed(self) -> bool:
        """Whether any of them is another one than at the last look."""
        for place, (each, before) in enumerate(self._last.pairs()):
            if _differ(before, _some(each())):
                self._closely = self._closely or place >= self._few
                return True
        return False

    def came_back(self) -> None:
        """Gradients came back in the step that began with the last look."""
        self._fed = self._last

    def had_unused_gradients(self) -> bool:
        """Whether at the last look there were gradients that had come back and had changed no weight yet.

        An optimizer that changes weights in this step, or after it, then does so by them.
        """
        return self._fed is not None and self.had_gradients() and not self._fed.differs(self._last)

    def are_of(self, module: nn.Module) -> bool:
        """Whether weights of this module are trained: not those of a teacher, where there are others."""
        wanted = any(each.requires_grad for each in module.parameters())
        return wanted or not any((each := seen()) is not None and each.requires_grad for seen in self._last.weights)

    def had_gradients(self) -> bool:
        """Whether any of them had a gradient at the last look."""
        return any(each is not None for each in self._last.gradients)

    def has_new_gradients(self) -> bool:
        """Whether any of them has a gradient that it had not at the last look: does not wait for the device."""
        last = self._last
        return any(_is_new(before, each()) for before, each in zip(last.gradients, last.weights, strict=True))

    def _chosen(self, closely: bool) -> list[weakref.ref[nn.Parameter]]:
        return self._weights if closely or self._closely else self._weights[: self._few]


def _gradient(parameter: nn.Parameter | None) -> Gradient:
    gradient = None if parameter is None else parameter.grad
    return None if gradient is None else (TensorWeakRef(gradient), gradient._version)


def _is_new(before: Gradient, parameter: nn.Parameter | None) -> bool:
    gradient = None if parameter is None else parameter.grad
    if gradient is None or before is None:
        return gradient is not None
    return before[0]() is not gradient or before[1] != gradient._version


def _spread(modules: Iterable[nn.Module]) -> tuple[list[weakref.ref[nn.Parameter]], int]:
    """Weights for a close look, and how many of them, from the first on, are the few."""
    every = list(dict.fromkeys(each for module in modules for each in module.parameters()))
    wanted = [each for each in every if each.requires_grad] or every
    few, most = _evenly(len(wanted), _FEW), _evenly(len(wanted), _MOST)
    return [weakref.ref(wanted[place]) for place in dict.fromkeys([*few, *most])], len(few)


def _evenly(whole: int, count: int) -> list[int]:
    """So many places among the whole, from the first to the last."""
    return sorted({place * (whole - 1) // (count - 1) for place in range(count)}) if whole else []


def _some(parameter: nn.Parameter | None) -> torch.Tensor | None:
    """Bits of values from its middle, this rank's own. None where it has none, others' shards come and go, or its kind
    of tensor lets nobody look at single values."""
    if parameter is None:
        return None
    try:
        own = getattr(parameter, "_local_tensor", parameter).detach()
        if own.layout is not torch.strided:
            own = own._values() if own.layout is torch.sparse_coo else own.values()
        if not own.numel() or own.is_meta:
            return None
        if own.is_complex():
            own = torch.view_as_real(own.resolve_conj())
        while own.dim() > 1:
            own = own[own.shape[0] // 2]
        return own.reshape(-1)[:_VALUES].contiguous().view(torch.uint8)
    except (RuntimeError, ValueError, TypeError):
        return None


def _copied(parameter: nn.Parameter | None) -> torch.Tensor | None:
    values = _some(parameter)
    return None if values is None else values.clone()


def _differ(before: torch.Tensor | None, now: torch.Tensor | None) -> bool:
    if before is None or now is None or before.shape != now.shape or before.device != now.device:
        return False
    return not torch.equal(before, now)
