"""Runs of a Kubernetes cluster from its objects, as `kubectl get ... --output json` writes them.

Jobs of the training operator (kubeflow.org/v1), of HyperPod's (sagemaker.amazonaws.com) and of Kubernetes itself are
runs, and so is a Workload of Kueue whose job is not in the file. Pods say which node a run had, and when: they are gone
when somebody deletes them, suspends the job or evicts it, and then nobody can say. Facts: Kubernetes API, Pod v1, Job
v1; Kubeflow Training Operator, kubeflow.org/v1, JobStatus; Kueue, Workload v1beta1.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import RunState
from flops_auditor.domain.runs.sources.operators_word import (
    IN_THE_FUTURE,
    LONGEST_NAME,
    NO_END,
    NO_HOSTS_NAMED,
    REVERSED,
    STATEMENTS_DIFFER,
    TORN,
    MalformedOperatorsFile,
    SaidRun,
)
from flops_auditor.domain.runs.training_time import Span, gaps, length, merge, seconds_between
from flops_auditor.domain.values.moments import read_time
from flops_auditor.domain.values.remarks import Kind, Remark

ANNOTATION_PREFIX = "flops-auditor.dev/"
"""What stands for `flops-auditor:` in annotations and labels, whose names take no colon."""
JOBS = frozenset(
    {
        *("PyTorchJob", "TFJob", "MPIJob", "XGBoostJob", "PaddleJob", "JAXJob"),
        *("HyperPodPyTorchJob", "TrainJob", "Job", "RayJob", "JobSet"),
    }
)
WORKLOAD, POD = "Workload", "Pod"
_ENDS: Mapping[str, RunState] = {
    **dict.fromkeys(("Succeeded", "Complete", "Completed", "Finished"), "succeeded"),
    "Failed": "error",
}
"""Conditions that say, with the status True, that a job or a workload is over."""
_EARLIER = frozenset({"Evicted", "Restarting", "Requeued", "Preempted"})
"""Conditions whose being there, whatever their status, says that pods were taken away before."""
_SUSPENDED = "Suspended"
"""The same, but where Kueue has the job: it begins suspended, and a Workload that gave hosts back was evicted."""
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_COUNT = re.compile(r"[0-9]{1,4}")
_MOST_PODS = 10**6
_ACCELERATORS = ("nvidia.com/gpu", "aws.amazon.com/neuron", "aws.amazon.com/neurondevice")
_ATTEMPT = "jobset.sigs.k8s.io/restart-attempt"
_GENERATION = "generation "
_FIRST = frozenset({f"{_GENERATION}2"})
"""Kueue changes a job once, when it lets it begin."""
_SLACK = timedelta(minutes=5)
"""Between the start of a job and that of its pods, and between their ends: images are loaded, pods are cleaned up."""

PODS_GONE = Kind(
    "pods-gone",
    "the pods in the operator's file do not cover the time from the job's start to its end: on which hosts it was in "
    "{seconds:g} s is not known",
    AMEND,
)
EARLIER_ATTEMPTS = Kind(
    "earlier-attempts",
    "it was {conditions:list}, or may have been: how long it had other hosts before is not known",
    AMEND,
)


@dataclass(frozen=True)
class KubernetesRuns:
    """The objects of a file, by the run that they are of; kinds that are no runs, how many objects are of none, and the
    latest time in any of them, until which pods that run did so: they were all asked for at once.
    """

    of_runs: Mapping[str, tuple[Mapping[str, Any], ...]]
    other_kinds: tuple[str, ...]
    torn: int
    latest: datetime | None = None


def kubernetes_runs(document: object) -> KubernetesRuns:
    """Sort a file's objects by run: the job first. Raises MalformedOperatorsFile where it is no list of objects."""
    items = document.get("items") if isinstance(document, Mapping) else None
    if not isinstance(items, list):
        raise MalformedOperatorsFile("it is no list of objects: it has no items")
    whole = [least for item in items if (least := _least(item))]
    jobs = {_uid(item): item for item in whole if item["kind"] in JOBS}
    tops = {uid for uid, item in jobs.items() if jobs.keys().isdisjoint(_owners(item))}
    runs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list, {uid: [jobs[uid]] for uid in tops})
    of: dict[str, str] = {uid: uid for uid in tops}
    for uid in jobs.keys() - tops:
        top = _top(uid, jobs)
        of[uid] = top
        runs[top].append(jobs[uid])
    for item in (item for item in whole if item["kind"] == WORKLOAD):
        run = next((of[owner] for owner in _owners(item) if owner in of), _uid(item))
        of[_uid(item)] = run
        runs[run].append(item)
    for item in (item for item in whole if item["kind"] == POD):
        if owned := [of[owner] for owner in _owners(item) if owner in of]:
            runs[owned[0]].append(item)
    others = {item["kind"][:LONGEST_NAME] for item in whole} - JOBS - {WORKLOAD, POD}
    return KubernetesRuns(
        {uid: tuple(each) for uid, each in runs.items()},
        tuple(sorted(others)),
        len(items) - len(whole),
        _latest(whole, _time_or_none),
    )


