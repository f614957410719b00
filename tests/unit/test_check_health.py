"""The doctor: what is missing, unread or late is said, and nothing unknown is called healthy."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from flops_auditor.use_cases.listing.reading import JobReading, Stretch
from flops_auditor.use_cases.operations.check_health import (
    completeness,
    health_of,
    on_their_word,
    progress_of,
    state_of_clusters,
    told_of_alerts,
)
from flops_auditor.use_cases.operations.compare_jobs import SETTLING, JobComparison, RegionState
from flops_auditor.use_cases.ports.clusters import FileState
from flops_auditor.use_cases.ports.sources import ListedJob
from flops_auditor.use_cases.ports.stack import Alarm, LogState, Queues, Subscribers
from tests.fakes.audit import NOW

HOUR = timedelta(hours=1)
WELL = (Queues(3, 0, 0), [Alarm("errors", "OK")], LogState(NOW - HOUR, NOW - timedelta(minutes=5)))


def state(region: str, *missing: ListedJob, error: str = "") -> RegionState:
    return RegionState(region, 9, 8, 1, missing, error)


def job(number: int) -> ListedJob:
    arn = f"arn:aws:sagemaker:eu-west-1:123456789012:training-job/job-{number}"
    return ListedJob(f"job-{number}", arn, "eu-west-1", "Failed", NOW - 9 * HOUR, NOW - number * HOUR)


def test_a_complete_ledger_says_up_to_when() -> None:
    [finding] = completeness(JobComparison((state("eu-west-1"), state("us-east-1")), NOW))
    assert finding.ok
    assert finding.detail.startswith(
        "complete up to 2026-11-24T11:30:00.000Z; 16 finished jobs were looked at in 2 regions"
    )
    assert timedelta(minutes=30) == SETTLING


def test_missing_jobs_are_named_and_bound_the_completeness() -> None:
    [finding] = completeness(JobComparison((state("eu-west-1", *(job(n) for n in range(1, 8))),), NOW))
    assert not finding.ok
    assert "7 without a record: job-7 (eu-west-1), job-6" in finding.detail
    assert "and 2 more" in finding.detail
    assert len(finding.names) == 7
    assert not finding.names_all
    assert "complete up to 2026-11-24T05:00:00.000Z" in finding.detail


def test_an_unread_region_is_never_complete() -> None:
    denied = state("us-east-1", error="SourceDenied: sagemaker:ListTrainingJobs answered AccessDenied")
    findings = completeness(JobComparison((state("eu-west-1"), denied), NOW))
    assert not any(finding.ok for finding in findings)
    assert "complete" not in findings[-1].detail


def test_a_healthy_stack_is_healthy() -> None:
    assert all(finding.ok for finding in health_of(*WELL, NOW))


@pytest.mark.parametrize(
    ("subscribers", "ok", "said"),
    [
        (Subscribers(1, 2), True, "1 is told"),
        (Subscribers(0, 2), False, "2 subscriptions are not confirmed"),
        (Subscribers(0, 0), False, "no subscription"),
    ],
)
def test_an_address_that_nobody_confirmed_is_told_nothing(subscribers: Subscribers, ok: bool, said: str) -> None:
    [finding] = told_of_alerts(subscribers)
    assert finding.ok is ok
    assert said in finding.detail
    assert finding.ok or finding.remedy


@pytest.mark.parametrize(
    ("place", "worse", "said"),
    [
        (0, Queues(0, 1, 0), "1 job and 0 deliveries are dead letters"),
        (0, Queues(0, 0, 2), "0 jobs and 2 deliveries are dead letters"),
        (1, [Alarm("errors", "ALARM", "5 > 0")], "errors: 5 > 0"),
        (1, [], "the stack has no alarms"),
        (2, LogState(None, NOW - HOUR), "waits for its place since 2026-11-24T11:00:00.000Z; there is no checkpoint"),
        (2, LogState(NOW - HOUR, NOW - HOUR), "waits for its place"),
    ],
)
def test_each_ailment_is_said_and_has_a_remedy(place: int, worse: object, said: str) -> None:
    parts = list(WELL)
    parts[place] = worse  # type: ignore[call-overload]
    findings = [finding for finding in health_of(*parts, NOW) if not finding.ok]
    assert len(findings) == 1
    assert said in findings[0].detail
    assert findings[0].remedy


def read_to(moment: datetime) -> JobReading:
    """A region that was read to its first job."""
    return JobReading((Stretch(moment, None),), first_at=moment, began=moment, whole_at=moment)


def test_a_reconciliation_that_stands_still_is_found() -> None:
    done = read_to(NOW - HOUR)
    assert progress_of({"eu-west-1": done}, NOW)[0].ok
    late = read_to(NOW - 4 * HOUR)
    assert "us-east-1" in progress_of({"eu-west-1": done, "us-east-1": late}, NOW)[0].detail
    half = JobReading((Stretch(NOW - HOUR, NOW - 400 * HOUR),), began=NOW - HOUR)
    [never] = progress_of({"eu-west-1": done, "us-east-1": half}, NOW)
    assert not never.ok
    assert "1 of 2 regions" in never.detail
    assert "us-east-1 down to 2026-11-07T20:00:00.000Z" in never.detail


def test_a_fresh_stack_names_a_few_regions_and_counts_the_rest() -> None:
    regions = {f"region-{number:02d}": JobReading() for number in range(31)}
    [finding] = progress_of(regions, NOW)
    assert finding.detail.endswith("job: region-00, region-01, region-02, region-03, region-04 and 26 more")
    [finding] = progress_of(dict.fromkeys(regions, read_to(NOW - 4 * HOUR)), NOW)
    assert finding.detail.endswith("region-04 and 26 more")


def test_regions_that_could_not_be_found_are_said() -> None:
    findings = completeness(JobComparison((state("eu-west-1"),), NOW, "other regions are not known: denied"))
    assert not any(finding.ok for finding in findings)
    assert "Regions" in findings[0].remedy


def test_the_door_of_clusters_is_shut_or_says_which_files_need_somebody() -> None:
    [shut] = state_of_clusters("", {})
    assert (shut.ok, "ClusterFiles" in shut.detail) == (True, True)
    fine = FileState("eu-west-1/research/a.txt", "1", NOW, "recorded", recorded=3)
    [open_and_fine] = state_of_clusters("files", {fine.key: fine})
    assert (open_and_fine.ok, open_and_fine.detail) == (True, "open: 1 file of s3://files was looked at")
    odd = FileState("odd\u202e", "1", NOW, "refused", reason="WrongFileName: it names no cluster", remedy="rename it")
    otherwise = replace(fine, key="b", otherwise=7, names=("'x/1'", "'x/2'"), reason="7 runs", remedy="--why")
    door, *files = state_of_clusters("files", {each.key: each for each in (fine, otherwise, odd)})
    assert (door.ok, door.detail) == (False, "open: of 3 files of s3://files, 2 were not recorded as they are")
    assert [(each.check, each.detail, each.remedy) for each in files] == [
        ("file 'b'", "recorded, 7 runs: 'x/1', 'x/2'", "--why"),
        (r"file 'odd\u202e'", "refused, WrongFileName: it names no cluster", "rename it"),
    ]
    many = {str(number): replace(odd, key=str(number)) for number in range(9)}
    assert (len(state_of_clusters("files", many)), len(state_of_clusters("files", many)[0].names)) == (6, 9)


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (["a"], "1 job of the last 30 days is below on its own word alone: a"),
        (["a", "b"], "2 jobs of the last 30 days are below on their own word alone: a, b"),
    ],
)
def test_one_job_is_not_told_as_several(names: list[str], told: str) -> None:
    [finding] = on_their_word(names)
    assert finding.detail == told
