"""Published training runs with known hardware hours and known FLOP: the estimate must hold against every one.

published_runs.csv names the source of each figure. "6ND" in `flop_origin` means that the developer published parameters
and tokens and the FLOP is 6 x parameters x tokens of them (Guidelines, Annex A.2).
"""

import csv
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from bench.published_utilisation import TABLE, table, utilisation
from flops_auditor import data
from flops_auditor.domain.audit.audit import Audit, figures_of
from flops_auditor.domain.compute.run_estimate import Estimate
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.values.figures import verdict
from tests.fakes.cases import audit
from tests.fakes.jobs import describe, tagged, throughout

TABLES = data.load_tables()
with Path(__file__).with_name("published_runs.csv").open(newline="") as file:
    PUBLISHED = list(csv.DictReader(file))
HOSTS = {
    "A100-40GB": ("ml.p4d.24xlarge", 8),
    "A100-80GB": ("ml.p4de.24xlarge", 8),
    "A800": ("ml.p4de.24xlarge", 8),
    "B200": ("ml.p6-b200.48xlarge", 8),
    "H100": ("ml.p5.48xlarge", 8),
    "H200": ("ml.p5en.48xlarge", 8),
    "H800": ("ml.p5.48xlarge", 8),
    "Trainium1": ("ml.trn1.32xlarge", 16),
    "V100": ("ml.p3.16xlarge", 8),
}
"""Hosts of SageMaker with such accelerators, or with those that compute alike, and how many each has."""
RUNS = [run for run in PUBLISHED if run["accelerator"] in HOSTS]
WITH_MFU = [run for run in RUNS if run["mfu"]]
names = [run["run"] for run in RUNS]


def audited(run: dict[str, str], *labels: tuple[str, float], **changes: Any) -> Audit:
    """The run as a job on hosts of SageMaker: as many accelerator-hours as published; metrics all through it."""
    kind, units = HOSTS[run["accelerator"]]
    host_hours = float(run["accelerator_hours"]) / units
    count = max(1, round(host_hours / 1000))
    hours = host_hours / count
    resources = {"InstanceType": kind, "InstanceCount": count}
    tags = [{"Key": "flops-auditor:activity", "Value": "pretraining"}]
    job = describe(hours=hours, ResourceConfig=resources, Tags=tags, Environment={}, **changes)
    metrics = [throughout({"Label": label, "Values": [value]}, hours) for label, value in labels]
    found = audit(Evidence(job, metrics=metrics), TABLES)
    seconds = Fraction(run["accelerator_hours"]) * 3600
    assert found.estimate.accelerator_seconds == pytest.approx(float(seconds), rel=1e-5)
    return found


def busy(run: dict[str, str]) -> list[tuple[str, float]]:
    """A counter at 100 % on every host, as all of these runs would show."""
    _, units = HOSTS[run["accelerator"]]
    hosts = max(1, round(float(run["accelerator_hours"]) / units / 1000))
    return [(f"GPUUtilization algo-{host}", 100.0 * units) for host in range(1, hosts + 1)]


def right(estimate: Estimate, truth: float) -> None:
    """The truth lies within the bounds, and no verdict at any line is wrong."""
    lower, upper = estimate.lower_flop or 0, estimate.cautious_upper_flop or 0
    assert lower <= truth <= upper
    figures = figures_of(estimate)
    for share in (Fraction(1, 20), Fraction(1, 3), Fraction(9, 10), Fraction(11, 10), Fraction(3), Fraction(20)):
        line = round(Fraction(truth) * share)
        found = verdict(figures, line)
        assert found != ("below" if truth > line else "above"), (found, share)


def published(run: dict[str, str]) -> float:
    return float(run["published_flop"])


def test_there_are_enough_runs_and_each_names_its_source():
    assert len(PUBLISHED) >= 80
    assert len(WITH_MFU) >= 8
    assert all(len(run["source"]) > 20 for run in PUBLISHED)
    assert len({run["run"] for run in PUBLISHED}) == len(PUBLISHED)
    assert sum(utilisation(run) < Fraction(15, 100) for run in PUBLISHED) >= 11


def test_the_shipped_table_of_utilisations_is_made_of_these_runs():
    assert TABLE.read_text(encoding="utf-8") == table(), "python -m bench.published_utilisation makes it again"


@pytest.mark.parametrize("run", RUNS, ids=names)
def test_hardware_alone_bounds_the_run_on_both_sides(run):
    """Annex A.2, hardware-based: U = 1 from above, the lowest published U from below; A.3's U = 0.5 in the middle."""
    estimate = audited(run).estimate
    assert estimate.method == "hardware"
    assert estimate.upper_flop == pytest.approx(2 * (estimate.best_flop or 0), rel=1e-9)
    right(estimate, published(run))


@pytest.mark.parametrize("run", RUNS, ids=names)
def test_full_occupancy_bounds_the_run_on_both_sides(run):
    estimate = audited(run, *busy(run)).estimate
    assert estimate.method == "hardware + occupancy"
    right(estimate, published(run))


@pytest.mark.parametrize("run", WITH_MFU, ids=[run["run"] for run in WITH_MFU])
def test_with_an_emitted_mfu_the_best_estimate_is_within_ten_percent(run):
    """Annex A.2 allows 30 %; with the run's own utilisation the estimate keeps within 10 %."""
    estimate = audited(run, ("mfu", float(run["mfu"])), HyperParameters={"bf16": "true"}).estimate
    assert estimate.method == "hardware + MFU"
    assert abs((estimate.best_flop or 0) / published(run) - 1) <= 0.10
    assert (estimate.lower_flop or 0) <= published(run) <= (estimate.upper_flop or 0)


SIZED = [run for run in PUBLISHED if run["params"] and run["tokens"] and "recomputed" not in run["note"]]


@pytest.mark.parametrize("run", SIZED, ids=[run["run"] for run in SIZED])
def test_parameters_and_tokens_never_understate(run):
    """Annex A.2, architecture-based: 6 x P x D and 30 % more bound the published figure.

    Not BloombergGPT's, which counts recomputed activations; Annex A.1 excludes those.
    """
    said = {"activity": "pretraining", "params": run["params"], "tokens": run["tokens"]}
    estimate = audit(Evidence(describe(ResourceConfig={}, Tags=tagged(**said), Environment={})), TABLES).estimate
    assert estimate.method == "architecture"
    assert published(run) <= (estimate.upper_flop or 0)
