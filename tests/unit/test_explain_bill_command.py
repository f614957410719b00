"""`flops-auditor explain-bill`: what people and machines are told, and the exit code."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from flops_auditor.domain.bill.explanation import Explanation
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.sign_bill import CannotSignBill
from flops_auditor.use_cases.ledger.read_bundle import ReadBundle
from flops_auditor.use_cases.ledger.verify_bundle import VerificationReport
from flops_auditor.use_cases.ports.records import RecordQuery
from flops_auditor_cli import bill_signing
from flops_auditor_cli.bill_signing import BillSigning
from flops_auditor_cli.commands import explain_bill
from flops_auditor_cli.commands.explain_bill import AccountNotBilled
from flops_auditor_cli.deployment import StackValues
from flops_auditor_cli.main import app
from tests.fakes.bills import HOUR, MONTH, Month, write_csv

ACCOUNT, REGION, HOST = "111122223333", "eu-west-1", "ml.p5.48xlarge"
TOLD = {"line_item_usage_account_id": ACCOUNT, "product_region_code": REGION, "product_instance_type": HOST}


def arn(job: str) -> str:
    return f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-job/{job}"


class Records:
    """One recorded job, which ran the first two hours of the month."""

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        ended = [MONTH - timedelta(days=40), MONTH + timedelta(hours=2)]
        rows = [{"job_id": str(number), "ended_at": iso(end)} for number, end in enumerate(ended)]
        return [row for row in rows if query.fits(row)]

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        job = {"arn": arn("recorded"), "region": REGION, "instances": [{"type": HOST, "count": 1}], "finished": True}
        model = {"original": {"base_model": ""}, "lineage": {"base_model": "", "other_names": []}}
        start = iso(MONTH)
        return [{"job": {**job, "id": row["job_id"], "start": start, "end": row["ended_at"]}, **model} for row in rows]


@pytest.fixture(autouse=True)
def recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explain_bill, "open_records", lambda *_: Records())


def bill(folder: Path, *jobs: tuple[str, int]) -> Path:
    """A bill of jobs with so many hours each, from the month's beginning."""
    month = Month()
    for job, hours in jobs:
        told = {**TOLD, "line_item_resource_id": arn(job)}
        month.hosts("AmazonSageMaker", f"EU-Train:{HOST}", MONTH, MONTH + timedelta(hours=hours), 1, **told)
    return write_csv(folder / "bill.csv", month.rows)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["explain-bill", *map(str, arguments)])


