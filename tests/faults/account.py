"""An AWS account in this process (moto), the functions as Lambda runs them, and a switch that kills them at any call.

Each invocation imports its handler anew, as a new execution environment does. A kill is sudden: no call that the dying
function would still make on its way out takes effect, as when Lambda ends a process.
"""

import importlib.util
import itertools
import json
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest.mock import patch

import boto3
import time_machine
from moto.cloudwatch.models import CloudWatchBackend
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from moto.sns import sns_backends

from flops_auditor.aws.wiring.doors import SOURCE_OF_WORD
from flops_auditor_cli.local_aws.sagemaker_server import answer_from
from flops_auditor_cli.local_aws.training_jobs import LoadedJob, LocalTrainingJobs, series_of
from tests.fakes.audit import NOW
from tests.fakes.batch_jobs import ENVIRONMENT, QUEUE, environment
from tests.fakes.clients import forget_clients
from tests.fakes.in_turn import InTurn, in_turn
from tests.fakes.moto_kms import kms_client
from tests.fakes.tables import create_table
from tests.faults.branches import Switch

ROOT = Path(__file__).resolve().parents[2]
ACCOUNT = "123456789012"
REGION = "eu-west-1"
REGIONS = ("eu-west-1", "us-east-1")
OPERATORS = "files-of-operators"
"""The bucket that operators of clusters write to."""
VISIBILITY = timedelta(minutes=15)
"""After a failure the queue, or the schedule, calls again so much later; longer than a claim holds."""
MOST_TRIES = 5


class Killed(BaseException):
    """The function's process ended here. Not an Exception: nothing in the function may catch it."""


