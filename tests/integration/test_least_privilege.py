"""Every function may do what it does, and nothing else: nothing is denied, nothing is granted that is never used."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.clusters import at, line, sacct, slurm_time
from tests.faults import told
from tests.integration.deployed import Deployed, fresh_job
from tests.integration.test_clusters_function_path import FOLDER, OURS, drop, load_research
from tests.integration.test_other_doors import (
    announce,
    fresh_agent_job,
    fresh_batch_job,
    fresh_customization,
    fresh_session,
)
from tests.integration.test_three_doors_path import fresh_import

# What Lambda itself does with a function's role, so that no call of the function shows it.
IMPLIED = {
    "WriteOwnLogs": "Lambda delivers the logs",
    "SendTraces": "Lambda's X-Ray daemon sends the traces",
    "ReceiveFinishedJobs": "the event source mapping polls the queue",
    "KeepFailedInvocations": "Lambda sends what failed twice to the dead letter queue",
    "UseDataKeyThroughServices": "the services en- and decrypt with the caller's permission",
}
# What is read or written only in cases that this pass does not make, by function, action and end of the resource.
RARE = {
    ("Audit", "s3:PutObject", "/ancestors/*"): "a lineage too long for its record",
    ("Audit", "s3:GetObjectVersion", "/ancestors/*"): "a lineage too long for its record",
    ("Watch", "s3:GetObjectVersion", "/ancestors/*"): "a lineage too long for its record",
    ("Watch", "s3:ListBucketVersions", ""): "a lineage too long for its record",
    ("Seal", "s3:GetObjectVersion", "/rotations/*"): "a key was rotated",
    ("Report", "s3:GetObjectVersion", "/rotations/*"): "a key was rotated",
    **{
        (function, "s3:GetObjectVersion", key): "the table lost a record"
        for function in ("Audit", "Watch", "Clusters")
        for key in ("/records/*", "/keys.json", "/rotations/*")
    },
    ("Clusters", "s3:PutObject", "/ancestors/*"): "a lineage too long for its record",
    ("Clusters", "s3:GetObjectVersion", "/ancestors/*"): "a lineage too long for its record",
    ("Clusters", "s3:GetObjectVersion", "/evidence/*"): "a file tells of a run that is on record",
    ("Clusters", "s3:GetObjectVersion", "/models/*"): "people said something of a model",
    ("Audit", "sqs:ChangeMessageVisibility", ""): "a delivery meets the claim of another one",
    ("Audit", "s3:GetObjectVersion", "/models/*"): "people said something of a model",
    ("Watch", "s3:GetObjectVersion", "/models/*"): "people said something of a model",
    ("Watch", "dynamodb:BatchGetItem", ""): "jobs that ended wait for their record",
    ("Reconcile", "sagemaker:ListTags", ""): "a recorded job is looked at again",
    ("Reconcile", "bedrock:GetModelCustomizationJob", ""): "a job that ran is looked at again",
    ("Reconcile", "sagemaker:DescribeTrainingSession", ""): "a session that ran is looked at again",
    ("Reconcile", "sagemaker:DescribeJob", ""): "a job that ran is looked at again",
    ("Reconcile", "bedrock:ListTagsForResource", ""): "a recorded job is looked at again",
    ("Reconcile", "dynamodb:Query", ""): "jobs wait for their record",
    ("Reconcile", "sqs:GetQueueAttributes", ""): "history is read while the queue may be full",
    ("Reconcile", "sns:Publish", ""): "the tags of a recorded job changed, or a job seen running is gone",
}
# Operations whose IAM action has another name.
ACTIONS = {
    "s3:ListObjectVersions": "s3:ListBucketVersions",
    "s3:ListObjectsV2": "s3:ListBucket",
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "monitoring:GetMetricData": "cloudwatch:GetMetricData",
}
FUNCTIONS = ("Audit", "Seal", "Reconcile", "Watch", "Report", "Clusters")


def action_of(call: dict[str, Any]) -> str:
    """The IAM action of a call."""
    action = f"{call['service']}:{call['operation']}"
    if action == "s3:GetObject" and "VersionId" in call["parameters"]:
        return "s3:GetObjectVersion"
    return ACTIONS.get(action, action)


def resources_of(call: dict[str, Any], account: str) -> list[str]:
    """The ARNs that a call is about; empty where the action knows no resources."""
    parameters, service = call["parameters"], call["service"]
    prefix = f"arn:aws:{service}:{call['region']}:{account}:"
    found = []
    if "Bucket" in parameters:
        found.append(f"arn:aws:s3:::{parameters['Bucket']}" + (f"/{parameters['Key']}" if "Key" in parameters else ""))
    index = f"/index/{parameters['IndexName']}" if "IndexName" in parameters else ""
    tables = call["tables"] or [parameters[name] for name in ("TableName",) if name in parameters]
    found += [f"{prefix}table/{table}{index}" for table in tables]
    found += [f"{prefix}key/{parameters[name]}" for name in ("KeyId",) if name in parameters]
    arns = ("TopicArn", "ResourceArn", "ModelPackageName", "jobIdentifier", "modelIdentifier", "resourceARN")
    found += [parameters[name] for name in arns if name in parameters]
    found += [prefix + parameters[name].rsplit("/", 1)[1] for name in ("QueueUrl",) if name in parameters]
    found += [f"{prefix}training-job/{parameters[name]}" for name in ("TrainingJobName",) if name in parameters]
    found += [f"{prefix}training-session/{parameters[name]}" for name in ("TrainingSessionName",) if name in parameters]
    found += [f"{prefix}cluster/{parameters[name]}" for name in ("ClusterName",) if name in parameters]
    if "JobName" in parameters:
        found.append(f"{prefix}job/{parameters['JobCategory']}/{parameters['JobName']}")
    return found


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements_of(deployed: Deployed, function: str) -> list[dict[str, Any]]:
    """The statements of a function's role, as deployed."""
    functions, iam = deployed.stack.client("lambda"), deployed.stack.client("iam")
    configuration = functions.get_function_configuration(FunctionName=deployed.outputs[f"{function}FunctionName"])
    role = configuration["Role"].rsplit("/", 1)[1]
    assert iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"] == []
    found = []
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        found += (json.loads(document) if isinstance(document, str) else document)["Statement"]
    return found


