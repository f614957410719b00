"""What records explain of a bill, on the deployed template: signed by a person, sealed, exported, verified, shown."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flops_auditor.use_cases.ledger.verify_bundle import Demands
from flops_auditor_cli.main import app
from tests.fakes.bills import Month, write_csv
from tests.integration.deployed import Deployed, fresh_job, run
from tests.verifier.page_core import PageCore

HOUR = timedelta(hours=1)


def bill(folder: Path, job: dict[str, object], unseen: int) -> Path:
    """A month with the hours of a job, and so many of one that nobody recorded."""
    begin, end = job["TrainingStartTime"], job["TrainingEndTime"]
    hardware = job["ResourceConfig"]
    assert isinstance(hardware, dict)
    host, count = hardware["InstanceType"], hardware["InstanceCount"]
    named = {"line_item_usage_account_id": "111122223333", "product_region_code": "eu-west-1"}
    named["product_instance_type"] = host
    month = Month()
    for arn, start, until in (
        (str(job["TrainingJobArn"]), begin, end),
        (str(job["TrainingJobArn"]) + "-unseen", begin, begin + unseen * HOUR),
    ):
        month.hosts("AmazonSageMaker", f"EU-Train:{host}", start, until, count, line_item_resource_id=arn, **named)
    return write_csv(folder / f"bill-{unseen}.csv", month.rows)


@pytest.fixture
def page() -> Iterator[PageCore]:
    core = PageCore()
    yield core
    core.end()


def test_a_statement_on_a_bill_is_signed_sealed_exported_and_verified(
    operator: Deployed, page: PageCore, tmp_path: Path
) -> None:
    job = fresh_job(ended=timedelta(hours=3))
    operator.load(job)
    operator.announce(job)
    operator.record(job["TrainingJobArn"])
    operator.idle()
    operator.invoke("SealFunctionName")
    before = tmp_path / "before.zip"
    assert run("export", str(before))[0] == 0
    for unseen in (4, 2):
        arguments = ["explain-bill", str(bill(tmp_path, job, unseen)), "--bundle", str(before), "--sign", "ada"]
        done = CliRunner().invoke(app, [*arguments, "--output", "json"])
        assert done.exit_code == 4, done.stderr
        assert "the next seal gives it its place in the ledger" in done.stderr
    explained = json.loads(done.stdout)
    again = CliRunner().invoke(app, arguments)
    assert "signed: revision 1 of" in again.stderr
    sealed = operator.invoke("SealFunctionName")
    assert (sealed["held"], sealed["records"]) == (0, 2)
    after = tmp_path / "after.zip"
    assert run("export", str(after))[0] == 0
    code, document = run("verify", str(after))
    assert (code, document["verdict"]) == (0, "valid"), document["findings"]
    # Records of other tests may rest on tables that this release does not have; the statement is computed again, too.
    _, computed = run("verify", str(after), "--recompute")
    assert not [each for each in computed["findings"] if "bill" in each["message"]], computed["findings"]
    [told] = [each for each in document["bills"] if each["begins"] == explained["from"]]
    assert (told["revision"], told["who"], float(told["share"])) == (1, "ada", explained["share"])
    assert told["identity"].split(":")[4] == "111122223333"
    shown = CliRunner().invoke(app, ["verify", str(after)])
    assert f"bill of {told['period']}: " in shown.stdout
    assert "in place of 1 earlier statement" in shown.stdout
    judged = page.judge(after, Demands(as_of=datetime.now(UTC)))
    assert (judged["verdict"], judged["bills"]) == ("valid", document["bills"])
    code, document = run("doctor")
    [ledger] = [row for row in document["findings"] if row["check"] == "table, archive and log"]
    assert ledger["ok"], ledger
    written = tmp_path / "report.html"
    assert CliRunner().invoke(app, ["report", "--output-file", str(written)]).exit_code == 0
    assert "said by ada" in written.read_text(encoding="utf-8")
