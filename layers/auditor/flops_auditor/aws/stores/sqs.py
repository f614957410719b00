"""The AuditQueue and Reassessments ports on the audit's queue (Amazon SQS), and when its messages come again."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources import (
    batch_job_events,
    customization_job_events,
    sagemaker_job_events,
    training_session_events,
)
from flops_auditor.domain.runs.sources.training_job_events import AWS_DETAIL_TYPE
from flops_auditor.domain.runs.sources.training_session_answer import DETAIL
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob, SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

SEND = "sqs:SendMessageBatch"
MOST_ENTRIES = 10
"""SendMessageBatch takes no more at once."""
MOST_BYTES = 256 * 1024
"""Of all messages of a batch together: what every queue takes (API Reference, SendMessageBatch: 1 MiB, which a queue
may be set below, and 256 KiB before August 2025).
"""
UNFIT = frozenset(
    {
        *("AWS.SimpleQueueService.BatchRequestTooLong", "BatchRequestTooLong"),
        *("InvalidMessageContents", "InvalidParameterValue"),
    }
)
"""Errors that say that something is wrong with a message, not with the queue (API Reference, SendMessageBatch)."""
DELAY_SECONDS = 10
"""A job that several parents name is then mostly assessed once for all of them."""
DEPTH: tuple["QueueAttributeNameType", ...] = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)
_TRIES = 3


def message(seen: SeenJob) -> str:
    """The message of one job, of the shape that EventBridge puts there and functions/audit reads.

    Of a job that was deleted it says what was seen while it ran; it ended at the latest when it was missed.
    """
    job = seen.job
    detail = json.loads(seen.description) if job.state == "gone" and seen.description else {}
    detail |= {
        "TrainingJobName": job.name,
        "TrainingJobArn": job.arn,
        "TrainingJobStatus": job.status,
        **_times(job, "TrainingEndTime"),
    }
    return _event(job, AWS_DETAIL_TYPE, detail)


def customization_message(seen: SeenJob) -> str:
    """The same of a model customization job, of which none can be deleted."""
    job = seen.job
    detail = {
        "jobName": job.name,
        "jobArn": job.arn,
        "jobStatus": job.status,
        "creationTime": iso(job.creation_time),
    }
    return _event(job, customization_job_events.AWS_DETAIL_TYPE, detail)


def session_message(seen: SeenJob) -> str:
    """The same of a training session. Of one that was seen running it says what was seen; one that was deleted ended at
    the latest when it was missed.
    """
    job = seen.job
    detail = json.loads(seen.description).get(DETAIL, {}) if seen.description else {}
    detail |= {
        "TrainingSessionArn": job.arn,
        "TrainingSessionName": job.name,
        "TrainingSessionStatus": job.status,
        **_times(job, "EndTime"),
    }
    return _event(job, training_session_events.DETAIL_TYPE, {DETAIL: detail})


def sagemaker_job_message(seen: SeenJob) -> str:
    """The same of a SageMaker job of the newer kinds."""
    job = seen.job
    detail = json.loads(seen.description) if seen.description else {}
    detail |= {
        "JobName": job.name,
        "JobArn": job.arn,
        "JobStatus": job.status,
        **_times(job, "EndTime"),
    }
    return _event(job, sagemaker_job_events.SAGEMAKER_JOB_CHANGE, detail)


def batch_message(seen: SeenJob) -> str:
    """The same of a job of AWS Batch, which forgets jobs some days after their end."""
    job = seen.job
    missed = {"stoppedAt": iso(job.last_modified)} if job.state == "gone" and job.last_modified else {}
    created = {"createdAt": iso(job.creation_time)}
    detail = {"jobName": job.name, "jobArn": job.arn, "status": job.status, **created, **missed}
    return _event(job, batch_job_events.BATCH_DETAIL_TYPE, detail)


def _times(job: ListedJob, end: str) -> Mapping[str, str]:
    """When a job of SageMaker was created, and, of one that is gone, when it was missed: by then it had ended."""
    created = {"CreationTime": iso(job.creation_time)}
    if job.state != "gone" or job.last_modified is None:
        return created
    return {**created, end: iso(job.last_modified), "LastModifiedTime": iso(job.last_modified)}


def _event(job: ListedJob, detail_type: str, detail: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "source": RECONCILE_SOURCE,
            "detail-type": detail_type,
            "region": job.region,
            "account": account_of(job.arn),
            "resources": [job.arn],
            "detail": detail,
        }
    )


class SqsAuditQueue:
    """Needs sqs:SendMessage and, for `waiting`, sqs:GetQueueAttributes on the queue. `message_of` a job is what its
    service's own event would be.
    """

    def __init__(self, client: "SQSClient", queue_url: str, message_of: Callable[[SeenJob], str] = message) -> None:
        self._client = client
        self._queue_url = queue_url
        self._message_of = message_of

    def send(self, jobs: Sequence[SeenJob]) -> Mapping[str, str]:
        """Have finished jobs audited. Raises SourceDenied, SourceUnavailable."""
        refused = send_each(self._client, self._queue_url, [self._message_of(seen) for seen in jobs])
        return {jobs[position].job.arn: f"{SEND} answered {error}" for position, error in refused.items()}

    def waiting(self) -> int:
        """Messages that are visible, delayed or worked on, as SQS counts them: about."""
        with outages("sqs:GetQueueAttributes"), refusals("sqs:GetQueueAttributes"):
            answer = self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=list(DEPTH))
        return sum(int(answer["Attributes"][name]) for name in DEPTH)


class SqsReassessments:
    """Needs sqs:SendMessage on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Have recorded jobs assessed again, a little later. Raises SourceDenied, SourceUnavailable."""
        bodies = [json.dumps(message.to_event()) for message in messages]
        send_all(self._client, self._queue_url, bodies, DELAY_SECONDS)


class SqsRedelivery:
    """Needs sqs:ChangeMessageVisibility and SendMessage on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def soon(self, receipt: str, seconds: int) -> None:
        """Have a message that was received and will not be deleted delivered again after so long."""
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )

    def anew(self, queue_arn: str, body: str) -> bool:
        """Have a message that nobody began with delivered as a new one: coming back would use up one of its tries.
        False where it is another queue's. Raises SourceDenied, SourceUnavailable.
        """
        ours = queue_arn.rpartition(":")[2] == self._queue_url.rpartition("/")[2]
        if ours:
            send_all(self._client, self._queue_url, [body])
        return ours


