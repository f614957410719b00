"""Times and numbers of AWS's answers: what botocore reads, times in UTC, and what is none is refused as before."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import create_parser
from botocore.session import Session
from botocore.utils import parse_timestamp
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.aws.calls import clients
from flops_auditor.aws.calls.series_in_answers import Parsers, SeriesParser, moment

START = 1_772_323_800
SECONDS = st.one_of(st.integers(0, 2**32), st.floats(0, 2**32, allow_nan=False))
ANSWER = Session().get_service_model("cloudwatch").operation_model("GetMetricData").output_shape


@given(SECONDS)
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


TIMES = st.lists(st.one_of(SECONDS, st.none(), st.just("2026-03-01T00:10:00Z")), max_size=4)
RESULTS = st.fixed_dictionaries(
    {"Label": st.text(), "Timestamps": TIMES, "Values": st.lists(st.floats(0, 1e40) | st.integers(0, 800), max_size=4)},
    optional={"Messages": st.lists(st.fixed_dictionaries({"Code": st.text()}))},
)


def parsed(parser: Any, results: object) -> Any:
    body = json.dumps({"MetricDataResults": results}).encode()
    return parser.parse({"status_code": 200, "headers": {}, "body": body}, ANSWER)


@given(st.lists(RESULTS, max_size=3), st.booleans())
def test_an_answer_is_what_botocore_reads(results: list[Any], alike: bool) -> None:
    """Whether its series have the same times or not."""
    for each in results if alike else ():
        each["Timestamps"] = results[0]["Timestamps"]
    read = parsed(Parsers().create_parser("json"), results)
    assert read == parsed(create_parser("json"), results)
    lists = [each["Timestamps"] for each in read["MetricDataResults"]]
    assert len(set(map(id, lists))) == len(lists), "whoever adds to one adds to no other"


def test_every_client_reads_answers_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    clients.client.cache_clear()
    for made in (clients.client("cloudwatch", "eu-west-1"), clients.listing_client("sagemaker", "eu-west-1")):
        parser: Any = made._endpoint._response_parser_factory.create_parser(made.meta.service_model.resolved_protocol)
        assert (type(parser), parser._timestamp_parser) == (SeriesParser, moment)
    clients.client.cache_clear()
