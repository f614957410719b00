"""Names that look like one that was not found."""

from collections.abc import Iterable

from flops_auditor.domain.values.visible import as_written, meanings


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


def names_of_model(asked: str) -> tuple[str, ...]:
    """The names under which records may have a model: as it is asked for, as others are shown that is meant, and as the
    table of base models spells it, which knows other capitals and other names of it.
    """
    from flops_auditor import data  # noqa: PLC0415

    if not asked:
        return ()
    resolved = data.base_model_table().look_up(asked)
    listed = () if resolved.model is None or resolved.hint else (resolved.model.model_id,)
    return tuple(dict.fromkeys((*meanings(asked), *listed)))


def no_job_on(asked: str, known: Iterable[str]) -> str:
    """That no recorded job is on a model, and which of the models of recorded jobs may be meant; "" where one is."""
    models = set(known) - {""}
    if models.intersection(names_of_model(asked)):
        return ""
    return f"No recorded job is on {asked}.{did_you_mean(asked, map(as_written, models))}"
