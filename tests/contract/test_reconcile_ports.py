"""Every RecordIndex, ProgressStore and AuditQueue behaves alike: in memory, and on DynamoDB and SQS."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_progress import DynamoDbProgress, DynamoDbRecordIndex
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.sqs import DELAY_SECONDS, SqsAuditQueue, SqsReassessments, message
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.training_job_events import parse_event
from flops_auditor.use_cases.ports.records import ProgressStore, RecordIndex, Records, ScanProgress, StoredRecord
from flops_auditor.use_cases.ports.sources import ListedJob, SourceUnavailable
from tests.contract.test_records import table
from tests.fakes.audit import NOW, MemoryProgress, MemoryQueue, MemoryRecordIndex, MemoryRecords

KEYS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("dynamodb", "eu-west-1", **KEYS)


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest, dynamodb: Any) -> tuple[Records, RecordIndex]:
    if request.param == "memory":
        records = MemoryRecords()
        return records, MemoryRecordIndex(records)
    name = table(dynamodb)
    return DynamoDbRecords(dynamodb, name), DynamoDbRecordIndex(dynamodb, name)


@pytest.fixture(params=["memory", "dynamodb"])
def progress(request: pytest.FixtureRequest, dynamodb: Any) -> ProgressStore:
    return MemoryProgress() if request.param == "memory" else DynamoDbProgress(dynamodb, table(dynamodb))


def listed(number: int) -> ListedJob:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-{number}"
    return ListedJob(f"job-{number}", arn, "eu-west-1", "Completed", NOW + timedelta(milliseconds=number), NOW)


def test_recorded_jobs_are_told_from_others_at_any_number(ledger: tuple[Records, RecordIndex]) -> None:
    records, index = ledger
    ids = [listed(number).job_id for number in range(230)]
    for job_id in ids[::3]:
        records.commit(job_id, StoredRecord(0, b"line"), {})
    records.note_alert(ids[1], "000000#above", NOW)
    assert index.recorded(ids + ids[:5]) == set(ids[::3])
    assert index.recorded([]) == set()


def test_progress_is_read_as_it_was_written(progress: ProgressStore) -> None:
    assert progress.read("eu-west-1") == ScanProgress()
    first = ScanProgress(None, None, NOW, None, NOW - timedelta(days=400))
    progress.write("eu-west-1", first)
    assert progress.read("eu-west-1") == first
    assert progress.read("us-east-1") == ScanProgress()
    second = ScanProgress(complete_to=NOW, whole_at=NOW)
    progress.write("eu-west-1", second)
    assert progress.read("eu-west-1") == second
    progress.write("eu-west-1", ScanProgress(complete_to=NOW - timedelta(hours=1)))
    assert progress.read("eu-west-1") == second, "a slower run took the progress back"


def test_keys_left_unprocessed_are_asked_for_again() -> None:
    """BatchGetItem may answer a part: the rest is not "without a record"."""
    client = boto3.client("dynamodb", "eu-west-1", **KEYS)
    stub = Stubber(client)
    job_id = listed(1).job_id
    keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "RECORD#000000"}}]
    rest = {"records": {"Keys": keys, "ProjectionExpression": "pk", "ConsistentRead": True}}
    stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": rest}, {"RequestItems": rest})
    found = {"records": [{"pk": {"S": f"JOB#{job_id}"}}]}
    stub.add_response("batch_get_item", {"Responses": found, "UnprocessedKeys": {}}, {"RequestItems": rest})
    stub.activate()
    waits: list[float] = []
    assert DynamoDbRecordIndex(client, "records", waits.append).recorded([job_id]) == {job_id}
    assert len(waits) == 1
    for _ in range(8):
        stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": rest})
    with pytest.raises(SourceUnavailable):
        DynamoDbRecordIndex(client, "records", waits.append).recorded([job_id])


@pytest.mark.parametrize("adapter", ["memory", "sqs"])
def test_every_job_is_queued_as_an_event_that_the_audit_reads(adapter: str) -> None:
    jobs = [listed(number) for number in range(23)]
    if adapter == "memory":
        queue = MemoryQueue()
        queue.send(jobs)
        bodies = [message(job) for job in queue.jobs]
    else:
        with mock_aws():
            client = boto3.client("sqs", "eu-west-1", **KEYS)
            url = client.create_queue(QueueName="audit")["QueueUrl"]
            SqsAuditQueue(client, url).send(jobs)
            bodies = []
            while answer := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                bodies += [one["Body"] for one in answer]
    pointers = [parse_event(json.loads(body)) for body in bodies]
    assert {pointer.arn for pointer in pointers} == {job.arn for job in jobs}
    assert all(pointer.known_to_exist for pointer in pointers)
    assert {pointer.creation_time for pointer in pointers} == {job.creation_time for job in jobs}


@pytest.mark.parametrize("kind", ["jobs", "reassessments"])
def test_entries_that_the_queue_refuses_are_sent_again_and_never_forgotten(kind: str) -> None:
    """SendMessageBatch answers 200 with a list of failures."""
    client = boto3.client("sqs", "eu-west-1", **KEYS)
    stub = Stubber(client)
    again = [Reassessment(f"{number:064x}") for number in range(2)]
    bodies = {
        "jobs": [message(listed(number)) for number in range(2)],
        "reassessments": [json.dumps(each.to_event()) for each in again],
    }[kind]
    delay = DELAY_SECONDS if kind == "reassessments" else 0
    entries = [{"Id": str(n), "MessageBody": body, "DelaySeconds": delay} for n, body in enumerate(bodies)]
    failure = [{"Id": "1", "SenderFault": False, "Code": "InternalError"}]
    taken = [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "d"}]
    expected = {"QueueUrl": "https://queue", "Entries": entries}
    stub.add_response("send_message_batch", {"Successful": taken, "Failed": failure}, expected)
    for _ in range(2):
        expected = {"QueueUrl": "https://queue", "Entries": entries[1:]}
        stub.add_response("send_message_batch", {"Successful": [], "Failed": failure}, expected)
    stub.activate()
    with stub, pytest.raises(SourceUnavailable, match="1 messages: InternalError"):
        if kind == "jobs":
            SqsAuditQueue(client, "https://queue").send([listed(0), listed(1)])
        else:
            SqsReassessments(client, "https://queue").send(again)
    stub.assert_no_pending_responses()
