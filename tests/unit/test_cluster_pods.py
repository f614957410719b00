"""Jobs of Kubernetes whose pods are gone, go on, or were others before: their hours are not known, or not over."""

from collections.abc import Sequence
from typing import Any

import pytest

from flops_auditor.domain.runs.sources import kubernetes_file
from flops_auditor.domain.runs.sources.cluster_evidence import cluster_answers
from flops_auditor.domain.runs.sources.kubernetes_file import kubernetes_runs
from flops_auditor.domain.runs.sources.kubernetes_objects import owners_of, uid_of
from tests.fakes.clusters import (
    answers,
    at,
    condition,
    describe_cluster,
    evidence,
    kinds,
    kubectl,
    listing,
    metadata,
    node,
    pod,
    pytorch_job,
)
from tests.unit.test_cluster_run import audit_of, audited, host_hours, the_run

FOUR = answers(4)
NOTHING_BEFORE = {"flops-auditor.dev/lineage": "none"}
ATTEMPT = "jobset.sigs.k8s.io/restart-attempt"


def job_set(*groups: dict[str, Any], owner: str = "", **status: Any) -> dict[str, Any]:
    return {
        "kind": "JobSet",
        "metadata": metadata("set", owner, annotations=NOTHING_BEFORE),
        "spec": {"replicatedJobs": list(groups)},
        "status": {"conditions": [condition("Completed", 3)], **status},
    }


def child(number: int, pods: int = 2, **labels: str) -> dict[str, Any]:
    """A Job of the set."""
    times = {"startTime": at(1).isoformat(), "completionTime": at(3).isoformat()}
    return {
        "kind": "Job",
        "metadata": metadata(f"set-{number}", "set", labels=labels),
        "spec": {"parallelism": pods, "completions": pods},
        "status": {**times, "conditions": [condition("Complete", 3)]},
    }


def pods_of(number: int, *hosts: int) -> list[dict[str, Any]]:
    return [pod(each, f"set-{number}") for each in hosts]


def train_job(nodes: int) -> dict[str, Any]:
    return {
        "kind": "TrainJob",
        "metadata": metadata("train", annotations=NOTHING_BEFORE),
        "spec": {"trainer": {"numNodes": nodes}},
        "status": {"conditions": [condition("Complete", 3)]},
    }


def of_two(**template: Any) -> dict[str, Any]:
    return {"name": "node", "replicas": 2, "template": {"spec": {"parallelism": 2, "completions": 2}, **template}}


ALL = (child(0), child(1), *pods_of(0, 1, 2), *pods_of(1, 3, 4))


def changed(job: dict[str, Any], part: str, **members: Any) -> dict[str, Any]:
    """A job of which a part says something else as well."""
    return {**job, part: {**job[part], **members}}


def workload(**status: Any) -> dict[str, Any]:
    return {"kind": "Workload", "metadata": metadata("w", "tune"), "spec": {}, "status": {"conditions": [], **status}}


def owned_by(kind: str, job: dict[str, Any], group: str = "batch/v1") -> dict[str, Any]:
    """A Job of an owner that the file lacks."""
    return changed(
        job, "metadata", ownerReferences=[{"apiVersion": group, "kind": kind, "name": "whole", "uid": "uid-whole"}]
    )


def one_job(number: int = 0) -> dict[str, Any]:
    """A Job that says what it goes on from, with two pods."""
    return changed(child(number), "metadata", ownerReferences=[], annotations=NOTHING_BEFORE)


def pending(**state: Any) -> dict[str, Any]:
    """A third pod, which never got a host."""
    return pod(3, phase="Pending", startTime=None, containerStatuses=[{"name": "pytorch", "state": state}])


