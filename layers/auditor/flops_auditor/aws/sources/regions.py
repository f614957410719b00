"""The Regions port on AWS Account Management: regions that are enabled for the account and have SageMaker."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING

import boto3

from flops_auditor.aws.calls.refusals import refusals
from flops_auditor.use_cases.ports.sources import Clock, Regions

if TYPE_CHECKING:
    from mypy_boto3_account import AccountClient

_REMEMBERED = timedelta(hours=1)


@cache
def regions_with_sagemaker() -> frozenset[str]:
    """Where boto3 knows a SageMaker endpoint, in any partition."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return frozenset(name for p in partitions for name in session.get_available_regions("sagemaker", p))


class AccountRegions:
    """Needs account:ListRegions. `excluded` are the names of regions to leave out, separated by commas."""

    def __init__(self, client: "AccountClient", excluded: str = "") -> None:
        self._client = client
        self._excluded = set(excluded.split(","))

    def enabled(self) -> list[str]:
        """Enabled regions, less those left out and those where boto3 knows no SageMaker endpoint."""
        with refusals("account:ListRegions"):
            pages = self._client.get_paginator("list_regions").paginate(
                RegionOptStatusContains=["ENABLED", "ENABLED_BY_DEFAULT"]
            )
            found = {region["RegionName"] for page in pages for region in page["Regions"]}
        return sorted((found & regions_with_sagemaker()) - self._excluded)


class RememberedRegions:
    """The Regions port, asked again after an hour: a flood of events must not become a flood of questions."""

    def __init__(self, regions: Regions, clock: Clock) -> None:
        self._regions = regions
        self._clock = clock
        self._known: tuple[datetime, Sequence[str]] | None = None

    def enabled(self) -> Sequence[str]:
        """What was answered within the last hour."""
        now = self._clock()
        if self._known is None or now - self._known[0] >= _REMEMBERED:
            self._known = now, self._regions.enabled()
        return self._known[1]