@pytest.fixture(scope="module")
def calls(deployed: Deployed, calls_file: Path) -> list[dict[str, Any]]:
    """Every call of the functions, after a pass of everything that they do."""
    big = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    huge, lost = fresh_job(hours=2000, ResourceConfig=big), fresh_job(ended=timedelta(hours=3))
    parent, child = fresh_job(ended=timedelta(hours=20)), fresh_job()
    child["CheckpointConfig"] = {"S3Uri": "s3://models/" + parent["TrainingJobName"]}
    parent["CheckpointConfig"] = child["CheckpointConfig"]
    running = fresh_job(hours=1000, ResourceConfig=big)
    running["CheckpointConfig"] = child["CheckpointConfig"]
    running |= {"TrainingJobStatus": "InProgress", "SecondaryStatus": "Training"}
    for member in ("TrainingEndTime", "ModelArtifacts"):
        running.pop(member, None)
    del running["SecondaryStatusTransitions"][-1]["EndTime"]
    child["ModelPackageConfig"] = {"SourceModelPackageArn": deployed.register_model("s3://models/registered.tar.gz")}
    running["ModelPackageConfig"] = child["ModelPackageConfig"]
    for job in (huge, lost, parent, child, running):
        deployed.load(job)
    # The child first, so that the parent's late record has it assessed again.
    for job in (huge, child, parent):
        deployed.announce(job)
        deployed.record(job["TrainingJobArn"])
    customized = fresh_customization(deployed)
    announce(deployed, customized)
    deployed.record(customized["jobArn"])
    imported = fresh_import(deployed, "s3://models/registered/", "leastprivile")
    models = f"{imported} {customized['outputModelArn']}"  # a tag may name both
    stopped, tag = fresh_session(deployed), {"Key": "flops-auditor:lineage", "Value": models}
    fresh_session(deployed, TrainingSessionStatus="Running", Tags=[tag])
    announce(deployed, again := fresh_customization(deployed, baseModelArn=customized["outputModelArn"]))
    announce(deployed, further := fresh_customization(deployed, baseModelArn=imported))
    for each in (again, further):
        deployed.record(each["jobArn"])
    completed = fresh_agent_job(deployed)
    fresh_agent_job(deployed, JobStatus="InProgress")
    in_batch = fresh_batch_job(deployed)
    fresh_customization(deployed, status="InProgress")
    fresh_batch_job(deployed, status="RUNNING", stoppedAt=None, attempts=[])
    load_research(deployed, 1, 2)
    continued = f"flops-auditor:lineage={OURS}/701"
    runs = sacct(line("700", comment=continued), line("701", Submit=slurm_time(at(0.6)), comment=""))
    drop(deployed, f"{FOLDER}privileges.txt", runs)  # the run that goes on from the other one is recorded first
    assert deployed.invoke("ClustersFunctionName")["recorded"] >= 2
    deployed.invoke("WatchFunctionName")
    deployed.wait(lambda: deployed.mails_about(huge["TrainingJobName"]), "an alert")
    deployed.invoke("SealFunctionName")
    deployed.invoke("ReconcileFunctionName")
    deployed.invoke("ReportFunctionName")  # while records and jobs wait
    deployed.record(lost["TrainingJobArn"])
    deployed.record(stopped["TrainingSessionArn"])
    deployed.record(completed["JobArn"])
    deployed.record(in_batch["jobArn"])
    deployed.idle()
    deployed.invoke("WatchFunctionName")  # of Bedrock and AWS Batch what the reconciliation noted
    deployed.invoke("SealFunctionName")
    return [json.loads(line) for line in calls_file.read_text().splitlines()]


