"""Answers of SageMaker's DescribeJob."""

import json
from datetime import timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, Evidence, plain
from flops_auditor.domain.runs.sources.sagemaker_job_answer import parse_sagemaker_job
from flops_auditor.use_cases.ports.sources import ListedJob
from tests.fakes.described_runs import FakeDescribedRuns
from tests.fakes.jobs import CREATED, tagged
from tests.fakes.training_sessions import BASE

ACCOUNT = "arn:aws:sagemaker:eu-west-1:123456789012"
TRAINED, SAMPLED, PREFILLED = 10**9, 2 * 10**8, 10**8
COUNTED = {"TrainTokenCount": TRAINED, "SampleTokenCount": SAMPLED, "PrefillTokenCount": PREFILLED}


def agent_arn(number: int = 1, category: str = "AgentRFT") -> str:
    """A job of this number."""
    return f"{ACCOUNT}:job/{category}/agent-{number}"


def package(number: int, group: str = "agent") -> str:
    """A version of a group of model packages."""
    return f"{ACCOUNT}:model-package/{group}/{number}"


def document(number: int = 1, usage: Any = COUNTED, **changes: Any) -> dict[str, Any]:
    """The document of a job that trains, with what its service adds; a member that is None is left out."""
    parts = {
        "AgentConfig": {
            "BedrockAgentCoreConfig": {"AgentRuntimeArn": "arn:aws:bedrock-agentcore:eu-west-1:1:runtime/a"}
        },
        "InputDataConfig": [
            {
                "ChannelName": "train",
                "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://prompts/train/"}},
            }
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://results/agent-{number}/"},
        "ModelPackageConfig": {
            "OutputModelPackageGroupArn": f"{ACCOUNT}:model-package-group/agent",
            "IntermediateCheckpointModelPackageGroupArn": f"{ACCOUNT}:model-package-group/agent-steps",
        },
        "TrainingConfig": {"BaseModelArn": BASE, "AcceptEula": True, "HyperParameters": {"max_epochs": 1}},
        "ServiceOutput": {"OutputModelPackageArn": package(number), "BillableTokenUsage": usage},
        **changes,
    }
    return {name: value for name, value in parts.items() if value is not None}


def steps(*statuses: str) -> list[dict[str, Any]]:
    """SecondaryStatusTransitions, a minute apart."""
    return [{"Status": each, "StartTime": CREATED + timedelta(minutes=at)} for at, each in enumerate(statuses)]


def agent_job(number: int = 1, category: str = "AgentRFT", config: Any = None, **changes: Any) -> dict[str, Any]:
    """The answer of one that completed, each a day after the one before; a member that is None is left out. `config` is
    its document.
    """
    created = CREATED + timedelta(days=number - 1)
    answer = {
        "JobName": f"agent-{number}",
        "JobArn": agent_arn(number, category),
        "RoleArn": "arn:aws:iam::123456789012:role/tuner",
        "JobCategory": category,
        "JobConfigSchemaVersion": "1.0.0",
        "JobConfigDocument": json.dumps(document(number) if config is None else config),
        "CreationTime": created,
        "LastModifiedTime": created + timedelta(hours=5),
        "EndTime": created + timedelta(hours=5),
        "JobStatus": "Completed",
        "SecondaryStatus": "Completed",
        "SecondaryStatusTransitions": steps("Starting", "Training", "Completed"),
        "Tags": [],
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not None}


def agent_evidence(answer: dict[str, Any] | None = None, **tags: str) -> Evidence:
    """Evidence of a job. A tag `a_b` is flops-auditor:a-b."""
    return Evidence(plain(agent_job() if answer is None else answer), tags=tagged(**tags), source=SAGEMAKER_JOB)


class FakeSageMakerJobs(FakeDescribedRuns):
    """The SageMakerJobKinds port as well, by ARN."""

    asks = asks_tags = "sagemaker:DescribeJob"
    lists = "sagemaker:ListJobs"
    stops = "sagemaker:StopJob"

    def add(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put a job, or its new state, in place; its answer."""
        self.answers[answer["JobArn"]] = answer
        return answer

    def describe(self, arn: str) -> dict[str, Any]:
        return self.answer_of(arn)

    def tags(self, job: ListedJob) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = self.describe(job.arn).get("Tags", [])
        return tags

    def listed(self, answer: dict[str, Any]) -> ListedJob:
        """As its description says."""
        it = parse_sagemaker_job(plain(answer))
        return ListedJob(it.job_name, it.job_arn, it.region, it.job_status, it.creation_time, it.last_modified_time)
