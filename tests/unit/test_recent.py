"""What stays in memory is bounded by its size, and what was asked for last stays longest."""

from flops_auditor.use_cases.recomputing.recent import Recent


def test_what_was_asked_for_last_stays_as_far_as_it_has_room() -> None:
    loaded = list[int]()

    def load(size: int) -> bytes:
        loaded.append(size)
        return b"x" * size

    recent = Recent(load, lambda size, packed: (size, packed), most=10)
    assert [recent(size)[0] for size in (3, 4, 3, 5, 3, 4)] == [3, 4, 3, 5, 3, 4]
    assert loaded == [3, 4, 5, 4]  # 5 had no room beside 3 and 4, of which 4 was asked for first
    assert [recent(size)[0] for size in (99, 99, 4)] == [99, 99, 4]
    assert loaded == [3, 4, 5, 4, 99, 4]