def send_all(client: "SQSClient", queue_url: str, bodies: Sequence[str], delay_seconds: int = 0) -> None:
    """Send all messages. Raises SourceDenied, SourceUnavailable where one is not taken."""
    refused = send_each(client, queue_url, bodies, delay_seconds)
    if refused:
        raise SourceUnavailable(f"{SEND} did not take {len(refused)} messages: {next(iter(refused.values()))}")


def send_each(client: "SQSClient", queue_url: str, bodies: Sequence[str], delay_seconds: int = 0) -> Mapping[int, str]:
    """SendMessageBatch, as much at a time as it takes; the position of each message that was not taken, with the error.

    A batch that is refused for what is in it is sent message by message, and entries that fail are sent again, so that
    a message keeps no other one back. Raises SourceDenied, SourceUnavailable where it is the queue that refuses or does
    not answer.
    """
    refused: dict[int, str] = {}
    left = [[(position, bodies[position]) for position in batch] for batch in batches(bodies)]
    while left:
        batch = left.pop(0)
        try:
            refused |= _send(client, queue_url, batch, delay_seconds)
        except _Unfit as unfit:
            if len(batch) > 1:
                left[:0] = [[each] for each in batch]
            else:
                refused[batch[0][0]] = str(unfit)
    return refused


def batches(bodies: Sequence[str]) -> Iterator[Sequence[int]]:
    """Positions of the messages of each batch: at most as many, and as many bytes, as SendMessageBatch takes."""
    batch: list[int] = []
    size = 0
    for position, body in enumerate(bodies):
        more = len(body.encode())
        if batch and (len(batch) == MOST_ENTRIES or size + more > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(position)
        size += more
    if batch:
        yield batch


class _Unfit(Exception):
    """A batch is refused as a whole, for what is in it: the error's code."""


def _send(
    client: "SQSClient", queue_url: str, batch: Sequence[tuple[int, str]], delay_seconds: int
) -> Mapping[int, str]:
    """The messages of one batch that were not taken. Raises _Unfit, SourceDenied, SourceUnavailable."""
    entries: list[SendMessageBatchRequestEntryTypeDef] = [
        {"Id": str(position), "MessageBody": body, "DelaySeconds": delay_seconds} for position, body in batch
    ]
    failed: Mapping[int, str] = {}
    for _ in range(_TRIES):
        with outages(SEND), refusals(SEND):
            try:
                answer = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
            except ClientError as error:
                if (code := error.response["Error"]["Code"]) in UNFIT:
                    raise _Unfit(code) from error
                raise
        failed = {int(failure["Id"]): failure["Code"] for failure in answer.get("Failed", [])}
        entries = [entry for entry in entries if int(entry["Id"]) in failed]
        if not entries:
            break
    return failed
