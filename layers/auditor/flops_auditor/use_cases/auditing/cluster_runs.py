"""The runs of a file of a cluster's operator, as cases, and the hours of the cluster's hosts that no run had."""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.cluster_hours import ClusterHours, cluster_hours
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.cluster_time import HostsByName, Stay, times_on_hosts
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, hours_of_no_run, runs_in
from flops_auditor.domain.runs.sources.operators_file import OperatorsFile
from flops_auditor.domain.runs.sources.unexplained_hours import ANY_GROUP, TYPE_NOT_SAID
from flops_auditor.domain.runs.training_time import Span


@dataclass(frozen=True)
class ClusterRuns:
    """What a file says of a cluster: a case for each run that had hosts, or may have, the earliest first, and when each
    run had which host, by what the file calls it. `who` says so.
    """

    answers: ClusterAnswers
    file: OperatorsFile
    who: str
    cases: tuple[Case, ...]
    stays: Mapping[str, tuple[Stay, ...]]

    @cached_property
    def hosts(self) -> HostsByName:
        """The cluster's hosts by name."""
        return HostsByName(self.answers.hosts)


def called_in_its_file(case: Case) -> str:
    """What the file that tells of a run calls it, and no other run."""
    return str(case.evidence.description["RunId"])


def read_cluster_runs(
    file: OperatorsFile,
    answers: ClusterAnswers,
    who: str,
    now: datetime,
    told: Callable[[int, int], None] = lambda number, of: None,
) -> ClusterRuns:
    """Read the runs of a file; `told` is called with how many of how many were read. Raises MalformedOperatorsFile."""
    cases, stays = list[Case](), dict[str, tuple[Stay, ...]]()
    for run, evidence in runs_in(file, answers, who, now):
        told(len(cases), len(file.told))
        cases.append(case_of(evidence))
        stays[called_in_its_file(cases[-1])] = run.stays
    cases.sort(key=lambda case: (case.run.ended or now, case.run.arn))
    return ClusterRuns(answers, file, who, tuple(cases), stays)


def hours_of_cluster(
    runs: ClusterRuns, since: datetime | None, until: datetime, without: Container[str] = ()
) -> ClusterHours:
    """What of the hosts' hours runs explain, and what not; since each launch where `since` is None. Runs that the file
    calls by a name of `without` explain none.
    """
    told = (stay for name, stays in runs.stays.items() if name not in without for stay in stays)
    had = times_on_hosts(told, runs.hosts, until)
    answers = runs.answers
    missing = sorted(_not_listed(answers, since, until))
    return cluster_hours(answers.hosts, had, (since, until), hardware_table(), missing, answers.strange_groups)


def cases_of_hours(runs: ClusterRuns, period: Span, now: datetime, without: Container[str]) -> list[Case]:
    """The hours of a period that no run had, as cases, one for each type of host. `without` are the runs, as the file
    calls them, that are not on record as it tells of them: hours that they had are signed nowhere else.
    """
    hours = hours_of_cluster(runs, period.start, period.end, without)
    rest = {each.host: each.unexplained for each in hours.hosts}
    missing = _not_listed(runs.answers, period.start, period.end)
    kinds = {kind or TYPE_NOT_SAID for kind in missing.values() if _may_have_accelerators(kind)}
    evidence = hours_of_no_run(runs.file, runs.answers, runs.who, now, period, rest, sorted(missing), kinds)
    return list(map(case_of, evidence))


def _not_listed(answers: ClusterAnswers, since: datetime | None, until: datetime) -> dict[str, str]:
    """Groups of which hosts of a time are not known, with the type of their hosts, if that is said. Where no host with
    accelerators was there yet, those that AWS counts may have taken the place of others; where nobody asked, others may
    have come and gone.
    """
    missing = _counted_and_not_listed(answers, since, until)
    if answers.nobody_asked(since, until) and not any(map(_may_have_accelerators, missing.values())):
        return {**missing, ANY_GROUP: ""}
    return missing


def _counted_and_not_listed(answers: ClusterAnswers, since: datetime | None, until: datetime) -> dict[str, str]:
    there = [host for host in answers.hosts if _may_have_accelerators(host.instance_type)]
    missing = answers.not_listed(since, until)
    if any(host.launched < until for host in there):
        return missing
    kinds = {host.group: host.instance_type for host in answers.hosts}
    counted = [group for group in answers.cluster.groups if group.is_counted]
    of_counted = {g.instance_group_name: g.instance_type or kinds.get(g.instance_group_name, "") for g in counted}
    return missing | {name: kind for name, kind in of_counted.items() if _may_have_accelerators(kind)}


def _may_have_accelerators(instance_type: str) -> bool:
    known = hardware_table().find(instance_type)
    return known is None or known.accelerator is not None
