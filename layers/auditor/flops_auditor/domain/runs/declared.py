"""What a run says about itself: `flops-auditor:*` tags, PRETRAIN_FLOPS, hyperparameters, its service's own fields.

All of it is optional, none of it is trusted to be well formed. What cannot be read is kept as a doubt, never dropped:
a verdict may not be "below" while something that bears on it could not be read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Literal

from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL, CORRECT_STATEMENT, CORRECT_TAG
from flops_auditor.domain.runs.sources.model_names import is_place
from flops_auditor.domain.runs.stated import LONGEST_LICENCE, NOTHING_STATED, Question, Stated
from flops_auditor.domain.values.amounts import UnreadableAmount, exact, parse_amount
from flops_auditor.domain.values.precision import PRECISIONS, recognise_precision
from flops_auditor.domain.values.remarks import Kind, Remark

Activity = Literal["fine-tuning", "pretraining", "synthetic-data", "not-training"]
ACTIVITIES: tuple[Activity, ...] = ("fine-tuning", "pretraining", "synthetic-data", "not-training")
TAG_PREFIX = "flops-auditor:"
PRETRAIN_VARIABLE = "PRETRAIN_FLOPS"
_UNKNOWN = {"", "unknown", "none", "null", "0", "0.0"}
_MODEL_PARAMETERS = (
    "base_model",
    "base_model_name_or_path",
    "pretrained_model_name_or_path",
    "model_name_or_path",
    "model_id",
    "hf_model_id",
    "model_name",
    "model_path",
    "model",
)
_WEIGHT_PARAMETERS = frozenset(_MODEL_PARAMETERS) - {"model_name", "model"}
"""Names under which trainers load weights; the others may name a configuration that is trained from scratch."""
_MODEL_VARIABLES = ("HF_MODEL_ID", "MODEL_ID", "BASE_MODEL")
MOST_NAMES = 8
"""Names of one run's original that are looked up."""
LONGEST_NAME = 120
"""Characters of a model's name that are shown."""
_FROM_SCRATCH = frozenset({"none", "scratch"})
"""What the tag base-model says of a run that begins with no weights."""
_PEFT_PARAMETERS = ("lora_r", "lora_rank", "lora_alpha", "peft_type", "peft_method", "use_peft", "use_lora", "qlora")
YES = frozenset({"true", "yes", "1"})
NO = frozenset({"", "false", "0", "no", "none", "null"})
"""Answers of a tag that asks for yes or no."""
_NO_ADAPTERS = NO | {"full"}
_USED = YES | {"hybrid", "e4m3"}
_PRECISION_PARAMETERS = ("mixed_precision", "precision", "compute_dtype", "compute_precision", "amp_dtype")
_STORED_PRECISION_PARAMETERS = ("torch_dtype", "dtype", "model_dtype", "bnb_4bit_compute_dtype")
_EPOCH_PARAMETERS = ("num_train_epochs", "num_epochs", "epochs", "epoch", "max_epochs")
_LENGTH_PARAMETERS = (
    "max_seq_length",
    "max_seq_len",
    "max_length",
    "max_input_length",
    "seq_length",
    "seq_len",
    "sequence_length",
    "sequence_len",
    "block_size",
    "cutoff_len",
    "model_max_length",
    "max_context_width",
    "encoder_seq_length",
)
"""What TRL, torchtune, LLaMA-Factory, axolotl, nanoGPT, NeMo and SageMaker's SMP call the length of a sequence."""
_TECHNIQUE_PARAMETERS = (
    "customization_technique",
    "training_type",
    "trainer_type",
    "trainer",
    "technique",
    "training_method",
    "rlhf",
    "rl",
    "stage",
    "algorithm",
    "task_type",
)
PREFERENCE_TECHNIQUES = ("dpo", "kto")
"""Every batch also passes forward through a frozen reference model (Rafailov et al. 2023, arXiv:2305.18290)."""
REINFORCEMENT_TECHNIQUES = ("ppo", "grpo", "rlvr", "rlaif", "rloo", "reinforce")
"""Tokens are generated (rollouts) before they are trained on."""


