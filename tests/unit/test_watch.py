"""Jobs in progress: warned of in time, each level once, over simulated weeks."""

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path
from threading import Barrier
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from flops_auditor import data
from flops_auditor.aws.calls.side_by_side import side_by_side
from flops_auditor.aws.wiring.watching import MalformedWarningLevels, read_fractions
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.messages.record_alert import Alert
from flops_auditor.domain.runs.evidence import Unread, plain
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.training_job_answer import MOST_NEEDED, parse_training_job
from flops_auditor.use_cases.auditing import watch_jobs as watching
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.watch_jobs import (
    INTERVAL,
    LONGEST_KEPT,
    LONGEST_NEEDED,
    Look,
    kept_of,
    look_at,
    watch_jobs,
)
from flops_auditor.use_cases.ports.lineage import IndexEntry, IndexKind
from flops_auditor.use_cases.ports.sources import ListedPage, SourceDenied, SourceUnavailable
from tests.fakes.audit import FakeTrainingJobs, FixedClock, MemoryAlerts, MemoryIndex, MemoryRecords, OnceUnread
from tests.fakes.audit import recorder as recorder_of
from tests.fakes.jobs import describe, moved, throughout
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.running import HALF, LEVELS, START, Room, ended, running, watcher_of
from tests.faults import told as figure

RELATIVE = "aws-flops-meter-2026-05#relative"
THIRD = "eu-gpai-guidelines-2025-07#one-third"
OURS, THEIRS = "arn:aws:iam::123456789012:role/ours", "arn:aws:iam::123456789012:role/theirs"
SYSTEMIC = "eu-gpai-guidelines-2025-07#systemic-risk-total"


def lines_of(alert: Alert) -> set[str]:
    """The lines that a warning is about."""
    return {f"{line['policy']}#{line['scenario']}" for line in json.loads(alert.attributes["json"])["lines"]}


def about(told: Sequence[tuple[datetime, Alert]], line: str) -> list[tuple[datetime, Alert]]:
    """The warnings about one line."""
    return [(moment, alert) for moment, alert in told if line in lines_of(alert)]


def headlines(told: Sequence[tuple[datetime, Alert]]) -> list[str]:
    return [alert.subject.removeprefix("[FLOPs Auditor] ").partition(":")[0] for _, alert in told]


def test_a_64_host_job_is_warned_at_each_level_once_and_before_it_crosses() -> None:
    """64 x p5 against 30 % of 1.5e24 FLOP = 4.5e23: 512 x 989.4e12 FLOP/s meet it after 10.3 days at the most."""
    room = Room()
    room.jobs.add(running(), pretrain_flops="1.5e24")
    step = timedelta(hours=2)
    everything = room.watch(hours=28 * 24 - 1, step=step)
    assert len(everything) == 7, "lines that lie near each other share their mails"
    assert headlines(about(everything, SYSTEMIC)) == ["3 % reached"]
    assert headlines(about(everything, THIRD)) == headlines(about(everything, RELATIVE))
    told = about(everything, RELATIVE)
    assert headlines(told) == ["WILL CROSS", "3 % reached", "50 % reached", "80 % reached", "OVER THE THRESHOLD"]
    peak = 512 * Fraction("989.4e12")
    crossing = START + timedelta(seconds=float(45 * 10**22 / (peak / 2)))
    at = dict(zip(headlines(told), (moment for moment, _ in told), strict=True))
    assert at["3 % reached"] < at["50 % reached"] < at["80 % reached"] < crossing
    assert crossing <= at["OVER THE THRESHOLD"] <= crossing + step
    assert at["80 % reached"] < START + timedelta(seconds=float(45 * 10**22 / peak)), "before the upper bound, too"
    body = told[2][1].body
    assert "50" in body
    assert "At its time limit" in body
    assert "stop-training-job" in body


