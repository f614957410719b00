"""How many FLOP an operation takes, from its name and the shapes of its arguments. A multiply-add is two FLOP.

Same conventions as torch.utils.flop_counter: matrix products, convolutions and attention count; elementwise work does
not; causal masks are not discounted. Beyond it: the kernels that it does not know (attention on CPUs, grouped experts,
flash-attn's own operators, packed weights, recurrent layers), and what of an attention backward is recomputation.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

from flops_meter.work import DENSE, PAIRED, RAGGED, RAGGED_SURPLUS, SURPLUS, Work

Arguments = Mapping[str, Any]
"""Arguments of an operation by the names of its schema."""


@dataclass(frozen=True)
class Seen:
    """One operation: its arguments, its result, and the length of the sequences that the pass works on, if known."""

    arguments: Arguments
    result: Any
    length: int | None = None


Formula = Callable[[Seen], Work]


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape)


def _dense(flop: int) -> Work:
    return {DENSE: flop}


def _matrix_product(left: str, right: str) -> Formula:
    def formula(seen: Seen) -> Work:
        rows, inner = _shape(seen.arguments[left])
        return _dense(2 * rows * inner * _shape(seen.arguments[right])[1])

    return formula


def _batched(left: str, right: str) -> Formula:
    """A batched product. It is attention's when the length of the sequence stands twice among its sides."""

    def formula(seen: Seen) -> Work:
        batch, rows, inner = _shape(seen.arguments[left])
        columns = _shape(seen.arguments[right])[2]
        flop = 2 * batch * rows * inner * columns
        paired = seen.length is not None and (rows, inner, columns).count(seen.length) >= 2
        return {PAIRED if paired else DENSE: flop}

    return formula


def _matrix_vector(seen: Seen) -> Work:
    left = seen.arguments.get("mat", seen.arguments.get("self"))
    return _dense(2 * prod(_shape(left)))


def _linear(left: str) -> Formula:
    """Output positions x inner size, whatever way the weight is packed: the logical size."""

    def formula(seen: Seen) -> Work:
        result = seen.result[0] if isinstance(seen.result, tuple) else seen.result
        return _dense(2 * prod(_shape(result)) * _shape(seen.arguments[left])[-1])

    return formula


def _from_sizes(left: str) -> Formula:
    """A product whose packed weight does not show its sides: the arguments say them."""

    def formula(seen: Seen) -> Work:
        return _dense(2 * prod(_shape(seen.arguments[left])) * seen.arguments["out_features"])

    return formula


def _grouped(seen: Seen) -> Work:
    """Grouped experts: each row goes through one of them, so that routed rows count, not the number of experts."""
    names = list(seen.arguments.values())
    left, right = _shape(names[0]), _shape(names[1])
    if len(left) == 2:
        return _dense(2 * left[0] * left[1] * right[-1])  # rows x experts, or (for weight gradients) inner x rows
    if len(right) == 3:
        return _dense(2 * prod(left) * right[-1])
    return _dense(2 * left[1] * left[2] * right[1])


def _convolution_flop(batch: int, weight: tuple[int, ...], positions: tuple[int, ...]) -> int:
    return 2 * batch * prod(weight) * prod(positions)


def _convolution(seen: Seen) -> Work:
    given = seen.arguments
    shape = _shape(given.get("input", given.get("self")))
    positions = shape[2:] if given.get("transposed") else _shape(seen.result)[2:]
    return _dense(_convolution_flop(shape[0], _shape(given["weight"]), positions))


def _convolution_backward(seen: Seen) -> Work:
    given = seen.arguments
    gradient, shape, weight = _shape(given["grad_output"]), _shape(given["input"]), _shape(given["weight"])
    positions = shape[2:] if given["transposed"] else gradient[2:]
    one = _convolution_flop(shape[0], weight, positions)
    wanted = sum(bool(each) for each in given["output_mask"][:2])
    return _dense(one * wanted)


# ----- Attention

