"""Charges for training beside the records: a run explains as many tokens as its record says, once, while it ran."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from flops_auditor.domain.bill.bill_lines import AMOUNT_PLACES
from flops_auditor.domain.bill.billed import ChargeKey, Period
from flops_auditor.domain.bill.explanation import RestReason, TrainingCharge
from flops_auditor.domain.bill.matching import LATE
from flops_auditor.domain.bill.recorded_runs import RecordedRun, why_unexplained
from flops_auditor.domain.values.arns import name_of

_TOKENS = re.compile(r"(?i)\s*+([0-9]{1,9})?+\s*+(?:(k|m|b|thousand|million)\b[\s-]*+)?+(?:[a-z]++[\s-]++)*tokens?\s*+")
_TIMES = {"": 1, "k": 10**3, "thousand": 10**3, "m": 10**6, "million": 10**6, "b": 10**9}
_Records = Mapping[str, Sequence[RecordedRun]]


@dataclass
class _RunTokens:
    """A recorded run. `left` are 1e-10 of its tokens that explained nothing so far; None where none are recorded."""

    start: datetime
    end: datetime
    left: int | None


def explain_charges(
    charges: Mapping[ChargeKey, Mapping[Period, int]], records: _Records
) -> tuple[tuple[TrainingCharge, ...], frozenset[str]]:
    """Charges of each day, in what is explained and what is not; and the names of runs that explain tokens by the time
    alone.
    """
    runs = {arn: _run_tokens(of_one) for arn, of_one in records.items()}
    sums: defaultdict[tuple[date, ChargeKey, RestReason | None], int] = defaultdict(int)
    not_compared = set()
    for start, end, key, amount in sorted(
        _every(charges), key=lambda each: (*each[:2], each[2].door.name, *each[2][1:])
    ):
        near = [run for run in runs.get(key.resource, ()) if run.start - LATE < end and start < run.end + LATE]
        rest, factor = amount if not near else 0, tokens_in(key.unit)
        if near and factor and all(run.left is not None for run in near):
            rest = _rest(near, amount, factor)
        elif near and factor:
            not_compared.add(name_of(key.resource))
        sums[start.date(), key, None] += amount - rest
        sums[start.date(), key, why_unexplained(key.door, key.resource, records)] += rest
    made = [_charge(day, key, reason, amount) for (day, key, reason), amount in sums.items() if amount]
    return tuple(sorted(made, key=_place)), frozenset(not_compared)


def _every(charges: Mapping[ChargeKey, Mapping[Period, int]]) -> Iterator[tuple[datetime, datetime, ChargeKey, int]]:
    for key, periods in charges.items():
        yield from ((*period, key, amount) for period, amount in periods.items())


def tokens_in(unit: str) -> int | None:
    """How many tokens a unit counts; None where it counts none."""
    counted = _TOKENS.fullmatch(unit)
    return int(counted[1] or 1) * _TIMES[(counted[2] or "").lower()] if counted else None


def _run_tokens(runs: Sequence[RecordedRun]) -> list[_RunTokens]:
    timed = ((run.span, run.tokens) for run in runs if run.span)
    return [_RunTokens(*span, None if tokens is None else tokens * 10**AMOUNT_PLACES) for span, tokens in timed]


def _rest(near: Sequence[_RunTokens], amount: int, factor: int) -> int:
    """What of an amount (1e-10 units of so many tokens) these runs do not explain; what they explain, they spend."""
    for run in near:
        taken = min(amount, (run.left or 0) // factor)
        amount -= taken
        run.left = (run.left or 0) - taken * factor
    return amount


def _charge(day: date, key: ChargeKey, reason: RestReason | None, amount: int) -> TrainingCharge:
    factor, in_units = tokens_in(key.unit), Fraction(amount, 10**AMOUNT_PLACES)
    return TrainingCharge(day, *key, in_units, None if factor is None else in_units * factor, reason)


def _place(charge: TrainingCharge) -> tuple[date, str, str, str, str, bool]:
    return charge.day, charge.door.name, charge.account, charge.usage_type, charge.resource, charge.why is not None
