"""A bare boto3 loop on the local AWS that makes the calls of an audit and computes nothing: the floor of a burst."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from functools import partial
from multiprocessing import get_context
from typing import Any

from flops_auditor_cli.local_aws import Stack
from tests.fakes.jobs import CREATED

LINE, EVIDENCE = b"x" * 12_000, b"y" * 6_000
"""As large as a record's line and the evidence of a job without metrics."""
NAMESPACE = "/aws/sagemaker/TrainingJobs"


def loop(stack: Stack, calls: Mapping[str, int], jobs: list[dict[str, Any]], workers: int) -> float:
    """Make so many calls, by service and operation, for each of the jobs; the seconds that it took. Each worker is a
    process of its own, as each of the function's is, and makes its clients before.
    """
    parts = [jobs[number::workers] for number in range(workers)]
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        list(pool.map(_warm, [stack] * workers))
        begun = time.monotonic()
        list(pool.map(_work, [stack] * workers, [dict(calls)] * workers, parts))
        return time.monotonic() - begun


_CLIENTS: dict[str, Any] = {}


def _warm(stack: Stack) -> None:
    """Make the clients; slowly, so that each worker takes one such task."""
    for service in ("sagemaker", "cloudwatch", "dynamodb", "s3", "kms", "sns"):
        if service not in _CLIENTS:
            _CLIENTS[service] = stack.client(service)
    time.sleep(1)


def _work(stack: Stack, calls: Mapping[str, int], jobs: list[dict[str, Any]]) -> None:
    _warm(stack) if not _CLIENTS else None
    for job in jobs:
        ways = _ways(stack, job)
        for name, count in calls.items():
            for number in range(count):
                ways[name](number)


def _ways(stack: Stack, job: Mapping[str, Any]) -> dict[str, Callable[[int], Any]]:
    """How each call is made for a job; its number among those of the same operation makes keys differ."""
    name, arn = job["TrainingJobName"], job["TrainingJobArn"]
    table, bucket = stack.outputs["RecordTableName"], stack.outputs["ArchiveBucketName"]
    dynamodb, s3 = _CLIENTS["dynamodb"], _CLIENTS["s3"]

    def item(number: int) -> dict[str, Any]:
        body = {"B": LINE} if number == 0 else {"S": "note"}
        return {"pk": {"S": f"BARE#{name}"}, "sk": {"S": f"NOTE#{number}"}, "line": body}

    def entry(number: int, place: int) -> dict[str, Any]:
        key = {"pk": {"S": f"BARE#{name}#{place}"}, "sk": {"S": f"PLACE#{number}"}}
        return {"Put": {"TableName": table, "Item": key}}

    return {
        "sagemaker:DescribeTrainingJob": lambda _: _CLIENTS["sagemaker"].describe_training_job(TrainingJobName=name),
        "sagemaker:ListTags": lambda _: _CLIENTS["sagemaker"].list_tags(ResourceArn=arn),
        "cloudwatch:GetMetricData": partial(_metrics, name),
        "dynamodb:PutItem": lambda number: dynamodb.put_item(TableName=table, Item=item(number)),
        "dynamodb:TransactWriteItems": lambda number: dynamodb.transact_write_items(
            TransactItems=[entry(number, place) for place in range(4)]
        ),
        "dynamodb:Query": lambda _: dynamodb.query(
            TableName=table, KeyConditionExpression="pk = :pk", ExpressionAttributeValues={":pk": {"S": f"NONE#{name}"}}
        ),
        "kms:Sign": lambda _: _CLIENTS["kms"].sign(
            KeyId=stack.outputs["RecordKeyArn"],
            Message=b"\0" * 32,
            MessageType="DIGEST",
            SigningAlgorithm="ECDSA_SHA_256",
        ),
        "s3:ListObjectVersions": lambda _: s3.list_object_versions(Bucket=bucket, Prefix="models/", MaxKeys=2),
        "s3:PutObject": lambda number: s3.put_object(
            Bucket=bucket, Key=f"bare/{name}/{number}", Body=EVIDENCE if number else LINE, IfNoneMatch="*"
        ),
        "sns:Publish": lambda _: _CLIENTS["sns"].publish(TopicArn=stack.outputs["AlertTopicArn"], Message="bare"),
    }


def _metrics(name: str, _: int) -> Any:
    """The four statistics of one host."""
    dimensions = [{"Name": "Host", "Value": f"{name}/algo-1"}]
    metric = {"Namespace": NAMESPACE, "MetricName": "GPUUtilization", "Dimensions": dimensions}
    queries = [
        {"Id": f"q{place}", "MetricStat": {"Metric": metric, "Period": 60, "Stat": statistic}}
        for place, statistic in enumerate(("Average", "Maximum", "Minimum", "SampleCount"))
    ]
    return _CLIENTS["cloudwatch"].get_metric_data(
        MetricDataQueries=queries, StartTime=CREATED, EndTime=CREATED + timedelta(hours=10)
    )
