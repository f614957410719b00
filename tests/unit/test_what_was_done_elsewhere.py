"""Nothing is above by what a run did not do: an earlier run's count that it restored, its updates' rate all along."""

from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.run_estimate import EVALUATES
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.hyperparameters import STARTED, Hyperparameters
from flops_auditor.domain.runs.metric_signs import only_rollouts_emit
from flops_auditor.domain.runs.nested import statements_in, texts_in, texts_of_command
from tests.fakes.cases import audit, kinds
from tests.fakes.jobs import CREATED, describe

START = CREATED + timedelta(minutes=10)
HOURS = 720
TABLES = load_tables()
LLAMA = {"model_name_or_path": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096", "bf16": "true"}
GRPO = {"algorithm.adv_estimator": "grpo", "precision": "bf16"}


def audited(parameters: dict[str, str], hosts: int, metrics: dict[str, list[float]], **changes: Any) -> Audit:
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts}
    job = describe(hours=HOURS, ResourceConfig=resources, HyperParameters=parameters, **changes)
    hours = [START + timedelta(hours=hour) for hour in range(HOURS)]
    given = [{"Label": name, "Timestamps": hours[: len(values)], "Values": values} for name, values in metrics.items()]
    return audit(Evidence(job, metrics=given), TABLES)


def rising(first: float, last: float, hours: int = HOURS) -> list[float]:
    return [first + (last - first) * (hour + 1) / hours for hour in range(hours)]


@pytest.mark.parametrize(("name", "whole"), [("num_tokens", 6e12), ("total_flos", 3e23)])
@pytest.mark.parametrize("final", [False, True])
def test_what_a_counter_was_restored_with_is_not_firm(name: str, whole: float, final: bool) -> None:
    last = [{"MetricName": name, "Value": whole * 1.001, "Timestamp": START + timedelta(hours=HOURS)}] if final else []
    found = audited(LLAMA, 16, {name: rising(whole * 5 / 6, whole)}, FinalMetricDataList=last)
    assert found.verdict == "indeterminate" and "counter-begins-high" in kinds(found.estimate)
    grown = audited(LLAMA, 16, {name: rising(0, whole)}, FinalMetricDataList=last)
    assert grown.verdict == "above" and "counter-begins-high" not in kinds(grown.estimate)
    assert found.estimate.upper_flop == pytest.approx(grown.estimate.upper_flop, rel=0.01)


def test_of_a_counter_that_hosts_restored_the_most_that_one_of_them_grew_is_firm() -> None:
    values = {f"total_flos algo-{host}": rising(1e23, 1e23 + host * 1e22) for host in (1, 2)}
    found = audited(LLAMA, 16, values)
    assert "counter-begins-high" in kinds(found.estimate)
    assert found.estimate.firm_flop == pytest.approx(2e22, rel=0.01)


