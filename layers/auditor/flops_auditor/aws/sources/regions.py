"""The Regions port on Amazon EC2: regions that are enabled for the account and have SageMaker, or another service.

Asked for in the stack's own region, which a policy that closes regions leaves open; account:ListRegions is answered in
us-east-1 alone.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import boto3

from flops_auditor.aws.calls.refusals import outages, refusals
from flops_auditor.use_cases.ports.sources import Clock, EnabledRegions, Regions, SourceDenied, SourceUnavailable

ALL = "all"
"""The value of the parameter Regions that has the enabled ones found."""

SAGEMAKER = "sagemaker"
_REMEMBERED = timedelta(hours=1)


@cache
def regions_with(service: str) -> frozenset[str]:
    """Where boto3 knows an endpoint of a service, in any partition."""
    session = boto3.Session()
    partitions = session.get_available_partitions()
    return frozenset(name for p in partitions for name in session.get_available_regions(service, p))


class AccountRegions:
    """Needs ec2:DescribeRegions, unless `named` names the regions, separated by commas; `excluded` are left out, and so
    are those without the `service`. `ec2` gives the client when it is asked: its description is long to read.
    """

    def __init__(self, ec2: Callable[[], Any], named: str = ALL, excluded: str = "", service: str = SAGEMAKER) -> None:
        self._ec2 = ec2
        self._service = service
        self._named = named
        self._excluded = set(excluded.split(","))

    def enabled(self) -> EnabledRegions:
        """Enabled regions, or those named, less those left out and those where boto3 knows no endpoint; of those named
        SageMaker has all.
        """
        if self._named != ALL:
            named = set(self._named.split(",")) - self._excluded
            return EnabledRegions(tuple(sorted(named if self._service == SAGEMAKER else named & self._served)))
        try:
            with outages("ec2:DescribeRegions"), refusals("ec2:DescribeRegions"):
                of_account = {region["RegionName"] for region in self._ec2().describe_regions()["Regions"]}
        except (SourceDenied, SourceUnavailable) as failure:
            home = {self._ec2().meta.region_name} - self._excluded
            return EnabledRegions(tuple(home), f"other regions are not known: {failure}")
        return EnabledRegions(tuple(sorted((of_account & self._served) - self._excluded)))

    @property
    def _served(self) -> frozenset[str]:
        return regions_with(self._service)


class RememberedRegions:
    """The Regions port, asked again after an hour: a flood of events must not become a flood of questions."""

    def __init__(self, regions: Regions, clock: Clock) -> None:
        self._regions = regions
        self._clock = clock
        self._known: tuple[datetime, EnabledRegions] | None = None

    def enabled(self) -> EnabledRegions:
        """What was answered within the last hour."""
        now = self._clock()
        if self._known is None or now - self._known[0] >= _REMEMBERED:
            self._known = now, self._regions.enabled()
        return self._known[1]
