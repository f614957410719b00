"""What a verdict can rest on, and why a line stays open that rests on the job's word alone."""

from dataclasses import dataclass
from typing import Literal

from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.remedies import ASK, TAG_LINEAGE
from flops_auditor.domain.values.figures import Verdict
from flops_auditor.domain.values.remarks import Kind, Remedy, as_word

GroundSource = Literal["measured", "emitted", "declared", "table", "amended"]
"""By AWS; by the job's own code; by the job's owner; from a table of this version; by a person who signs for it."""
GROUND_SOURCES: tuple[GroundSource, ...] = ("measured", "emitted", "declared", "table", "amended")
LONGEST_VALUE = 60

_ONLY_ITS_WORD = (
    "only the job's own word makes it below: without {statements:phrases} it would be {verdict}, and statements are "
    "not trusted here (setting TrustStatements, or the policy)"
)
ON_THE_JOBS_WORD = Kind(
    "only-the-jobs-word",
    _ONLY_ITS_WORD,
    Remedy(
        "confirm-the-statement",
        "have somebody who knows the figures sign for them: `flops-auditor amend {job} --who NAME --why REASON "
        "{options}`",
    ),
)
ON_ITS_LINEAGE_TAG = Kind(
    "only-its-word-on-lineage",
    _ONLY_ITS_WORD,
    Remedy(
        "ask-without-the-tag",
        f"take the tag {TAG_PREFIX}lineage away, so that the ledger is asked what the run continues, then: {ASK}",
    ),
)
ON_ITS_CHANNELS = Kind("only-its-word-on-channels", _ONLY_ITS_WORD, TAG_LINEAGE)
ON_ITS_PLACES = Kind("only-its-word-on-places", _ONLY_ITS_WORD, TAG_LINEAGE)
ON_EARLIER_RUNS = Kind(
    "only-earlier-runs-word",
    _ONLY_ITS_WORD,
    Remedy(
        "settle-earlier-runs",
        "settle what earlier runs say of themselves, each in its own record: `flops-auditor records lineage {job}`",
    ),
)
StatementNames = frozenset[tuple[str, str]]
"""Statements by place and name."""
FIGURES = ("--tokens NUMBER", "--parameters NUMBER")
_ORIGINAL = ("--pretraining-flop NUMBER", "--parameters NUMBER")
OPTIONS = {
    "activity": ("--activity ACTIVITY",),
    "pretraining_flop": ("--pretraining-flop NUMBER",),
    "base_model": _ORIGINAL,
    "names": _ORIGINAL,
}
"""What a statement bears on -> the options of `flops-auditor amend` that say it; of all else, those of the figures."""


@dataclass(frozen=True)
class Ground:
    """One thing that the verdict rests on: where it comes from, what it is, and what it says (bounded).

    `verdict_without` is the verdict if it were left out; None where it cannot be. `names` are the statements by place
    and name, which tell it from others: its words are cut and may be those of another one, too. `doubt` is why a line
    stays open that only this makes below where statements are not trusted, and `options` those of `flops-auditor amend`
    with which a person says the same.
    """

    source: GroundSource
    what: str
    value: str = ""
    verdict_without: Verdict | None = None
    names: StatementNames = frozenset()
    doubt: Kind = ON_THE_JOBS_WORD
    options: tuple[str, ...] = FIGURES

    @property
    def statement(self) -> bool:
        """Whether it is the job's own word."""
        return self.source in {"emitted", "declared"}

    @property
    def words(self) -> str:
        """What it is and says."""
        return f"{self.what} = {as_word(self.value)}" if self.value else self.what
