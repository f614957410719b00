"""The tokens that a run's service charges for, as its record holds them: what a bill is compared with."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class BillableTokens:
    """Whole tokens; None of what its service does not count. `training_tokens`, `sample_tokens` and `prefill_tokens`
    are kinds that it charges for, `all_tokens` all of them where it counts them together. `most_tokens`: it counts none
    of them, and there are no more than so many.
    """

    training_tokens: int | None = None
    sample_tokens: int | None = None
    prefill_tokens: int | None = None
    all_tokens: int | None = None
    most_tokens: int | None = None

    def to_json(self) -> dict[str, str]:
        """As a record holds it: counts as decimal texts, what is not counted left out."""
        return {name: str(count) for name, count in asdict(self).items() if count is not None}


BY_KIND = frozenset({"training_tokens", "sample_tokens", "prefill_tokens"})
WAYS_TO_COUNT = frozenset({BY_KIND, frozenset({"all_tokens"}), frozenset({"most_tokens"})})
"""Which members stand together: more of them would count a token twice, fewer leave some out."""


def tokens_by_kind(training: int | None, sample: int | None, prefill: int | None) -> BillableTokens | None:
    """Of a service that counts three kinds; None where it does not say one of them: there may be any number."""
    if training is None or sample is None or prefill is None:
        return None
    return BillableTokens(training, sample, prefill)
