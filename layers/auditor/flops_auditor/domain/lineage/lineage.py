"""Lineage: which jobs made the model that a job continues, and what they add to its training compute.

Compute accumulates along the chain of runs that made a model (Annex A.1); each run counts once. A job only continues
jobs that were created before it, so lineage has no cycles; a tag that says otherwise is refused and said so.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any

from flops_auditor.domain.runs.declared import ACTIVITIES, ACTIVITY_CONTRADICTED, Activity
from flops_auditor.domain.runs.model_names import in_service_bucket, is_place
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.stated import NOTHING_STATED, Stated, UnreadableStatement, read_stated
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.figures import Figures
from flops_auditor.domain.values.json_size import MOST_HANDED_ON
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy, as_word, bounded, recorded

MOST_INLINE = 100
"""Ancestors that a record lists itself; the others are in one object that it names by digest."""
_MOST_DOUBTS = 10
_LONGEST_DOUBT = 200


SETTLE_ANCESTOR = Remedy("settle-ancestor", "settle what is in doubt about {name}: `flops-auditor records show {name}`")
DOUBTFUL = Kind("ancestor-in-doubt", "ancestor {name}: {doubt}", SETTLE_ANCESTOR)
NOT_LOOKED_UP = Kind(
    "earlier-runs-not-looked-up",
    "earlier runs were not looked up: what it begins from may be another run's result, whose compute counts as well: "
    "{places:phrases}",
    Remedy(
        "audit-by-name",
        "look at its record, which has the earlier runs (`flops-auditor records show {job}`); if it continues none, "
        "tag it with flops-auditor:lineage = none",
    ),
)
DOUBTFUL_WITHOUT_ITS_WORD = Kind(
    "doubtful-without-its-word", "without what it says of itself, there is a doubt about it"
)
NAMED_BY_ANOTHER_ROLE = Kind(
    "named-by-another-role",
    "{where} ({place:said200}): runs of another role, or of none that is known ({names:list}), say that their results "
    "lie there, which proves nothing: not counted, since the job does not say that it continues them",
)
CALLED_DATA = Kind(
    "called-data",
    "{where} ({place:said200}) lies where runs of the same role ({names:list}) keep checkpoints or other files: the "
    "job does not call it a model that it begins with, so they are not counted",
)
ALSO_IN_A_RUNS_BUCKET = Kind(
    "also-in-a-runs-bucket",
    "{where} ({place:said200}) lies in a bucket of which a run of the same role keeps its checkpoints in the whole: "
    "not counted beside those that name the place",
)
BEHIND_SHUT_DOORS = Kind(
    "behind-shut-doors",
    "{where} ({place:said200}): no record says who left it, and when this one was made doors were shut ({doors:list}): "
    "what went through those has no record",
)
"""A note, and no doubt: whoever shuts a door of the account is not the owner of every job in it."""
MAYBE_OVERWRITTEN = Kind(
    "maybe-overwritten",
    "{where} ({place:said200}) was written for a run that completed, and lies where runs of the same role "
    "({names:list}) that ended later leave results: not counted",
)
_ON_ITS_WORD = frozenset(
    kind.name for kind in (NAMED_BY_ANOTHER_ROLE, CALLED_DATA, ALSO_IN_A_RUNS_BUCKET, MAYBE_OVERWRITTEN)
)
"""Kinds of notes about runs that are not counted since the job itself says, by its role and the names that it gives,
that it continues none of them, or others (docs/adr/1201)."""
_MORE_DOUBTFUL = Kind("more-ancestors-in-doubt", "and {count} more ancestors with doubts")
_MORE_DOUBTS = Kind("more-doubts", "and {count} more doubts")


class MalformedLineage(AuditorError):
    """A record or an ancestors object that does not say who the ancestors are."""

    remedy = "Read the record and its ancestors object again from the archive, unchanged."


@dataclass(frozen=True)
class Unsaid:
    """A run without its own word: what takes the place of what an ancestor says of itself. `doubtful`: there is a doubt
    about it then, such as what it continues.
    """

    activity: Activity
    lower_flop: int | None
    firm_flop: int | None
    best_flop: int | None
    upper_flop: int | None
    updates_upper_flop: int | None
    base_model: str
    pretraining_flop: int | None
    loads_weights: bool | None
    doubtful: bool


@dataclass(frozen=True)
class Ancestor:
    """One earlier run: its own best estimate and bounds in FLOP (None: not known) and its doubts.

    `updates_upper_flop` is the bound of what updated parameters, where it is lower; `signal_flop` what was counted
    beside `best_flop` of passes that updated none (Annex A.1, the cumulative basis). `parents` are the job ids it
    continues itself; `revision` is the record the figures were taken from; `base_model`, `loads_weights`,
    `pretraining_flop` and `stated` are what is said of its original; one that has not `succeeded` failed: it met an
    error, was stopped, or is gone. `without_statements` is the same run without its own word, None where that changes
    nothing. `other_names` are what it calls its original beside `base_model`.
    """

    job_id: str
    job_arn: str
    best_flop: int | None
    upper_flop: int | None
    doubts: tuple[Remark, ...] = ()
    parents: tuple[str, ...] = ()
    activity: Activity = "fine-tuning"
    base_model: str = ""
    pretraining_flop: int | None = None
    revision: int = 0
    lower_flop: int | None = None
    firm_flop: int | None = None
    updates_upper_flop: int | None = None
    signal_flop: int = 0
    loads_weights: bool | None = False
    stated: Stated = NOTHING_STATED
    succeeded: bool = True
    without_statements: Unsaid | None = None
    other_names: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The job's name."""
        return name_of(self.job_arn)

    def unsaid(self) -> "Ancestor":
        """The run without its own word."""
        without = self.without_statements
        if without is None:
            return self
        taken = {each.name: getattr(without, each.name) for each in fields(without) if each.name != "doubtful"}
        doubts = (*self.doubts, DOUBTFUL_WITHOUT_ITS_WORD()) if without.doubtful else self.doubts
        return replace(self, **taken, doubts=doubts, without_statements=None, other_names=())

    def same_but_revision(self, other: "Ancestor | None") -> bool:
        """Whether both say the same of a run, whatever revision the figures were taken from."""
        if other is None or other is self:
            return other is self
        return self == (other if other.revision == self.revision else replace(other, revision=self.revision))

    @property
    def has_weights(self) -> bool:
        """Whether the run handed weights on, rather than generated data."""
        return self.activity != "synthetic-data"

    @property
    def data_by_its_word(self) -> bool:
        """Whether only the run's own word says that it generated data: without it, it handed weights on."""
        without = self.without_statements
        return not self.has_weights and without is not None and without.activity != self.activity

    @property
    def with_weights(self) -> "Ancestor":
        """The run without its word that it generated data."""
        without = self.without_statements
        return replace(self, activity=without.activity) if without and self.data_by_its_word else self

    @property
    def activity_doubts(self) -> tuple[Remark, ...]:
        """What speaks against what it says it did."""
        return tuple(filter(_of_its_activity, self.doubts))

    @property
    def with_signal(self) -> "Ancestor":
        """Its amounts on the cumulative basis; the upper bound is that already, and the lower one holds for it."""
        if not self.signal_flop or self.best_flop is None:
            return self
        firm = self.best_flop if self.firm_flop is None else self.firm_flop
        return replace(self, best_flop=self.best_flop + self.signal_flop, firm_flop=firm + self.signal_flop)

    @property
    def from_scratch(self) -> bool:
        """Whether the run pretrained a model from no weights, as far as it says."""
        if self.stated.from_scratch is not None:
            return self.stated.from_scratch and not self.loads_weights
        return self.activity == "pretraining" and not self.loads_weights and self.pretraining_flop is None

    @property
    def perhaps_from_scratch(self) -> bool:
        """Whether it did so, or the name of its model may be that of a configuration."""
        figure = self.pretraining_flop is not None and "pretraining_flop" not in self.stated.unconfirmed
        named = self.loads_weights is None and not figure
        return self.from_scratch or (named and self.stated.from_scratch is not False)

    @property
    def surely_own(self) -> bool:
        """Whether somebody who signs for it says that the model was begun from no weights, or is the organisation's."""
        return self.stated.confirms("from_scratch") or self.stated.confirms("ours")

    @property
    def names_foreign_weights(self) -> bool:
        """Whether it loads weights by a name that is no place."""
        return self.loads_weights is True and not is_place(self.base_model)


