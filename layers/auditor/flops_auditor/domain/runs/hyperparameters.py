"""Hyperparameters of a run by the names that trainers and recipes give them, wherever in a recipe they stand.

A recipe is a tree, and SageMaker passes a leaf of it as `training_config.max_length` or `actor_rollout_ref.model.path`.
What a leaf is called tells what it is; the leaves of other models that take part in a run (a critic, a teacher) do not
name the model that is trained. Names: TRL, PEFT and Transformers; LLaMA-Factory, ms-swift, axolotl, OpenRLHF; verl and
NeMo-RL; NeMo and SageMaker HyperPod recipes (`run.*`, `training_config.*`); torchtitan and torchtune.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.values.amounts import exact
from flops_auditor.domain.values.precision import PRECISIONS, recognise_precision

_OTHER_MODELS = frozenset(
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
_LONGEST_KEY = 256
YES = frozenset({"true", "yes", "1"})
NO = frozenset({"", "false", "0", "no", "none", "null"})
"""Answers to yes or no."""

_NO_MODEL = NO | YES | {"auto", "???"}
_MODEL_TYPE = "run.model_type"
"""Of an Amazon Nova recipe the model; of others the trainer."""
MODEL = (
    "student_model",
    "student_model_name_or_path",
    "base_model",
    "base_model_name_or_path",
    "pretrained_model_name_or_path",
    "hf_model_name_or_path",
    "model_name_or_path",
    "model_id",
    "hf_model_id",
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
CONFIGURATIONS = frozenset({"model_name", "model", "model.name"})
"""Names that may be those of a configuration which is trained from scratch; under the others trainers load weights."""
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
_RESUMES = (
    "resume_from_checkpoint",
    "resume_from",
    "resume_path",
    "resume_mode",
    "resume_if_exists",
    "resume",
    "auto_resume",
    "auto_resume_from_checkpoints",
    "ckpt_path",
)
"""What goes on from a checkpoint: Transformers, axolotl, ms-swift; verl; NeMo; Lightning."""
_FROM_THE_START = {"disable", "never"}
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
_SEQUENCES_PER_STEP = ("global_batch_size", "train_global_batch_size")
_MICRO_BATCHES = ("train_micro_batch_size_per_gpu", "micro_train_batch_size")
_SEQUENCES_OF_A_DEVICE = (
    "per_device_train_batch_size",
    "micro_batch_size",
    "local_batch_size",
    "training.batch_size",
    *_MICRO_BATCHES,
)
_BATCH_OF_EITHER = "train_batch_size"
"""Of a device in scripts for Hugging Face's Trainer; of all together beside a micro batch (DeepSpeed, OpenRLHF)."""
_TEXTS_OF_A_SEQUENCE = ("train_group_size",)
"""FlagEmbedding: passages that are trained on with each query."""
_ACCUMULATED = (
    "gradient_accumulation_steps",
    "gradient_accumulation",
    "accumulate_grad_batches",
    "grad_accumulation_steps",
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
    "sagemaker_program",
    "config_name",
)
"""The last two name the script, or the recipe, that SageMaker starts."""
_ESTIMATORS = ("adv_estimator", "advantage_estimator")
"""verl, OpenRLHF: how advantages are estimated, which reinforcement learning alone does."""
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
PAIRED_TECHNIQUES = ("dpo", "ipo", "orpo", "simpo", "cpo", "reward", "rm")
"""A sample is two answers, and both are trained on."""
_KNOWN = tuple(dict.fromkeys((*REINFORCEMENT_TECHNIQUES, *REFERENCE_PASSES, *PAIRED_TECHNIQUES)))
_WORD_ENDS = re.compile(r"(?:trainer|config|loss|estimator)$")
_SHORTEST_PART = 3

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
_USED = YES | {"hybrid", "e4m3"}
_CONVERTERS = ("converters", "quantize.linear", "quantization")


_SAYS_TRAINING = "do_train"
_OF_TRAINING_ALONE = (
    "learning_rate",
    "num_train_epochs",
    "per_device_train_batch_size",
    "lr_scheduler_type",
    "warmup_ratio",
    "warmup_steps",
    "weight_decay",
)
"""What only a run that updates parameters needs, unless it is told not to."""

_OF_A_SEQUENCE = (*_PROMPT_LENGTHS, *_ANSWER_LENGTHS)
_OF_A_PLAN = (
    *_STEPS,
    *_SEQUENCES_PER_STEP,
    *_SEQUENCES_OF_A_DEVICE,
    _BATCH_OF_EITHER,
    *_TEXTS_OF_A_SEQUENCE,
    *_ACCUMULATED,
    *_LENGTHS,
    *_OF_A_SEQUENCE,
)
NUMBERS = (*_OF_A_PLAN, *_EPOCHS, *_UPDATES)
"""Names of what is read as a number."""
PLANS = ("planned_tokens", "planned_tokens_of_a_device")
_EXTENDED = frozenset({"rope_scaling", "rope_factor", "rope_scaling_factor", "yarn", "yarn_factor", "shift_attn"})
"""What trains a model on a longer context than its own."""
_IN_ENVIRONMENT = frozenset(
    {*MODEL, *NUMBERS, *_ADAPTERS_SAID, *_ADAPTERS_RANK, *_OF_TRAINING_ALONE, *_EXTENDED, *_RESUMES}
)
"""What is read from variables, too, which scripts hand on as arguments."""
_OF_THE_TOOLKIT, ALL_OF_THE_TOOLKIT = "sm_hp", "sm_hps"
"""What SageMaker's toolkit calls hyperparameters in a container: SM_HP_MODEL_ID each, SM_HPS all of them in JSON
(aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md). Scripts read these as they read hyperparameters."""


