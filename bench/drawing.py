"""Plots of figures as SVG, from their numbers alone: how near each is to its floor, and how a series grows."""

import math
from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from bench.figures import Figure, amount

WIDTH = 860
ROW, BARS_FROM, BARS_TO = 19, 430, 780
LEAST_RATIO, MOST_RATIO = 0.01, 10.0
PANEL, PANEL_HEIGHT, MARGIN = 410, 190, 46
GOOD, MISSED, QUIET = "#0b6e4f", "#b3261e", "#8a8a8a"
NAME_LENGTH = 68


def _text(x: float, y: float, words: str, size: int = 11, anchor: str = "start", color: str = "#222222") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{color}"'
    return f"<text {place}>{escape(words)}</text>"


def _line(x1: float, y1: float, x2: float, y2: float, color: str = QUIET) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="1"/>'


def _svg(height: float, parts: Sequence[str]) -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" font-family="sans-serif">'
    background = f'<rect width="{WIDTH}" height="{height:.0f}" fill="#ffffff"/>'
    return "\n".join([head, background, *parts, "</svg>", ""])


def _at(ratio: float) -> float:
    """Where a ratio lies on the logarithmic axis of the bars."""
    share = math.log(min(max(ratio, LEAST_RATIO), MOST_RATIO) / LEAST_RATIO) / math.log(MOST_RATIO / LEAST_RATIO)
    return BARS_FROM + share * (BARS_TO - BARS_FROM)


def _shown(name: str) -> str:
    return name if len(name) <= NAME_LENGTH else name[: NAME_LENGTH - 1] + "\N{HORIZONTAL ELLIPSIS}"


def bars(figures: Sequence[Figure]) -> str:
    """How near to its floor each figure is, one bar each; red where a target is missed."""
    rows = [(each, each.ratio) for each in figures if each.ratio is not None]
    bottom = 40 + ROW * len(rows)
    parts = [_text(BARS_FROM, 16, "share of the floor that the same run measured; 1 is the floor", 12)]
    for tick in (0.01, 0.1, 1.0, 10.0):
        parts += [
            _line(_at(tick), 34, _at(tick), bottom, "#dddddd"),
            _text(_at(tick), 30, f"{tick:g}", anchor="middle"),
        ]
    for place, (each, ratio) in enumerate(rows):
        y, color = 40 + ROW * place, MISSED if each.met is False else GOOD
        wide = max(_at(ratio) - BARS_FROM, 1)
        parts.append(_text(BARS_FROM - 8, y + 12, _shown(each.key), anchor="end"))
        parts.append(f'<rect x="{BARS_FROM}" y="{y + 2}" width="{wide:.1f}" height="{ROW - 6}" fill="{color}"/>')
        parts.append(_text(BARS_FROM + wide + 5, y + 12, amount(ratio)))
    return _svg(bottom + 8, parts)


def _panel(left: float, top: float, name: str, points: Sequence[Figure]) -> Iterator[str]:
    """One series: its value at each size beside that at the smallest, over the logarithm of the size."""
    first = points[0].value or 1
    sizes = [math.log10(each.size or 1) for each in points]
    high = max(2.0, *(each.value / first for each in points))
    inner, floor = PANEL - 2 * MARGIN, top + PANEL_HEIGHT - MARGIN
    span, tall = max(sizes[-1] - sizes[0], 1e-9), PANEL_HEIGHT - MARGIN - 40
    places = [
        (left + MARGIN + (size - sizes[0]) / span * inner, floor - each.value / first / high * tall)
        for size, each in zip(sizes, points, strict=True)
    ]
    yield _text(left + MARGIN, top + 16, f"{_shown(name)}, {points[0].unit}", 12)
    yield _line(left + MARGIN, floor, left + PANEL - MARGIN, floor)
    yield _line(left + MARGIN, floor - tall / high, left + PANEL - MARGIN, floor - tall / high, "#dddddd")
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    yield f'<polyline points="{path}" fill="none" stroke="{GOOD}" stroke-width="2"/>'
    for (x, y), each in zip(places, points, strict=True):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{GOOD}"/>'
        yield _text(x, y - 7, amount(each.value), anchor="middle")
        yield _text(x, floor + 14, amount(each.size), anchor="middle", color="#555555")


def growth(series: Mapping[str, Sequence[Figure]]) -> str:
    """How each series grows, a panel each; the grey line is the value at the smallest size."""
    drawn = [(name, points) for name, points in series.items() if len(points) > 1]
    parts: list[str] = []
    for place, (name, points) in enumerate(drawn):
        parts += _panel(place % 2 * (WIDTH - PANEL), place // 2 * PANEL_HEIGHT, name, points)
    return _svg(max(1, -(-len(drawn) // 2)) * PANEL_HEIGHT, parts)