def test_a_counter_that_falls_to_its_checkpoint_counts_its_growth_for_sure() -> None:
    """3.5e12 tokens, then from the checkpoint at 3e12 to 4e12: 4.5e12 at least, 7.5e12 if it was restarted from 0."""
    end = START + timedelta(hours=HOURS)
    half = START + timedelta(hours=HOURS // 2)
    spans = [
        {"Status": "Training", "StartTime": START, "EndTime": half - timedelta(minutes=30)},
        {"Status": "Interrupted", "StartTime": half - timedelta(minutes=30), "EndTime": half},
        {"Status": "Training", "StartTime": half, "EndTime": end},
    ]
    values = [*rising(0, 3.5e12, HOURS // 2), *rising(3e12, 4e12, HOURS // 2)]
    found = audited(LLAMA, 16, {"num_tokens": values}, SecondaryStatusTransitions=spans)
    from_zero = audited(
        LLAMA, 16, {"num_tokens": [*values[: HOURS // 2], *rising(0, 4e12, HOURS // 2)]},
        SecondaryStatusTransitions=spans,
    )  # fmt: skip
    assert found.estimate.best_flop == from_zero.estimate.best_flop
    assert found.estimate.lower_flop is not None and from_zero.estimate.lower_flop is not None
    assert found.estimate.lower_flop / from_zero.estimate.lower_flop == pytest.approx(4.5 / 7.5, rel=0.01)


@pytest.mark.parametrize("parameters", [GRPO, {"precision": "bf16"}])
def test_the_rate_of_verls_updates_is_not_that_of_the_whole_time(parameters: dict[str, str]) -> None:
    """Updates take a fifth of the time, rollouts the rest: a quarter of the line was trained."""
    found = audited(parameters, 5, {"perf/mfu/actor": [0.4] * HOURS})
    assert found.verdict == "indeterminate" and "mfu-of-updates-alone" in kinds(found.estimate)


def test_any_rate_of_a_run_that_generates_may_be_that_of_its_updates() -> None:
    assert audited({"precision": "bf16"}, 5, {"mfu": [0.4] * HOURS}).verdict == "above"
    assert audited(GRPO, 5, {"mfu": [0.4] * HOURS}).verdict == "indeterminate"


@pytest.mark.parametrize(
    "command",
    [
        ["python", "train_grpo.py"],
        ["torchrun", "--nproc_per_node=8", "-m", "verl.trainer.main_ppo", "a.b=1"],
        ["bash", "-c", "tune run --nproc 8 grpo_full --config llama3/3B.yaml"],
        ["llamafactory-cli", "train", "/opt/ml/input/data/config/llama3_ppo.yaml"],
    ],
)
def test_what_is_started_tells_that_it_generates(command: list[str]) -> None:
    started = {"AlgorithmSpecification": {"ContainerEntrypoint": command}}
    assert audited({"precision": "bf16"}, 5, {"mfu": [0.4] * HOURS}, **started).verdict == "indeterminate"


@pytest.mark.parametrize(
    "command",
    [
        ["python", "/opt/ml/code/rl/ppo/train_sft.py", "--train_file", "s3://b/ppo.jsonl"],
        ["python", "-m", "openrlhf.cli.train_sft"],
        ["python", "train_corpora.py", "--run_name", "grpo"],
        ["python", "export_model.py", "--output", "grpo"],
    ],
)
def test_folders_and_values_tell_nothing_of_what_is_started(command: list[str]) -> None:
    assert read_declared(Statements({}, {}, {}, arguments=statements_in(texts_of_command(command), {}))).technique == ""


SCRIPTS = {
    **{
        "train_rl.py": "rl",
        "main_ppo.py": "ppo",
        "llama3_8b_rl.py": "rl",
        "nash_md.py": "nash",
        "NashMDTrainer.py": "nash",
    },
    **{
        "countdown_grpo.sh": "grpo",
        "gsm8kgrpo.py": "grpo",
        "reinforce_plus_plus.py": "reinforce",
        "run_rlhf.sh": "rlhf",
    },
    **{"reinforcement_learning.py": "rl", "online_dpo.py": "onlinedpo", "claims_ppo.py": "ppo", "agentic_rl.py": "rl"},
    **{"reward_model.py": "reward", "train_dpo.py": "dpo", "NashMDTrainer.py": "nash", "multi_turn_rl.sh": "rl"},
    **{"llama3.1_8b_dapo.yaml": "dapo"},
}
OTHER_THINGS = (
    *("nash_equilibrium.py", "world_rl.py", "train_rl_data.py", "nashville_sft.py", "reinforced_concrete.py", "url.py"),
    *(
        "saponify.py",
        "remax_listings.py",
        "train_corpora.py",
        "xport.py",
        "corporate.sh",
        "rlang.py",
        "early_rl_papers.py",
    ),
    *(
        "sktokenize.py",
        "train.py",
        "reward_points.py",
        "rm_cache.sh",
        "xpo_freight.py",
        "data/rl/train_sft.py",
        "dponly.py",
    ),
)


@pytest.mark.parametrize("place", ["sagemaker_program", "config", STARTED])
def test_a_script_is_called_by_its_technique_and_not_by_words_of_other_things(place: str) -> None:
    """A game's equilibrium, a language, a town: nothing is generated by what is called so."""

    def technique(script: str) -> str:
        return Hyperparameters.of({place: script}).technique("")

    given = {script: name for script, name in SCRIPTS.items() if place != "config" or not script.endswith(".sh")}
    assert {script: technique(script) for script in given} == given
    assert [script for script in OTHER_THINGS if technique(script)] == []


@pytest.mark.parametrize("script", ["nash_equilibrium.py", "world_rl.py"])
def test_a_name_of_another_thing_takes_no_verdict_of_above_away(script: str) -> None:
    for place in ({"sagemaker_program": script}, {"config": script}, {"recipe_name": script}):
        assert audited({"precision": "bf16", **place}, 5, {"mfu": [0.4] * HOURS}).verdict == "above"


def test_a_script_of_preferences_hides_no_rollouts() -> None:
    given = {"sagemaker_program": "train_dpo.py", "num_generations": "8"}
    assert Hyperparameters.of(given).technique("") == "rl"
    assert Hyperparameters.of({**given, "sagemaker_program": "train_ppo.py"}).technique("") == "ppo"


@pytest.mark.parametrize(
    "emitted", ["reward", "train/reward", "completions/mean_length", "actor/pg_loss", "objective/kl", "response_length"]
)
def test_metrics_of_rollouts_tell_that_it_generates(emitted: str) -> None:
    found = audited({"precision": "bf16"}, 5, {"mfu": [0.4] * HOURS, emitted: [0.4] * 8})
    assert found.verdict == "indeterminate" and "rollouts-emitted" in kinds(found.estimate)
    named = {"precision": "bf16", "trainer_type": "DPOTrainer"}
    called = audited(named, 5, {emitted: [0.4] * 8})
    assert "rollouts-emitted" not in kinds(called.estimate)


def test_a_technique_that_generates_nothing_hides_no_rollouts_that_are_emitted() -> None:
    """Their generation counts on the cumulative basis, whatever the run is called; a model of rewards emits rewards."""
    given = {"precision": "bf16", "model_id": "meta-llama/Llama-3.1-8B", "max_seq_length": "4096"}
    signs = {"num_tokens": [1e9 * hour for hour in range(1, HOURS + 1)], "train/reward": [0.4] * 8}

    def cautious(technique: str) -> tuple[int, bool]:
        estimate = audited({**given, "trainer_type": technique}, 5, signs).estimate
        return estimate.cautious_upper_flop or 0, "rollouts-contradict" in kinds(estimate)

    (plain, _), (named, told), (rewards, _) = map(cautious, ("", "DPOTrainer", "RewardTrainer"))
    assert (named, told) == (plain, True)
    assert rewards < named


def test_a_value_in_a_month_is_no_sign_of_rollouts() -> None:
    """But the last value of a metric may be the last of many."""
    mfu = {"mfu": [0.4] * HOURS}
    assert audited({"precision": "bf16"}, 5, {**mfu, "rollout_x": [1.0]}).verdict == "above"
    last = [{"MetricName": "reward", "Value": 0.4, "Timestamp": START + timedelta(hours=HOURS)}]
    alone, beside = (
        audited({"precision": "bf16"}, 5, {**mfu, **series}, FinalMetricDataList=last)
        for series in ({}, {"reward": [0.4]})
    )
    assert (alone.verdict, beside.verdict) == ("indeterminate", "above")


def test_metrics_of_preferences_and_of_evaluations_are_none_of_rollouts() -> None:
    names = ("rewards/chosen", "rewards/margins", "mean_reward", "eval/reward", "val_reward", "loss", "kl", "clip")
    assert [name for name in names if only_rollouts_emit(name)] == []


RATES = ["throughput/tokens_per_sec", "tokens_per_second_per_gpu"]


@pytest.mark.parametrize("name", RATES)
def test_a_token_rate_of_a_run_that_generates_is_not_that_of_its_training(name: str) -> None:
    """All the time at this rate is a third over the line, a quarter of the time a third of it."""
    units = 30 * 8 if "per_gpu" in name else 1
    rates = {name: [2.2e6 / units] * HOURS}
    generating = audited(LLAMA | GRPO, 30, rates)
    assert generating.verdict == "indeterminate" and "token-rate-of-a-part" in kinds(generating.estimate)
    assert audited(LLAMA, 30, rates).verdict == "above"


CHECKPOINTS: dict[str, dict[str, Any]] = {
    "a checkpoint configuration": {"CheckpointConfig": {"S3Uri": "s3://bucket/checkpoints/"}},
    "a channel": {
        "InputDataConfig": [
            {"ChannelName": "checkpoint", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/earlier/"}}}
        ]
    },
    "a variable": {"Environment": {"RESUME_FROM_CHECKPOINT": "/fsx/earlier/checkpoint-500"}},
    "a channel of data": {
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/run1/checkpoint-5000"}}}
        ]
    },
    "a file system": {
        "InputDataConfig": [
            {"ChannelName": "train", "DataSource": {"FileSystemDataSource": {"FileSystemType": "FSxLustre"}}}
        ]
    },
    "a tag against a channel": {
        "InputDataConfig": [
            {"ChannelName": "model", "DataSource": {"S3DataSource": {"S3Uri": "s3://bucket/earlier/"}}}
        ],
        "Tags": [{"Key": "flops-auditor:lineage", "Value": "none"}],
    },
}


@pytest.mark.parametrize(("name", "whole"), [("num_tokens", 6e12), ("total_flos", 3e23)])
@pytest.mark.parametrize("resumed", CHECKPOINTS)
@pytest.mark.parametrize("once", [False, True])
def test_of_one_value_of_a_counter_that_may_have_been_restored_nothing_is_firm(
    name: str, whole: float, resumed: str, once: bool
) -> None:
    """Neither where only the last value was kept, nor where one sample is all that there is."""
    last = [] if once else [{"MetricName": name, "Value": whole, "Timestamp": START + timedelta(hours=HOURS)}]
    series = {name: [whole]} if once else {}
    found = audited(LLAMA, 16, series, FinalMetricDataList=last, **CHECKPOINTS[resumed])
    assert "counter-begins-unseen" in kinds(found.estimate) and found.verdict == "indeterminate"
    fresh = audited(LLAMA, 16, series, FinalMetricDataList=last)
    assert "counter-begins-unseen" not in kinds(fresh.estimate) and fresh.verdict == "above"
    assert fresh.estimate.upper_flop == found.estimate.upper_flop


RESUMED = {
    **{"init_from": "resume", "load_path": "s3://team/run1/ep3", "autoresume": "true", "load": "/opt/ml/checkpoints"},
    **{"restore_file": "checkpoint_last.pt", "load_dir": "/fsx/x", "checkpoint.load_step": "5000", "ckpt_path": "last"},
    **{"checkpoint.initial_load_path": "/opt/ml/checkpoints/step-5000", "load_full_state_path": "gs://x/y"},
    **{"resume_step": "500", "resume_training": "true", "resume_ckpt": "x", "continue_from": "run1", "ckpt": "/fsx/c"},
    **{"config.resume_from_checkpoint": "true", "data.resume": "1", "exp_manager.resume_if_exists": "True"},
    **{"no_resume": "false", "disable_resume": "false", "from_checkpoint": "/opt/ml/checkpoints", "start_step": "5000"},
    **{"checkpoint": "/opt/ml/checkpoints/last.pt", "checkpoint_path": "/opt/ml/checkpoints", "auto_restart": "true"},
    **{"start_from": "s3://b/ckpt/step_5000", "warm_start": "s3://b/x", "finetune_from": "s3://b/run1/step_5000"},
    **{"sagemaker_program": "resume_training.py", "cmd": "bash run.sh resume", STARTED: "python resume.py"},
}
FRESH = {
    **{"init_from": "scratch", "resume": "false", "resume_mode": "disable", "resume_from_checkpoint": "None"},
    **{"wandb_resume": "allow", "wandb.resume": "must", "resume_download": "true", "resume_column": "cv"},
    **{"load_in_4bit": "true", "load_best_model_at_end": "true", "load_dataset": "/opt/ml/input/data/train"},
    **{"dataset_name": "resume", "continue_final_message": "true", "upload_path": "s3://b/out", "load_config": "/a/b"},
    **{"preload": "/a/b", "restore_best_weights": "true", "ckpt_path": "best", "load_from_cache_file": "false"},
    **{"checkpoint_dir": "/weights/Llama-3.1-8B", "save_steps": "500", "load_balancing_weight": "1"},
    **{"load_from": "/opt/ml/input/data/train/shards", "load_data_dir": "s3://b/data", "dataloader_resume": "1"},
    **{"no_resume": "true", "max_restarts": "1", "checkpoint_last_n": "3", "command": "python t.py resume=false"},
    **{"skip_first_batches": "5", "warm_start_epochs": "5", "load_dir_": "s3://b/data"},
}


@pytest.mark.parametrize(("given", "resumes"), [(RESUMED, True), (FRESH, False)])
def test_words_that_resume_and_those_that_look_so(given: dict[str, str], resumes: bool) -> None:
    read = {name: Hyperparameters.of({name: value}).resumes() for name, value in given.items()}
    assert read == dict.fromkeys(given, resumes)
    assert read_declared(Statements({}, {}, {"LOAD_PATH": "s3://team/run1/ep3"})).resumes
    assert not read_declared(Statements({}, {}, {"WANDB_RESUME": "allow"})).resumes


@pytest.mark.parametrize("text", ["resume: true\nlr: 1", "{'resume': True}", "python t.py trainer.resume=true"])
def test_words_that_resume_are_read_in_any_notation(text: str) -> None:
    given = {"setup": text}
    assert read_declared(Statements({}, statements_in(texts_in(given), given), {})).resumes


def test_a_lone_value_beside_an_earlier_one_counts_its_growth() -> None:
    last = [{"MetricName": "total_flos", "Value": 3e23, "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited(LLAMA, 8, {"total_flos": [2.9e23]}, FinalMetricDataList=last, **CHECKPOINTS["a variable"])
    assert found.estimate.firm_flop == pytest.approx(1e22)


@pytest.mark.parametrize(("hour", "firm"), [(0, 1e22), (360, 1.526e22), (719, 3e23)])
def test_how_a_counter_grew_to_its_last_value_tells_what_it_began_with(hour: int, firm: float) -> None:
    """Seen once with 2.9e23, a month long with 1e22 more or an hour; no word of resuming."""
    last = [{"MetricName": "total_flos", "Value": 3e23, "Timestamp": START + timedelta(hours=HOURS)}]
    job = describe(
        hours=HOURS,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16},
        HyperParameters=LLAMA,
        FinalMetricDataList=last,
    )
    once = [{"Label": "total_flos", "Timestamps": [START + timedelta(hours=hour)], "Values": [2.9e23]}]
    found = audit(Evidence(job, metrics=once), TABLES)
    assert found.estimate.firm_flop == pytest.approx(firm, rel=1e-3)
    assert found.verdict == ("above" if hour == 719 else "indeterminate")
    assert ("counter-begins-high" in kinds(found.estimate)) == (hour < 719)
    assert found.estimate.upper_flop is not None and found.estimate.upper_flop >= 3e23


HOSTS_THAT_REPEAT = {
    "all the time": lambda hosts: {f"num_tokens algo-{host}": rising(0, 1.4e12) for host in range(1, hosts + 1)},
    "a part of them": lambda hosts: {f"num_tokens algo-{host}": rising(0, 1.4e12) for host in range(1, hosts - 10)},
}


@pytest.mark.parametrize("how", HOSTS_THAT_REPEAT)
def test_a_count_that_hosts_repeat_counts_once_but_in_upper_bounds(how: str) -> None:
    """6.7e22 FLOP, a third of the line, on 300 hosts: added up, more than they can do."""
    found = audited(LLAMA, 300, HOSTS_THAT_REPEAT[how](300))
    one = audited(LLAMA, 300, {"num_tokens": rising(0, 1.4e12)})
    assert found.verdict == "indeterminate" and "counter-repeated-by-hosts" in kinds(found.estimate)
    assert found.estimate.best_flop == one.estimate.best_flop and (found.estimate.firm_flop or 0) < 7.5e22
    assert (found.estimate.upper_flop or 0) > 100 * (one.estimate.upper_flop or 0)


def test_hosts_that_repeat_a_count_at_other_steps_do_no_more_than_one_of_them_grew() -> None:
    """Added up it is more than they can do: then the hardware alone makes nothing firm beside what was counted."""
    found = audited(LLAMA, 300, {f"num_tokens algo-{host}": rising(0, 1.4e12 - host * 1e6) for host in range(1, 301)})
    assert found.verdict == "indeterminate" and (found.estimate.firm_flop or 0) < 7.5e22


HALF = HOURS // 2
INTERRUPTED = [
    {"Status": "Training", "StartTime": START, "EndTime": START + timedelta(hours=HALF)},
    {"Status": "Interrupted", "StartTime": START + timedelta(hours=HALF), "EndTime": START + timedelta(hours=HALF)},
    {"Status": "Training", "StartTime": START + timedelta(hours=HALF), "EndTime": START + timedelta(hours=HOURS)},
]
PAUSE = START + timedelta(hours=HALF, minutes=-30)
PAUSED = [{**INTERRUPTED[0], "EndTime": PAUSE}, {**INTERRUPTED[1], "StartTime": PAUSE}, INTERRUPTED[2]]
SET_TO_ANOTHER_COUNT: dict[str, tuple[list[float], dict[str, Any]]] = {
    "in the middle": ([*rising(0, 7e11, HALF), *rising(1e13, 1.07e13, HALF)], {}),
    "at a restart": (
        [*rising(0, 7e11, HALF), *rising(1e13, 1.07e13, HALF)],
        {"SecondaryStatusTransitions": INTERRUPTED},
    ),
    "before it goes on from less": (
        [*rising(0, 3.5e11, HALF // 2), *rising(1e13, 1.03e13, HALF - HALF // 2), *rising(3e11, 1e12, HALF)],
        {"SecondaryStatusTransitions": PAUSED},
    ),
    "and stands still": ([1e13] * HOURS, {}),
}


@pytest.mark.parametrize("how", SET_TO_ANOTHER_COUNT)
def test_a_counter_that_is_set_to_another_count_did_not_count_it(how: str) -> None:
    """6.7e22 FLOP, or none, a third of the line; what it was set to is 4.8e23."""
    values, changes = SET_TO_ANOTHER_COUNT[how]
    found = audited(LLAMA, 300, {"num_tokens": values}, **changes)
    assert found.verdict == "indeterminate" and "counter-begins-high" in kinds(found.estimate)
    assert (found.estimate.firm_flop or 0) < 7.5e22 and (found.estimate.upper_flop or 0) > 4.8e23


def test_a_last_value_that_a_counter_jumps_to_is_another_count() -> None:
    """Within an hour of its last sample, five times as much."""
    last = [{"MetricName": "num_tokens", "Value": 6e12, "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited(LLAMA, 16, {"num_tokens": rising(0, 1.2e12)}, FinalMetricDataList=last)
    assert found.verdict == "indeterminate" and "counter-begins-high" in kinds(found.estimate)
    near = [{**last[0], "Value": 6e12}]
    found = audited(LLAMA, 16, {"num_tokens": rising(0, 5.99e12)}, FinalMetricDataList=near)
    assert found.verdict == "above" and "counter-begins-high" not in kinds(found.estimate)


RESUMES = {**LLAMA, "resume_from_checkpoint": "true"}


@pytest.mark.parametrize("hour", [None, 500, HOURS - 1, HOURS - 0.5, HOURS])
@pytest.mark.parametrize("parameters", [LLAMA, RESUMES])
def test_a_last_value_makes_no_more_firm_whenever_it_was_taken(parameters: dict[str, str], hour: float | None) -> None:
    """1.4e12 tokens by the series, a third of the line; 1e13 by the last value."""
    last: dict[str, Any] = {"MetricName": "num_tokens", "Value": 1e13}
    if hour is not None:
        last["Timestamp"] = START + timedelta(hours=hour)
    found = audited(parameters, 300, {"num_tokens": rising(0, 1.4e12)}, FinalMetricDataList=[last])
    alone = audited(parameters, 300, {"num_tokens": rising(0, 1.4e12)})
    assert found.verdict == alone.verdict == "indeterminate" and "counter-begins-high" in kinds(found.estimate)
    assert found.estimate.firm_flop == pytest.approx(alone.estimate.firm_flop, rel=0.01)
    assert (found.estimate.upper_flop or 0) > 4.8e23


def sampled(values: list[float], *, every: int, last: float | None = None, **parameters: str) -> Audit:
    """A run of 300 hosts whose tokens are sampled now and then."""
    job = describe(
        hours=HOURS,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 300},
        HyperParameters={**LLAMA, **parameters},
        FinalMetricDataList=[]
        if last is None
        else [{"MetricName": "num_tokens", "Value": last, "Timestamp": START + timedelta(hours=every * len(values))}],
    )
    times = [START + timedelta(hours=every * number) for number in range(len(values))]
    return audit(Evidence(job, metrics=[{"Label": "num_tokens", "Timestamps": times, "Values": values}]), TABLES)


def test_a_last_value_unmakes_no_jump_that_was_seen_before() -> None:
    """Of rises of 1, 1, 1, 6 and 100 the last one jumped; with 6 more it still did."""
    values = [1e9, 1e11, 2e11, 3e11, 9e11, 1.09e13]
    alone, more = (sampled(values, every=100, last=last) for last in (None, 1.15e13))
    assert "counter-begins-high" in kinds(alone.estimate) and "counter-begins-high" in kinds(more.estimate)
    assert more.verdict == alone.verdict == "indeterminate"
    assert (more.estimate.firm_flop or 0) < 1.1e23


@pytest.mark.parametrize(
    ("values", "every"),
    [
        ([1e9, 9.5e12, 1e13, 1.05e13, 1.1e13], 150),
        ([1e9, 1e10, 1e13, 1.02e13], 170),
        ([1e9, 1e13, 1.02e13], 200),
        ([1e6, 1.1e13], 700),
    ],
)
def test_of_a_run_that_resumes_no_rise_that_is_several_times_the_others_is_firm(
    values: list[float], every: int
) -> None:
    """Logged once before the checkpoint is restored: 1.5e12 tokens, a third of the line, or fewer, are its own."""
    found = sampled(values, every=every, resume_from_checkpoint="true")
    assert found.verdict == "indeterminate" and "counter-begins-unseen" in kinds(found.estimate)
    assert (found.estimate.firm_flop or 0) < 1.5e23


@pytest.mark.parametrize("values", [[2e12, 4e12, 6e12, 8e12, 1e13], [1e12, 4e12, 1e13], [3e12, 1e13]])
def test_of_a_run_that_resumes_steady_growth_is_firm(values: list[float]) -> None:
    found = sampled(values, every=700 // (len(values) - 1), resume_from_checkpoint="true")
    assert found.verdict == "above"


@pytest.mark.parametrize("name", ["throughput/tokens_per_sec", "tokens_per_second_per_gpu", "mfu", "tflops"])
def test_the_last_value_of_a_rate_makes_nothing_firm(name: str) -> None:
    """It may be that of the last steps alone."""
    values = {"throughput/tokens_per_sec": 2e6, "tokens_per_second_per_gpu": 1.56e4, "mfu": 0.8, "tflops": 800}
    last = [{"MetricName": name, "Value": values[name], "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited(LLAMA, 16, {}, FinalMetricDataList=last)
    assert found.verdict == "indeterminate" and "metric-without-times" in kinds(found.estimate)
    assert found.estimate.best_flop is not None and found.estimate.best_flop > 2e23


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ({"num_tokens": rising(0, 6e12)}, {"num_input_tokens_seen": rising(0, 1.2e12)}),
        ({"mfu": [0.5] * HOURS}, {"device/mfu": [0.12] * HOURS}),
        ({"tflops": [500.0] * HOURS}, {"tflops_per_gpu": [120.0] * HOURS}),
    ],
)
def test_of_two_readings_that_contradict_each_other_the_smaller_one_is_firm(
    larger: dict[str, list[float]], smaller: dict[str, list[float]]
) -> None:
    alone, both, least = (audited(LLAMA, 30, given) for given in (larger, {**larger, **smaller}, smaller))
    assert (alone.verdict, both.verdict) == ("above", "indeterminate")
    assert "metrics-disagree" in {each.kind.name for each in both.estimate.assumptions}
    assert both.estimate.best_flop == alone.estimate.best_flop
    assert both.estimate.firm_flop == pytest.approx(least.estimate.firm_flop, rel=0.01)


@pytest.mark.parametrize("factor", [1, 12])
def test_a_counter_that_is_only_unsteady_counts_all(factor: float) -> None:
    """Pauses of evaluation, and hours that are faster than others."""
    total, values = 0.0, []
    for hour in range(HOURS):
        total += 0 if hour % 9 == 0 else 1e9 * (factor if hour % 50 == 0 else 1) * (1 + hour % 3)
        values.append(total)
    found = audited(LLAMA, 16, {"num_tokens": values})
    assert "counter-begins-high" not in kinds(found.estimate)


@pytest.mark.parametrize("changes", [{}, {"SecondaryStatusTransitions": INTERRUPTED}])
def test_values_from_before_a_run_was_created_are_another_runs(changes: dict[str, Any]) -> None:
    hours = [START + timedelta(hours=hour - 210) for hour in range(200 + HOURS)]
    values = [*rising(0, 1e13, 200), *rising(0, 1.4e12)]
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 300}
    job = describe(hours=HOURS, ResourceConfig=resources, HyperParameters=LLAMA, **changes)
    found = audit(Evidence(job, metrics=[{"Label": "num_tokens", "Timestamps": hours, "Values": values}]), TABLES)
    assert found.verdict == "indeterminate" and "metric-from-before-the-run" in kinds(found.estimate)
    old = [{"Label": "loss", "Timestamps": hours[:5], "Values": [1.0] * 5}]
    tag = [{"Key": "flops-auditor:activity", "Value": "not-training"}]
    denied = audit(Evidence({**job, "Tags": tag}, metrics=old), TABLES)
    assert denied.verdict == "indeterminate", "whosever they are, a trainer emitted them under the run's name"
    last = [{"MetricName": "num_tokens", "Value": 6e12, "Timestamp": CREATED - timedelta(hours=1)}]
    assert "metric-from-before-the-run" in kinds(audited(LLAMA, 16, {}, FinalMetricDataList=last).estimate)
    assert audited(LLAMA, 16, {}, FinalMetricDataList=last).verdict == "indeterminate"


BUSY = {f"GPUUtilization algo-{host}": [790.0] * HOURS for host in range(1, 301)}


@pytest.mark.parametrize(
    ("said", "metrics", "verdict"),
    [
        ({"do_train": "false", "do_eval": "true"}, {}, "indeterminate"),
        ({"sagemaker_program": "evaluate.py"}, {}, "indeterminate"),
        ({"recipe": "evaluation/llama3_eval.yaml"}, {}, "indeterminate"),
        ({"sagemaker_program": "generate_embeddings.py"}, {}, "indeterminate"),
        ({"sagemaker_program": "generate_embeddings.py"}, {"loss": [1.0]}, "above"),
        ({"sagemaker_program": "evaluate.py", "learning_rate": "1e-5"}, {}, "above"),
        ({"sagemaker_program": "train_and_evaluate.py"}, {}, "above"),
        ({"sagemaker_program": "evaluate_then_tune.py"}, {}, "above"),
        ({"sagemaker_program": "evaluate_finetuned.py"}, {}, "indeterminate"),
        ({"sagemaker_program": "lora_eval.py"}, {}, "indeterminate"),
        ({"sagemaker_program": "test/run.py"}, {}, "above"),
        ({"recipe": "recipes/val/llama3.yaml"}, {}, "above"),
        ({"config": "configs/eval_every_1k.yaml"}, {}, "above"),
        ({"config": "configs/test.yaml"}, {}, "indeterminate"),
        ({"sagemaker_program": "train.py"}, {}, "above"),
    ],
)
def test_hardware_alone_is_not_above_of_what_is_told_to_evaluate(
    said: dict[str, str], metrics: dict[str, list[float]], verdict: str
) -> None:
    found = audited({**LLAMA, **said}, 300, {**BUSY, **metrics})
    assert found.verdict == verdict
    named = {each.facts for each in found.estimate.assumptions if each.kind is EVALUATES}
    assert named == ({(("name", next(iter(said))),)} if verdict == "indeterminate" else set())
    milder = {each.what: each.verdict_without for each in found.rests_on.milder} if found.rests_on else {}
    if named:
        assert milder[f"hyperparameter {next(iter(said))}"] == "above"
        assert found.without_statements.verdict == "above"


def test_metrics_of_tables_are_none_of_a_language_model() -> None:
    for name, verdict in (("train:rmse", "indeterminate"), ("train:mlogloss", "indeterminate"), ("loss", "above")):
        assert audited({"eta": "0.1"}, 300, {name: [1.0] * 8}).verdict == verdict


@pytest.mark.parametrize(
    ("changes", "emitted", "verdict"),
    [
        ({"Environment": {"ALGORITHM": "grpo"}}, {}, "indeterminate"),
        ({"Environment": {"STAGE": "nash"}}, {}, "indeterminate"),
        ({"Environment": {"STAGE": "prod", "ALGORITHM": "adam"}}, {}, "above"),
        ({}, {"episode_reward_mean": [1.0] * HOURS}, "indeterminate"),
        ({}, {"rollout/ep_rew_mean": [1.0] * HOURS}, "indeterminate"),
        ({}, {"time/rollout": [1.0] * HOURS}, "indeterminate"),
    ],
)
def test_variables_and_other_trainers_tell_that_it_generates(
    changes: dict[str, Any], emitted: dict[str, list[float]], verdict: str
) -> None:
    assert audited({"precision": "bf16"}, 5, {"mfu": [0.4] * HOURS, **emitted}, **changes).verdict == verdict


@pytest.mark.parametrize("busy", [{}, {f"GPUUtilization algo-{host}": [780.0] * HOURS for host in range(1, 301)}])
def test_more_evidence_of_more_takes_nothing_from_what_the_hardware_did_at_least(busy: dict[str, list[float]]) -> None:
    """A last value that may have been restored, beside hardware that is above by itself."""
    last = [{"MetricName": "num_tokens", "Value": 4e13, "Timestamp": START + timedelta(hours=HOURS - 1)}]
    checkpoint = CHECKPOINTS["a checkpoint configuration"]
    alone = audited(LLAMA, 300, busy, **checkpoint)
    found = audited(LLAMA, 300, busy, FinalMetricDataList=last, **checkpoint)
    assert (alone.verdict, found.verdict) == ("above", "above")
    assert found.estimate.firm_flop == found.estimate.lower_flop == alone.estimate.firm_flop
    assert "firm-of-hardware" in kinds(found.estimate)


@pytest.mark.parametrize("tokens", [1e12, 4e12])
def test_the_hardware_makes_no_more_firm_than_what_was_measured_is_likely_to_be(tokens: float) -> None:
    """By tokens less than the least of published runs: a run may lie outside of those."""
    last = [{"MetricName": "num_tokens", "Value": tokens, "Timestamp": START + timedelta(hours=HOURS - 1)}]
    found = audited(LLAMA, 300, {}, FinalMetricDataList=last, **CHECKPOINTS["a checkpoint configuration"]).estimate
    assert found.firm_flop == found.best_flop and 6 * 8e9 * tokens < (found.best_flop or 0) < 7.2 * 8e9 * tokens


def test_hardware_makes_nothing_firm_that_the_model_is_too_small_for() -> None:
    """The most tokens of any model, for each parameter, on a model of 1.35e8."""
    last = [{"MetricName": "num_tokens", "Value": 4e13, "Timestamp": START + timedelta(hours=HOURS - 1)}]
    small = {**LLAMA, "model_name_or_path": "HuggingFaceTB/SmolLM2-135M"}
    found = audited(small, 300, {}, FinalMetricDataList=last, **CHECKPOINTS["a checkpoint configuration"]).estimate
    assert 0 < (found.firm_flop or 0) < (found.best_flop or 0) / 3


def test_what_a_counter_had_when_it_was_first_seen_is_not_firm_of_a_run_that_may_resume() -> None:
    """Two samples near the end, an hour apart: at their rate all of it could have been counted from nothing."""
    late = [START + timedelta(hours=hour) for hour in (718, 719)]
    job = describe(
        hours=HOURS,
        ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 16},
        HyperParameters=LLAMA,
        **CHECKPOINTS["a checkpoint configuration"],
    )
    found = audit(
        Evidence(job, metrics=[{"Label": "num_tokens", "Timestamps": late, "Values": [5.9e12, 6e12]}]), TABLES
    )
    assert "counter-begins-unseen" in kinds(found.estimate) and found.verdict == "indeterminate"
    grown = audited(LLAMA, 16, {"num_tokens": rising(0, 6e12)}, **CHECKPOINTS["a checkpoint configuration"])
    assert "counter-begins-unseen" not in kinds(grown.estimate) and grown.verdict == "above"


def test_that_it_resumes_is_its_own_word_and_a_meter_restores_nothing() -> None:
    last = [{"MetricName": "total_flos", "Value": 3e23, "Timestamp": START + timedelta(hours=HOURS)}]
    found = audited({**LLAMA, "resume_from_checkpoint": "true"}, 16, {}, FinalMetricDataList=last)
    assert (found.verdict, found.without_statements.verdict) == ("indeterminate", "above")
    assert audited({**LLAMA, "resume_mode": "disable"}, 16, {}, FinalMetricDataList=last).verdict == "above"
    counted = [{**last[0], "MetricName": "flops_auditor:model_flop"}]
    metered = audited({**LLAMA, "resume": "true"}, 16, {}, FinalMetricDataList=counted)
    assert "counter-begins-unseen" not in kinds(metered.estimate)


@pytest.mark.parametrize(
    ("name", "first", "last", "also"),
    [
        ("num_tokens", 1e13, 1.14e13, {}),
        ("num_tokens", 1e13, 1.14e13, {f"GPUUtilization algo-{host}": [780.0] * HOURS for host in (1, 2)}),
        ("num_tokens algo-1", 1e13, 1.14e13, {}),
        ("num_tokens", 5e14, 5e14 + 1.4e12, {}),
        ("total_flos", 5e23, 5.67e23, {}),
    ],
    ids=["alone", "busy", "of a host", "over the ceiling", "flos"],
)
def test_what_a_count_grew_all_the_time_is_what_was_done_whatever_the_hardware_does(
    name: str, first: float, last: float, also: dict[str, list[float]]
) -> None:
    """6.7e22 FLOP, a third of the lowest line, on hardware that does 3e23 at least."""
    found = audited(LLAMA, 300, {name: rising(first, last), **also})
    assert found.verdict == "indeterminate" and (found.estimate.firm_flop or 0) < 7.5e22


@pytest.mark.parametrize(("watched", "verdict"), [(0, "above"), (100, "above"), (600, "indeterminate")])
def test_while_nobody_watched_a_count_the_hardware_did_what_it_does_at_least(watched: int, verdict: str) -> None:
    values = rising(1e13, 1e13 + 1.4e12 * watched / HOURS, watched) if watched else [1e13]
    found = audited(LLAMA, 300, {"num_tokens": values}, **CHECKPOINTS["a checkpoint configuration"])
    assert found.verdict == verdict
