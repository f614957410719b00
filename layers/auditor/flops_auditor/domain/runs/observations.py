"""What the metrics of a run say: occupancy of its accelerators per host, and what the training code emitted.

Occupancy (a metric of each host, 100 per accelerator) is the share of time in which some kernel ran.
It bounds utilisation from above and is no measure of it (docs/methodology.md).
"""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

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
from flops_auditor.domain.runs.occupancy import Busy, Points, busy_hosts, host_in, is_occupancy
from flops_auditor.domain.runs.remedies import ASK_AGAIN
from flops_auditor.domain.runs.run import FinalValue, HostMetrics, Run
from flops_auditor.domain.runs.series import (
    Series,
    SeriesReader,
    is_amount,
    series_of,
    step_of,
)
from flops_auditor.domain.runs.trainer_metrics import METER, Meaning, TrainerMetrics, normalise
from flops_auditor.domain.runs.training_time import Span, gaps
from flops_auditor.domain.values.amounts import exact
from flops_auditor.domain.values.remarks import Kind, Remark

_OF_TRAINING_ALONE = frozenset(
    {"loss", "training_loss", "lm_loss", "grad_norm", "gradient_norm", "learning_rate", "lr"}
)
"""Names without a leading `train_`: what such a name says is of training as well."""

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
FINAL_NO_AMOUNT = Kind("final-value-no-amount", "the last value of {name:said80} is {value} and is not used")
UNFINISHED = Kind(
    "metric-not-complete",
    "CloudWatch answered {codes} for {label:said80}",
    ASK_AGAIN,
)


@dataclass(frozen=True)
class Observations:
    """Metrics, read. `busy` maps host -> busy accelerators of that host.

    `emitted` maps quantity (see data/trainer_metrics.json) -> value; `notes` say what was not used and why; `doubts`
    name series that CloudWatch did not give in full. `training_signs` are names of metrics that only training emits.
    `generation_flop` and `reference_flop` a meter counted beside the model FLOP: passes that made training data, or a
    training signal; `suspicions` speak against what was counted. `unit_unsure`: somebody's file says how busy hosts
    were, and not CloudWatch as we asked it. `busy_beside`: seconds beside the spans of training, and beside what
    nothing explains, in which some host's accelerators were seen at work, at most.
    """

    busy: Mapping[str, Busy]
    emitted: Mapping[str, Emitted]
    notes: tuple[Remark, ...] = ()
    doubts: tuple[Remark, ...] = ()
    training_signs: tuple[str, ...] = ()
    generation_flop: Fraction = Fraction(0)
    reference_flop: Fraction = Fraction(0)
    suspicions: tuple[Suspicion, ...] = ()
    unit_unsure: bool = False
    busy_beside: Fraction = Fraction(0)

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
            if one.surely_grown * AGREEMENT < one.lowest and quantity != MODEL_FLOP
        }
        restored = {quantity: replace(one, least=one.surely_grown) for quantity, one in unseen.items()}
        notes = (BEGINS_UNSEEN(name=one.name, grown=one.surely_grown) for one in unseen.values())
        return replace(self, emitted={**self.emitted, **restored}, notes=(*self.notes, *notes))


def observe(evidence: Evidence, run: Run, vocabulary: TrainerMetrics) -> Observations:
    """Read the metrics in the evidence, weighted over the Training spans. Never raises: oddities become notes.

    The order of results does not matter; results of one label (pages of an answer) are one series.
    """
    notes: list[Remark] = []
    period, time, metrics = evidence.period_seconds, run.time, run.host_metrics
    labelled = _points(evidence, notes)
    of_occupancy = {label: points for label, points in labelled.items() if is_occupancy(label, metrics)}
    beside = gaps(run.started, run.ended, time.spans)
    busy, at_work = busy_hosts(of_occupancy, metrics, time.spans, period, notes, beside)
    emitted = {
        _name_and_host(label, metrics, vocabulary): series_of(points)
        for label, points in labelled.items()
        if label not in of_occupancy
    }
    finals = _finals(run.final_values, vocabulary, notes)
    hosts = sum(group.instance_count for group in run.hosts)
    by_quantity_read: defaultdict[str, list[Emitted]] = defaultdict(list)
    for name in sorted({name for name, _ in emitted} | set(finals)):
        meaning = vocabulary.recognise(name)
        if meaning is not None and meaning.quantity != METER:
            by_host = {host: series for (other, host), series in emitted.items() if other == name}
            for one in _read(name, meaning, by_host, finals.get(name), time.spans, period, hosts, notes):
                by_quantity_read[meaning.quantity].append(one.scaled(meaning.scale))
    if busy and period is None:
        notes.append(PERIOD_UNKNOWN())
    signs = {name for name, _ in emitted} | {final.name for final in run.final_values}
    observed = Observations(
        busy=busy,
        emitted=by_quantity(by_quantity_read, notes),
        notes=tuple(dict.fromkeys(notes)),
        doubts=_unfinished(evidence),
        training_signs=tuple(sorted(name for name in signs if _only_training_emits(name, vocabulary))),
        unit_unsure=period is None,
        busy_beside=min(at_work, max(Fraction(0), sum((gap.seconds for gap in beside), -time.unexplained))),
    )
    lines = {name: series for (name, host), series in emitted.items() if not host and word_of(name)}
    return _with_lines(observed, lines, finals, run, period)


