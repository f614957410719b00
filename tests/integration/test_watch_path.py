"""Watching on the deployed template: running jobs through SageMaker's listing, warnings by SNS, notes in DynamoDB."""

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.integration.deployed import Deployed, fresh_job

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
TAGS = [{"Key": "flops-auditor:pretrain-flops", "Value": "1.5e24"}]


def running_job(days: float) -> dict[str, Any]:
    """A job that began `days` ago and goes on."""
    job = fresh_job(hours=1, ResourceConfig=BIG, StoppingCondition={"MaxRuntimeInSeconds": 7 * 86400})
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    for field in ("TrainingEndTime", "ModelArtifacts"):
        job.pop(field)
    job |= {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"}
    job |= {"CreationTime": begun, "TrainingStartTime": begun, "LastModifiedTime": begun}
    job["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": begun}]
    return job


def test_a_running_job_is_warned_of_once_and_recorded_after_its_end(deployed: Deployed) -> None:
    """64 x p5 for six days: at most 58 % of 4.5e23 FLOP, 29 % in the best estimate."""
    job = running_job(days=6)
    deployed.load(job, TAGS)
    done = deployed.invoke("WatchFunctionName")
    assert done["jobs"] >= 1
    assert done["stopped"] == 0
    name, arn = job["TrainingJobName"], job["TrainingJobArn"]
    [mail] = deployed.wait(lambda: deployed.mails_about(name), "a warning")
    assert mail["Subject"].startswith("[FLOPs Auditor] 50 % reached")
    assert "29.2 %" in mail["Message"]
    deployed.invoke("WatchFunctionName")
    assert deployed.mails_about(name) == [mail], "each level is told once"
    assert deployed.items("RECORD#", arn) == []
    ended = job | {"TrainingJobStatus": "Completed", "TrainingEndTime": datetime.now(UTC).replace(microsecond=0)}
    ended["SecondaryStatusTransitions"] = [
        {**job["SecondaryStatusTransitions"][0], "EndTime": ended["TrainingEndTime"]}
    ]
    deployed.load(ended, TAGS)
    deployed.announce(ended)
    assert deployed.record(arn).predicate["verdict"] == "below"
