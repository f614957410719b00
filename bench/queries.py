"""What `records list` reads of the table: items that DynamoDB looks at for each job that it finds, on moto.

    python -m bench.queries [--jobs N ...] [--json]

Floor: the jobs that are found. Target: at most 1.1 times as many, and two more, for a verdict, a model, a lineage or a
time, and for the few verdicts above of a model that all jobs share. Without a target is what filters what one index
leaves, or finds superseded records there: a region, which has no index; two conditions; a table in which every job was
recorded again, as after new tables. Exits with 1 above a target. 100,000 jobs take some ten minutes: moto looks through
the whole table for each page.
"""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import boto3
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID
from moto.dynamodb.models import dynamodb_backends

from bench.figures import Figure, show
from flops_auditor.aws.stores.dynamodb_search import DynamoDbRecordSearch
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.ports.records import RecordQuery
from tests.fakes.searched import BEGIN, MODELS, REGIONS, Item, alike, items
from tests.fakes.tables import create_searched_table

REGION = "eu-west-1"
MOST_READ = 1.1
SUPERSEDED = 0.02
"""Share of the jobs that were recorded again, most of them under another verdict and model."""
FEW = 2
"""One superseded record among a handful of jobs."""


AIMED = ("verdict", "model", "lineage", "time", "verdict and time", "verdict above and a model that all share")
"""Queries with a target."""
MOST_ALIKE = 10_000
"""Of jobs that share a model: each query that reads them all takes moto the square of their number."""
SHARED_ABOVE = (5, 50, 75)
"""Which jobs are above, of those that share a model."""
ELSEWHERE = (7, 70)
"""Which jobs ran in another region than all others."""


def queries(jobs: int) -> dict[str, RecordQuery]:
    """One of each kind that finds something."""
    since, until = (iso(BEGIN + timedelta(minutes=7 * jobs * part / 10)) for part in (2, 4))
    return {
        "verdict": RecordQuery(verdict="above"),
        "model": RecordQuery(base_model=MODELS[0]),
        "lineage": RecordQuery(lineage=f"{jobs // 30 * 15:064x}"),
        "time": RecordQuery(ended_from=since, ended_until=until),
        "verdict and time": RecordQuery(verdict="above", ended_from=since, ended_until=until),
        "verdict and region": RecordQuery(verdict="above", region=REGIONS[1]),
        "verdict and model": RecordQuery(verdict="above", base_model=MODELS[0]),
    }


def alike_queries() -> dict[str, RecordQuery]:
    """Of jobs that share a model and a lineage."""
    return {
        "verdict above and a model that all share": RecordQuery(verdict="above", base_model=MODELS[0]),
        "verdict above and a lineage that all share": RecordQuery(verdict="above", lineage=f"{0:064x}"),
        "region of two jobs": RecordQuery(region=REGIONS[1]),
    }


def measure(jobs: int) -> Iterator[Figure]:
    """Fill tables and ask each query once."""
    yield from asked_of(items(jobs, SUPERSEDED), jobs, queries(jobs))
    if jobs > MOST_ALIKE:
        return
    above = dict.fromkeys(SHARED_ABOVE, "above")
    yield from asked_of(alike(jobs, above, ELSEWHERE), jobs, alike_queries())
    again = {"model, each job recorded again": RecordQuery(base_model=MODELS[0])}
    yield from asked_of(alike(jobs, above, revisions=2), jobs, again)


def asked_of(rows: Iterable[Item], jobs: int, asked: Mapping[str, RecordQuery]) -> Iterator[Figure]:
    """What each query reads of a table of these."""
    with mock_aws():
        client: Any = boto3.client("dynamodb", REGION)
        create_searched_table(client, "records")
        # Past boto3 and moto's HTTP, through which 100,000 items take a quarter of an hour.
        table = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION].get_table("records")
        for item in rows:
            table.put_item({name: {"S": value} for name, value in item.items()})
        for name, query in asked.items():
            search = DynamoDbRecordSearch(client, "records")
            jobs_found = len(search.fitting(query))
            what = f"items that records list reads for each it returns, by {name}"
            floor: dict[str, Any] = {"floor": 1, "floor_is": "one", "size": jobs}
            if name in AIMED:
                floor |= {"target": MOST_READ + FEW / jobs_found, "asked": f"<= {MOST_READ}, and {FEW} of all"}
            yield Figure(what, round(search.items_read / jobs_found, 3), "items", **floor)


def main() -> int:
    """Every size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, nargs="+", default=[100, 1000, 10_000])
    parser.add_argument("--json", action="store_true")
    secrets = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    given = parser.parse_args()
    with patch.dict(os.environ, secrets):
        return show("queries", [figure for jobs in given.jobs for figure in measure(jobs)], given.json)


if __name__ == "__main__":
    sys.exit(main())
