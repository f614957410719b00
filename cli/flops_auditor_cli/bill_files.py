"""An AWS Data Export on this machine, as lines of a bill: CUR 2.0 or FOCUS, as Parquet or CSV, a file or a folder.

DuckDB (the extra `bill`) reads the files, and hands on what may be hours of accelerators or charges for training alone.
Nothing of a file is taken for SQL: names of columns are ours, names of files are parameters.
"""

import gzip
import tempfile
from collections.abc import Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from csv import reader
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from glob import escape
from hashlib import file_digest
from pathlib import Path
from types import MappingProxyType
from typing import Any

import duckdb

from flops_auditor.domain.bill.bill_lines import AMOUNT_PLACES, BillLine, is_use
from flops_auditor.domain.bill.doors import ACCELERATED, BEDROCK, RUNS, SAGEMAKER, TOKENS, TRAINING_CHARGES
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.bill_deliveries import deliveries_of, read_once
from flops_auditor_cli.exits import INTERRUPTED
from flops_auditor_cli.progress import Tell

BATCH = 50_000
MEMORY = "512MB"
"""What DuckDB may take; a larger bill waits for the disk, or ends with an error of its own."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class NoBill(WrongInput):
    """There is no export of a bill at that place."""

    remedy = (
        "Name a Parquet or CSV file (.parquet, .csv, .csv.gz) of an AWS Data Export, or the folder that holds its "
        "files; `flops-auditor docs bill` says how to get one."
    )


class UnknownColumns(WrongInput):
    """A file is neither CUR 2.0 nor FOCUS as AWS exports them, or lacks columns without which nothing can be said."""

    remedy = "Make an export with the columns that are named; `flops-auditor docs bill` has the query."


class UnreadableBill(WrongInput):
    """What stands in the files cannot be read, or tells of the same hours in two ways."""

    remedy = "Take the files of one delivery as they are in the bucket; `flops-auditor docs bill` says which."


@dataclass(frozen=True)
class BillFormat:
    """What AWS calls its columns, in lower case. `needed`: without one of each nothing can be said; `optional` are
    empty where they are missing. `select`: what a line is made of; `left_out`: whose hours stand in other lines, too.
    """

    name: str
    needed: tuple[tuple[str, ...], ...]
    optional: tuple[str, ...]
    select: Mapping[str, str]
    left_out: str = "false"

    def missing(self, columns: Set[str]) -> list[str]:
        """Needed columns that are not there."""
        return [each[0] for each in self.needed if columns.isdisjoint(each)]


CUR = BillFormat(
    "CUR 2.0",
    (
        ("line_item_usage_account_id",),
        ("line_item_product_code",),
        ("line_item_line_item_type",),
        ("line_item_usage_type",),
        ("line_item_usage_start_date",),
        ("line_item_usage_end_date",),
        ("line_item_usage_amount",),
        ("pricing_unit",),
    ),
    (
        "line_item_resource_id",
        "product_region_code",
        "product_instance_type",
        "identity_line_item_id",
        "identity_time_interval",
        "split_line_item_parent_resource_id",
    ),
    MappingProxyType(
        {
            "account": "line_item_usage_account_id",
            "region": "product_region_code",
            "service": "line_item_product_code",
            "usage_type": "line_item_usage_type",
            "instance_type": "product_instance_type",
            "resource": "line_item_resource_id",
            "kind": "line_item_line_item_type",
            "unit": "pricing_unit",
            "start": "line_item_usage_start_date",
            "end": "line_item_usage_end_date",
            "amount": "line_item_usage_amount",
            "identity": "nullif(identity_line_item_id, '') || ' ' || coalesce(identity_time_interval, '')",
        }
    ),
    "coalesce(split_line_item_parent_resource_id, '') <> ''",
)
FOCUS = BillFormat(
    "FOCUS",
    (
        ("subaccountid",),
        ("x_servicecode",),
        ("chargecategory",),
        ("skumeter", "x_usagetype"),
        ("chargeperiodstart",),
        ("chargeperiodend",),
        ("consumedquantity",),
        ("consumedunit",),
        ("resourceid",),
    ),
    (
        "regionid",
        "skumeter",
        "x_usagetype",
        "skupricedetails",
        "chargeclass",
        "commitmentdiscountstatus",
        "capacityreservationstatus",
    ),
    MappingProxyType(
        {
            "account": "SubAccountId",
            "region": "RegionId",
            "service": "x_ServiceCode",
            "usage_type": "coalesce(x_UsageType, SkuMeter)",
            "instance_type": r"regexp_extract(CAST(SkuPriceDetails AS VARCHAR), 'InstanceType\W+([A-Za-z0-9.-]+)', 1)",
            "resource": "ResourceId",
            "kind": "CASE WHEN ChargeCategory <> 'Usage' THEN ChargeCategory"
            " WHEN 'Unused' IN (CommitmentDiscountStatus, CapacityReservationStatus) THEN 'Unused'"
            " WHEN ChargeClass = 'Correction' THEN 'Correction' ELSE 'Usage' END",
            "unit": "ConsumedUnit",
            "start": "ChargePeriodStart",
            "end": "ChargePeriodEnd",
            "amount": "ConsumedQuantity",
            "identity": "NULL",
        }
    ),
)


_TABLE = """
CREATE TEMP TABLE lines (
    account VARCHAR, region VARCHAR, service VARCHAR, usage_type VARCHAR, instance_type VARCHAR, resource VARCHAR,
    kind VARCHAR, unit VARCHAR, starts BIGINT, ends BIGINT, amount DECIMAL(28, 10), identity VARCHAR,
    file INTEGER, delivery INTEGER
)
"""
_INSERT = """
WITH named AS (
    SELECT {texts},
        epoch_us(TRY_CAST({start} AS TIMESTAMPTZ)) AS starts, epoch_us(TRY_CAST({end} AS TIMESTAMPTZ)) AS ends,
        TRY_CAST({amount} AS DECIMAL(28, 10)) AS amount, CAST({identity} AS VARCHAR) AS identity
    FROM (SELECT *{absent} FROM {source})
    WHERE NOT ({left_out})
)
INSERT INTO lines SELECT *, $number, $delivery FROM named
WHERE regexp_matches(usage_type || ' ' || instance_type, $accelerated)
    OR (service = $sagemaker AND regexp_matches(unit || ' ' || usage_type, $tokens))
    OR (service IN ($sagemaker, $bedrock) AND regexp_matches(usage_type, $charges))
    OR regexp_matches(resource, $runs)