def of_function(deployed: Deployed, calls: list[dict[str, Any]], function: str) -> list[dict[str, Any]]:
    """The calls that one function made; there are some."""
    found = [call for call in calls if call["function"] == deployed.outputs[f"{function}FunctionName"]]
    assert found
    return found


def test_nothing_is_denied(calls: list[dict[str, Any]]) -> None:
    refused = [call for call in calls if call["error"] and re.search("Denied|Unauthorized", call["error"])]
    assert refused == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_nothing_is_granted_that_is_never_used(deployed: Deployed, calls: list[dict[str, Any]], function: str) -> None:
    made, why = of_function(deployed, calls, function), Counter[str]()
    unused = []
    for statement in statements_of(deployed, function):
        for action, resource in product(listed(statement["Action"]), listed(statement["Resource"])):
            if any(uses(call, action, resource, deployed.stack.account_id) for call in made):
                why["used by its calls"] += 1
            elif statement["Sid"] in IMPLIED:
                why["used by Lambda or a service for it"] += 1
            elif any(RARE.get((function, action, end)) for end in ("", resource[resource.find("/") :])):
                why["for cases this pass does not make"] += 1
            else:
                unused.append(f"{statement['Sid']}: {action} on {resource}")
    told(f"{function}: {why.total()} permissions, " + ", ".join(f"{count} {reason}" for reason, count in why.items()))
    assert not unused, "\n".join(unused)


def uses(call: dict[str, Any], action: str, resource: str, account: str) -> bool:
    """Whether a call needs this grant."""
    return action_of(call) == action and (
        resource == "*" or any(fnmatchcase(arn, resource) for arn in resources_of(call, account))
    )


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_call_is_covered_by_a_statement(deployed: Deployed, calls: list[dict[str, Any]], function: str) -> None:
    """The emulator enforces it too; this is a second opinion, independent of the emulator's evaluation."""
    statements = statements_of(deployed, function)
    uncovered = {
        action_of(call)
        for call in of_function(deployed, calls, function)
        if not any(
            uses(call, action, resource, deployed.stack.account_id)
            for statement in statements
            for action in listed(statement["Action"])
            for resource in listed(statement["Resource"])
        )
    }
    assert uncovered == set()
