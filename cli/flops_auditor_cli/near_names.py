"""Names that look like one that was not found."""

from collections.abc import Iterable

from flops_auditor import data
from flops_auditor.domain.originals.base_models import nearest_names


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to add to a message; empty where nothing is alike."""
    near = nearest_names(name, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def model_names() -> list[str]:
    """Every name that the table of base models knows."""
    return [name for model in data.base_model_table().models.values() for name in (model.model_id, *model.aliases)]


def unknown_model(name: str) -> str:
    """That a model is not in the table, and what its name may mean; empty for one that is known or has no name."""
    if not name or data.base_model_table().look_up(name).model is not None:
        return ""
    return f"not in the table of base models.{did_you_mean(name, model_names())}"
