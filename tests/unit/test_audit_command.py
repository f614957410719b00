"""`flops-auditor audit`: the Commission's eight worked examples, the AWS post's example, and the exit codes."""

import json
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flops_auditor.domain.values.amounts import flop
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.main import app
from tests.fakes.exact import exact
from tests.fakes.jobs import CREATED, describe, tagged, throughout


def run(folder: Path, job: Any, metrics: Any = None, *more: str) -> Result:
    description = folder / "job.json"
    description.write_text(json.dumps(job, default=iso))
    arguments = ["audit", str(description), *more]
    if metrics is not None:
        answers = folder / "metrics.json"
        answers.write_text(json.dumps(metrics, default=iso))
        arguments += ["--metrics", str(answers)]
    return CliRunner().invoke(app, arguments)


def audited(folder: Path, job: Any, metrics: Any = None) -> dict[str, Any]:
    answer = run(folder, job, metrics, "--output", "json")
    assert answer.exit_code in (0, 3, 4), answer.output
    return exact(json.loads(answer.stdout))


def trained(kind: str, hosts: int, hours: float, **tags: str) -> dict[str, Any]:
    resources = {"InstanceType": kind, "InstanceCount": hosts}
    return describe(hours=hours, ResourceConfig=resources, Tags=tagged(activity="pretraining", **tags))


ARCHITECTURE = [
    ("A", "3.8e9", "3.3e12", 7524 * 10**19, 7.5e22),
    ("C", "0.6e9", "36e12", 1296 * 10**20, 1.3e23),
    ("D", "1.54e9", "18e12", 16632 * 10**19, 1.6e23),
    ("E", "1.7e9", "36e12", 3672 * 10**20, 3.7e23),
    ("F", "2.5e9", "12e12", 18 * 10**22, 1.8e23),
    ("G", "2.6e9", str(61 * 10**9 * 164), 1560624 * 10**17, 1.5e23),
]


@pytest.mark.parametrize(
    ("letter", "params", "tokens", "exact", "published"), ARCHITECTURE, ids=[e[0] for e in ARCHITECTURE]
)
def test_the_architecture_based_examples(
    tmp_path: Path, letter: str, params: str, tokens: str, exact: int, published: float
) -> None:
    """Guidelines, Annex A.3: C = 6 P D exactly, the published figure within 5 %; bounds by Annex A.2's 30 %."""
    job = trained("ml.p5.48xlarge", 64, 500, params=params, tokens=tokens)
    job["HyperParameters"] = {"max_seq_length": "1"}  # attention, which comes on top, is no part of the examples
    found = audited(tmp_path, job)
    assert found["estimate"]["method"] == "architecture"
    assert int(found["estimate"]["best_flop"]) == exact
    assert int(found["estimate"]["upper_flop"]) == exact * 13 // 10
    assert abs(exact / published - 1) <= 0.05
    expected = "below" if exact * 13 // 10 <= 10**23 else "above" if exact > 10**23 else "indeterminate"
    [line] = [a for a in found["assessments"] if a["scenario"] == "general-purpose"]
    assert line["verdict"] == expected


HARDWARE = [
    ("B", "ml.p4d.24xlarge", 200_000, 312 * 10**12, 300 * 10**12, "1e+23", 1e23),
    ("H", "ml.p5.48xlarge", 370_000, 9894 * 10**11, 989 * 10**12, "7e+23", 6.5e23),
]