_QUERY = ("query", "q")
_KEY = ("key", "k")
_VALUE = ("value", "v")
_GRADIENT = ("grad_out", "grad_out_", "dout", "grad_output")
_BOUNDS = ("cu_seqlens_q", "cum_seq_q", "cu_seq_q")
_KEY_BOUNDS = ("cu_seqlens_k", "cum_seq_k", "cu_seq_k")
_HEADS_FIRST = ("scaled_dot_product", "flex_attention")


def _first(arguments: Arguments, names: tuple[str, ...]) -> Any:
    return next((arguments[name] for name in names if arguments.get(name) is not None), None)


def _window(arguments: Arguments) -> int:
    """How many keys a query sees at most, 0 for all: what the kernel is told, as flash-attn names it."""
    left, right = arguments.get("window_size_left"), arguments.get("window_size_right")
    if not isinstance(left, int) or left < 0:
        return 0
    return left + 1 + (right if isinstance(right, int) and right > 0 else 0)


def attention(name: str, wanted: Callable[[Any, Any, Any], tuple[bool, ...]] | None = None) -> Formula:
    """A fused attention kernel, forward or backward, with or without bounds of sequences inside one long row.

    Forward: two products. Backward: four, of which only those count whose gradient is wanted (`wanted` says so for
    query, key and value); the scores that the kernel computes again are recomputation.
    """
    heads_first = any(part in name for part in _HEADS_FIRST)

    def formula(seen: Seen) -> Work:
        given = seen.arguments
        query, key, value = (_first(given, names) for names in (_QUERY, _KEY, _VALUE))
        q, k, v = _shape(query), _shape(key), _shape(value)
        bounds = _first(given, _BOUNDS)
        window = _window(given)
        if len(q) == 3:
            heads, batch, pairs, kind, spare = q[1], 1, 1, f"{RAGGED}{window}", f"{RAGGED_SURPLUS}{window}"
        elif bounds is not None:
            heads, batch, pairs, kind, spare = q[2], 1, 1, f"{RAGGED}{window}", f"{RAGGED_SURPLUS}{window}"
        else:
            side = 2 if heads_first else 1
            heads, batch = q[3 - side], q[0]
            keys = k[side]
            pairs = q[side] * (min(keys, window) if window else keys)
            kind, spare = PAIRED, SURPLUS
        product_with_key, product_with_value = (2 * batch * heads * pairs * size for size in (q[-1], v[-1]))
        if _first(given, _GRADIENT) is None:
            return {kind: product_with_key + product_with_value}
        of_query, of_key, of_value = wanted(query, key, value) if wanted else (True, True, True)
        used = (
            product_with_value * ((of_query or of_key) + of_value)  # of the probabilities, of the values
            + product_with_key * (of_query + of_key)
        )
        executed = 3 * product_with_key + 2 * product_with_value
        return {kind: used, spare: executed - used}

    return formula


def is_attention(name: str, arguments: Arguments) -> bool:
    """Whether an operation is a fused attention: any operator that says so and takes query, key and value."""
    said = "attention" in name or "attn" in name or "fmha" in name
    return said and all(_first(arguments, names) is not None for names in (_QUERY, _KEY, _VALUE))


def pairs_in(bounds: list[int], key_bounds: list[int], window: int) -> int:
    """Pairs of positions that see each other, from the cumulative bounds of queries and keys."""
    spans = zip(bounds, bounds[1:], key_bounds, key_bounds[1:], strict=False)
    return sum((to - start) * (min(end - begin, window) if window else end - begin) for start, to, begin, end in spans)


def bounds_of(arguments: Arguments) -> tuple[Any, Any] | None:
    """The cumulative bounds of queries and keys that a kernel was given."""
    queries = _first(arguments, _BOUNDS)
    if queries is None:
        return None
    keys = _first(arguments, _KEY_BOUNDS)
    return queries, queries if keys is None else keys


# ----- Whole layers in one operation: what torch runs for attention and encoders without gradients


