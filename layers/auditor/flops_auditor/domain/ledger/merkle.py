"""The Merkle tree of the log: RFC 6962, section 2.1, with the verification algorithms of RFC 9162, section 2.1.

A *compact range* covers the leaves [begin, end) with the fewest complete subtrees. One that begins at 0 is the tree's
frontier: all that a sealer needs to append, whatever the tree's size. Ranges join, so a tree may be hashed in pieces.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves (RFC 9162, section 2.1.1)."""


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256(0x00 || leaf): RFC 9162, section 2.1.1."""
    return sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right): RFC 9162, section 2.1.1."""
    return sha256(b"\x01" + left + right).digest()


Node = tuple[int, int, bytes]
"""(level, index at that level, hash) of a complete subtree: the leaves [index << level, (index + 1) << level)."""


@dataclass(frozen=True, slots=True)
class CompactRange:
    """The leaves [begin, end) as complete subtrees, left to right. Joining costs O(log n)."""

    begin: int = 0
    end: int = 0
    nodes: tuple[Node, ...] = ()

    @classmethod
    def of(cls, begin: int, leaf_hashes: Sequence[bytes]) -> "CompactRange":
        """The range of these leaves, of which the first has the index `begin`."""
        ascending: list[Node] = []
        descending: list[Node] = []
        hashes, level, index = list(leaf_hashes), 0, begin
        while hashes:
            if index & 1:
                ascending.append((level, index, hashes[0]))
                hashes = hashes[1:]
                index += 1
            if len(hashes) & 1:
                descending.append((level, index + len(hashes) - 1, hashes[-1]))
            hashes = [
                sha256(b"\x01" + left + right).digest() for left, right in zip(hashes[::2], hashes[1::2], strict=False)
            ]
            level, index = level + 1, index >> 1
        return cls(begin, begin + len(leaf_hashes), (*ascending, *reversed(descending)))

    def join(self, right: "CompactRange") -> "CompactRange":
        """This range followed by the adjacent one."""
        if right.begin != self.end:
            raise ValueError(f"a range from {right.begin} does not follow one to {self.end}")
        nodes = list(self.nodes)
        for node in right.nodes:
            level, index, digest = node
            while nodes and nodes[-1][0] == level and index & 1:
                digest = node_hash(nodes.pop()[2], digest)
                level, index = level + 1, index >> 1
            nodes.append((level, index, digest))
        return CompactRange(self.begin, right.end, tuple(nodes))

    def root(self) -> bytes:
        """The Merkle tree hash of the leaves [0, end); only of a range that begins at 0."""
        if self.begin:
            raise ValueError("a root needs the range from the first leaf on")
        if not self.nodes:
            return EMPTY_ROOT
        digest = self.nodes[-1][2]
        for _, _, left in reversed(self.nodes[:-1]):
            digest = node_hash(left, digest)
        return digest


def frontier(size: int, hashes: Sequence[bytes]) -> CompactRange:
    """A frontier from its hashes alone. Raises ValueError if their number does not fit the size."""
    levels = [level for level in reversed(range(size.bit_length())) if size >> level & 1]
    if len(levels) != len(hashes) or any(len(digest) != HASH_BYTES for digest in hashes):
        raise ValueError(f"{len(hashes)} hashes are not the frontier of {size} leaves")
    nodes = tuple((level, (size >> level) - 1, digest) for level, digest in zip(levels, hashes, strict=True))
    return CompactRange(0, size, nodes)


class MerkleTree:
    """A whole tree in memory (64 bytes per leaf), for making proofs."""

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        for digest in leaf_hashes:
            self.append(digest)

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, digest: bytes) -> None:
        """Add one leaf hash."""
        index = len(self)
        self._levels[0] += digest
        level = 0
        while index & 1:
            digest = node_hash(self._at(level, index - 1), digest)
            level, index = level + 1, index >> 1
            if level == len(self._levels):
                self._levels.append(bytearray())
            self._levels[level] += digest

    def root(self, size: int | None = None) -> bytes:
        """MTH(D[0:size])."""
        size = len(self) if size is None else size
        return self._range(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int) -> list[bytes]:
        """PATH(index, D[0:size]), RFC 9162, section 2.1.3.1: siblings from the leaf up."""
        if not 0 <= index < size <= len(self):
            raise ValueError(f"no leaf {index} in a tree of {size}")
        return self._path(index, 0, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """PROOF(old, D[0:new]), RFC 9162, section 2.1.4.1; empty if the sizes are equal or the old tree is empty."""
        if not 0 <= old <= new <= len(self):
            raise ValueError(f"no trees of {old} and {new} leaves")
        return self._subproof(old, 0, new, True) if 0 < old < new else []

    def _at(self, level: int, index: int) -> bytes:
        return bytes(self._levels[level][index * HASH_BYTES : (index + 1) * HASH_BYTES])

    def _range(self, begin: int, end: int) -> bytes:
        width = end - begin
        if width & (width - 1) == 0:
            level = width.bit_length() - 1
            return self._at(level, begin >> level)
        middle = begin + _split(width)
        return node_hash(self._range(begin, middle), self._range(middle, end))

    def _path(self, index: int, begin: int, end: int) -> list[bytes]:
        if end - begin == 1:
            return []
        middle = begin + _split(end - begin)
        if index < middle:
            return [*self._path(index, begin, middle), self._range(middle, end)]
        return [*self._path(index, middle, end), self._range(begin, middle)]

    def _subproof(self, old: int, begin: int, end: int, known: bool) -> list[bytes]:
        if begin + old == end:
            return [] if known else [self._range(begin, end)]
        width = _split(end - begin)
        middle = begin + width
        if old <= width:
            return [*self._subproof(old, begin, middle, known), self._range(middle, end)]
        return [*self._subproof(old - width, middle, end, False), self._range(begin, middle)]


def root_from_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes]) -> bytes | None:
    """The root that the proof leads to from a leaf hash (RFC 9162, section 2.1.3.2); None if it cannot fit."""
    if not 0 <= index < size:
        return None
    node, last, digest = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return None
        if node & 1 or node == last:
            digest = node_hash(sibling, digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            digest = node_hash(digest, sibling)
        node, last = node >> 1, last >> 1
    return digest if last == 0 else None


def is_consistent(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree of `new` leaves extends the tree of `old` leaves (RFC 9162, section 2.1.4.2)."""
    if not 0 <= old <= new:
        return False
    if old in (0, new):
        return not proof and (old_root == (new_root if old == new else EMPTY_ROOT))
    path = list(proof) if old & (old - 1) else [old_root, *proof]
    if not path:
        return False
    node, last = old - 1, new - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old_digest = new_digest = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if node & 1 or node == last:
            old_digest = node_hash(sibling, old_digest)
            new_digest = node_hash(sibling, new_digest)
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            new_digest = node_hash(new_digest, sibling)
        node, last = node >> 1, last >> 1
    return last == 0 and old_digest == old_root and new_digest == new_root


def _split(width: int) -> int:
    """The largest power of two smaller than `width` (width > 1)."""
    return 1 << (width - 1).bit_length() - 1
