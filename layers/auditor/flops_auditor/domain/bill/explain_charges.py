"""Charges for training beside the records: a run explains as many tokens as its record counts, once, in its time.

Units: AWS Price List API, AmazonBedrock: `USE1-Nova2.0Lite-Customization-Training` is charged per "1K tokens", as
other usage types are that end in `Customization-Training`. SageMaker's tokens have no unit in public documentation, so
that any unit is read that says how many tokens it is of in words that are known, and no other one is.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import NamedTuple

from flops_auditor.domain.bill.bill_lines import AMOUNT_PLACES
from flops_auditor.domain.bill.billed import ChargeKey, Period
from flops_auditor.domain.bill.explanation import RestReason, TrainingCharge
from flops_auditor.domain.bill.matching import LATE
from flops_auditor.domain.bill.recorded_runs import RecordedRun, is_foreign, why_unexplained
from flops_auditor.domain.compute.attention import most_attention_flop
from flops_auditor.domain.originals.base_models import FLOP_PER_PARAMETER_AND_TOKEN, BaseModelTable
from flops_auditor.domain.values.amounts import at_least

_TIMES = {"": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "b": 10**9, "billion": 10**9}
_KINDS = "batch|model|input|output|text|training|trained|sample|sampled|prefill|processed"
"""Words that say which tokens they are. Any other word could say how many: a trillion, a dozen."""
_MANY = "|".join(filter(None, _TIMES))
_TOKENS = re.compile(rf"(?i)\s*+([0-9]{{1,9}})?+\s*+(?:({_MANY})\b[\s-]*+)?+(?:(?:{_KINDS})[\s-]++)*+tokens?\s*+")
_PART = 10**AMOUNT_PLACES
"""Parts of a token, or of another unit, that amounts on a bill are whole numbers of."""
_MICROSECOND = timedelta(microseconds=1)
CHARGED_LATE = timedelta(days=1)
"""After a run's end: nothing public says when AWS charges for tokens."""
_Records = Mapping[str, Sequence[RecordedRun]]


