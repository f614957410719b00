"""Which run each object of a file of Kubernetes is of.

Jobs of the training operator (kubeflow.org/v1), of HyperPod's (sagemaker.amazonaws.com) and of Kubernetes itself are
runs, and so is a Workload of Kueue whose job is not in the file.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
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

_JOB = "any job"
"""Stands for each kind of JOBS."""


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
    statements = _by_uid(whole)
    jobs = {uid: each[0] for (kind, uid), each in statements.items() if kind == _JOB}
    of = _tops(jobs)
    runs: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for uid in sorted(jobs, key=lambda each: (of[each] != each, each)):  # whatever the order in the file
        runs[of[uid]] += statements[_JOB, uid]
    for uid, each in ((uid, each) for (kind, uid), each in statements.items() if kind == WORKLOAD):
        of.setdefault(uid, next((of[owner] for item in each for owner in owners_of(item) if owner in of), uid))
        runs[of[uid]] += each
    for each in (each for (kind, _), each in statements.items() if kind == POD):
        for run, own in _by_run(each, of).items():
            unlike = (item for item in each if item not in own)
            runs[run] += [*own, *islice(unlike, len(own) == 1)]  # another one shows that statements differ
    others = {item["kind"][:LONGEST_NAME] for item in whole} - JOBS - {WORKLOAD, POD}
    return KubernetesRuns(
        {uid: tuple(each) for uid, each in runs.items()},
        tuple(sorted(others)),
        len(items) - len(whole),
        latest_time(whole, time_or_none),
    )


def _by_run(items: Iterable[Mapping[str, Any]], of: Mapping[str, str]) -> dict[str, list[Mapping[str, Any]]]:
    """What is said of one pod, by the run that it says it is of; without what is said of one of no run."""
    by_run: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for item in items:
        if run := next((of[owner] for owner in owners_of(item) if owner in of), None):
            by_run[run].append(item)
    return by_run


def _by_uid(items: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    """What is said of each object, by its kind, of jobs any, and uid: several things, where a file says unlike ones."""
    said_of: defaultdict[tuple[str, str], dict[str, Mapping[str, Any]]] = defaultdict(dict)
    for item in items:
        said_of[_JOB if item["kind"] in JOBS else item["kind"], uid_of(item)].setdefault(
            json.dumps(item, sort_keys=True), item
        )
    return {of: list(each.values()) for of, each in said_of.items()}


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