"""
_TEXTS = ("account", "region", "service", "usage_type", "instance_type", "resource", "kind", "unit")


@contextmanager
def bill_lines(place: Path, tell: Tell) -> Iterator[Iterator[BillLine]]:
    """The lines of a bill that may be hours of accelerators or charges for training; `tell` counts files.

    Raises NoBill, UnknownColumns, UnreadableBill.
    """
    files = _files(place)
    with tempfile.TemporaryDirectory() as spilled, _connected(spilled) as connection:
        connection.execute(_TABLE)
        formats = set()
        for number, (file, delivery) in enumerate(zip(files, deliveries_of(files), strict=True)):
            tell(number, len(files))
            formats.add(_load(connection, file, {"number": number, "delivery": delivery}))
            if len(formats) > 1:
                raise UnreadableBill(f"{place} has files of CUR 2.0 and of FOCUS, which both tell of the same hours")
        tell(len(files), len(files))
        yield _read(connection, [_shown(file, place) for file in files])


@contextmanager
def _connected(spilled: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in memory that reads files alone, fetches no extension, and reads times without a zone as UTC."""
    options: dict[str, str | bool | int | float | list[str]] = {
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": MEMORY,
        "temp_directory": spilled,
        "preserve_insertion_order": "false",
    }
    connection = duckdb.connect(config=options)
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    except duckdb.Error as error:
        raise UnreadableBill(" ".join(str(error).split())[:300]) from error
    finally:
        connection.close()


def digests_of(place: Path) -> list[str]:
    """The SHA-256 of each file of an export, in hex, in order. Raises NoBill."""
    digests = set()
    for path in _files(place):
        with path.open("rb") as file:
            digests.add(file_digest(file, "sha256").hexdigest())
    return sorted(digests)


def _files(place: Path) -> list[Path]:
    """The files of an export, in order of their names. Raises NoBill."""
    every = sorted(each for each in place.rglob("*") if each.is_file()) if place.is_dir() else [place]
    files = [each for each in every if each.name.endswith((".parquet", ".csv", ".csv.gz"))]
    if not place.exists() or not files:
        raise NoBill(f"{place}: no file of an export is there")
    return files


