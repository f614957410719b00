"""Records choose the names that they are counted by: what is told of these is exact, and bounded."""

from collections import Counter
from random import Random

import pytest

from flops_auditor.domain.ledger.named_counts import MOST_NAMES, NamedCounts


@pytest.mark.parametrize("names", [1, MOST_NAMES, MOST_NAMES + 1, 5 * MOST_NAMES])
def test_counts_are_exact_in_whichever_order_they_are_joined(names: int) -> None:
    random = Random(names)
    chosen = [f"policy-{random.randrange(names)}" for _ in range(10 * MOST_NAMES)]
    chunks = [NamedCounts() for _ in range(7)]
    for name in chosen:
        random.choice(chunks).add(name)
    random.shuffle(chunks)
    together = NamedCounts()
    for chunk in chunks:
        together.join(chunk)
    right = Counter(chosen)
    first = sorted(right)[:MOST_NAMES]
    assert together.told == {name: right[name] for name in first}
    assert together.others == len(chosen) - sum(together.told.values())
    assert together.total() == len(chosen)


def test_what_was_counted_twice_is_taken_away_again() -> None:
    counts = NamedCounts()
    names = [f"{number:03d}" for number in range(2 * MOST_NAMES)]
    for name in (*names, names[0], names[-1]):
        counts.add(name)
    for name in (names[0], names[-1]):
        counts.add(name, -1)
    assert (set(counts.told.values()), counts.others) == ({1}, MOST_NAMES)
