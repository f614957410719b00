"""Many points in time are written as each alone is."""

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.values.moments import all_iso, iso

ZONES = st.sampled_from([UTC, UTC, UTC, timezone(timedelta(hours=2)), timezone(timedelta(0), "GMT")])
FIRST, LAST = datetime(1000, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - hypothesis adds the zone
MOMENTS = st.datetimes(FIRST, LAST, timezones=ZONES)


@given(st.lists(st.one_of(MOMENTS, MOMENTS.map(lambda moment: moment.replace(microsecond=0)))))
def test_many_moments_are_written_as_each_alone_is(moments: list[datetime]) -> None:
    assert all_iso(moments) == plain(moments) == [iso(moment) for moment in moments]
