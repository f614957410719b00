"""The costs in docs/operations.md are what bench.cost computes, the README's promise holds, no call lacks a price."""

import copy
import json
import re
from decimal import Decimal

import pytest

from bench import cost, cost_beside
from flops_auditor.use_cases.ports.sources import MetricRequest


def test_the_page_has_what_the_programme_prints() -> None:
    text = cost.PAGE.read_text()
    _, _, rest = text.partition(cost.BEGIN)
    assert rest.partition(cost.END)[0] == f"\n{cost.page(*cost.read())}\n"


def test_the_page_has_what_other_ways_cost() -> None:
    _, _, rest = cost.PAGE.read_text().partition(cost_beside.BEGIN)
    assert rest.partition(cost_beside.END)[0] == f"\n{cost_beside.page()}\n"
    ours, *others = cost_beside.ways(*cost.read())
    assert ours.month == cost.total(list(cost.idle(*cost.read())))
    assert [each.least <= each.most for each in (ours, *others)] == [True] * 4


def test_without_a_job_it_costs_as_much_as_the_readme_says() -> None:
    month = list(cost.idle(*cost.read()))
    assert Decimal("5.8") < cost.total(month) < Decimal("6")


def test_every_price_has_a_source() -> None:
    document = json.loads((cost.HERE / "prices.json").read_text())
    for each in document["prices"].values():
        assert each["source"].startswith("https://aws.amazon.com/")
        assert Decimal(each["usd"]) > 0
    assert set(cost.PRICE_OF.values()) <= set(document["prices"])


def test_what_metrics_cost_is_a_range_of_what_aws_may_bill() -> None:
    """Of a metric with four statistics one or four; everything else has one price."""
    template, calls, prices = cost.read()
    pairs = zip(
        cost.per_record(template, calls, prices.at_least), cost.per_record(template, calls, prices), strict=True
    )
    ranges = {most[0]: (least[2], most[2]) for least, most in pairs if least != most}
    assert list(ranges) == ["audit: monitoring:GetMetricData"]
    [(least, most)] = ranges.values()
    assert least * 4 == most
    request = MetricRequest("", "", 7, (), (), (), 60)
    assert request.of_each_host == cost.STATISTICS
    assert cost.statistics_of_looks(7, 2920)[0] == 7 * cost.STATISTICS


def test_the_readme_has_the_range_of_a_thousand_audits() -> None:
    template, calls, prices = cost.read()
    said = re.search(r"1,000 audits cost ([\d.]+) to ([\d.]+) USD", (cost.HERE.parent / "README.md").read_text())
    assert said is not None
    for words, each in zip(said.groups(), (prices.at_least, prices), strict=True):
        assert round(cost.total(list(cost.per_record(template, calls, each))), 1) == Decimal(words)


def test_a_call_without_a_price_is_noticed() -> None:
    template, calls, prices = cost.read()
    calls["audit"]["calls"]["athena:StartQueryExecution"] = 1
    with pytest.raises(KeyError, match="athena"):
        list(cost.per_record(template, calls, prices))


@pytest.mark.parametrize(("name", "more"), [("Key", "1"), ("Alarm", "0.10")])
def test_what_the_template_adds_is_counted(name: str, more: str) -> None:
    template, calls, prices = cost.read()
    larger = copy.deepcopy(template)
    kind = {"Key": "RecordKey", "Alarm": "AuditErrorsAlarm"}[name]
    larger["Resources"]["Another"] = copy.deepcopy(template["Resources"][kind])
    added = cost.total(list(cost.idle(larger, calls, prices))) - cost.total(list(cost.idle(template, calls, prices)))
    assert added == Decimal(more)


def test_what_a_parameter_switches_on_is_counted_then_alone() -> None:
    template, calls, prices = cost.read()
    before = cost.total(list(cost.idle(template, calls, prices)))
    template["Parameters"]["Dashboard"]["Default"] = "true"
    assert cost.total(list(cost.idle(template, calls, prices))) == before + 3


def test_more_regions_cost_more_and_those_recorded_the_same() -> None:
    template, calls, prices = cost.read()
    here, same, twice = (
        cost.total(list(cost.idle(template, each, prices)))
        for each in (calls, cost.with_regions(calls, calls["regions"]), cost.with_regions(calls, 2 * calls["regions"]))
    )
    assert here == same
    assert Decimal("0.1") < twice - here < Decimal("0.5")


@pytest.mark.parametrize(("rate", "rounds"), [("1 minute", 43800), ("2 hours", 365), ("1 hour", 730), ("2 days", 15)])
def test_every_rate_has_a_number_of_rounds(rate: str, rounds: int) -> None:
    template, _, _ = cost.read()
    template["Resources"]["SealSchedule"]["Properties"]["ScheduleExpression"] = f"rate({rate})"
    assert cost.rounds_a_month(template)["Seal"] == rounds
