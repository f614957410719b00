"""Watching on the deployed template: running jobs through SageMaker's listing, warnings by SNS, notes in DynamoDB."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor_cli.local_aws.deployment import STACK_NAME, deploy_built
from flops_auditor_cli.local_aws.jobs import load_sagemaker_job, load_session
from tests.fakes.sagemaker_jobs import COUNTED, document
from tests.fakes.training_sessions import USAGE
from tests.integration.deployed import Deployed, fresh_job
from tests.integration.test_other_doors import fresh_agent_job, fresh_session

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
TAGS = [{"Key": "flops-auditor:pretrain-flops", "Value": "1.5e24"}]


def now_in_seconds() -> datetime:
    """The time, as SageMaker gives it."""
    return datetime.now(UTC).replace(microsecond=0)


def running_job(days: float) -> dict[str, Any]:
    """A job that began `days` ago and goes on."""
    job = fresh_job(hours=1, ResourceConfig=BIG, StoppingCondition={"MaxRuntimeInSeconds": 7 * 86400})
    begun = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    for field in ("TrainingEndTime", "ModelArtifacts"):
        job.pop(field)
    job |= {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"}
    job |= {"CreationTime": begun, "TrainingStartTime": begun, "LastModifiedTime": begun}
    job["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": begun}]
    job["CreationTime"] = now_in_seconds()  # a round lists what was created since the last one
    return job


@contextmanager
def stopping(deployed: Deployed) -> Iterator[None]:
    """The same stack with StopOnCrossing on, and off again."""
    known = deployed.stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Parameters"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in known if each["ParameterValue"]}
    deploy_built(deployed.stack, parameters | {"StopOnCrossing": "true"})
    try:
        yield
    finally:
        deploy_built(deployed.stack, parameters)


def test_a_job_about_to_cross_is_stopped_under_the_rights_of_the_watch(deployed: Deployed) -> None:
    """64 x p5 cross 5e23 FLOP, a third of 1.5e24, after some 23 days. The record of the stop is signed and archived."""
    job = running_job(days=24)
    with stopping(deployed):
        deployed.load(job, TAGS)
        assert deployed.invoke("WatchFunctionName")["stopped"] >= 1
    [item] = deployed.items("RECORD#", job["TrainingJobArn"])
    assert deployed.record(job["TrainingJobArn"]).predicate["action"]["kind"] == "stop"
    job_id = item["pk"].removeprefix("JOB#")
    assert len(deployed.versions(f"records/{job_id}/")) == len(deployed.versions(f"evidence/{job_id}/")) == 1
    status = deployed.stack.client("sagemaker").describe_training_job(TrainingJobName=job["TrainingJobName"])
    assert status["TrainingJobStatus"] in {"Stopping", "Stopped"}


def test_a_session_and_a_job_that_train_too_much_are_stopped_under_the_same_rights(operator: Deployed) -> None:
    """Neither has an event: the listing finds how they ended, though their stops are recorded."""
    much = {"BillableTokenUsage": {**USAGE, "TrainingTokenCount": 10**14}}
    written = json.dumps(document(usage={**COUNTED, "TrainTokenCount": 10**14}))
    with stopping(operator):
        opened = fresh_session(operator, TrainingSessionStatus="Running", **much)
        agent = fresh_agent_job(operator, JobStatus="InProgress", JobConfigDocument=written)
        assert operator.invoke("WatchFunctionName")["stopped"] >= 2
    sagemaker, arns = operator.stack.client("sagemaker"), (opened["TrainingSessionArn"], agent["JobArn"])
    for arn in arns:
        assert operator.record(arn).predicate["action"]["kind"] == "stop"
    told = sagemaker.describe_training_session(TrainingSessionName=opened["TrainingSessionName"])
    assert told["TrainingSessionDetail"]["TrainingSessionStatus"] == "Stopping"
    asked = {"JobName": agent["JobName"], "JobCategory": "AgentRFT"}
    assert sagemaker.describe_job(**asked)["JobStatus"] == "Stopping"
    load_session(operator.stack, {"TrainingSessionDetail": {**opened, "TrainingSessionStatus": "Stopped"}})
    load_sagemaker_job(operator.stack, {**agent, "JobStatus": "Stopped"})
    operator.invoke("ReconcileFunctionName")
    for arn in arns:
        operator.wait(lambda arn=arn: len(operator.items("RECORD#", arn)) == 2, "a record of its end")  # type: ignore[misc]


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


def test_a_job_that_is_as_expensive_as_can_be_delays_no_warning(deployed: Deployed) -> None:
    """Fifty-nine buckets of 64 folders each would take 3,800 queries of the index a look."""
    costly, near = running_job(days=6), running_job(days=6)
    costly["HyperParameters"] |= {f"model{n}": f"s3://bucket{n}/{'/'.join('abcdefgh' * 8)}" for n in range(59)}
    for job in (costly, near):
        deployed.load(job, TAGS)
    deployed.invoke("WatchFunctionName")
    for job in (costly, near):
        mails = deployed.wait(lambda name=job["TrainingJobName"]: deployed.mails_about(name), "a warning")  # type: ignore[misc]
        assert "50 % reached" in mails[0]["Subject"]
