"""What a run states that may mean a faster format than it is counted in, wherever and however it says so.

Trainers spell it in many ways (`fp4_recipe` = nvfp4, ACCELERATE_MIXED_PRECISION = fp8, `quantization` = te_nvfp4). So
any name or value that mentions such a format raises the upper bound, and nothing else: no figure rests on a guess.
"""

from collections.abc import Mapping

from flops_auditor.domain.runs.hyperparameters import LOADED_FROM, MODEL, NO, ends_of, parameter_name
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.values.precision import RANK, faster_precision_in

_LONGEST = 100
"""Characters of a value that may be a setting."""
_STORED = ("kv", "bnb", "4bit", "tokenizer")
"""In names of settings of what is stored in a format, and not multiplied in it."""
_NAMES_A_MODEL = frozenset({*MODEL, *LOADED_FROM})


def hinted_precision(places: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """The fastest format that statements mention, and which statement does, in words; empty where none does. `places`:
    what statements of a place are called -> name -> value.
    """
    fastest, where = "", ""
    for word, given in places.items():
        for name, value in given.items():
            hint = _hint(parameter_name(name), value.strip())
            if hint and RANK[hint] > RANK.get(fastest, -1):
                fastest, where = hint, f"{word} {name}"
    return fastest, where


def _hint(name: str, value: str) -> str:
    if value.lower() in NO or any(part in name for part in _STORED):
        return ""
    hints = [faster_precision_in(name)]
    names_a_model = not _NAMES_A_MODEL.isdisjoint(ends_of(name))
    if len(value) <= _LONGEST and not names_a_model and not is_place(value):
        hints.append(faster_precision_in(value))
    return max(hints, key=lambda hint: RANK.get(hint, -1))