TWO = (pod(1), pod(2))
NOT_KNOWN: dict[str, tuple[tuple[Any, ...], str]] = {
    "pods of one child are gone": ((job_set(of_two()), *ALL[:-2]), "operators-hosts-not-named"),
    "by the children alone": ((job_set(), *ALL[:-2]), "operators-hosts-not-named"),
    "a child and its pods are gone": ((job_set(of_two()), ALL[0], *ALL[2:4]), "operators-hosts-not-named"),
    "fewer than the nodes of a TrainJob": (
        (train_job(4), job_set(owner="train"), ALL[0], *ALL[2:4]),
        "operators-hosts-not-named",
    ),
    "restarts": ((job_set(of_two(), restarts=1), *ALL), "earlier-attempts"),
    "a label of another attempt": ((job_set(), child(0, **{ATTEMPT: "1"}), *ALL[2:4]), "earlier-attempts"),
    "an elastic job": (
        (changed(pytorch_job(), "spec", elasticPolicy={"minReplicas": 1, "maxReplicas": 4}), *TWO),
        "earlier-attempts",
    ),
    "replicas that may be more": (
        (
            pytorch_job(
                kind="HyperPodPyTorchJob", spec={"replicaSpecs": [{"name": "pods", "replicas": 2, "maxReplicas": 4}]}
            ),
            *TWO,
        ),
        "earlier-attempts",
    ),
    "a job that was changed": ((changed(pytorch_job(), "metadata", generation=2), *TWO), "earlier-attempts"),
    "one that Kueue has, changed again": (
        (changed(pytorch_job(), "metadata", generation=4), *TWO, workload()),
        "earlier-attempts",
    ),
    "a workload that was requeued": ((pytorch_job(), *TWO, workload(requeueState={"count": 3})), "earlier-attempts"),
    "a workload that was admitted long before": (
        (
            pytorch_job(start=50, end=53),
            *(pod(number, start=50, end=53) for number in (1, 2)),
            workload(conditions=[condition("Admitted", 1)]),
        ),
        "pods-gone",
    ),
    "more pods in its status": (
        (
            changed(pytorch_job(), "status", replicaStatuses={"Master": {"succeeded": 1}, "Worker": {"succeeded": 3}}),
            *TWO,
        ),
        "operators-hosts-not-named",
    ),
    "no number of pods": ((pytorch_job(spec={}), *TWO), "operators-hosts-not-named"),
    "a number that is none": (
        (pytorch_job(spec={"pytorchReplicaSpecs": {"Master": {"replicas": 1}, "Worker": {"replicas": "3"}}}), *TWO),
        "operators-hosts-not-named",
    ),
    "a Job of a set that the file lacks": ((owned_by("JobSet", one_job()), *ALL[2:4]), "owner-not-in-the-file"),
    "a set of a TrainJob that the file lacks": (
        (owned_by("TrainJob", job_set(of_two())), *ALL),
        "owner-not-in-the-file",
    ),
    "a launcher without its MPIJob": ((owned_by("MPIJob", one_job()), *ALL[2:4]), "owner-not-in-the-file"),
    "a job of a workflow": (
        (owned_by("Workflow", pytorch_job()), *TWO, {"kind": "Workflow", "metadata": metadata("whole")}),
        "owner-not-in-the-file",
    ),
    "a kind of that name of others": (
        (owned_by("CronJob", one_job(), "example.com/v1"), *ALL[2:4]),
        "owner-not-in-the-file",
    ),
    "an owner of no kind": (
        (changed(one_job(), "metadata", ownerReferences=[{"uid": "uid-whole"}]), *ALL[2:4]),
        "owner-not-in-the-file",
    ),
    "an owner that is torn": (
        (changed(one_job(), "metadata", ownerReferences="uid-whole"), *ALL[2:4]),
        "owner-not-in-the-file",
    ),
    "one owner more": (
        (
            job_set(of_two()),
            changed(child(0), "metadata", ownerReferences=[{"uid": "uid-set"}, {"kind": "JobSet", "uid": "uid-x"}]),
            *ALL[1:],
        ),
        "owner-not-in-the-file",
    ),
    "failed pods of a Job that are gone": (
        (
            {**changed(pytorch_job(), "status", failed=2, succeeded=1), "kind": "Job", "spec": {"parallelism": 1}},
            pod(1),
        ),
        "operators-hosts-not-named",
    ),
    "a pod without a start whose container ended": (
        (pytorch_job(), *TWO, pending(terminated={"finishedAt": at(50).isoformat()})),
        "operators-line-without-end",
    ),
}


@pytest.mark.parametrize("name", NOT_KNOWN)
def test_pods_that_are_gone_are_never_below(name: str) -> None:
    objects, kind = NOT_KNOWN[name]
    done = audited(kubectl(*objects), FOUR)
    assert done.verdict == "indeterminate"
    assert kind in kinds(done.estimate.doubts)
    assert done.estimate.upper_flop is None


@pytest.mark.parametrize(
    "objects",
    [
        (job_set(of_two()), *ALL),
        (train_job(4), job_set(of_two(), owner="train"), *ALL),
        (job_set(of_two(), restarts=0), child(0, **{ATTEMPT: "0"}), *ALL[1:]),
    ],
    ids=["JobSet", "TrainJob", "never restarted"],
)
def test_a_set_of_jobs_with_all_its_pods_is_known(objects: tuple[Any, ...]) -> None:
    done = audited(kubectl(*objects), FOUR)
    assert (done.verdict, host_hours(done.run)) == ("below", 8)


@pytest.mark.parametrize(("start", "end"), [(1.05, 3), (1, 2.9), (1, 3.04)])
def test_a_launcher_without_accelerators_has_a_time_of_its_own(start: float, end: float) -> None:
    of = cluster_answers(describe_cluster(3), [listing(node(1), node(2), node(3, kind="ml.c5.4xlarge"))])
    launcher = pod(3, start=start, end=end)
    done = audited(kubectl(pytorch_job(workers=2), *TWO, launcher), of)
    alone = audited(kubectl(pytorch_job(), *TWO), of)
    assert done.verdict == "below"
    assert done.estimate.accelerator_seconds == 2 * 8 * 7200 + round(3600 * (end - start))
    upper, without = done.estimate.cautious_upper_flop or 0, alone.estimate.cautious_upper_flop or 0
    assert without < upper < 1.01 * without


