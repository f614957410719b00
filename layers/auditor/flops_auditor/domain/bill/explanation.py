"""What records explain of a bill, and what the rest could hold, as values. Time is in seconds, exact."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction

from flops_auditor.domain.bill.doors import Door, Purpose
from flops_auditor.domain.values.remarks import Remark


class RestReason(StrEnum):
    """Why hours, or a charge, are not explained by a record."""

    NO_RECORD = "no-record"
    BEYOND_RECORD = "beyond-record"
    RECORD_WITHOUT_HOURS = "record-without-hours"
    NO_RESOURCE = "no-resource"
    DOOR_NOT_RECORDED = "door-not-recorded"
    NOT_TRAINING = "not-training"


@dataclass(frozen=True)
class HoursSum:
    """Time of accelerators, in seconds: what was billed, what records explain of it, and how much of that without the
    bill naming the run. `ceiling_flop` is what the rest could hold at the accelerators' highest peak, None where hosts
    are in the rest that the table lacks. `unknown_host_seconds` were billed of such hosts, and are in no other figure.
    """

    billed: Fraction = Fraction(0)
    explained: Fraction = Fraction(0)
    by_time_alone: Fraction = Fraction(0)
    ceiling_flop: int | None = 0
    unknown_host_seconds: Fraction = Fraction(0)

    @property
    def rest(self) -> Fraction:
        """What no record explains."""
        return self.billed - self.explained

    def __add__(self, other: "HoursSum") -> "HoursSum":
        """Both together."""
        unknown = self.ceiling_flop is None or other.ceiling_flop is None
        return HoursSum(
            self.billed + other.billed,
            self.explained + other.explained,
            self.by_time_alone + other.by_time_alone,
            None if unknown else (self.ceiling_flop or 0) + (other.ceiling_flop or 0),
            self.unknown_host_seconds + other.unknown_host_seconds,
        )


@dataclass(frozen=True)
class DoorDay:
    """A door on one day (UTC)."""

    day: date
    door: Door
    hours: HoursSum


@dataclass(frozen=True)
class RestOfHours:
    """Hours of one type of host that no record explains, between `start` and `end` (exclusive).

    `accelerator_seconds` and `ceiling_flop` are None where the table lacks the host.
    """

    door: Door
    account: str
    region: str
    host: str
    resource: str
    why: RestReason
    start: datetime
    end: datetime
    host_seconds: Fraction
    accelerator_seconds: Fraction | None
    ceiling_flop: int | None


@dataclass(frozen=True)
class TrainingCharge:
    """Training that is charged by what it reads, on one day (UTC). `tokens` is None where the unit counts none.

    `why` is None where it is explained, and `compared` says whether records of that time count tokens. `ceiling_flop`
    is what tokens that no record explains could hold, None where nobody knows of which model.
    """

    day: date
    door: Door
    account: str
    region: str
    usage_type: str
    resource: str
    unit: str
    amount: Fraction
    tokens: Fraction | None
    why: RestReason | None
    compared: bool
    ceiling_flop: int | None

    @property
    def by_name_alone(self) -> bool:
        """Whether a record of that name and time explains tokens that it does not count."""
        return self.why is None and self.tokens is not None and not self.compared


@dataclass(frozen=True)
class Explanation:
    """A bill beside the records. `start` and `end` (exclusive) are of the lines that were counted, None without any."""

    start: datetime | None
    end: datetime | None
    accounts: tuple[str, ...]
    days: tuple[DoorDay, ...]
    rest: tuple[RestOfHours, ...]
    charges: tuple[TrainingCharge, ...]
    doubts: tuple[Remark, ...]

    @property
    def training(self) -> HoursSum:
        """Of the doors that train, or may."""
        return sum((day.hours for day in self.days if day.door.purpose is not Purpose.OTHER), HoursSum())

    @property
    def share(self) -> Fraction | None:
        """The share of accelerator time that trained, or may have, that records explain; None where none was billed, or
        where hosts are among it of which nobody knows the accelerators.
        """
        total = self.training
        return total.explained / total.billed if total.billed and not total.unknown_host_seconds else None

    @property
    def complete(self) -> bool:
        """Whether records explain all that trained, or may have, and nothing of the bill is in doubt."""
        return not (
            self.doubts
            or any(each.door.purpose is not Purpose.OTHER for each in self.rest)
            or any(each.why for each in self.charges)
        )