@dataclass(slots=True)
class _RunTokens:
    """A recorded run. `counted` are parts of its tokens, None where it counts none, of which `left` explained nothing
    so far.
    """

    start: datetime
    end: datetime
    counted: int | None
    left: int

    def more_than_its_share(self, months: Iterable[Period]) -> bool:
        """Whether it was charged for more in these months than it took of its time there, were all time alike."""
        counted, whole = self.counted or 0, (self.end - self.start) // _MICROSECOND
        within = sum(max(0, (min(self.end, end) - max(self.start, start)) // _MICROSECOND) for start, end in months)
        return within < whole and (counted - self.left) * whole > counted * within


@dataclass(slots=True)
class _Taken:
    """A charge for one period, in parts of tokens, or of its unit where that counts none; `rest` is what no record
    explains of it. `compared`: whether records of then count tokens.
    """

    day: date
    key: ChargeKey
    parts: int
    rest: int
    compared: bool


class _SumKey(NamedTuple):
    """What charges are added up by."""

    day: date
    key: ChargeKey
    why: RestReason | None
    compared: bool


def explain_charges(
    charges: Mapping[ChargeKey, Mapping[Period, int]],
    months: Sequence[Period],
    records: _Records,
    models: BaseModelTable,
) -> tuple[tuple[TrainingCharge, ...], frozenset[str]]:
    """Charges of each day, what is explained of them apart from what is not; and of which resources the tokens may have
    been charged in other months as well, since they took more of a record than its share of these `months`.
    """
    by_resource: defaultdict[str, list[tuple[ChargeKey, Period, int]]] = defaultdict(list)
    for key, periods in charges.items():
        by_resource[key.resource] += [(key, period, amount) for period, amount in periods.items()]
    sums: defaultdict[_SumKey, int] = defaultdict(int)
    elsewhere = set[str]()
    for resource, lines in by_resource.items():
        runs = _runs(records.get(resource, ()))
        for each in _taken(lines, runs):
            why = RestReason.BEYOND_RECORD if runs else why_unexplained(each.key.door, resource, records)
            sums[_SumKey(each.day, each.key, None, each.compared)] += each.parts - each.rest
            sums[_SumKey(each.day, each.key, why, each.compared)] += each.rest
        if any(run.more_than_its_share(months) for run in runs):
            elsewhere.add(resource)
    unexplained = {each.key.resource for each, parts in sums.items() if parts and each.why}
    of_a_token = {resource: _most_flop_of_a_token(records.get(resource, ()), models) for resource in unexplained}
    made = [_charge(each, parts, of_a_token.get(each.key.resource)) for each, parts in sums.items() if parts]
    return tuple(sorted(made, key=_place)), frozenset(elsewhere)


def months_of(periods: Iterable[Period]) -> list[Period]:
    """The whole months (UTC) in which any of these periods begin: bills are of months."""
    firsts = {datetime(start.year, start.month, 1, tzinfo=UTC) for start, _ in periods}
    return [(first, (first + timedelta(days=31)).replace(day=1)) for first in sorted(firsts)]


def tokens_in(unit: str) -> int | None:
    """How many tokens a unit counts; None where it counts none."""
    counted = _TOKENS.fullmatch(unit)
    return int(counted[1] or 1) * _TIMES[(counted[2] or "").lower()] or None if counted else None


def _runs(records: Iterable[RecordedRun]) -> list[_RunTokens]:
    """The runs of one resource of which it is known when they were, the earliest end first."""
    parts = ((run.life or run.span, None if run.tokens is None else run.tokens * _PART) for run in records)
    runs = [_RunTokens(*life, counted, counted or 0) for life, counted in parts if life]
    return sorted(runs, key=lambda run: run.end)


def _taken(lines: Iterable[tuple[ChargeKey, Period, int]], runs: Sequence[_RunTokens]) -> list[_Taken]:
    """The lines that name one resource, those of its own account and region first, beside the runs of it."""
    taken = [_take(key, period, amount, runs) for key, period, amount in sorted(lines, key=_turn)]
    near = [each for each in taken if each.compared]
    rounding = sum(tokens_in(each.key.unit) or 0 for each in near)
    if sum(each.rest for each in near) < max(_PART, rounding):
        for each in near:  # no whole token, or no more than the last decimals of their amounts
            each.rest = 0
    return taken


def _turn(line: tuple[ChargeKey, Period, int]) -> tuple[bool, bool, Period, str, tuple[str, ...]]:
    key, period, _ = line
    return *is_foreign(key.account, key.region, key.resource), period, key.door.name, key[1:]


def _take(key: ChargeKey, period: Period, amount: int, runs: Sequence[_RunTokens]) -> _Taken:
    """A line, with what the runs of then explain of it, which they spend."""
    start, end = period
    near = [run for run in runs if run.start - LATE < end and start < run.end + CHARGED_LATE]
    factor = tokens_in(key.unit)
    parts = amount * (factor or 1)
    if not near:
        return _Taken(start.date(), key, parts, parts, compared=False)
    if factor is None or any(run.counted is None for run in near):
        return _Taken(start.date(), key, parts, 0, compared=False)
    rest = parts
    for run in near:
        spent = min(rest, run.left)
        rest -= spent
        run.left -= spent
    return _Taken(start.date(), key, parts, rest, compared=True)


def _most_flop_of_a_token(runs: Sequence[RecordedRun], models: BaseModelTable) -> int | None:
    """The most FLOP that a token takes of the largest model that these records name: forward and backward, all
    parameters trained, with attention over the longest context. None where one names none, or one of unknown size.
    """
    if not runs or not all(run.models for run in runs):
        return None
    resolved = [models.find(name) for run in runs for name in run.models]
    sizes = [None if model is None else model.size for model in resolved]
    known = [size for size in sizes if size is not None]
    if len(known) < len(sizes):
        return None
    most = (most_attention_flop(size, None, extended=True) for size in known)
    return max(FLOP_PER_PARAMETER_AND_TOKEN * size.active + each for size, each in zip(known, most, strict=True))


def _charge(of: _SumKey, parts: int, of_a_token: int | None) -> TrainingCharge:
    factor, ceiling = tokens_in(of.key.unit), None
    tokens = None if factor is None else Fraction(parts, _PART)
    if of.why is not None and tokens is not None and of_a_token is not None:
        ceiling = at_least(tokens * of_a_token)
    amount = Fraction(parts, _PART * (factor or 1))
    return TrainingCharge(of.day, *of.key, amount, tokens, of.why, of.compared, ceiling)


def _place(charge: TrainingCharge) -> tuple[date, tuple[str, ...], bool]:
    names = (charge.door.name, charge.account, charge.usage_type, charge.resource, charge.region, charge.unit)
    return charge.day, names, charge.why is not None
