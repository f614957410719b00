"""Statements on bills as reports show them."""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.ledger.bills import OPEN, open_of, share_of
from flops_auditor.domain.messages.report.report import BillSeen
from flops_auditor.domain.values.moments import read_time


def bill_seen(content: Mapping[str, Any] | None) -> BillSeen | None:
    """What a report tells of a statement, by its predicate."""
    if content is None:
        return None
    begins, ends, at = (read_time(content[name]) for name in ("from", "until", "recorded_at"))
    left = [OPEN[each] for each in open_of(content)]
    size, before = content["compared_with"]["size"], content["revision"]
    return BillSeen(share_of(content), begins, ends, **content["said_by"], at=at, open=left, size=size, before=before)
