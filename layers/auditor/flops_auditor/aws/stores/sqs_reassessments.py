"""The Reassessments port on the queue of the audit (Amazon SQS)."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flops_auditor.domain.runs.reassessment import Reassessment
from flops_auditor.domain.values.errors import AuditorError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_BATCH = 10
DELAY_SECONDS = 10
"""A job that several parents name is then mostly assessed once for all of them."""


class NotQueued(AuditorError):
    """SQS did not take some messages."""

    remedy = "Nothing to do: the message that led here is delivered again."


class SqsReassessments:
    """Needs sqs:SendMessage on the queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, messages: Sequence[Reassessment]) -> None:
        """Send in batches. Raises NotQueued."""
        for first in range(0, len(messages), _BATCH):
            answer = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {"Id": str(n), "MessageBody": json.dumps(message.to_event()), "DelaySeconds": DELAY_SECONDS}
                    for n, message in enumerate(messages[first : first + _BATCH])
                ],
            )
            if answer.get("Failed"):
                raise NotQueued(f"{len(answer['Failed'])} messages: {answer['Failed'][0].get('Message', '')}")
