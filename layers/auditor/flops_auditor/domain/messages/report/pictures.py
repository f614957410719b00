"""Pictures as values: where a page draws what, in units of their own. Nothing is placed by a browser's script.

Compute spans many orders of magnitude, so every axis of FLOP is logarithmic.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from flops_auditor.domain.lineage.begun_with import models_begun_with, names_it
from flops_auditor.domain.lineage.lineage import added_up, amount_of, listed
from flops_auditor.domain.messages.record_alert import nearest_ancestors, parents_in
from flops_auditor.domain.messages.report.job_line import JobLine, NearestLine
from flops_auditor.domain.values.amounts import flop, scientific
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.figures import Figures
from flops_auditor.domain.values.moments import read_time

LEAST_SHARE, MOST_SHARE = 1e-4, 10.0
"""What the axis of shares shows; a bar that goes further ends at its edge."""
BAR_WIDTH = 1000
A_YEAR = timedelta(days=365)
CHART_WIDTH, CHART_HEIGHT = 480, 300
LEFT, RIGHT, TOP, BOTTOM = 46, 12, 16, 34
MOST_NODES = 12
NODE_WIDTH, NODE_HEIGHT, NODE_GAP, LEVEL_GAP = 230, 44, 16, 28
LONGEST_NODE_NAME = 28
MOST_ON_A_LEVEL = 3


@dataclass(frozen=True)
class Bar:
    """A band from `lower` to `upper` with `best` on it (None: not known), of BAR_WIDTH; `line` is the threshold.

    `further`: it goes on beyond the axis.
    """

    lower: float
    upper: float
    best: float | None
    line: float
    open_end: bool
    further: bool


@dataclass(frozen=True)
class Tick:
    """A place on an axis, and what stands there."""

    at: float
    label: str


@dataclass(frozen=True)
class Point:
    """The compute after one run: place, and the places of its bounds."""

    x: float
    best: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Chart:
    """FLOP over time: `path` leads through the best estimates, `band` round their bounds. Lines are thresholds."""

    path: str
    band: str
    points: tuple[Point, ...]
    lines: tuple[Tick, ...]
    magnitudes: tuple[Tick, ...]
    begin: str
    end: str


@dataclass(frozen=True)
class LineageNode:
    """A run, or the original model, in the drawing of a lineage; (x, y) is its upper left corner."""

    x: float
    y: float
    name: str
    full_name: str
    amount: str
    kind: str


@dataclass(frozen=True)
class Edge:
    """From what was continued to what continued it."""

    x1: float
    y1: float
    x2: float
    y2: float


@dataclass(frozen=True)
class Drawing:
    """A lineage from the original at the top down to the job. `left_out` counts runs that are not drawn."""

    width: float
    height: float
    nodes: tuple[LineageNode, ...]
    edges: tuple[Edge, ...]
    left_out: int


def bar_of(nearest: NearestLine) -> Bar:
    """The compute of a job as a bar towards its nearest threshold."""
    lower, best, upper = nearest.lower_share, nearest.best_share, nearest.upper_share
    return Bar(
        place_of(float(lower or LEAST_SHARE)),
        BAR_WIDTH if upper is None else place_of(float(upper)),
        None if best is None else place_of(float(best)),
        place_of(1),
        upper is None,
        upper is None or upper > MOST_SHARE,
    )


def place_of(share: float) -> float:
    """Where a share stands on the axis from LEAST_SHARE to MOST_SHARE."""
    span = math.log10(MOST_SHARE / LEAST_SHARE)
    kept = min(max(share, LEAST_SHARE), MOST_SHARE)
    return round(BAR_WIDTH * math.log10(kept / LEAST_SHARE) / span, 1)


def chart_of(content: Mapping[str, Any], known: Mapping[str, JobLine]) -> Chart | None:
    """The compute of a model over time, run by run; None where nothing bounds it, or nobody knows when it was.

    `known` are jobs by id: an ancestor is placed at the end of its run, one that is not known before all others.
    """
    steps = _steps(content, known)
    if not steps:
        return None
    lines = thresholds_of(content)
    amounts = [amount for _, *bounds in steps for amount in bounds] + [amount for amount, _ in lines]
    low = math.floor(math.log10(min(amounts)))
    high = max(math.ceil(math.log10(max(amounts))), low + 1)
    first, last = _span(content, known, steps)

    def x(moment: datetime) -> float:
        whole = (last - first).total_seconds()
        return round(LEFT + (CHART_WIDTH - LEFT - RIGHT) * ((moment - first).total_seconds() / whole), 1)

    def y(amount: int) -> float:
        share = (math.log10(amount) - low) / (high - low)
        return round(TOP + (CHART_HEIGHT - TOP - BOTTOM) * (1 - share), 1)

    points = tuple(Point(x(at), y(best), y(lower), y(upper)) for at, lower, best, upper in steps)
    return Chart(
        path=_stairs([(point.x, point.best) for point in points]),
        band=_band(points),
        points=points,
        lines=_apart(Tick(y(amount), label) for amount, label in lines),
        magnitudes=tuple(Tick(y(10**n), f"1e{n}") for n in range(low, high + 1, max(1, (high - low) // 6))),
        begin=first.date().isoformat(),
        end=last.date().isoformat(),
    )


def thresholds_of(content: Mapping[str, Any]) -> list[tuple[int, str]]:
    """(FLOP that are left to training, what for) of each threshold that a model is assessed for: those of laws first,
    the lowest first.

    Where the original counts, what it took is taken off: the chart shows the runs alone.
    """
    amounts: dict[int, str] = {}
    shown = ((each, int(each["threshold_flop"]) - int(each["inherited_flop"] or 0)) for each in content["assessments"])
    for each, left in sorted(shown, key=lambda line: ("wording_of" in line[0], line[1])):
        if left > 0:
            beside = " beside the original" if int(each["inherited_flop"] or 0) else ""
            amounts.setdefault(left, f"{scientific(left)}{beside}")
    return list(amounts.items())


def _steps(content: Mapping[str, Any], known: Mapping[str, JobLine]) -> list[tuple[datetime, int, int, int]]:
    """(end, lower, best, upper) after each run, the last one what the record says of all together; empty where a bound
    is not known, or no run has an end. What runs took that the record does not list stands before all others.
    """
    job, total, own = content["job"], content["cumulative"], content["estimate"]
    end = read_time(job["end"]) if job["end"] else None
    if end is None or None in (total["best_flop"], total["upper_flop"]):
        return []
    runs = [(min(_end(known.get(a.job_id)) or end, end), a) for a in added_up(listed(content), job["activity"])]
    ordered = sorted(runs, key=lambda run: (run[0], run[1].job_id))
    amounts = [(at, _bounds(amount_of(run))) for at, run in ordered]
    best = int(own["best_flop"] or 0) + int(own["signal_flop"])
    amounts.append((end, (int(own["lower_flop"] or 0), best, int(own["cautious_upper_flop"] or 0))))
    whole = (int(total["lower_flop"] or 0), int(total["best_flop"]), int(total["upper_flop"]))
    sums = [max(all_ - sum(each), 0) for all_, *each in zip(whole, *(bounds for _, bounds in amounts), strict=True)]
    steps = []
    for at, bounds in amounts:
        sums = [min(already + more, all_) for already, more, all_ in zip(sums, bounds, whole, strict=True)]
        if sums[1] > 0:
            steps.append((at, max(sums[0], sums[1] // 1000, 1), sums[1], max(sums[2], sums[1])))
    return steps


def _bounds(figures: Figures) -> tuple[int, int, int]:
    return figures.lower_flop or 0, figures.best_flop or 0, figures.upper_flop or 0


def _end(line: JobLine | None) -> datetime | None:
    return read_time(line.ended) if line is not None and line.ended else None


def _span(
    content: Mapping[str, Any], known: Mapping[str, JobLine], steps: Sequence[tuple[datetime, int, int, int]]
) -> tuple[datetime, datetime]:
    """From the start of the first run to the end of the last one, with a little room where they are the same."""
    ids = [each["job_id"] for each in content["cumulative"]["ancestors"]]
    starts = [read_time(known[each].started) for each in ids if each in known and known[each].started]
    starts += [read_time(content["job"]["start"])] if content["job"]["start"] else []
    last = steps[-1][0]
    first = min([*starts, steps[0][0]])
    return (first, last) if first < last else (last - A_YEAR, last)


def _stairs(points: Sequence[tuple[float, float]]) -> str:
    """A path that stays where it is until the next run has ended."""
    (x, y), *rest = points
    floor = CHART_HEIGHT - BOTTOM
    return f"M{LEFT} {floor}H{x}V{y}" + "".join(f"H{x}V{y}" for x, y in rest)


def _band(points: Sequence[Point]) -> str:
    """The area between the bounds, from the first run's end to the last one's."""
    there = f"M{points[0].x} {points[0].upper}" + "".join(f"H{p.x}V{p.upper}" for p in points[1:])
    levels = [point.lower for point in points]
    back = f"V{levels[-1]}" + "".join(
        f"V{lower}H{point.x}" for point, lower in zip(points[-2::-1], levels[-2::-1], strict=True)
    )
    return f"{there}{back}Z"


def _apart(lines: Iterable[Tick]) -> tuple[Tick, ...]:
    """Thresholds whose labels do not stand on one another: of two that are close, the first one has the label."""
    ticks: list[Tick] = []
    for each in lines:
        close = any(abs(other.at - each.at) < 14 and other.label for other in ticks)
        ticks.append(Tick(each.at, "" if close else each.label))
    return tuple(ticks)


def lineage_of(content: Mapping[str, Any], names: Mapping[str, str] = MappingProxyType({})) -> Drawing:
    """The runs that a job continues, the nearest of them, with the originals that they began from. `names` are those of
    recorded jobs by id.
    """
    count = content["lineage"]["ancestors"]
    shown = nearest_ancestors(content, MOST_NODES)
    by_id = {each["job_id"]: each for each in shown}
    levels = _levels(content["lineage"]["parents"], by_id)
    originals = models_begun_with(content) if len(shown) == count else ()
    rows: list[list[tuple[str, LineageNode]]] = []
    job = content["job"]
    rows.append([(job["id"], _node(job["name"], content["estimate"]["best_flop"], "job"))])
    rows += [
        [
            (each, _node(names.get(each, name_of(by_id[each]["job_arn"])), by_id[each]["best_flop"], "run"))
            for each in level
        ]
        for level in levels
    ]
    if originals:
        amount = content["original"]["pretraining_flop"] if len(originals) == 1 else None
        rows.append([(name, _node(name, amount, "original")) for name in originals])
    return _laid_out(rows[::-1], _pairs(content, by_id, originals), count - len(shown))


def _levels(parents: Sequence[str], by_id: Mapping[str, Mapping[str, Any]]) -> list[list[str]]:
    """Ancestors by their distance from the job, each at its shortest, at most MOST_ON_A_LEVEL side by side."""
    levels, seen = [], set()
    level = sorted(each for each in parents if each in by_id)
    while level:
        seen |= set(level)
        levels += [level[at : at + MOST_ON_A_LEVEL] for at in range(0, len(level), MOST_ON_A_LEVEL)]
        further = {parent for each in level for parent in parents_in(by_id[each])}
        level = sorted(each for each in further - seen if each in by_id)
    return levels


def _pairs(
    content: Mapping[str, Any], by_id: Mapping[str, Mapping[str, Any]], originals: Sequence[str]
) -> list[tuple[str, str]]:
    """(what was continued, by what), by job id, and originals by name."""
    pairs = [(parent, content["job"]["id"]) for parent in content["lineage"]["parents"]]
    pairs += [(parent, each) for each, run in by_id.items() for parent in parents_in(run)]
    drawn = [(parent, child) for parent, child in pairs if parent in by_id]
    runs = {**by_id, content["job"]["id"]: content["lineage"]}
    data = {each for each, run in by_id.items() if run["activity"] == "synthetic-data"}
    continuing = {child for parent, child in drawn if parent not in data}
    first = {job_id: run for job_id, run in runs.items() if job_id not in continuing | data}
    return drawn + [(name, each) for name in originals for each in _begun_with(name, first, len(originals) == 1)]


def _begun_with(name: str, first: Mapping[str, Mapping[str, Any]], alone: bool) -> list[str]:
    """Job ids of the runs that began with an original: of those that continue no weights, the ones that name it; where
    it is the only one, those that name a model, if any does.
    """
    named_by = [job_id for job_id, run in first.items() if names_it(run, name)]
    if named_by or not alone:
        return named_by
    return [job_id for job_id, run in first.items() if run.get("base_model")] or list(first)


def _node(name: str, amount: str | None, kind: str) -> LineageNode:
    cut = name if len(name) <= LONGEST_NODE_NAME else f"{name[:14]}...{name[-11:]}"
    return LineageNode(0, 0, cut, name, f"{flop(amount)} FLOP", kind)


def _laid_out(
    rows: Sequence[Sequence[tuple[str, LineageNode]]], pairs: Iterable[tuple[str, str]], left_out: int
) -> Drawing:
    widest = max(len(row) for row in rows)
    width = widest * NODE_WIDTH + (widest - 1) * NODE_GAP
    placed: dict[str, LineageNode] = {}
    for number, row in enumerate(rows):
        x = (width - len(row) * NODE_WIDTH - (len(row) - 1) * NODE_GAP) / 2
        y = number * (NODE_HEIGHT + LEVEL_GAP)
        for at, (job_id, node) in enumerate(row):
            left = x + at * (NODE_WIDTH + NODE_GAP)
            placed[job_id] = LineageNode(left, y, node.name, node.full_name, node.amount, node.kind)
    edges = [
        Edge(
            placed[parent].x + NODE_WIDTH / 2,
            placed[parent].y + NODE_HEIGHT,
            placed[child].x + NODE_WIDTH / 2,
            placed[child].y,
        )
        for parent, child in pairs
        if parent in placed and child in placed
    ]
    height = len(rows) * (NODE_HEIGHT + LEVEL_GAP) - LEVEL_GAP
    return Drawing(width, height, tuple(placed.values()), tuple(edges), left_out)
