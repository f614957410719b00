"""A round over the clusters of an account: hosts that were there stay known, and what operators drop is recorded."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pytest

from flops_auditor.domain.runs.cluster_time import HostsByName
from flops_auditor.domain.runs.evidence import Unread, parse_evidence
from flops_auditor.domain.values.archive_keys import CLUSTERS, evidence_key
from flops_auditor.use_cases.auditing import record_dropped_files
from flops_auditor.use_cases.auditing.keep_clusters import known_cluster
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.record_dropped_files import MOST_TRIES
from flops_auditor.use_cases.ports.clusters import DroppedFile, FileState
from flops_auditor.use_cases.ports.side_by_side import in_turn
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable
from tests.fakes.audit import FixedRegions
from tests.fakes.clusters import (
    ARN,
    CEILING,
    READ,
    at,
    describe_cluster,
    host,
    instance,
    kubectl,
    line,
    node,
    of_group,
    pod,
    pytorch_job,
    sacct,
    slurm_time,
)
from tests.fakes.dropped_files import BUCKET, RESEARCH, ClusterWorld, MemoryOperatorsFiles

KEY = f"{RESEARCH}runs.txt"
KUBERNETES = kubectl(pytorch_job(), pod(1), pod(2))


def kept(world: ClusterWorld) -> list[str]:
    return list(world.recorder.archive.list(CLUSTERS))


def contents(world: ClusterWorld) -> dict[str, dict[str, Any]]:
    """What the newest record of each run says, by what is behind the cluster's ARN."""
    jobs = {key.split("/")[1] for key in world.recorder.archive.list("records/")}
    found = [newest(job, world.recorder) for job in jobs]
    return {each.content["job"]["arn"].removeprefix(f"{ARN}/"): dict(each.content) for each in found if each}


def test_a_state_is_kept_once_and_hosts_that_are_gone_stay_known() -> None:
    world = ClusterWorld()
    world.round()
    first = kept(world)
    assert len(first) == 3
    later = [node(2, InstanceStatus={"Status": "Failure"}), of_group("added", 3)]
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(ClusterStatus="Updating"), later
    world.round()
    assert len(kept(world)) == 5, "two hosts, and that one of the two workers is missing"
    world.round()
    assert len(kept(world)) == 5
    known = known_cluster("eu-west-1", "research", world.recorder.archive, in_turn, asked_now=True)
    assert [each.instance_id for each in known.hosts] == [instance(1), instance(2), instance(3)]
    assert known.strange_groups == ()


def test_what_counts_of_a_cluster_is_kept_anew_and_the_last_answer_is_read() -> None:
    world = ClusterWorld()
    for count in (2, 5, 2):
        world.clusters.answers["eu-west-1", "research"] = describe_cluster(count), [node(1)]
        world.round()
    known = known_cluster("eu-west-1", "research", world.recorder.archive, in_turn, asked_now=True)
    assert known.cluster.groups[0].current_count == 2
    assert len([each for each in kept(world) if "/described/" in each]) == 3


def test_of_a_name_that_was_given_again_the_cluster_that_is_there_counts() -> None:
    world = ClusterWorld()
    world.round()
    again = ARN.replace("a1b2c3d4e5f6", "0000000000ff")
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(ClusterArn=again), [node(7)]
    world.round()
    known = known_cluster("eu-west-1", "research", world.recorder.archive, in_turn, asked_now=True)
    assert (known.cluster.cluster_arn, [each.instance_id for each in known.hosts]) == (again, [instance(7)])


@pytest.mark.parametrize(("body", "name"), [(sacct(line()), "100"), (KUBERNETES, "team-a/pytorchjob/tune")])
def test_what_is_dropped_is_recorded_once_with_who_says_so(body: bytes, name: str) -> None:
    world = ClusterWorld()
    world.drop(body)
    done = world.round()
    assert (done.files.recorded, done.files.troubled, world.state().stage) == (1, (), "recorded")
    [(run, content)] = contents(world).items()
    assert (run, content["verdict"]) == (name, "below")
    evidence = world.recorder.archive.get(evidence_key(content["job"]["id"], 0))
    assert evidence is not None
    told = parse_evidence(evidence).description["File"]["Who"]
    assert told.startswith(f"s3://{BUCKET}/{KEY}, version ")
    world.round()
    assert world.files.reads == [KEY]