def _lengths(tensor: Any) -> list[int]:
    """Positions of each sequence; a nested tensor has sequences of different lengths."""
    if tensor.is_nested:
        return [int(sizes[0]) for sizes in tensor._nested_tensor_size().tolist()]
    shape = _shape(tensor)
    return [shape[1]] * shape[0]


def _attention_layer(seen: Seen) -> Work:
    """Projections of query, key and value, attention between all positions, projection of the result."""
    given = seen.arguments
    size = int(given["embed_dim"])
    queries = _lengths(given.get("query", given.get("src")))
    keys = _lengths(given.get("key", given.get("src")))
    projected = 2 * sum(queries) + 2 * sum(keys)
    pairs = sum(query * key for query, key in zip(queries, keys, strict=True))
    return {DENSE: 2 * projected * size**2, PAIRED: 4 * pairs * size}


def _encoder_layer(seen: Seen) -> Work:
    """An attention layer and two linear ones."""
    given = seen.arguments
    weights = prod(_shape(given["ffn_weight_1"])) + prod(_shape(given["ffn_weight_2"]))
    work = _attention_layer(seen)
    return {**work, DENSE: work[DENSE] + 2 * sum(_lengths(given["src"])) * weights}


# ----- Recurrent layers: every step multiplies by the input and the recurrent weights


def recurrent(backward: bool, wanted: Callable[[Any, Any], tuple[bool, ...]] | None = None) -> Formula:
    """A recurrent layer in one operation. Its backward: the weights' gradients, the state's and the input's.

    `wanted` says, by the input and the initial state, which of the two needs gradients: the kernel may be for one that
    does not. The state of the first step is the initial one.
    """

    def formula(seen: Seen) -> Work:
        given = seen.arguments
        shape = _shape(given["input"])
        weights = [each for name, each in given.items() if name.startswith("weight")]
        flat = [one for each in weights for one in (each if isinstance(each, list | tuple) else [each])]
        sizes = [2 * prod(_shape(each)) for each in flat if hasattr(each, "shape") and each.dim() == 2]
        positions = prod(shape[:-1])
        forward = positions * sum(sizes)
        if not backward:
            return _dense(forward)
        mask = given.get("output_mask")
        state = given.get("hx_", given.get("hx"))
        if mask is not None:
            of_input, of_state = bool(mask[0]), bool(mask[1])
        else:
            of_input, of_state = wanted(given["input"], state) if wanted else (True, True)
        directions = 2 if given.get("bidirectional") and len(flat) != len(weights) else 1
        spared = 0 if of_input else positions * sum(sizes[0 : 2 * directions : 2])
        if not of_state:
            bounds = given.get("batch_sizes")
            first = bounds[0] if bounds else shape[0 if given.get("batch_first") and mask is not None else 1]
            spared += first * sum(sizes[1::2])
        return _dense(2 * forward - spared)

    return formula


