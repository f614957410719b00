"""One of two Lightning processes: python -m tests.meter.lightning_run RANK PORT FOLDER EPOCHS [CHECKPOINT]."""

import os
import sys
from pathlib import Path
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import nn

from flops_meter.hosts.lightning import FlopsMeterLightningCallback


class Whole(lightning.LightningModule):
    """Two layers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(32, 64), nn.ReLU(), nn.Linear(64, 8))

    def training_step(self, batch: torch.Tensor, index: int) -> torch.Tensor:
        """The loss."""
        return self.layers(batch).pow(2).mean()

    def configure_optimizers(self) -> Any:
        """Plain descent."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def main(rank: str, port: str, folder: Path, epochs: int, checkpoint: str | None) -> None:
    """Sixteen rows for each process and epoch, in batches of four."""
    os.environ |= {"NODE_RANK": rank, "LOCAL_RANK": "0", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    os.environ |= {"WORLD_SIZE": "2", "GROUP_RANK": rank, "RANK": rank}
    callback = FlopsMeterLightningCallback()
    trainer = lightning.Trainer(
        max_epochs=epochs, default_root_dir=folder, logger=False, enable_progress_bar=False, accelerator="cpu",
        enable_model_summary=False, devices=1, num_nodes=2, strategy="ddp", callbacks=[callback],
    )  # fmt: skip
    trainer.fit(Whole(), torch.utils.data.DataLoader(torch.randn(32, 32), batch_size=4), ckpt_path=checkpoint)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), int(sys.argv[4]), (sys.argv[5:] or [None])[0])
