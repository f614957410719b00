"""The duties that follow from a record, as steps for people, in the words of the policy files."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

_FIRST = {"owed": 0, "disputed": 1, "if over": 2}


def duties_in_words(assessments: Iterable[Mapping[str, Any]], due: Iterable[Mapping[str, str]]) -> list[str]:
    """Every duty once, however many policies name it: with a day first, then in the policies' order.

    Of duties that depend on a line that may yet be crossed only those with a time limit are named.
    """
    days = {(each["policy"], each["duty"]): each["day"] for each in due}
    found: dict[tuple[str, str], tuple[Mapping[str, Any], str | None]] = {}
    for a in assessments:
        for duty in a["duties"]:
            same = (duty["article"], duty["what"])
            day = days.get((a["policy"], duty["id"]))
            known, before = found.get(same, (duty, None))
            strongest = min(known, duty, key=lambda each: _FIRST[each["state"]])
            found[same] = (strongest, min(filter(None, (day, before)), default=None))
    told = [each for each in found.values() if each[0]["state"] != "if over" or each[0]["within_days"] is not None]
    told.sort(key=lambda each: (_FIRST[each[0]["state"]], each[1] or "9999"))
    return [duty_in_words(duty, day) for duty, day in told]


def duty_in_words(duty: Mapping[str, Any], day: str | None) -> str:
    """One duty as a step: its day, what it asks for, and the article."""
    said = f"{duty['what']} ({duty['article']})."
    if day:
        said = f"By {day}: {said}"
    if duty["state"] == "disputed":
        return f"Disputed, so have it decided: {said}"
    return f"If it is over: {said}" if duty["state"] == "if over" else said


def is_late(day: str, today: date) -> bool:
    """Whether a day by which something was due has passed."""
    return date.fromisoformat(day) < today
