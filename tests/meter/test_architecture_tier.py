"""Parameters x tokens with attention, against what torch's own counter sees in real shapes on the meta device.

Nothing is computed and nothing downloaded: configurations are written here as published, attention is eager (the full
square), experts are those that are routed to. `make test-attention` runs all of it.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import peft
import pytest
import torch
import transformers
from torch.utils.flop_counter import FlopCounterMode

from flops_auditor.data import base_model_table
from flops_auditor.domain.compute.architecture import ALL, architecture
from flops_auditor.domain.compute.run_tokens import Tokens
from flops_auditor.domain.runs.model_size import ModelSize

LENGTHS = (512, 2048, 8192, 32768)
SHORT = {"full": 512, "LoRA q/v": 2048, "LoRA all": 512}
"""The length of each way of training in the short set."""
TOLERANCE = 0.10
"""Of what torch counts; Annex A.2 of the Guidelines allows 30 %."""


@dataclass(frozen=True)
class Published:
    """A model of the table, and the rest of its published configuration."""

    model_id: str
    config: Callable[..., Any]
    more: dict[str, Any]

    @property
    def size(self) -> ModelSize:
        """Size and shape as the audit takes them."""
        model = base_model_table().resolve(self.model_id)
        assert model is not None
        assert model.size is not None
        assert model.size.shape is not None
        return model.size

    @property
    def mixture(self) -> bool:
        """Whether it is a mixture of experts."""
        return "num_experts" in self.more

    def build(self) -> Any:
        """The model without weights, in training mode."""
        shape = self.size.shape
        assert shape is not None
        config = self.config(
            num_hidden_layers=shape.layers,
            hidden_size=shape.width,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_width,
            vocab_size=shape.vocabulary,
            tie_word_embeddings=shape.tied,
            max_position_embeddings=max(LENGTHS),
            use_cache=False,
            **self.more,
        )
        config._experts_implementation = "batched_mm"  # rows go to experts without a look at values
        with torch.device("meta"):
            model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager")
        return model.train()


MODELS = (
    Published("meta-llama/Llama-3.1-8B", transformers.LlamaConfig, {"intermediate_size": 14336}),
    Published("meta-llama/Llama-3.2-1B", transformers.LlamaConfig, {"intermediate_size": 8192}),
    Published("google/gemma-2-2b", transformers.Gemma2Config, {"intermediate_size": 9216}),
    Published("Qwen/Qwen2.5-0.5B", transformers.Qwen2Config, {"intermediate_size": 4864}),
    Published("HuggingFaceTB/SmolLM2-135M", transformers.LlamaConfig, {"intermediate_size": 1536}),
    Published(
        "Qwen/Qwen3-30B-A3B",
        transformers.Qwen3MoeConfig,
        {
            "intermediate_size": 6144,
            "moe_intermediate_size": 768,
            "num_experts": 128,
            "num_experts_per_tok": 8,
        },
    ),
)
ATTENTION = ("q_proj", "k_proj", "v_proj", "o_proj")
TUNINGS: dict[str, tuple[str, ...]] = {
    "full": (),
    "LoRA q/v": ("q_proj", "v_proj"),
    "LoRA all": (*ATTENTION, "gate_proj", "up_proj", "down_proj"),
}
"""Experts are kept in one tensor, which is no linear layer: adapters of a mixture are those of its attention."""


def counted(model: Published, tuning: str, length: int) -> tuple[int, int]:
    """FLOP of one step on one sequence as torch counts them, and how many parameters it trains (ALL: all)."""
    network, trainable = model.build(), ALL
    if TUNINGS[tuning]:
        names = ATTENTION if model.mixture and tuning == "LoRA all" else TUNINGS[tuning]
        adapters = peft.LoraConfig(r=16, target_modules=list(names))
        network = peft.get_peft_model(network, adapters)
        trainable = sum(each.numel() for each in network.parameters() if each.requires_grad)
    ids = torch.zeros((1, length), dtype=torch.long, device="meta")
    mask = torch.zeros((1, 1, length, length), device="meta")  # given, since nothing can look into values here
    with FlopCounterMode(display=False) as counter:
        network(input_ids=ids, labels=ids, attention_mask=mask).loss.backward()
    return int(counter.get_total_flops()), trainable


def cases() -> list[Any]:
    """Every model, way of training and length; the smallest model belongs to the short set."""
    return [
        pytest.param(model, tuning, length, id=f"{model.model_id}, {tuning}, {length}", marks=marks)
        for model in MODELS
        for tuning in TUNINGS
        for length in LENGTHS
        for marks in [() if "135M" in model.model_id and length == SHORT[tuning] else pytest.mark.full]
    ]


@pytest.mark.parametrize(("model", "tuning", "length"), cases())
def test_parameters_tokens_and_attention_are_what_torch_counts(model: Published, tuning: str, length: int) -> None:
    truth, trainable = counted(model, tuning, length)
    tier, _ = architecture(model.size, trainable, Tokens(length, "test", least=length, most=length), length, ())
    error = tier.best_flop / truth - 1
    sys.stdout.write(f"{model.model_id}, {tuning}, {length} tokens: {truth:.3e} FLOP counted, {error:+.1%}\n")
    assert abs(error) <= TOLERANCE
    assert tier.lower_flop <= truth <= (tier.upper_flop or 0)