def test_a_file_of_hosts_that_were_given_back_is_read_by_what_was_kept() -> None:
    world = ClusterWorld()
    world.round()
    del world.clusters.answers["eu-west-1", "research"]
    world.drop(sacct(line()))
    assert world.round().files.recorded == 1


def test_a_record_is_not_superseded_by_a_file() -> None:
    world = ClusterWorld()
    world.drop(sacct(line()))
    world.round()
    world.drop(sacct(line(end=1.5), line("101")))
    done = world.round()
    assert done.files.recorded == 1
    [state] = done.files.troubled
    assert (state.stage, state.otherwise, state.names) == ("recorded", 1, ("'a1b2c3d4e5f6/100'",))
    assert "--why" in state.remedy
    assert contents(world)["100"]["revision"] == 0
    assert world.round().files.troubled == (state,)


def test_the_same_file_twice_and_again_records_nothing_new() -> None:
    world = ClusterWorld()
    world.drop(sacct(line()))
    world.drop(sacct(line()), f"{RESEARCH}copy.txt")
    world.round()
    world.drop(sacct(line()))
    assert (world.round().files.recorded, len(contents(world))) == (0, 1)
    assert world.files.reads.count(KEY) == 2


@dataclass(frozen=True)
class Refused:
    body: bytes
    error: str
    key: str = KEY


@pytest.mark.parametrize(
    "case",
    [
        Refused(b"", "MalformedOperatorsFile"),
        Refused(b"PK\x03\x04" + bytes(2000), "MalformedOperatorsFile"),
        Refused(sacct(line()).decode().encode("utf-16"), "MalformedOperatorsFile"),
        Refused(KUBERNETES[:-40], "MalformedOperatorsFile"),
        Refused(sacct(line())[:-1], "FileCutShort"),
        Refused(sacct(line(), line("1000"))[:-100], "FileCutShort"),
        Refused(b'{"a": ' * 100_000, "MalformedOperatorsFile"),
        Refused(sacct(line(hosts="ip-10-9-9-[1-2]")), "NoHostOfThisCluster"),
        Refused(sacct(line()), "WrongFileName", "runs.txt"),
        Refused(sacct(line()), "WrongFileName", "eu-west-1/res\u202eearch/\n"),
        Refused(sacct(line()), "PeriodNotOver", f"{RESEARCH}2026-10-01--2026-12-31/runs.txt"),
    ],
)
def test_a_file_that_is_refused_is_named_and_not_read_again_until_it_is_replaced(case: Refused) -> None:
    world = ClusterWorld()
    world.drop(case.body, case.key)
    world.drop(sacct(line("200")), f"{RESEARCH}z.txt")
    done = world.round()
    [state] = done.files.troubled
    assert (state.key, state.stage, state.reason.partition(":")[0]) == (case.key, "refused", case.error)
    assert state.remedy
    assert len(state.reason) < 800
    assert done.files.recorded == 1
    reads = world.files.reads.count(case.key)
    assert len(world.round().files.troubled) == 1
    assert world.files.reads.count(case.key) == reads
    del world.files.bodies[case.key]
    world.drop(sacct(line()))
    assert (world.round().files.troubled, set(world.states.kept)) == ((), {KEY, f"{RESEARCH}z.txt"})


class ShutFiles(MemoryOperatorsFiles):
    """Files that are listed, and may not be read."""

    def read(self, file: DroppedFile) -> tuple[bytes, str] | None:
        raise SourceDenied(Unread("s3:GetObject", "AccessDenied", "encrypted with a key"))


def test_a_file_that_may_not_be_read_waits_and_is_told_of_in_every_round() -> None:
    world = ClusterWorld()
    world.files = ShutFiles()
    world.drop(sacct(line()))
    for _ in range(5):
        [state] = world.round().files.troubled
        assert (world.state(), state.stage) == (state, "waits")
        assert state.reason.startswith("SourceDenied: s3:GetObject")


