"""`python -m bench.compare` fails where a figure is worse or missing, and says by how much (bench/compare.py)."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.compare import unseen, worse
from bench.figures import Figure, figures_of, show

VERIFY = Figure("verify", 8000, "records/s", "more", floor=16_000, floor_is="openssl")
AUDIT = Figure("audit", 10, "ms", floor=5, floor_is="points read once", target=12, size=600)
SEAL = Figure("seal", 1, "s", floor=0.1, floor_is="each hashed and verified once", size=1000)
MEMORY = Figure("memory", 176, "MB", floor=101, floor_is="before it", target=512)
FOUND = Figure("months", 50, "months", "more", target=50)
PRICE = Figure("price", 10, "USD")
PATH = Figure("path", 80, "ms", floor=63, floor_is="the plan", timed=False)
ROUND = Figure("jobs in a round", 1500, "jobs", "more", floor=2000, floor_is="points read once", timed=True)
STEADY = Figure("steady", 1, "calls")


def run_of(*figures: Figure) -> dict[str, Any]:
    return {
        "sizes": "full",
        "machine": {},
        "benches": [{"bench": "some", "figures": [each.as_json() for each in figures]}],
    }


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


def told(before: Figure, after: Figure | None) -> list[str]:
    """What is worse of one figure, beside another that stays."""
    return list(worse(run_of(STEADY, before), run_of(STEADY, *([] if after is None else [after]))))


def test_a_slower_machine_is_no_fall() -> None:
    assert told(VERIFY, replace(VERIFY, value=4000, floor=8000)) == []


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        (VERIFY, replace(VERIFY, value=6300), "some: verify: 0.394 of its floor, before 0.5: 21 % less"),
        (AUDIT, replace(AUDIT, value=12.6), "some: audit (600): 0.397 of its floor, before 0.5: 21 % less"),
        (SEAL, replace(SEAL, value=10), "some: seal (1,000): 0.01 of its floor, before 0.1: 90 % less"),
        (MEMORY, replace(MEMORY, value=218), "some: memory: 218 MB, before 176: 24 % more"),
        (FOUND, replace(FOUND, value=39), "some: months: 39 months, before 50: 22 % less"),
        (PRICE, replace(PRICE, value=12.1), "some: price: 12.1 USD, before 10: 21 % more"),
        (PATH, replace(PATH, value=97), "some: path: 97 ms, before 80: 21 % more"),
        (ROUND, replace(ROUND, value=700), "some: jobs in a round: 0.35 of its floor, before 0.75: 53 % less"),
    ],
)
def test_a_fall_of_more_than_a_fifth_is_told(before: Figure, after: Figure, words: str) -> None:
    assert told(before, after) == [words]
    assert told(replace(after, target=None), replace(before, target=None)) == [], "what rose is no fall"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (VERIFY, replace(VERIFY, value=6500)),
        (AUDIT, replace(AUDIT, value=12.4)),
        (MEMORY, replace(MEMORY, value=211)),
        (ROUND, replace(ROUND, value=750, floor=1000)),
        (PRICE, replace(PRICE, value=12)),
    ],
)
def test_a_smaller_fall_is_not(before: Figure, after: Figure) -> None:
    assert told(before, after) == []


def test_what_is_counted_may_not_miss_a_target_that_it_met() -> None:
    assert told(FOUND, replace(FOUND, value=49)) == ["some: months: misses its target now: 49 of 50 months"]


@pytest.mark.parametrize("floor", [{}, {"floor": 2, "floor_is": "at 1,000"}])
def test_a_time_without_a_floor_of_its_own_is_judged_by_its_target(floor: dict[str, Any]) -> None:
    before = Figure("round", 100, "s", target=120, **floor)
    assert told(before, replace(before, value=119)) == []
    assert told(before, replace(before, value=130)) == ["some: round: misses its target now: 130 of 120 s"]


def test_what_is_compared_by_nothing_is_named() -> None:
    alone, missed = Figure("alone", 1, "s"), Figure("missed", 13, "s", target=12)
    before = run_of(VERIFY, MEMORY, SEAL, alone, missed, Figure("met", 11, "s", target=12))
    after = run_of(VERIFY, MEMORY, SEAL, replace(alone, value=100), replace(missed, value=100))
    assert unseen(before, after) == ["some: alone", "some: missed"]


def test_another_floor_or_unit_is_told() -> None:
    other, none = replace(VERIFY, floor_is="another", value=9), replace(VERIFY, floor=None, floor_is="", value=9)
    assert told(VERIFY, other) == ["some: verify: beside another now, before beside openssl: not to be compared"]
    assert told(VERIFY, none) == ["some: verify: beside no floor now, before beside openssl: not to be compared"]
    assert told(MEMORY, replace(MEMORY, unit="GB")) == ["some: memory: in GB now, before in MB"]


@pytest.mark.parametrize("figure", [VERIFY, AUDIT, MEMORY, FOUND, PRICE, Figure("alone", 1, "s")])
def test_a_figure_that_is_no_longer_measured_is_told(figure: Figure) -> None:
    assert told(figure, None) == [f"some: {figure.key}: was measured before, and is not now"]


def run_of_seals(sizes: str, arguments: list[str], *figures: Figure, **more: Any) -> dict[str, Any]:
    """A run of one benchmark that the growth run has as well."""
    run = run_of(*figures)
    run["benches"][0] |= {"bench": "ledger_seal", "arguments": arguments}
    return {**run, "sizes": sizes, **more}


def test_sizes_of_the_growth_run_may_be_missing_where_it_was_not_given() -> None:
    usual, large = replace(SEAL, size=100_000), replace(SEAL, size=1_000_000)
    before, words = run_of_seals("full", [], usual, large), ": was measured before, and is not now"
    assert list(worse(before, run_of_seals("full", [], usual))) == []
    assert list(worse(before, run_of_seals("full", [], large))) == [f"ledger_seal: seal (100,000){words}"]
    with_growth = run_of_seals("full", [], usual, added=[{}])
    assert list(worse(before, with_growth)) == [f"ledger_seal: seal (1,000,000){words}"]


def test_a_quick_run_may_lack_what_it_measures_in_another_size() -> None:
    before = run_of_seals("full", ["--leaves", "10000"], replace(SEAL, size=10_000))
    small = replace(SEAL, size=2000)
    assert list(worse(before, run_of_seals("quick", ["--leaves", "2000"], small))) == []
    words = ["ledger_seal: seal (10,000): was measured before, and is not now"]
    assert list(worse(before, run_of_seals("full", ["--leaves", "2000"], small))) == words
    assert list(worse(before, run_of_seals("quick", ["--leaves", "10000"], small))) == words
    assert list(worse(before, {**before, "sizes": "quick", "benches": []})) == words


def test_the_command_fails_where_something_fell(tmp_path: Path) -> None:
    for name, figure in (("before", VERIFY), ("after", replace(VERIFY, value=1600))):
        (tmp_path / f"{name}.json").write_text(json.dumps(run_of(figure, Figure("alone", 1, "s"))))

    def compare(*names: str) -> subprocess.CompletedProcess[str]:
        paths = [str(tmp_path / f"{name}.json") for name in names]
        command = [sys.executable, "-m", "bench.compare", *paths]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])

    fell, same = compare("before", "after"), compare("before", "before", "after")
    blind = "not compared, timed without a floor or a target that was met: some: alone\n"
    assert (fell.returncode, same.returncode) == (1, 0), fell.stderr + same.stderr
    assert fell.stdout == "some: verify: 0.1 of its floor, before 0.5: 80 % less\n" + blind
    assert same.stdout == blind + "none of 2 figures is worse by more than 20 %\n"


def test_people_get_a_table_and_machines_json(capsys: pytest.CaptureFixture[str]) -> None:
    missed = replace(AUDIT, value=13)
    assert show("some", [VERIFY, missed], as_json=False) == 1
    assert "| audit (600) | 13 | ms | 5 (points read once) | 0.385 | <= 12 | **no** |" in capsys.readouterr().out
    assert show("some", [VERIFY, AUDIT], as_json=True, more=1) == 0
    assert json.loads(capsys.readouterr().out) == {"more": 1, **run_of(VERIFY, AUDIT)["benches"][0]}
