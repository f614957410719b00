"""AWS Data Exports are read as they are delivered: two formats, two kinds of files, one hour once."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.bill_lines import BillLine
from flops_auditor_cli.bill_files import NoBill, UnknownColumns, UnreadableBill, bill_lines
from tests.fakes.bills import (
    CUR_COLUMNS,
    FOCUS_COLUMNS,
    MONTH,
    Month,
    Row,
    as_focus,
    explained_from,
    random_month,
    strayed,
    write_csv,
    write_parquet,
)

Write = Callable[[Path, Iterable[Row], Iterable[str]], Path]
FILES = {"month.csv": write_csv, "month.csv.gz": write_csv, "month.snappy.parquet": write_parquet}


def an_hour(**columns: str) -> Row:
    month = Month()
    told = {"line_item_usage_account_id": "1", "product_region_code": "eu-west-1", "line_item_resource_id": "arn:x"}
    month.add("AmazonSageMaker", "EU-Train:ml.g5.xlarge", MONTH, 1, **{**told, **columns})  # type: ignore[arg-type]
    return month.rows[0]


def lines_of(place: Path) -> list[BillLine]:
    with bill_lines(place, lambda *_: None) as lines:
        return sorted(lines, key=lambda line: (line.start, line.resource, line.amount))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("focus", [False, True], ids=["CUR", "FOCUS"])
@pytest.mark.parametrize("seed", [1, 5])
def test_planted_hours_are_found_to_the_hour(seed: int, focus: bool, name: str, tmp_path: Path) -> None:
    """A month by the hour and one by the day. `python -m bench.explain_bill` reads 50, and one of a million lines."""
    month = random_month(seed)
    rows, columns = (list(as_focus(month.rows)), FOCUS_COLUMNS) if focus else (month.rows, CUR_COLUMNS)
    explanation = explained_from(FILES[name](tmp_path / name, rows, columns), month.runs, hardware_table())
    assert strayed(month, explanation) == {}
    assert explanation.training.explained and explanation.training.rest


def test_the_planted_are_missed_where_an_hour_is_hidden(tmp_path: Path) -> None:
    """The months can tell: a line that is left out strays."""
    month = random_month(1)
    key = next(key for key, seconds in month.planted.items() if seconds and key[0] == "sagemaker-training" and key[4])
    rows = [row for row in month.rows if row["line_item_resource_id"] != key[4]]
    explanation = explained_from(write_csv(tmp_path / "month.csv", rows), month.runs, hardware_table())
    assert set(strayed(month, explanation)) == {key}


def test_the_planted_are_missed_where_a_record_counts_more_tokens(tmp_path: Path) -> None:
    """As many more as were charged beyond it: of one that is charged for one token more, and for ten times as many."""
    month = random_month(1, jobs=100)
    charged = {run.arn: month.charges[run.arn] for run in month.runs if month.charges[run.arn]}
    assert 1 in charged.values() and len(charged) > 2
    more = {run.arn: (run.tokens or 0) + int(charged.get(run.arn, 0)) for run in month.runs}
    runs = [run if run.tokens is None else replace(run, tokens=more[run.arn]) for run in month.runs]
    explanation = explained_from(write_csv(tmp_path / "month.csv", month.rows), runs, hardware_table())
    assert set(strayed(month, explanation)) == {("tokens", arn) for arn in charged}


def test_months_in_folders_are_read_together(tmp_path: Path) -> None:
    later = an_hour(line_item_usage_start_date="2026-11-01T00:00:00Z", line_item_usage_end_date="2026-11-01T01:00:00Z")
    for name, row in (
        ("BILLING_PERIOD=2026-10", an_hour()),
        ("BILLING_PERIOD=2026-11", {**later, "identity_line_item_id": "b"}),
    ):
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / "part-00001.csv.gz", [row])
    (tmp_path / "Manifest.json").write_text("{}")
    assert [line.start.month for line in lines_of(tmp_path)] == [10, 11]


@pytest.mark.parametrize(
    "moment", ["2026-10-01T00:00:00Z", "2026-10-01T00:00:00.000Z", "2026-10-01 02:00:00+02:00", "2026-10-01 00:00:00"]
)
def test_a_moment_is_read_in_utc(moment: str, tmp_path: Path) -> None:
    row = an_hour(line_item_usage_start_date=moment)
    assert lines_of(write_csv(tmp_path / "a.csv", [row]))[0].start == MONTH


def test_an_amount_is_exact(tmp_path: Path) -> None:
    row = an_hour(line_item_usage_amount="0.1238888889")
    written = [(write_csv, "a.csv"), (write_parquet, "a.parquet")]
    for write, name in written:
        assert [line.amount for line in lines_of(write(tmp_path / name, [row]))] == [1238888889]


def test_lines_that_are_alike_are_added_up_and_one_that_takes_back_is_apart(tmp_path: Path) -> None:
    rows = [an_hour(), an_hour(identity_line_item_id="other"), an_hour(line_item_usage_amount="-1")]
    assert [line.amount for line in lines_of(write_csv(tmp_path / "a.csv", rows))] == [-(10**10), 2 * 10**10]


def test_pods_of_a_host_are_in_the_hours_of_the_host(tmp_path: Path) -> None:
    rows = [an_hour(), an_hour(split_line_item_parent_resource_id="i-1")]
    assert [line.amount for line in lines_of(write_csv(tmp_path / "a.csv", rows))] == [10**10]


def test_a_charge_is_read_by_the_run_that_it_names(tmp_path: Path) -> None:
    """Whatever its usage type, unit and seller are called."""
    run = "arn:aws:sagemaker:eu-west-1:111122223333:"
    tuned = "arn:aws:bedrock:eu-west-1:111122223333:model-customization-job/any:0/abcdefghijkl"
    others = {"line_item_usage_type": "EU-Any", "pricing_unit": "Units", "line_item_product_code": "7dnsk3example"}
    named = [f"{run}training-session/s", f"{run}job/agentrft/x", f"{run}training-job/x", tuned]
    apart = [f"{run}endpoint/e", f"{run}notebook-instance/training-job/x"]
    rows = [
        an_hour(**others, line_item_resource_id=each, identity_line_item_id=each, product_instance_type="")
        for each in [*named, *apart]
    ]
    assert [line.resource for line in lines_of(write_csv(tmp_path / "a.csv", rows))] == sorted(named)


def test_focus_names_use_that_is_none(tmp_path: Path) -> None:
    (row,) = as_focus([an_hour()])
    rows = [
        row,
        {**row, "ChargeClass": "Correction"},
        {**row, "CommitmentDiscountStatus": "Unused", "ConsumedQuantity": ""},
        {**row, "CapacityReservationStatus": "Unused"},
        {**row, "ChargeCategory": "Tax", "ConsumedQuantity": ""},
    ]
    lines = lines_of(write_csv(tmp_path / "a.csv", rows, FOCUS_COLUMNS))
    assert sorted(line.kind for line in lines) == ["Correction", "Tax", "Unused", "Unused", "Usage"]


def test_focus_names_the_host_where_its_meter_does_not(tmp_path: Path) -> None:
    (row,) = as_focus([an_hour(product_instance_type="ml.g5.xlarge")])
    for write, name in ((write_csv, "a.csv"), (write_parquet, "a.parquet")):
        path = write(tmp_path / name, [{**row, "SkuMeter": "Training"}], FOCUS_COLUMNS)
        assert [line.instance_type for line in lines_of(path)] == ["ml.g5.xlarge"]


@pytest.mark.parametrize("column", ["line_item_usage_amount", "line_item_usage_type", "pricing_unit"])
def test_a_column_that_is_missing_is_named(column: str, tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", [an_hour()], [name for name in CUR_COLUMNS if name != column])
    with pytest.raises(UnknownColumns, match=f"as CUR 2.0 it lacks {column}$"):
        lines_of(path)


@pytest.mark.parametrize("column", ["SubAccountId", "ConsumedQuantity", "SkuMeter"])
def test_a_column_of_focus_that_is_missing_is_named(column: str, tmp_path: Path) -> None:
    rows = as_focus([an_hour()])
    path = write_parquet(tmp_path / "a.parquet", rows, [name for name in FOCUS_COLUMNS if name != column])
    with pytest.raises(UnknownColumns, match=f"as FOCUS it lacks {column.lower()}$"):
        lines_of(path)


def test_columns_that_may_be_missing_are_empty(tmp_path: Path) -> None:
    kept = [name for name in CUR_COLUMNS if not name.startswith(("product_", "identity_", "split_", "line_item_res"))]
    (line,) = lines_of(write_csv(tmp_path / "a.csv", [an_hour()], kept))
    assert (line.resource, line.region, line.instance_type) == ("", "", "")
    assert line == replace(lines_of(write_csv(tmp_path / "b.csv", [an_hour()]))[0], resource="", region="")


def test_columns_that_nobody_asked_for_change_nothing(tmp_path: Path) -> None:
    names = ('starts"; DROP TABLE lines; --', "amount", "identity")
    path = write_csv(tmp_path / "a.csv", [{**an_hour(), **dict.fromkeys(names, "9")}], [*names, *CUR_COLUMNS])
    assert lines_of(path) == lines_of(write_csv(tmp_path / "b.csv", [an_hour()]))


def told(place: Path) -> list[tuple[int, str, str]]:
    """Hours in 1e-10, and in which files they stand again, or may."""
    return [(line.amount, line.again, line.alike) for line in lines_of(place)]


@pytest.mark.parametrize("name", FILES)
def test_a_line_that_is_repeated_counts_once_and_is_told(name: str, tmp_path: Path) -> None:
    rows = [
        an_hour(),
        an_hour(),
        an_hour(line_item_usage_amount="0.9"),
        an_hour(line_item_usage_type="EU-Other:ml.g5.x"),
    ]
    rows.append(an_hour(line_item_usage_type="EU-Train:ml.g5.2xlarge"))
    path = FILES[name](tmp_path / name, rows, CUR_COLUMNS)
    assert sorted(told(path)) == [(10**10, "", ""), (10**10, name, "")]


DELIVERIES = {
    "the same": {},
    "other ids": {"identity_line_item_id": "b"},
    "revised": {"line_item_usage_amount": "0.9"},
    "revised, other ids": {"identity_line_item_id": "b", "line_item_usage_amount": "0.9999999999"},
    "under a savings plan": {"line_item_line_item_type": "SavingsPlanCoveredUsage"},
}


@pytest.mark.parametrize("changes", DELIVERIES.values(), ids=DELIVERIES)
@pytest.mark.parametrize(
    "left_out", [(), ("identity_",), ("identity_", "line_item_resource_id", "product_region_code")]
)
@pytest.mark.parametrize("focus", [False, True], ids=["CUR", "FOCUS"])
def test_of_two_deliveries_of_a_month_each_hour_counts_once_and_is_told(
    changes: Row, left_out: tuple[str, ...], focus: bool, tmp_path: Path
) -> None:
    """A bucket may keep every delivery of a month, and a line that did not change may stand in both."""
    columns = [name for name in CUR_COLUMNS if not name.startswith(left_out or "-")]
    same = an_hour(line_item_usage_start_date="2026-10-01T01:00:00Z", line_item_usage_end_date="2026-10-01T02:00:00Z")
    later = an_hour(line_item_usage_start_date="2026-10-01T02:00:00Z", line_item_usage_end_date="2026-10-01T03:00:00Z")
    for name, rows in (("a", [an_hour(), same]), ("b", [an_hour(**changes), same, later])):
        (tmp_path / name).mkdir()
        if focus:
            write_csv(tmp_path / name / "x-00001.csv", list(as_focus(rows)), FOCUS_COLUMNS)
        else:
            write_csv(tmp_path / name / "x-00001.csv", rows, columns)
    both = "a/x-00001.csv and b/x-00001.csv"
    assert told(tmp_path) == [(10**10, both, ""), (10**10, both, ""), (10**10, "", "")]


def test_a_delivery_by_the_day_is_another_one_than_by_the_hour(tmp_path: Path) -> None:
    hours = [
        an_hour(
            line_item_usage_start_date=f"2026-10-01T{hour:02}:00:00Z",
            line_item_usage_end_date=f"2026-10-01T{hour + 1:02}:00:00Z",
        )
        for hour in range(3)
    ]
    day = an_hour(line_item_usage_end_date="2026-10-02T00:00:00Z", line_item_usage_amount="4")
    write_csv(tmp_path / "hours.csv", hours)
    write_csv(tmp_path / "day.csv", [day])
    assert told(tmp_path) == [(4 * 10**10, "day.csv and hours.csv", "")]


def test_files_of_one_delivery_are_parts_of_it(tmp_path: Path) -> None:
    write_csv(tmp_path / "x-00001.csv", [an_hour()])
    write_csv(tmp_path / "x-00002.csv", [an_hour(identity_line_item_id="other")])
    assert told(tmp_path) == [(2 * 10**10, "", "")]
    write_csv(tmp_path / "x-00002.csv", [an_hour()])
    assert told(tmp_path) == [(10**10, "x-00001.csv and x-00002.csv", "")]


def test_lines_without_ids_that_may_be_one_count_as_they_stand_and_are_told(tmp_path: Path) -> None:
    columns = [name for name in CUR_COLUMNS if not name.startswith("identity_")]
    assert told(write_csv(tmp_path / "a.csv", [an_hour(), an_hour()], columns)) == [(2 * 10**10, "", "a.csv")]
    halves = [an_hour(), an_hour(line_item_usage_amount="0.5")]
    assert told(write_csv(tmp_path / "a.csv", halves, columns)) == [(15 * 10**9, "", "")]
    unnamed = [an_hour(line_item_resource_id="")] * 2
    assert told(write_csv(tmp_path / "a.csv", unnamed, columns)) == [(2 * 10**10, "", "")], "of two jobs, perhaps"
    focus = list(as_focus([an_hour(), an_hour()]))
    assert told(write_csv(tmp_path / "a.csv", focus, FOCUS_COLUMNS)) == [(2 * 10**10, "", "a.csv")]


def test_what_is_no_use_stands_nowhere_twice(tmp_path: Path) -> None:
    """The next delivery may add credits for an hour that it has no other line of."""
    write_csv(tmp_path / "a.csv", [an_hour()])
    write_csv(tmp_path / "b.csv", [an_hour(line_item_line_item_type="Credit", line_item_usage_amount="5")])
    assert sorted(told(tmp_path)) == [(10**10, "", ""), (5 * 10**10, "", "")]


def test_cur_and_focus_in_one_folder_are_refused(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [an_hour()])
    write_csv(tmp_path / "b.csv", as_focus([an_hour()]), FOCUS_COLUMNS)
    with pytest.raises(UnreadableBill, match=r"files of CUR 2\.0 and of FOCUS"):
        lines_of(tmp_path)


@pytest.mark.parametrize("column", ["line_item_usage_amount", "line_item_usage_start_date", "line_item_usage_end_date"])
@pytest.mark.parametrize("value", ["", "NaN", "1e30", "soon"])
def test_a_line_of_use_without_its_time_or_amount_is_refused(column: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableBill, match="no time or no amount"):
        lines_of(write_csv(tmp_path / "a.csv", [an_hour(**{column: value})]))
    tax = an_hour(**{column: value, "line_item_line_item_type": "Tax"})
    assert len(lines_of(write_csv(tmp_path / "a.csv", [tax]))) == 1


def test_a_line_that_ends_before_it_begins_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableBill, match="ends before it begins"):
        lines_of(write_csv(tmp_path / "a.csv", [an_hour(line_item_usage_end_date="2026-09-30T23:00:00Z")]))


@pytest.mark.parametrize(
    ("name", "content"),
    [("a.parquet", b"PAR1"), ("a.csv.gz", b"\x1f\x8b\x08nothing"), ("a.csv.gz", b"text"), ("a.csv", b"\xff\xfe\x00")],
)
def test_files_that_are_broken_are_named_errors(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableBill):
        lines_of(tmp_path / name)


def test_a_torn_file_is_a_named_error(tmp_path: Path) -> None:
    whole = write_csv(tmp_path / "a.csv.gz", [an_hour(line_item_resource_id=f"arn:{n}") for n in range(2000)])
    whole.write_bytes(whole.read_bytes()[:-2000])
    with pytest.raises(UnreadableBill):
        lines_of(whole)


@pytest.mark.parametrize("place", ["missing", "empty", "notes.txt"])
def test_a_place_without_an_export_is_a_named_error(place: str, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(NoBill):
        lines_of(tmp_path / place)


@pytest.mark.parametrize("name", ["a[1]*?.csv", "it's; --.csv", "$name.csv", "B=1/x.csv"])
def test_a_file_is_the_one_that_is_named(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    write_csv(path, [an_hour()])
    write_csv(tmp_path / "a1xy.csv", [an_hour(line_item_usage_amount="7")])
    assert [line.amount for line in lines_of(path)] == [10**10]


def test_nothing_is_fetched_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No extension is fetched, and a database of the user's is not touched."""
    asked = []
    connect = duckdb.connect

    def watched(*arguments: object, **options: dict[str, str]) -> duckdb.DuckDBPyConnection:
        asked.append((arguments, options["config"]))
        return connect(*arguments, **options)  # type: ignore[arg-type]

    path = write_csv(tmp_path / "a.csv", [an_hour()])
    monkeypatch.setattr(duckdb, "connect", watched)
    monkeypatch.chdir(tmp_path)
    lines_of(path)
    ((arguments, config),) = asked
    assert arguments == () and config["autoinstall_known_extensions"] == config["autoload_known_extensions"] == "false"
    assert [each.name for each in tmp_path.iterdir()] == ["a.csv"]