def test_a_file_that_is_too_large_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_dropped_files, "LARGEST_DROPPED", 100)
    world = ClusterWorld()
    world.drop(sacct(line()))
    assert "record-cluster" in world.round().files.troubled[0].remedy
    assert world.files.reads == []


def test_a_file_of_a_cluster_that_was_never_seen_waits_for_it() -> None:
    world = ClusterWorld()
    answers = world.clusters.answers.pop(("eu-west-1", "research"))
    world.drop(sacct(line()))
    [state] = world.round().files.troubled
    assert (state.stage, state.reason.partition(":")[0]) == ("waits", "UnknownCluster")
    assert world.files.reads == []
    world.clusters.answers["eu-west-1", "research"] = answers
    assert (world.round().files.recorded, world.state().stage) == (1, "recorded")


def test_a_file_waits_while_aws_does_not_say_which_hosts_there_are() -> None:
    """Else a run on a host that was launched since would be open for good."""
    world = ClusterWorld()
    world.round()
    world.drop(sacct(line()))
    for refuse in (world.clusters.denied.add("eu-west-1"), world.clusters.silent.add("research")):
        assert refuse is None
        done = world.round()
        assert (done.files.recorded, world.state().stage) == (0, "waits")
        assert done.failed
        world.clusters.denied.clear()
    world.clusters.silent.clear()
    assert world.round().files.recorded == 1


def test_a_region_that_refuses_costs_no_other_and_is_no_failure_where_nothing_was_ever_kept() -> None:
    world = ClusterWorld()
    world.regions = FixedRegions(("af-south-1", "eu-west-1"))
    world.clusters.denied.add("af-south-1")
    world.drop(sacct(line()))
    done = world.round()
    assert (done.clusters, done.files.recorded, done.failed, set(done.closed)) == (1, 1, {}, {"af-south-1"})
    world.clusters.denied.add("eu-west-1")
    assert set(world.round().failed) == {"eu-west-1"}


def test_a_door_behind_which_every_region_refuses_is_a_failure() -> None:
    """A role without the right saw nothing, and all was well."""
    world = ClusterWorld()
    world.clusters.denied.add("eu-west-1")
    done = world.round()
    assert (set(done.failed), done.closed) == ({"eu-west-1"}, {})


def test_what_there_was_no_time_for_is_done_in_the_next_rounds() -> None:
    world = ClusterWorld()
    world.drop(sacct(*[line(str(100 + number), hosts="ip-10-1-0-1") for number in range(7)]))
    rounds = 0
    while world.states.kept.get(KEY) is None or world.state().stage != "recorded":
        done, rounds = world.round(runs=5), rounds + 1
        assert done.files.recorded <= 2
    assert (rounds, len(contents(world)), world.state().recorded) == (4, 7, 7)


def test_no_time_left_for_regions_or_files_is_said() -> None:
    world = ClusterWorld()
    world.drop(sacct(line()))
    assert world.round(runs=0).left == ["eu-west-1"]
    assert world.round(runs=1).left == ["eu-west-1/research"]
    assert world.round(runs=2).files.left == 1


def test_a_round_of_one_region_leaves_the_others_alone() -> None:
    world = ClusterWorld()
    world.regions = FixedRegions(("eu-west-1", "us-east-1"))
    world.drop(sacct(line()))
    assert (world.round(only="us-east-1").files.worked, world.states.kept) == ([], {})
    assert world.round(only="eu-west-1").files.recorded == 1
    assert world.round(only="xx-nowhere-1").clusters == 0


def test_a_file_with_which_rounds_die_is_refused_in_the_end_and_others_come_first() -> None:
    world = ClusterWorld()
    world.drop(sacct(line()))
    [file] = world.files.listed()
    world.states.note(FileState(KEY, file.version, world.clock.now, "reading", tries=MOST_TRIES))
    world.clock.advance(hours=1)
    world.drop(sacct(line("200")), f"{RESEARCH}z.txt")
    done = world.round()
    assert [each.key for each in done.files.worked] == [f"{RESEARCH}z.txt", KEY]
    assert world.state().reason.startswith("FileNotFinished")


