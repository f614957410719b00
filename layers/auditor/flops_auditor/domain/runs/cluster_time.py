"""Hosts of a cluster, and when a run had which: AWS says which there are, the cluster's operator who had them."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate

from flops_auditor.domain.runs.training_time import Span, merge


@dataclass(frozen=True)
class ClusterHost:
    """A host as AWS lists it. `names` are what an orchestrator may call it; it was there from `launched` on. Where AWS
    says at another time that it was launched later, that is `launched_again`.
    """

    instance_id: str
    group: str
    instance_type: str
    launched: datetime
    names: tuple[str, ...]
    launched_again: datetime | None = None

    @property
    def last_launched(self) -> datetime:
        """When it was launched last: it was there with its name then."""
        return self.launched_again or self.launched


@dataclass(frozen=True)
class Stay:
    """That a run had the host of this name from `start` to `end`, or at least until then where it has it still."""

    host: str
    start: datetime
    end: datetime


class HostsByName:
    """The hosts of a cluster by what an orchestrator calls them: a name may pass on to the host that replaces one."""

    def __init__(self, hosts: Iterable[ClusterHost]) -> None:
        named: defaultdict[str, set[ClusterHost]] = defaultdict(set)
        for host in hosts:
            for name in host.names:
                named[name].add(host)
        self._named: Mapping[str, Sequence[ClusterHost]] = {
            name: sorted(each, key=lambda host: (host.launched, host.instance_id)) for name, each in named.items()
        }
        self._of_several_types = {
            name for name, each in self._named.items() if len({host.instance_type for host in each}) > 1
        }

    def of(self, name: str) -> Sequence[ClusterHost]:
        """All that ever had this name, in the order of their launches."""
        return self._named.get(name, ())

    def at(self, name: str, moment: datetime) -> ClusterHost | None:
        """Whose name it was; None where none of that name was there yet, or ever."""
        of_name = self.of(name)
        before = bisect_right(of_name, moment, key=lambda host: host.launched)
        return of_name[before - 1] if before else None

    def shared(self, name: str) -> bool:
        """Whether several hosts had this name at one time: then nobody can say which of them is meant."""
        of_name = self.of(name)
        last = accumulate((host.last_launched for host in of_name), max)
        return any(following.launched <= before for before, following in zip(last, of_name[1:], strict=False))

    def passes_to_another_type(self, stay: Stay) -> bool:
        """Whether the name passed to a host of another type during a stay: nothing runs on from one to the other."""
        if stay.host not in self._of_several_types:
            return False
        return len({host.instance_type for host in self.in_time(stay.host, stay.start, stay.end)}) > 1

    def in_time(self, name: str, start: datetime, end: datetime) -> Sequence[ClusterHost]:
        """Whose name it was at some moment from `start` on and before `end`."""
        of_name = self.of(name)
        first = bisect_right(of_name, start, key=lambda host: host.launched)
        until = bisect_left(of_name, end, key=lambda host: host.launched)
        return of_name[max(0, first - 1) : until]


def times_on_hosts(stays: Iterable[Stay], hosts: HostsByName, until: datetime) -> dict[ClusterHost, tuple[Span, ...]]:
    """When each host was somebody's, however many lines say so: no second of a host counts twice. Nothing
    was after `until`, and nothing before a host's launch.
    """
    spans: defaultdict[ClusterHost, list[Span]] = defaultdict(list)
    for stay in stays:
        end = min(stay.end, until)
        of_name = hosts.of(stay.host)
        for host, following in zip(of_name, [*of_name[1:], None], strict=False):
            start = max(stay.start, host.launched)
            last = end if following is None else min(end, following.launched)
            if start < last:
                spans[host].append(Span(start, last))
    return {host: merge(each) for host, each in spans.items()}


def most_at_once(spans: Iterable[Span]) -> int:
    """Of how many spans there is a moment that lies in all of them."""
    edges = sorted(edge for span in spans for edge in ((span.start, 1), (span.end, -1)))
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most
