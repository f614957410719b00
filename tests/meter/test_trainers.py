"""Trainers that people use, switched on as FLOPS_METER=1 does it: the counters add up to what torch counted in all."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.meter_configurations import llama
from flops_meter import FlopsMeter
from flops_meter.startup import activate
from flops_meter.work import Totals
from tests.meter.against_torch import IN_PLACE, close, counted_by_torch

pytestmark = pytest.mark.full


def words(count: int) -> str:
    return " ".join(f"w{random.randint(0, 249)}" for _ in range(count))


def tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    known = {"<pad>": 0, "<eos>": 1, "<unk>": 2} | {f"w{place}": place + 3 for place in range(250)}
    made = Tokenizer(models.WordLevel(known, unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


def model() -> Any:
    made: Any = llama()(True)  # eager attention, which torch's counter sees into
    made.config.use_cache = made.generation_config.use_cache = True
    made.config.pad_token_id, made.config.eos_token_id = 0, 1
    return made


def trainer_for(kind: str, folder: Path) -> Any:
    import trl
    from datasets import Dataset

    random.seed(0)
    common: dict[str, Any] = {"output_dir": str(folder), "max_steps": 3, "per_device_train_batch_size": 4}
    common |= {"report_to": [], "use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "logging_steps": 100}
    common |= {"gradient_checkpointing": False}
    columns: dict[str, list[str]]
    if kind == "SFT":
        columns = {"text": [words(random.randint(5, 60)) for _ in range(32)]}
        arguments: Any = trl.SFTConfig(**common, max_length=64)
    elif kind == "DPO":
        columns = {
            name: [words(size) for _ in range(32)] for name, size in (("prompt", 8), ("chosen", 10), ("rejected", 6))
        }
        arguments = trl.DPOConfig(**common)
    else:
        columns = {"prompt": [words(8) for _ in range(32)]}
        arguments = trl.GRPOConfig(**common, num_generations=4, max_completion_length=16, beta=0.0)
    more: dict[str, Any] = {"DPO": {"ref_model": model()}}.get(kind, {})
    if kind == "GRPO":
        more = {"reward_funcs": lambda completions, **_: [float(len(each)) for each in completions]}
    data = Dataset.from_dict(columns)
    return getattr(trl, f"{kind}Trainer")(
        model(), args=arguments, train_dataset=data, processing_class=tokenizer(), **more
    )


def meter_of(trainer: Any) -> FlopsMeter:
    activate()
    callbacks = [each for each in trainer.callback_handler.callbacks if type(each).__name__ == "FlopsMeterCallback"]
    assert len(callbacks) == 1
    assert isinstance(callbacks[0].meter, FlopsMeter)
    return callbacks[0].meter


def eagerly(made: Any, batch: dict[str, torch.Tensor]) -> None:
    """A step without fused kernels. TRL leaves out the last position's logits, which predict nothing."""
    seen = made.model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).last_hidden_state
    made.lm_head(seen[:, :-1]).sum().backward()


@pytest.mark.parametrize("kind", ["SFT", "DPO", "GRPO"])
def test_the_counters_add_up_to_what_torch_counts(kind: str, tmp_path: Path) -> None:
    activate()
    trainer = trainer_for(kind, tmp_path)
    batches: list[dict[str, torch.Tensor]] = []
    compute: Callable[..., Any] = trainer.compute_loss

    def noting(model: Any, inputs: Any, **more: Any) -> Any:
        batches.append(dict(inputs))
        return compute(model, inputs, **more)

    trainer.compute_loss = noting
    with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
        trainer.train()
    totals = meter_of(trainer).totals
    if kind != "GRPO":  # whose completions alone go through the head
        plain = model()
        assert totals.model_flop == sum(counted_by_torch(partial(eagerly, plain, batch)) for batch in batches)
    beside = totals.generation_flop + totals.reference_flop + totals.evaluation_flop
    assert close(totals.executed_flop + beside, counter.get_total_flops())
    assert not meter_of(trainer).unknown_operations
    assert 0 < totals.model_flop <= totals.executed_flop
    assert totals.steps == 3 and totals.inferred_flop == 0
    assert (totals.generation_flop > 0) == (kind == "GRPO")
    assert (totals.reference_flop > 0) == (kind == "DPO")


def test_lightning_calls_the_parts_and_is_counted(tmp_path: Path) -> None:
    """Lightning calls training_step, never forward; what it validates is evaluation."""
    import pytorch_lightning as lightning

    activate()

    class Parts(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.encoder, self.decoder = nn.Linear(32, 64), nn.Linear(64, 8)

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return self.decoder(torch.relu(self.encoder(batch))).pow(2).mean()

        def validation_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return self.training_step(batch, index)

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    data = torch.utils.data.DataLoader(torch.randn(64, 32), batch_size=8)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "accelerator": "cpu"}
    trainer = lightning.Trainer(max_epochs=2, default_root_dir=tmp_path, **quiet)
    trainer.fit(Parts(), data, data)
    callback = next(each for each in trainer.callbacks if type(each).__name__ == "FlopsMeterLightningCallback")
    totals: Totals = callback.meter.totals
    forward = 2 * 8 * (32 * 64 + 64 * 8)
    assert totals.model_flop == 16 * (2 * forward + 2 * 8 * 64 * 8)
    assert totals.evaluation_flop == (2 * 8 + 2) * forward
    again = lightning.Trainer(max_epochs=3, default_root_dir=tmp_path, **quiet)
    again.fit(Parts(), data, ckpt_path=trainer.checkpoint_callback.best_model_path)
    resumed = next(each for each in again.callbacks if type(each).__name__ == "FlopsMeterLightningCallback")
    assert resumed.meter.totals.model_flop == 24 * (2 * forward + 2 * 8 * 64 * 8)
    assert resumed.meter.totals.uncounted_steps == 0


def test_what_lightning_did_without_a_meter_is_said_in_the_unit_of_its_steps(tmp_path: Path) -> None:
    """Batches, not updates of several each; a second fit of the same trainer goes on from what the first counted."""
    import pytorch_lightning as lightning

    from flops_meter.hosts.lightning import FlopsMeterLightningCallback

    class Linear(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(32, 8)

        def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
            return self.layer(batch).pow(2).mean()

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=0.1)

    def trainer(epochs: int, *callbacks: Any) -> Any:
        return lightning.Trainer(
            max_epochs=epochs, accumulate_grad_batches=4, callbacks=list(callbacks), default_root_dir=tmp_path,
            logger=False, enable_progress_bar=False, enable_model_summary=False, accelerator="cpu",
        )  # fmt: skip

    data = torch.utils.data.DataLoader(torch.randn(64, 32), batch_size=8)
    before = trainer(2)
    before.fit(Linear(), data)
    without = tmp_path / "without-a-meter.ckpt"
    torch.save({**torch.load(before.checkpoint_callback.best_model_path), "callbacks": {}}, without)
    callback = FlopsMeterLightningCallback()
    after = trainer(3, callback)
    after.fit(Linear(), data, ckpt_path=without)
    assert (callback.meter.totals.steps, callback.meter.totals.uncounted_steps) == (8, 16)  # type: ignore[union-attr]
    after.fit_loop.max_epochs = 4
    after.fit(Linear(), data)
    assert (callback.meter.totals.steps, callback.meter.totals.uncounted_steps) == (8, 0)  # type: ignore[union-attr]
