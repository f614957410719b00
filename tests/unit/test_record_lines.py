"""The lines for queries say what `records list` says, one for each job, and the same records make the same bytes."""

import gzip
import json
from decimal import Decimal
from typing import Any

import pytest

from flops_auditor.aws.stores.s3_record_lines import FOLDER, KEY
from flops_auditor.domain.messages.record_lines import RecordLines
from flops_auditor.domain.messages.record_row import reaches, row_of
from flops_auditor.domain.values.amounts import percent
from flops_auditor.domain.values.visible import as_written
from flops_auditor.use_cases.operations.report_ledger import report_ledger
from flops_auditor_cli.recorded import FIELDS
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.reports import hostile, reporter_of
from tests.template.loading import load


@pytest.fixture(scope="module")
def ledger() -> LiveLedger:
    return demo_ledger()


def lines_of(packed: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(packed).splitlines()]


def test_the_report_reads_each_record_once_and_leaves_a_line_of_it(ledger: LiveLedger) -> None:
    reporter, read = reporter_of(ledger), []
    newest = reporter.records.newest

    def noted() -> Any:
        for each in newest():
            read.append(each)
            yield each

    reporter.records.newest = noted  # type: ignore[method-assign]
    lines = RecordLines()
    report = report_ledger(reporter, ledger.at, lines)
    found = lines_of(lines.packed())
    rows = [row_of(each.content) | {"lineage": each.lineage} for each in read]
    assert found == [{**row, "base_model_shown": as_written(row["base_model"])} for row in rows]
    assert {line["job_id"] for line in found} == {job.job_id for job in report.jobs}
    assert len(read) == len(found) > 10


def test_a_line_has_what_the_list_and_the_table_of_the_template_name(ledger: LiveLedger) -> None:
    table = load()["Resources"]["QueryTable"]["Properties"]["TableInput"]["StorageDescriptor"]
    columns = {each["Name"]: each["Type"] for each in table["Columns"]}
    assert list(columns) == [*FIELDS, "lineage", "base_model_shown"]
    types = {"string": str, "double": float, "int": int}
    lines = RecordLines()
    for name in ledger.pointers:
        lines.add(ledger.content(name), "0" * 64)
    for line in lines_of(lines.packed()):
        for name, value in line.items():
            assert value is None or isinstance(value, types[columns[name]]), name
    location = table["Location"]["Fn::Sub"]
    assert location == f"s3://${{ReportBucket}}/{FOLDER}" and KEY.startswith(FOLDER) and KEY.endswith(".gz")


def test_names_of_an_owner_end_no_line_and_the_bytes_are_the_same_every_time(ledger: LiveLedger) -> None:
    contents = [hostile(ledger.content(name), 'x\n{"verdict":"below"}\r\u2028"') for name in list(ledger.pointers)[:2]]
    packed = []
    for _ in range(2):
        lines = RecordLines()
        for content in contents:
            lines.add(content, "0" * 64)
        packed.append(lines.packed())
    assert packed[0] == packed[1]
    assert [line["job_name"] for line in lines_of(packed[0])] == [each["job"]["name"] for each in contents]


def test_where_nobody_knows_the_share_the_verdict_says_whether_it_may_be_so_large() -> None:
    assert [reaches({"verdict": verdict, "upper_share": None}, 0.5) for verdict in ("below", "indeterminate")] == [
        False,
        True,
    ]
    assert [reaches({"verdict": "below", "upper_share": share}, 0.5) for share in (0.49, 0.5)] == [False, True]


def test_a_share_is_found_as_a_list_shows_it() -> None:
    """Upper shares are shown to three digits, rounded up, and never on the other side of the line."""
    shown = {0.1225: "12.3 %", 0.7239: "72.4 %", 0.9995: "99.95 %", 1.0: "100 %", 1.0001: "101 %", 1.238: "124 %"}
    for share, words in shown.items():
        assert percent(share, "upper") == words
        row, asked = {"verdict": "below", "upper_share": share}, float(Decimal(words.removesuffix(" %")) / 100)
        assert reaches(row, share) and reaches(row, asked) and not reaches(row, asked + 0.01)
    assert not reaches({"verdict": "below", "upper_share": 0.9999}, 1)
