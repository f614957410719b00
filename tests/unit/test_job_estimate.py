"""The estimate of one job: every shape of job, every kind of evidence, and what speaks against it."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.compute.hardware_use import IDLE_THOUGH_TRAINING, MEANS_OF_ACCELERATORS
from flops_auditor.domain.compute.run_estimate import Estimate
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.evidence import Evidence, Unread
from flops_auditor.domain.runs.sources.training_job_answer import MalformedJob
from flops_auditor.domain.runs.sources.training_job_metrics import HOST_METRICS
from tests.fakes.audit import told
from tests.fakes.cases import audit, kinds, words
from tests.fakes.jobs import CREATED, describe, throughout
from tests.fakes.meter import log_of, metrics_from

TABLES = load_tables()
TERA = 10**12
START = CREATED + timedelta(minutes=10)
TEN_HOURS = 36000
H100_HOST = 8 * 9894 * 10**11


def audited(
    metrics: Any = (),
    tags: dict[str, str] | None = None,
    *,
    unread: tuple[Unread, ...] = (),
    period: int | None = None,
    amendments: tuple[Amendment, ...] = (),
    **changes: Any,
) -> Audit:
    """An audit; metrics without times stand all through the training."""
    listed = [{"Key": f"flops-auditor:{key}", "Value": value} for key, value in (tags or {}).items()]
    results = [throughout(result, changes.get("hours", 10)) for result in metrics]
    evidence = Evidence(
        describe(**changes), listed, results, period, unread, CREATED + timedelta(days=1), amendments=amendments
    )
    return audit(evidence, TABLES)


def estimated(metrics: Any = (), tags: dict[str, str] | None = None, **changes: Any) -> Estimate:
    return audited(metrics, tags, **changes).estimate


def under_way(metrics: Any = (), tags: dict[str, str] | None = None, **changes: Any) -> Estimate:
    """Of a job that goes on, and can still be told to emit something."""
    return estimated(metrics, tags, TrainingJobStatus="InProgress", **changes)


def hosts(kind: str, count: int = 1) -> dict[str, Any]:
    return {"InstanceType": kind, "InstanceCount": count}


def busy(percent: float, host: int = 1) -> dict[str, Any]:
    return {"Label": f"GPUUtilization algo-{host}", "Values": [percent]}


def said(estimate: Estimate, phrase: str) -> bool:
    return any(phrase in text for text in words(estimate.assumptions))


# ----- Shapes of jobs


@pytest.mark.parametrize(
    ("kind", "count", "peak"),
    [
        ("ml.p5.48xlarge", 2, 2 * H100_HOST),
        ("ml.p4d.24xlarge", 1, 8 * 312 * TERA),
        ("ml.p3.2xlarge", 1, 125 * TERA),
        ("ml.g4dn.xlarge", 1, 65 * TERA),
        ("ml.p2.xlarge", 1, 437 * 10**10),
        ("ml.g5.xlarge", 1, 70 * TERA),
        ("ml.trn1.32xlarge", 2, 2 * 16 * 190 * TERA),
        ("ml.m5.xlarge", 3, None),
    ],
)
def test_instance_type_and_count(kind: str, count: int, peak: int | None) -> None:
    """Annex A.2: N x L x H with the dense peak; V100 and T4 at FP16, K80 at FP32, a CPU host as one unit."""
    found = estimated(ResourceConfig=hosts(kind, count))
    if peak is None:
        instance = TABLES.hardware.find(kind)
        assert instance is not None
        peak = int(count * instance.peak()[0])
        assert found.accelerator_seconds == count * TEN_HOURS
    assert (found.method, found.best_flop, found.upper_flop) == ("hardware", peak * TEN_HOURS // 2, peak * TEN_HOURS)
    assert words(found.doubts) == ()
    assert said(found, f"{count} x {kind}")
    assert said(found, "utilisation is not known")


def test_groups_of_unlike_hosts_are_summed() -> None:
    """Annex A.2: H is weighted by units where types are mixed; the sum over groups, never one mean of unlike things."""
    groups = [
        {"InstanceGroupName": name, "InstanceType": kind, "InstanceCount": count}
        for name, kind, count in (("a", "ml.p5.48xlarge", 2), ("b", "ml.g5.xlarge", 3), ("c", "ml.c5.xlarge", 1))
    ]
    found = estimated(ResourceConfig={"InstanceGroups": groups})
    cpu = TABLES.hardware.find("ml.c5.xlarge")
    assert cpu is not None
    per_second = 2 * H100_HOST + 3 * 70 * TERA + cpu.peak()[0]
    assert found.upper_flop == per_second * TEN_HOURS
    assert found.accelerator_seconds == (16 + 3 + 1) * TEN_HOURS
    assert found.peak_flop_per_s == per_second / 20
    assert estimated(ResourceConfig={"InstanceGroups": groups[::-1]}).upper_flop == found.upper_flop


def test_selected_instances_count_not_the_preferred_ones() -> None:
    resources = {
        "InstancePreferences": [
            {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1},
            {"InstanceType": "ml.p4d.24xlarge", "InstanceCount": 3},
        ],
        "SelectedInstanceType": "ml.p4d.24xlarge",
        "SelectedInstanceCount": 3,
    }
    assert estimated(ResourceConfig=resources).upper_flop == 3 * 8 * 312 * TERA * TEN_HOURS


def test_a_share_of_an_accelerator_counts_as_a_share() -> None:
    g5 = TABLES.hardware.find("ml.g5.xlarge")
    assert g5 is not None
    shared = replace(g5, name="ml.shared.large", accelerator_count=Fraction(1, 8))
    table = replace(TABLES.hardware, instance_types={"ml.shared.large": shared})
    job = describe(ResourceConfig=hosts("ml.shared.large", 2))
    metrics = [throughout(busy(50)), throughout(busy(100, 2))]
    found = audit(Evidence(job, metrics=metrics), replace(TABLES, hardware=table)).estimate
    assert found.ceiling_flop == 70 * TERA * TEN_HOURS // 4
    assert found.upper_flop == 70 * TERA * TEN_HOURS * 3 // 16
    assert said(found, "2 x ml.shared.large: 0.25 x A10G")


def test_training_plans_and_warm_pools_change_nothing() -> None:
    """Warm pools keep instances between jobs: that is not training."""
    resources = {**hosts("ml.p5.48xlarge"), "TrainingPlanArn": "arn:aws:sagemaker:eu-west-1:1:training-plan/x"}
    resources["KeepAlivePeriodInSeconds"] = 3600
    kept = {"Status": "InUse", "ResourceRetainedBillableTimeInSeconds": 9999}
    assert estimated(ResourceConfig=resources, WarmPoolStatus=kept).upper_flop == estimated().upper_flop


HUB = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub"
SERVERLESS: dict[str, Any] = {
    "ResourceConfig": None,
    "BillableTokenCount": 10**9,
    "ServerlessJobConfig": {
        "BaseModelArn": f"{HUB}/Model/meta-textgeneration-llama-3-2-3b/1.0.0",
        "JobType": "FineTuning",
        "CustomizationTechnique": "SFT",
        "Peft": "LORA",
    },
}


def test_a_serverless_job_counts_its_tokens() -> None:
    """No hardware is disclosed: (4 N + 2 N_trainable) x tokens, at most as if all parameters were trained."""
    found = audited(**SERVERLESS)
    estimate = found.estimate
    assert found.base_model == "meta-llama/Llama-3.2-3B"
    assert estimate.method == "architecture"
    attention = 12 * 28 * 24 * 128 * 512
    assert estimate.best_flop == (4 * 3_210_000_000 + attention) * 10**9
    assert estimate.upper_flop == (6 * 3_210_000_000 + attention) * 10**9 * 13 // 10
    assert (estimate.ceiling_flop, estimate.energy_kwh, estimate.accelerator_seconds) == (None, None, None)
    assert said(estimate, "hardware is not disclosed")
    assert said(estimate, "BillableTokenCount")
    assert words(estimate.doubts) == ()
    assert found.verdict == "below"


def test_a_serverless_job_without_tokens_is_not_known() -> None:
    found = audited(**{**SERVERLESS, "BillableTokenCount": None})
    assert (found.estimate.method, found.estimate.best_flop, found.verdict) == ("unknown", None, "indeterminate")


def test_a_serverless_evaluation_counts_nothing() -> None:
    """Annex A.1: evaluation is not counted."""
    config = {**SERVERLESS["ServerlessJobConfig"], "JobType": "Evaluation"}
    found = audited(**{**SERVERLESS, "ServerlessJobConfig": config})
    assert (found.estimate.method, found.estimate.best_flop, found.verdict) == ("not training", 0, "below")


def test_a_spot_job_is_the_sum_of_its_training_spans() -> None:
    steps = [
        {"Status": "Training", "StartTime": START + timedelta(hours=a), "EndTime": START + timedelta(hours=b)}
        for a, b in ((0, 1), (3, 5), (9, 10))
    ]
    found = estimated(SecondaryStatusTransitions=steps, EnableManagedSpotTraining=True)
    assert found.upper_flop == H100_HOST * 4 * 3600


def test_a_job_that_is_not_training_is_recorded_with_nothing() -> None:
    found = audited(tags={"activity": "not-training"})
    assert (found.verdict, found.assessments) == ("below", ())
    assert (found.estimate.best_flop, found.estimate.upper_flop, found.estimate.cautious_upper_flop) == (0, 0, 0)
    assert found.estimate.energy_kwh == Fraction(700 * 8 * 10, 1000)
    assert said(found.estimate, "were it training, 1.42e20 FLOP, at most 2.85e20, would count (hardware)")
    doubtful = audited(tags={"activity": "not-training"}, unread=(Unread("sagemaker:ListTags", "AccessDenied"),))
    assert doubtful.verdict == "indeterminate"
    unknown = estimated(tags={"activity": "not-training"}, ResourceConfig=hosts("ml.p99.48xlarge"))
    assert unknown.energy_kwh is None
    assert not said(unknown, "were it training")


def test_an_unknown_instance_type_leaves_the_hardware_unknown() -> None:
    groups = [
        {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": "g"}
        for kind in ("ml.p5.48xlarge", "ml.p99.48xlarge")
    ]
    found = estimated([busy(400)], ResourceConfig={"InstanceGroups": groups})
    assert (found.method, found.upper_flop, found.ceiling_flop, found.energy_kwh) == ("unknown", None, None, None)
    assert words(found.doubts) == ("instance type 'ml.p99.48xlarge' is not in the hardware table",)
    tokens = audited(tags={"params": "1e9", "tokens": "1e9"}, ResourceConfig=hosts("ml.p99.48xlarge"))
    assert tokens.estimate.best_flop == 6 * 10**18
    assert tokens.verdict == "indeterminate"


@pytest.mark.parametrize("resources", [{}, {"InstanceType": "ml.p5.48xlarge"}, hosts("ml.p5.48xlarge", 0)])
def test_hardware_of_no_hosts_is_not_zero_compute(resources: dict[str, Any]) -> None:
    """Zero FLOP would be below every threshold."""
    found = audited(ResourceConfig=resources)
    assert found.estimate.upper_flop is None
    assert words(found.estimate.doubts) == ("the job names no hosts",)
    assert found.verdict == "indeterminate"


NEVER = [{"Status": "Starting", "StartTime": CREATED, "EndTime": START + timedelta(hours=10)}]


def test_a_job_that_never_got_hardware_computed_nothing() -> None:
    resources = {"InstancePreferences": [{"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1}]}
    found = audited(ResourceConfig=resources, SecondaryStatusTransitions=NEVER, TrainingJobStatus="Failed")
    estimate = found.estimate
    assert (estimate.method, estimate.best_flop, estimate.upper_flop, estimate.ceiling_flop) == ("hardware", 0, 0, 0)
    assert found.verdict == "below"
    assert "the job never had hardware" in words(estimate.assumptions)
    claimed = audited(
        tags={"params": "1e9", "tokens": "1e9"},
        ResourceConfig={},
        SecondaryStatusTransitions=NEVER,
        TrainingJobStatus="Failed",
    )
    assert claimed.estimate.best_flop == 0
    assert said(claimed.estimate, "contradictory")


def test_a_job_that_never_trained_computed_nothing() -> None:
    found = estimated(SecondaryStatusTransitions=NEVER, TrainingJobStatus="Failed")
    assert (found.best_flop, found.upper_flop, found.energy_kwh) == (0, 0, 0)
    assert found.peak_flop_per_s == Fraction(9894 * 10**11)


def test_a_job_in_progress_counts_up_to_now_and_is_never_below() -> None:
    steps = [{"Status": "Training", "StartTime": START}]
    found = audited(SecondaryStatusTransitions=steps, TrainingJobStatus="InProgress", TrainingEndTime=None)
    assert found.estimate.upper_flop == H100_HOST * (86400 - 600)
    assert found.verdict == "indeterminate"
    assert "it may still be training" in told(found.assessments[0])


# ----- Occupancy


def test_one_p5_host_for_ten_hours_at_760_of_800() -> None:
    found = estimated([busy(760)])
    assert found.method == "hardware + occupancy"
    assert found.upper_flop == Fraction(95, 100) * H100_HOST * TEN_HOURS
    assert found.best_flop == H100_HOST * TEN_HOURS // 2
    assert found.occupancy == Fraction(95, 100)


def test_hosts_count_each_with_its_own_occupancy() -> None:
    found = estimated([busy(800), busy(400, 2), busy(0, 3)], ResourceConfig=hosts("ml.p5.48xlarge", 3))
    assert found.occupancy == Fraction(1, 2)
    assert estimated([busy(0, 3), busy(800), busy(400, 2)], ResourceConfig=hosts("ml.p5.48xlarge", 3)) == found


def test_silent_hosts_are_named_and_fully_busy() -> None:
    found = estimated([busy(0, 2)], period=3600, ResourceConfig=hosts("ml.p5.48xlarge", 12))
    assert found.occupancy == Fraction(11, 12)
    assert said(found, "of 11 hosts no occupancy is known, and they count as fully busy: algo-1, algo-3, algo-4")
    assert said(found, "algo-9, ...")
    two = estimated([busy(0, 2)], ResourceConfig=hosts("ml.p5.48xlarge", 2))
    assert said(two, "of 1 hosts no occupancy is known, and they count as fully busy: algo-1")
    assert not said(two, "...")


def test_a_gap_is_named_and_fully_busy() -> None:
    half = {"Label": "GPUUtilization algo-1", "Timestamps": [START], "Values": [400.0]}
    found = estimated([half], hours=2, period=3600)
    assert found.occupancy == Fraction(3, 4)
    assert said(found, "occupancy covers 50.0% of the training time at least")


def test_hosts_that_the_job_does_not_have_do_not_dilute() -> None:
    found = estimated([busy(0, 7)], period=3600, ResourceConfig=hosts("ml.p5.48xlarge", 1))
    assert found.occupancy == 1
    assert said(found, "contradictory evidence: the job has no host algo-7")


def test_more_busy_accelerators_than_there_are() -> None:
    found = estimated([busy(900)])
    assert found.occupancy == 1
    assert said(found, "contradictory evidence: algo-1 reports more busy accelerators than it has")
    assert not said(estimated([busy(800)]), "contradictory")


@pytest.mark.parametrize(("overfull", "more"), [(8, ""), (9, ", ..."), (10, ", ...")])
def test_at_most_eight_of_them_are_named(overfull: int, more: str) -> None:
    found = estimated([busy(900, host) for host in range(1, overfull + 1)], ResourceConfig=hosts("ml.p5.48xlarge", 10))
    named = ", ".join(f"algo-{host}" for host in range(1, 9)) + more
    assert said(found, f"contradictory evidence: {named} reports more busy accelerators than it has")


LOWEST = TABLES.utilisation.of("H100").lowest
"""The least that a published run used of such hardware."""


@pytest.mark.parametrize(
    ("percent", "kind", "upper"),
    [
        (1, "occupancy-in-fractions", 1),
        (1.5, "occupancy-of-one-accelerator", Fraction(15, 80)),
        (8, "occupancy-of-one-accelerator", 1),
        (8.5, "occupancy-of-one-accelerator", Fraction(85, 1000)),
        (100, "occupancy-of-one-accelerator", 1),
        (100.5, None, Fraction(1005, 8000)),
    ],
)
def test_the_unit_is_unsure_where_no_host_passes_one_accelerator(
    percent: float, kind: str | None, upper: Fraction
) -> None:
    found = estimated([busy(percent)])
    assert found.upper_flop == upper * H100_HOST * TEN_HOURS
    assert kinds(found) & {"occupancy-in-fractions", "occupancy-of-one-accelerator"} == ({kind} if kind else set())


@pytest.mark.parametrize(("kind", "devices"), [("ml.g6.xlarge", 1), ("ml.g7.12xlarge", 2), ("ml.p5.48xlarge", 8)])
def test_of_one_accelerator_sum_and_mean_are_the_same(kind: str, devices: int) -> None:
    found = estimated([busy(50)], ResourceConfig=hosts(kind))
    told = [each for each in found.assumptions if each.kind is MEANS_OF_ACCELERATORS]
    assert told == (
        [MEANS_OF_ACCELERATORS(devices=devices, metric="GPUUtilization", where=HOST_METRICS.where)]
        if devices > 1
        else []
    )


@pytest.mark.parametrize("less", [Fraction(0), Fraction(1, 1000)])
def test_hosts_are_idle_below_the_least_that_a_published_run_used(less: Fraction) -> None:
    names = {"model_name_or_path": "allenai/OLMo-2-1124-7B", "base_model": "allenai/OLMo-2-1124-13B"}
    busiest = LOWEST - less
    found = audited(
        [busy(float(800 * busiest)), busy(0, 2)],
        period=3600,
        HyperParameters=names,
        ResourceConfig=hosts("ml.p5.48xlarge", 2),
    )
    idle, most = (["algo-1", "algo-2"], busiest) if less else (["algo-2"], Fraction(0))
    signs = [found.declared.names[0].words]
    remark = IDLE_THOUGH_TRAINING(hosts=idle, share=most, signs=signs, lowest=LOWEST, where=HOST_METRICS.where)
    assert remark in found.estimate.assumptions
    assert found.estimate.occupancy == (None if less else (1 + LOWEST) / 2)
    assert found.estimate.lower_flop == H100_HOST * TEN_HOURS * busiest * LOWEST


@pytest.mark.parametrize("sign", [{"metrics": [{"Label": "loss", "Values": [1]}]}, {"learning_rate": "1e-5"}])
def test_what_only_training_has_says_that_there_was_work(sign: dict[str, Any]) -> None:
    metrics = [busy(0), *sign.get("metrics", [])]
    parameters = {key: value for key, value in sign.items() if key != "metrics"}
    found = estimated(metrics, period=3600, HyperParameters=parameters)
    assert "idle-though-training" in kinds(found)
    assert found.upper_flop == H100_HOST * TEN_HOURS


def test_hardware_that_nothing_says_worked_may_be_idle() -> None:
    found = estimated([busy(0)], period=3600, HyperParameters={})
    assert found.upper_flop == 0 and "idle-though-training" not in kinds(found)


@pytest.mark.parametrize(("percent", "idle"), [(0, False), (1, True), (50, False)])
def test_a_host_without_accelerators_truly_reports_zero(percent: float, idle: bool) -> None:
    found = estimated(
        [busy(0), busy(8 * percent, 2)],
        period=3600,
        HyperParameters={"learning_rate": "1e-5"},
        ResourceConfig=cpu_and_gpu(1),
    )
    assert ("idle-though-training" in kinds(found)) == idle


def test_unlike_accelerators_each_take_the_busiest_host() -> None:
    """Hosts do not name their kind."""
    groups = [
        {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": kind}
        for kind in ("ml.p5.48xlarge", "ml.g5.xlarge")
    ]
    found = estimated([busy(400), busy(50, 2)], ResourceConfig={"InstanceGroups": groups})
    assert found.upper_flop == (H100_HOST // 2 + 70 * TERA) * TEN_HOURS
    assert said(found, "unlike accelerators")
    assert not said(found, "contradictory")
    silent = estimated([busy(400)], ResourceConfig={"InstanceGroups": groups})
    assert silent.upper_flop == (H100_HOST + 70 * TERA) * TEN_HOURS
    assert silent.occupancy == 1


def test_two_groups_of_one_kind_are_one_kind() -> None:
    groups = [{"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "InstanceGroupName": name} for name in "ab"]
    found = estimated([busy(800), busy(0, 2)], ResourceConfig={"InstanceGroups": groups})
    assert found.occupancy == Fraction(1, 2)
    assert not said(found, "unlike")


def cpu_and_gpu(gpus: int) -> dict[str, Any]:
    return {
        "InstanceGroups": [
            {"InstanceType": "ml.c5.xlarge", "InstanceCount": 1, "InstanceGroupName": "data"},
            {"InstanceType": "ml.p5.48xlarge", "InstanceCount": gpus, "InstanceGroupName": "train"},
        ]
    }


def test_a_host_without_accelerators_need_not_report() -> None:
    cpu = TABLES.hardware.find("ml.c5.xlarge")
    assert cpu is not None
    found = estimated([busy(400, 2)], ResourceConfig=cpu_and_gpu(1))
    assert found.upper_flop == (H100_HOST // 2 + cpu.peak()[0]) * TEN_HOURS
    assert not said(found, "no occupancy is known")


def test_a_host_without_accelerators_does_not_stand_for_a_silent_one() -> None:
    """A zero from the CPU host must not lower the bound of an accelerator host that reports nothing."""
    cpu = TABLES.hardware.find("ml.c5.xlarge")
    assert cpu is not None
    found = estimated([busy(0, 1), busy(400, 2)], ResourceConfig=cpu_and_gpu(2))
    assert found.upper_flop == (H100_HOST // 2 + H100_HOST + cpu.peak()[0]) * TEN_HOURS
    assert said(found, "of 1 hosts no occupancy is known, and they count as fully busy: some of algo-1, algo-3")


def test_hosts_without_accelerators_have_no_occupancy() -> None:
    found = estimated([busy(50)], ResourceConfig=hosts("ml.c5.xlarge"))
    assert found.upper_flop == found.ceiling_flop
    assert found.occupancy == 1


# ----- Precision


def test_a_faster_format_takes_its_own_peak() -> None:
    for places in ({"tags": {"precision": "fp8"}}, {"HyperParameters": {"mixed_precision": "fp8"}}):
        found = estimated(**places)
        assert found.peak_flop_per_s == 19789 * 10**11
        assert found.upper_flop == 8 * 19789 * 10**11 * TEN_HOURS
        assert said(found, "dense FP8")


def test_a_slower_format_that_is_tagged_lowers_both_and_says_so() -> None:
    found = estimated(tags={"precision": "float32"}, HyperParameters={})
    assert (found.best_flop, found.upper_flop) == (8 * 67 * TERA * TEN_HOURS // 2, 8 * 67 * TERA * TEN_HOURS)
    assert said(found, "the tag flops-auditor:precision lowers the peak from 9.894e14 to 6.700e13 FLOP/s")


@pytest.mark.parametrize(
    ("tagged", "passed", "peak"), [("fp32", "bf16", 9894), ("tf32", "fp16", 9894), ("bf16", "fp8", 19789)]
)
def test_a_tag_that_hyperparameters_contradict_with_a_faster_format_lowers_nothing(
    tagged: str, passed: str, peak: int
) -> None:
    found = estimated(tags={"precision": tagged}, HyperParameters={"mixed_precision": passed})
    assert found.upper_flop == 8 * peak * 10**11 * TEN_HOURS
    assert said(found, f"says {tagged.upper()}, and hyperparameters say {passed.upper()}, which is faster")
    slower = estimated(tags={"precision": passed}, HyperParameters={"mixed_precision": tagged})
    assert not said(slower, "which is faster")


def test_a_slower_format_that_is_guessed_never_lowers_the_bound() -> None:
    """A hyperparameter may state how weights are stored, or be left over: it must not release anyone."""
    found = estimated(HyperParameters={"mixed_precision": "no"})
    assert found.best_flop == 8 * 67 * TERA * TEN_HOURS // 2
    assert found.upper_flop == H100_HOST * TEN_HOURS
    assert said(found, "hyperparameters point at FP32, slower than the default")
    mfu = estimated([{"Label": "mfu", "Values": [0.4]}], HyperParameters={"mixed_precision": "no"})
    assert mfu.upper_flop == Fraction(52, 100) * H100_HOST * TEN_HOURS
    assert not said(estimated(HyperParameters={"mixed_precision": "bf16"}), "slower than")


# ----- Tokens and parameters

LLAMA = {"model_name_or_path": "meta-llama/Llama-3.1-8B", "max_seq_length": "1"}
N = 8_030_261_248
ATTENTION = 12 * 32 * 4096
"""FLOP per token of Llama-3.1-8B's attention over one token: 12 x layers x width of the queries (PaLM, appendix B)."""
K = 6 * N + ATTENTION


