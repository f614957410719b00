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
    rows = [an_hour(), an_hour(), an_hour(line_item_usage_amount="-1")]
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


def test_the_same_lines_in_two_files_are_refused(tmp_path: Path) -> None:
    """A bucket may keep every delivery of a month."""
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        write_csv(tmp_path / name / f"{name}.csv", [an_hour()])
    with pytest.raises(UnreadableBill, match=r"1 lines stand in two files, such as first\.csv and second\.csv"):
        lines_of(tmp_path)
    write_csv(tmp_path / "second" / "second.csv", [an_hour(identity_line_item_id="other")])
    assert [line.amount for line in lines_of(tmp_path)] == [2 * 10**10]


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
