"""All that bears on a run apart from what AWS measured, and how each part of it is left out.

A job's owner writes tags, hyperparameters and environment, and the job emits its metrics: all of it is a statement, not
a measurement (docs/adr/1100-rests-on.md).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from flops_auditor.domain.audit.grounds import (
    FIGURES,
    LONGEST_VALUE,
    ON_EARLIER_RUNS,
    ON_ITS_CHANNELS,
    ON_ITS_LINEAGE_TAG,
    ON_ITS_PLACES,
    OPTIONS,
    Ground,
    StatementNames,
)
from flops_auditor.domain.lineage.lineage import NO_LINEAGE, Lineage
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.declared import TAG_PREFIX, Declared, read_declared
from flops_auditor.domain.runs.emitted import largest
from flops_auditor.domain.runs.hyperparameters import Hyperparameters
from flops_auditor.domain.runs.meter_words import MODEL_FLOP
from flops_auditor.domain.runs.observations import Emissions, MetricSaid, Observations
from flops_auditor.domain.values.remarks import Kind, Remark, as_word, bounded, printable

MOST_STATEMENTS = 40
MOST_EMITTED = 60
"""Metrics and forms of them that are left out one by one: 40 names, the most that SageMaker takes, and some forms."""
EARLIER_RUNS = "what earlier runs say of themselves"
EARLIER_DATA = "that earlier runs say they generated data"
ITS_PLACES = "what it says, by its role and the names that it gives, of other runs at the places it reads"
OPERATORS_HOURS = "which hosts it had, and for how long, by whoever operates them"
CHECKPOINTS = "places it reads, which may hold a checkpoint with what an earlier run counted"
ACTIVITY_TAG = ("tags", f"{TAG_PREFIX}activity")
EARLIER_ACTIVITY = ("earlier runs", "activity")
"""The names of two statements: what a tag of the run says that it did, and what those of earlier runs say."""
_LINEAGE = f"tag {TAG_PREFIX}lineage"
LINEAGE_DENIED = Kind(
    "lineage-denied",
    "only the job's own tag says what it continues, and it reads {places:list}",
)
CALLED_AUXILIARY = Kind(
    "called-auxiliary",
    "only their names say that the job does not begin with what these give: {inputs:list}",
)
HOURS_DENIED = Kind(
    "operators-hours-denied",
    "only a file of {who:said80}, who operates the cluster, says how long it had its hosts, and which",
)
OF_EACH = 160
"""Characters that take as long to read as what is asked of each statement however short: whether it is a format, a
checkpoint, a number.
"""
_PLACES = {
    "tags": "tag",
    "parameters": "hyperparameter",
    "environment": "variable",
    "arguments": "argument",
    "channels": "channel",
}
"""Where the job's owner says things, and what one is called."""
_OF_TRAINERS = frozenset({"parameters", "environment", "arguments"})
_SAME = {
    "token_rate": "tokens",
    "token_rate_per_unit": "tokens",
    "model_flop_rate": "mfu",
    "model_flop_rate_of_all": "mfu",
}
"""Quantities that say the same as another one."""
_LONGEST_TOLD = 400
"""Characters of the names of those that are left out together since there are too many."""
_MOST_NAMED = 8
"""Names of statements that bear on the same things, of which all are said: a plan takes up to so many."""


