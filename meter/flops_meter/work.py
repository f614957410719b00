"""Work: amounts of FLOP by kind, and the totals of a run. Pure: no torch."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields

Work = dict[str, int]
"""FLOP by kind. The kinds are below; ragged ones are FLOP per pair of positions that see each other."""

DENSE = "dense"
"""Grows with the number of positions: linear layers, convolutions, experts."""
PAIRED = "paired"
"""Grows with pairs of positions: attention scores and their product with the values."""
SURPLUS = "surplus"
"""Executed, but not counted: recomputed activations, and what an attention kernel recomputes (Annex A.1)."""
SIGNAL = "signal"
"""Forward work between the model and the loss that no gradient comes back through: no product of it needs any."""
DOUBTFUL = "doubtful"
"""The part of the counted FLOP that may be recomputation: what cannot be told from it."""
RAGGED = "ragged:"
"""With a window's width (0: none) behind it: FLOP per pair in a kernel that is given the bounds of each sequence."""
RAGGED_SURPLUS = "ragged-surplus:"


def add(into: Work, amounts: Mapping[str, int]) -> None:
    """Add each kind."""
    for kind, amount in amounts.items():
        into[kind] = into.get(kind, 0) + amount


def total(works: Iterable[Mapping[str, int]]) -> Work:
    """The sum, kind by kind."""
    result: Work = {}
    for work in works:
        add(result, work)
    return result


def counted(work: Mapping[str, int]) -> int:
    """FLOP that count, ragged kinds left out."""
    return work.get(DENSE, 0) + work.get(PAIRED, 0)


@dataclass(frozen=True)
class Gaps:
    """What a count may lack. `failed`: counting stopped on an error; `unknown`: operations that may hide work."""

    failed: bool = False
    unknown: frozenset[str] = frozenset()

    def plus(self, other: "Gaps") -> "Gaps":
        """Those of both."""
        return Gaps(self.failed or other.failed, self.unknown | other.unknown)


@dataclass
class Totals:
    """What a run has done so far. All amounts are whole numbers and only grow.

    model_flop: forward and backward passes of training steps, without recomputation (Annex A.1, the compute that
    directly contributes to parameter updates); padding_flop is the part of it spent on padding.
    surplus_flop: executed in training steps beside that: recomputed activations.
    generation_flop, reference_flop: forward passes that made training data (rollouts) or training signal (teachers,
    reference models): the cumulative basis only. evaluation_flop: diagnostics, on neither basis.
    discarded_flop: model FLOP of steps that an interruption lost and that were done again.
    inferred_flop: the part of model_flop that was inferred, not counted (a forward pass that was not seen).
    uncertain_flop: how far the sum may be off by chance, where calls that look alike did not take the same work, and
    what may be recomputation of an autograd function.
    tokens: positions of training passes without padding.
    steps: steps that trained and are in model_flop; uncounted_steps: steps of the run that are not: done before this
    meter knew of them, or of which it saw nothing. Together they are all of its steps.
    """

    model_flop: int = 0
    surplus_flop: int = 0
    padding_flop: int = 0
    evaluation_flop: int = 0
    generation_flop: int = 0
    reference_flop: int = 0
    discarded_flop: int = 0
    inferred_flop: int = 0
    uncertain_flop: int = 0
    tokens: int = 0
    steps: int = 0
    uncounted_steps: int = 0

    @property
    def executed_flop(self) -> int:
        """Everything that training steps executed."""
        return self.model_flop + self.surplus_flop

    @property
    def done_flop(self) -> int:
        """Model FLOP of all training steps, of those that were lost, too."""
        return self.model_flop + self.discarded_flop

    def plus(self, other: "Totals") -> "Totals":
        """The sum, field by field."""
        return Totals(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    def to_dict(self) -> dict[str, int]:
        """For a state file or another rank."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @classmethod
    def from_dict(cls, values: Mapping[str, object]) -> "Totals":
        """Read what to_dict gave; an absent field is 0. Raises ValueError for anything but whole numbers from 0."""
        found: dict[str, int] = {}
        for each in fields(cls):
            value = values.get(each.name, 0)
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ValueError(f"{each.name} must be a whole number from 0, not {value!r}")
            found[each.name] = value
        return cls(**found)


def together(counts: Iterable[Totals]) -> Totals:
    """The sum, field by field."""
    whole = Totals()
    for each in counts:
        whole = whole.plus(each)
    return whole
