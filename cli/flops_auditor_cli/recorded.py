"""What is recorded, as the deployed table has it: all of it, the newest record of each job, and the one of a job."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.lineage.lineage import Lineage
from flops_auditor.domain.values.amounts import flop, percent
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor.use_cases.operations.check_health import RECENT
from flops_auditor_cli.audit_view import nearest, verdict_of, with_shares
from flops_auditor_cli.deployment import Deployment
from flops_auditor_cli.schemas import LISTED, fields_of
from flops_auditor_cli.view import Table, View

COLUMNS = {
    "job_name": "Job",
    "lower": "At least",
    "flop": "FLOP",
    "upper": "At most",
    "share": "Share",
    "shown": "Verdict",
}
WIDE_COLUMNS = {
    "ended_at": "Ended",
    "job_name": "Job",
    "status": "Status",
    "method": "Method",
    "lower": "At least (FLOP)",
    "flop": "Best (FLOP)",
    "upper": "At most (FLOP)",
    "nearest": "Nearest threshold",
    "share": "Best",
    "upper_share_of_it": "At most",
    "base_model": "Base model",
    "shown": "Verdict",
}
RIGHT = ("lower", "flop", "upper", "share", "upper_share_of_it")
FIELDS = fields_of(LISTED)
MOST_LOOKED_AT = 1000
"""Records that the doctor reads."""
MOST_NAMED = 20
"""Jobs of one name that are listed."""
AT_ONCE = 100
"""BatchGetItem gives no more items."""


class NoSuchRecord(AuditorError):
    """Nothing is recorded under that name."""

    remedy = "List what there is with `flops-auditor records list`."


class SeveralJobs(WrongInput):
    """A name means several jobs: of several regions, or one after the other, since a name may be used again."""

    remedy = "Say which: give the ARN or, where the name was used again, the job id at the end of the line."


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


def newest(rows: Iterator[dict[str, str]]) -> list[dict[str, str]]:
    """One row per job: the record of the highest revision, which supersedes the others."""
    by_job: dict[str, dict[str, str]] = {}
    for item in rows:
        known = by_job.get(item["job_id"])
        if known is None or int(item["revision"]) > int(known["revision"]):
            by_job[item["job_id"]] = item
    return sorted(by_job.values(), key=lambda item: item.get("ended_at", ""), reverse=True)


def on_word(table: str, now: datetime) -> list[str]:
    """Jobs that ended lately whose newest record is below on the job's own word alone."""
    since = iso(now - RECENT)
    recent = itertools.takewhile(lambda item: item.get("ended_at", "") >= since, items(table, "time", "kind", "record"))
    below = [item for item in newest(recent) if item["verdict"] == "below"][:MOST_LOOKED_AT]
    read = zip(below, contents(table, below), strict=True)
    return [item["job_name"] for item, content in read if content["rests_on"]["on_the_jobs_word"]]


