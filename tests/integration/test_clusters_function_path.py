"""Files that operators of clusters drop into their bucket, on the deployed template: hosts are kept, runs and hours are
recorded, told, reported, sealed and computed again; what is refused is named.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor_cli.local_aws.jobs import load_cluster
from tests.fakes.clusters import (
    ARN,
    describe_cluster,
    host,
    kubectl,
    line,
    node,
    pod,
    pytorch_job,
    sacct,
)
from tests.integration.conftest import OPERATORS_BUCKET
from tests.integration.deployed import Deployed, run

NAME = "deployed-research"
FOLDER = f"eu-west-1/{NAME}/"
OURS = ARN.replace("123456789012", "111122223333").replace("a1b2c3d4e5f6", "c1d2e3f4a5b6")


def moment(text: Any) -> datetime:
    return datetime.fromisoformat(str(text))


def load_research(deployed: Deployed, *numbers: int) -> None:
    """A cluster of hosts of these numbers, that SageMaker knows."""
    answer = describe_cluster(len(numbers), ClusterArn=OURS, ClusterName=NAME)
    nodes = [{**node(number), "LaunchTime": moment(node(number)["LaunchTime"])} for number in numbers]
    load_cluster(deployed.stack, {**answer, "CreationTime": moment(answer["CreationTime"])}, nodes)


@pytest.fixture(scope="module")
def cluster(deployed: Deployed) -> Iterator[Deployed]:
    """The cluster, seen once by the function, after which it has another host in place of its second."""
    load_research(deployed, 1, 2)
    assert deployed.invoke("ClustersFunctionName")["clusters"] == 1
    load_research(deployed, 1, 3)
    yield deployed


def drop(deployed: Deployed, key: str, body: bytes) -> None:
    deployed.stack.client("s3").put_object(Bucket=OPERATORS_BUCKET, Key=key, Body=body)


def delete(deployed: Deployed, key: str) -> None:
    deployed.stack.client("s3").delete_object(Bucket=OPERATORS_BUCKET, Key=key)


def test_a_state_of_hosts_is_kept_once_under_retention(cluster: Deployed) -> None:
    cluster.invoke("ClustersFunctionName")
    kept = cluster.versions(f"clusters/{FOLDER}")
    assert len([key for key in kept if "/hosts/" in key]) == 3
    cluster.invoke("ClustersFunctionName")
    assert cluster.versions(f"clusters/{FOLDER}") == kept


def test_runs_of_both_orchestrators_are_recorded_told_sealed_and_follow_from_their_evidence(
    cluster: Deployed, operator: Deployed
) -> None:
    open_run = line("300", comment="")  # on a host that was given back, and of which nothing says what it goes on from
    drop(cluster, f"{FOLDER}slurm.txt", sacct(open_run, line("301", hosts=host(3))))
    drop(cluster, f"{FOLDER}jobs.json", kubectl(pytorch_job("dropped"), pod(1, "dropped"), pod(2, "dropped")))
    drop(cluster, f"{FOLDER}2026-10-02--2026-10-03/slurm.txt", sacct(line("302", start=24, end=48)))
    drop(cluster, "nobody/knows.txt", b"")
    drop(cluster, f"{FOLDER}torn.json", b'{"items": [')
    done = cluster.invoke("ClustersFunctionName")
    assert (done["recorded"], done["troubled"]) == (5, 2)
    arns = ["300", "301", "302", "team-a/pytorchjob/dropped"]
    verdicts = {arn: cluster.record(f"{OURS}/{arn}").predicate["verdict"] for arn in arns}
    assert verdicts == {**dict.fromkeys(arns, "below"), "300": "indeterminate"}
    hours = "no-run/ml.p5.48xlarge/2026-10-02T00:00:00.000Z/2026-10-03T23:59:59.999Z"
    assert cluster.record(f"{OURS}/{hours}").predicate["verdict"] == "indeterminate"
    record = cluster.record(f"{OURS}/300").predicate
    assert f"by a file of 's3://{OPERATORS_BUCKET}/{FOLDER}" in str(cluster.record(f"{OURS}/301").predicate["estimate"])
    archive = {"Bucket": cluster.outputs["ArchiveBucketName"], "Key": evidence_key(record["job"]["id"], 0)}
    evidence = json.loads(cluster.stack.client("s3").get_object(**archive)["Body"].read())
    told = evidence["description"]["File"]["Who"]
    assert told.startswith(f"s3://{OPERATORS_BUCKET}/{FOLDER}slurm.txt, version ")
    [mail] = cluster.mails_about("tune-300")
    assert "nothing says what it goes on from" in " ".join(mail["Message"].split())
    cluster.invoke("SealFunctionName")
    for number, arn in enumerate((f"{OURS}/300", f"{OURS}/{hours}")):
        bundle = str(cluster.stack.state_dir / f"dropped-{number}.zip")
        assert run("export", bundle, "--job", arn)[0] == 0
        code, report = run("verify", bundle, "--recompute")
        assert (code, report["verdict"]) == (0, "valid")
    key = cluster.invoke("ReportFunctionName")["key"]
    page = cluster.stack.client("s3").get_object(Bucket=cluster.outputs["ReportBucketName"], Key=key)["Body"].read()
    assert b"tune-300" in page
    again = cluster.invoke("ClustersFunctionName")
    assert (again["recorded"], again["troubled"]) == (0, 2)
    for key in ("nobody/knows.txt", f"{FOLDER}torn.json"):
        delete(cluster, key)
    assert cluster.invoke("ClustersFunctionName")["troubled"] == 0


def test_an_event_of_a_file_or_a_host_has_its_region_looked_at(cluster: Deployed) -> None:
    drop(cluster, f"{FOLDER}event.txt", sacct(line("400")))
    dropped = {"bucket": {"name": OPERATORS_BUCKET}, "object": {"key": f"{FOLDER}event.txt"}}
    elsewhere = {"source": "aws.sagemaker", "region": "us-east-1", "detail": {}}
    assert cluster.invoke("ClustersFunctionName", elsewhere)["files"] == 0
    done = cluster.invoke("ClustersFunctionName", {"source": "aws.s3", "detail": dropped})
    assert (done["clusters"], done["recorded"]) == (1, 1)


def test_a_record_is_not_superseded_by_a_file_which_doctor_says_until_it_is_gone(
    cluster: Deployed, operator: Deployed
) -> None:
    drop(cluster, f"{FOLDER}first.txt", sacct(line("500")))
    cluster.invoke("ClustersFunctionName")
    drop(cluster, f"{FOLDER}first.txt", sacct(line("500", end=1.5)))
    assert cluster.invoke("ClustersFunctionName")["troubled"] == 1
    assert cluster.record(f"{OURS}/500").predicate["revision"] == 0
    _, document = run("doctor")
    findings = {each["check"]: each for each in document["findings"]}
    assert findings["door of clusters"]["state"] == "NOT OK"
    assert "--why" in findings[f"file '{FOLDER}first.txt'"]["remedy"]
    delete(cluster, f"{FOLDER}first.txt")
    assert cluster.invoke("ClustersFunctionName")["troubled"] == 0
    _, document = run("doctor")
    assert {each["check"]: each["state"] for each in document["findings"]}["door of clusters"] == "ok"


def test_nobody_else_puts_what_aws_is_said_to_have_answered(cluster: Deployed) -> None:
    """The sealer may write elsewhere in the archive, and the operators' bucket is not the function's to write to."""
    role = {name: policies_of(cluster, name) for name in ("Clusters", "Seal", "Audit")}
    assert "clusters/*" in role["Clusters"]
    assert "clusters/*" not in role["Seal"] + role["Audit"]
    assert "s3:PutObject" not in [
        action
        for each in json.loads(role["Clusters"])
        for action in each["Action"]
        if OPERATORS_BUCKET in json.dumps(each["Resource"])
    ]


def policies_of(deployed: Deployed, function: str) -> str:
    functions, iam = deployed.stack.client("lambda"), deployed.stack.client("iam")
    configuration = functions.get_function_configuration(FunctionName=deployed.outputs[f"{function}FunctionName"])
    role = configuration["Role"].rsplit("/", 1)[1]
    found = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found += (json.loads(document) if isinstance(document, str) else document)["Statement"]
    return json.dumps(found)
