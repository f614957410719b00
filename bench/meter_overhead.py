"""What the meter costs on a small model on this CPU: time of a step and memory, as ratios within one run.

python -m bench.meter_overhead [--blocks 300] [--output docs/figures/meter-overhead.json]

Two copies of a model differ by a percent for where their memory lies, so that one copy takes all steps. They come in
blocks: one step without anything, another one without anything, one with a meter, and in every fourth block one with
each way that was not taken (torch's counter on every step, a hook on every linear layer), in an order that chance
decides. Hooks are put on and taken off between the steps; everything that a way does in a step is timed, the meter's
lines with it. The two plain steps are the null pair: what their ratio is off 1 is the noise. Time is the process's, in
which other work on the machine does not count but for what it takes from the caches; the clock's stands beside it.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
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
ROWS, LENGTH = 4, 128
WARM_BLOCKS = 10
LINE_SECONDS = 60.0
"""As in a job."""
_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
)
NOT_TAKEN, NOT_TAKEN_EVERY = ("hooked", "counted_always"), 4
Around = Callable[[], AbstractContextManager[Any]]
Ratio = Callable[[Sequence[float], Sequence[float]], float]


def small_model() -> nn.Module:
    """Four layers, three million parameters."""
    torch.manual_seed(0)
    return llama(**SHAPE, **HEADS)(False).train()


def plain(model: nn.Module) -> Around:
    """Nothing around it."""
    return nullcontext


def plain_again(model: nn.Module) -> Around:
    """The other one of the null pair."""
    return nullcontext


class Metered:
    """A meter that writes its lines and its state into files.

    `counted` goes up in steps that it counts anew; `inside` is the processor time in its own code so far, in seconds:
    all that hooks and blocks lead to goes through the two calls that are timed.
    """

    def __init__(self, model: nn.Module) -> None:
        folder = Path(tempfile.mkdtemp())
        log = (folder / "log").open("w")
        settings = Settings(LINE_SECONDS, lambda line: print(line, file=log, flush=True), folder / "state.json")
        self.meter = FlopsMeter(model, settings=settings)
        self.counted, self.inside = 0, 0.0
        self.meter._guarded = self._timed(self.meter._guarded)  # type: ignore[method-assign]
        self.meter._journal.tick = self._timed(self.meter._journal.tick)  # type: ignore[method-assign]
        self._begin = self.meter._start_watching
        self.meter._start_watching = self._note  # type: ignore[method-assign]

    def _timed(self, call: Callable[..., None]) -> Callable[..., None]:
        def timed(*args: Any) -> None:
            began = time.process_time()
            call(*args)
            self.inside += time.process_time() - began

        return timed

    def _note(self) -> None:
        self.counted += 1
        self._begin()

    def __call__(self) -> AbstractContextManager[Any]:
        return self.meter.step(tokens=ROWS * LENGTH)


def metered(model: nn.Module) -> Around:
    """A meter."""
    return Metered(model)


def counted_always(model: nn.Module) -> Around:
    """torch's counter, on every step."""
    return lambda: FlopCounterMode(display=False)


