"""The architecture-based tier: parameters x tokens, with attention over the context where the length is known.

C = 6 P D for transformers trained in full (Guidelines C(2025) 5045, Annex A.2); (4 N + 2 N_trainable) x tokens where
only a part of the parameters is trained (the AWS toolkit's formula): every token passes forward (2 N) and its
activation gradients pass back (2 N), weight gradients are computed for the trainable parameters alone. A run that only
generates data passes forward: 2 N x tokens.
"""

from collections.abc import Sequence
from fractions import Fraction

from flops_auditor.domain.compute.attention import known_attention
from flops_auditor.domain.compute.run_tokens import Tokens
from flops_auditor.domain.compute.tiers import HardwareUse, Measured, Tier, measured
from flops_auditor.domain.runs.model_size import ModelSize
from flops_auditor.domain.values.amounts import nearest
from flops_auditor.domain.values.remarks import Kind, Remark

IN_FULL = Kind("six-parameters-tokens", "6 x {parameters:flop} parameters x {tokens:flop} tokens")
IN_PART = Kind(
    "four-parameters-and-two-trainable",
    "(4 x {parameters:flop} + 2 x {trainable:flop} trainable) x {tokens:flop} tokens",
)
IN_UNKNOWN_PART = Kind(
    "four-parameters-and-unknown-trainable",
    "(4 x {parameters:flop} + 2 x an unknown number of trainable) x {tokens:flop} tokens",
)
FORWARD = Kind(
    "two-parameters-tokens", "2 x {parameters:flop} parameters x {tokens:flop} tokens, which only pass forward"
)
ATTENTION = Kind(
    "attention-over-the-context",
    "attention over {length} tokens of context adds {share:percent}, counted as the full square; where a kernel leaves "
    "out what the causal mask hides, half of that",
)
GENERATED = Kind(
    "generated-beside-training",
    "beside its training the service counts {tokens:flop} tokens that it generated or read: 2 x {parameters:flop} "
    "parameters x tokens, {flop:flop} FLOP, updated nothing and count on the cumulative basis alone",
)
BOTH_WAYS_PER_FORWARD = 3
"""The backward pass takes twice as much as the forward pass."""
ALL = -1
"""As a number of trainable parameters: all of them."""


def architecture(
    model: ModelSize,
    trainable: int | None,
    tokens: Tokens,
    length: int | None,
    hardware: Sequence[HardwareUse],
    *,
    forward_only: bool = False,
) -> tuple[Tier, tuple[Remark, ...]]:
    """Parameters x tokens. `trainable` is ALL, a number, or None where only a part is trained and nobody says how much:
    then the best estimate takes none of them, the upper bound all. `length` is the context in tokens, None: not known.
    `forward_only`: nothing is trained, the tokens are generated.
    """
    parameters = model.active
    best, most = (6 * parameters, 6 * parameters)
    basis = IN_FULL(parameters=parameters, tokens=tokens.count)
    if forward_only:
        best = most = 2 * parameters
        basis = FORWARD(parameters=parameters, tokens=tokens.count)
    elif trainable is None:
        best, basis = 4 * parameters, IN_UNKNOWN_PART(parameters=parameters, tokens=tokens.count)
    elif trainable != ALL:
        best = most = 4 * parameters + 2 * trainable
        basis = IN_PART(parameters=parameters, trainable=trainable, tokens=tokens.count)
    attention = known_attention(model, length)
    if forward_only:
        attention //= BOTH_WAYS_PER_FORWARD
    count = Measured(
        flop=Fraction(tokens.count * (best + attention)),
        share=tokens.share,
        least=Fraction(tokens.least * best),
        most=Fraction(tokens.most * (most + attention)),
        grown=None if tokens.grown is None else Fraction(tokens.grown * (best + attention)),
        watched=tokens.watched,
    )
    remarks = (ATTENTION(length=length, share=Fraction(attention, best)),) if attention else ()
    return measured("architecture", count, hardware, basis, counts_tokens=True), remarks


def generation(model: ModelSize, tokens: int, length: int | None) -> tuple[int, Remark]:
    """FLOP of tokens that only pass forward, 2 N each with attention over the context, and what is said of them."""
    attention = known_attention(model, length)
    flop = nearest(Fraction(tokens * (2 * model.active + attention // BOTH_WAYS_PER_FORWARD)))
    return flop, GENERATED(tokens=tokens, parameters=model.active, flop=flop)
