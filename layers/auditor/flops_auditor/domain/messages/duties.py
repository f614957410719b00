"""The duties that follow from a record, as steps for people, in the words of the policy files."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

_FIRST = {"owed": 0, "unless confirmed": 1, "disputed": 2, "not in force": 3, "if over": 4}
OTHER_WORDING = "by another wording"
ONCE_IN_FORCE = "owed once in force"


def duties_in_words(
    assessments: Iterable[Mapping[str, Any]], due: Iterable[Mapping[str, str]], today: date, dated: bool | None = None
) -> list[str]:
    """Every duty of a law once: what is owed first, a day before others; then what only another wording of it asks for.
    `dated`: only those that are due by a day, or only the others.

    Of duties that depend on a line that may yet be crossed only those with a time limit are named.
    """
    every = list(assessments)
    days = {(each["policy"], each["duty"]): each["day"] for each in due}
    once: dict[tuple[str, str], tuple[Mapping[str, Any], str | None]] = {}
    for a in every:
        for duty in a["duties"]:
            law = _law_of(a)
            if duty["state"] == OTHER_WORDING or (law != a["policy"] and _names(every, law, duty)):
                continue
            same = (a["policy"], duty["id"])
            day = days.get(same)
            known, before = once.get(same, (duty, None))
            kept = min(known, duty, key=lambda each: _weight(each, today))
            once[same] = (kept, min(filter(None, (day, before)), default=None))
    told = [each for each in once.values() if each[0]["state"] != "if over" or each[0]["within_days"] is not None]
    told.sort(key=lambda each: (_FIRST[state_on(each[0], today)], each[1] or "9999"))
    words = [duty_in_words(duty, day, today) for duty, day in told if dated is None or dated == (day is not None)]
    others = [] if dated else [_by_another_wording(a) for a in every if _other_wordings(a)]
    return list(dict.fromkeys([*words, *others]))


def state_on(duty: Mapping[str, Any], today: date) -> str:
    """The state of a duty on a day: what is owed once its law is in force is owed from that day on."""
    if duty["state"] != ONCE_IN_FORCE:
        return str(duty["state"])
    return "not in force" if waits_for_its_law(duty.get("in_force"), today) else "owed"


def waits_for_its_law(in_force: str | None, today: date) -> bool:
    """Whether a law is not in force yet, by the day from which it is; None where it has always been."""
    return in_force is not None and date.fromisoformat(in_force) > today


def _law_of(assessment: Mapping[str, Any]) -> str:
    """The policy that holds the law of a line."""
    return str(assessment.get("wording_of") or assessment["policy"])


def _names(assessments: Iterable[Mapping[str, Any]], law: str, duty: Mapping[str, Any]) -> bool:
    """Whether a law's own lines name a duty."""
    return any(a["policy"] == law and any(each["id"] == duty["id"] for each in a["duties"]) for a in assessments)


def _other_wordings(assessment: Mapping[str, Any]) -> list[str]:
    """The duties that only a wording of a law asks for, by their names."""
    return [f"{duty['id']} ({duty['article']})" for duty in assessment["duties"] if duty["state"] == OTHER_WORDING]


def _by_another_wording(assessment: Mapping[str, Any]) -> str:
    return (
        f"Only by {assessment['title']} ({assessment['policy']}): {'; '.join(_other_wordings(assessment))}. By "
        f"{_law_of(assessment)}, which holds the law that it words, no line that asks for this is known to be "
        "crossed, so no day follows. Whether to do it all the same is for a person to decide."
    )


def _weight(duty: Mapping[str, Any], today: date) -> tuple[int, str, bool]:
    """What is owed weighs more than what may be, sooner more than later, without an exemption more than with one."""
    return _FIRST[state_on(duty, today)], duty.get("in_force", ""), "exempt" in duty


def duty_in_words(duty: Mapping[str, Any], day: str | None, today: date) -> str:
    """One duty as a step: its day, what it asks for, the article, from when on it is owed, and who does not owe it."""
    words = f"{duty['what']} ({duty['article']})."
    if day:
        words = f"{day_in_words(day, today)}: {words}"
    elif duty.get("until"):
        words = f"By {duty['until']} ({duty['until_article']}): {words}"
    in_force = duty.get("in_force")
    if in_force and date.fromisoformat(in_force) > today:
        words += f" Not owed before {in_force}, when the law comes into force."
    if refused := duty.get("no_later_day"):
        words += f" No later day ({duty['until_article']}): {refused}."
    if exempt := duty.get("exempt"):
        words += _exempt_in_words(exempt)
    if duty["state"] == "disputed":
        return f"Disputed, so have it decided: {words}"
    if duty["state"] == "unless confirmed":
        return f"Unless somebody confirms what only a tag says: {words}"
    return f"If it is over: {words}" if duty["state"] == "if over" else words


def _exempt_in_words(exempt: Mapping[str, Any]) -> str:
    """Who does not owe a duty, and what is known of the licence."""
    who = ", by a tag alone," if exempt["by_tag"] else ""
    free = f" Its licence is said{who} to be such a one; the rest is for a person to check."
    words = f" Not owed where {exempt['what']} ({exempt['article']})."
    other = " Its licence is not among those that are known to be such."
    unknown = " The licence that is named is none that SPDX knows, so nothing rests on it."
    return words + {"free": free, "other": other, "unknown": unknown}.get(exempt["licence"], "")


def day_in_words(day: str, today: date) -> str:
    """A day by which something is due; one that has passed is said to have."""
    late = (today - date.fromisoformat(day)).days
    return f"By {day}, which was {late} day{'' if late == 1 else 's'} ago" if late > 0 else f"By {day}"


def forms_of(content: Mapping[str, Any]) -> list[str]:
    """The forms that duties of this record ask for, by their ids, each once."""
    forms = (
        duty.get("form", "") for a in content["assessments"] for duty in a["duties"] if duty["state"] != OTHER_WORDING
    )
    return list(dict.fromkeys(filter(None, forms)))