class Readings:
    """What a run declares, with and without some of its statements. Each set of them is read once; `characters` is how
    much was read in all, each statement counted as OF_EACH more.
    """

    def __init__(self, declared: Declared) -> None:
        statements = declared.statements
        self.given: Mapping[str, Mapping[str, str]] = {place: getattr(statements, place) for place in _PLACES}
        self._in_order = [(place, name) for place, given in self.given.items() for name in given]
        self.names: StatementNames = frozenset(self._in_order)
        self._statements = statements
        self._known: dict[StatementNames, Declared] = {self.names: declared}
        self.characters = 0

    def without(self, gone: StatementNames) -> Declared:
        """What is declared by the statements that are left."""
        return self._only(self.names - gone)

    def _only(self, left: StatementNames) -> Declared:
        if left not in self._known:
            given: dict[str, Any] = {place: {} for place in _PLACES}
            for place, name in left if len(left) <= 1 else (each for each in self._in_order if each in left):
                given[place][name] = self.given[place][name]
                self.characters += OF_EACH + len(name) + len(given[place][name])
            self._known[left] = read_declared(replace(self._statements, **given))
        return self._known[left]

    def bears_on(self, place: str, name: str) -> tuple[str, ...]:
        """What a statement changes of what is declared: read alone, or beside others without which it says nothing, as
        steps, batch and length do. Each is read once: taking each from all would read all of them for each.
        """
        empty, read = self._only(frozenset()), self._only(frozenset({(place, name)}))
        whole = self.without(frozenset())
        never = {"notes", "lineage", "training_signs"}  # signs only ever count against the job
        named = Hyperparameters.of({name: self.given[place][name]}) if place in _OF_TRAINERS else None
        together = {field for field in named.bears_together() if getattr(whole, field) is not None} if named else set()
        compared = (each.name for each in fields(Declared) if each.compare and each.name not in never)
        return tuple(field for field in compared if field in together or getattr(read, field) != getattr(empty, field))


@dataclass(frozen=True)
class Heard:
    """All that bears on a run apart from what AWS measured: what it says, what it emitted, what people say of it.

    `observed` is as it was read; `files` are those that the job left. `reads` is what it reads a model from, where its
    tag says what it continues, and `auxiliary` what it calls a teacher and the like, where it does not.
    `may_read_a_checkpoint`: it names places that may hold one. `operators_hours`: for how long it had its hosts, where
    no service says so, but whoever operates them. `gone` are the statements that are left out of
    `readings`, and `silent` the metrics that are left out of what was observed.
    """

    readings: Readings
    observed: Observations
    lineage: Lineage
    files: Mapping[str, str]
    amendments: tuple[Amendment, ...]
    reads: tuple[str, ...] = ()
    auxiliary: tuple[str, ...] = ()
    doubts: tuple[Remark, ...] = ()
    may_read_a_checkpoint: bool = False
    operators_hours: Remark | None = None
    gone: StatementNames = frozenset()
    silent: frozenset[MetricSaid] = frozenset()

    @property
    def emitting(self) -> Observations:
        """What was observed, without the metrics that were left out."""
        return self.observed.without_metrics(self.silent) if self.silent else self.observed

    @property
    def declared(self) -> Declared:
        """What is declared, without the statements that were left out."""
        return self.readings.without(self.gone)


@dataclass(frozen=True, eq=False)
class Part:
    """Something that can be left out. `bears_on` are the kinds of what it says, `form_of` is what names the metric that
    it is one form of. `not_told_apart`: it stands for what was emitted beyond what is left out one by one.
    """

    ground: Ground
    left_out: Callable[[Heard], Heard]
    bears_on: frozenset[str] = frozenset()
    form_of: str = ""
    not_told_apart: bool = False

    def beside(self, other: "Part") -> bool:
        """Whether it stays where the other one is left out: a metric does not where one of its forms is kept."""
        return self is not other and self.form_of != other.ground.what and self.ground.what != other.form_of


def without_parts(heard: Heard, parts: Iterable[Part]) -> Heard:
    """What was heard without these parts."""
    for part in parts:
        heard = part.left_out(heard)
    return heard


