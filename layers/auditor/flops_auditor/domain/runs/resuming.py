"""Whether a setting tells a run to go on from a checkpoint, which may have been another run's.

Names: Transformers, axolotl, ms-swift; verl; NeMo; Composer; Megatron, fairseq, torchtitan; Lightning; nanoGPT.
"""

import re

from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.runs.yes_or_no import NO, YES

LOADED_FROM = (
    "pretrained_checkpoint",
    "initial_checkpoint_dir",
    "initial_load_path",
    "load_checkpoint",
    "checkpoint_dir",
    "load",
)
"""Where a trainer loads weights from, or resumes: Megatron, torchtitan, torchtune, LitGPT, EasyLM. Only a place is
taken for one, and none where the run itself writes."""
_RESUMES = ("resume", "autoresume")
"""How words of names begin that go on from a checkpoint: Transformers, axolotl, ms-swift; verl; NeMo; Composer."""
_RESTARTS = frozenset({"restart", "warmstart"})
"""The same, as an answer of yes."""
_CONTINUES = frozenset({"continue", "continued"})
_WHAT_IS_CONTINUED = frozenset({"from", "training", "train", "run", "checkpoint", "ckpt", "last", "latest"})
_LOADS = frozenset({"load", "reload", "loaded", "restore", "restored"})
_LOADED = frozenset({"checkpoint", "ckpt"})
_OF_WHAT_IS_LOADED = frozenset({"path", "file", "uri", "url", "use", "init", "initial", "start", "model", "pretrained"})
_BEGINS_FROM = frozenset({"from", "warm", "warmstart"})
"""Words of names that load a checkpoint if they name where one may lie (Megatron, Composer, fairseq, torchtitan), and
those of a checkpoint and its place (Lightning)."""
_FIRST = frozenset({"start", "starting", "initial", "begin", "current"})
"""Words of names that say at which step a run begins."""
_NOT = frozenset({"no", "not", "skip", "disable", "disabled", "never", "without", "ignore"})
_COMMANDS = frozenset({"cmd", "command", "commands", "script", "program", "entry", "entrypoint", "args", "arguments"})
"""Words of names under which stands what is started."""
_STARTS_TO_RESUME = re.compile(r"(?<![a-z0-9])(?:auto)?resum[a-z]*+(?![a-z0-9]|['\"]?\s{0,9}[=:])")
_COUNTS_STEPS = frozenset({"step", "steps", "iter", "iteration", "epoch"})
_OF_THE_FIRST = _COUNTS_STEPS | {"from", "global"}
_CHECKPOINT_LIKE = re.compile(
    r"checkpoint|ckpt|global_?step|\blast\b|\blatest\b|\.(?:pt|pth|safetensors|distcp|nemo|tar)\Z"
)
_DATA_LIKE = re.compile(r"(?:^|[/_-])(?:data|datasets?|shards?|corpus|train)(?:[/_.-]|\Z)")
_MODEL_LIKE = re.compile(r"model|weight|pretrain|base|init|run|step|epoch|ep\d")
"""Of places that loading names give: those of data, unless something in them is called a model or a run."""
_LOADS_THE_LAST = re.compile(
    r"(?:^|[._])(?:(?:auto_?)?(?:restore|load|continue)(?:_(?:from|training|ckpt|checkpoint|last|latest|if_exists))*"
    r"|(?:ckpt|checkpoint)_path)$"
)
_LAST = YES | {"auto", "latest", "last", "on", "must"}
"""Flags that load the last checkpoint in a run's own folder, and their answers."""
_OF_LOGS = frozenset({"wandb", "mlflow", "comet", "neptune", "clearml", "tracker", "tracking", "logger", "logging"})
_OF_DATA = frozenset(
    {"column", "data", "dataloader", "dataset", "datasets", "download", "field", "text", "tokenizer", "vocab"}
)
_OF_SETTINGS = frozenset({"config", "cfg", "args"})
"""Words of names that resume or load logs, data or settings: WANDB_RESUME, `resume_download`, `load_dataset`."""
_FROM_THE_START = frozenset({"disable", "disabled", "never", "scratch", "from_scratch"})


