"""The Alerts and Mailbox ports on Amazon SNS."""

from typing import TYPE_CHECKING

from flops_auditor.domain.messages.record_alert import Alert

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsAlerts:
    """Needs sns:Publish on the topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, alert: Alert) -> None:
        """Publish once; attributes are for subscribers that filter."""
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=alert.subject,
            Message=alert.body,
            MessageAttributes={
                key: {"DataType": "String", "StringValue": value} for key, value in alert.attributes.items() if value
            },
        )


class SnsMailbox:
    """The Mailbox port: needs sns:Publish on the checkpoint topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def publish(self, subject: str, message: str, *, first_of_the_day: bool) -> None:
        """Publish once, with an attribute for who filters; SNS takes subjects of at most 100 characters."""
        first = "true" if first_of_the_day else "false"
        self._client.publish(
            TopicArn=self._topic_arn,
            Subject=subject[:100],
            Message=message,
            MessageAttributes={"first_of_the_day": {"DataType": "String", "StringValue": first}},
        )
