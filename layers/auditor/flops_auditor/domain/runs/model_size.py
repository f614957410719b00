"""P of the architecture-based method: how many parameters a model has and how many are trained; and its shape."""

from dataclasses import dataclass
from fractions import Fraction

from flops_auditor.domain.runs.declared import Declared


@dataclass(frozen=True)
class ModelShape:
    """The shape of a transformer, as its published configuration gives it.

    `heads` query heads and `kv_heads` key-value heads of `head_width` each in each of `layers`; `width` of the residual
    stream; `vocabulary` rows of the embedding, which `tied` says is the output head as well; `context` in tokens is the
    longest that the model was made for.
    """

    layers: int
    width: int
    heads: int
    kv_heads: int
    head_width: int
    vocabulary: int
    tied: bool
    context: int

    @property
    def attention_width(self) -> int:
        """Width of the queries of one layer."""
        return self.heads * self.head_width

    @property
    def attended(self) -> int:
        """Layers x queries' width, of which attention is a multiple."""
        return self.layers * self.attention_width


@dataclass(frozen=True)
class ModelSize:
    """Parameters of the trained model: all, those active per token, and where the numbers come from.

    `shape` is None where no configuration is known. `layers_by_width` is the number of layers times the width of the
    queries of one, where a person signs for it. `tagged`: a tag of the job alone says how large the model is.
    `others` are what contradicts it: as large, and of such a shape, as the model is by other sources.
    """

    total: int
    active: int
    source: str
    shape: ModelShape | None = None
    layers_by_width: int | None = None
    tagged: bool = False
    others: tuple["ModelSize", ...] = ()

    @property
    def attended(self) -> int | None:
        """Layers x queries' width, which a person's word overrides; None where nobody knows it."""
        if self.layers_by_width is not None or self.shape is None:
            return self.layers_by_width
        return self.shape.attended


def is_partial(declared: Declared, model: ModelSize | None) -> bool:
    """Whether only a part of the parameters is trained; how many are overrides a hint at adapters."""
    if declared.trainable_parameters is None:
        return declared.parameter_efficient
    return model is None or declared.trainable_parameters < model.total


def overcounted(declared: Declared, model: ModelSize | None) -> Fraction:
    """By how much a trainer's own 6 N D is too high, which takes every parameter as trained, and as active for each
    token: 3/2 of adapters, total over active parameters of a mixture of experts.
    """
    partial = Fraction(3, 2) if is_partial(declared, model) else Fraction(1)
    return partial * (Fraction(model.total, model.active) if model and model.total > model.active else Fraction(1))
