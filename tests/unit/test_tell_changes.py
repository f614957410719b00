"""The mail of what became of jobs: its lines are few, and nobody who makes many changes fills them."""

from flops_auditor.domain.messages.changed_jobs import MOST_TOLD, tell_changes
from flops_auditor.domain.values.remarks import Kind, Remark
from flops_auditor.domain.values.turns import by_turns
from flops_auditor.use_cases.operations import changed_jobs
from flops_auditor.use_cases.operations.changed_jobs import BY_GRAVITY, GONE, NAME_USED_AGAIN, TAGS_DELETED

USED = NAME_USED_AGAIN(created="2026-03-01T10:00:00.000Z")


def named(changes: list[tuple[str, str, Remark]]) -> list[str]:
    """The jobs that the mail names, and its last line."""
    lines = " ".join(tell_changes(changes).body.split("\n\n")[1].split()).split("- ")
    return [line.split(" (")[0] for line in lines[1:]]


def test_everything_is_named_while_there_is_room() -> None:
    changes = [(f"used-{number}", "eu-west-1", USED) for number in range(MOST_TOLD)]
    assert named(changes) == [name for name, _, _ in changes]


def test_many_of_one_kind_and_region_keep_no_other_out() -> None:
    changes = [
        *((f"gone-{number}", "eu-west-1", GONE()) for number in range(50)),
        ("gone-far", "us-east-1", GONE()),
        ("untagged", "eu-west-1", TAGS_DELETED()),
        *((f"used-{number}", "eu-west-1", USED) for number in range(300)),
        ("used-far", "ap-south-1", USED),
    ]
    names = named(changes)
    assert len(names) == MOST_TOLD + 1
    assert names[:6] == ["gone-0", "untagged", "used-0", "gone-far", "used-far", "gone-1"]
    assert len([name for name in names if name.startswith("gone")]) == 10
    assert "- and 333 more (41 seen-running-gone, 292 name-used-again)" in tell_changes(changes).body


def test_every_kind_has_its_place_among_the_others() -> None:
    kinds = {each.name for each in vars(changed_jobs).values() if isinstance(each, Kind)}
    assert sorted(each.name for each in BY_GRAVITY) == sorted(kinds)


def test_each_group_has_its_turn_in_the_order_given() -> None:
    assert by_turns(["b1", "b2", "a1", "b3", "a2"], lambda each: each[0]) == ["b1", "a1", "b2", "a2", "b3"]
    assert by_turns([], lambda each: each) == []
