"""Runs on a cluster from its operator's files: each hour once, and never below on a doubt."""

import json
import tracemalloc
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.evidence import Evidence
from flops_auditor.domain.runs.run import Hosts, Run
from flops_auditor.domain.runs.sources import slurm_steps
from flops_auditor.domain.runs.sources.cases import case_of, kept_case, read_case
from flops_auditor.domain.runs.sources.cluster_answers import MalformedCluster
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, cluster_answers
from flops_auditor.domain.runs.sources.operators_file import MOST_LINES, MOST_RUNS, read_operators_file
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.json_size import LARGEST_EVIDENCE, has_room
from tests.fakes.clusters import (
    ARN,
    HEADER,
    HOST,
    NOTHING_BEFORE,
    PEAK,
    WHO,
    at,
    condition,
    describe_cluster,
    evidence,
    host,
    instance,
    kinds,
    kubectl,
    line,
    listing,
    metadata,
    node,
    of_group,
    pod,
    pytorch_job,
    sacct,
    slurm_time,
)

TABLES = load_tables()


def runs(body: bytes, of: ClusterAnswers | None = None) -> list[Run]:
    return [case_of(each).run for each in evidence(body, of)]


def the_run(body: bytes, of: ClusterAnswers | None = None) -> Run:
    (run,) = runs(body, of)
    return run


def audited(body: bytes, of: ClusterAnswers | None = None, trusts: bool = True) -> Audit:
    (of_run,) = evidence(body, of)
    return audit_of(of_run, trusts)


def audit_of(of_run: Evidence, trusts: bool = True) -> Audit:
    case = read_case(of_run.to_bytes())
    lineage = not_looked_up(case.run.begins, case.run.results, case.run.begins_doubts)
    return audit(case, replace(TABLES, trusts_statements=trusts), lineage)


def host_hours(run: Run) -> Fraction | None:
    count = sum(each.instance_count for each in run.hosts)
    return None if run.time.seconds is None else count * run.time.seconds / 3600


def test_a_slurm_job_has_its_hosts_for_so_long() -> None:
    run = the_run(sacct(line()))
    assert (run.arn, run.name, run.state, run.status) == (f"{ARN}/100", "tune-100", "succeeded", "COMPLETED")
    assert (run.hosts, run.time.seconds) == ((Hosts(HOST, 2),), 7200)
    assert (run.created, run.started, run.ended) == (at(0.5), at(1), at(3))
    done = audited(sacct(line()))
    assert (done.verdict, done.estimate.cautious_upper_flop) == ("below", 2 * 8 * 7200 * PEAK)


def test_a_kubernetes_job_has_its_pods_nodes_for_so_long() -> None:
    body = kubectl(pytorch_job(), pod(1), pod(2))
    run = the_run(body)
    assert (run.arn, run.name, run.state) == (f"{ARN}/team-a/pytorchjob/tune", "tune", "succeeded")
    assert (run.hosts, run.time.seconds) == ((Hosts(HOST, 2),), 7200)
    done = audited(body)
    assert (done.verdict, done.estimate.cautious_upper_flop) == ("below", 2 * 8 * 7200 * PEAK)


def test_who_says_so_is_in_the_record_and_below_rests_on_it() -> None:
    done = audited(sacct(line()))
    assert WHO in done.run.time.basis.words
    assert done.on_the_jobs_word
    assert audited(sacct(line()), trusts=False).verdict == "indeterminate"


def test_a_precision_tag_lowers_the_bound_on_its_owners_word() -> None:
    tagged = audited(sacct(line(comment="flops-auditor:lineage=none;flops-auditor:precision=bf16")))
    assert tagged.estimate.cautious_upper_flop == 2 * 8 * 7200 * 989_400_000_000_000
    assert "format-not-seen" in kinds(audited(sacct(line())).estimate.assumptions)
    assert "format-not-seen" not in kinds(tagged.estimate.assumptions)


