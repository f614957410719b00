"""RegulatorRole may query and export, and nothing else; the PartiQL of docs/regulator.md does what the page says.

The policies are judged by the evaluator that judges requests which the local AWS cannot be sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_current import DynamoDbCurrentRecords
from flops_auditor.aws.stores.dynamodb_search import DynamoDbRecordSearch
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.use_cases.ports.records import RecordQuery
from tests.fakes.searched import items, put
from tests.fakes.tables import create_searched_table, create_table
from tests.integration.policy_evaluation import Request, allowed
from tests.template.bar import listed, subject_of_repository, unconditional
from tests.template.loading import REPOSITORY

ACCOUNT, REGION = "123456789012", "eu-west-1"
WHO = f"arn:aws:iam::{ACCOUNT}:role/RegulatorRole"
TABLE = f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/records"
ARNS = {
    "RecordTable": TABLE,
    "ArchiveBucket": "arn:aws:s3:::archive",
    "ReportBucket": "arn:aws:s3:::reports",
    "DataKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/data",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/flops-auditor/1",
    "AWS::Region": REGION,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::Partition": "aws",
    "AWS::AccountId": ACCOUNT,
    "QueryWorkGroup": "flops-auditor",
    "QueryDatabase": "flops_auditor_1",
}
ATHENA, GLUE = (f"arn:aws:{service}:{REGION}:{ACCOUNT}" for service in ("athena", "glue"))
WORK_GROUP, RECORD_LINES = f"{ATHENA}:workgroup/flops-auditor", f"{GLUE}:table/flops_auditor_1/records"
QUERYING = (
    *(("Start", "Execution"), ("Stop", "Execution"), ("Get", "Execution")),
    *(("Get", "Results"), ("Get", "ResultsStream")),
)
VIA_S3 = {"kms:ViaService": f"s3.{REGION}.amazonaws.com"}
MAY = [
    ("cloudformation:DescribeStacks", ARNS["AWS::StackId"], {}),
    ("dynamodb:GetItem", TABLE, {}),
    ("dynamodb:BatchGetItem", TABLE, {}),
    *(("dynamodb:Query", f"{TABLE}/index/{name}", {}) for name in ("time", "verdict", "base_model", "lineage")),
    ("dynamodb:PartiQLSelect", f"{TABLE}/index/verdict", {"dynamodb:FullTableScan": "false"}),
    ("dynamodb:PartiQLSelect", TABLE, {}),
    ("s3:GetObjectVersion", "arn:aws:s3:::archive/evidence/x/0.json", {}),
    ("s3:ListBucketVersions", "arn:aws:s3:::archive", {}),
    ("s3:GetObject", "arn:aws:s3:::reports/reports/latest.html", {}),
    ("kms:Decrypt", ARNS["DataKey"], VIA_S3),
    *((f"athena:{kind}Query{what}", WORK_GROUP, {}) for kind, what in QUERYING),
    *((f"athena:{name}", WORK_GROUP, {}) for name in ("GetWorkGroup", "GetNamedQuery", "BatchGetNamedQuery")),
    ("athena:ListNamedQueries", WORK_GROUP, {}),
    ("athena:GetDataCatalog", f"{ATHENA}:datacatalog/AwsDataCatalog", {}),
    *(
        ("glue:GetDatabase", f"{GLUE}:{name}", {})
        for name in ("catalog", "database/default", "database/flops_auditor_1")
    ),
    *((f"glue:Get{what}", RECORD_LINES, {}) for what in ("Table", "Partitions")),
    ("s3:GetObject", "arn:aws:s3:::reports/records/newest.jsonl.gz", {}),
    ("s3:ListBucket", "arn:aws:s3:::reports", {"s3:prefix": "records/"}),
    ("s3:GetBucketLocation", "arn:aws:s3:::reports", {}),
]
ELSEWHERE = [
    ("dynamodb:PartiQLSelect", TABLE, {"dynamodb:FullTableScan": "true"}),
    ("dynamodb:Scan", TABLE, {}),
    ("dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/others", {}),
    ("s3:GetObject", "arn:aws:s3:::archive/records/x/0.json", {}),
    ("s3:GetObject", "arn:aws:s3:::reports/digests/2026-W48.txt", {}),
    ("s3:GetObjectVersion", "arn:aws:s3:::others/x", {}),
    ("cloudformation:DescribeStacks", f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/others/1", {}),
    ("athena:StartQueryExecution", f"{ATHENA}:workgroup/primary", {}),
    ("athena:GetQueryResults", f"{ATHENA}:workgroup/others", {}),
    ("glue:GetTable", f"{GLUE}:table/default/x", {}),
    ("glue:GetTable", f"{GLUE}:table/flops_auditor_1/others", {}),
    ("s3:ListBucket", "arn:aws:s3:::reports", {"s3:prefix": "digests/"}),
    ("s3:ListBucket", "arn:aws:s3:::reports", {}),
    ("s3:ListBucket", "arn:aws:s3:::archive", {"s3:prefix": "records/"}),
    ("kms:Decrypt", ARNS["DataKey"], {}),
    ("kms:GenerateDataKey", ARNS["DataKey"], VIA_S3),
]
CHANGING = (
    *(
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
        "dynamodb:BatchWriteItem",
        "dynamodb:UpdateTable",
    ),
    *("dynamodb:PartiQLInsert", "dynamodb:PartiQLUpdate", "dynamodb:PartiQLDelete", "dynamodb:DeleteTable"),
    *("s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion", "s3:PutObjectRetention", "s3:PutBucketPolicy"),
    *("s3:BypassGovernanceRetention", "kms:Sign", "kms:Encrypt", "kms:CreateGrant", "kms:PutKeyPolicy", "sns:Publish"),
    *("sns:Subscribe", "sqs:SendMessage", "sqs:ReceiveMessage", "lambda:InvokeFunction", "iam:PutRolePolicy"),
    *("iam:PassRole", "sts:AssumeRole", "sagemaker:StopTrainingJob", "sagemaker:ListTrainingJobs", "events:PutEvents"),
    *("athena:UpdateWorkGroup", "athena:CreateNamedQuery", "athena:DeleteNamedQuery", "athena:CreatePreparedStatement"),
    *("glue:CreateTable", "glue:UpdateTable", "glue:DeleteTable", "glue:CreateDatabase", "glue:UpdateDatabase"),
    *("cloudformation:UpdateStack", "cloudformation:DeleteStack", "logs:GetLogEvents"),
)


def resolved(value: Any) -> Any:
    """A value of the template with this account's names."""
    if isinstance(value, list):
        return [resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "Ref" in value:
        return ARNS[value["Ref"]]
    if "Fn::GetAtt" in value:
        return ARNS[value["Fn::GetAtt"][0]]
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+?)(?:\.Arn)?\}", lambda name: ARNS[name[1]], value["Fn::Sub"])
    return {key: resolved(each) for key, each in value.items()}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    found: dict[str, Any] = subject_of_repository().expanded["Resources"]
    return found


