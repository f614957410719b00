"""Times in which nobody could ask about a cluster leave its hours not known, whichever call a round dies after."""

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.cluster_evidence import NotListed
from flops_auditor.domain.values.archive_keys import CLUSTERS
from flops_auditor.use_cases.auditing.keep_clusters import known_cluster
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.unseen_times import unseen_times
from flops_auditor.use_cases.ports.side_by_side import in_turn
from tests.fakes.clusters import ARN, HOST, READ, at, describe_cluster, host, line, node, of_group, sacct
from tests.fakes.dropped_files import RESEARCH, ClusterWorld

PLACE = "eu-west-1", "research"
OCTOBER = f"{RESEARCH}2026-10-01--2026-10-31/runs.txt"
NOT_LISTED = "cluster-groups-not-listed-in-full"


class Killed(BaseException):
    """As Lambda ends a function that runs for too long."""


class Dying:
    """A port whose caller is killed once so many calls were made, of several ports together."""

    def __init__(self, port: Any, calls: Any, last: int) -> None:
        self.port, self.calls, self.last = port, calls, last

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **named: Any) -> Any:
            answer = getattr(self.port, name)(*args, **named)
            if next(self.calls) == self.last:
                raise Killed
            return answer

        return call


@pytest.fixture
def world() -> ClusterWorld:
    """With a cluster that was asked about in the first three hours after its creation."""
    made = ClusterWorld()
    made.clusters.answers[PLACE] = describe_cluster(CreationTime=at(0).isoformat()), [node(1), node(2)]
    each_hour(made, 1, 3)
    return made


def each_hour(world: ClusterWorld, first: int, last: int) -> None:
    """A round at each of these hours after the cluster's creation."""
    for hour in range(first, last + 1):
        world.clock.now = at(hour - 1)
        world.round()


def denied(world: ClusterWorld, first: int, last: int) -> None:
    """The same, while the region refuses."""
    world.clusters.denied.add("eu-west-1")
    each_hour(world, first, last)
    world.clusters.denied.clear()


def hours_of_october(world: ClusterWorld) -> tuple[str, set[str]]:
    """The verdict on its hours, of which a file says that runs had all, and what is in doubt of them."""
    world.clock.now = max(world.clock.now, READ)
    world.drop(sacct(line(start=0, end=744)), OCTOBER)
    world.round()
    jobs = {key.split("/")[1] for key in world.recorder.archive.list("records/")}
    contents = [record.content for job in jobs if (record := newest(job, world.recorder))]
    [content] = [each for each in contents if each["job"]["arn"].startswith(f"{ARN}/no-run/{HOST}/")]
    return content["verdict"], {each["kind"] for each in content["estimate"]["doubts"]}


def kept(world: ClusterWorld) -> list[str]:
    keys = list(world.recorder.archive.list(CLUSTERS))
    return [key.rpartition("/")[2].removesuffix(".json") for key in keys if "/unseen/" in key]


def listed_at(world: ClusterWorld, hour: float) -> bool:
    """Whether all hosts of that moment are known."""
    return not known_cluster(*PLACE, world.recorder.archive, in_turn, asked_now=True).not_listed(
        at(hour), at(hour + 0.01)
    )


@pytest.mark.parametrize("what", ["the region refuses", "the cluster refuses", "no round"])
def test_hours_of_a_time_in_which_nobody_asked_are_not_known(what: str, world: ClusterWorld) -> None:
    """Hosts that came and went meanwhile were never listed, and the hours of the month were below."""
    if what == "the region refuses":
        denied(world, 4, 7)
    elif what == "the cluster refuses":
        world.clusters.silent.add("research")
        each_hour(world, 4, 7)
        world.clusters.silent.clear()
    each_hour(world, 8, 745)
    assert hours_of_october(world) == ("indeterminate", {NOT_LISTED})
    assert kept(world) == ["2026-10-01T03:00:00.000Z"]


@pytest.mark.parametrize("failed", [0, 1])
def test_a_round_each_hour_leaves_hours_known_and_so_does_one_that_failed(failed: int, world: ClusterWorld) -> None:
    each_hour(world, 4, 300)
    denied(world, 301, 300 + failed)
    world.clock.now = at(300 + failed + 0.4)  # a round may begin late
    world.round()
    each_hour(world, 302 + failed, 745)
    assert hours_of_october(world) == ("below", set())
    assert kept(world) == []


