"""Exports of several days in one file: a job that went on in the earlier one and has ended in the later one."""

from itertools import permutations

import pytest

from tests.fakes.clusters import HEADER, at, host, kinds, line, sacct, slurm_time
from tests.unit.test_cluster_run import audited, host_hours, the_run

WAITED = line(start=None, end=None, hosts="None assigned", state="PENDING", AllocTRES="")
HALF = line(end=None, state="RUNNING", Elapsed="01:00:00")
FURTHER = line(end=None, state="RUNNING", Elapsed="01:30:00")
ENDED = line()


@pytest.mark.parametrize("lines", list(permutations((WAITED, HALF, FURTHER, ENDED))))
def test_what_went_on_and_has_ended_since_has_ended(lines: tuple[str, ...]) -> None:
    done = audited(sacct(*lines))
    assert (done.verdict, done.run.status, done.run.state) == ("below", "COMPLETED", "succeeded")
    assert (host_hours(done.run), done.run.surely_given) == (4, 8 * 7200)
    assert audited(sacct(*lines[:2], HEADER, *lines[2:])).run == done.run


@pytest.mark.parametrize("lines", list(permutations((WAITED, HALF, FURTHER))))
def test_what_went_on_and_still_does_has_its_latest_hours(lines: tuple[str, ...]) -> None:
    run = the_run(sacct(*lines))
    assert (host_hours(run), run.status, run.data_doubts) == (3, "RUNNING", ())


def test_what_was_cancelled_before_it_began_had_no_hosts() -> None:
    cancelled = line(start=2, end=2, hosts="None assigned", state="CANCELLED by 1000")
    assert the_run(sacct(WAITED, cancelled, line("100.0", comment=""))).state == "stopped"


def test_each_attempt_may_have_gone_on_once() -> None:
    again = {"start": 4, "hosts": host(2), "Submit": slurm_time(at(2)), "Restarts": "1"}
    first = (line(end=None, state="RUNNING", Elapsed="00:20:00"), line(end=2, state="NODE_FAIL"))
    done = audited(sacct(*first, line(end=None, state="RUNNING", **again), line(end=7, **again)))
    assert (done.verdict, host_hours(done.run)) == ("below", 5)


CONTRADICT = {
    "it had come further than to its end": line(end=None, state="RUNNING", Elapsed="05:00:00"),
    "another host": line(end=None, state="RUNNING", hosts="ip-10-1-0-[1-2],ip-9-9-9-9", Elapsed="01:00:00"),
    "another start": line(start=0.9, end=None, state="RUNNING", Elapsed="01:00:00", Submit=slurm_time(at(0.5))),
    "another name": line(end=None, state="RUNNING", Elapsed="01:00:00", JobName="other"),
    "another user": line(end=None, state="RUNNING", Elapsed="01:00:00", User="otto"),
    "another statement": line(end=None, state="RUNNING", Elapsed="01:00:00", comment="flops-auditor:lineage=tune-99"),
    "a state that nobody knows": line(end=None, state="GOING", Elapsed="01:00:00"),
    "no time that it took": line(end=None, state="RUNNING", Elapsed=""),
}


@pytest.mark.parametrize("name", CONTRADICT)
@pytest.mark.parametrize("first", [True, False])
def test_what_contradicts_its_end_is_a_doubt(name: str, first: bool) -> None:
    lines = (CONTRADICT[name], ENDED) if first else (ENDED, CONTRADICT[name])
    done = audited(sacct(*lines))
    assert done.verdict == "indeterminate"
    assert kinds(done.estimate.doubts)
    assert done.estimate.upper_flop is None