def settles(estimate: Estimate) -> str:
    assert estimate.settle is not None
    spoken = estimate.settle.settled_by("fine-tune")
    return spoken.words if spoken else ""


def test_the_model_is_found_by_its_name() -> None:
    found = estimated(tags={"tokens": "1e9"}, HyperParameters=LLAMA)
    assert (found.method, found.best_flop) == ("architecture", K * 10**9)
    assert found.upper_flop == K * 10**9 * 13 // 10
    assert said(found, "tokens: tag flops-auditor:tokens")
    assert said(found, "hardware would give")
    assert said(found, "error margin of 30 %")
    assert found.cautious_upper_flop == found.upper_flop


@pytest.mark.parametrize(
    ("trainable", "parameters", "factor"),
    [
        (None, {}, 6 * N),
        (None, {"lora_r": "8"}, 4 * N),
        ("1e8", {}, 4 * N + 2 * 10**8),
        (str(N), {"lora_r": "8"}, 6 * N),
        (str(N - 1), {}, 6 * N - 2),
        ("9e9", {}, 6 * N),
    ],
)
def test_full_and_partial_training(trainable: str | None, parameters: dict[str, str], factor: int) -> None:
    tags = {"tokens": "1e9", **({"trainable-params": trainable} if trainable else {})}
    assert estimated(tags=tags, HyperParameters={**LLAMA, **parameters}).best_flop == (factor + ATTENTION) * 10**9