def test_a_time_outside_the_period_leaves_its_hours_known(world: ClusterWorld) -> None:
    each_hour(world, 4, 745)
    denied(world, 746, 800)
    assert hours_of_october(world) == ("below", set())
    each_hour(world, 801, 802)
    assert kept(world) == ["2026-11-01T01:00:00.000Z"]


@pytest.mark.parametrize(("outage", "verdict"), [(0, "below"), (700, "indeterminate")])
def test_a_cluster_that_was_deleted_was_asked_about_when_it_was_found_to_be_gone(
    outage: int, verdict: str, world: ClusterWorld
) -> None:
    del world.clusters.answers[PLACE]
    denied(world, 4, 3 + outage)
    each_hour(world, 4 + outage, 745)
    assert hours_of_october(world)[0] == verdict
    assert kept(world) == ["2026-10-01T03:00:00.000Z"] * bool(outage)


def test_one_that_could_not_be_looked_up_in_time_is_left_for_the_next_round(world: ClusterWorld) -> None:
    del world.clusters.answers[PLACE]
    denied(world, 4, 10)
    assert world.round(runs=1).left == ["eu-west-1/research"]
    assert kept(world) == []
    world.round()
    assert kept(world) == ["2026-10-01T03:00:00.000Z"]


def test_without_a_note_the_last_moment_that_is_known_counts(world: ClusterWorld) -> None:
    each_hour(world, 4, 20)
    world.times.kept.clear()
    each_hour(world, 21, 22)
    assert kept(world) == ["2026-10-01T01:00:00.000Z"], "that of the description"
    world.times.kept.clear()
    each_hour(world, 23, 23)
    assert kept(world) == ["2026-10-01T01:00:00.000Z"], "until the end of what is kept"


def test_a_note_about_an_earlier_cluster_of_the_name_counts_for_no_other(world: ClusterWorld) -> None:
    again, created = ARN.replace("a1b2c3d4e5f6", "0000000000ff"), at(100).isoformat()
    world.clusters.answers[PLACE] = describe_cluster(1, ClusterArn=again, CreationTime=created), [node(7)]
    each_hour(world, 101, 101)
    assert kept(world) == []
    assert listed_at(world, 50)


def test_all_groups_that_it_ever_had_are_in_doubt_with_the_type_of_their_hosts(world: ClusterWorld) -> None:
    """A group that was there before a time may have had other hosts in it, and one that came after it."""
    groups = [{"InstanceGroupName": "late", "InstanceType": "ml.g5.xlarge", "CurrentCount": 1}]
    late = of_group("late", 3, kind="ml.g5.xlarge")
    world.clusters.answers[PLACE] = describe_cluster(InstanceGroups=groups), [late]
    each_hour(world, 10, 10)
    known = known_cluster(*PLACE, world.recorder.archive, in_turn, asked_now=True)
    assert known.not_listed(at(5), at(6)) == {"late": "ml.g5.xlarge", "workers": HOST}


def test_what_cannot_be_read_has_no_end() -> None:
    times = unseen_times(["clusters/x/unseen/2026-10-01T00:00:00.000Z.json"], [None], {"workers": HOST})
    assert list(times) == [NotListed({"workers": HOST}, at(0), None, frozenset())]


def round_that_dies(world: ClusterWorld, last: int) -> bool:
    """Whether it died after so many calls."""
    calls = count(1)
    archive = Dying(world.recorder.archive, calls, last)
    ports = {name: Dying(getattr(world, name), calls, last) for name in ("times", "clusters")}
    try:
        world.round(recorder=replace(world.recorder, archive=archive), **ports)
    except Killed:
        return True
    return False


@pytest.mark.parametrize("case", ["there", "there, and nothing noted", "gone"])
@pytest.mark.parametrize("following", [9, 13])
def test_a_kill_after_any_call_leaves_the_same_hours_not_known(case: str, following: int) -> None:
    """Nobody asked from the third hour on, the round of the eighth dies, and the next is that of a later one."""
    for last in count(1):
        world = ClusterWorld()
        world.clusters.answers[PLACE] = describe_cluster(CreationTime=at(1).isoformat()), [node(1), node(2)]
        each_hour(world, 3, 3)
        world.clusters.answers[PLACE] = describe_cluster(3), [node(1), node(2), node(3)]
        if case == "gone":
            del world.clusters.answers[PLACE]
        elif case == "there, and nothing noted":
            world.times.kept.clear()
        world.clock.now = at(7)
        died = round_that_dies(world, last)
        each_hour(world, following, 15)
        assert kept(world)[0] == "2026-10-01T03:00:00.000Z"
        hours = [hour for hour in range(15) if not listed_at(world, hour + 0.5)]
        noted = following == 9 or case == "gone"  # the round that died had ended that time
        assert hours == [*range(3, following)] or (noted and hours == [*range(3, 8)]), f"call {last}"
        if not died:
            break
    assert last >= 6


