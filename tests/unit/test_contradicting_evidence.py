"""Evidence that contradicts itself is never below by the smaller part of it, nor above by the larger one alone."""

from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.lineage.lineage import Ancestor, Lineage, not_looked_up
from flops_auditor.domain.originals.find_origin import find_origin
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.hyperparameters import Hyperparameters
from flops_auditor.domain.runs.metric_signs import only_training_emits, training_may_emit
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.training_job_answer import MalformedJob
from tests.fakes.jobs import CREATED, describe

TABLES = load_tables()
HOURS = 336
HOSTS = 20
WHOLE = HOSTS * 8 * 9894 * 10**11 * 3600 * HOURS
"""FLOP of 20 x p5 in 14 days: 1.9e23, of which the truth is 8.6e22, over the line of its original, 5.9e22."""
OLMO = {"model_name_or_path": "allenai/OLMo-2-1124-7B"}
TOKENS = 0.45 * WHOLE / (6 * 7.3e9)
"""What the truth trains on."""


def series(label: str, values: list[float], every: float = 1) -> dict[str, Any]:
    """Values `every` so many hours."""
    start = CREATED + timedelta(minutes=10)
    times = [start + timedelta(hours=every * step) for step in range(len(values))]
    return {"Label": label, "Values": values, "Timestamps": times}


def flat(label: str, value: float) -> dict[str, Any]:
    return series(label, [value] * HOURS)


def counter(label: str, total: float) -> dict[str, Any]:
    return series(label, [total * (hour + 1) / HOURS for hour in range(HOURS)])


def busy(percent: float, hosts: int = HOSTS, first: int = 1) -> list[dict[str, Any]]:
    """GPUUtilization as CloudWatch gives it: the sum over the eight accelerators of each host."""
    return [flat(f"GPUUtilization algo-{host}", 8 * percent) for host in range(first, hosts + first)]


def audited(
    metrics: list[dict[str, Any]],
    parameters: dict[str, str] | None = None,
    tags: dict[str, str] | None = None,
    kind: str = "ml.p5.48xlarge",
    hosts: int = HOSTS,
    period: int | None = None,
    **changes: Any,
) -> Audit:
    job = describe(
        hours=HOURS,
        **{
            "ResourceConfig": {"InstanceType": kind, "InstanceCount": hosts},
            "HyperParameters": OLMO if parameters is None else parameters,
            "Tags": [{"Key": f"flops-auditor:{key}", "Value": value} for key, value in (tags or {}).items()],
            **changes,
        },
    )
    return audit(case_of(Evidence(job, metrics=metrics, period_seconds=period)), TABLES)


def kinds(found: Audit) -> set[str]:
    """Kinds of everything that is said of the figures."""
    return {remark.kind.name for remark in (*found.estimate.assumptions, *found.estimate.doubts)}


# ----- Occupancy


@pytest.mark.parametrize("period", [None, 3600])
@pytest.mark.parametrize("percent", [0, 3])
@pytest.mark.parametrize(
    ("metrics", "parameters"),
    [
        ([counter("num_tokens", 2e12), flat("loss", 1)], {}),
        ([flat("loss", 1)], OLMO),
        ([flat("train_runtime", 1)], {}),
        ([], {"learning_rate": "1e-5"}),
        ([], OLMO),
    ],
)
def test_hardware_that_works_is_not_idle(
    percent: float, metrics: list[dict[str, Any]], parameters: dict[str, str], period: int | None
) -> None:
    """MIG, a broken agent, or the statistic Minimum: 0 % beside signs of training bounds nothing."""
    found = audited(busy(percent) + metrics, parameters, period=period)
    assert found.verdict == "indeterminate"
    assert found.estimate.cautious_upper_flop == WHOLE
    assert found.estimate.firm_flop in (0, found.estimate.lower_flop)
    assert found.estimate.lower_flop is not None and found.estimate.lower_flop <= WHOLE * percent / 100 * 0.06
    assert kinds(found) & {"idle-though-training", "occupancy-in-fractions"}


