"""Objects of Kubernetes, as `kubectl get ... --output json` writes them, and what is kept of each.

Facts: Kubernetes API, Pod v1, Job v1; Kubeflow Training Operator, kubeflow.org/v1, JobStatus; Kueue, Workload v1beta1.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.sources.operators_word import LONGEST_NAME
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.parts import members, objects_in

ANNOTATION_PREFIX = "flops-auditor.dev/"
"""What stands for `flops-auditor:` in annotations and labels, whose names take no colon."""
JOBS = frozenset(
    {
        *("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob"),
        *("HyperPodPyTorchJob", "TrainJob", "Job", "RayJob", "JobSet"),
    }
)
WORKLOAD, POD = "Workload", "Pod"
GENERATION = "generation "
"""Before the number of changes of what an object asks for."""
ReadTime = Callable[[object], datetime | None]
"""Reads a time; None where there is none, or where it cannot be read."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_COUNT = re.compile(r"[0-9]{1,4}")
_MOST_PODS = 10**6
_ACCELERATORS = ("nvidia.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neurondevice")
_ATTEMPT = "jobset.sigs.k8s.io/restart-attempt"


def least_of_object(item: object) -> dict[str, Any] | None:
    """What is read of an object, as it stands there; None of one that lacks what every object has."""
    if not isinstance(item, Mapping) or not isinstance(item.get("kind"), str):
        return None
    metadata, spec, status = (members(item, part) for part in ("metadata", "spec", "status"))
    if not all(isinstance(metadata.get(name), str) for name in ("uid", "creationTimestamp")):
        return None
    if not _is_name(metadata.get("name")) or not _is_name(metadata.get("namespace", "default")):
        return None
    kept = {name: metadata[name] for name in ("uid", "name", "namespace", "creationTimestamp") if name in metadata}
    kept["ownerReferences"] = _owners(metadata.get("ownerReferences"))
    for place in ("annotations", "labels"):
        if isinstance(texts := metadata.get(place), Mapping):
            kept[place] = {name: _text(text) for name, text in texts.items() if name.startswith(ANNOTATION_PREFIX)}
    return {
        "kind": item["kind"],
        "metadata": kept,
        "node": _text(spec.get("nodeName")),
        "pods": _asked(spec),
        "completions": _number(spec.get("completions")),
        "accelerators": _requested(spec),
        "changes": _changes(metadata, spec, status),
        "had": _had(status),
        "status": _least_status(item.get("status")),
    }


def _owners(references: object) -> list[dict[str, str | None]]:
    """What an object belongs to. What stands in the place of an owner is one of which nothing is said."""
    listed = references if isinstance(references, list) else [] if references is None else [references]
    told = [each if isinstance(each, Mapping) else {} for each in listed]
    return [{name: _text(each.get(name)) for name in ("uid", "apiVersion", "kind", "name")} for each in told]


def _text(value: object) -> str | None:
    """A text as it is. What stands in its place is none, and is kept as one that cannot be read."""
    return value if value is None or isinstance(value, str) else f"no text: {value!s:.40}"


def _asked(spec: Mapping[str, Any]) -> int:
    """How many pods at once an object asks for, as far as it says; a replica that is not counted is one."""
    counts = [group.get("replicas", 1) for group in _groups(spec)]
    counts += [group.get("count", 1) for group in objects_in(spec.get("podSets"))]
    counts += [spec["parallelism"]] if "parallelism" in spec else []
    counts += [members(spec, "trainer").get("numNodes", 1)] if isinstance(spec.get("trainer"), Mapping) else []
    of_jobs = [
        _asked_number(group.get("replicas", 1)) * _parallelism(group)
        for group in objects_in(spec.get("replicatedJobs"))
    ]
    return sum(map(_asked_number, [*counts, *of_jobs]))


def _asked_number(value: object) -> int:
    """More than any file has pods, where it is no number."""
    return _number(value) if type(value) is int else _MOST_PODS


def _number(value: object) -> int:
    """What is no number of pods is none."""
    return min(value, _MOST_PODS) if type(value) is int and value > 0 else 0


def _parallelism(group: Mapping[str, Any]) -> int:
    """Pods at once of each Job of a JobSet's group."""
    return _asked_number(members(members(group, "template"), "spec").get("parallelism", 1))


def _requested(spec: Mapping[str, Any]) -> int:
    """Whole accelerators that a pod's containers ask for, which nobody else has then."""
    limits = [members(members(each, "resources"), "limits") for each in objects_in(spec.get("containers"))]
    asked = [str(each.get(name)) for each in limits for name in _ACCELERATORS]
    return sum(int(count) for count in asked if _COUNT.fullmatch(count))