@dataclass
class BrokenFiles(MemoryOperatorsFiles):
    """One file cannot be read, for a reason that nobody foresaw; another one is replaced while it is read."""

    def read(self, file: DroppedFile) -> tuple[bytes, str] | None:
        if file.key.endswith("broken.txt"):
            raise RuntimeError("of nobody")
        return None if file.key.endswith("moving.txt") else super().read(file)


def test_an_unforeseen_failure_stops_no_other_file_and_is_tried_again() -> None:
    world = ClusterWorld()
    world.files = BrokenFiles()
    for name in ("broken.txt", "moving.txt", "runs.txt"):
        world.drop(sacct(line()), RESEARCH + name)
    for _ in range(5):
        done = world.round()
        assert world.state(f"{RESEARCH}broken.txt").reason == "unexpected, RuntimeError: 'of nobody'"
    assert [each.key for each in done.files.troubled] == [f"{RESEARCH}broken.txt"]
    assert world.state().stage == "recorded"


class FailingRuns:
    """`record_cluster_run`, which fails for one run so often."""

    def __init__(self, times: int) -> None:
        self.times, self.real = times, record_dropped_files.record_cluster_run

    def __call__(self, case: Any, *others: Any) -> Any:
        if case.run.arn.endswith("/101") and self.times:
            self.times -= 1
            raise SourceUnavailable("no answer")
        return self.real(case, *others)


@pytest.mark.parametrize(("times", "failed"), [(2, 0), (100, 1)])
def test_a_run_that_fails_stops_no_other_and_is_tried_again(
    times: int, failed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(record_dropped_files, "record_cluster_run", FailingRuns(times))
    world = ClusterWorld()
    world.drop(sacct(line(), line("101"), line("102")))
    world.round()
    assert (world.state().stage, world.state().failed, len(contents(world))) == ("waits", 1, 2)
    for _ in range(4):
        done = world.round()
    state = world.state()
    assert (state.stage, state.failed, len(done.files.troubled)) == ("recorded", failed, failed)
    assert len(contents(world)) == 3 - failed
    assert not failed or state.names == ("'a1b2c3d4e5f6/101 (SourceUnavailable)'",)


def test_hours_of_a_period_that_the_file_is_whole_for_are_recorded() -> None:
    world = ClusterWorld()
    world.drop(sacct(line()), f"{RESEARCH}2026-10-01--2026-10-31/runs.txt")
    assert world.round().files.recorded == 2
    name = "no-run/ml.p5.48xlarge/2026-10-01T00:00:00.000Z/2026-10-31T23:59:59.999Z"
    assert {run: content["verdict"] for run, content in contents(world).items()} == {
        "100": "below",
        name: "indeterminate",
    }


@pytest.mark.parametrize(
    "rounds",
    [
        ((2, (1, 2)), (2, (3,))),
        ((16, (1,)), (1, (1,))),
        ((2, (1, 2)), (2, (3,)), (1, (3,))),
    ],
    ids=["others are gone", "more before", "for an hour"],
)
def test_hours_of_hosts_that_were_counted_and_not_listed_are_not_known(
    rounds: tuple[tuple[int, tuple[int, ...]], ...],
) -> None:
    """Given: in each round AWS counts so many hosts, and lists these; a file says that runs had all there ever were."""
    world = ClusterWorld()
    world.clock.now = at(24)
    for count, listed in rounds:
        world.clusters.answers["eu-west-1", "research"] = describe_cluster(count), [node(each) for each in listed]
        world.round()
    world.clock.now = READ
    world.drop(sacct(line(start=0, end=744, hosts="ip-10-1-0-[1-3]")), MONTH)
    world.round()
    assert contents(world)[HOURS]["verdict"] == "indeterminate"


def test_a_listing_that_lacked_hosts_in_another_month_leaves_hours_known() -> None:
    world = ClusterWorld()
    world.round()
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(3), [node(1), node(2)]
    world.round()
    world.drop(sacct(line(start=0, end=744)), MONTH)
    world.round()
    assert contents(world)[HOURS]["verdict"] == "below"


def test_a_bucket_that_cannot_be_listed_keeps_no_cluster_unknown() -> None:
    class Shut(MemoryOperatorsFiles):
        def listed(self) -> list[DroppedFile]:
            raise SourceUnavailable("s3:ListBucket: no answer")

    world = ClusterWorld()
    world.files = Shut()
    done = world.round()
    assert (done.clusters, done.unlisted) == (1, "SourceUnavailable: s3:ListBucket: no answer")


def test_more_files_than_are_looked_at_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flops_auditor.use_cases.auditing.look_after_clusters.MOST_FILES", 1)
    world = ClusterWorld()
    for name in ("a.txt", "b.txt"):
        world.drop(sacct(line()), RESEARCH + name)
    assert "more than 1 files" in world.round().unlisted
    assert list(world.states.kept) == [f"{RESEARCH}a.txt"]


def test_what_is_noted_of_files_that_are_gone_is_forgotten_however_many_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("flops_auditor.use_cases.auditing.look_after_clusters.MOST_FILES", 5)
    world = ClusterWorld()
    for turn in (3, 1, 2):
        world.files.bodies.clear()
        for number in range(7):
            world.drop(b"x", f"!{turn}-{number}")
        world.round()
        assert len(world.states.kept) == 5


def test_large_files_keep_no_small_one_waiting_and_what_waits_is_told_of() -> None:
    world = ClusterWorld()
    for name in "abc":
        lines = [line(f"{ord(name)}{number:03}", hosts="ip-10-1-0-1") for number in range(40)]
        world.drop(sacct(*lines), f"{RESEARCH}{name}.txt")
    world.round(runs=5)
    world.clock.advance(hours=1)
    world.drop(sacct(line()))
    done = world.round(runs=20)
    assert world.state().stage == "recorded"
    assert done.files.worked[0].key == KEY
    waits = {state.key: state.reason.partition(":")[0] for state in done.files.troubled}
    assert waits == {f"{RESEARCH}c.txt": "FileNotReached"}
    worked = [each.key for _ in range(3) for each in world.round(runs=12).files.worked]
    assert worked == [f"{RESEARCH}{name}.txt" for name in "cab"]


def test_only_so_many_files_without_a_turn_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_dropped_files, "_MOST_NOTED_LEFT", 2)
    world = ClusterWorld()
    for name in "abc":
        world.drop(sacct(line()), f"{RESEARCH}{name}.txt")
    done = world.round(runs=2)
    assert (done.files.left, len(done.files.troubled)) == (3, 2)


