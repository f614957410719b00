"""What only people know of a model, and the law asks for: whose the original is, what kind of model, what became of it.

A job's tags may say it, an amendment, or the file of models that the compliance officer keeps. What a tag says makes no
verdict milder by itself: `unconfirmed` names what only tags say.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from typing import Any, Literal, get_args

from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import read_day

Question = Literal[
    "ours",
    "general_purpose",
    "systemic_risk",
    "generated_data_public",
    "from_scratch",
    "pretraining_flop",
    "placed_on_market",
    "licence",
]
"""What may make a verdict milder, or take away a duty."""
QUESTIONS: tuple[Question, ...] = get_args(Question)
LONGEST_LICENCE = 100


class UnreadableStatement(AuditorError):
    """A statement about a model that does not say what it may say."""

    remedy = "Answer true or false; give a day as 2026-11-24; name a licence by its SPDX identifier."


@dataclass(frozen=True)
class Stated:
    """None and the empty text: not said.

    `ours`: the original is the organisation's own or was made on its behalf, so training it is the same model's life.
    `from_scratch`: there is no original, since the run, or the one whose model it continues, begins with no weights.
    `general_purpose`, `systemic_risk`: the original, or the model of one's own, is such a model, whatever its compute.
    `generated_data_public`: the training data that the run generates is publicly accessible. `placed_on_market`: the
    resulting model is placed on the Union market, for example by its use for internal processes that are essential for
    providing a product or service to third parties or that affect the rights of natural persons in the Union;
    `placed_on` since when. `licence`: under which it is released. `unconfirmed` may name the figure for the original's
    compute, too, which is not one of these answers.
    """

    ours: bool | None = None
    general_purpose: bool | None = None
    systemic_risk: bool | None = None
    generated_data_public: bool | None = None
    placed_on_market: bool | None = None
    placed_on: date | None = None
    licence: str = ""
    from_scratch: bool | None = None
    unconfirmed: frozenset[Question] = frozenset()

    def __bool__(self) -> bool:
        return self != NOTHING_STATED

    def overridden_by(self, other: "Stated") -> "Stated":
        """These statements with those of another, later source in their place; what it says is no longer only a tag's
        word, unless it is one itself.
        """
        answers = {f.name: getattr(other, f.name) for f in fields(other) if f.name != "unconfirmed"}
        answers = {name: value for name, value in answers.items() if value is not None and value != ""}
        left = self.unconfirmed.difference(answers) | other.unconfirmed
        return replace(self, **answers, unconfirmed=left)

    def confirms(self, question: Question) -> bool:
        """Whether somebody who signs for it says so, and not a tag alone."""
        return bool(getattr(self, question, None)) and question not in self.unconfirmed

    def with_figure_confirmed(self) -> "Stated":
        """The same once a person gave the figure for the original's compute."""
        return replace(self, unconfirmed=self.unconfirmed - {"pretraining_flop"})

    def of_an_original(self) -> "Stated":
        """What said of an original bears on what is made of it: where and how the original is released does not."""
        left: frozenset[Question] = self.unconfirmed - {"placed_on_market", "licence"}
        return replace(self, placed_on_market=None, placed_on=None, licence="", unconfirmed=left)

    def to_json(self) -> dict[str, Any]:
        """As evidence and records hold it; what is not said is left out."""
        members: dict[str, Any] = {
            "ours": self.ours,
            "generalPurpose": self.general_purpose,
            "systemicRisk": self.systemic_risk,
            "generatedDataPublic": self.generated_data_public,
            "placedOnMarket": self.placed_on_market,
            "placedOn": str(self.placed_on) if self.placed_on else None,
            "licence": self.licence or None,
            "fromScratch": self.from_scratch,
            "unconfirmed": sorted(self.unconfirmed) or None,
        }
        return {name: value for name, value in members.items() if value is not None}


NOTHING_STATED = Stated()


def read_stated(members: Mapping[str, Any]) -> Stated:
    """Read statements back. Raises UnreadableStatement."""
    try:
        unconfirmed = frozenset(members.get("unconfirmed", ()))
        licence = str(members.get("licence", ""))
        if not unconfirmed <= set(QUESTIONS) or len(licence) > LONGEST_LICENCE:
            raise UnreadableStatement(f"{str(dict(members))[:200]}")
        return Stated(
            ours=_answer(members, "ours"),
            general_purpose=_answer(members, "generalPurpose"),
            systemic_risk=_answer(members, "systemicRisk"),
            generated_data_public=_answer(members, "generatedDataPublic"),
            placed_on_market=_answer(members, "placedOnMarket"),
            placed_on=read_day(members["placedOn"]) if "placedOn" in members else None,
            licence=licence,
            from_scratch=_answer(members, "fromScratch"),
            unconfirmed=unconfirmed,
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise UnreadableStatement(f"not statements about a model: {error}") from error


def _answer(members: Mapping[str, Any], name: str) -> bool | None:
    value = members.get(name)
    if value is not None and not isinstance(value, bool):
        raise UnreadableStatement(f"{name} is {str(value)[:40]!r}, not true or false")
    return value
