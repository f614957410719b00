"""`make demo`: deploy template.yaml on a local AWS and audit real-looking training jobs, from event to record.

The sample jobs of events/ are moved in time so that they ended just now, loaded into the local SageMaker, and announced
through EventBridge. Everything after that is the deployed path: rule, queue, function, table, archive, topic.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from flops_auditor.aws.stores.s3_reports import LATEST
from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.record_row import listed_record
from flops_auditor.domain.runs.meter_lines import PREFIX
from flops_auditor.domain.runs.pointer import REPLAY_SOURCE
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_time import training_time
from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.archive_keys import record_key
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.auditing.collect_training_job import finest_period
from flops_auditor_cli.exits import INTERRUPTED
from flops_auditor_cli.local_aws import Stack, deploy, load_job, read, start, stop
from flops_auditor_cli.local_aws.job_logs import metrics_of_log
from flops_auditor_cli.local_aws.locate import forget, remember, state_folder
from flops_auditor_cli.local_aws.processes import REPOSITORY
from flops_auditor_cli.recorded import listing
from flops_auditor_cli.view import write_text

EVENTS = REPOSITORY / "events"
DETAIL_TYPE = "SageMaker Training Job State Change"
MAILBOX = "demo-mailbox"
COUNTERS = ("num_input_tokens_seen",)
PATIENCE = timedelta(minutes=3)
"""Without anything moving: on a busy machine all takes longer."""
PATIENCE_WITH_MAIL = timedelta(seconds=30)
TIME_FIELDS = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime")

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
console = Console(markup=False, highlight=False, soft_wrap=True)


class DemoFailed(AuditorError):
    """A step of the demo did not come to its end."""

    remedy = "Look at .local/*.log; `make demo-down` and `make demo` start afresh."


def sample_jobs() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """The sample jobs and their metrics, in the order in which they ended.

    A job with a log was really run: its metrics are made from the log, and it is moved in time to end with the others.
    """
    samples, logged = [], []
    for path in sorted((EVENTS / "jobs").glob("*.json")):
        job, metrics, log = json.loads(path.read_text()), EVENTS / "metrics" / path.name, log_of(path.stem)
        if log is not None:
            logged.append((job, log))
        else:
            samples.append((job, json.loads(metrics.read_text()) if metrics.exists() else {}))
    latest = max(read_time(job["TrainingEndTime"]) for job, _ in samples)
    for job, log in logged:
        by = timedelta(seconds=round((latest - read_time(job["TrainingEndTime"])).total_seconds()))
        results = metrics_of_log(log, definitions_of(job))["MetricDataResults"]
        samples.append((moved(job, by), {"MetricDataResults": [moved_line_metric(each, by) for each in results]}))
    return sorted(samples, key=lambda job: str(job[0]["TrainingEndTime"]))


def log_of(name: str) -> str | None:
    """The log of a sample job that was really run (make record-meter); None of one that is made up."""
    path = EVENTS / "logs" / f"{name}.log"
    return path.read_text() if path.exists() else None


def definitions_of(job: Mapping[str, Any]) -> list[dict[str, str]]:
    """The metric definitions of a job's description."""
    definitions: list[dict[str, str]] = job["AlgorithmSpecification"]["MetricDefinitions"]
    return definitions


def moved(document: Any, by: timedelta) -> Any:
    """A copy of a job's description with every time moved."""
    if isinstance(document, dict):
        is_time = ("CreationTime", "TrainingStartTime", "TrainingEndTime", "LastModifiedTime", "Timestamp")
        fields = (*is_time, "StartTime", "EndTime")
        return {key: iso(read_time(v) + by) if key in fields else moved(v, by) for key, v in document.items()}
    return [moved(each, by) for each in document] if isinstance(document, list) else document


def dense(job: Mapping[str, Any], metrics: Mapping[str, Any], by: timedelta, now: datetime) -> dict[str, Any]:
    """The metrics of a moved job, each gauge's value repeated until its next one, as often as the audit will ask, and
    no longer than the job trained.
    """
    series, spans = metrics.get("MetricDataResults", []), training_time(parse_training_job(job)).spans
    period = finest_period(spans, lambda _: len(series), now)
    if period is None:
        return {"MetricDataResults": []}
    step = timedelta(seconds=period)
    results = []
    for each in series:
        if each["Label"].startswith(PREFIX):  # a line of a meter, at its own moment
            results.append(moved_line_metric(each, by))
            continue
        starts = [read_time(moment) + by for moment in each["Timestamps"]]
        hold = min((later - earlier for earlier, later in pairwise(starts)), default=timedelta(minutes=30))
        repeated = 1 if each["Label"] in COUNTERS else int(hold / step)
        points = [
            (iso(start + step * i), value)
            for start, value in zip(starts, each["Values"], strict=True)
            for i in range(repeated)
            if start + step * i < spans[-1].end
        ]
        results.append({**each, "Timestamps": [at for at, _ in points], "Values": [value for _, value in points]})
    return {"MetricDataResults": results}


