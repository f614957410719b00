"""Jobs made at random, whose truth is known and whose evidence is cut, mislabelled or contradicted: what happened to
each follows from its seed.

The truth begins with the hardware and how much of its peak it used, drawn from what published runs reached; tokens and
metrics follow from it. AWS describes the job truly; what the job emits and its owner writes may be wrong, never by bad
will: tokens of one epoch, counters of each host, an MFU against another peak, the name of another model.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from fractions import Fraction
from json import dumps
from math import ceil
from random import Random
from shlex import quote
from typing import Any
from unittest.mock import patch

from flops_auditor.data import load_tables
from flops_auditor.domain.audit import audit as auditing
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.audit.heard import Heard
from flops_auditor.domain.audit.rests_on import LineWithout, RestsOn
from flops_auditor.domain.compute.attention import attention_flop
from flops_auditor.domain.law.assessment import Line
from flops_auditor.domain.originals.base_models import BaseModel
from flops_auditor.domain.runs.evidence import Evidence
from tests.fakes.cases import audit
from tests.fakes.jobs import CREATED, describe, tagged

TABLES = load_tables()
MODELS = [
    model
    for model in TABLES.models.models.values()  # type: ignore[union-attr]
    if model.size is not None and model.size.shape is not None
]
TYPES = ("ml.p5.48xlarge", "ml.p5.48xlarge", "ml.p4d.24xlarge", "ml.p5en.48xlarge", "ml.g5.12xlarge", "ml.g6e.12xlarge")
STATUSES = ("Completed", "Completed", "Completed", "Failed", "Stopped")
MOST_POINTS = 48
"""Of a series: a longer job is logged less often."""
LONGEST_HOURS = 28 * 24
RATE = "throughput/tokens_per_sec"


@dataclass
class MadeUp:
    """A job with its truth. `updates` and `cumulative` are FLOP on the two bases; `per_token` FLOP of a token that is
    trained on, `tokens` all of them, `passes` how often each rollout is trained on.
    """

    random: Random
    model: BaseModel
    kind: str
    hosts: int
    hours: float
    utilisation: float
    occupancy: float
    fast: bool
    length: int
    trainable: int | None
    technique: str
    passes: int
    updates: float
    cumulative: float
    tokens: float
    description: dict[str, Any]
    metrics: dict[str, dict[str, Any]]
    tags: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    period: int = 300
    period_known: bool = True

    @property
    def parameters(self) -> dict[str, str]:
        """Its hyperparameters."""
        found: dict[str, str] = self.description["HyperParameters"]
        return found

    @property
    def evidence(self) -> Evidence:
        """What is known of it."""
        period = self.period if self.period_known else None
        return Evidence(self.description, tagged(**self.tags), list(self.metrics.values()), period_seconds=period)

    def audited(self) -> Audit:
        """Its audit."""
        return audit(self.evidence, TABLES)

    def audited_alone(self) -> Audit:
        """Its audit without what it rests on, which takes most of the time."""
        with patch.object(auditing, "rests_on", _nothing):
            return self.audited()


def _nothing(heard: Heard, found: Audit, audited: object, tables: object, lines: Sequence[Line]) -> RestsOn[Audit]:
    """That a verdict rests on nothing that could be left out."""
    by_line = {a.line: LineWithout(a, ()) for a in found.assessments}
    return RestsOn(found, (), (), found, by_line)


def made_up(seed: int, *, near: bool = False) -> MadeUp:
    """A job with all evidence, all of it true. `near`: as large as a third of its original's compute, about."""
    random = Random(seed)
    model, kind = random.choice(MODELS), random.choice(TYPES[:4] if near else TYPES)
    size, known = model.size, TABLES.hardware.find(kind)
    assert size is not None
    assert size.shape is not None
    assert known is not None
    hosts = random.choice((1, 1, 1, 2, 4, 8, 16, 64))
    hours = 10 ** random.uniform(-0.5, 2.8)
    lowest = float(TABLES.utilisation.of(known.unit_name).lowest)
    utilisation = lowest * (0.56 / lowest) ** random.random()
    fast = random.random() < 0.15 and known.ceiling_peak > known.peak()[0]  # multiplies in FP8
    occupancy = random.uniform(max(utilisation, 0.3), 1)
    rate = float(known.units * known.peak()[0]) * 3600 * utilisation * occupancy * (1.4 if fast else 1)
    if near:
        wanted = (model.original.pretraining_flop or 1e23) / 3 * 10 ** random.uniform(-0.6, 1)
        hosts = min(64, max(1, round(wanted / rate / random.uniform(24, LONGEST_HOURS))))
        hours = min(LONGEST_HOURS, max(0.5, wanted / rate / hosts))
    flop = hosts * rate * hours
    length = min(random.choice((512, 1024, 2048, 4096, 8192, 32768)), size.shape.context)
    trainable = round(size.active * random.choice((0.001, 0.01, 0.05))) if random.random() < 0.35 else None
    technique = random.choice(("",) * 6 + ("dpo", "kto", "orpo", "grpo", "ppo"))
    passes = random.choice((1, 1, 2, 4)) if technique in ("grpo", "ppo") else 1
    products = 6 * size.active if trainable is None else 4 * size.active + 2 * trainable
    per_token = products * random.uniform(0.93, 1.02) + attention_flop(size.shape.attended, length) * random.uniform(
        0.5, 1
    )
    beside = {"dpo": 2 * size.active, "kto": 6 * size.active}.get(technique, 0)
    generated = random.uniform(0.2, 0.8) if technique in ("grpo", "ppo") else 0.0
    updates = flop * (1 - generated) * per_token / (per_token + beside)
    tokens = updates / per_token
    job = MadeUp(
        random, model, kind, hosts, hours, utilisation, occupancy, fast, length, trainable, technique, passes,
        updates, flop, tokens, {}, {},
    )  # fmt: skip
    _describe(job)
    _emit(job)
    return job


