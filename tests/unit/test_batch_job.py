"""Jobs of AWS Batch: from the unchanged answer to the verdict."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.evidence import Evidence, Unread, parse_evidence
from flops_auditor.domain.runs.places import NAMES, Location
from flops_auditor.domain.runs.pointer import PassedOver
from flops_auditor.domain.runs.sources.batch_job_answer import MalformedBatchJob, state_of_batch_job
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.registry import source_of
from flops_auditor_cli.main import app
from tests.fakes.batch_jobs import (
    ACCOUNT,
    batch_arn,
    batch_evidence,
    batch_id,
    batch_job,
    container,
    environment,
    gpus,
    milliseconds,
    tries,
)
from tests.fakes.cases import audit
from tests.fakes.jobs import CREATED, describe, tagged

TABLES = load_tables()
H100, HOUR = 989_400_000_000_000, 3600
B300, TRAINIUM2, A100 = 2_250_000_000_000_000, 667_000_000_000_000, 312_000_000_000_000
A10G, T4 = 70_000_000_000_000, 65_000_000_000_000
LONG = 5000
"""Hours of eight accelerators: of A100s less than a third of what the original took, of B300s more."""
LLAMA = {"base_model": "meta-llama/Llama-3.1-8B"}
P5_HOUR = 8 * H100 * HOUR
MODEL = {"name": "HF_MODEL_ID", "value": "meta-llama/Llama-3.1-8B"}


def audited(answer: dict[str, Any] | None = None, *environments: dict[str, Any] | Unread, **tags: str) -> Audit:
    return audit(batch_evidence(answer, *environments, **tags), TABLES)


def doubts(found: Audit) -> set[str]:
    return {doubt.kind.name for doubt in found.estimate.doubts}


def notes(found: Audit) -> set[str]:
    return {each.kind.name for each in found.estimate.assumptions}


def with_container(**changes: Any) -> dict[str, Any]:
    return batch_job(container=container(**changes))


def pod(**resources: Any) -> dict[str, Any]:
    """The properties of a job on EKS."""
    told = {"image": "trainer", "args": ["train.py"], "resources": resources, "env": [MODEL]}
    return {"podProperties": {"containers": [told]}}


def nodes(*ranges: tuple[str, dict[str, Any]], count: int = 4, types: tuple[str, ...] = ()) -> dict[str, Any]:
    """A multi-node job."""
    told = [
        {"targetNodes": text, "container": each, **({"instanceTypes": list(types)} if types else {})}
        for text, each in ranges
    ]
    return batch_job(
        container=None, nodeProperties={"numNodes": count, "mainNode": 0, "nodeRangeProperties": told}, attempts=None
    )


def test_its_hours_on_the_hosts_of_its_queue_bound_it() -> None:
    found = audited()
    estimate = found.estimate
    assert (estimate.method, estimate.best_flop, estimate.upper_flop) == ("hardware", 5 * P5_HOUR, 10 * P5_HOUR)
    assert (estimate.accelerator_seconds, doubts(found)) == (8 * 10 * HOUR, set())
    assert estimate.lower_flop
    run = case_of(batch_evidence()).run
    assert (run.kind, run.name, run.role) == ("Batch job", "tune-1", "arn:aws:iam::123456789012:role/tuner")


def test_it_is_below_like_the_training_job_that_says_the_same() -> None:
    """Given: the same hosts, hours, variables and tags."""
    said = {"HF_MODEL_ID": "meta-llama/Llama-3.1-8B", "MAX_SEQ_LENGTH": "512"}
    variables = [{"name": name, "value": value} for name, value in said.items()]
    ours = audited(with_container(environment=variables, command=["train.py"]), params="8030000000", tokens="1e8")
    job = describe(Environment=said, HyperParameters={})
    theirs = audit(Evidence(job, tags=tagged(params="8030000000", tokens="1e8")), TABLES)
    assert (ours.verdict, ours.base_model) == (theirs.verdict, theirs.base_model)
    assert ours.verdict == "below"
    assert (ours.estimate.best_flop, ours.estimate.upper_flop) == (
        theirs.estimate.best_flop,
        theirs.estimate.upper_flop,
    )


def test_it_counts_with_the_accelerators_that_it_asked_for() -> None:
    one = audited(with_container(count=1)).estimate
    assert one.upper_flop == 10 * H100 * HOUR
    three = audited(with_container(count=3)).estimate
    assert (three.upper_flop, three.lower_flop) == (3 * one.upper_flop, 3 * (one.lower_flop or 0))


def test_each_attempt_counts_and_no_time_between_them() -> None:
    answer = batch_job(attempts=tries(3, 4, 5))
    found = audited(
        {**answer, "startedAt": answer["attempts"][-1]["startedAt"], "stoppedAt": answer["attempts"][-1]["stoppedAt"]}
    )
    assert found.estimate.upper_flop == 12 * P5_HOUR


@pytest.mark.parametrize(("status", "hours"), [("RUNNING", 3 + 2), ("RUNNABLE", 3)])
def test_an_attempt_that_runs_counts_beside_those_that_stopped(status: str, hours: int) -> None:
    (first,) = tries(3)
    stopped = CREATED + timedelta(hours=3, minutes=15)
    began = stopped + timedelta(hours=1) if status == "RUNNING" else CREATED + timedelta(minutes=15)
    answer = batch_job(status=status, attempts=[first], startedAt=milliseconds(began), stoppedAt=None)
    told = {**answer, "timeout": {"attemptDurationSeconds": 4 * HOUR}}
    evidence = replace(batch_evidence(told), collected_at=stopped + timedelta(hours=3))
    run = case_of(evidence).run
    assert run.time.seconds == hours * HOUR
    assert run.limit_seconds == (3 + 4) * HOUR


def test_one_that_waits_has_taken_nothing_so_far() -> None:
    found = audited(batch_job(status="RUNNABLE", attempts=[], startedAt=None, stoppedAt=None))
    assert (found.estimate.upper_flop, doubts(found), found.verdict) == (0, {"still-training"}, "indeterminate")


def test_time_that_no_attempt_explains_is_cautioned_of() -> None:
    answer = batch_job(attempts=tries(3))
    stop = milliseconds(CREATED + timedelta(hours=10, minutes=15))
    found = audited({**answer, "startedAt": answer["attempts"][0]["startedAt"], "stoppedAt": stop})
    assert (found.estimate.upper_flop, found.estimate.cautious_upper_flop) == (3 * P5_HOUR, 10 * HOUR * 8 * B300)


@pytest.mark.parametrize(
    ("changes", "doubt"),
    [
        ({"attempts": [{"startedAt": 1772324100000}], "stoppedAt": None}, "open-attempt"),
        ({"attempts": [{"startedAt": 1772324100000, "stoppedAt": 1772324000000}]}, "reversed-attempt"),
        ({"attempts": [], "startedAt": 0, "stoppedAt": None}, "no-training-time"),
        ({"status": "RUNNING", "stoppedAt": None, "attempts": []}, "still-training"),
        ({"status": "SOMETHING"}, "still-training"),
    ],
)
def test_time_that_is_not_known_is_a_doubt(changes: dict[str, Any], doubt: str) -> None:
    found = audited(batch_job(**changes))
    assert doubt in doubts(found)
    assert found.verdict == "indeterminate"


def test_one_that_was_never_started_took_nothing() -> None:
    answer = batch_job(status="FAILED", startedAt=0, attempts=[], statusReason="Job was cancelled")
    found = audited(answer, environment())
    assert (found.estimate.upper_flop, doubts(found), found.verdict) == (0, set(), "below")


def test_of_several_types_the_fastest_bounds_it_and_nothing_certain_rests_on_it() -> None:
    found = audited(None, environment("p4d.24xlarge", "p5.48xlarge", "m5.large"))
    assert (found.estimate.upper_flop, found.estimate.lower_flop, doubts(found)) == (10 * P5_HOUR, 0, set())
    assert "one-of-several-instance-types" in notes(found)
    others = f"{ACCOUNT}:compute-environment/p4d"
    beside = audited(None, environment("p4d"), environment("p5", arn=others))
    assert (beside.estimate.upper_flop, beside.estimate.lower_flop) == (10 * P5_HOUR, 0)
    assert not beside.estimate.firm_flop


def test_a_family_stands_for_its_types_and_those_that_cannot_hold_it_are_left_out() -> None:
    assert audited(None, environment("p5")).estimate.upper_flop == 10 * P5_HOUR
    assert audited(with_container(count=4), environment("g5.xlarge", "p5")).estimate.upper_flop == 10 * P5_HOUR // 2
    found = audited(None, environment("g5.xlarge"))
    assert (doubts(found), found.verdict) == ({"no-instance-type-with-as-many"}, "indeterminate")


def test_where_it_ran_is_told_by_its_cluster() -> None:
    other = environment("p5", arn=f"{ACCOUNT}:compute-environment/other", cluster="other")
    small = environment("p4d")
    assert audited(None, small, other).estimate.upper_flop == audited(None, small).estimate.upper_flop
    found = audited(None, other)
    assert (doubts(found), found.verdict) == ({"cluster-of-no-compute-environment", "no-hosts"}, "indeterminate")
    whole = batch_job(container=container(containerInstanceArn=None), attempts=None)
    assert audited(whole, small, other).estimate.upper_flop == 10 * P5_HOUR


def test_where_its_clusters_are_known_nothing_else_matters() -> None:
    gone = Unread("batch:DescribeComputeEnvironments", "NotFound")
    known = environment(arn=f"{ACCOUNT}:compute-environment/known")
    assert not doubts(audited(None, known, gone))
    assert doubts(audited(batch_job(container=container(containerInstanceArn=None), attempts=None), known, gone))
    elsewhere = "arn:aws:ecs:eu-west-1:123456789012:container-instance/other/0123"
    attempts = [{**each, "container": {"containerInstanceArn": elsewhere}} for each in tries(10)]
    found = audited(batch_job(attempts=attempts), environment())
    assert (doubts(found), found.verdict) == ({"cluster-of-no-compute-environment"}, "indeterminate")


def test_an_attempt_of_which_no_host_is_said_may_have_run_in_any_environment() -> None:
    others = environment("p4d", arn=f"{ACCOUNT}:compute-environment/other", cluster="other")
    host = {"containerInstanceArn": "arn:aws:ecs:eu-west-1:123456789012:container-instance/other/0123"}
    first, second = tries(5, 5)
    times = {"startedAt": second["startedAt"], "stoppedAt": second["stoppedAt"], "container": container(**host)}
    for unsaid in ({}, {"containerInstanceArn": "arn:aws:ecs:eu-west-1:123456789012:container-instance/0123"}):
        attempts = [{**first, "container": unsaid}, {**second, "container": host}]
        found = audited(batch_job(attempts=attempts, **times), environment(), others)
        assert found.estimate.upper_flop == 10 * P5_HOUR
    known = audited(batch_job(attempts=[{**first, "container": host}], **times), environment(), others)
    assert (known.estimate.upper_flop or 0) < 5 * P5_HOUR


@pytest.mark.parametrize(
    "changes", [{"attempts": None}, {"attempts": [], **nodes(("0:3", container()), types=("p5.48xlarge",))}]
)
def test_attempts_of_which_nothing_is_said_are_a_doubt_where_there_may_have_been_several(
    changes: dict[str, Any],
) -> None:
    once = audited({**batch_job(), **changes})
    assert not doubts(once)
    retried = audited({**batch_job(retryStrategy={"attempts": 10}), **changes})
    assert (doubts(retried), retried.verdict) == ({"attempts-not-told"}, "indeterminate")
    assert retried.estimate.lower_flop == once.estimate.lower_flop


def test_in_each_precision_the_fastest_of_its_types_bounds_it() -> None:
    one = with_container(count=1, command=["train.py"])
    mixed = environment("p5.48xlarge", "g6e.xlarge")
    l40s = audited(one, environment("g6e.xlarge"), precision="fp32").estimate.upper_flop or 0
    h100 = audited(one, environment("p5.48xlarge"), precision="fp32").estimate.upper_flop or 0
    assert h100 < l40s
    assert audited(one, mixed, precision="fp32").estimate.upper_flop == l40s
    assert audited(one, mixed).estimate.upper_flop == audited(one).estimate.upper_flop == 10 * H100 * HOUR


def test_types_without_accelerators_alone_contradict_what_it_asked_for() -> None:
    found = audited(None, environment("m5.large", "optimal"))
    assert ("no-instance-type-with-accelerators" in doubts(found), found.verdict) == (True, "indeterminate")


FARGATE = environment(computeResources={"type": "FARGATE", "maxvCpus": 4, "subnets": []})
REFUSED = Unread("batch:DescribeComputeEnvironments", "AccessDeniedException")


@pytest.mark.parametrize(
    ("given", "doubt"),
    [
        (FARGATE, "compute-environment-without-instance-types"),
        (environment(type="UNMANAGED", computeResources=None), "compute-environment-without-instance-types"),
        (REFUSED, "compute-environment-denied"),
        (Unread("batch:DescribeComputeEnvironments", "NotFound"), "compute-environment-not-known"),
        (environment("g3.16xlarge"), "unknown-instance-type"),
        (environment("p5", "g3"), "unknown-instance-type"),
    ],
    ids=["Fargate", "unmanaged", "refused", "gone", "type", "one of two types"],
)
def test_hosts_that_are_not_known_are_a_doubt_with_what_settles_it(given: dict[str, Any] | Unread, doubt: str) -> None:
    found = audited(None, given, tokens="1000", params="8e9")
    assert (doubt in doubts(found), found.verdict) == (True, "indeterminate")
    [said] = [each for each in found.estimate.doubts if each.kind.name == doubt]
    assert said.settled_by(batch_arn())


def test_without_its_compute_environments_it_is_open() -> None:
    answer = {"jobs": [batch_job()]}
    assert "no-compute-environments" in doubts(audit(Evidence(answer, source=source_of(answer)), TABLES))
    both = {**answer, "computeEnvironments": [environment()]}
    assert audit(Evidence(both, source=source_of(both)), TABLES).estimate.upper_flop == 10 * P5_HOUR


DEVICES = ("/dev/nvidia0", "/dev", "//dev/nvidia0", "/dev/./nvidia0", "/dev/char/195:0", "/mnt/../dev/nvidiactl")
OPENING = ("/", "/dev", "/dev/dri/", "/var/run/docker.sock", "/run", "//proc/1/root")
"""With its devices, or what starts containers."""
OF_THE_SYSTEM = ("/etc", "/etc/cron.d", "/sys", "/sys/fs/cgroup", "/var", "/var/lib/docker", "/usr", "/root", "/opt/x")
OF_NO_KNOWN_USE = ("/lib/systemd", "/home/ec2-user", "/mnt/../etc", "/mnt2", "/b")
FOLDERS = (*OPENING, *OF_THE_SYSTEM, *OF_NO_KNOWN_USE)


@pytest.mark.parametrize(
    "changes",
    [
        {"privileged": True},
        {"environment": [{"name": "NVIDIA_VISIBLE_DEVICES", "value": "all"}]},
        {"environment": [{"name": "AWS_NEURON_VISIBLE_DEVICES", "value": "ALL"}]},
        {"environment": [{"name": "AWS_NEURON_VISIBLE_DEVICES", "value": "0-3"}]},
        {
            "secrets": [
                {"name": "NVIDIA_VISIBLE_DEVICES", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"}
            ]
        },
        *({"linuxParameters": {"devices": [{"hostPath": path}]}} for path in DEVICES),
        *({"volumes": [{"name": "host", "host": {"sourcePath": path}}]} for path in FOLDERS),
    ],
    ids=["privileged", "variable", "all chips", "some chips", "secret", *DEVICES, *FOLDERS],
)
@pytest.mark.parametrize("count", [0, 1])
def test_who_may_reach_all_accelerators_is_bounded_by_all(changes: dict[str, Any], count: int) -> None:
    found = audited(with_container(count=count, **changes))
    assert (found.estimate.upper_flop, found.estimate.lower_flop) == (10 * P5_HOUR, 0)
    assert "may-reach-all-accelerators" in notes(found)


@pytest.mark.parametrize("family", [("g4dn", 8 * T4), ("p4d", 8 * A100), ("g5", 8 * A10G), ("g4dn.metal", 8 * T4)])
def test_who_may_reach_all_accelerators_of_a_host_of_a_family_is_bounded_by_its_largest(
    family: tuple[str, int],
) -> None:
    name, most = family
    found = audited(with_container(count=1, privileged=True), environment(name), **LLAMA)
    assert (found.estimate.upper_flop, found.estimate.lower_flop) == (10 * HOUR * most, 0)
    assert (doubts(found), found.verdict) == (set(), "below")
    long = audited(batch_job(hours=LONG, container=container(count=1, privileged=True)), environment(name), **LLAMA)
    assert (long.verdict, long.estimate.cautious_upper_flop) == ("indeterminate", 8 * LONG * HOUR * B300)


@pytest.mark.parametrize("count", [1, 8])
def test_the_hosts_of_ec2_alone_bound_a_job_that_asks_for_accelerators_of_theirs(count: int) -> None:
    found = audited(with_container(count=count), environment("g4dn.metal"), **LLAMA)
    assert (found.estimate.upper_flop, doubts(found), found.verdict) == (count * 10 * HOUR * T4, set(), "below")


def test_a_family_that_a_multi_node_job_names_may_have_hosts_that_no_table_has() -> None:
    told = nodes(("0:3", container(count=1, privileged=True)), types=("p4d",))
    found = audited(told, REFUSED, **LLAMA)
    assert (doubts(found), found.verdict) == (set(), "below")
    assert found.estimate.cautious_upper_flop == 4 * 8 * 10 * HOUR * B300


OF_DATA = ("mnt/a", "fsx", "scratch/x/..", "tmp", "var/tmp/a", "data/corpus", "nvme1", "etc/localtime", "dev/hugepages")


@pytest.mark.parametrize(
    "changes",
    [
        {"linuxParameters": {"devices": [{"hostPath": "/dev/fuse"}, {"hostPath": "/dev/infiniband/uverbs0"}]}},
        {"volumes": [{"name": "host", "host": {"sourcePath": path}} for path in map("/{}".format, OF_DATA)]},
        {"volumes": [{"name": "host", "host": {}}]},
    ],
    ids=["devices", "folders", "scratch"],
)
def test_other_devices_and_folders_of_the_host_reach_no_accelerators(changes: dict[str, Any]) -> None:
    assert audited(with_container(count=1, **changes)).estimate.lower_flop


def test_a_pod_may_reach_accelerators_through_a_folder_of_its_host() -> None:
    told = pod(limits={"cpu": "1"})
    told["podProperties"]["volumes"] = [{"name": "host", "hostPath": {"path": "/var/run/"}}]
    assert "may-reach-all-accelerators" in notes(audited(batch_job(container=None, eksProperties=told)))


def test_chips_of_neuron_are_accelerators() -> None:
    devices = [{"hostPath": f"/dev{'/.' * (number % 2)}/neuron{number}"} for number in range(16)]
    found = audited(with_container(count=0, linuxParameters={"devices": devices}), environment("trn1.32xlarge"))
    assert (found.estimate.accelerator_seconds, doubts(found)) == (16 * 10 * HOUR, set())


@pytest.mark.parametrize(
    ("resources", "count"),
    [
        ({"limits": {"nvidia.com/gpu": "4"}}, 4),
        ({"requests": {"nvidia.com/gpu": "2"}, "limits": {"cpu": "1"}}, 2),
    ],
)
def test_a_pod_asks_in_its_resources(resources: dict[str, Any], count: int) -> None:
    attempts = [{"startedAt": each["startedAt"], "stoppedAt": each["stoppedAt"]} for each in tries(10)]
    answer = batch_job(container=None, attempts=None, eksProperties=pod(**resources), eksAttempts=attempts)
    found = audited(answer)
    assert found.estimate.upper_flop == count * 10 * H100 * HOUR
    assert found.base_model == "meta-llama/Llama-3.1-8B"


def test_a_part_of_an_accelerator_is_at_most_a_whole_one() -> None:
    answer = batch_job(container=None, eksProperties=pod(limits={"nvidia.com/mig-1g.5gb": "2"}))
    estimate = audited(answer).estimate
    assert (estimate.upper_flop, estimate.lower_flop) == (2 * 10 * H100 * HOUR, 0)


def test_cores_of_neuron_are_at_most_half_a_chip_each() -> None:
    chips = []
    for cores in (1, 2, 3, 32):
        answer = batch_job(container=None, eksProperties=pod(limits={"aws.amazon.com/neuroncore": str(cores)}))
        found = audited(answer, environment("trn1.32xlarge"))
        chips.append((found.estimate.accelerator_seconds or 0) / (10 * HOUR))
        assert (found.estimate.lower_flop, doubts(found)) == (0, set())
    assert chips == [1, 1, 2, 16]


def test_containers_beside_each_other_add_up_and_those_before_them_do_not() -> None:
    containers = [{"image": "a", "resourceRequirements": gpus(2)}, {"image": "b", "resourceRequirements": gpus(3)}]
    ecs = {"taskProperties": [{"containers": containers, "taskRoleArn": "arn:aws:iam::123456789012:role/tasks"}]}
    answer = batch_job(container=None, ecsProperties=ecs)
    assert audited(answer).estimate.upper_flop == 5 * 10 * H100 * HOUR
    assert case_of(batch_evidence(answer)).run.role == "arn:aws:iam::123456789012:role/tasks"
    resources = {"limits": {"nvidia.com/gpu": "2"}}
    inside = {
        "containers": [{"image": "a", "resources": resources}],
        "initContainers": [{"image": "b", "resources": resources}],
    }
    assert (
        audited(batch_job(container=None, eksProperties={"podProperties": inside})).estimate.upper_flop
        == 2 * 10 * H100 * HOUR
    )


def test_a_multi_node_job_counts_all_its_nodes() -> None:
    assert audited(nodes(("0:", container()))).estimate.upper_flop == 40 * P5_HOUR
    assert audited(nodes(("0:3", container()), types=("p4d.24xlarge",)), REFUSED).estimate.upper_flop
    assert not doubts(audited(nodes(("0:3", container()), types=("p4d.24xlarge",)), REFUSED))
    within = nodes(("0:3", container()), ("2:3", container(count=2)))
    assert (audited(within).estimate.upper_flop, doubts(audited(within))) == (40 * P5_HOUR, set())
    some = nodes(("0", container()), ("1:3", container(count=0)))
    assert audited(some).estimate.upper_flop == 10 * P5_HOUR


@pytest.mark.parametrize("text", ["1:", "0:2", "every", "", ":", "3:1"])
def test_nodes_of_which_nothing_is_said_are_a_doubt(text: str) -> None:
    found = audited(nodes((text, container())))
    if text == ":":
        assert found.estimate.upper_flop == 40 * P5_HOUR
    else:
        assert (found.verdict, found.estimate.method) in (("indeterminate", "hardware"), ("indeterminate", "unknown"))
    assert audited(nodes()).verdict == "indeterminate", "none of its nodes is said to ask for nothing"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (with_container(count=0), "no accelerators"),
        (with_container(count=0, environment=[{"name": "NVIDIA_VISIBLE_DEVICES", "value": "void"}]), "no accelerators"),
        (batch_job(arrayProperties={"size": 3, "statusSummary": {}}), "children"),
        (batch_job(jobArn=batch_arn(1, "#2"), nodeDetails={"nodeIndex": 2, "isMainNode": False}), "node"),
        (batch_job(jobArn=batch_arn().replace(":job/", ":service-job/")), "service job"),
    ],
    ids=["CPU", "none visible", "array", "node", "service job"],
)
def test_what_is_no_run_is_passed_over_with_the_reason(answer: dict[str, Any], reason: str) -> None:
    with pytest.raises(PassedOver, match=reason):
        case_of(batch_evidence(answer))


def test_a_child_of_an_array_is_a_run() -> None:
    child = batch_job(
        jobArn=batch_arn(1, ":3"), jobId=f"{batch_id()}:3", arrayProperties={"index": 3, "size": 9, "statusSummary": {}}
    )
    assert audited(child).estimate.upper_flop == 10 * P5_HOUR


def test_what_its_owner_wrote_is_read_as_that_of_a_training_job() -> None:
    command = [
        "bash",
        "-c",
        "python train.py --model_name_or_path Ref::model && aws s3 cp /out s3://teams/$AWS_BATCH_JOB_ID/ --recursive",
    ]
    answer = batch_job(
        parameters={"model": "s3://models/base/"},
        container=container(
            command=command, environment=[{"name": "CHECKPOINT_DIR", "value": "s3://teams/checkpoints/"}]
        ),
    )
    run = case_of(batch_evidence(answer)).run
    assert "s3://models/base" in {str(each.location) for each in run.begins}
    left = {str(each) for each in run.results}
    assert {batch_arn(), f"s3://teams/{batch_id()}", "s3://teams/checkpoints"} <= left
    assert Location(NAMES, (batch_id(),)) in run.results


EFS = {"name": "shared", "efsVolumeConfiguration": {"fileSystemId": "fs-1"}}
OF_A_LATER_KIND = {"name": "shared", "s3filesVolumeConfiguration": {"fileSystemArn": "arn:aws:s3files"}}
SCRATCH = {"name": "shared", "host": {}}


@pytest.mark.parametrize(
    ("volume", "words", "kinds"),
    [
        (EFS, ["--model_name_or_path", "/mnt/shared/run-1"], {"data-not-followed", "model-not-followed"}),
        (EFS, ["--model_name_or_path=/mnt/shared/run-1"], {"data-not-followed", "model-not-followed"}),
        (
            EFS,
            ["bash", "-c", "train --model_name_or_path '/mnt/shared/run-1'"],
            {"data-not-followed", "model-not-followed"},
        ),
        *(
            (each, ["--model_name_or_path", path], {"data-not-followed", "model-not-followed"})
            for each in (EFS, OF_A_LATER_KIND)
            for path in ("/mnt//shared/run-1", "/mnt/./shared/run-1", "//mnt/shared//run-1")
        ),
        (EFS, ["--model_name_or_path", "/mnt/shared-not/run-1"], {"data-not-followed"}),
        (EFS, ["--lr", "1"], {"data-not-followed"}),
        (SCRATCH, ["--model_name_or_path", "/mnt/shared/run-1"], set()),
    ],
)
def test_a_volume_that_outlives_it_is_a_file_system_as_a_training_jobs(
    volume: dict[str, Any], words: list[str], kinds: set[str]
) -> None:
    mounts = [{"sourceVolume": "shared", "containerPath": "/mnt/shared/"}]
    told = container(command=["train.py", *words], volumes=[volume], mountPoints=mounts)
    run = case_of(batch_evidence(batch_job(container=told))).run
    assert {each.kind.name for each in (*run.begins_notes, *run.begins_doubts)} == kinds


def test_results_are_left_in_each_attempt_and_by_the_name_of_its_environment() -> None:
    place = "s3://teams/$AWS_BATCH_CE_NAME/${AWS_BATCH_JOB_ATTEMPT}/"
    command = ["bash", "-c", "train && aws s3 cp --recursive /out s3://teams/out-$AWS_BATCH_JOB_ATTEMPT/"]
    told = container(environment=[{"name": "OUTPUT_DIR", "value": place}], command=command)
    word = container(command=["train.py", "--output_dir", "s3://teams/word-${AWS_BATCH_JOB_ATTEMPT}/"])
    run = case_of(batch_evidence({**RETRIED, "container": word})).run
    assert {"s3://teams/word-1", "s3://teams/word-2"} <= {str(each) for each in run.results}
    run = case_of(batch_evidence({**RETRIED, "container": told})).run
    left = {str(each) for each in run.results}
    assert {"s3://teams/p5/1", "s3://teams/p5/2", "s3://teams/out-1", "s3://teams/out-2"} <= left


@pytest.mark.parametrize(
    ("answer", "what"),
    [
        (batch_job(parameters={f"p{number}": "a" for number in range(501)}), "hyperparameters"),
        (with_container(environment=[{"name": f"p{number}", "value": "a"} for number in range(501)]), "variables"),
        (with_container(command=["a"] * 501), "arguments"),
    ],
    ids=["parameters", "variables", "words"],
)
def test_more_than_is_read_is_a_doubt_and_no_reason_for_no_record(answer: dict[str, Any], what: str) -> None:
    found = audited(answer, base_model="meta-llama/Llama-3.1-8B")
    assert (doubts(found), found.verdict) == ({"too-much-to-read"}, "indeterminate")
    assert found.estimate.doubts[0].fact("what") == (what,)


def test_two_containers_that_say_unlike_things_are_both_heard() -> None:
    first = {
        "image": "a",
        "resourceRequirements": gpus(1),
        "environment": [{"name": "OUTPUT_DIR", "value": "s3://a/b/"}],
    }
    second = {"image": "b", "environment": [{"name": "OUTPUT_DIR", "value": "s3://c/d/"}]}
    ecs = {"taskProperties": [{"containers": [first, second]}]}
    run = case_of(batch_evidence(batch_job(container=None, ecsProperties=ecs))).run
    assert {"s3://a/b", "s3://c/d"} <= {str(each) for each in (*run.results, *(r.location for r in run.begins))}


def test_names_of_two_models_in_two_containers_disagree_whichever_comes_first() -> None:
    containers = [
        {"image": name, "environment": [{"name": "MODEL_ID", "value": f"meta-llama/Llama-3.1-{name}"}]}
        for name in ("8B", "405B")
    ]
    asks = {"resourceRequirements": gpus(8)}
    for first, second in (containers, containers[::-1]):
        told = {"taskProperties": [{"containers": [{**first, **asks}, second]}]}
        found = audited(batch_job(container=None, ecsProperties=told, hours=20000))
        assert ("model-names-disagree" in notes(found), found.verdict) == (True, "indeterminate")


@pytest.mark.parametrize("start", [["train.py", "--model"], ["bash", "-c", "train.py --model"]], ids=["words", "shell"])
def test_the_options_of_two_containers_are_both_heard(start: list[str]) -> None:
    *words, last = start
    names = [f"meta-llama/Llama-3.1-{size}" for size in ("8B", "405B")]
    for first, second in (names, names[::-1]):
        containers = [
            {"image": "a", "command": [*words, f"{last} {name}"] if words[1:] else [*start, name], **asks}
            for name, asks in ((first, {"resourceRequirements": gpus(8)}), (second, {}))
        ]
        told = {"taskProperties": [{"containers": containers}]}
        found = audited(batch_job(container=None, ecsProperties=told, hours=20000))
        assert ("model-names-disagree" in notes(found), found.verdict) == (True, "indeterminate")


def test_parameters_are_filled_in_once_and_no_more_than_is_read() -> None:
    named = batch_job(
        parameters={"model": "s3://models/Ref::size", "size": "8B"},
        container=container(command=["--model_id", "Ref::model"]),
    )
    assert "s3://models/Ref::size" in {str(each.location) for each in case_of(batch_evidence(named)).run.begins}
    names = [f"{'p' * (40 - number)}" for number in range(13)]
    within = dict(zip(names, [f"Ref::{each}" * 4 for each in names[1:]] + ["x"], strict=True))
    found = audited(batch_job(parameters=within, container=container(command=[f"Ref::{names[0]}"])))
    assert not doubts(found)
    long = batch_job(parameters={"a": "x" * 10_000}, container=container(command=["Ref::a" * 2_000]))
    assert doubts(audited(long)) == {"too-much-to-read"}


RETRIED = batch_job(
    attempts=tries(5, 5), startedAt=tries(5, 5)[-1]["startedAt"], stoppedAt=tries(5, 5)[-1]["stoppedAt"]
)
POLICY = {"updatePolicy": {"terminateJobsOnUpdate": True, "jobExecutionTimeoutMinutes": 30}}


@pytest.mark.parametrize(
    ("answer", "changes", "expected"),
    [
        (RETRIED, POLICY, {"compute-environment-updated"}),
        (batch_job(), {"status": "UPDATING"}, {"compute-environment-updated"}),
        (RETRIED, {"status": "VALID"}, set()),
        (batch_job(), POLICY, set()),
    ],
    ids=["retried", "being updated", "retried without an update", "one attempt"],
)
def test_on_an_environment_that_was_updated_no_lower_bound_rests(
    answer: dict[str, Any], changes: dict[str, Any], expected: set[str]
) -> None:
    found = audited(answer, environment(**changes), base_model="meta-llama/Llama-3.1-8B")
    assert (notes(found) & {"compute-environment-updated"}, doubts(found), found.verdict) == (expected, set(), "below")
    assert bool(found.estimate.lower_flop) == (not expected)
    assert "instance-types-as-of-the-audit" in notes(found)


P4D = environment("p4d.24xlarge")


def test_what_an_environment_allows_now_does_not_prove_what_it_allowed_then() -> None:
    """Given: one that may have allowed faster hosts, of which AWS Batch keeps no word."""
    found = audited(batch_job(hours=LONG), P4D, **LLAMA)
    estimate = found.estimate
    assert (estimate.upper_flop, estimate.cautious_upper_flop) == (8 * LONG * HOUR * A100, 8 * LONG * HOUR * B300)
    assert (doubts(found), found.verdict) == (set(), "indeterminate")
    assert estimate.settle is not None
    assert estimate.settle.kind.name == "on-the-fastest-hosts"
    short = audited(batch_job(hours=LONG / 10), P4D, **LLAMA)
    assert (doubts(short), short.verdict) == (set(), "below")


def test_a_queue_that_was_moved_within_its_cluster_does_not_prove_where_it_ran() -> None:
    """Given: an environment of the same EKS cluster, to which the queue points at the audit."""
    eks = {"eksClusterArn": "arn:aws:eks:eu-west-1:123456789012:cluster/all", "kubernetesNamespace": "batch"}
    slow = environment("p4d.24xlarge", arn=f"{ACCOUNT}:compute-environment/slow", eksConfiguration=eks)
    told = pod(limits={"nvidia.com/gpu": "8"})
    for hours, verdict in ((LONG, "indeterminate"), (LONG / 10, "below")):
        attempts = [{**each, "container": {}, "eksClusterArn": eks["eksClusterArn"]} for each in tries(hours)]
        answer = batch_job(hours=hours, container=None, attempts=None, eksProperties=told, eksAttempts=attempts)
        assert audited(answer, {**slow, "ecsClusterArn": None}, **LLAMA).verdict == verdict


def test_the_fastest_hosts_are_those_with_as_many_accelerators_of_the_kind_that_it_asked_for() -> None:
    def most(answer: dict[str, Any], *types: str) -> float:
        estimate = audited(answer, environment(*types)).estimate
        return (estimate.cautious_upper_flop or 0) / (10 * HOUR)

    chips = [{"hostPath": f"/dev/neuron{number}"} for number in range(2)]
    of_neuron = with_container(count=0, linuxParameters={"devices": chips})
    assert most(of_neuron, "trn1.32xlarge") == 2 * TRAINIUM2
    cores = batch_job(container=None, eksProperties=pod(limits={"aws.amazon.com/neuroncore": "4"}))
    assert most(cores, "trn1.32xlarge") == 2 * TRAINIUM2
    of_gb200 = 2_500_000_000_000_000
    assert most(with_container(count=4), "g5.12xlarge") == 4 * of_gb200
    assert most(with_container(count=8), "g5.48xlarge") == 8 * B300
    assert most(with_container(count=0, privileged=True), "p5.48xlarge") == 8 * B300


def test_a_persons_tokens_settle_on_which_hosts_it_ran() -> None:
    told = Amendment("Ada", "counted", CREATED, tokens=10**11, parameters=8_030_000_000)
    evidence = replace(batch_evidence(batch_job(hours=LONG), P4D, **LLAMA), amendments=(told,))
    estimate = audit(evidence, TABLES).estimate
    assert (estimate.method, estimate.cautious_upper_flop) == ("architecture", estimate.upper_flop)
    assert audit(evidence, TABLES).verdict == "below"


def test_types_that_a_multi_node_job_names_are_not_the_environments() -> None:
    found = audited(nodes(("0:3", container()), types=("p4d.24xlarge",)), environment(status="UPDATING"))
    assert not doubts(found)
    assert "instance-types-as-of-the-audit" not in notes(found)


@pytest.mark.parametrize(
    "changes",
    [
        {"jobArn": "arn:aws:batch:eu-west-1:123456789012:job-queue/gpus"},
        {"jobName": None},
        {"createdAt": "soon"},
        {"container": "trainer"},
        {"attempts": [{"startedAt": -5}]},
        {"nodeProperties": {"numNodes": 0, "mainNode": 0, "nodeRangeProperties": []}},
        {"parameters": {"a": 5}},
        {"tags": [1]},
    ],
)
def test_what_the_api_does_not_promise_is_a_named_error(changes: dict[str, Any]) -> None:
    with pytest.raises(MalformedBatchJob):
        case_of(
            batch_evidence(batch_job(**changes))
            if "tags" not in changes
            else Evidence(batch_job(**changes), source="batch:job")
        )


def test_an_answer_about_several_jobs_is_no_answer_about_one() -> None:
    for jobs in ([], [batch_job(), batch_job(2)], 5):
        answer = {"jobs": jobs}
        with pytest.raises(MalformedBatchJob, match="one"):
            case_of(Evidence(answer, source=source_of(answer)))


def test_a_job_by_itself_is_one_of_batchs_and_a_service_job_is_named() -> None:
    """As `--query 'jobs[0]'` and `aws batch describe-service-job` answer: Bedrock's jobs have a jobArn, too."""
    alone = batch_job()
    assert case_of(Evidence(alone, source=source_of(alone))).run.name == alone["jobName"]
    wrapping = {
        "jobArn": batch_arn().replace(":job/", ":service-job/"),
        "jobId": "aaaa",
        "jobName": "a",
        "jobQueue": alone["jobQueue"],
        "serviceJobType": "SAGEMAKER_TRAINING",
        "startedAt": 1,
        "status": "SUCCEEDED",
    }
    for answer in (wrapping, {name: wrapping[name] for name in wrapping if name != "jobQueue"}):
        with pytest.raises(PassedOver, match="service job"):
            case_of(Evidence(answer, source=source_of(answer)))
    for damaged in ({**alone, "status": None}, {"jobArn": alone["jobArn"], "jobName": "a"}):
        with pytest.raises(MalformedBatchJob):
            case_of(Evidence(damaged, source=source_of(damaged)))