@pytest.mark.parametrize("hosts", [25, 100])
@pytest.mark.parametrize(
    ("letter", "kind", "hours", "peak", "printed_peak", "digit", "published"), HARDWARE, ids=[e[0] for e in HARDWARE]
)
def test_the_hardware_based_examples(
    tmp_path: Path,
    letter: str,
    kind: str,
    hours: int,
    peak: int,
    printed_peak: int,
    digit: str,
    published: float,
    hosts: int,
) -> None:
    """Annex A.3: accelerator-hours x H x U with an emitted MFU of 0.5. The table's H differs from the printed one."""
    job = trained(kind, hosts, hours / 8 / hosts)
    mfu = throughout({"Id": "m", "Label": "mfu", "Values": [0.5]}, hours / 8 / hosts)
    metrics = {"MetricDataResults": [mfu]}
    estimate = audited(tmp_path, job, metrics)["estimate"]
    assert estimate["method"] == "hardware + MFU"
    assert estimate["accelerator_seconds"] == str(hours * 3600)
    assert int(estimate["best_flop"]) == hours * 3600 * peak // 2
    assert int(estimate["upper_flop"]) == hours * 3600 * peak * 65 // 100
    assert f"{int(estimate['best_flop']):.0e}" == digit
    by_its_own_peak = Fraction(int(estimate["best_flop"]) * printed_peak, peak)
    assert by_its_own_peak == hours * 3600 * printed_peak // 2
    assert abs(by_its_own_peak / int(published) - 1) <= (0.05 if letter == "H" else 0.1)


@pytest.mark.parametrize("letter", ["B", "H"])
def test_the_assumed_utilisation_is_that_of_the_examples(tmp_path: Path, letter: str) -> None:
    """U = 0.5 is assumed where nothing is known, "as previously"; the bound is then U = 1."""
    _, kind, hours, peak, *_ = next(example for example in HARDWARE if example[0] == letter)
    estimate = audited(tmp_path, trained(kind, 25, hours / 200))["estimate"]
    assert estimate["method"] == "hardware"
    assert int(estimate["best_flop"]) == hours * 3600 * peak // 2
    assert int(estimate["upper_flop"]) == hours * 3600 * peak


def test_one_p5_for_ten_hours(tmp_path: Path) -> None:
    """GPUUtilization averaging 760 of 800: upper = 8 x 36000 x 989.4e12 x 0.95, best the same with 0.5."""
    start = CREATED + timedelta(minutes=10)
    times = [start + timedelta(minutes=5 * i) for i in range(120)]
    values = [720.0, 800.0] * 60
    answer = {"MetricDataResults": [{"Label": "GPUUtilization algo-1", "Timestamps": times, "Values": values}]}
    found = audited(tmp_path, describe(), answer)
    assert int(found["estimate"]["upper_flop"]) == 8 * 36000 * 9894 * 10**11 * 95 // 100
    assert int(found["estimate"]["best_flop"]) == 8 * 36000 * 9894 * 10**11 // 2
    pages = [
        {"MetricDataResults": [dict(answer["MetricDataResults"][0], Timestamps=times[a:b], Values=values[a:b])]}
        for a, b in ((0, 50), (50, 120))
    ]
    assert audited(tmp_path, describe(), pages) == found


def test_the_aws_posts_worked_example(tmp_path: Path) -> None:
    """PRETRAIN_FLOPS=1.5e24 for Llama-3-70B: the threshold is 4.5e23."""
    job = describe(
        Environment={"PRETRAIN_FLOPS": "1.5e24"}, HyperParameters={"model_id": "meta-llama/Meta-Llama-3-70B"}
    )
    found = audited(tmp_path, job)
    aws, third, *_ = found["assessments"]
    assert (aws["policy"], aws["scenario"], aws["threshold_flop"]) == (
        "aws-flops-meter-2026-05",
        "relative",
        "4" + "5" + "0" * 22,
    )
    assert (third["policy"], third["threshold_flop"]) == ("eu-gpai-guidelines-2025-07", "5" + "0" * 23)
    assert found["original"]["pretraining_flop"] == "15" + "0" * 23


def over(flop: int, **more: Any) -> dict[str, Any]:
    metrics = [{"MetricName": "flops_auditor:model_flop", "Value": flop}]
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    return describe(hours=100, ResourceConfig=resources, FinalMetricDataList=metrics, **more)


