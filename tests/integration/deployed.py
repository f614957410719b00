"""What tests ask of the deployed stack: send events, wait for records, read mail, table and archive."""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from typer.testing import CliRunner

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import Statement, parse_statement
from flops_auditor.domain.messages.digest import KIND
from flops_auditor.domain.runs.sources.training_job_events import AWS_EVENT_SOURCE
from flops_auditor_cli.demo import event_of, mails, subscribe_mailbox, unaudited, waiting
from flops_auditor_cli.local_aws import Stack, load_job
from flops_auditor_cli.main import app
from tests.fakes.jobs import describe

T = TypeVar("T")
PATIENCE_SECONDS = 300
_NUMBERS = itertools.count()


def fresh_job(hours: float = 10, ended: timedelta = timedelta(hours=1), **changes: Any) -> dict[str, Any]:
    """A job under a name of its own in the local account that ended `ended` ago."""
    name = f"job-{next(_NUMBERS)}-{time.time_ns()}"
    job = describe(name, hours)
    job["TrainingJobArn"] = f"arn:aws:sagemaker:eu-west-1:111122223333:training-job/{name}"
    shift = datetime.now(UTC).replace(microsecond=0) - ended - job["TrainingEndTime"]
    for field in ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime"):
        job[field] += shift
    for step in job["SecondaryStatusTransitions"]:
        step["StartTime"] += shift
        step["EndTime"] += shift
    job.update(changes)
    return job


def entry_of(job: dict[str, Any]) -> dict[str, str]:
    """The EventBridge entry for the end of a job."""
    return event_of({key: str(value) if isinstance(value, datetime) else value for key, value in job.items()})


def run(*arguments: str) -> tuple[int, Any]:
    """A command of the command line: its exit code and its JSON. The environment says which stack."""
    found = CliRunner().invoke(app, [*arguments, "--output", "json"])
    assert found.exception is None or isinstance(found.exception, SystemExit), found.exception
    return found.exit_code, json.loads(found.stdout)


def is_digest(mail: Mapping[str, Any]) -> bool:
    """Whether a mail is about all jobs, once a week."""
    return bool(mail.get("MessageAttributes", {}).get("kind", {}).get("Value") == KIND)


class Deployed:
    """A deployed stack, seen from outside."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.outputs = stack.outputs
        self.mailbox = subscribe_mailbox(stack)
        self._mails: dict[str, dict[str, Any]] = {}

    def load(
        self, job: dict[str, Any], tags: Sequence[dict[str, str]] = (), metrics: dict[str, Any] | None = None
    ) -> None:
        """Make SageMaker and CloudWatch know a job."""
        load_job(self.stack, job, tags, metrics)

    def register_model(self, data: str) -> str:
        """Register model data as a model package, as a person does; its ARN."""
        container = {"Image": "image", "ModelDataUrl": data}
        formats = {"SupportedContentTypes": ["text/plain"], "SupportedResponseMIMETypes": ["text/plain"]}
        answer = self.stack.client("sagemaker").create_model_package(
            ModelPackageName=f"package-{next(_NUMBERS)}-{time.time_ns()}",
            InferenceSpecification={"Containers": [container], **formats},
        )
        return str(answer["ModelPackageArn"])

    def announce_as_aws(self, jobs: Sequence[dict[str, Any]]) -> None:
        """Put AWS's own events into the queue, as its rule does: AWS alone may send them through EventBridge."""
        sqs, url = self.stack.client("sqs"), self.outputs["AuditQueueUrl"]
        for first in range(0, len(jobs), 10):
            entries = [entry_of(job) for job in jobs[first : first + 10]]
            bodies = [
                json.dumps({"source": AWS_EVENT_SOURCE, "detail": json.loads(entry["Detail"])}) for entry in entries
            ]
            messages = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
            assert not sqs.send_message_batch(QueueUrl=url, Entries=messages).get("Failed")

    def announce(self, job: dict[str, Any], times: int = 1) -> None:
        """Replay the job's event through EventBridge, `times` in one call."""
        entry = entry_of(job)
        answer = self.stack.client("events").put_events(Entries=[entry] * times)
        assert answer["FailedEntryCount"] == 0

    def items(self, prefix: str, arn: str) -> list[dict[str, str]]:
        """Items of one job by sort key prefix, read from the whole table: no index is trusted."""
        pages = self.stack.client("dynamodb").get_paginator("scan").paginate(TableName=self.outputs["RecordTableName"])
        found = [{k: v["S"] for k, v in item.items() if "S" in v} for page in pages for item in page["Items"]]
        mine = {item["pk"] for item in found if item.get("job_arn") == arn}
        return [item for item in found if item["pk"] in mine and item["sk"].startswith(prefix)]

    def record(self, arn: str) -> Statement:
        """The statement of a job's newest record, once it has one."""
        found = self.wait(lambda: self.items("RECORD#", arn), f"a record of {arn}")
        newest = max(found, key=lambda item: item["sk"])
        return parse_statement(parse_envelope(newest["envelope"].encode()).payload)

    def mails_about(self, name: str) -> list[dict[str, Any]]:
        """The alerts about a job so far; a digest is about all jobs."""
        alerts = [mail for mail in self.mails() if name in mail["Subject"] + mail["Message"]]
        return [mail for mail in alerts if not is_digest(mail)]

    def mails(self) -> list[dict[str, Any]]:
        """Every alert so far: a queue hides for a while what was just read, so what was read is kept."""
        self._mails |= {mail["MessageId"]: mail for mail in mails(self.stack, self.mailbox)}
        return list(self._mails.values())

    def idle(self) -> None:
        """Wait until both queues of the audit are empty and nothing is in flight."""
        self.wait(lambda: not unaudited(self.stack), "empty queues")

    def waiting(self, output: str) -> int:
        """Messages of a queue: visible, in flight and delayed."""
        return waiting(self.stack, self.outputs[output])

    @contextmanager
    def quick_redelivery(self) -> Iterator[None]:
        """A failed message returns to the audit queue at once, instead of after its visibility timeout."""
        sqs, url = self.stack.client("sqs"), self.outputs["AuditQueueUrl"]
        kept = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "1"})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=kept)

    def versions(self, prefix: str) -> list[str]:
        """Keys of the archive, one for every version."""
        answer = self.stack.client("s3").list_object_versions(Bucket=self.outputs["ArchiveBucketName"], Prefix=prefix)
        return [version["Key"] for version in answer.get("Versions", [])]

    def invoke(self, function_output: str, payload: dict[str, Any] | None = None) -> Any:
        """Invoke one of the stack's functions, as its schedule does; an error in it is an error here."""
        answer = self.stack.client("lambda").invoke(
            FunctionName=self.outputs[function_output], Payload=json.dumps(payload or {}).encode()
        )
        body = answer["Payload"].read()
        assert "FunctionError" not in answer, body
        return json.loads(body)

    def wait(self, ask: Callable[[], T], what: str, seconds: float = PATIENCE_SECONDS) -> T:
        """Ask until the answer is true, for so many seconds; fails in words."""
        give_up = time.monotonic() + seconds
        while not (answer := ask()):
            assert time.monotonic() < give_up, f"no {what} after {seconds} s"
            time.sleep(0.2)
        return answer
