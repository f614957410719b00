"""Remarks: doubts, contradictions, assumptions and notes as values. Words are made from them at the edge, once.

A module says what it means with a kind of its own and the facts that belong to it; records carry the kind beside the
words, and everything that is decided is decided by the kind. Facts may hold what a job's owner wrote: they are bounded
here, put between quotation marks, and never read as a template. Remedies hold none of it.
"""

import re
import shlex
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from flops_auditor.domain.values.amounts import percent, scientific, times

Fact = str | int | float | Fraction | Sequence[str] | None
LONGEST_SAID = 60
"""Characters of a foreign text that a remark quotes."""
MOST_LISTED = 8
_WORD = re.compile(r'"?[\w./:@+=-]+"?', re.ASCII)
LONGEST_REMARK = 500
"""Characters: hostile input cannot make a record too large to store."""


class Spoken(NamedTuple):
    """A remark as records hold it: the stable name of its kind, and its words."""

    kind: str
    words: str

    def to_json(self) -> dict[str, str]:
        """As a record holds it."""
        return {"kind": self.kind, "words": self.words}


@dataclass(frozen=True, slots=True)
class Remedy:
    """What would settle a doubt: a stable name, and words that may name `{job}` and facts of the doubt."""

    name: str
    template: str

    def words(self, job: str, facts: Mapping[str, Fact] | None = None) -> str:
        """In words, for the run of this ARN, which stands in commands: it is quoted where a shell needs it."""
        return in_words(self.template, {**(facts or {}), "job": shlex.quote(printable(job))})


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of remark. `template` is a format string over its facts, with the format specifications of `in_words`."""

    name: str
    template: str
    remedy: Remedy | None = None

    def __call__(self, **facts: Fact) -> "Remark":
        """A remark of this kind."""
        return Remark(self, tuple((name, _frozen(value)) for name, value in facts.items()))


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing that is said about a run: what kind of thing, and its facts. `instead`: what settles it in this run,
    where what settles its kind was done in vain.
    """

    kind: Kind
    facts: tuple[tuple[str, Fact], ...] = ()
    instead: Remedy | None = None

    def fact(self, name: str) -> Fact:
        """One of its facts."""
        return dict(self.facts)[name]

    @property
    def words(self) -> str:
        """In words, for people: the same bounded text wherever the remark is compared, recorded or shown."""
        return bounded(in_words(self.kind.template, dict(self.facts)), LONGEST_REMARK)

    @property
    def spoken(self) -> Spoken:
        """Its kind and its words."""
        return Spoken(self.kind.name, self.words)

    def to_json(self, job: str) -> dict[str, Any]:
        """As the record of the run of this ARN holds it, with what would settle it, if anything would."""
        settle = self.settled_by(job)
        return {**self.spoken.to_json(), **({"settle": settle.to_json()} if settle else {})}

    def settled_by(self, job: str) -> Spoken | None:
        """What would settle it, for the run of this ARN; None where nothing that people do would."""
        remedy = self.instead or self.kind.remedy
        return None if remedy is None else Spoken(remedy.name, remedy.words(job, dict(self.facts)))


def recorded(members: Mapping[str, Any]) -> Remark:
    """A remark back from a record: its words are those that were recorded. Raises KeyError or TypeError."""
    settle = members.get("settle")
    remedy = Remedy(str(settle["kind"]), "{settle}") if settle else None
    facts = {"words": str(members["words"]), **({"settle": str(settle["words"])} if settle else {})}
    return Kind(str(members["kind"]), "{words}", remedy)(**facts)


def _frozen(value: Fact) -> Fact:
    return value if isinstance(value, str) or not isinstance(value, Sequence) else tuple(value)


def in_words(template: str, facts: Mapping[str, Fact]) -> str:
    """A template with its facts. Specifications: `said` quotes a foreign text (`said200`: of so many characters),
    `flop` is an amount (`flop4`: of so many digits), `list` names at most eight words, which may be foreign, and
    `phrases` at most eight of ours; `percent` is a share, `times` a multiple; others are those of `format`, on a float.
    """
    return "".join([text if name is None else text + _spelt(facts[name], how) for text, name, how in _parts(template)])


@lru_cache(1024)
def _parts(template: str) -> tuple[tuple[str, str | None, str], ...]:
    """Texts of one of our own templates, each with the fact that follows it, if one does, and its specification."""
    return tuple((text, name, how or "") for text, name, how, _ in string.Formatter().parse(template))


def _spelt(value: Any, how: str) -> str:
    """A fact by a specification."""
    name = how.rstrip("0123456789")
    size = how[len(name) :]
    match name:
        case "":
            return format(value, how) if size else printable(str(value))
        case "said":
            return quoted(str(value), int(size or LONGEST_SAID))
        case "flop":
            return "unknown" if value is None else scientific(round(value), int(size or 3))
        case "list" | "phrases":
            told = as_word if name == "list" else printable
            shown = [told(str(each)) for each in value[:MOST_LISTED]]
            return ", ".join(shown) + (", ..." if len(value) > MOST_LISTED else "")
        case "percent" | "times":
            return percent(value) if name == "percent" else times(value)
        case _:
            return format(float(value), how)


def bounded(text: str, most: int) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= most else text[: most - 4] + " ..."


def quoted(text: str, most: int = LONGEST_SAID) -> str:
    """A foreign text between quotation marks, bounded, without control characters."""
    return repr(bounded(printable(text), most))


def as_word(text: str, most: int = LONGEST_REMARK) -> str:
    """A foreign text within a sentence, bounded: as it is where it is one word, which can say nothing, else quoted."""
    shown = bounded(text, most)
    return shown if _WORD.fullmatch(shown) else quoted(text, most)


def printable(text: str) -> str:
    """Text without control characters and line breaks, which may come from a job's name or tags."""
    if text.isprintable():
        return text.strip()
    return "".join(character if character.isprintable() else " " for character in text).strip()
