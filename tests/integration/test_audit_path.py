"""The way a job takes on the deployed template: EventBridge, SQS, Lambda, KMS, DynamoDB, S3 and SNS."""

import hashlib
import json
from datetime import timedelta
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.values.archive_keys import evidence_key, record_key
from flops_auditor.domain.values.moments import iso
from tests.integration.deployed import Deployed, fresh_job

BIG = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}


def occupancy(job: dict[str, Any], percent: float) -> dict[str, Any]:
    """GPUUtilization of the only host, every minute of the training time."""
    start = job["SecondaryStatusTransitions"][1]["StartTime"]
    end = job["SecondaryStatusTransitions"][1]["EndTime"]
    times = [iso(start + timedelta(minutes=i)) for i in range(int((end - start) / timedelta(minutes=1)))]
    return {
        "MetricDataResults": [
            {"Label": "GPUUtilization algo-1", "Timestamps": times, "Values": [percent] * len(times)},
        ]
    }


def test_from_event_to_signed_record_and_archive(deployed: Deployed) -> None:
    """One pass: what SageMaker and CloudWatch answered becomes a record whose subject is the archived evidence."""
    job = fresh_job()
    deployed.load(job, [{"Key": "flops-auditor:pretrain-flops", "Value": "1.5e24"}], occupancy(job, 760))
    deployed.announce(job)
    record = deployed.record(job["TrainingJobArn"])
    estimate = record.predicate["estimate"]
    assert estimate["method"] == "hardware + occupancy"
    assert abs(Fraction(estimate["occupancy"]) - Fraction("0.95")) < Fraction("0.001")
    assert record.predicate["assessments"][0]["verdict"] == record.predicate["verdict"] == "below"
    identity = parse_training_job(job).job_id
    deployed.wait(lambda: deployed.versions(record_key(identity, 0)), "the archived record")
    evidence = deployed.stack.client("s3").get_object(
        Bucket=deployed.outputs["ArchiveBucketName"], Key=evidence_key(identity, 0)
    )
    body = evidence["Body"].read()
    assert hashlib.sha256(body).hexdigest() == record.subject_sha256
    assert json.loads(body)["description"]["TrainingJobName"] == job["TrainingJobName"]


def test_an_event_delivered_five_times_makes_one_record_and_one_alert(deployed: Deployed) -> None:
    """Three times in one call, so that two are worked on at once, and twice more afterwards, after another job's."""
    job, other = fresh_job(hours=400, ResourceConfig=BIG), fresh_job()
    deployed.load(job)
    deployed.load(other)
    deployed.announce_as_aws([job] * 3)
    deployed.record(job["TrainingJobArn"])
    deployed.announce_as_aws([other, job, job])
    deployed.record(other["TrainingJobArn"])
    deployed.idle()
    assert len(deployed.items("RECORD#", job["TrainingJobArn"])) == 1
    assert len(deployed.items("ALERT#000000#above", job["TrainingJobArn"])) == 1
    assert len(deployed.mails_about(job["TrainingJobName"])) == 1
    identity = parse_training_job(job).job_id
    assert deployed.versions(record_key(identity, 0)) == [record_key(identity, 0)]
    assert deployed.versions(evidence_key(identity, 0)) == [evidence_key(identity, 0)]


def test_an_unknown_instance_type_is_recorded_as_indeterminate(deployed: Deployed) -> None:
    job = fresh_job(ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1})
    deployed.load(job)
    deployed.announce(job)
    record = deployed.record(job["TrainingJobArn"])
    assert record.predicate["verdict"] == "indeterminate"
    assert "ml.p99.48xlarge" in record.predicate["assessments"][0]["doubts"][0]["words"]


def test_what_names_no_job_ends_in_the_dead_letter_queue(deployed: Deployed) -> None:
    """A malformed message is tried five times, named in the log, and kept."""
    before = deployed.waiting("AuditDeadLetterQueueUrl")
    with deployed.quick_redelivery():
        deployed.stack.client("sqs").send_message(QueueUrl=deployed.outputs["AuditQueueUrl"], MessageBody="{not json")
        deployed.wait(lambda: deployed.waiting("AuditDeadLetterQueueUrl") == before + 1, "dead letter")


def test_hostile_numbers_keep_no_job_from_its_record(deployed: Deployed) -> None:
    """An exponent that would take all time and memory to write out, in hyperparameters, tags and environment."""
    hostile = dict.fromkeys(("num_train_epochs", "max_seq_length", "lora_r", "max_steps"), "1e-99999999")
    job = fresh_job(HyperParameters=hostile, Environment={"PRETRAIN_FLOPS": "1e99999999"})
    tags = [{"Key": f"flops-auditor:{name}", "Value": "1e-99999999"} for name in ("tokens", "params")]
    deployed.load(job, tags)
    deployed.announce(job)
    record = deployed.record(job["TrainingJobArn"])
    assert record.predicate["verdict"] == "indeterminate"


def test_what_nothing_bounds_is_recorded_as_indeterminate(deployed: Deployed) -> None:
    """A closed model on closed hardware, with a tag of its size; and ten days of which nothing is said."""
    arn = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/nova-textgeneration-lite/1.0.0"
    config = {"BaseModelArn": arn, "JobType": "FineTuning", "Peft": "LORA"}
    closed = fresh_job(ServerlessJobConfig=config, ResourceConfig={}, HyperParameters={}, BillableTokenCount=10**9)
    idle = fresh_job(hours=240, SecondaryStatusTransitions=[], TrainingTimeInSeconds=0)
    for job, tags in ((closed, [{"Key": "flops-auditor:params", "Value": "1e9"}]), (idle, [])):
        deployed.load(job, tags)
        deployed.announce(job)
        record = deployed.record(job["TrainingJobArn"])
        assert record.predicate["verdict"] == "indeterminate"
        assert record.predicate["estimate"]["upper_flop"] is None


def test_reinforcement_learning_is_recorded_with_its_updates(deployed: Deployed) -> None:
    parameters = {"model_id": "meta-llama/Llama-3.1-8B", "trainer_type": "GRPOTrainer", "num_iterations": "4"}
    job = fresh_job(HyperParameters=parameters, FinalMetricDataList=[{"MetricName": "num_tokens", "Value": 4e8}])
    deployed.load(job)
    deployed.announce(job)
    kinds = {each["kind"] for each in deployed.record(job["TrainingJobArn"]).predicate["estimate"]["assumptions"]}
    assert {"several-updates-of-one-rollout", "rollouts"} <= kinds
