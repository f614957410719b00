"""Loading training jobs, training sessions, other jobs and clusters into the local SageMaker, jobs into the local AWS
Batch, and model customization jobs and custom models into the local Bedrock.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from flops_auditor_cli.local_aws.processes import LocalAwsError
from flops_auditor_cli.local_aws.stack import Stack

LOAD_PATH = "/_local/training-jobs"
CUSTOMIZATION_PATH = "/_local/customization-jobs"
CUSTOM_MODEL_PATH = "/_local/custom-models"
SESSION_PATH = "/_local/training-sessions"
SAGEMAKER_JOB_PATH = "/_local/jobs"
BATCH_PATH = "/_local/batch-jobs"
CLUSTER_PATH = "/_local/clusters"


def load_job(
    stack: Stack,
    describe_answer: Mapping[str, Any],
    tags: Sequence[Mapping[str, str]] = (),
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Make SageMaker know a job.

    `describe_answer`: what DescribeTrainingJob must answer, its times as datetimes, ISO 8601 text or epoch seconds; the
    region is the one in its ARN. `metrics`: an answer of GetMetricData with labels such as `GPUUtilization algo-1`.
    """
    call(stack, "POST", {"describe_answer": describe_answer, "tags": list(tags), "metrics": metrics or {}})


def load_customization_job(stack: Stack, answer: Mapping[str, Any], tags: Sequence[Mapping[str, str]] = ()) -> None:
    """Make Bedrock know a model customization job: what GetModelCustomizationJob must answer, and its tags as
    ListTagsForResource gives them.
    """
    call(stack, "POST", {"answer": answer, "tags": list(tags)}, CUSTOMIZATION_PATH)


def load_custom_model(stack: Stack, answer: Mapping[str, Any]) -> None:
    """Make Bedrock know an imported or custom model: what GetImportedModel or GetCustomModel must answer."""
    call(stack, "POST", {"answer": answer}, CUSTOM_MODEL_PATH)


def load_session(stack: Stack, answer: Mapping[str, Any]) -> None:
    """Make SageMaker know a training session: what DescribeTrainingSession must answer."""
    call(stack, "POST", {"answer": answer}, SESSION_PATH)


def load_sagemaker_job(stack: Stack, answer: Mapping[str, Any]) -> None:
    """Make SageMaker know a job of the newer kinds: what DescribeJob must answer."""
    call(stack, "POST", {"answer": answer}, SAGEMAKER_JOB_PATH)


def load_batch_job(stack: Stack, job: Mapping[str, Any], environment: Mapping[str, Any]) -> None:
    """Make AWS Batch know a job, what DescribeJobs must say of it, with its queue and the one compute environment of
    that.
    """
    call(stack, "POST", {"answer": {"jobs": [job]}, "environment": environment}, BATCH_PATH)


def load_cluster(stack: Stack, answer: Mapping[str, Any], nodes: Sequence[Mapping[str, Any]]) -> None:
    """Make SageMaker know a HyperPod cluster: what DescribeCluster must answer, and ListClusterNodes of its hosts."""
    call(stack, "POST", {"answer": answer, "nodes": {"ClusterNodeSummaries": list(nodes)}}, CLUSTER_PATH)


def remove_job(stack: Stack, name: str, region: str | None = None) -> None:
    """Make SageMaker forget a job, as DeleteTrainingJob does."""
    call(stack, "DELETE", {"name": name, "region": region or stack.region})


def call(stack: Stack, method: str, body: Mapping[str, Any], path: str = LOAD_PATH) -> None:
    """One request to the loader; its refusal is an error with its own words."""
    request = urllib.request.Request(  # noqa: S310 - http on this machine
        stack.sagemaker_endpoint_url + path,
        data=json.dumps(body, default=as_text).encode(),
        method=method,
        headers={"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=60):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        with error:
            raise LocalAwsError(f"the local SageMaker refused the job: {error.read().decode()}") from None


def as_text(value: object) -> str:
    """Times as ISO 8601 text."""
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")
