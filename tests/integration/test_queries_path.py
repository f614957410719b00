"""The saved queries of the deployed template on the local AWS's Athena, beside what `records list` says of the jobs.

It runs them with DuckDB. It puts no values in the place of `?` and knows no managed results, so both are done here.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from flops_auditor_cli.local_aws.deployment import deploy_built
from tests.fakes.jobs import describe
from tests.integration.deployed import Deployed, fresh_job, run

SHOWN = ("job_name", "region", "verdict", "best_flop", "upper_flop", "upper_share", "base_model", "revision", "job_id")
LATE = "9999-12-31"


@pytest.fixture(scope="module")
def asked(deployed: Deployed) -> Iterator[Deployed]:
    """With queries, some records of each kind, and the lines of the day."""
    deployed.outputs = deploy_built(deployed.stack, {"Queries": "true"})
    big = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    parent = fresh_job(hours=2000, ResourceConfig=big)
    child = fresh_job(hours=1)
    parent["CheckpointConfig"] = child["CheckpointConfig"] = {"S3Uri": "s3://models/" + parent["TrainingJobName"]}
    hostile = fresh_job(HyperParameters={**describe("x", 1).get("HyperParameters", {}), "model_id": "' OR '1'='1"})
    for job in (parent, child, hostile):
        deployed.load(job)
        deployed.announce(job)
        deployed.record(job["TrainingJobArn"])
    deployed.idle()
    deployed.invoke("ReportFunctionName")
    yield deployed


def saved(deployed: Deployed) -> dict[str, str]:
    """The saved queries of the workgroup, by name."""
    athena, group = deployed.stack.client("athena"), deployed.outputs["QueryWorkGroupName"]
    numbers = athena.list_named_queries(WorkGroup=group)["NamedQueryIds"]
    found = athena.batch_get_named_query(NamedQueryIds=numbers)["NamedQueries"]
    assert {each["Database"] for each in found} == {deployed.outputs["QueryDatabaseName"]}
    return {each["Name"]: each["QueryString"] for each in found}


AS_TEXT = "strftime(ended_at AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%gZ')"
"""The emulator's engine takes texts of this form for moments; to Athena they are texts, as the table's column says."""


def rows(deployed: Deployed, query: str, *values: str) -> list[dict[str, Any]]:
    """The rows of a query, with values in the place of its question marks as Athena puts them."""
    query = query.replace("AND ended_at ", f"AND {AS_TEXT} ")
    for value in values:
        query = query.replace("?", "'" + value.replace("'", "''") + "'", 1)
    athena = deployed.stack.client("athena")
    number = athena.start_query_execution(
        QueryString=query,
        QueryExecutionContext={"Database": deployed.outputs["QueryDatabaseName"]},
        WorkGroup=deployed.outputs["QueryWorkGroupName"],
        ResultConfiguration={"OutputLocation": f"s3://{deployed.outputs['ReportBucketName']}/emulated/"},
    )["QueryExecutionId"]

    def ended() -> Any:
        status = athena.get_query_execution(QueryExecutionId=number)["QueryExecution"]["Status"]
        return status if status["State"] in ("SUCCEEDED", "FAILED") else None

    status = deployed.wait(ended, "answer")
    assert status["State"] == "SUCCEEDED", status
    head, *found = athena.get_query_results(QueryExecutionId=number)["ResultSet"]["Rows"]
    names = [cell["VarCharValue"] for cell in head["Data"]]
    return [dict(zip(names, (cell.get("VarCharValue") for cell in row["Data"]), strict=True)) for row in found]


def shown(found: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """What both say of a job, as text; jobs that ended at one moment come in any order."""
    exact = [{name: row.get(f"{name}_exact", row[name]) for name in SHOWN} for row in found]
    return sorted(tuple("" if value is None else str(value) for value in row.values()) for row in exact)


def test_saved_queries_find_what_records_list_finds(asked: Deployed, operator: Deployed) -> None:
    queries = saved(asked)
    lines = rows(asked, "SELECT * FROM records")
    listed = run("records", "list", "--limit", "100000")[1]["records"]
    assert shown(lines) == shown(listed)
    [parent] = [row for row in lines if row["verdict"] == "above"][:1]
    begin, region = "2020-01-01", parent["region"]
    pairs: dict[str, tuple[list[str], list[str]]] = {
        "Jobs by verdict": (["above"], ["--verdict", "above"]),
        "Jobs by base model": (["' OR '1'='1"], ["--base-model", "' OR '1'='1"]),
        "Jobs by lineage": ([parent["lineage"]], ["--lineage", parent["lineage"]]),
        "Jobs by region and time": ([region, begin, LATE], ["--only-region", region, "--since", begin]),
        "Jobs by share of a threshold": (["0.5"], ["--share-from", "0.5"]),
    }
    assert set(pairs) == set(queries)
    for name, (values, options) in pairs.items():
        found = rows(asked, queries[name], *values)
        wanted = run("records", "list", "--limit", "100000", *options)[1]["records"]
        assert shown(found) == shown(wanted), name
        assert found or name == "Jobs by base model", name


def test_the_report_bucket_holds_one_object_of_lines(asked: Deployed) -> None:
    s3, bucket = asked.stack.client("s3"), asked.outputs["ReportBucketName"]
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket, Prefix="records/")["Contents"]]
    assert keys == ["records/newest.jsonl.gz"]
    table = asked.stack.client("glue").get_table(DatabaseName=asked.outputs["QueryDatabaseName"], Name="records")
    assert table["Table"]["StorageDescriptor"]["Location"] == f"s3://{bucket}/records/"
    assert json.dumps(table["Table"]["StorageDescriptor"]["Columns"])