def _describe(job: MadeUp) -> None:
    parameters = {
        "model_name_or_path": job.model.model_id,
        "max_seq_length": str(job.length),
        "mixed_precision": "fp8" if job.fast else "bf16",
    }
    if job.trainable is not None:
        parameters |= {"use_peft": "true", "lora_r": "16"}
        job.tags["trainable-params"] = str(job.trainable)
    if job.technique:
        parameters["trainer_type"] = f"{job.technique.upper()}Trainer"
    if job.technique in ("grpo", "ppo"):
        parameters["num_iterations" if job.technique == "grpo" else "num_ppo_epochs"] = str(job.passes)
    job.period = 60 * max(5, ceil(job.hours * 60 / MOST_POINTS))
    job.description = describe(
        hours=job.hours,
        ResourceConfig={"InstanceType": job.kind, "InstanceCount": job.hosts},
        TrainingJobStatus=job.random.choice(STATUSES),
        HyperParameters=parameters,
    )


def _times(job: MadeUp) -> list[datetime]:
    """When metrics are logged: about so many times in all, in a job's every period."""
    start, step = CREATED + timedelta(minutes=10), timedelta(seconds=job.period)
    count = max(1, int(timedelta(hours=job.hours) / step) + 1)
    return [start + index * step for index in range(count)]


def _emit(job: MadeUp) -> None:
    times = _times(job)
    known = TABLES.hardware.find(job.kind)
    assert known is not None
    devices = int(known.units)
    for host in range(1, job.hosts + 1):
        label = f"GPUUtilization algo-{host}"
        job.metrics[label] = {
            "Label": label,
            "Values": [100.0 * devices * job.occupancy] * len(times),
            "Timestamps": times,
        }
    counted = job.tokens / job.passes
    growing = [counted * (index + 1) / len(times) for index in range(len(times))]
    job.metrics["num_tokens"] = {"Label": "num_tokens", "Values": growing, "Timestamps": times}
    peak = known.peak("fp8" if job.fast else None)[0]
    mfu = job.updates / (float(job.hosts * known.units * peak) * job.hours * 3600)
    job.metrics["mfu"] = {"Label": "mfu", "Values": [mfu] * len(times), "Timestamps": times}


