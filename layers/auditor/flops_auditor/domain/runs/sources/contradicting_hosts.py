"""Hosts of a cluster of which AWS's answers, over time, contradict each other: what is in doubt about each."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flops_auditor.domain.runs.sources.cluster_answers import (
    NODES,
    MalformedCluster,
    each_host_once,
    parse_hosts,
    without_names,
)


@dataclass(frozen=True)
class ContradictingHosts:
    """`names` that hosts had which have others, too: nobody can say since when. `instances` are hosts of which not even
    type and group are known, and `groups` what is said of these, with the type of their hosts.
    """

    names: frozenset[str]
    instances: frozenset[str]
    groups: Mapping[str, str]


def contradicting_hosts(summaries: Sequence[Mapping[str, Any]]) -> ContradictingHosts:
    """What contradicts among all summaries of ListClusterNodes that were ever given. Raises MalformedCluster."""
    of_each = defaultdict[str, list[Mapping[str, Any]]](list)
    for summary in summaries:
        of_each[summary["InstanceId"]].append(summary)
    names, instances, groups = set[str](), set[str](), dict[str, str]()
    for instance, several in of_each.items():
        if _agree(several):
            continue
        hosts = parse_hosts({NODES: several})
        own = {name for host in hosts for name in host.names}
        names |= own
        if not _agree([without_names(summary, own) for summary in several]):
            instances.add(instance)
            groups |= {host.group: host.instance_type for host in hosts}
    return ContradictingHosts(frozenset(names), frozenset(instances), groups)


def _agree(several: Sequence[Mapping[str, Any]]) -> bool:
    if len(several) == 1:
        return True
    hosts = parse_hosts({NODES: several})
    try:
        each_host_once(hosts)
    except MalformedCluster:
        return False
    return True
