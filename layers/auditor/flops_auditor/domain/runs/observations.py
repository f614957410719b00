"""What the metrics of a run say: occupancy of its accelerators per host, and what the training code emitted.

Occupancy (a metric of each host, 100 per accelerator) is the share of time in which some kernel ran.
It bounds utilisation from above and is no measure of it (docs/methodology.md).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from fractions import Fraction
from functools import cached_property
from typing import Any, Literal

from flops_auditor.domain.runs.emitted import (
    AGREEMENT,
    BEGINS_UNSEEN,
    FINAL_GAUGE,
    Emitted,
    Final,
    by_quantity,
    of_all_hosts,
    read_counter,
    read_gauge,
    with_final,
)
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.meter_definitions import with_definitions
from flops_auditor.domain.runs.meter_lines import PREFIX, read_lines, word_of
from flops_auditor.domain.runs.meter_words import MODEL_FLOP, Counted, Facts, Suspicion
from flops_auditor.domain.runs.metric_signs import only_rollouts_emit, only_training_emits, training_may_emit
from flops_auditor.domain.runs.occupancy import BESIDE_MEANS, Busy, Points, busy_hosts, host_in, is_occupancy
from flops_auditor.domain.runs.remedies import AMEND, ASK_AGAIN
from flops_auditor.domain.runs.run import HostMetrics, Run
from flops_auditor.domain.runs.series import (
    HOUR,
    Moments,
    Series,
    SeriesReader,
    held,
    in_microseconds,
    is_amount,
    moment_in_microseconds,
    series_of,
    step_of,
)
from flops_auditor.domain.runs.trainer_metrics import (
    METER,
    Meaning,
    TrainerMetrics,
    is_like_the_meters,
)
from flops_auditor.domain.runs.work_beside import Signs
from flops_auditor.domain.values.amounts import exact
from flops_auditor.domain.values.remarks import Kind, Remark

NOT_A_RESULT = Kind("metric-result-not-an-object", "a metric result is not an object and is not used")
NO_AMOUNTS = Kind(
    "metric-values-no-amounts",
    "{count} values of {label:said80} are no amounts and are not used, such as {first:said20}",
)
PERIOD_UNKNOWN = Kind(
    "metric-period-unknown",
    "the period of the metrics is not known: the spacing of their values is taken for it, and values over an hour "
    "apart stand for a minute each",
)
NOT_THE_METERS = Kind(
    "metric-like-the-meters",
    "metric {name:said80} is named almost as those of flops-meter, or is that of one host: it is no count of a meter, "
    "and is not used",
)
OF_BEFORE = Kind(
    "metric-from-before-the-run",
    "{count} values of {label:said80} are from before the run was created, as those of an earlier one of its name, and "
    "are not used",
)
FINAL_NO_AMOUNT = Kind("final-value-no-amount", "the last value of {name:said80} is {value} and is not used")
WORKED_ALL_THE_SAME = Kind(
    "never-trained-contradicted",
    "contradictory evidence: the job is said never to have trained, but emits {names:list}, as only a run at work does",
    AMEND,
)
UNFINISHED = Kind(
    "metric-not-complete",
    "CloudWatch answered {codes} for {label:said80}",
    ASK_AGAIN,
)
_LEAST_OF_ROLLOUTS = Fraction(1, 100)
"""Of the training time: values in less of it, up to an hour each, are of something beside it."""
EmittedAs = Literal["of the run", "of hosts", "last value"]
"""How a metric is emitted, in words: each may say something else."""
MetricSaid = tuple[str, EmittedAs | None]
"""A metric by its name, in one form; None: in all of them."""


@dataclass(frozen=True)
class Observations:
    """Metrics, read. `busy` maps host -> busy accelerators of that host.

    `emitted` maps quantity (see data/trainer_metrics.json) -> value; `notes` say what was not used and why; `doubts`
    name series that CloudWatch did not give in full. `training_signs` are names of metrics that only training emits,
    `work_signs` of those that a run at work emits, be it an evaluation, too,
    `rollout_signs` of those that only a run emits that generates what it trains on.
    `generation_flop` and `reference_flop` a meter counted beside the model FLOP: passes that made training data, or a
    training signal; `suspicions` speak against what was counted. `unit_unsure`: somebody's file says how busy hosts
    were, and not CloudWatch as we asked it. `busy_beside`: seconds beside the spans of training, and beside what
    nothing explains, in which the run was at work.
    """

    busy: Mapping[str, Busy]
    emitted: Mapping[str, Emitted]
    notes: tuple[Remark, ...] = ()
    doubts: tuple[Remark, ...] = ()
    training_signs: tuple[str, ...] = ()
    work_signs: tuple[str, ...] = ()
    rollout_signs: tuple[str, ...] = ()
    generation_flop: Fraction = Fraction(0)
    reference_flop: Fraction = Fraction(0)
    suspicions: tuple[Suspicion, ...] = ()
    unit_unsure: bool = False
    busy_beside: Fraction = Fraction(0)
    emissions: "Emissions | None" = field(default=None, compare=False, repr=False)
    """What the run emitted by name, of which `emitted` is what counts."""

    def without_metrics(self, gone: Set[MetricSaid]) -> "Observations":
        """As if the run had not emitted these, but for what tells that it trained, or was at work: such names only ever
        count against it.
        """
        if self.emissions is None:
            return self
        left = self.emissions.without(gone)
        rest = left.with_lines(Observations(self.busy, left.by_quantity([])))
        return replace(
            self,
            emitted=rest.emitted,
            rollout_signs=left.rollout_signs,
            generation_flop=rest.generation_flop,
            reference_flop=rest.reference_flop,
            suspicions=rest.suspicions,
            emissions=left,
        )

    @property
    def signal_flop(self) -> Fraction:
        """What made training data or a training signal, and updated nothing."""
        return self.generation_flop + self.reference_flop

    def with_count(self, count: Counted, notes: Sequence[Remark] = ()) -> "Observations":
        """With what a meter counted."""
        return replace(
            self,
            emitted={**self.emitted, MODEL_FLOP: count.model},
            generation_flop=count.generation_flop,
            reference_flop=count.reference_flop,
            suspicions=count.suspicions,
            notes=(*self.notes, *notes, *count.notes),
        )

    def of_a_resumed_run(self) -> "Observations":
        """Of a run that may go on from a checkpoint: what a counter had when it was first seen may be an earlier run's.
        A meter counts what its own process did.
        """
        unseen = {
            quantity: one
            for quantity, one in self.emitted.items()
            if one.surely_its_own * AGREEMENT < one.lowest and quantity != MODEL_FLOP
        }
        restored = {quantity: one.as_restored for quantity, one in unseen.items()}
        notes = (BEGINS_UNSEEN(name=one.name, grown=one.surely_its_own) for one in unseen.values())
        return replace(self, emitted={**self.emitted, **restored}, notes=(*self.notes, *notes))


@dataclass(frozen=True)
class Emissions:
    """What a run emitted, by name and host ("": of the run), and its last values; `meanings` of those names that are
    read, and `rollout_signs` of those that only rollouts emit. `period` of the metrics in seconds, None: not known.
    """

    run: Run
    moments: Moments
    period: int | None
    meanings: Mapping[str, Meaning]
    series: Mapping[tuple[str, str], Series]
    finals: Mapping[str, Final]
    rollout_signs: tuple[str, ...]
    _known: dict[tuple[str, ...], tuple[Emitted, ...]] = field(default_factory=dict)
    _lines: dict[tuple[object, ...], Counted | Remark | None] = field(default_factory=dict)
    """What the meter's lines amount to, by which of them are left, and by their count read like any other."""

    @cached_property
    def _by_name(self) -> Mapping[str, Mapping[str, Series]]:
        """The series of each name, by host."""
        by_name: defaultdict[str, dict[str, Series]] = defaultdict(dict)
        for (name, host), series in self.series.items():
            by_name[name][host] = series
        return by_name

    @cached_property
    def of_the_meter(self) -> frozenset[str]:
        """Names of the meter's lines, which are read together."""
        return frozenset(name for name in (*self._by_name, *self.finals) if word_of(name))

    def forms(self, name: str) -> list[EmittedAs]:
        """In which forms a name was emitted."""
        forms: dict[EmittedAs, None] = {_form(host): None for host in self._by_name.get(name, {})}
        return [*forms, "last value"] if name in self.finals else list(forms)

    def without(self, gone: Set[MetricSaid]) -> "Emissions":
        """Without what is `gone`: names in forms, None for all of them."""
        return replace(
            self,
            series={
                (name, host): each
                for (name, host), each in self.series.items()
                if gone.isdisjoint({(name, None), (name, _form(host))})
            },
            finals={
                name: each
                for name, each in self.finals.items()
                if gone.isdisjoint({(name, None), (name, "last value")})
            },
            rollout_signs=tuple(name for name in self.rollout_signs if (name, None) not in gone),
        )

    def read(self, name: str, notes: list[Remark]) -> tuple[Emitted, ...]:
        """What was emitted under a name that is read; each set of its forms is read once."""
        forms = (name, *self.forms(name))
        if forms not in self._known:
            meaning, hosts = self.meanings[name], sum(group.instance_count for group in self.run.hosts)
            by_host = self._by_name.get(name, {})
            read = _read(name, meaning, by_host, self.finals.get(name), self.moments, self.period, hosts, notes)
            self._known[forms] = tuple(one.scaled(meaning.scale) for one in read)
        return self._known[forms]

    def by_quantity(self, notes: list[Remark]) -> dict[str, Emitted]:
        """One reading of each quantity."""
        read: defaultdict[str, list[Emitted]] = defaultdict(list)
        for name, meaning in self.meanings.items():
            for one in self.read(name, notes):
                read[meaning.quantity].append(one)
        return by_quantity(read, notes)

    def with_lines(self, observed: Observations) -> Observations:
        """With what the meter's lines say, where there are any; each set of them is read once."""
        if not self.of_the_meter:
            return observed
        lines = {name: series for (name, host), series in self.series.items() if not host and word_of(name)}
        finals = {name: final for name, final in self.finals.items() if word_of(name)}
        plain = observed.emitted.get(MODEL_FLOP)
        left = (*lines, None, *finals, plain)
        if left not in self._lines:
            self._lines[left] = _read_of_lines(lines, finals, self.run, self.period, plain)
        return _with_lines(observed, self._lines[left])