def may_resume(name: str) -> bool:
    """Whether a name, as it is looked up, is one under which a run may be told to go on from a checkpoint."""
    words = _words_of(name.rpartition(".")[2])
    first = not words.isdisjoint(_FIRST) and words <= _FIRST | _OF_THE_FIRST
    return _goes_on(name) or _loads(name) or first or not words.isdisjoint(_RESTARTS | _COMMANDS)


def tells_to_resume(name: str, text: str) -> bool:
    """Whether what stands under a name, as it is looked up, tells a run to go on from a checkpoint, which may have been
    another run's: names that say so, and whatever loads from where one may lie.
    """
    value, words = text.strip().lower(), _words_of(name.rpartition(".")[2])
    if not _NOT.isdisjoint(words):
        return value in NO - {""} and (_goes_on(name) or not _RESTARTS.isdisjoint(words))
    if value in NO | _FROM_THE_START:
        return False
    if _is_told_to_load_the_last(name, value):
        return True
    resumes = value == _RESUMES[0] and not _of_something_else(name)  # nanoGPT: `init_from` = resume
    restarts = not _RESTARTS.isdisjoint(words) and value in YES | {"auto"}
    started = not _COMMANDS.isdisjoint(words) and _STARTS_TO_RESUME.search(value) is not None
    steps = value.isdigit() and not _COUNTS_STEPS.isdisjoint(_words_of(name))
    first = steps and not words.isdisjoint(_FIRST) and words <= _FIRST | _OF_THE_FIRST
    goes_on = _goes_on(name) or resumes or restarts or started or first
    return goes_on or (_loads(name) and (steps or _may_be_a_checkpoint(name, text)))


def goes_on_in_its_folder(name: str, text: str) -> bool:
    """Whether it surely tells so of what lies where the run itself leaves checkpoints: by words that say it, and no
    place elsewhere.
    """
    value = text.strip().lower()
    if "://" in value or value.startswith("/") or not tells_to_resume(name, text):
        return False
    return _goes_on(name) or value == _RESUMES[0] or _is_told_to_load_the_last(name, value)


def _is_told_to_load_the_last(name: str, value: str) -> bool:
    """Whether a flag says so, such as `load_last`, `restore` or Lightning's `ckpt_path` = last."""
    return value in _LAST and _LOADS_THE_LAST.search(name) is not None and not _of_something_else(name)


def _may_be_a_checkpoint(name: str, text: str) -> bool:
    value = text.lower()
    if _CHECKPOINT_LIKE.search(value):
        return True
    data = name.rpartition(".")[2] not in LOADED_FROM and _DATA_LIKE.search(value) and not _MODEL_LIKE.search(value)
    return is_place(text) and not data


def _goes_on(name: str) -> bool:
    words = _words_of(name)
    continues = not _CONTINUES.isdisjoint(words) and not _WHAT_IS_CONTINUED.isdisjoint(words)
    return (continues or any(word.startswith(_RESUMES) for word in words)) and not _of_something_else(name)


def _loads(name: str) -> bool:
    words, own = _words_of(name), name.rpartition(".")[2]
    own_words = _words_of(own)
    loaded = not _LOADED.isdisjoint(own_words) and own_words <= _LOADED | _OF_WHAT_IS_LOADED | _BEGINS_FROM
    loads = loaded or not (_LOADS | _BEGINS_FROM).isdisjoint(words)
    return loads and (_OF_DATA | _OF_LOGS).isdisjoint(words) and _OF_SETTINGS.isdisjoint(_words_of(own))


def _of_something_else(name: str) -> bool:
    own = _words_of(name.rpartition(".")[2])
    return not (_OF_LOGS.isdisjoint(_words_of(name)) and _OF_DATA.isdisjoint(own))


def _words_of(name: str) -> frozenset[str]:
    return frozenset(re.split(r"[^a-z0-9]+", name))
