"""Every RecordIndex, ReadingStore, SeenJobs and AuditQueue behaves alike: in memory, and on DynamoDB and SQS."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_reading import DynamoDbReadings
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.dynamodb_seen import DynamoDbRecordIndex, DynamoDbSeenJobs
from flops_auditor.aws.stores.sqs import DELAY_SECONDS, MOST_BYTES, SqsAuditQueue, SqsReassessments, message
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.registry import read_pointer
from flops_auditor.domain.runs.sources.training_job_answer import DELETED
from flops_auditor.use_cases.listing.reading import JobReading, ReadingStore
from flops_auditor.use_cases.ports.records import LastLook, RecordIndex, Records, SeenJob, SeenJobs, StoredRecord
from flops_auditor.use_cases.ports.sources import ListedJob, SourceUnavailable
from tests.contract.test_records import table
from tests.fakes.audit import NOW, MemoryQueue, MemoryReadings, MemoryRecordIndex, MemoryRecords, MemorySeenJobs

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
def readings(request: pytest.FixtureRequest, dynamodb: Any) -> Callable[[], ReadingStore]:
    """Stores of two rounds on the same region."""
    if request.param == "memory":
        kept: dict[str, tuple[int, JobReading]] = {}
        return lambda: MemoryReadings(kept)
    name = table(dynamodb)
    return lambda: DynamoDbReadings(dynamodb, name, "RECONCILE")


@pytest.fixture(params=["memory", "dynamodb"])
def seen_jobs(request: pytest.FixtureRequest, dynamodb: Any) -> SeenJobs:
    return MemorySeenJobs() if request.param == "memory" else DynamoDbSeenJobs(dynamodb, table(dynamodb))


def listed(number: int) -> ListedJob:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-{number}"
    return ListedJob(f"job-{number}", arn, "eu-west-1", "Completed", NOW + timedelta(milliseconds=number), NOW)


def seen(number: int, **changes: Any) -> SeenJob:
    return SeenJob(listed(number), NOW + timedelta(seconds=number), **changes)


def test_recorded_jobs_are_told_from_others_at_any_number(ledger: tuple[Records, RecordIndex]) -> None:
    records, index = ledger
    ids = [listed(number).job_id for number in range(230)]
    for job_id in ids[::3]:
        records.commit(job_id, StoredRecord(0, b"line"), {"tags": job_id[:8]} if job_id == ids[3] else {})
    records.note_alerts(ids[1], ["000000#above"], NOW)
    found = index.recorded(ids + ids[:5])
    assert set(found) == set(ids[::3])
    assert (found[ids[3]], found[ids[0]]) == (ids[3][:8], "")
    assert index.recorded([]) == {}


def test_a_record_of_a_stop_is_none_of_the_jobs_end(ledger: tuple[Records, RecordIndex]) -> None:
    """A job that was stopped, and whose lineage changed before it ended."""
    records, index = ledger
    stopped, ended, once = (listed(number).job_id for number in range(3))
    for job_id in (stopped, ended):
        records.commit(job_id, StoredRecord(0, b"stop"), {"tags": "of the stop", "interim": "true"})
        records.commit(job_id, StoredRecord(1, b"lineage"), {"interim": "true"})
    records.commit(ended, StoredRecord(2, b"end"), {"tags": "of the end"})
    records.commit(ended, StoredRecord(3, b"amended"), {"tags": "later"})
    records.commit(once, StoredRecord(0, b"end"), {})
    assert index.recorded([stopped, ended, once]) == {ended: "of the end", once: ""}


def test_a_reading_is_read_as_it_was_written(readings: Callable[[], ReadingStore]) -> None:
    store = readings()
    assert store.read("eu-west-1") == JobReading()
    begun = JobReading().begin(NOW)
    store.write("eu-west-1", begun)
    assert readings().read("eu-west-1") == begun
    assert store.read("us-east-1") == JobReading()
    after = begun.after([NOW - timedelta(days=3)], "token", NOW).begin(NOW + timedelta(hours=1))
    store.write("eu-west-1", after)
    assert readings().read("eu-west-1") == after
    assert (after.stretches[1].token, after.stretches[1].asked) == ("token", NOW)


def test_a_round_that_was_overtaken_does_not_take_the_reading_back(readings: Callable[[], ReadingStore]) -> None:
    slow, quick = readings(), readings()
    slow.read("eu-west-1")
    quick.read("eu-west-1")
    quick.write("eu-west-1", JobReading().begin(NOW + timedelta(hours=1)))
    with pytest.raises(SourceUnavailable, match="another round"):
        slow.write("eu-west-1", JobReading().begin(NOW))
    assert quick.read("eu-west-1") == JobReading().begin(NOW + timedelta(hours=1))


def test_jobs_wait_in_the_order_in_which_they_were_seen_until_they_are_settled(seen_jobs: SeenJobs) -> None:
    assert seen_jobs.waiting("eu-west-1") == []
    last = seen(2)
    seen_jobs.note([last, seen(0), seen(1)])
    assert seen_jobs.waiting("eu-west-1") == [seen(0), seen(1), last]
    assert seen_jobs.waiting("us-east-1") == []
    queued = replace(seen(1), queued_at=NOW + timedelta(hours=1), untold=True)
    seen_jobs.note([queued])
    assert seen_jobs.waiting("eu-west-1") == [seen(0), queued, last]
    seen_jobs.settle([seen(0), last])
    assert seen_jobs.waiting("eu-west-1") == [queued]


@pytest.mark.parametrize("status", ["InProgress", DELETED])
def test_the_watch_and_the_reconciliation_take_nothing_of_each_other_away(seen_jobs: SeenJobs, status: str) -> None:
    """Both hold what they read minutes ago."""
    first = SeenJob(replace(listed(0), status=status), NOW)
    seen_jobs.note_new([first])
    untold = replace(first, untold=True, queued_at=NOW)
    seen_jobs.note([untold])
    seen_jobs.note_new([first, seen(1)])
    assert seen_jobs.waiting("eu-west-1") == [untold, seen(1)]
    assert seen_jobs.described(first.job.job_id) == ""
    seen_jobs.describe(first.job.job_id, "{}", NOW)
    assert seen_jobs.described(first.job.job_id) == "{}"
    seen_jobs.note([replace(untold, untold=False)])
    assert seen_jobs.waiting("eu-west-1")[0] == replace(untold, untold=False, description="{}")
    seen_jobs.settle([first])
    assert seen_jobs.waiting("eu-west-1") == [seen(1)]
    seen_jobs.note_new([first])
    assert len(seen_jobs.waiting("eu-west-1")) == 2, "a job that waited once may wait again"


def test_the_last_look_at_a_job_is_kept(seen_jobs: SeenJobs) -> None:
    first, second = (seen(number).job.job_id for number in range(2))
    assert seen_jobs.looks([first, second]) == {}
    seen_jobs.note([seen(0)])
    seen_jobs.note_look(first, LastLook(NOW))
    seen_jobs.note_look(first, LastLook(NOW + timedelta(minutes=15), 0.25))
    assert seen_jobs.looks([first, second]) == {first: LastLook(NOW + timedelta(minutes=15), 0.25)}
    assert seen_jobs.waiting("eu-west-1") == [seen(0)]


def test_more_jobs_wait_than_one_answer_holds(seen_jobs: SeenJobs) -> None:
    seen_jobs.note([seen(number) for number in range(230)])
    assert seen_jobs.waiting("eu-west-1") == [seen(number) for number in range(230)]


def test_keys_left_unprocessed_are_asked_for_again() -> None:
    """BatchGetItem may answer a part: the rest is not "without a record"."""
    client = boto3.client("dynamodb", "eu-west-1", **KEYS)
    stub = Stubber(client)
    job_id = listed(1).job_id
    keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "RECORD#000000"}}]
    rest = {"records": {"Keys": keys, "ProjectionExpression": "pk, tags, interim", "ConsistentRead": True}}
    stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": rest}, {"RequestItems": rest})
    found = {"records": [{"pk": {"S": f"JOB#{job_id}"}}]}
    stub.add_response("batch_get_item", {"Responses": found, "UnprocessedKeys": {}}, {"RequestItems": rest})
    stub.activate()
    waits: list[float] = []
    assert DynamoDbRecordIndex(client, "records", waits.append).recorded([job_id]) == {job_id: ""}
    assert len(waits) == 1
    for _ in range(8):
        stub.add_response("batch_get_item", {"Responses": {}, "UnprocessedKeys": rest})
    with pytest.raises(SourceUnavailable):
        DynamoDbRecordIndex(client, "records", waits.append).recorded([job_id])


@pytest.mark.parametrize("adapter", ["memory", "sqs"])
def test_every_job_is_queued_as_an_event_that_the_audit_reads(adapter: str) -> None:
    jobs = [seen(number) for number in range(23)]
    if adapter == "memory":
        queue = MemoryQueue()
        queue.send(jobs)
        bodies = [message(job) for job in queue.jobs]
    else:
        with mock_aws():
            client = boto3.client("sqs", "eu-west-1", **KEYS)
            url = client.create_queue(QueueName="audit")["QueueUrl"]
            SqsAuditQueue(client, url).send(jobs)
            assert SqsAuditQueue(client, url).waiting() == 23
            bodies = []
            while answer := client.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
                bodies += [one["Body"] for one in answer]
    pointers = [read_pointer(json.loads(body)) for body in bodies]
    assert {pointer.arn for pointer in pointers} == {each.job.arn for each in jobs}
    assert all(pointer.known_to_exist for pointer in pointers)
    assert {pointer.creation_time for pointer in pointers} == {each.job.creation_time for each in jobs}


def test_the_message_of_a_job_that_is_gone_says_what_was_seen_of_it() -> None:
    """It ended at the latest when it was missed."""
    running = {
        "ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 2},
        "TrainingJobStatus": "InProgress",
    }
    gone = replace(listed(1), status=DELETED, last_modified=NOW + timedelta(hours=2))
    pointer = read_pointer(json.loads(message(SeenJob(gone, NOW, description=json.dumps(running)))))
    assert pointer.known_to_exist
    assert pointer.status == DELETED
    assert pointer.detail["ResourceConfig"] == running["ResourceConfig"]
    assert pointer.detail["TrainingEndTime"] == "2026-11-24T14:00:00.000Z"


@pytest.mark.parametrize("kind", ["jobs", "reassessments"])
def test_entries_that_the_queue_refuses_are_sent_again_and_never_forgotten(kind: str) -> None:
    """SendMessageBatch answers 200 with a list of failures."""
    client = boto3.client("sqs", "eu-west-1", **KEYS)
    stub = Stubber(client)
    again = [Reassessment(f"{number:064x}") for number in range(2)]
    bodies = {
        "jobs": [message(seen(number)) for number in range(2)],
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
    with stub:
        if kind == "jobs":
            refused = SqsAuditQueue(client, "https://queue").send([seen(0), seen(1)])
            assert refused == {seen(1).job.arn: "sqs:SendMessageBatch answered InternalError"}
        else:
            with pytest.raises(SourceUnavailable, match="1 messages: InternalError"):
                SqsReassessments(client, "https://queue").send(again)
    stub.assert_no_pending_responses()


class NarrowQueue:
    """Takes batches of so many bytes, and never a message that has `poison` in it."""

    def __init__(self, most: int, poison: str) -> None:
        self.most, self.poison = most, poison
        self.taken: list[str] = []
        self.refused: list[str] = []

    def send_message_batch(self, **request: Any) -> dict[str, Any]:
        bodies = [entry["MessageBody"] for entry in request["Entries"]]
        for code, wrong in {
            "AWS.SimpleQueueService.BatchRequestTooLong": sum(len(body.encode()) for body in bodies) > self.most,
            "InvalidMessageContents": any(self.poison in body for body in bodies),
        }.items():
            if wrong:
                self.refused.append(code)
                raise ClientError({"Error": {"Code": code}}, "SendMessageBatch")
        self.taken += bodies
        return {"Successful": []}


@pytest.mark.parametrize("most", [256 * 1024, 128 * 1024], ids=["as AWS takes it", "a queue that takes less"])
def test_a_message_that_is_refused_keeps_no_other_one_back(most: int) -> None:
    """A batch is refused as a whole for what is too much in it, or wrong in one of its messages."""
    long = json.dumps({"HyperParameters": {"text": "x" * 100_000}})
    jobs = [
        SeenJob(replace(listed(number), status=DELETED), NOW, description=text)
        for number, text in enumerate([long] * 12 + ["{}", json.dumps({"AlgorithmName": "poison"}), "{}"])
    ]
    queue = NarrowQueue(most, "poison")
    refused = SqsAuditQueue(queue, "https://queue").send(jobs)  # type: ignore[arg-type]
    assert refused == {jobs[13].job.arn: "sqs:SendMessageBatch answered InvalidMessageContents"}
    assert sorted(queue.taken) == sorted(message(job) for job in jobs if job is not jobs[13])
    too_long = "AWS.SimpleQueueService.BatchRequestTooLong" in queue.refused
    assert too_long == (most < MOST_BYTES), "what AWS takes is not exceeded"
