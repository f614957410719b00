"""A job of very many revisions is compared in as many steps as it has, and what is said of it stays short
(domain/ledger/agreement.py).
"""

from collections.abc import Callable
from typing import Any

import pytest

from flops_auditor.domain.ledger import agreement
from flops_auditor.domain.ledger.agreement import Agreement, Row, Rows
from flops_auditor.domain.ledger.findings import Defect

MANY = 500
MOST_COMPARED = 10
"""Of one revision with others."""
JOB = b"a job..."
ABSENT = 2 * MANY


class Comparisons:
    """Counts how often the revision of a row is put before or after another one."""

    def __init__(self) -> None:
        self.count = 0

    def row(self, *members: Any) -> Row:
        counts = self

        class Counted(int):
            def __lt__(self, other: int) -> bool:
                counts.count += 1
                return int(self) < other

            def __gt__(self, other: int) -> bool:
                counts.count += 1
                return int(self) > other

        row = Row(*members)
        return row._replace(revision=Counted(row.revision))


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Comparisons:
    comparisons = Comparisons()
    monkeypatch.setattr(agreement, "Row", comparisons.row)
    return comparisons


def rows(revisions: list[int]) -> Rows:
    """One job's records in the order of the log, each of which supersedes the one before; and, of each, a descendant
    that lists a revision that is not there.
    """
    line = "{:06d}".format
    packed = bytearray()
    references = bytearray()
    for leaf, revision in enumerate(revisions):
        before = line(revision - 1).encode() if revision else bytes(6)
        digests = (line(revision).encode(), before, b"states", b"states" if revision else bytes(6), b"as one")
        packed += agreement._ROW.pack(JOB, leaf, revision, *digests, b"same", bytes(4), bytes(4), 1000 + leaf, True)
        references += agreement._REFERENCE.pack(JOB, ABSENT + leaf, b"as one", leaf, 1000)
    return Rows(bytes(packed), bytes(references))


def defects(revisions: list[int]) -> list[Defect]:
    """What does not agree."""
    several = Agreement()
    several.add(rows(revisions))
    return [each for each in several.check(lambda _: iter(()), lambda line: line) if each.error != "AncestorNotHere"]


@pytest.mark.parametrize(
    ("order", "found"),
    [(list, 0), (lambda numbers: list(reversed(numbers)), MANY), (lambda numbers: [3 * each for each in numbers], 499)],
    ids=["in order", "backwards", "with gaps"],
)
def test_each_revision_is_compared_a_few_times(
    compared: Comparisons, order: Callable[[range], list[int]], found: int
) -> None:
    told = defects(order(range(MANY)))
    assert [each.error for each in told] == ["RevisionOutOfOrder"] * found
    assert compared.count <= MOST_COMPARED * MANY


def test_what_is_said_of_one_out_of_order_names_the_highest_before_it() -> None:
    said = [each.message for each in defects([1, 4, 3])]
    assert said == [
        "leaf 0 is revision 1, after none",
        "leaf 1 is revision 4, after 1",
        "leaf 2 is revision 3, after 4",
    ]
    assert max(len(each.message) for each in defects(list(reversed(range(MANY))))) < 60
