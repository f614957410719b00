"""What an audit has to see, each on `flops-auditor audit` of a file."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.main import app
from tests.fakes.delivered import CASES, LIES, Case, described, on_its_word, said


def answered(case: Case, folder: Path, *options: str) -> dict[str, Any]:
    """What the command answers of the job in a file; its exit code follows from the verdict."""
    job = {**described(case), "Tags": case.owner_tags}
    files = {"job.json": job, "metrics.json": case.emitted(job["TrainingStartTime"], job["TrainingEndTime"])}
    for name, document in files.items():
        (folder / name).write_text(json.dumps(document, default=iso))
    paths = [str(folder / "job.json"), "--metrics", str(folder / "metrics.json")]
    answer = CliRunner().invoke(app, ["audit", *paths, "--output", "json", *options])
    document = json.loads(answer.stdout)
    assert answer.exit_code == OF_VERDICT[document["verdict"]]
    return dict(document)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_command_sees_it(case: Case, tmp_path: Path) -> None:
    document = answered(case, tmp_path)
    assert document["verdict"] == case.verdict
    assert case.says in said(document)


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: lie.what)
def test_the_command_names_a_statement_that_makes_it_below_and_what_it_would_be_without(
    lie: Case, tmp_path: Path
) -> None:
    document = answered(lie, tmp_path)
    assert document["verdict"] == lie.verdict and on_its_word(document, lie)
    wary = answered(lie, tmp_path, "--no-trust-statements")
    assert wary["verdict"] == "indeterminate" and lie.says in str(wary["assessments"]) + str(wary["estimate"]["doubts"])