# ----- What goes wrong


def series_stops(job: MadeUp) -> None:
    """What the trainer emits ends after a part of the run."""
    share = job.random.uniform(0.05, 0.9)
    for name in ("num_tokens", "mfu"):
        if name in job.metrics:
            series = job.metrics[name]
            left = max(1, int(len(series["Values"]) * share))
            job.metrics[name] = {**series, "Values": series["Values"][:left], "Timestamps": series["Timestamps"][:left]}


def thinned(job: MadeUp) -> None:
    """Few of many points are there."""
    for name, series in list(job.metrics.items()):
        if job.random.random() < 0.7:
            kept = sorted(job.random.sample(range(len(series["Values"])), max(1, len(series["Values"]) // 12)))
            values, times = series["Values"], series["Timestamps"]
            job.metrics[name] = {**series, "Values": [values[i] for i in kept], "Timestamps": [times[i] for i in kept]}


def hosts_silent(job: MadeUp) -> None:
    """Some hosts report no occupancy."""
    for name in [name for name in job.metrics if name.startswith("GPU")]:
        if job.random.random() < 0.6:
            del job.metrics[name]


def idle_head(job: MadeUp) -> None:
    """Occupancy is known of a quiet beginning alone."""
    for name, series in list(job.metrics.items()):
        if name.startswith("GPU"):
            job.metrics[name] = {**series, "Values": [0.0], "Timestamps": series["Timestamps"][:1]}


def no_period(job: MadeUp) -> None:
    job.period_known = False


def without(*names: str) -> Callable[[MadeUp], None]:
    """These metrics were not emitted, hyperparameters and tags not written."""

    def cut(job: MadeUp) -> None:
        for name in names:
            job.metrics.pop(name, None)
            job.parameters.pop(name, None)
            job.tags.pop(name, None)

    cut.__name__ = f"without {', '.join(names)}"
    return cut


def final_values_alone(job: MadeUp) -> None:
    """SageMaker keeps last values; the series are gone, and the last MFU is that of a good moment or of a bad one."""
    ended = job.description["TrainingEndTime"]
    values = {name: job.metrics.pop(name)["Values"][-1] for name in ("num_tokens", "mfu") if name in job.metrics}
    if "mfu" in values:
        values["mfu"] *= job.random.uniform(0.2, 1.2)
    job.description["FinalMetricDataList"] = [
        {"MetricName": name, "Value": value, "Timestamp": ended} for name, value in values.items()
    ]


def per_host(job: MadeUp) -> None:
    """Each host counts its own tokens."""
    series = job.metrics.pop("num_tokens", None)
    for host in range(1, job.hosts + 1) if series else ():
        label = f"num_tokens algo-{host}"
        job.metrics[label] = {**series, "Label": label, "Values": [value / job.hosts for value in series["Values"]]}


def tokens_in_a_tag(times: float, name: str) -> Callable[[MadeUp], None]:
    def slip(job: MadeUp) -> None:
        for metric in [metric for metric in job.metrics if metric.startswith("num_tokens")]:
            del job.metrics[metric]
        job.tags["tokens"] = f"{max(1, round(job.tokens / job.passes * times))}"

    slip.__name__ = name
    return slip


def one_epoch(job: MadeUp) -> None:
    epochs = job.random.choice((2, 3, 5))
    job.parameters["num_train_epochs"] = str(epochs)
    tokens_in_a_tag(1 / epochs, "")(job)


def packed(job: MadeUp) -> None:
    """Parameters as they are stored: 4-bit weights packed."""
    size = job.model.size
    assert size is not None
    job.tags["params"] = str(size.total // 2)


def experts_as_total(job: MadeUp) -> None:
    size = job.model.size
    assert size is not None
    job.tags["active-params"] = str(max(1, size.active // 3))


def mfu_of_the_fast_peak(job: MadeUp) -> None:
    """The MFU is a share of FP8's peak, and nothing says so."""
    job.parameters.pop("mixed_precision", None)
    if "mfu" in job.metrics:
        series = job.metrics["mfu"]
        job.metrics["mfu"] = {**series, "Values": [value / 2 for value in series["Values"]]}


def mfu_in_percent(job: MadeUp) -> None:
    if "mfu" in job.metrics:
        series = job.metrics["mfu"]
        job.metrics["mfu"] = {**series, "Values": [value * 100 for value in series["Values"]]}


def rate_of_one_unit(job: MadeUp) -> None:
    """Tokens/s of one accelerator under the name of all."""
    job.metrics.pop("num_tokens", None)
    times = _times(job)
    known = TABLES.hardware.find(job.kind)
    assert known is not None
    rate = job.tokens / job.passes / (job.hours * 3600) / float(job.hosts * known.units)
    job.metrics["rate"] = {"Label": "tokens_per_second", "Values": [rate] * len(times), "Timestamps": times}


def local_path(job: MadeUp) -> None:
    job.parameters["model_name_or_path"] = "/opt/ml/input/data/model"
    if job.random.random() < 0.5:
        job.description["Environment"] = {"HF_MODEL_ID": job.random.choice(MODELS).model_id}


def other_model(job: MadeUp) -> None:
    """A tag that was left from another job."""
    job.tags["base-model"] = job.random.choice(MODELS).model_id


def short_length(job: MadeUp) -> None:
    job.parameters["max_seq_length"] = "512"


def adapters_said(job: MadeUp) -> None:
    """A rank left at its default, while all is trained; or the other way round."""
    job.parameters["lora_r"] = "16"
    if job.random.random() < 0.5:
        job.parameters["peft_type"] = "None"
    job.tags.pop("trainable-params", None)


def slow_precision(job: MadeUp) -> None:
    job.tags["precision"] = "fp32"


def not_training(job: MadeUp) -> None:
    job.tags["activity"] = job.random.choice(("not-training", "synthetic-data", "pretraining"))


def high_original(job: MadeUp) -> None:
    job.description["Environment"] = {"PRETRAIN_FLOPS": job.random.choice(("1e26", "0", "lots", "1e22"))}


def spans_gone(job: MadeUp) -> None:
    seconds = job.random.choice((None, 0, 60, round(job.hours * 3600)))
    job.description |= {"SecondaryStatusTransitions": [], "TrainingTimeInSeconds": seconds}


def technique_unsaid(job: MadeUp) -> None:
    for name in ("trainer_type", "num_iterations", "num_ppo_epochs"):
        job.parameters.pop(name, None)


def recipe(job: MadeUp) -> None:
    """A recipe that plans for more than was trained."""
    steps = max(1, round(job.tokens * job.random.uniform(1, 3) / (64 * job.length)))
    job.parameters.update(max_steps=str(steps), global_batch_size="64")
    job.metrics.pop("num_tokens", None)


def plan_of_a_padded_run(job: MadeUp) -> None:
    """The counter leaves padding out, which the hardware multiplies like any token; steps and batches are said."""
    for metric in [metric for metric in job.metrics if metric.startswith("num_tokens")]:
        series = job.metrics[metric]
        share = job.random.uniform(0.1, 0.9)
        job.metrics[metric] = {**series, "Values": [value * share for value in series["Values"]]}
    batch = job.random.choice(("global_batch_size", "train_batch_size"))
    known = TABLES.hardware.find(job.kind)
    assert known is not None
    devices = job.hosts * int(known.units) if batch == "train_batch_size" else 1
    steps = max(1, ceil(job.tokens / job.passes / (8 * devices * job.length)))
    job.parameters.update({"max_steps": str(steps), batch: "8"})


def samples_of_a_padded_run(job: MadeUp) -> None:
    """The counter leaves padding out; the samples that are trained on in a second are emitted."""
    for metric in [metric for metric in job.metrics if metric.startswith("num_tokens")]:
        series = job.metrics[metric]
        job.metrics[metric] = {**series, "Values": [value / 4 for value in series["Values"]]}
    rate = job.tokens / job.passes / job.length / (job.hours * 3600)
    times = _times(job)
    job.metrics["samples"] = {"Label": "train_samples_per_second", "Values": [rate] * len(times), "Timestamps": times}


def passages(job: MadeUp) -> None:
    """Each sample of the plan is a group of texts; the tag counts one of them."""
    group = job.random.choice((2, 4, 8))
    tokens_in_a_tag(1 / group, "")(job)
    steps = max(1, ceil(job.tokens / job.passes / (group * 64 * job.length)))
    job.parameters.update(max_steps=str(steps), global_batch_size="64", train_group_size=str(group))


def mfu_of_the_sparse_peak(job: MadeUp) -> None:
    """The MFU is a share of the peak with structured sparsity, and the precision is said."""
    job.parameters["bf16"] = "true"
    if "mfu" in job.metrics:
        series = job.metrics["mfu"]
        job.metrics["mfu"] = {**series, "Values": [value / 2 for value in series["Values"]]}


def mfu_of_fp32s_peak(job: MadeUp) -> None:
    """The MFU is a share of FP32's peak, the precision that a trainer takes where nothing is said."""
    job.parameters.pop("mixed_precision", None)
    known = TABLES.hardware.find(job.kind)
    if "mfu" in job.metrics and known is not None:
        times = float(known.peak()[0] / known.peak("fp32")[0])
        series = job.metrics["mfu"]
        job.metrics["mfu"] = {**series, "Values": [min(0.54, value * times) for value in series["Values"]]}


def extended_context(job: MadeUp) -> None:
    """The length is not said, and may be longer than the model's own."""
    job.parameters.pop("max_seq_length", None)
    job.parameters["rope_scaling"] = '{"type": "yarn", "factor": 4.0}'


def loaded_from_a_place(job: MadeUp) -> None:
    """A trainer's own name for the weights, beside or instead of the model's."""
    name = job.random.choice(("load", "checkpoint_dir", "pretrained_checkpoint"))
    job.parameters[name] = f"/opt/ml/input/data/{job.random.choice(('weights', 'model/step_100'))}"
    if job.random.random() < 0.5:
        job.parameters.pop("model_name_or_path", None)


def resumed(job: MadeUp) -> None:
    """It goes on from a checkpoint, which its counter was restored with."""
    earlier = job.tokens / job.passes * 10 ** job.random.uniform(-0.7, 1.3)
    for name in [name for name in job.metrics if name.startswith("num_tokens")]:
        job.metrics[name] = {**job.metrics[name], "Values": [earlier + value for value in job.metrics[name]["Values"]]}
    for final in job.description.get("FinalMetricDataList", ()):
        final["Value"] += earlier if final["MetricName"] == "num_tokens" else 0
    if job.random.random() < 0.5:
        job.parameters["resume_from_checkpoint"] = "true"
    else:
        job.description["CheckpointConfig"] = {"S3Uri": "s3://bucket/checkpoints/"}


def rates_of_updates(job: MadeUp) -> None:
    """Where it generates its data, what it emits was measured while it trained, a part of the time."""
    if job.technique not in ("grpo", "ppo"):
        return
    times, faster = _times(job), job.cumulative / job.updates
    job.metrics.pop("num_tokens", None)
    rate = job.tokens / job.passes / (job.hours * 3600) * faster
    job.metrics["rate"] = {"Label": RATE, "Values": [rate] * len(times), "Timestamps": times}
    if "mfu" in job.metrics:
        job.metrics["mfu"] = {**job.metrics["mfu"], "Values": [v * faster for v in job.metrics["mfu"]["Values"]]}


def other_model_for_the_toolkit(job: MadeUp) -> None:
    """A variable as SageMaker's toolkit writes them, left from another job."""
    left = {"SM_HP_MODEL_NAME_OR_PATH": job.random.choice(MODELS).model_id}
    job.description["Environment"] = {**job.description.get("Environment", {}), **left}


def as_one_text(job: MadeUp) -> None:
    """All hyperparameters as a configuration in JSON."""
    job.description["HyperParameters"] = {"config": dumps({"trainer": dict(job.parameters)})}


def on_the_command_line(job: MadeUp) -> None:
    """All hyperparameters as options of the container's command."""
    options = [f"--{name}={value}" for name, value in job.parameters.items()]
    job.description["AlgorithmSpecification"] = {
        "ContainerEntrypoint": ["bash", "-c"],
        "ContainerArguments": [f"torchrun train.py {' '.join(map(quote, options))}"],
    }
    job.description["HyperParameters"] = {}


def in_variables(job: MadeUp) -> None:
    """All hyperparameters as variables, as a script hands them on."""
    variables = {name.upper(): value for name, value in job.parameters.items()}
    job.description["Environment"] = {**job.description.get("Environment", {}), **variables}
    job.description["HyperParameters"] = {}


def in_variables_of_the_toolkit(job: MadeUp) -> None:
    """All hyperparameters in one variable, as SageMaker's toolkit hands them on."""
    handed_on = {"SM_HPS": dumps(dict(job.parameters))}
    job.description["Environment"] = {**job.description.get("Environment", {}), **handed_on}
    job.description["HyperParameters"] = {}


PLACES: tuple[Callable[[MadeUp], None], ...] = (
    as_one_text, on_the_command_line, in_variables, in_variables_of_the_toolkit,
)  # fmt: skip
"""Where else everything may be said; nothing is said elsewhere after them."""

FAULTS: tuple[Callable[[MadeUp], None], ...] = (
    series_stops, thinned, hosts_silent, idle_head, no_period, final_values_alone, per_host, one_epoch, packed,
    experts_as_total, mfu_of_the_fast_peak, mfu_in_percent, rate_of_one_unit, local_path, other_model, short_length,
    plan_of_a_padded_run, samples_of_a_padded_run, passages, mfu_of_the_sparse_peak, mfu_of_fp32s_peak,
    extended_context, loaded_from_a_place, resumed, rates_of_updates, other_model_for_the_toolkit,
    adapters_said, slow_precision, not_training, high_original, spans_gone, technique_unsaid, recipe,
    without("num_tokens"), without("mfu"), without("num_tokens", "mfu"), without("max_seq_length"),
    without("model_name_or_path"), without("mixed_precision"), without("trainable-params"),
    tokens_in_a_tag(1, "true tokens in a tag"), tokens_in_a_tag(0.5, "tokens of one answer"),
    tokens_in_a_tag(0.001, "tokens in thousands"), tokens_in_a_tag(10, "ten times the tokens"),
)  # fmt: skip


def spoiled(seed: int) -> MadeUp:
    """A job near its line, of which one to four things are wrong or missing."""
    job = made_up(seed, near=True)
    for fault in job.random.sample(FAULTS, job.random.choice((1, 1, 2, 2, 3, 4))):
        fault(job)
        job.done.append(fault.__name__)
    if job.random.random() < 0.2:
        place = job.random.choice(PLACES)
        place(job)
        job.done.append(place.__name__)
    return job


# ----- What should come of it


@dataclass(frozen=True)
class Lines:
    """What the run may take on each line that applies to it if all is known, and whether it took more."""

    over: bool
    far_under: bool


def lines_of(job: MadeUp, honest: Audit) -> Lines:
    """The truth beside the lines of the same job with true evidence."""
    rooms = [(a.room_flop, job.updates if a.rule.basis == "updates" else job.cumulative) for a in honest.assessments]
    return Lines(any(truth > room for room, truth in rooms), all(truth < Fraction(room, 3) for room, truth in rooms))


def far_under_its_own_lines(job: MadeUp, found: Audit) -> bool:
    """Whether the truth is under a third of the lines that apply to the job as it is known."""
    return all(
        (job.updates if a.rule.basis == "updates" else job.cumulative) < Fraction(max(0, a.room_flop), 3)
        for a in found.assessments
    )
