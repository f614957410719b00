"""Better evidence about a recorded job, given by a person: what it says, who gave it, why, and what it rests on.

It is kept in the evidence file of the record that supersedes, so the audit stays a function of the evidence alone.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.declared import ACTIVITIES, Activity
from flops_auditor.domain.runs.stated import NOTHING_STATED, Stated, UnreadableStatement, read_stated
from flops_auditor.domain.values.amounts import exact, parse_amount
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.domain.values.texts import whole_text

_SHA256 = re.compile(r"[0-9a-f]{64}")
_LONGEST_SHARE = 200
"""Characters of a share as a fraction."""
LONGEST_TEXT = 1000


class MalformedAmendment(WrongInput):
    """An amendment that says nothing, or says it without who and why."""

    remedy = "Give --who, --why and at least one thing that is better known; --help lists what can be given."


@dataclass(frozen=True)
class Amendment:
    """Counts are whole numbers, `mfu` a fraction of the peak (0..1), `attachment_sha256` 64 hex digits or empty.
    `sequence_length` is in tokens, `layers` those of the model, `width` that of the queries of one (heads x width of a
    head). `activity` is what the run did. `asked_again`: the sources were asked once more, and the evidence is what
    they answered then.

    `stated` is what only people know of the model, and the law asks for. `about` names the model where it is said of
    every run on it; such a statement replaces an earlier one about the same model, and a run's own amendments override
    it.
    """

    who: str
    why: str
    at: datetime
    tokens: int | None = None
    parameters: int | None = None
    mfu: Fraction | None = None
    pretraining_flop: int | None = None
    sequence_length: int | None = None
    layers: int | None = None
    width: int | None = None
    stated: Stated = NOTHING_STATED
    about: str = ""
    attachment_sha256: str = ""
    asked_again: bool = False
    activity: Activity | None = None

    def check(self) -> "Amendment":
        """The amendment itself. Raises MalformedAmendment naming what is wrong."""
        amounts = (self.tokens, self.parameters, self.mfu, self.pretraining_flop, self.sequence_length, self.layers)
        given = self.stated or self.asked_again or self.activity is not None
        if all(value is None for value in (*amounts, self.width)) and not given:
            raise MalformedAmendment("it gives no evidence")
        if not self.who.strip() or not self.why.strip():
            raise MalformedAmendment("it does not say who gives it and why")
        if whole_text(self.who + self.why) != self.who + self.why:
            raise MalformedAmendment("who and why hold characters that are no text")
        if max(len(self.who), len(self.why)) > LONGEST_TEXT:
            raise MalformedAmendment(f"who and why may have {LONGEST_TEXT} characters")
        if (self.layers is None) != (self.width is None):
            raise MalformedAmendment("layers and width say something together alone")
        if self.mfu is not None and not 0 < self.mfu <= 1:
            raise MalformedAmendment(f"an MFU is over 0 and at most 1, not {float(self.mfu):g}")
        if self.attachment_sha256 and not _SHA256.fullmatch(self.attachment_sha256):
            raise MalformedAmendment("the attachment's SHA-256 is not 64 lower-case hex digits")
        return self

    @property
    def source(self) -> str:
        """Whose word it is, for assumptions."""
        what = f"statement about {self.about}" if self.about else "amendment"
        return f"{what} of {iso(self.at)} by {self.who}"

    def to_json(self) -> dict[str, Any]:
        """As the evidence file holds it; what is not said is left out."""
        members: dict[str, Any] = {"who": self.who, "why": self.why, "at": iso(self.at)}
        amounts = {
            "tokens": self.tokens,
            "parameters": self.parameters,
            "pretrainingFlop": self.pretraining_flop,
            "sequenceLength": self.sequence_length,
            "layers": self.layers,
            "width": self.width,
        }
        members |= {key: str(value) for key, value in amounts.items() if value is not None}
        if self.mfu is not None:
            members["mfu"] = f"{self.mfu.numerator}/{self.mfu.denominator}"
        if self.stated:
            members["stated"] = self.stated.to_json()
        if self.activity is not None:
            members["activity"] = self.activity
        if self.about:
            members["about"] = self.about
        if self.attachment_sha256:
            members["attachmentSha256"] = self.attachment_sha256
        if self.asked_again:
            members["askedAgain"] = True
        return members


def in_order(amendments: Sequence[Amendment]) -> list[Amendment]:
    """As they are applied: what is said of models first, the newest statement about each; then the run's own."""
    newest = {each.about: each for each in amendments if each.about}
    return [*newest.values(), *(each for each in amendments if not each.about)]


def read_amendment(members: Mapping[str, Any]) -> Amendment:
    """Read one back. Raises MalformedAmendment."""
    try:
        return Amendment(
            who=str(members["who"]),
            why=str(members["why"]),
            at=read_time(members["at"]),
            tokens=_amount(members, "tokens"),
            parameters=_amount(members, "parameters"),
            mfu=_fraction(str(members["mfu"])) if "mfu" in members else None,
            pretraining_flop=_amount(members, "pretrainingFlop"),
            sequence_length=_amount(members, "sequenceLength"),
            layers=_amount(members, "layers"),
            width=_amount(members, "width"),
            stated=read_stated(members.get("stated", {})),
            about=str(members.get("about", "")),
            attachment_sha256=str(members.get("attachmentSha256", "")),
            activity=_activity(members.get("activity")),
            asked_again=members.get("askedAgain", False) is True,
        ).check()
    except (KeyError, TypeError, ValueError, ZeroDivisionError, UnreadableStatement) as error:
        raise MalformedAmendment(f"not an amendment: {error!r}") from error


def _activity(word: object) -> Activity | None:
    known = next((activity for activity in ACTIVITIES if activity == word), None)
    if word is not None and known is None:
        raise MalformedAmendment(f"activity is {str(word)[:40]!r}, not one of {', '.join(ACTIVITIES)}")
    return known


def _amount(members: Mapping[str, Any], key: str) -> int | None:
    return parse_amount(members[key]) if key in members else None


def _fraction(text: str) -> Fraction:
    numerator, separator, denominator = text.partition("/")
    if len(text) > _LONGEST_SHARE:
        raise ValueError(f"{text[:40]!r} is too long for a share")
    return Fraction(int(numerator), int(denominator)) if separator else exact(text)
