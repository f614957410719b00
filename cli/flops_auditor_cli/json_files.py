"""JSON files that people name on the command line; - is what comes on stdin."""

import json
import sys
from pathlib import Path
from typing import Any

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.values.canonical_json import each_key_once
from flops_auditor.domain.values.errors import WrongInput


class UnreadableFile(WrongInput):
    """A file is not what the command needs."""

    remedy = (
        "JOB.json is the answer of `aws sagemaker describe-training-job`, `aws sagemaker describe-training-session`, "
        "`aws sagemaker describe-job`, `aws batch describe-jobs` or `aws bedrock get-model-customization-job`, "
        "--metrics that of `aws cloudwatch get-metric-data`, --flops-meter the toolkit's flops_meter.json, --data the "
        "answer of `aws s3api list-objects-v2`, --cluster and --nodes those of `aws sagemaker describe-cluster` and "
        "`aws sagemaker list-cluster-nodes`."
    )


def read_json(path: Path) -> Any:
    """A JSON file. Raises UnreadableFile: of two values under one key nobody can say which one counts."""
    try:
        return plain(json.loads(_read(path), object_pairs_hook=each_key_once))
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableFile(f"{path} is not JSON: {error}") from error


def _read(path: Path) -> bytes:
    return sys.stdin.buffer.read() if str(path) == "-" else path.read_bytes()
