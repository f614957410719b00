"""What a run states that may mean a faster format than it is counted in, wherever and however it says so.

Trainers spell it in many ways (`fp4_recipe` = nvfp4, ACCELERATE_MIXED_PRECISION = fp8, `quantization` = te_nvfp4). So
any name or value that mentions such a format raises the upper bound, and nothing else: no figure rests on a guess. One
that states a format, but none that is known, may mean the fastest.
"""

import re
from collections.abc import Mapping

from flops_auditor.domain.runs.hyperparameters import (
    MODEL,
    PRECISIONS_STATED,
    ends_of,
    parameter_name,
    plain,
    stored_in_a_cache,
)
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.runs.resuming import LOADED_FROM
from flops_auditor.domain.runs.yes_or_no import NO
from flops_auditor.domain.values.precision import (
    PRECISIONS,
    RANK,
    faster_precision_in,
    faster_precision_in_prose,
    is_unknown_precision,
    script_in,
)
from flops_auditor.domain.values.spelling import all_squeezed

_LONGEST = 100
"""Characters of one word that may be a setting."""
_STORED = ("bnb", "4bit", "tokenizer")
"""In names of settings of what is stored in a format, and not multiplied in it."""
_SETTINGS = frozenset({"recipe", "recipes", "config", "configs"})
"""Words of names under which settings stand by what they are called, with or without a suffix."""
_NAMES_A_MODEL = all_squeezed(MODEL, LOADED_FROM)
_ON = "true"
_SWITCH = re.compile(r"(?P<of>.+)\.(?:enabled?|use)")


def hinted_precision(places: Mapping[str, Mapping[str, str]]) -> tuple[str, str]:
    """The fastest format that statements mention, and which statement does, in words; empty where none does. `places`:
    what statements of a place are called -> name -> value.
    """
    fastest, where = "", ""
    for word, given in places.items():
        named = [(parameter_name(key), key, value) for key, value in given.items()]
        off = tuple(
            f"{switch['of']}."
            for name, _, value in named
            if value.strip().lower() in NO and (switch := _SWITCH.fullmatch(name))
        )
        for name, key, value in named:
            hint = "" if name.startswith(off) else _hint_of(name, key, value)
            if hint and RANK[hint] > RANK.get(fastest, -1):
                fastest, where = hint, f"{word} {key}"
    return fastest, where


def may_hint(key: str, value: str) -> bool:
    """Whether a statement bears on which format others mention."""
    name = parameter_name(key)
    return bool(faster_precision_in(name) or _hint_of(name, key, value))


def _hint_of(name: str, key: str, value: str) -> str:
    """The format that a statement mentions, by its name as it is looked up or its key as it is written: a format may be
    a name of several words. Of what states a format that is not known, the fastest.
    """
    hints = [_hint(name, value.strip())]
    written = key.strip().lower()
    if written != name and value.strip().lower() not in NO:
        hints.append(_hint(written, _ON))
    stated = not PRECISIONS_STATED.isdisjoint(ends_of(name)) and is_unknown_precision(plain(value))
    return max(hints, key=lambda hint: RANK.get(hint, -1)) or (PRECISIONS[0] if stated else "")


def _hint(name: str, value: str) -> str:
    if value.lower() in NO or stored_in_a_cache(name) or any(part in name for part in _STORED):
        return ""
    hints = [faster_precision_in(name)]
    if _NAMES_A_MODEL.isdisjoint(ends_of(name)):
        settings = not _SETTINGS.isdisjoint(name.rpartition(".")[2].split("_"))
        hints.append(_in_value(value.rpartition("/")[2] if settings and len(value.split()) == 1 else value))
    return max(hints, key=lambda hint: RANK.get(hint, -1))


def _in_value(value: str) -> str:
    """What a value mentions: one word however it is spelt, more text as one of its words. A place says nothing, unless
    it is called as a script or a file of settings.
    """
    if len(value) <= _LONGEST and not any(map(str.isspace, value)):
        if script := script_in(value):
            return faster_precision_in(script)
        return "" if is_place(value) else faster_precision_in(value)
    return faster_precision_in_prose(value)
