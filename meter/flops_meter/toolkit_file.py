"""flops_meter.json with the field names of the AWS toolkit, and what was counted beside them.

Field names: aws-samples/amazon-sagemaker-generativeai, supervised_finetuning, flops_meter.py (commit 5e2b590). Its
formula stands under its name, (4 N_total + 2 N_trainable) x tokens; N is the logical size here, and tokens are without
padding. Hardware is not sampled: Flops_hardware is null.
"""

import json
import os
from pathlib import Path
from typing import Any

from flops_meter.job import Job
from flops_meter.size import ModelSize
from flops_meter.threshold import Threshold
from flops_meter.work import Totals

FILE_NAME = "flops_meter.json"


def document(
    totals: Totals, size: ModelSize, job: Job, threshold: Threshold, words: dict[str, Any], device: str | None
) -> dict[str, Any]:
    """The file's content. `words` are those of the last line."""
    by_formula = (4 * size.total + 2 * size.trainable) * totals.tokens
    original = os.environ.get("PRETRAIN_FLOPS")
    return {
        "N_total": size.total,
        "N_trainable": size.trainable,
        "tokens_processed": totals.tokens,
        "Flops_architecture": f"{by_formula:.2e}",
        "Flops_hardware": None,
        "Flops_original": original,
        "pct_of_pretrain": by_formula / threshold.flop,
        "exceeds_30pct": by_formula > threshold.flop,
        "threshold_type": "one_third_of_original" if original else "default_3.3e22",
        "threshold_value": f"{threshold.flop:.2e}",
        "training_duration_seconds": words["covered"],
        "training_job_name": job.name,
        "training_id": job.name.split("-")[-1],
        "model_package_group_name": job.model_package_group,
        "instance_type": job.instance_type,
        "gpu_name": device,
        "gpu_size": words["ranks"],
        "gpu_rank": 0,
        "flops_auditor": {**words, **totals.to_dict(), "executed_flop": totals.executed_flop},
    }


def save(path: Path, content: dict[str, Any]) -> None:
    """Write whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.write_text(json.dumps(content, indent=2))
    draft.replace(path)
