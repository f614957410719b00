"""The audit of one job, from a description and metrics to a verdict."""

from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.evidence import Evidence, Unread
from tests.fakes.audit import told
from tests.fakes.cases import audit, words
from tests.fakes.jobs import describe, throughout

TABLES = load_tables()


def audited(metrics: list[dict[str, Any]] | None = None, unread: tuple[Unread, ...] = (), **changes: Any) -> Audit:
    return audit(Evidence(describe(**changes), metrics=metrics or [], unread=unread), TABLES)


def occupancy(percent: float, host: int = 1) -> dict[str, Any]:
    return throughout({"Label": f"GPUUtilization algo-{host}", "Values": [percent]})


def test_occupancy_bounds_one_p5_host_for_ten_hours() -> None:
    """One p5.48xlarge, 10 hours, GPUUtilization 760 of 800: upper = 8 x 36000 x 989.4e12 x 0.95, best with 0.5."""
    found = audited([occupancy(760)]).estimate
    peak_flop = 8 * 36000 * Fraction("989.4e12")
    assert found.method == "hardware + occupancy"
    assert found.upper_flop == peak_flop * Fraction("0.95")
    assert found.best_flop == peak_flop / 2
    assert found.occupancy == Fraction("0.95")


def test_a_host_that_reports_nothing_counts_as_fully_busy_and_is_named() -> None:
    """A missing metric never lowers the upper bound."""
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 2}
    found = audited([occupancy(400)], ResourceConfig=resources).estimate
    assert found.occupancy == Fraction(3, 4)
    assert any("algo-2" in said for said in words(found.assumptions))


def test_an_unknown_instance_type_is_indeterminate() -> None:
    found = audited(ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1})
    assert found.verdict == "indeterminate"
    assert found.estimate.upper_flop is None
    assert "ml.p99.48xlarge" in told(found.assessments[0])


def test_evidence_that_could_not_be_read_is_never_below() -> None:
    small = audited()
    denied = audited(unread=(Unread("cloudwatch:GetMetricData", "AccessDenied"),))
    assert small.verdict == "below"
    assert denied.verdict == "indeterminate"
    assert "AccessDenied" in told(denied.assessments[0])


@pytest.mark.parametrize(
    ("pretraining", "scenario", "threshold"),
    [
        ("unknown", "default", 33 * 10**21),
        (str(10**23 - 1), "default", 33 * 10**21),
        ("1e23", "relative", 3 * 10**22),
        ("1.5e24", "relative", 45 * 10**22),
        (str(10**25 - 1), "relative", (10**25 - 1) * 3 // 10),
        ("1e25", "systemic-risk", 33 * 10**23),
    ],
)
def test_the_four_steps_of_the_aws_flow(pretraining: str, scenario: str, threshold: int) -> None:
    """AWS post, steps 1 to 4, at each boundary and one unit below; its worked example is 1.5e24 -> 4.5e23."""
    found = audited(Environment={"PRETRAIN_FLOPS": pretraining}).assessments[0]
    assert (found.policy, found.scenario, found.threshold_flop) == ("aws-flops-meter-2026-05", scenario, threshold)
