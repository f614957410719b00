"""One job for each thing that an audit has to see, with what it answers: for the command on a file, and for the
deployed path, which reads the same from SageMaker and CloudWatch.
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.fakes.jobs import describe, tagged

LLAMA = {"model_id": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096", "bf16": "true"}
SMALL = "HuggingFaceTB/SmolLM2-360M"
LARGEST = "meta-llama/Llama-3.1-405B"
TEN_DAYS, MONTH = 240.0, 720.0
NO_HARDWARE: dict[str, Any] = {"ResourceConfig": {}}


@dataclass(frozen=True)
class Case:
    """A job, and its verdict with a kind of remark that says why, or a line that applies. `share` of the time is
    covered by its `metrics`, which rise to these values, and by those that are `steady`, in as many `points`.
    `in_files_alone`: CloudWatch has no such thing, since what training code emits has no host there.
    """

    what: str
    verdict: str
    says: str
    hours: float = TEN_DAYS
    hosts: int = 64
    parameters: dict[str, str] = field(default_factory=lambda: dict(LLAMA))
    tags: dict[str, str] = field(default_factory=dict)
    other_tags: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    steady: dict[str, float] = field(default_factory=dict)
    points: int = 20
    share: float = 1.0
    changes: dict[str, Any] = field(default_factory=dict)
    in_files_alone: bool = False

    @property
    def description(self) -> dict[str, Any]:
        """What differs from any job."""
        hosts = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": self.hosts, "VolumeSizeInGB": 500}
        names = {label.split(" ")[0] for label in (*self.metrics, *self.steady)} - {OCCUPANCY}
        emits = {"MetricDefinitions": [{"Name": name, "Regex": f"{name}=(.*)"} for name in sorted(names)]}
        said = {"HyperParameters": self.parameters, "AlgorithmSpecification": emits}
        return {"ResourceConfig": hosts, **said, **self.changes}

    @property
    def owner_tags(self) -> list[dict[str, str]]:
        """Tags as SageMaker lists them."""
        return [*tagged(**self.tags), *({"Key": key, "Value": value} for key, value in self.other_tags.items())]

    def emitted(self, start: datetime, end: datetime) -> dict[str, Any]:
        """What CloudWatch answers of its metrics."""
        steps = range(1, self.points + 1)
        times = [start + (end - start) * (self.share * step / (self.points + 0.5)) for step in steps]
        rising = {name: [value * step / self.points for step in steps] for name, value in self.metrics.items()}
        same = {name: [value] * self.points for name, value in self.steady.items()}
        return {
            "MetricDataResults": [
                {"Label": name, "Timestamps": times, "Values": values} for name, values in (rising | same).items()
            ]
        }


OCCUPANCY = "GPUUtilization"
UNNAMED = {"max_seq_length": "4096", "bf16": "true"}
BILLED = {"BillableTokenCount": 3 * 10**12}
HUB = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/"


def serverless(model: str, **config: str) -> dict[str, Any]:
    """What a serverless job has in place of hardware."""
    return {**NO_HARDWARE, "ServerlessJobConfig": {"BaseModelArn": HUB + model, "JobType": "FineTuning", **config}}


def last_value(name: str, value: float) -> dict[str, Any]:
    """What SageMaker keeps of a metric whose series is gone."""
    return {"FinalMetricDataList": [{"MetricName": name, "Value": value}]}


CASES = [
    Case("1 a counter that stops", "indeterminate", "metric-covers-a-part", metrics={"num_tokens": 1e12}, share=0.4),
    Case("1 ten points in five days", "indeterminate", "metric-covers-a-part", hours=120,
         steady={"mfu": 0.05}, points=10),
    Case("1 a counter of each host", "indeterminate", "counter-of-each-host", hours=720, hosts=16,
         metrics={f"num_tokens algo-{host}": 2.2e11 + 1e9 * host for host in range(1, 17)}, in_files_alone=True),
    Case("1 a last value of a mean", "indeterminate", "only-a-final-value", changes=last_value("mfu", 0.05)),
    Case("1 a last value of a total", "above", "parameters-and-tokens", changes=last_value("num_tokens", 6e12)),
    Case("1 ten samples of zero in twenty days", "indeterminate", "occupancy-covers-a-part", hours=480, hosts=16,
         steady={f"{OCCUPANCY} algo-1": 0.0}, points=10),
    Case(
        "2 a path beside a name", "indeterminate", "path-beside-model-name",
        parameters={"model_name_or_path": "/opt/ml/input/data/model"}, changes={"Environment": {"HF_MODEL_ID": SMALL}},
    ),
    Case("2 names that disagree", "indeterminate", "model-names-disagree", tags={"base-model": LARGEST}),
    Case("2 a name in a variable of the toolkit", "indeterminate", "model-names-disagree",
         parameters={"model_id": LARGEST}, changes={"Environment": {"SM_HP_MODEL_NAME_OR_PATH": LLAMA["model_id"]}}),
    Case("2 a name of JumpStart that disagrees", "indeterminate", "model-names-disagree",
         parameters={"model_id": LARGEST},
         other_tags={"sagemaker-sdk:jumpstart-model-id": "meta-textgeneration-llama-3-8b"}),
    Case("2 a name that is not found", "indeterminate", "model-name-not-found", hours=40,
         parameters={"model_id": LARGEST, "model_name": "our-own-model"}),
    Case("2 the end of a path", "indeterminate", "model-name-is-a-hint", hours=40,
         parameters={"model_name_or_path": f"/opt/ml/input/data/{LARGEST}"}),
    Case("3 no training that counts tokens", "indeterminate", "not-training-contradicted",
         tags={"activity": "not-training"}, metrics={"num_tokens": 1e12}),
    Case("3 what it would be", "indeterminate", "were-it-training", tags={"activity": "not-training"}, hours=5000),
    Case("3 pretraining of weights", "indeterminate", "activity-contradicted", tags={"activity": "pretraining"}),
    Case("3 synthetic data of a fine-tuned model", "indeterminate", "activity-contradicted",
         tags={"activity": "synthetic-data"}, metrics={"num_tokens": 4e12}),
    Case("3 a figure against the table", "indeterminate", "pretraining-figures-disagree",
         changes={"Environment": {"PRETRAIN_FLOPS": "5e25"}}),
    Case("3 a figure of nought", "indeterminate", "counts-as-unknown", tags={"pretrain-flops": "0"}),
    Case("4 a count without the words of its meter", "indeterminate", "meter-words-missing", MONTH, 3, UNNAMED,
         metrics={"flops_auditor:model_flop": 1e22}),
    Case("4 a count of a model that is not known", "indeterminate", "trainer-leaves-out-unknown", MONTH, 3, UNNAMED,
         metrics={"total_flos": 1e22}, points=1440),
    Case("5 less than any published run", "indeterminate", "implausible-utilisation", tags={"tokens": "1e9"}),
    Case("6 likely above, on hardware alone", "indeterminate", "lowest-of-published-runs", hours=300),
    Case("6 above by the least of published runs", "above", "lowest-of-published-runs", hours=2500),
    Case("7 a length that is not said", "indeterminate", "sequence-length-unknown",
         parameters={"model_id": LLAMA["model_id"]}, tags={"tokens": "3e12"}),
    Case("7 attention over a long context", "indeterminate", "attention-over-the-context",
         parameters={**LLAMA, "max_seq_length": "32768"}, tags={"tokens": "3.5e12"}),
    Case("7 a shape that is not known", "indeterminate", "shape-unknown", hosts=8,
         parameters={"max_seq_length": "32768"}, tags={"params": "1e9", "tokens": "4e12"}),
    Case("7 a serverless length", "indeterminate", "attention-over-the-context", parameters={},
         changes={**serverless("meta-textgeneration-llama-3-1-8b-instruct/1.0", SequenceLength="32K"), **BILLED}),
    Case("8 a small original", "below", "small-original", hours=24, hosts=1,
         parameters={"model_id": "distilbert/distilbert-base-uncased"}),
    Case("8 a small original and a modification over 1e23 together", "indeterminate", "small-original", 600, 8,
         parameters={"model_id": "EleutherAI/pythia-6.9b"}),
    Case("9 rollouts", "indeterminate", "several-updates-of-one-rollout",
         parameters={**LLAMA, "trainer_type": "GRPOTrainer", "num_iterations": "4"}, tags={"tokens": "1.5e12"}),
    Case("9 an estimator of advantages", "indeterminate", "rollouts",
         parameters={**LLAMA, "algorithm.adv_estimator": "gae"}, tags={"tokens": "3.6e12"}),
    Case("9 a loss with a reference model", "indeterminate", "reference-model",
         parameters={**LLAMA, "loss_type": "dpo"}, tags={"tokens": "3e12"}),
    Case("9 a recipe", "indeterminate", "tokens-under-the-plan", tags={"tokens": "1.5e12"}, parameters={
        "run.model_name_or_path": LLAMA["model_id"], "training_config.max_length": "4096",
        "recipes.trainer.max_steps": "500000", "training_config.train_global_batch_size": "4096"}),
    Case("9 a format that is not declared", "indeterminate", "peak-of-the-mfu-unknown", hours=170,
         parameters={"model_id": LLAMA["model_id"], "max_seq_length": "4096"}, steady={"mfu": 0.25}, points=400),
    Case("9 a rank beside no adapters", "above", "parameters-and-tokens",
         parameters={**LLAMA, "peft_type": "None", "lora_r": "16"}, tags={"tokens": "5.2e12"}),
    Case("10 ten days without a word of why", "indeterminate", "training-time-unexplained",
         changes={"SecondaryStatusTransitions": [], "TrainingTimeInSeconds": 0}),
    Case("10 a closed model and its size in a tag", "indeterminate", "nothing-bounds-it", parameters={},
         tags={"params": "1e9"}, changes={**serverless("nova-textgeneration-lite/1.0.0"), **BILLED}),
    Case("11 two figures for an original", "indeterminate", "original-straddles-a-line", hours=100, hosts=1,
         parameters={"model_id": "microsoft/Phi-3-mini-4k-instruct"}),
    Case("12 a number without an end", "below", "one-third", hours=1, hosts=1,
         parameters={**LLAMA, "num_train_epochs": "1e-99999999", "max_steps": "9" * 2_000}, tags={"tokens": "1e9"}),
]  # fmt: skip


UNSIZED = {"max_seq_length": "256"}
SIZED = {"params": "8e9", "tokens": "1.6e11"}
LIES = [
    # each is below, since it says one thing of itself that nothing measures, and indeterminate without
    Case("not-training", "below", "tag flops-auditor:activity = not-training", MONTH, 16, UNSIZED,
         tags={"activity": "not-training"}),
    Case("activity", "below", "tag flops-auditor:activity = synthetic-data", MONTH, 2, UNSIZED,
         tags={"activity": "synthetic-data"}),
    Case("precision", "below", "tag flops-auditor:precision = fp32", MONTH, 8, UNSIZED, tags={"precision": "fp32"}),
    Case("tokens", "below", "tag flops-auditor:tokens = 1.6e11", MONTH, 2, UNSIZED, tags=SIZED),
    Case("params", "below", "tag flops-auditor:params = 8e9", MONTH, 2, UNSIZED, tags=SIZED),
    Case("pretrain-flops", "below", "tag flops-auditor:pretrain-flops = 5e24", MONTH, 16, UNSIZED,
         tags={"pretrain-flops": "5e24"}),
    Case("PRETRAIN_FLOPS", "below", "variable PRETRAIN_FLOPS = 5e24", MONTH, 16, UNSIZED,
         changes={"Environment": {"PRETRAIN_FLOPS": "5e24"}}),
    Case("base-model", "below", f"tag flops-auditor:base-model = {LARGEST}", MONTH, 16, UNSIZED,
         tags={"base-model": LARGEST}),
    Case("a variable of the toolkit", "below", f"variable SM_HP_MODEL_ID = {LARGEST}", MONTH, 16, UNSIZED,
         changes={"Environment": {"SM_HP_MODEL_ID": LARGEST}}),
    Case("mfu", "below", "metric mfu = 0.08", MONTH, 3, UNSIZED, steady={"mfu": 0.08}, points=1440),
    Case("FLOP of the trainer", "below", "metric total_flos = 1e+23", MONTH, 16,
         metrics={"total_flos": 1e23}, points=1440),
]  # fmt: skip


def said(document: dict[str, Any]) -> set[str]:
    """Kinds of all that a record or an answer of `audit` says, and the lines that apply."""
    lines = document["assessments"]
    remarks = [*document["estimate"]["assumptions"], *document["estimate"]["doubts"]]
    remarks += [remark for line in lines for name in ("doubts", "notes") for remark in line[name]]
    return {remark["kind"] for remark in remarks} | {line["scenario"] for line in lines}


def on_its_word(document: dict[str, Any], lie: Case) -> bool:
    """Whether a record or an answer says that the verdict rests on that statement, and what it would be without."""
    rests = document["rests_on"]
    without = {f"{ground['what']} = {ground['value']}": ground["verdict_without"] for ground in rests["grounds"]}
    return bool(
        rests["on_the_jobs_word"]
        and lie.says in rests["milder"]
        and rests["verdict_without_statements"] == "indeterminate" == without.get(lie.says)
    )


def described(case: Case) -> dict[str, Any]:
    """The whole description of a job of some day."""
    return describe(hours=case.hours, **case.description)