def _time_or_none(value: object) -> datetime | None:
    try:
        return None if value is None else read_time(value)
    except (ValueError, OverflowError):
        return None


def _top(uid: str, jobs: Mapping[str, Mapping[str, Any]]) -> str:
    """The job that owns a job, and so on: a JobSet owns Jobs. Owners may go round in a circle."""
    seen = {uid}
    while above := next((owner for owner in _owners(jobs[uid]) if owner in jobs and owner not in seen), None):
        seen.add(above)
        uid = above
    return uid


def _least(item: object) -> dict[str, Any] | None:
    """What is read of an object, as it stands there; None of one that lacks what every object has."""
    metadata = item.get("metadata") if isinstance(item, Mapping) else None
    if not isinstance(item, Mapping) or not isinstance(metadata, Mapping) or not isinstance(item.get("kind"), str):
        return None
    if not all(isinstance(metadata.get(name), str) for name in ("uid", "creationTimestamp")):
        return None
    if not _is_name(metadata.get("name")) or not _is_name(metadata.get("namespace", "default")):
        return None
    kept = {name: metadata[name] for name in ("uid", "name", "namespace", "creationTimestamp") if name in metadata}
    kept["ownerReferences"] = [{"uid": _text(each.get("uid"))} for each in _things(metadata.get("ownerReferences"))]
    for place in ("annotations", "labels"):
        texts = metadata.get(place)
        if isinstance(texts, Mapping):
            kept[place] = {name: _text(text) for name, text in texts.items() if name.startswith(ANNOTATION_PREFIX)}
    status, spec = item.get("status"), item.get("spec")
    spec = spec if isinstance(spec, Mapping) else {}
    return {
        "kind": item["kind"],
        "metadata": kept,
        "node": _text(spec.get("nodeName")),
        "pods": _asked(spec),
        "completions": _completions(spec),
        "accelerators": _requested(spec),
        "changes": _changes(item, metadata, spec),
        "had": _had(status),
        "status": _least_status(status),
    }


def _text(value: object) -> str | None:
    """A text as it is. What stands in its place is none, and is kept as one that cannot be read."""
    return value if value is None or isinstance(value, str) else f"no text: {value!s:.40}"