def test_experts_count_as_far_as_they_are_active() -> None:
    tags = {"params": "1e11", "active-params": "1e10", "tokens": "1e9"}
    assert estimated(tags=tags, ResourceConfig=hosts("ml.p5.48xlarge", 9)).best_flop == 6 * 10**19
    frozen = estimated(tags={**tags, "trainable-params": "9e10"})
    assert frozen.best_flop == 6 * 10**19


def test_tokens_without_parameters_say_nothing() -> None:
    found = estimated(tags={"tokens": "1e9"})
    assert found.method == "hardware"
    assert said(found, "tokens without parameters: 1.00e9 tokens (tag flops-auditor:tokens)")
    both = "emit the metric mfu, or tag the job with flops-auditor:params and flops-auditor:tokens"
    assert settles(under_way(tags={"tokens": "1e9"})).startswith(both)
    assert settles(found).startswith("give better evidence: `flops-auditor amend")
    tokens = "emit the metric mfu, or tag the job with flops-auditor:tokens"
    assert settles(under_way(HyperParameters=LLAMA)).startswith(tokens)
    mfu = under_way([{"Label": "mfu", "Values": [0.3]}], HyperParameters={"bf16": "true"})
    assert settles(mfu).startswith("tag the job with flops-auditor:params and flops-auditor:tokens")
    known = under_way(tags={"tokens": "1e9"}, HyperParameters=LLAMA)
    assert settles(known).startswith("have the next run count its own model FLOP")