def _form(host: str) -> EmittedAs:
    return "of hosts" if host else "of the run"


def observe(evidence: Evidence, run: Run, vocabulary: TrainerMetrics) -> Observations:
    """Read the metrics in the evidence, weighted over the Training spans. Never raises: oddities become notes.

    The order of results does not matter; results of one label (pages of an answer) are one series.
    """
    notes: list[Remark] = []
    period, moments, metrics = evidence.period_seconds, in_microseconds(run.time.spans), run.host_metrics
    refused: list[Remark] = []
    labelled = _points(evidence, metrics, refused)
    of_occupancy = {label: points for label, points in labelled.items() if is_occupancy(label, metrics)}
    busy, occupancies = busy_hosts(of_occupancy, metrics, moments, period, notes)
    named = {label: _name_and_host(label, metrics, vocabulary) for label in labelled if label not in of_occupancy}
    emitted = {
        name_and_host: series_of(own)
        for label, name_and_host in named.items()
        if (own := _since_created(label, labelled[label], run, period, notes))
    }
    finals = _finals(run, vocabulary, notes)
    recognised = {name: vocabulary.recognise(name) for name in sorted({name for name, _ in emitted} | set(finals))}
    meanings = {name: each for name, each in recognised.items() if each is not None and each.quantity != METER}
    signs = {name for name, _ in named.values()} | {final.name for final in run.final_values}
    rollouts = _rollout_signs(signs, emitted, moments, period)
    emissions = Emissions(run, moments, period, meanings, emitted, finals, rollouts)
    for name in meanings:
        emissions.read(name, notes)
    if busy and period is None:
        notes.append(PERIOD_UNKNOWN())
    notes += [NOT_THE_METERS(name=name) for name in sorted(signs) if is_like_the_meters(name) and not word_of(name)]
    observed = Observations(
        busy=busy,
        emitted=emissions.by_quantity(notes),
        notes=tuple(dict.fromkeys([*notes, *refused])),
        doubts=_unfinished(evidence),
        training_signs=tuple(sorted(name for name in signs if only_training_emits(name, vocabulary))),
        work_signs=tuple(sorted(name for name in signs if training_may_emit(name, vocabulary))),
        rollout_signs=rollouts,
        unit_unsure=period is None,
        emissions=emissions,
    )
    observed = emissions.with_lines(observed)
    known_until = None if run.finished else evidence.collected_at
    return _with_work_beside(observed, occupancies, emitted, run, period, known_until)