def parts_of(heard: Heard) -> Iterator[Part]:
    declared = list(_declared(heard.readings))
    yield from declared[: MOST_STATEMENTS - 1]
    if more := declared[MOST_STATEMENTS - 1 :]:
        yield more[0] if len(more) == 1 else _together(more)
    if any(ancestor.data_by_its_word for ancestor in heard.lineage.ancestors):
        names = frozenset({EARLIER_ACTIVITY})
        data = Ground("declared", EARLIER_DATA, names=names, doubt=ON_EARLIER_RUNS, options=())
        yield Part(data, lambda h: replace(h, lineage=h.lineage.with_weights()))
    if any(ancestor.without_statements for ancestor in heard.lineage.ancestors):
        earlier = Ground("declared", EARLIER_RUNS, doubt=ON_EARLIER_RUNS, options=())
        yield Part(earlier, lambda h: replace(h, lineage=h.lineage.without_statements()))
    if heard.lineage.on_its_word:
        places = Ground("declared", ITS_PLACES, doubt=ON_ITS_PLACES, options=())
        yield Part(places, lambda h: replace(h, doubts=(*h.doubts, *heard.lineage.on_its_word)))
    if heard.declared.lineage:
        tagged = _shown(" ".join(heard.declared.lineage))
        yield Part(Ground("declared", _LINEAGE, tagged, doubt=ON_ITS_LINEAGE_TAG, options=()), _without_lineage_tag)
    if heard.auxiliary:
        what = f"what it calls {', '.join(heard.auxiliary[:_MOST_NAMED])}"
        yield Part(Ground("declared", what, doubt=ON_ITS_CHANNELS, options=()), _counting_auxiliary)
    if heard.may_read_a_checkpoint and heard.observed.of_a_resumed_run().emitted != heard.observed.emitted:
        ground = Ground("declared", CHECKPOINTS, options=FIGURES)
        yield Part(ground, lambda h: replace(h, may_read_a_checkpoint=False), frozenset({"resumes"}))
    if hours := heard.operators_hours:
        ground = Ground("declared", OPERATORS_HOURS, _shown(str(hours.fact("who"))), options=FIGURES)
        yield Part(ground, lambda h: replace(h, doubts=(*h.doubts, HOURS_DENIED(who=hours.fact("who")))))
    yield from _bounded_emitted(list(_emitted(heard.observed)))
    if heard.files:
        files = ", ".join(sorted(as_word(name.rsplit("/", 1)[-1], 80) for name in heard.files))
        yield Part(Ground("emitted", f"file {files}"), lambda h: replace(h, files={}))
    for amendment in heard.amendments:
        yield Part(Ground("amended", printable(amendment.source)[:200]), _without_amendment(amendment))


def _declared(readings: Readings) -> Iterator[Part]:
    """Each tag, and the hyperparameters and variables that bear on the same things together."""
    for place, word in _PLACES.items():
        values = readings.given[place]
        alike: defaultdict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
        for name in sorted(values):
            bearing = readings.bears_on(place, name)
            if bearing:
                alike[bearing, name if place == "tags" else ""].append(name)
        for (bearing, _), names in alike.items():
            told = ", ".join(as_word(name, LONGEST_VALUE) for name in names[:_MOST_NAMED])
            what = f"{word}{'s' if len(names) > 1 else ''} {told}"
            value = _shown(values[names[0]] if len(names) == 1 else "")
            every = frozenset((place, name) for name in names)
            options = next((OPTIONS[each] for each in bearing if each in OPTIONS), FIGURES)
            ground = Ground("declared", what, value, names=every, options=options)
            yield Part(ground, _without(every), frozenset(bearing))


