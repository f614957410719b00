"""Two processes: every rank counts its own part once, and the lines carry the sum."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from flops_meter.lines import Line, verify
from tests.meter.against_torch import counted_by_torch
from tests.meter.distributed_run import pipeline_model
from tests.meter.tiny import TinyDecoder, rows

STEPS = 4


def run_both(root: Path, folder: Path, *kinds: str) -> dict[str, list[str]]:
    """The output of both processes of each kind."""
    environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'meter'}", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.meter.distributed_run", str(folder), str(STEPS), *kinds]
    subprocess.run(command, env=environment, cwd=root, timeout=300, check=True)
    return {kind: [(folder / f"{kind}.{rank}").read_text() for rank in range(2)] for kind in kinds}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the kinds of the short set print."""
    return run_both(Path(__file__).resolve().parents[2], tmp_path_factory.mktemp("both"), "ddp", "fsdp", "dies", "late")


def whole_lines(output: str) -> list[Line]:
    lines, breaks = verify(output.splitlines())
    assert not breaks
    return list(lines)


@pytest.mark.parametrize("kind", ["ddp", "fsdp"])
def test_the_sum_of_two_processes_is_the_total_of_one(kind: str, outputs: dict[str, list[str]]) -> None:
    """Annex A.1 counts the run's operations, wherever they run: DDP and FSDP change where, not how many."""
    expected = STEPS * counted_by_torch(lambda: TinyDecoder()(**rows(4, 64)).backward())
    own = [int(output.rpartition("own ")[2]) for output in outputs[kind]]
    assert sum(own) == expected
    last = whole_lines(outputs[kind][0])[-1]
    assert last.number("model_flop") == expected
    assert (last.number("ranks"), last.number("reporting")) == (2, 2)
    assert last.number("steps") == STEPS
    assert last.number("tokens") == STEPS * 4 * 64
    assert whole_lines(outputs[kind][1]) == []


def lightning_pair(root: Path, folder: Path, epochs: int, *checkpoint: str) -> Line:
    """The last line of two Lightning processes, and the end of both."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.meter.lightning_run"]
    both = [
        subprocess.Popen(
            [*command, rank, port, str(folder), str(epochs), *checkpoint],
            stdout=subprocess.PIPE, text=True, env=environment, cwd=root,
        )
        for rank in ("0", "1")
    ]  # fmt: skip
    outputs = [each.communicate(timeout=300)[0] for each in both]
    assert [each.returncode for each in both] == [0, 0]
    return whole_lines(outputs[0])[-1]


@pytest.mark.parametrize("kind", ["zero1", "zero2", "zero3"])
@pytest.mark.full
def test_deepspeed_counts_every_rank_once(kind: str, root: Path, tmp_path: Path) -> None:
    """Not among the requirements, since it is built where it is installed; runs where it is."""
    pytest.importorskip("deepspeed")
    expected = STEPS * counted_by_torch(lambda: TinyDecoder()(**rows(4, 64)).backward())
    outputs = run_both(root, tmp_path, kind)[kind]
    last = whole_lines(outputs[0])[-1]
    assert (last.number("model_flop"), last.number("reporting")) == (expected, 2)


@pytest.mark.parametrize("kind", ["gpipe", "1f1b"])
@pytest.mark.full
def test_the_stages_of_a_pipeline_add_up(kind: str, root: Path, tmp_path: Path) -> None:
    """Each rank counts its stage. Once, before its first step, torch runs each to learn its shapes: that ran, too."""
    stages = nn.Sequential(*pipeline_model())
    expected = counted_by_torch(lambda: stages(torch.randn(8, 16, 32)).pow(2).mean().backward())
    outputs = run_both(root, tmp_path, kind)[kind]
    lines = whole_lines(outputs[0])
    own = [int(output.rpartition("own ")[2]) for output in outputs]
    assert sum(own) == lines[-1].number("model_flop")
    assert 0 <= sum(own) - STEPS * expected < expected / 8
    assert lines[-1].number("inferred_flop") == lines[-1].number("failed") == 0


@pytest.mark.full
def test_lightning_on_two_ranks_goes_on_with_what_both_counted(root: Path, tmp_path: Path) -> None:
    """A checkpoint holds the totals of all ranks, not those of the one that writes it."""
    forward = 2 * 4 * (32 * 64 + 64 * 8)
    step = 3 * forward - 2 * 4 * 32 * 64  # no gradient of the input
    first = lightning_pair(root, tmp_path, 1)
    assert first.number("model_flop") == 2 * 4 * step
    checkpoint = next(tmp_path.rglob("*.ckpt"))
    second = lightning_pair(root, tmp_path, 2, str(checkpoint))
    assert second.number("model_flop") == 2 * 8 * step
    assert (second.number("attempt"), second.number("reporting"), second.number("uncounted_steps")) == (2, 2, 0)


def test_a_rank_that_stops_counting_is_said_and_none_writes_for_the_first_one(outputs: dict[str, list[str]]) -> None:
    """An error on another rank; lines that are written when the process group is gone."""
    lines = whole_lines(outputs["late"][0])
    own = [int(output.rpartition("own ")[2]) for output in outputs["late"]]
    assert own[1] < own[0]
    assert [lines[0].number("failed"), lines[-1].number("failed")] == [0, 1]
    assert (lines[-1].number("ranks"), lines[-1].number("reporting")) == (2, 2)
    assert whole_lines(outputs["late"][1]) == []


def test_a_rank_that_dies_is_missed_in_the_lines(outputs: dict[str, list[str]]) -> None:
    """The first rank's last line says how many ranks it has heard of, and no process waits for ever."""
    last = whole_lines(outputs["dies"][0])[-1]
    assert (last.number("ranks"), last.number("reporting")) == (2, 1)
