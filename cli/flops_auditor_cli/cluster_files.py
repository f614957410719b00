"""A cluster's runs from files: what its operator says, and what AWS answers about it."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.domain.runs.sources.cluster_answers import MalformedCluster
from flops_auditor.domain.runs.sources.cluster_evidence import cluster_answers
from flops_auditor.domain.runs.sources.operators_file import LARGEST_FILE, read_operators_file
from flops_auditor.use_cases.auditing.cluster_runs import ClusterRuns, read_cluster_runs
from flops_auditor_cli.json_files import read_json
from flops_auditor_cli.progress import progress

CLUSTERS_FILES = (
    "--cluster is the answer of `aws sagemaker describe-cluster`, --nodes one of `aws sagemaker list-cluster-nodes`; "
    "`flops-auditor docs cluster` says how to ask for them."
)
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


def read_cluster_files(file: Path, cluster: Path, nodes: Sequence[Path], who: str, now: datetime) -> ClusterRuns:
    """Raises UnreadableFile, MalformedCluster, MalformedOperatorsFile."""
    answers = cluster_answers(_object(cluster), [_object(each) for each in nodes])
    if early := [host.instance_id for host in answers.hosts if host.launched > now]:
        raise MalformedCluster(f"LaunchTime of {early[0]} lies in the future")
    exported = read_operators_file(_bytes(file))
    with progress("runs") as tell:
        return read_cluster_runs(exported, answers, who, now, tell)


def _object(path: Path) -> dict[str, Any]:
    answer = read_json(path, CLUSTERS_FILES)
    if not isinstance(answer, dict):
        raise MalformedCluster(f"{path}: not a JSON object")
    return answer


def _bytes(path: Path) -> bytes:
    """No more than is read of a file: another byte says that it is too large."""
    with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
        return file.read(LARGEST_FILE + 1)