def moved_line_metric(series: Mapping[str, Any], by: timedelta) -> dict[str, Any]:
    """A word of a meter's lines, moved in time: when it was logged and, where it is one, the time it speaks of."""
    is_time = series["Label"].removeprefix(PREFIX) in {"since", "to"}
    later = round(by.total_seconds()) if is_time else 0
    times = [iso(read_time(moment) + by) for moment in series["Timestamps"]]
    return {**series, "Timestamps": times, "Values": [value + later for value in series["Values"]]}


def event_of(job: Mapping[str, Any]) -> dict[str, str]:
    """The EventBridge entry for a job's end. AWS alone may send `aws.sagemaker`, hence the replay source."""
    detail = {name: job[name] for name in ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus")}
    times = {name: int(read_time(job[name]).timestamp() * 1000) for name in TIME_FIELDS if name in job}
    return {"Source": REPLAY_SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps({**detail, **times})}


def send_events(stack: Stack, jobs: list[dict[str, Any]]) -> None:
    """Announce the end of every job, and of the first one twice, as SageMaker may do."""
    entries = [event_of(job) for job in [*jobs, jobs[0]]]
    events = stack.client("events")
    for first in range(0, len(entries), 10):
        answer = events.put_events(Entries=entries[first : first + 10])
        if answer["FailedEntryCount"]:
            raise DemoFailed(f"EventBridge refused {answer['FailedEntryCount']} events")


def subscribe_mailbox(stack: Stack, topic_output: str = "AlertTopicArn", name: str = MAILBOX) -> str:
    """A queue that receives what an e-mail subscriber of the topic would."""
    sqs = stack.client("sqs")
    url: str = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns = stack.client("sns")
    topic = stack.outputs[topic_output]
    subscribed = [each["Endpoint"] for each in sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]]
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
    if arn not in subscribed:
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


def mails(stack: Stack, url: str) -> list[dict[str, Any]]:
    """Every alert in the mailbox; reading leaves them there."""
    sqs = stack.client("sqs")
    by_id: dict[str, dict[str, Any]] = {}
    while True:
        answer = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=20)
        new = [message for message in answer.get("Messages", []) if message["MessageId"] not in by_id]
        if not new:
            return list(by_id.values())
        by_id.update({message["MessageId"]: json.loads(message["Body"]) for message in new})


