"""The bill beside the records: what they explain by service and day, and the rest by name."""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

from flops_auditor.domain.audit.record import decimal
from flops_auditor.domain.bill.doors import Door, Purpose
from flops_auditor.domain.bill.explanation import (
    DoorDay,
    Explanation,
    HoursSum,
    RestOfHours,
    RestReason,
    TrainingCharge,
)
from flops_auditor.domain.values.amounts import at_least, counted, flop, percent, share_number
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.moments import iso, minute_of
from flops_auditor_cli.schemas import BILL_DAY, fields_of
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View

HOUR = 3600
MOST_LISTED = 20
REASONS: Mapping[RestReason, str] = {
    RestReason.NO_RECORD: "no record of it",
    RestReason.BEYOND_RECORD: "beyond what its record has",
    RestReason.RECORD_WITHOUT_HOURS: "its record has no hours",
    RestReason.NO_RESOURCE: "no job is named, and no record fits",
    RestReason.DOOR_NOT_RECORDED: "such use is not recorded",
    RestReason.NOT_TRAINING: "not meant for training",
}
PURPOSES: Mapping[Purpose, str] = {
    Purpose.TRAINING: "yes",
    Purpose.POSSIBLE: "may",
    Purpose.OTHER: "no",
}
HOURS_COLUMNS = {
    "billed": "Billed (h)",
    "explained": "Explained (h)",
    "rest": "Rest (h)",
    "ceiling": "At most (FLOP)",
}
DOOR_COLUMNS = {"title": "Service", "trains": "Trains", **HOURS_COLUMNS}
DAY_COLUMNS = {"day": "Day", **DOOR_COLUMNS}
REST_COLUMNS = {"what": "What", "host": "Host", "rest": "Rest (h)", "ceiling": "At most (FLOP)", "why": "Why"}
WIDE_REST_COLUMNS = {
    "title": "Service",
    "what": "What",
    "host": "Host",
    "account": "Account",
    "region": "Region",
    "start": "From",
    "end": "Until",
    "rest": "Rest (h)",
    "ceiling": "At most (FLOP)",
    "why": "Why",
}
CHARGE_COLUMNS = {"day": "Day", "what": "What", "tokens": "Tokens", "ceiling": "At most (FLOP)", "why": "Explained"}
WIDE_CHARGE_COLUMNS = {
    "day": "Day",
    "title": "Service",
    "what": "What",
    "usage_type": "Usage",
    "account": "Account",
    "region": "Region",
    "tokens": "Tokens",
    "ceiling": "At most (FLOP)",
    "why": "Explained",
}
RIGHT = (*HOURS_COLUMNS, "tokens")
FIELDS = fields_of(BILL_DAY)
DECIMALS = 10
"""Of seconds: those of a bill have no more than eight."""


def bill_view(explained: Explanation, jobs: int, wide: bool) -> View:
    """In every form of output; `jobs` are those that it was compared with."""
    document = document_of(explained, jobs)
    return View("bill", document, list(_blocks(explained, jobs, wide)), document["days"], FIELDS)


def document_of(explained: Explanation, jobs: int) -> dict[str, Any]:
    """As JSON: seconds of accelerators and FLOP as exact decimal texts."""
    days = [{"day": day.day.isoformat(), **_door(day.door), **hours_members(day.hours)} for day in explained.days]
    share = explained.share
    return {
        "complete": explained.complete,
        "share": None if share is None else share_number(share, 6, "lower"),
        "from": iso(explained.start) if explained.start else None,
        "until": iso(explained.end) if explained.end else None,
        "accounts": list(explained.accounts),
        "jobs_compared": jobs,
        **hours_members(explained.training),
        "days": days,
        "rest": list(map(_rest_members, explained.rest)),
        "charges": list(map(_charge_members, explained.charges)),
        "doubts": [{**doubt.spoken.to_json(), "settle": None} for doubt in explained.doubts],
    }


def hours_members(hours: HoursSum) -> dict[str, str | None]:
    """Time and ceiling as exact decimal texts."""
    return {
        "billed_seconds": decimal(hours.billed, DECIMALS),
        "explained_seconds": decimal(hours.explained, DECIMALS),
        "by_time_alone_seconds": decimal(hours.by_time_alone, DECIMALS),
        "unexplained_seconds": decimal(hours.rest, DECIMALS),
        "unknown_host_seconds": decimal(hours.unknown_host_seconds, DECIMALS),
        "ceiling_flop": decimal(hours.ceiling_flop),
    }


def _door(door: Door) -> dict[str, str]:
    return {"door": door.name, "title": door.title, "purpose": door.purpose.value}


def _rest_members(rest: RestOfHours) -> dict[str, Any]:
    return {
        **_door(rest.door),
        "account": rest.account,
        "region": rest.region,
        "host": rest.host,
        "resource": rest.resource,
        "reason": rest.why.value,
        "from": iso(rest.start),
        "until": iso(rest.end),
        "host_seconds": decimal(rest.host_seconds, DECIMALS),
        "accelerator_seconds": decimal(rest.accelerator_seconds, DECIMALS),
        "ceiling_flop": decimal(rest.ceiling_flop),
    }


