"""The RecordSearch port in a list, and items of records to search: many jobs, some of them recorded again."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import RecordQuery

Item = dict[str, str]

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
VERDICTS = ("below", "below", "below", "indeterminate", "above")
MODELS = ("org/base", "org/other", "' OR '1'='1", "#key = :key", "x" * 500)
REGIONS = ("eu-west-1", "us-east-1", "eu-central-1")


@dataclass
class MemoryRecordSearch:
    """All items; the newest of each job answers."""

    items: list[dict[str, str]]

    def fitting(self, query: RecordQuery) -> list[dict[str, str]]:
        newest: dict[str, dict[str, str]] = {}
        for item in sorted(self.items, key=lambda item: int(item["revision"])):
            newest[item["job_id"]] = item
        return sorted(filter(query.fits, newest.values()), key=lambda item: item["ended_at"], reverse=True)


def items(jobs: int, again: float = 0.05, seed: int = 16) -> Iterator[Item]:
    """The items of so many jobs, a share of which was recorded again, once or more, mostly otherwise than before."""
    random = Random(seed)
    for number in range(jobs):
        job_id = f"{number:064x}"
        base = {
            "pk": f"JOB#{job_id}",
            "job_id": job_id,
            "job_name": f"job-{number}",
            "region": random.choice(REGIONS),
            "ended_at": iso(BEGIN + timedelta(minutes=7 * number)),
        }
        revisions = 1
        while random.random() < again:
            revisions += 1
        for revision in range(revisions):
            model = random.choice((*MODELS, ""))
            yield {
                **base,
                "sk": f"RECORD#{revision:06d}",
                "revision": str(revision),
                "verdict": random.choice(VERDICTS),
                "lineage": f"{number - number % 5:064x}" if revision else f"{number - number % 3:064x}",
                **({"base_model": model} if model else {}),
            }


def alike(jobs: int, verdicts: Mapping[int, str], elsewhere: Sequence[int] = (), revisions: int = 1) -> Iterator[Item]:
    """The items of so many jobs on one model in one lineage, each recorded so often, as after new tables. They are
    below but for those with another verdict, and in one region but for those that were elsewhere.
    """
    for number in range(jobs):
        for revision in range(revisions):
            yield {
                "pk": f"JOB#{number:064x}",
                "job_id": f"{number:064x}",
                "job_name": f"job-{number}",
                "region": REGIONS[number in elsewhere],
                "ended_at": iso(BEGIN + timedelta(minutes=7 * number)),
                "sk": f"RECORD#{revision:06d}",
                "revision": str(revision),
                "verdict": verdicts.get(number, "below"),
                "lineage": f"{0:064x}",
                "base_model": MODELS[0],
            }


def put(client: Any, table: str, made: Iterable[Mapping[str, str]]) -> None:
    """Write items as they are."""
    for item in made:
        client.put_item(TableName=table, Item={name: {"S": value} for name, value in item.items()})
