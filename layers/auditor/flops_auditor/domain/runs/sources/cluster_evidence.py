"""Evidence of a cluster's runs, from a file of its operator and AWS's answers about the cluster and its hosts."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.cluster_time import ClusterHost, HostsByName
from flops_auditor.domain.runs.evidence import CLUSTER_RUN, Evidence
from flops_auditor.domain.runs.sources.cluster_answers import (
    NODES,
    Cluster,
    each_host_of_its_own_name,
    each_host_once,
    known_groups,
    parse_cluster,
    parse_hosts,
)
from flops_auditor.domain.runs.sources.cluster_run import EARLIER_GROUPS, LATEST, describe_run, said_run
from flops_auditor.domain.runs.sources.operators_file import OperatorsFile
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile, SaidRun
from flops_auditor.domain.values.moments import iso

MOST_STAYS = 2_000_000
"""Of all runs together, one for each host of each."""


@dataclass(frozen=True)
class ClusterAnswers:
    """What AWS answers about a cluster, read and as it came; `nodes` are what it answers about each host, by its id:
    several, where answers say unlike things. `groups` are those that the cluster has, or had.
    """

    cluster: Cluster
    answer: Mapping[str, Any]
    hosts: tuple[ClusterHost, ...]
    nodes: Mapping[str, Sequence[Mapping[str, Any]]]
    groups: frozenset[str]

    @property
    def groups_of_now(self) -> frozenset[str]:
        """Groups that the cluster has, as it is described."""
        return frozenset(group.instance_group_name for group in self.cluster.groups)

    @property
    def strange_groups(self) -> tuple[str, ...]:
        """Groups of hosts of answers that may be another cluster's."""
        return tuple(sorted({host.group for host in self.hosts} - self.groups))


def cluster_answers(answer: Mapping[str, Any], listings: Sequence[Mapping[str, Any]]) -> ClusterAnswers:
    """Read a DescribeCluster answer and ListClusterNodes answers of that cluster. Raises MalformedCluster."""
    cluster = parse_cluster(answer)
    of_answers = [parse_hosts(listing) for listing in listings]
    for hosts in of_answers:
        each_host_of_its_own_name(hosts)
    groups = known_groups(cluster, of_answers)
    unlike = dict[ClusterHost, Mapping[str, Any]]()
    for listing, hosts in zip(listings, of_answers, strict=True):
        unlike.update(zip(hosts, listing[NODES], strict=True))
    nodes = defaultdict[str, list[Mapping[str, Any]]](list)
    for host, node in unlike.items():
        nodes[host.instance_id].append(node)
    return ClusterAnswers(cluster, answer, each_host_once(unlike), nodes, groups)


def runs_in(
    file: OperatorsFile, answers: ClusterAnswers, who: str, read_at: datetime
) -> Iterator[tuple[SaidRun, Evidence]]:
    """What the file says of each run that it knows hosts or doubts of, and the evidence of that run: the others never
    had any. Raises MalformedOperatorsFile.
    """
    by_name, stays = HostsByName(answers.hosts), 0
    said_of_file = {
        "Who": who,
        "Sha256": file.digest,
        "Bytes": file.size,
        "ReadAt": iso(read_at),
        "LinesOfNoRun": file.lines_of_no_run,
        **({LATEST: iso(file.latest)} if file.latest else {}),
    }
    for run_id, told in file.told.items():
        description = describe_run(file.orchestrator, run_id, told, answers.answer, (), said_of_file)
        run = said_run(description)
        stays += len(run.stays)
        if stays > MOST_STAYS:
            raise MalformedOperatorsFile(f"its runs had hosts more than {MOST_STAYS} times: export less time at once")
        if run.stays or run.doubts:
            names = dict.fromkeys(stay.host for stay in run.stays)
            used = {host.instance_id: host.group for name in names for host in by_name.of(name)}
            description[NODES] = [node for instance in sorted(used) for node in answers.nodes[instance]]
            if gone := set(used.values()) & (answers.groups - answers.groups_of_now):
                description[EARLIER_GROUPS] = sorted(gone)
            yield run, Evidence(description, collected_at=read_at, source=CLUSTER_RUN)
