"""A run on a SageMaker HyperPod cluster: when it had which hosts its operator says, what these are AWS says.

The description of such a run is put together from the operator's own lines or objects and from what AWS answered about
the cluster and the hosts that these name, so that whoever has the evidence reads the same run from it.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.cluster_time import ClusterHost, HostsByName, most_at_once, times_on_hosts
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import CLUSTER_RUN, Evidence
from flops_auditor.domain.runs.places import NAMES, Location
from flops_auditor.domain.runs.remedies import AMEND, TAG_LINEAGE
from flops_auditor.domain.runs.run import NOT_ENDED, Hosts, Run
from flops_auditor.domain.runs.sources.cluster_answers import (
    NODES,
    Cluster,
    each_host_once,
    least_of_cluster,
    least_of_node,
    parse_cluster,
    parse_hosts,
)
from flops_auditor.domain.runs.sources.kubernetes_run import read_kubernetes_run
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile, SaidRun
from flops_auditor.domain.runs.sources.slurm_run import read_slurm_run
from flops_auditor.domain.runs.sources.training_job_places import named_by_the_tag
from flops_auditor.domain.runs.sources.unexplained_hours import NO_RUN_HAD_THEM, read_hours
from flops_auditor.domain.runs.training_time import (
    SAID_BY_THE_OPERATOR,
    STILL_TRAINING,
    UNKNOWN_TIME,
    Span,
    TrainingTime,
    length,
    merge,
)
from flops_auditor.domain.values.arns import region_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind, Remark

SOURCE = CLUSTER_RUN
SLURM, KUBERNETES, NO_RUN = "Slurm", "Kubernetes", "none"
"""Who says so: an orchestrator, or none, of hours that no run had."""
LATEST = "LatestTime"
"""In a file of Kubernetes."""
CREATED = "Created"
"""Of a run with a record already, when that says that it was first asked for: a file may lack its first attempts."""
EARLIER_GROUPS = "EarlierGroups"
"""Groups of its hosts that the cluster had by an earlier answer about its hosts, and has no longer."""
HOSTS_NOT_SEEN = "HostsNotSeen"
"""Hosts of it, as its operator calls them, whose names may have been others' then: nobody asked AWS meanwhile."""
_SHARED = "the file systems of its cluster"

HOSTS_NOT_LISTED = Kind(
    "cluster-hosts-not-listed",
    "AWS lists no host of the cluster that is called {hosts:list}, or listed several at once: what hardware it had is "
    "not known. An earlier answer of ListClusterNodes may have it",
    AMEND,
)
BEFORE_LAUNCH = Kind(
    "cluster-hosts-not-launched",
    "contradictory evidence: by the operator's file it had {hosts:list} before AWS launched that host",
    AMEND,
)
STRANGE_GROUPS = Kind(
    "cluster-hosts-of-strange-groups",
    "the cluster has none of the groups {groups:list}, of which it had hosts: they may be another cluster's. An answer "
    "of ListClusterNodes that has hosts of these groups and of one that it has shows that they are not",
    AMEND,
)
SHARED_NAMES = Kind(
    "cluster-host-names-shared",
    "contradictory evidence: by AWS's answers several hosts were called {hosts:list} at one time: which of them it had "
    "is not known",
    AMEND,
)
PASSED_ON = Kind(
    "cluster-host-names-passed-on",
    "contradictory evidence: by the operator's file it had {hosts:list} without a break, which by AWS's answers became "
    "another host, of another type, meanwhile",
    AMEND,
)
NOT_SEEN = Kind(
    "cluster-hosts-not-seen",
    "nobody asked AWS about the cluster for some of the time in which it had {hosts:list}, and AWS listed that host no "
    "longer afterwards: another one may have been called so meanwhile",
    AMEND,
)
UNLIKE_HOURS = Kind(
    "cluster-hosts-of-unlike-hours", "it had hosts of several types for unlike times, each for its own: {times:phrases}"
)
LINES_OF_NO_RUN = Kind(
    "operators-lines-of-no-run",
    "{count} lines or objects of the operator's file cannot be read, nor which run they are of: it may be this one",
    AMEND,
)
LEFT_OUT = Kind(
    "operators-lines-left-out", "{count} lines or objects of it in the operator's file are more than are kept", AMEND
)
FORMAT_NOT_SEEN = Kind(
    "format-not-seen", "nobody sees what it is started with: the upper bound takes its hosts' fastest format"
)
LINEAGE_NOT_SAID = Kind(
    "cluster-lineage-not-said",
    "nothing says what it goes on from: a cluster's runs share its file systems",
    TAG_LINEAGE,
)


