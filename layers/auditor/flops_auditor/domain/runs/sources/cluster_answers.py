"""A SageMaker HyperPod cluster and its hosts, as SageMaker answers.

Facts about the API: Amazon SageMaker API Reference, DescribeCluster, ListClusterNodes (botocore 1.44.8).
"""

import re
from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from flops_auditor.domain.runs.cluster_time import ClusterHost
from flops_auditor.domain.runs.sources.training_job_answer import (
    AnswerShape,
    Count,
    OptionalText,
    Time,
    what_is_wrong,
)
from flops_auditor.domain.values.errors import WrongInput

CLUSTER_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]{1,20}:\d{12}:cluster/[a-z0-9]{12}")
_INSTANCE_ID = re.compile(r"i-[a-f0-9]{8}(?:[a-f0-9]{9})?")
NODES = "ClusterNodeSummaries"
_LONGEST = 256
"""Characters of a name; the API takes no longer one."""
_MOST_GROUPS, _MOST_HOSTS = 1_000, 20_000
"""More than a cluster may have."""
_IN_KUBERNETES = "hyperpod-"
"""How the node of an instance is called there, with the instance's id behind it (SageMaker Developer Guide, "Running
jobs on SageMaker HyperPod clusters orchestrated by Amazon EKS")."""


class MalformedCluster(WrongInput):
    """An answer about a cluster that lacks or distorts what the API promises."""

    remedy = (
        "Pass the unchanged answers of `aws sagemaker describe-cluster --cluster-name NAME` and `aws sagemaker "
        "list-cluster-nodes --cluster-name NAME`, as JSON; the CLI then asks for all pages."
    )


def _cluster_arn(text: str) -> str:
    if CLUSTER_ARN.fullmatch(text) is None:
        raise ValueError("it is no ARN of a cluster")
    return text


def _instance_id(text: str) -> str:
    if _INSTANCE_ID.fullmatch(text) is None:
        raise ValueError("it is no id of an instance")
    return text


_Groups = BeforeValidator(lambda value: () if value is None else value)


class HostGroup(AnswerShape):
    """A group of hosts of one cluster, and how many there are now; None where that is not said. So is a type."""

    instance_group_name: Annotated[OptionalText, Field(max_length=_LONGEST)] = ""
    instance_type: Annotated[OptionalText, Field(max_length=_LONGEST)] = ""
    current_count: Count | None = None

    @property
    def is_counted(self) -> bool:
        """Whether it has hosts, or may have."""
        return self.current_count != 0


class Cluster(AnswerShape):
    """One cluster, as far as it is read."""

    cluster_arn: Annotated[str, AfterValidator(_cluster_arn)]
    cluster_name: Annotated[OptionalText, Field(max_length=_LONGEST)] = ""
    creation_time: Time | None = None
    instance_groups: Annotated[tuple[HostGroup, ...], _Groups, Field(max_length=_MOST_GROUPS)] = ()
    restricted_instance_groups: Annotated[tuple[HostGroup, ...], _Groups, Field(max_length=_MOST_GROUPS)] = ()

    @property
    def groups(self) -> tuple[HostGroup, ...]:
        """All its groups of hosts."""
        return (*self.instance_groups, *self.restricted_instance_groups)


class _Node(AnswerShape):
    instance_group_name: str
    instance_id: Annotated[str, AfterValidator(_instance_id)]
    instance_type: str = Field(min_length=1, max_length=_LONGEST)
    launch_time: Time
    private_dns_hostname: Annotated[OptionalText, Field(max_length=_LONGEST)] = ""

    @property
    def host(self) -> ClusterHost:
        """By the names that it has in Slurm (its private DNS name, or the first label of it) and in Kubernetes."""
        private = self.private_dns_hostname.lower()
        of_slurm = (private.split(".", 1)[0], private) if private else ()
        names = tuple(dict.fromkeys((f"{_IN_KUBERNETES}{self.instance_id}", self.instance_id, *of_slurm)))
        return ClusterHost(self.instance_id, self.instance_group_name, self.instance_type, self.launch_time, names)


class _Listing(AnswerShape):
    cluster_node_summaries: Annotated[tuple[_Node, ...], Field(max_length=_MOST_HOSTS)]
    next_token: OptionalText = ""


def least_of_cluster(answer: Mapping[str, Any]) -> dict[str, Any]:
    """What is read of a DescribeCluster answer."""
    groups = {
        kind: [
            {name: group.get(name) for name in ("InstanceGroupName", "CurrentCount")} for group in answer[kind] or ()
        ]
        for kind in ("InstanceGroups", "RestrictedInstanceGroups")
        if kind in answer
    }
    return {**{name: answer[name] for name in ("ClusterArn", "ClusterName") if name in answer}, **groups}


def least_of_node(summary: Mapping[str, Any]) -> dict[str, Any]:
    """What is read of a summary of ListClusterNodes."""
    read = ("InstanceGroupName", "InstanceId", "InstanceType", "LaunchTime", "PrivateDnsHostname")
    return {name: summary[name] for name in read if name in summary}


