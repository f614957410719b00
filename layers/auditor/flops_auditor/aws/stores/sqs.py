"""The AuditQueue port on Amazon SQS: messages of the shape that EventBridge puts there."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.runs.sources.training_job import RECONCILE_SOURCE
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.sources import ListedJob, SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

MOST_ENTRIES = 10
_TRIES = 3


def message(job: ListedJob) -> str:
    """The message of one job, as functions/audit reads it."""
    return json.dumps(
        {
            "source": RECONCILE_SOURCE,
            "detail-type": "SageMaker Training Job State Change",
            "region": job.region,
            "account": job.arn.split(":")[4],
            "resources": [job.arn],
            "detail": {
                "TrainingJobName": job.name,
                "TrainingJobArn": job.arn,
                "TrainingJobStatus": job.status,
                "CreationTime": iso(job.creation_time),
            },
        }
    )


class SqsAuditQueue:
    """Needs sqs:SendMessage on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, jobs: Sequence[ListedJob]) -> None:
        """SendMessageBatch, ten at a time; entries that fail are sent again."""
        for first in range(0, len(jobs), MOST_ENTRIES):
            entries: list[SendMessageBatchRequestEntryTypeDef] = [
                {"Id": str(number), "MessageBody": message(job)}
                for number, job in enumerate(jobs[first : first + MOST_ENTRIES])
            ]
            self._send(entries)

    def _send(self, entries: "list[SendMessageBatchRequestEntryTypeDef]") -> None:
        failed = []
        for _ in range(_TRIES):
            with outages("sqs:SendMessageBatch"), refusals("sqs:SendMessageBatch"):
                answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
            failed = answer.get("Failed", [])
            again = {failure["Id"] for failure in failed}
            entries = [entry for entry in entries if entry["Id"] in again]
            if not entries:
                return
        raise SourceUnavailable(f"sqs:SendMessageBatch did not take {len(entries)} messages: {failed[0].get('Code')}")
