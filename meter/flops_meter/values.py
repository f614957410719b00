"""Which values a tensor holds: known by the storage that holds them, the state that it is in, and the part of it.

A storage is known by itself, never by its address: where one was, another may lie later. It is held weakly.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from itertools import count
from typing import Any

import torch
from torch.multiprocessing.reductions import StorageWeakRef

Origin = int | bytes
"""The number of a storage, or what an operation makes of which values: the same twice is the same."""
Values = tuple[Any, ...]
"""Origin, its state, and the part: offset, shape, strides. The same twice is the same values."""

_SPELLED = (bool, int, float, complex, str, type(None), torch.dtype, torch.device, torch.layout, torch.memory_format)


def tensors_in(given: Any) -> Iterator[torch.Tensor]:
    """Tensors among arguments or results, those in lists too; of a tensor that is made of others, those others."""
    if isinstance(given, torch.Tensor):
        parts = getattr(given, "__tensor_flatten__", None)
        if parts is None:
            yield given
        else:
            for name in parts()[0]:
                yield from tensors_in(getattr(given, name))
    elif isinstance(given, list | tuple):
        for each in given:
            yield from tensors_in(each)
    elif isinstance(given, Mapping):
        yield from tensors_in(list(given.values()))


class _Storage:
    """A storage, held weakly, and its states: torch's versions of it, by number.

    A version that was there before is the same state, whatever was written: what FSDP gathers again it declares to be
    so. Another one without a write that was seen is another count of the same state: `.data` counts anew.
    """

    def __init__(self, storage: Any, number: int) -> None:
        self.number = number
        self._kept = StorageWeakRef(storage)  # type: ignore[no-untyped-call]
        self._states: dict[int, int] = {}
        self._last = 0
        self.written = False

    @property
    def is_dead(self) -> bool:
        """Whether nobody holds it any more."""
        return bool(self._kept.expired())  # type: ignore[no-untyped-call]

    def state(self, version: int) -> int:
        """The number of the state in which a tensor's version shows it."""
        if version not in self._states:
            if self.written:
                self._last, self.written, self._states = self._last + 1, False, {}
            self._states[version] = self._last
        return self._states[version]


