"""Which model the training began with, and how much compute that took: from the job itself and from its lineage.

A job that continues others began where the first of them began, so base model and pretraining compute are inherited
from the roots of its lineage.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from flops_auditor.domain.lineage.lineage import Ancestor, Lineage
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.runs.remedies import AMEND_ORIGINAL
from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.remarks import Kind

MERGED_UNKNOWN = Kind(
    "merged-from-unknown", "merged from several originals, of which the compute of one is not known", AMEND_ORIGINAL
)


class KnownModel(Protocol):
    """A base model of the table, as far as an audit asks it."""

    @property
    def model_id(self) -> str: ...
    @property
    def size(self) -> ModelSize | None: ...
    @property
    def original(self) -> Original: ...


class ModelCatalogue(Protocol):
    """Finds a base model by any name it goes by."""

    def find(self, identifier: str) -> KnownModel | None: ...


@dataclass(frozen=True)
class Origin:
    """Where the training began: the base model (its id in the table, or what jobs call it), its size, its compute."""

    base_model: str
    size: ModelSize | None
    original: Original


def find_origin(declared: Declared, lineage: Lineage, models: ModelCatalogue | None) -> Origin:
    """The origin of a job: what it says itself, joined with what the roots of its lineage say."""
    own = _origin(declared, models)
    inherited = [_origin(_as_declared(origin), models) for origin in lineage.origins()]
    if not inherited:
        return own
    model = own if models and models.find(declared.base_model) else _single(inherited)
    size = own.size or (model.size if model else None)
    return Origin(model.base_model if model else own.base_model, size, _joined(declared, own.original, inherited))


def _as_declared(root: Ancestor) -> Declared:
    by_the_job = "pretraining_flop" in root.stated.unconfirmed
    return Declared(
        base_model=root.base_model,
        pretraining_flop=root.pretraining_flop,
        stated=root.stated,
        pretraining_source="the job says" if by_the_job else "an amendment says",
    )


def _origin(declared: Declared, models: ModelCatalogue | None) -> Origin:
    model = models.find(declared.base_model) if models and declared.base_model else None
    name = model.model_id if model else declared.base_model
    return Origin(name, model_size(declared, model), find_original(declared, model))


def _single(inherited: Sequence[Origin]) -> Origin | None:
    """The one origin of all roots that name a model; None when they name several or none."""
    named = {origin.base_model: origin for origin in inherited if origin.base_model}
    return next(iter(named.values())) if len(named) == 1 else None


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
    if mine is not None and mine != lowest.pretraining_flop:
        flop = min(mine, lowest.pretraining_flop or mine)
        source = f"{own.source}; {source}: they differ, the lower one is used, since it makes the lower threshold"
        together = max(mine, merged or 0, *(o.pretraining_flop or 0 for o in known))
        highest = max(mine, at_most or 0, *(_highest(o) for o in known))
        both = own.trusted and lowest.trusted
        return Original(
            flop,
            source=source,
            trusted=both,
            doubts=doubts,
            merged_flop=together,
            merged_highest_flop=highest,
            **common,
        )
    if mine is not None:
        return replace(own, doubts=doubts, merged_flop=merged, merged_highest_flop=at_most, **common)
    return Original(
        lowest.pretraining_flop,
        source=source,
        trusted=all(o.trusted for o in known),
        doubts=doubts,
        merged_flop=merged,
        merged_highest_flop=at_most,
        highest_flop=lowest.highest_flop,
        **common,
    )


def _common(own: Original, inherited: Sequence[Original]) -> dict[str, Any]:
    """What is said of the originals: of systemic risk if one of them is; for the rest the run's own word overrides
    theirs, and they count where they agree.
    """
    every = [own, *inherited]
    systemic = any(o.systemic_risk for o in every)
    confirmed = any(o.systemic_risk and "systemic_risk" not in o.unconfirmed for o in every)
    found: dict[str, Any] = {"systemic_risk": systemic}
    unconfirmed: set[Question] = {"systemic_risk"} if systemic and not confirmed else set()
    for question in ("general_purpose", "ours"):
        answers = {getattr(o, question) for o in inherited}
        deciding = [own] if getattr(own, question) is not None or len(answers) > 1 else list(inherited)
        found[question] = getattr(deciding[0], question)
        if all(question in o.unconfirmed for o in deciding):
            unconfirmed.add(question)
    known = [o for o in every if o.pretraining_flop is not None]
    lowest = min(known, key=lambda o: o.pretraining_flop or 0, default=own)
    unconfirmed |= lowest.unconfirmed & {"pretraining_flop"}
    return {**found, "unconfirmed": frozenset(unconfirmed)}


def _sum_of(originals: Sequence[Original], highest: bool) -> int:
    return sum(_highest(o) if highest else o.pretraining_flop or 0 for o in originals)


def _highest(original: Original) -> int:
    return max(original.pretraining_flop or 0, original.highest_flop or 0)


def model_size(declared: Declared, model: KnownModel | None) -> ModelSize | None:
    """Parameters of the model: what the job says overrides the table, whose larger number is kept beside it.

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
        return ModelSize(known.total, active, source, _larger(known.active, active), known.shape)
    total = declared.parameters
    if known is not None and _alike(total, known.total):
        active = declared.active_parameters or min(total, known.active)
    else:
        active = declared.active_parameters or total
    shape = known.shape if known is not None and _alike(total, known.total) else None
    larger = _larger(known.active, active) if known else None
    return ModelSize(total, active, declared.parameters_source, larger, shape)


def _alike(one: int, other: int) -> bool:
    """Within a tenth: names round, tables count embeddings or not."""
    return 9 * max(one, other) <= 10 * min(one, other)


def _larger(known: int, said: int) -> int | None:
    return known if known > said and not _alike(known, said) else None


def find_original(declared: Declared, model: KnownModel | None) -> Original:
    """Pretraining compute of the original: what the job says wins, a contradiction with the table is said.

    A job that claims more than twice what the table knows raises its own threshold by that claim alone: it is not
    trusted to rest "below" on. A person's signed amendment is.
    """
    table = model.original if model else None
    stated, doubts = declared.stated, declared.threshold_doubts
    known = table.pretraining_flop if table else None
    listed = table is not None and table.systemic_risk
    settled: set[Question] = {"systemic_risk"} if listed or not stated.systemic_risk else set()
    if known is not None or declared.pretraining_flop is None:
        settled.add("pretraining_flop")
    common: dict[str, Any] = {
        "systemic_risk": bool(stated.systemic_risk) or listed,
        "general_purpose": stated.general_purpose,
        "ours": stated.ours,
        "unconfirmed": stated.unconfirmed - settled,
        "doubts": doubts,
    }
    if table is not None and listed and stated.systemic_risk is False:
        table = replace(table, source=f"{table.source}; the table lists it as one of systemic risk, whatever is said")
    if declared.pretraining_flop is None:
        return replace(table or Original(), **common)
    said = declared.pretraining_flop
    source = f"{declared.pretraining_source} {scientific(said)} FLOP of pretraining"
    if known is not None and not known <= 2 * said <= 4 * known:
        source += f"; the table has {scientific(known)} for {model.model_id if model else ''}, a contradiction"
    trusted = known is None or said <= 2 * known or not declared.tagged("pretraining")
    return Original(said, source=source, trusted=trusted, instead=None if trusted else known, **common)