def test_a_low_line_of_one_law_does_not_silence_the_warnings_of_another(tmp_path: Path) -> None:
    """The low line is over within the first look; the other one is warned of as if it stood alone."""
    other = json.loads(data.policy_bytes("us-ca-sb-53-2026-01"))
    rule = {**other["groups"][1][0], "scenario": "low", "threshold": "1e18", "when": {"role": ["modifier"]}}
    low = {**other, "id": "low", "in_force": "2026-01-01", "groups": [[rule]]}
    (tmp_path / "low.json").write_text(json.dumps(low))
    alone, beside = (
        Room(tables=data.load_tables([*names, "eu-gpai-guidelines-2025-07"], tmp_path)) for names in ([], ["low"])
    )
    told = []
    for room in (alone, beside):
        room.jobs.add(running())
        told.append(room.watch(hours=72, step=timedelta(hours=1)))
    line = "eu-gpai-guidelines-2025-07#original-unknown"
    levels = ["WILL CROSS", "3 % reached", "50 % reached", "80 % reached", "OVER THE THRESHOLD"]
    assert sorted(headlines(about(told[0], line))) == sorted(levels)
    assert headlines(about(told[1], line)) == headlines(about(told[0], line))
    assert headlines(about(told[1], "low#low")) == ["OVER THE THRESHOLD"]
    assert len(told[1]) == len(told[0]) + 1, "one mail more"


def test_a_metric_that_wobbles_warns_once() -> None:
    """Occupancy falls and rises around a level: the level was told and stays told."""
    room = Room()
    room.jobs.add(running(hosts=8, days=5))
    hour = START
    told: list[tuple[datetime, Alert]] = []
    for busy in [800, 100, 800, 50, 800, 10, 790] * 5:
        hour += timedelta(hours=1)
        room.clock.now = hour
        room.metrics.results["big-run"] = [
            {"Label": f"GPUUtilization algo-{host}", "Timestamps": [], "Values": [busy]} for host in range(1, 9)
        ]
        before = len(room.alerts.sent)
        room.once()
        told += [(hour, alert) for alert in room.alerts.sent[before:]]
    shares = [headline for headline in headlines(told) if headline.endswith("reached")]
    assert shares == ["3 % reached"]


def test_a_level_that_was_passed_between_two_looks_is_told_by_the_highest_alone() -> None:
    room = Room()
    room.jobs.add(running(), pretrain_flops="1.5e24")
    told = room.watch(hours=9 * 24, step=timedelta(days=9))
    assert headlines(told) == ["80 % reached", "WILL CROSS"]
    assert headlines(room.watch(hours=2)) == []


def test_a_job_far_below_every_line_warns_nobody() -> None:
    room = Room()
    room.jobs.add(running(hosts=1, days=1))
    assert room.watch(hours=23) == []


def test_duties_at_any_compute_are_no_line_to_warn_of_or_to_stop_for() -> None:
    room = Room()
    room.jobs.add(running(hosts=1, days=1), pretrain_flops="5e22", original_is_ours="true", systemic_risk="true")
    assert room.watch(hours=12) == []


def test_what_the_chain_has_used_counts_and_a_level_of_the_parent_is_not_told_again() -> None:
    room = Room()
    parent = running("parent", OutputDataConfig={"S3OutputPath": "s3://models/"}, RoleArn=OURS)
    pointer = room.jobs.add(parent, pretrain_flops="1.5e24")
    told = room.watch(hours=6 * 24, step=timedelta(hours=2))
    assert headlines(about(told, RELATIVE)) == ["WILL CROSS", "3 % reached", "50 % reached"]
    end = room.clock.now
    pointer = room.jobs.add(ended(parent, end, "Completed"))
    audit_job(pointer, room.recorder, owner="audit")
    reads = [channel("model", "s3://models/parent/output/model.tar.gz")]
    child = running("child", InputDataConfig=reads, RoleArn=OURS)
    child["CreationTime"] = end
    child["TrainingStartTime"] = end
    child["SecondaryStatusTransitions"] = [{"Status": "Training", "StartTime": end}]
    room.jobs.add(child)
    told = about(room.watch(hours=28 * 24 - 146, step=timedelta(hours=2)), RELATIVE)
    assert headlines(told) == ["WILL CROSS", "80 % reached", "OVER THE THRESHOLD"]
    assert "parent" in told[1][1].body
    assert "together with the earlier run" in told[1][1].body.replace("\n", " ")


