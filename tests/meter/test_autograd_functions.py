"""Autograd functions: what they take again of the same values counts once, however they are written and called."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn
from torch.autograd.function import BackwardCFunction, _SingleLevelFunction
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

from flops_meter import FlopsMeter
from tests.meter.against_torch import QUIET, counted_by_torch

STEPS, SIZE, WORDS = 4, 16, 48
ROWS, TARGETS = torch.randn(24, SIZE), torch.randint(WORDS, (24,))
PRODUCT = 2 * 24 * SIZE * WORDS
Loss = Callable[["Model"], torch.Tensor]


class Model(nn.Module):
    """A body; its head is called beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(SIZE, SIZE), nn.Linear(SIZE, WORDS, bias=False)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.body(rows)  # type: ignore[no-any-return]


def plain(model: Model) -> torch.Tensor:
    return functional.cross_entropy(model.head(model(ROWS)), TARGETS)


def loss_of(seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return functional.cross_entropy(seen @ weight.T, targets)


def slopes(seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor, slope: torch.Tensor) -> Any:
    back = ((seen @ weight.T).softmax(-1) - functional.one_hot(targets, WORDS)) * slope
    return back.to(weight.dtype) @ weight, back.T.to(seen.dtype) @ seen, None


class Head(torch.autograd.Function):
    """Keeps what it is given, and takes the logits again in the backward."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        ctx.save_for_backward(seen, weight, targets)
        return loss_of(seen, weight, targets)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        return slopes(*ctx.saved_tensors, slope)


class WithSetup(Head):
    """As PyTorch's documentation writes them: the forward is not given the context."""

    @staticmethod
    def forward(seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        return loss_of(seen, weight, targets)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)


class Starred(Head):
    @staticmethod
    def forward(ctx: Any, *given: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(*given)
        return loss_of(*given)


def otherwise_named(*given: Any) -> Any:
    return Head.forward(*given)


class Renamed(Head):
    forward = staticmethod(otherwise_named)  # type: ignore[assignment]


class Precise(Head):
    """As mixed precision wraps them."""

    forward = staticmethod(torch.amp.custom_fwd(Head.forward, device_type="cpu", cast_inputs=torch.float32))
    backward = staticmethod(torch.amp.custom_bwd(Head.backward, device_type="cpu"))


class Scaled(Head):
    """Of values that it makes itself, in both ways."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        ctx.save_for_backward(seen, weight, targets)
        return loss_of(functional.layer_norm(seen, (SIZE,)) * 0.5, weight, targets)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight, targets = ctx.saved_tensors
        return slopes(functional.layer_norm(seen, (SIZE,)) * 0.5, weight, targets, slope)


class Transposed(Head):
    """Keeps another view than it is given."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        ctx.save_for_backward(seen.T, weight.T, targets)
        return loss_of(seen, weight, targets)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight, targets = ctx.saved_tensors
        return slopes(seen.T, weight.T, targets, slope)


class Chunked(Head):
    """Eight rows at a time, of tensors without a count of their own."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        ctx.save_for_backward(seen, weight, targets)
        each = [loss_of(seen.data[at : at + 8], weight.data, targets[at : at + 8]) for at in range(0, 24, 8)]
        return torch.stack(each).mean()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight, targets = ctx.saved_tensors
        each = [slopes(seen[at : at + 8], weight, targets[at : at + 8], slope) for at in range(0, 24, 8)]
        return torch.cat([back for back, _, _ in each]), sum(back for _, back, _ in each), None


def moved(tensor: torch.Tensor) -> torch.Tensor:
    """A copy that no operation shows to be one."""
    other = torch.empty(tensor.shape, dtype=tensor.dtype)
    other.copy_(tensor)
    return other


def offloaded() -> AbstractContextManager[object]:
    """Kept elsewhere and brought back elsewhere, as on another device."""
    return torch.autograd.graph.saved_tensors_hooks(moved, moved)


def by(function: Any, around: Callable[[], AbstractContextManager[object]] = nullcontext) -> Loss:
    def loss(model: Model) -> torch.Tensor:
        with around():
            return function.apply(model(ROWS), model.head.weight, TARGETS)  # type: ignore[no-any-return]

    return loss


def cast(model: Model) -> torch.Tensor:
    return Head.apply(model(ROWS).bfloat16(), model.head.weight.bfloat16(), TARGETS)  # type: ignore[no-any-return]


def checkpointed(reentrant: bool, function: Any = Head) -> Loss:
    """With a product's operand that is made in it."""

    def loss(model: Model) -> torch.Tensor:
        def run(seen: torch.Tensor) -> torch.Tensor:
            return function.apply(seen.tanh(), model.head.weight, TARGETS)  # type: ignore[no-any-return]

        return checkpoint(run, model(ROWS), use_reentrant=reentrant)  # type: ignore[no-any-return]

    return loss


def kept(model: Model) -> torch.Tensor:
    loss = by(Head)(model)
    loss.backward(retain_graph=True)
    return loss


def plain_kept(model: Model) -> torch.Tensor:
    loss = plain(model)
    loss.backward(retain_graph=True)
    return loss


FUNCTIONS = (Head, WithSetup, Starred, Renamed, Precise, Scaled, Transposed, Chunked)
CASES: dict[str, tuple[Loss, Loss, int]] = {
    **{each.__name__: (by(each), plain, 1) for each in FUNCTIONS},
    **{f"{each.__name__}, offloaded": (by(each, offloaded), plain, 1) for each in (Head, Transposed, Chunked, Scaled)},
    "cast": (cast, plain, 1),
    "checkpoint": (checkpointed(False), plain, 2),
    "reentrant checkpoint": (checkpointed(True), plain, 2),
    "reentrant checkpoint, with setup": (checkpointed(True, WithSetup), plain, 2),
    "a kept graph": (kept, plain_kept, 2),
}


def metered(model: nn.Module, run: Callable[[], torch.Tensor]) -> FlopsMeter:
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            run().backward()
    meter.close()
    return meter


def doubts(meter: FlopsMeter) -> tuple[int, int]:
    return meter.totals.inferred_flop, meter.totals.uncertain_flop


@pytest.mark.parametrize(("loss", "like", "again"), CASES.values(), ids=CASES)
def test_a_fused_head_counts_once(loss: Loss, like: Loss, again: int) -> None:
    model = Model()
    expected = counted_by_torch(lambda: like(model).backward())
    meter = metered(model, lambda: loss(model))
    assert (meter.model_flop, *doubts(meter)) == (STEPS * expected, 0, 0)
    assert meter.executed_flop - meter.model_flop == STEPS * again * PRODUCT


def test_gradients_by_torch_func_are_no_recomputation() -> None:
    """Its backwards run with gradients on, and without a checkpoint."""

    def loss(model: Model) -> torch.Tensor:
        seen, weight = model(ROWS), model.head.weight
        slope, _ = torch.func.grad_and_value(lambda each: loss_of(seen.detach(), each, TARGETS))(weight)
        return seen.sum() + (weight * slope.detach()).sum()

    model = Model()
    expected = counted_by_torch(lambda: loss(model).backward())
    meter = metered(model, lambda: loss(model))
    assert (meter.model_flop, meter.executed_flop) == (STEPS * expected, STEPS * expected)


class Early(Head):
    """Has the gradients of its own graph in the forward, as fused losses do that keep no logits."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        with torch.enable_grad():
            given = seen.detach().requires_grad_(), weight.detach().requires_grad_()
            loss = loss_of(*given, targets)
        ctx.save_for_backward(*torch.autograd.grad(loss, given))
        return loss.detach()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        return *(each * slope for each in ctx.saved_tensors), None


def test_a_backward_in_a_forward_is_no_recomputation() -> None:
    model = Model()
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = metered(model, partial(by(Early), model))
    assert (meter.model_flop, meter.executed_flop, *doubts(meter)) == (STEPS * expected, STEPS * expected, 0, 0)


def test_a_function_that_is_called_without_gradients_is_signal() -> None:
    """Though its weight needs some elsewhere."""
    model = Model()
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            seen = model(ROWS)
            with torch.no_grad():
                Head.apply(seen, model.head.weight, TARGETS)
            functional.cross_entropy(model.head(seen), TARGETS).backward()
    meter.close()
    assert (meter.model_flop, meter.reference_flop) == (STEPS * expected, STEPS * PRODUCT)


class Distilled(torch.autograd.Function):
    """A student's head and a teacher's in one, without a context in the forward."""

    @staticmethod
    def forward(seen: Any, weight: Any, others: Any, fixed: Any) -> torch.Tensor:  # type: ignore[override]
        return -((seen @ weight.T).log_softmax(-1) * (others * 0.5 @ fixed.T).softmax(-1)).sum()

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight, others, fixed = ctx.saved_tensors
        back = ((seen @ weight.T).softmax(-1) - (others * 0.5 @ fixed.T).softmax(-1)) * slope
        return back @ weight, back.T @ seen, None, None


def test_a_teachers_head_is_signal_where_the_forward_sees_no_context() -> None:
    model, fixed = Model(), torch.randn(WORDS, SIZE)
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = metered(model, lambda: Distilled.apply(model(ROWS), model.head.weight, ROWS, fixed))
    assert (meter.model_flop, meter.reference_flop, *doubts(meter)) == (STEPS * expected, STEPS * PRODUCT, 0, 0)
    assert meter.executed_flop - meter.model_flop == STEPS * 2 * PRODUCT


class Rotation(torch.autograd.Function):
    """By a symmetric matrix: the backward is the same product of the gradient, and may lie where the input lay."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, matrix: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(matrix)
        return rows @ matrix

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        return slope @ ctx.saved_tensors[0], None


class Recurrence(torch.autograd.Function):
    """In a buffer that it is given, and writes to."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor, state: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        state.copy_(rows)
        before = []
        for _ in range(4):
            before.append(state.clone())
            state.copy_((state @ weight).tanh())
        ctx.save_for_backward(weight, *before, state.clone())
        return state.clone()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        weight, *states = ctx.saved_tensors
        of_weight = torch.zeros_like(weight)
        for before, after in reversed(list(pairwise(states))):
            slope = slope * (1 - after**2)
            of_weight += before.T @ slope
            slope = slope @ weight.T
        return slope, of_weight, None


class Layers(nn.Module):
    """Calls functions inside, or takes the same products without."""

    def __init__(self, through: Callable[[torch.Tensor, nn.Parameter, bool], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.through = nn.Linear(SIZE, SIZE), through
        self.weight = nn.Parameter(torch.randn(SIZE, SIZE))

    def forward(self, fused: bool = True) -> torch.Tensor:
        return self.through(self.first(ROWS), self.weight, fused).relu().sum()


MATRIX, STATE = torch.randn(SIZE, SIZE), torch.zeros(24, SIZE)
MATRIX += MATRIX.T.clone()


def rotations(seen: torch.Tensor, weight: nn.Parameter, fused: bool) -> torch.Tensor:
    for _ in range(3):
        seen = ((Rotation.apply(seen, MATRIX) if fused else seen @ MATRIX) @ weight).relu()
    return seen


def recurrence(seen: torch.Tensor, weight: nn.Parameter, fused: bool) -> torch.Tensor:
    if fused:
        return Recurrence.apply(seen, weight, STATE)  # type: ignore[no-any-return]
    for _ in range(4):
        seen = (seen @ weight).tanh()
    return seen


@pytest.mark.parametrize("through", [rotations, recurrence])
def test_other_values_at_the_same_place_are_no_recomputation(through: Any) -> None:
    model = Layers(through)
    expected = counted_by_torch(lambda: model(fused=False).backward())
    meter = metered(model, model)
    assert (meter.model_flop, meter.executed_flop, *doubts(meter)) == (STEPS * expected, STEPS * expected, 0, 0)


class Line(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(rows, weight)
        return rows @ weight.T

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        rows, weight = ctx.saved_tensors
        return slope @ weight, slope.T @ rows


class Pair(torch.autograd.Function):
    """Two layers in one."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        hidden = rows @ weight.T
        ctx.save_for_backward(rows, hidden, weight)
        return hidden.relu() @ weight.T

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        rows, hidden, weight = ctx.saved_tensors
        back = (slope @ weight) * (hidden > 0)
        return back @ weight, back.T @ rows + slope.T @ hidden.relu()


def two_lines(seen: torch.Tensor, weight: nn.Parameter) -> torch.Tensor:
    return Line.apply(Line.apply(seen, weight).relu(), weight)  # type: ignore[no-any-return]


@pytest.mark.parametrize("of", [two_lines, Pair.apply], ids=["two functions", "one"])
@pytest.mark.parametrize("reentrant", [None, False, True], ids=["none", "not reentrant", "reentrant"])
@pytest.mark.parametrize("blocks", [1, 2])
def test_functions_in_a_checkpoint_of_a_method_count_once(of: Any, reentrant: bool | None, blocks: int) -> None:
    """No module is called in the backward, and gradients are off inside of a function: it is one all the same."""

    def through(seen: torch.Tensor, weight: nn.Parameter, fused: bool) -> torch.Tensor:
        for _ in range(blocks):
            if not fused:
                seen = (seen @ weight.T).relu() @ weight.T
            elif reentrant is None:
                seen = of(seen, weight)
            else:
                seen = checkpoint(of, seen, weight, use_reentrant=reentrant)
        return seen

    model = Layers(through)
    expected = counted_by_torch(lambda: model(fused=False).backward())
    meter = metered(model, model)
    assert (meter.model_flop, *doubts(meter)) == (STEPS * expected, 0, 0)
    again = 0 if reentrant is None else STEPS * blocks * 2 * (2 * 24 * SIZE * SIZE)
    assert meter.executed_flop - meter.model_flop == again


@pytest.mark.parametrize("loss", [by(Head), cast, by(Head, offloaded)], ids=["plain", "cast", "offloaded"])
def test_forwards_that_run_before_an_earlier_backward(loss: Loss) -> None:
    model = Model()
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = FlopsMeter(model, settings=QUIET)
    waiting: list[torch.Tensor] = []
    for _ in range(3 * STEPS):
        with meter.step():
            waiting.append(loss(model))
            if len(waiting) == 2:
                waiting.pop(0).backward()
    waiting.pop().backward()
    meter.close()
    assert (meter.model_flop, meter.totals.inferred_flop) == (3 * STEPS * expected, 0)


def test_two_meters_of_one_model_count_the_same() -> None:
    model = Model()
    expected = counted_by_torch(lambda: plain(model).backward())
    first, second = (FlopsMeter(model, settings=QUIET) for _ in range(2))
    for _ in range(STEPS):
        with first.step(), second.step():
            by(Head)(model).backward()
    for each in (first, second):
        each.close()
        assert (each.model_flop, each.executed_flop) == (STEPS * expected, STEPS * (expected + PRODUCT))


class Dropped(Head):
    """Of values that chance makes: that they are the same again, no operation shows."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor, targets: torch.Tensor) -> Any:  # type: ignore[override]
        ctx.state = torch.get_rng_state()
        ctx.save_for_backward(seen, weight, targets)
        return loss_of(functional.dropout(seen), weight, targets)

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        torch.set_rng_state(ctx.state)
        seen, weight, targets = ctx.saved_tensors
        return slopes(functional.dropout(seen), weight, targets, slope)


def test_what_cannot_be_told_from_recomputation_is_said(caplog: pytest.LogCaptureFixture) -> None:
    model = Model()
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = metered(model, partial(by(Dropped), model))
    assert (meter.model_flop, meter.totals.uncertain_flop) == (STEPS * (expected + PRODUCT), STEPS * PRODUCT)
    assert [each.args for each in caplog.records if "uncertain_flop" in each.getMessage()] != []


class Square(torch.autograd.Function):
    """Takes its product again, and one as large of what that made; the gradient comes in at the end."""

    @staticmethod
    def forward(ctx: Any, rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(rows, weight)
        return (rows @ weight.T).square().sum() / 2

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        rows, weight = ctx.saved_tensors
        back = rows @ weight.T
        return (back @ weight) * slope, (back.T @ rows) * slope


def test_products_as_large_as_one_that_was_taken_again_are_not_doubted() -> None:
    model = Layers(
        lambda seen, weight, fused: Square.apply(seen, weight) if fused else (seen @ weight.T).square().sum()
    )
    expected = counted_by_torch(lambda: model(fused=False).backward())
    meter = metered(model, model)
    assert (meter.model_flop, *doubts(meter)) == (STEPS * expected, 0, 0)


@contextmanager
def two_ranks() -> Iterator[Any]:
    """A mesh of two, of which this is the first: what the other would send is missing."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import init_device_mesh
    from torch.testing._internal.distributed.fake_pg import FakeStore

    dist.init_process_group("fake", store=FakeStore(), rank=0, world_size=2)  # type: ignore[no-untyped-call]
    try:
        yield init_device_mesh("cpu", (2,))
    finally:
        dist.destroy_process_group()


class Ends(nn.Module):
    """With the loss inside, in a module of its own."""

    def __init__(self, function: Any) -> None:
        super().__init__()
        self.body, self.end = nn.Linear(SIZE, SIZE), End(function)

    def forward(self) -> torch.Tensor:
        return self.end(self.body(ROWS))  # type: ignore[no-any-return]


class End(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.weight, self.function = nn.Parameter(torch.randn(WORDS, SIZE)), function

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        return self.function(seen, self.weight, TARGETS)  # type: ignore[no-any-return]


@pytest.mark.parametrize("function", [Head, WithSetup])
def test_a_head_that_is_gathered_again_for_its_backward_counts_once(function: Any) -> None:
    from torch.distributed.fsdp import fully_shard

    model = Ends(loss_of)
    expected = counted_by_torch(lambda: model().backward())
    with two_ranks():
        sharded = Ends(function.apply)
        fully_shard(sharded.end, reshard_after_forward=True)
        fully_shard(sharded)
        meter = metered(sharded, sharded)
    assert (meter.model_flop, *doubts(meter)) == (STEPS * expected, 0, 0)
    assert meter.executed_flop - meter.model_flop == STEPS * PRODUCT


class Summed(torch.autograd.Function):
    """A head of distributed tensors."""

    @staticmethod
    def forward(ctx: Any, seen: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:  # type: ignore[override]
        ctx.save_for_backward(seen, weight)
        return (seen @ weight.T).square().sum()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight = ctx.saved_tensors
        back = (seen @ weight.T) * slope
        return back @ weight, back.T @ seen


def halved() -> AbstractContextManager[object]:
    """Kept in another form, whatever kind of tensor it is."""
    return torch.autograd.graph.saved_tensors_hooks(lambda each: each / 2, lambda each: each * 2)


@pytest.mark.parametrize("around", [nullcontext, halved], ids=["kept", "offloaded"])
def test_a_head_of_distributed_tensors_counts_once(around: Any) -> None:
    from torch.distributed.tensor import DTensor

    model = Layers(lambda seen, weight, fused: (seen @ weight.T).square().sum())
    expected = counted_by_torch(lambda: model(fused=False).backward())
    with two_ranks() as mesh:

        def through(seen: torch.Tensor, weight: nn.Parameter, fused: bool) -> torch.Tensor:
            parts = (DTensor.from_local(each, mesh) for each in (seen, weight))
            with around():
                return Summed.apply(*parts)  # type: ignore[no-any-return]

        model = Layers(through)
        meter = metered(model, model)
    assert (meter.model_flop, *doubts(meter)) == (STEPS * expected, 0, 0)
    assert meter.executed_flop - meter.model_flop == STEPS * 2 * 24 * SIZE * SIZE


def test_torchs_classes_are_as_before_when_nobody_counts() -> None:
    before = dict(BackwardCFunction.__dict__), dict(_SingleLevelFunction.__dict__)
    model = Model()
    first, second = (FlopsMeter(model, settings=QUIET) for _ in range(2))
    with first.step(), second.step():
        by(Head)(model).backward()
        assert "apply" in _SingleLevelFunction.__dict__
    first.close()
    second.close()
    assert (dict(BackwardCFunction.__dict__), dict(_SingleLevelFunction.__dict__)) == before
