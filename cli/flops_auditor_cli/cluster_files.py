"""A cluster's runs from files: what its operator says, and what AWS answers about it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.cluster_hours import ClusterHours, cluster_hours
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.cluster_time import HostsByName, Stay, times_on_hosts
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.cluster_answers import MalformedCluster, hosts_not_listed
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, cluster_answers, runs_in
from flops_auditor.domain.runs.sources.operators_file import LARGEST_FILE, OperatorsFile, read_operators_file
from flops_auditor_cli.json_files import read_json
from flops_auditor_cli.progress import progress

OperatorsFileArgument = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="What the cluster's operator exports: `sacct --parsable2`, or `kubectl get ... -o json`."
    ),
]
ClusterOption = Annotated[
    Path, typer.Option("--cluster", metavar="CLUSTER.json", help="Answer of `aws sagemaker describe-cluster`.")
]
NodesOption = Annotated[
    list[Path],
    typer.Option(
        "--nodes",
        metavar="NODES.json",
        help="Answer of `aws sagemaker list-cluster-nodes`; may be repeated: an earlier one has hosts that are gone.",
    ),
]


@dataclass(frozen=True)
class ClusterFiles:
    """What files say of a cluster: a case for each run that had hosts, or may have, the earliest first,
    and when runs had which host.
    """

    answers: ClusterAnswers
    file: OperatorsFile
    who: str
    cases: tuple[Case, ...]
    stays: tuple[Stay, ...]

    @property
    def hosts(self) -> HostsByName:
        """The cluster's hosts by name."""
        return HostsByName(self.answers.hosts)


def read_cluster_files(file: Path, cluster: Path, nodes: Sequence[Path], who: str, now: datetime) -> ClusterFiles:
    """Raises UnreadableFile, MalformedCluster, MalformedOperatorsFile."""
    answers = cluster_answers(_object(cluster), [_object(each) for each in nodes])
    if early := [host.instance_id for host in answers.hosts if host.launched > now]:
        raise MalformedCluster(f"LaunchTime of {early[0]} lies in the future")
    read = read_operators_file(_bytes(file))
    cases, stays = list[Case](), list[Stay]()
    with progress("runs") as tell:
        for run, evidence in runs_in(read, answers, who, now):
            tell(len(cases), len(read.told))
            cases.append(case_of(evidence))
            stays += run.stays
    cases.sort(key=lambda case: (case.run.ended or now, case.run.arn))
    return ClusterFiles(answers, read, who, tuple(cases), tuple(stays))


def hours_of_cluster(files: ClusterFiles, since: datetime | None, until: datetime) -> ClusterHours:
    """What of the hosts' hours runs explain, and what not."""
    had = times_on_hosts(files.stays, files.hosts, until)
    answers = files.answers
    missing = hosts_not_listed(answers.cluster, answers.hosts)
    return cluster_hours(answers.hosts, had, (since, until), hardware_table(), missing, answers.strange_groups)


def _object(path: Path) -> dict[str, Any]:
    answer = read_json(path)
    if not isinstance(answer, dict):
        raise MalformedCluster(f"{path}: not a JSON object")
    return answer


def _bytes(path: Path) -> bytes:
    """No more than is read of a file: another byte says that it is too large."""
    with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)
