"""The Merkle tree against RFC 6962's vectors, its recursive definition, and pymerkle."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymerkle import InmemoryTree

from flops_auditor.domain.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    MerkleTree,
    frontier,
    is_consistent,
    leaf_hash,
    node_hash,
    root_from_inclusion,
)

# The leaves and roots that Certificate Transparency implementations test (certificate-transparency-go, merkle/rfc6962).
CT_LEAVES = [
    bytes.fromhex(leaf)
    for leaf in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
CT_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(leaves) <= 1:
        return leaf_hash(leaves[0]) if leaves else EMPTY_ROOT
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return node_hash(by_definition(leaves[:k]), by_definition(leaves[k:]))


LEAVES = [str(number).encode() for number in range(70)]
HASHES = [leaf_hash(leaf) for leaf in LEAVES]
TREE = MerkleTree(HASHES)


def test_the_vectors_of_certificate_transparency() -> None:
    for size, expected in enumerate(CT_ROOTS, start=1):
        hashes = [leaf_hash(leaf) for leaf in CT_LEAVES[:size]]
        assert CompactRange.of(0, hashes).root().hex() == expected
        assert MerkleTree(hashes).root().hex() == expected


@pytest.mark.parametrize("size", range(len(LEAVES) + 1))
def test_every_root_is_the_one_of_the_definition(size: int) -> None:
    expected = by_definition(LEAVES[:size])
    assert CompactRange.of(0, HASHES[:size]).root() == expected
    assert TREE.root(size) == expected


@given(st.lists(st.integers(0, 40), max_size=6))
def test_a_tree_hashed_in_pieces_is_the_same_tree(widths: list[int]) -> None:
    """A sealer appends batches of any size; a verifier hashes them in several processes."""
    whole, at = CompactRange(), 0
    for width in widths:
        whole = whole.join(CompactRange.of(at, [leaf_hash(bytes([index % 256])) for index in range(at, at + width)]))
        at += width
    expected = CompactRange.of(0, [leaf_hash(bytes([index % 256])) for index in range(at)])
    assert whole == expected
    assert frontier(at, [node[2] for node in whole.nodes]) == whole
    assert len(whole.nodes) == at.bit_count()


@given(st.integers(0, 300), st.lists(st.integers(0, 40), min_size=1, max_size=4))
def test_ranges_that_begin_anywhere_join(begin: int, widths: list[int]) -> None:
    hashes = [leaf_hash(str(index).encode()) for index in range(sum(widths))]
    whole, at = CompactRange(begin, begin), 0
    for width in widths:
        whole = whole.join(CompactRange.of(begin + at, hashes[at : at + width]))
        at += width
    assert whole == CompactRange.of(begin, hashes)


def test_a_gap_does_not_join() -> None:
    with pytest.raises(ValueError, match="does not follow"):
        CompactRange.of(0, HASHES[:2]).join(CompactRange.of(3, HASHES[3:4]))
    with pytest.raises(ValueError, match="first leaf"):
        CompactRange.of(1, HASHES[1:2]).root()
    with pytest.raises(ValueError, match="frontier"):
        frontier(3, HASHES[:1])


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 20, 33, 70])
def test_inclusion_is_proven_for_every_leaf_and_for_no_other_place(size: int) -> None:
    for index in range(size):
        proof = TREE.inclusion_proof(index, size)
        assert root_from_inclusion(index, size, HASHES[index], proof) == TREE.root(size)
        for wrong in {index - 1, index + 1, size} - {index}:
            assert root_from_inclusion(wrong, size, HASHES[index], proof) != TREE.root(size)
        assert root_from_inclusion(index, size, leaf_hash(b"forged"), proof) != TREE.root(size)
        if proof:
            assert root_from_inclusion(index, size, HASHES[index], proof[:-1]) != TREE.root(size)
        assert root_from_inclusion(index, size, HASHES[index], [*proof, HASHES[0]]) is None


def test_consistency_is_proven_for_every_pair_and_no_other_root_passes() -> None:
    for new in (1, 2, 3, 6, 7, 8, 15, 70):
        for old in range(new + 1):
            proof = TREE.consistency_proof(old, new)
            assert is_consistent(old, new, TREE.root(old), TREE.root(new), proof)
            assert not is_consistent(old, new, leaf_hash(b"other"), TREE.root(new), proof)
            if old:
                assert not is_consistent(old, new, TREE.root(old), leaf_hash(b"other"), proof)
            if proof:
                assert not is_consistent(old, new, TREE.root(old), TREE.root(new), proof[:-1])
                assert not is_consistent(old, new, TREE.root(old), TREE.root(new), [*proof, HASHES[0]])
                changed = [leaf_hash(b"x"), *proof[1:]]
                assert not is_consistent(old, new, TREE.root(old), TREE.root(new), changed)
    assert not is_consistent(3, 2, TREE.root(3), TREE.root(2), [])


@given(st.integers(1, 70), st.data())
def test_pymerkle_agrees(size: int, data: st.DataObject) -> None:
    oracle = InmemoryTree(algorithm="sha256")
    for leaf in LEAVES[:size]:
        oracle.append_entry(leaf)
    assert oracle.get_root() == TREE.root(size)
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size))
    path = oracle.prove_inclusion(index + 1, size).path
    assert [bytes(step) for step in path[1:]] == TREE.inclusion_proof(index, size)
    assert oracle.get_root(old) == TREE.root(old)


def test_there_is_no_proof_of_what_is_not_there() -> None:
    with pytest.raises(ValueError, match="no leaf"):
        TREE.inclusion_proof(5, 5)
    with pytest.raises(ValueError, match="no trees"):
        TREE.consistency_proof(5, 71)
    assert root_from_inclusion(-1, 5, HASHES[0], []) is None