def hooked(model: nn.Module) -> Around:
    """A hook on each linear layer that reads shapes, which leaves attention out."""
    seen = [0]

    def hook(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        wanted = 1 + args[0].requires_grad + module.weight.requires_grad
        seen[0] += 2 * wanted * output.numel() * module.in_features

    for each in model.modules():
        if isinstance(each, nn.Linear):
            each.register_forward_hook(hook)
    return nullcontext


class Way:
    """What surrounds a step, and the hooks that it has on the model while the step is its own."""

    def __init__(self, model: nn.Module, make: Callable[[nn.Module], Around]) -> None:
        self._clear(model)
        self.around = make(model)
        self._hooks = [(each, {name: getattr(each, name) for name in _HOOKS}) for each in model.modules()]
        self.times: dict[int, float] = {}
        self.walls: dict[int, float] = {}
        """For each block the seconds of its step: the processor's and the clock's."""
        self.counts: dict[int, bool] = {}
        self.inside: dict[int, float] = {}
        """For each block whether a meter counted its step anew, and the seconds in the meter's own code."""
        self._clear(model)

    @staticmethod
    def _clear(model: nn.Module) -> None:
        for each in model.modules():
            for name in _HOOKS:
                setattr(each, name, OrderedDict())

    def step(self, trainer: "Trainer", batch: dict[str, torch.Tensor], block: int) -> None:
        """One step of its own."""
        self.put_on()
        meter = self.around if isinstance(self.around, Metered) else None
        before = (meter.counted, meter.inside) if meter else (0, 0.0)
        self.times[block], self.walls[block] = trainer.step(batch, self.around)
        after = (meter.counted, meter.inside) if meter else (0, 0.0)
        self.counts[block] = after[0] > before[0]
        self.inside[block] = after[1] - before[1]

    def put_on(self) -> None:
        """Have its hooks on the model, and nobody else's."""
        for module, hooks in self._hooks:
            for name, each in hooks.items():
                setattr(module, name, each)


class Trainer:
    """The model, its optimizer, and one step of it."""

    def __init__(self) -> None:
        self.model = small_model()
        self.optimizer = torch.optim.AdamW(self.model.parameters())

    def step(self, batch: dict[str, torch.Tensor], around: Around) -> tuple[float, float]:
        """One training step; seconds of processor time, and of the clock."""
        began, wall = time.process_time(), time.perf_counter()
        with around():
            self.model(**batch).loss.backward()
        self.optimizer.step()
        self.optimizer.zero_grad()
        return time.process_time() - began, time.perf_counter() - wall


def measure_time(blocks: int) -> dict[str, Any]:
    """Ratios to the plain step of the same block. Every seventh block has shorter rows.

    Blocks in which the meter counts a step anew stand apart: there are fewer and fewer, however long a run is.
    """
    trainer = Trainer()
    for _ in range(WARM_BLOCKS):  # the optimizer's state, the allocator
        trainer.step(text(ROWS, LENGTH, 1024)(), nullcontext)
    ways = {each.__name__: Way(trainer.model, each) for each in (plain, plain_again, metered, hooked, counted_always)}
    batches = [text(ROWS, LENGTH, 1024)(), text(ROWS, LENGTH // 2, 1024)()]
    for index in range(blocks + WARM_BLOCKS):
        batch = batches[index % 7 == 6]
        chosen = [way for name, way in ways.items() if name not in NOT_TAKEN or index % NOT_TAKEN_EVERY == 0]
        for way in random.sample(chosen, len(chosen)):
            way.step(trainer, batch, index)
    without, meter = ways.pop("plain"), ways["metered"]
    usual = [index for index, counted in meter.counts.items() if not counted and index >= WARM_BLOCKS]
    blocks = {name: [index for index in usual if index in way.times] for name, way in ways.items()}

    def ratios(ratio: Ratio, seconds: str) -> dict[str, dict[str, float]]:
        pairs = {name: (getattr(way, seconds), getattr(without, seconds)) for name, way in ways.items()}
        return {name: _interval(*(_at(each, blocks[name]) for each in pairs[name]), ratio) for name in ways}

    spent = [meter.times[index] - without.times[index] for index, counted in meter.counts.items() if counted]
    inside, plain_times = _at(meter.inside, usual), _at(without.times, usual)
    return {
        "blocks": len(usual),
        "step_seconds": statistics.median(plain_times),
        "median_ratio": ratios(_median_ratio, "times"),
        "mean_ratio": ratios(_mean_ratio, "times"),
        "median_ratio_by_the_clock": ratios(_median_ratio, "walls"),
        "counted_steps": {"of": len(meter.counts), "number": len(spent), "seconds_each": statistics.median(spent)},
        "whole_run_ratio": _mean_ratio(list(meter.times.values()), list(without.times.values())),
        "inside_seconds": statistics.median(inside),
        "inside_share": _interval(inside, plain_times, _mean_ratio),
    }


def _at(values: dict[int, float], blocks: Sequence[int]) -> list[float]:
    return [values[each] for each in blocks]


def _median_ratio(times: Sequence[float], without: Sequence[float]) -> float:
    """The median over blocks: what a usual step costs."""
    return statistics.median(one / other for one, other in zip(times, without, strict=True))


def _mean_ratio(times: Sequence[float], without: Sequence[float]) -> float:
    """All steps together."""
    return sum(times) / sum(without)


def _interval(times: Sequence[float], without: Sequence[float], ratio: Ratio) -> dict[str, float]:
    """The ratio, and where 95 % of ratios lie that blocks drawn anew give (bootstrap, 2,000 draws)."""
    chance, places = random.Random(0), range(len(times))  # noqa: S311  the same draws each time
    drawn = []
    for _ in range(2000):
        chosen = chance.choices(places, k=len(times))
        drawn.append(ratio([times[each] for each in chosen], [without[each] for each in chosen]))
    drawn.sort()
    return {"ratio": ratio(times, without), "from": drawn[50], "to": drawn[-51]}


def peak_memory(with_meter: bool) -> int:
    """Peak resident bytes of a process of its own that trains a while."""
    code = (
        "from bench.meter_overhead import *; import resource\n"
        f"t = Trainer(); b = text(8, 256, 1024)(); a = (metered if {with_meter} else plain)(t.model)\n"
        "for _ in range(12): t.step(b, a)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1])


def measure_memory(times: int = 3) -> dict[str, float]:
    """The lowest of some runs each, what is needed without what a run happens to leave over; and the null pair."""
    runs = [(peak_memory(False), peak_memory(False), peak_memory(True)) for _ in range(times)]
    without, again, with_meter = (min(column) for column in zip(*runs, strict=True))
    return {"bytes": without, "plain_again_ratio": again / without, "ratio": with_meter / without}


def main() -> None:
    """Measure, print, keep."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--blocks", type=int, default=300)
    parser.add_argument("--output", type=Path)
    given = parser.parse_args()
    torch.set_num_threads(1)
    document = {
        "time": measure_time(given.blocks),
        "memory": measure_memory(),
        "torch": torch.__version__.partition("+")[0],
    }

    print(json.dumps(document, indent=2))
    if given.output is not None:
        given.output.parent.mkdir(parents=True, exist_ok=True)
        given.output.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
