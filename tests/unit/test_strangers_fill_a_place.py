"""Places that runs of other roles, or a team of one, fill: nobody's entries stand before those that another needs."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import pytest

from flops_auditor.use_cases.auditing import crowds, find_holders
from flops_auditor.use_cases.auditing.find_holders import MOST_QUERIES, most_at_a_place
from flops_auditor.use_cases.auditing.find_lineage import find_lineage
from tests.fakes.audit import MemoryAlerts, MemoryIndex
from tests.fakes.jobs import moved
from tests.fakes.lineage import World, channel
from tests.fakes.shared_places import ONE_POLICY
from tests.unit.test_places import LONG, OURS, STRANGER, decoy, in_team, kinds

Job = dict[str, Any]
CHECKPOINT = "s3://ckpt/run"
KEEPS = {"CheckpointConfig": {"S3Uri": CHECKPOINT}}
ARTIFACT = "s3://team/a/output/model.tar.gz"
OTHER = {"RoleArn": "arn:aws:iam::123456789012:role/other-of-the-owner"}
NOBODY = {"RoleArn": ""}
FAILED = {"TrainingJobStatus": "Failed"}


@pytest.fixture(autouse=True)
def pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages of three entries, so that few runs fill a place."""
    for module in (crowds, find_holders):
        monkeypatch.setattr(module, "ENTRIES_IN_A_PAGE", 3)
    monkeypatch.setattr(crowds, "MOST_BELOW", 12)
    monkeypatch.setattr(find_holders, "MOST_BELOW", 12)


def reads(uri: str, name: str = "model") -> Job:
    """A job's input."""
    return {"InputDataConfig": [channel(name, uri)]}


def child(**changes: Any) -> Job:
    """The innocent, which trains from the tenth day on."""
    return moved(in_team("b", **{**OURS, **changes}), timedelta(days=10))


def crowd(count: int, at: str, days: float = 5, called: str = "s", **changes: Any) -> list[Job]:
    """So many runs that keep checkpoints at a place, created one after the other."""
    made = {"CheckpointConfig": {"S3Uri": at}, **STRANGER, **FAILED, "day": 0, **changes}
    return [
        moved(decoy(f"{called}{number:02d}", "s3://x/", **made), timedelta(days=days, seconds=number))
        for number in range(count)
    ]


def recorded(*jobs: Job, tags: Mapping[str, str] | None = None) -> World:
    """Jobs recorded one after the other, with all that each sets off; the tag is that of b."""
    world = World(tables=ONE_POLICY)
    for job in jobs:
        name = job["TrainingJobName"]
        world.add(job, **(tags or {} if name == "b" else {}))
        world.audit(name)
    return world


def found(world: World) -> tuple[str, set[str], list[str]]:
    """Verdict, ancestors and doubts about lineage of b."""
    return world.content("b")["verdict"], world.ancestors("b"), kinds(world, "b")


def filled() -> int:
    """More runs than are looked up at a place."""
    return most_at_a_place() + 2


INNOCENT: dict[str, tuple[list[Job], Job, Callable[[], list[Job]]]] = {
    "data below a bucket": ([], reads("s3://data/c/part-1", "train"), lambda: crowd(filled(), "s3://data")),
    "data": ([], reads("s3://data/c/part-1", "train"), lambda: crowd(filled(), "s3://data/c")),
    "a model below a bucket": ([], reads("s3://base/llama/7b"), lambda: crowd(filled(), "s3://base/llama")),
    "a checkpoint of its parent": (
        [in_team("a", **OURS, **KEEPS)],
        reads(f"{CHECKPOINT}/step-9"),
        lambda: crowd(filled(), CHECKPOINT),
    ),
    "its own checkpoint": ([in_team("a", **OURS, **KEEPS)], KEEPS, lambda: crowd(filled(), CHECKPOINT)),
    "the artifact of its parent": ([in_team("a", **OURS)], reads(ARTIFACT), lambda: crowd(filled(), ARTIFACT)),
    "the artifact of another role": ([in_team("a", **OTHER)], reads(ARTIFACT), lambda: crowd(filled(), ARTIFACT)),
    "results below a base": (
        [],
        reads("s3://base/llama"),
        lambda: [job for n in range(20) for job in [crowd(20, f"s3://base/llama/{n}")[n]]],
    ),
    "while it trains: a checkpoint": (
        [in_team("a", **OURS, **KEEPS)],
        reads(f"{CHECKPOINT}/step-9"),
        lambda: crowd(filled(), CHECKPOINT, days=10.001),
    ),
    "while it trains: data": (
        [],
        reads("s3://data/c/part-1", "train"),
        lambda: crowd(filled(), "s3://data/c", days=10.001),
    ),
}


@pytest.mark.parametrize("how", INNOCENT)
@pytest.mark.parametrize("first", [True, False], ids=["strangers first", "strangers after"])
@pytest.mark.parametrize("whose", [STRANGER, NOBODY], ids=["of another role", "of no role"])
def test_however_many_strangers_fill_a_place_nobody_else_changes(how: str, first: bool, whose: Job) -> None:
    """Neither verdict nor ancestors nor figures, and nobody is mailed of it."""
    parents, begins, fill = INNOCENT[how]
    innocent = child(hours=30, **begins)
    alone = recorded(*parents, innocent)
    strangers = [{**job, **whose} for job in fill()]
    before, after = (strangers, []) if first else ([], strangers)
    world = recorded(*parents, *before, innocent, *after)
    assert found(world) == found(alone) == ("below", {job["TrainingJobName"] for job in parents}, [])
    assert world.content("b")["cumulative"] == alone.content("b")["cumulative"]
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    assert not [alert for alert in alerts.sent if alert.subject.endswith(" b")]
    assert world.content("b")["revision"] <= 1


