"""The StackHealth port: what the stack's own queues, alarms, table and bucket say about its health."""

from collections.abc import Mapping, Sequence
from typing import Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.domain.values.archive_keys import CHECKPOINTS
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ports.stack import Alarm, LogState, Queues, Subscribers

_STATES = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible", "ApproximateNumberOfMessagesDelayed")
MOST_ALARM_NAMES = 100


class DeployedStack:
    """Read-only: sqs:GetQueueAttributes, cloudformation:ListStackResources, cloudwatch:DescribeAlarms, dynamodb:Query,
    s3:ListBucketVersions, sns:GetTopicAttributes. `clients` maps service -> client, `outputs` are the stack's.
    """

    def __init__(self, clients: Mapping[str, Any], outputs: Mapping[str, str], stack_name: str) -> None:
        self._clients = clients
        self._outputs = outputs
        self._stack_name = stack_name

    def queues(self) -> Queues:
        """Waiting, held and delayed messages alike."""
        return Queues(
            self._depth("AuditQueueUrl"),
            self._depth("AuditDeadLetterQueueUrl"),
            self._depth("DeliveryDeadLetterQueueUrl"),
        )

    def alarms(self) -> Sequence[Alarm]:
        """The alarms among the stack's resources."""
        names = self.resources("AWS::CloudWatch::Alarm")
        alarms = []
        for first in range(0, len(names), MOST_ALARM_NAMES):
            with outages("cloudwatch:DescribeAlarms"), refusals("cloudwatch:DescribeAlarms"):
                answer = self._clients["cloudwatch"].describe_alarms(AlarmNames=names[first : first + MOST_ALARM_NAMES])
            alarms += [
                Alarm(alarm["AlarmName"], alarm["StateValue"], alarm.get("StateReason", ""))
                for alarm in answer["MetricAlarms"]
            ]
        return alarms

    def log(self) -> LogState:
        """The newest checkpoint's time, and that of the oldest record without a place."""
        newest = None
        with outages("s3:ListBucketVersions"), refusals("s3:ListBucketVersions"):
            pages = self._clients["s3"].get_paginator("list_object_versions")
            for page in pages.paginate(Bucket=self._outputs["ArchiveBucketName"], Prefix=CHECKPOINTS):
                for version in page.get("Versions", []):
                    newest = max(newest, version["LastModified"]) if newest else version["LastModified"]
        with outages("dynamodb:Query"), refusals("dynamodb:Query"):
            answer = self._clients["dynamodb"].query(
                TableName=self._outputs["RecordTableName"],
                IndexName="pending",
                KeyConditionExpression="pending = :one",
                ExpressionAttributeValues={":one": {"S": "1"}},
                Limit=1,
            )
        waiting = next((read_time(item["recorded_at"]["S"]) for item in answer["Items"]), None)
        return LogState(newest, waiting)

    def subscribers(self) -> Subscribers:
        """Subscriptions of the topic of alerts."""
        with outages("sns:GetTopicAttributes"), refusals("sns:GetTopicAttributes"):
            topic = self._clients["sns"].get_topic_attributes(TopicArn=self._outputs["AlertTopicArn"])["Attributes"]
        return Subscribers(int(topic["SubscriptionsConfirmed"]), int(topic["SubscriptionsPending"]))

    def resources(self, kind: str, logical_id: str | None = None) -> list[str]:
        """Physical ids of the stack's resources of one type."""
        with outages("cloudformation:ListStackResources"), refusals("cloudformation:ListStackResources"):
            pages = self._clients["cloudformation"].get_paginator("list_stack_resources")
            return [
                resource["PhysicalResourceId"]
                for page in pages.paginate(StackName=self._stack_name)
                for resource in page["StackResourceSummaries"]
                if resource["ResourceType"] == kind and logical_id in (None, resource["LogicalResourceId"])
            ]

    def _depth(self, output: str) -> int:
        with outages("sqs:GetQueueAttributes"), refusals("sqs:GetQueueAttributes"):
            answer = self._clients["sqs"].get_queue_attributes(
                QueueUrl=self._outputs[output], AttributeNames=list(_STATES)
            )
        return sum(int(answer["Attributes"].get(state, 0)) for state in _STATES)
