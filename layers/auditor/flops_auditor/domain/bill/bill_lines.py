"""A line of the bill, and which lines are use: each hour that ran is counted once, whatever was charged for it.

Sources: AWS Data Exports, "Line item columns" of CUR 2.0 (`line_item_line_item_type`); FOCUS 1.2, ChargeCategory,
ChargeClass, CommitmentDiscountStatus and CapacityReservationStatus.
"""

from dataclasses import dataclass
from datetime import datetime

AMOUNT_PLACES = 10
"""Decimals of an amount on a bill."""
USE = frozenset({"Usage", "DiscountedUsage", "SavingsPlanCoveredUsage", "Correction"})
"""Kinds of lines that are use: on demand or spot, reserved, under a savings plan, or added to an earlier bill."""
NO_USE = frozenset(
    {
        *("Credit", "Refund", "Fee", "RIFee", "Tax", "Purchase", "Adjustment", "Unused"),
        *("SavingsPlanNegation", "SavingsPlanRecurringFee", "SavingsPlanUpfrontFee"),
    }
)
"""Kinds that say no more than what it costs. A refund does not undo what ran."""


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line, or several that differ in nothing but their amounts, which are added up.

    `amount` counts in 1e-10 of its `unit`. `kind` is the bill's word for what kind of line it is, `start` and `end`
    (exclusive) the time that is charged for. What the export does not have is empty. `again` are the files in which the
    same stands twice, of which this is one, and `alike` is the file of lines that may be the same, of which this is the
    sum: empty where there are none.
    """

    account: str
    region: str
    service: str
    usage_type: str
    instance_type: str
    resource: str
    kind: str
    unit: str
    start: datetime
    end: datetime
    amount: int
    again: str = ""
    alike: str = ""


def is_use(kind: str) -> bool | None:
    """Whether lines of this kind are use; None where the kind is not known."""
    if kind in USE:
        return True
    return False if kind in NO_USE or kind.endswith("Discount") else None
