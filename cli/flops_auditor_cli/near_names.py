"""Names that look like one that was not found."""

from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question to add to a message; empty where nothing is alike."""
    from flops_auditor.domain.originals.base_models import nearest_names  # noqa: PLC0415 - most names are found

    near = nearest_names(name, known)
    return f" Did you mean {' or '.join(near)}?" if near else ""


def model_names() -> list[str]:
    """Every name that the table of base models knows."""
    from flops_auditor import data  # noqa: PLC0415 - a start that needs no table does not read it

    return [name for model in data.base_model_table().models.values() for name in (model.model_id, *model.aliases)]


def unknown_model(name: str) -> str:
    """That a model is not in the table, and what its name may mean; empty for one that is known or has no name."""
    from flops_auditor import data  # noqa: PLC0415

    if not name or data.base_model_table().look_up(name).model is not None:
        return ""
    return f"not in the table of base models.{did_you_mean(name, model_names())}"
