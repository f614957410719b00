"""From an audited run to what the law asks about it: whose model it trains, and what is added up."""

from flops_auditor.domain.law.policy import Circumstance, Role
from flops_auditor.domain.law.situation import Situation
from flops_auditor.domain.lineage.lineage import Cumulative, Lineage
from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.declared import REINFORCEMENT_TECHNIQUES, Activity, Declared
from flops_auditor.domain.runs.run import Run


def situation_of(
    run: Run, declared: Declared, original: Original, lineage: Lineage, cumulative: Cumulative
) -> Situation:
    """The situation of a run with its ancestors.

    Whose model it is, whatever a tag calls the run (Guidelines, section on downstream modifiers): training one's own
    model, or one made on one's behalf, is that model's life; training somebody else's weights is a modification.
    """
    role, other = _roles(declared, original, lineage)
    without = cumulative.without_failed
    return Situation(
        role=role,
        original=original,
        updates=cumulative.updates,
        cumulative=cumulative.everything,
        other_role=other,
        inherits=role == "modifier" or (role == "developer" and bool(original.ours) and not _our_own(lineage)),
        without_failed=None if without is None else (without[1], without[0]),
        circumstances=frozenset(_circumstances(declared, original, cumulative)),
        on=run.ended.date() if run.ended else None,
    )


def _roles(declared: Declared, original: Original, lineage: Lineage) -> tuple[Role | None, Role | None]:
    """The role, and the one that it would be if a name were that of weights."""
    fixed: dict[Activity, Role | None] = {"not-training": None, "synthetic-data": "data-generator"}
    if declared.activity in fixed:
        return fixed[declared.activity], None
    if original.ours:
        return "developer", None
    if _our_own(lineage):
        return "developer", "modifier" if original.pretraining_flop is not None else None
    names_weights = declared.loads_weights or declared.pretraining_flop is not None
    if declared.activity == "fine-tuning" or lineage.roots() or names_weights:
        return "modifier", None
    return "developer", "modifier" if declared.loads_weights is None else None


def _our_own(lineage: Lineage) -> bool:
    """Whether the weights began with runs that pretrained them from none, all of them."""
    roots = lineage.roots()
    return bool(roots) and all(root.from_scratch for root in roots)


def _circumstances(declared: Declared, original: Original, cumulative: Cumulative) -> list[Circumstance]:
    found: list[Circumstance] = []
    if any(ancestor.has_weights for ancestor in cumulative.ancestors):
        found.append("several-runs")
    if cumulative.without_failed is not None:
        found.append("failed-runs")
    if original.merged_flop is not None:
        found.append("merge")
    if declared.technique in REINFORCEMENT_TECHNIQUES:
        found.append("rollouts")
    return found