def _charge_members(charge: TrainingCharge) -> dict[str, Any]:
    return {
        "day": charge.day.isoformat(),
        **_door(charge.door),
        "account": charge.account,
        "region": charge.region,
        "usage_type": charge.usage_type,
        "resource": charge.resource,
        "unit": charge.unit,
        "charged_units": decimal(charge.amount, DECIMALS),
        "charged_tokens": decimal(charge.tokens, DECIMALS),
        "tokens_compared": charge.compared,
        "reason": charge.why.value if charge.why else None,
        "ceiling_flop": decimal(charge.ceiling_flop),
    }


def _blocks(explained: Explanation, jobs: int, wide: bool) -> Iterable[Block]:
    yield Headline(_headline(explained))
    if explained.start and explained.end:
        accounts = len(explained.accounts)
        yield FactList(
            [
                ("Bill", f"{minute_of(explained.start)} to {minute_of(explained.end)}"),
                ("Accounts", ", ".join(explained.accounts) if accounts <= MOST_LISTED else str(accounts)),
                ("Compared with", f"the records of {counted(jobs, 'job')}"),
            ]
        )
    doors = dict.fromkeys(day.door for day in sorted(explained.days, key=lambda day: day.door.title))
    if doors:
        sums = [(door, _sum(day for day in explained.days if day.door == door)) for door in doors]
        yield Table(DOOR_COLUMNS, [_hours_row(*each) for each in sums], "By service", RIGHT)
    if wide and explained.days:
        rows = [{"day": day.day.isoformat(), **_hours_row(day.door, day.hours)} for day in explained.days]
        yield Table(DAY_COLUMNS, rows, "By service and day", RIGHT)
    yield from _named(explained, wide)
    yield PointList([doubt.words for doubt in explained.doubts], "Not certain")


def _headline(explained: Explanation) -> str:
    total, share = explained.training, explained.share
    if share is not None:
        of = f"{percent(share, 'lower')} of {hours_of(total.billed)} accelerator hours that trained, or may have"
        rest = f" The rest is at most {flop(total.ceiling_flop, 'upper')} FLOP." if total.rest else ""
        return f"Records explain {of}.{rest}"
    if total.unknown_host_seconds:
        return "Records explain no share that can be told: hosts were billed whose accelerators nobody knows."
    return "No accelerator hours were billed that trained, or may have."


def _named(explained: Explanation, wide: bool) -> Iterable[Block]:
    """The rest by name, as much as fits, or all of it."""
    most = None if wide else MOST_LISTED
    if explained.rest:
        rows = [_rest_row(each) for each in explained.rest[:most]]
        columns, cut = (WIDE_REST_COLUMNS, ()) if wide else (REST_COLUMNS, ("what",))
        yield Table(columns, rows, title_of_most("No record explains", len(explained.rest), most), RIGHT, cut)
    if explained.charges:
        in_order = sorted(explained.charges, key=lambda each: each.why is None)
        rows = [_charge_row(each) for each in in_order[:most]]
        title = title_of_most("Charged by tokens", len(in_order), most)
        if wide:
            yield Table(WIDE_CHARGE_COLUMNS, rows, title, RIGHT)
        else:
            yield Table(CHARGE_COLUMNS, rows, title, RIGHT, ("what",))


def title_of_most(title: str, count: int, most: int | None) -> str:
    """Over a table that shows so many of its rows at most, None: all."""
    return title if most is None or count <= most else f"{title} (the first {most} of {count}; --wide shows all)"


def _sum(days: Iterable[DoorDay]) -> HoursSum:
    return sum((day.hours for day in days), HoursSum())


def _hours_row(door: Door, hours: HoursSum) -> dict[str, str]:
    return {
        "title": door.title,
        "trains": PURPOSES[door.purpose],
        "billed": hours_of(hours.billed),
        "explained": hours_of(hours.explained),
        "rest": hours_of(hours.rest),
        "ceiling": flop(hours.ceiling_flop, "upper"),
    }


def _rest_row(rest: RestOfHours) -> dict[str, str]:
    seconds = rest.accelerator_seconds
    return {
        "title": rest.door.title,
        "what": name_of(rest.resource) or rest.door.title,
        "host": rest.host,
        "account": rest.account,
        "region": rest.region,
        "start": minute_of(rest.start),
        "end": minute_of(rest.end),
        "rest": f"{hours_of(rest.host_seconds)} of hosts" if seconds is None else hours_of(seconds),
        "ceiling": flop(rest.ceiling_flop, "upper"),
        "why": REASONS[rest.why],
    }


def _charge_row(charge: TrainingCharge) -> dict[str, str]:
    tokens, by_name = charge.tokens, "by name and time alone"
    return {
        "day": charge.day.isoformat(),
        "what": name_of(charge.resource) or charge.usage_type,
        "account": charge.account,
        "region": charge.region,
        "usage_type": charge.usage_type,
        "title": charge.door.title,
        "tokens": f"{decimal(charge.amount)} {charge.unit}" if tokens is None else f"{at_least(tokens):,}",
        "ceiling": flop(charge.ceiling_flop, "upper") if charge.why else "",
        "why": REASONS[charge.why] if charge.why else by_name if charge.by_name_alone else "by its record",
    }


def hours_of(seconds: Fraction) -> str:
    """Seconds as hours for people: what is not nothing is never shown as nothing."""
    hours = seconds / HOUR
    return "under 0.01" if 0 < hours < Fraction(1, 200) else f"{float(hours):,.2f}"