def test_what_nothing_says_of_its_lineage_leaves_it_open() -> None:
    done = audited(sacct(line(comment="")))
    assert done.verdict == "indeterminate"
    assert "cluster-lineage-not-said" in kinds(done.lineage.doubts)


def test_steps_lie_in_their_job_and_lines_that_stand_twice_count_once() -> None:
    steps = [line(f"100.{name}", comment="", JobName=name) for name in ("batch", "extern", "0")]
    assert host_hours(the_run(sacct(line(), *steps, line()))) == 4
    assert kinds(the_run(sacct(*steps)).data_doubts) == {"operators-steps-alone"}


def test_lines_that_overlap_count_each_second_of_a_host_once() -> None:
    assert host_hours(the_run(sacct(line(), line(start=2, end=4, hosts=host(1))))) == 5


def test_attempts_of_a_job_are_one_run() -> None:
    first = line(end=2, state="NODE_FAIL")
    second = line(start=4, end=7, hosts=host(2), Submit=slurm_time(at(2)))
    run = the_run(sacct(second, first))
    assert (host_hours(run), run.created, run.state) == (5, at(0.5), "succeeded")
    assert (run.started, run.ended) == (at(1), at(7))


@pytest.mark.parametrize("waiting", ["7_[3-9%2]", "7_[0-12:2]", "7_[1,5,9,12,...%3]", "7_[3]"])
def test_tasks_of_an_array_are_runs_and_waiting_ones_are_none(waiting: str) -> None:
    made = runs(sacct(line("7_1"), line("7_2"), line(waiting, start=None, end=None, hosts="None assigned")))
    assert all(not run.data_doubts for run in made)
    assert [run.arn for run in made] == [f"{ARN}/7_1", f"{ARN}/7_2"]


def test_tasks_that_were_cancelled_before_they_began_are_none() -> None:
    cancelled = line("7_[3-9]", start=2, end=2, hosts="None assigned", state="CANCELLED by 1000")
    assert [run.data_doubts for run in runs(sacct(line("7_1"), cancelled))] == [()]


def test_components_of_a_job_are_one_run() -> None:
    assert host_hours(the_run(sacct(line("8+0", hosts=host(1)), line("8+1", hosts=host(2))))) == 4


def test_a_running_job_has_no_end() -> None:
    for body in (
        sacct(line(end=None, state="RUNNING", Elapsed="02:00:00")),
        kubectl(pytorch_job(end=None), pod(1, end=None), pod(2, end=None)),
    ):
        done = audited(body)
        assert (done.run.state, done.run.ended, done.verdict) == ("running", None, "indeterminate")


def test_hours_of_what_goes_on_are_those_that_the_file_proves() -> None:
    assert host_hours(the_run(sacct(line(end=None, state="RUNNING", Elapsed="01:30:00")))) == 3
    going_on = pytorch_job(end=None)
    going_on["status"]["conditions"].append(condition("Running", 5))
    assert host_hours(the_run(kubectl(going_on, pod(1, end=None), pod(2, end=None)))) == 2 * 4


@pytest.mark.parametrize("start", [None, 2])
def test_a_job_that_never_had_hosts_is_none(start: float | None) -> None:
    assert runs(sacct(line(start=start, end=start, hosts="None assigned", state="CANCELLED by 1000"))) == []


@pytest.mark.parametrize(
    ("tres", "elapsed", "share"),
    [
        ("cpu=4,mem=8G,node=2", "02:00:00", Fraction(0)),
        ("gres/gpu:h100=16,gres/gpu=16,node=2", "02:00:00", Fraction(1)),
        ("gres/gpu=4,node=2", "02:00:00", Fraction(1, 4)),
        ("gres/gpu=16,node=2", "00:30:00", Fraction(1, 4)),
        ("gres/gpu=16,gres/gpu:h100_1g.10gb=16", "02:00:00", Fraction(0)),
    ],
    ids=["none", "all", "some", "suspended", "slices"],
)
def test_the_lower_bound_rests_on_what_slurm_gave_and_the_upper_on_whole_hosts(
    tres: str, elapsed: str, share: Fraction
) -> None:
    whole = audited(sacct(line(AllocTRES="gres/gpu=16,node=2"))).estimate
    given = audited(sacct(line(AllocTRES=tres, Elapsed=elapsed))).estimate
    assert whole.lower_flop
    assert given.lower_flop == share * whole.lower_flop
    assert given.upper_flop == whole.upper_flop
    assert ("given-a-part-of-its-hosts" in kinds(given.assumptions)) == (share < 1)


