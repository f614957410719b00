"""One audit reads each thing once (bench/walk.py)."""

from bench.walk import ONCE, POINTS, walked


def test_each_thing_is_read_once_on_the_way_from_the_event_to_the_record() -> None:
    calls, _ = walked(POINTS)
    assert {name: calls[name] for name in ONCE if calls[name] > 1} == {}
    assert calls["audit"] == calls["parse_training_job"] == calls["read_declared"] == 1
    assert calls["find_lineage"] == 2, "before the commit, and once more after it"
