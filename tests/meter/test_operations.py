"""Operations that are whole layers, that nobody knows, tensors that are several: counted or said, not passed over."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from flops_meter.formulas import FORMULAS, Seen, is_unknown
from tests.meter.against_torch import QUIET, counted_by_torch

ROWS = torch.randn(2, 32, 64)


class Frozen(nn.Module):
    """A frozen body in evaluation mode without gradients, and a head that is trained."""

    def __init__(self, body: nn.Module, call: Callable[[nn.Module, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.body, self.head, self.call = body.requires_grad_(False), nn.Linear(64, 8), call

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        self.body.eval()
        with torch.no_grad():
            seen = self.call(self.body, rows)
        return self.head(seen).sum()  # type: ignore[no-any-return]


def encoder() -> nn.Module:
    return nn.TransformerEncoder(nn.TransformerEncoderLayer(64, 4, 128, batch_first=True), 2)


PADDED = torch.arange(32).expand(2, 32) >= torch.tensor([[32], [20]])
BODIES: dict[str, tuple[Callable[[], nn.Module], Callable[[nn.Module, torch.Tensor], torch.Tensor]]] = {
    "encoder": (encoder, lambda body, rows: body(rows)),
    "attention": (
        lambda: nn.MultiheadAttention(64, 4, batch_first=True),
        lambda body, rows: body(rows, rows, rows, need_weights=False)[0],
    ),
}


@pytest.mark.parametrize("name", BODIES)
def test_layers_that_run_as_one_operation_count(name: str) -> None:
    make, call = BODIES[name]
    model = Frozen(make(), call)
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        expected = counted_by_torch(lambda: model(ROWS).backward())
    finally:
        torch.backends.mha.set_fastpath_enabled(True)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(4):
        with meter.step():
            model(ROWS).backward()
    assert (meter.model_flop, meter.unknown_operations) == (4 * expected, {})


def test_an_encoder_of_sequences_of_different_lengths_counts_them() -> None:
    """With a mask, torch makes the padded rows a nested tensor of 32 and 20 positions."""
    model = Frozen(encoder(), lambda body, rows: body(rows, src_key_padding_mask=PADDED))
    meter = FlopsMeter(model, settings=QUIET)
    with meter.step():
        model(ROWS).backward()
    dense, pairs = 2 * (4 * 64**2 + 2 * 64 * 128), 4 * 64
    body = 2 * (dense * (32 + 20) + pairs * (32**2 + 20**2))
    assert meter.model_flop == body + 2 * (2 * 64 * 64 * 8)


NAMES = ("gemm", "moe_gather_gemm", "packed_gemm", "fused_rmsnorm_linear", "scatter2scatter", "fused_embed_head")


@pytest.mark.parametrize("name", NAMES)
def test_a_custom_operation_is_unknown_whatever_its_name_says(name: str) -> None:
    @torch.library.custom_op(f"flops_meter_test::{name}", mutates_args=())
    def operation(rows: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        return rows @ weight

    model = nn.Linear(64, 64)
    meter = FlopsMeter(model, settings=QUIET)
    with meter.step():
        (model(ROWS) * operation(ROWS[0], ROWS[0].T).sum()).sum().backward()
    assert meter.unknown_operations == {f"flops_meter_test::{name}": 1}


def test_torchs_own_products_have_a_formula_or_are_unknown() -> None:
    """By the list of its operations: those that hold matrix products are not taken for free."""
    for name in ("_sparse_semi_structured_mm", "_cslt_sparse_mm", "_foreach_mm", "linear_backward", "matmul_backward"):
        assert is_unknown(f"aten::{name}")
    for name in ("add", "_convert_weight_to_int4pack", "upsample_bilinear2d", "upsample_linear1d", "layer_norm"):
        assert not is_unknown(f"aten::{name}")
    rows, weight = torch.empty(8, 64), torch.empty(64, 32)
    found = FORMULAS["aten::_scaled_mm_v2"](Seen({"self": rows, "mat2": weight}, torch.empty(8, 32)))
    assert found == {"dense": 2 * 8 * 64 * 32}


def test_nested_tensors_count_and_never_break_the_run() -> None:
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64))
    meter = FlopsMeter(model, settings=QUIET)
    positions = 0
    for place in range(6):
        rows = [torch.randn(4 + 3 * place, 64), torch.randn(9, 64)]
        positions += 13 + 3 * place
        with meter.step():
            model(torch.nested.nested_tensor(rows, layout=torch.jagged)).values().sum().backward()
    assert (meter.failure, meter.model_flop) == (None, positions * 5 * 2 * 64 * 128)


def test_an_error_in_the_middle_of_an_operation_is_said_and_training_goes_on(monkeypatch: Any) -> None:
    def broken(seen: Seen) -> dict[str, int]:
        raise AttributeError("no such thing")

    monkeypatch.setenv("FLOPS_METER_STRICT", "0")
    monkeypatch.setitem(FORMULAS, "aten::addmm", broken)
    model = nn.Linear(64, 8)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(2):
        with meter.step():
            model(ROWS[0]).sum().backward()
    assert model.weight.grad is not None and meter.failure == "AttributeError: no such thing"


PRODUCT = 2 * 64 * 64 * 8


class InPlace(nn.Module):
    """A product that is added to a tensor where it lies, as losses that are worked out in chunks do."""

    def __init__(self, add: Callable[[torch.Tensor, nn.Parameter], torch.Tensor], *shape: int) -> None:
        super().__init__()
        self.weight, self.layer, self.add = nn.Parameter(torch.randn(shape)), nn.Linear(64, 64), add

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return self.add(self.layer(rows), self.weight).sum()


@pytest.mark.parametrize(
    ("model", "plain"),
    [
        (InPlace(lambda rows, weight: torch.zeros(64, 8).addmm_(rows.flatten(0, 1), weight), 64, 8), 3 * PRODUCT),
        (InPlace(lambda rows, weight: torch.zeros(2, 32, 8).baddbmm_(rows, weight), 2, 64, 8), 3 * PRODUCT),
        (InPlace(lambda rows, weight: torch.zeros(32, 8).addbmm_(rows, weight), 2, 64, 8), 3 * PRODUCT),
        (InPlace(lambda rows, weight: torch.zeros(64).addmv_(rows.flatten(0, 1), weight), 64), 2 * 2 * 64 * 64),
    ],
    ids=["addmm_", "baddbmm_", "addbmm_", "addmv_"],
)  # fmt: skip
def test_products_in_place_count_as_those_that_are_not(model: nn.Module, plain: int) -> None:
    """torch's counter knows none of them. The backward of a product with a vector has one, and elementwise work."""
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(4):
        with meter.step():
            model(ROWS).backward()
    assert (meter.model_flop, meter.unknown_operations) == (4 * (2 * 2 * 64 * 64 * 64 + plain), {})


def test_packed_layers_of_torch_count_at_their_logical_size() -> None:
    packed = torch.ao.quantization.quantize_dynamic(nn.Sequential(nn.Linear(64, 64)), {nn.Linear})
    model = Frozen(packed, lambda body, rows: body(rows))
    meter = FlopsMeter(model, settings=QUIET)
    with meter.step():
        model(ROWS).backward()
    assert (meter.model_flop, meter.unknown_operations) == (2 * 64 * 64 * 64 + 2 * 2 * 64 * 64 * 8, {})


def test_products_of_an_optimizer_do_not_count() -> None:
    """In the block, too: the memory of the outputs is used again, and weights are multiplied."""
    model = nn.Linear(64, 64, bias=False)
    optimizer = torch.optim.Muon(model.parameters()) if hasattr(torch.optim, "Muon") else None
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(8):
        with meter.step():
            model(ROWS).sum().backward()
            if optimizer is not None:
                optimizer.step()
            with torch.no_grad():
                model.weight.copy_(model.weight @ torch.eye(64))
    assert (meter.model_flop, meter.totals.uncertain_flop) == (8 * 2 * 2 * 64 * 64 * 64, 0)
