"""One job for each thing that an audit has to see, with what it answers: for the command on a file, and for the
deployed path, which reads the same from SageMaker and CloudWatch.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes.jobs import describe, tagged

LLAMA = {"model_id": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096", "bf16": "true"}
SMALL = "HuggingFaceTB/SmolLM2-360M"
TEN_DAYS = 240.0


@dataclass(frozen=True)
class Case:
    """A job, and its verdict with a kind of remark that says why, or a line that applies. `share` of the time is
    covered by its `metrics`, which rise to these values.
    """

    what: str
    verdict: str
    says: str
    hours: float = TEN_DAYS
    hosts: int = 64
    parameters: dict[str, str] = field(default_factory=lambda: dict(LLAMA))
    tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    share: float = 1.0
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def description(self) -> dict[str, Any]:
        """What differs from any job."""
        hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": self.hosts, "VolumeSizeInGB": 500}
        emits = {"MetricDefinitions": [{"Name": name, "Regex": f"{name}=(.*)"} for name in self.metrics]}
        said = {"HyperParameters": self.parameters, "AlgorithmSpecification": emits}
        return {"ResourceConfig": hosts, **said, **self.changes}

    @property
    def owner_tags(self) -> list[dict[str, str]]:
        """Tags as SageMaker lists them."""
        return tagged(**self.tags)

    def emitted(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What CloudWatch answers of its metrics, twenty times in all."""
        times = [start + (end - start) * (self.share * (step + 1) / 20.5) for step in range(20)]
        return {
            "MetricDataResults": [
                {"Label": name, "Timestamps": times, "Values": [value * (step + 1) / 20 for step in range(20)]}
                for name, value in self.metrics.items()
            ]
        }


CASES = [
    Case("1 a counter that stops", "indeterminate", "metric-covers-a-part", metrics={"num_tokens": 1e12}, share=0.4),
    Case(
        "2 a path beside a name", "indeterminate", "path-beside-model-name",
        parameters={"model_name_or_path": "/opt/ml/input/data/model"}, changes={"Environment": {"HF_MODEL_ID": SMALL}},
    ),
    Case("3 no training that counts tokens", "indeterminate", "not-training-contradicted",
         tags={"activity": "not-training"}, metrics={"num_tokens": 1e12}),
    Case("5 less than any published run", "indeterminate", "implausible-utilisation", tags={"tokens": "1e9"}),
    Case("6 likely above, on hardware alone", "indeterminate", "lowest-of-published-runs", hours=300),
    Case("7 a length that is not said", "indeterminate", "sequence-length-unknown",
         parameters={"model_id": LLAMA["model_id"]}, tags={"tokens": "3e12"}),
    Case("8 a small original", "below", "small-original", hours=24, hosts=1,
         parameters={"model_id": "distilbert/distilbert-base-uncased"}),
    Case("9 rollouts", "indeterminate", "several-updates-of-one-rollout",
         parameters={**LLAMA, "trainer_type": "GRPOTrainer", "num_iterations": "4"}, tags={"tokens": "1.5e12"}),
    Case("10 ten days without a word of why", "indeterminate", "training-time-unexplained",
         changes={"SecondaryStatusTransitions": [], "TrainingTimeInSeconds": 0}),
    Case("11 two figures for an original", "indeterminate", "original-straddles-a-line", hours=1, hosts=1,
         parameters={"model_id": "microsoft/Phi-3-mini-4k-instruct"}),
    Case("12 a number without an end", "below", "one-third", hours=1, hosts=1,
         parameters={**LLAMA, "num_train_epochs": "1e-99999999", "max_steps": "9" * 2_000}, tags={"tokens": "1e9"}),
]  # fmt: skip


def said(document: dict[str, Any]) -> set[str]:
    """Kinds of all that a record or an answer of `audit` says, and the lines that apply."""
    lines = document["assessments"]
    remarks = [*document["estimate"]["assumptions"], *document["estimate"]["doubts"]]
    remarks += [remark for line in lines for name in ("doubts", "notes") for remark in line[name]]
    return {remark["kind"] for remark in remarks} | {line["scenario"] for line in lines}


def described(case: Case) -> dict[str, Any]:
    """The whole description of a job of some day."""
    return describe(hours=case.hours, **case.description)