def test_a_cluster_that_is_gone_is_known_until_it_was_found_to_be(world: ClusterWorld) -> None:
    """Whatever the table has lost of it since."""
    each_hour(world, 4, 20)
    del world.clusters.answers[PLACE]
    each_hour(world, 21, 21)
    world.times.kept.clear()
    each_hour(world, 22, 745)
    assert hours_of_october(world) == ("below", set())


def test_one_that_was_asked_about_once_by_a_round_that_died_is_not_known_afterwards(world: ClusterWorld) -> None:
    """It was described and never noted: nobody missed it when it was gone, and the hours were below."""
    world.times.kept.clear()
    del world.clusters.answers[PLACE]
    denied(world, 4, 700)
    each_hour(world, 701, 745)
    assert hours_of_october(world) == ("indeterminate", {NOT_LISTED})


@pytest.mark.parametrize("case", ["no accelerators", "no groups", "a group of no type"])
def test_hosts_of_any_group_may_have_come_and_gone_while_nobody_asked(case: str) -> None:
    groups = {
        "no accelerators": [{"InstanceGroupName": "control", "InstanceType": "ml.m5.xlarge", "CurrentCount": 1}],
        "no groups": [],
        "a group of no type": [{"InstanceGroupName": "flexible", "CurrentCount": 0}],
    }[case]
    hosts = [of_group("control", 9, kind="ml.m5.xlarge")] if case == "no accelerators" else []
    world = ClusterWorld()
    world.clusters.answers[PLACE] = describe_cluster(CreationTime=at(0).isoformat(), InstanceGroups=groups), hosts
    each_hour(world, 1, 3)
    denied(world, 4, 700)
    each_hour(world, 701, 745)
    world.clock.now = max(world.clock.now, READ)
    world.drop(sacct(*([line(start=0, end=744, hosts=host(9))] if hosts else [])), OCTOBER)
    world.round()
    jobs = {key.split("/")[1] for key in world.recorder.archive.list("records/")}
    contents = [record.content for job in jobs if (record := newest(job, world.recorder))]
    hours = [each for each in contents if each["job"]["arn"].startswith(f"{ARN}/no-run/unknown/")]
    assert [each["verdict"] for each in hours] == ["indeterminate"]


@pytest.mark.parametrize(
    ("start", "end", "still_there", "doubted"),
    [(10, 690, False, True), (10, 690, True, False), (1, 3, False, False), (701, 704, False, False)],
)
def test_a_run_is_open_whose_hosts_name_may_have_been_anothers_while_nobody_asked(
    start: int, end: int, still_there: bool, doubted: bool
) -> None:
    """The name of a weak host that was given back, which a strong one had until that was given back, too."""
    weak = node(1, kind="ml.g5.xlarge")
    groups = [{"InstanceGroupName": "workers", "InstanceType": "ml.g5.xlarge", "CurrentCount": 1}]
    world = ClusterWorld()
    described = describe_cluster(CreationTime=at(0).isoformat(), InstanceGroups=groups)
    world.clusters.answers[PLACE] = described, [weak]
    each_hour(world, 1, 3)
    denied(world, 4, 700)
    world.clusters.answers[PLACE] = described, [weak if still_there else node(3, kind="ml.g5.xlarge", launched=at(699))]
    each_hour(world, 701, 745)
    world.drop(sacct(line(start=start, end=end, hosts=host(1))))
    world.round()
    [job] = {key.split("/")[1] for key in world.recorder.archive.list("records/")}
    record = newest(job, world.recorder)
    assert record is not None
    found = {each["kind"] for each in record.content["estimate"]["doubts"]}
    assert ("cluster-hosts-not-seen" in found) == doubted
    assert record.content["verdict"] == ("indeterminate" if doubted else "below")
