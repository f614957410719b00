"""`python -m bench.compare` fails where a figure fell against its floor, and says by how much (bench/compare.py)."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.compare import fallen, ratios
from bench.figures import Figure, figures_of, show

VERIFY = Figure("verify", 8000, "records/s", "more", floor=16_000, floor_is="openssl")
AUDIT = Figure("audit", 10, "ms", floor=5, floor_is="points read once", target=12, size=600)


def run_of(*figures: Figure) -> dict[str, Any]:
    return {"benches": [{"bench": "some", "figures": [each.as_json() for each in figures]}]}


def test_a_ratio_is_one_at_the_floor_and_less_where_it_is_worse() -> None:
    assert VERIFY.ratio == AUDIT.ratio == 0.5
    assert replace(VERIFY, value=16_000).ratio == replace(AUDIT, value=5).ratio == 1
    assert replace(VERIFY, floor=None).ratio is None


@pytest.mark.parametrize(("figure", "met"), [(VERIFY, None), (AUDIT, True), (replace(AUDIT, value=13), False)])
def test_a_target_is_met_or_not_or_there_is_none(figure: Figure, met: bool | None) -> None:
    assert figure.met is met
    assert replace(VERIFY, target=8001).met is False
    assert replace(VERIFY, target=8000).met is True


def test_figures_are_the_same_after_json() -> None:
    document = json.loads(json.dumps(run_of(VERIFY, AUDIT)["benches"][0]))
    assert figures_of(document) == [VERIFY, AUDIT]


def test_a_slower_machine_is_no_fall() -> None:
    slower = replace(VERIFY, value=4000, floor=8000)
    assert list(fallen(ratios(run_of(VERIFY, AUDIT)), ratios(run_of(slower, AUDIT)))) == []


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (replace(VERIFY, value=6300), "some: verify: 0.394 of its floor, before 0.5: 21 % less"),
        (replace(AUDIT, value=12.6), "some: audit (600): 0.397 of its floor, before 0.5: 21 % less"),
    ],
)
def test_a_fall_of_more_than_a_fifth_is_told(after: Figure, words: str) -> None:
    before = ratios(run_of(VERIFY, AUDIT))
    assert list(fallen(before, before | ratios(run_of(after)))) == [words]
    assert list(fallen(ratios(run_of(after)), before)) == [], "what rose is no fall"


@pytest.mark.parametrize("after", [replace(VERIFY, value=6500), replace(AUDIT, value=12.4)])
def test_a_smaller_fall_is_not(after: Figure) -> None:
    before = ratios(run_of(VERIFY, AUDIT))
    assert list(fallen(before, before | ratios(run_of(after)))) == []


def test_a_figure_that_is_no_longer_measured_is_told() -> None:
    [words] = fallen(ratios(run_of(VERIFY, AUDIT)), ratios(run_of(VERIFY)))
    assert words == "some: audit (600): was measured before, and is not now"


def test_the_command_fails_where_something_fell(tmp_path: Path) -> None:
    for name, figure in (("before", VERIFY), ("after", replace(VERIFY, value=1600))):
        (tmp_path / f"{name}.json").write_text(json.dumps(run_of(figure)))

    def compare(*names: str) -> subprocess.CompletedProcess[str]:
        paths = [str(tmp_path / f"{name}.json") for name in names]
        command = [sys.executable, "-m", "bench.compare", *paths]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    worse, same = compare("before", "after"), compare("before", "before")
    assert (worse.returncode, same.returncode) == (1, 0)
    assert worse.stdout == "some: verify: 0.1 of its floor, before 0.5: 80 % less\n"
    assert same.stdout == "none of 1 figures fell by more than 20 % against its floor\n"


def test_people_get_a_table_and_machines_json(capsys: pytest.CaptureFixture[str]) -> None:
    missed = replace(AUDIT, value=13)
    assert show("some", [VERIFY, missed], as_json=False) == 1
    assert "| audit (600) | 13 | ms | 5 (points read once) | 0.385 | <= 12 | **no** |" in capsys.readouterr().out
    assert show("some", [VERIFY, AUDIT], as_json=True, more=1) == 0
    assert json.loads(capsys.readouterr().out) == {"more": 1, **run_of(VERIFY, AUDIT)["benches"][0]}
