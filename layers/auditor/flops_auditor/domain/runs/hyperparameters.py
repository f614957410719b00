"""Hyperparameters of a run by the names that trainers and recipes give them, wherever in a recipe they stand.

A recipe is a tree, and SageMaker passes a leaf of it as `training_config.max_length` or `actor_rollout_ref.model.path`.
What a leaf is called tells what it is; the leaves of other models that take part in a run (a critic, a teacher) do not
name the model that is trained. Names: TRL, PEFT and Transformers; LLaMA-Factory, ms-swift, axolotl, OpenRLHF; verl and
NeMo-RL; NeMo and SageMaker HyperPod recipes (`run.*`, `training_config.*`); torchtitan and torchtune.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import ceil

from flops_auditor.domain.runs.beginning_with_none import may_begin_with_none
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.runs.parts_of_a_plan import (
    MAY_ACCUMULATE,
    is_of_the_run,
    may_name_settings,
    names_a_launcher,
    speaks_of_accumulation,
)
from flops_auditor.domain.runs.resuming import LOADED_FROM, may_resume, tells_to_resume
from flops_auditor.domain.runs.techniques import (
    MOST_TEXTS,
    REINFORCEMENT_TECHNIQUES,
    technique_of,
    technique_of_scripts,
    words_of,
)
from flops_auditor.domain.runs.yes_or_no import NO, YES
from flops_auditor.domain.values.amounts import exact
from flops_auditor.domain.values.precision import PRECISIONS, recognise_precision
from flops_auditor.domain.values.spelling import all_as_compared, all_squeezed, as_compared, squeezed

_OTHER_MODELS = all_squeezed(
    {
        "critic",
        "draft",
        "judge",
        "llm_judge",
        "ppo_anchor",
        "ppo_critic",
        "ppo_reward",
        "ref",
        "reference",
        "reference_model",
        "reward",
        "reward_model",
        "rm",
        "teacher",
        "tokenizer",
    }
)
"""What stands below these names no model that is trained."""
_OTHER_ROLES = frozenset(
    {
        *("anchor", "critic", "draft", "drafter", "judge", "judges", "ref", "reference", "reward", "rewards", "rm"),
        *("teacher", "teachers", "tokenizer", "processor", "grader", "graders", "verifier", "verifiers", "scorer"),
        *("embedder", "embedding", "embeddings", "eval", "evaluation", "evaluator", "assistant", "auxiliary", "guard"),
        *("moderation", "safety", "classifier", "speculative", "synthetic", "generation", "generator", "rollout"),
        *("inference", "vllm", "sglang", "tgi", "retriever", "reranker", "captioner", "value"),
    }
)
"""Words for models that mostly are not trained: what stands below them may be the original, and is not surely it."""
_BESIDE_A_ROLE = frozenset(
    {
        *("model", "models", "llm", "llms", "lm", "as", "a", "the", "network", "net", "config", "cfg", "args"),
        *("kwargs", "settings", "engine", "server", "client", "external", "frozen", "api", "function", "functions"),
        *("fn", "ppo"),
    }
)
_IN_ONE = re.compile(rf"(?:{'|'.join(sorted(_OTHER_ROLES, key=len, reverse=True))})(?:models?|llm)?")
"""The same without a sign between its words."""
_LONGEST_KEY = 256
_IN_ONE_WORD = re.compile(r"(?<=[a-z])(?=[A-Z])")
"""Where words meet in a name such as `modelNameOrPath`."""
_ONE_WORD = "LoRA"
_BEGINNING = 8
"""Of a longer name so much is kept of its beginning, where the toolkit's mark stands, and the rest of its end."""
STARTED = "entry_point"
"""The name under which the words of a command line stand that are no options: what it starts, with which recipe."""
STARTS_AGAIN = "starts_again"
"""The name under which stands that a line starts several programs that may train, or one over and over."""
IN_TEXT = "in_text"
"""Before names of settings in a text whose notation is not known: whose setting one is, nothing says for sure."""

_NO_MODEL = NO | YES | {"auto", "???"}
_MODEL_TYPE = "run.model_type"
"""Of an Amazon Nova recipe the model; of others the trainer."""
MODEL = (
    "student_model",
    "student_model_name_or_path",
    "student_model_name",
    "student_model_path",
    "student_model_id",
    "student_name_or_path",
    "student_path",
    "student",
    "base_model",
    "base_model_name_or_path",
    "base_model_id",
    "base_model_name",
    "pretrained_model_name_or_path",
    "hf_model_name_or_path",
    "model_name_or_path",
    "model_id",
    "hf_model_id",
    "hf_checkpoint",
    "load_hf",
    "model_repo",
    "model_repo_id",
    "model_uri",
    "policy_model",
    "policy_model_name_or_path",
    "policy_model_path",
    "actor_model",
    "actor_model_name_or_path",
    "actor_model_path",
    "hf_model",
    "hf_model_name",
    "hf_model_path",
    "pretrained_model",
    "pretrained_model_name",
    "pretrained_model_path",
    "pretrained_model_id",
    "llm_model",
    "backbone",
    "pretrained",
    "from_pretrained",
    "models",
    _MODEL_TYPE,
    "actor_rollout_ref.model.path",
    "policy.model_name",
    "restore_from_path",
    "pretrain",
    "model_name",
    "model_path",
    "model.path",
    "model",
    "model.name",
)
_MODELS = all_squeezed(MODEL)
_OF_A_MODEL = all_squeezed({"id", "name", "path", "name_or_path", "repo", "repo_id", "uri"})
"""What a recipe calls a model below its name: `base_model` = {"id": ...}."""
CONFIGURATIONS = frozenset({"model_name", "model", "model.name", "backbone"})
"""Names that may be those of a configuration which is trained from scratch; under the others trainers load weights."""
_FLAVOUR = "model.flavor"
"""torchtitan: `model.name` llama3 with `model.flavor` 8B."""

