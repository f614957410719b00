"""A bill as it is read: hours of hosts with accelerators, charges for training, and names of what is to be told."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

from flops_auditor.domain.bill.bill_lines import BillLine, is_use
from flops_auditor.domain.bill.doors import (
    EC2,
    HOSTS,
    SAGEMAKER,
    UNKNOWN,
    Door,
    door_of_charge,
    door_of_hours,
    door_of_run,
    host_of,
    is_known_use,
    region_of_use,
)
from flops_auditor.domain.values.arns import region_of
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.remarks import Kind

OTHER_SERVICES = Kind(
    "accelerators-of-other-services",
    "not counted: hosts with accelerators that other services charge, on top of EC2 or for another use: {names:list}",
)
UNKNOWN_LINES = Kind("unknown-kind-of-line", "counted as use, though this version does not know them: {names:list}")
UNKNOWN_USE = Kind(
    "unknown-usage-type", "counted as hours of hosts, though this version does not know them: {names:list}"
)
UNKNOWN_CHARGES = Kind(
    "unknown-training-charge",
    "counted as charges for training by what they name, though this version does not know them: {names:list}",
)
UNKNOWN_UNIT = Kind("unknown-unit", "not counted: hosts with accelerators in a unit that is not hours: {names:list}")
TAKEN_BACK = Kind(
    "use-taken-back",
    "lines of use with a negative amount, of which nothing says what they take back; what they name stays counted as a "
    "whole: {names:list}",
)
LINES_TWICE = Kind(
    "lines-twice",
    "counted once: lines that are repeated, or that two deliveries of a month have, of which the one with the most "
    "counts; in {names:list}",
)
LINES_ALIKE = Kind(
    "lines-alike",
    "counted as they stand: lines of one resource and time with the same amount, of which no id says whether they are "
    "one; in {names:list}",
)

LONGEST_PERIOD = timedelta(days=1)
_HOURS = re.compile(r"(?i)\b(?:hours?|hrs?)\b")

Period = tuple[datetime, datetime]
"""From, and until (exclusive)."""


class BillTooCoarse(WrongInput):
    """Lines of the bill are of more than a day, so that nobody can say which runs they are of."""

    remedy = "Make an export by the hour or by the day; `flops-auditor docs bill` says how."


class HostKey(NamedTuple):
    """What hours are of: one type of host of one resource, or of none (empty)."""

    door: Door
    account: str
    region: str
    host: str
    resource: str


class ChargeKey(NamedTuple):
    """What a charge is of: one usage of one resource, or of none (empty)."""

    door: Door
    account: str
    region: str
    usage_type: str
    resource: str
    unit: str


@dataclass
class Billed:
    """Amounts in 1e-10 of hours, or of the charge's unit, by period; and names of what is to be told."""

    hours: defaultdict[HostKey, defaultdict[Period, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    charges: defaultdict[ChargeKey, defaultdict[Period, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    told: defaultdict[Kind, set[str]] = field(default_factory=lambda: defaultdict(set))

    @property
    def start(self) -> datetime | None:
        """From when something is charged for; None where nothing is."""
        return min((start for start, _ in self.periods()), default=None)

    @property
    def end(self) -> datetime | None:
        """Until when (exclusive)."""
        return max((end for _, end in self.periods()), default=None)

    @property
    def accounts(self) -> set[str]:
        """Whose they are."""
        return {key.account for key in self.hours} | {key.account for key in self.charges}

    def take(self, line: BillLine) -> None:
        """Count a line where it is use. Raises BillTooCoarse."""
        use = is_use(line.kind)
        if use is False:
            return
        charge = door_of_charge(line.service, line.usage_type, line.unit, line.resource)
        host = "" if charge else host_of(line.usage_type, line.instance_type)
        door = charge or (self._door_of_host(line) if host else self._door_of_run(line))
        if door is None:
            return
        if line.end - line.start > LONGEST_PERIOD:
            raise BillTooCoarse(f"a line of {line.usage_type[:60]!r} is of {line.end - line.start}")
        if use is None:
            self.told[UNKNOWN_LINES].add(line.kind)
        for kind, files in ((LINES_TWICE, line.again), (LINES_ALIKE, line.alike)):
            if files:
                self.told[kind].add(files)
        if line.amount < 0:
            self.told[TAKEN_BACK].add(line.usage_type)
            return
        region = line.region or region_of(line.resource) or region_of_use(line.usage_type)
        period = (line.start, line.end)
        if not host:
            key = ChargeKey(door, line.account, region, line.usage_type, line.resource, line.unit)
            self.charges[key][period] += line.amount
        else:
            self.hours[HostKey(door, line.account, region, host, line.resource)][period] += line.amount

    def periods(self) -> Iterator[Period]:
        """Those that something is charged for in."""
        return (period for every in (*self.hours.values(), *self.charges.values()) for period in every)

    def _door_of_host(self, line: BillLine) -> Door | None:
        if line.service not in {SAGEMAKER, EC2}:
            self.told[OTHER_SERVICES].add(line.service)
            return None
        door = door_of_hours(line.service, line.usage_type, line.resource)
        if door is not None and not _HOURS.search(line.unit):
            self.told[UNKNOWN_UNIT].add(f"{line.usage_type} in {line.unit}")
            return None
        if door is UNKNOWN or (door is HOSTS and not is_known_use(line.usage_type)):
            self.told[UNKNOWN_USE].add(line.usage_type)
        return door

    def _door_of_run(self, line: BillLine) -> Door | None:
        door = door_of_run(line.resource, line.usage_type, line.unit, line.instance_type)
        if door is not None:
            self.told[UNKNOWN_CHARGES].add(f"{line.usage_type} in {line.unit}")
        return door