def test_idle_hosts_of_a_run_that_works_count_as_busy() -> None:
    found = audited(busy(97, 1) + busy(0, HOSTS - 1, first=2), period=3600)
    assert found.verdict == "indeterminate"
    assert "algo-10" in str([remark.words for remark in found.estimate.assumptions])


def test_hardware_that_nothing_says_worked_may_be_idle() -> None:
    found = audited(busy(2), {}, period=3600)
    assert found.verdict == "below" and found.estimate.upper_flop == pytest.approx(0.02 * WHOLE, rel=1e-3)


@pytest.mark.parametrize(("hours", "value"), [(24, 0), (12, 40)])
def test_samples_far_apart_say_nothing_of_the_time_between_them(hours: float, value: float) -> None:
    """A day is no cadence of an agent: each value is a sample of a minute."""
    found = audited(
        [series(f"GPUUtilization algo-{host}", [value] * int(HOURS / hours), hours) for host in range(1, 21)]
    )
    assert found.verdict == "indeterminate"
    assert found.estimate.cautious_upper_flop is not None and found.estimate.cautious_upper_flop > 0.99 * WHOLE


@pytest.mark.parametrize("value", [0.97, 97])
def test_occupancy_in_another_unit_bounds_nothing(value: float) -> None:
    """A fraction, or the mean over the eight accelerators of a host, in somebody's file."""
    found = audited([flat(f"GPUUtilization algo-{host}", value) for host in range(1, 21)])
    assert found.verdict == "indeterminate"
    assert found.estimate.cautious_upper_flop is not None and found.estimate.cautious_upper_flop >= 0.96 * WHOLE
    assert kinds(found) & {"occupancy-in-fractions", "occupancy-of-one-accelerator"}
    assert found.estimate.settle is not None


def test_cloudwatch_is_known_to_give_the_sum() -> None:
    """One accelerator of eight at work: what we asked CloudWatch for has its unit."""
    one = [flat(f"GPUUtilization algo-{host}", 97) for host in range(1, 21)]
    assert audited(one, period=3600).estimate.upper_flop == pytest.approx(0.97 / 8 * WHOLE, rel=1e-3)


# ----- Begun with no weights, beside a model's name


@pytest.mark.parametrize(
    ("said", "tags"),
    [
        ({}, {"base-model": "none"}),
        ({"from_scratch": "true"}, {}),
        ({"Train From Scratch": "1"}, {}),
        ({"init_from": "scratch"}, {}),
        ({"random_init": "true"}, {}),
    ],
)
def test_that_a_run_begins_with_no_weights_contradicts_a_models_name(
    said: dict[str, str], tags: dict[str, str]
) -> None:
    """1.5e23 FLOP: over the line of a model of one's own, a hundredth of the named one's."""
    named = {"model_id": "meta-llama/Llama-3.1-405B"}
    found = audited([flat("mfu", 0.79)], {**named, **said}, tags)
    doubts = {doubt.kind.name for each in found.assessments for doubt in each.doubts}
    assert found.verdict == "indeterminate" and "weights-or-configuration" in doubts
    assert {"systemic-one-third", "general-purpose"} <= {each.scenario for each in found.assessments}
    assert audited([flat("mfu", 0.79)], named).verdict == "below"
    denied = {**named, **dict.fromkeys(said, "false")}
    assert audited([flat("mfu", 0.79)], denied).verdict == ("indeterminate" if "init_from" in said else "below")


# ----- Not training


@pytest.mark.parametrize("name", ["train:loss", "train/loss", "lm loss", "grad_norm", "learning_rate", "train:rmse"])
def test_what_only_training_emits_contradicts_not_training(name: str) -> None:
    found = audited([flat(name, 1)], {}, {"activity": "not-training"})
    assert found.verdict == "indeterminate" and "not-training-contradicted" in kinds(found)


