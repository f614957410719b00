"""What a call of the model looks like: its structure, its sizes, and the lengths of the sequences in it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

Structure = tuple[Any, ...]

_NOT_SHAPING = ("num_items_in_batch", "max_length_q", "max_length_k")
"""Arguments that change from step to step and no amount of work."""
_DEEPEST = 3
_MOST_ITEMS = 64


def describe(
    args: tuple[Any, ...], kwargs: Mapping[str, Any], values: bool = True
) -> tuple[Structure, tuple[int, ...]]:
    """The structure of the arguments, and every size in them. Reads shapes alone: nothing on a device.

    `values`: whether numbers and words among the arguments are part of the structure.
    """
    structure: list[Any] = []
    sizes: list[int] = []
    for value in args:
        _describe(value, structure, sizes, 0, values)
    for name, value in kwargs.items():
        if name not in _NOT_SHAPING:
            structure.append(name)
            _describe(value, structure, sizes, 0, values)
    return tuple(structure), tuple(sizes)


def _describe(value: Any, structure: list[Any], sizes: list[int], depth: int, values: bool) -> None:
    if isinstance(value, torch.Tensor):
        structure.append((value.dim(), value.requires_grad))
        sizes.extend(_nested_sizes(value) if value.is_nested else value.shape)
    elif value is None or isinstance(value, bool | str | int | float):
        structure.append(value if values or value is None else type(value).__name__)
    elif isinstance(value, list | tuple) and depth < _DEEPEST and len(value) <= _MOST_ITEMS:
        for each in value:
            _describe(each, structure, sizes, depth + 1, values)
    elif isinstance(value, Mapping) and depth < _DEEPEST and len(value) <= _MOST_ITEMS:
        for name, each in value.items():
            structure.append(name)
            _describe(each, structure, sizes, depth + 1, values)
    elif isinstance(value, list | tuple | Mapping):
        _summed(value, structure, sizes)
    elif depth < _DEEPEST and not hasattr(value, "get_seq_length") and (parts := _parts(value)):
        structure.append(type(value).__name__)
        _describe(parts, structure, sizes, depth, values)
    else:
        structure.append(type(value).__name__)
        if hasattr(value, "get_seq_length"):
            length = _cached_length(value)
            if length is not None:
                sizes.append(length)


def _nested_sizes(value: torch.Tensor) -> tuple[int, ...]:
    """Sequences of different lengths in one tensor: how many, and all their values."""
    if value.layout == torch.jagged:
        return value.size(0), *value.values().shape
    return value.size(0), value.numel()


def _summed(value: Any, structure: list[Any], sizes: list[int]) -> None:
    """More items than are looked at one by one, or too deep: how many, how large in all, and how unlike in size."""
    items = list(value.values()) if isinstance(value, Mapping) else list(value)
    numbers = [each.numel() for each in items if isinstance(each, torch.Tensor)]
    structure.append(type(value).__name__)
    sizes.extend((len(items), sum(numbers), sum(each * each for each in numbers)))


def _parts(value: Any) -> dict[str, Any]:
    """What an object of somebody's own holds: a batch as a dataclass, a graph. Not what modules and functions hold."""
    if isinstance(value, torch.nn.Module) or callable(value):
        return {}
    slots = {name: getattr(value, name, None) for name in getattr(type(value), "__slots__", ()) if name != "__dict__"}
    return {**slots, **getattr(value, "__dict__", {})}


def _cached_length(cache: Any) -> int | None:
    """Positions in a cache of keys and values, if that is known without asking the device."""
    try:
        length = cache.get_seq_length()
    except Exception:
        return None
    return length if isinstance(length, int) else None


def generates(kwargs: Mapping[str, Any]) -> bool:
    """Whether a call without gradients makes text: it has a cache, asks for one, or wants the last token alone."""
    if kwargs.get("past_key_values") is not None or kwargs.get("use_cache") is True:
        return True
    kept = kwargs.get("logits_to_keep")
    return isinstance(kept, int) and kept == 1


def tensors_of(output: Any) -> Iterator[torch.Tensor]:
    """Tensors that gradients may come back through: those on top, or, where there are none, those further down."""
    found = list(_walk(output, 1))
    yield from found or list(_walk(output, 4))


def _walk(value: Any, depth: int) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif depth > 0:
        if isinstance(value, Mapping):
            parts: Any = value.values()
        elif isinstance(value, list | tuple):
            parts = value
        else:
            parts = getattr(value, "__dict__", {}).values()
        for each in list(parts)[:_MOST_ITEMS]:
            yield from _walk(each, depth - 1)


@dataclass(frozen=True)
class Lengths:
    """Sequences of one call. `positions` is batch x length as handed in; `width` the length of a row.

    `real` are the lengths without padding, one per row (device tensor), or None where nothing tells them; `within` is
    the place of each position in its own sequence, where several are packed into a row.
    """

    positions: int
    width: int
    real: torch.Tensor | None = None
    within: torch.Tensor | None = None

    def pairs(self, window: int) -> torch.Tensor | None:
        """Pairs of positions that see each other in kernels that know each sequence's bounds; stays on the device.

        The sum over sequences of L x min(L, window), window 0 being none: with L squared as the sum of 2 p + 1.
        """
        if self.real is not None:
            lengths = self.real.to(torch.int64)
            return (lengths * (lengths.clamp(max=window) if window else lengths)).sum()
        if self.within is not None:
            places = self.within.to(torch.int64)
            each = 2 * places + 1
            return (torch.where(places < window, each, window) if window else each).sum()
        return None


def lengths_of(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Lengths | None:
    """The sequences of a call: from token ids or embeddings, the mask, the bounds or the places handed in with them."""
    ids = _tensor(kwargs, "input_ids", 2)
    if ids is None:
        ids = next((each for each in args if isinstance(each, torch.Tensor) and each.dim() == 2 and _whole(each)), None)
    shape = None if ids is None else ids.shape
    if shape is None:
        embeddings = kwargs.get("inputs_embeds")
        if not isinstance(embeddings, torch.Tensor) or embeddings.dim() != 3:
            return None
        shape = embeddings.shape[:2]
    positions, width = shape[0] * shape[1], shape[1]
    bounds = kwargs.get("cu_seq_lens_q")
    if isinstance(bounds, torch.Tensor):
        return Lengths(positions, width, bounds.diff())
    mask = kwargs.get("attention_mask")
    if isinstance(mask, torch.Tensor):
        if mask.dim() == 2 and tuple(mask.shape) == tuple(shape):
            return Lengths(positions, width, mask.sum(-1))
        return Lengths(positions, width)
    places = _tensor(kwargs, "position_ids", 2)
    return Lengths(positions, width, within=places)


def _tensor(kwargs: Mapping[str, Any], name: str, dimensions: int) -> torch.Tensor | None:
    value = kwargs.get(name)
    return value if isinstance(value, torch.Tensor) and value.dim() == dimensions else None


def _whole(tensor: torch.Tensor) -> bool:
    return not tensor.is_floating_point() and not tensor.is_complex() and tensor.dtype != torch.bool
