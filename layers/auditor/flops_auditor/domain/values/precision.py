"""Numeric formats that a training step may multiply in, and the names that they go by."""

from flops_auditor.domain.values.errors import AuditorError

PRECISIONS = ("fp4", "fp8", "bf16", "fp16", "tf32", "fp32")
"""Numeric formats a training step may multiply in, fastest first; bf16 and fp16 run equally fast."""

RANK = {"fp4": 4, "fp8": 3, "bf16": 2, "fp16": 2, "tf32": 1, "fp32": 0}

_SPELLINGS = {
    "bf16": "bf16 bfloat16 brainfloat16 bf16-mixed bf16-true bf16mixed puremixedbf16 amp_bf16 torch.bfloat16",
    "fp16": "fp16 float16 half 16 16-mixed 16-true amp amp_fp16 fp16-mixed mixed_float16 torch.float16 f16",
    "fp32": "fp32 float32 float full 32 32-true single torch.float32 f32 no none-mixed amp_none",
    "tf32": "tf32 tensorfloat32 high",
    "fp8": "fp8 float8 fp8-hybrid hybrid e4m3 fp8_e4m3 fp8-mixed transformer-engine amp_fp8 mxfp8 float8_e4m3fn",
    "fp4": "fp4 float4 nvfp4 mxfp4 e2m1",
}

_PRECISION_OF = {spelling: name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}


_FASTER = {"fp4": ("fp4", "float4", "e2m1"), "fp8": ("fp8", "float8", "e4m3", "e5m2")}
"""What names and values of faster formats contain, however a trainer spells them; fastest first."""


class UnknownPrecision(AuditorError):
    """A numeric format that no table lists."""

    remedy = "Use one of fp4, fp8, bf16, fp16, tf32, fp32."


def recognise_precision(text: object) -> str | None:
    """The format that a hyperparameter or tag names ("bfloat16", "bf16-mixed", "torch.float16"), or None."""
    return _PRECISION_OF.get(str(text).strip().strip("\"'").lower())


def faster_precision_in(text: str) -> str:
    """The fastest format over the usual ones that a name or value mentions ("te_nvfp4"); empty where there is none."""
    folded = text.lower()
    return next((name for name, parts in _FASTER.items() if any(part in folded for part in parts)), "")
