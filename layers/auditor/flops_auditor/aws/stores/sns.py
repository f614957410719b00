"""The Alerts and Mailbox ports on Amazon SNS."""

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.use_cases.ports.queues import NotPublished

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


class SnsAlerts:
    """Needs sns:Publish on the topic."""

    def __init__(self, client: "SNSClient", topic_arn: str) -> None:
        self._client = client
        self._topic_arn = topic_arn

    def send(self, alert: Alert) -> None:
        """Publish once; attributes are for subscribers that filter. Raises NotPublished for an error of class 4xx at
        the first try: of the others, as of no answer, SNS does not say whether the message went out, and a later try
        may follow one of these.
        """
        try:
            self._client.publish(
                TopicArn=self._topic_arn,
                Subject=alert.subject,
                Message=alert.body,
                MessageAttributes={
                    key: {"DataType": "String", "StringValue": text} for key, text in alert.attributes.items() if text
                },
            )
        except ClientError as error:
            answer = error.response["ResponseMetadata"]
            if 400 <= answer["HTTPStatusCode"] < 500 and not answer.get("RetryAttempts"):
                raise NotPublished(f"sns:Publish: {str(error)[:300]}") from error
            raise


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