def test_a_job_that_has_no_accelerators_is_never_above() -> None:
    of = cluster_answers(describe_cluster(64), [listing(*map(node, range(1, 65)))])
    comment = f"{NOTHING_BEFORE};flops-auditor:base-model=meta-llama/Llama-3.2-1B"

    def verdict(tres: str) -> str:
        return audited(sacct(line(end=720, hosts="ip-10-1-0-[1-64]", comment=comment, AllocTRES=tres)), of).verdict

    assert verdict("gres/gpu=512,node=64") == "above"
    assert verdict("cpu=4,node=64") == "indeterminate"


def test_an_allocation_that_stands_twice_gives_its_accelerators_once() -> None:
    twice = sacct(
        line(end=None, state="RUNNING", Elapsed="01:00:00", AllocTRES="gres/gpu=4"), line(AllocTRES="gres/gpu=4")
    )
    assert the_run(twice).surely_given == 4 * 7200


HOURS_IN_DOUBT: dict[str, tuple[bytes, str]] = {
    "no end": (sacct(line(end=None)), "operators-line-without-end"),
    "an attempt without end": (
        sacct(line(end=None, state="RUNNING"), line(start=5, end=6, Submit=slurm_time(at(4)))),
        "operators-line-without-end",
    ),
    "no start": (sacct(line(start=None)), "operators-line-without-end"),
    "reversed": (sacct(line(start=3, end=1, Elapsed="00:00:00")), "operators-times-reversed"),
    "to come": (sacct(line(end=24 * 40)), "operators-times-to-come"),
    "elapsed more": (sacct(line(Elapsed="90-00:00:00")), "operators-times-contradict"),
    "fewer hosts": (sacct(line(AllocTRES="cpu=1,node=64")), "operators-hosts-not-named"),
    "fewer hosts than NNodes": (sacct(line(NNodes="64")), "operators-hosts-not-named"),
    "never submitted": (sacct(line(Submit="Unknown")), "operators-lines-torn"),
    "a pod made later": (
        kubectl(
            pytorch_job(), pod(1), pod(2) | {"metadata": metadata("x", "tune", creationTimestamp=at(2).isoformat())}
        ),
        "operators-hosts-not-named",
    ),
    "fewer pods than completions": (
        kubectl(pytorch_job(kind="Job", spec={"parallelism": 1, "completions": 3}), pod(1), pod(2)),
        "operators-hosts-not-named",
    ),
    "more completions than are counted": (
        kubectl(pytorch_job(kind="Job", spec={"parallelism": 1, "completions": 2 * 10**6}), pod(1), pod(2)),
        "operators-hosts-not-named",
    ),
    "no start of a job": (
        kubectl(pytorch_job(status=pytorch_job()["status"] | {"startTime": None}), pod(1), pod(2)),
        "operators-line-without-end",
    ),
    "no hosts": (sacct(line(hosts="None assigned")), "operators-hosts-not-named"),
    "strange hosts": (sacct(line(hosts="ip-10-9-9-9")), "cluster-hosts-not-listed"),
    "before its launch": (sacct(line(start=-5)), "cluster-hosts-not-launched"),
    "a torn line": (sacct(line(), "100|tune-100|urs"), "operators-lines-torn"),
    "a name with a bar": (sacct(line(), line(JobName="a|b")), "operators-lines-torn"),
    "no offset": (sacct(line(), line(start=5, end=9, Start="2026-10-01T05:00:00")), "operators-times-without-offset"),
    "no offset at all": (sacct(line()).replace(b"+0000", b""), "operators-times-without-offset"),
    "a step longer than its allocation": (
        sacct(line(), line("100.batch", comment="", JobName="batch"), line("100.0", end=500, comment="")),
        "operators-steps-contradict",
    ),
    "a step of a job that waits": (
        sacct(line(start=None, end=None, hosts="None assigned", state="PENDING"), line("100.0", comment="")),
        "operators-steps-contradict",
    ),
    "a step before its allocation": (sacct(line(), line("100.0", start=0.6, comment="")), "operators-steps-contradict"),
    "a step of the time of one that is torn": (
        sacct(line(), line("100.0", end=500, hosts="ip-[", comment=""), line("100.1", end=500, comment="")),
        "operators-steps-contradict",
    ),
    "a step on hosts that its allocation had not": (
        sacct(line(hosts=host(1)), line("100.0", hosts=host(2), comment="")),
        "operators-steps-contradict",
    ),
    "a step between two attempts": (
        sacct(line(end=2, state="NODE_FAIL"), line(start=4, end=7, Submit=slurm_time(at(2))), line("100.0", end=7)),
        "operators-steps-contradict",
    ),
    "a line break in a name, before tasks that wait": (
        sacct(line(JobName=f"{line(end=1.01).partition('|')[2]}\n100_[1]|x")),
        "operators-lines-of-no-run",
    ),
    "no time that it took": (sacct(line(end=None, state="RUNNING", Elapsed="")), "operators-line-without-end"),
    "absurd hosts": (sacct(line(), line(hosts="ip-[1-99999999]")), "operators-lines-torn"),
    "an absurd time": (sacct(line(), line(Start="99999-10-01T05:00:00Z")), "operators-lines-torn"),
    "a line torn in its JobID": (sacct(line(), line(start=5, end=9)[:2]), "operators-lines-of-no-run"),
    "a line of nobody": (sacct(line(), "tuned|for|hours"), "operators-lines-of-no-run"),
    "bytes": (sacct(line()) + b"\xff\xfe100|\n", "operators-lines-of-no-run"),
    "two statements": (sacct(line(), line(comment="flops-auditor:lineage=tune-99")), "operators-statements-differ"),
    **{
        f"a statement that is made twice, {name}": (sacct(line(comment=comment)), "operators-statements-differ")
        for name, comment in {
            "the last harmless": "flops-auditor:lineage=tune-99;flops-auditor:lineage=none",
            "the first harmless": "flops-auditor:lineage=none;flops-auditor:lineage=tune-99",
            "with spaces": "flops-auditor:lineage =tune-99; flops-auditor:lineage = none",
            "nothing the one time": "flops-auditor:lineage=;flops-auditor:lineage=none",
        }.items()
    },
    "attempts that the file lacks": (
        sacct(line(Restarts="1")),
        "operators-attempts-missing",
    ),
    "a file without the column of restarts": (
        sacct(line()).replace(b"State|Restarts", b"State|Other"),
        "operators-restarts-not-told",
    ),
    "an attempt without a number of restarts": (
        sacct(line(end=2, state="NODE_FAIL"), line(start=4, end=7, Restarts="", Submit=slurm_time(at(2)))),
        "operators-restarts-not-told",
    ),
    "two users": (sacct(line(), line(User="otto")), "operators-statements-differ"),
    "pods gone": (kubectl(pytorch_job(start=1, end=9), pod(1), pod(2)), "pods-gone"),
    "pods fewer": (kubectl(pytorch_job(workers=63), pod(1), pod(2)), "operators-hosts-not-named"),
    "no pods": (kubectl(pytorch_job()), "operators-hosts-not-named"),
    "a pod without node": (kubectl(pytorch_job(), pod(1), pod(2) | {"spec": {}}), "operators-hosts-not-named"),
    "a pod without end": (
        kubectl(pytorch_job(), pod(1), pod(2, containerStatuses=[])),
        "operators-line-without-end",
    ),
    "a job of which two things are said": (
        kubectl(pytorch_job(status={**pytorch_job()["status"], "restarts": 3}), pytorch_job(), pod(1), pod(2)),
        "operators-statements-differ",
    ),
    "an object that is two kinds of jobs": (
        kubectl(
            pytorch_job(kind="MPIJob", status={**pytorch_job()["status"], "restarts": 3}), pytorch_job(), pod(1), pod(2)
        ),
        "operators-statements-differ",
    ),
    "a pod of which two things are said": (
        kubectl(pytorch_job(), pod(1), pod(2, end=2), pod(2), pod(2)),
        "operators-statements-differ",
    ),
    "no completion": (
        kubectl(pytorch_job(status={"conditions": [{"type": "Succeeded", "status": "True"}]}), pod(1), pod(2)),
        "operators-line-without-end",
    ),
    "an evicted workload": (
        kubectl(
            pytorch_job(),
            pod(1),
            pod(2),
            {
                "kind": "Workload",
                "metadata": metadata("w", "tune"),
                "status": {"conditions": [condition("Evicted", 1)]},
            },
        ),
        "earlier-attempts",
    ),
    "an unreadable time": (kubectl(pytorch_job(), pod(1), pod(2, startTime=[1])), "operators-lines-torn"),
    "an object of nobody": (kubectl(pytorch_job(), pod(1), pod(2), {"kind": "Pod"}), "operators-lines-of-no-run"),
}


