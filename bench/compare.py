"""Compare two runs of `make bench`: is a figure worse by more than 20 %, or no longer there?

    python -m bench.compare docs/figures/performance.json build/bench/all.json [build/bench/growth.json]

- What is counted (calls, items, MB, USD, ...) is compared by its amount, and by its target if it met that before.
- What is timed is compared by its share of its floor, which says the same on a slow machine and on a fast one.
- What is timed without a floor, or beside the same code at another size, is judged by its target alone: it fails where
  the target was met and is not now.
- A figure that the second run lacks fails, and so does one that has another unit or another floor. Sizes of the growth
  run may be missing where only the other run is given, and sizes of a full run where the second one says that it is
  `--quick`.

Exits with 1 where something is worse. What it cannot see: a time without floor or target, and one that missed its
target before, which it names at the end; a fall of a fifth or less, also where several runs fall by as much one after
another; code that got slower together with its floor; and a benchmark that measures less than it says.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bench.everything import COMMANDS, GROWTH
from bench.figures import Figure, amount, figures_of
from bench.performance_page import joined

MOST_WORSE = 0.2
Document = Mapping[str, Any]


def named(document: Document) -> dict[tuple[str, str], Figure]:
    """The figures of a run by their benchmark and their name."""
    return {(each["bench"], figure.key): figure for each in document["benches"] for figure in figures_of(each)}


def worse(before: Document, after: Document) -> Iterator[str]:
    """What is worse than before, or missing, in words."""
    now = named(after)
    for (bench, key), old in named(before).items():
        new = now.get((bench, key))
        if new is not None:
            words = judged(old, new)
        else:
            words = "" if may_lack(before, after, bench, old) else "was measured before, and is not now"
        if words:
            yield f"{bench}: {key}: {words}"


def unseen(before: Document, after: Document) -> list[str]:
    """What is in both and was compared by nothing."""
    now = named(after)
    pairs = [(name, old, now[name]) for name, old in named(before).items() if name in now]
    return [": ".join(name) for name, old, new in pairs if new.of_time and not new.has_own_floor and not old.met]


def judged(old: Figure, new: Figure) -> str:
    """In which way a figure is worse than before; nothing where it is not."""
    if old.unit != new.unit:
        return f"in {new.unit} now, before in {old.unit}"
    missed = f"misses its target now: {amount(new.value)} of {amount(new.target)} {new.unit}"
    misses = missed if old.met and new.met is False else ""
    if not new.of_time:
        return _by_amount(old, new) or misses
    if old.has_own_floor and (not new.has_own_floor or old.floor_is != new.floor_is):
        return f"beside {new.floor_is or 'no floor'} now, before beside {old.floor_is}: not to be compared"
    if old.ratio is None or new.ratio is None or not old.has_own_floor:
        return misses
    return _by_ratio(old.ratio, new.ratio)


def _by_amount(old: Figure, new: Figure) -> str:
    limit = old.value * (1 + MOST_WORSE if new.better == "less" else 1 - MOST_WORSE)
    if new.value <= limit if new.better == "less" else new.value >= limit:
        return ""
    return f"{amount(new.value)} {new.unit}, before {amount(old.value)}: {_change(old.value, new.value)}"


def _by_ratio(old: float, new: float) -> str:
    if new >= old * (1 - MOST_WORSE):
        return ""
    return f"{amount(new)} of its floor, before {amount(old)}: {_change(old, new)}"


def _change(old: float, new: float) -> str:
    """By how much, in words."""
    if not old:
        return "more than nothing"
    return f"{abs(new / old - 1) * 100:.0f} % {'more' if new > old else 'less'}"


def may_lack(before: Document, after: Document, bench: str, figure: Figure) -> bool:
    """Whether the second run is of another kind, that has other sizes of this figure."""
    if is_growth(bench, figure) and after["sizes"] != "growth" and not after.get("added"):
        return True
    arguments = [
        [each.get("arguments") for each in run["benches"] if each["bench"] == bench] for run in (before, after)
    ]
    return after["sizes"] == "quick" and bool(arguments[1]) and arguments[0] != arguments[1]


def is_growth(bench: str, figure: Figure) -> bool:
    """Whether it is of a size that the growth run alone measures."""
    large, usual = ({int(word) for word in run.get(bench, ()) if word.isdigit()} for run in (GROWTH, COMMANDS))
    return any(figure.size == size or f" {size:,} " in figure.name for size in large - usual)


def main() -> int:
    """Read both, say what is worse."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("before", type=Path)
    options.add_argument("after", type=Path, nargs="+", help="all.json, and growth.json of the same machine")
    given = options.parse_args()
    before = json.loads(given.before.read_text())
    after = joined([json.loads(path.read_text()) for path in given.after])
    lines, blind = list(worse(before, after)), unseen(before, after)
    for line in lines:
        print(line)
    if blind:
        print(f"not compared, timed without a floor or a target that was met: {'; '.join(blind)}")
    if not lines:
        print(f"none of {len(named(before))} figures is worse by more than {MOST_WORSE * 100:.0f} %")
    return int(bool(lines))


if __name__ == "__main__":
    sys.exit(main())