def the_one(rows: Sequence[dict[str, str]], job: str) -> dict[str, str]:
    """The row that a name, ARN or job id means. Raises NoSuchRecord, SeveralJobs."""
    named = [row for row in rows if job in (row["job_name"], row["job_arn"], row["job_id"])]
    if not named:
        raise NoSuchRecord(f"{job!r} has no record")
    if len(named) > 1:
        shown = [f"{r['job_arn']}, ended {r['ended_at']}, {r['verdict']}: {r['job_id']}" for r in named[:MOST_NAMED]]
        more = [f"and {len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
        raise SeveralJobs("\n  ".join([f"{job!r} means {len(named)} jobs:", *shown, *more]))
    return named[0]


def find_record(table: str, job: str) -> dict[str, str]:
    """The newest record of a job, by name, ARN or job id. Raises NoSuchRecord, SeveralJobs."""
    row = the_one(newest(items(table, "time", "kind", "record")), job)
    key = {"pk": {"S": row["pk"]}, "sk": {"S": row["sk"]}}
    item = client("dynamodb").get_item(TableName=table, Key=key)["Item"]
    return {name: attribute["S"] for name, attribute in item.items() if "S" in attribute}


def contents(table: str, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """The predicates of records of the index, in their order."""
    lines: dict[tuple[str, str], bytes] = {}
    for first in range(0, len(rows), AT_ONCE):
        asked = [{name: {"S": item[name]} for name in ("pk", "sk")} for item in rows[first : first + AT_ONCE]]
        while asked:
            answer = client("dynamodb").batch_get_item(
                RequestItems={table: {"Keys": asked, "ProjectionExpression": "pk, sk, envelope"}}
            )
            for item in answer["Responses"][table]:
                lines[item["pk"]["S"], item["sk"]["S"]] = item["envelope"]["S"].encode()
            asked = answer.get("UnprocessedKeys", {}).get(table, {}).get("Keys", [])
    return [predicate_of(lines[item["pk"], item["sk"]]) for item in rows]


class DeployedRecords:
    """The port `RecordSource` on a deployed stack."""

    def __init__(self, deployment: Deployment) -> None:
        self._table = deployment.output("RecordTableName")
        self._bucket = deployment.output("ArchiveBucketName")

    def rows(self) -> list[dict[str, str]]:
        """Of the index by time."""
        return newest(items(self._table, "time", "kind", "record"))

    def line(self, row: Mapping[str, str]) -> bytes:
        """From the table."""
        key = {name: {"S": row[name]} for name in ("pk", "sk")}
        item = client("dynamodb").get_item(TableName=self._table, Key=key)["Item"]
        return str(item["envelope"]["S"]).encode()

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        """From the table, a hundred at once."""
        return contents(self._table, rows)

    def lineage(self, content: Mapping[str, Any]) -> Lineage:
        """With what the archive has of many ancestors."""
        return recorded_lineage(dict(content), S3Archive(client("s3"), self._bucket))


def row_of(item: Mapping[str, str], content: Mapping[str, Any]) -> dict[str, Any]:
    """A record as a list shows it: the job, its compute, and the threshold that this comes nearest to."""
    closest = nearest(with_shares(content)["assessments"]) or {}
    return {
        "job_name": item["job_name"],
        "verdict": item["verdict"],
        "verdict_without_statements": content["rests_on"]["verdict_without_statements"],
        "lower_flop": content["cumulative"]["lower_flop"],
        "best_flop": item.get("best_flop"),
        "upper_flop": item.get("upper_flop"),
        "nearest_policy": closest.get("policy"),
        "nearest_scenario": closest.get("scenario"),
        "threshold_flop": closest.get("threshold_flop"),
        "best_share": closest.get("best_share"),
        "upper_share": closest.get("upper_share"),
        "method": item["method"],
        "status": item["status"],
        "base_model": item.get("base_model", ""),
        "started_at": content["job"]["start"],
        "ended_at": item.get("ended_at"),
        "recorded_at": item["recorded_at"],
        "revision": int(item["revision"]),
        "region": item["region"],
        "job_arn": item["job_arn"],
        "job_id": item["job_id"],
    }


def listing(rows: Sequence[Mapping[str, Any]], left_out: int, wide: bool) -> View:
    """Records as a list, with FLOP in scientific notation and times to the minute for people."""
    people = [
        {
            **row,
            "ended_at": (row["ended_at"] or "")[:16].replace("T", " "),
            "shown": verdict_of(row["verdict"], row["verdict_without_statements"]),
            "lower": flop(row["lower_flop"]),
            "flop": flop(row["best_flop"]),
            "upper": flop(row["upper_flop"]),
            "nearest": f"{row['nearest_policy']}, {row['nearest_scenario']}" if row["nearest_policy"] else "none",
            "share": percent(row["best_share"]),
            "upper_share_of_it": percent(row["upper_share"]),
        }
        for row in rows
    ]
    table = Table(WIDE_COLUMNS if wide else COLUMNS, people, right=RIGHT, cut=() if wide else ("job_name",))
    return View("records", {"records": rows, "left_out": left_out}, [table], rows, FIELDS)
