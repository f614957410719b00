"""Parameters of a model at their logical size: packed weights unpacked, shards as the whole."""

from dataclasses import dataclass
from math import prod

from torch import nn


@dataclass(frozen=True)
class ModelSize:
    """Numbers of parameters: all, and those that need gradients."""

    total: int
    trainable: int


def model_size(model: nn.Module) -> ModelSize:
    """Count each parameter once, however many modules share it."""
    packed = {
        id(module.weight): module.in_features * module.out_features
        for module in model.modules()
        if isinstance(getattr(module, "in_features", None), int)
        and isinstance(getattr(module, "out_features", None), int)
        and isinstance(getattr(module, "weight", None), nn.Parameter)
    }
    whole = trained = 0
    for parameter in model.parameters():
        size = _logical(parameter, packed.get(id(parameter)))
        whole += size
        trained += size if parameter.requires_grad else 0
    return ModelSize(whole, trained)


def _logical(parameter: nn.Parameter, of_layer: int | None) -> int:
    shape = getattr(getattr(parameter, "quant_state", None), "shape", None)
    if shape is not None:  # bitsandbytes keeps the logical shape beside the packed values
        return prod(shape)
    partitioned = getattr(parameter, "ds_numel", None)
    if isinstance(partitioned, int):  # DeepSpeed ZeRO stage 3
        return partitioned
    if of_layer is not None and not parameter.is_floating_point():
        return of_layer
    return parameter.numel()
