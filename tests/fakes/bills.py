"""Made-up months of a bill, with what is planted in them: which hours no record explains."""

import csv
import gzip
import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import product as pairs_of
from pathlib import Path

import duckdb

from flops_auditor.data import base_model_table
from flops_auditor.domain.bill.billed import Billed
from flops_auditor.domain.bill.explain_bill import explain_bill
from flops_auditor.domain.bill.explanation import Explanation
from flops_auditor.domain.bill.recorded_runs import RecordedRun
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor_cli.bill_files import bill_lines

Row = dict[str, str]
MONTH = datetime(2026, 10, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
TOKEN_UNITS = (("Tokens", 1), ("1K tokens", 10**3), ("1M tokens", 10**6))
SECOND = Fraction(1001, 1000)
"""Amounts on a bill are rounded, too."""
ACCOUNTS = ("111122223333", "444455556666")
REGIONS = {"us-east-1": "USE1", "eu-west-1": "EU"}
TRAINING_HOSTS = ("ml.p5.48xlarge", "ml.g5.2xlarge", "ml.p4d.24xlarge", "ml.trn1.32xlarge")
CUR_COLUMNS = (
    "bill_payer_account_id",
    "identity_line_item_id",
    "identity_time_interval",
    "line_item_usage_account_id",
    "line_item_product_code",
    "line_item_usage_type",
    "line_item_operation",
    "line_item_line_item_type",
    "line_item_resource_id",
    "line_item_usage_start_date",
    "line_item_usage_end_date",
    "line_item_usage_amount",
    "line_item_unblended_cost",
    "pricing_unit",
    "product_instance_type",
    "product_region_code",
    "split_line_item_parent_resource_id",
)
FOCUS_NAMES = {
    "SubAccountId": "line_item_usage_account_id",
    "x_ServiceCode": "line_item_product_code",
    "ResourceId": "line_item_resource_id",
    "ChargePeriodStart": "line_item_usage_start_date",
    "ChargePeriodEnd": "line_item_usage_end_date",
    "ConsumedUnit": "pricing_unit",
    "RegionId": "product_region_code",
}
FOCUS_COLUMNS = (
    *FOCUS_NAMES,
    *("SkuMeter", "SkuPriceDetails", "SkuPriceId", "ChargeCategory", "ChargeClass", "ConsumedQuantity", "BilledCost"),
    *("CommitmentDiscountStatus", "CapacityReservationStatus"),
)


def iso_of(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Month:
    """A month of rows, the runs that are recorded, and the seconds of hosts that no record explains, by what the
    report names them by: (door, account, region, host, resource). `charges` are tokens that no record explains, by what
    the bill says that they are of.
    """

    rows: list[Row] = field(default_factory=list)
    runs: list[RecordedRun] = field(default_factory=list)
    planted: defaultdict[tuple[str, ...], Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    charges: defaultdict[str, Fraction] = field(default_factory=lambda: defaultdict(Fraction))
    period: timedelta = HOUR

    @property
    def hourly(self) -> bool:
        return self.period == HOUR

    def add(self, product: str, usage_type: str, start: datetime, hours: Fraction, **columns: str) -> Fraction:
        """A line; says the amount as it stands there, in hours."""
        amount = round(hours * 10**10)
        number = len(self.rows)
        end = start + self.period
        row = dict.fromkeys(CUR_COLUMNS, "")
        row.update(
            bill_payer_account_id=ACCOUNTS[0],
            identity_line_item_id=f"line{number}",
            identity_time_interval=f"{iso_of(start)}/{iso_of(end)}",
            line_item_product_code=product,
            line_item_usage_type=usage_type,
            line_item_line_item_type="Usage",
            line_item_usage_start_date=iso_of(start),
            line_item_usage_end_date=iso_of(end),
            line_item_usage_amount=f"{amount // 10**10}.{amount % 10**10:010d}",
            line_item_unblended_cost="1.5",
            pricing_unit="Hrs",
        )
        row.update(columns)
        self.rows.append(row)
        return Fraction(amount, 10**10)

    def hosts(
        self, product: str, usage_type: str, start: datetime, end: datetime, count: int, **columns: str
    ) -> Fraction:
        """Lines of so many hosts from one moment to another; says the seconds of hosts that stand there."""
        at = start - (start - MONTH) % self.period
        billed = Fraction(0)
        while at < end:
            seconds = (min(end, at + self.period) - max(start, at)).total_seconds()
            billed += self.add(product, usage_type, at, Fraction(count) * int(seconds) / 3600, **columns)
            at += self.period
        return billed * 3600


def random_month(seed: int, jobs: int = 12, noise: int = 30) -> Month:
    """A month by the hour or the day, with jobs of which some are recorded, and use that is not training."""
    chance = random.Random(seed)
    month = Month(period=chance.choice((HOUR, DAY)))
    for number in range(jobs):
        _job(month, chance, number)
    for number in range(max(1, jobs // 4)):
        _other_use(month, chance, number)
        _token_run(month, chance, number)
    for _ in range(noise):
        _noise(month, chance)
    chance.shuffle(month.rows)
    return month


def _job(month: Month, chance: random.Random, number: int) -> None:
    """A training job: recorded or not, named in the bill or not, billed beyond its record, in two regions, or its name
    used again.
    """
    account, region = chance.choice(ACCOUNTS), chance.choice(tuple(REGIONS))
    host, count = chance.choice(TRAINING_HOSTS), chance.choice((1, 2, 8))
    start = MONTH + timedelta(seconds=chance.randrange(26 * 86400))
    end = start + timedelta(seconds=chance.randrange(60, 3 * 86400))
    kind = chance.choice(
        ("recorded", "recorded", "unrecorded", "beyond", "again", "twice", "unnamed", "unnamed unrecorded")
    )
    arn = f"arn:aws:sagemaker:{region}:{account}:training-job/job-{number}"
    resource = "" if "unnamed" in kind else arn
    line_type = chance.choice(("Usage", "Usage", "SavingsPlanCoveredUsage"))
    columns = {
        "line_item_usage_account_id": account,
        "line_item_resource_id": resource,
        "product_region_code": region,
        "product_instance_type": host,
        "line_item_line_item_type": line_type,
    }
    usage_type = f"{REGIONS[region]}-Train:{host}"
    key = ("sagemaker-training", account, region, host, resource)
    first = len(month.rows)
    billed = month.hosts("AmazonSageMaker", usage_type, start, end, count, **columns)
    if "unrecorded" in kind:
        month.planted[key] += billed
    else:
        month.runs.append(RecordedRun(f"{number:064d}", arn, account, region, {host: count}, (start, end)))
    if kind == "beyond":
        after = month.period * chance.randrange(2, 4)
        month.planted[key] += month.hosts("AmazonSageMaker", usage_type, end, end + after, count, **columns)
    elif kind == "again":
        later = end + 2 * DAY
        month.planted[key] += month.hosts("AmazonSageMaker", usage_type, later, later + 5 * HOUR, count, **columns)
    elif kind == "twice":
        other = next(each for each in REGIONS if each != region)
        moved = {**columns, "product_region_code": other}
        again = month.hosts("AmazonSageMaker", f"{REGIONS[other]}-Train:{host}", start, end, count, **moved)
        month.planted["sagemaker-training", account, other, host, resource] += again
    for row in month.rows[first:]:
        _beside(month, chance, row)


def _beside(month: Month, chance: random.Random, row: Row) -> None:
    """What stands beside a line of use, and counts for nothing."""
    for kind in ("Credit", "Refund", "EdpDiscount"):
        if chance.random() < 0.05:
            month.rows.append(
                {**row, "line_item_line_item_type": kind, "identity_line_item_id": f"{kind}{len(month.rows)}"}
            )
    if row["line_item_line_item_type"] == "SavingsPlanCoveredUsage":
        month.rows.append(
            {
                **row,
                "line_item_line_item_type": "SavingsPlanNegation",
                "identity_line_item_id": f"negated{len(month.rows)}",
                "line_item_unblended_cost": "-1.5",
            }
        )


def _other_use(month: Month, chance: random.Random, number: int) -> None:
    """Hosts of other doors, and tokens."""
    account, region = chance.choice(ACCOUNTS), chance.choice(tuple(REGIONS))
    before = f"{REGIONS[region]}-"
    start = MONTH + timedelta(seconds=chance.randrange(20 * 86400))
    end = start + timedelta(seconds=chance.randrange(600, 86400))
    columns = {"line_item_usage_account_id": account, "product_region_code": region}
    sagemaker = f"arn:aws:sagemaker:{region}:{account}"
    for door, product, usage_type, host, resource in (
        ("sagemaker-hyperpod", "AmazonSageMaker", "Cluster:", "ml.p5.48xlarge", f"{sagemaker}:cluster/c{number}"),
        ("sagemaker-notebooks", "AmazonSageMaker", "Studio:JupyterLab-", "ml.g5.2xlarge", f"{sagemaker}:app/a{number}"),
        ("sagemaker-inference", "AmazonSageMaker", "Host:", "ml.g5.2xlarge", f"{sagemaker}:endpoint/e{number}"),
        ("ec2", "AmazonEC2", "SpotUsage:", "p4d.24xlarge", f"i-{number:017x}"),
    ):
        told = {**columns, "line_item_resource_id": resource, "product_instance_type": host}
        seconds = month.hosts(product, f"{before}{usage_type}{host}", start, end, 1, **told)
        month.planted[door, account, region, f"ml.{host.removeprefix('ml.')}", resource] += seconds
    pod = {**columns, "product_instance_type": "p4d.24xlarge", "split_line_item_parent_resource_id": f"i-{number:017x}"}
    month.hosts("AmazonEKS", f"{before}EKS-EC2-GPU-Hours", start, end, 1, **pod)
    tokens = chance.randrange(1, 10**6)
    at = start - (start - MONTH) % month.period
    for product, usage_type, unit in (
        ("AmazonBedrock", "NovaPro-Customization-Training", "1K tokens"),
        ("AmazonBedrock", "NovaLite-input-tokens", "1K tokens"),
    ):
        told = {**columns, "pricing_unit": unit}
        month.add(product, f"{before}{usage_type}", at, Fraction(tokens, 1000), **told)
    month.charges[""] += tokens


def _token_run(month: Month, chance: random.Random, number: int) -> None:
    """A run that is charged by tokens: recorded or not, by a record that counts none, charged beyond its record a
    little or ten times over, in two accounts, or by two usage types in different units.
    """
    account, region = chance.choice(ACCOUNTS), chance.choice(tuple(REGIONS))
    product, usage, service, name = chance.choice(
        (
            ("AmazonSageMaker", "TrainingSession-Tokens", "sagemaker", "training-session/s"),
            ("AmazonBedrock", "Llama3-3-70B-Customization-Training", "bedrock", "model-customization-job/a.b/"),
        )
    )
    kind = chance.choice(("recorded", "recorded", "unrecorded", "older", "beyond", "ten times", "elsewhere", "units"))
    arn = f"arn:aws:{service}:{region}:{account}:{name}{number}"
    told = {"line_item_usage_account_id": account, "product_region_code": region, "line_item_resource_id": arn}
    start = MONTH + month.period * chance.randrange(20 * (DAY // month.period))
    charged, periods = Fraction(0), chance.randrange(1, 4)
    for at in (start + month.period * each for each in range(periods)):
        tokens, (unit, factor) = chance.randrange(1, 10**9), chance.choice(TOKEN_UNITS)
        month.add(product, f"{REGIONS[region]}-{usage}", at, Fraction(tokens, factor), **{**told, "pricing_unit": unit})
        charged += tokens
        if kind == "elsewhere":
            other = next(each for each in ACCOUNTS if each != account)
            moved = {**told, "pricing_unit": unit, "line_item_usage_account_id": other}
            month.add(product, f"{REGIONS[region]}-{usage}", at, Fraction(tokens, factor), **moved)
            month.charges[arn] += tokens
        if kind == "units":
            beside = {**told, "pricing_unit": "Tokens"}
            month.add(product, f"{REGIONS[region]}-Other-{usage}", at, Fraction(tokens), **beside)
            charged += tokens
    if kind == "unrecorded":
        month.charges[arn] += charged
        return
    counted = {"older": None, "beyond": int(charged) - 1, "ten times": int(charged) // 10}.get(kind, int(charged))
    month.charges[arn] += 0 if counted is None else charged - counted
    span = (start, start + month.period * periods)
    month.runs.append(RecordedRun(f"t{number:063d}", arn, account, region, {}, span, counted))


def _noise(month: Month, chance: random.Random) -> None:
    """Lines that are not of accelerators."""
    account, region = chance.choice(ACCOUNTS), chance.choice(tuple(REGIONS))
    product, usage_type, unit = chance.choice(
        (
            ("AmazonS3", "TimedStorage-ByteHrs", "GB-Mo"),
            ("AmazonEC2", "BoxUsage:m6g.large", "Hrs"),
            ("AmazonEC2", "EBS:VolumeUsage.gp3", "GB-Mo"),
            ("AmazonEC2", "EBSOptimized:p3.2xlarge", "Hrs"),
            ("AmazonSageMaker", "Train:ml.m5.large", "Hrs"),
            ("AWSLambda", "Lambda-GB-Second", "Lambda-GB-Second"),
        )
    )
    at = MONTH + month.period * chance.randrange(27 * (DAY // month.period))
    columns = {"line_item_usage_account_id": account, "product_region_code": region, "pricing_unit": unit}
    columns["line_item_resource_id"] = f"arn:aws:any:{region}:{account}:thing/{chance.randrange(10**6)}"
    month.add(product, f"{REGIONS[region]}-{usage_type}", at, Fraction(chance.randrange(1, 3600), 3600), **columns)


def as_focus(rows: Iterable[Mapping[str, str]]) -> Iterator[Row]:
    """The same lines as FOCUS 1.2 tells them: a savings plan is a commitment that is used; nothing is negated."""
    for row in rows:
        kind = row["line_item_line_item_type"]
        if kind == "SavingsPlanNegation" or row["split_line_item_parent_resource_id"]:
            continue
        use = kind in {"Usage", "SavingsPlanCoveredUsage"}
        yield {
            **{name: row[column] for name, column in FOCUS_NAMES.items()},
            "SkuMeter": row["line_item_usage_type"].split("-", 1)[1],
            "SkuPriceDetails": f'{{"InstanceType": "{row["product_instance_type"]}"}}',
            "SkuPriceId": row["identity_line_item_id"],
            "ChargeCategory": "Usage" if use else "Credit",
            "ChargeClass": "",
            "ConsumedQuantity": row["line_item_usage_amount"] if use else "",
            "BilledCost": row["line_item_unblended_cost"],
            "CommitmentDiscountStatus": "Used" if kind == "SavingsPlanCoveredUsage" else "",
            "CapacityReservationStatus": "",
        }


def write_csv(path: Path, rows: Iterable[Mapping[str, str]], columns: Iterable[str] = CUR_COLUMNS) -> Path:
    """Rows as a CSV file, packed where its name says so."""
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "wt", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, list(columns), extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


def write_parquet(path: Path, rows: Iterable[Mapping[str, str]], columns: Iterable[str] = CUR_COLUMNS) -> Path:
    """Rows as a Parquet file, with times and numbers as AWS writes them."""
    source = write_csv(path.with_suffix(".source.csv"), rows, columns)
    typed = [
        f"CAST({name} AS TIMESTAMP) AS {name}"
        if name.endswith(("_date", "PeriodStart", "PeriodEnd"))
        else f"CAST(nullif({name}, '') AS DOUBLE) AS {name}"
        if name.endswith(("amount", "cost", "Cost", "Quantity"))
        else f"nullif({name}, '') AS {name}"
        for name in columns
    ]
    query = (
        f"COPY (SELECT {', '.join(typed)} FROM read_csv('{source}', all_varchar = true)) TO '{path}' (FORMAT parquet)"  # noqa: S608
    )
    duckdb.connect().execute(query)
    source.unlink()
    return path


def explained_from(bill: Path, runs: Sequence[RecordedRun], hardware: HardwareTable) -> Explanation:
    """What is made of a file beside these runs."""
    read = Billed()
    with bill_lines(bill, lambda *_: None) as lines:
        for line in lines:
            read.take(line)
    return explain_bill(read, runs, hardware, base_model_table())


def strayed(month: Month, explained: Explanation) -> dict[tuple[str, ...], Fraction]:
    """Where what is found differs from what was planted, in seconds of hosts, by more than a second for each host of
    the jobs that are recorded, which rounding may be. Tokens differ by none.
    """
    seen = {(r.door.name, r.account, r.region, r.host, r.resource): r.host_seconds for r in explained.rest}
    rounding: defaultdict[tuple[str, ...], int] = defaultdict(int)
    for run in month.runs:
        for host, count in run.hosts.items():
            for region, resource in pairs_of(REGIONS, (run.arn, "")):
                rounding["sagemaker-training", run.account, region, host, resource] += count
    off = {key: seen.get(key, Fraction(0)) - month.planted.get(key, Fraction(0)) for key in seen | month.planted}
    tokens = {("tokens", resource): -planted for resource, planted in month.charges.items()}
    for each in explained.charges:
        if each.why:
            tokens["tokens", each.resource] = tokens.get(("tokens", each.resource), Fraction(0)) + (each.tokens or 0)
    return {key: value for key, value in {**off, **tokens}.items() if abs(value) > rounding[key] * SECOND}