UNREADABLE_AMOUNT = Kind(
    "unreadable-amount", "{statement} could not be read: {text:said40} is {problem}", CORRECT_STATEMENT
)
UNREADABLE_PART = Kind(
    "unreadable-part-of-parameters", "{statement} could not be read: {text:said40} is {problem}", CORRECT_TAG
)
"""No option of `amend` says how many are active or trained: the size of the whole model would pass for it."""
UNREADABLE_ORIGINAL = Kind(
    "unreadable-pretraining-compute", "{statement} could not be read: {text:said40} is {problem}", AMEND_ORIGINAL
)
COUNTS_AS_UNKNOWN = Kind("counts-as-unknown", "{statement} is {text:said40}, which counts as unknown")
UNKNOWN_CHOICE = Kind("unknown-choice", "{statement} is {text:said40}, not one of {allowed}", CORRECT_TAG)
TWO_ORIGINALS = Kind(
    "two-pretraining-figures",
    "the job gives two pretraining figures, {tagged:flop} (tag) and {variable:flop} (PRETRAIN_FLOPS): the lower one is "
    "used, since it makes the lower threshold",
)


@dataclass(frozen=True)
class Statements:
    """What a run says of itself, unread: tags, hyperparameters, environment, and its service's own fields.

    `model_names` are where the service's own fields name the model it trains -> its name there, most explicit first,
    `model_tags` are tags that the service's tools name it with; `technique` how it is trained; `parameter_efficient`
    that only adapters are; `evaluation` that nothing is.
    """

    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    environment: Mapping[str, str]
    model_names: Mapping[str, str] = field(default_factory=dict)
    model_tags: tuple[str, ...] = ()
    technique: str = ""
    parameter_efficient: bool = False
    evaluation: bool = False


NOTHING_SAID = Statements({}, {}, {})


@dataclass(frozen=True)
class ModelName:
    """A name that a run gives the model it begins with, and where it says so, in words."""

    text: str
    where: str

    @property
    def is_place(self) -> bool:
        """Whether it is a place, such as a path in a container, whose name anybody may choose."""
        return is_place(self.text)

    @property
    def words(self) -> str:
        """Who says what."""
        return f"{self.where} = {self.text[:LONGEST_NAME]}"


@dataclass(frozen=True)
class Declared:
    """What the job declares, read. Amounts are whole numbers; None means not declared.

    `names` are all names of the model that it begins with, `base_model` is the first that is no mere place.
    `loads_weights`: it names weights that it loads, None where the name may be that of a configuration. `stated` is
    what only people know. `amended` are those that a person's word replaces. `doubts` are declarations that
    bear on the figures or thresholds and could not be read;
    `notes` are remarks.
    """

    activity: Activity = "fine-tuning"
    base_model: str = ""
    names: tuple[ModelName, ...] = ()
    loads_weights: bool | None = False
    pretraining_flop: int | None = None
    stated: Stated = NOTHING_STATED
    parameters: int | None = None
    active_parameters: int | None = None
    trainable_parameters: int | None = None
    tokens: int | None = None
    precision: str = ""
    precision_tagged: bool = False
    epochs: Fraction | None = None
    sequence_length: int | None = None
    technique: str = ""
    parameter_efficient: bool = False
    lineage: tuple[str, ...] = ()
    figure_doubts: tuple[Remark, ...] = ()
    threshold_doubts: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    parameters_source: str = f"tag {TAG_PREFIX}params"
    tokens_source: str = f"tag {TAG_PREFIX}tokens"
    pretraining_source: str = "the job says"
    amended: frozenset[Literal["tokens", "pretraining"]] = frozenset()
    said: Statements = field(default=NOTHING_SAID, compare=False, repr=False)
    """What all this was read from."""

    @property
    def other_names(self) -> list[str]:
        """What it calls its original beside `base_model`, each once, bounded."""
        others = [name.text[:LONGEST_NAME] for name in self.names if name.text != self.base_model and not name.is_place]
        return list(dict.fromkeys(others))[:MOST_NAMES]

    @property
    def names_foreign_weights(self) -> bool:
        """Whether it loads weights by a name that is no place: a path may be where an earlier run's weights lie."""
        return self.loads_weights is True and not is_place(self.base_model)

    def tagged(self, what: Literal["tokens", "pretraining"]) -> bool:
        """Whether the job itself says so, and not a person who amended its record."""
        return what not in self.amended


def plain(value: str) -> str:
    """A hyperparameter without the JSON quotes that the SageMaker SDK puts around texts."""
    text = value.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text


