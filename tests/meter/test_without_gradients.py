"""Passes without gradients that train all the same, products under gradients that do not, steps that show nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from flops_meter import FlopsMeter
from tests.meter.against_torch import QUIET, counted_by_torch

STEPS = 12
ROWS = torch.randn(16, 32)
WANTED = torch.randn(16, 32, requires_grad=True)
Checkpoint = Callable[..., torch.Tensor]


class Blocks(nn.Module):
    """Two blocks and a head. `through` stands around each block."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32)) for _ in range(2))
        self.head = nn.Linear(32, 8)

    def through(self, around: Checkpoint, rows: torch.Tensor) -> torch.Tensor:
        for each in self.blocks:
            rows = around(each, rows)
        return self.head(rows)  # type: ignore[no-any-return]

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.through(lambda block, rows: block(rows), rows)


def reentrant(run: Callable[..., torch.Tensor], *given: Any) -> torch.Tensor:
    return checkpoint(run, *given, use_reentrant=True)  # type: ignore[no-any-return]


def with_loss(model: Blocks, rows: torch.Tensor) -> torch.Tensor:
    """Products between the output and the loss."""
    seen = model(rows).tanh()
    return (seen @ seen.T).sum()  # type: ignore[no-any-return]


def around_all(model: Blocks) -> torch.Tensor:
    return reentrant(model, WANTED).sum()


def around_each_block(model: Blocks) -> torch.Tensor:
    return model.through(reentrant, WANTED).sum()


def around_model_and_loss(model: Blocks) -> torch.Tensor:
    return reentrant(with_loss, model, WANTED)


def twice(model: Blocks) -> torch.Tensor:
    return reentrant(model, WANTED).sum() + reentrant(model, WANTED).sum()


def plain(model: Blocks) -> torch.Tensor:
    return model(WANTED).sum()  # type: ignore[no-any-return]


PLACES = ("in the block", "before it", "after it", "without one")
CASES: list[tuple[Callable[..., Any], Callable[..., Any], str]] = [
    *((around_all, plain, place) for place in PLACES),
    *((twice, lambda model: plain(model) + plain(model), place) for place in PLACES),
    (around_each_block, plain, "in the block"),  # what is called outside of the model's own calls is seen there
    (around_model_and_loss, lambda model: with_loss(model, WANTED), "in the block"),
]


