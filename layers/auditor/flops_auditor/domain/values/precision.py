"""Numeric formats that a training step may multiply in, and the names that they go by."""

import re

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.spelling import squeezed

PRECISIONS = ("fp4", "fp8", "bf16", "fp16", "tf32", "fp32")
"""Numeric formats a training step may multiply in, fastest first; bf16 and fp16 run equally fast."""

RANK = {"fp4": 4, "fp8": 3, "bf16": 2, "fp16": 2, "tf32": 1, "fp32": 0}

_SPELLINGS = {
    "bf16": "bf16 bfloat16 brainfloat16 bf16-mixed bf16-true puremixedbf16 amp_bf16 torch.bfloat16 medium",
    "fp16": "fp16 float16 half 16 16-mixed 16-true amp amp_fp16 fp16-mixed mixed_float16 torch.float16 f16",
    "fp32": "fp32 float32 float full 32 32-true single torch.float32 f32 no none-mixed amp_none highest",
    "tf32": "tf32 tensorfloat32 high",
    "fp8": "fp8 f8 float8 fp8-hybrid hybrid e4m3 fp8_e4m3 fp8-mixed transformer-engine transformer-engine-float16 "
    "transformer-engine-bfloat16 amp_fp8 mxfp8 float8_e4m3fn",
    "fp4": "fp4 float4 nvfp4 mxfp4 e2m1",
}

_PRECISION_OF = {squeezed(spelling): name for name, spellings in _SPELLINGS.items() for spelling in spellings.split()}
_SAYS_NO_FORMAT = frozenset({"", "auto", "default", "mixed", "true", "false", "none", "null", "yes", "1", "0"})
_SLOW = frozenset({"fp64", "float64", "f64", "double", "64", "64true"})
"""Slower than any format of the table."""
_IN_TWO = re.compile(r"(?<![a-z])([a-z]{0,4}(?:fp|float))[-_\s]+(?=[48](?!\d))")
"""A format with something between its letters and its digit: "FP-8"."""

_FASTER = {
    "fp4": ("fp4", "float4", "e2m1"),
    "fp8": ("fp8", "float8", "e4m3", "e5m2", "msamp", "ms_amp", "ms-amp", "transformerengineprecision"),
}
"""What names and values of faster formats contain, however a trainer spells them; fastest first. MS-AMP multiplies in
FP8 and has no name of it in its settings ("Use MS-AMP"), nor has Lightning's plugin.
"""
_ANY_FASTER = re.compile("|".join(part for parts in _FASTER.values() for part in parts))
_MENTIONED = re.compile(rf"(?<![^\W_])[a-z]{{0,4}}(?P<format>{_ANY_FASTER.pattern})(?!\d)", re.IGNORECASE)
"""A part of a word that begins so, after four letters at most ("nvfp4")."""
_WORD = re.compile(r"(?P<word>[\w-]++)(?P<off>['\"]?\s*+[:=]\s*+['\"]?(?:false|no|none|null|off|0)\b)?+", re.IGNORECASE)
"""A word, and whether it is said to be off. Each is walked once, however often it mentions a format."""
_STARTED = (".py", ".sh", ".yaml", ".yml", ".toml", ".json", ".cfg", ".conf", ".ini")
_AROUND = "'\"`()[]{},;:"
"""What stands around a word of a line or a sentence."""
_FORMAT_OF = {part: name for name, parts in _FASTER.items() for part in parts}


class UnknownPrecision(AuditorError):
    """A numeric format that no table lists."""

    remedy = "Use one of fp4, fp8, bf16, fp16, tf32, fp32."


def recognise_precision(text: object) -> str | None:
    """The format that a hyperparameter or tag names ("bfloat16", "bf16-mixed", "torch.float16"), or None."""
    return _PRECISION_OF.get(_spelling(str(text)))


def is_unknown_precision(text: str) -> bool:
    """Whether a text that states a format states none that is known: nothing then says how fast it is. A number that
    counts no bits of one is a number of something else.
    """
    spelling = _spelling(text)
    if spelling in _SAYS_NO_FORMAT | _SLOW or spelling in _PRECISION_OF:
        return False
    return spelling in {"4", "8"} or not spelling.replace(".", "").isdigit()


def _spelling(text: str) -> str:
    return squeezed(text.strip().strip("\"'"))


def faster_precision_in(text: str) -> str:
    """The fastest format over the usual ones that a name or value mentions ("te_nvfp4"); empty where there is none."""
    folded = _IN_TWO.sub(r"\1", text.lower())
    if _ANY_FASTER.search(folded) is None:
        return ""
    return next(name for name, parts in _FASTER.items() if any(part in folded for part in parts))


def faster_precision_in_prose(text: str) -> str:
    """The fastest format over the usual ones that one of the words of a text mentions, unless it is said to be off;
    empty where none does. Words with a "/" are addresses, paths and names of models, of which only what is started
    with is read, and lists of formats ("bf16/fp8").
    """
    if not faster_precision_in(text):
        return ""
    words = " ".join(map(_told_by_a_word, _IN_TWO.sub(r"\1", text.lower()).split()))
    mentioned = (
        _FORMAT_OF[match["format"].lower()]
        for word in _WORD.finditer(words)
        if not word["off"]
        for match in _MENTIONED.finditer(word["word"])
    )
    return max(mentioned, key=lambda name: RANK[name], default="")


def script_in(path: str) -> str:
    """What a script, or a file of settings, is called at a path; empty for any other path. Such a name tells what it
    sets.
    """
    name = path.rpartition("/")[2]
    return name if name.lower().endswith(_STARTED) else ""


def _told_by_a_word(word: str) -> str:
    if "/" not in word:
        return word
    bare = word.strip(_AROUND)
    parts = bare.split("/")
    return " ".join(parts) if all(map(recognise_precision, parts)) else script_in(bare)