OF_TRAINING = (
    *("actor/pg_loss", "actor/loss", "critic/loss", "critic/vf_loss", "policy_loss", "loss_lm", "objective/kl"),
    *("lr-AdamW", "lr-AdamW/pg1", "actor/lr", "optim/learning_rate", "reduced_train_loss", "Train_Loss"),
    *(
        "loss/train",
        "losses/total",
        "loss_metrics/global_avg_loss",
        "total_loss",
        "nll_loss",
        "gnorm",
        "trained_tokens",
    ),
    *("actor/grad_norm", "global_grad_norm", "grad-norm", "tokens_seen", "consumed_samples", "train_perplexity"),
    *("train_samples_per_second", "iter_loss", "dpo_loss", "rewards/margins"),
)
OF_EVALUATIONS = (
    *("eval_loss", "eval/grad_norm", "val/lr", "test_loss", "accuracy", "perplexity", "reward", "rewards/chosen", "kl"),
    *("wikitext_loss", "critic/score", "lr_accuracy", "epoch", "global_step", "step", "flops-auditor:model_flop"),
    *("samples_per_second", "eval_samples_per_second", "flops_auditor:steps", "", " ", "clr", "trainable"),
)


def test_metrics_of_training_beside_those_of_evaluations() -> None:
    vocabulary = TABLES.metrics
    assert [name for name in OF_TRAINING if not only_training_emits(name, vocabulary)] == []
    assert [name for name in OF_EVALUATIONS if only_training_emits(name, vocabulary)] == []


PROGRESS = (
    *("step", "global_step", "epoch", "iteration", "throughput", "train/global_step", "tokens_per_second", "tok/s"),
    *("samples_per_second", "it/s", "step_time", "wps", "tokens_per_sec_per_gpu", "perf/throughput", "time/iteration"),
)
OF_NO_PROGRESS = (
    *(
        "eval/step",
        "eval_samples_per_second",
        "test_throughput",
        "accuracy",
        "rouge",
        "latency",
        "stopwords",
        "samples",
    ),
    *("inference_time", "batch_size", "flops_auditor:steps", "flops-auditor:steps", "prompt_tokens", "samples", ""),
)


def test_how_far_and_how_fast_a_run_came() -> None:
    vocabulary = TABLES.metrics
    assert [name for name in (*PROGRESS, *OF_TRAINING) if not training_may_emit(name, vocabulary)] == []
    assert [name for name in OF_NO_PROGRESS if training_may_emit(name, vocabulary)] == []


@pytest.mark.parametrize("name", ["step", "epoch", "throughput", "tokens_per_second"])
def test_progress_contradicts_not_training_where_it_would_not_be_below_else(name: str) -> None:
    evaluation = {"activity": "not-training"}
    found = audited([flat(name, 1)], {}, evaluation)
    assert found.verdict == "indeterminate"
    assert "activity-contradicted" in {doubt.kind.name for doubt in found.estimate.doubts}
    assert audited([flat("accuracy", 1)], {}, evaluation).verdict == "below"
    assert audited([flat(name, 1)], {}, evaluation, kind="ml.g5.xlarge", hosts=1).verdict == "below"
    assert audited([flat(name, 1)], {"do_train": "false"}, evaluation).verdict == "below"


@pytest.mark.parametrize("name", ["step", "throughput", "train_samples_per_second"])
def test_a_run_that_never_trained_emits_no_progress(name: str) -> None:
    changes = {
        "TrainingTimeInSeconds": 0,
        "SecondaryStatusTransitions": [
            {"Status": "Downloading", "StartTime": CREATED, "EndTime": CREATED + timedelta(hours=HOURS)}
        ],
    }
    found = audited([flat(name, 1)], {}, **changes)
    assert found.verdict == "indeterminate" and "hardware-in-use-beside-training" in kinds(found)
    assert audited([flat("accuracy", 1)], {}, **changes).verdict == "below"


