"""P of the architecture-based method: how many parameters the trained model has, and how many of them are trained."""

from dataclasses import dataclass

from flops_auditor.domain.runs.declared import Declared


@dataclass(frozen=True)
class ModelSize:
    """Parameters of the trained model: all, those active per token, and where the numbers come from.

    `most_active` is another source's number of active parameters, where it is so much larger that it contradicts.
    """

    total: int
    active: int
    source: str
    most_active: int | None = None


def is_partial(declared: Declared, model: ModelSize | None) -> bool:
    """Whether only a part of the parameters is trained; how many are overrides a hint at adapters."""
    if declared.trainable_parameters is None:
        return declared.parameter_efficient
    return model is None or declared.trainable_parameters < model.total
