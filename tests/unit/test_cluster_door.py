"""From an operator's file to signed records: each run once, with who says so, and what follows from its evidence."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor import __version__
from flops_auditor.domain.bill.recorded_runs import recorded_run
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.evidence import CLUSTER_RUN, parse_evidence
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.ask_again import AskedInVain
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.record_cluster_run import record_cluster_run
from flops_auditor.use_cases.auditing.rehearsal import rehearsed
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.audit import FixedClock, MemoryAlerts, MemoryReassessments, recorder
from tests.fakes.clusters import (
    ARN,
    HOST,
    NOTHING_BEFORE,
    READ,
    WHO,
    at,
    evidence,
    host,
    kubectl,
    line,
    pod,
    pytorch_job,
    sacct,
    slurm_time,
)
from tests.fakes.door_world import newest_content, work_off

LATER = READ + timedelta(days=1)
CORRECTION = Amendment(who=WHO, why="the first export lacked an attempt", at=LATER, asked_again=True)


class World:
    """A ledger, and files that are handed in."""

    def __init__(self) -> None:
        self.alerts, self.again, self.clock = MemoryAlerts(), MemoryReassessments(), FixedClock(READ)
        self.recorder = recorder(alerts=self.alerts, queue=self.again, clock=self.clock)

    def cases(self, body: bytes) -> list[Case]:
        return [case_of(each) for each in evidence(body, read=self.clock.now)]

    def record(self, body: bytes, correction: Amendment | None = None) -> list[str]:
        outcomes: list[str] = [record_cluster_run(each, correction, self.recorder)[0] for each in self.cases(body)]
        work_off(self.again, self.recorder)
        return outcomes

    def content(self, body: bytes) -> dict[str, Any]:
        return newest_content(self.cases(body)[0].run.job_id, self.recorder)


@pytest.mark.parametrize("body", [sacct(line()), kubectl(pytorch_job(), pod(1), pod(2))], ids=["Slurm", "Kubernetes"])
def test_a_run_becomes_a_record_that_follows_from_its_evidence(body: bytes) -> None:
    world = World()
    assert world.record(body) == ["recorded"]
    content = world.content(body)
    job = content["job"]
    assert (job["source"], job["kind"], content["verdict"]) == (CLUSTER_RUN, "Cluster run", "below")
    assert content["rests_on"]["on_the_jobs_word"]
    assert any(WHO in each["words"] for each in content["estimate"]["assumptions"])
    kept = world.recorder.archive.get(evidence_key(job["id"], 0))
    assert kept is not None
    told = parse_evidence(kept).description["File"]
    assert (told["Who"], told["Bytes"], told["ReadAt"]) == (WHO, len(body), iso(READ))
    now = {**content, "code_version": __version__}
    recompute(kept, now, NothingKept(), frozenset(now["tables"].values()), world.recorder.services)
    run = recorded_run(content)
    assert (run.hosts, run.span) == ({HOST: 2}, (at(1), at(3)))


def test_what_is_handed_in_again_is_recorded_once() -> None:
    world = World()
    world.record(sacct(line()))
    world.clock.now = LATER
    assert world.record(sacct(line(), line("101"))) == ["already recorded", "recorded"]
    assert world.content(sacct(line()))["revision"] == 0


def test_a_later_file_that_says_something_else_supersedes_only_with_a_reason() -> None:
    world = World()
    world.record(sacct(line()))
    world.clock.now = LATER
    more = sacct(line(), line(start=5, end=500, Submit=slurm_time(at(4))))
    assert world.record(more) == ["recorded otherwise"]
    assert world.content(more)["revision"] == 0
    assert world.record(more, CORRECTION) == ["superseded"]
    content = world.content(more)
    assert content["revision"] == 1
    assert content["estimate"]["accelerator_seconds"] == str(16 * (2 + 495) * 3600)
    assert world.record(more) == ["already recorded"]


FIRST = line(end=300, state="NODE_FAIL", hosts=host(1))
SECOND = line(start=301, end=310, hosts=host(1), Submit=slurm_time(at(300.1)))


@pytest.mark.parametrize(("before", "after"), [((SECOND,), (FIRST, SECOND)), ((FIRST,), (SECOND,))])
def test_a_job_that_was_requeued_has_one_record_whichever_attempts_a_file_has(
    before: tuple[str, ...], after: tuple[str, ...]
) -> None:
    world = World()
    assert world.record(sacct(*before)) == ["recorded"]
    world.clock.now = LATER
    assert world.record(sacct(*after)) == ["recorded otherwise"]
    assert world.content(sacct(*before))["revision"] == 0
    assert world.record(sacct(*after), CORRECTION) == ["superseded"]
    content = world.content(sacct(*before))
    hours = sum(9 if each is SECOND else 299 for each in after)
    assert (content["revision"], content["estimate"]["accelerator_seconds"]) == (1, str(8 * hours * 3600))
    assert world.record(sacct(*after)) == ["already recorded"]
    kept = world.recorder.archive.get(evidence_key(content["job"]["id"], 1))
    assert kept is not None
    now = {**content, "code_version": __version__}
    recompute(kept, now, NothingKept(), frozenset(now["tables"].values()), world.recorder.services)
    assert len({each.run.arn for each in world.cases(sacct(*before)) + world.cases(sacct(*after))}) == 1


def test_a_job_of_kubernetes_that_is_made_anew_is_another_run() -> None:
    world = World()
    world.record(kubectl(pytorch_job(), pod(1), pod(2)))
    anew = pytorch_job(start=50, end=60)
    anew["metadata"]["creationTimestamp"] = at(49).isoformat()
    assert world.record(kubectl(anew, *(pod(each, start=50, end=60) for each in (1, 2)))) == ["recorded"]


def test_a_run_that_goes_on_has_no_record_yet() -> None:
    world, going_on = World(), sacct(line(end=None, state="RUNNING"))
    assert world.record(going_on) == ["goes on"]
    assert world.record(sacct(line())) == ["recorded"]
    assert world.record(going_on) == ["recorded otherwise"], "it was requeued, and its record tells of less"


def test_runs_that_go_on_from_one_another_add_up() -> None:
    world = World()
    tag = f"flops-auditor:lineage={ARN}/1"
    first, second = line("1", end=100), line("2", start=200, end=300, comment=tag, Submit=slurm_time(at(150)))
    assert world.record(sacct(first, second)) == ["recorded", "recorded"]
    content = world.content(sacct(second))
    assert [each["job_arn"] for each in content["cumulative"]["ancestors"]] == [f"{ARN}/1"]
    alone = world.content(sacct(first))["estimate"]["best_flop"]
    assert int(content["cumulative"]["best_flop"]) == int(alone) + int(content["estimate"]["best_flop"])


def test_a_run_that_says_nothing_of_its_lineage_is_open() -> None:
    world = World()
    world.record(sacct(line(comment="")))
    content = world.content(sacct(line()))
    assert content["verdict"] == "indeterminate"
    assert [each["kind"] for each in content["lineage"]["doubts"]] == ["cluster-lineage-not-said"]


def test_tokens_that_a_person_signs_for_settle_hours_that_are_not_known() -> None:
    world, body = World(), sacct(line(hosts="ip-10-9-9-9"))
    world.record(body)
    assert world.content(body)["verdict"] == "indeterminate"
    job_id = world.cases(body)[0].run.job_id
    given = Amendment(who="ada@example.com", why="counted", at=READ, tokens=10**9, parameters=8 * 10**9)
    amend(job_id, given, world.recorder)
    assert world.content(body)["verdict"] == "below"


def test_no_service_can_be_asked_again() -> None:
    world, body = World(), sacct(line())
    world.record(body)
    with pytest.raises(AskedInVain, match="handed in"):
        amend(world.cases(body)[0].run.job_id, replace(CORRECTION, at=READ), world.recorder)


def test_a_rehearsal_records_nothing() -> None:
    world = World()
    (case,) = world.cases(sacct(line()))
    assert record_cluster_run(case, None, rehearsed(world.recorder)) == ("recorded", case.run.job_id)
    assert newest(case.run.job_id, world.recorder) is None


def test_a_long_run_is_told_to_people() -> None:
    world = World()
    body = sacct(
        line(end=740, comment=f"{NOTHING_BEFORE};flops-auditor:base-model=meta-llama/Llama-2-7b", hosts=host(1))
    )
    world.record(body)
    content = world.content(body)
    assert len(world.alerts.sent) == (content["verdict"] != "below")
    assert json.dumps(content).count("AWS") == 0 or content["verdict"]


@pytest.mark.parametrize(
    "later",
    [
        sacct(line(end=None, state="RUNNING", Elapsed="01:00:00"), line()),
        sacct(line(), line()),
        sacct(line()).replace(b"|Comment\n", b"|Comment|Nodes\n").replace(b"lineage=none\n", b"lineage=none|2\n"),
    ],
)
def test_a_file_that_says_the_same_in_other_lines_is_no_other_statement(later: bytes) -> None:
    """Exports of each day that are joined to one of the month were an alarm for each run."""
    world = World()
    world.record(sacct(line()))
    world.clock.now = LATER
    assert world.record(later) == ["already recorded"]


def test_another_host_of_the_same_type_is_another_statement() -> None:
    world = World()
    world.record(sacct(line(hosts=host(1))))
    assert world.record(sacct(line(hosts=host(2)))) == ["recorded otherwise"]
