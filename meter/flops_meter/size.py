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
    packed: dict[int, int] = {}
    for module in model.modules():
        inner, outer = getattr(module, "in_features", None), getattr(module, "out_features", None)
        weight = getattr(module, "weight", None)
        if isinstance(inner, int) and isinstance(outer, int) and isinstance(weight, nn.Parameter):
            packed[id(weight)] = inner * outer
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