def test_states_that_are_not_known_neither_go_on_nor_have_ended() -> None:
    assert [state_of_batch_job(each) for each in ("RUNNABLE", "SUCCEEDED", "FAILED", "Deleted", "NEW")] == [
        *("running", "succeeded", "error", "gone", "ending")
    ]


def test_a_requirement_that_is_no_number_is_a_doubt() -> None:
    found = audited(with_container(resourceRequirements=[{"type": "GPU", "value": "all"}]))
    assert (doubts(found), found.verdict) == ({"accelerators-not-read"}, "indeterminate")


def test_evidence_reads_back_as_it_was() -> None:
    evidence = batch_evidence(None, environment(), REFUSED)
    assert case_of(parse_evidence(evidence.to_bytes())).run == case_of(evidence).run


def test_the_command_line_takes_the_unchanged_answer(tmp_path: Path) -> None:
    path = tmp_path / "job.json"
    path.write_text(json.dumps({"jobs": [batch_job()], "computeEnvironments": [environment()]}))
    result = CliRunner().invoke(app, ["audit", str(path), "--output", "json"])
    told = json.loads(result.stdout)
    assert (told["job"]["source"], told["estimate"]["upper_flop"]) == ("batch:job", 10 * P5_HOUR)
    path.write_text(json.dumps({"jobs": [with_container(count=0)]}))
    result = CliRunner().invoke(app, ["audit", str(path)])
    assert isinstance(result.exception, PassedOver)