def test_a_job_that_a_cron_job_made_is_a_run_of_its_own() -> None:
    done = audited(kubectl(owned_by("CronJob", one_job()), *ALL[2:4]), FOUR)
    assert (done.verdict, host_hours(done.run)) == ("below", 4)


def test_a_run_in_parts_whose_whole_the_file_lacks_is_below_in_none() -> None:
    parts = [changed(each, "metadata", annotations=NOTHING_BEFORE) for each in ALL[:2]]
    done = [audit_of(each) for each in evidence(kubectl(*parts, *ALL[2:]), FOUR)]
    assert [each.verdict for each in done] == ["indeterminate"] * 2
    assert [each.verdict for each in map(audit_of, evidence(kubectl(job_set(of_two()), *ALL), FOUR))] == ["below"]


def test_what_kueue_let_begin_once_is_known() -> None:
    job = changed(pytorch_job(), "metadata", generation=2)
    done = audited(kubectl(job, *TWO, workload(conditions=[condition("Admitted", 0.98)])))
    assert (done.verdict, host_hours(done.run)) == ("below", 4)


def test_a_pod_that_runs_means_that_the_run_goes_on() -> None:
    run = the_run(kubectl(pytorch_job(), pod(1), pod(2, end=None)))
    assert (run.state, run.ended, run.status) == ("running", None, "Succeeded, but pods run")
    assert host_hours(run) == 4, "until the last time in the file"


def test_what_runs_did_so_until_the_latest_time_in_the_file() -> None:
    going_on = (pytorch_job(end=None), pod(1, end=None), pod(2, end=None))
    other = pod(1, "other", start=6, end=9)
    assert host_hours(the_run(kubectl(*going_on, other))) == 2 * 8
    assert the_run(kubectl(*going_on)).hosts == ()


def test_a_pod_that_waits_had_no_host() -> None:
    assert host_hours(the_run(kubectl(pytorch_job(), *TWO, pending(waiting={})))) == 4


def test_a_container_beside_the_others_has_the_host_until_it_ends() -> None:
    beside = [{"name": "logs", "state": {"terminated": {"finishedAt": at(5).isoformat()}}}]
    assert host_hours(the_run(kubectl(pytorch_job(), pod(1, initContainerStatuses=beside), pod(2)))) == 6


@pytest.mark.parametrize(
    ("asked", "given"),
    [("8", 16 * 7200), ("1", 2 * 7200), ("500m", 0), (None, 0)],
    ids=["all", "some", "no number", "none"],
)
def test_the_lower_bound_rests_on_what_pods_ask_for(asked: str | None, given: int) -> None:
    limits = {"cpu": "4"} if asked is None else {"nvidia.com/gpu": asked}
    pods = [changed(each, "spec", containers=[{"name": "c", "resources": {"limits": limits}}]) for each in TWO]
    whole = audited(kubectl(pytorch_job(), *TWO)).estimate
    done = audited(kubectl(pytorch_job(), *pods))
    assert done.run.surely_given == given
    assert bool(done.estimate.lower_flop) == bool(given)
    assert done.estimate.upper_flop == whole.upper_flop


def test_the_order_of_objects_in_a_file_is_no_difference() -> None:
    """Children stood in the order of a set, unlike in each process, and looked like another statement of the run."""
    objects = [job_set(), *(child(number) for number in range(5))]
    there, back = (kubernetes_runs({"items": each}).of_runs for each in (objects, objects[::-1]))
    assert there == back and [len(each) for each in there.values()] == [6]


def test_each_owner_in_a_long_chain_is_asked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way up was gone anew for each job: 4,000 in a chain took 10 s."""
    asked: list[str] = []

    def noted(item: dict[str, Any]) -> Sequence[str]:
        asked.append(uid_of(item))
        return owners_of(item)

    monkeypatch.setattr(kubernetes_file, "owners_of", noted)
    chain: list[dict[str, Any]] = [
        {"kind": "Job", "metadata": metadata(f"{number:04}", f"{number - 1:04}")} for number in range(1000)
    ]
    for objects in (chain, chain[::-1]):
        asked.clear()
        runs = kubernetes_runs({"items": objects}).of_runs
        assert [len(each) for each in runs.values()] == [1000]
        assert len(asked) == 1000


def test_owners_that_go_round_are_one_run() -> None:
    circle = [{"kind": "Job", "metadata": metadata(name, owner)} for name, owner in ("ab", "bc", "ca")]
    assert [len(each) for each in kubernetes_runs({"items": circle}).of_runs.values()] == [3]


def test_a_pod_of_many_runs_is_kept_with_each_once() -> None:
    """Each of its statements was kept with each of the runs: 3,000 of them took 40 s."""
    jobs = [{"kind": "Job", "metadata": metadata(f"{number:03}")} for number in range(300)]
    pods = [
        {"kind": "Pod", "metadata": {**metadata("one", f"{number:03}"), "name": str(number)}} for number in range(300)
    ]
    runs = kubernetes_runs({"items": [*jobs, *pods]}).of_runs
    assert {len(each) for each in runs.values()} == {3}, (
        "a job, what says that the pod is its own, and what says otherwise"
    )