FORMULAS: dict[str, Formula] = {
    "aten::mm": _matrix_product("self", "mat2"),
    "aten::_int_mm": _matrix_product("self", "mat2"),
    "aten::addmm": _matrix_product("mat1", "mat2"),
    "aten::_addmm_activation": _matrix_product("mat1", "mat2"),
    "aten::_scaled_mm": _matrix_product("self", "mat2"),
    "aten::_scaled_mm_v2": _matrix_product("self", "mat2"),
    "aten::_dyn_quant_matmul_4bit": _from_sizes("inp"),
    "aten::_mixed_dtypes_linear": _linear("input"),
    "aten::_weight_int4pack_mm_with_scales_and_zeros": _linear("self"),
    "aten::_native_multi_head_attention": _attention_layer,
    "aten::_triton_multi_head_attention": _attention_layer,
    "aten::_transformer_encoder_layer_fwd": _encoder_layer,
    "aten::bmm": _batched("self", "mat2"),
    "aten::baddbmm": _batched("batch1", "batch2"),
    "aten::addbmm": _batched("batch1", "batch2"),
    "aten::mv": _matrix_vector,
    "aten::addmv": _matrix_vector,
    "aten::dot": _matrix_vector,
    "aten::linear": _linear("input"),
    "aten::mkldnn_linear": _linear("self"),
    "mkldnn::_linear_pointwise": _linear("X"),
    "aten::_weight_int8pack_mm": _linear("self"),
    "aten::_weight_int4pack_mm": _linear("self"),
    "aten::_weight_int4pack_mm_for_cpu": _linear("self"),
    "aten::_grouped_mm": _grouped,
    "aten::_scaled_grouped_mm": _grouped,
    "aten::_scaled_grouped_mm_v2": _grouped,
    "transformers::grouped_mm_fallback": _grouped,
    "quantized::linear_dynamic": _linear("X"),
    "quantized::linear_relu_dynamic": _linear("X"),
    "quantized::linear_dynamic_fp16": _linear("X"),
    "quantized::linear_relu_dynamic_fp16": _linear("X"),
    "bitsandbytes::gemm_4bit": _linear("A"),
    "bitsandbytes::gemv_4bit": _linear("A"),
    "bitsandbytes::int8_linear_matmul": _linear("A"),
    "bitsandbytes::int8_scaled_mm": _linear("A"),
    "bitsandbytes::int8_mixed_scaled_mm": _linear("A"),
    "aten::convolution": _convolution,
    "aten::_convolution": _convolution,
    "aten::cudnn_convolution": _convolution,
    "aten::convolution_overrideable": _convolution,
    "aten::_slow_conv2d_forward": _convolution,
    "aten::mkldnn_convolution": _convolution,
    "aten::convolution_backward": _convolution_backward,
    "aten::mkldnn_rnn_layer": recurrent(backward=False),
    "aten::mkldnn_rnn_layer_backward": recurrent(backward=True),
    "aten::_cudnn_rnn": recurrent(backward=False),
    "aten::_cudnn_rnn_backward": recurrent(backward=True),
}


def formula_of(name: str) -> Formula | None:
    """The formula of an operation, or of the one that it does in place (addmm_ for addmm)."""
    return FORMULAS.get(name) or FORMULAS.get(name.removesuffix("_"))


WITHOUT_FLOP = ("aten", "prims", "prim", "c10d", "_c10d_functional", "c10d_functional", "fsdp", "profiler", "inductor")
"""Namespaces whose other operations are elementwise work, movement or communication, but for those named so:"""
_MULTIPLIES = re.compile(
    r"mm(?![a-z])|mv_?$|matmul|(?<!bi)(?<!tri)linear(?!1d)|^_trilinear|conv(?!ert)|attention|encoder_layer|lstm|gru|rnn"
)
"""Names of torch's own operations that multiply by a weight or by each other."""
_DOES_NOT = re.compile(r"^_thnn_|flatten_weight|reorder_|prepack$|_search$|quantize_weight$|linear_combination")
"""Of those, the ones that scale gates, or bring weights into another order."""
CUSTOM_WITHOUT_FLOP = frozenset(
    f"bitsandbytes::{name}"
    for name in (
        "quantize_4bit",
        "dequantize_4bit",
        "dequantize_4bit.out",
        "quantize_blockwise",
        "dequantize_blockwise",
        "int8_vectorwise_quant",
        "int8_vectorwise_dequant",
        "int8_double_quant",
        "int8_mm_dequant",
        "optimizer_update_32bit",
        "optimizer_update_8bit_blockwise",
    )
) | frozenset({"torchvision::nms", "torchvision::roi_align", "torchvision::_roi_align_backward"})
"""Custom operations that are known, each by its whole name, to have no matrix product inside. Part of a name proves
nothing: gather_gemm gathers and multiplies."""


def is_unknown(name: str) -> bool:
    """Whether an operation without a formula may hide matrix products: of torch those named so, of others all."""
    space, _, own = name.partition("::")
    if space in WITHOUT_FLOP:
        return _MULTIPLIES.search(own) is not None and _DOES_NOT.search(own) is None
    return name not in CUSTOM_WITHOUT_FLOP
