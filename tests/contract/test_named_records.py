"""A job is found by its name, ARN or id in its own partition, however many jobs there are."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_named import DynamoDbNamedRecords
from flops_auditor.domain.runs.places import NAMES, Location
from flops_auditor.use_cases.ports.lineage import IndexEntry
from tests.fakes.searched import items, put
from tests.fakes.tables import create_searched_table

JOBS = 60
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/made/1"


def arn(region: str, name: str) -> str:
    return f"arn:aws:sagemaker:{region}:123456789012:training-job/{name}"


def named(item: dict[str, str]) -> dict[str, str]:
    """Every tenth job has the name of the one before it, in another region."""
    number = int(item["job_id"], 16)
    twin = number % 10 == 9
    name, region = f"job-{number - twin}", "us-east-1" if twin else "eu-west-1"
    return {**item, "job_name": name, "job_arn": arn(region, name), "region": region}


@pytest.fixture(scope="module")
def table() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("dynamodb", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        create_searched_table(client, "records")
        stored = list(map(named, items(JOBS, again=0.3)))
        put(client, "records", stored)
        entries = []
        for item in {each["job_id"]: each for each in stored}.values():
            entry = ("2026-03-01T00:00:00.000Z", item["job_id"], item["job_arn"], "tuning")
            for place in (Location(item["job_arn"]), Location(NAMES, (item["job_name"],)), Location(PACKAGE)):
                entries.append(("output", IndexEntry(place, *entry)))
        DynamoDbLineageIndex(client, "records").add(entries)
        yield client, stored


@pytest.fixture
def records(table: Any) -> DynamoDbNamedRecords:
    return DynamoDbNamedRecords(table[0], "records")


def newest(stored: list[dict[str, str]], **wanted: str) -> list[tuple[str, str]]:
    latest = {each["job_id"]: each for each in stored}
    fitting = [each for each in latest.values() if all(each[name] == value for name, value in wanted.items())]
    return [(each["job_id"], each["revision"]) for each in sorted(fitting, key=lambda each: each["ended_at"])][::-1]


@pytest.mark.parametrize("number", [0, 8, 9, JOBS - 3])
def test_the_newest_record_of_all_jobs_of_a_name_is_found_and_little_is_read(
    number: int, table: Any, records: DynamoDbNamedRecords
) -> None:
    job = next(each for each in table[1] if each["job_id"] == f"{number:064x}")
    for asked in ("job_id", "job_arn", "job_name"):
        expected = newest(table[1], **{asked: job[asked]})
        before = records.items_read
        assert [(row["job_id"], row["revision"]) for row in records.newest(job[asked])] == expected
        assert len(expected) == (2 if asked == "job_name" and number in (8, 9) else 1)
        assert records.items_read - before <= 2 * len(expected)


@pytest.mark.parametrize("text", ["job", "job-", "JOB-1", PACKAGE, "", "#", "x" * 2000])
def test_what_is_no_name_of_a_job_finds_none(text: str, records: DynamoDbNamedRecords) -> None:
    assert records.newest(text) == []


def test_names_are_those_of_recorded_jobs(records: DynamoDbNamedRecords) -> None:
    asked = [f"{number:064x}" for number in (3, 9, JOBS)]
    assert records.names(asked) == {asked[0]: "job-3", asked[1]: "job-8"}
    assert records.names([f"{number:064x}" for number in range(JOBS)])[f"{50:064x}"] == "job-50"
