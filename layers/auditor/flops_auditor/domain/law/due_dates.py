"""The duty to notify: AI Act, Art. 52(1).

A provider notifies the Commission without delay and in any event within two weeks after the requirement of
Art. 51(1)(a) is met, or it becomes known that it will be met.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from flops_auditor.domain.values.moments import iso

TWO_WEEKS = timedelta(weeks=2)
SYSTEMIC = "systemic-risk"
_PRESUMED_FROM = 10**25


def is_systemic(assessment: Mapping[str, Any], original: Mapping[str, Any]) -> bool:
    """Whether being over this assessment's threshold makes a model of systemic risk.

    The modifier of an original of more than 1e25 FLOP is measured by one third of it, and becomes the provider of a
    model of systemic risk, too (Guidelines, section on downstream modifiers).
    """
    if str(assessment["scenario"]).startswith(SYSTEMIC):
        return True
    known = original["pretraining_flop"]
    systemic_original = original["systemic_risk"] or (known is not None and int(known) > _PRESUMED_FROM)
    return bool(systemic_original) and assessment["scenario"] == "one-third"


def notification_due(content: Mapping[str, Any], known_at: datetime, earlier: Sequence[str] = ()) -> str | None:
    """The day by which the Commission is to be notified (ISO 8601), None when no systemic threshold is passed.

    `known_at` is when it became known; `earlier` are days that were found before, of which the first one stays.
    """
    over = [a for a in content["assessments"] if a["verdict"] == "above" and is_systemic(a, content["original"])]
    if not over:
        return None
    return min([iso(known_at + TWO_WEEKS)[:10], *earlier])
