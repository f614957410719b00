"""By which day a duty is due. The days of each duty stand in its policy file.

The days of a notification begin when its line is met, in the job's own time, or when it becomes known that it will be:
from the earlier of the two, which is how we read the article; never when somebody got round to recording it. A day that
has passed stays the day, as long as the law says the same of it. No days begin before the policy is in force.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, NamedTuple

from flops_auditor.domain.law.assessment import Assessment
from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.values.moments import iso

State = Literal["owed", "unless confirmed", "disputed", "owed once in force", "if over", "by another wording"]
"""Whether a duty follows: a line is crossed; it is, unless somebody confirms what only a tag says; it is crossed, but
what that means is disputed; it is crossed, and the law came into force after the run; it may be crossed; it is crossed
in somebody's wording of a law, and in that law itself no line that has the duty is.
"""


class Term(NamedTuple):
    """What a law says of the day of a duty: within how many days, since when, and from which day on (ISO 8601) it is in
    force, None where it has always been.
    """

    within_days: int
    since: str
    in_force: str | None

    @property
    def earliest(self) -> str:
        """The earliest day that it may make; empty where there is none."""
        if self.in_force is None:
            return ""
        return str(date.fromisoformat(self.in_force) + timedelta(days=self.within_days))


@dataclass(frozen=True)
class DueDate:
    """One duty of one policy with its day (ISO 8601), and the term that made it; None: not known."""

    policy: str
    duty: str
    day: str
    term: Term | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, str]:
        """As records hold it: the term stands with the duty."""
        return {"policy": self.policy, "duty": self.duty, "day": self.day}


def state_of(duty: Duty, assessment: Assessment) -> State | None:
    """Whether a duty follows from an assessment; None from one that is below."""
    if assessment.verdict == "below":
        return None
    if assessment.verdict == "above":
        if duty.reading == "disputed":
            return "disputed"
        return "owed once in force" if assessment.before_the_law else "owed"
    if assessment.disputed:
        return "disputed"
    return "unless confirmed" if assessment.unconfirmed and assessment.crossed else "if over"


def state_beside(duty: Duty, assessment: Assessment, others: Iterable[Assessment]) -> State | None:
    """The same beside the other lines of a run: the duties of a wording are those that the law it words has by the same
    name, as certain as they are there.
    """
    own = state_of(duty, assessment)
    if not assessment.wording_of or own in (None, "if over"):
        return own
    law = [a for a in others if a.policy == assessment.wording_of]
    states = [state_of(each, a) for a in law for each in a.rule.duties if each.duty_id == duty.duty_id]
    state: State | None = next((each for each in _CERTAIN_FIRST if each in states), None)
    return "by another wording" if state is None else state


_CERTAIN_FIRST: tuple[State, ...] = ("owed", "owed once in force", "unless confirmed", "disputed")


def bars_exemptions(assessment: Assessment, others: Iterable[Assessment]) -> bool:
    """Whether a line is crossed, in the same law, over which nobody is exempt."""
    same = {assessment.policy, assessment.wording_of}
    return not assessment.rule.exemptions or any(
        a.crossed and not a.rule.exemptions and (a.policy in same or a.wording_of == assessment.policy) for a in others
    )


def dated_duties(assessments: Iterable[Assessment]) -> Iterator[tuple[str, Duty]]:
    """The duties with a day that follow where these lines are crossed, each once, with its policy. A day is the law's:
    where that is applied, too, no line of somebody's wording of it begins one.
    """
    duties = {(a.policy, duty.duty_id): duty for a in assessments if not a.wording_of for duty in a.rule.duties}
    return ((policy, duty) for (policy, _), duty in duties.items() if duty.within_days is not None)


def due_dates(
    crossed: Sequence[Assessment],
    foreseen: Mapping[tuple[str, str], datetime],
    now: datetime,
    earlier: Iterable[DueDate] = (),
) -> tuple[DueDate, ...]:
    """The day of every dated duty that follows from crossed lines, the earliest first.

    `foreseen` is, by policy and duty, since when it is known that a line will be crossed. `now` counts where nothing
    says when it was; no days begin before the regime is in force. `earlier` are days that were found before, of which
    the first one stays; those that another term made, before the law was changed, hold no longer.
    """
    before = tuple(earlier)
    dates = []
    for policy, duty in dated_duties(crossed):
        met = [a.met_at for a in crossed if a.policy == policy and a.met_at is not None and duty in a.rule.duties]
        known = foreseen.get((policy, duty.duty_id)) if duty.since == "met or foreseeable" else None
        begins = min([*met, *([known] if known else [])], default=now)
        in_force = next((a.in_force for a in crossed if a.policy == policy), None)
        begins = begins if in_force is None else max(begins, _since(in_force))
        term = Term(duty.within_days or 0, duty.since, None if in_force is None else str(in_force))
        day = iso(begins + timedelta(days=term.within_days))[:10]
        same = [e.day for e in before if (e.policy, e.duty, e.term) == (policy, duty.duty_id, term)]
        dates.append(DueDate(policy, duty.duty_id, max(min([day, *same]), term.earliest), term))
    return tuple(sorted(dates, key=lambda each: (each.day, each.policy, each.duty)))


def _since(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def read_due_dates(content: Mapping[str, Any]) -> tuple[DueDate, ...]:
    """The days that a record's predicate names, each with its term, which stands with the duty."""
    terms = {
        (str(a["policy"]), str(duty["id"])): Term(duty["within_days"], duty["since"], duty.get("in_force"))
        for a in content.get("assessments", ())
        for duty in a["duties"]
        if duty["within_days"] is not None
    }
    named = ((str(each["policy"]), str(each["duty"]), str(each["day"])) for each in content.get("due", ()))
    return tuple(DueDate(policy, duty, day, terms.get((policy, duty))) for policy, duty, day in named)