class _Reader:
    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = tags
        self.figure_doubts: list[Remark] = []
        self.threshold_doubts: list[Remark] = []
        self.notes: list[Remark] = []

    def tag(self, name: str) -> str:
        return self.tags.get(TAG_PREFIX + name, "").strip()

    def count(self, name: str, option: str = "") -> int | None:
        """A tag that bears on the figures; `option` is what amends it, if anything does."""
        text = self.tag(name)
        if text.lower() in _UNKNOWN:
            if text:
                self.notes.append(COUNTS_AS_UNKNOWN(statement=f"tag {TAG_PREFIX}{name}", text=text))
            return None
        try:
            return parse_amount(text)
        except UnreadableAmount as error:
            kind = UNREADABLE_AMOUNT if option else UNREADABLE_PART
            facts = {"statement": f"tag {TAG_PREFIX}{name}", "text": text, "problem": error.problem}
            self.figure_doubts.append(kind(**facts, option=option, name=name))
            return None

    def original(self, statement: str, text: str) -> int | None:
        """A statement about the original's training compute."""
        if text.strip().lower() in _UNKNOWN:
            if text.strip():
                self.notes.append(COUNTS_AS_UNKNOWN(statement=statement, text=text))
            return None
        try:
            return parse_amount(text)
        except UnreadableAmount as error:
            doubt = UNREADABLE_ORIGINAL(statement=statement, text=text, problem=error.problem)
            self.threshold_doubts.append(doubt)
            return None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.tag(name).lower()
        if text and text not in allowed:
            self.figure_doubts.append(self.unknown(name, text, ", ".join(allowed)))
            return ""
        return text

    def unknown(self, name: str, text: str, allowed: str) -> Remark:
        return UNKNOWN_CHOICE(statement=f"tag {TAG_PREFIX}{name}", text=text, allowed=allowed, name=name)

    def precision(self) -> str:
        return recognise_precision(self.tag("precision")) or ""

    def yes_or_no(self, name: str) -> bool | None:
        """A tag that answers a question of the law; None where it does not stand or could not be read."""
        text = self.tag(name).lower()
        if text not in YES | NO:
            self.threshold_doubts.append(self.unknown(name, text, "true, false"))
            return None
        return None if not text else text in YES

    def public(self) -> bool | None:
        """Whether generated data is public; None where no tag says so."""
        text = self.tag("generated-data").lower()
        if text and text not in {"public", "not-public"}:
            self.threshold_doubts.append(self.unknown("generated-data", text, "public, not-public"))
        return None if text not in {"public", "not-public"} else text == "public"

    def placed(self) -> tuple[bool | None, date | None]:
        """Whether the resulting model is placed on the Union market, and since when."""
        text = self.tag("placed-on-market").lower()
        if not text or text in YES | NO:
            return (text in YES if text else None), None
        try:
            return True, date.fromisoformat(text)
        except ValueError:
            self.notes.append(self.unknown("placed-on-market", text, "true, false, a day such as 2026-11-24"))
            return None, None

    def stated(self, pretraining_flop: int | None) -> Stated:
        """What the tags say that only people know: none of it is confirmed, nor is a figure for the original."""
        placed, since = self.placed()
        licence = self.tag("licence")[:LONGEST_LICENCE]
        said: dict[Question, bool | None] = {
            "ours": self.yes_or_no("original-is-ours"),
            "general_purpose": self.yes_or_no("original-is-general-purpose"),
            "systemic_risk": self.yes_or_no("systemic-risk"),
            "generated_data_public": self.public(),
            "from_scratch": True if self.tag("base-model").lower() in _FROM_SCRATCH else None,
        }
        also: dict[Question, object] = {
            "pretraining_flop": pretraining_flop,
            "placed_on_market": placed,
            "licence": licence or None,
        }
        return Stated(
            **said,
            placed_on_market=placed,
            placed_on=since,
            licence=licence,
            unconfirmed=frozenset(question for question, answer in {**said, **also}.items() if answer is not None),
        )


def read_declared(said: Statements) -> Declared:
    """Everything the run says about itself. Never raises: what cannot be read becomes a doubt."""
    reader = _Reader(said.tags)
    if reader.tag("precision") and not reader.precision():
        reader.figure_doubts.append(reader.unknown("precision", reader.tag("precision"), ", ".join(PRECISIONS)))
    chosen = reader.choice("activity", ACTIVITIES)
    activity: Activity = next((known for known in ACTIVITIES if known == chosen), "fine-tuning")
    parameters = {key.lower().replace("-", "_"): plain(value) for key, value in said.parameters.items()}
    names, loads_weights = _names(said, parameters, reader)
    pretraining_flop = _pretraining(said.environment.get(PRETRAIN_VARIABLE, ""), reader)
    return Declared(
        activity="not-training" if said.evaluation else activity,
        base_model=next((name.text for name in names if not name.is_place), names[0].text if names else ""),
        names=names,
        loads_weights=loads_weights,
        pretraining_flop=pretraining_flop,
        stated=reader.stated(pretraining_flop),
        parameters=reader.count("params", "--parameters"),
        active_parameters=reader.count("active-params"),
        trainable_parameters=reader.count("trainable-params"),
        tokens=reader.count("tokens", "--tokens"),
        precision=reader.precision() or _precision(parameters),
        precision_tagged=bool(reader.precision()),
        epochs=_epochs(parameters),
        sequence_length=_sequence_length(parameters),
        technique=_technique(said.technique, parameters),
        parameter_efficient=said.parameter_efficient or _parameter_efficient(parameters),
        lineage=tuple(part for part in reader.tag("lineage").split() if part),
        figure_doubts=tuple(reader.figure_doubts),
        threshold_doubts=tuple(reader.threshold_doubts),
        notes=tuple(reader.notes),
        said=said,
    )


