"""How many records bear each of the names that they choose, in memory that no choice of names makes larger."""

from dataclasses import dataclass, field

MOST_NAMES = 100
"""Names that are counted one by one."""


@dataclass(slots=True)
class NamedCounts:
    """The first MOST_NAMES names in the order of their letters with their numbers, and the sum of all others.

    Of a name that is among the first at the end none was ever put to the others: each number is exact, and in whichever
    order records are counted and counts are joined, they are the same.
    """

    told: dict[str, int] = field(default_factory=dict)
    others: int = 0

    def add(self, name: str, number: int = 1) -> None:
        """So many more of a name; fewer, where some were counted twice."""
        if name in self.told:
            self.told[name] += number
        elif len(self.told) < MOST_NAMES:
            self.told[name] = number
        elif name > (last := max(self.told)):
            self.others += number
        else:
            self.others += self.told.pop(last)
            self.told[name] = number

    def join(self, more: "NamedCounts") -> None:
        """Those of other records."""
        for name, number in more.told.items():
            self.add(name, number)
        self.others += more.others

    def total(self) -> int:
        """Of all names together."""
        return sum(self.told.values()) + self.others