def parse_cluster(answer: Mapping[str, Any]) -> Cluster:
    """Read a DescribeCluster answer. Raises MalformedCluster with the field that is wrong."""
    try:
        return Cluster.model_validate(answer)
    except ValidationError as error:
        raise MalformedCluster(what_is_wrong(error)) from error


def parse_hosts(answer: Mapping[str, Any]) -> tuple[ClusterHost, ...]:
    """The hosts of a ListClusterNodes answer. Raises MalformedCluster, also for an answer that is not whole."""
    try:
        listing = _Listing.model_validate(answer)
    except ValidationError as error:
        raise MalformedCluster(what_is_wrong(error)) from error
    if listing.next_token:
        raise MalformedCluster("NextToken: the answer is one page of several")
    return tuple(node.host for node in listing.cluster_node_summaries)


def known_groups(cluster: Cluster, of_answers: Sequence[Sequence[ClusterHost]]) -> frozenset[str]:
    """Groups of hosts that the cluster has, or had: an answer of ListClusterNodes does not say whose it is, but one
    that has hosts of a known group is the cluster's, and so are its other groups. Raises MalformedCluster where none
    has.
    """
    known = {group.instance_group_name for group in cluster.groups}
    of_each = [{host.group for host in hosts} for hosts in of_answers]
    if any(of_each) and not any(groups & known for groups in of_each):
        first = next(host for hosts in of_answers for host in hosts)
        raise MalformedCluster(f"{first.instance_id} is of the group {first.group[:63]!r}, which is none of it")
    while more := {group for groups in of_each if groups & known for group in groups - known}:
        known |= more
    return frozenset(known)


def each_host_once(hosts: Iterable[ClusterHost]) -> tuple[ClusterHost, ...]:
    """The hosts of all answers, with all that any says of them: one that was replaced stands in an earlier answer
    alone, a name may be missing from one, and a launch be told anew. Raises MalformedCluster.
    """
    alike: dict[str, dict[ClusterHost, None]] = {}
    for host in hosts:
        alike.setdefault(host.instance_id, {})[host] = None
    return tuple(_one_host(list(alike[instance])) for instance in sorted(alike))


def _one_host(hosts: Sequence[ClusterHost]) -> ClusterHost:
    """What answers say of one host. Raises MalformedCluster where they contradict each other in what never changes."""
    fullest = max(hosts, key=lambda host: len(host.names))
    for host in hosts:
        unlike = (host.group, host.instance_type) != (fullest.group, fullest.instance_type)
        if unlike or not set(host.names) <= set(fullest.names):
            raise MalformedCluster(f"two answers contradict each other about {host.instance_id}")
    first, last = min(host.launched for host in hosts), max(host.launched for host in hosts)
    return replace(fullest, launched=first, launched_again=last if last > first else None)


def each_host_of_its_own_name(hosts: Sequence[ClusterHost]) -> None:
    """Raises MalformedCluster where two hosts of one answer, which are there at once, are called the same."""
    for name, (one, other) in names_of_several(hosts).items():
        raise MalformedCluster(f"{other} and {one} have one name, {name[:63]!r}")


def names_of_several(hosts: Sequence[ClusterHost]) -> dict[str, tuple[str, str]]:
    """What several hosts of one answer are called, which are there at once, and two of these."""
    whose, several = dict[str, str](), dict[str, tuple[str, str]]()
    for host in hosts:
        for name in host.names:
            if whose.setdefault(name, host.instance_id) != host.instance_id:
                several[name] = whose[name], host.instance_id
    return several


def without_names(summary: Mapping[str, Any], names: Container[str]) -> dict[str, Any]:
    """A summary of ListClusterNodes, without the name that it has by DNS where that, or its first label, is one of
    `names`.
    """
    private = str(summary.get("PrivateDnsHostname") or "").lower()
    named = private in names or private.split(".", 1)[0] in names
    return {member: each for member, each in summary.items() if not (named and member == "PrivateDnsHostname")}


def hosts_not_listed(
    cluster: Cluster, of_answers: Iterable[Sequence[ClusterHost]], to_come: Mapping[str, int] = MappingProxyType({})
) -> dict[str, str]:
    """Groups of which AWS counts more hosts than are listed, or does not say how many there are, with the type of their
    hosts, if that is said. Of several answers about hosts the one with the latest launch in a group lists it: hosts
    that were given back stand in earlier ones. Of several of these the shortest does.
    """
    listed: dict[str, tuple[datetime, int]] = {}
    for hosts in of_answers:
        of_groups: dict[str, list[ClusterHost]] = {}
        for host in hosts:
            of_groups.setdefault(host.group, []).append(host)
        for name, each in of_groups.items():
            last, count = max(host.launched for host in each), len({host.instance_id for host in each})
            known, fewest = listed.get(name, (last, count))
            listed[name] = (known, fewest) if last < known else (last, min(count, fewest) if last == known else count)
    counts = Counter({name: count for name, (_, count) in listed.items()})
    counts.update(to_come)
    return {
        group.instance_group_name: group.instance_type
        for group in cluster.groups
        if group.current_count is None or group.current_count > counts[group.instance_group_name]
    }