def waiting(stack: Stack, queue_url: str) -> int:
    """Messages of a queue: visible, in flight and delayed."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    names.append("ApproximateNumberOfMessagesDelayed")
    answer = stack.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(value) for value in answer["Attributes"].values())


def unaudited(stack: Stack) -> int:
    """Messages that wait for an audit: those of AWS, and replays."""
    queues = (stack.outputs.get(name) for name in ("AuditQueueUrl", "ReplayQueueUrl"))
    return sum(waiting(stack, queue) for queue in queues if queue)  # an earlier release has no queue of replays


def newest_records(stack: Stack, jobs: list[dict[str, Any]]) -> list[dict[str, str]]:
    """The newest record of every job that has one, the latest job first."""
    dynamodb = stack.client("dynamodb")
    rows = []
    for job in jobs:
        answer = dynamodb.query(
            TableName=stack.outputs["RecordTableName"],
            KeyConditionExpression="pk = :pk AND begins_with(sk, :sk)",
            ExpressionAttributeValues={
                ":pk": {"S": f"JOB#{parse_training_job(job).job_id}"},
                ":sk": {"S": "RECORD#"},
            },
            ScanIndexForward=False,
            Limit=1,
        )
        rows += [{name: value["S"] for name, value in item.items() if "S" in value} for item in answer["Items"]]
    return sorted(rows, key=lambda row: row["ended_at"], reverse=True)


def wait_for_records(stack: Stack, jobs: list[dict[str, Any]], tick: Callable[[int], None]) -> list[dict[str, str]]:
    """The newest record of every job, once each has one and the queues are empty. Raises DemoFailed if nothing moves.

    They empty last: a job that was audited before its ancestor is assessed again, through the queue.
    """
    seen, since = (-1, -1), time.monotonic()
    while True:
        rows = newest_records(stack, jobs)
        tick(len(rows))
        queued = unaudited(stack)
        if len(rows) == len(jobs) and queued == 0:
            return newest_records(stack, jobs)
        if (len(rows), queued) != seen:
            seen, since = (len(rows), queued), time.monotonic()
        if time.monotonic() - since > PATIENCE.total_seconds():
            missing = {job["TrainingJobName"] for job in jobs} - {row["job_name"] for row in rows}
            raise DemoFailed(
                f"nothing moved for {PATIENCE}, {queued} messages wait; without a record: {sorted(missing)}"
            )
        time.sleep(0.3)


def run_as_scheduled(stack: Stack, function: str) -> None:
    """Run a function once, as its schedule does on AWS. Raises DemoFailed."""
    answer = stack.client("lambda").invoke(FunctionName=stack.outputs[f"{function}FunctionName"], Payload=b"{}")
    if "FunctionError" in answer:
        raise DemoFailed(f"{function} failed: {answer['Payload'].read().decode()[:500]}")


def check_with_openssl(stack: Stack, record: Mapping[str, str]) -> str:
    """Have openssl check one record from the archive against the key in KMS; returns openssl's own words."""
    bucket, key = stack.outputs["ArchiveBucketName"], record_key(record["job_id"], int(record["revision"]))
    line = stack.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    public_key = stack.client("kms").get_public_key(KeyId=stack.outputs["RecordKeyArn"])["PublicKey"]
    envelope = parse_envelope(line)
    if shutil.which("openssl") is None:
        return "not checked: openssl is not installed here. `flops-auditor verify` checks the whole ledger without it"
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("key.der", "signature.der", "signed.bin")]
        for path, content in zip(paths, (public_key, envelope.signatures[0].der, envelope.signed_bytes), strict=True):
            path.write_bytes(content)
        arguments = ["dgst", "-sha256", "-keyform", "DER", "-verify", str(paths[0]), "-signature", str(paths[1])]
        finished = subprocess.run(  # noqa: S603
            ["openssl", *arguments, str(paths[2])],  # noqa: S607
            capture_output=True,
            text=True,
            check=False,
        )
    if finished.returncode:
        raise DemoFailed(f"openssl does not accept the signature of {record['job_name']}: {finished.stderr}")
    return f"{finished.stdout.strip()} ({len(line)} bytes, SHA-256 {hashlib.sha256(line).hexdigest()[:16]}...)"


def keep_report(stack: Stack, state: Path) -> Path:
    """The newest page that the report function made, as a file."""
    answer = stack.client("s3").get_object(Bucket=stack.outputs["ReportBucketName"], Key=LATEST)
    path = (state / "report.html").resolve()
    path.write_bytes(answer["Body"].read())
    return path


def keep_offset(jobs: list[dict[str, Any]], state: Path) -> timedelta:
    """How far the samples are moved; kept with the stack, so that a second run announces the same jobs again."""
    path = state / "demo.json"
    if path.exists():
        return timedelta(seconds=json.loads(path.read_text())["offset_seconds"])
    latest = max(read_time(job["LastModifiedTime"]) for job in jobs)
    offset = timedelta(seconds=round((datetime.now(UTC) - timedelta(minutes=30) - latest).total_seconds()))
    path.write_text(json.dumps({"offset_seconds": offset.total_seconds()}))
    return offset


def wait_for_alerts(
    stack: Stack, mailbox: str, told: set[str], expected: int, tick: Callable[[int], None]
) -> list[dict[str, Any]]:
    """The alerts that came in this run; fewer than expected where no other comes for a while.

    What was read is kept: the queue hides it for a while.
    """
    received: dict[str, dict[str, Any]] = {}
    seen, since = -1, time.monotonic()
    while True:
        received |= {mail["MessageId"]: mail for mail in mails(stack, mailbox) if mail["MessageId"] not in told}
        tick(len(received))
        if len(received) != seen:
            seen, since = len(received), time.monotonic()
        if len(received) >= expected or time.monotonic() - since > PATIENCE_WITH_MAIL.total_seconds():
            return list(received.values())
        time.sleep(0.5)