_STEPS = (
    "max_steps",
    "training.steps",
    "total_training_steps",
    "train_iters",
    "max_iters",
    "num_train_steps",
    "max_num_steps",
)
_MAY_BE_STEPS = (
    "num_training_steps",
    "max_train_steps",
    "max_training_steps",
    "total_steps",
    "num_steps",
    "training_steps",
    "train_steps",
)
"""Of a scheduler, of a part of the run, or of the run: what they say more than the others takes a plan away."""
_SEQUENCES_PER_STEP = ("global_batch_size", "train_global_batch_size")
_MICRO_BATCHES = ("train_micro_batch_size_per_gpu", "micro_train_batch_size")
_BATCH_OF_EITHER = "train_batch_size"
"""Of a device in scripts for Hugging Face's Trainer; of all together beside a micro batch (DeepSpeed, OpenRLHF)."""
_ACCUMULATES_ONCE = ("per_device_train_batch_size", _BATCH_OF_EITHER)
"""Of Transformers, which takes one batch a step where nothing says more; so do not all that take the others."""
_SEQUENCES_OF_A_DEVICE = (
    "per_device_train_batch_size",
    "micro_batch_size",
    "local_batch_size",
    "training.batch_size",
    *_MICRO_BATCHES,
)
_OF_UNKNOWN_BATCHES = ("batch_size", "total_batch_size", "effective_batch_size")
"""Of a device, of all together, or of an evaluation."""
_TEXTS_OF_A_SEQUENCE = ("train_group_size", "train_n_passages")
"""FlagEmbedding, Tevatron: passages that are trained on with each query."""
_ACCUMULATED = (
    "gradient_accumulation_steps",
    "gradient_accumulation",
    "gradient_accumulate_steps",
    "gradient_accumulate_every",
    "gradient_acc_steps",
    "accumulate_grad_batches",
    "grad_accumulation_steps",
    "grad_accumulation",
    "grad_accum_steps",
    "grad_accum",
    "grad_acc_steps",
    "grad_acc",
    "accumulation_steps",
    "accumulate_steps",
    "accum_steps",
    "accum_iter",
    "accum_grad",
    "accum_freq",
    "acc_steps",
    "ga_steps",
    "gas",
    "update_freq",
    "num_microbatches",
)
_EPOCHS = ("num_train_epochs", "num_epochs", "epochs", "epoch", "max_epochs", "total_epochs", "n_epochs")
_UPDATES = ("num_iterations", "num_ppo_epochs", "ppo_epochs")
"""How often each batch of rollouts is trained on: TRL's GRPO, TRL's PPO, verl and others."""
_UPDATES_OF_EPISODES = ("max_epochs",)
_EPISODES = ("num_episodes", "advantage_estimator")
"""OpenRLHF, where `max_epochs` is how often each batch of rollouts is trained on."""
_BLOCK = "block_size"
"""Of Hugging Face's run_clm the length of a sequence, under another name that of a quantiser's block."""
_LENGTHS = (
    "max_seq_length",
    "max_seq_len",
    "max_sequence_length",
    "max_total_sequence_length",
    "max_length",
    "max_len",
    "max_input_length",
    "seq_length",
    "seq_len",
    "sequence_length",
    "sequence_len",
    "context_length",
    "ctx_len",
    "packed_sequence_size",
    "train_seq_len",
    _BLOCK,
    "cutoff_len",
    "model_max_length",
    "actor_model_max_length",
    "max_context_width",
    "encoder_seq_length",
)
_PROMPT_LENGTHS = ("max_prompt_length", "prompt_max_len", "max_prompt_len")
_ANSWER_LENGTHS = ("max_response_length", "max_completion_length", "generate_max_len", "max_new_tokens")
_LENGTHS_BESIDE = (
    "n_ctx",
    "context_window",
    "max_source_length",
    "packing_max_length",
    "max_tokens_per_sample",
    "max_model_len",
    "max_position_embeddings",
    *_PROMPT_LENGTHS,
    *_ANSWER_LENGTHS,
)
"""What may be longer than the sequences, or a part of them: they count beside a length that is sure alone."""
_LONGEST_SEQUENCE = 10**9
_IN_THOUSANDS = re.compile(r"[1-9]\d{0,5}[kK]")
"""SageMaker API Reference, ServerlessJobConfig, SequenceLength: "32K"."""
_MOST_PASSES = 10**6
_MOST_STEPS = 10**12