@dataclass(frozen=True)
class Lineage:
    """What a job continues: its parents by job id, all ancestors, each once, and what is in doubt about them."""

    parents: tuple[str, ...] = ()
    ancestors: tuple[Ancestor, ...] = ()
    doubts: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()

    @cached_property
    def counted(self) -> tuple[Ancestor, ...]:
        """The ancestors without those that only runs which generated data continue: the models that generated the data
        are parents in distillation, which Annex A.1 does not count.
        """
        once = {ancestor.job_id: ancestor for ancestor in self.ancestors}
        generated = [parent for a in self.ancestors if not a.has_weights for parent in a.parents]
        behind = _reached(generated, lambda job_id: once[job_id].parents if job_id in once else ())
        if not behind:
            return self.ancestors
        counts = _reached(
            self.parents, lambda job_id: once[job_id].parents if job_id in once and once[job_id].has_weights else ()
        )
        return tuple(a for a in self.ancestors if a.job_id not in behind or a.job_id in counts)

    def roots(self) -> tuple[Ancestor, ...]:
        """The runs that the weights began with: no run before them handed weights on."""
        weights = {a.job_id for a in self.counted if a.has_weights}
        return tuple(a for a in self.counted if a.job_id in weights and not weights.intersection(a.parents))

    def origins(self) -> tuple[Ancestor, ...]:
        """The runs that brought weights in: the roots that began with some, and, where all began with none, a later
        one that loads weights by name.
        """
        origins = tuple(root for root in self.roots() if not root.from_scratch)
        return origins or tuple(
            a for a in self.counted if a.has_weights and a.names_foreign_weights and not a.surely_own
        )

    @property
    def own_model(self) -> bool:
        """Whether the weights began with runs that pretrained them from none, as far as those say, and no others."""
        return bool(self.roots()) and not self.origins()

    def without_statements(self) -> "Lineage":
        """The same without what the runs say of themselves, but that they generated data."""
        unsaid = {a.job_id: a.unsaid() for a in self.ancestors}
        unsaid |= {
            a.job_id: replace(unsaid[a.job_id], activity=a.activity, without_statements=a.without_statements)
            for a in self.ancestors
            if a.data_by_its_word
        }
        return replace(self, ancestors=tuple(unsaid[a.job_id] for a in self.ancestors))

    def with_weights(self) -> "Lineage":
        """The same without any run's own word that it generated data: what such a run continues counts, too."""
        return replace(self, ancestors=tuple(a.with_weights for a in self.ancestors))

    @property
    def on_its_word(self) -> tuple[Remark, ...]:
        """Notes about runs that are not counted on the job's own word."""
        return tuple(filter(on_its_word, self.notes))

    @property
    def open_kinds(self) -> frozenset[str]:
        """Kinds of what is in doubt, or would be without the job's own word."""
        return frozenset(each.kind.name for each in (*self.doubts, *self.on_its_word))

    def same_as(self, other: "Lineage") -> bool:
        """Whether both say the same of the model, whatever revision the figures were taken from, and in doubt is the
        same kind of thing: a list of names that grows is no news.
        """
        mine, theirs = ((each.parents, each.open_kinds, len(each.ancestors)) for each in (self, other))
        both = zip(self.ancestors, other.ancestors, strict=False)
        return mine == theirs and all(run.same_but_revision(its) for run, its in both)


