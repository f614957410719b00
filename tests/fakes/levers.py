"""Everything that a job's owner can write, one lever each: what readers know, with texts that they understand, in every
place where it can stand.

A lever changes what a job says of itself or emits, never what it takes.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from functools import partial
from itertools import product
from typing import Any

from flops_auditor.data import load_tables
from flops_auditor.domain.runs.declared import ACTIVITIES, TAG_PREFIX, Declared, Statements, read_declared
from flops_auditor.domain.runs.hyperparameters import LOOKED_UP
from flops_auditor.domain.runs.sources.training_job import JUMPSTART_TAG
from flops_auditor.domain.values.spelling import squeezed
from tests.fakes.jobs import CREATED, throughout
from tests.fakes.lineage import channel

LARGE, SMALL = "meta-llama/Llama-3.1-405B", "HuggingFaceTB/SmolLM2-135M"
TEXTS = (
    *("true", "false", "none", "1", "8", "4096", "1e6", "1e12", "1e18", "0.01", "full", "lora", "scratch", "resume"),
    *("fp32", "fp8", "grpo", "ppo", "dpo", "evaluate", "inference", "evaluate.py", "train_grpo.py", "adamw", "latest"),
    *(LARGE, SMALL, "/opt/ml/checkpoints/step-100", "s3://models/checkpoint-5"),
)
"""What may stand under a name: each reader understands some of them."""
TAGS: Mapping[str, tuple[str, ...]] = {
    f"{TAG_PREFIX}activity": ACTIVITIES,
    f"{TAG_PREFIX}base-model": (LARGE, SMALL, "none"),
    JUMPSTART_TAG: ("meta-textgeneration-llama-3-1-405b",),
    f"{TAG_PREFIX}precision": ("fp32", "fp8"),
    f"{TAG_PREFIX}lineage": ("none", "another"),
    f"{TAG_PREFIX}placed-on-market": ("false", "2027-01-01"),
    f"{TAG_PREFIX}generated-data": ("public",),
    f"{TAG_PREFIX}licence": ("Apache-2.0",),
    **{f"{TAG_PREFIX}{name}": ("1", "1e6", "1e9", "1e14", "x") for name in ("tokens", "params", "pretrain-flops")},
    **{f"{TAG_PREFIX}{name}": ("1", "1e6", "1e9") for name in ("active-params", "trainable-params")},
    f"{TAG_PREFIX}pretrain-flops": ("1e20", "1e24", "5e25", "x"),
    **{
        f"{TAG_PREFIX}{name}": ("true", "false")
        for name in ("original-is-ours", "original-is-general-purpose", "systemic-risk")
    },
}
ROLLOUTS = (
    *("reward", "train/reward", "reward_std", "frac_reward_zero_std", "completion_length", "completions/mean_length"),
    *("response_length/mean", "clip_ratio", "clip_ratio/low_mean", "objective/kl", "objective/rlhf_reward"),
    *("objective/scores", "policy/approxkl_avg", "policy/clipfrac_avg", "actor/pg_loss", "actor/ppo_kl"),
    *("critic/rewards/mean", "rollout/ep_len", "rollouts/time", "time/rollout", "timing_s/gen"),
    *("mean_gen_tokens_per_sample", "env_runners/episode_return_mean", "episode_reward", "ep_rew_mean", "ep_len_mean"),
)
"""A name for each alternative of those that only rollouts emit."""
BESIDE = ("eval_loss", "perplexity", "eval/accuracy", "train:rmse", "validation:auc", "step", "loss", "grad_norm")
AMOUNTS = (1e-3, 0.4, 50.0, 1e9, 1e13, 1e30)


Write = Callable[[str, str, dict[str, Any]], None]
"""Writes a text under a name into a description."""


@dataclass(frozen=True)
class Lever:
    """What is written: `name` is how the record would call it, `place` where it stands, `pull` writes it into a
    description and the metrics. `says` is what it comes to: two levers of the same say the same.
    """

    name: str
    place: str
    says: str
    pull: Callable[[dict[str, Any], list[dict[str, Any]]], None]

    @property
    def words(self) -> str:
        """For people who read a failed test."""
        return f"{self.place} {self.name}: {self.says}"


def _write(write: Write, name: str, text: str, job: dict[str, Any], _: object) -> None:
    write(name, text, job)


def _hyperparameter(name: str, text: str, job: dict[str, Any]) -> None:
    job["HyperParameters"] = {**job["HyperParameters"], name: text}


def _variable(name: str, text: str, job: dict[str, Any]) -> None:
    job["Environment"] = {**job.get("Environment", {}), name.upper().replace(".", "_"): text}


def _of_the_toolkit(name: str, text: str, job: dict[str, Any]) -> None:
    job["Environment"] = {**job.get("Environment", {}), f"SM_HP_{name.upper()}": text}


def _in_json(name: str, text: str, job: dict[str, Any]) -> None:
    known = json.loads(job.get("Environment", {}).get("SM_HPS", "{}"))
    job["Environment"] = {**job.get("Environment", {}), "SM_HPS": json.dumps({**known, name: text})}


def _argument(name: str, text: str, job: dict[str, Any]) -> None:
    known = job.get("AlgorithmSpecification", {}).get("ContainerArguments", [])
    words = [text] if name == "entrypoint" else [f"--{name}={text}"]
    job["AlgorithmSpecification"] = {"TrainingImage": "x", "ContainerArguments": [*known, *words]}


def _setting(name: str, text: str, job: dict[str, Any]) -> None:
    known = json.loads(job["HyperParameters"].get("settings", "{}"))
    job["HyperParameters"] = {**job["HyperParameters"], "settings": json.dumps({**known, name: text})}


PLACES: Mapping[str, Write] = {
    "hyperparameter": _hyperparameter,
    "variable": _variable,
    "variable of the toolkit": _of_the_toolkit,
    "JSON of the toolkit": _in_json,
    "argument": _argument,
    "JSON in a hyperparameter": _setting,
}
"""Where a setting of a trainer can stand."""


def settings() -> Iterator[tuple[str, str, str]]:
    """Each name that is looked up with each text that says something under it: and what it says."""
    nothing = read_declared(Statements({}, {}, {}))
    for name, text in product(sorted(LOOKED_UP), TEXTS):
        said = _differences(nothing, read_declared(Statements({}, {name: text}, {})))
        if said:
            yield name, text, said


def _differences(nothing: Declared, read: Declared) -> str:
    never = {"notes", "training_signs", "statements", "names"}
    changed = (each.name for each in fields(Declared) if each.name not in never)
    said = {name: getattr(read, name) for name in changed if getattr(read, name) != getattr(nothing, name)}
    return ", ".join(f"{name} = {value}" for name, value in said.items())


def of_settings() -> Iterator[Lever]:
    """Settings of trainers, in each place."""
    for (name, text, says), (place, write) in product(settings(), PLACES.items()):
        yield Lever(name, place, says, partial(_write, write, name, text))
    for text in ("1e20", "1e24", "5e25", "x"):
        pull = partial(_write, _variable, "PRETRAIN_FLOPS", text)
        yield Lever("PRETRAIN_FLOPS", "variable", f"original {text}", pull)


def of_tags() -> Iterator[Lever]:
    """Tags that are read."""
    for key, texts in TAGS.items():
        for text in texts:
            yield Lever(key, "tag", text, partial(_write, _tag, key, text))


def _tag(key: str, text: str, job: dict[str, Any]) -> None:
    job["Tags"] = [*(tag for tag in job.get("Tags", []) if tag["Key"] != key), {"Key": key, "Value": text}]


def of_metrics(hours: float) -> Iterator[Lever]:
    """Metrics with amounts: last values, and all through a training of `hours`, of the run or of one host."""
    known = sorted(load_tables().metrics.meanings)
    for name in (*known, *ROLLOUTS, *BESIDE):
        for amount in AMOUNTS if name in known else (1.0,):
            yield Lever(name, "last value", f"{amount:g}", partial(_last, name, amount, hours))
            yield Lever(name, "metric", f"{amount:g}", partial(_always, name, amount, hours))
            yield Lever(name, "metric of a host", f"{amount:g}", partial(_always, f"{name} algo-1", amount, hours))


def _last(name: str, amount: float, hours: float, job: dict[str, Any], _: object) -> None:
    final = {"MetricName": name, "Value": amount, "Timestamp": CREATED + timedelta(minutes=10, hours=hours)}
    job["FinalMetricDataList"] = [*job.get("FinalMetricDataList", []), final]


def _always(label: str, amount: float, hours: float, _: object, metrics: list[dict[str, Any]]) -> None:
    metrics.append(throughout({"Id": "m", "Label": label, "Values": [amount]}, hours))


def of_channels() -> Iterator[Lever]:
    """Input channels."""
    names, uris = (
        ("model", "checkpoint", "teacher", "reward", "train"),
        ("s3://models/large", "s3://models/checkpoint-5"),
    )
    for name, uri in product(names, uris):
        yield Lever(name, "channel", uri, partial(_write, _channel, name, uri))


def _channel(name: str, uri: str, job: dict[str, Any]) -> None:
    job["InputDataConfig"] = [*job.get("InputDataConfig", []), channel(name, uri)]


def levers(hours: float) -> list[Lever]:
    """All of them."""
    return [*of_settings(), *of_tags(), *of_metrics(hours), *of_channels()]


def is_named(lever: Lever, words: str) -> bool:
    """Whether words of a record name a lever. What an argument starts is called an entry point, whatever it is, and
    channels are the places that it reads.
    """
    starts = lever.place == "argument" and "entry_point" in words
    reads = lever.place == "channel" and "places it reads" in words
    return starts or reads or squeezed(lever.name).replace(".", "") in squeezed(words).replace(".", "")