@pytest.mark.parametrize("name", HOURS_IN_DOUBT)
def test_hours_in_doubt_are_never_below(name: str) -> None:
    body, kind = HOURS_IN_DOUBT[name]
    done = audited(body)
    assert done.verdict == "indeterminate"
    assert kind in kinds(done.estimate.doubts)
    assert done.estimate.upper_flop is None, "nothing bounds what is not known"


def test_a_statement_that_is_made_twice_alike_is_one() -> None:
    assert audited(kubectl(pytorch_job(), pytorch_job(), pod(1), pod(1), pod(2))).verdict == "below"
    assert audited(sacct(line(comment=f"{NOTHING_BEFORE}; {NOTHING_BEFORE} ;"))).verdict == "below"


def test_attempts_are_counted_by_their_submission_and_not_by_the_lines_of_one() -> None:
    def lacks(*attempts: str) -> bool:
        return "operators-attempts-missing" in kinds(the_run(sacct(*attempts)).data_doubts)

    first, again = line(end=2, state="NODE_FAIL"), {"Submit": slurm_time(at(2)), "Restarts": "1"}
    assert not lacks(first, line(start=4, end=7, **again))
    assert not lacks(first, line(start=None, end=None, hosts="None assigned", state="PENDING", **again))
    assert lacks(line(end=2, state="RESIZING", Restarts="1"), line(start=2, end=3, Restarts="1"))
    assert lacks(line(start=4, end=7, **again))