NO_LINEAGE = Lineage()


def on_its_word(note: Remark) -> bool:
    """Whether a note is about runs that are not counted on the job's own word."""
    return note.kind.name in _ON_ITS_WORD


@dataclass(frozen=True)
class Cumulative:
    """The job and its ancestors, added up.

    `everything` holds all that contributed; `updates` leave out runs that generated data, since they updated no
    parameters (the two bases of Annex A.1). `without_failed` are both without ancestors that failed, and without
    the job where it met an error (None: there is neither); `alone` are both of the job alone, `if_not_public` both
    where only a tag says that generated data is public, and it is not (None: nobody says so).
    """

    everything: Figures
    updates: Figures
    ancestors: tuple[Ancestor, ...]
    doubts: tuple[Remark, ...] = ()
    without_failed: tuple[Figures, Figures] | None = None
    alone: tuple[Figures, Figures] | None = None
    if_not_public: tuple[Figures, Figures] | None = None

    @property
    def best_flop(self) -> int | None:
        """Best estimate of everything."""
        return self.everything.best_flop

    @property
    def upper_flop(self) -> int | None:
        """Upper bound of everything."""
        return self.everything.upper_flop

    @property
    def lower_flop(self) -> int | None:
        """Lower bound of everything."""
        return self.everything.lower_flop


