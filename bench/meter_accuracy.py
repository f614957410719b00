"""The meter and six other ways to arrive at a figure, against torch's own counter: a table and a plot.

python -m bench.meter_accuracy [--output docs/figures] [--only TEXT] [--draw]

Reference: torch.utils.flop_counter.FlopCounterMode, run on the same model with eager attention (torch's own as plain
products), eager experts and no checkpointing. One thing in it is put right: for grouped convolutions it counts the
weight's gradient as if there were no groups (64 times too much for a depthwise convolution with 64 channels).

Rows are kept in meter-accuracy.json as they come, and a run that was broken off goes on with the next; remove the file
to measure all again. --draw makes the table and the plot from the rows that are kept.
"""

import argparse
import contextlib
import json
import statistics
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bench.meter_configurations import Configuration, configurations
from flops_meter import FlopsMeter
from flops_meter.journal import Settings
from flops_meter.size import model_size

FORMULAS = {
    "aws_toolkit": "AWS toolkit",
    "six_n_d": "6 N D",
    "trainer": "Trainer total_flos",
    "deepspeed": "DeepSpeed",
    "torchtitan": "torchtitan",
}
"""The AWS toolkit: (4 N + 2 N_trained) x tokens, N as stored; 6 N D: all parameters; Trainer: total_flos, 6 x input
elements x parameters without embeddings (floating_point_ops in trainer.py); DeepSpeed's profiler: 3 x the forward
pass; torchtitan: 6 (N - embeddings, experts as far as they are active)
+ 6 x layers x heads x 2 x head size x length, for each token."""


def without_groups(x_shape: Any, grad_out: Any, w_shape: Any, transposed: bool, wanted: Any) -> int:
    """FLOP of a convolution's backward: as many as the forward for each gradient that is wanted."""
    positions = (x_shape if transposed else grad_out)[2:]
    one = 2 * x_shape[0] * torch.Size(w_shape).numel() * torch.Size(positions).numel()
    return one * sum(bool(each) for each in wanted[:2])


def convolution_backward(grad_out: Any, x: Any, w: Any, *rest: Any, **more: Any) -> int:
    """For FlopCounterMode's custom_mapping."""
    return without_groups(x, grad_out, w, bool(rest[4]), rest[7])


def reference(run: Callable[[], object]) -> int:
    """What torch counts."""
    mapping = {torch.ops.aten.convolution_backward: convolution_backward}
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False, custom_mapping=mapping) as counter:
        run()
    return int(counter.get_total_flops())


def measure(configuration: Configuration) -> dict[str, Any]:
    """One row: FLOP of one step by every way."""
    batch = configuration.batch()
    model = configuration.build(reference=True)
    expected = reference(lambda: configuration.run(model, batch))
    forward = reference(lambda: forward_only(configuration, model, batch))
    model = configuration.build(reference=False)
    formulas = by_formula(configuration, model, batch) | {"deepspeed": 3 * forward}
    meter = FlopsMeter(model, settings=Settings(write=None))
    for _ in range(2):
        with meter.step():
            configuration.run(model, batch)
    counted = meter.model_flop
    if counted % 2:
        raise ValueError(f"{configuration.name}: the same step again does not count the same")
    return {
        "name": configuration.name,
        "family": configuration.family,
        "positions": configuration.positions,
        "reference": expected,
        "meter": counted // 2,
        "executed": meter.executed_flop // 2,
        "padding": meter.padding_flop // 2,
        **formulas,
    }


def forward_only(configuration: Configuration, model: nn.Module, batch: dict[str, torch.Tensor]) -> None:
    """The forward pass of a step: its backward is left out."""
    plain = torch.Tensor.backward
    torch.Tensor.backward = lambda self, *args, **kwargs: None  # type: ignore[method-assign, assignment]
    try:
        configuration.run(model, batch)
    finally:
        torch.Tensor.backward = plain  # type: ignore[method-assign]


def by_formula(configuration: Configuration, model: nn.Module, batch: dict[str, torch.Tensor]) -> dict[str, int | None]:
    """The formulas, on what they look at: None where one does not apply."""
    tokens = configuration.positions
    stored = sum(each.numel() for each in model.parameters())
    trained = sum(each.numel() for each in model.parameters() if each.requires_grad)
    size = model_size(model).total
    by_trainer = None
    if hasattr(model, "num_parameters") and (main := getattr(model, "main_input_name", "input_ids")) in batch:
        by_trainer = 6 * batch[main].numel() * model.num_parameters(exclude_embeddings=True)
    return {
        "aws_toolkit": (4 * stored + 2 * trained) * tokens,
        "six_n_d": 6 * size * tokens,
        "trainer": by_trainer,
        "torchtitan": torchtitan(model, batch, size, tokens),
    }


