"""Hours of a cluster's hosts that no run explains: AWS says since when a host is there, the operator who had it.

As on a bill, whatever is left is named, with the most computing that it could hold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.runs.cluster_time import ClusterHost
from flops_auditor.domain.runs.training_time import Span, gaps, length
from flops_auditor.domain.values.amounts import at_least, summed
from flops_auditor.domain.values.remarks import Kind, Remark

UNKNOWN_CLUSTER_HOSTS = Kind(
    "unknown-cluster-hosts", "the table lacks hosts, so that their hours have no ceiling: {names:list}"
)
GROUPS_NOT_LISTED = Kind(
    "cluster-groups-not-listed",
    "AWS counts more hosts than were listed, or does not say how many there are, in the groups {names:list}: their "
    "hours are not among these",
)

GROUPS_STRANGE = Kind(
    "cluster-groups-strange",
    "the cluster has none of the groups {names:list}, whose hosts are among these: they may be another cluster's. An "
    "answer of ListClusterNodes that has hosts of these groups and of one that it has shows that they are not",
)


@dataclass(frozen=True)
class HoursOfHost:
    """One host in a period: from its launch, or the period's start, to the period's end. `unexplained` are the spans
    that no run had. Times are in seconds; of a host that the table lacks, units and ceiling are None.
    """

    host: ClusterHost
    there: Span
    unexplained: tuple[Span, ...]
    units: Fraction | None
    ceiling_flop: int | None

    @property
    def rest(self) -> Fraction:
        """Seconds of the host that no run explains."""
        return length(self.unexplained)


@dataclass(frozen=True)
class ClusterHours:
    """The hosts with accelerators of a cluster, those with the largest rest first, and what is not certain."""

    hosts: tuple[HoursOfHost, ...]
    doubts: tuple[Remark, ...]

    @property
    def there_seconds(self) -> Fraction:
        """Accelerator-seconds that there were, of hosts that the table knows."""
        return summed(each.units * each.there.seconds for each in self.hosts if each.units)

    @property
    def rest_seconds(self) -> Fraction:
        """Those that no run explains."""
        return summed(each.units * each.rest for each in self.hosts if each.units)

    @property
    def ceiling_flop(self) -> int | None:
        """What the rest could hold at most; None where the table lacks a host that is in it."""
        ceilings = [each.ceiling_flop for each in self.hosts if each.rest]
        return None if None in ceilings else sum(each or 0 for each in ceilings)

    @property
    def complete(self) -> bool:
        """Whether runs explain all of it, and nothing is in doubt."""
        return not self.doubts and not any(each.rest for each in self.hosts)


def cluster_hours(
    hosts: Sequence[ClusterHost],
    had: Mapping[ClusterHost, Sequence[Span]],
    period: tuple[datetime | None, datetime],
    hardware: HardwareTable,
    not_listed: Sequence[str] = (),
    strange: Sequence[str] = (),
) -> ClusterHours:
    """What of the hosts' time in a period, None from each launch on, no run had; `had` are disjoint spans of each in
    order of time. `not_listed` are groups of which hosts are missing, `strange` those that may be another cluster's.
    """
    since, until = period
    told = []
    for host in hosts:
        kind = hardware.find(host.instance_type)
        start = max(host.launched, since or host.launched)
        if start >= until or (kind is not None and kind.accelerator is None):
            continue
        there = Span(start, until)
        rest = gaps(there, had.get(host, ()))
        ceiling = at_least(kind.units * length(rest) * kind.ceiling_peak) if kind else None
        told.append(HoursOfHost(host, there, rest, kind.units if kind else None, ceiling))
    unknown = sorted({each.host.instance_type for each in told if each.units is None})
    doubts = [UNKNOWN_CLUSTER_HOSTS(names=unknown)] if unknown else []
    doubts += [GROUPS_NOT_LISTED(names=not_listed)] if not_listed else []
    doubts += [GROUPS_STRANGE(names=strange)] if strange else []
    return ClusterHours(tuple(sorted(told, key=_size)), tuple(doubts))


def _size(each: HoursOfHost) -> tuple[bool, int, str]:
    return not each.rest or each.ceiling_flop is not None, -(each.ceiling_flop or 0), each.host.instance_id
