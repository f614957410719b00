"""The RecordIndex and SeenJobs ports on the DynamoDB table of records.

A job that waits for its record is an item pk `JOB#<job id>`, sk `SEEN`, which the sparse index `pending` has under
`SEEN#<region>` in the order in which jobs were seen, and under `SEEN#<service>#<region>` where it is no training job;
one that waits no longer leaves the index and stays an item. What was said of a running job is an item of the same pk,
sk `DESCRIBED`, and the last look at it one of sk `LOOK`: the watch writes these while the reconciliation writes the
first. Both are forgotten after a while.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, Any

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.aws.stores.dynamodb_batch import read_items, write_all
from flops_auditor.aws.stores.dynamodb_partition import expiry
from flops_auditor.aws.stores.dynamodb_records import record_sk
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.records import LastLook, SeenJob
from flops_auditor.use_cases.ports.sources import ListedJob

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LOOK_FORGOTTEN = timedelta(days=30)
"""DynamoDB deletes a look so long after it: its time to live is in `expires`."""
DESCRIPTION_FORGOTTEN = timedelta(days=90)
"""28 days of waiting, 28 of running, and a month for the record of a job that was deleted meanwhile."""


class DynamoDbRecordIndex:
    """Needs dynamodb:BatchGetItem on the table."""

    def __init__(self, client: "DynamoDBClient", table: str, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep

    def recorded(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        """Jobs whose first record exists, or a later one where that was made while the job ran."""
        asked, digests = set(job_ids), dict[str, str]()
        for revision in count():
            keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": record_sk(revision)}} for job_id in sorted(asked)]
            items = list(read_items(self._client, self._table, keys, "pk, tags, interim", self._sleep))
            asked = {_job_of(item) for item in items if "interim" in item}
            digests |= {_job_of(item): item.get("tags", {"S": ""})["S"] for item in items if "interim" not in item}
            if not asked:
                break
        return digests


def _job_of(item: Mapping[str, Any]) -> str:
    job_id: str = item["pk"]["S"].removeprefix("JOB#")
    return job_id


class DynamoDbSeenJobs:
    """Needs dynamodb:PutItem and BatchGetItem on the table and dynamodb:Query on its index `pending`."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        sleep: Callable[[float], None] = time.sleep,
        *,
        service: str = "",
    ) -> None:
        self._client = client
        self._table = table
        self._sleep = sleep
        self._before = f"SEEN#{service}#" if service else "SEEN#"

    def waiting(self, region: str) -> Sequence[SeenJob]:
        """The index has them in the order of `seen_at`; it may lag behind a write by a moment."""
        keys: list[dict[str, Any]] = []
        with outages("dynamodb:Query"), refusals("dynamodb:Query"):
            pages = self._client.get_paginator("query").paginate(
                TableName=self._table,
                IndexName="pending",
                KeyConditionExpression="pending = :region",
                ExpressionAttributeValues={":region": {"S": self._before + region}},
            )
            for page in pages:
                keys += [{"pk": item["pk"], "sk": item["sk"]} for item in page["Items"]]
        items = read_items(self._client, self._table, keys, None, self._sleep)
        waiting = [_parse(item) for item in items if "pending" in item]
        described = self._descriptions([s.job.job_id for s in waiting if s.job.state in ("running", "gone")])
        waiting = [replace(seen, description=described.get(seen.job.job_id, "")) for seen in waiting]
        return sorted(waiting, key=lambda seen: (seen.seen_at, seen.job.arn))

    def note(self, jobs: Sequence[SeenJob]) -> None:
        """Replace the jobs' items."""
        self._put([self._waiting_item(seen) for seen in jobs])

    def note_new(self, jobs: Sequence[SeenJob]) -> None:
        """Put the items that are not in the index; it may not show yet what another function has just put there."""
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            write_all([partial(self._put_if_new, self._waiting_item(seen)) for seen in jobs])

    def describe(self, job_id: str, description: str, at: datetime) -> None:
        """Replace the job's item of what was said of it."""
        self._put([_passing(job_id, "DESCRIBED", at + DESCRIPTION_FORGOTTEN, description=description)])

    def described(self, job_id: str) -> str:
        """One read, of a job that is gone: needs dynamodb:GetItem alone."""
        key = {"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": "DESCRIBED"}}
        with outages("dynamodb:GetItem"), refusals("dynamodb:GetItem"):
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return item["description"]["S"] if item else ""

    def settle(self, jobs: Sequence[SeenJob]) -> None:
        """Replace the jobs' items by some that are not in the index."""
        self._put([_item(seen) for seen in jobs])

    def looks(self, job_ids: Sequence[str]) -> Mapping[str, LastLook]:
        """Jobs that were looked at within the last weeks."""
        return {
            job_id: LastLook(read_time(item["looked_at"]["S"]), float(item["share"]["S"]))
            for job_id, item in self._items("LOOK", job_ids)
        }

    def note_look(self, job_id: str, look: LastLook) -> None:
        """Replace the job's item of its last look."""
        at = {"looked_at": iso(look.at), "share": f"{look.share:.6g}"}
        self._put([_passing(job_id, "LOOK", look.at + LOOK_FORGOTTEN, **at)])

    def _descriptions(self, job_ids: Sequence[str]) -> Mapping[str, str]:
        return {job_id: item["description"]["S"] for job_id, item in self._items("DESCRIBED", job_ids)}

    def _items(self, sk: str, job_ids: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        keys = [{"pk": {"S": f"JOB#{job_id}"}, "sk": {"S": sk}} for job_id in sorted(set(job_ids))]
        for item in read_items(self._client, self._table, keys, None, self._sleep):
            yield item["pk"]["S"].removeprefix("JOB#"), item

    def _put(self, items: Sequence[dict[str, Any]]) -> None:
        with outages("dynamodb:PutItem"), refusals("dynamodb:PutItem"):
            write_all([partial(self._client.put_item, TableName=self._table, Item=item) for item in items])

    def _waiting_item(self, seen: SeenJob) -> dict[str, Any]:
        return {**_item(seen), "pending": {"S": self._before + seen.job.region}}

    def _put_if_new(self, item: dict[str, Any]) -> None:
        with suppress(self._client.exceptions.ConditionalCheckFailedException):
            self._client.put_item(TableName=self._table, Item=item, ConditionExpression="attribute_not_exists(pending)")


def _passing(job_id: str, sk: str, forgotten: datetime, **texts: str) -> dict[str, Any]:
    """An item that DynamoDB deletes."""
    named = {"pk": f"JOB#{job_id}", "sk": sk, **texts}
    return {**{name: {"S": text} for name, text in named.items()}, **expiry(forgotten)}


def _item(seen: SeenJob) -> dict[str, Any]:
    job = seen.job
    texts = {
        "pk": f"JOB#{job.job_id}",
        "sk": "SEEN",
        "job_name": job.name,
        "job_arn": job.arn,
        "region": job.region,
        "status": job.status,
        "created_at": iso(job.creation_time),
        "modified_at": iso(job.last_modified) if job.last_modified else "",
        "recorded_at": iso(seen.seen_at),
        "queued_at": iso(seen.queued_at) if seen.queued_at else "",
        "untold": "yes" if seen.untold else "",
    }
    return {name: {"S": text} for name, text in texts.items() if text}


def _parse(item: Mapping[str, Any]) -> SeenJob:
    text = {name: value["S"] for name, value in item.items() if "S" in value}
    job = ListedJob(
        text["job_name"],
        text["job_arn"],
        text["region"],
        text["status"],
        read_time(text["created_at"]),
        read_time(text["modified_at"]) if "modified_at" in text else None,
    )
    queued_at = read_time(text["queued_at"]) if "queued_at" in text else None
    return SeenJob(job, read_time(text["recorded_at"]), queued_at, untold="untold" in text)
