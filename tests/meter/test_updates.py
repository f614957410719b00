"""Looks at weights: whether they, or their gradients, are others now, of whatever kind they are."""

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from flops_meter.updates import Updates
from tests.meter.against_torch import QUIET

WEIGHT = torch.arange(1.0, 49.0).reshape(8, 6)
KINDS = {
    "bfloat16": WEIGHT.bfloat16,
    "float8": lambda: WEIGHT.to(torch.float8_e4m3fn),
    "not contiguous": WEIGHT.T.clone,
    "a number": lambda: torch.tensor(1.0),
    "no numbers": lambda: WEIGHT * float("nan"),
    "sparse": WEIGHT.to_sparse,
    "sparse rows": WEIGHT.to_sparse_csr,
    "complex": lambda: torch.complex(WEIGHT, -WEIGHT),
    "conjugated": lambda: torch.complex(WEIGHT, -WEIGHT).conj(),
    "sparse and complex": lambda: torch.complex(WEIGHT, -WEIGHT).to_sparse(),
    "whole numbers": lambda: WEIGHT.to(torch.int8),
}


def holding(parameter: nn.Parameter) -> nn.Module:
    module = nn.Module()
    module.weight = parameter
    return module


@pytest.mark.parametrize("kind", KINDS)
def test_a_change_is_seen_in_weights_of_any_kind(kind: str) -> None:
    weight, updates = KINDS[kind](), Updates()
    trained = weight.is_floating_point() or weight.is_complex()
    module = holding(nn.Parameter(weight, requires_grad=trained))
    updates.look([module])
    assert not updates.changed()
    values = module.weight.detach()
    if values.layout is not torch.strided:
        values = values.values() if values.layout is torch.sparse_csr else values._values()
    values.copy_(torch.full(values.shape, 2.0))
    assert updates.changed()


@pytest.mark.parametrize("parameter", [nn.parameter.UninitializedParameter(), nn.Parameter(torch.empty(0))])
def test_weights_that_nobody_can_look_at_are_none_that_change(parameter: nn.Parameter) -> None:
    updates = Updates()
    updates.look([holding(parameter)])
    assert not updates.changed()


def test_a_gradient_that_lies_where_one_was_is_a_new_one() -> None:
    """Between two steps' gradients memory is free: the next one may be put there."""
    model = nn.Linear(3, 4)
    model.weight.grad = torch.zeros(4, 3)
    updates = Updates()
    updates.look([model])
    assert not updates.has_new_gradients()
    place, kept = id(model.weight.grad), []
    model.weight.grad = None
    while not kept or (id(kept[-1]) != place and len(kept) < 10_000):
        kept.append(torch.zeros(4, 3))
    model.weight.grad = kept[-1]
    assert updates.has_new_gradients()


@pytest.mark.parametrize("layout", [torch.strided, torch.sparse_coo, torch.sparse_csr])
def test_products_with_sparse_values_break_no_count(layout: torch.layout) -> None:
    """Neighbours in a graph: such a product counts as a dense one."""
    neighbours = (torch.rand(16, 16) < 0.3).float().to_sparse(layout=layout)
    if layout is torch.strided:
        neighbours = neighbours.to_dense()
    model = nn.Linear(32, 8)
    meter = FlopsMeter(model, settings=QUIET)
    for _ in range(4):
        with meter.step():
            (neighbours @ model(torch.randn(16, 32))).sum().backward()
    meter.close()
    assert (meter.failure, meter.model_flop) == (None, 4 * 2 * 8 * 16 * (2 * 32 + 2 * 16))
