"""A model card as Hugging Face reads it: a block of YAML, and what the training took, in Markdown."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from flops_auditor.domain.messages.documents.bom import ModelBom
from flops_auditor.domain.messages.documents.form import ONLY_ADDED_UP
from flops_auditor.domain.messages.documents.model_card import card_metadata
from flops_auditor.domain.messages.roundings import exactly, significant, two_digits
from flops_auditor.domain.values.visible import as_written
from flops_auditor_cli.output import json_text
from flops_auditor_cli.view import Block, FactList, PointList, in_markdown


def model_card(bom: ModelBom) -> str:
    """The card. A text in its YAML is a double-quoted scalar, so nothing in it is read as YAML (YAML 1.2, 7.3.1)."""
    metadata = card_metadata(bom)
    head = ["---", *yaml_lines(metadata), "---", ""] if metadata else []
    blocks: list[Block] = [
        FactList(_facts(bom), "Training compute and energy"),
        PointList([f"{each.title}: {each.verdict}" for each in bom.claims], "Thresholds"),
    ]
    return "\n".join([*head, "\n\n".join(filter(None, map(in_markdown, blocks))), ""])


def yaml_lines(members: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Members as YAML. Names are ours; texts are quoted as JSON quotes them, and a number is a plain decimal."""
    for name, value in members.items():
        if isinstance(value, Mapping):
            yield f"{indent}{name}:"
            yield from yaml_lines(value, f"{indent}  ")
        else:
            yield f"{indent}{name}: {exactly(value) if isinstance(value, Decimal) else json_text(as_written(value))}"


def _facts(bom: ModelBom) -> list[tuple[str, str]]:
    amount, energy = bom.amount, bom.energy_kwh
    told = two_digits(amount.best_flop), two_digits(amount.lower_flop, "lower"), two_digits(amount.upper_flop, "upper")
    flop = [each or "not known" for each in told]
    facts = [
        ("Limited to", bom.scope),
        ("Computation", f"{flop[0]}, at least {flop[1]}, at most {flop[2]}"),
        ("Method", bom.method),
        ("Energy", "not known" if energy is None else f"{significant(energy)} kWh: {bom.energy_method}"),
        ("Hardware", "; ".join(bom.hardware) or "not named in the records"),
        ("Base model", ", ".join(bom.base_models) or "none is named"),
        ("Signed records", ", ".join(f"{each.job_id[:12]} revision {each.revision}" for each in bom.records)),
    ]
    missing = [(ONLY_ADDED_UP, str(bom.missing))] if bom.missing else []
    return [*facts, *missing, *(("Read from", each) for each in bom.caveats)]