@pytest.mark.parametrize(
    ("parameters", "verdict"),
    [
        ({"do_train": "true"}, "indeterminate"),
        ({"num_train_epochs": "3"}, "indeterminate"),
        ({"optim.lr": "3e-4"}, "indeterminate"),
        ({"training.steps": "1000"}, "indeterminate"),
        ({"lora_r": "16"}, "indeterminate"),
        ({"trainer_type": "GRPOTrainer"}, "indeterminate"),
        ({"algorithm.adv_estimator": "grpo"}, "indeterminate"),
        ({"config": "learning_rate: 1e-4"}, "indeterminate"),
        ({"config": "{'learning_rate': 1e-4}"}, "indeterminate"),
        ({"do_train": "false", "learning_rate": "5e-5"}, "below"),
        ({"trainer.val_only": "True", "algorithm.adv_estimator": "grpo", "actor.optim.lr": "1e-6"}, "below"),
        ({"do_eval": "true", "finetuning_type": "lora", "num_train_epochs": "0"}, "below"),
        ({"max_steps": "30", "epochs": "5", "trainer.max_epochs": "3", "max_lora_rank": "16"}, "below"),
        ({"do_train": "true", "val_only": "true"}, "indeterminate"),
        ({"do_train": "on", "trainer.val_only": "true", "lr": "1e-4"}, "indeterminate"),
        ({"wandb.test_only": "1", "lr": "1e-4"}, "indeterminate"),
        ({"trainer.val_only": "true", "val_only": "false", "lr": "1e-4"}, "indeterminate"),
        ({"args": "--eval_only --lr 1e-4", "do_train": "off"}, "below"),
        ({"SM_HP_EVAL_ONLY": "true", "lr": "1e-4"}, "below"),
        ({"lora_alpha": "16"}, "indeterminate"),
        ({"gradient_accumulation_steps": "4"}, "indeterminate"),
        ({"optimizer": "AdamW"}, "indeterminate"),
        ({"optimizer": "MIPROv2", "optim": "none", "deepspeed": "ds_inference.json"}, "below"),
        ({"cmd": "python train_grpo.py --config a.yaml"}, "indeterminate"),
        ({"cmd": "python eval_train_grpo.py --config a.yaml"}, "below"),
        ({"cmd": "python train.py --config a.yaml"}, "below"),
    ],
)
def test_what_only_training_is_told_contradicts_not_training(parameters: dict[str, str], verdict: str) -> None:
    found = audited([], parameters, {"activity": "not-training"})
    assert found.verdict == verdict


@pytest.mark.parametrize("name", ["do_train", "trainer.val_only"])
def test_what_says_that_it_does_not_train_is_named(name: str) -> None:
    """Without it, what only training is told would speak against the tag."""
    said = {name: "false" if name == "do_train" else "true", "learning_rate": "5e-5"}
    found = audited([], said, {"activity": "not-training"})
    assert "told-not-to-train" in kinds(found)
    assert f"hyperparameter {name}" in {ground.what for ground in found.rests_on.milder}
    alone = audited([], {name: said[name]}, {"activity": "not-training"})
    assert "told-not-to-train" not in kinds(alone)


# ----- What is read strictly