@pytest.fixture(scope="module")
def statements(resources: dict[str, Any]) -> list[dict[str, Any]]:
    document = resources["RegulatorPolicy"]["Properties"]["PolicyDocument"]
    return [resolved(each) for each in unconditional(document["Statement"])]


def may(statements: list[dict[str, Any]], action: str, resource: str, context: dict[str, Any]) -> bool:
    return allowed(Request(WHO, action, resource, context), statements, [], ACCOUNT)


def test_nobody_but_the_one_who_is_named_takes_the_role(resources: dict[str, Any]) -> None:
    role = resources["RegulatorRole"]
    assert role["Condition"] == resources["RegulatorPolicy"]["Condition"] == "HasRegulator"
    [trust] = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
    assert (trust["Principal"], trust["Action"]) == ({"AWS": {"Ref": "RegulatorPrincipal"}}, "sts:AssumeRole")
    assert "ManagedPolicyArns" not in role["Properties"] and "Policies" not in role["Properties"]
    holders = [
        name for name, each in resources.items() if {"Ref": "RegulatorRole"} in each["Properties"].get("Roles", [])
    ]
    assert holders == ["RegulatorPolicy"]


@pytest.mark.parametrize(("action", "resource", "context"), MAY, ids=lambda value: str(value)[-40:])
def test_it_may_query_and_export(statements: list[dict[str, Any]], action: str, resource: str, context: Any) -> None:
    assert may(statements, action, resource, context)


@pytest.mark.parametrize(("action", "resource", "context"), ELSEWHERE, ids=lambda value: str(value)[-40:])
def test_it_reads_nothing_else(statements: list[dict[str, Any]], action: str, resource: str, context: Any) -> None:
    assert not may(statements, action, resource, context)


