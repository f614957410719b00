"""What a verifier finds: defects that take a verdict away, and reservations that a valid bundle is given with."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from flops_auditor.domain.ledger.ledger_errors import CannotVerify, LedgerError, Reservation, TooLarge

Weight = Literal["tampered", "cannot verify", "reservation"]
MOST = 100
"""Findings of a kind that are told one by one; of the others the number is."""


@dataclass(frozen=True, slots=True)
class Defect:
    """One thing that was found: the error's name, what was seen, at which leaf if at one, and how much it weighs."""

    error: str
    message: str
    index: int | None = None
    weight: Weight = "tampered"

    @property
    def tampered(self) -> bool:
        """Whether it contradicts what was signed."""
        return self.weight == "tampered"


def defect_of(error: LedgerError, index: int | None = None) -> Defect:
    """An error as a finding."""
    weight: Weight = "tampered"
    if isinstance(error, Reservation):
        weight = "reservation"
    elif isinstance(error, CannotVerify):
        weight = "cannot verify"
    return Defect(error.name, str(error), index, weight)


@dataclass
class Findings:
    """Defects and reservations, the first of each kind one by one."""

    defects: list[Defect] = field(default_factory=list)
    reservations: list[Defect] = field(default_factory=list)
    more: dict[str, int] = field(default_factory=dict)

    @property
    def of_the_log(self) -> int:
        """How many defects keep the log from being followed; of what is too large, the record is in its place."""
        return sum(each.error != TooLarge.__name__ for each in self.defects)

    def add(self, defects: Iterable[Defect]) -> None:
        """Take them in; beyond MOST of one name they are counted alone."""
        for each in defects:
            into = self.reservations if each.weight == "reservation" else self.defects
            if sum(known.error == each.error for known in into) < MOST:
                into.append(each)
            else:
                self.more[each.error] = self.more.get(each.error, 0) + 1
