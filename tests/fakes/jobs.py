"""Descriptions of training jobs for tests, as DescribeTrainingJob answers them."""

from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

CREATED = datetime(2026, 3, 1, tzinfo=UTC)


def describe(name: str = "fine-tune", hours: float = 10, **changes: Any) -> dict[str, Any]:
    """One p5.48xlarge that trained for `hours` and says how, with changes to the answer's top level."""
    start = CREATED + timedelta(minutes=10)
    end = start + timedelta(hours=hours)
    answer: dict[str, Any] = {
        "TrainingJobName": name,
        "TrainingJobArn": f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/{name}",
        "TrainingJobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "CreationTime": CREATED,
        "TrainingStartTime": start,
        "TrainingEndTime": end,
        "LastModifiedTime": end,
        "ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "VolumeSizeInGB": 500},
        "SecondaryStatusTransitions": [
            {"Status": "Starting", "StartTime": CREATED, "EndTime": start},
            {"Status": "Training", "StartTime": start, "EndTime": end},
            {"Status": "Completed", "StartTime": end, "EndTime": end},
        ],
        "ModelArtifacts": {"S3ModelArtifacts": f"s3://models/{name}/output/model.tar.gz"},
        "HyperParameters": {"max_seq_length": "512", "bf16": "true"},
    }
    answer.update(changes)
    return answer


def moved(job: dict[str, Any], by: timedelta) -> dict[str, Any]:
    """The same job at another time."""
    times = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")
    steps = [
        {name: value + by if isinstance(value, datetime) else value for name, value in step.items()}
        for step in job["SecondaryStatusTransitions"]
    ]
    return {**job, **{name: job[name] + by for name in times}, "SecondaryStatusTransitions": steps}


def tagged(**tags: str) -> list[dict[str, str]]:
    """Tags as SageMaker lists them; their names are given without `flops-auditor:`, and with _ or - for -."""
    return [{"Key": f"flops-auditor:{key.replace('_', '-')}", "Value": value} for key, value in tags.items()]


def throughout(
    result: dict[str, Any], hours: float = 10, start: datetime = CREATED + timedelta(minutes=10)
) -> dict[str, Any]:
    """A result without times, as one that says so all through a training of `hours`: its values, again and again."""
    if "Timestamps" in result or not isinstance(result.get("Values"), list) or not result["Values"]:
        return result
    steps = max(1, ceil(hours))
    times = [start + timedelta(hours=hour) for hour in range(steps)]
    values = [result["Values"][hour * len(result["Values"]) // steps] for hour in range(steps)]
    return {**result, "Timestamps": times, "Values": values}
