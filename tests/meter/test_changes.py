"""A model that becomes another one in the middle of a run: that step is inferred, the next one counted."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from tests.meter.against_torch import QUIET, close, counted_by_torch

ROWS = torch.randn(64, 32)
STEPS = 30


class Stack(nn.Module):
    """Layers of which an attribute says how many run."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(32, 32)
        self.layers = nn.ModuleList(nn.Linear(32, 32) for _ in range(4))
        self.depth = 2
        self.more = nn.Linear(32, 32)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        rows = self.first(rows)
        for layer in self.layers[: self.depth] if self.depth else self.layers:
            rows = layer(rows).relu()
        return self.more(rows).sum()


def by_attribute(model: Stack) -> None:
    model.depth = 4


def fewer_by_attribute(model: Stack) -> None:
    model.depth = 1


def append(model: Stack) -> None:
    model.depth = 0
    model.layers.append(nn.Linear(32, 32))


def insert(model: Stack) -> None:
    model.depth = 5
    model.layers.insert(0, nn.Linear(32, 32))


def delete(model: Stack) -> None:
    del model.layers[0], model.layers[0], model.layers[0]


def replace(model: Stack) -> None:
    model.more = nn.Linear(32, 900)


def replace_a_weight(model: Stack) -> None:
    model.more.weight, model.more.bias = nn.Parameter(torch.randn(900, 32)), nn.Parameter(torch.zeros(900))


def freeze(model: Stack) -> None:
    model.first.requires_grad_(False)


CHANGES = (by_attribute, fewer_by_attribute, append, insert, delete, replace, replace_a_weight, freeze)


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_in_the_run_is_seen_at_once(change: Callable[[Any], None]) -> None:
    model = Stack()
    kept = list(model.parameters())  # as an optimizer keeps them
    before = counted_by_torch(lambda: model(ROWS).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for place in range(2 * STEPS):
        if place == STEPS:
            change(model)
        with meter.step():
            model(ROWS).backward()
        if place == STEPS - 1:
            assert meter.model_flop == STEPS * before
    meter.close()
    after = counted_by_torch(lambda: model(ROWS).backward())
    assert kept and after != before
    assert close(meter.model_flop, STEPS * (before + after), 0.01)


def test_graphs_that_vary_and_take_the_same_are_soon_left_alone() -> None:
    """As experts that are called by turns: other nodes, the same FLOP."""

    class Varies(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer, self.turn = nn.Linear(32, 32), 0

        def forward(self, rows: torch.Tensor) -> torch.Tensor:
            self.turn += 1
            rows = self.layer(rows)
            for _ in range(self.turn):
                rows = rows + 1
            return rows.sum()

    model = Varies()
    expected = counted_by_torch(lambda: Varies()(ROWS).backward())
    meter = FlopsMeter(model, settings=QUIET)
    watched: list[int] = []
    begin = meter._start_watching
    meter._start_watching = lambda: (watched.append(1), begin())[1]  # type: ignore[method-assign]
    for _ in range(60):
        with meter.step():
            model(ROWS).backward()
    assert (meter.model_flop, meter.totals.inferred_flop) == (60 * expected, 0)
    assert len(watched) <= 20
