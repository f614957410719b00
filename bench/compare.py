"""Compare two runs of `make bench`: has a figure fallen by more than 20 % against its floor?

    python -m bench.compare before/all.json build/bench/all.json

A ratio to a floor of the same run says the same on a slow machine and on a fast one; figures without a floor are not
compared. Exits with 1 where a ratio fell, or where a figure of the first run is missing in the second.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.figures import amount, figures_of

MOST_FALL = 0.2


def ratios(document: Mapping[str, Any]) -> dict[str, float]:
    """How near each figure is to its floor, by the benchmark's and the figure's name."""
    return {
        f"{each['bench']}: {figure.key}": figure.ratio
        for each in document["benches"]
        for figure in figures_of(each)
        if figure.ratio is not None
    }


def fallen(before: Mapping[str, float], after: Mapping[str, float]) -> Iterator[str]:
    """What is worse, in words."""
    for name, ratio in before.items():
        if name not in after:
            yield f"{name}: was measured before, and is not now"
        elif after[name] < ratio * (1 - MOST_FALL):
            fall = 1 - after[name] / ratio
            yield f"{name}: {amount(after[name])} of its floor, before {amount(ratio)}: {fall:.0%} less".replace(
                "%", " %"
            )


def main() -> int:
    """Read both, say what fell."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("before", type=Path)
    options.add_argument("after", type=Path)
    given = options.parse_args()
    before, after = (ratios(json.loads(path.read_text())) for path in (given.before, given.after))
    worse = list(fallen(before, after))
    for line in worse:
        print(line)
    if not worse:
        print(f"none of {len(before)} figures fell by more than {MOST_FALL:.0%} against its floor".replace("%", " %"))
    return int(bool(worse))


if __name__ == "__main__":
    sys.exit(main())
