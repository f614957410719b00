"""What a deployment costs on AWS: from template.yaml, recorded calls and list prices, into docs/operations.md.

`make cost` writes the tables; with `--json` the sums are printed, and nothing is written. bench/prices.json has the
prices with their date and source, to be replaced by yours; bench/calls.json has the calls that `make record-calls` saw.
Not in it: storage, and the ingestion of logs.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from copy import copy
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from bench.figures import Figure, show
from bench.marked import between
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.use_cases.auditing.collect_training_job import at_finest_period
from flops_auditor.use_cases.ports.sources import MetricRequest
from tests.template.bar import watched
from tests.template.loading import Template, load

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "operations.md"
BEGIN = "<!-- cost: written by `make cost` -->\n"
END = "<!-- cost: end -->\n"
MONTH_SECONDS = 730 * 3600
MOST_A_MONTH = 6
"""USD without a job, as the README promises."""
RATES = {"minute": 60, "hour": 3600, "day": 86400}
POLLERS = 5
"""Long polls that Lambda keeps open on an empty queue (AWS Lambda Developer Guide, Amazon SQS, scaling)."""
POLL_SECONDS = 20
TRIGGERED_SQS = "SQS"
CALL_SECONDS = Decimal("0.02")
ELSEWHERE_SECONDS = Decimal("0.3")
"""Planned, not measured: a call in the stack's region, and one to another region over a new connection, during which a
function does nothing but wait.
"""
AUDIT_SECONDS = Decimal("0.3")
"""An audit's own work (`python -m bench.audit_cpu`: 0.27 s)."""
BY_REGION = ("Reconcile", "Watch", "Report")
"""The functions that go through the regions."""
MOST_REGIONS = 34
"""That have SageMaker, with those that an account has to enable (boto3 1.44.8)."""
STATISTICS = 4
"""The most that are asked for of one metric (`MetricRequest.of_each_host`).

AWS's page of prices has up to five of one metric in a request billed as one; so prometheus/cloudwatch_exporter quotes
it in pull request 482, whose author saw each of them billed. What GetMetricData costs is therefore a range: from a
quarter of the statistics, or the hosts, up to all of them.
"""
HOSTS = (1, 8, 64, 512)
START = datetime(2026, 1, 1, tzinfo=UTC)
METRIC_READ = "cloudwatch:metric-read"
PRICE_OF = {
    **dict.fromkeys(("dynamodb:GetItem", "dynamodb:Query", "dynamodb:BatchGetItem"), "dynamodb:read-unit"),
    **dict.fromkeys(("dynamodb:PutItem", "dynamodb:UpdateItem"), "dynamodb:write-unit"),
    **dict.fromkeys(("s3:PutObject", "s3:ListObjectVersions", "s3:ListObjectsV2"), "s3:put"),
    "s3:GetObject": "s3:get",
    **dict.fromkeys(("kms:Sign", "kms:GetPublicKey"), "kms:asymmetric-request"),
    "monitoring:GetMetricData": METRIC_READ,
    "sns:Publish": "sns:publish",
    **dict.fromkeys(("sqs:SendMessageBatch", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"), "sqs:request"),
}
"""A call and what is billed of it. Calls of FREE services cost nothing."""
FREE = ("sagemaker:", "bedrock:", "batch:", "ec2:")


class Prices:
    """List prices by what is billed; `at_least` has the least that a statistic costs, where that is not certain."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.date = str(document["date"])
        self._usd = {name: Decimal(each["usd"]) for name, each in document["prices"].items()}

    @property
    def at_least(self) -> Prices:
        """The same, where all statistics of one metric are billed as one."""
        least = copy(self)
        least._usd = self._usd | {METRIC_READ: self._usd[METRIC_READ] / STATISTICS}
        return least

    def of(self, billed: str, count: float | Decimal = 1) -> Decimal:
        """USD for so many."""
        return self._usd[billed] * Decimal(str(count))

    def of_calls(self, calls: Mapping[str, float]) -> Decimal:
        """USD for calls by service and operation. Raises KeyError for one that has no price."""
        return sum((self.of_call(name, units) for name, units in calls.items()), Decimal(0))

    def of_call(self, name: str, units: float) -> Decimal:
        """USD for so many units of one call."""
        return Decimal(0) if name.startswith(FREE) else self.of(PRICE_OF[name], units)

    def of_run(self, gigabytes: Decimal, seconds: Decimal) -> Decimal:
        """USD for one invocation of a function, with its trace."""
        ran = self.of("lambda:gb-second", gigabytes * seconds)
        return ran + self.of("lambda:request") + self.of("xray:trace")


def holds(template: Template, condition: Any) -> bool:
    """Whether a condition of the template holds under the parameters' defaults."""
    if isinstance(condition, str):
        return holds(template, template["Conditions"][condition])
    [(function, arguments)] = condition.items()
    if function == "Condition":
        return holds(template, arguments)
    if function == "Fn::Not":
        return not holds(template, arguments[0])
    if function == "Fn::Or":
        return any(holds(template, each) for each in arguments)
    if function == "Fn::And":
        return all(holds(template, each) for each in arguments)
    reference, value = arguments
    return str(template["Parameters"][reference["Ref"]]["Default"]) == str(value)


def resources(template: Template, kind: str) -> dict[str, dict[str, Any]]:
    """The resources of a type that a deployment with the defaults has: properties by name."""
    return {
        name: each["Properties"]
        for name, each in template["Resources"].items()
        if each["Type"] == kind and ("Condition" not in each or holds(template, each["Condition"]))
    }


def rounds_a_month(template: Template) -> dict[str, int]:
    """How often each scheduled function runs in a month, by the function's name without the word Function."""
    rounds_of = {}
    for each in resources(template, "AWS::Scheduler::Schedule").values():
        number, unit = each["ScheduleExpression"].removeprefix("rate(").removesuffix(")").split()
        function = each["Target"]["Arn"]["Fn::GetAtt"][0].removesuffix("Function")
        rounds_of[function] = round(MONTH_SECONDS / (int(number) * RATES[unit.removesuffix("s")]))
    return rounds_of


def planned_seconds(recorded: Mapping[str, Any]) -> Decimal:
    """How long a function waits for its calls."""
    here, elsewhere = Decimal(str(recorded["here"])), Decimal(str(recorded["elsewhere"]))
    return round(here * CALL_SECONDS + elsewhere * ELSEWHERE_SECONDS, 1)


def gigabytes(template: Template, function: str) -> Decimal:
    """The memory of a function."""
    return Decimal(resources(template, "AWS::Serverless::Function")[f"{function}Function"]["MemorySize"]) / 1024


def idle(template: Template, calls: Mapping[str, Any], prices: Prices) -> Iterator[tuple[str, str, Decimal]]:
    """What is billed each month without a single job: what, how many, USD."""
    keys = len(resources(template, "AWS::KMS::Key"))
    yield "KMS keys", f"{keys}", prices.of("kms:key-month", keys)
    alarms = resources(template, "AWS::CloudWatch::Alarm")
    metrics = sum(len(list(watched(each))) for each in alarms.values())
    words = f"{len(alarms)} alarms on {metrics} metrics"
    yield "CloudWatch alarms, billed by metric", words, prices.of("cloudwatch:alarm-metric-month", metrics)
    functions = resources(template, "AWS::Serverless::Function").values()
    events = [event for each in functions for event in each.get("Events", {}).values()]
    queues = sum(each["Type"] == TRIGGERED_SQS for each in events)
    polls = queues * POLLERS * MONTH_SECONDS // POLL_SECONDS
    yield f"Lambda's polling of {queues} queues", f"{polls:,} requests", prices.of("sqs:request", polls)
    for function, rounds in rounds_a_month(template).items():
        recorded = calls["idle"][function]
        seconds = planned_seconds(recorded)
        once = prices.of_run(gigabytes(template, function), seconds) + prices.of("scheduler:invocation")
        words = f"{rounds:,} rounds of {seconds} s"
        yield f"the {function.lower()} function", words, rounds * (once + prices.of_calls(recorded["calls"]))
    dashboards = len(resources(template, "AWS::CloudWatch::Dashboard"))
    yield "dashboard (`Dashboard=true`: 3 USD)", f"{dashboards}", prices.of("cloudwatch:dashboard-month", dashboards)
    yield "metrics of its own: nothing is sent of a zero", "0", Decimal(0)


def with_regions(calls: Mapping[str, Any], regions: int) -> dict[str, Any]:
    """The recorded calls as they would be with so many regions: all of those that go through the regions grow."""
    more = Decimal(regions) / calls["regions"]
    idle_calls = dict(calls["idle"])
    for function in BY_REGION:
        seen = calls["idle"][function]
        idle_calls[function] = {
            **{place: Decimal(str(seen[place])) * more for place in ("here", "elsewhere")},
            "calls": {name: Decimal(str(units)) * more for name, units in seen["calls"].items()},
        }
    return {**calls, "regions": regions, "idle": idle_calls}


def per_record(template: Template, calls: Mapping[str, Any], prices: Prices) -> Iterator[tuple[str, str, Decimal]]:
    """What a record costs: call, units for one record, USD for 1,000 records."""
    for name, units in calls["audit"]["calls"].items():
        yield f"audit: {name}", f"{units:.1f}", 1000 * prices.of_call(name, units)
    mails = calls["audit"]["calls"]["sns:Publish"]
    yield "audit: mail to one address", f"{mails:.1f}", 1000 * prices.of("sns:mail", mails)
    seconds = planned_seconds(calls["audit"]) + AUDIT_SECONDS
    run = 1000 * prices.of_run(gigabytes(template, "Audit"), seconds)
    yield "audit: Lambda and its trace", f"{seconds} s", run
    sealing = 1000 * prices.of_calls(calls["seal"]["calls"])
    yield f"seal, {calls['records']} records at once", f"{sum(calls['seal']['calls'].values()):.1f}", sealing


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown whose columns after the first are numbers."""
    marks = ["---", *("---:" for _ in head[1:])]
    return [f"| {' | '.join(cells)} |" for cells in (head, marks, *rows)]


def usd(amount: Decimal, places: int) -> str:
    """An amount, rounded up."""
    step = Decimal(1).scaleb(-places)
    return f"{math.ceil(amount / step) * step:.{places}f}"


def between_usd(least: Decimal, most: Decimal, places: int) -> str:
    """A range of amounts, each rounded up; one amount where both are the same."""
    ends = (usd(least, places), usd(most, places))
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def total(rows: Sequence[tuple[str, str, Decimal]]) -> Decimal:
    """The sum of what rows cost."""
    return sum((each[2] for each in rows), Decimal(0))


def read() -> tuple[Template, dict[str, Any], Prices]:
    """The template, the recorded calls and the prices of this repository."""
    calls: dict[str, Any] = json.loads((HERE / "calls.json").read_text())
    return load(), calls, Prices(json.loads((HERE / "prices.json").read_text()))


def page(template: Template, calls: Mapping[str, Any], prices: Prices) -> str:
    """The tables as they stand in docs/operations.md."""
    month, record = list(idle(template, calls, prices)), list(per_record(template, calls, prices))
    least = list(per_record(template, calls, prices.at_least))
    rows = [(what, count, usd(amount, 2)) for what, count, amount in month]
    rows.append(("**each month without a job**", "", f"**{usd(total(month), 2)}**"))
    recorded = f"calls of {calls['recorded']}, {calls['regions']} regions, {calls['records']} records"
    lines = [f"Prices of {prices.date}, us-east-1, in USD; {recorded}.", ""]
    lines += table(("without a job", "how many", "USD a month"), rows)
    everywhere = usd(total(list(idle(template, with_regions(calls, MOST_REGIONS), prices))), 2)
    lines += ["", f"With {MOST_REGIONS} regions, those included that an account has to enable: {everywhere} USD."]
    rows = [
        (what, count, between_usd(low, amount, 4))
        for (what, count, amount), (_, _, low) in zip(record, least, strict=True)
    ]
    rows.append(("**all**", "", f"**{between_usd(total(least), total(record), 2)}**"))
    lines += ["", *table(("for each record", "units for one", "USD for 1,000"), rows)]
    looks, watched_hosts = rounds_a_month(template)["Watch"], []
    for hosts in HOSTS:
        asked, of_a_day = statistics_of_looks(hosts, looks), looks * RATES["day"] // MONTH_SECONDS
        day, month_of_it = (
            between_usd(prices.of(METRIC_READ, hosts * len(seen)), prices.of(METRIC_READ, sum(seen)), places)
            for seen, places in ((asked[:of_a_day], 3), (asked, 2))
        )
        hours = asked.count(asked[0]) * MONTH_SECONDS / looks / RATES["hour"]
        watched_hosts.append((f"{hosts}", f"{asked[0]:,}", f"{hours:.0f} h", f"{asked[-1]:,}", day, month_of_it))
    head = (
        *("hosts of a running job", "statistics a look", "for", "then"),
        *("USD of its first day", "USD of its first month"),
    )
    return "\n".join([*lines, "", *table(head, watched_hosts)]) + "\n"


def statistics_of_looks(hosts: int, looks: int) -> list[int]:
    """How many statistics of a running job's hosts each look of a month reads, the first one first."""
    asked = []
    for number in range(1, looks + 1):
        now = START + timedelta(seconds=MONTH_SECONDS) * number / looks
        request = MetricRequest("", "", hosts, (), (), (Span(START, now),), 0)
        read = at_finest_period(request, now)
        asked.append(read.series if read else 0)
    return asked


def figures(template: Template, calls: Mapping[str, Any], prices: Prices) -> Iterator[Figure]:
    """The sums, in USD."""
    month = round(float(total(list(idle(template, calls, prices)))), 2)
    yield Figure("each month without a job", month, "USD", target=MOST_A_MONTH)
    for end, listed in (("least", prices.at_least), ("most", prices)):
        usd_of = round(float(total(list(per_record(template, calls, listed)))), 2)
        yield Figure(f"1,000 audited jobs, at {end}", usd_of, "USD")


def main() -> int:
    """Write the tables into docs/operations.md, or print the sums."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true")
    if options.parse_args().json:
        return show("cost", list(figures(*read())), as_json=True)
    PAGE.write_text(between(PAGE.read_text(), BEGIN, END, f"\n{page(*read())}\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