def torchtitan(model: nn.Module, batch: dict[str, torch.Tensor], size: int, tokens: int) -> int | None:
    """Its formula for decoders; None for other models."""
    config = getattr(model, "config", None)
    text = config.get_text_config() if config is not None else None
    if "input_ids" not in batch or not hasattr(text, "num_attention_heads") or config.is_encoder_decoder:
        return None
    embeddings = sum(each.weight.numel() for each in model.modules() if isinstance(each, nn.Embedding))
    experts = sum(p.numel() for name, p in model.named_parameters() if ".experts." in name)
    many = getattr(text, "num_experts", None) or getattr(text, "num_local_experts", None) or 1
    active = experts * getattr(text, "num_experts_per_tok", 1) // many if many > 1 else experts
    head = getattr(text, "head_dim", None) or text.hidden_size // text.num_attention_heads
    attention = 6 * text.num_hidden_layers * text.num_attention_heads * 2 * head * batch["input_ids"].shape[1]
    return (6 * (size - embeddings - experts + active) + attention) * tokens


# ----- What people look at


def percent(counted: int | None, expected: int) -> str:
    """A deviation."""
    return "" if counted is None else f"{counted / expected - 1:+.1%}".replace("%", " %")


def table(rows: list[dict[str, Any]]) -> str:
    """In Markdown."""
    head = ["Configuration", "FLOP of a step", "flops-meter", *FORMULAS.values()]
    lines = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for row in rows:
        cells = [
            row["name"],
            f"{row['reference']:.3e}",
            f"{row['meter'] / row['reference'] - 1:+.2%}".replace("%", " %"),
        ]
        cells += [percent(row[each], row["reference"]) for each in FORMULAS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> str:
    """Worst deviations, in one line for each way."""
    lines = []
    for key, name in {"meter": "flops-meter", **FORMULAS}.items():
        off = [row[key] / row["reference"] - 1 for row in rows if row[key] is not None]
        middle = statistics.median(abs(each) for each in off)
        lines.append(f"| {name} | {len(off)} | {middle:.1%} | {min(off):+.1%} to {max(off):+.1%} |".replace("%", " %"))
    return "\n".join(["| way | configurations | median deviation | range |", "| --- | ---: | ---: | ---: |", *lines])


_EDGE = 0.1


def draw(rows: list[dict[str, Any]], target: Path) -> None:
    """Deviations of every way, a column of points each, on an axis that shows factors."""
    import matplotlib as mpl  # noqa: PLC0415  for the drawing alone

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "flops-meter"
    from matplotlib import pyplot  # noqa: PLC0415

    figure, axis = pyplot.subplots(figsize=(9, 4.6), layout="constrained")
    ways = {"meter": "flops-meter", **FORMULAS}
    for place, key in enumerate(ways):
        ratios = [min(max(row[key] / row["reference"], _EDGE), 1 / _EDGE) for row in rows if row[key] is not None]
        spread = [place + 0.32 * ((index * 0.618) % 1 - 0.5) for index in range(len(ratios))]
        axis.scatter(spread, ratios, s=22, alpha=0.75, color="#0b6e4f" if key == "meter" else "#8a8a8a", linewidths=0)
    axis.axhspan(0.98, 1.02, color="#0b6e4f", alpha=0.15)
    axis.set_yscale("log", base=2)
    ticks = [1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8]
    axis.set_yticks(ticks, ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
    axis.set_xticks(range(len(ways)), list(ways.values()))
    axis.set_ylabel("figure / counted by torch")
    axis.set_title(
        f"{len(rows)} configurations; the band is 2 %; what is off by more than 10 times lies at the edge", fontsize=10
    )
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
    figure.savefig(target, metadata={"Date": None})


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what libraries say about models that are made here."""
    transformers.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def keep(target: Path | None, rows: list[dict[str, Any]]) -> None:
    """The rows so far, and what they were measured with."""
    if target is not None:
        target.parent.mkdir(parents=True, exist_ok=True)
        versions = {"torch": torch.__version__.partition("+")[0], "transformers": transformers.__version__}
        target.write_text(json.dumps({"versions": versions, "rows": rows}, indent=1) + "\n")


def main() -> int:
    """Measure, print, keep. Returns 1 when a configuration is off by more than 2 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--draw", action="store_true")
    given = parser.parse_args()
    kept = None if given.output is None else given.output / "meter-accuracy.json"
    rows: list[dict[str, Any]] = []
    if kept is not None and kept.is_file():
        rows = json.loads(kept.read_text())["rows"]
    done = {row["name"] for row in rows}
    everything = list(configurations())
    chosen = [] if given.draw else [each for each in everything if given.only in each.name]
    chosen.sort(key=lambda each: each.positions)  # short ones first: something to look at soon
    torch.set_num_threads(1)  # steadier beside other work
    with quiet():
        for place, each in enumerate(chosen, 1):
            if each.name not in done:
                rows.append(measure(each))
                keep(kept, rows)
                off = rows[-1]["meter"] / rows[-1]["reference"] - 1
                print(f"{place}/{len(chosen)} {each.name}: {off:+.3%}", file=sys.stderr, flush=True)
    order = [each.name for each in everything]
    rows.sort(key=lambda row: order.index(row["name"]))
    if chosen:
        keep(kept, rows)
    print(table(rows), summary(rows), sep="\n\n")
    if kept is not None:
        draw(rows, kept.with_suffix(".svg"))
    return int(any(abs(row["meter"] / row["reference"] - 1) > 0.02 for row in rows))


if __name__ == "__main__":
    sys.exit(main())
