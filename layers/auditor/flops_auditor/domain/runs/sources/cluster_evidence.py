"""Evidence of a cluster's runs, from a file of its operator and AWS's answers about the cluster and its hosts."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from flops_auditor.domain.runs.cluster_time import ClusterHost, HostsByName, Stay
from flops_auditor.domain.runs.evidence import CLUSTER_RUN, Evidence
from flops_auditor.domain.runs.sources.cluster_answers import (
    NODES,
    Cluster,
    each_host_of_its_own_name,
    each_host_once,
    hosts_not_listed,
    known_groups,
    parse_cluster,
    parse_hosts,
)
from flops_auditor.domain.runs.sources.cluster_run import (
    EARLIER_GROUPS,
    HOSTS_NOT_SEEN,
    LATEST,
    NO_RUN,
    describe_run,
    said_run,
)
from flops_auditor.domain.runs.sources.operators_file import MOST_STAYS, OperatorsFile
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile, SaidRun
from flops_auditor.domain.runs.sources.unexplained_hours import name_of_hours, told_of_hours
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.moments import iso


@dataclass(frozen=True)
class NotListed:
    """Groups of which hosts were missing, with the type of their hosts, if that is said, while AWS answered so: from
    `since` to `until`, None where that is not known. `listed`, where nobody asked in that time, are the ids of the
    hosts that were listed at its end.
    """

    groups: Mapping[str, str]
    since: datetime | None = None
    until: datetime | None = None
    listed: frozenset[str] | None = None

    def overlaps(self, since: datetime | None, until: datetime) -> bool:
        """Whether AWS answered so, or may have, at some moment of a time."""
        before = since is not None and self.until is not None and self.until <= since
        return not before and (self.since is None or self.since < until)


@dataclass(frozen=True)
class ClusterAnswers:
    """What AWS answers about a cluster, read and as it came; `nodes` are what it answers about each host, by its id:
    several, where answers say unlike things. `groups` are those that the cluster has, or had, `missing` those of which
    hosts were not listed, `names_of_nobody` names that hosts of it had, though nobody can say which, or when.
    `before` are the ids of other clusters that had its name, which was first seen as its own at `first_seen`.
    """

    cluster: Cluster
    answer: Mapping[str, Any]
    hosts: tuple[ClusterHost, ...]
    nodes: Mapping[str, Sequence[Mapping[str, Any]]]
    groups: frozenset[str]
    missing: tuple[NotListed, ...] = ()
    names_of_nobody: frozenset[str] = frozenset()
    before: tuple[str, ...] = ()
    first_seen: datetime | None = None

    def not_listed(self, since: datetime | None, until: datetime) -> dict[str, str]:
        """Groups of which hosts were missing in answers of a time, with the type of their hosts, if that is said."""
        of_time = [each.groups for each in self.missing if each.overlaps(since, until)]
        return {name: groups[name] for groups in of_time for name in sorted(groups)}

    def nobody_asked(self, since: datetime | None, until: datetime) -> bool:
        """Whether AWS was not asked for some of a time, so that there may have been hosts of any group."""
        return any(each.listed is not None and each.overlaps(since, until) for each in self.missing)

    def hosts_not_seen(self, stays: Iterable[Stay], hosts: HostsByName) -> set[str]:
        """Names of these stays that may have been another host's, since nobody asked meanwhile and their own was no
        longer listed afterwards. An id is no other's.
        """
        return {
            stay.host
            for stay in stays
            for time in self._lost_hosts
            if time.overlaps(stay.start, stay.end)
            for host in hosts.in_time(stay.host, max(stay.start, time.since or stay.start), stay.end)
            if host.instance_id not in (time.listed or ()) and host.instance_id not in stay.host
        }

    @cached_property
    def _lost_hosts(self) -> tuple[NotListed, ...]:
        """Times in which nobody asked and at whose end not all hosts were listed: as a rule none."""
        known = {host.instance_id for host in self.hosts}
        return tuple(each for each in self.missing if each.listed is not None and not known <= each.listed)

    def earlier_clusters(self, since: datetime) -> tuple[str, ...]:
        """Other clusters of its name that may have had hosts after that moment: a name that was given up may be given
        again.
        """
        return self.before if self.first_seen is None or self.first_seen > since else ()

    @property
    def groups_of_now(self) -> frozenset[str]:
        """Groups that the cluster has, as it is described."""
        return frozenset(group.instance_group_name for group in self.cluster.groups)

    @property
    def strange_groups(self) -> tuple[str, ...]:
        """Groups of hosts of answers that may be another cluster's."""
        return tuple(sorted({host.group for host in self.hosts} - self.groups))


