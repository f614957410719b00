"""Calls that look alike and are not: what an argument holds, what a loss makes of the model, what the data decides."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from flops_meter import FlopsMeter
from flops_meter.journal import Settings

QUIET = Settings(write=None)


def both(model: nn.Module, batches: list[Any], step: Callable[[nn.Module, Any], torch.Tensor]) -> tuple[int, int]:
    """What the meter counted, and what torch's counter did around the same steps of a copy."""
    import copy

    other = copy.deepcopy(model)
    with FlopCounterMode(display=False) as counter:
        for batch in batches:
            step(other, batch).backward()
    meter = FlopsMeter(model, settings=QUIET)
    for batch in batches:
        with meter.step():
            step(model, batch).backward()
    meter.close()
    return meter.model_flop, counter.get_total_flops()


@dataclass
class Batch:
    """A batch of somebody's own."""

    rows: torch.Tensor


class Reads(nn.Module):
    """Takes any of the batches below."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 64), nn.Linear(64, 32))

    def forward(self, batch: Any, keep: float = 1.0) -> torch.Tensor:
        rows = batch.rows if isinstance(batch, Batch) else torch.cat(batch) if isinstance(batch, list) else batch
        return self.layers(rows[: int(len(rows) * keep)])  # type: ignore[no-any-return]


SMALL_THEN_LARGE = (8, 8, 512, 512, 512, 512)


@pytest.mark.parametrize(
    "batches",
    [
        [Batch(torch.randn(size, 32)) for size in SMALL_THEN_LARGE],
        [[torch.randn(size, 32) for _ in range(70)] for size in SMALL_THEN_LARGE],
        [torch.randn(16, 32, requires_grad=place > 1) for place in range(12)],
    ],
    ids=["an object", "a long list", "arguments that want gradients"],
)
def test_what_arguments_hold_tells_kinds_apart(batches: list[Any]) -> None:
    found, expected = both(Reads(), batches, lambda model, batch: model(batch).sum())
    assert found == expected


def test_a_share_among_the_arguments_tells_kinds_apart() -> None:
    batches = [(torch.randn(100, 32), 0.1 if place < 2 else 1.0) for place in range(10)]
    found, expected = both(Reads(), batches, lambda model, batch: model(*batch).sum())
    assert found == expected


def test_work_that_the_data_decides_is_found_soon() -> None:
    """Rows chosen inside the model: five of a hundred in two steps, then all."""

    class Chooses(Reads):
        def forward(self, batch: Any, keep: float = 1.0) -> torch.Tensor:
            return super().forward(batch[batch[:, 0] > 0])

    few = torch.randn(100, 32)
    few[:, 0] = -1.0
    few[:5, 0] = 1.0
    found, expected = both(Chooses(), [few, few, *[few.abs() + 1] * 30], lambda model, batch: model(batch).sum())
    assert abs(found / expected - 1) < 0.1, "estimated from the steps that were counted at random"


class FusedHead(torch.autograd.Function):
    """Logits, loss and both gradients in the forward, as Liger's and cut cross-entropy's kernels do."""

    @staticmethod
    def forward(context: Any, hidden: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        logits = hidden @ weight.t()
        slope = logits.softmax(-1)
        context.save_for_backward(slope @ weight, slope.t() @ hidden)
        return logits.logsumexp(-1).sum()

    @staticmethod
    def backward(context: Any, *slopes: torch.Tensor) -> Any:
        hidden, weight = context.saved_tensors
        return hidden * slopes[0], weight * slopes[0]


class WithHead(nn.Module):
    """A body that is called, and a head that the loss takes the weight of."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(32, 32), nn.Linear(32, 1000, bias=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.body(rows)  # type: ignore[no-any-return]


def test_a_head_fused_with_its_loss_beside_the_model_counts() -> None:
    batches = [torch.randn(size, 32) for size in (16, 16, 64, 64, 64)]
    found, expected = both(WithHead(), batches, lambda model, rows: FusedHead.apply(model(rows), model.head.weight))
    assert found == expected


@pytest.mark.parametrize("tokens", [-5, 1.5, float("nan"), float("inf"), "many"])
def test_tokens_that_are_none_are_not_used(tokens: Any) -> None:
    """And the meter's own state is taken up again."""
    model = Reads()
    meter = FlopsMeter(model, settings=QUIET)
    with meter.step(tokens=tokens):
        model(torch.randn(8, 32)).sum().backward()
    meter.close()
    assert (meter.failure, meter.totals.tokens >= 0, meter.model_flop > 0) == (None, True, True)
    FlopsMeter(Reads(), settings=QUIET).load_state_dict(meter.state_dict())
