"""What every function logs and counts of an error, as CloudWatch would read it from its output."""

import json
import subprocess
import sys
from typing import Any

import pytest

FUNCTION = """
from contextlib import suppress
from types import SimpleNamespace
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, named_errors
from flops_auditor.use_cases.auditing.audit_job import NotFinished

@lambda_handler
def handler(event, context):
    if event["raises"] == "expected":
        raise NotFinished("not yet")
    if event["raises"] == "kept":
        with suppress(NotFinished), named_errors(message_id="m-1"):
            raise NotFinished("not yet")
        return {}
    if event["raises"] == "unexpected":
        raise ValueError("what is that")
    count("Recorded", 2)
    logger.info("done", verdict="below")
    return {"recorded": 2}

context = SimpleNamespace(
    function_name="audit", memory_limit_in_mb=512, invoked_function_arn="arn:x", aws_request_id="r-1"
)
handler({"raises": "%s"}, context)
"""
ENVIRONMENT = {"POWERTOOLS_SERVICE_NAME": "audit", "POWERTOOLS_METRICS_NAMESPACE": "FlopsAuditor"}


def run(raises: str) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int]:
    """Log entries, metrics and the exit code of a function that was called once."""
    path = {"PYTHONPATH": "layers/auditor", "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-c", FUNCTION % raises],
        env=path | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [x for x in lines if "_aws" not in x], [x for x in lines if "_aws" in x], done.returncode


def test_what_was_done_is_logged_and_counted() -> None:
    [entry], [metric], code = run("nothing")
    assert code == 0
    assert {k: entry[k] for k in ("level", "message", "verdict", "function_request_id", "service")} == {
        "level": "INFO",
        "message": "done",
        "verdict": "below",
        "function_request_id": "r-1",
        "service": "audit",
    }
    assert metric["Recorded"] == [2.0]
    assert metric["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "FlopsAuditor"


@pytest.mark.parametrize(("raises", "code"), [("expected", 1), ("kept", 0)])
def test_an_expected_error_is_named_with_its_remedy(raises: str, code: int) -> None:
    [entry], [metric], exited = run(raises)
    assert exited == code
    assert {"error": "NotFinished", "message": "not yet", "level": "ERROR"}.items() <= entry.items()
    assert entry.get("message_id") == ("m-1" if raises == "kept" else None)
    assert entry["remedy"].startswith("Nothing to do")
    assert "NotFinished: not yet" in entry["exception"]
    assert metric["NotFinished"] == [1.0]


def test_an_unexpected_error_is_logged_with_its_own_words() -> None:
    [entry], [metric], code = run("unexpected")
    assert code == 1
    assert (entry["error"], entry["message"]) == ("Unexpected", "unexpected failure")
    assert "ValueError: what is that" in entry["exception"]
    assert metric["Unexpected"] == [1.0]
