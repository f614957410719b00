"""What a million audited jobs and a month without a job cost, beside other ways to look at training jobs on AWS.

    python -m bench.cost_beside [--json] [--page]

`--page` writes the table into docs/operations.md. Ours are the figures of `python -m bench.cost`; of the other ways the
prices of bench/prices.json are taken times what each job needs at least. Sizes and times are planned, not measured.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any

from bench.cost import PAGE, Prices, between_usd, idle, per_record, read, table, total
from bench.marked import between
from tests.template.loading import Template

BEGIN = "<!-- cost beside: written by `python -m bench.cost_beside --page` -->\n"
END = "<!-- cost beside: end -->\n"
JOBS = 1_000_000
EVENT_GB = Decimal("0.000008")
"""A CreateTrainingJob event: 8 KB."""
STEP_HOURS = Decimal(3) / 60
"""A processing job of one small host: it starts, reads metrics, writes a file."""


@dataclass(frozen=True)
class Way:
    """One way, in USD: `least` and `most` for a million jobs, `month` without a job. `tells` what it says of a job."""

    name: str
    least: Decimal
    most: Decimal
    month: Decimal
    tells: str


def measuring(prices: Prices) -> Decimal:
    """USD for reading the metrics of a million jobs and computing, as our audits do, which others need as well."""
    template, calls, _ = read()
    rows = {what: usd for what, _, usd in per_record(template, calls, prices)}
    return (rows["audit: monitoring:GetMetricData"] + rows["audit: Lambda and its trace"]) * JOBS / 1000


def ways(template: Template, calls: dict[str, Any], prices: Prices) -> Iterator[Way]:
    """Every way, ours first."""
    least, most = (total(list(per_record(template, calls, each))) * JOBS / 1000 for each in (prices.at_least, prices))
    ours = "FLOP with bounds, verdict, lineage, signed and sealed; alerts while it runs"
    yield Way("FLOPs Auditor", least, most, total(list(idle(template, calls, prices))), ours)
    events = prices.of("cloudtrail:lake-gb", EVENT_GB * JOBS)
    asked = "who asked for which hosts: no end, no metrics, so no FLOP; kept for a year"
    yield Way("CloudTrail Lake, one event a job", events, events, Decimal(0), asked)
    evaluated = prices.of("config:item", JOBS) + prices.of("config:evaluation", JOBS)
    low, high = (evaluated + measuring(each) for each in (prices.at_least, prices))
    rule = "compliant or not, by what its function computes: that is still to be written; no signature"
    yield Way("AWS Config, custom rule on a custom resource", low, high, Decimal(0), rule)
    steps = prices.of("sagemaker:ml.t3.medium-hour", STEP_HOURS * JOBS)
    low, high = (steps + measuring(each) for each in (prices.at_least, prices))
    step = "what its script computes, where a pipeline has the step: whoever leaves it out is not seen"
    yield Way("a processing step after each job", low, high, Decimal(0), step)


def page() -> str:
    """The table as it stands in docs/operations.md."""
    rows = [
        (each.name, between_usd(each.least, each.most, 0), between_usd(each.month, each.month, 2), each.tells)
        for each in ways(*read())
    ]
    head = ("way", "USD for a million jobs", "USD a month without a job", "what it tells of a job")
    return "\n".join(table(head, rows)) + "\n"


def main() -> None:
    """The table, or its figures as JSON."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true", help="print the figures as JSON")
    options.add_argument("--page", action="store_true", help="write the table into docs/operations.md")
    given = options.parse_args()
    if given.page:
        PAGE.write_text(between(PAGE.read_text(), BEGIN, END, f"\n{page()}\n"))
    elif given.json:
        print(json.dumps([asdict(each) for each in ways(*read())], default=float, indent=2))
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
