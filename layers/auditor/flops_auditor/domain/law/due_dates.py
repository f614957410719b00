"""By which day a duty is due. The days of each duty stand in its policy file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.values.moments import iso

State = Literal["owed", "disputed", "if over"]
"""Whether a duty follows: a line is crossed; it is crossed, but what that means is disputed; it may be crossed."""
_FIRST: dict[State, int] = {"owed": 0, "disputed": 1, "if over": 2}


@dataclass(frozen=True)
class DueDate:
    """One duty of one policy with its day (ISO 8601)."""

    policy: str
    duty: str
    day: str

    def to_json(self) -> dict[str, str]:
        """As records hold it."""
        return asdict(self)


def state_of(duty: Duty, assessment: Assessment) -> State | None:
    """Whether a duty follows from an assessment; None from one that is below."""
    if assessment.verdict == "below":
        return None
    if assessment.verdict == "above":
        return "disputed" if duty.reading == "disputed" else "owed"
    return "disputed" if assessment.disputed else "if over"


def dated_duties(assessments: Iterable[Assessment]) -> Iterator[tuple[str, Duty]]:
    """The duties with a day that follow where these lines are crossed, each once, with its policy."""
    found = {(a.policy, duty.duty_id): duty for a in assessments for duty in a.rule.duties}
    return ((policy, duty) for (policy, _), duty in found.items() if duty.within_days is not None)


def crossed_lines(assessments: Iterable[Assessment]) -> list[Assessment]:
    """The lines whose best estimate is over, disputed ones included: a day that may be due is kept."""
    return [a for a in assessments if a.verdict == "above" or a.disputed]


def due_dates(
    crossed: Sequence[Assessment], known_at: Mapping[tuple[str, str], datetime], earlier: Iterable[DueDate] = ()
) -> tuple[DueDate, ...]:
    """The day of every dated duty that follows from crossed lines, the earliest first.

    `known_at` is, by policy and duty, when it was met or became known that it would be; `earlier` are days that were
    found before, of which the first one stays.
    """
    found = []
    for policy, duty in dated_duties(crossed):
        day = iso(known_at[policy, duty.duty_id] + timedelta(days=duty.within_days or 0))[:10]
        before = [each.day for each in earlier if (each.policy, each.duty) == (policy, duty.duty_id)]
        found.append(DueDate(policy, duty.duty_id, min([day, *before])))
    return tuple(sorted(found, key=lambda each: (each.day, each.policy, each.duty)))


def read_due_dates(content: Mapping[str, Any]) -> tuple[DueDate, ...]:
    """The days that a record's predicate names."""
    return tuple(DueDate(str(each["policy"]), str(each["duty"]), str(each["day"])) for each in content.get("due", ()))
