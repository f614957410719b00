"""Times of AWS's answers: the same moments as botocore reads, in UTC, and what is none is refused as before."""

from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.aws.calls import clients
from flops_auditor.aws.calls.times_in_answers import moment

START = 1_772_323_800


@given(st.one_of(st.integers(0, 2**32), st.floats(0, 2**32, allow_nan=False)))
def test_seconds_are_the_moment_that_botocore_reads(seconds: float) -> None:
    assert moment(seconds) == parse_timestamp(seconds)


@pytest.mark.parametrize(
    "value", [START, float(START), str(START), "2026-03-01T00:10:00Z", "2026-03-01T01:10:00+01:00"]
)
def test_a_moment_is_in_utc_however_it_is_spelt(value: object) -> None:
    read = moment(value)
    assert (read, read.tzinfo) == (datetime(2026, 3, 1, 0, 10, tzinfo=UTC), UTC)


@pytest.mark.parametrize("value", [1e30, float("nan"), "soon", None])
def test_what_is_no_moment_is_refused_as_botocore_does(value: Any) -> None:
    refusals = (ValueError, RuntimeError, OverflowError, TypeError)
    with pytest.raises(refusals) as botocores:
        parse_timestamp(value)
    with pytest.raises(type(botocores.value)):
        moment(value)


def test_every_client_reads_times_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    clients.client.cache_clear()
    for made in (clients.client("cloudwatch", "eu-west-1"), clients.listing_client.__wrapped__("eu-west-1")):
        factory = made._endpoint._response_parser_factory
        assert factory.create_parser("json")._timestamp_parser is moment
    clients.client.cache_clear()