@dataclass(frozen=True)
class _Stand:
    """A tensor that holds the values of another one, as long as nobody writes to it."""

    state: int
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    values: Values
    places: frozenset[int]

    def values_of(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> Values | None:
        """Of a part of it: the same part of what it stands for; None for what is no part of it."""
        start, steps = self._distance(offset - self.offset), [self._distance(each) for each in strides]
        if start is None or None in steps:
            return None
        origin, version, first, _, _ = self.values
        return origin, version, first + start, shape, tuple(steps)

    @cached_property
    def _axes(self) -> list[tuple[int, int]]:
        """Strides here and there, the longest first."""
        pairs = zip(self.strides, self.values[4], self.shape, strict=True)
        return sorted(((here, there) for here, there, size in pairs if here > 0 and size > 1), reverse=True)

    def _distance(self, here: int) -> int | None:
        there = 0
        if here < 0:
            return None
        for stride, other in self._axes:
            there += here // stride * other
            here %= stride
        return None if here else there


class Identities:
    """Storages by number, and what tensors stand for: a copy in another precision or place for what it was made of,
    what an operation made for the same that it makes of the same values again."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._storages: dict[int, _Storage] = {}
        self._stands: dict[int, _Stand] = {}

    def forget_dead(self) -> None:
        """Forget storages that nobody holds any more."""
        for address, known in list(self._storages.items()):
            if known.is_dead:
                del self._storages[address]
                self._stands.pop(known.number, None)

    def doubt_all(self) -> None:
        """Nobody looked: what has another version now may be in another state."""
        for each in self._storages.values():
            each.written = True

    def number(self, tensor: torch.Tensor) -> int:
        """Of a tensor's storage; 0 for one without any of its own."""
        known = self._storage(tensor)
        return 0 if known is None else known.number

    def wrote(self, tensors: Any) -> None:
        """Something was written to them."""
        for each in tensors_in(tensors):
            known = self._storage(each)
            if known is not None:
                known.written = True

    def _storage(self, tensor: torch.Tensor) -> _Storage | None:
        try:
            storage = tensor.untyped_storage()
        except (RuntimeError, NotImplementedError):
            return None
        known = self._storages.get(storage._cdata)
        if known is None:
            known = self._storages[storage._cdata] = _Storage(storage, next(self._numbers))
        return known

    def places(self, tensor: torch.Tensor) -> frozenset[int]:
        """Numbers of the storages whose values it is made of, as far as that is known: its own, else."""
        stand = self._stand(tensor)
        return stand.places if stand is not None else frozenset({self.number(tensor) or next(self._numbers)})

    def values(self, tensor: torch.Tensor) -> Values | None:
        """Which values it holds; None where that cannot be said: in several storages, or in no order of strides."""
        known = self._storage(tensor)
        if known is None or tensor.layout is not torch.strided:
            return None
        part = _part(tensor)
        stand = self._stand(tensor)
        found = stand.values_of(*part) if stand is not None else None
        return found or (known.number, known.state(_version(tensor)), *part)

    def product(self, operands: Any) -> tuple[Values, ...] | None:
        """Which values an operation is of."""
        found = [self.values(each) for each in tensors_in(operands)]
        return None if None in found else tuple(each for each in found if each is not None)

    def copied(self, source: torch.Tensor, copy: torch.Tensor) -> None:
        """A copy in another precision or on another device."""
        values = self.values(source)
        if values is not None:
            self.stands_for(copy, values, self.places(source))

    def stands_for(self, tensor: torch.Tensor, values: Values, places: frozenset[int]) -> None:
        """A tensor holds these values, from now on."""
        known = self._storage(tensor)
        if known is None or tensor.layout is not torch.strided or tuple(tensor.shape) != values[3]:
            return
        if self.values(tensor) != values:
            self._stands[known.number] = _Stand(known.state(_version(tensor)), *_part(tensor), values, places)

    def made(self, operation: str, arguments: Any, results: Any) -> None:
        """What an operation makes that makes the same of the same each time, and keeps nothing of what it is given."""
        given = list(tensors_in(arguments))
        spelled = self._spelled(arguments) if given else None
        if spelled is None:
            return
        places = frozenset().union(*(self.places(each) for each in given))
        numbers = {self.number(each) for each in given}
        for place, each in enumerate(tensors_in(results)):
            if self.number(each) not in numbers and each.layout is torch.strided:
                origin = blake2b(f"{operation} {place} {spelled}".encode(), digest_size=16).digest()
                self.stands_for(each, (origin, 0, *_part(each)), places)

    def _spelled(self, given: Any) -> str | None:
        """Arguments in words, tensors as the values that they hold; None where they cannot be told so."""
        if isinstance(given, torch.Tensor):
            values = [self.values(each) for each in tensors_in(given)]
            return None if None in values else repr(values)
        if isinstance(given, list | tuple | Mapping):
            parts = [self._spelled(each) for each in (given.items() if isinstance(given, Mapping) else given)]
            return None if None in parts else f"({', '.join(each for each in parts if each is not None)})"
        return repr(given) if isinstance(given, _SPELLED) else None

    def _stand(self, tensor: torch.Tensor) -> _Stand | None:
        if not self._stands:
            return None
        known = self._storage(tensor)
        stand = self._stands.get(known.number) if known is not None else None
        if known is None or stand is None or stand.state != known.state(_version(tensor)):
            return None
        return stand


def _part(tensor: torch.Tensor) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
    """Offset, shape, strides; those of axes of one step are no matter."""
    shape = tuple(tensor.shape)
    strides = tuple(stride if size > 1 else 0 for stride, size in zip(tensor.stride(), shape, strict=True))
    return int(tensor.storage_offset()), shape, strides


def _version(tensor: torch.Tensor) -> int:
    """How often a tensor was written to; tensors of the inference mode do not say."""
    return -1 if tensor.is_inference() else tensor._version