def test_all_is_explained(tmp_path: Path) -> None:
    done = run(bill(tmp_path, ("recorded", 2)), "--output", "json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["complete"], told["share"], told["rest"]) == (0, True, 1, [])
    assert told["jobs_compared"] == 1, "what ended before the bill begins is not asked for"


def test_what_is_not_explained_is_named_and_the_exit_code_says_so(tmp_path: Path) -> None:
    path = bill(tmp_path, ("recorded", 2), ("unseen", 3))
    done = run(path, "--output", "json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["complete"], told["share"]) == (4, False, 0.4)
    assert (told["billed_seconds"], told["unexplained_seconds_exact"]) == (8 * 5 * 3600, str(8 * 3 * 3600))
    (rest,) = told["rest"]
    assert (rest["resource"], rest["reason"], rest["from"]) == (arn("unseen"), "no-record", iso(MONTH))
    assert rest["ceiling_flop_exact"] == told["ceiling_flop_exact"] == str(8 * 3 * 3600 * 19789 * 10**11)
    shown = run(path)
    assert shown.exit_code == 4
    assert shown.stdout.startswith(
        "Records explain 40 % of 40.00 accelerator hours that trained, or may have. The rest is at most 1.71e20 FLOP.\n"
    )
    assert "unseen" in shown.stdout and "no record of it" in shown.stdout
    rows = run(path, "--output", "csv").stdout.splitlines()
    assert rows[0].startswith("day,door,title,purpose,billed_seconds") and len(rows) == 2
    assert "| unseen |" in run(path, "--output", "markdown").stdout


def test_tokens_beyond_a_record_are_named_and_those_that_it_does_not_count_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second session's record counts none."""
    sessions = [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:training-session/s{number}" for number in (1, 2)]
    month = Month()
    for session in sessions:
        told = {**TOLD, "product_instance_type": "", "line_item_resource_id": session, "pricing_unit": "1K tokens"}
        month.add("AmazonSageMaker", "EU-Tokens", MONTH, Fraction(5), **told)
    path = write_csv(tmp_path / "bill.csv", month.rows)
    model = {"base_model": "meta-llama/Llama-3.1-8B", "other_names": []}
    job = {"region": REGION, "instances": [], "finished": True, "start": iso(MONTH), "end": iso(MONTH + HOUR)}
    contents: list[dict[str, Any]] = [
        {"job": {**job, "id": arn, "arn": arn}, "original": model, "lineage": model} for arn in sessions
    ]
    contents[0]["job"]["billable_tokens"] = {"training_tokens": "2000", "sample_tokens": "0", "prefill_tokens": "500"}
    monkeypatch.setattr(Records, "contents", lambda *_: contents)
    done = run(path, "--output", "json")
    told = json.loads(done.stdout)
    assert (done.exit_code, told["complete"], [each["kind"] for each in told["doubts"]]) == (
        4,
        False,
        ["tokens-not-compared"],
    )
    names = ("charged_tokens", "tokens_compared", "reason")
    assert [tuple(each[name] for name in names) for each in told["charges"]] == [
        (2500, True, None),
        (2500, True, "beyond-record"),
        (5000, False, None),
    ]
    assert [each["ceiling_flop"] is None for each in told["charges"]] == [True, False, True]
    shown = run(path).stdout
    assert "beyond what its record has" in shown and "by name and time alone" in shown
    assert "s2" in shown.split("Not certain")[1]


def test_a_share_is_never_more_than_it_is(tmp_path: Path) -> None:
    path = bill(tmp_path, ("recorded", 2), ("unseen", 1))
    assert json.loads(run(path, "--output", "json").stdout)["share"] == 0.666666


def test_few_are_listed_and_all_with_wide(tmp_path: Path) -> None:
    path = bill(tmp_path, *((f"unseen-{number:02d}", 1) for number in range(30)))
    assert "the first 20 of 30; --wide shows all" in run(path).stdout
    assert [run(path, *wide).stdout.count("unseen-") for wide in ([], ["--wide"])] == [20, 30]
    assert "By service and day" in run(path, "--wide").stdout


def test_one_account_of_many(tmp_path: Path) -> None:
    path = bill(tmp_path, ("unseen", 1))
    assert run(path, "--account", ACCOUNT).exit_code == 4
    other = run(path, "--account", ACCOUNT, "--account", "9")
    assert (
        isinstance(other.exception, AccountNotBilled) and str(other.exception) == f"9; there is something of {ACCOUNT}"
    )


def test_names_of_an_owner_are_shown_for_what_they_are(tmp_path: Path) -> None:
    path = bill(tmp_path, ("=cmd|'/c calc'\x1b[31m\u202eevil", 1))
    for output in ("table", "markdown", "json", "csv"):
        shown = run(path, "--output", output, "--wide").stdout
        assert "\x1b" not in shown and "\u202e" not in shown


def test_a_bill_without_accelerators_says_so(tmp_path: Path) -> None:
    month = Month()
    month.add("AmazonS3", "EU-Requests", MONTH, 1)  # type: ignore[arg-type]
    done = run(write_csv(tmp_path / "bill.csv", month.rows))
    assert (done.exit_code, done.stdout) == (0, "No accelerator hours were billed that trained, or may have.\n")


def test_signing_asks_for_a_bundle_and_for_one_name(tmp_path: Path) -> None:
    path = bill(tmp_path, ("recorded", 2))
    without = run(path, "--sign", "ada")
    assert (without.exit_code, "--sign needs --bundle" in without.stderr) == (2, True)
    for who in ("", "ada\nbob", "a" * 201):
        assert run(path, "--sign", who, "--bundle", tmp_path / "bundle.zip").exit_code == 2


def test_a_part_is_not_signed_beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    part = ReadBundle(VerificationReport(kind="part"), (), {})
    monkeypatch.setattr(bill_signing, "verified", lambda _: part)
    monkeypatch.setattr(bill_signing, "find_deployment", lambda _: StackValues({}))
    done = run(bill(tmp_path, ("recorded", 2)), "--sign", "ada", "--bundle", tmp_path / "part.zip")
    assert (done.exit_code, "export the whole ledger" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("ledger", "accounts", "why"),
    [
        ("flops-auditor/1/eu-west-1/other", ("111122223333",), "the bundle is of flops-auditor/1/eu-west-1/other"),
        ("ours", ("111122223333", "444455556666"), "a statement is of one account"),
        ("ours", (), "no account"),
    ],
)
def test_another_ledger_and_other_accounts_are_not_signed(ledger: str, accounts: tuple[str, ...], why: str) -> None:
    read = ReadBundle(VerificationReport(kind="whole", ledger_id=ledger), (), {})
    signing = BillSigning("ada", read, StackValues({"LedgerId": "ours"}))
    with pytest.raises(CannotSignBill, match=why):
        signing.sign(Explanation(None, None, accounts, (), (), (), ()), 0, ["0" * 64])
