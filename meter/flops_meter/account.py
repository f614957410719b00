"""The totals of one process, with what is still on the device: read at intervals, never on the hot path."""

from dataclasses import dataclass
from typing import Any

import torch

from flops_meter.calls import Lengths
from flops_meter.work import DENSE, DOUBTFUL, PAIRED, RAGGED, RAGGED_SURPLUS, SIGNAL, SURPLUS, Totals, Work, counted

_MOST_WAITING = 4096
"""Calls whose lengths may wait on the device: some bytes each. More than that are read at once."""


@dataclass(frozen=True)
class _Waiting:
    """A training call whose lengths without padding, or whose pairs, are still on the device."""

    dense: int
    paired: int
    positions: int
    width: int
    real: torch.Tensor | None
    pairs: tuple[tuple[int, int, torch.Tensor], ...]
    """(model FLOP per pair, surplus FLOP per pair, pairs)"""
    counts_tokens: bool


class Account:
    """Adds up calls; `totals` reads what waits on the device first."""

    def __init__(self) -> None:
        self._totals = Totals()
        self._waiting: list[_Waiting] = []
        self._told = Totals()
        self._by_chance = 0

    @property
    def totals(self) -> Totals:
        """Everything so far. Waits for the device where lengths wait there."""
        if self._waiting:
            self._read()
        # An amount that was put right downwards stays where it was told until it has grown so far again.
        self._told = Totals(*(max(getattr(self._told, n), getattr(self._totals, n)) for n in self._totals.to_dict()))
        return self._told

    @property
    def known(self) -> Totals:
        """The totals without what waits on the device: to be added to, never to be told."""
        return self._totals

    def clear(self) -> None:
        """Forget everything: it was lost."""
        self._totals, self._told, self._waiting = Totals(), Totals(), []

    def correct(self, kind: str, amount: int, uncertain: int) -> None:
        """What sampled steps say of the others, which may be less than what was added for them."""
        field = f"{kind}_flop"
        setattr(self._totals, field, getattr(self._totals, field) + amount)
        self._totals.uncertain_flop += uncertain - self._by_chance
        self._by_chance = uncertain

    def train(self, work: Work, lengths: Lengths | None, pairs: dict[int, int], counts_tokens: bool) -> None:
        """A forward and backward pass. `pairs` are those of ragged kernels where the lengths do not tell them."""
        ragged: list[tuple[int, int, torch.Tensor]] = []
        paired, surplus = work.get(PAIRED, 0), work.get(SURPLUS, 0)
        for window in {int(kind.rpartition(":")[2]) for kind in work if ":" in kind}:
            each, spare = work.get(f"{RAGGED}{window}", 0), work.get(f"{RAGGED_SURPLUS}{window}", 0)
            amount = None if lengths is None else lengths.pairs(window)
            if amount is None:
                paired += each * pairs.get(window, 0)
                surplus += spare * pairs.get(window, 0)
            else:
                ragged.append((each, spare, amount))
        dense = work.get(DENSE, 0)
        self._totals.model_flop += dense + paired
        self._totals.surplus_flop += surplus
        self._totals.reference_flop += work.get(SIGNAL, 0)
        self._totals.uncertain_flop += work.get(DOUBTFUL, 0)
        real = None if lengths is None else lengths.real
        if lengths is None:
            return
        if real is None and counts_tokens:
            self._totals.tokens += lengths.positions
        if real is not None or ragged:
            if len(self._waiting) >= _MOST_WAITING:
                self._read()
            waiting = _Waiting(dense, paired, lengths.positions, lengths.width, real, tuple(ragged), counts_tokens)
            self._waiting.append(waiting)

    def pad(self, dense: int, paired: int, positions: int, tokens: int) -> None:
        """Padding of calls without a mask, where the step says how many of its positions are tokens."""
        if 0 <= tokens < positions:
            spare = dense * (positions - tokens) // positions
            self._totals.padding_flop += spare + paired * (positions**2 - tokens**2) // positions**2

    def forward_only(self, kind: str, work: Work, lengths: Lengths | None, pairs: dict[int, int]) -> None:
        """A forward pass that updates nothing: kind is evaluation, generation or reference."""
        flop = counted(work)
        for name, each in work.items():
            if name.startswith(RAGGED):
                window = int(name.rpartition(":")[2])
                amount = None if lengths is None else lengths.pairs(window)
                flop += each * (pairs.get(window, 0) if amount is None else int(amount))
        field = f"{kind}_flop"
        setattr(self._totals, field, getattr(self._totals, field) + flop)

    def _read(self) -> None:
        waiting, self._waiting = self._waiting, []
        lengths = iter(_values([each.real for each in waiting if each.real is not None]))
        pairs = iter(_values([amount.reshape(1) for each in waiting for _, _, amount in each.pairs]))
        totals = self._totals
        for each in waiting:
            for flop, spare, _ in each.pairs:
                amount = next(pairs)[0]
                totals.model_flop += flop * amount
                totals.surplus_flop += spare * amount
            if each.real is None:
                continue
            real = next(lengths)
            tokens = sum(real)
            if each.counts_tokens:
                totals.tokens += tokens
            if tokens < each.positions:
                totals.padding_flop += each.dense * (each.positions - tokens) // each.positions
                possible = each.positions * each.width
                totals.padding_flop += each.paired * max(possible - sum(n * n for n in real), 0) // possible


def _values(tensors: list[Any]) -> list[list[int]]:
    """The values of small tensors, with one wait for the device instead of one for each."""
    if not tensors:
        return []
    flat = torch.cat([each.detach().to(torch.int64).reshape(-1) for each in tensors]).tolist()
    result, place = [], 0
    for each in tensors:
        result.append(flat[place : place + each.numel()])
        place += each.numel()
    return result