def describe_run(
    orchestrator: str,
    run_id: str,
    told: Mapping[str, Any],
    cluster: Mapping[str, Any],
    nodes: Sequence[Mapping[str, Any]],
    file: Mapping[str, Any],
) -> dict[str, Any]:
    """A run's description. `told` are the operator's own lines or objects of it, `nodes` what AWS answered about hosts,
    `file` who says so, when, and the digest of the whole file.
    """
    return {
        "Orchestrator": orchestrator,
        "RunId": run_id,
        "Told": dict(told),
        "Cluster": dict(cluster),
        NODES: list(nodes),
        "File": dict(file),
    }


def read_cluster_run(evidence: Evidence) -> Run:
    """The run of a description. Raises MalformedCluster, MalformedOperatorsFile."""
    description = evidence.description
    try:
        file, cluster = description["File"], parse_cluster(description["Cluster"])
        read_at = read_time(file["ReadAt"])
        hosts = each_host_once(parse_hosts({NODES: description[NODES]}))
        groups = {group.instance_group_name for group in cluster.groups} | set(description.get(EARLIER_GROUPS, ()))
        who, run_of_no = str(file["Who"]), int(file["LinesOfNoRun"])
        told_run = said_run(description)
        if not_seen := list(map(str, description.get(HOSTS_NOT_SEEN, ()))):
            told_run = replace(told_run, doubts=(*told_run.doubts, NOT_SEEN(hosts=not_seen)))
        if CREATED in description:
            told_run = replace(told_run, created=read_time(description[CREATED]))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedOperatorsFile(f"not the description of a cluster's run: {error}") from error
    return run_of(told_run, cluster, HostsByName(hosts), read_at, who, run_of_no, groups)


def least(description: Mapping[str, Any]) -> dict[str, Any]:
    """A description without what is not read of AWS's answers."""
    nodes = [least_of_node(each) for each in description[NODES]]
    return {**description, "Cluster": least_of_cluster(description["Cluster"]), NODES: nodes}


def said_run(description: Mapping[str, Any]) -> SaidRun:
    """What the operator says of the run of a description. Raises MalformedOperatorsFile, KeyError, TypeError."""
    told, file = description["Told"], description["File"]
    read_at = read_time(file["ReadAt"])
    if description["Orchestrator"] == SLURM:
        run = read_slurm_run(str(description["RunId"]), told["Header"], told["Lines"], read_at)
    elif description["Orchestrator"] == NO_RUN:
        run = read_hours(told, read_at)
    else:
        run = read_kubernetes_run(told["Objects"], read_at, read_time(file[LATEST]) if LATEST in file else None)
    left_out = int(told["LeftOut"])
    return replace(run, doubts=(*run.doubts, LEFT_OUT(count=left_out))) if left_out else run


def run_of(
    told: SaidRun,
    cluster: Cluster,
    hosts: HostsByName,
    read_at: datetime,
    who: str,
    lines_of_no_run: int,
    groups: AbstractSet[str],
) -> Run:
    """The run that an operator tells of, on the hosts that AWS lists, of `groups` that the cluster has, or had."""
    declared = read_declared(Statements(told.tags, {}, {}, unseen=True))
    begins, notes = named_by_the_tag(declared.lineage)
    arn = f"{cluster.cluster_arn}/{told.run_id}"
    times = times_on_hosts(told.stays, hosts, read_at)
    kinds = _counted(times)
    doubts = (*told.doubts, *_doubts(told, hosts, times, groups, lines_of_no_run))
    spans = [span for each in times.values() for span in each]
    ended = told.state not in NOT_ENDED
    return Run(
        source=SOURCE,
        kind="Cluster hours" if told.of_no_run else "Cluster run",
        arn=arn,
        name=told.name,
        region=region_of(arn),
        status=told.status,
        state=told.state,
        created=told.created,
        started=min((span.start for span in spans), default=None),
        ended=max((span.end for span in spans), default=None) if ended else None,
        time=_time(told, times, kinds, doubts, who, precision_known=declared.precision_tagged),
        declared=declared,
        hosts=() if doubts else _hosts(kinds),
        undisclosed="run of unknown hours" if doubts else "",
        data_doubts=(*doubts, *([NO_RUN_HAD_THEM()] if told.of_no_run and told.stays else [])),
        begins=tuple(begins),
        begins_notes=notes,
        begins_doubts=() if declared.lineage or told.of_no_run else (LINEAGE_NOT_SAID(),),
        reads=(_SHARED,) if declared.lineage else (),
        results=(Location(arn), Location(NAMES, (told.name,))),
        tags=told.tags,
        surely_given=told.given,
    )