def _shown(file: Path, place: Path) -> str:
    return (file.relative_to(place) if place.is_dir() else Path(file.name)).as_posix()


def _load(connection: duckdb.DuckDBPyConnection, file: Path, numbers: Mapping[str, int]) -> str:
    """Take what may count of a file; says its format."""
    name = escape(str(file.resolve()))
    if file.name.endswith(".parquet"):
        source = "read_parquet($name, hive_partitioning = false)"
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", {"name": name}).fetchall()  # noqa: S608
        columns = {str(each[0]).lower() for each in described}
    else:
        source = (
            "read_csv($name, header = true, all_varchar = true, delim = ',', quote = '\"', escape = '\"', "
            "hive_partitioning = false)"
        )
        columns = _header(file)
    form = _format_of(file, columns)
    absent = "".join(f", CAST(NULL AS VARCHAR) AS {each}" for each in form.optional if each not in columns)
    texts = ", ".join(f"coalesce(CAST({form.select[each]} AS VARCHAR), '') AS {each}" for each in _TEXTS)
    others = {name: form.select[name] for name in ("start", "end", "amount", "identity")}
    query = _INSERT.format(texts=texts, absent=absent, source=source, left_out=form.left_out, **others)
    patterns = {"accelerated": ACCELERATED, "tokens": TOKENS, "charges": TRAINING_CHARGES, "runs": RUNS}
    services = {"sagemaker": SAGEMAKER, "bedrock": BEDROCK}
    with _interruptible():
        connection.execute(query, {"name": name, **numbers, **patterns, **services})
    return form.name


def _header(file: Path) -> set[str]:
    """The names in the first line of a CSV file, in lower case. Raises UnreadableBill."""
    opened = gzip.open if file.name.endswith(".gz") else open
    try:
        with opened(file, "rt", encoding="utf-8-sig", newline="") as text:
            return {each.strip().lower() for each in next(reader([text.readline(1_000_000)]), [])}
    except (EOFError, gzip.BadGzipFile, UnicodeDecodeError) as error:
        raise UnreadableBill(f"{file}: {error}") from error


def _format_of(file: Path, columns: Set[str]) -> BillFormat:
    """The format that has such columns. Raises UnknownColumns."""
    near = min((CUR, FOCUS), key=lambda form: len(form.missing(columns)))
    if missing := near.missing(columns):
        raise UnknownColumns(f"{file}: as {near.name} it lacks {', '.join(missing)}")
    return near


def _read(connection: duckdb.DuckDBPyConnection, names: Sequence[str]) -> Iterator[BillLine]:
    with _interruptible():
        cursor = read_once(connection)
        batch = cursor.fetchmany(BATCH)
    while batch:
        for *row, one, other, alike in batch:
            again = "" if one is None else " and ".join(dict.fromkeys((names[one], names[other])))
            yield _line(row, again, "" if alike is None else names[alike])
        with _interruptible():
            batch = cursor.fetchmany(BATCH)


@contextmanager
def _interruptible() -> Iterator[None]:
    """Whoever interrupts a query ends the program: DuckDB puts an error of its own in the place of that."""
    try:
        yield
    except RuntimeError as error:
        raise SystemExit(INTERRUPTED) from error


def _line(row: Sequence[Any], again: str, alike: str) -> BillLine:
    """A line that is use needs its time and its amount; of others nobody asks."""
    account, region, service, usage_type, instance_type, resource, unit, kind, starts, ends, amount = row
    asked = is_use(kind) is not False
    if asked and None in (starts, ends, amount):
        raise UnreadableBill(f"a line of {usage_type[:60]!r} has no time or no amount that is one")
    if asked and starts > ends:
        raise UnreadableBill(f"a line of {usage_type[:60]!r} ends before it begins")
    return BillLine(
        account=account,
        region=region,
        service=service,
        usage_type=usage_type,
        instance_type=instance_type,
        resource=resource,
        kind=kind,
        unit=unit,
        start=_moment(starts or 0),
        end=_moment(ends or 0),
        amount=int((amount or Decimal(0)).scaleb(AMOUNT_PLACES)),
        again=again,
        alike=alike,
    )


@cache  # a month has few hours, and many lines of each
def _moment(microseconds: int) -> datetime:
    return _EPOCH + timedelta(microseconds=microseconds)
