"""Kernels that are given the bounds of each sequence: a stand-in with the schema of flash-attn's operators."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import nn

from flops_meter import FlopsMeter
from tests.meter.against_torch import QUIET, counted_by_torch

SIZE, HEADS = 16, 2
FORWARD = (
    "(Tensor q, Tensor k, Tensor v, Tensor cu_seqlens_q, Tensor cu_seqlens_k, int max_seqlen_q, int max_seqlen_k, "
    "bool causal, int window_size_left=-1, int window_size_right=-1) -> Tensor"
)
BACKWARD = (
    "(Tensor dout, Tensor q, Tensor k, Tensor v, Tensor cu_seqlens_q, Tensor cu_seqlens_k, int max_seqlen_q, "
    "int max_seqlen_k, bool causal, int window_size_left=-1, int window_size_right=-1) -> (Tensor, Tensor, Tensor)"
)


def attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    scores = (q.transpose(0, 1) @ k.permute(1, 2, 0)).softmax(-1)
    return (scores @ v.transpose(0, 1)).transpose(0, 1)


def forward(q: Any, k: Any, v: Any, bounds: torch.Tensor, *rest: Any) -> torch.Tensor:
    edges = bounds.tolist()
    return torch.cat([attend(q[a:b], k[a:b], v[a:b]) for a, b in pairwise(edges)])


def backward(gradient: torch.Tensor, q: Any, k: Any, v: Any, bounds: torch.Tensor, *rest: Any) -> Any:
    edges, parts = bounds.tolist(), []
    for a, b in pairwise(edges):
        queries, keys, values, g = (each[a:b].transpose(0, 1) for each in (q, k, v, gradient))
        chances = (queries @ keys.transpose(1, 2)).softmax(-1)
        slope = g @ values.transpose(1, 2)
        slope = chances * (slope - (slope * chances).sum(-1, keepdim=True))
        parts.append([slope @ keys, slope.transpose(1, 2) @ queries, chances.transpose(1, 2) @ g])
    return tuple(torch.cat([part[i].transpose(0, 1) for part in parts]) for i in range(3))


@pytest.fixture(scope="module")
def operators() -> Iterator[Any]:
    library = torch.library.Library("flash_attn_stand_in", "DEF")
    library.define(f"_flash_attn_varlen_forward{FORWARD}")
    library.define(f"_flash_attn_varlen_backward{BACKWARD}")
    library.impl("_flash_attn_varlen_forward", forward, "CPU")
    library.impl("_flash_attn_varlen_backward", backward, "CPU")
    yield torch.ops.flash_attn_stand_in
    library._destroy()


class Varlen(torch.autograd.Function):
    """As flash-attn calls its operators."""

    @staticmethod
    def forward(context: Any, q: Any, k: Any, v: Any, bounds: Any, window: int) -> torch.Tensor:
        context.save_for_backward(q, k, v, bounds)
        context.window = window
        operator = torch.ops.flash_attn_stand_in._flash_attn_varlen_forward
        return operator(q, k, v, bounds, bounds, 0, 0, True, window, 0)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> Any:
        q, k, v, bounds = context.saved_tensors
        operator = torch.ops.flash_attn_stand_in._flash_attn_varlen_backward
        return *operator(gradient.contiguous(), q, k, v, bounds, bounds, 0, 0, True, context.window, 0), None, None


class Detached(Varlen):
    """As flash-attn does it with all three in one tensor: its forward takes them apart without gradients."""

    @staticmethod
    def forward(context: Any, qkv: Any, bounds: Any, window: int) -> torch.Tensor:  # type: ignore[override]
        return Varlen.forward(context, *(each.detach() for each in qkv.unbind(1)), bounds, window)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> Any:
        slopes = Varlen.backward(context, gradient)
        return torch.stack(slopes[:3], 1), None, None


class Packed(nn.Module):
    """One layer over a row in which sequences stand one behind the other."""

    def __init__(self, window: int = -1, detached: bool = False) -> None:
        super().__init__()
        self.window, self.detached = window, detached
        self.embed = nn.Embedding(32, SIZE * HEADS)
        self.qkv = nn.Linear(SIZE * HEADS, 3 * SIZE * HEADS, bias=False)

    def forward(self, input_ids: torch.Tensor, position_ids: torch.Tensor, alone: bool = False) -> torch.Tensor:
        qkv = self.qkv(self.embed(input_ids[0])).view(-1, 3, HEADS, SIZE)
        q, k, v = qkv.unbind(1)
        if alone:
            return attend(q, k, v).sum()
        starts = (position_ids[0] == 0).nonzero().flatten()
        bounds = torch.cat([starts, torch.tensor([input_ids.shape[1]])]).to(torch.int32)
        if self.detached:
            return Detached.apply(qkv, bounds, self.window).sum()
        return Varlen.apply(q, k, v, bounds, self.window).sum()


def row(lengths: list[int]) -> dict[str, torch.Tensor]:
    places = torch.cat([torch.arange(each) for each in lengths])
    return {"input_ids": places[None] % 32, "position_ids": places[None]}


@pytest.mark.parametrize("detached", [False, True])
def test_packed_sequences_count_at_their_own_lengths(operators: Any, detached: bool) -> None:
    """The same row in other pieces is other work: from the positions, without counting again."""
    model = Packed(detached=detached)
    meter = FlopsMeter(model, settings=QUIET)
    expected = 0
    for lengths in ([40, 24], [64], [10, 10, 44], [1, 63], [40, 24]):
        with meter.step():
            model(**row(lengths)).backward()
        for each in lengths:
            expected += counted_by_torch(lambda each=each: Packed()(**row([each]), alone=True).backward())
        assert meter.model_flop == expected
    assert meter.executed_flop > meter.model_flop  # the kernel computes scores again in the backward


def test_windows_limit_the_pairs(operators: Any) -> None:
    model = Packed(window=7)
    meter = FlopsMeter(model, settings=QUIET)
    linear = 3 * 2 * 64 * (SIZE * HEADS) * (3 * SIZE * HEADS)
    for lengths in ([64], [4, 60]):
        before = meter.model_flop
        with meter.step():
            model(**row(lengths)).backward()
        pairs = sum(each * min(each, 8) for each in lengths)
        assert meter.model_flop - before == linear + 6 * 2 * HEADS * SIZE * pairs
