"""The model that a training began with, as far as thresholds ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.remarks import Remark


@dataclass(frozen=True)
class Original:
    """What is known of the model that the job started from.

    `pretraining_flop` is the lower of the figures known of its training compute, None when unknown, `highest_flop` the
    higher one, None where they agree. `systemic_risk` says the original is known to be a systemic-risk model;
    `general_purpose`, `ours` and `systemic_denied` are what people say of it. `unconfirmed` names what only a job's
    tags say. `source`
    says where the figure comes from; `trusted` is False for a figure too weak to rest "below" on; `doubts` are
    statements about it that could not be read. `others` are what it may be instead, since names or figures contradict
    each other, each with what is said of that. `beyond_any`: the figure is more than any known model took.
    `merged_flop` is the compute of all originals of a merge, `merged_highest_flop` at most.
    """

    pretraining_flop: int | None = None
    systemic_risk: bool = False
    source: str = "nothing says how much compute the original took"
    trusted: bool = True
    doubts: tuple[Remark, ...] = ()
    merged_flop: int | None = None
    highest_flop: int | None = None
    merged_highest_flop: int | None = None
    general_purpose: bool | None = None
    ours: bool | None = None
    systemic_denied: bool = False
    unconfirmed: frozenset[Question] = frozenset()
    others: tuple[tuple[Remark, "Original"], ...] = ()
    beyond_any: bool = False

    @property
    def inherited_flop(self) -> int | None:
        """Pretraining compute of all originals that the weights came from: those of a merge add up (Annex A.1)."""
        return self.pretraining_flop if self.merged_flop is None else self.merged_flop

    @property
    def inherited_at_most(self) -> int | None:
        """The same by the highest figures known."""
        highest = self.highest_flop if self.merged_flop is None else self.merged_highest_flop
        known = self.inherited_flop
        return known if highest is None or known is None else max(known, highest)

    def taken_at_most(self) -> "Original":
        """The original if its highest figure is right."""
        return replace(self, pretraining_flop=self.highest_flop) if self.highest_flop is not None else self

    def without_its_figure(self) -> "Original":
        """The original if its figure is wrong: undisclosed."""
        return replace(
            self,
            pretraining_flop=None,
            highest_flop=None,
            merged_flop=None,
            merged_highest_flop=None,
            trusted=True,
        )

    def without_unconfirmed(self) -> Iterator[tuple[Question, "Original"]]:
        """The original without each statement that only tags make."""
        for question in sorted(self.unconfirmed):
            left = self.unconfirmed - {question}
            if question == "systemic_risk" and self.systemic_risk:
                yield question, replace(self, systemic_risk=False, unconfirmed=left)
            if question == "general_purpose" and self.general_purpose is not None:
                yield question, replace(self, general_purpose=None, unconfirmed=left)
            if question == "ours" and self.ours:
                yield question, replace(self, ours=None, unconfirmed=left)