_TECHNIQUES = (
    "customization_technique",
    "training_type",
    "train_type",
    "trainer_type",
    "trainer_class",
    "trainer_cls",
    "trainer",
    "technique",
    "training_method",
    "rlhf_type",
    "rlhf",
    "rl",
    "stage",
    "algorithm",
    "loss_type",
    "task_type",
)
_RECIPES = ("config_name", "recipe", "recipe_name", "recipes")
_SCRIPTS = ("sagemaker_program", *_RECIPES, STARTED)
"""The script, or the recipe, that SageMaker or a command starts."""
_SETTINGS = ("config", "config_file", "config_path", "recipe")
_OF_SETTINGS_ALONE = re.compile(r"[^/]+\.(?:ya?ml|toml|json|cfg|conf|ini)", re.IGNORECASE)
_OF_SETTINGS_FILES = re.compile(r"(?:.*/)?(?P<name>[^/]+\.(?:ya?ml|toml|json|cfg|conf|ini|py))", re.IGNORECASE)
"""What a script is started with, which may tell the technique where nothing says it."""
_ESTIMATORS = ("adv_estimator", "advantage_estimator")
"""verl, OpenRLHF: how advantages are estimated, which reinforcement learning alone does."""
_NAMES_OF_TECHNIQUES = all_squeezed(_TECHNIQUES, _ESTIMATORS)
_ROLLOUTS = (
    "num_generations",
    "num_generations_per_prompt",
    "number_generation",
    "n_samples_per_prompt",
    "rollout.n",
    "rollout_batch_size",
    "generation_replicas",
    "actor_generation_replicas",
    *_UPDATES[1:],
)
"""What only a run that generates its training data has."""
_ADAPTERS_SAID = (
    "peft_type",
    "peft_method",
    "peft_scheme",
    "use_peft",
    "use_lora",
    "peft",
    "adapter",
)
_TRAINED_SAID = ("finetuning_type", "train_type", "tuner_type")
"""What is trained, or how: only "full" and names of adapters say something here."""
_ADAPTERS_RANK = ("lora_r", "lora_rank", "lora_dim", "adapter_dim")
_ADAPTERS_HINTED = ("lora_alpha", "qlora", "load_in_4bit")
_FULL = NO | {"full", "all"}

_PRECISIONS_OF_ARITHMETIC = ("mixed_precision", "precision", "compute_dtype", "compute_precision", "amp_dtype")
_PRECISIONS_OF_WEIGHTS = ("torch_dtype", "dtype", "model_dtype", "bnb_4bit_compute_dtype")
PRECISIONS_STATED = all_squeezed(_PRECISIONS_OF_ARITHMETIC)
_USED = YES | {"hybrid", "e4m3"}
_CONVERTERS = ("converters", "quantize.linear", "quantization")


_SAYS_TRAINING = "do_train"
_SAYS_NO_TRAINING = ("val_only", "eval_only", "evaluate_only", "test_only")
"""verl and others: the training script is started to evaluate alone, with all its settings of training."""
_SWITCHED_OFF = NO | {"off", "n", "f"}
_OF_THE_TRAINER = frozenset({"trainer", "args", "training_args", "sm_hp", "sm_hps", "sm_user_args"})
"""What such a name may stand in: another program's of that name tells the trainer nothing."""
_OF_TRAINING_ALONE = (
    "learning_rate",
    "lr",
    "num_train_epochs",
    "per_device_train_batch_size",
    "lr_scheduler_type",
    "warmup_ratio",
    "warmup_steps",
    "weight_decay",
    "num_epochs",
    "training.steps",
    "train_iters",
    "num_train_steps",
    "total_training_steps",
    "lora_r",
    "lora_rank",
    "lora_dropout",
    "lora_alpha",
    "gradient_accumulation_steps",
    "gradient_checkpointing",
    "max_train_steps",
    "train_batch_size",
    "lr_scheduler",
    "adam_beta1",
    "adam_beta2",
)
_FROM_NONE = ("from_scratch", "train_from_scratch", "pretrain_from_scratch", "random_init", "random_initialization")
_NONE = all_squeezed({"scratch", "from_scratch", "random", "random_init"})
"""nanoGPT: `init_from` = scratch."""
_WHAT_IT_DOES = ("train", "mode", "run_mode", "task", "action")
_DOES_TRAIN = all_squeezed({"train", "training", "finetune", "finetuning", "fine_tune", "fine_tuning", "pretrain"})
"""Answers that say that it trains; to a name of training itself, yes."""
_OPTIMIZER = ("optim", "optimizer", "optimizer.name", "optimizer.type", "optimizer_type", "optimizer_name")
_UPDATES_WEIGHTS = re.compile(r"adam|sgd|adafactor|adagrad|rmsprop|lion|muon|lamb|shampoo|sophia")
"""Of these names: evaluations have optimizers of prompts, too."""
_EVALUATES = frozenset(
    {"eval", "evaluate", "evaluation", "test", "val", "validate", "infer", "inference", "predict", "score", "generate"}
)
"""A word of the name of a script that trains nothing."""
_HOW_OFTEN = frozenset({"every", "each", "per", "steps", "freq", "frequency", "interval", "epoch", "epochs", "during"})
"""Words that say when a run evaluates beside its training."""
_TRAINS = re.compile(r"(?:train|finetun)[a-z]*(?<!ed)|tune|tuning")
"""A word of the name of a script that trains, and not of what another one trained."""
_OF_TRAINERS = ("trainer_type", "trainer_class", "trainer_cls", "rlhf_type", *_ESTIMATORS)
"""What only a run that updates parameters needs, unless it is told not to. Not `epochs`, `max_steps` or `max_epochs`:
evaluations of agents, and Lightning's tests, have them, too.
"""
_NEEDED_BY_TRAINING = (*_OF_TRAINING_ALONE, *_OF_TRAINERS)
_STARTS = (*_SCRIPTS, *_SETTINGS)

