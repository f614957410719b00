"""What is recorded, as the deployed table has it: all of it, the newest record of each job, and the one of a job."""

from collections.abc import Iterator, Mapping

from flops_auditor.aws.calls.clients import client
from flops_auditor.domain.values.amounts import scientific
from flops_auditor.domain.values.errors import AuditorError

COLUMNS = {
    "ended_at": "Ended",
    "job_name": "Job",
    "status": "Status",
    "method": "Method",
    "best_flop": "Best (FLOP)",
    "upper_flop": "At most (FLOP)",
    "base_model": "Base model",
    "verdict": "Verdict",
}
FLOP_COLUMNS = ("best_flop", "upper_flop")


class NoSuchRecord(AuditorError):
    """Nothing is recorded under that name."""

    remedy = "List what there is with `flops-auditor records list`."


def items(table: str, index: str, key: str, value: str) -> Iterator[dict[str, str]]:
    """All items of one key of an index, newest first, page by page."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            IndexName=index,
            KeyConditionExpression="#key = :value",
            ExpressionAttributeNames={"#key": key},
            ExpressionAttributeValues={":value": {"S": value}},
            ScanIndexForward=False,
        )
    )
    for page in pages:
        for item in page["Items"]:
            yield {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def newest(found: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """One row per job: the record of the highest revision, which supersedes the others."""
    by_job: dict[str, dict[str, str]] = {}
    for item in found:
        known = by_job.get(item["job_id"])
        if known is None or int(item["revision"]) > int(known["revision"]):
            by_job[item["job_id"]] = item
    return sorted(by_job.values(), key=lambda item: item.get("ended_at", ""), reverse=True)


def find_record(table: str, job: str) -> dict[str, str]:
    """The newest record of a job, by name, ARN or job id. Raises NoSuchRecord."""
    matching = (i for i in items(table, "time", "kind", "record") if job in (i["job_name"], i["job_arn"], i["job_id"]))
    row = next(iter(newest(matching)), None)
    if row is None:
        raise NoSuchRecord(f"{job!r} has no record")
    key = {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}
    item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def for_people(item: Mapping[str, str]) -> dict[str, str]:
    """A row with FLOP in scientific notation and times to the minute."""
    row = dict(item)
    for column in FLOP_COLUMNS:
        row[column] = scientific(int(item[column])) if column in item else "unknown"
    row["ended_at"] = item.get("ended_at", "")[:16].replace("T", " ")
    return row
