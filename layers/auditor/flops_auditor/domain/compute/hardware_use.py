"""N, L and H of the hardware-based method for one run: its hosts by kind, their peaks, and how busy they were.

Annex A.2 of the Guidelines, C(2025) 5045: C = N L H U, summed where the hardware changes or is mixed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import islice
from math import ceil

from flops_auditor.domain.compute.hardware import HardwareTable, InstanceType, bounding_peak
from flops_auditor.domain.compute.possible_hosts import PossibleHost, possible_host
from flops_auditor.domain.compute.published_utilisation import PublishedUtilisation
from flops_auditor.domain.compute.tiers import HardwareUse
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.occupancy import Busy
from flops_auditor.domain.runs.remedies import AMEND, BETTER, KNOW_THE_TYPE
from flops_auditor.domain.runs.run import HostMetrics, Hosts, Run
from flops_auditor.domain.runs.training_time import A_MOMENT, TrainingTime, length
from flops_auditor.domain.values.amounts import summed
from flops_auditor.domain.values.remarks import MOST_LISTED, Kind, Remark, Remedy, as_word

SAY_THE_UNIT = Remedy(
    "occupancy-of-cloudwatch",
    f"see whether the occupancy is that of {{where}}, and give better evidence: {BETTER}",
)
UNKNOWN_TYPE = Kind("unknown-instance-type", "instance type {name:said} is not in the hardware table", KNOW_THE_TYPE)
"""Nothing then bounds or cross-checks what else is said (docs/adr/0002)."""
NO_HOSTS = Kind("no-hosts", "the job names no hosts", AMEND)
NOT_DISCLOSED = Kind("hardware-not-disclosed", "{what}: its hardware is not disclosed")
NEVER_ANY = Kind("never-had-hardware", "the job never had hardware")
HOSTS = Kind("hosts", "{count} x {name}: {units:g} x {unit}, {peak:flop4} FLOP/s each, {basis}")
DERIVED = Kind(
    "derived-peak", "no peak of {unit} is published: the figure is derived, and rather too high than too low"
)
NO_POWER = Kind("no-rated-power", "{basis}: its energy is not included")
PRECISION_TAGGED = Kind(
    "precision-tag-lowers-the-peak",
    "the tag flops-auditor:precision lowers the peak from {usual:flop4} to {peak:flop4} FLOP/s, and the upper bound "
    "with it: it must be true of the whole run",
)
PRECISION_GUESSED = Kind(
    "precision-of-hyperparameters",
    "hyperparameters point at {precision}, slower than the default: the best estimate follows, the upper bound keeps "
    "{usual:flop4} FLOP/s",
)
STRANGERS = Kind(
    "metrics-of-strange-hosts", "contradictory evidence: the job has no host {hosts:list}; its metrics are not used"
)
SILENT = Kind("silent-hosts", "of {count} hosts no occupancy is known, and they count as fully busy: {hosts:list}")
SOME_SILENT = Kind(
    "some-hosts-silent", "of {count} hosts no occupancy is known, and they count as fully busy: some of {hosts:list}"
)
COVERED = Kind(
    "occupancy-covers-a-part",
    "occupancy covers {share:.1%} of the training time at least; the rest counts as fully busy",
)
OVERFULL = Kind(
    "more-busy-than-there-are",
    "contradictory evidence: {hosts:list} reports more busy accelerators than it has; such values count as fully busy",
)
IDLE_THOUGH_TRAINING = Kind(
    "idle-though-training",
    "contradictory evidence: by {hosts:list} accelerators were busy for {share:percent} of the time or less, but the "
    "lowest of all published runs used {lowest:percent} of such hardware, and {signs:phrases} says that there was "
    "work; these hosts count as fully busy",
    SAY_THE_UNIT,
)
FRACTIONS = Kind(
    "occupancy-in-fractions",
    "no host reports an occupancy over 1: {metric} is in per cent, up to 100 for each accelerator, and in a file "
    "these may be fractions; the hosts count as fully busy",
    SAY_THE_UNIT,
)
SOME_FRACTIONS = Kind(
    "some-occupancy-in-fractions",
    "{hosts:list} reports no occupancy over 1: {metric} is in per cent, and in a file these may be fractions; such "
    "hosts count as fully busy",
    SAY_THE_UNIT,
)
VALUES_IN_FRACTIONS = Kind(
    "some-values-in-fractions",
    "some occupancies of hosts of {devices} accelerators are no more than that: {metric} is in per cent, and in a file "
    "these may be fractions, or sums of them; the upper bound takes them as such",
    SAY_THE_UNIT,
)
SOME_MEANS = Kind(
    "occupancy-of-one-or-of-all",
    "hosts of {devices} accelerators report occupancies over 100 and others up to it: {metric} is their sum, and in a "
    "file some may be means; the upper bound takes values up to 100 as such",
    SAY_THE_UNIT,
)
MEANS_OF_ACCELERATORS = Kind(
    "occupancy-of-one-accelerator",
    "no host of {devices} accelerators reports an occupancy over 100: {metric} is their sum, and in a file these "
    "may be means; the upper bound takes them as such",
    SAY_THE_UNIT,
)
OF_LONGER = Kind(
    "occupancy-of-a-longer-time",
    "the occupancy is that of {spans:g} s, of which {seconds:g} s are training, and nothing says which: all that "
    "accelerators were busy for may be in these",
)
GIVEN_A_PART = Kind(
    "given-a-part-of-its-hosts",
    "of {had:.10g} accelerator-seconds of its hosts {given:.10g} were surely given to it: the lower bound rests on "
    "these alone, the upper bound takes all",
)
UNLIKE = Kind(
    "unlike-accelerators",
    "unlike accelerators: each kind counts with the busiest host, since hosts do not name their kind",
)


@dataclass(frozen=True)
class Hardware:
    """The hardware of a run. `complete` says that all of it is known, `idle` that the run never had any. `fastest` are
    the same uses on the fastest hosts that these may have been, where which they were is somebody's word; else empty.
    """

    uses: tuple[HardwareUse, ...]
    complete: bool
    notes: tuple[Remark, ...]
    doubts: tuple[Remark, ...]
    idle: bool = False
    fastest: tuple[HardwareUse, ...] = ()


@dataclass(frozen=True)
class HostKind:
    """Hosts of one instance type: how many, how busy their accelerators were (0..1, None: not reported, or not
    believed), and the least that published runs reached on them. `seen`: the occupancy as it was reported. The run was
    surely `given` this share of their accelerators' time. `fastest`: what they may be at most (PossibleHost). It had
    them for so many `seconds`, None: for as long as it trained.
    """

    count: int
    kind: InstanceType
    occupancy: Fraction | None
    lowest_utilisation: Fraction
    seen: Fraction | None = None
    given: Fraction = Fraction(1)
    fastest: InstanceType | None = None
    seconds: Fraction | None = None


@dataclass(frozen=True)
class MeasuredHosts:
    """The hosts of a run as the service and AWS's metrics say, once for all audits of it: what it says of itself, with
    nothing left out, only makes an occupancy that cannot be count as full.

    `unknown` are instance types that the hardware table does not have, `doubts` what else is not known of them;
    `highest` is the most that any published run used of its hardware.
    """

    kinds: tuple[HostKind, ...]
    unknown: tuple[str, ...]
    notes: tuple[Remark, ...]
    doubts: tuple[Remark, ...] = ()
    highest: Fraction = Fraction(1)
    _known: dict[tuple[object, ...], Hardware] = field(default_factory=dict, compare=False, repr=False)

    def at(self, declared: Declared, seconds: Fraction) -> Hardware:
        """The hosts at the precision that is declared, in so many seconds: what else is declared changes nothing."""
        stated = (declared.precision, declared.precision_tagged, declared.hinted_precision, seconds)
        if stated not in self._known:
            self._known[stated] = _at_precision(self, declared, seconds)
        return self._known[stated]


def hosts_of(run: Run, observed: Observations, table: HardwareTable, published: PublishedUtilisation) -> MeasuredHosts:
    """Hosts by instance type (Annex A.2: periods and kinds of hardware are summed, never averaged)."""
    counts: dict[Hosts, int] = {}
    for group in run.hosts:
        alike = replace(group, instance_count=1)
        counts[alike] = counts.get(alike, 0) + group.instance_count
    if not sum(counts.values()):
        return MeasuredHosts((), (), ())
    rows = [(count, _taken_for(group, table), group.seconds) for group, count in counts.items()]
    unknown = sorted({name for _, host, _ in rows for name in host.unknown})
    doubts = tuple(dict.fromkeys(doubt for _, host, _ in rows for doubt in host.doubts))
    known = [(count, host.kind) for count, host, _ in rows if host.kind is not None]
    taken = [(host, seconds) for _, host, seconds in rows if host.kind is not None]
    notes = list(dict.fromkeys(note for _, host, _ in rows for note in host.notes))
    host = run.host_metrics.host
    nothing: list[Fraction | None] = [None] * len(known)
    most = _occupancies(known, observed.busy, host, notes) if not unknown else nothing
    means = {name: busy.least for name, busy in observed.busy.items() if busy.means is not None}
    seen = _occupancies(known, {**observed.busy, **means}, host, []) if means and not unknown else most
    signs = [as_word(name) for name in (*observed.training_signs, *run.declared.signs_of_training)]
    signs += [name.words for name in run.declared.names[:1]]
    believed = _believed(known, observed, run.host_metrics, signs, published, notes)
    whole = most if believed == observed.busy else _occupancies(known, believed, host, [])
    occupancies = _in_less_time(whole, run.time, notes)
    given = _given(run, known, [seconds for _, seconds in taken], notes)
    kinds = tuple(
        HostKind(count, kind, now, _lowest(host, kind, published), was, share, host.fastest, seconds)
        for (count, kind), (host, seconds), now, was, share in zip(known, taken, occupancies, seen, given, strict=True)
    )
    return MeasuredHosts(kinds, tuple(unknown), tuple(notes), doubts, published.highest)


def _lowest(host: PossibleHost, kind: InstanceType, published: PublishedUtilisation) -> Fraction:
    return published.of(kind.unit_name).lowest if host.sure else Fraction(0)


def _given(
    run: Run, known: Sequence[tuple[int, InstanceType]], own: Sequence[Fraction | None], notes: list[Remark]
) -> list[Fraction]:
    """By kind the share of its hosts' time, some of which have one of their `own`, that a run was surely given. It was
    given accelerators; of several kinds of them nobody says which.
    """
    if run.surely_given is None:
        return [Fraction(1)] * len(known)
    whole = run.time.seconds or Fraction(0)
    times = [whole if seconds is None else seconds for seconds in own]
    had = [count * kind.units * seconds for (count, kind), seconds in zip(known, times, strict=True)]
    if run.surely_given < summed(had):
        notes.append(GIVEN_A_PART(had=summed(had), given=run.surely_given))
    with_accelerators = [each for (_, kind), each in zip(known, had, strict=True) if kind.accelerator is not None]
    of_these = summed(with_accelerators)
    share = min(Fraction(1), run.surely_given / of_these) if of_these else Fraction(0)
    if share < 1 and len(with_accelerators) > 1:
        share = Fraction(0)
    return [Fraction(0) if kind.accelerator is None else share for _, kind in known]


def _taken_for(hosts: Hosts, table: HardwareTable) -> PossibleHost:
    if hosts.one_of:
        return possible_host(hosts, table)
    kind = table.find(hosts.instance_type)
    return PossibleHost(kind, unknown=() if kind else (hosts.instance_type,))


def hardware_of(run: Run, declared: Declared, hosts: MeasuredHosts) -> Hardware:
    """The hosts at the precision that the run declares."""
    time = run.time
    if not hosts.kinds and not hosts.unknown and not hosts.doubts:
        if not run.hardware_disclosed:
            return Hardware((), False, (NOT_DISCLOSED(what=run.undisclosed),), ())
        if time.seconds == 0 and not time.doubts:
            return Hardware((), False, (NEVER_ANY(),), (), idle=True)
        return Hardware((), False, (), (NO_HOSTS(),))
    return hosts.at(declared, time.seconds or Fraction(0))


def _at_precision(hosts: MeasuredHosts, declared: Declared, seconds: Fraction) -> Hardware:
    notes = list(hosts.notes)
    uses: list[HardwareUse] = []
    fastest: list[HardwareUse] = []
    for host in hosts.kinds:
        kind = host.kind
        peak, basis = kind.peak(declared.precision or None)
        default = kind.peak(None)[0]
        units = host.count * kind.units
        hinted, sure = declared.hinted_precision, declared.precision_tagged
        notes.append(HOSTS(count=host.count, name=kind.name, units=units, unit=kind.unit_name, peak=peak, basis=basis))
        if peak < default:
            notes.append(_said_of_precision(declared, peak, default))
        if kind.derived:
            notes.append(DERIVED(unit=kind.unit_name))
        if kind.power_watts is None:
            notes.append(NO_POWER(basis=kind.power_basis))
        use = HardwareUse(
            name=kind.name,
            units=units,
            seconds=seconds if host.seconds is None else host.seconds,
            peak=peak,
            ceiling_peak=kind.ceiling_peak,
            occupancy=host.occupancy,
            watts=Fraction(kind.power_watts or 0),
            bound_peak=bounding_peak(kind.peaks, kind.unit_name, peak, hinted, sure=sure),
            lowest_utilisation=host.lowest_utilisation,
            highest_utilisation=hosts.highest,
            seen_busy=host.seen,
            given=host.given,
            slowest_peak=min(peak, default) if declared.precision else min(kind.peaks.values()),
        )
        uses.append(use)
        fastest.append(use if host.fastest is None else _on_the_fastest(use, host.fastest, declared))
    doubts = (*(UNKNOWN_TYPE(name=name) for name in hosts.unknown), *hosts.doubts)
    faster = tuple(fastest) if any(host.fastest for host in hosts.kinds) else ()
    return Hardware(tuple(uses), not doubts, tuple(notes), doubts, fastest=faster)


def _on_the_fastest(use: HardwareUse, kind: InstanceType, declared: Declared) -> HardwareUse:
    """The same on hosts of this type: what it may have done there at most."""
    hinted, sure = declared.hinted_precision, declared.precision_tagged
    peak = max(use.peak, kind.peak(declared.precision or None)[0])
    bound = bounding_peak(kind.peaks, kind.unit_name, peak, hinted, sure=sure)
    return replace(use, bound_peak=bound, ceiling_peak=max(use.ceiling_peak, kind.ceiling_peak))


def _said_of_precision(declared: Declared, peak: Fraction, default: Fraction) -> Remark:
    if declared.precision_tagged:
        return PRECISION_TAGGED(usual=default, peak=peak)
    return PRECISION_GUESSED(precision=declared.precision.upper(), usual=default)


def _occupancies(
    known: Sequence[tuple[int, InstanceType]], busy: Mapping[str, Busy], host: str, notes: list[Remark]
) -> list[Fraction | None]:
    """Occupancy per kind of host, whose names begin with `host`. Only hosts with accelerators report; a silent one
    counts as fully busy.

    Which host is of which kind is not known, so each of several kinds with accelerators takes the busiest host.
    """
    hosts = sum(count for count, _ in known)
    named = {name: number for name in busy if (number := _number_of(name, host, hosts))}
    strangers = sorted(set(busy) - set(named))
    if strangers:
        notes.append(STRANGERS(hosts=strangers))
    with_accelerators = [(count, kind) for count, kind in known if kind.accelerator is not None]
    expected = sum(count for count, _ in with_accelerators)
    # A host without accelerators that reports zero must not stand for one with accelerators that is silent.
    in_order = sorted(named, key=lambda name: named[name])
    reports = {name: busy[name] for name in in_order if expected == hosts or busy[name].highest > 0}
    if not busy or not with_accelerators:
        return [None] * len(known)
    missing = max(0, expected - len(reports))
    if missing:
        names = (f"{host}{number}" for number in range(1, hosts + 1))
        silent = tuple(islice((name for name in names if name not in reports), MOST_LISTED + 1))
        notes.append((SILENT if hosts - len(reports) == missing else SOME_SILENT)(count=missing, hosts=silent))
    least = min((report.coverage for report in reports.values()), default=Fraction(1))
    if least < 1:
        notes.append(COVERED(share=least))
    most_devices = max(_devices(kind) for _, kind in with_accelerators)
    overfull = [name for name, report in reports.items() if report.highest > most_devices]
    if overfull:
        notes.append(OVERFULL(hosts=overfull))
    alike = len(with_accelerators) == 1
    if not alike:
        notes.append(UNLIKE())
    result: list[Fraction | None] = []
    for count, kind in known:
        if kind.accelerator is None or not count:
            result.append(None)
            continue
        devices = _devices(kind)
        shares = sorted((report.occupancy(devices) for report in reports.values()), reverse=True)
        if alike:
            busiest = shares[:count]
            result.append(sum(busiest, Fraction(count - len(busiest))) / count)
        else:
            result.append(Fraction(1) if missing else shares[0])
    return result


def _in_less_time(
    occupancies: Sequence[Fraction | None], time: TrainingTime, notes: list[Remark]
) -> Sequence[Fraction | None]:
    """Occupancies of spans in which training only lies: the accelerators may have been busy then alone."""
    spans = length(time.spans)
    if not time.seconds or spans <= time.seconds + A_MOMENT or all(share is None for share in occupancies):
        return occupancies
    notes.append(OF_LONGER(spans=spans, seconds=time.seconds))
    return [None if share is None else min(Fraction(1), share * spans / time.seconds) for share in occupancies]


def _number_of(name: str, host: str, hosts: int) -> int:
    """Which of so many hosts a name is that of, from 1; 0 where it is that of none."""
    digits = name.removeprefix(host)
    number = int(digits) if digits.isdecimal() and len(digits) <= len(str(hosts)) else 0
    return number if number <= hosts and name == f"{host}{number}" else 0


def _believed(
    known: Sequence[tuple[int, InstanceType]],
    observed: Observations,
    metrics: HostMetrics,
    signs: Sequence[str],
    published: PublishedUtilisation,
    notes: list[Remark],
) -> Mapping[str, Busy]:
    """Reports that can be what the service says. A host whose report cannot be is silent: it counts as fully busy."""
    with_accelerators = [kind for _, kind in known if kind.accelerator is not None]
    if not with_accelerators or not observed.busy:
        return {}
    devices = max(map(_devices, with_accelerators))
    highest = max(report.highest for report in observed.busy.values()) * 100
    if observed.unit_unsure and highest <= 1:
        notes.append(FRACTIONS(metric=metrics.occupancy, where=metrics.where))
        return {}
    reports = observed.busy
    if observed.unit_unsure:
        reports = {host: report.in_any_unit(devices) for host, report in observed.busy.items()}
        if devices > 1 and (highest <= 100 or reports != observed.busy):
            kind = MEANS_OF_ACCELERATORS if highest <= 100 else SOME_MEANS
            notes.append(kind(devices=devices, metric=metrics.occupancy, where=metrics.where))
        if any(report.has_fractions(devices) for report in observed.busy.values()):
            notes.append(VALUES_IN_FRACTIONS(devices=devices, metric=metrics.occupancy, where=metrics.where))
    fractions = {host for host, each in observed.busy.items() if observed.unit_unsure and 0 < 100 * each.highest <= 1}
    if fractions:
        notes.append(SOME_FRACTIONS(hosts=sorted(fractions), metric=metrics.occupancy, where=metrics.where))
    least = min(published.of(kind.unit_name).lowest for kind in with_accelerators)
    alike = len(with_accelerators) == len(known)  # a host without any truly reports zero
    shares = {host: report.occupancy_of_values(devices) for host, report in observed.busy.items()}
    idle = {host: share for host, share in shares.items() if signs and share < least and (alike or share)}
    if idle:
        share, where = max(idle.values()), metrics.where
        notes.append(IDLE_THOUGH_TRAINING(hosts=sorted(idle), share=share, signs=signs, lowest=least, where=where))
    return {host: report for host, report in reports.items() if host not in idle and host not in fractions}


def _devices(kind: InstanceType) -> int:
    """Accelerators that a host reports on: a share of one is reported as one."""
    return ceil(kind.units)
