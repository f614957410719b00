"""A training job as SageMaker would run and describe it: a tiny fine-tune on this machine, with FLOPS_METER=1 alone.

`python -m tests.meter.sample_job` (make record-meter) runs it and keeps its log and its description in events/, from
which the demo makes the job's metrics.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from flops_meter.lines import metric_definitions

ROOT = Path(__file__).resolve().parents[2]
NAME = "tiny-llama-counted"
ARN = f"arn:aws:sagemaker:eu-west-1:111122223333:training-job/{NAME}"
STEPS_OF_SAMPLE = 9000


class Run(NamedTuple):
    """What a job left: its log, each line with the time at which it was read, and DescribeTrainingJob's answer."""

    log: str
    description: dict[str, Any]


def save_base(folder: Path) -> None:
    """The model that is fine-tuned: a Llama of two layers, saved as every other one."""
    import torch

    from bench.meter_configurations import llama

    torch.manual_seed(7)
    made: Any = llama()(False)
    made.save_pretrained(folder)


def run(folder: Path, steps: int, *options: str, **environment: str) -> Run:
    """Run the entry point as a container would: its log line by line, its begin and its end."""
    base = folder / "base"
    if not base.exists():
        save_base(base)
    given = {
        **os.environ,
        **{"PYTHONPATH": str(ROOT), "FLOPS_METER": "1", "TRAINING_JOB_ARN": ARN, "TRAINING_JOB_NAME": NAME},
        **{"FLOPS_METER_OUT": str(folder / "flops_meter.json"), "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        **environment,
    }
    command = [sys.executable, "-u", "-m", "tests.meter.trainer_run", str(folder / "run"), "--base", str(base)]
    began, lines = datetime.now(UTC), []
    with subprocess.Popen(
        [*command, "--steps", str(steps), *options], stdout=subprocess.PIPE, text=True, env=given, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        lines = [f"{_text(datetime.now(UTC))} {line}" for line in process.stdout]
    return Run("".join(lines), described(began, datetime.now(UTC), process.returncode))


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def described(began: datetime, ended: datetime, code: int = 0) -> dict[str, Any]:
    """The answer of DescribeTrainingJob for a job that trained from `began` to `ended` on one CPU host."""
    status = "Completed" if code == 0 else "Failed"
    phases: list[Mapping[str, Any]] = [
        {"Status": "Training", "StartTime": _text(began), "EndTime": _text(ended), "StatusMessage": "Training"},
        {"Status": status, "StartTime": _text(ended), "EndTime": _text(ended), "StatusMessage": status},
    ]
    return {
        "TrainingJobName": NAME,
        "TrainingJobArn": ARN,
        "TrainingJobStatus": status,
        "SecondaryStatus": status,
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://example-models/{NAME}/output/model.tar.gz"},
        "HyperParameters": {"max_seq_length": "48"},
        "AlgorithmSpecification": {
            "TrainingImage": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/tiny-fine-tune:latest",
            "TrainingInputMode": "File",
            "MetricDefinitions": metric_definitions(),
        },
        "Environment": {"FLOPS_METER": "1"},
        "RoleArn": "arn:aws:iam::111122223333:role/sagemaker-training",
        "OutputDataConfig": {"S3OutputPath": "s3://example-models/"},
        "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 30},
        "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        "CreationTime": _text(began),
        "TrainingStartTime": _text(began),
        "TrainingEndTime": _text(ended),
        "LastModifiedTime": _text(ended),
        "SecondaryStatusTransitions": phases,
        "TrainingTimeInSeconds": round((ended - began).total_seconds()),
        "Tags": [],
    }


def main() -> None:
    """Keep a run of some minutes for the demo."""
    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), STEPS_OF_SAMPLE, FLOPS_METER_INTERVAL="30")
    events = ROOT / "events"
    (events / "logs").mkdir(exist_ok=True)
    (events / "logs" / f"{NAME}.log").write_text(found.log)
    (events / "jobs" / f"{NAME}.json").write_text(json.dumps(found.description, indent=2) + "\n")


if __name__ == "__main__":
    main()
