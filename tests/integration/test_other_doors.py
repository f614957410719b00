"""Doors beside training jobs on the deployed template: a model customization job of Bedrock by its event and by the
hourly listing, a training session and a job that trains an agent by the watch and the listing, jobs of AWS Batch by
their events and by the listing.
"""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import BATCH_JOB, CUSTOMIZATION_JOB, SAGEMAKER_JOB, TRAINING_SESSION
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor.domain.runs.sources.batch_job_events import BATCH_DETAIL_TYPE
from flops_auditor.domain.runs.sources.customization_job_events import AWS_DETAIL_TYPE
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.reconcile_doors import EVERY_DOOR
from flops_auditor_cli.local_aws.jobs import load_batch_job, load_customization_job, load_sagemaker_job, load_session
from tests.fakes.batch_jobs import batch_job, container, environment, milliseconds, tries
from tests.fakes.customization_jobs import LLAMA, customization
from tests.fakes.sagemaker_jobs import COUNTED, agent_job, document
from tests.fakes.training_sessions import session
from tests.integration.deployed import Deployed, run

BUCKET = "corpora-of-a-team"
DATA = b'{"prompt": "a", "completion": "b"}\n' * 40


def fresh_customization(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    """A job of its own name, unchanged for two hours, known to the local Bedrock, with its data in S3."""
    number = str(time.time_ns())[-12:]
    s3 = deployed.stack.client("s3")
    if BUCKET not in {each["Name"] for each in s3.list_buckets()["Buckets"]}:
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": deployed.stack.region})
        s3.put_object(Bucket=BUCKET, Key="support/train.jsonl", Body=DATA)
    account = f"arn:aws:bedrock:{deployed.stack.region}:{deployed.stack.account_id}"
    created = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=2)  # after its data was written
    own = {
        "jobArn": f"{account}:model-customization-job/{LLAMA}/{number}",
        "jobName": f"support-{number}",
        "outputModelArn": f"{account}:custom-model/{LLAMA}/{number}",
        "baseModelArn": f"arn:aws:bedrock:{deployed.stack.region}::foundation-model/{LLAMA}",
        "trainingDataConfig": {"s3Uri": f"s3://{BUCKET}/support/train.jsonl"},
        "creationTime": created,
        "lastModifiedTime": created - timedelta(hours=2),
        "endTime": created + timedelta(seconds=1),  # what ends much later than now is not sealed
    }
    job = customization(**{**own, **changes})
    load_customization_job(deployed.stack, job, [{"key": "flops-auditor:placed-on-market", "value": "false"}])
    return job


def announce(deployed: Deployed, job: dict[str, Any]) -> None:
    """Replay the job's event through EventBridge."""
    detail = {"jobArn": job["jobArn"], "jobName": job["jobName"], "jobStatus": job["status"]}
    entry = {"Source": REPLAY_SOURCE, "DetailType": AWS_DETAIL_TYPE, "Detail": json.dumps(detail)}
    assert deployed.stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_from_event_to_record_and_the_next_job_continues_it(operator: Deployed) -> None:
    first = fresh_customization(operator)
    announce(operator, first)
    record = operator.record(first["jobArn"])
    assert (record.predicate["job"]["source"], record.predicate["verdict"]) == (CUSTOMIZATION_JOB, "below")
    words = " ".join(each["words"] for each in record.predicate["estimate"]["assumptions"])
    assert f"{len(DATA)} bytes of training data x 5 passes" in words
    identity = record.predicate["job"]["id"]
    archived = operator.stack.client("s3").get_object(
        Bucket=operator.outputs["ArchiveBucketName"], Key=evidence_key(identity, 0)
    )
    evidence = json.loads(archived["Body"].read())
    assert evidence["objects"][f"s3://{BUCKET}/support/train.jsonl"]["answer"]["Size"] == len(DATA)
    assert evidence["tags"] == [{"Key": "flops-auditor:placed-on-market", "Value": "false"}]
    assert evidence["description"]["creationTime"] == iso(first["creationTime"])


