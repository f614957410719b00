"""What AWS does and the local AWS does not: no test on the local AWS would notice it."""

import importlib.util
import json
import logging
import os
import subprocess
import sys

import pytest

from tests.template.bar import Subject, listed, source_queues, target
from tests.template.loading import REPOSITORY, expanded_template, load
from tests.template.tools import Findings


def test_a_function_that_feeds_its_own_queue_is_not_ended_as_a_loop() -> None:
    """Lambda's recursive loop detection stops the chain after some 16 invocations, unless it is allowed."""
    subject = Subject(load(), expanded_template(), Findings(), {})
    policies = [(subject.function_of_policy(name), s) for name, s in subject.statements() if name != "SchedulerRole"]
    feeding = {
        function
        for queue, function in source_queues(subject).items()
        for writer, statement in policies
        if writer == function
        and "sqs:SendMessage" in listed(statement["Action"])
        and target(statement["Resource"]) == queue
    }
    assert feeding == {"AuditFunction"}
    for function in feeding:
        assert subject.expanded["Resources"][function]["Properties"]["RecursiveLoop"] == "Allow"


def environment_of(function: str) -> dict[str, str]:
    """The variables that a function finds, with values that can be read."""
    variables = load()["Resources"][f"{function.capitalize()}Function"]["Properties"]["Environment"]["Variables"]
    values = {"POLICIES": "aws-flops-meter-2026-05", "AUDIT_CONCURRENCY": "5", "DOORS": "batch,"}
    return {name: values.get(name, "0.5") for name in variables} | {"AWS_DEFAULT_REGION": "eu-west-1"}


STARTED = """
import gc, json, sys
import boto3
made, make = [], boto3.Session.client
boto3.Session.client = lambda session, service, **given: (made.append(service), make(session, service, **given))[1]
import app
print(json.dumps([made, gc.isenabled(), gc.get_freeze_count(), list(sys.modules)]))
"""


def test_a_cold_start_of_the_audit_does_no_more_than_an_audit_needs() -> None:
    """`python -m bench.cold_import` says what it takes. Regions are asked for of a replay alone, and EC2 has most to
    describe; the garbage collector has nothing to look for while modules are imported.
    """
    layer, function = REPOSITORY / "layers" / "auditor", REPOSITORY / "functions" / "audit"
    environment = {**os.environ, **environment_of("audit"), "PYTHONPATH": f"{layer}:{function}"}
    done = subprocess.run([sys.executable, "-c", STARTED], env=environment, check=True, capture_output=True, text=True)
    made, collects, frozen, modules = json.loads(done.stdout)
    assert sorted(made) == ["dynamodb", "kms", "s3", "sns", "sqs"]
    assert collects and frozen
    assert not {name for name in modules if name.startswith("aws_lambda_powertools.utilities.data_classes")}


@pytest.mark.parametrize("function", ["audit", "reconcile", "watch"])
def test_the_log_level_holds_though_lambda_has_one_of_its_own(function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where logs are JSON, Lambda tells the runtime its level, INFO, and Powertools lets it go first."""
    for name, value in environment_of(function).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "FlopsAuditor")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", f"level-of-{function}")
    monkeypatch.setenv("POWERTOOLS_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("AWS_LAMBDA_LOG_LEVEL", "INFO")
    monkeypatch.delitem(sys.modules, "flops_auditor.aws.wiring.handling", raising=False)
    spec = importlib.util.spec_from_file_location(f"app_{function}", REPOSITORY / "functions" / function / "app.py")
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))
    log = logging.getLogger(f"level-of-{function}")
    assert log.isEnabledFor(logging.ERROR)
    assert not log.isEnabledFor(logging.WARNING)
