"""From an audited run to what the law asks about it: whose model it trains, and what is added up."""

from collections.abc import Iterator

from flops_auditor.domain.law.policy import Circumstance, Role
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.lineage.lineage import Cumulative, Lineage
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import Activity, Declared
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.techniques import REINFORCEMENT_TECHNIQUES
from flops_auditor.domain.values.figures import Figures


def situation_of(
    run: Run, declared: Declared, original: Original, lineage: Lineage, cumulative: Cumulative
) -> Situation:
    """The situation of a run with its ancestors.

    Whose model it is, whatever a tag calls the run (Guidelines, section on downstream modifiers): training one's own
    model, or one made on one's behalf, is that model's life; training somebody else's weights is a modification.
    """
    role, other, without_tag = roles_of(declared, original, lineage)
    return Situation(
        role=role,
        original=original,
        updates=cumulative.updates,
        cumulative=cumulative.everything,
        other_role=other,
        role_without_tag=without_tag,
        perhaps_own=perhaps_own(role, other, declared, original, lineage),
        inherits=inherits(role, declared, original, lineage),
        without_failed=_updates_first(cumulative.without_failed),
        alone=_updates_first(cumulative.alone),
        circumstances=frozenset(_circumstances(declared, original, cumulative, "modifier" in (role, other))),
        on=run.ended.date() if run.ended else None,
        if_not_public=_updates_first(cumulative.if_not_public),
    )


def _updates_first(both: tuple[Figures, Figures] | None) -> tuple[Figures, Figures] | None:
    """Figures on both bases, in the order in which the law names them."""
    if both is None:
        return None
    everything, updates = both
    return updates, everything


def roles_of(declared: Declared, original: Original, lineage: Lineage) -> tuple[Role | None, Role | None, Role | None]:
    """The role; the one that it would be if a name were that of weights; and if the tag were wrong by which alone the
    model was begun from no weights.
    """
    fixed: dict[Activity, Role | None] = {"not-training": None, "synthetic-data": "data-generator"}
    stated = declared.stated
    if declared.activity in fixed:
        return fixed[declared.activity], None, None
    if stated.confirms("from_scratch") or (original.ours and "ours" not in original.unconfirmed):
        return "developer", None, None
    named = declared.loads_weights is not False or declared.pretraining_flop is not None
    role: Role = "modifier"
    other: Role | None = None
    if _begins_with_anothers(declared, original):
        pass
    elif lineage.own_model:
        foreign = declared.names_foreign_weights
        perhaps = declared.loads_weights is None or original.pretraining_flop is not None
        role, other = ("modifier", None) if foreign else ("developer", "modifier" if perhaps else None)
    elif not lineage.roots() and not declared.loads_weights and declared.pretraining_flop is None:
        pretrains = declared.activity == "pretraining" and not declared.by_name
        from_none = pretrains or stated.from_scratch is True
        role, other = ("developer", "modifier" if named else None) if from_none else ("modifier", None)
    if role == "developer" and other is None:
        sure = bool(lineage.roots()) and all(root.surely_own for root in lineage.roots())
        return role, None, None if sure else "modifier"
    return ("developer", None, None) if original.ours and role == "modifier" else (role, other, None)


def perhaps_own(
    role: Role | None, other: Role | None, declared: Declared, original: Original, lineage: Lineage
) -> bool:
    """Whether a run that is taken for a modification may train a model of one's own, since the names under which it, or
    the runs that it continues, began may be those of configurations.
    """
    if role != "modifier" or other is not None or _begins_with_anothers(declared, original):
        return False
    if roots := lineage.roots():
        return all(root.perhaps_from_scratch for root in roots)
    figure = declared.pretraining_flop is not None and not declared.tagged("pretraining")
    return declared.loads_weights is None and not figure


def _begins_with_anothers(declared: Declared, original: Original) -> bool:
    """Whether a person says that it begins with weights, or that the original is not the organisation's own."""
    return declared.stated.from_scratch is False or (original.ours is False and "ours" not in original.unconfirmed)


def inherits(role: Role | None, declared: Declared, original: Original, lineage: Lineage) -> bool:
    """Whether the compute of the original counts beside that of the runs that are recorded."""
    return role == "modifier" or (role == "developer" and _begins_with_ours(declared, original, lineage))


def _begins_with_ours(declared: Declared, original: Original, lineage: Lineage) -> bool:
    """Whether a model of one's own began with weights whose compute is not among the runs that are recorded."""
    return bool(original.ours) and not lineage.own_model and not declared.stated.confirms("from_scratch")


def _circumstances(
    declared: Declared, original: Original, cumulative: Cumulative, modifies: bool
) -> Iterator[Circumstance]:
    if any(ancestor.has_weights for ancestor in cumulative.ancestors):
        yield "several-runs"
    if cumulative.without_failed is not None:
        yield "failed-runs"
    if any(not ancestor.has_weights for ancestor in cumulative.ancestors):
        yield "generated-data"
    yield from circumstances_of(declared, original, modifies=modifies)


def circumstances_of(declared: Declared, original: Original, *, modifies: bool) -> Iterator[Circumstance]:
    """What a run is, whatever ran before it, of which a text may be silent."""
    if original.merged_flop is not None:
        yield "merge"
    if declared.technique in REINFORCEMENT_TECHNIQUES:
        yield "rollouts"
    if declared.activity == "pretraining" and modifies:
        yield "continued-pretraining"