@pytest.mark.parametrize(
    ("measured", "tokens"), [(10**9, 10**9), (13 * 10**8, 10**9), (13 * 10**8 + 1, 13 * 10**8 + 1), (10, 10**9)]
)
def test_more_tokens_measured_than_tagged(measured: int, tokens: int) -> None:
    metrics = [{"Label": "num_tokens", "Values": [measured]}]
    found = estimated(metrics, {"tokens": "1e9"}, HyperParameters=LLAMA)
    assert found.best_flop == K * tokens
    assert said(found, "the larger number counts") is (tokens != 10**9)
    if tokens == 10**9:
        assert "parameters: " in next(
            text for text in words(found.assumptions) if "tokens: tag flops-auditor:tokens" in text
        )


def test_an_amendment_goes_before_a_measurement() -> None:
    metrics = [{"Label": "num_tokens", "Values": [2e9]}]
    amendment = Amendment("A. Person", "padding", CREATED, tokens=10**9)
    found = estimated(metrics, HyperParameters={**LLAMA, "epochs": "3"}, amendments=(amendment,))
    assert found.best_flop == K * 10**9
    assert said(found, "the amendment counts")
    assert not said(found, "epochs")


def test_billable_tokens_are_tokens() -> None:
    found = estimated(HyperParameters=LLAMA, BillableTokenCount=10**9)
    assert found.best_flop == K * 10**9
    assert any(text.endswith("; tokens: BillableTokenCount") for text in words(found.assumptions))


# ----- Contradictions


def test_a_figure_over_the_ceiling_is_refused_and_the_next_tier_counts() -> None:
    found = estimated(tags={"params": "1e12", "tokens": "1e12"})
    assert found.method == "hardware"
    assert said(found, "contradictory evidence: architecture gives 6.00e24 FLOP")
    assert len(found.tiers) == 2


def test_counted_goes_before_all() -> None:
    metrics = [{"Label": "flops_auditor:model_flop", "Values": [1e20]}, {"Label": "mfu", "Values": [0.4]}, busy(760)]
    found = estimated(metrics, {"tokens": "2e9"}, HyperParameters=LLAMA)
    assert (found.method, found.best_flop, found.upper_flop) == ("counted", 10**20, 13 * 10**19)
    assert [tier.method for tier in found.tiers] == [
        "counted",
        "architecture",
        "hardware + MFU",
        "hardware + occupancy",
    ]


def test_a_measured_tier_over_the_chosen_bound_holds_below_back() -> None:
    """Tokens say 17 %, the emitted MFU 40 %: below must not rest on the lower one."""
    found = audited([{"Label": "mfu", "Values": [0.4]}], {"tokens": "1e9"}, HyperParameters=LLAMA)
    estimate = found.estimate
    assert estimate.upper_flop == K * 10**9 * 13 // 10
    assert estimate.cautious_upper_flop == Fraction(52, 100) * H100_HOST * TEN_HOURS
    assert found.cumulative.upper_flop == estimate.cautious_upper_flop
    assert said(estimate, "no verdict of below rests on less than 1.48e20 FLOP")
    assert said(estimate, "contradictory evidence: hardware + MFU gives 1.14e20 FLOP")
    assert settles(estimate).startswith("clear up what contradicts itself")


def test_a_figure_far_below_what_the_hardware_was_busy_for_holds_below_back() -> None:
    """A slip of a few zeros in a tag must not release a run of 64 hosts for three weeks."""
    shape = {"hours": 504, "ResourceConfig": hosts("ml.p5.48xlarge", 64)}
    slip = audited(tags={"tokens": "1e9"}, HyperParameters=LLAMA, Environment={"PRETRAIN_FLOPS": "unknown"}, **shape)
    assert slip.estimate.best_flop == K * 10**9
    assert slip.estimate.cautious_upper_flop == H100_HOST * 64 * 504 * 3600
    assert slip.verdict == "indeterminate"
    assert said(slip.estimate, "the lowest of all published runs on such hardware is 5.03 %")
    small = audited(tags={"tokens": "1e5"}, HyperParameters=LLAMA)
    assert said(small.estimate, "the lowest of all published runs")
    assert small.verdict == "below"


