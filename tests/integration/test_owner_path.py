"""What a job's owner may try, on the deployed template (docs/threat-model.md). Most of it is tried in memory."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor_cli.demo import DETAIL_TYPE
from tests.integration.deployed import Deployed, fresh_job


def replay(deployed: Deployed, arns: list[str], created: datetime) -> None:
    """Replays of whatever has these ARNs, ten in a call, as anybody sends them who may put events."""
    events = deployed.stack.client("events")
    for first in range(0, len(arns), 10):
        details = [
            {"TrainingJobArn": arn, "TrainingJobStatus": "Completed", "CreationTime": int(created.timestamp() * 1000)}
            for arn in arns[first : first + 10]
        ]
        entries = [
            {"Source": REPLAY_SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail)} for detail in details
        ]
        assert events.put_events(Entries=entries)["FailedEntryCount"] == 0


def claims(deployed: Deployed) -> list[dict[str, Any]]:
    """Every claim in the table."""
    pages = (
        deployed.stack.client("dynamodb").get_paginator("scan").paginate(TableName=deployed.outputs["RecordTableName"])
    )
    return [item for page in pages for item in page["Items"] if item["sk"]["S"] == "CLAIM"]


def test_replays_keep_no_event_of_aws_from_its_record(deployed: Deployed) -> None:
    """Replays with a wrong time beside the true event, then the job is deleted: SageMaker's own event makes the record.

    None of the replays is recorded, becomes a dead letter, or leaves a claim behind.
    """
    job = fresh_job()
    arn = job["TrainingJobArn"]
    dead = deployed.waiting("AuditDeadLetterQueueUrl")
    before = len(claims(deployed))
    replay(deployed, [arn] * 40, datetime.now(UTC) - timedelta(days=3))
    deployed.announce_as_aws([job])
    replay(deployed, [arn] * 40, datetime.now(UTC) - timedelta(days=4))
    record = deployed.record(arn)
    assert record.predicate["verdict"] == "indeterminate"
    assert "SageMaker no longer knows the job" in str(record.predicate["estimate"]["doubts"])
    deployed.idle()
    assert len(deployed.items("RECORD#", arn)) == 1
    assert deployed.waiting("AuditDeadLetterQueueUrl") == dead
    assert len(claims(deployed)) == before + 1


def test_made_up_replays_leave_nothing_behind(deployed: Deployed) -> None:
    """Invented accounts, regions and names: nothing is stored, nothing becomes a dead letter."""
    before, dead = len(claims(deployed)), deployed.waiting("AuditDeadLetterQueueUrl")
    where = [("eu-west-1", "999999999999"), ("xx-nowhere-1", "111122223333"), ("eu-west-1", "111122223333")]
    arns = [f"arn:aws:sagemaker:{region}:{account}:training-job/invented" for region, account in where]
    replay(deployed, arns * 4, datetime.now(UTC))
    deployed.idle()
    assert len(claims(deployed)) == before
    assert deployed.waiting("AuditDeadLetterQueueUrl") == dead
