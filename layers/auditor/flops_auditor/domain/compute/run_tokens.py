"""D of the architecture-based method for one run: how many tokens it trained on, and who says so."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor

from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA, DataTokens
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.emitted import AGREEMENT, Emitted, said_of_share
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.techniques import REINFORCEMENT_TECHNIQUES
from flops_auditor.domain.values.amounts import summed
from flops_auditor.domain.values.remarks import Kind, Remark, as_word

TOKENS_DISAGREE = Kind(
    "tokens-disagree",
    "contradictory evidence: {said:flop} tokens ({source}), but {measured:flop} ({other}): the {counts} counts",
)

AT_MOST_TRAINED = Kind(
    "tokens-at-most-trained",
    "{name:said80} also has tokens that only passed forward: there were at most so many updates, and no verdict of "
    "above rests on them",
)


@dataclass(frozen=True)
class Tokens:
    """Tokens of all epochs of a `share` of the training time (None: of which is not known), and where they come from.

    `least` and `most` bound them; `emitted` says that the run itself counted them, and `rate` is the metric, where
    it emitted how many a second. `grown` and `watched` are those of a count (Emitted).
    """

    count: int
    source: str
    share: Fraction | None = Fraction(1)
    least: int = 0
    most: int = 0
    emitted: bool = False
    rate: str = ""
    grown: int | None = None
    watched: Fraction = Fraction(0)

    @property
    def of_the_whole_run(self) -> Fraction:
        """As many as if the run had gone on alike in the part that is not covered."""
        return self.count / self.share if self.share else Fraction(self.count)


def tokens_of(
    run: Run, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...], notes: list[Remark]
) -> Tokens | None:
    """Tokens and where they come from. What a tag says overrides what was measured, unless more was measured."""
    measured, stated = measured_tokens(run, observed), declared.tokens
    if stated is None:
        counted = measured or _tokens_from_rate(observed, uses) or _planned(declared, uses)
        _say_the_share(counted, observed, notes)
        return counted or _of_data(run, notes)
    whole = Tokens(stated, declared.tokens_source, least=stated, most=stated)
    if run.data_tokens is not None and declared.tagged("tokens"):
        notes.append(BOUND_BY_DATA())
        whole = _beside_the_data(whole, run.data_tokens, notes)
    if measured is None or measured.of_the_whole_run <= stated * AGREEMENT:
        return whole
    tagged = declared.tagged("tokens")
    counts = "larger number" if tagged else "amendment"
    disagreement = TOKENS_DISAGREE(
        said=stated, source=declared.tokens_source, measured=measured.count, other=measured.source, counts=counts
    )
    notes.append(disagreement)
    if not tagged:
        return whole
    _say_the_share(measured, observed, notes)
    return measured


def _of_data(run: Run, notes: list[Remark]) -> Tokens | None:
    """What the run's data holds: no more than that, and nothing says that it was not less."""
    data = run.data_tokens
    if data is None:
        return None
    notes.append(BOUND_BY_DATA())
    return Tokens(data.usual, data.source, most=data.most)


def _beside_the_data(tagged: Tokens, data: DataTokens, notes: list[Remark]) -> Tokens:
    """What a tag says where the size of the data bounds it: the bounds are those of the larger of both."""
    if tagged.count > data.most:
        disagreement = TOKENS_DISAGREE(
            said=tagged.count, source=tagged.source, measured=data.most, other=data.source, counts="larger number"
        )
        notes.append(disagreement)
    return replace(tagged, least=min(tagged.count, data.most), most=max(tagged.count, data.most))


def other_readings(
    chosen: Tokens, run: Run, declared: Declared, observed: Observations, uses: tuple[HardwareUse, ...]
) -> list[Tokens]:
    """What else counts the tokens: a counter beside a tag, a rate beside a counter. A person's word settles that."""
    if declared.tokens_signed_for:
        return []
    readings = (measured_tokens(run, observed), _tokens_from_rate(observed, uses))
    return [reading for reading in readings if reading is not None and reading.source != chosen.source]


def planned_tokens(declared: Declared, uses: Sequence[HardwareUse]) -> int | None:
    """What the run was set up to train on at most; it may have ended earlier. Rollouts stand in no set-up."""
    if declared.technique in REINFORCEMENT_TECHNIQUES:
        return None
    if declared.planned_tokens is None and declared.planned_tokens_of_a_device is not None:
        return declared.planned_tokens_of_a_device * sum(ceil(use.units) for use in uses) or None
    return declared.planned_tokens


def _planned(declared: Declared, uses: Sequence[HardwareUse]) -> Tokens | None:
    planned = planned_tokens(declared, uses) if uses else None
    if planned is None:
        return None
    return Tokens(planned, "hyperparameters: steps x sequences of a step x their length", most=planned)


def tokens_of_samples(declared: Declared, observed: Observations, uses: Sequence[HardwareUse]) -> int | None:
    """Tokens of the samples that the run emitted a rate of, were each as long as the longest; rollouts are longer."""
    rate, length = observed.emitted.get("sample_rate"), declared.sequence_length
    if rate is None or length is None or declared.technique in REINFORCEMENT_TECHNIQUES:
        return None
    return ceil(rate.value * max((use.seconds for use in uses), default=Fraction(0)) * length) or None


def measured_tokens(run: Run, observed: Observations) -> Tokens | None:
    """Tokens that the run emitted a count of, or that the service charged for."""
    if "tokens" in observed.emitted:
        return _counted(observed.emitted["tokens"], Fraction(1), "")
    billed = run.billed_tokens
    if billed is None:
        return None
    return Tokens(billed, run.billed_as, least=billed if run.billed_all_trained else 0, most=billed)


def _counted(emitted: Emitted, times: Fraction, over: str) -> Tokens:
    return Tokens(
        count=ceil(emitted.value * times),
        source=f"metric {as_word(emitted.name, 80)}{over}",
        share=emitted.share,
        least=floor(emitted.lowest * times),
        most=ceil(emitted.highest * times),
        emitted=True,
        grown=None if emitted.grown is None else floor(emitted.grown * times),
        watched=emitted.watched,
    )


def _tokens_from_rate(observed: Observations, uses: tuple[HardwareUse, ...]) -> Tokens | None:
    """Tokens/s times the training time that they speak for: too many where training paused meanwhile, never too few.
    What they were when nothing says when may hold for the last steps alone, and nothing is certain of it.
    """
    over = {
        "token_rate": max((use.seconds for use in uses), default=Fraction(0)),
        "token_rate_per_unit": summed(use.unit_seconds for use in uses),
    }
    for quantity, seconds in over.items():
        emitted = observed.emitted.get(quantity)
        if emitted is not None and seconds and emitted.value:
            share = Fraction(1) if emitted.share is None else emitted.share
            counted = replace(_counted(emitted, seconds * share, " over the training time"), rate=emitted.name)
            return counted if emitted.share is not None else replace(counted, least=0)
    return None


def _say_the_share(tokens: Tokens | None, observed: Observations, notes: list[Remark]) -> None:
    if tokens is None or not tokens.emitted:
        return
    for quantity in ("tokens", "token_rate", "token_rate_per_unit"):
        if quantity in observed.emitted:
            remark = said_of_share(observed.emitted[quantity])
            notes += [remark] if remark else []
            return
