"""Fill in a form, such as the Model Documentation Form, as far as records can: the newest ones of a model's runs.

For a modification only what concerns the modification (Guidelines C(2025) 5045, section on downstream modifiers; AI
Act, recital 109).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.lineage.begun_with import models_begun_with, own_result
from flops_auditor.domain.messages.documents.form import (
    CountedRun,
    FieldSource,
    FilledForm,
    FormField,
    LineStanding,
    Scope,
)
from flops_auditor.domain.messages.documents.form_file import AnswerKind, AskedField, FormText
from flops_auditor.domain.messages.documents.run_figures import (
    TRAINING,
    CountedAmount,
    accelerator_seconds,
    amount_of,
    energies,
    kept_secret,
    waited_seconds,
    wall_clock_seconds,
    whole,
    why_no_hardware,
)
from flops_auditor.domain.messages.notification import drafts
from flops_auditor.domain.messages.record_words import said_of
from flops_auditor.domain.messages.roundings import (
    exactly,
    hides,
    magnitude,
    magnitude_hides,
    power,
    significant,
    two_digits,
)
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.values.amounts import counted, scientific
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.errors import WrongInput

DAYS_IN_A_MONTH = Decimal("30.44")
SECONDS_IN_A_DAY = 86400
MOST_NAMED = 20
"""Runs without a record here that are named."""
AT_ONCE = ("what several runs trained at once counts once; pauses between runs do not count",)
WAITED = "{run} waited or was interrupted in this time; without such pauses it would be {seconds} s less"
LONG_PAUSE = Fraction(1, 100)
"""The share of its time for which a run may not have trained without a word: jobs begin and end with some."""
PLACE = "that is where the run read it from: put the model's name and version in its place"
BETWEEN = "the record names a place that an earlier run may have written: say what these began with"
TWO_FIGURES = "two significant figures hide that it is {side} {line} FLOP: read the exact amount"
MAGNITUDE = "the order of magnitude hides that it is {side} {line} FLOP: read the exact amount"


class TrainsNoModel(WrongInput):
    """A run that trained no model has no such form."""

    remedy = "Name the job that trained the model, or the model that it began with."


@dataclass(frozen=True)
class _Runs:
    """What a form is filled in from: the last run's record, those of all runs that trained, and the tables."""

    content: Mapping[str, Any]
    trained: Sequence[Mapping[str, Any]]
    missing: int
    missing_runs: tuple[str, ...]
    scope: Scope
    standings: tuple[LineStanding, ...]
    hardware: HardwareTable
    text: FormText

    def sources(self, *members: str) -> tuple[FieldSource, ...]:
        """The same members of the record of each run."""
        return tuple(_source(each, *members) for each in self.trained)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What is said where runs that the model continues are not among the records."""
        if not self.missing:
            return ()
        return (f"not all records are here: {self._runs_not_here} cannot be included",)

    @property
    def included_all_the_same(self) -> tuple[str, ...]:
        """What is said of an amount of compute, which the last record adds up."""
        return (f"as the last record adds it up, with {self._runs_not_here}",) if self.missing else ()

    @property
    def _runs_not_here(self) -> str:
        named = f" ({', '.join(self.missing_runs)})" if self.missing_runs else ""
        return f"{counted(self.missing, 'run')}{named} that the model continues and of which no record is here"


NOT_KNOWN: Scope = "this run: whether it modifies a model is not known"
_SCOPES: dict[str | None, Scope] = {"developer": "the model as a whole", "modifier": "the modification"}


def _scope_of(content: Mapping[str, Any]) -> Scope:
    """By the roles in which its lines were drawn: both of them where nobody knows which it is."""
    roles = {a["role"] for a in content["assessments"] if not a.get("wording_of")}
    return _SCOPES.get(roles.pop(), NOT_KNOWN) if len(roles) == 1 else NOT_KNOWN


class Answer(NamedTuple):
    """An answer of the form, None where it is for a person; what it was rounded from, its notes and its sources; and
    why there is none, where that differs from run to run.
    """

    answer: str | None
    exact: str = ""
    notes: tuple[str, ...] = ()
    sources: tuple[FieldSource, ...] = ()
    why: str = ""


def fill_form(
    records: Sequence[Mapping[str, Any]], text: FormText, hardware: HardwareTable, caveats: Sequence[str] = ()
) -> FilledForm:
    """A form from the newest records of a model's runs: its last run first, then those that it continues.

    `caveats` are what is to be said of where the records were read, such as of a part of a ledger.
    Raises TrainsNoModel.
    """
    content = records[0]
    if content["job"]["activity"] not in TRAINING:
        raise TrainsNoModel(f"{content['job']['name']!r} trained no model: {content['job']['activity']}")
    runs = _Runs(
        content=content,
        trained=[each for each in records if each["job"]["activity"] in TRAINING],
        missing=max(content["lineage"]["ancestors"] + 1 - len(records), 0),
        missing_runs=_not_here(records),
        scope=_scope_of(content),
        standings=tuple(map(_standing, content["assessments"])),
        hardware=hardware,
        text=text,
    )
    doubts = (*content["estimate"]["doubts"], *content["lineage"]["doubts"], *content["not_assessed"])
    more = [doubt for a in content["assessments"] for doubt in (*a["doubts"], *a["notes"])]
    return FilledForm(
        form=text.name,
        form_source=text.source,
        models=models_begun_with(content),
        scope=runs.scope,
        runs=tuple(map(_counted_run, records)),
        missing=runs.missing,
        missing_runs=runs.missing_runs,
        verdict=content["verdict"],
        on_the_jobs_word=content["rests_on"]["on_the_jobs_word"],
        fields=tuple(_field(asked, ANSWERS[asked.answer](runs)) for asked in text.fields),
        standings=runs.standings,
        doubts=tuple(dict.fromkeys((*caveats, *(each["words"] for each in (*doubts, *more))))),
        notifications=drafts(content),
    )


def _not_here(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """The names of runs that the last record lists as earlier ones, and that have no record here."""
    here = {content["job"]["id"] for content in records}
    listed = records[0]["cumulative"]["ancestors"]
    return tuple(name_of(each["job_arn"]) for each in listed if each["job_id"] not in here)[:MOST_NAMED]


def _field(asked: AskedField, given: Answer) -> FormField:
    return FormField(
        name=asked.name,
        kind=asked.answer,
        asks=asked.asks,
        receivers=asked.receivers,
        answer=given.answer,
        exact=given.exact,
        to_fill_in=": ".join(filter(None, (asked.to_fill_in, given.why))) if given.answer is None else "",
        notes=given.notes,
        sources=given.sources,
    )


def _standing(assessment: Mapping[str, Any]) -> LineStanding:
    return LineStanding(
        assessment["title"],
        int(assessment["threshold_flop"]),
        whole(assessment["lower_flop"]),
        whole(assessment["best_flop"]),
        whole(assessment["upper_flop"]),
        assessment["verdict"],
        said_of(assessment),
    )


def _counted_run(content: Mapping[str, Any]) -> CountedRun:
    job = content["job"]
    return CountedRun(job["name"], job["arn"], content["revision"], content["recorded_at"])


def _source(content: Mapping[str, Any], *members: str) -> FieldSource:
    return FieldSource(content["job"]["arn"], content["job"]["id"], content["revision"], members)


# ----- Training time


def _range(runs: _Runs) -> Answer:
    days, exact, sources = _wall_clock(runs)
    return Answer(None if days is None else range_of(days, runs.text), exact, runs.incomplete, sources)


def _wall_clock_days(runs: _Runs) -> Answer:
    days, exact, sources = _wall_clock(runs)
    notes = (*runs.incomplete, *(AT_ONCE if len(runs.trained) > 1 else ()), *_pauses(runs))
    return Answer(None if days is None else f"{significant(days)} wall-clock days", exact, notes, sources)


def _pauses(runs: _Runs) -> Iterator[str]:
    """What a run was slowed by, such as a spot job that waits for capacity."""
    for each in runs.trained:
        waited, whole_time = waited_seconds(each, runs.hardware), wall_clock_seconds([each])
        if waited and whole_time and Fraction(waited) > LONG_PAUSE * Fraction(whole_time):
            yield WAITED.format(run=each["job"]["name"], seconds=exactly(Decimal(round(waited))))


def _wall_clock(runs: _Runs) -> tuple[Decimal | None, str, tuple[FieldSource, ...]]:
    """Days, the exact seconds, and where they come from."""
    seconds, sources = wall_clock_seconds(runs.trained), runs.sources("job.start", "job.end")
    return (None, "", sources) if seconds is None else (seconds / SECONDS_IN_A_DAY, f"{exactly(seconds)} s", sources)


def range_of(days: Decimal, text: FormText) -> str:
    """The range of the form that so many days lie in."""
    months = days / DAYS_IN_A_MONTH
    return next(each.words for each in text.ranges if each.under_months is None or months < each.under_months)


def _hardware_days(runs: _Runs) -> Answer:
    used = accelerator_seconds(runs.trained, runs.hardware)
    return Answer(
        " and ".join(f"{power(each / SECONDS_IN_A_DAY)} {name} days" for name, each in used.items()) or None,
        " and ".join(f"{exactly(each)} {name} seconds" for name, each in used.items()),
        runs.incomplete,
        runs.sources("estimate.accelerator_seconds", "job.instances"),
        why_no_hardware(runs.trained),
    )


# ----- Computation


def _two_figures(runs: _Runs) -> Answer:
    amount = amount_of(runs.content)
    notes = (*_bounds(amount), *_hidden(amount, runs.standings, hides, TWO_FIGURES), *_undecided(runs.standings))
    return _computation(runs, amount, two_digits, notes)


def _magnitude(runs: _Runs) -> Answer:
    amount = amount_of(runs.content)
    return _computation(runs, amount, magnitude, _hidden(amount, runs.standings, magnitude_hides, MAGNITUDE))


def _computation(
    runs: _Runs, amount: CountedAmount, rounded: Callable[[int | None], str | None], notes: tuple[str, ...]
) -> Answer:
    best = amount.best_flop
    exact = "" if best is None else f"{best} FLOP"
    notes = (*notes, *(() if best is None else runs.included_all_the_same))
    return Answer(rounded(best), exact, notes, (_source(runs.content, amount.member),))


def _bounds(amount: CountedAmount) -> tuple[str, ...]:
    low, high = amount.lower_flop, amount.upper_flop
    if amount.best_flop is None:
        return ()
    least = "" if low is None else f"at least {scientific(low, bound='lower')} FLOP, "
    most = "nothing bounds it from above" if high is None else f"at most {scientific(high, bound='upper')} FLOP"
    return (f"{least}{most}",)


def _hidden(
    amount: CountedAmount, standings: Sequence[LineStanding], hidden: Callable[[int, int], bool], words: str
) -> tuple[str, ...]:
    """On which side of a line that counts the same amount it is, where a rounding hides that and anybody can say it."""
    best = amount.best_flop
    if best is None:
        return ()
    decided = (each for each in standings if each.best_flop == best and each.verdict != "indeterminate")
    lines = sorted({each.threshold_flop for each in decided})
    return tuple(
        words.format(side="over" if best > line else "not over", line=scientific(line))
        for line in lines
        if hidden(best, line)
    )


def _undecided(standings: Sequence[LineStanding]) -> tuple[str, ...]:
    """The thresholds on which side of which nobody can say that the amounts are."""
    lines = sorted({each.threshold_flop for each in standings if each.verdict == "indeterminate"})
    return tuple(f"whether it is over {scientific(line)} FLOP cannot be said" for line in lines)


def _methodology(runs: _Runs) -> Answer:
    """How the amounts of the runs were come by, in words, each way once."""
    ways = sorted(each["estimate"]["method"] for each in runs.trained)
    counted = [(runs.text.methods[way], len(list(group))) for way, group in groupby(ways)]
    added = ["the runs are added up"] if len(runs.trained) > 1 else []
    alike = len(counted) == 1
    parts = [words if alike else f"of {number} run{'' if number == 1 else 's'}: {words}" for words, number in counted]
    sources = runs.sources("estimate.method", "estimate.assumptions")
    return Answer("; ".join([*parts, *added]), notes=_assumptions(runs.trained), sources=sources)


def _assumptions(records: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """What was assumed, each once, with the runs that it is about where it is not about all."""
    about: dict[str, list[str]] = {}
    for record in records:
        for words in dict.fromkeys(each["words"] for each in record["estimate"]["assumptions"]):
            about.setdefault(words, []).append(record["job"]["name"])
    return tuple(
        words if len(names) == len(records) else f"{', '.join(names)}: {words}" for words, names in about.items()
    )


# ----- Energy


def _energy(runs: _Runs) -> Answer:
    known, count = energies(runs.trained), len(runs.trained)
    total, sources = sum(known, Decimal(0)), runs.sources("estimate.energy_kwh")
    told = f"{significant(total / 1000)} MWh"
    if len(known) == count:
        return Answer(told, f"{exactly(total)} kWh", runs.incomplete, sources)
    part = (f"{told} of {len(known)} of {count} runs",) if known else ()
    return Answer(runs.text.energy.not_known, notes=(*runs.incomplete, *part), sources=sources)


def _energy_methodology(runs: _Runs) -> Answer:
    unknown, words = [each for each in runs.trained if not energies([each])], runs.text.energy
    sources = runs.sources("estimate.energy_kwh", "estimate.assumptions")
    if unknown and not all(map(kept_secret, unknown)):
        return Answer(f"{words.not_estimated}: {why_no_hardware(unknown)}", sources=sources)
    return Answer(words.lacking if unknown else words.estimated, sources=sources)


# ----- The rest


def _base_models(runs: _Runs) -> Answer:
    """The model that was modified. One of one's own that begins with none has none."""
    original = runs.content["original"]
    names, compute = models_begun_with(runs.content), original["pretraining_flop"]
    sources = (_source(runs.content, "original.base_model"),)
    begun_with_none = not original["base_model"] or own_result(runs.content)
    if runs.scope == "the model as a whole" and not names and begun_with_none:
        return Answer(runs.text.none, sources=sources)
    known = () if compute is None else (f"it took {scientific(int(compute))} FLOP: {original['source']}",)
    place = (PLACE,) if any(map(is_place, names)) else (BETWEEN,) if original["base_model"] and not names else ()
    return Answer(", ".join(names) or None, notes=(*place, *known), sources=sources)


def _for_a_person(_: _Runs) -> Answer:
    return Answer(None)


ANSWERS: dict[AnswerKind, Callable[[_Runs], Answer]] = {
    "training time, range": _range,
    "training time, wall clock": _wall_clock_days,
    "training time, hardware": _hardware_days,
    "computation, two significant figures": _two_figures,
    "computation, order of magnitude": _magnitude,
    "computation, methodology": _methodology,
    "energy": _energy,
    "energy, methodology": _energy_methodology,
    "base models": _base_models,
    "for a person": _for_a_person,
}