def unknown_beginnings(begins: Sequence[Reference], results: Sequence[Location]) -> list[str]:
    """In words, where a run reads a model, a checkpoint or a model package of its account that another run may have
    made; or, as whatever, an object that is called as SageMaker calls a model.
    """
    told = [each for each in begins if each.directory or each.unless_found is not None or each.location.is_artifact]
    read = [each for each in told if each.location not in results]
    return [
        f"{each.where} ({as_word(str(each.location))})" for each in read if not in_service_bucket(f"{each.location}/")
    ]


def not_looked_up(
    begins: Sequence[Reference], results: Sequence[Location], cannot_be: Sequence[Remark] = ()
) -> Lineage:
    """The lineage of a run whose earlier runs nobody looked up, such as one of a file: where it reads a model or a
    checkpoint that another run may have made, and not one of its own `results`, how much that took is not known.
    `cannot_be` are doubts about what cannot be looked up, its `begins_doubts`.
    """
    places = unknown_beginnings(begins, results)
    doubts = (*([NOT_LOOKED_UP(places=places)] if places else []), *cannot_be)
    return replace(NO_LINEAGE, doubts=doubts)


def _reached(begin: Iterable[str], further: Callable[[str], Iterable[str]]) -> set[str]:
    """Job ids that are reached from some, themselves included; without recursion, since chains may be long."""
    reached: set[str] = set()
    waiting = list(begin)
    while waiting:
        job_id = waiting.pop()
        if job_id not in reached:
            reached.add(job_id)
            waiting += further(job_id)
    return reached


def union(sets: Iterable[Iterable[Ancestor]], without: str = "") -> tuple[Ancestor, ...]:
    """Ancestor sets joined: each run once, by the newest revision known of it, in order of job id."""
    once: dict[str, Ancestor] = {}
    for ancestors in sets:
        join(once, ancestors)
    once.pop(without, None)
    return tuple(once[key] for key in sorted(once))


def join(once: dict[str, Ancestor], ancestors: Iterable[Ancestor]) -> None:
    """Add a set of ancestors to others, which are by job id: of each run the newest revision known of it."""
    for ancestor in ancestors:
        known = once.get(ancestor.job_id)
        if known is None or known.revision < ancestor.revision:
            once[ancestor.job_id] = ancestor


def passed_on(parent: Ancestor, its_ancestors: Sequence[Ancestor]) -> tuple[Ancestor, ...]:
    """What a child inherits from a parent: it and its ancestors; of a run that generated data, the run alone, unless
    only its own word says so: then its ancestors are listed, though not counted (`Lineage.counted`).
    """
    return (parent, *its_ancestors) if parent.with_weights.has_weights else (replace(parent, parents=()),)


def added_up(lineage: Lineage, activity: Activity) -> tuple[Ancestor, ...]:
    """The ancestors whose compute is added to that of a run of such an activity. A run that generates data is no model:
    the training of the models that it runs does not count towards it (Annex A.1, parents in distillation).
    """
    return tuple(a for a in lineage.counted if activity != "synthetic-data" or not a.has_weights)


def amount_of(run: Ancestor) -> Figures:
    """What a run adds to the cumulative compute of a model."""
    return _added([run], (), None)[0]