def _asked(spec: Mapping[str, Any]) -> int:
    """How many pods at once an object asks for, as far as it says; a replica that is not counted is one."""
    groups = [group for name, each in spec.items() if str(name).endswith("eplicaSpecs") for group in _each(each)]
    counts = [group.get("replicas", 1) for group in groups]
    counts += [group.get("count", 1) for group in _things(spec.get("podSets"))]
    counts += [spec[name] for name in ("parallelism",) if name in spec]
    trainer = spec.get("trainer")
    counts += [trainer.get("numNodes", 1)] if isinstance(trainer, Mapping) else []
    of_jobs = [
        _asked_number(group.get("replicas", 1)) * _parallelism(group) for group in _things(spec.get("replicatedJobs"))
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
    template = group.get("template")
    spec = template.get("spec") if isinstance(template, Mapping) else None
    return _asked_number(spec.get("parallelism", 1)) if isinstance(spec, Mapping) else 1


def _requested(spec: Mapping[str, Any]) -> int:
    """Whole accelerators that a pod's containers ask for, which nobody else has then."""
    resources = [each.get("resources") for each in _things(spec.get("containers"))]
    limits = [each.get("limits") for each in resources if isinstance(each, Mapping)]
    asked = [str(each.get(name)) for each in limits if isinstance(each, Mapping) for name in _ACCELERATORS]
    return sum(int(count) for count in asked if _COUNT.fullmatch(count))


def _changes(item: Mapping[str, Any], metadata: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    """What says that a job may have had other pods before: `generation N` counts changes of what it asks for."""
    status, told = item.get("status"), list[str]()
    status = status if isinstance(status, Mapping) else {}
    labels, requeued = metadata.get("labels"), status.get("requeueState")
    attempt = labels.get(_ATTEMPT, "0") if isinstance(labels, Mapping) else "0"
    if status.get("restarts") not in (None, 0) or str(attempt) != "0":
        told.append("restarted")
    if isinstance(requeued, Mapping) and requeued.get("count") not in (None, 0):
        told.append("requeued")
    groups = [group for name, each in spec.items() if str(name).endswith("eplicaSpecs") for group in _each(each)]
    if _is_elastic(spec.get("elasticPolicy"), "minReplicas") or any(_is_elastic(each, "replicas") for each in groups):
        told.append("scaled")
    generation = metadata.get("generation", 1)
    if generation != 1:
        told.append(f"{_GENERATION}{generation!s:.20}")
    return told


def _is_elastic(policy: object, least: str) -> bool:
    most = policy.get("maxReplicas") if isinstance(policy, Mapping) else None
    return isinstance(policy, Mapping) and most is not None and most != policy.get(least)


def _had(status: object) -> int:
    """How many pods a job's status counts, or a pod's."""
    if not isinstance(status, Mapping):
        return 0
    told = ("active", "succeeded", "failed")
    of_roles = _each(status.get("replicaStatuses"))
    return sum(_number(each.get(name)) for each in (status, *of_roles) for name in told)


def _completions(spec: Mapping[str, Any]) -> int:
    """How many pods of a Job have to end well before it does."""
    count = spec.get("completions")
    return count if type(count) is int and 0 < count <= _MOST_PODS else 0


def _each(value: object) -> Iterator[Mapping[str, Any]]:
    """Of a list, or of what is named."""
    yield from _things(list(value.values()) if isinstance(value, Mapping) else value)


def _is_name(value: object) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and _NAME.fullmatch(value) is not None


def _least_status(status: object) -> dict[str, Any]:
    if not isinstance(status, Mapping):
        return {}
    kept: dict[str, Any] = {name: _text(status.get(name)) for name in ("phase", "startTime", "completionTime")}
    told = ("type", "status", "lastTransitionTime")
    kept["conditions"] = [{name: _text(each.get(name)) for name in told} for each in _things(status.get("conditions"))]
    kept["finishedAt"] = [_finished(container.get("state")) for container in _things(status.get("containerStatuses"))]
    beside = (_finished(container.get("state")) for container in _things(status.get("initContainerStatuses")))
    kept["finishedAt"] += [each for each in beside if each is not None]
    return kept


def _finished(state: object) -> str | None:
    terminated = state.get("terminated") if isinstance(state, Mapping) else None
    return _text(terminated.get("finishedAt")) if isinstance(terminated, Mapping) else None


def _things(value: object) -> Iterator[Mapping[str, Any]]:
    yield from (each for each in value if isinstance(each, Mapping)) if isinstance(value, list) else ()


def _uid(item: Mapping[str, Any]) -> str:
    return str(item["metadata"]["uid"])


def _owners(item: Mapping[str, Any]) -> Sequence[str]:
    return [str(owner.get("uid")) for owner in _things(item["metadata"].get("ownerReferences"))]


def read_kubernetes_run(
    objects: Sequence[Mapping[str, Any]], read_at: datetime, of_file: datetime | None = None
) -> SaidRun:
    """The run that objects are of, the first of which is its job, in a file that was read then, and whose latest time
    is that `of_file`.

    Raises MalformedOperatorsFile.
    """
    try:
        return _read(objects, read_at, of_file)
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise MalformedOperatorsFile(f"objects of a run cannot be read: {error}") from error


def _read(objects: Sequence[Mapping[str, Any]], read_at: datetime, of_file: datetime | None) -> SaidRun:
    job, metadata = objects[0], objects[0]["metadata"]
    name = f"{metadata.get('namespace', 'default')}/{job['kind'].lower()}/{metadata['name']}"
    torn = set[str]()

    def time(value: object) -> datetime | None:
        try:
            return None if value is None else read_time(value)
        except (ValueError, OverflowError):
            torn.add(str(value))
            return None

    created = time(metadata["creationTimestamp"])
    pods = [item for item in objects if item["kind"] == POD]
    status, state, ended = _ended(job, time)
    if state != "running" and any(_goes_on(pod) for pod in pods):
        status, state = f"{status}, but pods run", "running"
    ended = time(job["status"].get("completionTime")) or ended
    latest = max((each for each in (_latest(objects, time), of_file) if each), default=None)
    others = [item for item in objects[1:] if item["kind"] in JOBS]
    starts = [time(item["status"].get("startTime")) for item in (job, *others)]
    started = starts[0] or min((each for each in starts if each), default=None)
    started = min((each for each in (started, *_admitted(objects, time)) if each), default=None)
    stays, doubts, given = list[Stay](), list[Remark](), Fraction(0)
    for pod in pods:
        had = list(_stay(pod, latest, time, doubts))
        stays += had
        given += sum((pod.get("accelerators", 0) * seconds_between(stay.start, stay.end) for stay in had), Fraction(0))
    doubts += _doubts(name, state, started, ended if state != "running" else latest, stays, read_at)
    if (stays or state != "running") and _lacks_pods(objects, pods, time, started, state):
        doubts.append(NO_HOSTS_NAMED(what=name))
    if started is None and state != "running" and job["kind"] in JOBS:
        doubts.append(NO_END(what=name))
    if earlier := _earlier(objects):
        doubts.append(EARLIER_ATTEMPTS(conditions=earlier))
    tags, differ = _tags(objects)
    if differ:
        doubts.append(STATEMENTS_DIFFER())
    if torn:
        doubts.append(TORN(count=len(torn)))
    return SaidRun(
        run_id=name,
        name=str(metadata["name"])[:LONGEST_NAME],
        status=status,
        state=state,
        created=created,
        stays=tuple(stays),
        tags=tags,
        doubts=tuple(dict.fromkeys(doubts)),
        given=given,
    )


def _goes_on(pod: Mapping[str, Any]) -> bool:
    status = pod["status"]
    return status.get("startTime") is not None and status.get("phase") not in ("Succeeded", "Failed")


def _latest(objects: Iterable[Mapping[str, Any]], time: Any) -> datetime | None:
    """The latest time in objects: what runs in them ran until then. Nobody says how old a file is."""
    times = list[object]()
    for item in objects:
        status = item["status"]
        times += [item["metadata"]["creationTimestamp"], status.get("startTime"), status.get("completionTime")]
        times += status.get("finishedAt", [])
        times += [each.get("lastTransitionTime") for each in _things(status.get("conditions"))]
    return max((each for each in map(time, times) if each), default=None)


def _admitted(objects: Iterable[Mapping[str, Any]], time: Any) -> Iterator[datetime | None]:
    """Since when Kueue let it have hosts."""
    for item in objects:
        admitted = _conditions(item).get("Admitted") if item["kind"] == WORKLOAD else None
        if admitted is not None and admitted.get("status") == "True":
            yield time(admitted.get("lastTransitionTime"))


def _lacks_pods(
    objects: Sequence[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    time: Any,
    started: datetime | None,
    state: RunState,
) -> bool:
    """Whether fewer pods are there than the run had: at its start, since one that was made later stands for one that is
    gone, or, where a Job ended well, in all.
    """
    made = {_uid(pod): time(pod["metadata"]["creationTimestamp"]) for pod in pods}
    first = [each for each in made.values() if started is None or (each is not None and each <= started + _SLACK)]
    needed = _of_all(objects, "completions") if state == "succeeded" else 0
    counted = max(needed, _of_all(objects, "had"))
    asked = _of_all(objects, "pods")
    return not asked or len(first) < asked or len(made) < counted


def _of_all(objects: Sequence[Mapping[str, Any]], what: str) -> int:
    """The most that one object says, or all Jobs together, which a JobSet has several of."""
    counts = [(item["kind"], int(item.get(what, 0))) for item in objects]
    return max(sum(count for kind, count in counts if kind == "Job"), *(count for _, count in counts))


def _earlier(objects: Sequence[Mapping[str, Any]]) -> list[str]:
    """What says that a run had other pods before, or may have had."""
    told = {word for item in objects if item["kind"] != POD for word in _conditions(item)}
    queued = any(item["kind"] == WORKLOAD for item in objects[1:])
    words = {word.lower() for word in told if word in _EARLIER or (word == _SUSPENDED and not queued)}
    changes = {word for item in objects for word in item.get("changes", ()) if not word.startswith(_GENERATION)}
    own = {word for word in objects[0].get("changes", ()) if word.startswith(_GENERATION)}
    asked_anew = {"changed"} if objects[0]["kind"] in JOBS and own - (_FIRST if queued else set()) else set()
    return sorted(words | changes | asked_anew)


def _conditions(item: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    return {str(each.get("type")): each for each in _things(item["status"].get("conditions"))}


def _ended(job: Mapping[str, Any], time: Any) -> tuple[str, RunState, datetime | None]:
    """Its state in the operator's word, what that means, and when it changed last."""
    conditions = _conditions(job)
    for word, state in _ENDS.items():
        if word in conditions and str(conditions[word].get("status")) == "True":
            return word, state, time(conditions[word].get("lastTransitionTime"))
    last = next(reversed(conditions), "Created")
    return last[:LONGEST_NAME], "running", None


def _stay(pod: Mapping[str, Any], latest: datetime | None, time: Any, doubts: list[Remark]) -> Iterator[Stay]:
    """When a pod had its node: until the last of its containers ended, or, while it runs, the `latest` time known."""
    status, name = pod["status"], str(pod["metadata"]["name"])
    if status.get("phase") == "Pending" and status.get("startTime") is None:
        return
    start, ends = time(status.get("startTime")), [time(each) for each in status.get("finishedAt", [])]
    over = status.get("phase") in ("Succeeded", "Failed")
    if start is None:
        doubts.append(NO_END(what=name))
        return
    end = max((each for each in ends if each), default=None) if over else latest
    if end is None or (over and not all(ends)):
        doubts.append(NO_END(what=name))
    end = end or start
    if end < start:
        doubts.append(REVERSED(what=name))
        return
    if not isinstance(pod["node"], str) or not pod["node"]:
        doubts.append(NO_HOSTS_NAMED(what=name))
        return
    yield Stay(pod["node"].lower(), start, end)


def _doubts(
    name: str,
    state: RunState,
    started: datetime | None,
    ended: datetime | None,
    stays: Sequence[Stay],
    read_at: datetime,
) -> Iterator[Remark]:
    """Why the time between the start of a job and its end is not all known."""
    over = state != "running"
    if over and ended is None:
        yield NO_END(what=name)
    if started and ended and ended < started:
        yield REVERSED(what=name)
    times = [started, ended, *(stay.start for stay in stays), *(stay.end for stay in stays)]
    if any(each is not None and each > read_at for each in times):
        yield IN_THE_FUTURE(what=name)
    if not stays and (over or started):
        yield NO_HOSTS_NAMED(what=name)
    elif started and ended and started < ended:
        covered = merge([Span(stay.start, stay.end) for stay in stays if stay.start < stay.end])
        missing = [gap for gap in gaps(Span(started, ended), covered) if gap.end - gap.start > _SLACK]
        if missing:
            yield PODS_GONE(seconds=length(missing))


def _tags(objects: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], bool]:
    """What annotations and labels say in the form of tags, and whether they contradict each other."""
    tags: dict[str, str] = {}
    differ = False
    for item in objects:
        for place in ("labels", "annotations"):
            for name, text in (item["metadata"].get(place) or {}).items():
                key = f"{TAG_PREFIX}{str(name).removeprefix(ANNOTATION_PREFIX)}"
                differ |= tags.setdefault(key, str(text)) != str(text)
    return tags, differ