def ends_of(name: str) -> list[str]:
    """`a.b.c`, `b.c` and `c`: the longest name that is read has four parts."""
    parts = name.split(".")
    return [".".join(parts[begin:]) for begin in range(max(0, len(parts) - 4), len(parts))]


@dataclass(frozen=True)
class Hyperparameters:
    """Values by the end of their name: `model.path` stands under "path", "model.path" and longer ends."""

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
        return next((value for _, value in self._by_name.get(name, ()) if value), default)

    def all(self, names: Iterable[str]) -> list[str]:
        """All values of these names."""
        return [
            value
            for name in names
            for full_name, value in self._by_name.get(name, ())
            if value and not (name == _BLOCK and "quant" in full_name)
        ]

    def containing(self, part: str) -> dict[str, str]:
        """Values by their own name, where it contains this."""
        return {name: self.get(name) for name in self._by_name if part in name and "." not in name}

    def models(self, own_places: tuple[str, ...] = ()) -> list[tuple[str, str, bool]]:
        """Names of the trained model, most explicit first: what each stands under, the name, and whether it is that of
        weights. `own_places` are where the run writes.
        """
        by_model: dict[tuple[str, bool], str] = {}
        flavour = self.get(_FLAVOUR)
        for name in MODEL:
            for full_name, value in self._by_name.get(name, ()):
                if value.lower() in _NO_MODEL or (name == _MODEL_TYPE and not value.startswith("amazon.")):
                    continue
                if _OTHER_MODELS.isdisjoint(full_name.split(".")):
                    whole = f"{value}-{flavour}" if flavour and name == "model.name" else value
                    by_model.setdefault((whole, name not in CONFIGURATIONS), full_name)
        for name in LOADED_FROM:
            for full_name, value in self._by_name.get(name, ()):
                if is_place(value) and value.strip() and not value.startswith(own_places):
                    by_model.setdefault((value, True), full_name)
        return [(where, name, weights) for (name, weights), where in by_model.items()]

    def numbers(self, names: Iterable[str], most: int) -> list[Fraction]:
        """Values of these names that are numbers over 0 and at most `most`."""
        numbers = []
        for text in self.all(names):
            try:
                value = exact(text)
            except ValueError:
                continue
            if 0 < value <= most:
                numbers.append(value)
        return numbers

    def epochs(self) -> Fraction | None:
        """Passes over the dataset, the most of several; None when nothing says."""
        return max(self.numbers(_EPOCHS, _MOST_PASSES), default=None)

    def updates_of_a_rollout(self) -> Fraction | None:
        """How often a batch of rollouts is trained on, at most; None when nothing says."""
        names = (*_UPDATES, *(_UPDATES_OF_EPISODES if self.all(_EPISODES) else ()))
        return max(self.numbers(names, _MOST_PASSES), default=None)

    def sequence_length(self) -> int | None:
        """Tokens of the longest sequence: the largest of several, or prompt and answer together."""
        lengths = self.numbers(_LENGTHS, _LONGEST_SEQUENCE)
        lengths += [Fraction(1024 * int(text[:-1])) for text in self.all(_LENGTHS) if _IN_THOUSANDS.fullmatch(text)]
        prompts, answers = (self.numbers(n, _LONGEST_SEQUENCE) for n in (_PROMPT_LENGTHS, _ANSWER_LENGTHS))
        if prompts and answers:
            lengths.append(max(prompts) + max(answers))
        return max((int(length) for length in lengths if length >= 1), default=None)

    def tokens(self) -> tuple[int | None, int | None]:
        """Tokens of the whole run at most, steps x sequences of a step x their length: of all devices together, and
        of each of them; None where one of the three is not said.
        """
        steps = max(self.numbers(_STEPS, _MOST_STEPS), default=None)
        length = self.sequence_length()
        if steps is None or length is None:
            return None, None
        of_all = bool(self.numbers(_MICRO_BATCHES, _MOST_STEPS))
        either = (_BATCH_OF_EITHER,)
        together = max(self.numbers((*_SEQUENCES_PER_STEP, *(either if of_all else ())), _MOST_STEPS), default=None)
        each = max(self.numbers((*_SEQUENCES_OF_A_DEVICE, *(() if of_all else either)), _MOST_STEPS), default=None)
        steps *= max(self.numbers(_TEXTS_OF_A_SEQUENCE, _MOST_PASSES), default=Fraction(1))
        accumulated = max(self.numbers(_ACCUMULATED, _MOST_STEPS), default=Fraction(1))
        of_each = None if each is None or together is not None else ceil(steps * each * accumulated * length)
        return None if together is None else ceil(steps * together * length), of_each

    def bears_together(self) -> tuple[str, ...]:
        """What these say only beside others: fields of Declared that take several of them, none of which says
        anything alone, as steps, sequences of a step and their length do.
        """
        of_a_length = ("sequence_length",) if self.all(_OF_A_SEQUENCE) else ()
        return (*of_a_length, *(PLANS if self.all(_OF_A_PLAN) else ()))

    def extends_the_context(self) -> bool:
        """Whether it is trained on a longer context than the model was made for."""
        given = (each for values in self._by_name.values() for each in values)
        return any(text.lower() not in NO and not _EXTENDED.isdisjoint(name.split(".")) for name, text in given)

    def resumes(self) -> bool:
        """Whether it is told to go on from a checkpoint."""
        return any(text.lower() not in NO | _FROM_THE_START for text in self.all(_RESUMES))

    def training_signs(self) -> tuple[str, ...]:
        """Names that only training needs; none where the run is told not to train."""
        told = [text.lower() for text in self.all((_SAYS_TRAINING,))]
        if told and all(text in NO for text in told):
            return ()
        return tuple(name for name in (*([_SAYS_TRAINING] if told else []), *_OF_TRAINING_ALONE) if self.get(name))

    def technique(self, stated: str) -> str:
        """The preference or reinforcement technique, in lower case; empty for plain fine-tuning."""
        estimators = self.all(_ESTIMATORS)
        words = {
            _WORD_ENDS.sub("", word) or word
            for text in [stated, *self.all(_TECHNIQUES), *estimators]
            for word in re.split(r"[^a-z]+", text[:_LONGEST_KEY].lower())
        }
        if {"online", "dpo"} <= words:
            words.add("onlinedpo")
        for name in _KNOWN:
            if name in words or (len(name) > _SHORTEST_PART and any(name in word for word in words)):
                return name
        for name in _KNOWN:
            if len(name) == _SHORTEST_PART and any(word.startswith(name) for word in words):
                return name
        rollouts = any(text.lower() not in NO for text in self.all(_ROLLOUTS))
        return "rl" if rollouts or estimators else ""

    def parameter_efficient(self) -> bool:
        """Whether only adapters are trained: what says so itself overrides a rank that was left at its default."""
        methods = [text.lower() for text in self.all(_ADAPTERS_SAID)]
        methods += [text for each in self.all(_TRAINED_SAID) if (text := each.lower()) == "full" or "lora" in text]
        if methods:
            return all(text not in _FULL for text in methods)
        ranks = self.all(_ADAPTERS_RANK)
        return any(text.lower() not in _FULL for text in ranks or self.all(_ADAPTERS_HINTED))

    def precision(self) -> str:
        """The precision of the arithmetic that they state, the fastest of several; empty when none does.

        The type that weights are stored in is not that of the arithmetic: it only speaks against a slower one.
        """
        stated = {recognise_precision(text) for text in self.all(_PRECISIONS_OF_ARITHMETIC)}
        stated |= {name for name in PRECISIONS if self.get(name).lower() in _USED}
        fast = {**self.containing("fp8"), **self.containing("float8")}
        if any(text.lower() not in NO for name, text in fast.items() if "kv" not in name):
            stated.add("fp8")
        if any("float8" in text.lower() for text in self.all(_CONVERTERS)):
            stated.add("fp8")
        stored = {recognise_precision(text) for text in self.all(_PRECISIONS_OF_WEIGHTS)}
        if stated <= {"fp32", "tf32", None} and stored & {"bf16", "fp16"}:
            return ""
        return next((name for name in PRECISIONS if name in stated), "")


def parameter_name(key: str) -> str:
    """How a hyperparameter, an argument or a variable is looked up: parts of a recipe with "." between them."""
    name = key[:_LONGEST_KEY].strip().lstrip("+-").lower().replace("-", "_").replace("/", ".")
    toolkit = f"{_OF_THE_TOOLKIT}_"
    return f"{_OF_THE_TOOLKIT}.{name.removeprefix(toolkit)}" if name.startswith(toolkit) else name


def is_hyperparameter(variable: str) -> bool:
    """Whether a variable is what SageMaker's toolkit calls a hyperparameter."""
    return parameter_name(variable).partition(".")[0] in {_OF_THE_TOOLKIT, ALL_OF_THE_TOOLKIT}


def is_read(variable: str) -> bool:
    """Whether a variable is read as a hyperparameter is."""
    return is_hyperparameter(variable) or variable.lower() in _IN_ENVIRONMENT


def plain(value: str) -> str:
    """A hyperparameter without the JSON quotes that the SageMaker SDK puts around texts."""
    text = value.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text