@pytest.mark.parametrize("begins", [reads(f"{CHECKPOINT}/step-9"), KEEPS], ids=["model", "checkpoint"])
@pytest.mark.parametrize("role", [STRANGER, OTHER, NOBODY], ids=["strangers", "another role of the owner", "no role"])
def test_a_parent_is_found_behind_however_many_of_other_roles(begins: Job, role: Job) -> None:
    world = recorded(in_team("a", **LONG, **OURS, **KEEPS), *crowd(filled(), CHECKPOINT, **role), child(**begins))
    assert found(world) == ("above", {"a"}, [])


@pytest.mark.parametrize("by_name", [True, False], ids=["variable", "channel"])
@pytest.mark.parametrize("place", [ARTIFACT, "s3://team/a/output", "s3://team/a"])
def test_what_sagemaker_wrote_for_another_role_is_found_behind_however_many_of_a_third(
    place: str, by_name: bool
) -> None:
    places = {"file": place, "run": "s3://team/a", "folder": "s3://team/a/output"}
    decoys = [job for called, at in places.items() for job in crowd(4, at, called=called)]
    begins = {"Environment": {"MODEL_URI": place}} if by_name else reads(place)
    alone = recorded(in_team("a", **LONG, **OTHER), child(**begins))
    world = recorded(in_team("a", **LONG, **OTHER), *decoys, child(**begins))
    assert found(world) == found(alone)
    assert found(world)[0] != "below"


def test_who_fills_a_place_with_runs_of_his_own_role_hides_no_parent_there() -> None:
    decoys = crowd(filled(), CHECKPOINT, **OURS)
    world = recorded(in_team("a", **LONG, **OURS, **KEEPS), *decoys, child(**reads(f"{CHECKPOINT}/step-9")))
    assert world.content("b")["verdict"] != "below"
    assert "too-many-writers" in kinds(world, "b")


def test_a_later_parent_is_found_behind_however_many_of_its_time() -> None:
    parent = moved(in_team("a", **LONG, **OURS, **KEEPS), timedelta(days=10, hours=1))
    strangers = crowd(filled(), CHECKPOINT, days=10.001)
    world = recorded(*strangers, parent, child(hours=30, **reads(f"{CHECKPOINT}/step-9")))
    assert found(world) == ("indeterminate", set(), ["later-than-child"])


def test_a_tag_that_names_the_parent_settles_that_not_all_were_looked_up() -> None:
    decoys = crowd(filled(), CHECKPOINT, **OURS)
    jobs = (in_team("a", **OURS, **KEEPS), *decoys, child(**reads(f"{CHECKPOINT}/step-9")))
    assert "too-many-writers" in kinds(recorded(*jobs), "b")
    assert "too-many-writers" not in kinds(recorded(*jobs, tags={"lineage": "a"}), "b")


def test_a_team_that_fills_a_folder_above_data_is_a_note() -> None:
    """Its jobs keep TensorBoard's files there."""
    shared = {
        "TensorBoardOutputConfig": {"S3OutputPath": "s3://team/proj"},
        "CheckpointConfig": {"S3Uri": "s3://own/x"},
    }
    team = crowd(filled(), "s3://own/x", **OURS, **shared)
    world = recorded(*team, child(**reads("s3://team/proj/data/train", "train")))
    assert found(world) == ("below", set(), [])
    assert "called-data" in kinds(world, "b", "notes")


def test_a_team_that_fills_where_sagemaker_writes_what_is_read_as_data_is_a_doubt() -> None:
    """The run of that name may be one of those that were not looked up."""
    parent = in_team("a", **LONG, **OURS, ModelArtifacts={}, **{"TrainingJobStatus": "Stopped"})
    world = recorded(parent, *crowd(filled(), "s3://team/a", **OURS), child(**reads("s3://team/a/output/x", "train")))
    assert "too-many-writers" in kinds(world, "b")


def test_places_that_strangers_fill_take_three_times_the_queries_at_most() -> None:
    """And none of those that a job may ask on its own account."""
    deep = {f"model_{n}": f"s3://bucket-{n}/a/b/c" for n in range(40)}
    strangers = [
        decoy(f"s{number}", "s3://x/", day=0, **STRANGER, HyperParameters={f"output_{k}": f"s3://bucket-{k}/a/b/c"})
        for k in range(40)
        for number in (3 * k, 3 * k + 1, 3 * k + 2)
    ]
    world = recorded(*strangers, child(HyperParameters=deep))
    assert kinds(world, "b") == []
    index = world.recorder.index
    assert isinstance(index, MemoryIndex)
    before = index.reads
    find_lineage(world.run("b"), world.recorder.records, index, world.recorder.archive)
    assert index.reads - before <= 3 * MOST_QUERIES
