"""What the benchmark of deployed functions reads of a process, and what follows from it (bench/deployed.py)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from bench.deployed import figures_of_one, metrics_of, of_account, running_job
from bench.lambda_workers import NAMED_BY, Invoked, Room, cpu_of, peak_of, workers
from bench.watch import HOSTS, MINUTES
from flops_auditor.domain.values.archive_keys import job_id
from flops_auditor.domain.values.moments import iso
from tests.fakes.jobs import CREATED
from tests.fakes.ledger_world import draft

WORK = """
import sys, time
print("begun", flush=True)
sys.stdin.readline()
kept = b"1" * 60_000_000
while time.process_time() < 0.5:
    pass
print("done", flush=True)
sys.stdin.readline()
"""


@contextmanager
def worker(function: str) -> Iterator[subprocess.Popen[str]]:
    """A process as the local AWS starts one for a function; it works after a line, and ends after another."""
    environment = {**os.environ, NAMED_BY: function}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WORK], env=environment, text=True, **pipes) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        yield process
        process.communicate("\n\n")


def test_a_worker_is_found_by_its_function_and_by_who_started_it() -> None:
    with worker("stack-Audit") as one, worker("stack-Audit-2"):
        assert list(workers("stack-Audit", os.getpid())) == [one.pid]
        assert list(workers("stack-Audit", os.getppid())) == []
        assert list(workers("stack-Watch", os.getpid())) == []


def test_processor_time_and_memory_are_those_of_the_worker_alone() -> None:
    with worker("stack-Audit") as one:
        cpu, peak = cpu_of(one.pid), peak_of(one.pid)
        assert one.stdin is not None
        assert one.stdout is not None
        one.stdin.write("\n")
        one.stdin.flush()
        assert one.stdout.readline() == "done\n"
        assert 0.3 < cpu_of(one.pid) - cpu < 1.5
        assert 55e6 < peak_of(one.pid) - peak < 75e6


@pytest.mark.parametrize(
    ("cpu", "at_most", "met"),
    [(3.0, 400_000_000, (True, True)), (40.0, 400_000_000, (False, True)), (3.0, 520_000_000, (True, False))],
)
def test_time_is_that_at_the_functions_memory(cpu: float, at_most: int, met: tuple[bool, bool]) -> None:
    room, used = Room(512, 120), Invoked(cpu, 90_000_000, at_most, {})
    taken, time, memory = figures_of_one("audit", room, used, 0.5)
    assert (taken.value, taken.floor, taken.target) == (cpu, 0.5, None)
    assert time.value == round(cpu * 1769 / 512, 1)
    assert (time.target, time.asked) == (120, "the time-out, 120 s")
    assert (memory.value, memory.floor, memory.target) == (at_most / 1e6, 90, 512)
    assert (time.met, memory.met) == met


def test_one_that_reads_next_to_nothing_has_no_floor_of_time() -> None:
    taken, time, memory = figures_of_one("reconcile", Room(512, 900), Invoked(4.0, 90_000_000, 150_000_000, {}), None)
    assert [taken.ratio, time.ratio, time.target] == [None, None, 900]
    assert memory.floor == 90


def test_a_part_is_told_as_the_whole_in_time_and_not_in_memory() -> None:
    used = Invoked(2.0, 90_000_000, 150_000_000, {})
    taken, time, memory = figures_of_one("10 jobs", Room(1769, 600), used, 0.5, "1,000 jobs", 100)
    assert (taken.name, taken.value, taken.floor) == ("1,000 jobs, CPU", 200, 50)
    assert (time.name, time.value) == ("1,000 jobs, at its 1,769 MB, 1.00 vCPU", 200)
    assert (memory.name, memory.value) == ("10 jobs, memory", 150)


def test_a_record_is_told_of_another_account() -> None:
    made = of_account(draft(7, CREATED), "111122223333")
    arn = "arn:aws:sagemaker:eu-west-1:111122223333:training-job/secret-job-000007"
    assert (made.subject, made.content["job"]["arn"]) == (arn, arn)
    assert made.content["job"]["id"] == job_id(arn, iso(CREATED))


def test_a_running_job_has_metrics_of_each_host_and_minute_so_far() -> None:
    job = running_job()
    begun = job["TrainingStartTime"]
    assert timedelta(0) <= datetime.now(UTC) - begun - timedelta(minutes=MINUTES) < timedelta(minutes=2)
    assert "TrainingEndTime" not in job
    results = metrics_of(HOSTS, begun, MINUTES)["MetricDataResults"]
    assert [each["Label"] for each in results] == [f"GPUUtilization algo-{host}" for host in range(1, HOSTS + 1)]
    assert {len(each["Values"]) for each in results} == {MINUTES}
