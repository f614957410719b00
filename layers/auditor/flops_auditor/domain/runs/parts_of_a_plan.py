"""Which settings are parts of a run's plan: those that stand in the run itself, and what else may say how many batches
are accumulated for a step.
"""

import re
from functools import lru_cache

from flops_auditor.domain.runs.techniques import MOST_TEXTS
from flops_auditor.domain.runs.yes_or_no import NO, YES
from flops_auditor.domain.values.spelling import all_squeezed, squeezed

_OF_A_RUN = frozenset(
    {
        *("run", "trainer", "trainers", "train", "training", "pretrain", "pretraining", "learner", "fit", "loop"),
        *("sft", "dpo", "grpo", "ppo", "rl", "rlhf", "cpt", "lora", "qlora", "peft", "fine", "finetune"),
        *("finetuning", "tune", "tuning", "algorithm", "algo", "experiment", "exp", "job", "task", "recipe"),
        *("recipes", "main", "args", "arg", "arguments", "argument", "config", "configs", "cfg", "conf"),
        *("configuration", "kwargs", "hp", "hps", "hparams", "hyper", "hyperparameters", "hyperparameter"),
        *("parameters", "params", "param", "sm", "settings", "options", "option", "opts", "user", "common"),
        *("general", "base", "global", "default", "defaults", "cmd", "command", "cli", "script", "entry"),
        *("entrypoint", "point", "launch", "launcher", "extra", "additional", "override", "overrides", "hydra"),
        *("data", "dataset", "datasets", "ds", "datamodule", "module", "loader", "dataloader", "batch", "batching"),
        *("model", "models", "llm", "lm", "causal", "language", "encoder", "student", "policy", "actor", "megatron"),
        *("nemo", "axolotl", "transformers", "trl", "torchtitan", "llama", "llamafactory", "factory", "swift"),
        *("deepspeed", "accelerate", "accelerator", "fsdp", "distributed", "strategy", "parallelism"),
        "parallel",
    }
)
"""Words of what the settings of a run stand in; a scheduler's, an evaluation's or a probe's stand in others."""
_OF_VERL = "actor_rollout_ref"
"""Where the model that verl trains stands, beside what it generates and its reference."""
_SPEAKS_OF_IT = re.compile(r"accum|gradacc|gradientacc|gradsacc")
"""How batches that are accumulated are called, without the signs between words."""
_OF_AN_EVALUATION = all_squeezed({"eval_accumulation_steps"})
"""Transformers: steps of an evaluation."""
MAY_ACCUMULATE = ("ga", "micro_batches_per_step", "batches_per_step", "steps_per_update", "batches_per_update")
"""Names that may say the same."""
_MAY_ACCUMULATE = all_squeezed(MAY_ACCUMULATE)
_OF_SETTINGS = frozenset({"config", "configs", "configuration", "cfg", "conf", "hparams", "recipe", "settings"})
_OF_ARGUMENTS = frozenset({"args", "file"})
_OF_LAUNCHERS = frozenset({"accelerate", "deepspeed"})
_OF_OTHER_SETTINGS = frozenset(
    {
        *("dataset", "datasets", "data", "tokenizer", "model", "lora", "peft", "adapter", "bnb", "quant"),
        *("quantization", "generation", "wandb", "log", "logging", "rope", "scheduler", "lr", "fsdp"),
    }
)
"""Words of names of settings that say nothing of batches: Hugging Face's `dataset_config_name`."""
_WORD = re.compile(r"(?=\S*[^\d\s.,+-])\S+")
"""One word, or a path, that is no number."""
_OF_SETTINGS_ALONE = re.compile(r"\S+\.(?:ya?ml|toml|cfg|conf|ini)", re.IGNORECASE)
"""Files that hold no data."""


@lru_cache(maxsize=MOST_TEXTS)
def is_of_the_run(name: str) -> bool:
    """Whether what a name, as it is looked up, stands in is called as a run's own settings are: what stands in a part
    of another name may be a scheduler's or an evaluation's.
    """
    parts = (part for part in name.split(".")[:-1] if part != _OF_VERL)
    return all(_OF_A_RUN.issuperset(re.findall(r"[a-z]+", part)) for part in parts)


@lru_cache(maxsize=MOST_TEXTS)
def speaks_of_accumulation(name: str) -> bool:
    """Whether any part of a name, as it is looked up, speaks of batches that are accumulated for a step of training."""
    parts = squeezed(name).split(".")
    spoken = any(_SPEAKS_OF_IT.search(part) for part in parts) and _OF_AN_EVALUATION.isdisjoint(parts)
    return spoken or parts[-1] in _MAY_ACCUMULATE


def may_name_settings(name: str, text: str) -> bool:
    """Whether a statement may name settings of the trainer in a file: `experiment` = x.yaml, `deepspeed` = zero3."""
    words = frozenset(name.rpartition(".")[2].split("_"))
    if words & _OF_OTHER_SETTINGS or text.lower() in NO | YES or not _WORD.fullmatch(text):
        return False
    named = words & (_OF_SETTINGS | _OF_LAUNCHERS) or words >= _OF_ARGUMENTS
    return bool(named) or _OF_SETTINGS_ALONE.fullmatch(text) is not None


def names_a_launcher(name: str) -> bool:
    """Whether a name, as it is looked up, is one of a launcher's settings: variables are read under these alone."""
    return not _OF_LAUNCHERS.isdisjoint(name.rpartition(".")[2].split("_"))