def test_the_trainers_own_count_of_all_experts_and_frozen_parameters_is_no_contradiction() -> None:
    tags = {"params": "1e10", "active-params": "5e9", "tokens": "1e9"}
    reported = [{"Label": "total_flos", "Values": [6e19]}]
    found = estimated(reported, tags, HyperParameters={"lora_r": "8"})
    assert found.best_flop == 4 * 5 * 10**18
    assert not said(found, "contradictory evidence")
    assert said(found, "'total_flos' takes every parameter as trained")
    dense = estimated(reported, {"params": "5e9", "tokens": "1e9"}, HyperParameters={})
    assert said(dense, "contradictory evidence: architecture gives 6.00e19 FLOP")


def test_tokens_per_epoch_or_of_all_epochs() -> None:
    found = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "num_train_epochs": "2.5"})
    assert found.best_flop == K * 10**9
    assert found.cautious_upper_flop == Fraction(5, 2) * (found.upper_flop or 0)
    assert said(found, "those of all 2.5 epochs together")
    capped = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "num_train_epochs": "1000"})
    assert capped.cautious_upper_flop == H100_HOST * TEN_HOURS
    assert found.upper_flop == K * 10**9 * 13 // 10
    once = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "num_train_epochs": "1"})
    measured = estimated([{"Label": "num_tokens", "Values": [1e9]}], HyperParameters={**LLAMA, "epochs": "3"})
    for other in (once, measured):
        assert other.cautious_upper_flop == other.upper_flop
        assert not said(other, "epochs")


def test_parameters_counted_as_stored_hold_below_back() -> None:
    """4-bit packing halves a count of parameters; the base-model table knows better."""
    found = estimated(tags={"params": "4e9", "tokens": "1e9"}, HyperParameters=LLAMA)
    assert found.best_flop == 24 * 10**18
    assert (found.cautious_upper_flop or 0) >= 6 * N * 10**9 * 1.3
    assert said(found, "4.00e9 active parameters (tag flops-auditor:params) against 8.03e9 of the base-model table")
    close = estimated(tags={"params": "8e9", "tokens": "1e9"}, HyperParameters=LLAMA)
    assert (close.best_flop, close.cautious_upper_flop) == ((48 * 10**9 + ATTENTION) * 10**9, close.upper_flop)
    active = estimated(tags={"active-params": "1e9", "tokens": "1e9"}, HyperParameters=LLAMA)
    assert active.best_flop == (6 * 10**9 + ATTENTION) * 10**9
    assert said(active, "contradictory evidence: 1.00e9 active parameters")


def test_a_tag_of_all_experts_keeps_the_tables_active_parameters() -> None:
    mixtral = {"model_name_or_path": "mistralai/Mixtral-8x7B-v0.1"}
    table = estimated(tags={"tokens": "1e9"}, HyperParameters=mixtral)
    tagged = estimated(tags={"params": "46.7e9", "tokens": "1e9"}, HyperParameters=mixtral)
    assert tagged.best_flop == table.best_flop
    assert (table.best_flop or 0) < 6 * 46 * 10**18 / 3