def test_a_file_with_which_rounds_died_is_told_of_and_comes_last_from_the_second_on() -> None:
    """One that died changes no order, and with it no record."""
    world = ClusterWorld()
    world.drop(sacct(line()))
    [file] = world.files.listed()
    larger = f"{RESEARCH}z.txt"
    world.drop(sacct(line("200"), line("201")), larger)
    for tries, order in ((1, [KEY, larger]), (2, [larger, KEY])):
        world.states.kept = {KEY: FileState(KEY, file.version, world.clock.now, "reading", tries=tries)}
        assert world.states.kept[KEY].troubled == (tries > 1)
        assert [each.key for each in world.round().files.worked] == order


MONTH = f"{RESEARCH}2026-10-01--2026-10-31/runs.txt"
HOURS = "no-run/ml.p5.48xlarge/2026-10-01T00:00:00.000Z/2026-10-31T23:59:59.999Z"
REQUEUED = line("50", start=0, end=744, state="REQUEUED")
HELD = line("50", None, None, "None assigned", "PENDING", Submit=slurm_time(at(743.9)), Restarts="1", AllocTRES="")
ANOTHER_OBJECT = kubectl(
    pytorch_job(end=1.1),
    pod(1, end=1.1),
    pod(2, end=1.1),
    pytorch_job(end=744, metadata={**pytorch_job()["metadata"], "uid": "uid-z"}),
    {**pod(1, "z", end=744), "metadata": {**pod(1, "z")["metadata"], "uid": "other-1"}},
    {**pod(2, "z", end=744), "metadata": {**pod(2, "z")["metadata"], "uid": "other-2"}},
)


def rest_of(content: dict[str, Any]) -> float:
    """Hours of hosts that no run had: two were there for 744."""
    return round(int(content["estimate"]["upper_flop"]) / CEILING / 3600)


