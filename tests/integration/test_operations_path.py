"""reconcile, doctor and redrive, as an operator runs them against the deployed stack."""

import json
from pathlib import Path
from typing import Any

from tests.integration.conftest import OPERATORS_BUCKET
from tests.integration.deployed import Deployed, fresh_job, run


def state_of(document: dict[str, Any], check: str) -> dict[str, str]:
    [finding] = [each for each in document["findings"] if each["check"] == check]
    return finding


def test_what_alarms_read_is_emitted_as_they_read_it(operator: Deployed) -> None:
    """The lines of CloudWatch's embedded metric format that the deployed functions wrote, also where they raised."""
    malformed = {"messageId": "1", "receiptHandle": "1", "body": "no event at all", "eventSource": "aws:sqs"}
    assert operator.invoke("AuditFunctionName", {"Records": [malformed]})["batchItemFailures"]
    logs = operator.stack.client("logs")
    alarms = operator.stack.client("alarms").describe_alarms()["MetricAlarms"]
    read = {each["MetricName"]: each["Dimensions"] for each in alarms if each["Namespace"] == "FlopsAuditor"}
    of_clusters = {"ClusterFilesRefused", "ClustersNotSeen"}
    assert set(read) == {"HeldRecords", "FinishedWithoutRecord", "RegionsFailed", "NotWatched", *of_clusters}
    operator.stack.client("s3").put_object(Bucket=OPERATORS_BUCKET, Key="names-no-cluster", Body=b"")
    assert operator.invoke("ClustersFunctionName")["troubled"] >= 1
    operator.stack.client("s3").delete_object(Bucket=OPERATORS_BUCKET, Key="names-no-cluster")

    def lines(function: str) -> list[dict[str, Any]]:
        configuration = operator.stack.client("lambda").get_function_configuration(
            FunctionName=operator.outputs[f"{function}FunctionName"]
        )
        pages = logs.get_paginator("filter_log_events").paginate(
            logGroupName=configuration["LoggingConfig"]["LogGroup"]
        )
        texts = [line for page in pages for event in page["events"] for line in event["message"].splitlines()]
        return [json.loads(line) for line in texts if line.startswith("{") and '"CloudWatchMetrics"' in line]

    raised = operator.wait(
        lambda: [line for line in lines("Audit") if "MalformedEvent" in line], "metric of an error that was raised"
    )
    for function in ("Audit", "Seal", "Reconcile", "Watch", "Report", "Clusters"):
        for line in (*lines(function), *(raised if function == "Audit" else ())):
            [metrics] = line["_aws"]["CloudWatchMetrics"]
            assert (metrics["Namespace"], metrics["Dimensions"]) == ("FlopsAuditor", [["service"]])
            emitted = [{"Name": "service", "Value": line["service"]}]
            assert emitted[0]["Value"] == f"flops-auditor-{function.lower()}"
            assert all(read.get(metric["Name"], emitted) == emitted for metric in metrics["Metrics"])


def test_a_lost_event_is_found_told_and_made_good(operator: Deployed) -> None:
    """A finished job whose event never came: the doctor names it, a dry run lists it, reconcile records it."""
    job = fresh_job()
    name, arn = job["TrainingJobName"], job["TrainingJobArn"]
    operator.load(job)
    code, document = run("doctor", "--whole")  # the job is older than what the rounds of other tests have read
    assert code == 4
    assert name in json.dumps(document["comparison"]["jobs"])
    code, document = run("reconcile", "--dry-run")
    assert code == 0
    assert [each["action"] for each in document["jobs"] if each["name"] == name] == ["would be queued"]
    assert not operator.items("RECORD#", arn)
    run("reconcile")
    assert operator.record(arn).predicate["job"]["name"] == name
    operator.idle()
    _, document = run("doctor", "--whole")
    assert name not in json.dumps(document["comparison"]["jobs"])
    assert state_of(document, "records")["detail"].startswith("complete up to ")
    assert state_of(document, "subscribers")["state"] == "ok"


def test_dead_letters_are_told_redriven_and_set_aside(operator: Deployed, tmp_path: Path) -> None:
    job = fresh_job()
    operator.load(job)
    dead = operator.outputs["AuditDeadLetterQueueUrl"]
    operator.stack.client("sqs").purge_queue(QueueUrl=dead)  # what other tests left
    detail = {"TrainingJobArn": job["TrainingJobArn"], "TrainingJobStatus": "Completed"}
    for body in (json.dumps({"source": "aws.sagemaker", "detail": detail}), "no event at all"):
        operator.stack.client("sqs").send_message(QueueUrl=dead, MessageBody=body)
    _, document = run("doctor")
    assert state_of(document, "dead letters")["state"] == "NOT OK"
    code, document = run("redrive", "--dry-run")
    assert code == 0
    assert {row["action"] for row in document["letters"]} == {"would be requeued", "would be left"}
    assert operator.waiting("AuditDeadLetterQueueUrl") == 2
    code, document = run("redrive", "--set-aside", str(tmp_path / "aside.ndjson"))
    rows = document["letters"]
    assert code == 0
    assert {row["action"] for row in rows} == {"requeued", "set aside"}
    assert "MalformedEvent" in next(row["reason"] for row in rows if row["action"] == "set aside")
    assert operator.waiting("AuditDeadLetterQueueUrl") == 0
    assert json.loads((tmp_path / "aside.ndjson").read_text())["body"] == "no event at all"
    assert operator.record(job["TrainingJobArn"])
