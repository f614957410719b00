"""Whether a model gets the later day of those that were on the market before (AI Act, Art. 111(3), by default).

The text speaks of models that *have been placed* on the market before a day, and covers them throughout their life
(Guidelines, section on compliance after entry into application): training by their own provider is that life. What
somebody else makes of one is taken for another model, which cannot have been placed before the run that made it ended.
"""

from dataclasses import dataclass
from datetime import date

from flops_auditor.domain.law.policy import Duty
from flops_auditor.domain.runs.stated import Stated


@dataclass(frozen=True)
class LaterDay:
    """The day and its article; `refused` says why it does not hold, and is empty where it does."""

    until: date
    article: str
    refused: str = ""


def later_day(duty: Duty, stated: Stated, ended: date | None) -> LaterDay | None:
    """The later day of a duty for what a run made that `ended` on a day (None: not known); None where none is asked
    for.
    """
    transition, placed = duty.transition, stated.placed_on
    if transition is None or placed is None or placed >= transition.placed_before:
        return None
    return LaterDay(transition.until, transition.article, duty.no_transition or _refused(stated, placed, ended))


def _refused(stated: Stated, placed: date, ended: date | None) -> str:
    if not stated.confirms("ours") and (ended is None or ended > placed):
        when = "has not ended" if ended is None else f"ended on {ended}"
        return (
            f"the model is said to be placed since {placed}, and the run that made it {when}: what others make of a "
            "model is taken for another one; what its own provider trains further is not, if somebody who knows says "
            "that it is ours"
        )
    if "placed_on_market" in stated.unconfirmed:
        return f"only a tag says that it is placed since {placed}: somebody who knows has to confirm it"
    return ""