def test_preference_tuning_passes_a_reference_model() -> None:
    found = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "training_type": "dpo"})
    assert found.best_flop == K * 10**9
    assert found.updates_upper_flop == 2 * (found.upper_flop or 0)
    assert found.cautious_upper_flop == -(-K * 10**9 * 2 * 13 * 8 // 60)
    assert said(found, "DPO also passes every batch forward through a frozen reference model")
    assert said(found, "two answers of each sample")
    counted = estimated([{"Label": "num_tokens", "Values": [1e9]}], HyperParameters={**LLAMA, "training_type": "dpo"})
    assert counted.updates_upper_flop == counted.upper_flop
    assert counted.cautious_upper_flop == -(-K * 10**9 * 13 * 8 // 60)


@pytest.mark.parametrize(
    ("technique", "passes"), [("dpo", Fraction(8, 6)), ("ipo", Fraction(8, 6)), ("kto", Fraction(2)), ("orpo", 1)]
)
def test_passes_that_update_nothing(technique: str, passes: Fraction) -> None:
    """KTO also estimates a divergence on mismatched pairs through both models; ORPO has no reference model."""
    metrics = [{"Label": "num_tokens", "Values": [1e9]}]
    found = estimated(metrics, HyperParameters={**LLAMA, "rlhf_type": technique})
    assert found.cautious_upper_flop == -(-K * 10**9 * 13 * passes // 10)
    adapters = {**LLAMA, "rlhf_type": technique}
    part = estimated(metrics, {"trainable-params": "1e6"}, HyperParameters=adapters)
    assert (part.cautious_upper_flop or 0) >= (1 + Fraction(3, 2) * (passes - 1)) * (part.upper_flop or 0) - 1


@pytest.mark.parametrize(
    ("parameters", "updates"),
    [
        ({"trainer_type": "GRPOTrainer"}, 1),
        ({"trainer_type": "GRPOTrainer", "num_iterations": "3"}, 3),
        ({"trainer_type": "PPOTrainer"}, 4),
        ({"trainer_type": "PPOTrainer", "num_ppo_epochs": "2"}, 2),
        ({"algorithm.adv_estimator": "gae", "actor_rollout_ref.actor.ppo_epochs": "2"}, 2),
        ({"advantage_estimator": "gae", "num_episodes": "9", "max_epochs": "3"}, 3),
    ],
)
def test_a_rollout_may_be_trained_on_several_times(parameters: dict[str, str], updates: int) -> None:
    """The tokens that a trainer counts may be those of one pass: all passes update parameters."""
    metrics = [{"Label": "num_tokens", "Values": [4e8]}]
    found = estimated(metrics, HyperParameters={**LLAMA, **parameters})
    assert found.updates_upper_flop == updates * (found.upper_flop or 0)
    assert said(found, "each batch of rollouts is trained on") is (updates > 1)
    amended = Amendment("A. Person", "counted", CREATED, tokens=10**9)
    settled = estimated(metrics, HyperParameters={**LLAMA, **parameters}, amendments=(amended,))
    assert settled.updates_upper_flop == settled.upper_flop


def test_cautions_that_may_hold_at_once_count_together() -> None:
    stated = {**LLAMA, "num_train_epochs": "3", "rlhf_type": "orpo"}
    found = estimated(tags={"tokens": "4e8"}, HyperParameters=stated)
    assert found.updates_upper_flop == 6 * (found.upper_flop or 0)
    assert said(found, "at once")


def test_a_recipe_says_how_many_tokens_there_are_at_most() -> None:
    recipe = {
        "run.model_name_or_path": "meta-llama/Llama-3.1-8B",
        "training_config.max_steps": "1000",
        "training_config.global_batch_size": "64",
        "training_config.max_length": "4096",
    }
    found = estimated([busy(800)], HyperParameters=recipe)
    assert found.method == "architecture"
    least = estimated([busy(800)], HyperParameters=LLAMA).lower_flop
    assert found.lower_flop == found.firm_flop == min(least or 0, found.best_flop or 0)
    assert (found.upper_flop or 0) >= Fraction(13, 10) * 6 * N * 1000 * 64 * 4096
    assert said(found, "steps x sequences of a step")
    counted = estimated([busy(800), {"Label": "num_tokens", "Values": [1e8]}], HyperParameters=recipe)
    assert (counted.best_flop or 0) < (found.best_flop or 0)
    slip = estimated([busy(800)], {"tokens": "1e7"}, HyperParameters=recipe)
    assert (slip.cautious_upper_flop or 0) >= (found.upper_flop or 0) * 9 // 10
    assert said(slip, "may train on 2.62e8")
    each = {**recipe, "training_config.global_batch_size": "", "per_device_train_batch_size": "8"}
    assert estimated([busy(800)], HyperParameters=each).best_flop == found.best_flop, "8 accelerators with 8 each"
    generated = estimated([busy(800)], HyperParameters={**recipe, "rollout.n": "8"})
    assert generated.method == "hardware + occupancy"


def test_rollouts_are_bounded_by_the_hardware_alone() -> None:
    """Annex A.1: in reinforcement learning the rollouts are generation, on the cumulative basis only."""
    found = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "trainer_type": "grpo"})
    assert found.cautious_upper_flop == H100_HOST * TEN_HOURS
    assert said(found, "GRPO generates the tokens it trains on")
    config = {**SERVERLESS["ServerlessJobConfig"], "CustomizationTechnique": "RLVR"}
    alone = estimated(**{**SERVERLESS, "ServerlessJobConfig": config})
    assert said(alone, "RLVR generates")


def test_training_time_that_the_spans_do_not_show_holds_below_back() -> None:
    found = estimated(TrainingTimeInSeconds=10 * TEN_HOURS)
    assert found.upper_flop == H100_HOST * TEN_HOURS
    assert found.cautious_upper_flop == H100_HOST * (10 * TEN_HOURS - 600)
    assert said(
        found, "the run had its hardware for 323400 s that nothing explains, and was at work for 0 s of the rest"
    )


# ----- Emitted utilisation


@pytest.mark.parametrize("value", [0, 1.01, 42])
def test_an_mfu_that_cannot_be_is_left_aside(value: float) -> None:
    found = estimated([{"Label": "mfu", "Values": [value]}])
    assert found.method == "hardware"
    assert said(found, f"metric 'mfu' is an MFU of {value:.4g}, not a fraction of the peak")


def test_an_mfu_of_one_is_the_most_there_is() -> None:
    assert estimated([{"Label": "mfu", "Values": [1]}]).upper_flop == Fraction(13, 10) * H100_HOST * TEN_HOURS


def test_an_mfu_over_the_occupancy_is_said() -> None:
    found = estimated([{"Label": "mfu", "Values": [0.5]}, busy(320)])
    assert found.method == "hardware + MFU"
    assert said(found, "the emitted MFU 0.5 is over the occupancy 0.4")
    assert not said(estimated([{"Label": "mfu", "Values": [0.4]}, busy(320)]), "is over the occupancy")


def test_a_rate_is_a_utilisation_of_the_peak() -> None:
    found = estimated([{"Label": "tflops", "Values": [247.35]}])
    assert (found.method, found.best_flop) == ("hardware + MFU", H100_HOST * TEN_HOURS // 4)
    whole = estimated([{"Label": "flops_per_sec", "Values": [H100_HOST / 4]}])
    assert whole.best_flop == H100_HOST * TEN_HOURS // 4


def test_texts_are_those_that_a_record_shows() -> None:
    """Assumptions must be documented (Annex A.2): each in words, in full."""
    metrics = [busy(900), busy(1, 9), {"Label": "num_tokens", "Values": [5e7 * (hour + 1) for hour in range(10)]}]
    found = estimated(metrics, HyperParameters={**LLAMA, "mixed_precision": "no", "trainer_type": "dpo"})
    assert words(found.assumptions)[:6] == (
        "method architecture: 6 x 8.03e9 parameters x 5.00e8 tokens",
        "the bounds are an error margin of 30 % to either side, at most the hardware's ceiling",
        "hardware + occupancy would give 9.65e18 FLOP, a utilisation of 0.5",
        "DPO also passes every batch forward through a frozen reference model, which updates nothing and counts "
        "on the cumulative basis alone; with it 33.3 % more",
        "no verdict of below rests on less than 3.13e19 FLOP where what updated parameters counts alone, and on less "
        "than 4.18e19 FLOP where all that contributed counts",
        "training time: 1 Training span of SecondaryStatusTransitions, 36000 s",
    )
    assert set(words(found.assumptions)) >= {
        "contradictory evidence: the job has no host algo-9; its metrics are not used",
        "contradictory evidence: algo-1 reports more busy accelerators than it has; such values count as fully busy",
        "1 x ml.p5.48xlarge: 8 x H100, 6.700e13 FLOP/s each, dense FP32",
        "hyperparameters point at FP32, slower than the default: the best estimate follows, the upper bound keeps "
        "9.894e14 FLOP/s",
    }
    assert not said(found, "its energy is not included")


def test_texts_of_the_hardware_tiers() -> None:
    for metrics in ([], [busy(400)]):
        assert words(estimated(metrics).assumptions)[1] == (
            "utilisation is not known: the best estimate takes at most U = 0.5"
        )
    groups = [
        {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": kind}
        for kind in ("ml.p5.48xlarge", "ml.g5.xlarge")
    ]
    found = estimated([busy(1)], ResourceConfig={"InstanceGroups": groups})
    assert "unlike accelerators: each kind counts with the busiest host, since hosts do not name their kind" in words(
        found.assumptions
    )
    assert "serverless job: its hardware is not disclosed" in words(estimated(**SERVERLESS).assumptions)
    assert estimated().occupancy is None


def test_eight_and_nine_silent_hosts() -> None:
    eight = estimated([busy(800, 9)], ResourceConfig=hosts("ml.p5.48xlarge", 9))
    nine = estimated([busy(800, 10)], ResourceConfig=hosts("ml.p5.48xlarge", 10))
    assert any(text.endswith("algo-7, algo-8") for text in words(eight.assumptions))
    assert any(text.endswith("algo-7, algo-8, ...") for text in words(nine.assumptions))
    strangers = [busy(1, host) for host in range(11, 21)]
    found = estimated(strangers, ResourceConfig=hosts("ml.p5.48xlarge", 1))
    named = ", ".join(f"algo-{host}" for host in range(11, 19))
    text = f"contradictory evidence: the job has no host {named}, ...; "
    assert any(said_text.startswith(text) for said_text in words(found.assumptions))


def test_full_coverage_is_not_remarked_on() -> None:
    times = [START + timedelta(minutes=i) for i in range(60)]
    whole = {"Label": "GPUUtilization algo-1", "Timestamps": times, "Values": [400] * 60}
    assert not said(estimated([whole], hours=1, period=60), "occupancy covers")


def test_a_barely_busy_host_of_a_mixed_job_still_reports() -> None:
    cpu = TABLES.hardware.find("ml.c5.xlarge")
    assert cpu is not None
    found = estimated([busy(50, 2), busy(400, 3)], period=3600, ResourceConfig=cpu_and_gpu(2))
    assert found.upper_flop == (H100_HOST * Fraction(9, 16) + cpu.peak()[0]) * TEN_HOURS


def test_power_that_nobody_publishes_is_said() -> None:
    p5 = TABLES.hardware.find("ml.p5.48xlarge")
    assert p5 is not None and p5.accelerator is not None
    silent = replace(p5, accelerator=replace(p5.accelerator, tdp_watts=None))
    table = replace(TABLES.hardware, instance_types={"ml.p5.48xlarge": silent})
    found = audit(Evidence(describe()), replace(TABLES, hardware=table)).estimate
    assert found.energy_kwh == 0
    assert "no rated power published for H100: its energy is not included" in words(found.assumptions)


def test_a_rate_on_a_job_that_never_trained_is_no_rate() -> None:
    for name, value in (("tflops", 400), ("flops_per_sec", 10**15), ("tokens_per_second_per_gpu", 10)):
        found = estimated(
            [{"Label": name, "Values": [value]}], SecondaryStatusTransitions=NEVER, TrainingJobStatus="Failed"
        )
        assert found.best_flop == 0
    serverless = estimated(
        [{"Label": "throughput/tokens_per_sec", "Values": [10]}], **{**SERVERLESS, "BillableTokenCount": None}
    )
    assert serverless.method == "unknown"


def test_tokens_per_second_are_tokens_over_the_training_time() -> None:
    whole = estimated([{"Label": "throughput/tokens_per_sec", "Values": [1000]}], HyperParameters=LLAMA)
    each = estimated([{"Label": "tokens_per_second_per_gpu", "Values": [125]}], HyperParameters=LLAMA)
    assert whole.best_flop == each.best_flop == K * 1000 * TEN_HOURS
    assert any(
        text.endswith("metric throughput/tokens_per_sec over the training time") for text in words(whole.assumptions)
    )


def test_samples_say_nothing_alone() -> None:
    rate = {"Label": "train_samples_per_second", "Values": [3]}
    alone = estimated([rate], HyperParameters=LLAMA)
    assert (
        "metric 'train_samples_per_second' counts samples, which say nothing without tokens per sample; "
        "it is not used" in words(alone.assumptions)
    )
    assert not said(estimated([rate], {"tokens": "1e9"}, HyperParameters=LLAMA), "counts samples")
    assert not said(estimated(HyperParameters=LLAMA), "counts samples")


def test_what_overcounts_is_allowed_just_so_much() -> None:
    """total_flos of frozen parameters may be 3/2 of the estimate, of all experts total / active; no more."""
    for tags, parameters, factor in (
        ({"params": "8e9"}, {"lora_r": "8"}, Fraction(3, 2)),
        ({"params": "8e9", "active-params": "2e9"}, {}, Fraction(4)),
        ({"params": "8e9"}, {}, Fraction(1)),
    ):
        base = estimated(tags={**tags, "tokens": "5e8"}, HyperParameters=parameters)
        edge = (base.upper_flop or 0) * factor
        for flop, contradicts in ((int(edge), False), (int(edge * Fraction(101, 100)), True)):
            metrics = [{"Label": "total_flos", "Values": [flop]}]
            found = estimated(metrics, {**tags, "tokens": "5e8"}, HyperParameters=parameters)
            assert said(found, "contradictory evidence: architecture gives") is contradicts, (tags, flop)


def test_a_refused_tier_below_the_chosen_one_speaks_not_against_it() -> None:
    found = estimated(metrics_from(log_of(every=3600), 3600), {"params": "1e12", "tokens": "1e12"}, period=3600)
    assert (found.method, found.cautious_upper_flop) == ("counted", found.upper_flop)


def test_two_epochs_are_several() -> None:
    found = estimated(tags={"tokens": "1e9"}, HyperParameters={**LLAMA, "epochs": "2"})
    assert found.cautious_upper_flop == 2 * (found.upper_flop or 0)


def test_measured_tokens_settle_how_many_epochs_there_were() -> None:
    metrics = [{"Label": "num_tokens", "Values": [1e9]}]
    found = estimated(metrics, {"tokens": "1e9"}, HyperParameters={**LLAMA, "epochs": "3"})
    assert found.cautious_upper_flop == found.upper_flop


def test_texts_of_what_a_trainer_reports() -> None:
    found = estimated([{"Label": "total_flos", "Values": [1e19]}])
    assert words(found.assumptions)[0] == "method architecture: 1.00e19 FLOP reported by the trainer as 'total_flos'"
    assert found.energy_kwh == 56


def test_epochs_of_a_job_without_hardware() -> None:
    tags = {"tokens": "1e9", "params": "3.21e9"}
    stated = {"epochs": "3", "max_length": "1"}
    alone = estimated(tags=tags, HyperParameters=stated, **{**SERVERLESS, "BillableTokenCount": None})
    assert (alone.upper_flop, alone.cautious_upper_flop) == (None, None)
    assert said(alone, "nothing bounds")
    instance = {"ResourceConfig": {}, "SecondaryStatusTransitions": [], "TrainingTimeInSeconds": None}
    found = estimated(tags=tags, HyperParameters=stated, **instance)
    assert (found.cautious_upper_flop or 0) / (found.upper_flop or 1) == pytest.approx(3, rel=1e-3)


@pytest.mark.parametrize("tags", [{"params": "1e9"}, {"params": "1e9", "tokens": "1e9"}])
def test_what_only_tags_say_of_a_closed_model_on_closed_hardware_is_bounded_by_nothing(tags: dict[str, str]) -> None:
    """How large a closed model is, nobody outside knows: a tag of 1e9 parameters must not bring about "below"."""
    arn = "arn:aws:sagemaker:eu-west-1:aws:hub-content/SageMakerPublicHub/Model/nova-textgeneration-lite/1.0.0"
    config = {"BaseModelArn": arn, "JobType": "FineTuning", "Peft": "LORA", "SequenceLength": "8K"}
    closed: dict[str, Any] = {"ResourceConfig": {}, "ServerlessJobConfig": config, "HyperParameters": {}}
    for billed in (10**9, None):
        found = audited(tags=tags, **closed, BillableTokenCount=billed)
        assert found.estimate.upper_flop is None
        assert found.verdict == "indeterminate"
    known = (Amendment("A. Person", "asked AWS", CREATED, parameters=10**9),)
    assert audited(**closed, BillableTokenCount=10**9, amendments=known).estimate.upper_flop is not None


def test_energy_is_remarked_on_where_it_is_given() -> None:
    assert words(estimated().assumptions)[-1].startswith("energy: board power")
    assert not said(estimated(**SERVERLESS), "energy:")


def test_rollouts_on_busy_hardware_are_bounded_by_its_occupancy() -> None:
    found = estimated([busy(600)], {"tokens": "1e9"}, HyperParameters={**LLAMA, "trainer_type": "grpo"})
    assert found.cautious_upper_flop == H100_HOST * TEN_HOURS * 3 // 4
    assert said(
        found,
        "GRPO generates the tokens it trains on: generation updates nothing and counts on the cumulative basis alone, "
        "and tokens do not tell how much there was",
    )


def test_nothing_bounds_an_unknown_job() -> None:
    found = estimated(**{**SERVERLESS, "BillableTokenCount": None})
    assert (found.upper_flop, found.cautious_upper_flop, found.ceiling_flop, found.occupancy) == (
        None,
        None,
        None,
        None,
    )
    unread = {**SERVERLESS, "BillableTokenCount": None, "SecondaryStatusTransitions": None, "TrainingEndTime": None}
    assert estimated(**unread).cautious_upper_flop is None


def test_the_count_is_what_would_settle_a_count() -> None:
    counted = under_way(metrics_from(log_of(every=3600), 3600), period=3600)
    assert settles(counted).startswith("have the next run count its own model FLOP")
    ended = estimated(metrics_from(log_of(every=3600), 3600), period=3600)
    assert settles(ended).startswith("give better evidence: `flops-auditor amend")


def test_no_training_has_no_figures_of_hardware() -> None:
    found = estimated(tags={"activity": "not-training"}, ResourceConfig=hosts("ml.p99.48xlarge"))
    assert words(found.assumptions) == (
        "the job is declared not to be training (evaluation or processing), so its compute does not count",
    )
    assert (found.accelerator_seconds, found.peak_flop_per_s, found.occupancy, found.settle) == (None, None, None, None)
    assert found.tiers == ()
    timeless = estimated(tags={"activity": "not-training"}, SecondaryStatusTransitions=None, TrainingEndTime=None)
    assert timeless.energy_kwh is None


# ----- What could not be read


def test_what_could_not_be_read_is_a_doubt() -> None:
    found = audited(unread=(Unread("cloudwatch:GetMetricData", "AccessDenied"),))
    assert words(found.estimate.doubts) == (
        "evidence could not be read: cloudwatch:GetMetricData answered AccessDenied",
    )
    assert found.verdict == "indeterminate"


def test_an_answer_that_is_not_whole_is_a_doubt() -> None:
    found = audited([{"Label": "mfu", "Values": [0.4], "StatusCode": "InternalError"}])
    assert words(found.estimate.doubts) == ("CloudWatch answered InternalError for 'mfu'",)


def test_hostile_text_stays_short() -> None:
    long = "x" * 5000
    found = audited(
        [{"Label": long, "Values": [1]}], {"tokens": long, "activity": long}, HyperParameters={"model_id": long}
    )
    assert max(map(len, (*words(found.estimate.assumptions), *words(found.estimate.doubts)))) < 500


def test_the_job_may_state_more_pretraining_than_is_known_and_is_not_trusted() -> None:
    """A claim that raises one's own threshold does not release anyone."""
    parameters = {**LLAMA, "bf16": "true"}
    shape = {"hours": 500, "ResourceConfig": hosts("ml.p5.48xlarge", 100), "HyperParameters": parameters}
    metrics = [{"Label": "mfu", "Values": [0.4]}]
    claimed = audited(metrics, Environment={"PRETRAIN_FLOPS": "9e24"}, **shape)
    assert 2.4e23 < (claimed.estimate.best_flop or 0) < (claimed.estimate.upper_flop or 0) < 3 * 10**24
    assert claimed.verdict == "above"
    assert "the figure with the lower threshold counts" in told(claimed.assessments[0])
    amended = audited(
        metrics, amendments=(Amendment("A. Person", "paper", CREATED, pretraining_flop=9 * 10**24),), **shape
    )
    assert {a.scenario: a.verdict for a in amended.assessments}["one-third"] == "below"


def test_a_statement_that_cannot_be_read_is_kept_beside_one_that_can() -> None:
    found = audited(tags={"pretrain-flops": "1.5e24"}, Environment={"PRETRAIN_FLOPS": "1.5e22 or so"})
    assert found.original.pretraining_flop == 15 * 10**23
    assert found.verdict == "indeterminate"


# ----- Properties


POINT = st.integers(0, 800)
SERIES = st.lists(POINT, min_size=4, max_size=4)


def series(values: list[int], host: int) -> dict[str, Any]:
    times = [START + timedelta(minutes=15 * i) for i in range(len(values))]
    return {"Label": f"GPUUtilization algo-{host}", "Timestamps": times, "Values": list(values)}


@settings(max_examples=40)
@given(st.lists(SERIES, min_size=3, max_size=3), st.integers(0, 2), st.integers(0, 3))
def test_removing_metrics_never_lowers_the_upper_bound(values: list[list[int]], host: int, point: int) -> None:
    """A missing metric never lowers `upper`: whoever takes evidence away must not be released by that."""
    shape = {"hours": 1, "period": 900, "ResourceConfig": hosts("ml.p5.48xlarge", 3)}
    whole = [series(v, i + 1) for i, v in enumerate(values)]
    upper = estimated(whole, **shape).upper_flop or 0
    without_host = [s for i, s in enumerate(whole) if i != host]
    changed = {**whole[host]}
    changed["Timestamps"] = [t for i, t in enumerate(changed["Timestamps"]) if i != point]
    changed["Values"] = [v for i, v in enumerate(changed["Values"]) if i != point]
    for less in (without_host, [*without_host, changed], []):
        assert (estimated(less, **shape).upper_flop or 0) >= upper


@settings(max_examples=40)
@given(st.permutations(range(3)), st.lists(SERIES, min_size=3, max_size=3))
def test_the_order_of_groups_spans_and_results_does_not_matter(order: list[int], values: list[list[int]]) -> None:
    """Annex A.2: a sum; and a record must be recomputed to the same figure by anyone."""
    groups = [
        {"InstanceType": kind, "InstanceCount": 1, "InstanceGroupName": kind}
        for kind in ("ml.p5.48xlarge", "ml.g5.xlarge", "ml.c5.xlarge")
    ]
    steps = [
        {
            "Status": "Training",
            "StartTime": START + timedelta(hours=2 * i),
            "EndTime": START + timedelta(hours=2 * i + 1),
        }
        for i in range(3)
    ]
    results = [series(v, i + 1) for i, v in enumerate(values)]

    def upper(index: Any) -> tuple[Any, ...]:
        found = estimated(
            [results[i] for i in index],
            period=900,
            ResourceConfig={"InstanceGroups": [groups[i] for i in index]},
            SecondaryStatusTransitions=[steps[i] for i in index],
        )
        return found.best_flop, found.upper_flop, found.ceiling_flop, found.cautious_upper_flop, found.energy_kwh

    assert upper(order) == upper(range(3))


@settings(max_examples=60)
@given(
    st.dictionaries(
        st.sampled_from(
            ["mfu", "num_tokens", "total_flos", "flops_auditor:model_flop", "tflops", "GPUUtilization algo-1"]
        ),
        st.floats(0, 1e25, allow_nan=False),
        max_size=6,
    ),
    st.sampled_from([{}, {"tokens": "1e9"}, {"tokens": "1e16"}, {"tokens": "5", "params": "7"}, {"precision": "fp8"}]),
    st.sampled_from([{}, {"epochs": "4"}, {"lora_r": "4"}, {"mixed_precision": "no"}, {"trainer_type": "ppo"}]),
)
def test_bounds_are_in_order_whatever_the_evidence(metrics: dict[str, float], tags: Any, parameters: Any) -> None:
    """Annex A.2: no method gives more than N x L x the highest peak; best <= upper <= ceiling."""
    results = [{"Label": label, "Values": [value]} for label, value in metrics.items()]
    found = estimated(results, tags, HyperParameters={**LLAMA, **parameters})
    best, upper, ceiling, cautious = found.best_flop, found.upper_flop, found.ceiling_flop, found.cautious_upper_flop
    assert best is not None and upper is not None and ceiling is not None and cautious is not None
    assert 0 <= best <= upper <= ceiling
    assert upper <= cautious <= ceiling
    denied = audited(results, tags, unread=(Unread("x", "y"),), HyperParameters={**LLAMA, **parameters})
    assert denied.verdict != "below"


def test_above_rests_on_no_more_than_other_evidence_allows() -> None:
    """An MFU in per cent, read as a fraction, is over the occupancy; parameters of another model are over the MFU."""
    percent = estimated([busy(80), {"Label": "mfu", "Values": [0.74]}], HyperParameters={**LLAMA, "bf16": "true"})
    assert percent.method == "hardware + MFU"
    assert (percent.firm_flop or 0) < (percent.best_flop or 0) / 20
    assert said(percent, "no verdict of above rests on it")
    metrics = [{"Label": "num_tokens", "Values": [3e9]}, {"Label": "mfu", "Values": [0.02]}]
    other = estimated(metrics, HyperParameters={**LLAMA, "bf16": "true"})
    assert other.method == "architecture"
    assert (other.firm_flop or 0) <= Fraction(13, 10) * H100_HOST * TEN_HOURS / 50 + 1
    signed = (Amendment("A. Person", "counted", CREATED, tokens=3 * 10**9),)
    amended = estimated(metrics, HyperParameters={**LLAMA, "bf16": "true"}, amendments=signed)
    assert (amended.firm_flop or 0) >= (amended.best_flop or 0) * 0.999
    generated = estimated(HyperParameters={**LLAMA, "trainer_type": "grpo"})
    assert (generated.method, generated.firm_flop) == ("hardware", 0)


@pytest.mark.parametrize(("kind", "noted"), [("ml.g7.2xlarge", True), ("ml.p5.48xlarge", False)])
def test_an_estimate_says_that_it_rests_on_a_derived_peak(kind: str, noted: bool) -> None:
    found = estimated(ResourceConfig={"InstanceType": kind, "InstanceCount": 1})
    assert said(found, "no peak of RTX PRO 4500 Blackwell Server Edition is published") == noted


def test_a_million_hosts_are_counted_and_not_listed() -> None:
    found = estimated([busy(400), busy(80, 10**6), busy(80, 10**6 + 1)], ResourceConfig=hosts("ml.p5.48xlarge", 10**6))
    silent = next(each for each in found.assumptions if each.kind.name == "silent-hosts")
    assert silent.fact("count") == 10**6 - 2
    assert silent.fact("hosts") == tuple(f"algo-{number}" for number in range(2, 11))
    assert said(found, "contradictory evidence: the job has no host algo-1000001;")
    assert found.occupancy == (Fraction(1, 2) + Fraction(8, 10) + 10**6 - 2) / 10**6


@pytest.mark.parametrize(("more", "known"), [(0, True), (1, False)])
def test_hosts_of_all_groups_together_are_bounded(more: int, known: bool) -> None:
    groups = [{**hosts("ml.p5.48xlarge", 5 * 10**5 + extra), "InstanceGroupName": "g"} for extra in (0, more)]
    if known:
        assert estimated(ResourceConfig={"InstanceGroups": groups}).ceiling_flop
        return
    with pytest.raises(MalformedJob, match="1000001 hosts, more than 1000000"):
        estimated(ResourceConfig={"InstanceGroups": groups})