def _counted(times: Mapping[ClusterHost, Sequence[Span]]) -> dict[str, tuple[int, Fraction]]:
    """Of each type of host how many it had at once, at most, and for how many seconds, were it always so many."""
    of_type: dict[str, list[Span]] = {}
    for host, spans in times.items():
        of_type.setdefault(host.instance_type, []).extend(spans)
    counted = {name: (most_at_once(spans), length(spans)) for name, spans in of_type.items()}
    return {name: (most, seconds / most) for name, (most, seconds) in counted.items()}


def _hosts(kinds: Mapping[str, tuple[int, Fraction]]) -> tuple[Hosts, ...]:
    """Each type with a time of its own, where it had another for longer."""
    longest = max((seconds for _, seconds in kinds.values()), default=None)
    own = {name: None if seconds == longest else seconds for name, (_, seconds) in kinds.items()}
    return tuple(Hosts(name, count, seconds=own[name]) for name, (count, _) in sorted(kinds.items()))


def _doubts(
    told: SaidRun,
    hosts: HostsByName,
    times: Mapping[ClusterHost, Sequence[Span]],
    groups: AbstractSet[str],
    lines_of_no_run: int,
) -> Iterator[Remark]:
    """Why its hours are not known, though its operator says them."""
    names = sorted({stay.host for stay in told.stays})
    if missing := [name for name in names if not hosts.of(name)]:
        yield HOSTS_NOT_LISTED(hosts=missing)
    early = {stay.host for stay in told.stays if hosts.of(stay.host) and hosts.at(stay.host, stay.start) is None}
    if early:
        yield BEFORE_LAUNCH(hosts=sorted(early))
    if shared := [name for name in names if hosts.shared(name)]:
        yield SHARED_NAMES(hosts=shared)
    if passed_on := {stay.host for stay in told.stays if hosts.passes_to_another_type(stay)}:
        yield PASSED_ON(hosts=sorted(passed_on))
    if strange := sorted({host.group for host in times} - groups):
        yield STRANGE_GROUPS(groups=strange)
    if lines_of_no_run:
        yield LINES_OF_NO_RUN(count=lines_of_no_run)


def _time(
    told: SaidRun,
    times: Mapping[ClusterHost, Sequence[Span]],
    kinds: Mapping[str, tuple[int, Fraction]],
    doubts: Sequence[Remark],
    who: str,
    *,
    precision_known: bool,
) -> TrainingTime:
    going_on = (STILL_TRAINING(status=told.status),) if told.state in NOT_ENDED else ()
    if doubts:
        return TrainingTime((), None, UNKNOWN_TIME(), going_on)
    spans = merge([span for each in times.values() for span in each])
    seconds = max((each for _, each in kinds.values()), default=Fraction(0))
    basis = SAID_BY_THE_OPERATOR(who=who, hosts=len(times), seconds=sum(map(length, times.values())))
    notes = [] if precision_known or not times else [FORMAT_NOT_SEEN()]
    if len({each for _, each in kinds.values()}) > 1:
        unlike = [f"{count} x {name} for {float(each):.10g} s" for name, (count, each) in sorted(kinds.items())]
        notes.append(UNLIKE_HOURS(times=unlike))
    return TrainingTime(spans, seconds, basis, going_on, notes=tuple(notes))