_OF_A_SEQUENCE = (*_PROMPT_LENGTHS, *_ANSWER_LENGTHS)
_ALL_LENGTHS = (*_LENGTHS, *_LENGTHS_BESIDE)
_OF_A_PLAN = (
    *_STEPS,
    *_MAY_BE_STEPS,
    *_SEQUENCES_PER_STEP,
    *_SEQUENCES_OF_A_DEVICE,
    _BATCH_OF_EITHER,
    *_TEXTS_OF_A_SEQUENCE,
    *_ACCUMULATED,
    *MAY_ACCUMULATE,
    *_ALL_LENGTHS,
)
NUMBERS = (*_OF_A_PLAN, *_EPOCHS, *_UPDATES)
"""Names of what is read as a number."""
_ONLY_AGAINST = all_squeezed(_OF_TRAINING_ALONE, _OF_TRAINERS) - all_squeezed(
    _OF_A_PLAN, _ADAPTERS_RANK, _ADAPTERS_HINTED
)
"""What bounds nothing and takes no bound away, however it was read."""
_MORE_OF_THEM = all_squeezed(NUMBERS, _OF_UNKNOWN_BATCHES) - all_squeezed(_UPDATES)
"""Numbers that only raise a bound, or take it away: a plan needs parts that were surely read."""
_LIKE_A_NAME = re.compile(r"(?=.*[A-Za-z])(?=.*[/\d$])", re.DOTALL)
"""A model's name, rather than a word of a sentence."""
_FOR_PEOPLE = frozenset({"prompt", "description", "title", "notes", "note", "comment", "tags", "template", "message"})
"""Words of names under which stands what no program reads as settings."""
_STORED_IN_A_CACHE = re.compile(r"(?:^|[._])kv(?:$|[._]|cache)")
PLANS = ("planned_tokens", "planned_tokens_of_a_device")
_EXTENDED = all_squeezed({"rope_scaling", "rope_factor", "rope_scaling_factor", "yarn", "yarn_factor", "shift_attn"})
"""What trains a model on a longer context than its own."""
_IN_ENVIRONMENT = all_squeezed(
    MODEL,
    NUMBERS,
    _ADAPTERS_SAID,
    _ADAPTERS_RANK,
    _OF_TRAINING_ALONE,
    _EXTENDED,
    {STARTED, STARTS_AGAIN},
)
"""What is read from variables, too, which scripts hand on as arguments."""
LOOKED_UP = all_squeezed(
    {
        *_IN_ENVIRONMENT,
        *LOADED_FROM,
        *_EPISODES,
        *_TECHNIQUES,
        *_SCRIPTS,
        *_ESTIMATORS,
        *_ROLLOUTS,
        *_SETTINGS,
        *_OF_UNKNOWN_BATCHES,
        *_TRAINED_SAID,
        *_ADAPTERS_HINTED,
        *_PRECISIONS_OF_ARITHMETIC,
        *_PRECISIONS_OF_WEIGHTS,
        *_CONVERTERS,
        *PRECISIONS,
        *_SAYS_NO_TRAINING,
        *_WHAT_IT_DOES,
        *_FROM_NONE,
        "init_from",
        *_OPTIMIZER,
        _SAYS_TRAINING,
        _FLAVOUR,
    }
)
"""All names that are looked up."""
_OF_THE_TOOLKIT = "sm_hp"
_ALL_OF_THE_TOOLKIT = frozenset({_OF_THE_TOOLKIT, "sm_hps", "sm_user_args"})
"""What SageMaker's toolkit calls hyperparameters in a container: SM_HP_MODEL_ID each, SM_HPS all of them in JSON,
SM_USER_ARGS as a list of arguments (aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md). Scripts read these as
they read hyperparameters."""


_OF_DEEPSPEED = frozenset({"deepspeed", "deepspeed_config", "ds_config"})


def ends_of(name: str) -> list[str]:
    """`a.b.c`, `b.c` and `c`, as they are compared: the longest name that is read has four parts; and the model's that
    `c` is called by.
    """
    parts = squeezed(name).split(".")
    ends = [".".join(parts[begin:]) for begin in range(max(0, len(parts) - 4), len(parts))]
    whose = parts[-2] if len(parts) > 1 and parts[-1] in _OF_A_MODEL else ""
    return [*ends, whose] if whose in _MODELS and _MODELS.isdisjoint(ends) else ends


