"""What a job says of itself, on the deployed template: the verdict names the statement, and says what it makes.

`FLOPS_AUDITOR_OWNERS=full` takes every case that the command sees in a file, else every third.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor_cli.local_aws.deployment import STACK_NAME, deploy_built
from flops_auditor_cli.main import app
from tests.fakes.delivered import CASES, LIES, Case, on_its_word, said
from tests.fakes.jobs import tagged
from tests.integration.deployed import Deployed, fresh_job, run

FULL = os.environ.get("FLOPS_AUDITOR_OWNERS") == "full"
HOSTS = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 8, "VolumeSizeInGB": 500}
HOURS = 720
LIES_OF_TAGS = {
    "activity": "not-training",
    "precision": "fp32",
    "pretrain-flops": "5e24",
    "base-model": "meta-llama/Llama-3.1-405B",
}


def lying(deployed: Deployed, tag: str) -> dict[str, Any]:
    """A job of 30 days on 8 p5 hosts that says one thing of itself, and nothing against it, announced."""
    job = fresh_job(hours=HOURS, ResourceConfig=HOSTS, HyperParameters={"max_seq_length": "512"})
    deployed.load(job, [{"Key": f"flops-auditor:{tag}", "Value": LIES_OF_TAGS[tag]}])
    deployed.announce(job)
    return job


@pytest.mark.parametrize("tag", LIES_OF_TAGS)
def test_a_job_below_on_its_own_word_is_recorded_as_such(operator: Deployed, tag: str) -> None:
    deployed = operator
    job = lying(deployed, tag)
    content = deployed.record(job["TrainingJobArn"]).predicate
    rests = content["rests_on"]
    assert content["verdict"] == "below" and rests["on_the_jobs_word"] and rests["trusts_statements"]
    assert rests["milder"] == [f"tag flops-auditor:{tag} = {LIES_OF_TAGS[tag]}"]
    assert rests["verdict_without_statements"] == "indeterminate"
    name = job["TrainingJobName"]
    shown = CliRunner().invoke(app, ["records", "show", name]).stdout.splitlines()
    assert "on the job's word" in shown[0] and LIES_OF_TAGS[tag] in shown[0]
    listed = CliRunner().invoke(app, ["records", "list"]).stdout
    assert any(name in line and "on the job's word" in line for line in listed.splitlines())
    _, healthy = run("doctor")
    [finding] = [each for each in healthy["findings"] if each["check"] == "job's word"]
    assert "own word alone" in finding["detail"]


@contextmanager
def distrusting(deployed: Deployed) -> Iterator[None]:
    """The same stack with TrustStatements off, and on again."""
    known = deployed.stack.client("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"][0]["Parameters"]
    parameters = {each["ParameterKey"]: each["ParameterValue"] for each in known if each["ParameterValue"]}
    deploy_built(deployed.stack, parameters | {"TrustStatements": "false"})
    try:
        yield
    finally:
        deploy_built(deployed.stack, parameters)


def test_a_stack_that_trusts_no_statement_leaves_such_a_verdict_open(operator: Deployed) -> None:
    """Also for a job that was recorded before: `reassess` supersedes its record."""
    deployed = operator
    before = lying(deployed, "precision")
    assert deployed.record(before["TrainingJobArn"]).predicate["verdict"] == "below"
    deployed.idle()
    with distrusting(deployed):
        job = lying(deployed, "activity")
        content = deployed.record(job["TrainingJobArn"]).predicate
        _, again = run("reassess", "--job", before["TrainingJobName"])
    assert content["verdict"] == "indeterminate" and not content["rests_on"]["trusts_statements"]
    assert "flops-auditor:activity = not-training" in str(content["estimate"]["doubts"])
    assert [(row["before"], row["verdict"]) for row in again["records"]] == [("below", "indeterminate")]
    superseding = deployed.record(before["TrainingJobArn"]).predicate
    assert superseding["verdict"] == "indeterminate"
    assert any("flops-auditor:precision = fp32" in str(each["doubts"]) for each in superseding["assessments"])


def recorded(deployed: Deployed, cases: Sequence[Case]) -> Iterator[tuple[Case, str, dict[str, Any]]]:
    """Each case with its job's ARN and the content of its record: all run at once and are awaited together."""
    jobs = [fresh_job(case.hours, **case.description) for case in cases]
    for case, job in zip(cases, jobs, strict=True):
        deployed.load(job, case.owner_tags, case.emitted(job["TrainingStartTime"], job["TrainingEndTime"]))
        deployed.announce(job)
    for case, job in zip(cases, jobs, strict=True):
        arn = job["TrainingJobArn"]
        yield case, arn, deployed.record(arn).predicate


def test_what_the_command_sees_in_a_file_is_recorded(operator: Deployed) -> None:
    """And whoever is likely above is told, as who is above is."""
    seen = [case for case in (*CASES, *LIES) if not case.in_files_alone][:: 1 if FULL else 3]
    assert any(case in LIES for case in seen) and any("above" in case.what for case in seen)
    for case, arn, content in recorded(operator, seen):
        assert content["verdict"] == case.verdict, case.what
        assert on_its_word(content, case) if case in LIES else case.says in said(content), case.what
        if "above" in case.what:
            assert operator.wait(lambda arn=arn: operator.items("ALERT#", arn), "an alert"), case.what


def test_a_tag_that_changed_between_two_looks_is_said(operator: Deployed) -> None:
    """The watch saw a running job with one name of its original, and it ends with another one."""
    hosts = {"ResourceConfig": HOSTS, "StoppingCondition": {"MaxRuntimeInSeconds": 7 * 86400}}
    ended = fresh_job(hours=24, **hosts)
    begun = ended["TrainingStartTime"]
    running = {key: value for key, value in ended.items() if key not in ("TrainingEndTime", "ModelArtifacts")}
    running |= {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training", "CreationTime": datetime.now(UTC)}
    running["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": begun}]
    operator.load(running, tagged(**{"base-model": "meta-llama/Llama-3.1-8B"}))
    assert operator.invoke("WatchFunctionName")["jobs"] >= 1
    ended["CreationTime"] = running["CreationTime"]
    operator.load(ended, tagged(**{"base-model": LIES_OF_TAGS["base-model"]}))
    operator.announce(ended)
    content = operator.record(ended["TrainingJobArn"]).predicate
    [remark] = [each for each in content["estimate"]["assumptions"] if each["kind"] == "tag-changed"]
    assert "meta-llama/Llama-3.1-8B" in remark["words"] and LIES_OF_TAGS["base-model"] in remark["words"]
