"""What a job says about itself: `flops-auditor:*` tags, PRETRAIN_FLOPS, hyperparameters, JumpStart tags.

All of it is optional, none of it is trusted to be well formed. What cannot be read is kept as a doubt, never dropped:
a verdict may not be "below" while something that bears on it could not be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from flops_auditor.domain.amounts import UnreadableAmount, parse_amount, scientific
from flops_auditor.domain.job import TrainingJob

Activity = Literal["fine-tuning", "pretraining", "synthetic-data", "not-training"]
ACTIVITIES: tuple[Activity, ...] = ("fine-tuning", "pretraining", "synthetic-data", "not-training")
PRECISIONS = ("bf16", "fp16", "fp8", "fp4", "tf32", "fp32")
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
_NO = {"", "false", "0", "no", "none", "full", "null"}


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
    parameter_efficient: bool = False
    lineage: tuple[str, ...] = ()
    figure_doubts: tuple[str, ...] = ()
    threshold_doubts: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    parameters_source: str = f"tag {TAG_PREFIX}params"
    tokens_source: str = f"tag {TAG_PREFIX}tokens"
    pretraining_source: str = "the job says"


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


def read_declared(job: TrainingJob) -> Declared:
    """Everything the job says about itself. Never raises: what cannot be read becomes a doubt."""
    reader = _Reader(job.tags)
    said = reader.choice("activity", ACTIVITIES)
    activity: Activity = next((known for known in ACTIVITIES if known == said), "fine-tuning")
    if job.serverless is not None and job.serverless.job_type == "Evaluation":
        activity = "not-training"
    return Declared(
        activity=activity,
        base_model=_base_model(job, reader),
        pretraining_flop=_pretraining(job, reader),
        systemic_risk_original=reader.tag("systemic-risk").lower() in {"true", "yes", "1"},
        parameters=reader.amount(f"tag {TAG_PREFIX}params", reader.tag("params"), reader.figure_doubts),
        active_parameters=reader.amount(
            f"tag {TAG_PREFIX}active-params", reader.tag("active-params"), reader.figure_doubts
        ),
        trainable_parameters=reader.amount(
            f"tag {TAG_PREFIX}trainable-params", reader.tag("trainable-params"), reader.figure_doubts
        ),
        tokens=reader.amount(f"tag {TAG_PREFIX}tokens", reader.tag("tokens"), reader.figure_doubts),
        precision=reader.choice("precision", PRECISIONS) or _precision(job),
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
    parameters = {key.lower().replace("-", "_"): plain(value) for key, value in job.hyper_parameters.items()}
    candidates = [reader.tag("base-model")]
    candidates += [parameters.get(key, "") for key in _MODEL_PARAMETERS]
    candidates += [job.environment.get(key, "") for key in ("HF_MODEL_ID", "MODEL_ID", "BASE_MODEL")]
    candidates.append(job.tags.get("sagemaker-sdk:jumpstart-model-id", ""))
    candidates.append(job.serverless.base_model_arn if job.serverless else "")
    return next((text for text in candidates if text), "")


def _precision(job: TrainingJob) -> str:
    """The precision that a hyperparameter states; empty when none does (dense BF16 is then assumed)."""
    parameters = {key.lower().replace("-", "_"): plain(value).lower() for key, value in job.hyper_parameters.items()}
    for key in ("mixed_precision", "precision", "compute_dtype", "dtype", "torch_dtype"):
        text = parameters.get(key, "")
        for precision, spellings in (
            ("fp8", ("fp8", "float8", "fp8_hybrid")),
            ("fp4", ("fp4", "nvfp4", "mxfp4")),
            ("tf32", ("tf32",)),
            ("fp32", ("fp32", "float32", "32", "32-true")),
        ):
            if text in spellings:
                return precision
    return next((p for p in ("fp8", "fp4") if parameters.get(p, "") in {"true", "1", "hybrid", "e4m3"}), "")


def _parameter_efficient(job: TrainingJob) -> bool:
    if job.serverless is not None and job.serverless.peft:
        return True
    parameters = {key.lower().replace("-", "_"): plain(value).lower() for key, value in job.hyper_parameters.items()}
    return any(parameters.get(key, "") not in _NO for key in _PEFT_PARAMETERS)