def test_it_changes_nothing(statements: list[dict[str, Any]]) -> None:
    """Neither what is listed here nor anything that a function may do and that is no reading."""
    reading = {action for action, _, _ in MAY}
    functions = {action for _, each in subject_of_repository().statements() for action in listed(each["Action"])}
    for action in {*CHANGING, *functions} - reading:
        for resource in {*ARNS.values(), *(resource for _, resource, _ in MAY), "*"}:
            assert not may(statements, action, resource, VIA_S3), (action, resource)
    granted = {action for each in statements for action in listed(each["Action"])}
    assert granted == reading, "a right that is asked for in no test"


@pytest.fixture
def calls() -> Iterator[tuple[Any, list[tuple[str, dict[str, Any]]]]]:
    """A session on moto, and the calls that are made with it."""
    made: list[tuple[str, dict[str, Any]]] = []
    with mock_aws():
        session = boto3.Session("test", "test", region_name=REGION)
        session.events.register(
            "before-parameter-build.*.*",
            lambda params, model, **_: made.append((f"{model.service_model.service_name}:{model.name}", dict(params))),
        )
        yield session, made


def test_what_a_list_and_an_export_call_is_covered(calls: Any, statements: list[dict[str, Any]]) -> None:
    session, made = calls
    table, s3 = session.client("dynamodb"), session.client("s3")
    create_searched_table(table, "records")
    create_table(table, "by_time")
    s3.create_bucket(Bucket="archive", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket="archive", VersioningConfiguration={"Status": "Enabled"})
    S3Archive(s3, "archive").put_if_absent("log/x", b"line\n")
    put(table, "records", items(5))
    made.clear()
    for query in (RecordQuery(verdict="below"), RecordQuery(base_model="org/base"), RecordQuery(lineage="0" * 64)):
        DynamoDbRecordSearch(table, "records").fitting(query)
    list(DynamoDbCurrentRecords(table, "by_time").history())
    archive = S3Archive(s3, "archive")
    assert [archive.get(key) for key in archive.list("log/")] == [b"line\n"]
    names = {"s3:ListObjectVersions": "s3:ListBucketVersions", "s3:GetObject": "s3:GetObjectVersion"}
    kinds = set()
    for call, parameters in made:
        action = names.get(call, call)
        resource = f"{TABLE}/index/{parameters['IndexName']}" if "IndexName" in parameters else TABLE
        if "Bucket" in parameters:
            resource = f"arn:aws:s3:::archive{'/' + parameters['Key'] if 'Key' in parameters else ''}"
        assert may(statements, action, resource, {}), (action, resource)
        kinds.add(action)
    assert kinds == {"dynamodb:Query", "dynamodb:BatchGetItem", "s3:ListBucketVersions", "s3:GetObjectVersion"}


def test_the_partiql_of_the_page_selects_records(calls: Any) -> None:
    """moto selects from tables alone: the index is left out there, and its name is compared with the template's."""
    session, _ = calls
    table = session.client("dynamodb")
    create_searched_table(table, "records")
    here = {
        "region": "eu-west-1",
        "kind": "record",
        "recorded_at": "2026-02-02",
        "base_model": "meta-llama/Llama-3.1-8B",
    }
    put(table, "records", ({**item, **here, "envelope": "{}"} for item in items(20)))
    page = (REPOSITORY / "docs" / "regulator.md").read_text()
    [block] = re.findall(r"```sql\n(.*?)```", page, re.DOTALL)
    selects = [each.strip() for each in block.split(";") if each.strip()]
    indexes = {index["IndexName"]: index for index in _indexes()}
    for select in selects:
        index = re.search(r'FROM "records"(?:\."(\w+)")?', select)
        assert index
        keyed = indexes[index[1]]["KeySchema"][0]["AttributeName"] if index[1] else "pk"
        assert f"WHERE {keyed} = '" in select, "a statement without a key reads the whole table"
        found = table.execute_statement(Statement=select.replace(index[0], 'FROM "records"'))["Items"]
        asked = re.match(r"SELECT (.*?) FROM", select)
        assert asked and found, select
        assert all(set(item) <= set(asked[1].split(", ")) for item in found)
    assert len(selects) == 5


def _indexes() -> list[dict[str, Any]]:
    table = subject_of_repository().expanded["Resources"]["RecordTable"]["Properties"]
    found: list[dict[str, Any]] = table["GlobalSecondaryIndexes"]
    return found