def run_demo(progress: Progress, state: Path) -> tuple[Stack, list[dict[str, str]], list[dict[str, Any]]]:
    """Everything up to the records and the alerts, with progress."""
    task = progress.add_task("Starting a local AWS", total=None)

    def step(text: str, total: int | None = None) -> None:
        progress.update(task, description=text, total=total, completed=0)

    stack = start(state)
    remember(state)
    step("Building and deploying template.yaml with sam (a minute)")
    deploy(stack)
    samples = sample_jobs()
    offset = keep_offset([job for job, _ in samples], state)
    step("Loading training jobs", total=len(samples))
    jobs = []
    for job, metrics in samples:
        here = moved(job, offset)
        description = {name: value for name, value in here.items() if name != "Tags"}
        load_job(stack, description, here["Tags"], dense(description, metrics, offset, datetime.now(UTC)))
        jobs.append(here)
        progress.advance(task)
    mailbox = subscribe_mailbox(stack)
    known = {row["job_id"] for row in newest_records(stack, jobs)}
    told = {mail["MessageId"] for mail in mails(stack, mailbox)}
    step("Sending their events through EventBridge")
    send_events(stack, jobs)
    step("Auditing", total=len(jobs))
    rows = wait_for_records(stack, jobs, lambda count: progress.update(task, completed=count))
    expected = sum(row["verdict"] != "below" and row["job_id"] not in known for row in rows)
    step("Waiting for the alerts", total=expected)
    received = wait_for_alerts(stack, mailbox, told, expected, lambda count: progress.update(task, completed=count))
    step("Comparing the ledger with SageMaker, sealing the log, making the report")
    for function in ("Reconcile", "Seal", "Report"):
        run_as_scheduled(stack, function)
    progress.update(task, description="Done", total=1, completed=1)
    return stack, rows, received


@app.command()
def main(down: bool = False) -> None:
    """Run the demo, or end what it left up."""
    state = state_folder()
    if down:
        console.print("The local AWS is down." if stop(state) else "No local AWS was up.")
        (state / "demo.json").unlink(missing_ok=True)
        forget(state)
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    up_before = (running := read(state)) is not None and running.alive()
    try:
        with Progress(*columns, console=Console(stderr=True)) as progress:
            stack, rows, received = run_demo(progress, state)
    except KeyboardInterrupt:
        if not up_before:
            stop(state)
            forget(state)
            console.print("Interrupted; the local AWS is down.")
        raise typer.Exit(INTERRUPTED) from None
    title = f"{counted(len(rows), 'training job')}, audited by the deployed functions"
    console.print(f"\n{title}:\n")
    records = [listed_record(predicate_of(row["envelope"].encode())) for row in rows]
    write_text(listing(records, 0, wide=False).blocks)
    console.print(f"\n{counted(len(received), 'alert was', 'alerts were')} sent:" if received else NOTHING_TOLD)
    for mail in received:
        console.print(f"  {mail['Subject']}")
    console.print(f"\nThe first of them reads:\n\n{indented(received[0]['Message'])}" if received else "")
    console.print(f"openssl on the record of {rows[0]['job_name']}: {check_with_openssl(stack, rows[0])}")
    console.print(f"\nThe report, for any browser: {keep_report(stack, state)}")
    console.print(NEXT)


def indented(text: str) -> str:
    """Text set off by two blanks."""
    return "".join(f"  {line}\n" for line in text.splitlines())


NOTHING_TOLD = "\nNo alert was sent: people were told of these jobs before, and nobody is told twice."
NEXT = """
The local AWS stays up. Try:
  .venv/bin/flops-auditor records list --local --verdict above
  .venv/bin/flops-auditor records show pretraining-from-scratch --local
  .venv/bin/flops-auditor records show tiny-llama-counted --local
  .venv/bin/flops-auditor records lineage domain-adapt-3 --local
  .venv/bin/flops-auditor report --local --output-file report.html
  .venv/bin/flops-auditor doctor --local
  .venv/bin/flops-auditor audit events/jobs/lora-llama-3-1-8b.json --metrics events/metrics/lora-llama-3-1-8b.json
  .venv/bin/flops-auditor catalog explain meta-llama/Llama-3.1-8B-Instruct
  .venv/bin/flops-auditor export bundle.zip --overwrite --local && .venv/bin/flops-auditor verify bundle.zip --recompute
`make demo` again sends the same events again: nothing is recorded or mailed twice. `make demo-down` ends it."""


def run() -> None:
    """The entry point."""
    try:
        app()
    except AuditorError as error:
        console.print(f"{error.name}: {error}\n{error.remedy}")
        sys.exit(1)


if __name__ == "__main__":
    run()
