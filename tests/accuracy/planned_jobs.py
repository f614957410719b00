"""Definitions of training jobs, made at random, each with the finished job that ran as it was planned: the same
hyperparameters, tags and hardware, for as long as its time limit allowed.

What a definition says may be missing, too much, or contradict itself, in ways that the audit of the finished job has a
rule for.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from tests.accuracy.made_up_jobs import MODELS, MadeUp, made_up
from tests.fakes.jobs import describe, tagged

PARAMETERS = (
    ("num_train_epochs", "3"), ("max_steps", "100000"), ("max_steps", "2000"), ("global_batch_size", "512"),
    ("per_device_train_batch_size", "4"), ("gradient_accumulation_steps", "8"), ("train_group_size", "8"),
    ("trainer_type", "GRPOTrainer"), ("trainer_type", "KTOTrainer"), ("trainer_type", "DPOTrainer"),
    ("trainer_type", "PPOTrainer"), ("num_iterations", "4"), ("num_generations", "8"), ("use_peft", "true"),
    ("lora_r", "64"), ("peft_type", "None"), ("load_in_4bit", "true"), ("rope_scaling", '{"type": "yarn"}'),
    ("precision", "fp32"), ("fp8", "true"), ("mixed_precision", "no"), ("quantization", "float8"),
    ("load", "/opt/ml/input/data/w"), ("model_path", "/opt/ml/x/Llama-3.1-70B"), ("model_name", "llama3"),
    ("model_id", "nobody/knows"), ("do_train", "true"), ("max_seq_length", "131072"),
)  # fmt: skip
TAGS = (
    ("activity", "pretraining"), ("activity", "synthetic-data"), ("precision", "fp32"), ("precision", "fp8"),
    ("base-model", "none"), ("base-model", "meta-llama/Llama-3.1-8B"), ("params", "1e9"), ("params", "8e9"),
    ("active-params", "1e9"), ("trainable-params", "1e7"), ("pretrain-flops", "1e26"), ("pretrain-flops", "5e22"),
    ("original-is-ours", "true"), ("original-is-general-purpose", "false"), ("original-is-general-purpose", "true"),
    ("systemic-risk", "true"), ("systemic-risk", "false"), ("generated-data", "public"), ("lineage", "none"),
)  # fmt: skip
VARIABLES = ({"PRETRAIN_FLOPS": "1e26"}, {"PRETRAIN_FLOPS": "1e22"}, {"PRETRAIN_FLOPS": "0"})


def planned_job(seed: int) -> MadeUp:
    """A job near its line, whose definition is spoiled: it emits nothing."""
    job, random = made_up(seed, near=True), Random(seed + 10**6)
    for name in ("max_seq_length", "model_name_or_path", "mixed_precision", "trainer_type"):
        if random.random() < 0.3:
            job.parameters.pop(name, None)
    if random.random() < 0.8:
        job.tags["tokens"] = str(max(1, round(job.tokens * 10 ** random.uniform(-2, 1.3))))
    job.parameters.update(random.choices(PARAMETERS, k=random.choice((1, 2, 3, 4, 6))))
    job.tags.update(random.choices(TAGS, k=random.choice((0, 0, 1, 2, 3))))
    if random.random() < 0.4:
        job.description["Environment"] = random.choice((*VARIABLES, {"HF_MODEL_ID": random.choice(MODELS).model_id}))
    job.description = {**describe(hours=_seconds(job) / 3600), **_said(job)}
    job.metrics = {}
    return job


def request_of(job: MadeUp) -> dict[str, Any]:
    """The CreateTrainingJob request of a job, which may run for as long as the job did."""
    limit = {"MaxRuntimeInSeconds": _seconds(job)}
    return {"TrainingJobName": "fine-tune", "StoppingCondition": limit, "Tags": tagged(**job.tags), **_said(job)}


def _seconds(job: MadeUp) -> int:
    return round(job.hours * 3600)


def _said(job: MadeUp) -> Mapping[str, Any]:
    names = ("HyperParameters", "Environment", "ResourceConfig")
    return {name: job.description[name] for name in names if name in job.description}
