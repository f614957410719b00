"""A look answers as the index does, and asks it less."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.aws.stores.lineage_look import AROUND, LineageLook, LineageRanges
from flops_auditor.domain.runs.places import Location
from flops_auditor.use_cases.ports.lineage import ANYBODY, IndexEntry, IndexKind

BUCKET = "s3://models"


@dataclass
class Listed(LineageRanges):
    """Entries of a list; `asked` counts."""

    entries: list[IndexEntry] = field(default_factory=list)
    asked: int = 0

    def between(
        self,
        kind: IndexKind,
        at: Location,
        low: str,
        high: str,
        limit: int,
        *,
        newest_first: bool,
        role: str | None = ANYBODY,
    ) -> Sequence[IndexEntry]:
        assert low, "DynamoDB takes no empty key"
        self.asked += 1
        alike = [each for each in self.entries if each.location.space == at.space and each.read_for(role)]
        found = [each for each in alike if low <= each.cursor <= high]
        return sorted(found, key=lambda each: each.cursor, reverse=newest_first)[:limit]


def entry(at: Location, number: int = 0) -> IndexEntry:
    return IndexEntry(at, f"2026-03-01T00:00:{number:02d}", f"job-{number}", f"arn:{number}", role=f"role-{number % 2}")


def at(*path: str) -> Location:
    return Location(BUCKET, path)


SEGMENTS = st.sampled_from(["a", "ab", "b", "!", "a#", "é"])
SPACES = st.sampled_from([BUCKET, "arn:job", "name"])
PLACES = st.builds(Location, SPACES, st.lists(SEGMENTS, max_size=4).map(tuple))
MOMENTS = st.integers(0, 60).map(lambda second: f"2026-03-01T00:00:{second:02d}")


@given(
    st.lists(st.builds(entry, PLACES, st.integers(0, 60)), max_size=80),
    st.lists(PLACES, max_size=3),
    st.lists(st.tuples(PLACES, MOMENTS, st.integers(1, 40), st.data()), max_size=12),
)
def test_a_look_answers_as_the_index_does(
    entries: list[IndexEntry], places: list[Location], asked: list[tuple[Location, str, int, st.DataObject]]
) -> None:
    listed = Listed(list({(each.location.space, each.cursor): each for each in entries}.values()))
    look = LineageLook(listed, places)
    for place, before, limit, data in asked:
        after = data.draw(
            st.sampled_from(["", *(each.cursor for each in entries if each.location.space == place.space)])
        )
        assert look.newest("output", place, before, limit) == listed.newest("output", place, before, limit)
        ours = listed.newest("output", place, before, limit, "role-1")
        assert look.newest("output", place, before, limit, "role-1") == ours
        assert {each.role for each in ours} <= {"role-1"}
        assert look.exactly("output", place, after, limit) == listed.exactly("output", place, after, limit)
        assert look.within("output", place, after, limit) == listed.within("output", place, after, limit)
        if place.path:
            assert look.beginning("output", place, after, limit) == listed.beginning("output", place, after, limit)


def ask_all_above(look: LineageLook, place: Location) -> None:
    """As the lineage of a job is looked for."""
    for each in place.upwards():
        look.newest("output", each, "2026-04", 100)
        look.exactly("output", each, f"{each.key}#2026-04", 100)
    look.within("output", place, "", 100)
    look.beginning("output", place, "", 100)


def test_all_places_of_a_quiet_bucket_are_one_query() -> None:
    listed = Listed([entry(at(f"run-{number}"), number) for number in range(AROUND - 1)])
    places = [at("run-3", "output", "model.tar.gz"), at("train"), at("a", "b", "c")]
    look = LineageLook(listed, places)
    for place in places:
        ask_all_above(look, place)
    assert listed.asked == 1


def test_a_busy_bucket_is_asked_for_a_place_and_for_its_root() -> None:
    listed = Listed([entry(at(f"run-{number:04d}"), number % 60) for number in range(1000)])
    place = at("run-0500", "output", "model.tar.gz")
    look = LineageLook(listed, [place])
    assert look.newest("output", at("run-0500"), "2026-04", 100) == [entry(at("run-0500"), 500 % 60)]
    ask_all_above(look, place)
    assert listed.asked == 2


def test_a_crowded_place_is_read_page_by_page() -> None:
    """What does not fit around a place is asked for as if there were no look."""
    listed = Listed([entry(at("shared"), number) for number in range(60)])
    look = LineageLook(listed, [at("shared")])
    assert len(look.exactly("output", at("shared"), "", 100)) == 60
    assert look.newest("output", at("shared"), "2026-03-01T00:00:50", 5)[0].created == "2026-03-01T00:00:49"
    assert listed.asked == 3


def test_what_is_entered_during_a_look_is_seen_by_the_next_one() -> None:
    listed = Listed()
    before = LineageLook(listed, [at("run")])
    listed.entries.append(entry(at("run")))
    assert before.exactly("output", at("run"), "", 10) == []
    assert LineageLook(listed, [at("run")]).exactly("output", at("run"), "", 10) == [entry(at("run"))]


def test_what_lies_below_a_place_is_not_read_again_for_those_that_hold_it() -> None:
    """Two queries for the place, two for what lies below it, and one each for the first look and for all above."""
    below = [entry(at("team", "run", f"step-{number}"), number) for number in range(2 * AROUND)]
    listed = Listed([*below, entry(at("team"))])
    look = LineageLook(listed, [at("team", "run")])
    ask_all_above(look, at("team", "run"))
    assert listed.asked == 6
