"""A run of Kubernetes from its objects: its job, what is beside that, and its pods.

Pods say which node a run had, and when: they are gone when somebody deletes them, suspends the job or evicts it, and
then nobody can say.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Any

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.remedies import AMEND
from flops_auditor.domain.runs.run import RunState
from flops_auditor.domain.runs.sources.kubernetes_objects import (
    ANNOTATION_PREFIX,
    GENERATION,
    JOBS,
    POD,
    WORKLOAD,
    ReadTime,
    conditions_of,
    latest_time,
    owners_beside,
    time_or_none,
    uid_of,
)
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
    first_tags,
)
from flops_auditor.domain.runs.training_time import Span, gaps, length, merge, seconds_between
from flops_auditor.domain.values.remarks import Kind, Remark

_ENDS: Mapping[str, RunState] = {
    **dict.fromkeys(("Succeeded", "Complete", "Completed", "Finished"), "succeeded"),
    "Failed": "error",
}
"""Conditions that say, with the status True, that a job or a workload is over."""
_EARLIER = frozenset({"Evicted", "Restarting", "Requeued", "Preempted"})
"""Conditions whose being there, whatever their status, says that pods were taken away before."""
_SUSPENDED = "Suspended"
"""The same, but where Kueue has the job: it begins suspended, and a Workload that gave hosts back was evicted."""
_FIRST = frozenset({f"{GENERATION}2"})
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

OWNER_MISSING = Kind(
    "owner-not-in-the-file",
    "it belongs to {owners:list}, which is no job in the operator's file: it may be one of several parts of a run. "
    "Export with its kind",
    AMEND,
)


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
        moment = time_or_none(value)
        if moment is None and value is not None:
            torn.add(str(value))
        return moment

    created = time(metadata["creationTimestamp"])
    pods = [item for item in objects if item["kind"] == POD]
    status, state, ended = _ended(job, time)
    if state != "running" and any(_goes_on(pod) for pod in pods):
        status, state = f"{status}, but pods run", "running"
    ended = time(job["status"].get("completionTime")) or ended
    latest = max((each for each in (latest_time(objects, time), of_file) if each), default=None)
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
    if owners := owners_beside(objects):
        doubts.append(OWNER_MISSING(owners=owners))
    every, differ = _tags(objects)
    tags, left_out = first_tags(every)
    doubts += left_out
    if differ or len(set(map(uid_of, objects))) < len(objects):
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


def _admitted(objects: Iterable[Mapping[str, Any]], time: ReadTime) -> Iterator[datetime | None]:
    """Since when Kueue let it have hosts."""
    for item in objects:
        admitted = conditions_of(item).get("Admitted") if item["kind"] == WORKLOAD else None
        if admitted is not None and admitted.get("status") == "True":
            yield time(admitted.get("lastTransitionTime"))


def _lacks_pods(
    objects: Sequence[Mapping[str, Any]],
    pods: Sequence[Mapping[str, Any]],
    time: ReadTime,
    started: datetime | None,
    state: RunState,
) -> bool:
    """Whether fewer pods are there than the run had: at its start, since one that was made later stands for one that is
    gone, or, where a Job ended well, in all.
    """
    made = {uid_of(pod): time(pod["metadata"]["creationTimestamp"]) for pod in pods}
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
    told = {word for item in objects if item["kind"] != POD for word in conditions_of(item)}
    queued = any(item["kind"] == WORKLOAD for item in objects[1:])
    words = {word.lower() for word in told if word in _EARLIER or (word == _SUSPENDED and not queued)}
    changes = {word for item in objects for word in item.get("changes", ()) if not word.startswith(GENERATION)}
    own = {word for word in objects[0].get("changes", ()) if word.startswith(GENERATION)}
    asked_anew = {"changed"} if objects[0]["kind"] in JOBS and own - (_FIRST if queued else set()) else set()
    return sorted(words | changes | asked_anew)


def _ended(job: Mapping[str, Any], time: ReadTime) -> tuple[str, RunState, datetime | None]:
    """Its state in the operator's word, what that means, and when it changed last."""
    conditions = conditions_of(job)
    for word, state in _ENDS.items():
        if word in conditions and str(conditions[word].get("status")) == "True":
            return word, state, time(conditions[word].get("lastTransitionTime"))
    last = next(reversed(conditions), "Created")
    return last[:LONGEST_NAME], "running", None


def _stay(pod: Mapping[str, Any], latest: datetime | None, time: ReadTime, doubts: list[Remark]) -> Iterator[Stay]:
    """When a pod had its node: until the last of its containers ended, or, while it runs, the `latest` time known."""
    status, name = pod["status"], str(pod["metadata"]["name"])
    start, ends = time(status.get("startTime")), [time(each) for each in status.get("finishedAt", [])]
    if status.get("phase") == "Pending" and status.get("startTime") is None and not any(ends):
        return
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