def test_a_line_in_a_comment_is_a_run_and_hides_none() -> None:
    forged = line("999", start=3, end=9, comment=NOTHING_BEFORE)
    made = {run.arn: host_hours(run) for run in runs(sacct(line(comment=f"{NOTHING_BEFORE}\n{forged}")))}
    assert made == {f"{ARN}/100": 4, f"{ARN}/999": 12}


def test_a_line_break_in_a_name_hides_no_hours_in_a_step_of_another_job() -> None:
    """What follows the break has the true times and hosts of the job: they are seen at whatever run they stand."""
    other = line("200", start=0, end=700, hosts=host(2))
    torn = line(JobName=f"{line(end=1.01, hosts=host(1)).partition('|')[2]}\n200.0|x", end=600, hosts=host(1))
    doubts = {run.arn: kinds(run.data_doubts) for run in runs(sacct(other, torn))}
    assert doubts == {f"{ARN}/100": set(), f"{ARN}/200": {"operators-steps-contradict"}}


def test_hosts_of_several_types_for_the_same_time_count_each() -> None:
    of = cluster_answers(describe_cluster(), [listing(node(1), node(2, kind="ml.g5.48xlarge"))])
    run = the_run(sacct(line()), of)
    assert (set(run.hosts), run.time.seconds) == ({Hosts(HOST, 1), Hosts("ml.g5.48xlarge", 1)}, 7200)


