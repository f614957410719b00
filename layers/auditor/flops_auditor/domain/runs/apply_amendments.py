"""Amendments applied: a person's word in the place of what the job said or emitted."""

from collections.abc import Sequence
from dataclasses import replace

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.observations import Emitted, Observations


def amend_declared(declared: Declared, amendments: Sequence[Amendment]) -> Declared:
    """What the job says, with a person's word in its place; later amendments go before earlier ones.

    A person's figure also settles a doubt about the declaration that it replaces.
    """
    for amendment in amendments:
        given = f"{amendment.source}: {amendment.why}"
        attached = amendment.attachment_sha256
        notes = (*declared.notes, given + (f" (attachment {attached})" if attached else ""))
        declared = replace(declared, notes=notes)
        if amendment.tokens is not None:
            doubts = _without(declared.figure_doubts, "flops-auditor:tokens")
            declared = replace(declared, tokens=amendment.tokens, tokens_source=amendment.source, figure_doubts=doubts)
        if amendment.parameters is not None:
            doubts = _without(declared.figure_doubts, "flops-auditor:params")
            declared = replace(
                declared, parameters=amendment.parameters, parameters_source=amendment.source, figure_doubts=doubts
            )
        if amendment.pretraining_flop is not None:
            source = f"{amendment.source} says"
            declared = replace(
                declared, pretraining_flop=amendment.pretraining_flop, pretraining_source=source, threshold_doubts=()
            )
    return declared


def _without(doubts: tuple[str, ...], settled: str) -> tuple[str, ...]:
    return tuple(doubt for doubt in doubts if settled not in doubt)


def amend_observations(observed: Observations, amendments: Sequence[Amendment]) -> Observations:
    """Metrics, with the MFU that a person gives in the place of an emitted one."""
    for amendment in amendments:
        if amendment.mfu is not None:
            emitted = {**observed.emitted, "mfu": Emitted(amendment.mfu, amendment.source)}
            observed = replace(observed, emitted=emitted)
    return observed
