"""Keep what AWS answers about HyperPod clusters and their hosts: hosts that were given back stay known.

Each unlike answer about a host is kept once, under its cluster: what a round finds unchanged it does not write.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from hashlib import sha256
from itertools import islice
from typing import Any

from flops_auditor.domain.runs.cluster_time import ClusterHost
from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.runs.sources.cluster_answers import (
    NODES,
    hosts_not_listed,
    least_of_cluster,
    least_of_node,
    names_of_several,
    parse_cluster,
    parse_hosts,
    without_names,
)
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, NotListed, cluster_answers
from flops_auditor.domain.runs.sources.contradicting_hosts import contradicting_hosts
from flops_auditor.domain.values.archive_keys import (
    DESCRIBED,
    GONE,
    HOSTS,
    UNSEEN,
    cluster_host_key,
    clusters_folder,
    described_cluster_key,
)
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.auditing.unseen_times import (
    SEEN_WITHIN,
    keep_gone,
    keep_unseen_time,
    unseen_since,
    unseen_times,
)
from flops_auditor.use_cases.ports.clusters import AskedTimes, Clusters, LastAsked
from flops_auditor.use_cases.ports.ledger import Archive
from flops_auditor.use_cases.ports.side_by_side import SideBySide

MOST_KEPT = 20_000
"""Answers about the clusters of one name that are read."""
_THERE = ("InstanceId", "LaunchTime")
"""What AWS does not say of a host that it has yet to launch, though DescribeCluster counts it."""
_BESIDE, _MISSING, _SHARED = "FlopsAuditorSaw", "NotListed", "SharedNames"
"""Beside a kept answer about a cluster: what was seen of its hosts then, groups of which some were missing, and names
that several had at once."""
_AT_ONCE = 500
"""Writes, or answers, that are asked for together."""


class UnknownCluster(WrongInput):
    """Nothing is kept of a cluster that is named."""

    remedy = "Name the cluster and its region as `aws sagemaker list-clusters` does; a new one is known within an hour."


class TooManyHosts(AuditorError):
    """More is kept of the clusters of a name than is read."""

    remedy = "Record the file with `flops-auditor record-cluster`, which takes the answers of AWS as files."


@dataclass(frozen=True)
class AskedClusters:
    """The clusters of a region: those that were asked about, why others could not be, and those that no time was left
    for.
    """

    asked: tuple[str, ...]
    failed: Mapping[str, str]
    left: tuple[str, ...]


def keep_clusters(
    region: str,
    clusters: Clusters,
    times: AskedTimes,
    archive: Archive,
    now: datetime,
    at_once: SideBySide,
    out_of_time: Callable[[], bool],
) -> AskedClusters:
    """Ask about the clusters of a region and keep what is new, and times in which nobody asked, also about those that
    are gone since. Raises SourceDenied, SourceUnavailable where it is not said which there are or were.
    """
    names, last_asked = clusters.names(region), times.asked(region)

    def ask(name: str) -> None:
        answer, hosts = plain(clusters.describe(name, region)), plain(clusters.hosts(name, region))
        asking = LastAsked(region, name, name_of(parse_cluster(answer).cluster_arn), now)
        _keep_cluster(asking, last_asked.get(name), answer, hosts, archive, at_once)
        times.note_asked(asking)

    def note_gone(name: str) -> None:
        keep_gone(last_asked[name], archive, now)
        times.note_asked(replace(last_asked[name], at=now, gone=True))

    gone = sorted(name for name, last in last_asked.items() if name not in names and not last.gone)
    failed, left = dict[str, str](), list[str]()
    for name, work in (*((each, ask) for each in names), *((each, note_gone) for each in gone)):
        if out_of_time():
            left.append(name)
            continue
        try:
            work(name)
        except AuditorError as failure:  # one cluster stops no other
            failed[name] = f"{failure.name}: {failure}"
    asked = tuple(name for name in names if name not in failed and name not in left)
    return AskedClusters(asked, failed, tuple(left))


def known_cluster(region: str, name: str, archive: Archive, at_once: SideBySide, *, asked_now: bool) -> ClusterAnswers:
    """What is kept of the cluster of this name, of several the one that was described last. A name that several hosts
    had at once, or that one had beside another, is none's, since nobody could say whose, or when. A host of which not
    even type and group are certain is as one that was not listed. `asked_now`: this round asked about it. Raises
    UnknownCluster, TooManyHosts, MalformedCluster.
    """
    folder = clusters_folder(region, name)
    keys = [key.removeprefix(folder).split("/") for key in islice(archive.list(folder), MOST_KEPT + 1)]
    if len(keys) > MOST_KEPT:
        raise TooManyHosts(f"more than {MOST_KEPT} answers are kept of {name} in {region}")
    described = [each for each in keys if each[1:2] == [DESCRIBED]]
    if not described:
        raise UnknownCluster(f"no cluster {name} was ever seen in {region}")
    cluster, *_ = max(described, key=lambda each: each[2])
    places = sorted((each for each in described if each[0] == cluster), key=lambda each: each[2])
    answers = _read([folder + "/".join(each) for each in places], archive, at_once)
    hosts = _read([folder + "/".join(each) for each in keys if each[:2] == [cluster, HOSTS]], archive, at_once)
    doubtful = contradicting_hosts(hosts)
    shared = {name for answer in answers for name in answer.get(_BESIDE, {}).get(_SHARED, ())} | doubtful.names
    plain_hosts = [each for each in hosts if each["InstanceId"] not in doubtful.instances]
    listings = [{NODES: [without_names(each, shared)]} for each in plain_hosts]
    known = cluster_answers(_answer(answers[-1]), listings, asked=True)
    times = [read_time(each[2]) for each in places]
    every = _every_group(answers, known.hosts)
    ends, gone = (["/".join(each) for each in keys if each[:2] == [cluster, what]] for what in (UNSEEN, GONE))
    unseen = list(unseen_times(ends, _bodies([folder + end for end in ends], archive, at_once), every))
    if not asked_now:
        unseen += unseen_since([*times, *(each.until for each in unseen if each.until)], gone, every)
    missing = [*_not_asked(answers[0], times[0], known.hosts), *unseen, *_missing(answers, times, known.hosts)]
    if doubtful.groups:
        missing.append(NotListed(doubtful.groups))
    before = tuple(sorted({each[0] for each in described} - {cluster}))
    return replace(known, missing=tuple(missing), names_of_nobody=frozenset(shared), before=before, first_seen=times[0])


def _not_asked(answer: Mapping[str, Any], first: datetime, hosts: Sequence[ClusterHost]) -> Iterator[NotListed]:
    """Groups of a cluster before anybody asked about it: hosts that were given back until then were never listed. All
    `hosts` that are known were listed then or later.
    """
    cluster = parse_cluster(answer)
    if cluster.creation_time is None or first - cluster.creation_time > SEEN_WITHIN:
        types = {group.instance_group_name: group.instance_type for group in cluster.groups}
        yield NotListed(types, cluster.creation_time, first, frozenset(host.instance_id for host in hosts))


def _every_group(answers: Sequence[Mapping[str, Any]], hosts: Sequence[ClusterHost]) -> dict[str, str]:
    """Groups that a cluster ever had, with the type of their hosts, if that is said."""
    of_hosts = {host.group: host.instance_type for host in hosts}
    described = [group for answer in answers for group in parse_cluster(answer).groups]
    return of_hosts | {each.instance_group_name: each.instance_type for each in described if each.instance_type}


def _missing(
    answers: Sequence[Mapping[str, Any]], times: Sequence[datetime], known: Sequence[ClusterHost]
) -> Iterator[NotListed]:
    """Groups of which hosts were missing when each answer about the cluster was given, which counts until the next;
    before the first nobody had asked. Of one with nothing beside it, from before that was kept, all hosts that were
    ever listed say so.
    """
    for answer, since, until in zip(answers, (None, *times[1:]), (*times[1:], None), strict=True):
        beside = answer.get(_BESIDE)
        groups = beside[_MISSING] if beside else hosts_not_listed(parse_cluster(answer), [known])
        if groups:
            yield NotListed(groups, since, until)


def _answer(kept: Mapping[str, Any]) -> dict[str, Any]:
    """What AWS answered about a cluster, without what is kept beside it."""
    return {name: each for name, each in kept.items() if name != _BESIDE}


def _keep_cluster(
    asking: LastAsked,
    before: LastAsked | None,
    answer: Mapping[str, Any],
    hosts: Sequence[Mapping[str, Any]],
    archive: Archive,
    at_once: SideBySide,
) -> None:
    """`asking` is as it will be noted, `before` what was noted of the name before."""
    region, name, cluster = asking.region, asking.name, asking.cluster
    launched = [host for host in hosts if _is_launched(host)]
    beside = _seen_beside(answer, launched, [host for host in hosts if not _is_launched(host)])
    place = partial(cluster_host_key, region, name, cluster)
    keys = {place(each["InstanceId"], _digest(least_of_node(each))): each for each in launched}
    known = set(archive.list(clusters_folder(region, name, cluster, HOSTS)))
    writes = [partial(archive.put_if_absent, key, canonical(keys[key])) for key in sorted(set(keys) - known)]
    for first in range(0, len(writes), _AT_ONCE):
        at_once(writes[first : first + _AT_ONCE])
    digest = _digest({**least_of_cluster(answer), **beside})
    last = max(archive.list(clusters_folder(region, name, cluster, DESCRIBED)), default="")
    moments = [read_time(last.split("/")[-2])] if last else []
    if before is not None and before.cluster == cluster:
        moments.append(before.at)
    if moments:
        there = (str(host["InstanceId"]) for host in launched)
        keep_unseen_time(replace(asking, at=max(moments)), archive, asking.at, there)
    if not last.endswith(f"/{digest}.json"):  # last: who finds the cluster finds its hosts
        archive.put_if_absent(
            described_cluster_key(region, name, cluster, iso(asking.at), digest), canonical({**answer, **beside})
        )


def _is_launched(host: Mapping[str, Any]) -> bool:
    return all(host.get(member) for member in _THERE)


def _seen_beside(
    answer: Mapping[str, Any], launched: Sequence[Mapping[str, Any]], waiting: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What is kept beside the answer about a cluster: hosts are kept one by one, which shows no longer which were
    listed at once. Those that are `waiting` for their launch have had no hour, and are not missing.
    """
    to_come = Counter(str(host.get("InstanceGroupName")) for host in waiting)
    hosts = parse_hosts({NODES: launched})
    missing = hosts_not_listed(parse_cluster(answer), [hosts], to_come)
    return {_BESIDE: {_MISSING: missing, _SHARED: sorted(names_of_several(hosts))}}


def _read(keys: Sequence[str], archive: Archive, at_once: SideBySide) -> list[Any]:
    return [json.loads(body) for body in _bodies(keys, archive, at_once) if body is not None]


def _bodies(keys: Sequence[str], archive: Archive, at_once: SideBySide) -> list[bytes | None]:
    bodies = list[bytes | None]()
    for first in range(0, len(keys), _AT_ONCE):
        bodies += at_once([partial(archive.get, key) for key in keys[first : first + _AT_ONCE]])
    return bodies


def _digest(answer: Mapping[str, Any]) -> str:
    return sha256(canonical(answer)).hexdigest()
