"""FLOPS_METER=1 on a Trainer that knows nothing of the meter, killed and started again."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bench.meter_configurations import llama
from flops_meter.lines import Line, verify
from tests.meter.against_torch import counted_by_torch
from tests.meter.trainer_run import Rows, collate

pytestmark = pytest.mark.full
JOB = "arn:aws:sagemaker:eu-central-1:123456789012:training-job/tiny"


def train(root: Path, folder: Path, *options: str) -> tuple[int, str]:
    """The exit code and the output of one process."""
    environment = {
        **os.environ,
        **{"PYTHONPATH": str(root), "FLOPS_METER": "1", "FLOPS_METER_INTERVAL": "0", "TRAINING_JOB_ARN": JOB},
        **{"TRAINING_JOB_NAME": "tiny", "FLOPS_METER_STATE": str(folder / "meter.json")},
        **{"FLOPS_METER_OUT": str(folder / "flops_meter.json"), "OMP_NUM_THREADS": "1"},
    }
    command = [sys.executable, "-m", "tests.meter.trainer_run", str(folder / "run"), *options]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root, timeout=400, check=False)
    return done.returncode, done.stdout


def lines_of(output: str) -> list[Line]:
    lines, breaks = verify(output.splitlines(), JOB)
    assert not breaks
    return list(lines)


def test_killed_and_resumed_equals_uninterrupted(root: Path, tmp_path: Path) -> None:
    """What was lost and done again counts once; it stands as discarded. The lines of both attempts are one chain."""
    (tmp_path / "whole").mkdir()
    (tmp_path / "cut").mkdir()
    code, output = train(root, tmp_path / "whole")
    assert code == 0
    uninterrupted = lines_of(output)[-1]

    code, first = train(root, tmp_path / "cut", "--die-at", "11")
    assert code == 9
    code, second = train(root, tmp_path / "cut", "--resume")
    assert code == 0
    both = lines_of(first + second)
    last = both[-1]
    for name in ("model_flop", "padding_flop", "tokens", "steps", "evaluation_flop"):
        assert last.number(name) == uninterrupted.number(name), name
    assert last.number("attempt") == 2
    # What was done after the checkpoint of step 8 was lost, and done again.
    lost = lines_of(first)[-1].number("model_flop") - _at_step(both, 8, attempt=1)
    assert last.number("discarded_flop") == lost > 0
    assert uninterrupted.number("discarded_flop") == 0
    document = json.loads((tmp_path / "cut" / "flops_meter.json").read_text())
    assert document["tokens_processed"] == last.number("tokens")
    assert document["flops_auditor"]["model_flop"] == last.number("model_flop")
    assert document["N_total"] == sum(each.numel() for each in llama()(False).parameters())


def _at_step(lines: list[Line], step: int, attempt: int) -> int:
    return next(
        each.number("model_flop") for each in lines if (each.number("steps"), each.number("attempt")) == (step, attempt)
    )


def test_evaluation_stands_apart(root: Path, tmp_path: Path) -> None:
    """Annex A.1 lists evaluation among what need not be included."""
    code, output = train(root, tmp_path)
    assert code == 0
    last = lines_of(output)[-1]
    model = llama()(True).eval()

    def evaluate() -> None:
        with torch.no_grad():
            for start in range(0, 64, 4):
                model(**collate([Rows()[index] for index in range(start, start + 4)]))

    assert last.number("evaluation_flop") == counted_by_torch(evaluate)
    assert last.number("inferred_flop") == last.number("failed") == last.number("unknown_ops") == 0
    assert last.number("reporting") == 1
