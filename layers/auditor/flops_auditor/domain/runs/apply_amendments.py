"""Amendments applied: a person's word in the place of what the job said or emitted."""

from collections.abc import Collection, Sequence
from dataclasses import replace

from flops_auditor.domain.runs.amendment import Amendment, in_order
from flops_auditor.domain.runs.declared import UNKNOWN_CHOICE, UNREADABLE_AMOUNT, UNREADABLE_ORIGINAL, Declared
from flops_auditor.domain.runs.emitted import Emitted
from flops_auditor.domain.runs.observations import Observations
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.remarks import Kind, Remark

AMENDED = Kind("amended", "{source}: {why:said300}{attachment}")


def amend_declared(
    declared: Declared, amendments: Sequence[Amendment], result: Collection[str] = frozenset()
) -> Declared:
    """What the job says, with a person's word in its place; later amendments override earlier ones.

    A person's figure also settles a doubt about the declaration that it replaces. `result` are the names of the run
    itself: what is said of another model, its original, says nothing of where and how the run's own result is released,
    unless both are the same model's life.
    """
    for amendment in in_order(amendments):
        attached = f" (attachment {amendment.attachment_sha256})" if amendment.attachment_sha256 else ""
        note = AMENDED(source=amendment.source, why=amendment.why, attachment=attached)
        declared = replace(declared, notes=(*declared.notes, note))
        if amendment.activity is not None:
            declared = replace(declared, activity=amendment.activity)
        if amendment.tokens is not None:
            declared = replace(
                declared,
                tokens=amendment.tokens,
                tokens_source=amendment.source,
                amended=declared.amended | {"tokens"},
                figure_doubts=_settled(declared.figure_doubts, "tokens"),
            )
        if amendment.parameters is not None:
            declared = replace(
                declared,
                parameters=amendment.parameters,
                parameters_source=amendment.source,
                amended=declared.amended | {"parameters"},
                figure_doubts=_settled(declared.figure_doubts, "params"),
            )
        if amendment.sequence_length is not None:
            declared = replace(declared, sequence_length=amendment.sequence_length)
        if amendment.layers is not None and amendment.width is not None:
            declared = replace(declared, layers_by_width=amendment.layers * amendment.width)
        if amendment.pretraining_flop is not None:
            source = f"{amendment.source} says"
            doubts = tuple(doubt for doubt in declared.threshold_doubts if doubt.kind != UNREADABLE_ORIGINAL)
            declared = replace(
                declared,
                pretraining_flop=amendment.pretraining_flop,
                pretraining_source=source,
                amended=declared.amended | {"pretraining"},
                threshold_doubts=doubts,
                stated=declared.stated.with_figure_confirmed(),
            )
        of_original = amendment.about and amendment.about not in result and not amendment.stated.ours
        answers = amendment.stated.of_an_original() if of_original else amendment.stated
        declared = replace(declared, stated=declared.stated.overridden_by(answers))
        declared = replace(declared, threshold_doubts=_answered(declared.threshold_doubts, amendment.stated))
    return declared


def _answered(doubts: tuple[Remark, ...], stated: Stated) -> tuple[Remark, ...]:
    """The doubts without those about a tag whose question a person has answered."""
    answered = {
        "original-is-ours": stated.ours,
        "original-is-general-purpose": stated.general_purpose,
        "systemic-risk": stated.systemic_risk,
        "generated-data": stated.generated_data_public,
    }
    return tuple(
        doubt for doubt in doubts if doubt.kind != UNKNOWN_CHOICE or answered.get(str(doubt.fact("name"))) is None
    )


def _settled(doubts: tuple[Remark, ...], name: str) -> tuple[Remark, ...]:
    """The doubts without the one about the tag of this name, whose count a person gives."""
    return tuple(doubt for doubt in doubts if doubt.kind != UNREADABLE_AMOUNT or doubt.fact("name") != name)


def amend_observations(observed: Observations, amendments: Sequence[Amendment]) -> Observations:
    """Metrics, with the MFU that a person gives in the place of an emitted one."""
    for amendment in amendments:
        if amendment.mfu is not None:
            emitted = {**observed.emitted, "mfu": Emitted(amendment.mfu, amendment.source)}
            observed = replace(observed, emitted=emitted)
    return observed