@pytest.mark.parametrize("kind", ["ml.c5.4xlarge", "ml.g5.48xlarge"])
@pytest.mark.parametrize("hours", [1, 1.99, 2.02, 9])
def test_hosts_of_several_types_each_have_a_time_of_their_own(kind: str, hours: float) -> None:
    """A launcher that starts later, a component that ends earlier, a server that ends later: each bound is a sum."""
    of = cluster_answers(describe_cluster(), [listing(node(1), node(2, kind=kind))])
    done = audited(sacct(line("100+0", hosts=host(1)), line("100+1", end=1 + hours, hosts=host(2))), of)
    (fast,) = [each for each in done.run.hosts if each.instance_type == HOST]
    other = TABLES.hardware.find(kind)
    assert other is not None
    assert (done.verdict, done.estimate.doubts) == ("below", ())
    seconds = int(3600 * hours)
    assert done.estimate.accelerator_seconds == 8 * 7200 + other.units * seconds
    peak = max(rate for name, rate in other.peaks.items() if name in ("bf16", "fp16", "fp32"))
    least, most = 8 * 7200 * PEAK, 8 * 7200 * PEAK + other.units * seconds * other.ceiling_peak
    assert least + other.units * seconds * peak <= (done.estimate.cautious_upper_flop or 0) <= most
    assert done.estimate.ceiling_flop == most
    assert (fast.seconds is None) == (hours < 2)
    assert "cluster-hosts-of-unlike-hours" in kinds(done.estimate.assumptions)


def test_the_lower_bound_beside_hosts_without_accelerators_is_that_of_those_with_them() -> None:
    def lower(kind: str, given: str, **of_other: str) -> int | None:
        of = cluster_answers(describe_cluster(), [listing(node(1), node(2, kind=kind))])
        other = line("100+1", end=5, hosts=host(2), **of_other)
        return audited(sacct(line("100+0", hosts=host(1), AllocTRES=given), other), of).estimate.lower_flop

    alone = audited(sacct(line(hosts=host(1)))).estimate.lower_flop
    assert alone
    assert lower("ml.c5.4xlarge", "gres/gpu=8", AllocTRES="cpu=4") == alone
    assert lower("ml.c5.4xlarge", "gres/gpu=2", AllocTRES="cpu=4") == alone / 4
    assert lower("ml.c5.4xlarge", "cpu=4", AllocTRES="cpu=4") == 0
    assert (lower("ml.g5.48xlarge", "gres/gpu=8", AllocTRES="gres/gpu=8") or 0) > alone
    assert lower("ml.g5.48xlarge", "gres/gpu=8", AllocTRES="gres/gpu=7") == 0


def test_a_host_that_was_replaced_is_known_from_an_earlier_answer() -> None:
    replaced = node(2, PrivateDnsHostname=f"{host(1)}.internal", kind="ml.g5.48xlarge", launched=at(10))
    of = cluster_answers(describe_cluster(1), [listing(node(1)), listing(replaced)])
    before, after = runs(sacct(line("1", hosts=host(1)), line("2", start=11, end=12, hosts=host(1))), of)
    assert (before.hosts, after.hosts) == ((Hosts(HOST, 1),), (Hosts("ml.g5.48xlarge", 1),))


def test_the_record_names_the_file_and_keeps_the_operators_own_lines() -> None:
    (of_run,) = evidence(sacct(line()))
    told = of_run.description
    assert (told["Told"]["Lines"], told["File"]["Who"]) == ([line()], WHO)
    assert told["File"]["Sha256"] == read_operators_file(sacct(line())).digest
    assert [each["InstanceId"] for each in told["ClusterNodeSummaries"]] == [instance(1), instance(2)]


