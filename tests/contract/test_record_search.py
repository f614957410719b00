"""Every RecordSearch finds the same jobs: in a list, and by the indexes of a DynamoDB table."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import product
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_search import DynamoDbRecordSearch
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import RecordQuery, RecordSearch
from tests.fakes.searched import BEGIN, MODELS, MemoryRecordSearch, alike, items, put
from tests.fakes.tables import create_searched_table

STORED = list(items(90, again=0.3))
ASKED = [
    RecordQuery(verdict, model, lineage, region, since, until)
    for verdict, model, lineage, region, (since, until) in product(
        ("", "above", "below"),
        ("", MODELS[0], MODELS[2], "no/such"),
        ("", f"{15:064x}"),
        ("", "us-east-1"),
        (("", ""), (iso(BEGIN + timedelta(minutes=70)), iso(BEGIN + timedelta(minutes=280)))),
    )
]


@pytest.fixture(scope="module")
def client() -> Iterator[Any]:
    with mock_aws():
        made = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_searched_table(made, "records")
        put(made, "records", STORED)
        create_searched_table(made, "many")
        put(made, "many", items(2000, again=0.01))
        yield made


@pytest.fixture(params=["memory", "dynamodb"])
def search(request: pytest.FixtureRequest, client: Any) -> RecordSearch:
    return MemoryRecordSearch(STORED) if request.param == "memory" else DynamoDbRecordSearch(client, "records")


def test_only_the_newest_record_of_a_job_speaks_for_it(search: RecordSearch) -> None:
    newest = {row["job_id"]: row for row in sorted(STORED, key=lambda row: int(row["revision"]))}
    turned = [row for row in STORED if row["verdict"] == "above" != newest[row["job_id"]]["verdict"]]
    assert turned
    found = {row["job_id"]: row["revision"] for row in search.fitting(RecordQuery(verdict="above"))}
    assert found == {row["job_id"]: row["revision"] for row in newest.values() if row["verdict"] == "above"}


def test_both_find_the_same_in_the_same_order(client: Any) -> None:
    memory, table = MemoryRecordSearch(STORED), DynamoDbRecordSearch(client, "records")
    sizes = set()
    for query in ASKED:
        expected = [(row["job_id"], row["revision"]) for row in memory.fitting(query)]
        assert [(row["job_id"], row["revision"]) for row in table.fitting(query)] == expected, query
        sizes.add(len(expected))
    assert {0, 90} <= sizes and len(sizes) > 15


def test_a_bound_is_included(search: RecordSearch) -> None:
    at = iso(BEGIN + timedelta(minutes=70))
    assert [row["ended_at"] for row in search.fitting(RecordQuery(ended_from=at, ended_until=at))] == [at]


@pytest.mark.parametrize(
    "query",
    [
        RecordQuery(verdict="above"),
        RecordQuery(base_model=MODELS[0]),
        RecordQuery(lineage=f"{1500:064x}"),
        RecordQuery(ended_from=iso(BEGIN + timedelta(days=1)), ended_until=iso(BEGIN + timedelta(days=3))),
        RecordQuery(verdict="below", ended_from=iso(BEGIN + timedelta(days=1))),
    ],
    ids=["verdict", "model", "lineage", "time", "verdict and time"],
)
def test_what_is_read_is_what_is_found(client: Any, query: RecordQuery) -> None:
    """At most 1.1 items are read for one that is found, where one record in a hundred was superseded."""
    search = DynamoDbRecordSearch(client, "many")
    found = search.fitting(query)
    assert found
    assert len(found) <= search.items_read <= 1.1 * len(found)


def test_a_filter_names_no_key_of_its_index(client: Any) -> None:
    """DynamoDB refuses one that does; moto does not."""
    asked: list[dict[str, Any]] = []
    client.meta.events.register("before-parameter-build.dynamodb.Query", lambda params, **_: asked.append(dict(params)))
    for query in ASKED:
        DynamoDbRecordSearch(client, "records").fitting(query)
    filters = [(each["IndexName"], each["FilterExpression"]) for each in asked if "FilterExpression" in each]
    assert {index for index, _ in filters} == {"verdict", "base_model", "lineage"}
    assert all(f"#{index}" not in told and "ended" not in told for index, told in filters)


@pytest.mark.parametrize("verdict", ["above", "indeterminate"])
def test_few_of_a_model_that_all_jobs_have_are_read_alone(client: Any, verdict: str) -> None:
    """Of those verdicts there are few, whichever model they are of."""
    table = f"alike-{verdict}"
    create_searched_table(client, table)
    put(client, table, alike(100, dict.fromkeys((5, 50, 75), verdict)))
    search = DynamoDbRecordSearch(client, table)
    assert len(search.fitting(RecordQuery(verdict=verdict, base_model=MODELS[0]))) == 3
    assert search.items_read == 3