CROSSES = ["WILL CROSS", "OVER THE THRESHOLD"]


class ToldOf(MemoryRecords):
    """Records of which people were told everything about one job."""

    def alert_sent(self, job_id: str, name: str) -> bool:
        return job_id == self.job_id or super().alert_sent(job_id, name)

    job_id = ""


@pytest.mark.parametrize(
    ("role", "changes", "tags", "told"),
    [
        (OURS, {}, {}, CROSSES),
        (OURS, {"InputDataConfig": []}, {"lineage": "warned"}, ["50 % reached", *CROSSES]),
        (THEIRS, {}, {}, ["50 % reached", *CROSSES]),
    ],
    ids=["its heir", "by a tag", "of another role"],
)
def test_no_warning_of_another_run_silences_the_watch(
    role: str, changes: dict[str, Any], tags: dict[str, str], told: list[str]
) -> None:
    """That a line is crossed is told of each job, and lower levels unless it reads its own role's result."""
    records = ToldOf()
    room = Room(records=records)
    room.metrics.results = {"job": HALF}
    before = ended(running("warned", RoleArn=OURS, hosts=1), START + timedelta(hours=1), "Completed")
    audit_job(room.jobs.add(moved(before, -timedelta(days=9))), room.recorder, owner="audit")
    (records.job_id,) = records.lines
    reads = [channel("model", artifact("warned"))]
    room.jobs.add(running("job", RoleArn=role, days=10, **{"InputDataConfig": reads, **changes}), **tags)
    assert headlines(room.watch(hours=40, step=timedelta(hours=20))) == told


def test_jobs_of_every_region_are_watched_and_one_failure_keeps_nobody_from_it() -> None:
    room = Room(regions=("us-east-1", "eu-west-1"))
    far = running("far")
    far["TrainingJobArn"] = far["TrainingJobArn"].replace("eu-west-1", "us-east-1")
    broken = running("broken")
    broken["ResourceConfig"] = {"InstanceType": 5}
    room.jobs.add(far, pretrain_flops="1.5e24")
    room.jobs.add(running("near"), pretrain_flops="1.5e24")
    room.jobs.descriptions["broken", "eu-west-1"] = running("broken")

    class Breaking(FakeTrainingJobs):
        def describe(self, name: str, region: str) -> Any:
            if name == "broken":
                raise ConnectionError("no answer")
            return super().describe(name, region)

    room.jobs.__class__ = Breaking
    room.clock.advance(days=1)
    done = watch_jobs(room.watcher)
    assert done.jobs == 2
    assert {a.attributes["job_arn"].rsplit("/", 1)[1] for a in room.alerts.sent} == {"far", "near"}
    assert len(done.failures) == 1
    assert "broken" in done.failures[0]
    assert "no answer" in done.failures[0]


def test_a_region_that_does_not_answer_keeps_no_other_from_being_watched() -> None:
    room = Room(regions=("us-east-1", "eu-west-1"))
    room.jobs.add(running("near"), pretrain_flops="1.5e24")

    class Silent(FakeTrainingJobs):
        def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
            if region == "us-east-1":
                raise SourceUnavailable("sagemaker:ListTrainingJobs: no answer")
            return super().page(region, created_before, token)

    room.jobs.__class__ = Silent
    room.clock.advance(days=1)
    done = watch_jobs(room.watcher)
    assert done.jobs == 1
    assert done.failures == ("us-east-1: sagemaker:ListTrainingJobs: no answer",)


def test_a_region_that_refuses_is_named() -> None:
    room = Room()
    room.jobs.denied = {"sagemaker:ListTrainingJobs"}
    done = watch_jobs(room.watcher)
    assert done.jobs == 0
    assert "eu-west-1" in done.failures[0]


