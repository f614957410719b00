"""Hostile texts are harmless wherever they are shown: terminal, CSV, JSON."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor_cli.main import app
from flops_auditor_cli.output import Output
from flops_auditor_cli.view import Table, View, show
from tests.fakes.jobs import describe
from tests.faults.hostile import TEXTS

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def job_file(folder: Path, text: str) -> Path:
    job = describe(
        text,
        TrainingJobStatus=text,
        HyperParameters={"model_id": text},
        FinalMetricDataList=[{"MetricName": text, "Value": 1.0}],
        Tags=[{"Key": f"flops-auditor:{name}", "Value": text} for name in ("base-model", "tokens", "activity")],
        ResourceConfig={"InstanceType": text, "InstanceCount": 1},
    )
    path = folder / "job.json"
    path.write_text(json.dumps(job, default=str))
    return path


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(arguments))
    assert found.exception is None or isinstance(found.exception, SystemExit)
    return found.exit_code, found.stdout


@pytest.mark.parametrize("text", TEXTS)
def test_the_terminal_gets_no_control_characters(text: str, tmp_path: Path) -> None:
    code, shown = run("audit", str(job_file(tmp_path, text)))
    assert code == 4
    assert all(character == "\n" or character.isprintable() for character in shown)


@pytest.mark.parametrize("text", TEXTS)
def test_a_spreadsheet_finds_no_formula(text: str, tmp_path: Path) -> None:
    _, shown = run("audit", str(job_file(tmp_path, text)), "--output", "csv")
    for row in csv.reader(io.StringIO(shown)):
        assert not any(cell.startswith(FORMULAS) for cell in row)


@pytest.mark.parametrize("text", TEXTS)
def test_json_is_json(text: str, tmp_path: Path) -> None:
    """No raw control character, which a terminal would obey, is in the JSON either."""
    _, shown = run("audit", str(job_file(tmp_path, text)), "--output", "json")
    assert json.loads(shown)["job"]["name"] == text
    assert all(character == "\n" or character.isprintable() for character in shown)


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("output", [Output.TABLE, Output.CSV, Output.MARKDOWN])
def test_every_list_of_the_command_line_is_shown_through_one_door(
    text: str, output: Output, capsys: pytest.CaptureFixture[str]
) -> None:
    """records, reconcile, doctor and redrive write their rows with `show`."""
    rows: list[dict[str, Any]] = [{"job": text, "count": -5, "verdict": text}]
    columns = {"job": "Job", "count": "Count", "verdict": "Verdict"}
    show(View("records", {"records": rows}, [Table(columns, rows, "Jobs")], rows, tuple(columns)), output)
    shown = capsys.readouterr().out
    assert all(character == "\n" or character.isprintable() for character in shown)
    if output is Output.CSV:
        [_, row] = csv.reader(io.StringIO(shown))
        assert not row[0].startswith(FORMULAS)
        assert row[1] == "-5"


@pytest.mark.parametrize(
    "text", ["", "[1, 2", "null", "[]", '{"a": NaN}', "[" * 100_000, '"x"', '{"TrainingJobName": 1e309}']
)
def test_a_file_that_is_no_job_is_a_named_error(text: str, tmp_path: Path) -> None:
    from flops_auditor.domain.values.errors import AuditorError

    path = tmp_path / "job.json"
    path.write_text(text)
    found = CliRunner().invoke(app, ["audit", str(path)])
    assert isinstance(found.exception, AuditorError)