def _emitted(observed: Observations) -> Iterator[Part]:
    """Each metric by its name, and each form of it that says something else; what a meter counts together, and all
    names that only rollouts emit.
    """
    emissions = observed.emissions
    if emissions is None:
        return
    for quantity, name in sorted((meaning.quantity, name) for name, meaning in emissions.meanings.items()):
        if name not in emissions.of_the_meter:
            yield from _of_a_metric(emissions, name, quantity)
    counted = observed.emitted.get(MODEL_FLOP)
    if counted is not None:
        what, value = f"metric {as_word(counted.name, 80)}", f"{float(counted.value):.4g}"
        meter = [(name, None) for name in emissions.of_the_meter]
        ground = Ground("emitted", what, value, options=FIGURES)
        yield Part(ground, _without_metrics(meter), frozenset({MODEL_FLOP}))
    if emissions.rollout_signs:
        names = emissions.rollout_signs
        what = f"metric{'s' if len(names) > 1 else ''} {', '.join(as_word(each, 80) for each in names[:_MOST_NAMED])}"
        yield Part(Ground("emitted", what), _without_metrics((each, None) for each in names), frozenset({"technique"}))


def _bounded_emitted(several: Sequence[Part]) -> Iterator[Part]:
    """Of more than are left out one by one, whole metrics go before forms; the rest is left out together."""
    if len(several) <= MOST_EMITTED:
        yield from several
        return
    in_order = sorted(several, key=lambda part: bool(part.form_of))
    alone, rest = in_order[: MOST_EMITTED - 1], in_order[MOST_EMITTED - 1 :]
    yield from (part for part in several if part in alone)
    told = bounded(", ".join(part.ground.what for part in rest), _LONGEST_TOLD)
    bears_on = frozenset(kind for part in rest for kind in part.bears_on)
    ground = Ground("emitted", told, options=FIGURES)
    yield Part(ground, lambda heard: without_parts(heard, rest), bears_on, not_told_apart=True)


def _of_a_metric(emissions: Emissions, name: str, quantity: str) -> Iterator[Part]:
    forms, read = emissions.forms(name), emissions.read(name, [])
    others = {form: emissions.without({(name, form)}).read(name, []) for form in forms if len(forms) > 1}
    bears, options = frozenset({_SAME.get(quantity, quantity)}), ("--mfu SHARE",) if quantity == "mfu" else FIGURES
    own = [form for form, other in others.items() if other != read]
    for form in [*([None] if read else []), *own]:
        what = f"metric {as_word(name, 80)}{f', {form}' if form else ''}"
        value = f"{float(largest(quantity, read, []).value):.4g}" if read and not form else ""
        form_of = f"metric {as_word(name, 80)}" if form else ""
        yield Part(Ground("emitted", what, value, options=options), _without_metrics([(name, form)]), bears, form_of)


def _together(several: Sequence[Part]) -> Part:
    """More statements than are left out one by one."""
    names = frozenset(name for part in several for name in part.ground.names)
    told = bounded(", ".join(part.ground.what for part in several), _LONGEST_TOLD)
    bears_on = frozenset(kind for part in several for kind in part.bears_on)
    return Part(Ground("declared", told, names=names), _without(names), bears_on)


def _without(gone: StatementNames) -> Callable[[Heard], Heard]:
    return lambda heard: replace(heard, gone=heard.gone | gone)


def _without_lineage_tag(heard: Heard) -> Heard:
    """What the job continues was looked up with its tag. Without it, it may continue whatever it reads."""
    if heard.reads:
        return replace(heard, doubts=(*heard.doubts, LINEAGE_DENIED(places=heard.reads)))
    return replace(heard, lineage=NO_LINEAGE)


def _counting_auxiliary(heard: Heard) -> Heard:
    """Whose results these are was not looked up. Without their names, the job may continue those."""
    return replace(heard, doubts=(*heard.doubts, CALLED_AUXILIARY(inputs=heard.auxiliary)))


def _without_metrics(gone: Iterable[MetricSaid]) -> Callable[[Heard], Heard]:
    silent = frozenset(gone)
    return lambda heard: replace(heard, silent=heard.silent | silent)


def _without_amendment(amendment: Amendment) -> Callable[[Heard], Heard]:
    return lambda heard: replace(heard, amendments=tuple(a for a in heard.amendments if a != amendment))


def _shown(value: str) -> str:
    return bounded(printable(value), LONGEST_VALUE)
