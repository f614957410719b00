"""The metadata of a Hugging Face model card that the training of a model answers (huggingface.co/docs/hub/model-cards).

`base_model` is a repository of the Hub, so only a name that may be one stands there. Emissions are told only where a
person gave the grid's factor: no record says which electricity a region had.
"""

import re
from typing import Any

from flops_auditor.domain.messages.documents.bom import PRODUCT, ModelBom
from flops_auditor.domain.messages.roundings import exactly

_REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}(/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?")


def card_metadata(bom: ModelBom) -> dict[str, Any]:
    """The members of the card's YAML block, emissions in grams; empty where nothing can be told."""
    metadata: dict[str, Any] = {}
    if repositories := list(filter(_REPOSITORY.fullmatch, bom.base_models)):
        metadata["base_model"] = repositories if len(repositories) > 1 else repositories[0]
    grams = bom.emissions_g
    if grams is not None and bom.grid is not None and bom.energy_kwh is not None:
        factor = f"{exactly(bom.grid.grams_per_kwh)} g CO2eq/kWh ({bom.grid.source})"
        metadata["co2_eq_emissions"] = {
            "emissions": grams,
            "source": f"{PRODUCT}: {exactly(bom.energy_kwh)} kWh, {bom.energy_method}; times {factor}",
            "training_type": bom.activity,
            "geographical_location": ", ".join(bom.regions),
            "hardware_used": "; ".join(bom.hardware),
        }
    return metadata