def cluster_answers(
    answer: Mapping[str, Any], listings: Sequence[Mapping[str, Any]], *, asked: bool = False
) -> ClusterAnswers:
    """Read a DescribeCluster answer and ListClusterNodes answers of that cluster. `asked`: whoever gives them asked AWS
    about the cluster, so all their groups are its own, and knows which hosts were listed at once. Raises
    MalformedCluster.
    """
    cluster = parse_cluster(answer)
    of_answers = [parse_hosts(listing) for listing in listings]
    for hosts in of_answers:
        each_host_of_its_own_name(hosts)
    groups = frozenset(h.group for hosts in of_answers for h in hosts) if asked else known_groups(cluster, of_answers)
    unlike = dict[ClusterHost, Mapping[str, Any]]()
    for listing, hosts in zip(listings, of_answers, strict=True):
        unlike.update(zip(hosts, listing[NODES], strict=True))
    nodes = defaultdict[str, list[Mapping[str, Any]]](list)
    for host, node in unlike.items():
        nodes[host.instance_id].append(node)
    missing = () if asked else (NotListed(hosts_not_listed(cluster, of_answers)),)
    return ClusterAnswers(cluster, answer, each_host_once(unlike), nodes, groups, missing)


def runs_in(
    file: OperatorsFile, answers: ClusterAnswers, who: str, read_at: datetime
) -> Iterator[tuple[SaidRun, Evidence]]:
    """What the file says of each run that it knows hosts or doubts of, and the evidence of that run: the others never
    had any. Raises MalformedOperatorsFile.
    """
    by_name, stays = HostsByName(answers.hosts), 0
    said_of_file = _said_of(file, who, read_at, file.lines_of_no_run)
    for run_id, told in file.told.items():
        description = describe_run(file.orchestrator, run_id, told, answers.answer, (), said_of_file)
        run = said_run(description)
        stays += len(run.stays)
        if stays > MOST_STAYS:
            raise MalformedOperatorsFile(f"its runs had hosts more than {MOST_STAYS} times: export less time at once")
        if run.stays or run.doubts:
            names = dict.fromkeys(stay.host for stay in run.stays)
            hosts = [host for name in names for host in by_name.of(name)]
            not_seen = sorted(answers.hosts_not_seen(run.stays, by_name))
            beside = {HOSTS_NOT_SEEN: not_seen} if not_seen else {}
            yield run, _evidence({**description, **_about_hosts(hosts, answers), **beside}, read_at)


def hours_of_no_run(
    file: OperatorsFile,
    answers: ClusterAnswers,
    who: str,
    read_at: datetime,
    period: Span,
    rest: Mapping[ClusterHost, Sequence[Span]],
    not_listed: Sequence[str],
    kinds_not_listed: Iterable[str],
) -> Iterator[Evidence]:
    """Evidence of the hours of a period that no run in the file had, for each type of the hosts in `rest`, which has
    those of each host, if any. `not_listed` are groups of which hosts are missing, of the types `kinds_not_listed`.
    """
    said_of_file = _said_of(file, who, read_at, 0)  # a line that cannot be read explains no hour
    for kind in sorted({*kinds_not_listed, *(host.instance_type for host in rest)}):
        of_kind = {host: spans for host, spans in rest.items() if host.instance_type == kind}
        spans_of = {host.instance_id: spans for host, spans in of_kind.items()}
        told, run_id = told_of_hours(kind, period, spans_of, not_listed), name_of_hours(kind, period)
        description = describe_run(NO_RUN, run_id, told, answers.answer, (), said_of_file)
        idle = [host for host, spans in of_kind.items() if spans]
        yield _evidence({**description, **_about_hosts(idle, answers)}, read_at)


def _evidence(description: Mapping[str, Any], read_at: datetime) -> Evidence:
    return Evidence(description, collected_at=read_at, source=CLUSTER_RUN)


def _about_hosts(hosts: Iterable[ClusterHost], answers: ClusterAnswers) -> dict[str, Any]:
    """What a description has of these hosts: AWS's answers, and groups of theirs that are gone."""
    used = {host.instance_id: host.group for host in hosts}
    nodes = [node for instance in sorted(used) for node in answers.nodes[instance]]
    gone = set(used.values()) & (answers.groups - answers.groups_of_now)
    return {NODES: nodes, **({EARLIER_GROUPS: sorted(gone)} if gone else {})}


def _said_of(file: OperatorsFile, who: str, read_at: datetime, lines_of_no_run: int) -> dict[str, Any]:
    return {
        "Who": who,
        "Sha256": file.digest,
        "Bytes": file.size,
        "ReadAt": iso(read_at),
        "LinesOfNoRun": lines_of_no_run,
        **({LATEST: iso(file.latest)} if file.latest else {}),
    }
