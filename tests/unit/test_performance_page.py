"""docs/performance.md has the figures that were kept, and says of each missed target by how much and why."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from bench import everything, performance_page
from bench.drawing import bars, growth
from bench.figures import Figure
from bench.performance_page import BEGIN, END, FIGURES, KEPT, NOTES, PAGE, drawings, joined, part, row, series_of

NOTED = {"before": {"audit": "80"}, "why": {"audit": "the law asks for more", "audit of a child": "it has a parent"}}
AUDIT = Figure("audit of a child", 30, "ms", floor=3, floor_is="read once", target=10)


def test_the_page_and_its_plots_are_made_of_the_figures_that_were_kept() -> None:
    document, notes = json.loads(KEPT.read_text()), json.loads(NOTES.read_text())
    _, _, rest = PAGE.read_text().partition(BEGIN)
    assert rest.partition(END)[0] == part(document, notes), "`make bench-page` writes it"
    for name, drawn in drawings(document).items():
        assert (FIGURES / name).read_text() == drawn
        assert f"](figures/{name})" in rest


def test_every_benchmark_of_a_run_is_there() -> None:
    for name in {*everything.COMMANDS, *everything.GROWTH}:
        assert (Path(everything.__file__).with_name(f"{name}.py")).is_file()
    assert set(everything.QUICK) == set(everything.COMMANDS) >= set(everything.GROWTH)


def test_nothing_that_is_kept_tells_whose_machine_it_was() -> None:
    assert set(everything.machine()) == {
        *("cpu", "cores", "python", "system", "openssl", "revision", "date", "load_before")
    }
    assert "/home" not in KEPT.read_text()
    assert "/work" not in KEPT.read_text()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (10, "| <= 10 | yes |"),
        (12.5, "| <= 10 | **no**, by 25 %: it has a parent |"),
        (30, "| <= 10 | **no**, by 3.0 times: it has a parent |"),
    ],
)
def test_a_missed_target_says_by_how_much_and_why(value: float, words: str) -> None:
    assert row(replace(AUDIT, value=value), NOTED).endswith(words)


def test_more_is_missed_by_what_it_falls_short() -> None:
    verify = Figure(
        "verify", 250, "records/s", "more", floor=500, floor_is="openssl", target=275, asked=">= 0.55 of it"
    )
    assert row(verify, NOTED) == (
        "| verify |  | 250 records/s | 500, openssl | 0.5 | >= 0.55 of it | **no**, by 10 %: not looked into yet |"
    )


def test_a_run_of_larger_sizes_adds_to_the_first_and_replaces_nothing() -> None:
    small, again, large = (Figure("seal", value, "s", size=size) for value, size in ((1, 1000), (9, 1000), (2, 10**6)))
    first = {"machine": {"cores": 2}, "benches": [{"bench": "seal", "figures": [small.as_json()]}]}
    more = {"machine": {}, "benches": [{"bench": "seal", "figures": [each.as_json() for each in (large, again)]}]}
    document = joined([first, more])
    assert (document["machine"], document["added"], document["sizes"]) == ({"cores": 2}, [{}], "full")
    assert series_of(performance_page.figures_of(document["benches"][0])) == {"seal": [small, large]}


def test_the_plots_are_svg_with_every_name_and_no_markup_of_a_name() -> None:
    odd = replace(AUDIT, name="<b>&", value=20)
    drawn = ET.fromstring(bars([AUDIT, odd, replace(AUDIT, floor=None)]))  # noqa: S314 - our own
    words = [each.text for each in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert words.count("audit of a child") == 1, "one without a floor has no bar"
    assert "<b>&" in words
    series = [replace(AUDIT, value=value, size=size) for value, size in ((10, 1000), (20, 10_000), (15, 10**6))]
    lines = list(ET.fromstring(growth({"seal": series, "alone": series[:1]})).iter())  # noqa: S314
    assert len([each for each in lines if each.tag.endswith("polyline")]) == 1, "one size is no growth"
    assert len([each for each in lines if each.tag.endswith("circle")]) == 3
