"""What a job says about itself: `flops-auditor:*` tags, PRETRAIN_FLOPS, hyperparameters, JumpStart tags.

All of it is optional, none of it is trusted to be well formed. What cannot be read is kept as a doubt, never dropped:
a verdict may not be "below" while something that bears on it could not be read.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Literal

from flops_auditor.domain.runs.sources.training_job import TrainingJob
from flops_auditor.domain.values.amounts import UnreadableAmount, parse_amount, scientific
from flops_auditor.domain.values.precision import PRECISIONS, recognise_precision

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
_PEFT_PARAMETERS = ("lora_r", "lora_rank", "lora_alpha", "peft_type", "peft_method", "use_peft", "use_lora", "qlora")
NO = frozenset({"", "false", "0", "no", "none", "null"})
"""What a tag or a parameter says that denies."""
_YES = {"true", "1", "yes", "hybrid", "e4m3"}
_PRECISION_PARAMETERS = ("mixed_precision", "precision", "compute_dtype", "compute_precision", "amp_dtype")
_STORED_PRECISION_PARAMETERS = ("torch_dtype", "dtype", "model_dtype", "bnb_4bit_compute_dtype")
_EPOCH_PARAMETERS = ("num_train_epochs", "num_epochs", "epochs", "epoch", "max_epochs")
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


@dataclass(frozen=True)
class Declared:
    """What the job declares, read. Amounts are whole numbers; None means not declared.

    `doubts` are declarations that bear on the figures or thresholds and could not be read; `notes` are remarks.
    """

    activity: Activity = "fine-tuning"
    base_model: str = ""
    pretraining_flop: int | None = None
    systemic_risk_original: bool = False
    parameters: int | None = None
    active_parameters: int | None = None
    trainable_parameters: int | None = None
    tokens: int | None = None
    precision: str = ""
    precision_tagged: bool = False
    epochs: Fraction | None = None
    technique: str = ""
    parameter_efficient: bool = False
    lineage: tuple[str, ...] = ()
    figure_doubts: tuple[str, ...] = ()
    threshold_doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parameters_source: str = f"tag {TAG_PREFIX}params"
    tokens_source: str = f"tag {TAG_PREFIX}tokens"
    pretraining_source: str = "the job says"

    def tagged(self, what: Literal["tokens", "pretraining"]) -> bool:
        """Whether the job itself says so, and not a person who amended its record."""
        source = {"tokens": self.tokens_source, "pretraining": self.pretraining_source}[what]
        return source in {f"tag {TAG_PREFIX}tokens", "the job says"}


def plain(value: str) -> str:
    """A hyperparameter without the JSON quotes that the SageMaker SDK puts around texts."""
    text = value.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] == '"' else text


class _Reader:
    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = tags
        self.figure_doubts: list[str] = []
        self.threshold_doubts: list[str] = []
        self.notes: list[str] = []

    def tag(self, name: str) -> str:
        return self.tags.get(TAG_PREFIX + name, "").strip()

    def amount(self, name: str, text: str, doubts: list[str]) -> int | None:
        if text.lower() in _UNKNOWN:
            return None
        try:
            return parse_amount(text)
        except UnreadableAmount as error:
            doubts.append(f"{name} could not be read: {error}")
            return None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.tag(name).lower()
        if text and text not in allowed:
            self.figure_doubts.append(f"tag {TAG_PREFIX}{name} is {text[:40]!r}, not one of {', '.join(allowed)}")
            return ""
        return text

    def precision(self) -> str:
        return recognise_precision(self.tag("precision")) or ""

    def yes_or_no(self, name: str, doubts: list[str]) -> bool:
        text = self.tag(name).lower()
        if text not in {"true", "yes", "1"} | NO:
            doubts.append(f"tag {TAG_PREFIX}{name} is {text[:40]!r}, not true or false")
        return text in {"true", "yes", "1"}


def read_declared(job: TrainingJob) -> Declared:
    """Everything the job says about itself. Never raises: what cannot be read becomes a doubt."""
    reader = _Reader(job.tags)
    if reader.tag("precision") and not reader.precision():
        said, known = reader.tag("precision")[:40], ", ".join(PRECISIONS)
        reader.figure_doubts.append(f"tag {TAG_PREFIX}precision is {said!r}, not one of {known}")
    chosen = reader.choice("activity", ACTIVITIES)
    activity: Activity = next((known for known in ACTIVITIES if known == chosen), "fine-tuning")
    if job.serverless is not None and job.serverless.job_type == "Evaluation":
        activity = "not-training"
    return Declared(
        activity=activity,
        base_model=_base_model(job, reader),
        pretraining_flop=_pretraining(job, reader),
        systemic_risk_original=reader.yes_or_no("systemic-risk", reader.threshold_doubts),
        parameters=reader.amount(f"tag {TAG_PREFIX}params", reader.tag("params"), reader.figure_doubts),
        active_parameters=reader.amount(
            f"tag {TAG_PREFIX}active-params", reader.tag("active-params"), reader.figure_doubts
        ),
        trainable_parameters=reader.amount(
            f"tag {TAG_PREFIX}trainable-params", reader.tag("trainable-params"), reader.figure_doubts
        ),
        tokens=reader.amount(f"tag {TAG_PREFIX}tokens", reader.tag("tokens"), reader.figure_doubts),
        precision=reader.precision() or _precision(job),
        precision_tagged=bool(reader.precision()),
        epochs=_epochs(job),
        technique=_technique(job),
        parameter_efficient=_parameter_efficient(job),
        lineage=tuple(part for part in reader.tag("lineage").split() if part),
        figure_doubts=tuple(reader.figure_doubts),
        threshold_doubts=tuple(reader.threshold_doubts),
        notes=tuple(reader.notes),
    )


def _pretraining(job: TrainingJob, reader: _Reader) -> int | None:
    tagged = reader.amount(f"tag {TAG_PREFIX}pretrain-flops", reader.tag("pretrain-flops"), reader.threshold_doubts)
    variable = reader.amount(PRETRAIN_VARIABLE, job.environment.get(PRETRAIN_VARIABLE, ""), reader.threshold_doubts)
    if tagged and variable and tagged != variable:
        reader.notes.append(
            f"the job gives two pretraining figures, {scientific(tagged)} (tag) and {scientific(variable)} "
            f"({PRETRAIN_VARIABLE}): the lower one is used, since it makes the lower threshold"
        )
        return min(tagged, variable)
    return tagged or variable


def _base_model(job: TrainingJob, reader: _Reader) -> str:
    parameters = _parameters(job)
    candidates = [reader.tag("base-model")]
    candidates += [parameters.get(key, "") for key in _MODEL_PARAMETERS]
    candidates += [job.environment.get(key, "") for key in ("HF_MODEL_ID", "MODEL_ID", "BASE_MODEL")]
    candidates.append(job.tags.get("sagemaker-sdk:jumpstart-model-id", ""))
    candidates.append(job.serverless.base_model_arn if job.serverless else "")
    return next((text for text in candidates if text), "")


def _parameters(job: TrainingJob) -> dict[str, str]:
    return {key.lower().replace("-", "_"): plain(value) for key, value in job.hyper_parameters.items()}


def _precision(job: TrainingJob) -> str:
    """The precision of the arithmetic that hyperparameters state, the fastest of several; empty when none does.

    The type that weights are stored in is not that of the arithmetic: it only speaks against a slower one.
    """
    parameters = {key: value.lower() for key, value in _parameters(job).items()}
    stated = {recognise_precision(parameters[key]) for key in _PRECISION_PARAMETERS if parameters.get(key)}
    stated |= {name for name in PRECISIONS if parameters.get(name, "") in _YES}
    stored = {recognise_precision(parameters.get(key, "")) for key in _STORED_PRECISION_PARAMETERS}
    if stated <= {"fp32", "tf32", None} and stored & {"bf16", "fp16"}:
        return ""
    return next((name for name in PRECISIONS if name in stated), "")


def _epochs(job: TrainingJob) -> Fraction | None:
    """Passes over the dataset, as hyperparameters state them; None when they do not."""
    parameters = _parameters(job)
    for key in _EPOCH_PARAMETERS:
        try:
            value = Decimal(parameters.get(key, ""))
        except InvalidOperation:
            continue
        if value.is_finite() and 0 < value <= 10**6:
            return Fraction(value)
    return None


def _technique(job: TrainingJob) -> str:
    """The preference or reinforcement technique that the job names, in lower case; empty for plain fine-tuning."""
    said = [job.serverless.customization_technique] if job.serverless else []
    parameters = _parameters(job)
    said += [parameters.get(key, "") for key in _TECHNIQUE_PARAMETERS]
    words = {word for text in said for word in re.split(r"[^a-z]+", text.lower())}
    return next((name for name in (*REINFORCEMENT_TECHNIQUES, *PREFERENCE_TECHNIQUES) if name in words), "")


def _parameter_efficient(job: TrainingJob) -> bool:
    if job.serverless is not None and job.serverless.peft:
        return True
    parameters = _parameters(job)
    return any(parameters.get(key, "").lower() not in NO | {"full"} for key in _PEFT_PARAMETERS)
