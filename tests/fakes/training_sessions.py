"""Answers of SageMaker's DescribeTrainingSession."""

from datetime import timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import TRAINING_SESSION, Evidence, plain
from flops_auditor.domain.runs.sources.training_session_answer import parse_training_session
from flops_auditor.use_cases.ports.sources import ListedJob
from tests.fakes.described_runs import FakeDescribedRuns
from tests.fakes.jobs import CREATED, tagged

HUB = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model"
BASE = f"{HUB}/meta-textgeneration-llama-3-2-3b-instruct/1.3.0"
GROUP = "arn:aws:sagemaker:eu-west-1:123456789012:model-package-group/support"
TRAINED, SAMPLED, PREFILLED = 10**9, 2 * 10**8, 10**8
USAGE = {"TrainingTokenCount": TRAINED, "SampleTokenCount": SAMPLED, "PrefillTokenCount": PREFILLED}


def session_arn(number: int = 1) -> str:
    """A session of this number."""
    return f"arn:aws:sagemaker:eu-west-1:123456789012:training-session/support-{number}"


def session(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The answer of one that was stopped, each a day after the one before; a member that is None is left out."""
    created = CREATED + timedelta(days=number - 1)
    detail = {
        "TrainingSessionArn": session_arn(number),
        "TrainingSessionName": f"support-{number}",
        "TrainingSessionStatus": "Stopped",
        "ModelPackageGroupArn": GROUP,
        "CreationTime": created,
        "LastModifiedTime": created + timedelta(hours=5),
        "EndTime": created + timedelta(hours=5),
        "LastReceivedSequenceNumber": 400,
        "BillableTokenUsage": USAGE,
        "RoleArn": "arn:aws:iam::123456789012:role/tuner",
        "LoraConfig": {"Rank": 32, "Alpha": 64},
        "ModelConfig": {"BaseModelArn": BASE, "AcceptEula": True},
        "OutputConfig": {"S3Location": {"Path": f"s3://results/support-{number}/"}},
        "Tags": [],
        **changes,
    }
    return {"TrainingSessionDetail": {name: value for name, value in detail.items() if value is not None}}


def session_evidence(answer: dict[str, Any] | None = None, **tags: str) -> Evidence:
    """Evidence of a session. A tag `a_b` is flops-auditor:a-b."""
    return Evidence(plain(session() if answer is None else answer), tags=tagged(**tags), source=TRAINING_SESSION)


class FakeTrainingSessions(FakeDescribedRuns):
    """The TrainingSessions port as well, by name."""

    asks = asks_tags = "sagemaker:DescribeTrainingSession"
    lists = "sagemaker:ListTrainingSessions"
    stops = "sagemaker:StopTrainingSession"

    def add(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Put a session, or its new state, in place; its detail."""
        detail: dict[str, Any] = answer["TrainingSessionDetail"]
        self.answers[detail["TrainingSessionName"]] = answer
        return detail

    def describe(self, name: str, region: str) -> dict[str, Any]:
        return self.answer_of(name)

    def tags(self, job: ListedJob) -> list[dict[str, str]]:
        tags: list[dict[str, str]] = self.describe(job.name, job.region)["TrainingSessionDetail"].get("Tags", [])
        return tags

    def listed(self, answer: dict[str, Any]) -> ListedJob:
        """As its description says."""
        it = parse_training_session(plain(answer))
        return ListedJob(
            it.training_session_name,
            it.training_session_arn,
            it.region,
            it.training_session_status,
            it.creation_time,
            it.last_modified_time,
        )
