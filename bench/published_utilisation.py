"""Make the table of published utilisations from tests/accuracy/published_runs.csv.

    python -m bench.published_utilisation [--check]

`--check` writes nothing and exits with 1 when the shipped table is out of date.
"""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import ceil, floor
from pathlib import Path

from flops_auditor import data
from flops_auditor.domain.compute.published_utilisation import QUANTILES

ROOT = Path(__file__).parents[1]
RUNS = ROOT / "tests" / "accuracy" / "published_runs.csv"
TABLE = ROOT / "layers" / "auditor" / "flops_auditor" / "data" / data.PUBLISHED_UTILISATION
CLASSES = {"A100": ("A100-40GB", "A100-80GB"), "H100 and H200": ("H100", "H200")}
"""Hardware with a row of its own, since enough runs on it are published."""
LEAST_RUNS = 15
ELSEWHERE = {
    "A800": Fraction(312 * 10**12),
    "H800": Fraction(989 * 10**12),
    "TPUv2": Fraction(46 * 10**12),
    "TPUv3": Fraction(123 * 10**12),
    "TPUv4": Fraction(275 * 10**12),
    "V100": Fraction(125 * 10**12),
}
"""Peaks of accelerators that the hardware table lacks or spells otherwise: dense BF16 or FP16 FLOP/s of one chip.

Source: Epoch AI, Machine Learning Hardware, ml_hardware.csv (CC-BY; copy in GitHub spragada4/ai-energy-explorer
22699c8).
"""


def peak(accelerator: str) -> Fraction:
    """Dense BF16 peak of one unit (FP16 where it has no BF16), in FLOP/s."""
    known = data.hardware_table().accelerators.get(accelerator)
    return ELSEWHERE[accelerator] if known is None else known.peaks["bf16"]


def utilisation(run: dict[str, str]) -> Fraction:
    """Published FLOP over N L H."""
    most = Fraction(run["accelerator_hours"]) * 3600 * peak(run["accelerator"])
    return Fraction(run["published_flop"]) / most


def quantile(ordered: Sequence[Fraction], share: Fraction) -> Fraction:
    """The value that at least this share of the runs does not exceed (nearest rank)."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def row(name: str, accelerators: Iterable[str], runs: Iterable[dict[str, str]]) -> list[str]:
    """One class as the table spells it: four decimals, the lowest rounded down, so that no run lies under it."""
    utilisations = sorted(utilisation(run) for run in runs)
    shares = (Fraction(0), Fraction(1, 20), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(1))
    values = [quantile(utilisations, share) for share in shares]
    scaled = [floor(values[0] * 10**4), *(round(value * 10**4) for value in values[1:-1]), ceil(values[-1] * 10**4)]
    return [name, ";".join(accelerators), str(len(utilisations)), *(f"0.{value:04d}" for value in scaled)]


def table() -> str:
    """The whole table as CSV."""
    with RUNS.open(newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["class", "accelerators", "runs", *QUANTILES])
    for name, accelerators in CLASSES.items():
        own = [run for run in runs if run["accelerator"] in accelerators]
        if len(own) >= LEAST_RUNS:
            writer.writerow(row(name, accelerators, own))
    writer.writerow(row("all", (), runs))
    return out.getvalue()


def main() -> int:
    """Write the table, or compare it."""
    text = table()
    if "--check" in sys.argv[1:]:
        return 0 if TABLE.read_text(encoding="utf-8") == text else 1
    TABLE.write_text(text, encoding="utf-8")
    print(text, end="")
    return 0


if __name__ == "__main__":
    sys.exit(main())
