"""One audit reads each thing once (bench/walk.py)."""

import re
from pathlib import Path

import pytest

from bench.walk import BEFORE, ONCE, POINTS, count, walked
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.lineage import World, continuing
from tests.unit.test_amend import amendment


def test_each_thing_is_read_once_on_the_way_from_the_event_to_the_record() -> None:
    calls, crossings = walked(POINTS)
    assert {name: calls[name] for name in ONCE if calls[name] > 1} == {}
    assert calls["audit"] == calls["parse_training_job"] == calls["observe"] == 1
    assert calls["find_lineage"] == 2, "before the commit, and once more after it"
    assert 8 * crossings.total() <= BEFORE[f"crossings, {POINTS} points a host"]
    assert calls["hosts_of"] == 1, "no statement of the job changes its hosts"
    assert calls["read_declared"] == calls["estimate_job"] == 4, "all, without one, without the other, without both"


def test_the_decision_names_as_many_crossings_as_there_are() -> None:
    told = (Path(__file__).parents[2] / "docs/adr/1100-rests-on.md").read_text(encoding="utf-8")
    with_points, without, around, inside, resting = (
        int(re.search(pattern, told)[1].replace(",", ""))  # type: ignore[index]
        for pattern in (
            r"([\d,]+) calls from",
            r"there are ([\d,]+) against",
            r"(\d+) \(221\)",
            r"(\d+) \(138\)",
            r"(\d+) \(none\)",
        )
    )
    assert without == around + inside + resting
    assert with_points == pytest.approx(walked(POINTS)[1].total(), rel=0.1)
    assert without == pytest.approx(walked(0)[1].total(), rel=0.1)


def test_an_amendment_reads_each_thing_once() -> None:
    world = World()
    world.add(continuing("job"))
    world.audit()
    job, given = world.job_id("job"), amendment(tokens=10**9, parameters=10**9)
    calls, _ = count(lambda: amend(job, given, world.recorder))
    assert {name: calls[name] for name in ONCE if calls[name] > 1} == {}
    assert calls["audit"] == calls["parse_evidence"] == 1
