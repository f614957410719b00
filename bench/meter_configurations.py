"""Models and batches to hold the meter against torch's own counter with: small, made here, without a download.

Each configuration is built twice: as people run it (fused attention, grouped experts, checkpointing), and as the
reference (eager attention, eager experts, no checkpointing), from the same seed.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
import transformers
from torch import nn

Batch = dict[str, torch.Tensor]
Change = Callable[[nn.Module], nn.Module]


@dataclass(frozen=True)
class Configuration:
    """One model with one batch. `short`: part of the short set."""

    family: str
    tuning: str
    batch: Callable[[], Batch]
    model: Callable[[bool], nn.Module]
    change: Change = lambda model: model
    checkpointing: str = ""
    layout: str = "full rows"
    short: bool = False
    step: Callable[[nn.Module, Batch], None] | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    reference_change: Change | None = None

    @property
    def positions(self) -> int:
        """Positions of the batch, padding included."""
        batch = self.batch()
        if "input_ids" in batch:
            return batch["input_ids"].numel() + batch.get("decoder_input_ids", torch.empty(0)).numel()
        return int(self.settings.get("positions", 0))

    @property
    def name(self) -> str:
        """For a table and a test."""
        parts = [self.family, self.tuning, f"{self.positions} tokens", self.layout, self.checkpointing]
        return ", ".join(part for part in parts if part and part != "full rows")

    def build(self, reference: bool) -> nn.Module:
        """The model, in training mode."""
        torch.manual_seed(0)
        change = self.reference_change if reference and self.reference_change is not None else self.change
        model = change(self.model(reference))
        if self.checkpointing and not reference:
            reentrant = self.checkpointing == "checkpointing (reentrant)"
            enable = getattr(model, "activation_checkpointing_enable", model.gradient_checkpointing_enable)
            enable({"use_reentrant": reentrant})
        if self.checkpointing:
            model.enable_input_require_grads()
        return model.train()

    def run(self, model: nn.Module, batch: Batch) -> None:
        """Forward and backward."""
        if self.step is not None:
            self.step(model, batch)
        else:
            model(**batch).loss.backward()


# ----- Batches


def text(
    rows: int, length: int, vocabulary: int = 256, **more: Callable[[torch.Tensor], torch.Tensor]
) -> Callable[[], Batch]:
    """Token ids and labels of full rows."""

    def make() -> Batch:
        generator = torch.Generator().manual_seed(1)
        ids = torch.randint(3, vocabulary, (rows, length), generator=generator)
        return {"input_ids": ids, "labels": ids.clone()} | {name: value(ids) for name, value in more.items()}

    return make


def padded(lengths: list[int], side: str = "right", vocabulary: int = 256) -> Callable[[], Batch]:
    """Rows of different lengths, filled up to the longest."""
    width = max(lengths)

    def mask(ids: torch.Tensor) -> torch.Tensor:
        places = torch.arange(width).expand(len(lengths), width)
        real = torch.tensor(lengths).unsqueeze(1)
        return (places < real if side == "right" else places >= width - real).long()

    return text(len(lengths), width, vocabulary, attention_mask=mask)


def packed(lengths: list[int]) -> Callable[[], Batch]:
    """Sequences one behind the other in one row, told apart by their positions."""
    return text(1, sum(lengths), position_ids=lambda ids: torch.cat([torch.arange(n) for n in lengths]).unsqueeze(0))


# ----- Models


def _attention(reference: bool, fused: str = "sdpa") -> str:
    return "eager" if reference else fused


def llama(fused: str = "sdpa", **more: Any) -> Callable[[bool], nn.Module]:
    """Grouped-query attention, gated feed-forward."""
    shape = {"vocab_size": 256, "hidden_size": 64, "intermediate_size": 176, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 8192}

    def make(reference: bool) -> nn.Module:
        config = transformers.LlamaConfig(**{**shape, **heads, **more}, use_cache=False)
        config._attn_implementation = _attention(reference, fused)
        return transformers.LlamaForCausalLM(config)

    return make


def mixture(experts: str, kind: str = "Qwen3Moe") -> Callable[[bool], nn.Module]:
    """Mixture of experts, two of eight for each token."""

    def make(reference: bool) -> nn.Module:
        shape: dict[str, Any] = {"vocab_size": 256, "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
        shape |= {"num_key_value_heads": 2, "intermediate_size": 96, "num_experts_per_tok": 2, "use_cache": False}
        shape |= {"num_local_experts": 8} if kind == "Mixtral" else {"num_experts": 8, "moe_intermediate_size": 96}
        shape |= {"decoder_sparse_step": 1, "head_dim": 16} if kind == "Qwen3Moe" else {}
        config = getattr(transformers, f"{kind}Config")(**shape)
        config._attn_implementation = _attention(reference)
        config._experts_implementation = "eager" if reference else experts
        return getattr(transformers, f"{kind}ForCausalLM")(config)

    return make


def gemma(kind: str, window: int) -> Callable[[bool], nn.Module]:
    """Sliding and full attention in turn, a vocabulary that is large beside the rest."""

    def make(reference: bool) -> nn.Module:
        shape: dict[str, Any] = {"vocab_size": 4096, "hidden_size": 64, "intermediate_size": 128, "head_dim": 16}
        shape |= {"num_hidden_layers": 4, "num_attention_heads": 4, "num_key_value_heads": 2, "sliding_window": window}
        config = getattr(transformers, f"{kind}Config")(**shape, use_cache=False)
        config._attn_implementation = _attention(reference, "eager" if kind == "Gemma2" else "sdpa")
        return getattr(transformers, kind.replace("Text", "") + "ForCausalLM")(config)

    return make


def other(kind: str, head: str, fused: str = "sdpa", **shape: Any) -> Callable[[bool], nn.Module]:
    """Any other model of transformers, by the names of its configuration and class."""

    def make(reference: bool) -> nn.Module:
        config = getattr(transformers, f"{kind}Config")(**shape)
        config._attn_implementation = _attention(reference, fused)
        return getattr(transformers, head)(config)

    return make


GPT2 = other(
    "GPT2", "GPT2LMHeadModel", vocab_size=256, n_embd=64, n_layer=2, n_head=4, n_positions=1024, use_cache=False
)
T5 = other(
    "T5",
    "T5ForConditionalGeneration",
    "eager",
    vocab_size=256,
    d_model=64,
    d_kv=16,
    d_ff=128,
    num_layers=2,
    num_heads=4,
    use_cache=False,
    decoder_start_token_id=0,
)
BART = other(
    *("Bart", "BartForConditionalGeneration"),
    **{"vocab_size": 256, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4},
    **{"decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "use_cache": False},
)
BERT = other(
    "Bert",
    "BertForMaskedLM",
    vocab_size=256,
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
)
VIT = other(
    "ViT",
    "ViTForImageClassification",
    hidden_size=64,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=128,
    image_size=64,
    patch_size=8,
)
MAMBA = other(
    "Mamba",
    "MambaForCausalLM",
    "eager",
    vocab_size=256,
    hidden_size=64,
    num_hidden_layers=2,
    state_size=8,
    use_cache=False,
)
WHISPER = other(
    *("Whisper", "WhisperForConditionalGeneration"),
    **{"vocab_size": 256, "d_model": 64, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4},
    **{"decoder_attention_heads": 4, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "num_mel_bins": 16},
    **{"max_source_positions": 100, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "use_cache": False},
    **{"decoder_start_token_id": 1, "suppress_tokens": None, "begin_suppress_tokens": None},
)


def llava(reference: bool) -> nn.Module:
    """A vision tower before a language model: 16 patches stand among the tokens."""
    vision = transformers.CLIPVisionConfig(
        hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8
    )
    language = transformers.LlamaConfig(
        vocab_size=256, hidden_size=64, intermediate_size=176, num_hidden_layers=2, num_attention_heads=4
    )
    config = transformers.LlavaConfig(vision_config=vision, text_config=language, image_token_index=2)
    config.text_config.use_cache = False
    for each in (config, config.vision_config, config.text_config):
        each._attn_implementation = _attention(reference)
    return transformers.LlavaForConditionalGeneration(config)


def llava_batch() -> Batch:
    """One picture in front of each row."""
    batch = text(2, 128)()
    batch["input_ids"][:, :16] = 2
    batch["pixel_values"] = torch.rand(2, 3, 32, 32)
    return batch


def pictures() -> Batch:
    """Four pictures with a class each."""
    return {"pixel_values": torch.rand(4, 3, 64, 64), "labels": torch.tensor([0, 1, 0, 1])}


def sound() -> Batch:
    """Spectrograms and text."""
    return {"input_features": torch.rand(2, 16, 200), "labels": text(2, 32)()["labels"]}


class Convolutions(nn.Module):
    """A network of no library: convolutions with strides, groups and transposition, and a product of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv2d(3, 32, 5, stride=2, padding=2)
        self.grouped = nn.Conv2d(32, 32, 3, padding=1)
        self.up = nn.ConvTranspose2d(32, 16, 4, stride=2, padding=1)
        self.mix = nn.Parameter(torch.randn(16, 16) / 4)
        self.head = nn.Linear(16, 10)

    def forward(self, pixel_values: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss."""
        seen = self.up(torch.relu(self.grouped(torch.relu(self.down(pixel_values)))))
        mixed = torch.einsum("bchw,cd->bdhw", seen, self.mix)
        return nn.functional.cross_entropy(self.head(mixed.mean((2, 3))), labels)


class Plain(nn.Module):
    """torch's own transformer layers."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(256, 64)
        layer = nn.TransformerEncoderLayer(64, 4, 128, batch_first=True, dropout=0.0)
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(64, 256)

    def forward(self, input_ids: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """The loss."""
        seen = self.head(self.layers(self.embed(input_ids)))
        return nn.functional.cross_entropy(seen.flatten(0, 1), labels.flatten())


# ----- What is trained


def frozen(*kept: str) -> Change:
    """Freeze all but the parameters whose names contain one of these."""

    def change(model: nn.Module) -> nn.Module:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(any(part in name for part in kept))
        return model

    return change


def lora(*targets: str) -> Change:
    """Low-rank adapters by peft."""

    def change(model: nn.Module) -> nn.Module:
        import peft  # noqa: PLC0415  as large as what it is for

        config = peft.LoraConfig(r=8, target_modules=list(targets) or "all-linear", lora_dropout=0.0)
        return peft.get_peft_model(model, config)

    return change


class Packed4Bit(nn.Module):
    """A linear layer whose weight lies packed, two values in a byte, and is unpacked for each product."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self.scale = float(linear.weight.detach().abs().max()) / 7
        values = (linear.weight.detach() / self.scale).round().clamp(-8, 7).to(torch.int16) + 8
        high, low = values.flatten().reshape(-1, 2).unbind(1)
        self.weight = nn.Parameter((high * 16 + low).to(torch.uint8), requires_grad=False)

    def unpacked(self) -> torch.Tensor:
        """The weight at its logical size."""
        pairs = torch.stack([self.weight // 16, self.weight % 16], 1).to(torch.float32) - 8
        return pairs.reshape(self.out_features, self.in_features) * self.scale

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The product."""
        return nn.functional.linear(values, self.unpacked())


def replace_linear(model: nn.Module, make: Callable[[nn.Linear], nn.Module]) -> nn.Module:
    """Put another module in place of every linear layer but the vocabulary head."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.Linear and name != "lm_head":
                setattr(parent, name, make(child))
    return model


def _adapters(model: nn.Module) -> nn.Module:
    """Adapters by hand, beside packed layers that peft does not know."""
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, Packed4Bit) and name in {"q_proj", "v_proj"}:
                setattr(parent, name, Adapted(child))
    return model


class Adapted(nn.Module):
    """A packed layer and a low-rank product beside it."""

    def __init__(self, base: Packed4Bit) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, 8, bias=False)
        self.up = nn.Linear(8, base.out_features, bias=False)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The sum of both."""
        return self.base(values) + self.up(self.down(values))


def packed_adapters(model: nn.Module) -> nn.Module:
    """QLoRA with packed layers of our own."""
    frozen("nothing")(model)
    return _adapters(replace_linear(model, Packed4Bit))


def bitsandbytes_lora(model: nn.Module) -> nn.Module:
    """QLoRA with bitsandbytes' 4-bit layers, packed as on a GPU."""
    import bitsandbytes  # noqa: PLC0415

    def pack(linear: nn.Linear) -> nn.Module:
        layer = bitsandbytes.nn.Linear4bit(linear.in_features, linear.out_features, bias=False, quant_type="nf4")
        layer.weight = bitsandbytes.nn.Params4bit(linear.weight.data, requires_grad=False, quant_type="nf4")
        return layer.to("cpu")

    frozen("nothing")(model)
    return unpacked_lora(replace_linear(model, pack))


def unpacked_lora(model: nn.Module) -> nn.Module:
    """The same adapters on plain layers: torch's counter does not know the packed kernel."""
    return lora("q_proj", "v_proj", "up_proj")(model)


def in_bfloat16(model: nn.Module, batch: Batch) -> None:
    """A step under autocast."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = model(**batch).loss
    loss.backward()


def preferred(model: nn.Module, batch: Batch) -> None:
    """Two passes and one backward, as preference training does."""
    chosen = model(**batch).logits
    rejected = model(input_ids=batch["input_ids"][:, : batch["input_ids"].shape[1] // 2]).logits
    nn.functional.logsigmoid(chosen.log_softmax(-1).mean() - rejected.log_softmax(-1).mean()).neg().backward()


def accumulated(model: nn.Module, batch: Batch) -> None:
    """Two micro-batches, each with its backward."""
    for half in range(2):
        model(**{name: value[half::2] for name, value in batch.items()}).loss.backward()


def returned_loss(model: nn.Module, batch: Batch) -> None:
    """For models that return the loss alone."""
    model(**batch).backward()


def configurations() -> Iterator[Configuration]:
    """All of them."""
    make = Configuration
    for rows, length, short in ((1, 128, True), (4, 512, True), (2, 2048, False), (1, 8192, False)):
        yield make("Llama, GQA", "full", text(rows, length), llama(), short=short)
    yield make("Llama, GQA", "full", text(4, 256), llama("eager"), layout="eager attention")
    yield make("Llama, vocabulary 32k", "full", text(2, 256), llama(vocab_size=32000), short=True)
    yield make("Llama, tied head", "full", text(2, 256), llama(tie_word_embeddings=True))
    yield make("Llama, 8 layers", "full", text(2, 256), llama(num_hidden_layers=8))
    yield make("Llama, GQA", "full, bfloat16 autocast", text(4, 256), llama(), step=in_bfloat16)
    yield make("Llama, GQA", "full, 2 micro-batches", text(4, 256), llama(), step=accumulated)
    yield make("Llama, GQA", "two passes, one backward", text(4, 256), llama(), step=preferred, short=True)

    yield make("Llama, GQA", "LoRA, all layers", text(2, 512), llama(), lora(), short=True)
    yield make("Llama, GQA", "LoRA, q and v", text(2, 2048), llama(), lora("q_proj", "v_proj"))
    yield make("Llama, GQA", "LoRA, all layers", text(2, 512), llama(), lora(), "checkpointing", short=True)
    yield make("Llama, GQA", "QLoRA, packed here", text(2, 512), llama(), packed_adapters, short=True)
    yield make(
        "Llama, GQA",
        "QLoRA, bitsandbytes",
        text(2, 512),
        llama(),
        bitsandbytes_lora,
        reference_change=unpacked_lora,
        short=True,
    )
    yield make(
        "Llama, GQA",
        "QLoRA, bitsandbytes",
        text(2, 512),
        llama(),
        bitsandbytes_lora,
        "checkpointing",
        reference_change=unpacked_lora,
    )

    yield make("Llama, GQA", "last layer trained", text(2, 512), llama(), frozen("layers.1.", "lm_head"), short=True)
    yield make("Llama, GQA", "head trained", text(2, 512), llama(), frozen("lm_head"))
    yield make("Llama, GQA", "first layer trained", text(2, 512), llama(), frozen("layers.0."))
    yield make("Llama, GQA", "norms trained", text(2, 512), llama(), frozen("norm"))

    yield make("Llama, GQA", "full", padded([512, 300, 120, 40]), llama(), layout="padded right", short=True)
    yield make("Llama, GQA", "full", padded([512, 300, 120, 40], "left"), llama(), layout="padded left")
    yield make("Llama, GQA", "LoRA, all layers", padded([256, 200, 120, 40]), llama(), lora(), layout="padded right")
    yield make("Llama, GQA", "full", packed([500, 300, 200, 24]), llama(), layout="packed", short=True)

    for kind in ("checkpointing", "checkpointing (reentrant)"):
        yield make("Llama, GQA", "full", text(4, 512), llama(), checkpointing=kind, short=True)
    yield make("Llama, GQA", "full", text(1, 4096), llama(), checkpointing="checkpointing")

    for experts in ("grouped_mm", "batched_mm", "eager"):
        yield make("Qwen3-MoE", f"full, {experts} experts", text(2, 256), mixture(experts), short=experts != "eager")
    yield make("Qwen3-MoE", "LoRA, attention", text(2, 256), mixture("grouped_mm"), lora("q_proj", "v_proj"))
    yield make("Qwen3-MoE", "full", text(2, 256), mixture("grouped_mm"), checkpointing="checkpointing")
    yield make("Mixtral", "full, grouped_mm experts", text(1, 1024), mixture("grouped_mm", "Mixtral"))

    yield make("Gemma 2, window 128", "full", text(2, 512, 4096), gemma("Gemma2", 128), short=True)
    yield make("Gemma 3, window 128", "full", text(1, 2048, 4096), gemma("Gemma3Text", 128))
    yield make("Gemma 3, window 64", "LoRA, all layers", text(2, 512, 4096), gemma("Gemma3Text", 64), lora())

    yield make("GPT-2", "full", text(2, 512), GPT2, short=True)
    yield make("GPT-2", "LoRA, c_attn", text(2, 1024), GPT2, lora("c_attn"))
    yield make("GPT-2", "full", text(2, 512), GPT2, checkpointing="checkpointing")
    yield make("T5", "full", text(2, 256), T5, short=True)
    yield make("T5", "full", padded([256, 100]), T5, layout="padded right")
    yield make("BART", "full", text(2, 256), BART)
    yield make("BERT", "full", padded([128, 60, 30]), BERT, layout="padded right")
    yield make("Mamba", "full", text(1, 128), MAMBA)

    seen = {"positions": 4 * 65}
    yield make("ViT", "full", pictures, VIT, settings=seen, short=True)
    yield make("ViT", "head trained", pictures, VIT, frozen("classifier"), settings=seen)
    yield make("Llava", "full", llava_batch, llava, short=True)
    yield make("Llava", "vision tower frozen", llava_batch, llava, frozen("language_model", "projector", "lm_head"))
    yield make("Whisper", "full", sound, WHISPER, settings={"positions": 2 * 132})
    yield make(
        "Convolutions", "full", pictures, lambda _: Convolutions(), step=returned_loss, settings={"positions": 4}
    )
    yield make("nn.TransformerEncoder", "full", text(2, 256), lambda _: Plain(), step=returned_loss, short=True)
