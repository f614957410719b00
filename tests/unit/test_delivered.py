"""What an audit has to see, each on `flops-auditor audit` of a file."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.main import app
from tests.fakes.delivered import CASES, Case, described, said


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.what)
def test_the_command_sees_it(case: Case, tmp_path: Path) -> None:
    job = {**described(case), "Tags": case.owner_tags}
    files = {"job.json": job, "metrics.json": case.emitted(job["TrainingStartTime"], job["TrainingEndTime"])}
    for name, document in files.items():
        (tmp_path / name).write_text(json.dumps(document, default=iso))
    arguments = ["audit", str(tmp_path / "job.json"), "--metrics", str(tmp_path / "metrics.json"), "--output", "json"]
    answer = CliRunner().invoke(app, arguments)
    document = json.loads(answer.stdout)
    assert (document["verdict"], answer.exit_code) == (case.verdict, OF_VERDICT[case.verdict])
    assert case.says in said(document)