def accumulate(
    own: Figures,
    job_id: str,
    lineage: Lineage,
    activity: Activity = "fine-tuning",
    *,
    updates_upper_flop: int | None = None,
    signal_flop: int = 0,
    stated: Stated = NOTHING_STATED,
    met_error: bool = False,
    doubts: Sequence[Remark] = (),
) -> Cumulative:
    """Add up a job and its ancestors, each once; one unknown figure makes the sum unknown.

    `updates_upper_flop` bounds what updated parameters, where that is less than `own` bounds; `signal_flop` is what was
    counted of its passes that updated none; `doubts` are those about the job itself. `met_error`: whether it ended in
    one; a job that was stopped may have left what was wanted of it.
    """
    counted = union([added_up(lineage, activity)], without=job_id)
    me = Ancestor(
        job_id,
        "",
        own.best_flop,
        own.upper_flop,
        activity=activity,
        stated=stated,
        updates_upper_flop=updates_upper_flop,
        signal_flop=signal_flop,
        lower_flop=own.lower_flop,
        firm_flop=own.firm_flop,
    )
    doubts_of = {a.job_id: [d for d in a.doubts if not _of_its_activity(d)] for a in counted}
    doubtful = [a for a in counted if doubts_of[a.job_id]]
    inherited = [
        DOUBTFUL(name=a.name, doubt=doubt.words) for a in doubtful[:_MOST_DOUBTS] for doubt in doubts_of[a.job_id]
    ]
    if len(doubtful) > _MOST_DOUBTS:
        inherited.append(_MORE_DOUBTFUL(count=len(doubtful) - _MOST_DOUBTS))
    of_others = (*lineage.doubts, *inherited)
    every = (*doubts, *of_others)
    runs = [me, *counted]
    all_together = _added(runs, every, own.settle)
    alone = _added([me], every, own.settle) if counted else all_together
    well = [*([] if met_error else [me]), *(a for a in counted if a.succeeded)]
    without = _added(well, every, own.settle) if len(well) < len(runs) else None
    by_tag = any(_public_by_tag(a) for a in runs)
    not_public = _added([_not_public(a) for a in runs], every, own.settle) if by_tag else None
    return Cumulative(*all_together, counted, of_others, without, alone, not_public)


def _public_by_tag(run: Ancestor) -> bool:
    """Whether a tag alone says that what a run generated is public."""
    return _public(run) and "generated_data_public" in run.stated.unconfirmed


def _not_public(run: Ancestor) -> Ancestor:
    """A run whose data is not public where a tag alone says so."""
    return replace(run, stated=replace(run.stated, generated_data_public=None)) if _public_by_tag(run) else run


def _added(runs: Sequence[Ancestor], doubts: tuple[Remark, ...], settle: Remark | None) -> tuple[Figures, Figures]:
    """Everything, and what updated parameters. Generated data that is said to be public is left out of the best
    estimate, and out of the bound where somebody other than a job's owner says so.
    """
    counted = [a for a in runs if not _public(a)]
    at_most = [a for a in runs if not _public(a) or "generated_data_public" in a.stated.unconfirmed]
    updates = [a for a in runs if a.has_weights]
    bounds = [a.upper_flop if a.updates_upper_flop is None else a.updates_upper_flop for a in updates]
    return (
        _sums([a.with_signal for a in counted], [a.upper_flop for a in at_most], doubts, settle),
        _sums(updates, bounds, doubts, settle),
    )


def _sums(
    runs: Sequence[Ancestor], bounds: list[int | None], doubts: tuple[Remark, ...], settle: Remark | None
) -> Figures:
    """What is certain of some runs is certain of all together, though another one is not known."""
    firm = [a.best_flop if a.firm_flop is None else a.firm_flop for a in runs]
    return Figures(
        best_flop=_sum([a.best_flop for a in runs]),
        upper_flop=_sum(bounds),
        doubts=doubts,
        settle=settle,
        lower_flop=sum(a.lower_flop or 0 for a in runs),
        firm_flop=sum(amount or 0 for amount in firm),
    )


def _public(run: Ancestor) -> bool:
    return not run.has_weights and run.stated.generated_data_public is True


def _sum(amounts: list[int | None]) -> int | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None


def short(doubts: Iterable[Remark]) -> tuple[Remark, ...]:
    """A few doubts of bounded length: a descendant only has to know that there are some, and which kind."""
    listed = list(doubts)
    more = len(listed) - MOST_HANDED_ON
    shown = [*listed[:MOST_HANDED_ON], _MORE_DOUBTS(count=more)] if more > 0 else listed
    return tuple(recorded({"kind": d.kind.name, "words": bounded(d.words, _LONGEST_DOUBT)}) for d in shown)