def test_true_is_no_count() -> None:
    with pytest.raises(MalformedJob, match="True is no number"):
        audited([], ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": True})


@pytest.mark.parametrize("place", ["HyperParameters", "Environment", "Tags"])
def test_more_statements_than_sagemaker_takes_are_refused_at_once(place: str) -> None:
    many: Any = {f"a.b.c.d.k{number}": "v" for number in range(20_000)}
    many = [{"Key": key, "Value": "v"} for key in many] if place == "Tags" else many
    with pytest.raises(MalformedJob, match="20000 entries"):
        audited([], **{place: many})


# ----- Earlier runs that a file does not know


def lineage_of(**changes: Any) -> Lineage:
    run = case_of(Evidence(describe(**changes))).run
    return not_looked_up(run.begins, run.results)


def channel(name: str, uri: str) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": name, "DataSource": source}]}


@pytest.mark.parametrize(
    ("changes", "doubted"),
    [
        (channel("model", "s3://b/earlier-job/output/model.tar.gz"), True),
        (channel("ckpt", "s3://other-account/ckpt/"), True),
        ({"HyperParameters": {"resume_from_checkpoint": "s3://b/run-1/checkpoint-90000"}}, True),
        (channel("model", "s3://jumpstart-cache-prod-eu-west-1/meta-training/x.tar.gz"), False),
        (channel("train", "s3://b/data/"), False),
        (channel("train", "s3://b/earlier-job/output/model.tar.gz"), True),
        ({"CheckpointConfig": {"S3Uri": "s3://b/fine-tune/checkpoints"}}, False),
        (
            {
                **channel("model", "s3://b/earlier-job/output/model.tar.gz"),
                "Tags": [{"Key": "flops-auditor:lineage", "Value": "none"}],
            },
            False,
        ),
    ],
)
def test_what_a_file_may_continue_is_a_doubt(changes: dict[str, Any], doubted: bool) -> None:
    assert [doubt.kind.name for doubt in lineage_of(**changes).doubts] == ["earlier-runs-not-looked-up"] * doubted


@pytest.mark.parametrize("size", [{}, {"active-params": "5e12"}, {"params": "5e12", "active-params": "5e12"}], ids=str)
def test_a_size_over_that_of_the_table_makes_no_small_number_of_tokens_plausible(size: dict[str, str]) -> None:
    """Few tokens of the model that is known take less than such hardware ever did: it bounds the run, as without."""
    planned = {**OLMO, "max_seq_length": "4096", "max_steps": "1000", "global_batch_size": "512", "precision": "bf16"}
    found = audited([], planned, size)
    assert "implausible-utilisation" in kinds(found)
    assert (found.estimate.cautious_upper_flop or 0) >= (audited([], planned).estimate.cautious_upper_flop or 0)


@pytest.mark.parametrize("tags", [{}, {"params": "5"}, {"base-model": "openai-community/gpt2"}], ids=str)
def test_a_run_is_as_large_as_the_model_that_the_first_of_its_lineage_began_with(tags: dict[str, str]) -> None:
    """Its own word on its size or its name lowers no bound of what it continues."""
    earlier = Ancestor("a", "arn:training-job/a", 10, 20, base_model="meta-llama/Llama-3.1-70B", loads_weights=True)
    said = [{"Key": f"flops-auditor:{name}", "Value": value} for name, value in tags.items()]
    run = case_of(Evidence(describe(HyperParameters={}), tags=said)).run
    size = find_origin(run.declared, Lineage(("a",), (earlier,)), TABLES.models).size
    assert size is not None
    assert max(each.active for each in (size, *size.others)) == 70_553_706_496


# ----- Above


@pytest.mark.parametrize("mfu", [0.8, 0.9])
def test_no_verdict_of_above_rests_on_an_mfu_that_no_published_run_reached(mfu: float) -> None:
    """0.9 % under a name for fractions: a hundred times too much."""
    found = audited([flat("mfu", mfu)], {}, hosts=32)
    assert found.verdict == "indeterminate" and "mfu-over-every-published" in kinds(found)


XGBOOST = "685385470294.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1"


@pytest.mark.parametrize(
    ("parameters", "image", "metrics", "verdict"),
    [
        ({"tree_method": "gpu_hist"}, XGBOOST, [flat("train:rmse", 1)], "indeterminate"),
        ({"task": "embedding-extraction"}, "", [], "indeterminate"),
        ({}, "", [flat("loss", 1)], "above"),
        ({"max_seq_length": "4096"}, "", [], "above"),
    ],
)
def test_hardware_alone_is_above_where_something_says_that_it_trains_a_language_model(
    parameters: dict[str, str], image: str, metrics: list[dict[str, Any]], verdict: str
) -> None:
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File"}
    found = audited(busy(95, 200) + metrics, parameters, hosts=200, AlgorithmSpecification=algorithm)
    assert found.verdict == verdict


OWN_SCRIPT = {"sagemaker_program": "train.py"}
BUSY = (busy(95, 200), [flat("loss", 1)])


@pytest.mark.parametrize(
    ("image", "changes"),
    [
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/xgboost:latest", {}),
        ("210987654321.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-xgboost:1.7-1", {}),
        (XGBOOST.replace("eu-west-1", "us-east-1"), {}),
        (XGBOOST, {"ContainerEntrypoint": ["sh", "-c", "python train.py"]}),
        (XGBOOST, {"ContainerArguments": ["train.py"]}),
        (XGBOOST, {"HyperParameters": OWN_SCRIPT}),
        (XGBOOST, {"Environment": {"SAGEMAKER_PROGRAM": "train.py"}}),
    ],
)
def test_a_name_alone_makes_no_built_in_algorithm(image: str, changes: dict[str, Any]) -> None:
    """Nor does AWS's own image, where it runs what its owner says: a language model may be trained in it."""
    specification = {name: each for name, each in changes.items() if name.startswith("Container")}
    given = {name: each for name, each in changes.items() if name not in specification}
    algorithm = {"TrainingImage": image, "TrainingInputMode": "File", **specification}
    metrics = [each for several in BUSY for each in several]
    found = audited(metrics, given.pop("HyperParameters", {}), hosts=200, AlgorithmSpecification=algorithm, **given)
    assert found.verdict == "above"


# ----- Readings of one quantity


@pytest.mark.parametrize(
    ("kind", "mfu", "tflops"),
    [("ml.p5.48xlarge", 0.12, 445), ("ml.p5.48xlarge", 0.06, 445), ("ml.p5.48xlarge", 0.45, 60)],
)
def test_of_two_readings_of_the_utilisation_the_larger_counts_for_below_and_the_smaller_for_above(
    kind: str, mfu: float, tflops: float
) -> None:
    found = audited([flat("mfu", mfu), flat("tflops_per_gpu", tflops)], kind=kind)
    assert found.verdict == "indeterminate"
    smaller = min(mfu, tflops / 989.4) * WHOLE
    assert found.estimate.firm_flop is not None and found.estimate.firm_flop <= 1.31 * smaller


# ----- Names in recipes


@pytest.mark.parametrize("name", ["accumulate_grad_batches", "gradient_accumulation"])
def test_what_accumulates_gradients_is_read(name: str) -> None:
    plan = {"max_steps": "100", "micro_batch_size": "2", "max_length": "4096", f"trainer.{name}": "4"}
    assert Hyperparameters.of(plan).tokens() == (None, 100 * 2 * 4 * 4096)


@pytest.mark.parametrize("name", ["context_length", "packed_sequence_size", "train_seq_len", "ctx_len"])
def test_the_length_of_sequences_is_read_and_that_of_a_quantisers_block_is_not(name: str) -> None:
    assert Hyperparameters.of({name: "4096", "quantization.block_size": "64"}).sequence_length() == 4096
    assert Hyperparameters.of({"quantization.block_size": "64"}).sequence_length() is None
    assert Hyperparameters.of({"block_size": "1024"}).sequence_length() == 1024


def test_a_judge_is_no_model_that_is_trained_and_a_student_is() -> None:
    large = "meta-llama/Llama-3.1-405B"
    assert Hyperparameters.of({"env.llm_judge.model_name": large}).models() == []
    named = Hyperparameters.of({"student_model": "allenai/OLMo-2-1124-7B", "model": large}).models()
    assert [name for _, name, _ in named] == ["allenai/OLMo-2-1124-7B", large]


def test_of_two_counts_of_tokens_the_larger_counts_for_below_and_the_smaller_for_above() -> None:
    rate = flat("tokens_per_second_per_gpu", TOKENS / (HOSTS * 8 * HOURS * 3600))
    less = audited([counter("num_tokens", TOKENS / 6), rate])
    assert less.verdict == "indeterminate" and "tiers-contradict" in kinds(less)
    bytes_in_a_tag = audited([counter("num_tokens", 1e11)], tags={"tokens": "2e12"})
    assert bytes_in_a_tag.verdict == "indeterminate"
    assert bytes_in_a_tag.estimate.firm_flop is not None and bytes_in_a_tag.estimate.firm_flop < 7e21