def _rollout_signs(
    names: Iterable[str], emitted: Mapping[tuple[str, str], Series], moments: Moments, period: int | None
) -> tuple[str, ...]:
    """Names of metrics that only rollouts emit: all that are known by a last value alone, and of others those that have
    values in more than a moment of the training.
    """
    least = _LEAST_OF_ROLLOUTS * moments.total
    seen = {name for name, _ in emitted}
    lasting = {
        name
        for (name, _), series in emitted.items()
        if only_rollouts_emit(name)
        and (len(series.untimed) > 1 or held(series, moments, step_of(series, period)).covered >= least)
    }
    return tuple(sorted(name for name in names if only_rollouts_emit(name) and (name in lasting or name not in seen)))


def _with_work_beside(
    observed: Observations,
    occupancies: Sequence[Series],
    emitted: Mapping[tuple[str, str], Series],
    run: Run,
    period: int | None,
    known_until: datetime | None,
) -> Observations:
    """With how long the run was at work beside its training; of one that never trained whatever it emitted, or was busy
    with, is in doubt where no time can be said.
    """
    time, names = run.time, observed.work_signs
    moments = (run.created, run.started, known_until)
    created, begun, until = (None if at is None else moment_in_microseconds(at) for at in moments)
    trained = {label: series for label, series in emitted.items() if label[0] in names}
    last = [moment_in_microseconds(one.at) for one in run.final_values if one.at is not None and one.name in names]
    signs = Signs(occupancies, tuple(trained.values()), last, period)
    beside = signs.seconds_beside(time, created, begun, until)
    doubts = observed.doubts
    if time.seconds == 0 and names and run.hardware_disclosed and not (beside and run.hosts):
        doubts = (*doubts, WORKED_ALL_THE_SAME(names=names))
    return replace(observed, busy_beside=beside, doubts=doubts)


