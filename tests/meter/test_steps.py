"""What `steps` and `uncounted_steps` say: each step that trained is one of the two; the first are in the count."""

from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
import torch
from torch import nn

from flops_auditor.domain.runs.meter_words import Facts, suspicions_of
from flops_meter import FlopsMeter
from flops_meter.journal import Settings
from flops_meter.lines import Line, verify
from tests.meter.against_torch import counted_by_torch

ROWS = torch.randn(16, 32)
STEPS = 40
Loop = Callable[[FlopsMeter, nn.Module], object]


def loss_of(model: nn.Module) -> torch.Tensor:
    return model(ROWS).sum()  # type: ignore[no-any-return]


def updates_by_hand(model: nn.Module) -> Callable[[], None]:
    """A whole step compiled as one function: gradients that nobody keeps, weights moved by hand."""
    torch._dynamo.reset()
    weights = list(model.parameters())

    def step(rows: torch.Tensor) -> None:
        slopes = torch.autograd.grad(model(rows).sum(), weights)
        with torch.no_grad():
            for weight, slope in zip(weights, slopes, strict=True):
                weight.sub_(slope, alpha=1e-4)

    compiled = torch.compile(step, backend="aot_eager")
    return lambda: compiled(ROWS)


def compiled_whole(meter: FlopsMeter, model: nn.Module) -> None:
    step = updates_by_hand(model)
    for _ in range(STEPS):
        with meter.step():
            step()


def beside_blocks_that_train_nothing(meter: FlopsMeter, model: nn.Module) -> None:
    step = updates_by_hand(model)
    for _ in range(STEPS):
        with meter.step():
            step()
        with meter.step(), torch.no_grad():
            loss_of(model)
        with meter.step():
            pass


def optimizer_in_a_block_of_its_own(meter: FlopsMeter, model: nn.Module) -> None:
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    for _ in range(STEPS):
        with meter.step():
            loss_of(model).backward()
        with meter.step():
            optimizer.step()
        optimizer.zero_grad()


def backward_after_the_block(meter: FlopsMeter, model: nn.Module) -> None:
    for _ in range(STEPS):
        with meter.step():
            loss = loss_of(model)
        loss.backward()


def backward_of_four(meter: FlopsMeter, model: nn.Module) -> None:
    losses = []
    for place in range(STEPS):
        with meter.step():
            losses.append(loss_of(model))
            if place % 4 == 3:
                torch.stack(losses).sum().backward()
                losses.clear()


def resumed_without_a_state(meter: FlopsMeter, model: nn.Module) -> None:
    meter.missed(STEPS // 2)
    for _ in range(STEPS // 2):
        with meter.step():
            loss_of(model).backward()


@pytest.fixture(scope="module")
def one() -> int:
    """FLOP of a step."""
    model = nn.Linear(32, 8)
    return counted_by_torch(lambda: loss_of(model).backward())


def words(lines: list[Line], *names: str) -> Iterator[list[int]]:
    for each in lines:
        yield [each.number(name) for name in names]


@pytest.mark.parametrize(
    ("loop", "uncounted"),
    [
        (compiled_whole, range(1, STEPS)),
        (beside_blocks_that_train_nothing, range(STEPS)),
        (optimizer_in_a_block_of_its_own, range(1)),
        (backward_after_the_block, range(1)),
        (backward_of_four, range(1)),
        (resumed_without_a_state, range(STEPS // 2, STEPS // 2 + 1)),
    ],
)
def test_each_step_that_trained_is_counted_or_not(loop: Loop, uncounted: range, one: int) -> None:
    """An audit that takes the uncounted steps to be like the counted ones comes to what the run did."""
    said: list[str] = []
    model = nn.Linear(32, 8)
    meter = FlopsMeter(model, settings=Settings(0.0, said.append))
    loop(meter, model)
    meter.close()
    lines, breaks = verify(said)
    assert not breaks
    *_, (flop, steps, missing) = words(list(lines), "model_flop", "steps", "uncounted_steps")
    assert flop == steps * one
    assert steps + missing == STEPS and missing in uncounted
    values = {
        name: Fraction(number)
        for name, number in zip(("model_flop", "steps", "uncounted_steps"), (flop, steps, missing), strict=True)
    }
    times = [each.times for each in suspicions_of(values, Facts("", None, 1), ()) if each.times]
    assert flop * (times[0] if missing else 1) == STEPS * one
