"""Which run each object of a file of Kubernetes is of.

Jobs of the training operator (kubeflow.org/v1), of HyperPod's (sagemaker.amazonaws.com) and of Kubernetes itself are
runs, and so is a Workload of Kueue whose job is not in the file.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.sources.kubernetes_objects import (
    JOBS,
    POD,
    WORKLOAD,
    latest_time,
    least_of_object,
    owners_of,
    time_or_none,
    uid_of,
)
from flops_auditor.domain.runs.sources.operators_word import LONGEST_NAME, MalformedOperatorsFile


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
    whole = [least for item in items if (least := least_of_object(item))]
    jobs = {uid_of(item): item for item in whole if item["kind"] in JOBS}
    of = _tops(jobs)
    runs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for uid in sorted(jobs, key=lambda each: (of[each] != each, each)):  # whatever the order in the file
        runs[of[uid]].append(jobs[uid])
    for item in (item for item in whole if item["kind"] == WORKLOAD):
        run = next((of[owner] for owner in owners_of(item) if owner in of), uid_of(item))
        of[uid_of(item)] = run
        runs[run].append(item)
    for item in (item for item in whole if item["kind"] == POD):
        if owned := [of[owner] for owner in owners_of(item) if owner in of]:
            runs[owned[0]].append(item)
    others = {item["kind"][:LONGEST_NAME] for item in whole} - JOBS - {WORKLOAD, POD}
    return KubernetesRuns(
        {uid: tuple(each) for uid, each in runs.items()},
        tuple(sorted(others)),
        len(items) - len(whole),
        latest_time(whole, time_or_none),
    )


def _tops(jobs: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The job that owns a job, and so on, by each job: a JobSet owns Jobs. Owners may go round in a circle."""
    tops: dict[str, str] = {}
    for job in sorted(jobs):
        way, top = dict.fromkeys([job]), job
        while top not in tops:
            above = next((owner for owner in owners_of(jobs[top]) if owner in jobs and owner not in way), None)
            if above is None:
                tops[top] = top
            else:
                way[above], top = None, above
        tops |= dict.fromkeys(way, tops[top])
    return tops