@pytest.mark.parametrize(
    ("changes", "hours_in_doubt"),
    [({"PrivateDnsHostname": "ip-10-9-9-9.x"}, False), ({"InstanceType": "ml.g5.xlarge"}, True)],
)
def test_a_host_of_which_answers_contradict_each_other_leaves_open_what_was_on_it_alone(
    changes: dict[str, str], hours_in_doubt: bool
) -> None:
    world = ClusterWorld()
    world.round()
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(), [node(1, **changes), node(2)]
    world.drop(sacct(line("1", hosts="ip-10-1-0-1"), line("2", hosts="ip-10-1-0-2")), MONTH)
    done = world.round()
    assert done.files.troubled == ()
    told = contents(world)
    assert {run: told[run]["verdict"] for run in "12"} == {"1": "indeterminate", "2": "below"}
    doubts = {each["kind"] for each in told[HOURS]["estimate"]["doubts"]}
    assert ("cluster-groups-not-listed-in-full" in doubts) == hours_in_doubt


def test_a_file_of_hosts_in_doubt_alone_is_not_taken_for_another_clusters() -> None:
    world = ClusterWorld()
    world.round()
    again = node(1, PrivateDnsHostname="ip-10-9-9-9.x")
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(), [again, node(2)]
    world.drop(sacct(line("1", hosts="ip-10-1-0-1")))
    assert world.round().files.troubled == ()
    assert contents(world)["1"]["verdict"] == "indeterminate"


@dataclass(frozen=True)
class NotOnRecord:
    body: bytes
    before: bytes = b""
    rest: int = 1488
    otherwise: int = 0


@pytest.mark.parametrize(
    "case",
    [
        NotOnRecord(sacct(REQUEUED, HELD)),
        NotOnRecord(kubectl(pytorch_job(start=0, end=None), pod(1, start=0, end=None), pod(2, start=0, end=744))),
        NotOnRecord(sacct(line(start=0, end=744)), before=sacct(line(end=1.1)), otherwise=1),
        NotOnRecord(ANOTHER_OBJECT, otherwise=1),
    ],
)
def test_hours_are_explained_by_what_is_on_record_alone(case: NotOnRecord) -> None:
    """Else they were nowhere: a run that goes on, or that is recorded as shorter, would hide them."""
    world = ClusterWorld()
    if case.before:
        world.drop(case.before)
        world.round()
    world.drop(case.body, MONTH)
    done = world.round()
    hours = contents(world)[HOURS]
    assert (hours["verdict"], rest_of(hours)) == ("indeterminate", case.rest)
    assert world.state(MONTH).otherwise == case.otherwise
    assert len(done.files.troubled) == bool(case.otherwise)


def test_hours_are_recorded_when_runs_that_failed_were_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_dropped_files, "record_cluster_run", FailingRuns(1))
    world = ClusterWorld()
    world.drop(sacct(line("101", start=0, end=744)), MONTH)
    world.round()
    assert (world.state(MONTH).stage, HOURS in contents(world)) == ("waits", False)
    world.round()
    assert (world.state(MONTH).stage, rest_of(contents(world)[HOURS]), world.state(MONTH).otherwise) == (
        "recorded",
        0,
        0,
    )


def test_of_a_file_with_too_many_runs_that_are_unlike_none_explains_hours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_dropped_files, "_MOST_UNLIKE", 1)
    world = ClusterWorld()
    world.drop(sacct(line("1"), line("2")))
    world.round()
    world.drop(sacct(line("1", end=4), line("2", end=4), line("3", start=0, end=744)), MONTH)
    world.round()
    assert rest_of(contents(world)[HOURS]) == 1488


