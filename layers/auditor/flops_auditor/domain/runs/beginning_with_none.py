"""Whether a setting may mean that a run begins with no weights, so that the name of its model is that of a
configuration. It can only count against the run: a model of one's own has other lines (Guidelines C(2025) 5045, 17).

Names: NeMo and SageMaker HyperPod recipes (`do_finetune`, recipes called `pretrain`), axolotl (`reinit_weights`),
torchvision and timm (`pretrained`), nanoGPT (`init_from`), Megatron and LLaMA-Factory (scripts, stages).
"""

import re
from functools import lru_cache

from flops_auditor.domain.runs.techniques import MOST_TEXTS
from flops_auditor.domain.runs.yes_or_no import NO, YES

_FROM_NONE = frozenset({"scratch", "reinit", "reinitialize", "reinitialise"})
_AT_RANDOM = frozenset({"random", "randomly"})
_ASKED = frozenset({"pretrain", "pretraining"})
_BESIDE_ASKED = frozenset({"do", "is", "run", "mode", "continue"})
"""What `pretrain` has beside it where it is a question: alone it is OpenRLHF's name of a model."""
_FROM_A_CONFIGURATION = (frozenset({"from", "config"}), frozenset({"config", "only"}))
_WEIGHTS = frozenset({"pretrained", "finetune", "finetuning", "finetuned"})
_LOADS = (
    frozenset({"load", "weights"}),
    frozenset({"load", "base", "model"}),
    frozenset({"fine", "tune"}),
    frozenset({"load", "from"}),
    frozenset({"init", "from"}),
    frozenset({"restore", "from"}),
)
_ALONE = frozenset({"weights"})
_NOT = frozenset({"no", "not", "skip", "disable", "without", "ignore"})
_OFF = NO | {"off", "disabled", "n", "f", "0.0"}
_ON = YES | {"on", "enabled", "y", "t"}
_HOW = frozenset({"init", "initialization", "initialisation", "weights", "weight", "from", "method"})
_WHAT = frozenset(
    {"stage", "mode", "task", "phase", "type", "technique", "method", "action", "activity", "training", "train"}
)
_STARTED = frozenset({"program", "recipe", "recipes", "config", "cfg", "script", "entry", "point", "command", "cmd"})
_NOTHING = frozenset({"random", "scratch", "fromscratch", "randominit", "none", "randomly", "empty"})
_PRETRAINS = frozenset({"pretrain", "pretraining", "fromscratch", "scratch"})
_CONTINUES = frozenset({"continue", "continued", "continual", "continuous", "further"})
_OF_LOGS = ("wandb.", "mlflow.")
_WORDS = re.compile(r"[^a-z]+")
_LONGEST = 4_000
"""Characters of what is started that are looked at: names of files, and lines of a shell."""


@lru_cache(maxsize=MOST_TEXTS)
def may_begin_with_none(name: str, text: str) -> bool:
    """Whether what stands under a name, as it is looked up, may mean so."""
    called = frozenset(_WORDS.split(name.rpartition(".")[2]))
    if name.startswith(_OF_LOGS):
        return False
    value = text.strip().strip("'\"").lower()
    if value in _ON or value in _OFF:
        return _answered(called, value in _ON)
    squeezed = _WORDS.sub("", value) if len(value) < 40 else ""
    if (squeezed in _NOTHING or squeezed.startswith("random")) and not called.isdisjoint(_HOW | _WHAT):
        return True
    if squeezed in _PRETRAINS and not called.isdisjoint(_WHAT):
        return True
    return not called.isdisjoint(_STARTED) and _is_called_so(value[:_LONGEST])


def _answered(called: frozenset[str], yes: bool) -> bool:
    yes = yes is called.isdisjoint(_NOT)
    at_random = not called.isdisjoint(_AT_RANDOM) and not called.isdisjoint(_HOW)
    if at_random or not called.isdisjoint(_FROM_NONE):
        return yes
    if called == _ALONE or not called.isdisjoint(_WEIGHTS) or any(part <= called for part in _LOADS):
        return not yes
    asked = not called.isdisjoint(_ASKED) and called <= _ASKED | _BESIDE_ASKED | _NOT
    return yes and (asked or any(part <= called for part in _FROM_A_CONFIGURATION))


def _is_called_so(text: str) -> bool:
    """Whether a file, or a folder of recipes, that a text names is called so."""
    for path in text.split():
        called = _WORDS.split(path)
        if not _CONTINUES.isdisjoint(called):
            continue
        if not _ASKED.isdisjoint(called) or "scratch" in called or "fromscratch" in called:
            return True
    return False
