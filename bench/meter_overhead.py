"""What the meter costs on a small model on this CPU: time of a step and memory, as ratios within one run.

python -m bench.meter_overhead [--pairs 100] [--output docs/figures/meter-overhead.json]

Two copies of a model take turns, one with a meter; the processor time of each step counts, and the medians are held
against each other. Ways of counting that were not taken are measured beside it: torch's counter on every step, and a
hook on every linear layer.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from bench.meter_configurations import llama, text
from flops_meter import FlopsMeter
from flops_meter.journal import Settings

SHAPE: dict[str, Any] = {"vocab_size": 1024, "hidden_size": 256, "intermediate_size": 704, "num_hidden_layers": 4}
HEADS: dict[str, Any] = {"num_attention_heads": 8, "num_key_value_heads": 4}
QUIET = Settings(write=None)


def small_model() -> nn.Module:
    """Four layers, three million parameters."""
    torch.manual_seed(0)
    return llama(**SHAPE, **HEADS)(False).train()


class Runner:
    """One copy of the model, its optimizer, and what surrounds its steps."""

    def __init__(self, around: Callable[[nn.Module], Callable[[], AbstractContextManager[Any]]]) -> None:
        self.model = small_model()
        self.optimizer = torch.optim.AdamW(self.model.parameters())
        self.around = around(self.model)
        self.times: list[float] = []

    def step(self, batch: dict[str, torch.Tensor]) -> None:
        """One training step, timed."""
        began = time.process_time()
        with self.around():
            self.model(**batch).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        self.times.append(time.process_time() - began)


def plain(model: nn.Module) -> Callable[[], AbstractContextManager[Any]]:
    """Nothing around it."""
    return nullcontext


def metered(model: nn.Module) -> Callable[[], AbstractContextManager[Any]]:
    """A meter."""
    meter = FlopsMeter(model, settings=QUIET)
    return lambda: meter.step(tokens=2048)


def counted_always(model: nn.Module) -> Callable[[], AbstractContextManager[Any]]:
    """torch's counter, on every step."""
    return lambda: FlopCounterMode(display=False)


def hooked(model: nn.Module) -> Callable[[], AbstractContextManager[Any]]:
    """A hook on each linear layer that reads shapes, which leaves attention out."""
    seen = [0]

    def hook(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        wanted = 1 + args[0].requires_grad + module.weight.requires_grad
        seen[0] += 2 * wanted * output.numel() * module.in_features

    for each in model.modules():
        if isinstance(each, nn.Linear):
            each.register_forward_hook(hook)
    return nullcontext


def measure_time(pairs: int) -> dict[str, Any]:
    """Medians over steps that take turns, the first ten left out but told."""
    runners = {each.__name__: Runner(each) for each in (plain, metered, hooked, counted_always)}
    batches = [text(8, 256, 1024)(), text(8, 128, 1024)()]
    for index in range(pairs + 10):
        batch = batches[index % 7 == 6]
        for runner in random.sample(list(runners.values()), len(runners)):
            runner.step(batch)
    medians = {name: statistics.median(runner.times[10:]) for name, runner in runners.items()}
    first = {name: runner.times[0] for name, runner in runners.items()}
    return {
        "pairs": pairs,
        "step_seconds": medians["plain"],
        "ratio": {name: value / medians["plain"] for name, value in medians.items() if name != "plain"},
        "first_step_ratio": first["metered"] / statistics.median(runners["plain"].times[10:]),
        "own_seconds": own_time(),
    }


def own_time() -> float:
    """Seconds that the meter's own code takes in a step, measured without the model's work: a model of one product."""
    tiny = nn.Linear(2, 2)
    values = torch.ones(1, 2)
    meter = FlopsMeter(tiny, settings=QUIET)

    def run(times: int, around: Callable[[], AbstractContextManager[Any]]) -> float:
        began = time.process_time()
        for _ in range(times):
            with around():
                tiny(values).sum().backward()
        return (time.process_time() - began) / times

    run(200, meter.step)
    with_meter = min(run(300, meter.step) for _ in range(7))
    meter.close()
    return with_meter - min(run(300, nullcontext) for _ in range(7))


def peak_memory(with_meter: bool) -> int:
    """Peak resident bytes of a process of its own that trains a while."""
    code = (
        "from bench.meter_overhead import *; import resource\n"
        f"r = Runner(metered if {with_meter} else plain); b = text(8, 256, 1024)()\n"
        "for _ in range(12): r.step(b)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def measure_memory(times: int = 3) -> dict[str, float]:
    """The lowest of some runs each: what is needed, without what a run happens to leave over."""
    runs = [(peak_memory(False), peak_memory(True)) for _ in range(times)]
    without, with_meter = min(each[0] for each in runs), min(each[1] for each in runs)
    return {"bytes": without, "ratio": with_meter / without}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    found = {
        "time": measure_time(given.pairs),
        "memory": measure_memory(),
        "torch": torch.__version__.partition("+")[0],
    }

    print(json.dumps(found, indent=2))
    if given.output is not None:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
