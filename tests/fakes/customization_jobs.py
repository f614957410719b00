"""Answers of Bedrock's GetModelCustomizationJob, and what S3 lists of their training data."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, Evidence, Unread, plain
from flops_auditor.use_cases.ports.sources import SourceDenied, UnknownTrainingJob
from tests.fakes.jobs import CREATED, tagged

ACCOUNT = "arn:aws:bedrock:us-west-2:123456789012"
LLAMA = "meta.llama3-1-8b-instruct-v1:0:128k"
NOVA = "amazon.nova-lite-v1:0:300k"
PLACE = "s3://corpora/support/train.jsonl"
BYTES = 10**9


def model_arn(model_id: str = LLAMA) -> str:
    """A foundation model."""
    return f"arn:aws:bedrock:us-west-2::foundation-model/{model_id}"


def custom_model(number: int = 1, model_id: str = LLAMA) -> str:
    """What a job made."""
    return f"{ACCOUNT}:custom-model/{model_id}/model{number:07}"


def imported_model(number: int = 1) -> str:
    """What was imported from S3."""
    return f"{ACCOUNT}:imported-model/import{number:06}"


def imported(place: str, number: int = 1, **changes: Any) -> dict[str, Any]:
    """A GetImportedModel answer; a member that is None is left out."""
    answer = {
        "modelArn": imported_model(number),
        "modelName": f"imported-{number}",
        "jobName": f"import-{number}",
        "jobArn": f"{ACCOUNT}:model-import-job/import{number:06}",
        "modelDataSource": {"s3DataSource": {"s3Uri": place}},
        "creationTime": CREATED,
        "modelArchitecture": "LlamaForCausalLM",
        "instructSupported": True,
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not None}


def made_by(job: str | None, arn: str, **changes: Any) -> dict[str, Any]:
    """A GetCustomModel answer of what a customization job made, or, without one, CreateCustomModel."""
    answer = {
        "modelArn": arn,
        "modelName": "support-model",
        "jobArn": job,
        "baseModelArn": model_arn(),
        "customizationType": "FINE_TUNING" if job else "IMPORTED",
        "creationTime": CREATED,
        "modelStatus": "Active",
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not None}


def customization(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A completed fine-tuning job, each a day after the one before; a member that is None is left out."""
    created = CREATED + timedelta(days=number - 1)
    begun, ended = created + timedelta(hours=1), created + timedelta(hours=3, minutes=30)
    answer = {
        "jobArn": f"{ACCOUNT}:model-customization-job/{LLAMA}/tuning{number:06}",
        "jobName": f"support-{number}",
        "outputModelName": f"support-model-{number}",
        "outputModelArn": custom_model(number),
        "roleArn": "arn:aws:iam::123456789012:role/tuner",
        "status": "Completed",
        "statusDetails": {
            "trainingDetails": {"status": "Completed", "creationTime": begun, "lastModifiedTime": ended},
        },
        "creationTime": created,
        "lastModifiedTime": created + timedelta(hours=4),
        "endTime": created + timedelta(hours=4),
        "baseModelArn": model_arn(),
        "hyperParameters": {"epochCount": "5", "batchSize": "1", "learningRate": "0.0001"},
        "trainingDataConfig": {"s3Uri": PLACE},
        "validationDataConfig": {"validators": []},
        "outputDataConfig": {"s3Uri": "s3://results/"},
        "customizationType": "FINE_TUNING",
        **changes,
    }
    return {name: value for name, value in answer.items() if value is not None}


def listed(size: int = BYTES, **changes: Any) -> dict[str, Any]:
    """The entry of the training data in an answer of ListObjectsV2, written before the job was created."""
    key = PLACE.removeprefix("s3://corpora/")
    return {"Key": key, "Size": size, "LastModified": CREATED - timedelta(days=2), **changes}


def evidence(
    answer: dict[str, Any] | None = None, entry: dict[str, Any] | Unread | None = None, **tags: str
) -> Evidence:
    """A job with how large its data is; `entry` is {} where that was not asked. A tag `a_b` is flops-auditor:a-b."""
    known = listed() if entry is None else entry
    return Evidence(
        plain(customization() if answer is None else answer),
        tags=[{"Key": f"flops-auditor:{name.replace('_', '-')}", "Value": value} for name, value in tags.items()],
        objects={PLACE: known if isinstance(known, Unread) else plain(known)} if known else {},
        source=CUSTOMIZATION_JOB,
    )


@dataclass
class FakeCustomizationJobs:
    """The CustomizationJobs port over answers, CustomModels over those about models, and ObjectEntries over entries by
    place. `denied` holds API calls that answer AccessDenied.
    """

    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags_by_arn: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    entries: dict[str, dict[str, Any]] = field(default_factory=lambda: {PLACE: listed()})
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def add(self, answer: dict[str, Any], **tags: str) -> dict[str, Any]:
        """Put a job, or its new state, in place."""
        self.answers[answer["jobArn"]] = answer
        self.tags_by_arn[answer["jobArn"]] = tagged(**tags)
        return answer

    def describe(self, name: str, region: str) -> dict[str, Any]:
        self._called("bedrock:GetModelCustomizationJob")
        if name not in self.answers:
            raise UnknownTrainingJob(name)
        return self.answers[name]

    def tags(self, arn: str, region: str) -> list[dict[str, str]]:
        self._called("bedrock:ListTagsForResource")
        return self.tags_by_arn[arn]

    def add_model(self, answer: dict[str, Any]) -> str:
        """Put an imported or custom model in place; its ARN."""
        self.models[answer["modelArn"]] = answer
        return str(answer["modelArn"])

    def model(self, arn: str, region: str) -> dict[str, Any]:
        action = "bedrock:GetImportedModel" if ":imported-model/" in arn else "bedrock:GetCustomModel"
        self._called(action)
        self.asked.append(arn)
        if arn not in self.models:
            raise SourceDenied(Unread(action, "ResourceNotFound"))
        return self.models[arn]

    def entry(self, bucket: str, key: str) -> dict[str, Any] | None:
        self._called("s3:ListObjectsV2")
        return self.entries.get(f"s3://{bucket}/{key}")

    def _called(self, action: str) -> None:
        if action in self.denied:
            raise SourceDenied(Unread(action, "AccessDeniedException"))