def ancestor_of(content: Mapping[str, Any]) -> Ancestor:
    """A recorded job as an ancestor of others, from its record's predicate."""
    estimate, lineage = content["estimate"], content["lineage"]
    return Ancestor(
        job_id=content["job"]["id"],
        job_arn=content["job"]["arn"],
        best_flop=_amount(estimate["best_flop"]),
        upper_flop=_amount(estimate.get("cautious_upper_flop", estimate["upper_flop"])),
        doubts=short(map(recorded, [*_of_activity(content), *estimate["doubts"], *lineage["doubts"]])),
        parents=tuple(lineage["parents"]),
        activity=content["job"]["activity"],
        base_model=lineage["base_model"],
        pretraining_flop=_amount(lineage["pretraining_flop"]),
        revision=content["revision"],
        lower_flop=_amount(estimate.get("lower_flop")),
        firm_flop=_amount(estimate.get("firm_flop")),
        updates_upper_flop=_amount(estimate.get("updates_upper_flop")),
        signal_flop=_amount(estimate.get("signal_flop")) or 0,
        loads_weights=lineage["loads_weights"],
        stated=read_stated(lineage["stated"]),
        succeeded=content["job"]["succeeded"],
        without_statements=_unsaid(content["rests_on"]["without_statements"]),
        other_names=tuple(lineage["other_names"]),
    )