@dataclass(frozen=True)
class Hyperparameters:
    """Values by the end of their name, as it is compared: `model.path` stands under "path", "model.path" and longer
    ends.
    """

    _by_name: Mapping[str, tuple[tuple[str, str], ...]]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "Hyperparameters":
        """Read hyperparameters as SageMaker passes them: texts, perhaps between JSON's quotation marks."""
        by_name: dict[str, list[tuple[str, str]]] = {}
        for key, value in given.items():
            name = parameter_name(key)
            for end in ends_of(name):
                by_name.setdefault(end, []).append((name, plain(value)))
        return cls({name: tuple(sorted(values, key=lambda each: len(each[0]))) for name, values in by_name.items()})

    @classmethod
    def together(cls, several: Iterable["Hyperparameters"]) -> "Hyperparameters":
        """All of several places, in their order where two stand as high."""
        by_name: dict[str, list[tuple[str, str]]] = {}
        for each in several:
            for name, values in each._by_name.items():
                by_name.setdefault(name, []).extend(values)
        return cls({name: tuple(sorted(values, key=lambda each: len(each[0]))) for name, values in by_name.items()})

    def get(self, name: str, default: str = "") -> str:
        """The first value of that name that is not empty; one that stands higher in the recipe goes first."""
        return next((value for _, value in self._values(name) if value), default)

    def _values(self, name: str) -> tuple[tuple[str, str], ...]:
        return self._by_name.get(as_compared(name), ())

    def _given(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """The names, or none where none of them stands there: mostly so, and seen without looking each of many up."""
        return () if all_as_compared(names).isdisjoint(self._by_name) else names

    def all(self, names: Iterable[str], *, surely: bool = False) -> list[str]:
        """All values of these names; those alone that were `surely` read where a program reads them."""
        return [value for _, value in self._stated(names, surely=surely)]

    def _stated(self, names: Iterable[str], *, surely: bool = False) -> list[tuple[str, str]]:
        """The same, each with the name that it stands under."""
        return [
            (full_name, value)
            for name in self._given(tuple(names))
            for full_name, value in self._values(name)
            if value
            and not (name == _BLOCK and "quant" in full_name)
            and not (surely and IN_TEXT in full_name.split("."))
        ]

    def containing(self, part: str) -> dict[str, str]:
        """Values by their own name, as it is written, where it contains this."""
        by_own_name: dict[str, str] = {}
        for name, values in self._by_name.items():
            if part in name and "." not in name:
                for full_name, value in values:
                    by_own_name.setdefault(full_name.rpartition(".")[2], value)
        return by_own_name

    def models(self, own_places: tuple[str, ...] = ()) -> list[tuple[str, str, bool]]:
        """Names of the trained model, most explicit first: what each stands under, the name, and whether it is that of
        weights. `own_places` are where the run writes.
        """
        by_model: dict[tuple[str, bool], str] = {}
        flavour = self.get(_FLAVOUR)
        for name in self._given(MODEL):
            for full_name, value in self._values(name):
                if value.lower() in _NO_MODEL or (name == _MODEL_TYPE and not value.startswith("amazon.")):
                    continue
                if _OTHER_MODELS.isdisjoint(squeezed(full_name).split(".")):
                    whole = f"{value}-{flavour}" if flavour and name == "model.name" else value
                    by_model.setdefault((whole, name not in CONFIGURATIONS), full_name)
        for name in self._given(LOADED_FROM):
            for full_name, value in self._values(name):
                if is_place(value) and value.strip() and not value.startswith(own_places):
                    by_model.setdefault((value, True), full_name)
        return [(where, name, weights) for (name, weights), where in by_model.items()]

    def numbers(self, names: Iterable[str], most: int) -> list[Fraction]:
        """Values of these names that are numbers over 0 and at most `most`."""
        return _numbers_in(self.all(names), most)

    def epochs(self) -> Fraction | None:
        """Passes over the dataset, the most of several; None when nothing says."""
        return max(self.numbers(_EPOCHS, _MOST_PASSES), default=None)

    def updates_of_a_rollout(self) -> Fraction | None:
        """How often a batch of rollouts is trained on, at most; None when nothing says."""
        names = (*_UPDATES, *(_UPDATES_OF_EPISODES if self.all(_EPISODES) else ()))
        return max(self.numbers(names, _MOST_PASSES), default=None)

    def sequence_length(self) -> int | None:
        """Tokens of the longest sequence: the largest of several, or prompt and answer together. What was surely read
        under the name of one tells that there is one; it may be longer by whatever else is called so.
        """
        surely = self._lengths(_LENGTHS, surely=True)
        prompts, answers = (self._lengths(names, surely=True) for names in (_PROMPT_LENGTHS, _ANSWER_LENGTHS))
        if prompts and answers:
            surely.append(max(prompts) + max(answers))
        return max([*surely, *self._lengths(_ALL_LENGTHS, surely=False)]) if surely else None

    def _lengths(self, names: Iterable[str], *, surely: bool) -> list[int]:
        texts = self.all(names, surely=surely)
        lengths = [int(length) for length in _numbers_in(texts, _LONGEST_SEQUENCE) if length >= 1]
        return lengths + [1024 * int(text[:-1]) for text in texts if _IN_THOUSANDS.fullmatch(text)]

    def tokens(self) -> tuple[int | None, int | None]:
        """Tokens of the whole run at most, steps x sequences of a step x their length: of all devices together, and
        of each of them; None where one of the three is not said, or not known to be said of the whole run.
        """
        steps = None if self.all((STARTS_AGAIN,)) else self._steps()
        length = self.sequence_length() if steps is not None and self._lengths_are_known() else None
        if steps is None or length is None:
            return None, None
        of_all = bool(self.numbers(_MICRO_BATCHES, _MOST_STEPS))
        either = (_BATCH_OF_EITHER,)
        together = self._most((*_SEQUENCES_PER_STEP, *(either if of_all else ())), _MOST_STEPS)
        each = self._most((*_SEQUENCES_OF_A_DEVICE, *(() if of_all else either)), _MOST_STEPS)
        texts = self._most(_TEXTS_OF_A_SEQUENCE, _MOST_PASSES, Fraction(1))
        others = _most_of(self.all(_OF_UNKNOWN_BATCHES), _MOST_STEPS)
        if texts is None or others is None or others > max(together or 0, each or 0):
            return None, None
        accumulated = self._accumulated()
        of_each = (
            None
            if each is None or accumulated is None or together is not None
            else ceil(steps * texts * each * accumulated * length)
        )
        return None if together is None else ceil(steps * texts * together * length), of_each

    def _most(self, names: tuple[str, ...], most: int, default: Fraction | None = None) -> Fraction | None:
        """The largest number under these names; `default` where none of them says something, None where one says what
        is no number (`auto`, a variable), or none stands among the run's own settings.
        """
        stated = self._stated(names)
        own = [(name, text) for name, text in stated if not _is_filled_in_by_the_trainer(name, text)]
        if not any(is_of_the_run(name) for name, _ in own):
            return None if stated else default
        return _most_of((text for _, text in own), most)

    def _steps(self) -> Fraction | None:
        """Steps of the whole run; None where they are not known, or another name may say that there are more."""
        steps = self._most(_STEPS, _MOST_STEPS)
        told = (text for text in self.all(_MAY_BE_STEPS) if text.lower() not in NO and not text.startswith("-"))
        others = None if steps is None else _most_of(told, _MOST_STEPS)
        return None if others is None or steps is None or others > steps else steps

    def _accumulated(self) -> Fraction | None:
        """How many batches a device takes for each step: one where nothing says more, to a trainer that takes one then;
        None where it is not known, be it by a name that is not known, or since a file of settings may say so.
        """
        once = bool(self.all(_ACCUMULATES_ONCE)) and not self._may_read_settings()
        stated = self._most(_ACCUMULATED, _MOST_STEPS, Fraction(1) if once else None)
        known = all_as_compared(_ACCUMULATED)
        named = self._each_once() if stated is not None else ()
        others = {text for name, text in named if speaks_of_accumulation(name) and known.isdisjoint(ends_of(name))}
        others = {text for text in others if text.lower() not in NO | YES}
        told = _most_of((text for text in others if text[:1].isdigit() or not recognise_precision(text)), _MOST_STEPS)
        return None if told is None or stated is None or told > stated else stated

    def _may_read_settings(self) -> bool:
        """Whether it may read a file of settings of its trainer."""
        started = (word for text in self.all((STARTED,)) for word in text.split())
        named = bool(self.all(_RECIPES)) or any(_OF_SETTINGS_ALONE.fullmatch(word) for word in started)
        return named or any(may_name_settings(name, text) for name, text in self._each_once())

    def _each_once(self) -> Iterator[tuple[str, str]]:
        """Every statement, by the name that it stands under."""
        return (each for name, values in self._by_name.items() if "." not in name for each in values)

    def _lengths_are_known(self) -> bool:
        """Whether every length of a sequence is one that is read, and one stands among the run's own settings."""
        parts = [text for text in self.all(_OF_A_SEQUENCE) if text.lower() not in NO]
        read = len(self._lengths((*_LENGTHS, *_OF_A_SEQUENCE), surely=False)) == len(self.all(_LENGTHS)) + len(parts)
        whole, *of_parts = (
            any(is_of_the_run(name) for name, _ in self._stated(names, surely=True))
            for names in (_LENGTHS, _PROMPT_LENGTHS, _ANSWER_LENGTHS)
        )
        return read and (whole or all(of_parts))

    def bears_together(self) -> tuple[str, ...]:
        """What these say only beside others: fields of Declared that take several of them, none of which says
        anything alone, as steps, sequences of a step and their length do.
        """
        of_a_length = ("sequence_length",) if self.all(_OF_A_SEQUENCE) else ()
        return (*of_a_length, *(PLANS if self.all(_OF_A_PLAN) else ()))

    def begins_with_none(self) -> bool:
        """Whether it is told to begin with no weights, whatever its model is called."""
        flags = [text.lower() for text in self.all(_FROM_NONE)]
        begins = {squeezed(text) for text in self.all(("init_from",))}
        return any(text in YES for text in flags) or not begins.isdisjoint(_NONE)

    def extends_the_context(self) -> bool:
        """Whether it is trained on a longer context than the model was made for."""
        given = (each for values in self._by_name.values() for each in values)
        return any(text.lower() not in NO and _extends(name) for name, text in given)

    def resumes(self) -> bool:
        """Whether it is told to go on from a checkpoint, or to load one from a place."""
        given = (each for values in self._by_name.values() for each in values)
        return any(tells_to_resume(name, text) for name, text in given)

    def told_not_to_train(self) -> str:
        """The name under which the run is told not to train; empty where it is not, or is told to train as well."""
        if self._told_to_train():
            return ""
        if self._told_of_the_trainer(_SAYS_TRAINING):
            return _SAYS_TRAINING
        for name in self._given(_SAYS_NO_TRAINING):
            told = self._told_of_the_trainer(name)
            if told and all(text in YES for text in told):
                return name
        return ""

    def _told_to_train(self) -> bool:
        return any(text.lower() not in _SWITCHED_OFF for text in self.all((_SAYS_TRAINING,)))

    def _told_of_the_trainer(self, name: str) -> list[str]:
        """Values of a name that stands by itself, or among what is said of the trainer."""
        given = ((full_name.split(".")[:-1], value) for full_name, value in self._values(name))
        return [value.lower() for above, value in given if value and (not above or above[-1] in _OF_THE_TRAINER)]

    def training_signs(self) -> tuple[str, ...]:
        """Names that only training needs, whatever the run is told."""
        trains = (_SAYS_TRAINING,) if self._told_to_train() else ()
        does = (
            name
            for name in self._given(_WHAT_IT_DOES)
            if any(
                squeezed(text) in _DOES_TRAIN or (name == "train" and text.lower() in YES) for text in self.all((name,))
            )
        )
        named = (name for name in self._given(_NEEDED_BY_TRAINING) if self.get(name).lower() not in NO)
        updates = (
            name
            for name in self._given(_OPTIMIZER)
            if any(_UPDATES_WEIGHTS.search(text.lower()) for text in self.all((name,)))
        )
        started = (STARTED,) if self._starts_training() else ()
        return (*trains, *does, *named, *updates, *started)

    def _starts_training(self) -> bool:
        """Whether what is started is called training by a technique, and no evaluation."""
        trains, evaluates = self._called((STARTED,))
        return trains and not evaluates and bool(self._technique_started())

    def evaluates_alone(self) -> str:
        """The name under which it is told not to train, or of what it starts that is called an evaluation, where
        nothing says that it trains; else empty.
        """
        if told := self.told_not_to_train():
            return told
        names = self._given(_STARTS)
        evaluation = next((name for name in names if self._called((name,))[1]), "")
        return "" if not evaluation or self._called(names)[0] or self.training_signs() else evaluation

    def _called(self, names: Iterable[str]) -> tuple[bool, bool]:
        """Whether what values of these names start is called training, and whether an evaluation: files by their own
        names alone, whatever the folders that they lie in are called.
        """
        started = [_is_called(text) for text in self.all(names)]
        return any(trains for trains, _ in started), any(evaluates for _, evaluates in started)

    def technique(self, stated: str) -> str:
        """The preference or reinforcement technique, in lower case; empty for plain fine-tuning."""
        estimators = self.all(_ESTIMATORS)
        if named := technique_of([stated, *self.all(_TECHNIQUES), *estimators]):
            return named
        rollouts = estimators or any(text.lower() not in NO for text in self.all(_ROLLOUTS))
        started = self._technique_started()
        return "rl" if rollouts and started not in REINFORCEMENT_TECHNIQUES else started

    def _technique_started(self) -> str:
        """What the names of the script, the module or the settings that it is started with tell."""
        files = (_OF_SETTINGS_FILES.fullmatch(text) for text in self.all(_SETTINGS))
        started = [*self.all(_SCRIPTS), *(file["name"] for file in files if file)]
        return technique_of_scripts(started)

    def parameter_efficient(self) -> bool:
        """Whether only adapters are trained: what says so itself overrides a rank that was left at its default. What a
        shell fills in may say anything.
        """
        if methods := self._trained_said():
            return all(text not in _FULL and "$" not in text for text in methods)
        ranks = self.all(_ADAPTERS_RANK)
        return any(text.lower() not in _FULL for text in ranks or self.all(_ADAPTERS_HINTED))

    def trained_in_full(self) -> bool:
        """Whether they say that all parameters are trained."""
        return any(text in _FULL for text in self._trained_said())

    def _trained_said(self) -> list[str]:
        """What is said, in lower case, of which parameters are trained."""
        trained = [text for each in self.all(_TRAINED_SAID) if (text := each.lower()) == "full" or "lora" in text]
        return [text.lower() for text in self.all(_ADAPTERS_SAID)] + trained

    def precision(self) -> str:
        """The precision of the arithmetic that they state, the fastest of several; empty when none does.

        The type that weights are stored in is not that of the arithmetic: it only speaks against a slower one.
        """
        stated = {recognise_precision(text) for text in self.all(_PRECISIONS_OF_ARITHMETIC)}
        stated |= {name for name in PRECISIONS if self.get(name).lower() in _USED}
        fast = {**self.containing("fp8"), **self.containing("float8")}
        if any(text.lower() not in NO for name, text in fast.items() if not stored_in_a_cache(name)):
            stated.add("fp8")
        if any("float8" in text.lower() for text in self.all(_CONVERTERS)):
            stated.add("fp8")
        stored = {recognise_precision(text) for text in self.all(_PRECISIONS_OF_WEIGHTS)}
        if stated <= {"fp32", "tf32", None} and stored & {"bf16", "fp16"}:
            return ""
        return next((name for name in PRECISIONS if name in stated), "")


def _is_filled_in_by_the_trainer(name: str, text: str) -> bool:
    """Whether Transformers puts what its own arguments say there ("DeepSpeed": values that are set to auto)."""
    return text.lower() == "auto" and not _OF_DEEPSPEED.isdisjoint(name.split("."))


def _most_of(texts: Iterable[str], most: int) -> Fraction | None:
    """The largest of texts that are numbers over 0; 0 without any, None where one is no number."""
    given = list(texts)
    numbers = _numbers_in(given, most)
    return max(numbers, default=Fraction(0)) if len(numbers) == len(given) else None


def _numbers_in(texts: Iterable[str], most: int) -> list[Fraction]:
    """The texts that are numbers over 0 and at most `most`."""
    numbers = []
    for text in texts:
        try:
            value = exact(text)
        except ValueError:
            continue
        if 0 < value <= most:
            numbers.append(value)
    return numbers


def parameter_name(key: str) -> str:
    """How a hyperparameter, an argument or a variable is looked up: parts of a recipe with "." between them."""
    key = key.strip()
    if len(key) > _LONGEST_KEY:
        key = key[:_BEGINNING] + key[_BEGINNING - _LONGEST_KEY :]
    if not (key.islower() or key.isupper()):
        key = _IN_ONE_WORD.sub("_", key.replace(_ONE_WORD, _ONE_WORD.lower()))
    name = key.lstrip("+-").lower().replace("-", "_").replace("/", ".")
    toolkit = f"{_OF_THE_TOOLKIT}_"
    return f"{_OF_THE_TOOLKIT}.{name.removeprefix(toolkit)}" if name.startswith(toolkit) else name


def perhaps_of_another_model(name: str) -> bool:
    """Whether a part of a name, as it is looked up, is called by nothing but another role than the trained model's:
    `teacher_model`, and not verl's `actor_rollout_ref`.
    """
    return any(_is_another_role(part) for part in name.split("."))


@lru_cache(maxsize=MOST_TEXTS)
def _is_another_role(part: str) -> bool:
    words = {word for word in re.split(r"[^a-z]+", part) if word}
    if not words.isdisjoint(_OTHER_ROLES):
        return words <= _OTHER_ROLES | _BESIDE_A_ROLE
    return _IN_ONE.fullmatch(part) is not None


@lru_cache(maxsize=MOST_TEXTS)
def _is_called(text: str) -> tuple[bool, bool]:
    """Whether any word of a text is called training, and whether any is called an evaluation."""
    started = [set(words_of(word.rpartition("/")[2])) for word in set(text.split())]
    trains = any(_TRAINS.fullmatch(word) for words in started for word in words)
    return trains, any(not words.isdisjoint(_EVALUATES) and words.isdisjoint(_HOW_OFTEN) for words in started)


def stored_in_a_cache(name: str) -> bool:
    """Whether a name, as it is looked up, speaks of a cache of keys and values, and not of their projection (qkv)."""
    return _STORED_IN_A_CACHE.search(name) is not None


def is_hyperparameter(variable: str) -> bool:
    """Whether a variable is what SageMaker's toolkit calls a hyperparameter."""
    return parameter_name(variable).partition(".")[0] in _ALL_OF_THE_TOOLKIT


def is_read(variable: str) -> bool:
    """Whether a variable, or a text in one, is read as a hyperparameter is."""
    name = parameter_name(variable)
    read = not _IN_ENVIRONMENT.isdisjoint(ends_of(name)) or speaks_of_accumulation(name) or names_a_launcher(name)
    return is_hyperparameter(variable) or read or may_resume(name)


def names_a_technique(variable: str, text: str) -> bool:
    """Whether a variable says nothing but a technique of reinforcement learning: under such a name, as `STAGE`, others
    say many things.
    """
    named = not _NAMES_OF_TECHNIQUES.isdisjoint(ends_of(parameter_name(variable)))
    return named and plain(text).lower() in REINFORCEMENT_TECHNIQUES


def says_something(key: str, text: str) -> bool:
    """Whether a text of this name is read at all."""
    name = parameter_name(key)
    named = not LOOKED_UP.isdisjoint(ends_of(name)) or _extends(name) or speaks_of_accumulation(name)
    told = tells_to_resume(name, text) or may_begin_with_none(name, text)
    return named or told or may_name_settings(name, text)


def counts_against(name: str, text: str) -> bool:
    """Whether a statement can only count against the run, however surely it was read: names of its model, settings of
    training, numbers, what extends its context, what resumes, and what may mean that it begins with no weights.
    """
    key = parameter_name(name)
    ends = ends_of(key)
    named = not _MODELS.isdisjoint(ends) and _LIKE_A_NAME.match(text) is not None
    counted = (text[:1].isdigit() or "$" in text) and is_a_number(name)
    trains = not _ONLY_AGAINST.isdisjoint(ends) or counted
    return named or trains or _extends(key) or tells_to_resume(key, text) or may_begin_with_none(key, text)


def _extends(name: str) -> bool:
    return not _EXTENDED.isdisjoint(squeezed(name).split("."))


def name_of_a_model(name: str) -> bool:
    """Whether the trained model may stand under a name."""
    return not _MODELS.isdisjoint(ends_of(parameter_name(name)))


def is_a_number(name: str) -> bool:
    """Whether what stands under a name is read as a number."""
    key = parameter_name(name)
    return not _MORE_OF_THEM.isdisjoint(ends_of(key)) or speaks_of_accumulation(key)


def is_for_people(name: str) -> bool:
    """Whether a text of this name says something to people, or to a model."""
    own = parameter_name(name).rpartition(".")[2]
    return not _FOR_PEOPLE.isdisjoint(re.split(r"[^a-z0-9]+", own)) or (
        own.endswith("_name") and squeezed(own) not in _MODELS
    )


def plain(value: str) -> str:
    """A hyperparameter without the JSON quotes that the SageMaker SDK puts around texts."""
    text = value.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text
