"""Runs of two processes each: python -m tests.meter.distributed_run FOLDER STEPS KIND...

KIND: ddp, fsdp, dies (the second rank, before its end), late (it stops counting on an error, and both meters are
closed when the process group is gone), gpipe or 1f1b (a stage of a pipeline on each rank), zero1 to
zero3 (DeepSpeed, where it is installed). All processes are forked from one, since importing torch takes seconds.

Into FOLDER/KIND.RANK go the lines of the first rank, then each rank's own count.
"""

import os
import sys
import traceback
from datetime import timedelta
from itertools import product
from pathlib import Path

import torch
import torch.distributed as dist
from torch import nn

from flops_meter import FlopsMeter
from flops_meter.journal import Settings
from tests.meter.tiny import TinyDecoder, rows


def main(kind: str, rank: int, store: str, steps: int) -> None:
    """Train a few steps on this rank's half of the batch, or with its half of the model."""
    if kind == "dies":
        os.environ["FLOPS_METER_PATIENCE"] = "2"
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{store}", rank=rank, world_size=2, timeout=timedelta(seconds=300)
    )
    torch.manual_seed(0)
    if kind in PIPELINES:
        pipeline(kind, rank, steps)
    elif kind.startswith("zero"):
        zero(int(kind[-1]), rank, steps)
    else:
        whole_model(kind, rank, steps)
    if kind != "late":
        finish()


def finish() -> None:
    """The end of the process group."""
    dist.barrier()
    dist.destroy_process_group()


def told(meter: FlopsMeter) -> None:
    """The end of a run."""
    meter.close()
    sys.stdout.write(f"own {meter.model_flop}\n")
    sys.stdout.flush()


def pipeline(kind: str, rank: int, steps: int) -> None:
    """Two stages of one layer each."""
    from torch.distributed import pipelining

    stage = pipeline_model()[rank]
    meter = FlopsMeter(stage, settings=Settings(interval_seconds=0.0))
    whole = pipelining.PipelineStage(stage, rank, 2, torch.device("cpu"))
    schedule = getattr(pipelining, PIPELINES[kind])(
        whole, n_microbatches=4, loss_fn=lambda output, target: (output - target).pow(2).mean()
    )
    optimizer = torch.optim.SGD(stage.parameters(), lr=0.01)
    for _ in range(steps):
        with meter.step():
            if rank == 0:
                schedule.step(torch.randn(8, 16, 32))
            else:
                schedule.step(target=torch.randn(8, 16, 32), losses=[])
        optimizer.step()
        optimizer.zero_grad()
    told(meter)


PIPELINES = {"gpipe": "ScheduleGPipe", "1f1b": "Schedule1F1B"}


def pipeline_model() -> list[nn.Module]:
    """The stages."""
    return [nn.TransformerEncoderLayer(32, 2, 64, dropout=0.0, batch_first=True) for _ in range(2)]


def zero(stage: int, rank: int, steps: int) -> None:
    """DeepSpeed's engine."""
    os.environ |= {"DS_ACCELERATOR": "cpu", "LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": "2"}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "1"}  # asked for, not used: the group is there
    import deepspeed

    sys.modules["deepspeed.comm.torch"].build_shm_op = lambda: None  # type: ignore[attr-defined]  # would be compiled
    deepspeed.init_distributed("gloo")
    config = {
        "train_micro_batch_size_per_gpu": 2, "zero_optimization": {"stage": stage},
        "optimizer": {"type": "Adam", "params": {"torch_adam": True}},
    }  # fmt: skip
    model = TinyDecoder()
    engine, *_ = deepspeed.initialize(model=model, model_parameters=model.parameters(), config=config)
    meter = FlopsMeter(engine, settings=Settings(interval_seconds=0.0))
    batch = {name: value[rank::2] for name, value in rows(4, 64).items()}
    for _ in range(steps):
        with meter.step():
            engine.backward(engine(**batch))
        engine.step()
    told(meter)


def whole_model(kind: str, rank: int, steps: int) -> None:
    """The model on each rank, replicated or sharded."""
    model: nn.Module = TinyDecoder()
    meter = None
    if kind in ("ddp", "late"):
        meter = FlopsMeter(model, settings=Settings(interval_seconds=0.0))
        model = nn.parallel.DistributedDataParallel(model)
    elif kind == "dies":  # ranks that do not wait for each other
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
    for step in range(steps):
        if kind == "late" and (rank, step) == (1, steps - 2):  # in its next step the first rank has heard of it
            os.environ["FLOPS_METER_STRICT"] = "0"
            meter._settle = lambda: 1 / 0  # type: ignore[method-assign, assignment, return-value]
        with meter.step():
            model(**batch).backward()
        optimizer.step()
        optimizer.zero_grad()
    if kind == "dies" and rank == 1:
        os._exit(9)
    if kind == "late":
        finish()
    told(meter)
    if kind == "dies":
        os._exit(0)


def child(kind: str, rank: int, folder: Path, steps: int) -> None:
    """In a process of its own, whose standard output is a file."""
    with (folder / f"{kind}.{rank}").open("w") as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
    try:
        main(kind, rank, str(folder / f"{kind}.store"), steps)
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


if __name__ == "__main__":
    children = []
    for each, place in product(sys.argv[3:], range(2)):
        children.append(os.fork())
        if children[-1] == 0:
            child(each, place, Path(sys.argv[1]), int(sys.argv[2]))
    for process in children:
        os.waitpid(process, 0)