def test_a_region_that_was_never_open_is_no_failure() -> None:
    """A policy that closes a region must not leave an alarm ringing for good."""
    room = Room(regions=("us-east-1", "eu-west-1"))
    room.jobs.add(running("near"))

    class Closed(FakeTrainingJobs):
        def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
            if region == "us-east-1":
                raise SourceDenied(Unread("sagemaker:ListTrainingJobs", "AccessDeniedException"))
            return super().page(region, created_before, token)

    room.jobs.__class__ = Closed
    done = watch_jobs(room.watcher)
    assert (done.jobs, done.failures) == (1, ())
    assert done.closed[0].startswith("us-east-1: ")


def test_regions_are_listed_at_the_same_time_and_each_that_fails_is_told() -> None:
    """None is answered before all are asked."""
    regions = ("us-east-1", "us-west-2", "eu-west-1")
    room, all_asked, asked = Room(regions=regions), Barrier(len(regions), timeout=60), set[str]()
    room.jobs.add(running("near"))

    class Together(FakeTrainingJobs):
        def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
            if region not in asked:
                asked.add(region)
                all_asked.wait()
            if region != "eu-west-1":
                raise SourceUnavailable("sagemaker:ListTrainingJobs: no answer")
            return super().page(region, created_before, token)

    room.jobs.__class__ = Together
    done = watch_jobs(replace(room.watcher, side_by_side=side_by_side))
    assert done.jobs == 1
    words = "sagemaker:ListTrainingJobs: no answer"
    assert sorted(done.failures) == [f"us-east-1: {words}", f"us-west-2: {words}"]


def requests(room: Room) -> int:
    return sum(call[0] == "sagemaker:ListTrainingJobs" for call in room.jobs.calls)


def test_a_look_lists_new_jobs_alone_and_knows_the_others_by_their_notes() -> None:
    room = Room()
    for number in range(500):
        at = room.clock() - timedelta(hours=number + 1)
        room.jobs.add(describe(f"old-{number}", CreationTime=at, LastModifiedTime=at))
    room.jobs.add(running("first"))
    assert room.once().jobs == 1
    first = requests(room)
    room.clock.advance(minutes=15)
    room.jobs.add(running("second", CreationTime=room.clock() - timedelta(minutes=5)))
    assert room.once().jobs == 2
    assert requests(room) - first == 1
    assert room.seen.notes == 4, "each once when it is seen, and once with what SageMaker says of it"
    assert "ml.p5.48xlarge" in room.seen.waiting("eu-west-1")[0].description


def test_the_first_looks_read_sixty_days_back_and_no_further() -> None:
    """Nothing runs longer than 28 days after waiting 28 days; older jobs are not asked for."""
    room = Room()
    room.jobs.page_size = 10
    for number in range(90):
        at = room.clock() - timedelta(days=number)
        room.jobs.add(describe(f"old-{number}", CreationTime=at, LastModifiedTime=at))
    room.jobs.add(running("long", CreationTime=room.clock() - timedelta(days=50)))
    assert room.once().jobs == 1
    assert requests(room) == 7


def test_a_look_that_runs_out_of_time_says_what_it_left_and_the_next_one_goes_on() -> None:
    room = Room()
    for number in range(10):
        room.jobs.add(running(f"job-{number}"))
    looked: set[str] = set()
    for _ in range(12):
        room.jobs.calls.clear()
        done = watch_jobs(room.watcher, lambda: len(described(room)) >= 4)
        assert (done.jobs, done.left) == (4, 6)
        looked |= described(room)
        room.clock.advance(minutes=15)
    assert looked == {f"job-{number}" for number in range(10)}


