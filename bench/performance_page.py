"""Write the figures of `make bench` into docs/performance.md, with their plots.

    python -m bench.performance_page build/bench/all.json [build/bench/growth.json]

Keeps the figures in docs/figures/performance.json, with which a later run can be compared (`bench.compare`). What was
measured before, and why a target is missed, is in bench/performance_notes.json, by the figure's name or how it begins.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench.drawing import bars, growth
from bench.figures import Figure, amount, asked, figures_of
from bench.marked import between

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "performance.md"
FIGURES = ROOT / "docs" / "figures"
KEPT = FIGURES / "performance.json"
NOTES = Path(__file__).with_name("performance_notes.json")
BEGIN = "<!-- figures: written by `python -m bench.performance_page` -->\n"
END = "<!-- figures: end -->\n"
UNEXPLAINED = "not looked into yet"
SMALL = "Small sizes (`--quick`), until `make bench` was run: they say little of the large ones."


def joined(documents: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One run's document with what others of the same machine add to it: sizes that it lacks, and when."""
    first, *others = documents
    benches = [dict(each) for each in first["benches"]]
    for other in others:
        for each in other["benches"]:
            here = next((bench for bench in benches if bench["bench"] == each["bench"]), None)
            if here is None:
                benches.append(dict(each))
                continue
            known = {(figure["name"], figure["size"]) for figure in here["figures"]}
            more = [figure for figure in each["figures"] if (figure["name"], figure["size"]) not in known]
            here["figures"] = [*here["figures"], *more]
    added = [other["machine"] for other in others]
    return {"sizes": first.get("sizes", "full"), "machine": first["machine"], "added": added, "benches": benches}


def kept(document: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of a run: machine, figures, seconds."""
    members = ("bench", "arguments", "seconds", "figures")
    benches = [{name: each[name] for name in members if name in each} for each in document["benches"]]
    facts = {name: document[name] for name in ("sizes", "machine", "added")}
    return {**facts, "benches": benches}


def series_of(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Figures of growth by their name, the smallest first."""
    series: dict[str, list[Figure]] = {}
    for each in figures:
        if each.size is not None:
            series.setdefault(each.name, []).append(each)
    return {name: sorted(points, key=lambda each: each.size or 0) for name, points in series.items()}


def note(notes: Mapping[str, str], figure: Figure) -> str:
    """What is noted of a figure: under its name, or the longest beginning of it."""
    fitting = [name for name in notes if figure.key.startswith(name)]
    return notes[max(fitting, key=len)] if fitting else ""


def verdict(figure: Figure, why: Mapping[str, str]) -> str:
    """Whether a target is met, or by how much it is missed and why."""
    if figure.met is None or figure.target is None:
        return ""
    if figure.met:
        return "yes"
    times = figure.value / figure.target if figure.better == "less" else figure.target / figure.value
    apart = f"{times:.1f} times" if times >= 2 else f"{times - 1:.0%}".replace("%", " %")
    return f"**no**, by {apart}: {note(why, figure) or UNEXPLAINED}"


def row(figure: Figure, notes: Mapping[str, Mapping[str, str]]) -> str:
    """One line of the table."""
    floor = f"{amount(figure.floor)}, {figure.floor_is}" if figure.floor is not None else ""
    cells = (
        *(figure.key, note(notes["before"], figure), f"{amount(figure.value)} {figure.unit}", floor),
        *(amount(figure.ratio), asked(figure), verdict(figure, notes["why"])),
    )
    return f"| {' | '.join(cells)} |"


def machine_in_words(machine: Mapping[str, Any]) -> str:
    """What was measured on."""
    load = f"load {machine['load_before']} before and {machine['load_after']} after"
    what = f"{machine['cpu']}, {machine['cores']} cores, Python {machine['python']}, {machine['openssl']}"
    return f"Measured {machine['date']} at {machine['revision']} on {what}; {load}."


def part(document: Mapping[str, Any], notes: Mapping[str, Mapping[str, str]]) -> str:
    """What stands between the marks."""
    figures = [figure for each in document["benches"] for figure in figures_of(each)]
    lines = ["", machine_in_words(document["machine"]), SMALL * (document["sizes"] == "quick")]
    lines += [f"Sizes that are not in that run: {machine_in_words(each)}" for each in document["added"]]
    lines.append("")
    lines.append("| what | at d7516de | now | floor, same run | of the floor | target | met |")
    lines.append("| --- | ---: | ---: | ---: | ---: | ---: | --- |")
    lines += [row(each, notes) for each in figures if each.size is None or each.target is not None]
    lines += ["", "![Each figure beside its floor](figures/performance-floors.svg)", ""]
    lines += ["| growth | unit | by size |", "| --- | --- | --- |"]
    for name, points in series_of(figures).items():
        sizes = "; ".join(f"{amount(each.size)}: {amount(each.value)}" for each in points)
        lines.append(f"| {name} | {points[0].unit} | {sizes} |")
    lines += ["", "![Growth of each series](figures/performance-growth.svg)", "", ""]
    return "\n".join(lines)


def drawings(document: Mapping[str, Any]) -> dict[str, str]:
    """The plots by their file's name."""
    figures = [figure for each in document["benches"] for figure in figures_of(each)]
    largest = {name: points[-1] for name, points in series_of(figures).items()}
    shown = [each for each in figures if each.size is None or each is largest[each.name]]
    return {"performance-floors.svg": bars(shown), "performance-growth.svg": growth(series_of(figures))}


def main() -> None:
    """Keep the figures, write the page and its plots."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("run", type=Path, nargs="+", help="all.json, and growth.json of the same machine")
    given = options.parse_args()
    document = kept(joined([json.loads(path.read_text()) for path in given.run]))
    KEPT.write_text(json.dumps(document, indent=1) + "\n")
    notes = json.loads(NOTES.read_text())
    PAGE.write_text(between(PAGE.read_text(), BEGIN, END, part(document, notes)))
    for name, drawn in drawings(document).items():
        (FIGURES / name).write_text(drawn)


if __name__ == "__main__":
    main()