def _of_activity(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What speaks against what a recorded run says it did, where a line of it is open for that."""
    doubts = [doubt for a in content.get("assessments", ()) for doubt in a["doubts"]]
    return [doubt for doubt in doubts if doubt["kind"] == ACTIVITY_CONTRADICTED.name][:1]


def _of_its_activity(doubt: Remark) -> bool:
    """Whether a doubt is about what a run did, which opens those lines alone that rest on it (audit.py)."""
    return doubt.kind.name == ACTIVITY_CONTRADICTED.name


def _unsaid(members: Mapping[str, Any] | None) -> "Unsaid | None":
    """Of a run without its own word, what a record says of it."""
    if members is None:
        return None
    return Unsaid(
        activity=_activity(members["activity"]),
        lower_flop=_amount(members["lower_flop"]),
        firm_flop=_amount(members["firm_flop"]),
        best_flop=_amount(members["best_flop"]),
        upper_flop=_amount(members["cautious_upper_flop"]),
        updates_upper_flop=_amount(members["updates_upper_flop"]),
        base_model=str(members["base_model"]),
        pretraining_flop=_amount(members["pretraining_flop"]),
        loads_weights=members["loads_weights"],
        doubtful=bool(members["doubtful"]),
    )


def _unsaid_to_json(unsaid: "Unsaid") -> dict[str, Any]:
    return {
        "activity": unsaid.activity,
        "lower_flop": _text(unsaid.lower_flop),
        "firm_flop": _text(unsaid.firm_flop),
        "best_flop": _text(unsaid.best_flop),
        "cautious_upper_flop": _text(unsaid.upper_flop),
        "updates_upper_flop": _text(unsaid.updates_upper_flop),
        "base_model": unsaid.base_model,
        "pretraining_flop": _text(unsaid.pretraining_flop),
        "loads_weights": unsaid.loads_weights,
        "doubtful": unsaid.doubtful,
    }


def _activity(word: object) -> Activity:
    for activity in ACTIVITIES:
        if word == activity:
            return activity
    raise MalformedLineage(f"activity {str(word)[:40]!r}")


def to_json(ancestor: Ancestor) -> dict[str, Any]:
    """An ancestor in a record: FLOP as decimal strings; what is empty is left out."""
    a = ancestor
    optional = {
        "doubts": [doubt.spoken.to_json() for doubt in a.doubts],
        "parents": list(a.parents),
        "base_model": a.base_model,
        "pretraining_flop": _text(a.pretraining_flop),
        "lower_flop": _text(a.lower_flop),
        "firm_flop": _text(a.firm_flop),
        "updates_upper_flop": _text(a.updates_upper_flop),
        "signal_flop": _text(a.signal_flop or None),
        "stated": a.stated.to_json(),
        "failed": not a.succeeded,
        "other_names": list(a.other_names),
    }
    return {
        "job_arn": a.job_arn,
        "job_id": a.job_id,
        "best_flop": _text(a.best_flop),
        "upper_flop": _text(a.upper_flop),
        "activity": a.activity,
        "revision": a.revision,
        **({} if a.loads_weights is False else {"loads_weights": a.loads_weights}),
        **({"without_statements": _unsaid_to_json(a.without_statements)} if a.without_statements else {}),
        **{key: value for key, value in optional.items() if value},
    }


def from_json(members: Mapping[str, Any]) -> Ancestor:
    """Read an ancestor back. Raises MalformedLineage."""
    try:
        return Ancestor(
            job_id=str(members["job_id"]),
            job_arn=str(members["job_arn"]),
            best_flop=_amount(members["best_flop"]),
            upper_flop=_amount(members["upper_flop"]),
            doubts=tuple(map(recorded, members.get("doubts", ()))),
            parents=tuple(map(str, members.get("parents", ()))),
            activity=_activity(members["activity"]),
            base_model=str(members.get("base_model", "")),
            pretraining_flop=_amount(members.get("pretraining_flop")),
            revision=int(members["revision"]),
            lower_flop=_amount(members.get("lower_flop")),
            firm_flop=_amount(members.get("firm_flop")),
            updates_upper_flop=_amount(members.get("updates_upper_flop")),
            signal_flop=_amount(members.get("signal_flop")) or 0,
            loads_weights=members.get("loads_weights", False),
            stated=read_stated(members.get("stated", {})),
            succeeded=not members.get("failed", False),
            without_statements=_unsaid(members.get("without_statements")),
            other_names=tuple(map(str, members.get("other_names", ()))),
        )
    except (KeyError, TypeError, ValueError, UnreadableStatement) as error:
        raise MalformedLineage(f"an ancestor: {error!r}") from error


def read_lineage(content: Mapping[str, Any], load: Callable[[str, str], Sequence[Ancestor]]) -> Lineage:
    """The lineage that a record was audited with; `load(key, sha256)` reads the object that holds a large one.

    What the record lists itself overrides what stands in the object. Raises MalformedLineage.
    """
    try:
        cumulative, lineage = content["cumulative"], content["lineage"]
        kept = lineage["kept"]
        once = {a.job_id: a for a in load(kept["key"], kept["sha256"])} if kept else {}
        once.update((a.job_id, a) for a in map(from_json, cumulative["ancestors"]))
        return Lineage(
            parents=tuple(lineage["parents"]),
            ancestors=tuple(once[key] for key in sorted(once)),
            doubts=tuple(map(recorded, lineage["doubts"])),
            notes=tuple(map(recorded, lineage["notes"])),
        )
    except (KeyError, TypeError) as error:
        raise MalformedLineage(f"the record's lineage: {error!r}") from error


def listed(content: Mapping[str, Any]) -> Lineage:
    """The lineage as far as a record's predicate lists it itself, with what its sum and its beginning need."""
    runs = map(_summand, content["cumulative"]["ancestors"])
    return Lineage(parents=tuple(content["lineage"]["parents"]), ancestors=tuple(runs))


def _summand(members: Mapping[str, Any]) -> Ancestor:
    stated = members.get("stated", {})
    return Ancestor(
        job_id=members["job_id"],
        job_arn=members["job_arn"],
        best_flop=_amount(members["best_flop"]),
        upper_flop=_amount(members["upper_flop"]),
        parents=tuple(members.get("parents", ())),
        activity=members["activity"],
        base_model=members.get("base_model", ""),
        pretraining_flop=_amount(members.get("pretraining_flop")),
        lower_flop=_amount(members.get("lower_flop")),
        signal_flop=_amount(members.get("signal_flop")) or 0,
        loads_weights=members.get("loads_weights", False),
        stated=Stated(
            from_scratch=stated.get("fromScratch"),
            generated_data_public=stated.get("generatedDataPublic"),
            unconfirmed=frozenset(stated.get("unconfirmed", ())),
        ),
    )


def _amount(text: str | None) -> int | None:
    return None if text is None else int(text)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
