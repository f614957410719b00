"""Work that changes while the calls look the same: counted at random, the expected total is the true one."""

from collections.abc import Callable
from random import Random
from statistics import mean
from typing import Any

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from flops_meter.prediction import Predictor
from flops_meter.sampling import LEAST, Samples
from tests.meter.against_torch import QUIET, counted_by_torch

STEPS = 600


def changes_late(step: int, random: Random) -> int:
    return 100 if step < 260 else 1000


def alternates(step: int, random: Random) -> int:
    return 100 if step % 2 else 2000


def every_sixteenth(step: int, random: Random) -> int:
    return 100 if step % 16 else 2000


def by_chance(step: int, random: Random) -> int:
    return random.choice((100, 500, 2000))


def falls(step: int, random: Random) -> int:
    return 1000 if step < 300 else 100


@pytest.mark.parametrize("work", [changes_late, alternates, every_sixteenth, by_chance, falls])
def test_the_mean_of_many_runs_is_the_true_total(work: Callable[[int, Random], int]) -> None:
    found, true, covered = [], [], []
    for seed in range(150):
        samples, predictor, random = Samples(str(seed)), Predictor(), Random(seed)
        total = actual = 0
        for step in range(STEPS):
            now = work(step, random)
            actual += now
            sampled, known = samples.draw(), predictor.predict((8,))
            if known is not None and not sampled:
                total += known["dense"]
                continue
            total += now
            if known is not None and known["dense"] != now:
                total += samples.correction(known["dense"], now)
                samples.varies()
            predictor.add((8,), {"dense": now})
        found.append(total)
        true.append(actual)
        covered.append(abs(total - actual) <= samples.uncertain)
    assert abs(mean(found) / mean(true) - 1) < 0.06
    assert mean(covered) > 0.7, "what is said of the uncertainty holds in most runs"


def test_few_steps_are_counted_where_nothing_changes() -> None:
    samples = Samples("job")
    drawn = sum(samples.draw() for _ in range(20_000))
    assert drawn < 20_000 * LEAST * 1.15
    assert samples.probability == LEAST and samples.uncertain == 0


ROWS = torch.randn(16, 64)


class Heads(nn.Module):
    """A small head and a large one; an attribute says which."""

    def __init__(self) -> None:
        super().__init__()
        self.heads = nn.ModuleList([nn.Linear(64, 2), nn.Linear(64, 8192)])
        self.task = 0

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.heads[self.task](rows).sum()  # type: ignore[no-any-return]


def test_heads_by_turns_are_estimated_and_said_to_be() -> None:
    model = Heads()
    true = 60 * sum(counted_by_torch(lambda head=head: head(ROWS).sum().backward()) for head in model.heads)
    meter = FlopsMeter(model, settings=QUIET)
    for step in range(120):
        model.task = step % 2
        with meter.step():
            model(ROWS).backward()
    off = abs(meter.model_flop - true)
    assert off <= 1.5 * meter.totals.uncertain_flop < 1.5 * true


def test_work_in_front_of_the_model_beside_it_and_in_its_loss_is_seen() -> None:
    """A projector, a teacher and a head that nobody handed over."""
    projector, teacher, head = nn.Linear(64, 64), nn.Linear(64, 512).requires_grad_(False), nn.Linear(32, 512)
    model = nn.Linear(64, 32)

    def step(rows: torch.Tensor) -> None:
        with torch.no_grad():
            wanted = teacher(rows)
        (head(model(projector(rows))) - wanted).pow(2).mean().backward()

    batches = [torch.randn(4 + place, 64) for place in range(5)]
    true = 6 * sum(counted_by_torch(lambda rows=rows: step(rows)) for rows in batches)  # type: ignore[misc]
    meter = FlopsMeter(model, settings=QUIET)
    for place in range(30):
        with meter.step():
            step(batches[place % 5])
    totals = meter.totals
    assert totals.reference_flop > 0
    assert abs(totals.model_flop + totals.reference_flop - true) <= 0.01 * true


def test_lengths_beyond_those_that_were_counted_are_counted_first() -> None:
    """The model pads to multiples of 64, so that the work of the first lengths says nothing of longer ones."""
    layer = nn.Linear(64, 64)

    class Pads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, rows: Any) -> torch.Tensor:
            return self.layer(nn.functional.pad(rows, (0, 0, 0, -len(rows) % 64))).sum()  # type: ignore[no-any-return]

    model = Pads()
    meter = FlopsMeter(model, settings=QUIET)
    true = 0
    for place in range(60):
        length = 40 + place * 7 % 24 if place < 30 else 200 + place * 7 % 56
        true += (64 if place < 30 else 256) * 4 * 64 * 64
        with meter.step():
            model(torch.randn(length, 64)).backward()
    assert abs(meter.model_flop / true - 1) < 0.05


def test_a_head_beside_the_model_that_comes_late_counts_for_the_steps_before_it_was_found() -> None:
    model, head = nn.Linear(64, 32), nn.Linear(32, 2048)
    meter = FlopsMeter(model, settings=QUIET)
    for place in range(200):
        with meter.step():
            seen = model(ROWS)
            (seen.sum() + (head(seen).sum() if place >= 60 else 0.0)).backward()
    one = 2 * 16 * 64 * 32
    true = 200 * 2 * one + 140 * 3 * 2 * 16 * 32 * 2048
    assert 0 < abs(meter.model_flop - true) <= meter.totals.uncertain_flop