def test_one_whose_event_was_lost_is_found_by_the_listing(operator: Deployed) -> None:
    lost = fresh_customization(operator, customizationType="REINFORCEMENT_FINE_TUNING")
    code, dry = run("reconcile", "--dry-run")
    assert (code, lost["jobArn"] in {each["arn"] for each in dry["jobs"]}) == (0, True)
    operator.invoke("ReconcileFunctionName")
    record = operator.record(lost["jobArn"])
    assert record.predicate["verdict"] == "indeterminate"
    operator.wait(lambda: operator.mails_about(lost["jobName"]), "an alert")
    told = {each["check"]: each["detail"] for each in run("doctor")[1]["findings"]}
    assert all(told[f"door of {name}"].startswith("open in ") for name in EVERY_DOOR)


def fresh_session(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    """The detail of a training session of its own name and group, created now, since older ones were listed before, and
    unchanged for two hours, which SageMaker knows.
    """
    name, now = f"session-{time.time_ns()}", datetime.now(UTC).replace(microsecond=0)
    account = f"arn:aws:sagemaker:{deployed.stack.region}:{deployed.stack.account_id}"
    times = {"CreationTime": now, "LastModifiedTime": now - timedelta(hours=2)}
    own = {
        "TrainingSessionName": name,
        "TrainingSessionArn": f"{account}:training-session/{name}",
        "ModelPackageGroupArn": f"{account}:model-package-group/{name}",
        "OutputConfig": {"S3Location": {"Path": f"s3://results/{name}/"}},
    }
    detail: dict[str, Any] = session(**{"EndTime": None, **own, **times, **changes})["TrainingSessionDetail"]
    load_session(deployed.stack, {"TrainingSessionDetail": detail})
    return detail


def test_a_session_is_watched_and_then_found_by_the_listing(operator: Deployed) -> None:
    opened = fresh_session(operator, TrainingSessionStatus="Running")
    assert operator.invoke("WatchFunctionName")["failures"] == 0
    seen = run("watch", "--once")[1]
    assert opened["TrainingSessionName"] in json.dumps(seen)
    load_session(operator.stack, {"TrainingSessionDetail": {**opened, "TrainingSessionStatus": "Stopped"}})
    operator.invoke("ReconcileFunctionName")
    record = operator.record(opened["TrainingSessionArn"])
    assert (record.predicate["job"]["source"], record.predicate["verdict"]) == (TRAINING_SESSION, "below")
    assert record.predicate["estimate"]["signal_flop"] != "0"


def fresh_agent_job(deployed: Deployed, category: str = "AgentRFT", **changes: Any) -> dict[str, Any]:
    """The answer of a job of its own name and groups, created now and unchanged for two hours, that SageMaker knows."""
    name, now = f"agent-{time.time_ns()}", datetime.now(UTC).replace(microsecond=0)
    account = f"arn:aws:sagemaker:{deployed.stack.region}:{deployed.stack.account_id}"
    used = COUNTED if category == "AgentRFT" else {**COUNTED, "TrainTokenCount": 0}
    own = document(
        OutputDataConfig={"S3OutputPath": f"s3://results/{name}/"},
        ModelPackageConfig={"OutputModelPackageGroupArn": f"{account}:model-package-group/{name}"},
        ServiceOutput={"OutputModelPackageArn": f"{account}:model-package/{name}/1", "BillableTokenUsage": used},
    )
    times = {"CreationTime": now, "LastModifiedTime": now - timedelta(hours=2), "EndTime": None}
    named = {"JobName": name, "JobArn": f"{account}:job/{category}/{name}"}
    answer = agent_job(category=category, config=own, **{**named, **times, **changes})
    load_sagemaker_job(deployed.stack, answer)
    return answer


def test_a_job_that_trains_is_watched_and_then_found_by_the_listing(operator: Deployed) -> None:
    running = fresh_agent_job(operator, JobStatus="InProgress")
    evaluated = fresh_agent_job(operator, "AgentRFTEvaluation")
    assert operator.invoke("WatchFunctionName")["failures"] == 0
    seen = json.dumps(run("watch", "--once")[1])
    assert (running["JobName"] in seen, evaluated["JobName"] in seen) == (True, False)
    load_sagemaker_job(operator.stack, {**running, "JobStatus": "Completed"})
    operator.invoke("ReconcileFunctionName")
    record = operator.record(running["JobArn"])
    assert (record.predicate["job"]["source"], record.predicate["verdict"]) == (SAGEMAKER_JOB, "below")
    assert record.predicate["estimate"]["signal_flop"] != "0"
    of_no_training = operator.record(evaluated["JobArn"]).predicate
    assert (of_no_training["job"]["activity"], of_no_training["verdict"]) == ("not-training", "below")


def fresh_batch_job(deployed: Deployed, **changes: Any) -> dict[str, Any]:
    """What AWS Batch says of a job of its own, created now, since older ones were listed before, and stopped for two
    hours.
    """
    number = f"{time.time_ns():032x}"
    account = f"arn:aws:batch:{deployed.stack.region}:{deployed.stack.account_id}"
    now = datetime.now(UTC)
    attempts = tries(0.5, begun=now - timedelta(hours=3))
    times = {name: attempts[0][name] for name in ("startedAt", "stoppedAt")}
    job = batch_job(
        jobArn=f"{account}:job/{number}",
        jobId=number,
        jobName=f"tune-{number}",
        jobQueue=f"{account}:job-queue/gpus",
        createdAt=milliseconds(now),
        **{**times, "attempts": attempts, "tags": {"flops-auditor:base-model": "meta-llama/Llama-3.1-8B"}, **changes},
    )
    load_batch_job(deployed.stack, job, environment(arn=f"{account}:compute-environment/p5"))
    return job


def end_batch_job(deployed: Deployed, running: dict[str, Any]) -> dict[str, Any]:
    """Have AWS Batch say that a job that ran has succeeded now; what it says."""
    stopped, account = milliseconds(datetime.now(UTC)), running["jobArn"].rpartition(":job/")[0]
    attempts = [{**tries(0.5)[0], "startedAt": running["startedAt"], "stoppedAt": stopped}]
    ended = {**running, "status": "SUCCEEDED", "stoppedAt": stopped, "attempts": attempts}
    load_batch_job(deployed.stack, ended, environment(arn=f"{account}:compute-environment/p5"))
    return ended


def announce_batch(deployed: Deployed, job: dict[str, Any]) -> None:
    """Replay the job's event through EventBridge."""
    entry = {"Source": REPLAY_SOURCE, "DetailType": BATCH_DETAIL_TYPE, "Detail": json.dumps(job)}
    assert deployed.stack.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0


def test_a_batch_job_is_recorded_from_its_event_with_what_its_queue_may_launch(operator: Deployed) -> None:
    job = fresh_batch_job(operator)
    announce_batch(operator, job)
    record = operator.record(job["jobArn"])
    assert (record.predicate["job"]["source"], record.predicate["verdict"]) == (BATCH_JOB, "below")
    assert record.predicate["job"]["instances"] == [{"type": "ml.p5.48xlarge", "count": 1}]


def test_a_batch_job_whose_event_was_lost_is_found_by_the_listing_and_one_without_accelerators_is_not(
    operator: Deployed,
) -> None:
    lost, on_cpus = fresh_batch_job(operator), fresh_batch_job(operator, container=container(count=0))
    code, dry = run("reconcile", "--dry-run")
    listed = {each["arn"] for each in dry["jobs"]}
    assert (code, lost["jobArn"] in listed, on_cpus["jobArn"] in listed) == (0, True, False)
    operator.invoke("ReconcileFunctionName")
    assert operator.record(lost["jobArn"]).predicate["verdict"] == "below"


def test_a_batch_job_is_watched_from_its_listing_on_and_recorded_when_it_has_ended(operator: Deployed) -> None:
    running = fresh_batch_job(operator, status="RUNNING", stoppedAt=None, attempts=[])
    operator.invoke("ReconcileFunctionName")
    assert operator.invoke("WatchFunctionName")["failures"] == 0
    assert running["jobName"] in json.dumps(run("watch", "--once")[1])
    announce_batch(operator, end_batch_job(operator, running))
    assert operator.record(running["jobArn"]).predicate["job"]["status"] == "SUCCEEDED"
