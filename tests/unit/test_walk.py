"""One audit reads each thing once (bench/walk.py)."""

from bench.walk import BEFORE, ONCE, POINTS, count, walked
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.lineage import World, continuing
from tests.unit.test_amend import amendment


def test_each_thing_is_read_once_on_the_way_from_the_event_to_the_record() -> None:
    calls, crossings = walked(POINTS)
    assert {name: calls[name] for name in ONCE if calls[name] > 1} == {}
    assert calls["audit"] == calls["parse_training_job"] == calls["observe"] == 1
    assert calls["find_lineage"] == 2, "before the commit, and once more after it"
    assert 9 * crossings.total() <= BEFORE[f"crossings, {POINTS} points a host"]
    assert calls["hosts_of"] == 1, "no statement of the job changes its hosts"
    assert calls["read_declared"] == calls["estimate_job"] == 4, "all, without one, without the other, without both"


def test_an_amendment_reads_each_thing_once() -> None:
    world = World()
    world.add(continuing("job"))
    world.audit()
    job, given = world.job_id("job"), amendment(tokens=10**9, parameters=10**9)
    calls, _ = count(lambda: amend(job, given, world.recorder))
    assert {name: calls[name] for name in ONCE if calls[name] > 1} == {}
    assert calls["audit"] == calls["parse_evidence"] == 1