@dataclass
class Calls:
    """Every AWS call in order, as (function, service.Operation), and the switch that says after which to kill."""

    made: list[tuple[str, str]] = field(default_factory=list)
    dies_after: Switch = lambda _number, _clock: False
    clock: time_machine.Traveller | None = None
    """That of the function which runs."""
    function: str = ""
    dead: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    customized: Mapping[str, Any] = field(default_factory=dict)
    """The one model customization job of the account, if there is one."""
    model: Mapping[str, Any] = field(default_factory=dict)
    """What GetImportedModel answers of its one imported model, if there is one."""
    session: Mapping[str, Any] = field(default_factory=dict)
    """The detail of its one training session, if there is one."""
    newer: Mapping[str, Any] = field(default_factory=dict)
    """What DescribeJob answers of its one job of the newer kinds, if there is one."""
    batch: Mapping[str, Any] = field(default_factory=dict)
    """What DescribeJobs says of its one job of AWS Batch, if there is one."""
    cluster: Mapping[str, Any] = field(default_factory=dict)
    """What DescribeCluster answers of its one HyperPod cluster, if there is one."""
    nodes: Sequence[Mapping[str, Any]] = ()
    """The summaries of that cluster's hosts."""

    def before(self, model: Any, params: Any, **_: Any) -> Any:
        """A dead process makes no calls. Few regions are enabled, so that a scenario stays short."""
        if self.dead:
            raise Killed
        answer = None
        if self.function and model.name == "DescribeRegions":
            answer = {"Regions": [{"RegionName": region} for region in REGIONS]}
        elif model.service_model.service_name == "bedrock":
            answer = self.of_bedrock(model.name, params["context"]["client_region"])
        elif model.service_model.service_name == "batch":
            answer = self.of_batch(model.name, params["context"]["client_region"])
        elif model.name in ("ListTrainingSessions", "DescribeTrainingSession", "StopTrainingSession"):
            answer = self.of_sessions(model.name, params["context"]["client_region"])
        elif model.name in ("ListClusters", "DescribeCluster", "ListClusterNodes"):
            answer = self.of_clusters(model.name, params["context"]["client_region"])
        elif model.name in ("ListJobs", "DescribeJob", "StopJob") and model.service_model.service_name == "sagemaker":
            answer = self.of_newer_jobs(model.name, params)
        if answer is None:
            return None
        return type("Answer", (), {"status_code": 200})(), {**answer, "ResponseMetadata": {}}

    def of_bedrock(self, operation: str, region: str) -> dict[str, Any]:
        """What Bedrock answers of the one customization job, which moto does not know by its ARN, and of its model."""
        if operation == "ListModelCustomizationJobs":
            return {"modelCustomizationJobSummaries": [self.customized] if self.customized and region == REGION else []}
        if operation == "GetImportedModel":
            return dict(self.model)
        if operation == "GetCustomModel":
            return {"modelArn": self.customized["outputModelArn"], "baseModelArn": self.customized["baseModelArn"]}
        return {"tags": []} if operation == "ListTagsForResource" else dict(self.customized)

    def of_batch(self, operation: str, region: str) -> dict[str, Any]:
        """What AWS Batch answers of the one job; moto would start containers."""
        job, here = dict(self.batch), bool(self.batch) and region == REGION
        if operation == "DescribeJobQueues":
            order = [{"order": 1, "computeEnvironment": ENVIRONMENT}]
            return {"jobQueues": [{"jobQueueArn": QUEUE, "computeEnvironmentOrder": order}] if here else []}
        if operation == "DescribeComputeEnvironments":
            return {"computeEnvironments": [environment()]}
        return {"jobSummaryList": [job]} if operation == "ListJobs" else {"jobs": [job]}

    def of_sessions(self, operation: str, region: str) -> dict[str, Any]:
        """What SageMaker answers of the one training session, which moto does not know. It goes on when it is
        stopped.
        """
        if operation == "StopTrainingSession":
            return {}
        if operation == "ListTrainingSessions":
            names = ("TrainingSessionArn", "TrainingSessionStatus", "CreationTime", "LastModifiedTime")
            here = [{name: self.session[name] for name in names}] if self.session and region == REGION else []
            return {"TrainingSessionSummaries": here}
        return {"TrainingSessionDetail": dict(self.session)}

    def of_clusters(self, operation: str, region: str) -> dict[str, Any]:
        """What SageMaker answers of the one HyperPod cluster: moto's hosts have no ids of AWS's."""
        if operation == "ListClusters":
            return {"ClusterSummaries": [dict(self.cluster)] if self.cluster and region == REGION else []}
        return {"ClusterNodeSummaries": list(self.nodes)} if operation == "ListClusterNodes" else dict(self.cluster)

    def of_newer_jobs(self, operation: str, params: Any) -> dict[str, Any]:
        """What SageMaker answers of the one job of the newer kinds, which moto does not know. It goes on when it is
        stopped.
        """
        if operation == "StopJob":
            return {}
        if operation == "DescribeJob":
            return dict(self.newer)
        asked = json.loads(params["body"])["JobCategory"]
        here = self.newer and params["context"]["client_region"] == REGION and asked == self.newer["JobCategory"]
        return {"JobSummaries": [dict(self.newer)] if here else []}

    def after(self, model: Any, **_: Any) -> None:
        """Note the call, and die if this is the one."""
        if not self.function:
            return
        with self.lock:
            self.made.append((self.function, f"{model.service_model.service_name}.{model.name}"))
            if self.dies_after(len(self.made) - 1, self.clock):
                self.dead = True
            dead = self.dead
        if dead:
            raise Killed


@dataclass
class Context:
    """The Lambda context."""

    function_name: str
    memory_limit_in_mb: int = 512
    aws_request_id: str = "request"
    remaining: int = 240_000

    @property
    def invoked_function_arn(self) -> str:
        """ARN of the function."""
        return f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        """Always the same: a test of time is not this one."""
        return self.remaining


