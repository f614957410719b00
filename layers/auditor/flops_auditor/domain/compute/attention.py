"""Operations of attention over the context, which C = 6 P D leaves out.

Each token compares its queries with the keys of the context and takes a mean of their values: two products of 2 FLOP
per attended token, head and width of a head in the forward pass, and twice as much in the backward pass, whatever is
trained, since the gradient has to pass. That makes 12 x layers x (heads x head width) x context per token, as PaLM
counts it (Chowdhery et al. 2022, arXiv:2204.02311, appendix B): the full square, which eager attention computes.
Kernels that leave out what a causal mask hides compute half of it.
"""

from math import isqrt

from flops_auditor.domain.runs.model_size import ModelSize

FLOP_PER_ATTENDED_TOKEN = 12
LONGEST_CONTEXT = 131_072
"""Tokens of context that nearly all models of the table stay within, where a model's own is not known."""
WIDTH_PER_LAYER = 128
"""Usual aspect ratio of dense transformers (Llama-3-8B: 4096 / 32; Llama-3-70B: 8192 / 80 = 102)."""
SPREAD_OF_SHAPES = 3
SPREAD_OF_EXPERTS = 8
"""Layers x queries' width of a dense model, and of a mixture of experts, is at most this many times that of the usual
shape of its active parameters (all models of the table, tests/accuracy)."""


def attention_flop(attended: int, length: int) -> int:
    """FLOP of one token's attention over `length` tokens, forward and backward; `attended`: layers x queries' width."""
    return FLOP_PER_ATTENDED_TOKEN * attended * length


def known_attention(model: ModelSize, length: int | None) -> int:
    """FLOP of one token's attention, forward and backward; 0 where the length or the model's shape is not known."""
    return 0 if length is None or model.attended is None else attention_flop(model.attended, length)


def most_attention_flop(model: ModelSize, length: int | None, *, extended: bool = False) -> int:
    """The most that attention can take per token: over the model's longest context where the length is not known, and
    for a shape far from usual where the shape is not known. `extended`: the context may be longer than the model's own.
    """
    own = LONGEST_CONTEXT if model.shape is None else model.shape.context
    if model.attended is not None:
        context = max(own, LONGEST_CONTEXT) if extended else own
        return attention_flop(model.attended, context if length is None else length)
    layers, width = shape_of(model.active)
    spread = SPREAD_OF_EXPERTS if model.total > model.active else SPREAD_OF_SHAPES
    return spread * FLOP_PER_ATTENDED_TOKEN * layers * width * (LONGEST_CONTEXT if length is None else length)


def shape_of(parameters: int) -> tuple[int, int]:
    """Layers and width of a usual dense transformer of so many parameters: N = 12 L h^2 with h = 128 L.

    12 L h^2 counts the matrices of a layer (Kaplan et al. 2020, arXiv:2001.08361, table 1).
    """
    layers, one_more = 1, 2
    while _of_layers(one_more) <= parameters:  # doubled, then halved: a stated size may be any number
        layers, one_more = one_more, 2 * one_more
    while one_more - layers > 1:
        middle = (layers + one_more) // 2
        layers, one_more = (middle, one_more) if _of_layers(middle) <= parameters else (layers, middle)
    return layers, isqrt(parameters // (12 * layers))


def _of_layers(layers: int) -> int:
    """Parameters of a usual transformer of so many layers."""
    return 12 * layers * (WIDTH_PER_LAYER * layers) ** 2
