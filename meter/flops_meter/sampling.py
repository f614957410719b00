"""Which steps are counted although all in them is remembered, and what their counts say of the steps between. Pure.

What is remembered by a call's looks need not be its work: a loss outside the model, an attribute, what the data holds.
So steps are counted at random, each with a probability that is known before it. Where a step's count is not what was
remembered, the difference counts for the steps like it that were not looked at: one over the probability. Whatever
changes, and however it does, the expected total is the true one (Horvitz and Thompson 1952, with the remembered work as
what is known beforehand); how far a short run can be from that is `uncertain`.
"""

from math import isqrt
from random import Random

LEAST = 1 / 32
"""A counted step costs a sixth more: one in 32 is half a percent."""
_STEADY = 2.0
"""The n-th step is counted with 2/n, then with LEAST: six steps of the first 16, ten of the first 128."""
_VARYING = 16.0
"""The same after a count that was not as remembered: every second one at first, LEAST after 512."""
_MOST_RESTARTS = 4
"""How often the run is looked at more closely again: what varies for ever is left to LEAST, and said to vary."""


class Samples:
    """The draws of a run. Ranks that draw with the same seed count the same steps, so that none waits for another."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)  # noqa: S311  which steps are looked at is no secret
        self._strength = _STEADY
        self._steps = 0
        self._restarts = 0
        self._squares = 0
        self.probability = 1.0
        """Of the step that was drawn last."""

    def draw(self) -> bool:
        """Whether the step that begins is counted."""
        self._steps += 1
        self.probability = max(LEAST, min(1.0, self._strength / self._steps))
        return self._random.random() < self.probability

    def correction(self, remembered: int, counted: int) -> int:
        """What a counted step's difference says of the steps between, in FLOP: 0 where all were counted."""
        off = counted - remembered
        rest = 1 / self.probability - 1
        self._squares += int(off * off * rest / self.probability)
        return int(off * rest)

    def varies(self) -> None:
        """A count was not as remembered: look more closely for some time."""
        if self._restarts < _MOST_RESTARTS:
            self._restarts += 1
            self._strength, self._steps = _VARYING, int(2 * _VARYING)

    @property
    def uncertain(self) -> int:
        """Two standard errors of all corrections, in FLOP: how far the total may be off by chance."""
        return 2 * isqrt(self._squares)