def test_a_line_that_stands_in_a_file_very_often_is_kept_once() -> None:
    (of_run,) = evidence(sacct(*[line()] * 100_000))
    assert host_hours(case_of(of_run).run) == 4
    assert len(of_run.to_bytes()) < 10_000


def test_answers_of_aws_make_no_evidence_that_nobody_reads() -> None:
    large = describe_cluster(InstanceGroups=[*describe_cluster()["InstanceGroups"]], More=["x" * 1_000_000] * 12)
    case = case_of(evidence(sacct(line()), cluster_answers(large, [listing(node(1, More="x"), node(2))]))[0])
    kept = kept_case(case)
    assert len(case.body) > LARGEST_EVIDENCE
    assert has_room(kept.body, LARGEST_EVIDENCE)
    assert read_case(kept.body).run == case.run


@pytest.mark.parametrize("half", [rb'"\ud800"', b'"\xed\xa0\x80"'], ids=["escaped", "in bytes"])
def test_half_a_character_is_no_text(half: bytes) -> None:
    body = kubectl(pytorch_job(), pod(1), pod(2)).replace(b'"none"', half)
    assert "\ufffd" in str(case_of(read_case(evidence(body)[0].to_bytes()).evidence).run.tags)


def test_half_a_character_does_not_have_a_file_in_memory_twice() -> None:
    def peak(text: bytes) -> int:
        tracemalloc.start()
        evidence(b'{"items": [], "more": [' + b'{"": {}},' * 50_000 + text + b"]}")
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    assert peak(rb'"\ud800"') < 1.2 * peak(b'"none"')


def test_a_run_with_too_many_lines_is_in_doubt_and_no_larger_than_a_verifier_reads() -> None:
    body = sacct(*(line(start=n / 100, end=n / 100 + 0.001) for n in range(50, 9_000)))
    (of_run,) = evidence(body)
    assert len(of_run.to_bytes()) < 2_000_000
    assert "operators-lines-left-out" in kinds(case_of(of_run).run.data_doubts)


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "empty"),
        (b"JobID|State\n1|COMPLETED\n", "columns"),
        (HEADER.replace("|Comment", "|JobID").encode(), "columns"),
        (b"\xff\xfe|" * 10_000_000, "columns"),
        (f"{HEADER}|{'more|' * 10_000}x\n".encode(), "characters"),
        (b"{", "JSON"),
        (b'{"items": [], "items": []}', "JSON"),
        (b"{}", "items"),
        (b"[1]", "items"),
        (b"{" + b'"a":[' * 100_000, "JSON"),
        (b'{"items": [' + b"9" * 10_000 + b"]}", "JSON"),
        (sacct(*["x"] * (MOST_LINES + 1)), "lines"),
        (sacct(*(line(str(number)) for number in range(MOST_RUNS + 1))), "runs"),
    ],
    ids=range(13),
)
def test_a_file_that_is_none_or_too_large_is_a_named_error(body: bytes, why: str) -> None:
    with pytest.raises(MalformedOperatorsFile, match=why):
        read_operators_file(body)


@pytest.mark.parametrize(
    ("cluster", "listings"),
    [
        ({}, []),
        (describe_cluster(ClusterArn="arn:aws:sagemaker:eu-west-1:1:cluster/x"), []),
        (describe_cluster(), [{}]),
        (describe_cluster(), [listing(node(1)) | {"NextToken": "more"}]),
        (describe_cluster(), [listing(of_group("of-another-cluster", 1))]),
        (describe_cluster(), [listing(node(1)), listing(node(1, kind="ml.g5.48xlarge"))]),
        (describe_cluster(), [listing(node(1)), listing(node(1, PrivateDnsHostname=f"{host(2)}.internal"))]),
        (describe_cluster(), [listing(node(1)), listing(of_group("gone", 1))]),
        (describe_cluster(), [listing(node(1, LaunchTime="yesterday"))]),
        (describe_cluster(), [listing(node(1), node(2, PrivateDnsHostname=f"{host(1)}.internal"))]),
    ],
)
def test_answers_of_aws_that_are_none_are_a_named_error(
    cluster: dict[str, Any], listings: list[dict[str, Any]]
) -> None:
    with pytest.raises(MalformedCluster):
        cluster_answers(cluster, listings)


