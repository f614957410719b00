"""Which model the training began with, and how much compute that took: from the job itself and from its lineage.

A job that continues others began where the first of them began, so base model and pretraining compute are inherited
from the roots of its lineage.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Protocol

from flops_auditor.domain.lineage.lineage import Ancestor, Lineage
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import LONGEST_NAME, NOT_HEARD, Declared, ModelName
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL
from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.remarks import Fact, Kind, Remark, Remedy

MERGED_UNKNOWN = Kind(
    "merged-from-unknown", "merged from several originals, of which the compute of one is not known", AMEND_ORIGINAL
)


SAY_WHICH = Remedy(
    "say-which-original",
    "clear up which model it begins with, and say how much compute that took: `flops-auditor amend {job} --who NAME "
    "--why REASON --pretraining-flop NUMBER`",
)
NAMES_DISAGREE = Kind(
    "model-names-disagree",
    "the job's names of its model disagree: {said:phrases}; the name with the lowest threshold counts",
    SAY_WHICH,
)
NAME_NOT_FOUND = Kind(
    "model-name-not-found",
    "{where} names {name:said120}, which is not in the table of base models ({near}); the threshold of an unknown "
    "original counts where that is lower",
    SAY_WHICH,
)
NAME_IS_A_HINT = Kind(
    "model-name-is-a-hint",
    "{where} is the path {name:said120}, whose parts look like {model}: a hint, no proof",
    SAY_WHICH,
)
PATH_BESIDE_NAME = Kind(
    "path-beside-model-name",
    "{path_where} is the path {path:said120}, and {where} names {model}: which of the two is loaded is not known; no "
    "verdict of below rests on more than the threshold of an unknown original, and none of above on that alone",
    SAY_WHICH,
)
HINT_BESIDE_NAME = Kind(
    "path-hint-beside-model-name",
    "{path_where} is the path {path:said120}, whose parts look like {hinted}, and {where} names {model}: which of the "
    "two is loaded is not known; no verdict of below rests on more than the lower threshold, and none of above on the "
    "path alone",
    SAY_WHICH,
)
BY_A_PATH = frozenset({PATH_BESIDE_NAME, HINT_BESIDE_NAME, NOT_HEARD})
"""What a path alone says beside a name, or settings that were not weighed may say: it forbids below, and proves
nothing."""
FIGURES_DISAGREE = Kind(
    "pretraining-figures-disagree",
    "{source} {said:flop} FLOP of pretraining, the table of base models has {known:flop} for {model}: the figure with "
    "the lower threshold counts",
    SAY_WHICH,
)
MORE_THAN_ANY = Kind(
    "more-than-any-known-model",
    "{source} {said:flop} FLOP of pretraining, more than the {largest:flop} of the largest model that is known: it "
    "counts as unknown where that is lower",
    SAY_WHICH,
)
MOST_MODELS = 8
"""Models that the names of one run mean, each of which is weighed, and handed on to those who continue it."""
AGREEMENT = Fraction(11, 10)
"""Two figures for one model that differ by no more are the same, rounded."""


class KnownModel(Protocol):
    """A base model of the table, as far as an audit asks it."""

    @property
    def model_id(self) -> str: ...
    @property
    def size(self) -> ModelSize | None: ...
    @property
    def original(self) -> Original: ...


class LookedUp(Protocol):
    """What a name means."""

    @property
    def model(self) -> KnownModel | None: ...
    @property
    def hint(self) -> bool: ...


class ModelCatalogue(Protocol):
    """Finds a base model by any name it goes by."""

    @property
    def largest_flop(self) -> int: ...
    def find(self, identifier: str) -> KnownModel | None: ...
    def look_up(self, identifier: str) -> LookedUp: ...
    def nearest(self, name: str) -> list[str]: ...


@dataclass(frozen=True)
class Origin:
    """Where the training began: the base model (its id in the table, or what jobs call it), its size, its compute, and
    what is to be said of its names. `other_names` are what the job itself calls it beside its own `base_model`.
    """

    base_model: str
    size: ModelSize | None
    original: Original
    notes: tuple[Remark, ...] = ()
    other_names: tuple[str, ...] = ()


def find_origin(declared: Declared, lineage: Lineage, models: ModelCatalogue | None) -> Origin:
    """The origin of a job: what it says itself, joined with what the roots of its lineage say."""
    own = replace(_origin(declared, models), other_names=_other_names(declared, models))
    inherited = [_origin(_as_declared(origin), models) for origin in lineage.origins()]
    if not inherited:
        return own
    known = any(named.model for named in resolved(declared.names, models))
    model = own if known else _single(inherited)
    size = own.size or (model.size if model else None)
    if size is not None and declared.tagged("parameters"):
        size = _beside(size, [each for root in inherited if root.size for each in (root.size, *root.size.others)])
    joined = _joined(declared, own.original, inherited)
    joined = replace(joined, others=(*joined.others, *_of_unknown_compute(declared, own, inherited, joined)))
    base_model = model.base_model if model else own.base_model
    return replace(own, base_model=base_model, size=size, original=joined)


def _as_declared(root: Ancestor) -> Declared:
    texts = (root.base_model, *root.other_names) if root.base_model else ()
    names = tuple(ModelName(text, f"the earlier run {root.name}") for text in texts)
    by_the_job = "pretraining_flop" in root.stated.unconfirmed
    return Declared(
        base_model=root.base_model,
        names=names,
        pretraining_flop=root.pretraining_flop,
        stated=root.stated,
        pretraining_source="the job says" if by_the_job else "an amendment says",
    )


@dataclass(frozen=True)
class NamedModel:
    """A name with the model that it means; None: it is not in the table. `hint`: only parts of a path look like it."""

    name: ModelName
    model: KnownModel | None
    hint: bool


def resolved(names: Sequence[ModelName], models: ModelCatalogue | None) -> list[NamedModel]:
    """Names with what they mean. A place that looks like no model is no name."""
    if models is None:
        return []
    meant = [(name, models.look_up(name.text)) for name in names]
    looked_up = [NamedModel(name, at.model, at.hint or name.in_text or name.anothers) for name, at in meant]
    return [each for each in looked_up if each.model is not None or not each.name.is_place]


def _other_names(declared: Declared, models: ModelCatalogue | None) -> tuple[str, ...]:
    """What the run calls its original beside `base_model`. Of many names first one that nobody knows, and one for each
    model that they mean.
    """
    names = list(dict.fromkeys(name.text for name in declared.names if not name.is_place))
    meant: dict[str, tuple[str, KnownModel | None]] = {}
    for text in names if len(names) > MOST_MODELS else ():
        model = models.look_up(text).model if models else None
        meant.setdefault(model.model_id if model else "", (text, model))
    few = _few([model for _, model in meant.values() if model is not None])
    unknown = [text for text, model in meant.values() if model is None]
    known = [text for text, model in meant.values() if any(model is each for each in few)]
    ordered = dict.fromkeys((*unknown, *known, *names))
    return tuple(text[:LONGEST_NAME] for text in ordered if text != declared.base_model)[: MOST_MODELS + 1]


def _few(models: Sequence[KnownModel]) -> list[KnownModel]:
    """Of more models than are weighed those with the least training compute, and the one with the most: between these
    lies the line of any other.
    """
    if len(models) <= MOST_MODELS:
        return list(models)
    ordered = sorted(models, key=lambda model: model.original.pretraining_flop or 0)
    return [*ordered[: MOST_MODELS - 1], ordered[-1]]


def _origin(declared: Declared, models: ModelCatalogue | None) -> Origin:
    """The first name that means a model, and what else the names may mean."""
    named = resolved(declared.names, models)
    sure = [each for each in named if each.model is not None and not each.hint]
    first = next(iter([*sure, *(each for each in named if each.model is not None)]), None)
    model = first.model if first else None
    original, notes = find_original(declared, model, models)
    size = model_size(declared, model)
    alternatives = _alternatives(named, first, models) + _path_beside(declared.names, named, first)
    if declared.unheard is not None:
        alternatives.append((declared.unheard, None))
    if declared.pretraining_flop is None or declared.tagged("pretraining"):
        instead = [each for each in alternatives if first is not None or each[0] is declared.unheard]
        others = [(doubt, _as_original(declared, other)) for doubt, other in instead]
        original = replace(original, others=(*original.others, *others)) if others else original
    if size is not None and declared.tagged("parameters"):
        others_named = (each.model for each in named if each.model is not model)
        size = _beside(size, [other.size for other in others_named if other and other.size])
    notes = (*notes, *(doubt for doubt, _ in alternatives if doubt is not declared.unheard))
    return Origin(model.model_id if model else declared.base_model, size, original, notes)


def _alternatives(
    named: Sequence[NamedModel], first: NamedModel | None, models: ModelCatalogue | None
) -> list[tuple[Remark, KnownModel | None]]:
    """What the names may mean beside the first one, each with why; None: a model that nobody knows."""
    hinted = [each for each in named if each.hint and first is not None and not first.hint]
    sure = [each for each in named if each not in hinted]
    distinct = {each.model.model_id: each.model for each in sure if each.model is not None}
    alternatives: list[tuple[Remark, KnownModel | None]] = []
    if len(distinct) > 1 and first is not None and first.model is not None:
        told = [(each.model.model_id, each.name.words) for each in sure if each.model is not None]
        spellings = {model: f"{words} ({model})" for model, words in reversed(told)}
        others = [model for name, model in distinct.items() if name != first.model.model_id]
        few = _few(others)
        disagree = NAMES_DISAGREE(said=[spellings[model.model_id] for model in (first.model, *few)])
        alternatives += [(disagree, model) for model in few]
        alternatives += [(disagree, None)] if len(few) < len(others) else []
    looks_like = {each.model.model_id: each for each in hinted if each.model and each.model.model_id not in distinct}
    alternatives += [(_hint_beside(each, first), each.model) for each in looks_like.values() if first is not None]
    if first is not None and first.hint and first.model is not None:
        hint = NAME_IS_A_HINT(where=first.name.where, name=first.name.text, model=first.model.model_id)
        alternatives.append((hint, None))
    missing = next((each for each in named if each.model is None), None)
    if missing is not None and models is not None:
        alternatives.append((_not_found(missing.name, models), None))
    return alternatives


def _path_beside(
    names: Sequence[ModelName], named: Sequence[NamedModel], first: NamedModel | None
) -> list[tuple[Remark, KnownModel | None]]:
    """A path from which weights are loaded beside a name: it may hold any model, unless it looks like the same one, or
    the owner says for the audit what lies there.
    """
    if first is None or first.model is None or first.hint or any(name.explains for name in names):
        return []
    known = {each.name: each.model for each in named if each.model is not None}
    path = next((n for n in names if n.loaded and n.is_place and not n.resumes), None)
    if path is None or known.get(path) is first.model:
        return []
    remark = PATH_BESIDE_NAME(path_where=path.where, path=path.text, where=first.name.where, model=first.model.model_id)
    return [(remark, None)]


def _hint_beside(path: NamedModel, first: NamedModel) -> Remark:
    hinted, model = (each.model.model_id if each.model else "" for each in (path, first))
    return HINT_BESIDE_NAME(
        path_where=path.name.where, path=path.name.text, hinted=hinted, where=first.name.where, model=model
    )


def _not_found(name: ModelName, models: ModelCatalogue) -> Remark:
    near = models.nearest(name.text)
    asked = f"did you mean {' or '.join(near)}?" if near else "no name there is like it"
    return NAME_NOT_FOUND(where=name.where, name=name.text, near=asked)


def _as_original(declared: Declared, model: KnownModel | None) -> Original:
    """Another original that the run may have begun with, with what is said of the original."""
    return replace(model.original if model else Original(), **_stated(declared, model))


def _single(inherited: Sequence[Origin]) -> Origin | None:
    """The one origin of all roots that name a model; None when they name several or none."""
    named = {origin.base_model: origin for origin in inherited if origin.base_model}
    return next(iter(named.values())) if len(named) == 1 else None


def _of_unknown_compute(
    declared: Declared, own: Origin, inherited: Sequence[Origin], joined: Original
) -> Iterator[tuple[Remark, Original]]:
    """Models of which the roots are, beside the one that the run itself names, and whose compute nobody knows: the
    run's own word for another model does not make them that. A person's figure does; and a merge is in doubt already.
    """
    by_a_person = declared.pretraining_flop is not None and not declared.tagged("pretraining")
    if own.original.pretraining_flop is None or by_a_person or any(d.kind is MERGED_UNKNOWN for d in joined.doubts):
        return
    for name in dict.fromkeys(root.base_model for root in inherited if root.original.pretraining_flop is None):
        if name not in ("", own.base_model) and not ModelName(name, "").is_place:
            disagree = NAMES_DISAGREE(said=[own.original.source, name])
            yield disagree, replace(joined.without_its_figure(), others=())


def _joined(declared: Declared, own: Original, inherited: Sequence[Origin]) -> Original:
    """One original of possibly several. The lowest figure makes the threshold, their sum the cumulative compute."""
    distinct: dict[tuple[str, int | None], Original] = {}
    for origin in inherited:
        distinct[origin.base_model, origin.original.pretraining_flop] = origin.original
    known = [o for o in distinct.values() if o.pretraining_flop is not None]
    doubts = (*own.doubts, *(d for o in distinct.values() for d in o.doubts))
    common = _common(own, list(distinct.values()))
    if not known:
        return replace(own, doubts=doubts, **common)
    confirmed = own.pretraining_flop is not None and not declared.tagged("pretraining")
    if len(known) < len(distinct) and not confirmed:
        doubts = (*doubts, MERGED_UNKNOWN())
    lowest = min(known, key=lambda o: o.pretraining_flop or 0)
    merged, at_most = (_sum_of(known, highest) if len(known) > 1 else None for highest in (False, True))
    source = f"inherited from the lineage: {lowest.source}"
    if merged is not None:
        source += f"; the lowest of {len(known)} originals, together {scientific(merged)} FLOP"
    mine = own.pretraining_flop
    handed_on = [each for o in distinct.values() for each in o.others]
    named = [each for each in own.others if mine is not None or each[0].kind is NOT_HEARD]
    others = tuple((d, replace(o, **common)) for d, o in (*named, *handed_on))
    if mine is not None and mine != lowest.pretraining_flop:
        flop = min(mine, lowest.pretraining_flop or mine)
        source = f"{own.source}; {source}: they differ, the lower one is used, since it makes the lower threshold"
        together = max(mine, merged or 0, *(o.pretraining_flop or 0 for o in known))
        highest = max(mine, at_most or 0, *(_highest(o) for o in known))
        both = own.trusted and lowest.trusted
        higher = max(own, lowest, key=lambda o: o.pretraining_flop or 0)
        disagree = NAMES_DISAGREE(said=[own.source, lowest.source])
        return Original(
            flop,
            source=source,
            trusted=both,
            doubts=doubts,
            merged_flop=together,
            merged_highest_flop=highest,
            others=(*others, (disagree, replace(higher, others=(), **common))),
            **common,
        )
    if mine is not None:
        return replace(own, doubts=doubts, merged_flop=merged, merged_highest_flop=at_most, others=others, **common)
    return Original(
        lowest.pretraining_flop,
        source=source,
        trusted=all(o.trusted for o in known),
        doubts=doubts,
        merged_flop=merged,
        merged_highest_flop=at_most,
        highest_flop=lowest.highest_flop,
        others=others,
        **common,
    )


def _common(own: Original, inherited: Sequence[Original]) -> dict[str, Any]:
    """What is said of the originals: of systemic risk if one of them is; for the rest the run's own word overrides
    theirs, and they count where they agree.
    """
    every = [own, *inherited]
    systemic = any(o.systemic_risk for o in every)
    confirmed = any(o.systemic_risk and "systemic_risk" not in o.unconfirmed for o in every)
    common: dict[str, Any] = {"systemic_risk": systemic}
    unconfirmed: set[Question] = {"systemic_risk"} if systemic and not confirmed else set()
    for question in ("general_purpose", "ours"):
        answers = {getattr(o, question) for o in inherited}
        deciding = [own] if getattr(own, question) is not None or len(answers) > 1 else list(inherited)
        common[question] = getattr(deciding[0], question)
        if all(question in o.unconfirmed for o in deciding):
            unconfirmed.add(question)
    known = [o for o in every if o.pretraining_flop is not None]
    lowest = min(known, key=lambda o: o.pretraining_flop or 0, default=own)
    unconfirmed |= lowest.unconfirmed & {"pretraining_flop"}
    return {**common, "unconfirmed": frozenset(unconfirmed)}


def _sum_of(originals: Sequence[Original], highest: bool) -> int:
    return sum(_highest(o) if highest else o.pretraining_flop or 0 for o in originals)


def _highest(original: Original) -> int:
    return max(original.pretraining_flop or 0, original.highest_flop or 0)


def model_size(declared: Declared, model: KnownModel | None) -> ModelSize | None:
    """Parameters of the model: what the job says overrides the table, whose model is kept beside it where they differ.

    Counts of stored weights are a known mistake: 4-bit packing halves them, sharding divides them.
    """
    known = model.size if model else None
    if declared.parameters is None:
        if known is None:
            return None
        active = declared.active_parameters or known.active
        source = known.source
        if declared.active_parameters:
            source += f", active parameters: {declared.parameters_source.replace('params', 'active-params')}"
        return _beside(ModelSize(known.total, active, source, known.shape, declared.layers_by_width), [known])
    total = declared.parameters
    if known is not None and _alike(total, known.total):
        active = declared.active_parameters or min(total, known.active)
    else:
        active = declared.active_parameters or total
    shape = known.shape if known is not None and _alike(total, known.total) else None
    alone = known is None and declared.tagged("parameters")
    size = ModelSize(total, active, declared.parameters_source, shape, declared.layers_by_width, alone)
    return _beside(size, [known] if known else [])


def _beside(size: ModelSize, others: Sequence[ModelSize]) -> ModelSize:
    """The size with those of other sources that contradict it: by their parameters, or by their shape."""
    contradict = [other for other in others if other.shape != size.shape or not _alike(other.active, size.active)]
    return replace(size, others=tuple(dict.fromkeys([*size.others, *contradict])))


def _alike(one: int, other: int) -> bool:
    """Within a tenth: names round, tables count embeddings or not."""
    return 9 * max(one, other) <= 10 * min(one, other)


def find_original(
    declared: Declared, model: KnownModel | None, models: ModelCatalogue | None
) -> tuple[Original, tuple[Remark, ...]]:
    """Pretraining compute of the original, with what is to be said of it.

    A person's signed figure wins. A job that states one sets its own threshold: beside a figure of the table the lower
    one counts, and more than any known model took is no figure.
    """
    common = _stated(declared, model)
    table = replace(model.original if model else Original(), **common)
    given, known = declared.pretraining_flop, table.pretraining_flop
    if given is None:
        return table, ()
    source = f"{declared.pretraining_source} {scientific(given)} FLOP of pretraining"
    stated = Original(given, source=source, **common)
    if not declared.tagged("pretraining"):
        return stated, ()
    facts: dict[str, Fact] = {"source": declared.pretraining_source, "said": given}
    if known is not None and model is not None:
        lower = min((stated, table), key=lambda original: original.pretraining_flop or 0)
        other = table if lower is stated else stated
        if max(given, known) <= AGREEMENT * min(given, known):
            return lower, ()
        doubt = FIGURES_DISAGREE(**facts, known=known, model=model.model_id)
        return replace(lower, others=((doubt, other),)), (doubt,)
    if models is not None and given > models.largest_flop:
        return replace(stated, beyond_any=True), (MORE_THAN_ANY(**facts, largest=models.largest_flop),)
    return stated, ()


def _stated(declared: Declared, model: KnownModel | None) -> dict[str, Any]:
    """What is said of the original beside its compute."""
    stated, listed = declared.stated, model is not None and model.original.systemic_risk
    settled: set[Question] = {"systemic_risk"} if listed or not stated.systemic_risk else set()
    if declared.pretraining_flop is None or (model is not None and model.original.pretraining_flop is not None):
        settled.add("pretraining_flop")
    return {
        "systemic_risk": bool(stated.systemic_risk) or listed,
        "general_purpose": stated.general_purpose,
        "ours": stated.ours,
        "systemic_denied": stated.systemic_risk is False,
        "unconfirmed": stated.unconfirmed - settled,
        "doubts": declared.threshold_doubts,
    }
