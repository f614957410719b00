"""The duties that follow from a record, as steps for people, in the words of the policy files."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

_FIRST = {"owed": 0, "unless confirmed": 1, "disputed": 2, "not in force": 3, "if over": 4}


def duties_in_words(
    assessments: Iterable[Mapping[str, Any]], due: Iterable[Mapping[str, str]], today: date
) -> list[str]:
    """Every duty once, however many policies name it: what is owed first, a day before others.

    Of duties that depend on a line that may yet be crossed only those with a time limit are named.
    """
    days = {(each["policy"], each["duty"]): each["day"] for each in due}
    found: dict[tuple[str, str], tuple[Mapping[str, Any], str | None]] = {}
    for a in assessments:
        for duty in a["duties"]:
            same = (duty["article"], duty["what"])
            day = days.get((a["policy"], duty["id"]))
            known, before = found.get(same, (duty, None))
            found[same] = (min(known, duty, key=_weight), min(filter(None, (day, before)), default=None))
    told = [each for each in found.values() if each[0]["state"] != "if over" or each[0]["within_days"] is not None]
    told.sort(key=lambda each: (_FIRST[each[0]["state"]], each[1] or "9999"))
    return [duty_in_words(duty, day, today) for duty, day in told]


def _weight(duty: Mapping[str, Any]) -> tuple[int, str, bool]:
    """What is owed weighs more than what may be, sooner more than later, without an exemption more than with one."""
    return _FIRST[duty["state"]], duty.get("in_force", ""), "exempt" in duty


def duty_in_words(duty: Mapping[str, Any], day: str | None, today: date) -> str:
    """One duty as a step: its day, what it asks for, the article, from when on it is owed, and who does not owe it."""
    said = f"{duty['what']} ({duty['article']})."
    if day:
        said = f"{day_in_words(day, today)}: {said}"
    elif duty.get("until"):
        said = f"By {duty['until']} ({duty['until_article']}): {said}"
    in_force = duty.get("in_force")
    if in_force and date.fromisoformat(in_force) > today:
        said += f" Not owed before {in_force}, when the law comes into force."
    if refused := duty.get("no_later_day"):
        said += f" No later day ({duty['until_article']}): {refused}."
    if exempt := duty.get("exempt"):
        said += _exempt_in_words(exempt)
    if duty["state"] == "disputed":
        return f"Disputed, so have it decided: {said}"
    if duty["state"] == "unless confirmed":
        return f"Unless somebody confirms what only a tag says: {said}"
    return f"If it is over: {said}" if duty["state"] == "if over" else said


def _exempt_in_words(exempt: Mapping[str, Any]) -> str:
    """Who does not owe a duty, and what is known of the licence."""
    who = ", by a tag alone," if exempt["by_tag"] else ""
    free = f" Its licence is said{who} to be such a one; the rest is for a person to check."
    said = f" Not owed where {exempt['what']} ({exempt['article']})."
    other = " Its licence is not among those that are known to be such."
    unknown = " The licence that is named is none that SPDX knows, so nothing rests on it."
    return said + {"free": free, "other": other, "unknown": unknown}.get(exempt["licence"], "")


def day_in_words(day: str, today: date) -> str:
    """A day by which something is due; one that has passed is said to have."""
    late = (today - date.fromisoformat(day)).days
    return f"By {day}, which was {late} day{'' if late == 1 else 's'} ago" if late > 0 else f"By {day}"
