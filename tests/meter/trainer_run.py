"""A Trainer without a word of the meter: the entry point of a training job. `--help` says what it can do."""

import argparse
import os
from pathlib import Path

import torch
import transformers
from torch.utils.data import Dataset

from bench.meter_configurations import llama


class Rows(Dataset[dict[str, torch.Tensor]]):
    """Rows of different lengths, the same in every process."""

    def __len__(self) -> int:
        return 64

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        generator = torch.Generator().manual_seed(index)
        ids = torch.randint(3, 256, (16 + index % 3 * 16,), generator=generator)
        return {"input_ids": ids, "labels": ids.clone(), "attention_mask": torch.ones_like(ids)}


def collate(rows: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Filled up to the longest row."""
    names = {"input_ids": 0, "labels": -100, "attention_mask": 0}
    pad = torch.nn.utils.rnn.pad_sequence
    return {name: pad([row[name] for row in rows], True, fill) for name, fill in names.items()}


class Die(transformers.TrainerCallback):  # type: ignore[misc]
    """Ends the process at once, as a spot interruption does in the end."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_step_begin(self, args: object, state: transformers.TrainerState, control: object, **more: object) -> None:
        """At the beginning of a step."""
        if state.global_step == self.step:
            os._exit(9)


def main(folder: Path, die_at: int | None, resume: bool, base: Path | None = None, steps: int = 16) -> None:
    """Steps of two micro-batches, a checkpoint every four, an evaluation every sixteen."""
    torch.manual_seed(0)
    arguments = transformers.TrainingArguments(
        output_dir=str(folder), per_device_train_batch_size=2, gradient_accumulation_steps=2, max_steps=steps,
        save_steps=max(4, steps // 4), report_to=[], use_cpu=True, disable_tqdm=True, logging_steps=100, seed=1,
        save_total_limit=2, per_device_eval_batch_size=4, eval_strategy="steps", eval_steps=max(16, steps // 4),
    )  # fmt: skip
    model = llama()(False) if base is None else transformers.AutoModelForCausalLM.from_pretrained(base)
    trainer = transformers.Trainer(
        model, arguments, train_dataset=Rows(), eval_dataset=Rows(), data_collator=collate,
        callbacks=[] if die_at is None else [Die(die_at)],
    )  # fmt: skip
    trainer.train(resume_from_checkpoint=resume)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path, help="where checkpoints go")
    parser.add_argument("--die-at", type=int, help="the step in which the process ends at once")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--base", type=Path, help="a saved model to fine-tune; without it a new one is trained")
    parser.add_argument("--steps", type=int, default=16)
    given = parser.parse_args()
    main(given.folder, given.die_at, given.resume, given.base, given.steps)