@pytest.mark.parametrize(
    ("job", "code", "verdict"),
    [
        (describe(), 0, "below"),
        (over(34 * 10**21), 3, "above"),
        (over(30 * 10**21), 4, "indeterminate"),
        (describe(Tags=tagged(tokens="many")), 4, "indeterminate"),
        (describe(ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1}), 4, "indeterminate"),
        (describe(hours=500, ResourceConfig={"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}), 3, "above"),
    ],
)
def test_exit_codes_follow_the_verdict(tmp_path: Path, job: Any, code: int, verdict: str) -> None:
    answer = run(tmp_path, job, None, "--output", "json")
    assert (answer.exit_code, json.loads(answer.stdout)["verdict"]) == (code, verdict)


def test_a_table_for_people(tmp_path: Path) -> None:
    answer = run(tmp_path, describe())
    assert answer.exit_code == 0
    for words in ("Best estimate", "1.42e20 FLOP", "Upper bound", "2.85e20 FLOP", "below"):
        assert words in answer.output
    assert "Commission Guidelines C(2025) 5045" in answer.output
    assert "original-unknown" in answer.output


def test_a_table_says_what_settles_an_unknown_instance_type(tmp_path: Path) -> None:
    hardware = {"InstanceType": "ml.p99.48xlarge", "InstanceCount": 1}
    answer = run(tmp_path, describe(ResourceConfig=hardware))
    assert "Upgrade to a release" in answer.output
    assert "Emit the metric mfu" not in answer.output
    assert "give better evidence" in run(tmp_path, describe(hours=1500)).output.lower()
    assert "Upgrade" not in run(tmp_path, describe()).output


def test_a_table_shows_the_bound_that_below_rests_on(tmp_path: Path) -> None:
    answer = run(tmp_path, describe(Tags=tagged(params="8e9", tokens="1e5")))
    assert answer.exit_code == 0
    estimate = audited(tmp_path, describe(Tags=tagged(params="8e9", tokens="1e5")))["estimate"]
    own, cautious = (flop(estimate[name], "upper") for name in ("upper_flop", "cautious_upper_flop"))
    assert f"Upper bound         {cautious} FLOP\n" in answer.output
    assert f"Method's own bound  {own} FLOP; the upper bound allows for more\n" in answer.output
    assert "own bound" not in run(tmp_path, describe()).output


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "UnreadableFile"),
        ("[]", "UnreadableFile"),
        ('{"TrainingJobName": "x"}', "MalformedJob"),
    ],
)
def test_a_file_that_is_no_description_is_refused(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "job.json"
    path.write_text(content)
    answer = CliRunner().invoke(app, ["audit", str(path)])
    assert answer.exit_code == 1
    assert type(answer.exception).__name__ == words


def test_metrics_that_are_none_are_refused(tmp_path: Path) -> None:
    answer = run(tmp_path, describe(), {"Metrics": []})
    assert answer.exit_code == 1
    assert "MetricDataResults" in str(answer.exception)


def test_either_a_file_or_a_name() -> None:
    assert CliRunner().invoke(app, ["audit"]).exit_code == 2
    assert CliRunner().invoke(app, ["audit", "x.json", "--job-name", "y"]).exit_code == 2


def test_a_model_that_cannot_be_followed_leaves_a_job_of_a_file_open_as_its_record(tmp_path: Path) -> None:
    mounted = {"FileSystemId": "fs-1", "FileSystemType": "FSxLustre", "DirectoryPath": "/x"}
    reads = [{"ChannelName": "model", "DataSource": {"FileSystemDataSource": mounted}}]
    done = run(tmp_path, describe(InputDataConfig=reads))
    assert done.exit_code == 4
    assert "a file system" in done.stdout
    nothing_before = describe(InputDataConfig=reads, Tags=tagged(lineage="none"))
    assert run(tmp_path, nothing_before).exit_code == 0
