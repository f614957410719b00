"""A HyperPod cluster: what AWS answers about it, and what its operator exports."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, cluster_answers, runs_in
from flops_auditor.domain.runs.sources.operators_file import read_operators_file

ARN = "arn:aws:sagemaker:eu-west-1:123456789012:cluster/a1b2c3d4e5f6"
LAUNCHED = datetime(2026, 10, 1, tzinfo=UTC)
READ = datetime(2026, 11, 1, tzinfo=UTC)
HOST = "ml.p5.48xlarge"
PEAK = 1_978_900_000_000_000
"""Dense FP8 of an H100, in FLOP/s: nobody sees in which format a cluster's run multiplies."""
CEILING = 8 * PEAK
"""FLOP/s of a host of eight H100."""
WHO = "Olga Operator"
HEADER = "JobID|JobName|User|Account|Submit|Start|End|Elapsed|State|Restarts|NNodes|AllocTRES|NodeList|Comment"
NOTHING_BEFORE = "flops-auditor:lineage=none"
HOUR = timedelta(hours=1)


def instance(number: int) -> str:
    return f"i-{number:017x}"


def host(number: int) -> str:
    """What Slurm calls a host."""
    return f"ip-10-1-0-{number}"


def node(number: int, launched: datetime = LAUNCHED, kind: str = HOST, **changes: Any) -> dict[str, Any]:
    return {
        "InstanceGroupName": "workers",
        "InstanceId": instance(number),
        "InstanceType": kind,
        "LaunchTime": launched.isoformat(),
        "InstanceStatus": {"Status": "Running"},
        "PrivateDnsHostname": f"{host(number)}.eu-west-1.compute.internal",
        **changes,
    }


def describe_cluster(count: int = 2, **changes: Any) -> dict[str, Any]:
    group = {"InstanceGroupName": "workers", "InstanceType": HOST, "CurrentCount": count, "TargetCount": count}
    return {
        "ClusterArn": ARN,
        "ClusterName": "research",
        "ClusterStatus": "InService",
        "CreationTime": READ.isoformat(),  # nobody asks before, so that all hosts are known
        "InstanceGroups": [group],
        **changes,
    }


def of_group(name: str, number: int, **changes: Any) -> dict[str, Any]:
    """A host of a group of that name."""
    return node(number, InstanceGroupName=name, **changes)


def listing(*nodes: Mapping[str, Any]) -> dict[str, Any]:
    return {"ClusterNodeSummaries": list(nodes)}


def answers(count: int = 2) -> ClusterAnswers:
    return cluster_answers(describe_cluster(count), [listing(*map(node, range(1, count + 1)))])


def at(hours: float) -> datetime:
    """So many hours after the hosts' launch."""
    return LAUNCHED + hours * HOUR


def slurm_time(moment: datetime | None) -> str:
    return "Unknown" if moment is None else moment.strftime("%Y-%m-%dT%H:%M:%S%z")


def line(
    job: str = "100",
    start: float | None = 1,
    end: float | None = 3,
    hosts: str = "ip-10-1-0-[1-2]",
    state: str = "COMPLETED",
    comment: str = NOTHING_BEFORE,
    **changes: str,
) -> str:
    """A line of `sacct`; times are hours after the hosts' launch. What has no end has run for an hour."""
    took = 0 if start is None else 3600 if end is None else int(3600 * (end - start))
    fields = {
        "JobID": job,
        "JobName": f"tune-{job.partition('+')[0]}",
        "User": "ursula",
        "Account": "research",
        "Submit": slurm_time(at(0.5)),
        "Start": slurm_time(None if start is None else at(start)),
        "End": slurm_time(None if end is None else at(end)),
        "Elapsed": f"{took // 86400}-{took // 3600 % 24:02}:{took // 60 % 60:02}:{took % 60:02}",
        "State": state,
        "Restarts": "0",
        "NNodes": "1",
        "AllocTRES": "billing=192,cpu=192,gres/gpu=8,mem=1T",
        "NodeList": hosts,
        "Comment": comment,
        **changes,
    }
    return "|".join(fields[name] for name in HEADER.split("|"))


def sacct(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def metadata(name: str, owner: str = "", **more: Any) -> dict[str, Any]:
    owners = {"ownerReferences": [{"kind": "PyTorchJob", "uid": f"uid-{owner}"}]} if owner else {}
    made = {"name": name, "namespace": "team-a", "uid": f"uid-{name}", "creationTimestamp": LAUNCHED.isoformat()}
    return {**made, **owners, **more}


def condition(kind: str, hours: float, status: str = "True") -> dict[str, str]:
    return {"type": kind, "status": status, "lastTransitionTime": at(hours).isoformat()}


def pytorch_job(
    name: str = "tune", start: float = 1, end: float | None = 3, workers: int = 1, **changes: Any
) -> dict[str, Any]:
    """A job of the training operator with a master and workers."""
    ended = [] if end is None else [condition("Succeeded", end)]
    status = {"startTime": at(start).isoformat(), "conditions": [condition("Created", 0.5), *ended]}
    return {
        "apiVersion": "kubeflow.org/v1",
        "kind": "PyTorchJob",
        "metadata": metadata(name, annotations={"flops-auditor.dev/lineage": "none"}),
        "spec": {"pytorchReplicaSpecs": {"Master": {"replicas": 1}, "Worker": {"replicas": workers}}},
        "status": {**status, **({} if end is None else {"completionTime": at(end).isoformat()})},
        **changes,
    }


def pod(number: int, job: str = "tune", start: float = 1, end: float | None = 3, **status: Any) -> dict[str, Any]:
    """A pod on a host of that number."""
    ended = {} if end is None else {"terminated": {"finishedAt": at(end).isoformat()}}
    return {
        "kind": "Pod",
        "metadata": metadata(f"{job}-{number}", job),
        "spec": {"nodeName": f"hyperpod-{instance(number)}"},
        "status": {
            "phase": "Running" if end is None else "Succeeded",
            "startTime": at(start).isoformat(),
            "containerStatuses": [{"name": "pytorch", "state": ended or {"running": {}}}],
            **status,
        },
    }


def kubectl(*items: Any) -> bytes:
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": items}).encode()


def evidence(body: bytes, of: ClusterAnswers | None = None, read: datetime = READ) -> list[Evidence]:
    """Of each run of a file."""
    return [each for _, each in runs_in(read_operators_file(body), of or answers(), WHO, read)]


def kinds(remarks: Sequence[Any]) -> set[str]:
    return {each.kind.name for each in remarks}