def _read_of_lines(
    lines: Mapping[str, Series], finals: Mapping[str, Final], run: Run, period: int | None, plain: Emitted | None
) -> Counted | Remark | None:
    step = step_of(lines[f"{PREFIX}{MODEL_FLOP}"], period) if f"{PREFIX}{MODEL_FLOP}" in lines else 0
    facts = with_definitions(facts_of(run), run.metric_expressions)
    return read_lines(lines, finals, facts, run.time.spans, step, plain)


def _with_lines(observed: Observations, read: Counted | Remark | None) -> Observations:
    """With what the lines of flops-meter amount to; without them where they are not this job's."""
    if read is None:
        return observed
    if isinstance(read, Counted):
        trained = read.model.value > 0
        of_training, of_work = (
            tuple(name for name in signs if trained or not name.startswith(PREFIX))
            for signs in (observed.training_signs, observed.work_signs)
        )
        return replace(observed.with_count(read), training_signs=of_training, work_signs=of_work)
    others = {quantity: each for quantity, each in observed.emitted.items() if not each.name.startswith(PREFIX)}
    return replace(observed, emitted=others, notes=(*observed.notes, read))


def facts_of(run: Run) -> Facts:
    """What a meter's words are compared with."""
    return Facts(run.arn, run.time.seconds, sum(group.instance_count for group in run.hosts))


def _name_and_host(label: str, metrics: HostMetrics, vocabulary: TrainerMetrics) -> tuple[str, str]:
    """A label is a metric's name, which may hold blanks, or a name with the host that emitted it. A meter's lines are
    those of no host.
    """
    name, _, place = label.rpartition(" ")
    if name and host_in(place, metrics) and vocabulary.recognise(label) is None and not is_like_the_meters(label):
        return name, place
    return label, ""


