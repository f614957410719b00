"""What a benchmark measured, each figure beside its floor of the same run: as JSON, and as a table for people."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

Better = Literal["less", "more"]
TIMES = ("s", "ms", "us", "records/s", "audits/s")
"""Units whose amounts depend on how fast the machine is."""
SAME_CODE = "at "
"""How a floor begins that is the same code at another size: growth alone can be seen beside it."""


@dataclass(frozen=True)
class Figure:
    """One measured amount. `floor` is what the same machine does at least, or at best, in the same run; `target` is in
    the same unit, and `asked` says it in words where it is no plain amount. `size` is what a figure of growth was
    measured with, of a series whose `name` they share. `timed` says of an amount that follows from a time in another
    unit that it does, and of a time that is only counted that it does not.
    """

    name: str
    value: float
    unit: str
    better: Better = "less"
    floor: float | None = None
    floor_is: str = ""
    target: float | None = None
    asked: str = ""
    size: int | None = None
    timed: bool | None = None

    @property
    def key(self) -> str:
        """What the figure is called among all of a benchmark."""
        return self.name if self.size is None else f"{self.name} ({self.size:,})"

    @property
    def ratio(self) -> float | None:
        """How near to its floor it is: 1.0 at the floor, less where it is worse; None without a floor."""
        if not self.floor:
            return None
        if self.better == "more":
            return self.value / self.floor
        return self.floor / self.value if self.value else 1.0

    @property
    def of_time(self) -> bool:
        """Whether it depends on how fast the machine is."""
        return self.unit in TIMES if self.timed is None else self.timed

    @property
    def has_own_floor(self) -> bool:
        """Whether it stands beside something else than the same code at another size."""
        return bool(self.floor) and not self.floor_is.startswith(SAME_CODE)

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.better == "less" else self.value >= self.target

    def as_json(self) -> dict[str, Any]:
        """Its members, and what follows from them."""
        ratio = self.ratio
        return {**asdict(self), "ratio": None if ratio is None else round(ratio, 4), "met": self.met}


def figures_of(document: dict[str, Any]) -> list[Figure]:
    """The figures in a benchmark's JSON."""
    names = Figure.__dataclass_fields__
    return [Figure(**{name: each[name] for name in names if name in each}) for each in document["figures"]]


def amount(value: float | None) -> str:
    """A number as people read it: whole from a hundred on, else three digits."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def asked(figure: Figure) -> str:
    """The target in words."""
    if figure.asked or figure.target is None:
        return figure.asked
    return f"{'<=' if figure.better == 'less' else '>='} {amount(figure.target)}"


def table(figures: Sequence[Figure]) -> str:
    """In Markdown."""
    lines = ["| what | now | unit | floor, same run | of the floor | target | met |"]
    lines.append("| --- | ---: | --- | ---: | ---: | ---: | --- |")
    for each in figures:
        floor = f"{amount(each.floor)} ({each.floor_is})" if each.floor is not None else ""
        met = {True: "yes", False: "**no**", None: ""}[each.met]
        cells = (each.key, amount(each.value), each.unit, floor, amount(each.ratio), asked(each), met)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def show(bench: str, figures: Sequence[Figure], as_json: bool, **details: Any) -> int:
    """Print the figures; the exit code, which is 1 where a target is missed. `details` are in the JSON alone."""
    if as_json:
        print(json.dumps({"bench": bench, "figures": [each.as_json() for each in figures], **details}, indent=1))
    else:
        print(table(figures))
    return int(any(each.met is False for each in figures))
