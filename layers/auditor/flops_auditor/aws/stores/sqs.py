"""The AuditQueue and Reassessments ports on the audit's queue (Amazon SQS), and when its messages come again."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.runs.pointer import RECONCILE_SOURCE
from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.runs.sources.training_job_events import AWS_DETAIL_TYPE
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import SeenJob
from flops_auditor.use_cases.ports.sources import SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MOST_ENTRIES = 10
"""SendMessageBatch takes no more at once."""
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
        "CreationTime": iso(job.creation_time),
    }
    if job.state == "gone" and job.last_modified is not None:
        detail |= {"TrainingEndTime": iso(job.last_modified), "LastModifiedTime": iso(job.last_modified)}
    return json.dumps(
        {
            "source": RECONCILE_SOURCE,
            "detail-type": AWS_DETAIL_TYPE,
            "region": job.region,
            "account": account_of(job.arn),
            "resources": [job.arn],
            "detail": detail,
        }
    )


class SqsAuditQueue:
    """Needs sqs:SendMessage and, for `waiting`, sqs:GetQueueAttributes on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, jobs: Sequence[SeenJob]) -> None:
        """Have finished jobs audited. Raises SourceDenied, SourceUnavailable."""
        send_all(self._client, self._queue_url, [message(seen) for seen in jobs])

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
    """Needs sqs:ChangeMessageVisibility on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def soon(self, receipt: str, seconds: int) -> None:
        """Have a message that was received and will not be deleted delivered again after so long."""
        self._client.change_message_visibility(
            QueueUrl=self._queue_url, ReceiptHandle=receipt, VisibilityTimeout=seconds
        )


def send_all(client: "SQSClient", queue_url: str, bodies: Sequence[str], delay_seconds: int = 0) -> None:
    """SendMessageBatch, ten at a time; entries that fail are sent again. Raises SourceDenied, SourceUnavailable."""
    for first in range(0, len(bodies), MOST_ENTRIES):
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": body, "DelaySeconds": delay_seconds}
            for number, body in enumerate(bodies[first : first + MOST_ENTRIES])
        ]
        _send(client, queue_url, entries)


def _send(client: "SQSClient", queue_url: str, entries: "list[SendMessageBatchRequestEntryTypeDef]") -> None:
    failed = []
    for _ in range(_TRIES):
        with outages("sqs:SendMessageBatch"), refusals("sqs:SendMessageBatch"):
            answer = client.send_message_batch(QueueUrl=queue_url, Entries=entries)
        failed = answer.get("Failed", [])
        again = {failure["Id"] for failure in failed}
        entries = [entry for entry in entries if entry["Id"] in again]
        if not entries:
            return
    raise SourceUnavailable(f"sqs:SendMessageBatch did not take {len(entries)} messages: {failed[0].get('Code')}")