@dataclass
class Account:
    """One account on moto with the stack's resources, its SageMaker jobs, and its clock."""

    calls: Calls
    jobs: LocalTrainingJobs
    environment: dict[str, str]
    now: datetime = NOW
    numbers: Iterator[int] = field(default_factory=itertools.count)
    letters: list[str] = field(default_factory=list)
    remaining: int = 240_000

    def load(self, description: Mapping[str, Any], metrics: Mapping[str, Any] | None = None) -> None:
        """Make SageMaker know a job."""
        job = LoadedJob(dict(description))
        job.series.update(series_of(metrics or {}, job.name))
        self.jobs.load(job)

    def forget(self, name: str) -> None:
        """Make SageMaker forget a job."""
        self.jobs.remove(REGION, name)

    def handler(self, function: str) -> Callable[[Any, Any], Any]:
        """The handler of a new execution environment."""
        module = load_function(function, self.environment)
        found: Callable[[Any, Any], Any] = module.handler
        return found

    def invoke(self, function: str, event: Any) -> Any:
        """Run a function once. Raises Killed when the kill switch falls in it, else what the handler raises."""
        self.calls.dead = False
        self.calls.function = function
        try:
            with time_machine.travel(self.now, tick=True) as self.calls.clock:
                return self.handler(function)(event, Context(f"test-{function}", remaining=self.remaining))
        finally:
            self.calls.dead = False
            self.calls.function = ""

    def scheduled(self, function: str) -> Any:
        """Run a function as its schedule does: again at the next time when it died."""
        for _ in range(MOST_TRIES):
            try:
                return self.invoke(function, {})
            except Killed:
                self.now += VISIBILITY
        raise AssertionError(f"{function} died {MOST_TRIES} times")

    def deliver(self, bodies: Sequence[str], queue: str = "audit") -> None:
        """Hand messages to the audit as SQS does: what failed comes again, what fails too often is a dead letter."""
        waiting = [message(body, next(self.numbers), queue) for body in bodies]
        for _ in range(MOST_TRIES):
            try:
                answer = self.invoke("audit", {"Records": waiting})
            except Killed:
                failed = {one["messageId"] for one in waiting}
            else:
                failed = {one["itemIdentifier"] for one in answer["batchItemFailures"]}
            waiting = [one | {"receiptHandle": one["receiptHandle"] + "+"} for one in waiting]
            waiting = [one for one in waiting if one["messageId"] in failed]
            if not waiting:
                return
            self.now += VISIBILITY
        self.letters += [one["body"] for one in waiting]

    def queued(self) -> list[str]:
        """Take all messages off the audit queue, once they may be had: those to assess jobs again wait a moment."""
        with time_machine.travel(self.now + timedelta(minutes=1), tick=False):
            return self._queued()

    def _queued(self) -> list[str]:
        sqs, bodies = boto3.client("sqs", REGION), []
        url = self.environment["AUDIT_QUEUE_URL"]
        while found := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for one in found:
                bodies.append(one["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        return bodies

    def items(self, prefix: str) -> list[dict[str, Any]]:
        """Items of the table whose sort key begins with `prefix`."""
        pages = (
            boto3.client("dynamodb", REGION).get_paginator("scan").paginate(TableName=self.environment["TABLE_NAME"])
        )
        found = [{k: next(iter(v.values())) for k, v in item.items()} for page in pages for item in page["Items"]]
        return [item for item in found if item["sk"].startswith(prefix)]

    def alerts(self) -> list[dict[str, Any]]:
        """Alerts published: subject, message, and the attributes for machines."""
        topic = sns_backends[ACCOUNT][REGION].topics[self.environment["ALERT_TOPIC_ARN"]]
        return [
            {
                "subject": subject,
                "message": body,
                **{name: value["Value"] for name, value in (attributes or {}).items()},
            }
            for _, body, subject, attributes, _ in topic.sent_notifications
        ]


def message(body: str, number: int, queue: str = "audit") -> dict[str, Any]:
    """One record of an SQS event."""
    return {
        "messageId": f"message-{number}",
        "receiptHandle": f"receipt-{number}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}",
        "awsRegion": REGION,
    }


def event_of(description: Mapping[str, Any], source: str = "aws.sagemaker") -> str:
    """The event of a finished job, as EventBridge puts it into the queue: times are epoch milliseconds."""
    detail = {
        key: int(value.timestamp() * 1000) if isinstance(value, datetime) else value
        for key, value in description.items()
        if key != "SecondaryStatusTransitions"
    }
    return json.dumps({"source": source, "detail-type": "SageMaker Training Job State Change", "detail": detail})


def load_function(function: str, environment: Mapping[str, str]) -> ModuleType:
    """Import functions/<function>/app.py anew, with its environment."""
    name = f"function_{function}"
    spec = importlib.util.spec_from_file_location(name, ROOT / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    with patch.dict("os.environ", environment):
        spec.loader.exec_module(module)
    return module


@contextmanager
def account(pool: type[InTurn] = InTurn) -> Iterator[Account]:
    """A new, empty account, whose functions make calls in turn that they make side by side."""
    calls, jobs = Calls(), LocalTrainingJobs()
    with in_turn(pool), kms_client() as kms, _answers(jobs), patch.dict("os.environ", _credentials()):
        _use_session(calls)
        keys = [
            kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"] for _ in range(2)
        ]
        create_table(boto3.client("dynamodb", REGION), "records")
        s3, sns = boto3.client("s3", REGION), boto3.client("sns", REGION)
        s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
        s3.create_bucket(Bucket=OPERATORS, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration={"LocationConstraint": REGION})
        yield Account(
            calls,
            jobs,
            {
                "TABLE_NAME": "records",
                "ACCOUNT_ID": ACCOUNT,
                "ARCHIVE_BUCKET": "archive",
                "REPORT_BUCKET": "reports",
                "LEDGER_ID": "flops-auditor/test",
                "POLICIES": "aws-flops-meter-2026-05,eu-gpai-guidelines-2025-07",
                "TRUST_STATEMENTS": "true",
                "COMPARE_ARTIFACTS": "true",
                "ALERT_TOPIC_ARN": sns.create_topic(Name="alerts")["TopicArn"],
                "CHECKPOINT_TOPIC_ARN": sns.create_topic(Name="checkpoints")["TopicArn"],
                "RECORD_KEY_ID": keys[0],
                "CHECKPOINT_KEY_ID": keys[1],
                "AUDIT_QUEUE_URL": boto3.client("sqs", REGION).create_queue(QueueName="audit")["QueueUrl"],
                "WARNING_FRACTIONS": "0.03,0.5,0.8",
                "STOP_ON_CROSSING": "true",
                "REGIONS": "all",
                "EXCLUDED_REGIONS": "none",
                "LISTING_RATE": "1",
                "DOORS": ",".join(SOURCE_OF_WORD),
                "DIGEST": "weekly",
                "QUERIES": "true",
                "CLUSTER_FILES": OPERATORS,
                "AUDIT_CONCURRENCY": "5",
                "POWERTOOLS_SERVICE_NAME": "test",
                "POWERTOOLS_METRICS_NAMESPACE": "FlopsAuditor",
                "POWERTOOLS_LOG_LEVEL": "CRITICAL",
                "POWERTOOLS_METRICS_DISABLED": "true",
                **_credentials(),
            },
        )


_CALLS: list[Calls] = []
"""The log that the one session of this process writes to: the last. Service models are read once."""


@cache
def _session() -> boto3.Session:
    """That session. Each account takes it up: moto begins without one."""
    session = boto3.Session(region_name=REGION)
    session.events.register("before-call.*.*", _before)
    session.events.register("after-call.*.*", _after)
    forget_clients()
    return session


def _use_session(calls: Calls) -> None:
    _CALLS.append(calls)
    boto3.DEFAULT_SESSION = _session()


def _before(**arguments: Any) -> Any:
    return _CALLS[-1].before(**arguments)


def _after(**arguments: Any) -> None:
    _CALLS[-1].after(**arguments)


def _credentials() -> dict[str, str]:
    return {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextmanager
def _answers(jobs: LocalTrainingJobs) -> Iterator[None]:
    """moto's SageMaker and CloudWatch answer from loaded jobs, and as before afterwards."""
    places = [
        (SageMakerModelBackend, "describe_training_job"),
        (SageMakerResponse, "list_tags"),
        (SageMakerResponse, "list_training_jobs"),
        (SageMakerResponse, "stop_training_job"),
        (CloudWatchBackend, "get_metric_data"),
    ]
    kept = [(owner, name, vars(owner).get(name)) for owner, name in places]
    answer_from(jobs)
    try:
        yield
    finally:
        for owner, name, function in kept:
            if function is None:
                delattr(owner, name)
            else:
                setattr(owner, name, function)