@pytest.mark.parametrize(("loss", "like", "place"), CASES, ids=[f"{each[0].__name__}, {each[2]}" for each in CASES])
def test_reentrant_checkpoints_are_counted(loss: Callable[..., Any], like: Callable[..., Any], place: str) -> None:
    """Their forward has no gradients; what is computed again in the backward is executed, and does not count."""
    model = Blocks()
    expected = counted_by_torch(lambda: like(model).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        early = loss(model) if place == "before it" else None
        if place == "without one":
            loss(model).backward()
            continue
        with meter.step():
            late = loss(model) if early is None else early
            if place != "after it":
                late.backward()
        if place == "after it":
            late.backward()
    meter.close()
    assert (meter.model_flop, meter.totals.inferred_flop, meter.reference_flop) == (STEPS * expected, 0, 0)
    assert meter.executed_flop > 1.2 * meter.model_flop


def test_checkpointed_passes_that_nothing_comes_back_to_are_signal() -> None:
    model = Blocks()
    forward = counted_by_torch(lambda: model(ROWS))
    expected = counted_by_torch(lambda: plain(model).backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with torch.no_grad():
            reentrant(model, ROWS)
        with meter.step():
            around_all(model).backward()
    meter.close()
    assert (meter.model_flop, meter.reference_flop) == (STEPS * expected, STEPS * forward)


@torch.no_grad()
def zeroth_order(model: nn.Sequential) -> None:
    """Two passes at weights moved to and fro, as in MeZO, which evaluates."""
    model.eval()
    losses = []
    for way in (1.0, -2.0):
        for each in model.parameters():
            each.data = each.data + way * 1e-3
        losses.append(model(ROWS).sum())
    for each in model.parameters():
        each.data.add_(1e-3 * (1 + (losses[0] - losses[1]).sign()))
    model.train()


def forward_mode(model: nn.Sequential) -> None:
    weights = {name: each.detach() for name, each in model.named_parameters()}
    tangents = {name: torch.ones_like(each) for name, each in weights.items()}

    def loss(weights: dict[str, torch.Tensor]) -> torch.Tensor:
        return torch.func.functional_call(model, weights, (ROWS,)).sum()  # type: ignore[no-any-return]

    _, slope = torch.func.jvp(loss, (weights,), (tangents,))
    with torch.no_grad():
        for name, each in model.named_parameters():
            each.sub_(1e-4 * slope.sign() * tangents[name])


@torch.no_grad()
def by_hand(model: nn.Sequential) -> None:
    first, second = model[0].weight, model[2].weight
    hidden = (ROWS @ first.T).relu()
    slope = torch.ones_like(hidden @ second.T)
    back = (slope @ second) * (hidden > 0)
    second.data -= 1e-4 * (slope.T @ hidden)
    first.data -= 1e-4 * (back.T @ ROWS)


@pytest.mark.parametrize("train", [zeroth_order, forward_mode, by_hand])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside steps with a backward"])
def test_training_without_a_backward_counts(train: Callable[[nn.Sequential], None], beside: bool) -> None:
    """The weights change and no gradients came back: all that ran in the step updates parameters."""
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    one = counted_by_torch(lambda: train(model))
    usual = counted_by_torch(lambda: model(ROWS).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    watched: list[int] = []
    begin = meter._start_watching
    meter._start_watching = lambda: (watched.append(1), begin())[1]  # type: ignore[method-assign]
    for step in range(4 * STEPS):
        with meter.step():
            if beside and step % 2:
                model(ROWS).sum().backward()
            else:
                train(model)
        if beside and step % 2:
            optimizer.step()
            optimizer.zero_grad()
    meter.close()
    assert meter.model_flop == (2 * STEPS * (one + usual) if beside else 4 * STEPS * one)
    assert (meter.reference_flop, meter.evaluation_flop, meter.totals.inferred_flop) == (0, 0, 0)
    assert len(watched) < 2 * STEPS, "most steps are remembered"


class Parted(nn.Module):
    """A body and a head, of which one is called as the model, or both by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 32))
        self.head = nn.Linear(32, 512)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.body(rows)  # type: ignore[no-any-return]


@torch.no_grad()
def moved(model: nn.Module, loss: Callable[[], torch.Tensor]) -> None:
    """Zeroth order, of the weights that are to be trained."""
    for way in (1.0, -2.0, 1.5):
        for each in model.parameters():
            if each.requires_grad:
                each.add_(way * 1e-3)
        if way != 1.5:
            loss()


@pytest.mark.parametrize("frozen", ["body", "head"])
@pytest.mark.parametrize("called", ["as the model", "by hand"])
@pytest.mark.parametrize("given", [True, False], ids=["the head by name", "the model alone"])
def test_a_frozen_part_of_a_model_is_no_teacher(frozen: str, called: str, given: bool) -> None:
    """It stands in the pass that trains the others."""
    model = Parted()
    getattr(model, frozen).requires_grad_(False)
    if given and frozen == "head":
        called = "as the model"  # else nothing says that it is more than what holds the two
    body = model if called == "as the model" else model.body

    def loss() -> torch.Tensor:
        return model.head(body(ROWS)).sum()  # type: ignore[no-any-return]

    expected = counted_by_torch(lambda: moved(model, loss))
    meter = FlopsMeter(model, *([model.head] if given else []), settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            moved(model, loss)
    meter.close()
    assert (meter.model_flop, meter.reference_flop) == (STEPS * expected, 0)


def test_a_teacher_beside_the_one_who_learns_is_one_whatever_holds_both() -> None:
    """As in Lightning, whose module holds both, is never called itself, and whose parts are handed over."""
    both = nn.ModuleDict({"teacher": nn.Linear(32, 8).requires_grad_(False), "student": nn.Linear(32, 8)})
    teacher, student = both["teacher"], both["student"]
    forward = counted_by_torch(lambda: student(ROWS))
    meter = FlopsMeter(both, *both.children(), settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            moved(both, lambda: student(ROWS) - teacher(ROWS))
    meter.close()
    assert (meter.model_flop, meter.reference_flop) == (2 * STEPS * forward, 2 * STEPS * forward)


@torch.no_grad()
def of_one_block(model: nn.Sequential) -> None:
    """Zeroth order that moves one block of many a step, and few of its values."""
    model(ROWS)
    model[9].weight[::2] += 1e-3
    model(ROWS)


def step_of(model: nn.Module) -> None:
    model(ROWS).sum().backward()


def test_training_that_moves_few_weights_counts() -> None:
    """None of the four that are looked at in most steps."""
    model = nn.Sequential(*(nn.Linear(32, 32) for _ in range(20)))
    one, usual = (counted_by_torch(partial(each, model)) for each in (of_one_block, step_of))
    model.zero_grad()
    meter = FlopsMeter(model, settings=QUIET)
    for step in range(4 * STEPS):
        with meter.step():
            (of_one_block if step % STEPS else step_of)(model)
        model.zero_grad()
    meter.close()
    assert (meter.model_flop, meter.reference_flop) == (4 * usual + 4 * (STEPS - 1) * one, 0)


@pytest.mark.parametrize("place", ["in the block", "after it"])
@pytest.mark.parametrize("micro_steps", [1, 2])
def test_what_runs_between_a_backward_and_its_optimizer_trains_nothing(place: str, micro_steps: int) -> None:
    """A pass without gradients in a block of its own: in it, or after it, weights change by gradients from before."""
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = torch.optim.SGD(model.parameters(), 1e-3)
    usual, forward = counted_by_torch(lambda: step_of(model)), counted_by_torch(lambda: model(ROWS))
    zeroth = counted_by_torch(lambda: zeroth_order(model))
    optimizer.zero_grad()
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        for _ in range(micro_steps):
            with meter.step():
                step_of(model)
        with meter.step():
            with torch.no_grad():
                model(ROWS)
            if place == "in the block":
                optimizer.step()
        if place == "after it":
            optimizer.step()
        with meter.step():  # the gradients are used, and still there
            zeroth_order(model)
        optimizer.zero_grad()
    meter.close()
    assert meter.model_flop == STEPS * (micro_steps * usual + zeroth)
    assert (meter.reference_flop, meter.totals.inferred_flop) == (STEPS * forward, 0)


def test_a_step_that_evaluates_trains_nothing() -> None:
    """Nor does one in which somebody says so, or that generates, though weights change after it."""
    model = nn.Linear(32, 8)
    forward = counted_by_torch(lambda: model(ROWS))
    meter = FlopsMeter(model, settings=QUIET)
    for step in range(STEPS):
        with meter.step(), torch.no_grad():
            if step % 2:
                model(ROWS)
            else:
                with meter.evaluation():
                    model(ROWS)
        if step % 2 == 0:
            model.weight.data += 1e-3
    meter.close()
    assert (meter.model_flop, meter.reference_flop, meter.evaluation_flop) == (0, 6 * forward, 6 * forward)


@pytest.mark.parametrize("gradients", [True, False], ids=["on", "off"])
def test_products_that_no_gradient_comes_back_through_are_no_training(gradients: bool) -> None:
    """Targets that are made of outputs, with the gradient mode on: signal. A figure without it: nothing."""
    model = nn.Linear(32, 16)
    expected = counted_by_torch(lambda: model(ROWS).sum().backward())
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            seen = model(ROWS)
            with torch.set_grad_enabled(gradients):
                kept = seen.detach() if gradients else seen
                wanted = kept @ kept.T
            (seen.sum() * wanted.detach().mean()).backward()
    assert (meter.model_flop, meter.reference_flop) == (STEPS * expected, gradients * STEPS * 2 * 16 * 16 * 16)


class Head(torch.autograd.Function):
    """Two heads in one, without gradients for the second; the products of the first are taken again in the backward."""

    precision = torch.float32
    """Of the products: what is given in another one is copied first, each time."""

    @staticmethod
    def forward(  # type: ignore[override]
        ctx: Any, seen: torch.Tensor, weight: torch.Tensor, others: torch.Tensor, fixed: torch.Tensor
    ) -> torch.Tensor:
        ctx.save_for_backward(seen, weight)
        seen, weight, others, fixed = (each.to(Head.precision) for each in (seen, weight, others, fixed))
        return (seen @ weight - others @ fixed).sum().float()

    @staticmethod
    def backward(ctx: Any, slope: torch.Tensor) -> Any:  # type: ignore[override]
        seen, weight = (each.to(Head.precision) for each in ctx.saved_tensors)
        back = slope * torch.ones_like(seen @ weight)
        return (back @ weight.T).float(), (seen.T @ back).float(), None, None


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("of", ["student and teacher", "reference"])
def test_a_head_in_a_function_counts_once_and_a_frozen_one_as_signal(
    of: str, precision: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in distillation, and in preference tuning with the reference's head under no_grad."""
    monkeypatch.setattr(Head, "precision", precision)
    model, teacher = nn.Linear(32, 16), nn.Linear(32, 16).requires_grad_(False)
    weight, fixed = torch.randn(16, 8, requires_grad=True), torch.randn(16, 8)
    usual = counted_by_torch(lambda: (model(ROWS) @ weight).sum().backward())
    forward, head = counted_by_torch(lambda: teacher(ROWS)), 2 * 16 * 16 * 8
    meter = FlopsMeter(model, settings=QUIET)
    meter.watch(teacher)
    for _ in range(STEPS):
        with meter.step():
            with torch.no_grad():
                others = teacher(ROWS)
                if of == "reference":
                    Head.apply(others, fixed, others, fixed)  # the same product twice: it counts once
            if of == "reference":
                (model(ROWS) @ weight).sum().backward()
            else:
                Head.apply(model(ROWS), weight, others, fixed).backward()
    meter.close()
    assert (meter.model_flop, meter.totals.inferred_flop) == (STEPS * usual, 0)
    assert meter.reference_flop == STEPS * (forward + head)
    assert meter.executed_flop - meter.model_flop == (of != "reference") * STEPS * head


class ByHand(torch.optim.Optimizer):
    """An algorithm of its own, without a backward."""

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__(model.parameters(), {})
        self.model = model

    def step(self, closure: Any = None) -> None:
        by_hand(self.model)


def test_an_optimizer_that_trains_by_its_own_products_counts() -> None:
    model = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))
    optimizer = ByHand(model)
    one = counted_by_torch(optimizer.step)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(STEPS):
        with meter.step():
            optimizer.step()
    meter.close()
    assert meter.model_flop == STEPS * one


def compiled_around_a_model() -> tuple[FlopsMeter, torch.optim.SGD, Callable[[torch.Tensor], torch.Tensor], int]:
    """The meter of a model, its optimizer, a loss that is compiled around it, and FLOP of a step with that."""
    torch._dynamo.reset()
    model = nn.Linear(32, 8)
    optimizer = torch.optim.SGD(model.parameters(), 1e-4)
    expected = counted_by_torch(lambda: model(ROWS).sum().backward())
    model.zero_grad()
    meter = FlopsMeter(model, settings=QUIET)
    return meter, optimizer, torch.compile(lambda rows: model(rows).sum(), backend="aot_eager"), expected


@pytest.mark.parametrize("zeroed", ["first", "last"])
def test_gradients_that_are_gone_when_a_step_is_over_were_there(zeroed: str) -> None:
    """A function compiled around model and loss, and all that belongs to a step in its block."""
    meter, optimizer, loss, expected = compiled_around_a_model()
    for _ in range(4 * STEPS):
        with meter.step():
            if zeroed == "first":
                optimizer.zero_grad()
            loss(ROWS).backward()
            optimizer.step()
            if zeroed == "last":
                optimizer.zero_grad()
    meter.close()
    assert (meter.model_flop, meter.totals.uncounted_steps) == (4 * STEPS * expected, 0)


@pytest.mark.parametrize("micro_steps", [1, 3])
def test_a_function_that_is_compiled_around_the_model_counts_as_the_last_counted_step(micro_steps: int) -> None:
    """Compiled, it calls no hook and shows no operation; what weights have then are gradients."""
    meter, optimizer, loss, expected = compiled_around_a_model()
    for step in range(4 * STEPS):
        with meter.step():
            loss(ROWS).backward()
        if step % micro_steps == 0:
            with meter.step():  # of its own: nothing that counts
                optimizer.step()
            optimizer.zero_grad()
    meter.close()
    assert meter.model_flop == 4 * STEPS * expected
    assert 0 < meter.totals.inferred_flop < meter.model_flop
    assert meter.totals.uncounted_steps == 0