def _read(
    name: str,
    meaning: Meaning,
    by_host: Mapping[str, Series],
    final: Final | None,
    moments: Moments,
    period: int | None,
    hosts: int,
    notes: list[Remark],
) -> list[Emitted]:
    """Readings of one metric: of the run, and of its hosts together."""
    read = read_counter if meaning.cumulative else read_gauge
    readings = {host: one for host, series in by_host.items() if (one := read(name, series, moments, period, notes))}
    whole = readings.pop("", None)
    if meaning.cumulative and final is not None:
        whole = with_final(whole, final, by_host.get(""), moments, period, notes)
    elif final is not None and whole is None and not readings:
        notes.append(FINAL_GAUGE(name=name))
        whole = Emitted(final.value, name, None)
    together = []
    if meaning.cumulative and readings:
        together = [of_all_hosts(name, readings, by_host, hosts, notes)]
    elif readings:
        together = list(readings.values())
    return together + ([] if whole is None else [whole])


def _since_created(label: str, points: Points, run: Run, period: int | None, notes: list[Remark]) -> Points:
    """Values since the run was created, or whose period reaches so far."""
    if run.created is None:
        return points
    created = moment_in_microseconds(run.created) - (period * 10**6 if period else HOUR)
    own = [(start, value) for start, value in points if start is None or start > created]
    if len(own) < len(points):
        notes.append(OF_BEFORE(count=len(points) - len(own), label=label))
    return own


def _finals(run: Run, vocabulary: TrainerMetrics, notes: list[Remark]) -> dict[str, Final]:
    """Last values that are amounts, by name; of several of one name the largest."""
    finals: dict[str, Final] = {}
    for final in sorted(run.final_values, key=lambda final: (final.name, final.value)):
        name, value = final.name, final.value
        if vocabulary.recognise(name) is None:
            continue
        if final.at is not None and run.created is not None and final.at < run.created:
            notes.append(OF_BEFORE(count=1, label=name))
        elif is_amount(value):
            finals[name] = Final(name, exact(value), final.at)
        else:
            notes.append(FINAL_NO_AMOUNT(name=name, value=str(value)))
    return finals


def _points(evidence: Evidence, metrics: HostMetrics, notes: list[Remark]) -> dict[str, Points]:
    """Points by label, in order of the labels; results of one label (pages of an answer) are one series. A figure of
    occupancies that has only values which are no amounts has no points: it was asked for all the same.
    """
    merged: dict[str, list[tuple[int | None, float]]] = {}
    reader = SeriesReader()
    for result in evidence.metrics:
        if not isinstance(result, Mapping):
            notes.append(NOT_A_RESULT())
            continue
        written = str(result.get("Label", ""))
        label = written.strip()
        if label != written and is_like_the_meters(written):
            label = written
        points, refused = reader.points(result)
        if refused:
            notes.append(NO_AMOUNTS(count=len(refused), label=label, first=_shown(refused[0])))
        if points or (refused and is_occupancy(label, metrics) and label.endswith(BESIDE_MEANS)):
            merged.setdefault(label, []).extend(points)
    return dict(sorted(merged.items()))


def _shown(value: object) -> str:
    try:
        return str(value)[:20]
    except ValueError:  # an integer of more digits than Python prints
        return "a very long number"


def _unfinished(evidence: Evidence) -> tuple[Remark, ...]:
    """Series that CloudWatch did not give in full (API Reference, MetricDataResult, StatusCode)."""
    codes: dict[str, set[str]] = {}
    for result in evidence.metrics:
        if isinstance(result, Mapping) and result.get("StatusCode"):
            codes.setdefault(str(result.get("Label", ""))[:80], set()).add(str(result["StatusCode"])[:40])
    doubts = []
    for label, states in sorted(codes.items()):
        failed = sorted(states - {"Complete", "PartialData"})
        if failed or "Complete" not in states:
            doubts.append(UNFINISHED(codes=", ".join(failed) or "PartialData", label=label))
    return tuple(doubts)


def metric_results(answers: Any) -> Sequence[Mapping[str, Any]]:
    """MetricDataResults of a GetMetricData answer, or of a list of such answers (one per page).

    Raises ValueError for anything else.
    """
    pages = answers if isinstance(answers, list) else [answers]
    results: list[Mapping[str, Any]] = []
    for page in pages:
        page_results = page.get("MetricDataResults") if isinstance(page, Mapping) else None
        if not isinstance(page_results, list):
            raise ValueError("no MetricDataResults list: pass the answer of `aws cloudwatch get-metric-data`")
        results.extend(page_results)
    return results