def test_objects_whose_owners_go_round_in_a_circle_end() -> None:
    first, second = pytorch_job("a"), pytorch_job("b")
    first["metadata"]["ownerReferences"] = [{"uid": "uid-b"}]
    second["metadata"]["ownerReferences"] = [{"uid": "uid-a"}]
    assert len(runs(kubectl(first, second))) == 1


def test_pods_of_nobody_are_no_run() -> None:
    daemon = pod(1, "nvidia-device-plugin", start=0, end=None)
    assert runs(kubectl(daemon, {"kind": "DaemonSet", "metadata": metadata("nvidia-device-plugin")})) == []


def test_evidence_reads_as_it_was_written() -> None:
    for body in (sacct(line()), kubectl(pytorch_job(), pod(1), pod(2))):
        (of_run,) = evidence(body)
        assert read_case(of_run.to_bytes()).run == case_of(of_run).run
        assert json.loads(of_run.to_bytes())["source"] == "sagemaker:cluster-run"


def test_steps_that_nobody_could_compare_in_time_are_a_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each list of hosts was compared with each allocation: a file of 420 KB took a minute."""
    allocations = [line(start=2 * number, end=2 * number + 1, Submit=slurm_time(at(2 * number))) for number in range(5)]
    body = sacct(*allocations, line("100.0", start=0, end=1, comment=""))
    assert "operators-steps-contradict" not in kinds(the_run(body).data_doubts)
    monkeypatch.setattr(slurm_steps, "_MOST_COMPARED", 4)
    assert "operators-steps-contradict" in kinds(the_run(body).data_doubts)


MOMENTS = st.lists(st.integers(0, 40), max_size=12, unique=True).map(sorted)


@given(st.lists(MOMENTS, min_size=1, max_size=4))
def test_the_times_that_all_hosts_were_had_in_are_those_of_each_of_them(several: list[list[int]]) -> None:
    spans = [[Span(at(a), at(b)) for a, b in zip(each[::2], each[1::2], strict=False)] for each in several]
    common = slurm_steps._in_all(spans)
    middles = [at(number + 0.5) for number in range(40)]
    had = [moment for moment in middles if all(any(s.start <= moment < s.end for s in each) for each in spans)]
    assert [moment for moment in middles if any(s.start <= moment < s.end for s in common)] == had


def test_a_column_that_stands_twice_does_no_harm_and_a_line_that_lacks_one_is_torn() -> None:
    twice = line().replace(f"|{NOTHING_BEFORE}", f"|x|x|{NOTHING_BEFORE}")
    header = HEADER.replace("|Comment", "|Extra|Extra|Comment")
    assert audited(f"{header}\n{twice}\n".encode()).verdict == "below"
    short = f"{header}\n{twice}\n{line('101').replace(f'|{NOTHING_BEFORE}', f'|x|{NOTHING_BEFORE}')}\n".encode()
    whole, torn = runs(short)
    assert (kinds(whole.data_doubts), "operators-lines-torn" in kinds(torn.data_doubts)) == (set(), True)


@pytest.mark.parametrize(("tags", "left_out"), [(50, False), (51, True)])
def test_so_many_tags_of_a_run_are_read_and_more_are_a_doubt(tags: int, left_out: bool) -> None:
    """Thousands in a comment took minutes."""
    names = [f"x{number}" for number in range(tags - 1)]
    comment = ";".join([NOTHING_BEFORE, *(f"flops-auditor:{name}=1" for name in names)])
    job = pytorch_job()
    labelled = job | {"metadata": job["metadata"] | {"labels": {f"flops-auditor.dev/{name}": "1" for name in names}}}
    for run in (the_run(sacct(line(comment=comment))), the_run(kubectl(labelled, pod(1), pod(2)))):
        assert ("operators-tags-left-out" in kinds(run.data_doubts), len(run.tags)) == (left_out, 50)