@dataclass
class SlowIndex(MemoryIndex):
    """An index whose queries take time."""

    clock: FixedClock = field(default_factory=FixedClock)

    def newest(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        self.clock.advance(seconds=0.015)
        return super().newest(kind, at, *asked)

    def exactly(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        self.clock.advance(seconds=0.015)
        return super().exactly(kind, at, *asked)


@dataclass
class SlowJobs(FakeTrainingJobs):
    """Jobs whose descriptions, tags and metrics take 0.6 s together."""

    clock: FixedClock = field(default_factory=FixedClock)

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        self.clock.advance(seconds=0.6)
        return super().describe(name, region)


WATCHED = 1000 if os.environ.get("FLOPS_AUDITOR_OWNERS") == "full" else 40
BUDGET = 840 * WATCHED / 1000
"""Seconds of a round: 840 for a thousand jobs."""


def test_jobs_that_take_long_to_look_at_keep_nobody_from_being_warned_within_two_rounds() -> None:
    """One in ten names as many places, each as deep, as can be looked up."""
    clock = FixedClock(START)
    jobs, alerts = SlowJobs(clock=clock), MemoryAlerts()
    recorder = recorder_of(jobs, clock=clock, alerts=alerts, index=SlowIndex(clock=clock))
    watcher = watcher_of(recorder, jobs)
    deep = {f"checkpoint_{n}": f"s3://bucket-{n}/" + "/".join("abcdefgh" * 8) for n in range(60)}
    for number in range(WATCHED):
        long = number % 10 == 0
        jobs.add(running(f"job-{number}", HyperParameters=deep if long else {}))
    clock.advance(days=20)
    left = []
    for number in range(2):
        begun = START + timedelta(days=20, minutes=15 * number)
        clock.now = begun
        left.append(watch_jobs(watcher, lambda: clock.now >= begun + timedelta(seconds=BUDGET)).left)  # noqa: B023
    figure(f"watch of {WATCHED} jobs, one in ten as expensive as can be: {left} left after each of two rounds")
    assert left[0] > 0, "the time suffices, so nothing is shown"
    assert left[1] < WATCHED
    warned = {json.loads(alert.attributes["json"])["job"]["name"] for alert in alerts.sent}
    assert warned == {f"job-{number}" for number in range(WATCHED)}


def test_the_nearest_to_a_line_is_looked_at_first_unless_others_have_waited() -> None:
    room = Room()
    for number in range(6):
        room.jobs.add(running(f"job-{number}", hosts=1 + number))
    room.clock.advance(hours=1)
    room.once()
    room.clock.advance(minutes=15)
    order = looked_at(room, most=2)
    assert order == ["job-5", "job-4"]
    room.clock.advance(minutes=15)
    assert looked_at(room, most=6) == ["job-3", "job-2", "job-1", "job-0", "job-5", "job-4"]


def test_a_look_that_never_ended_is_not_first_again() -> None:
    room = Room()
    for number in range(3):
        room.jobs.add(running(f"job-{number}"))
    room.once()
    room.clock.advance(minutes=30)
    [first] = looked_at(room, most=1, end=KeyboardInterrupt())
    room.clock.advance(minutes=15)
    assert looked_at(room, most=3)[-1] == first


def looked_at(room: Room, most: int, end: BaseException | None = None) -> list[str]:
    """The jobs that a round looks at, in order; at the last one it ends."""
    room.jobs.calls.clear()

    def asked() -> list[str]:
        return [name for call, name in room.jobs.calls if call == "sagemaker:DescribeTrainingJob"]

    if end is None:
        watch_jobs(room.watcher, lambda: len(asked()) >= most)
        return asked()
    with patch.object(room.jobs, "tags", side_effect=end), pytest.raises(type(end)):
        watch_jobs(room.watcher)
    return asked()


def described(room: Room) -> set[str]:
    return {name for call, name in room.jobs.calls if call == "sagemaker:DescribeTrainingJob"}


def test_without_its_turn_a_look_lists_nothing_and_watches_what_is_noted() -> None:
    room = Room()
    room.jobs.add(running("first"))
    room.once()
    listed = requests(room)
    room.jobs.add(running("second"))
    assert watch_jobs(room.watcher, turn=lambda: nullcontext(False)).jobs == 1
    assert requests(room) == listed


def test_a_description_that_is_too_long_to_note_keeps_what_an_estimate_needs() -> None:
    """Should the job be deleted before its end is seen, hardware and times are what counts."""
    room = Room()
    long = running(HyperParameters={f"parameter-{n}": "x" * 2500 for n in range(20)})
    room.jobs.add(long)
    room.once()
    [seen] = room.seen.waiting("eu-west-1")
    assert len(seen.description) < LONGEST_KEPT
    assert json.loads(seen.description)["ResourceConfig"]["InstanceCount"] == 64


def test_what_is_noted_of_a_job_has_a_bound_whatever_its_fields_hold() -> None:
    """All that the API takes: paths, keys and restarts without number, in letters that JSON writes with 12 bytes."""
    wide = "\U0001f600"
    longest = running(
        RoleArn=f"arn:aws:iam::123456789012:role/{'r' * 2000}",
        OutputDataConfig={"S3OutputPath": f"s3://b/{wide * 1000}", "KmsKeyId": wide * 2048},
        CheckpointConfig={"S3Uri": f"s3://b/{wide * 1000}", "LocalPath": f"/{wide * 4000}"},
        ModelPackageConfig={"SourceModelPackageArn": "p" * 2048},
    )
    longest["ResourceConfig"]["VolumeKmsKeyId"] = wide * 2048
    for restarts in (1, 100, 10_000):
        steps = [{"Status": "Training", "StartTime": START, "StatusMessage": wide * 999}] * restarts
        described = plain({**longest, "SecondaryStatusTransitions": steps})
        text = kept_of(described)
        assert len(text.encode()) <= LONGEST_NEEDED
        asked = {name: described[name] for name in MOST_NEEDED[: None if restarts < 10_000 else -1]}
        of_job = {name: described[name] for name in ("TrainingJobName", "TrainingJobStatus")}
        noted, whole = (parse_training_job({**of_job, **each}) for each in (json.loads(text), asked))
        assert noted == whole.model_copy(update={"other_texts": noted.other_texts})


def test_a_job_whose_compute_nothing_bounds_is_told_once() -> None:
    room = Room()
    room.jobs.add(running(ResourceConfig={"InstanceType": "ml.p99.48xlarge", "InstanceCount": 4}))
    description = dict(room.jobs.descriptions["big-run", "eu-west-1"])
    description["ResourceConfig"] = {"InstanceType": "ml.p99.48xlarge", "InstanceCount": 4}
    room.jobs.add(description)
    told = room.watch(hours=5)
    assert headlines(told) == ["CANNOT BE WATCHED"]
    assert "ml.p99.48xlarge" in told[0][1].body


def test_nothing_is_stopped_unless_it_is_asked_for() -> None:
    room = Room(stop=False)
    room.jobs.add(running(), pretrain_flops="1.5e24")
    room.watch(hours=28 * 24 - 1, step=timedelta(hours=6))
    assert room.jobs.stopped == []


def test_a_job_is_stopped_before_it_crosses_and_the_record_says_so() -> None:
    room = Room(stop=True)
    description = running()
    pointer = room.jobs.add(description, pretrain_flops="1.5e24")
    room.clock.now = START + timedelta(days=20)
    while not room.jobs.stopped:
        room.clock.now += INTERVAL
        room.once()
        assert room.clock.now < START + timedelta(days=28)
    job_id = parse_training_job(description).job_id
    stored = room.records.latest(job_id)
    assert stored is not None
    interim = predicate_of(stored.line)
    assert interim["action"]["kind"] == "stop"
    assert "threshold" in interim["action"]["reason"]
    assert interim["job"]["status"] == "InProgress"
    assert all(a["verdict"] != "above" for a in interim["assessments"]), "stopped before it crossed"
    assert interim["verdict"] == "indeterminate"
    stopped = [alert for alert in room.alerts.sent if "STOPPED" in alert.subject]
    assert len(stopped) == 1
    assert "asked for it to be stopped" in stopped[0].body.replace("\n", " ")
    room.watch(hours=3)
    assert len([a for a in room.alerts.sent if "STOPPED" in a.subject]) == 1
    assert room.jobs.stopped == [("big-run", "eu-west-1")], "once, though it goes on for a while"
    room.jobs.add(ended(description, room.clock.now))
    audit_job(pointer, room.recorder, owner="audit")
    final = room.records.latest(job_id)
    assert final is not None
    assert final.revision == 1
    content = predicate_of(final.line)
    assert content["job"]["status"] == "Stopped"
    assert content["action"] is None
    assert content["supersedes"]


def test_a_mail_that_is_refused_keeps_no_job_running_that_is_to_be_stopped() -> None:
    room = Room(stop=True)
    room.jobs.add(running(), pretrain_flops="1.5e24")
    room.clock.now = START + timedelta(days=27)
    with patch.object(room.alerts, "send", side_effect=SourceUnavailable("sns:Publish")):
        assert watch_jobs(room.watcher).failures
    assert room.jobs.stopped == [("big-run", "eu-west-1")]
    assert any("STOPPED" in alert.subject for _, alert in room.watch(hours=1)), "people are told by the next look"


def test_a_job_that_may_never_be_stopped_is_not_stopped() -> None:
    room = Room(stop=True)
    room.jobs.add(running(), pretrain_flops="1.5e24", never_stop="true")
    room.clock.now = START + timedelta(days=20)
    told = room.watch(hours=24)
    assert room.jobs.stopped == []
    assert room.records.lines == {}
    assert headlines(told) == ["80 % reached", "WILL CROSS", "ABOUT TO CROSS", "OVER THE THRESHOLD"]
    assert "never-stop" in told[2][1].body


def test_a_job_whose_tags_cannot_be_read_is_not_stopped() -> None:
    """Nothing says that it may be stopped."""
    room = Room(stop=True)
    room.jobs.add(running())
    room.jobs.denied = {"sagemaker:ListTags"}
    told = room.watch(hours=48)
    assert room.jobs.stopped == []
    assert "tags could not be read" in " ".join(told[headlines(told).index("ABOUT TO CROSS")][1].body.split())


def test_a_stop_that_is_refused_is_a_failure_and_is_tried_again() -> None:
    room = Room(stop=True)
    description = running()
    room.jobs.add(description, pretrain_flops="1.5e24")
    room.clock.now = START + timedelta(days=20, hours=13, minutes=10)
    room.jobs.denied = {"sagemaker:StopTrainingJob"}
    done = watch_jobs(room.watcher)
    assert done.stopped == 0
    assert "StopTrainingJob" in done.failures[0]
    room.jobs.denied = set()
    assert room.once().stopped == 1
    assert [max(revisions) for revisions in room.records.lines.values()] == [0], "one record of the request"


@pytest.mark.parametrize(
    ("days", "hosts", "tags"),
    [(28, 64, {"pretrain_flops": "9.5e24"}), (430, 80, {"activity": "pretraining"})],
)
def test_the_two_weeks_run_from_when_it_was_known(days: int, hosts: int, tags: dict[str, str]) -> None:
    """Art. 52(1): within two weeks after it becomes known that the threshold will be met."""
    room = Room()
    description = running(days=days, hosts=hosts)
    pointer = room.jobs.add(description, **tags)
    room.metrics.results["big-run"] = HALF
    told = room.watch(hours=6)
    known, crossing = next((moment, alert) for moment, alert in told if "WILL CROSS" in alert.subject)
    due = (known + timedelta(weeks=2)).date().isoformat()
    assert crossing.attributes["notification_due"] == due
    assert f"By {due}: Notify the European Commission" in " ".join(crossing.body.split())
    room.clock.now = START + timedelta(days=days)
    room.jobs.add(ended(description, room.clock.now, "Completed"))
    audit_job(pointer, room.recorder, owner="audit")
    stored = room.records.latest(parse_training_job(description).job_id)
    assert stored is not None
    assert predicate_of(stored.line)["notification_due"] == due
    assert f"By {due}" in " ".join(room.alerts.sent[-1].body.split())


def test_a_finished_job_of_no_systemic_line_has_no_date() -> None:
    world = World()
    world.add(continuing("a", hours=20000), params="1e10", tokens="4e12")
    world.audit()
    assert world.content("a")["verdict"] == "above"
    assert world.content("a")["notification_due"] is None


@pytest.mark.parametrize("text", ["", "abc", "0", "1.5", "-0.1", "1/0", "0.5;0.8"])
def test_levels_that_are_no_fractions_are_refused(text: str) -> None:
    with pytest.raises(MalformedWarningLevels):
        read_fractions(text)


def test_levels_are_read_exactly() -> None:
    assert read_fractions("0.8, 0.03,0.5") == LEVELS


BETWEEN = timedelta(hours=16)
"""Two looks at the job whose hosts report at random."""


@settings(max_examples=20)
@given(
    # The samples of a host cost time, its silence does not.
    st.tuples(st.integers(1, 64), st.just(False)) | st.tuples(st.integers(1, 8), st.just(True)),
    st.lists(st.integers(1, 800), min_size=30, max_size=timedelta(days=28) // BETWEEN),
    st.sampled_from(["3e22", "1e23", "1.5e24", "9.98e24"]),
)
@example((64, True), [800, 400, 600] * 10, "9.9e24")
def test_no_line_is_crossed_unwarned(hosts_report: tuple[int, bool], busy: list[int], original: str) -> None:
    """Whatever the hosts report, every level comes at most once, in order, and before the line is crossed.

    Only a job that goes from below the last level to over the line between two looks cannot be told of before.
    """
    hosts, reports = hosts_report
    room, looks = Room(), list[Look]()
    room.jobs.add(running(hosts=hosts), pretrain_flops=original)
    told: list[tuple[datetime, Alert]] = []
    previous: dict[str, Fraction | None] = {}

    def kept(*asked: Any) -> Look:
        looks.append(look_at(*asked))  # type: ignore[arg-type]
        return looks[-1]

    for number, percent in enumerate(busy, 1):
        room.clock.now = START + number * BETWEEN
        if reports:
            one = throughout({"Values": [percent]}, number * BETWEEN / timedelta(hours=1), START)
            room.metrics.results["big-run"] = [
                {"Label": f"GPUUtilization algo-{host}", **one} for host in range(1, hosts + 1)
            ]
        before = len(room.alerts.sent)
        with patch.object(watching, "look_at", kept):
            room.once()
        new = [(room.clock.now, alert) for alert in room.alerts.sent[before:]]
        crossed = {line for _, alert in new if "OVER THE THRESHOLD" in alert.subject for line in lines_of(alert)}
        for line in crossed:
            warned = any(level.startswith("80 %") for level in headlines(about(told, line)))
            share = previous.get(line)
            assert warned or share is None or share < Fraction("0.8")
        told += new
        assert len(looks) == number
        previous = {o.line: o.upper_share for o in looks[-1].seen.outlooks}
    for line in {line for _, alert in told for line in lines_of(alert)}:
        levels = headlines(about(told, line))
        reached = [level for level in levels if level.endswith("reached")]
        assert len(set(levels) - set(reached)) == len(levels) - len(reached), "crossing is told of once"


def test_a_fault_in_reading_how_far_a_region_is_ends_no_round() -> None:
    met = 0
    for number in range(1, 8):
        room = Room(regions=("eu-west-1", "us-east-1"))
        readings = OnceUnread(region="us-east-1", number=number)
        watcher = replace(room.watcher, reader=replace(room.watcher.reader, store=readings))
        room.jobs.add(running(days=28, hosts=1))
        done = watch_jobs(watcher)
        assert done.jobs == 1
        met += bool(done.failures)
        assert bool(done.failures) == (readings.number <= 0)
    assert met