def test_hosts_are_sorted_by_name_once_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not once for each stay: a file of two million would take longer than a round."""
    built = list[int]()

    class Counted(HostsByName):
        def __init__(self, hosts: Any) -> None:
            built.append(1)
            super().__init__(hosts)

    monkeypatch.setattr("flops_auditor.use_cases.auditing.cluster_runs.HostsByName", Counted)
    world = ClusterWorld()
    world.drop(sacct(*[line(str(number), hosts="ip-10-9-9-[1-50]") for number in range(20)]), MONTH)
    world.round()
    assert (world.state(MONTH).reason.partition(":")[0], len(built)) == ("NoHostOfThisCluster", 1)


def test_a_copy_that_is_cut_keeps_no_run_from_being_told_plainly_by_the_whole_one() -> None:
    world = ClusterWorld()
    whole = sacct(line(), line("1000"))
    world.drop(whole[: whole.index(b"1000") + 2])
    world.round()
    assert contents(world) == {}
    world.drop(whole)
    assert world.round().files.troubled == ()
    assert [content["verdict"] for content in contents(world).values()] == ["below", "below"]


def test_a_file_that_leaves_all_its_runs_open_is_told_of() -> None:
    world = ClusterWorld()
    world.drop(sacct(line(), "of nobody"))
    [state] = world.round().files.troubled
    assert (state.stage, state.recorded, "1 lines or objects cannot be read" in state.reason) == ("recorded", 1, True)
    assert "--why" in state.remedy


@pytest.mark.parametrize("member", ["InstanceId", "LaunchTime"])
def test_a_host_that_is_yet_to_be_launched_keeps_no_other_from_being_known(member: str) -> None:
    world = ClusterWorld()
    pending = {name: value for name, value in node(3).items() if name != member}
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(3), [node(1), node(2), pending]
    world.drop(sacct(line()))
    done = world.round()
    assert (done.failed, done.files.recorded) == ({}, 1)
    assert len([each for each in kept(world) if "/hosts/" in each]) == 2
    world.drop(sacct(line("200", start=0, end=744)), MONTH)
    world.round()
    assert contents(world)[HOURS]["verdict"] == "below", "it has had no hours yet"


def test_of_a_cluster_that_was_made_anew_the_hours_of_the_earlier_one_are_told_of() -> None:
    world = ClusterWorld()
    world.round()
    again = ARN.replace("a1b2c3d4e5f6", "0000000000ff")
    world.clusters.answers["eu-west-1", "research"] = describe_cluster(ClusterArn=again), [node(7, at(744.2))]
    world.drop(sacct(), MONTH)
    [state] = world.round().files.troubled
    assert (state.stage, "a1b2c3d4e5f6" in state.reason) == ("recorded", True)
    assert "record-cluster" in state.remedy
    world.clock.advance(hours=24 * 30)
    later = MONTH.replace("2026-10-01--2026-10-31", "2026-11-02--2026-11-29")
    world.drop(sacct(), later)
    assert world.round().files.troubled == (state,)
    assert world.state(later).stage == "recorded"


def test_a_name_that_two_hosts_had_at_once_is_nobodys() -> None:
    """Given: in two networks hosts of unlike types with one address, later only the weaker one."""
    world = ClusterWorld()
    name = node(1)["PrivateDnsHostname"]
    weak = node(2, launched=at(743), kind="ml.g5.48xlarge", PrivateDnsHostname=name)
    for nodes in ([node(1), weak, node(3)], [weak, node(3)]):
        world.clusters.answers["eu-west-1", "research"] = describe_cluster(len(nodes)), nodes
        world.round()
    on_both = kubectl(pytorch_job(), pod(1), pod(3))
    world.drop(sacct(line(start=500, end=744, hosts=host(1)), line("101", hosts=host(3))))
    world.drop(on_both, f"{RESEARCH}runs.json")
    world.round()
    verdicts = {run: content["verdict"] for run, content in contents(world).items()}
    assert verdicts == {"100": "indeterminate", "101": "below", "team-a/pytorchjob/tune": "below"}


@pytest.mark.parametrize(("created", "verdict"), [(at(0), "indeterminate"), (READ, "below")])
def test_hours_before_anybody_asked_about_a_cluster_are_not_known(created: datetime, verdict: str) -> None:
    """Hosts that were given back until then were never listed, and the hours of a month were below."""
    world = ClusterWorld()
    world.clusters.answers["eu-west-1", "research"] = (
        describe_cluster(CreationTime=created.isoformat()),
        [node(1), node(2)],
    )
    world.drop(sacct(line(start=0, end=744)), MONTH)
    world.round()
    assert contents(world)[HOURS]["verdict"] == verdict
