"""The DeadLetters port on Amazon SQS, and the Reasons port on CloudWatch Logs."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.use_cases.operations.redrive_letters import Letter
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

HELD_SECONDS = 300
_EMPTY_ANSWERS = 2
"""Short polling may miss messages: a queue is taken as empty after so many empty answers."""


class SqsDeadLetters:
    """Needs sqs:ReceiveMessage, DeleteMessage and ChangeMessageVisibility on one queue, SendMessage on the other."""

    def __init__(self, client: "SQSClient", dead_queue_url: str, queue_url: str) -> None:
        self._client = client
        self._dead_queue_url = dead_queue_url
        self._queue_url = queue_url

    def hold(self) -> Iterator[Letter]:
        """Letters, ten a call; one that comes twice (its hold ran out) is given once."""
        seen: set[str] = set()
        empty = 0
        while empty < _EMPTY_ANSWERS:
            with outages("sqs:ReceiveMessage"), refusals("sqs:ReceiveMessage"):
                answer = self._client.receive_message(
                    QueueUrl=self._dead_queue_url,
                    MaxNumberOfMessages=10,
                    VisibilityTimeout=HELD_SECONDS,
                    WaitTimeSeconds=1,
                    MessageSystemAttributeNames=["SentTimestamp"],
                    MessageAttributeNames=["All"],
                )
            new = [message for message in answer.get("Messages", []) if message["MessageId"] not in seen]
            empty = 0 if new else empty + 1
            for message in new:
                seen.add(message["MessageId"])
                yield letter_of(message)

    def requeue(self, letter: Letter) -> None:
        """Send first, delete then: a crash between the two doubles the message, which the audit does not mind."""
        with outages("sqs:SendMessage"), refusals("sqs:SendMessage"):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=letter.body)
        self.drop(letter)

    def drop(self, letter: Letter) -> None:
        """Delete it."""
        with outages("sqs:DeleteMessage"), refusals("sqs:DeleteMessage"):
            self._client.delete_message(QueueUrl=self._dead_queue_url, ReceiptHandle=letter.handle)

    def give_back(self, letter: Letter) -> None:
        """Make it visible again at once."""
        with outages("sqs:ChangeMessageVisibility"), refusals("sqs:ChangeMessageVisibility"):
            self._client.change_message_visibility(
                QueueUrl=self._dead_queue_url, ReceiptHandle=letter.handle, VisibilityTimeout=0
            )


def letter_of(message: Any) -> Letter:
    """A letter; EventBridge and SNS say in attributes why they could not deliver."""
    attributes = {name: value.get("StringValue", "") for name, value in message.get("MessageAttributes", {}).items()}
    why = ": ".join(attributes[name] for name in ("ERROR_CODE", "ERROR_MESSAGE") if attributes.get(name))
    sent = message.get("Attributes", {}).get("SentTimestamp")
    sent_at = datetime.fromtimestamp(int(sent) / 1000, UTC) if sent else None
    return Letter(message["MessageId"], message["Body"], message["ReceiptHandle"], sent_at, why)


class LoggedReasons:
    """Needs logs:FilterLogEvents on the audit function's log group: the function logs each failure by message id."""

    def __init__(self, client: Any, log_group: str) -> None:
        self._client = client
        self._log_group = log_group

    def why(self, letter: Letter) -> str:
        """The last failure that was logged for the message."""
        asked: dict[str, Any] = {
            "logGroupName": self._log_group,
            "filterPattern": f'"{letter.message_id}"',
        }
        if letter.sent_at is not None:
            asked["startTime"] = int((letter.sent_at - timedelta(days=1)).timestamp() * 1000)
        events: list[Any] = []
        try:
            with outages("logs:FilterLogEvents"), refusals("logs:FilterLogEvents"):
                for page in self._client.get_paginator("filter_log_events").paginate(**asked):
                    events.extend(page["events"])
        except (SourceDenied, SourceUnavailable) as failure:
            return f"its log could not be read ({failure.name})"
        for event in sorted(events, key=lambda event: event["timestamp"], reverse=True):
            error = _error_in(event["message"])
            if error:
                return error
        return ""


def _error_in(line: str) -> str:
    try:
        entry = json.loads(line[line.index("{") :])
    except ValueError:
        return ""
    if not isinstance(entry, dict) or "error" not in entry:
        return ""
    message = str(entry.get("exception", "")).strip().rsplit("\n", 1)[-1] or entry.get("message", "")
    return f"{entry['error']}: {message}"
