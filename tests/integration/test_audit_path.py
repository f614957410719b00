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