def _with_lines(
    observed: Observations, lines: Mapping[str, Series], finals: Mapping[str, Final], run: Run, period: int | None
) -> Observations:
    """With what the lines of flops-meter say, where there are any; without them where they are not this job's."""
    step = step_of(lines[f"{PREFIX}{MODEL_FLOP}"], period) if f"{PREFIX}{MODEL_FLOP}" in lines else 0
    facts = with_definitions(facts_of(run), run.metric_expressions)
    read = read_lines(lines, finals, facts, run.time.spans, step, observed.emitted.get(MODEL_FLOP))
    if read is None:
        return observed
    if isinstance(read, Counted):
        trained = read.model.value > 0
        signs = tuple(name for name in observed.training_signs if trained or not name.startswith(PREFIX))
        return replace(observed.with_count(read), training_signs=signs)
    others = {quantity: each for quantity, each in observed.emitted.items() if not each.name.startswith(PREFIX)}
    return replace(observed, emitted=others, notes=(*observed.notes, read))


def facts_of(run: Run) -> Facts:
    """What a meter's words are compared with."""
    return Facts(run.arn, run.time.seconds, sum(group.instance_count for group in run.hosts))


def _only_training_emits(name: str, vocabulary: TrainerMetrics) -> bool:
    """Samples/s and the like may be those of an evaluation, and so may most words of a meter."""
    meaning = vocabulary.recognise(name)
    if meaning is None:
        plain = name.strip().lower()
        return normalise(name) in _OF_TRAINING_ALONE or re.match(r"train(?:ing)?[-_./: ]", plain) is not None
    return meaning.quantity not in {"sample_rate", METER}


def _name_and_host(label: str, metrics: HostMetrics, vocabulary: TrainerMetrics) -> tuple[str, str]:
    """A label is a metric's name, which may hold blanks, or a name with the host that emitted it."""
    name, _, place = label.rpartition(" ")
    if name and host_in(place, metrics) and vocabulary.recognise(label) is None:
        return name, place
    return label, ""


def _read(
    name: str,
    meaning: Meaning,
    by_host: Mapping[str, Series],
    final: Final | None,
    spans: Sequence[Span],
    period: int | None,
    hosts: int,
    notes: list[Remark],
) -> list[Emitted]:
    """Readings of one metric: of the run, and of its hosts together."""
    read = read_counter if meaning.cumulative else read_gauge
    readings = {host: one for host, series in by_host.items() if (one := read(name, series, spans, period, notes))}
    whole = readings.pop("", None)
    if meaning.cumulative and final is not None:
        whole = with_final(whole, final, spans, notes)
    elif final is not None and whole is None and not readings:
        notes.append(FINAL_GAUGE(name=name))
        whole = Emitted(final.value, name, None)
    together = []
    if meaning.cumulative and readings:
        together = [of_all_hosts(name, readings, hosts, notes)]
    elif readings:
        together = list(readings.values())
    return together + ([] if whole is None else [whole])


def _finals(values: Sequence[FinalValue], vocabulary: TrainerMetrics, notes: list[Remark]) -> dict[str, Final]:
    """Last values that are amounts, by name; of several of one name the largest."""
    finals: dict[str, Final] = {}
    for final in sorted(values, key=lambda final: (final.name, final.value)):
        name, value = final.name, final.value
        if vocabulary.recognise(name) is None:
            continue
        if is_amount(value):
            finals[name] = Final(name, exact(value), final.at)
        else:
            notes.append(FINAL_NO_AMOUNT(name=name, value=str(value)))
    return finals


def _points(evidence: Evidence, notes: list[Remark]) -> dict[str, Points]:
    """Points by label, in order of the labels; results of one label (pages of an answer) are one series."""
    merged: dict[str, list[tuple[int | None, float]]] = {}
    reader = SeriesReader()
    for result in evidence.metrics:
        if not isinstance(result, Mapping):
            notes.append(NOT_A_RESULT())
            continue
        label = str(result.get("Label", "")).strip()
        points, refused = reader.points(result)
        if refused:
            notes.append(NO_AMOUNTS(count=len(refused), label=label, first=_shown(refused[0])))
        if points:
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