def _changes(metadata: Mapping[str, Any], spec: Mapping[str, Any], status: Mapping[str, Any]) -> list[str]:
    """What says that a job may have had other pods before: `generation N` counts changes of what it asks for."""
    told = list[str]()
    if status.get("restarts") not in (None, 0) or str(members(metadata, "labels").get(_ATTEMPT, "0")) != "0":
        told.append("restarted")
    if members(status, "requeueState").get("count") not in (None, 0):
        told.append("requeued")
    if _is_elastic(members(spec, "elasticPolicy"), "minReplicas") or any(
        _is_elastic(group, "replicas") for group in _groups(spec)
    ):
        told.append("scaled")
    generation = metadata.get("generation", 1)
    if generation != 1:
        told.append(f"{GENERATION}{generation!s:.20}")
    return told


def _is_elastic(policy: Mapping[str, Any], least: str) -> bool:
    most = policy.get("maxReplicas")
    return most is not None and most != policy.get(least)


def _groups(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Groups of pods that are alike, whatever an operator calls their list."""
    for name, groups in spec.items():
        if str(name).endswith("eplicaSpecs"):
            yield from _each(groups)


def _had(status: Mapping[str, Any]) -> int:
    """How many pods a job's status counts, or a pod's."""
    told = ("active", "succeeded", "failed")
    of_roles = _each(status.get("replicaStatuses"))
    return sum(_number(each.get(name)) for each in (status, *of_roles) for name in told)


def _each(value: object) -> Iterator[Mapping[str, Any]]:
    """Of a list, or of what is named."""
    yield from objects_in(list(value.values()) if isinstance(value, Mapping) else value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and _NAME.fullmatch(value) is not None


def _least_status(status: object) -> dict[str, Any]:
    if not isinstance(status, Mapping):
        return {}
    kept: dict[str, Any] = {name: _text(status.get(name)) for name in ("phase", "startTime", "completionTime")}
    told = ("type", "status", "lastTransitionTime")
    kept["conditions"] = [
        {name: _text(each.get(name)) for name in told} for each in objects_in(status.get("conditions"))
    ]
    kept["finishedAt"] = [_finished(container) for container in objects_in(status.get("containerStatuses"))]
    beside = map(_finished, objects_in(status.get("initContainerStatuses")))
    kept["finishedAt"] += [each for each in beside if each is not None]
    return kept


def _finished(container: Mapping[str, Any]) -> str | None:
    return _text(members(members(container, "state"), "terminated").get("finishedAt"))


def uid_of(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["uid"])


def owners_of(item: Mapping[str, Any]) -> Sequence[str]:
    return [str(owner.get("uid")) for owner in objects_in(item["metadata"].get("ownerReferences"))]


def owners_beside(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """What jobs of a run belong to that is none of these: the whole of which they are a part, unless it makes runs."""
    jobs = [item for item in objects if item["kind"] in JOBS]
    own = {uid_of(job) for job in jobs}
    owners = [owner for job in jobs for owner in objects_in(job["metadata"].get("ownerReferences"))]
    others = [owner for owner in owners if str(owner.get("uid")) not in own and not _makes_runs(owner)]
    return sorted({f"{owner.get('kind') or 'of no kind'}/{owner.get('name') or ''}" for owner in others})


def _makes_runs(owner: Mapping[str, Any]) -> bool:
    """Whether each job of it is a run of its own: a CronJob makes one Job each time."""
    return owner.get("kind") == "CronJob" and str(owner.get("apiVersion")).startswith("batch/")


def conditions_of(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(each.get("type")): each for each in objects_in(item["status"].get("conditions"))}


def time_or_none(value: object) -> datetime | None:
    try:
        return None if value is None else read_time(value)
    except (ValueError, OverflowError):
        return None


def latest_time(objects: Iterable[Mapping[str, Any]], time: ReadTime) -> datetime | None:
    """The latest time in objects: what runs in them ran until then. Nobody says how old a file is."""
    times = list[object]()
    for item in objects:
        status = item["status"]
        times += [item["metadata"]["creationTimestamp"], status.get("startTime"), status.get("completionTime")]
        times += status.get("finishedAt", [])
        times += [each.get("lastTransitionTime") for each in objects_in(status.get("conditions"))]
    return max((each for each in map(time, times) if each), default=None)
