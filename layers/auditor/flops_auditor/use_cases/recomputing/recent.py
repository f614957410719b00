"""What was read lately, as far as it has room: by its size, since whoever signs records decides how large one is."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Values by their keys: `load` gives the bytes of one, `unpack` makes it of them. Those that were asked for last
    are kept, of at most so many bytes together, but always the last one.
    """

    def __init__(self, load: Callable[[K], bytes], unpack: Callable[[K, bytes], V], most: int) -> None:
        self._load, self._unpack, self._room = load, unpack, most
        self._held: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def __call__(self, key: K) -> V:
        """The value of a key. Raises what loading and unpacking it do."""
        if key not in self._held:
            packed = self._load(key)
            while self._held and len(packed) > self._room:
                self._room += self._held.popitem(last=False)[1][1]
            self._held[key] = self._unpack(key, packed), len(packed)
            self._room -= len(packed)
        self._held.move_to_end(key)
        return self._held[key][0]
