"""The model that a training began with, as far as thresholds ask for it."""

from dataclasses import dataclass

from flops_auditor.domain.values.remarks import Remark


@dataclass(frozen=True)
class Original:
    """What is known of the model that the job started from.

    `pretraining_flop` is None when unknown; `systemic_risk` says the original is known to be a systemic-risk model;
    `source` says where that comes from; `trusted` is False for a figure too weak to rest "below" on, and `instead` is
    another source's figure that contradicts it; `doubts` are statements about it that could not be read.
    """

    pretraining_flop: int | None = None
    systemic_risk: bool = False
    source: str = "nothing says how much compute the original took"
    trusted: bool = True
    doubts: tuple[Remark, ...] = ()
    merged_flop: int | None = None
    instead: int | None = None

    @property
    def inherited_flop(self) -> int | None:
        """Pretraining compute of all originals that the weights came from: those of a merge add up (Annex A.1)."""
        return self.pretraining_flop if self.merged_flop is None else self.merged_flop
