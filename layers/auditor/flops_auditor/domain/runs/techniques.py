"""Preference and reinforcement techniques: what they are called, in settings and in names of scripts, and what each
passes through beside its updates.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

REINFORCEMENT_TECHNIQUES = (
    "ppo",
    "grpo",
    "gspo",
    "dapo",
    "gdpo",
    "cispo",
    "sapo",
    "rloo",
    "reinforce",
    "remax",
    "rlvr",
    "rlaif",
    "rlhf",
    "rft",
    "onlinedpo",
    "xpo",
    "nash",
    "rl",
)
"""Tokens are generated (rollouts) before they are trained on."""
REFERENCE_PASSES: Mapping[str, int] = {"dpo": 1, "ipo": 1, "kto": 3, "bco": 1}
"""Further forward passes of each batch, per technique: through a frozen reference model (Rafailov et al. 2023,
arXiv:2305.18290); KTO also estimates a divergence on mismatched pairs, through both models (arXiv:2402.01306)."""
REWARD_MODELS = ("reward", "rm")
"""What they train gives rewards, which they emit."""
PAIRED_TECHNIQUES = ("dpo", "ipo", "orpo", "simpo", "cpo", *REWARD_MODELS)
"""A sample is two answers, and both are trained on."""
_KNOWN = tuple(dict.fromkeys((*REINFORCEMENT_TECHNIQUES, *REFERENCE_PASSES, *PAIRED_TECHNIQUES)))
_SEEN_ANYWHERE = ("rlhf", "rlvr", "rlaif", "grpo", "gspo", "cispo", "rloo")
"""Of these no other word is made."""
_WORDS_OF_OTHERS = frozenset({"rl", "nash", "remax", "xpo", "sapo", "reward", "rm"})
"""These are words of other things, too: a script is called so by its technique where its name says nothing else."""
_IN_NAMES_OF_SCRIPTS = re.compile(
    rf"(?:train|run|main|start|launch)?(?P<technique>{'|'.join(sorted(_KNOWN, key=len, reverse=True))})"
    r"(?:md)?(?:train(?:er|ing)?|config|main|run)?"
)
_REINFORCEMENT = "reinforcement"
_SUFFIX = re.compile(r"\.(?:py|sh|ya?ml|toml|json|cfg|conf|ini)\Z")
_BESIDE_A_TECHNIQUE = frozenset(
    {
        *("", "train", "trainer", "training", "main", "run", "runner", "start", "launch", "entry", "script", "job"),
        *("finetune", "finetuning", "tune", "tuning", "post", "posttrain", "pretrain", "sft", "learn", "learning"),
        *("multi", "turn", "single", "agent", "agents", "agentic", "tool", "tools", "online", "offline", "async"),
        *("full", "lora", "qlora", "peft", "fsdp", "ddp", "megatron", "deepspeed", "zero", "distributed", "dist"),
        *("recipe", "config", "device", "node", "nodes", "gpu", "gpus", "sagemaker", "hyperpod", "ray", "slurm"),
        *("vllm", "sglang", "verl", "trl", "nemo", "openrlhf", "torchtune", "axolotl", "swift", "unsloth", "hf"),
        *("llm", "vlm", "lm", "text", "chat", "instruct", "math", "code", "reasoning", "swe", "search", "model"),
        *("llama", "qwen", "mistral", "mixtral", "gemma", "phi", "deepseek", "smollm", "olmo", "gpt", "oss", "glm"),
        *("base", "human", "feedback", "policy", "md", "gradient", "with", "from", "for", "final", "test", "demo"),
    }
)
_NO_LETTERS = re.compile(r"[^a-z]+")
_WORD_ENDS = re.compile(r"(?:trainer|config|loss|estimator)$")
_SHORTEST_PART = 3
MOST_TEXTS = 128
"""What is heard in a text is remembered of so many, since a run's texts are read again for each that is left out."""


def words_of(text: str) -> list[str]:
    """The words of a text, in lower case, without digits."""
    return _NO_LETTERS.split(text.lower())


def technique_of(texts: Iterable[str]) -> str:
    """The technique that values of settings name; empty where they name none."""
    words = {_WORD_ENDS.sub("", word) or word for text in texts if text for word in words_of(text)}
    if not words:
        return ""
    if {"online", "dpo"} <= words:
        words.add("onlinedpo")
    for name in _KNOWN:
        if name in words or (len(name) > _SHORTEST_PART and any(name in word for word in words)):
            return name
    short = (name for name in _KNOWN if len(name) == _SHORTEST_PART)
    return next((name for name in short if any(word.startswith(name) for word in words)), "")


def technique_of_scripts(texts: Iterable[str]) -> str:
    """The technique that scripts, or files of settings, are called by, several in a text; empty where it is something
    else.
    """
    called = {name for text in texts for name in _techniques_in(text)}
    return next((name for name in _KNOWN if name in called), "")


@lru_cache(maxsize=MOST_TEXTS)
def _techniques_in(text: str) -> frozenset[str]:
    return frozenset(name for script in set(text.split()) for name in _techniques_by(script))


def _techniques_by(script: str) -> set[str]:
    pieces = words_of(_SUFFIX.sub("", script.lower().rpartition("/")[2]))
    whole = {word: match["technique"] for word in pieces if (match := _IN_NAMES_OF_SCRIPTS.fullmatch(word))}
    parts = {name for word in pieces for name in _SEEN_ANYWHERE if word.startswith(name) or word.endswith(name)}
    if _REINFORCEMENT in pieces:
        whole[_REINFORCEMENT] = "rl"
    others = [word for word in pieces if word not in whole and len(word) > 1 and word not in _BESIDE_A_TECHNIQUE]
    called = {name for name in whole.values() if not others or name not in _WORDS_OF_OTHERS} | parts
    return called | ({"onlinedpo"} if {"online", "dpo"} <= set(pieces) else set())
