"""By which day a duty is due. The days of each duty stand in its policy file.

The days of a notification begin when its line is met, in the job's own time, or when it becomes known that it will be:
from the earlier of the two, which is how we read the article; never when somebody got round to recording it. A day that
has passed stays the day. No days begin before the policy is in force.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.values.moments import iso

State = Literal["owed", "unless confirmed", "disputed", "not in force", "if over"]
"""Whether a duty follows: a line is crossed; it is, unless somebody confirms what only a tag says; it is crossed, but
what that means is disputed; it is crossed, and the law was not in force on the day of the run; it may be crossed.
"""


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
        if assessment.not_in_force:
            return "not in force"
        return "disputed" if duty.reading == "disputed" else "owed"
    if assessment.disputed:
        return "disputed"
    return "unless confirmed" if assessment.unconfirmed and assessment.crossed else "if over"


def dated_duties(assessments: Iterable[Assessment]) -> Iterator[tuple[str, Duty]]:
    """The duties with a day that follow where these lines are crossed, each once, with its policy."""
    found = {(a.policy, duty.duty_id): duty for a in assessments for duty in a.rule.duties}
    return ((policy, duty) for (policy, _), duty in found.items() if duty.within_days is not None)


def due_dates(
    crossed: Sequence[Assessment],
    foreseen: Mapping[tuple[str, str], datetime],
    now: datetime,
    earlier: Iterable[DueDate] = (),
) -> tuple[DueDate, ...]:
    """The day of every dated duty that follows from crossed lines, the earliest first.

    `foreseen` is, by policy and duty, since when it is known that a line will be crossed. `now` counts where nothing
    says when it was; no days begin before the regime is in force. `earlier` are days that were found before, of which
    the first one stays.
    """
    before = tuple(earlier)
    found = []
    for policy, duty in dated_duties(crossed):
        met = [a.met_at for a in crossed if a.policy == policy and a.met_at is not None and duty in a.rule.duties]
        known = foreseen.get((policy, duty.duty_id)) if duty.since == "met or foreseeable" else None
        begins = min([*met, *([known] if known else [])], default=now)
        begins = max([begins, *(_since(a.in_force) for a in crossed if a.policy == policy and a.in_force)])
        day = iso(begins + timedelta(days=duty.within_days or 0))[:10]
        same = [each.day for each in before if (each.policy, each.duty) == (policy, duty.duty_id)]
        found.append(DueDate(policy, duty.duty_id, min([day, *same])))
    return tuple(sorted(found, key=lambda each: (each.day, each.policy, each.duty)))


def _since(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def read_due_dates(content: Mapping[str, Any]) -> tuple[DueDate, ...]:
    """The days that a record's predicate names."""
    return tuple(DueDate(str(each["policy"]), str(each["duty"]), str(each["day"])) for each in content.get("due", ()))
