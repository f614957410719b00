"""What records explain of a bill: completeness against an account that whoever is audited does not keep.

Every hour of a host with accelerators, and every charge for training, is explained by a record, or is named with the
reason why not and with the most computing that it could have been.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction

from flops_auditor.domain.bill.billed import Billed, HostKey, Period
from flops_auditor.domain.bill.doors import TRAINING_JOBS, WITH_RECORDS, Door, Purpose, kind_of_resource
from flops_auditor.domain.bill.explain_charges import explain_charges, months_of
from flops_auditor.domain.bill.explanation import (
    DoorDay,
    Explanation,
    HoursSum,
    RestOfHours,
    TrainingCharge,
)
from flops_auditor.domain.bill.matching import TICKS, TICKS_IN_AMOUNT, BilledTime, RunTime, match
from flops_auditor.domain.bill.recorded_runs import RecordedRun, is_foreign, why_unexplained
from flops_auditor.domain.compute.hardware import HardwareTable, InstanceType
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.values.amounts import at_least
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.remarks import Kind, Remark

NO_RESOURCES = Kind(
    "bill-without-resources",
    "training jobs are charged without their names: account, region, host and time say which records explain them",
)
NO_REGION = Kind(
    "hours-without-region",
    "training jobs are charged without their names, and nothing says in which region, so that no record explains them: "
    "{names:list}",
)
UNKNOWN_HOSTS = Kind("unknown-hosts", "the table lacks hosts, so that their hours have no ceiling: {names:list}")
NOT_COMPARED = Kind(
    "tokens-not-compared",
    "explained by a record of that name and time alone, which does not count the tokens that are charged: {names:list}",
)
OTHER_MONTHS = Kind(
    "tokens-of-other-months",
    "more tokens are charged than the share of the run's time in these months, so that the same ones may explain "
    "charges of other months: explain the bills of all its months together: {names:list}",
)
UNKNOWN_TOKENS = Kind("unknown-charges", "charges for training in a unit that counts no tokens: {names:list}")

_TRAINING_JOB = "training-job"
"""The kind of resource whose hours SageMaker charges as training: runs on clusters have hosts and times, too."""
_Times = Mapping[HostKey, Sequence[BilledTime]]
_Records = Mapping[str, Sequence[RecordedRun]]


def explain_bill(
    bill: Billed, runs: Iterable[RecordedRun], hardware: HardwareTable, models: BaseModelTable
) -> Explanation:
    """A bill beside what is recorded."""
    records: defaultdict[str, list[RecordedRun]] = defaultdict(list)
    for run in runs:
        records[run.arn].append(run)
    times = {key: _billed_times(periods) for key, periods in bill.hours.items() if any(periods.values())}
    _match(times, records)
    charges, elsewhere = explain_charges(bill.charges, months_of(bill.periods()), records, models)
    return Explanation(
        start=bill.start,
        end=bill.end,
        accounts=tuple(sorted(bill.accounts)),
        days=_days(times, hardware),
        rest=_rest(times, records, hardware),
        charges=charges,
        doubts=tuple(_doubts(bill, times, charges, elsewhere, hardware)),
    )


def _billed_times(periods: Mapping[Period, int]) -> list[BilledTime]:
    ticks = ((start, end, amount * TICKS_IN_AMOUNT) for (start, end), amount in periods.items() if amount)
    return [BilledTime(start, end, each, each) for start, end, each in ticks]


def _match(times: _Times, records: _Records) -> None:
    """Each resource with the records of it, of which all its lines take; then training jobs that the bill does not
    name, by account, region, host and time, with records of those that it does not name.
    """
    had: dict[tuple[str, str], list[RunTime]] = {}
    for key in sorted((key for key in times if key.resource and key.door in WITH_RECORDS), key=_at_home):
        runs = had.setdefault((key.resource, key.host), _times_of(records.get(key.resource, ()), key.host))
        match(times[key], runs, same_run=True)
    named = {key.resource for key in times}
    unnamed: defaultdict[tuple[str, str], list[RecordedRun]] = defaultdict(list)
    for arn, of_one in records.items():
        for run in of_one if arn not in named and kind_of_resource(arn) == _TRAINING_JOB else ():
            unnamed[run.account, run.region].append(run)
    for key, billed in times.items():
        if key.door is TRAINING_JOBS and not key.resource:
            match(billed, _times_of(unnamed[key.account, key.region], key.host), same_run=False)


def _at_home(key: HostKey) -> tuple[bool, bool, bool, str, str]:
    """When its turn is to take of what the records of its resource have left."""
    foreign = is_foreign(key.account, key.region, key.resource)
    return *foreign, key.door is not TRAINING_JOBS, key.account, key.region


def _times_of(runs: Iterable[RecordedRun], host: str) -> list[RunTime]:
    return [RunTime(*run.span, run.hosts[host]) for run in runs if run.span and run.hosts.get(host)]


def _known(hardware: HardwareTable, host: str) -> InstanceType | None:
    known = hardware.find(host)
    return known if known and known.accelerator else None


def _days(times: _Times, hardware: HardwareTable) -> tuple[DoorDay, ...]:
    """Each door on each day, the first day first."""
    ticks: defaultdict[tuple[date, Door], defaultdict[tuple[str, bool], list[int]]] = defaultdict(
        lambda: defaultdict(lambda: [0, 0])
    )
    for key, billed in times.items():
        for each in billed:
            sums = ticks[each.start.date(), key.door][key.host, bool(key.resource)]
            sums[0] += each.ticks
            sums[1] += each.rest
    in_order = sorted(ticks.items(), key=lambda item: (item[0][0], item[0][1].name))
    return tuple(DoorDay(day, door, _added(of_hosts, hardware)) for (day, door), of_hosts in in_order)


def _added(of_hosts: Mapping[tuple[str, bool], Sequence[int]], hardware: HardwareTable) -> HoursSum:
    sums = (_hours_sum(host, is_named, ticks, rest, hardware) for (host, is_named), (ticks, rest) in of_hosts.items())
    return sum(sums, HoursSum())


def _hours_sum(name: str, is_named: bool, ticks: int, rest: int, hardware: HardwareTable) -> HoursSum:
    """Ticks of one type of host."""
    host, billed, left = _known(hardware, name), Fraction(ticks, TICKS), Fraction(rest, TICKS)
    if host is None:
        return HoursSum(ceiling_flop=None if rest else 0, unknown_host_seconds=billed)
    explained = host.units * (billed - left)
    return HoursSum(
        billed=host.units * billed,
        explained=explained,
        by_time_alone=Fraction(0) if is_named else explained,
        ceiling_flop=at_least(host.units * left * host.ceiling_peak),
    )


def _rest(times: _Times, records: _Records, hardware: HardwareTable) -> tuple[RestOfHours, ...]:
    """What nothing explains, what is not meant to train last: what has no ceiling, then the largest first."""
    rest = []
    for key, billed in times.items():
        left = [each for each in billed if each.rest]
        if not left:
            continue
        host, seconds = _known(hardware, key.host), Fraction(sum(each.rest for each in left), TICKS)
        rest.append(
            RestOfHours(
                *key,
                why=why_unexplained(key.door, key.resource, records),
                start=min(each.start for each in left),
                end=max(each.end for each in left),
                host_seconds=seconds,
                accelerator_seconds=host.units * seconds if host else None,
                ceiling_flop=at_least(host.units * seconds * host.ceiling_peak) if host else None,
            )
        )
    return tuple(sorted(rest, key=_size))


def _size(rest: RestOfHours) -> tuple[bool, bool, int, Fraction, tuple[str, ...]]:
    ceiling = rest.ceiling_flop
    names = (rest.door.name, rest.account, rest.region, rest.host, rest.resource)
    no_training = rest.door.purpose is Purpose.OTHER
    return no_training, ceiling is not None, -(ceiling or 0), -rest.host_seconds, names


def _doubts(
    bill: Billed,
    times: _Times,
    charges: Sequence[TrainingCharge],
    elsewhere: Iterable[str],
    hardware: HardwareTable,
) -> Iterable[Remark]:
    """What is to be said of the whole."""
    if any(key.door is TRAINING_JOBS and not key.resource for key in times):
        yield NO_RESOURCES()
    told = {kind: set(names) for kind, names in bill.told.items()}
    told[NO_REGION] = {key.host for key in times if key.door is TRAINING_JOBS and not (key.resource or key.region)}
    told[UNKNOWN_HOSTS] = {key.host for key in times if not _known(hardware, key.host)}
    told[NOT_COMPARED] = {name_of(each.resource) for each in charges if each.by_name_alone}
    told[OTHER_MONTHS] = {name_of(each) for each in elsewhere}
    told[UNKNOWN_TOKENS] = {f"{each.usage_type} in {each.unit}" for each in charges if each.tokens is None}
    yield from (kind(names=sorted(names)) for kind, names in told.items() if names)
