"""One process of a run with two: python -m tests.meter.distributed_run (ddp|fsdp|alone) RANK STORE STEPS.

Prints the lines of the first rank, then each rank's own count.
"""

import os
import sys
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from flops_meter import FlopsMeter
from flops_meter.journal import Settings
from tests.meter.tiny import TinyDecoder, rows


def main(kind: str, rank: int, store: str, steps: int) -> None:
    """Train a few steps on this rank's half of the batch."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=90)
    )
    torch.manual_seed(0)
    model: nn.Module = TinyDecoder()
    meter = None
    if kind == "ddp":
        meter = FlopsMeter(model, settings=Settings(interval_seconds=0.0))
        model = nn.parallel.DistributedDataParallel(model)
    elif kind == "alone":  # ranks that do not wait for each other
        meter = FlopsMeter(model, settings=Settings(interval_seconds=1e9))
    else:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        mesh = init_device_mesh("cpu", (2,))
        for layer in model.layers:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
        meter = FlopsMeter(model, settings=Settings(interval_seconds=0.0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    batch = {name: value[rank::2] for name, value in rows(4, 64).items()}
    for _ in range(steps):
        with meter.step():
            model(**batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    if os.environ.get("DIE") == str(rank):
        os._exit(9)
    meter.close()
    sys.stdout.write(f"own {meter.model_flop}\n")
    sys.stdout.flush()
    if "DIE" in os.environ:
        os._exit(0)
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
