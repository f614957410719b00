"""A form as its file in data/forms/ has it: what it asks for, to whom each answer goes, and the words of answers.

The file holds what an authority's form says; which figures of a record answer it, `fill_form` knows.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import BaseModel, ConfigDict

from flops_auditor.domain.compute.tiers import Method

AnswerKind = Literal[
    "training time, range",
    "training time, wall clock",
    "training time, hardware",
    "computation, two significant figures",
    "computation, order of magnitude",
    "computation, methodology",
    "energy",
    "energy, methodology",
    "base models",
    "for a person",
]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class AskedField(_Part):
    """One field: its name for tools, which figure answers it, and what a person fills in where that is not known."""

    name: str
    answer: AnswerKind
    asks: str
    receivers: tuple[str, ...]
    to_fill_in: str = ""


class TimeRange(_Part):
    """A range of the training time; the last one has no end."""

    words: str
    under_months: int | None = None


class EnergyWords(_Part):
    """How an amount of energy was estimated, and what is said where it was not: since a provider keeps secret what it
    takes, or for a reason that follows.
    """

    estimated: str
    not_known: str
    lacking: str
    not_estimated: str


class FormText(_Part):
    """The form. `none` is the answer where a model modifies no other one; `source` says where all this was read."""

    name: str
    source: str
    fields: tuple[AskedField, ...]
    ranges: tuple[TimeRange, ...]
    methods: Mapping[Method, str]
    none: str
    energy: EnergyWords


def parse_form(text: str) -> FormText:
    """Read a form's file. Raises ValueError, which names the member, for another one."""
    return FormText.model_validate_json(text)
