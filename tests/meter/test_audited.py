"""End to end: a tiny fine-tune whose lines become the job's metrics, and what an audit makes of them."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.moments import read_time
from flops_auditor_cli.local_aws.job_logs import metrics_of_log
from flops_meter.lines import verify
from tests.meter.sample_job import ARN, Run, run

STEPS = 60


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Run]:
    """A process that knows nothing of the meter, with FLOPS_METER=1."""
    folder = tmp_path_factory.mktemp("job")
    return folder, run(folder, STEPS, FLOPS_METER_INTERVAL="1")


def audited(description: dict[str, Any], log: str = "", files: dict[str, str] | None = None) -> Audit:
    definitions = description["AlgorithmSpecification"]["MetricDefinitions"]
    metrics = metrics_of_log(log, definitions)["MetricDataResults"]
    ended = read_time(description["TrainingEndTime"])
    evidence = Evidence(description, (), metrics, 60, (), ended + timedelta(minutes=5), files=files or {})
    return audit(case_of(evidence), load_tables())


def kinds(found: Audit) -> set[str]:
    return {each.kind.name for each in (*found.estimate.assumptions, *found.estimate.doubts)}


def test_a_fine_tune_is_recorded_as_counted(trained: tuple[Path, Run]) -> None:
    _, job = trained
    lines, breaks = verify(job.log.splitlines(), ARN)
    assert not breaks
    found = audited(job.description, job.log)
    last = lines[-1]
    assert found.estimate.method == "counted"
    assert found.estimate.tiers[0].firm_flop == last.number("model_flop")
    assert not [name for name in kinds(found) if name.startswith("meter-")]
    spent = read_time(job.description["TrainingEndTime"]) - read_time(job.description["TrainingStartTime"])
    share = float(last.words["covered"]) / spent.total_seconds()
    assert 0.5 < share <= 1, "the lines cover the process from its begin to its last step"
    assert found.estimate.tiers[0].basis.words.startswith(f"{scientific(last.number('model_flop'))} FLOP counted")


def test_its_file_says_the_same(trained: tuple[Path, Run]) -> None:
    folder, job = trained
    text = (folder / "flops_meter.json").read_text()
    found = audited(job.description, files={"flops_meter.json": text})
    assert (found.estimate.method, found.estimate.firm_flop) == (
        "counted",
        audited(job.description, job.log).estimate.firm_flop,
    )


def test_the_log_of_another_job_is_not_taken_for_this_one(trained: tuple[Path, Run]) -> None:
    """The same log, pasted into a job of another name."""
    _, job = trained
    other = {**job.description, "TrainingJobArn": f"{ARN}-other", "TrainingJobName": "tiny-llama-counted-other"}
    found = audited(other, job.log)
    assert found.estimate.method == "hardware"
    assert "meter-of-another-job" in kinds(found)


def test_a_run_that_was_cut_counts_at_the_hardware_bound_afterwards(trained: tuple[Path, Run]) -> None:
    _, job = trained
    half = [line for line in job.log.splitlines() if "flops_meter v=1" in line]
    whole, cut = audited(job.description, job.log), audited(job.description, "\n".join(half[: len(half) // 2]))
    assert whole.estimate.method == "counted"
    assert (cut.estimate.upper_flop or 0) > (whole.estimate.upper_flop or 0)


def test_the_metric_definitions_are_those_that_the_command_prints(trained: tuple[Path, Run]) -> None:
    import json

    command = [sys.executable, "-m", "flops_meter.cli", "metric-definitions"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert json.loads(printed) == trained[1].description["AlgorithmSpecification"]["MetricDefinitions"]


def test_the_kept_log_is_whole_and_counted(root: Path) -> None:
    """The demo's job (make record-meter): its lines are one chain, and cover the training."""
    import json

    log = (root / "events" / "logs" / "tiny-llama-counted.log").read_text()
    description = json.loads((root / "events" / "jobs" / "tiny-llama-counted.json").read_text())
    lines, breaks = verify(log.splitlines(), ARN)
    assert (len(lines) > 3, breaks) == (True, [])
    found = audited(description, log)
    assert found.estimate.tiers[0].basis.words.endswith("counted in the container, in 100 % of the training time")
    assert datetime.now(UTC) > read_time(description["TrainingEndTime"])