def _pretraining(variable_text: str, reader: _Reader) -> int | None:
    tagged = reader.original(f"tag {TAG_PREFIX}pretrain-flops", reader.tag("pretrain-flops"))
    variable = reader.original(PRETRAIN_VARIABLE, variable_text)
    if tagged and variable and tagged != variable:
        reader.notes.append(TWO_ORIGINALS(tagged=tagged, variable=variable))
        return min(tagged, variable)
    return tagged or variable


def _names(
    said: Statements, parameters: Mapping[str, str], reader: _Reader
) -> tuple[tuple[ModelName, ...], bool | None]:
    """The names of the model, most explicit first, and whether the run loads its weights; None where a name may be
    that of a configuration, since a tag against what the run names settles nothing.
    """
    tagged = reader.tag("base-model")
    from_scratch = tagged.lower() in _FROM_SCRATCH
    places = [] if from_scratch else [(ModelName(tagged, f"tag {TAG_PREFIX}base-model"), True)]
    places += [
        (ModelName(parameters.get(key, ""), f"hyperparameter {key}"), key in _WEIGHT_PARAMETERS)
        for key in _MODEL_PARAMETERS
    ]
    places += [(ModelName(said.environment.get(key, ""), f"variable {key}"), True) for key in _MODEL_VARIABLES]
    places += [(ModelName(said.tags.get(key, ""), f"tag {key}"), True) for key in said.model_tags]
    places += [(ModelName(text, where), True) for where, text in said.model_names.items()]
    named = [(name, weights) for name, weights in places if name.text.strip()]
    if not named:
        return (), False
    loaded = any(weights for _, weights in named)
    return tuple(name for name, _ in named), True if loaded and not from_scratch else None


def _precision(given: Mapping[str, str]) -> str:
    """The precision of the arithmetic that hyperparameters state, the fastest of several; empty when none does.

    The type that weights are stored in is not that of the arithmetic: it only speaks against a slower one.
    """
    parameters = {key: value.lower() for key, value in given.items()}
    stated = {recognise_precision(parameters[key]) for key in _PRECISION_PARAMETERS if parameters.get(key)}
    stated |= {name for name in PRECISIONS if parameters.get(name, "") in _USED}
    stored = {recognise_precision(parameters.get(key, "")) for key in _STORED_PRECISION_PARAMETERS}
    if stated <= {"fp32", "tf32", None} and stored & {"bf16", "fp16"}:
        return ""
    return next((name for name in PRECISIONS if name in stated), "")


def _epochs(parameters: Mapping[str, str]) -> Fraction | None:
    """Passes over the dataset, as hyperparameters state them; None when they do not."""
    for key in _EPOCH_PARAMETERS:
        try:
            value = exact(parameters.get(key, ""))
        except ValueError:
            continue
        if 0 < value <= 10**6:
            return value
    return None


def _sequence_length(parameters: Mapping[str, str]) -> int | None:
    """Tokens of the longest sequence, as hyperparameters state it: the largest of several; None when they do not."""
    stated = [text for key in _LENGTH_PARAMETERS if (text := parameters.get(key, "")).isdecimal() and len(text) <= 9]
    return max((int(text) for text in stated if int(text) > 0), default=None)


def _technique(stated: str, parameters: Mapping[str, str]) -> str:
    """The preference or reinforcement technique that the job names, in lower case; empty for plain fine-tuning."""
    texts = [stated, *(parameters.get(key, "") for key in _TECHNIQUE_PARAMETERS)]
    words = {word for text in texts for word in re.split(r"[^a-z]+", text.lower())}
    return next((name for name in (*REINFORCEMENT_TECHNIQUES, *PREFERENCE_TECHNIQUES) if name in words), "")


def _parameter_efficient(parameters: Mapping[str, str]) -> bool:
    return any(parameters.get(key, "").lower() not in _NO_ADAPTERS for key in _PEFT_PARAMETERS)
