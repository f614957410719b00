"""Places that several runs may hold: nobody takes another run's place, and nobody is framed by one who names it."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.use_cases.auditing.find_holders import MOST_QUERIES
from flops_auditor.use_cases.auditing.find_lineage import find_lineage
from tests.fakes.audit import MemoryAlerts, MemoryIndex, MemoryRecords
from tests.fakes.cases import words
from tests.fakes.lineage import World, artifact, channel, continuing

CHECKPOINT = "s3://checkpoints/run"
LONG = {"hours": 30_000}


def kinds(world: World, name: str, what: str = "doubts") -> list[str]:
    """Kinds of a record's doubts or notes about its lineage."""
    return [each["kind"] for each in world.content(name)["lineage"][what]]


def in_team(name: str, **changes: Any) -> dict[str, Any]:
    """A job whose artifact is `s3://team/<name>/output/model.tar.gz`."""
    output = {"S3OutputPath": "s3://team/"}
    made = {"S3ModelArtifacts": f"s3://team/{name}/output/model.tar.gz"}
    return continuing(name, **{"OutputDataConfig": output, "ModelArtifacts": made, **changes})


def decoy(name: str = "output", path: str = "s3://team/a/", **changes: Any) -> dict[str, Any]:
    """A cheap job that takes a place by its name and output path."""
    made = {"OutputDataConfig": {"S3OutputPath": path}, "ModelArtifacts": {}}
    hosts = {"ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}
    return continuing(name, **{**made, **hosts, "day": 1, "hours": 1, **changes})


READS: list[tuple[str, dict[str, Any]]] = [
    ("artifact", {"InputDataConfig": [channel("model", "s3://team/a/output/model.tar.gz")]}),
    ("data", {"InputDataConfig": [channel("train", "s3://team/a/output/model.tar.gz")]}),
    ("directory", {"InputDataConfig": [channel("model", "s3://team/a/output/")]}),
    ("below", {"InputDataConfig": [channel("model", "s3://team/a/output/model/step-100/")]}),
    ("variable", {"Environment": {"MODEL_URI": "s3://team/a/output/model.tar.gz"}}),
]
DECOYS: list[tuple[str, dict[str, Any]]] = [
    ("longer path", decoy()),
    ("checkpoint at the file", decoy("x", "s3://x/", CheckpointConfig={"S3Uri": "s3://team/a/output/model.tar.gz"})),
    ("checkpoint below", decoy("x", "s3://x/", CheckpointConfig={"S3Uri": "s3://team/a/output/model/step-100"})),
    ("wider checkpoint", decoy("x", "s3://x/", CheckpointConfig={"S3Uri": "s3://team/a"})),
]


@pytest.mark.parametrize("read", READS, ids=[name for name, _ in READS])
@pytest.mark.parametrize("taken", DECOYS, ids=[name.replace(" ", "-") for name, _ in DECOYS])
def test_a_decoy_takes_no_place(read: tuple[str, dict[str, Any]], taken: tuple[str, dict[str, Any]]) -> None:
    """The true parent stays, whatever else holds the place, in whatever order the jobs are recorded."""
    for order in (("a", "b", "decoy"), ("decoy", "b", "a")):
        world = World()
        world.add(in_team("a", **LONG))
        name = world.add(taken[1]).name
        world.add(in_team("b", day=2, **read[1]))
        world.audit(*(name if each == "decoy" else each for each in order))
        assert "a" in world.ancestors("b")
        assert world.content("b")["verdict"] != "below"


def test_what_sagemaker_wrote_for_a_run_is_no_decoys() -> None:
    """The file is its parent's: the other one is noted, without a doubt."""
    for _, taken in DECOYS:
        world = World()
        world.add(in_team("a"))
        world.add(taken)
        world.add(in_team("b", day=2, **READS[0][1]))
        world.audit()
        assert world.ancestors("b") == {"a"}
        assert words(world.content("b")["lineage"]["doubts"]) == ()
        assert world.content("b")["verdict"] == "below"


def test_holders_that_nothing_tells_apart_are_a_doubt_that_names_both() -> None:
    world = World()
    world.add(continuing("a", CheckpointConfig={"S3Uri": CHECKPOINT}))
    world.add(continuing("decoy", day=1, CheckpointConfig={"S3Uri": f"{CHECKPOINT}/step-100"}), lineage="none")
    world.add(continuing("b", day=2, Environment={"MODEL_URI": f"{CHECKPOINT}/step-100"}))
    world.audit("b", "decoy", "a")
    assert world.ancestors("b") == {"a", "decoy"}
    (doubt,) = words(world.content("b")["lineage"]["doubts"])
    assert "a, decoy" in doubt
    assert world.content("b")["verdict"] == "indeterminate"


def test_a_person_may_say_which_of_several_holders_it_is() -> None:
    world = World()
    world.add(continuing("a", CheckpointConfig={"S3Uri": CHECKPOINT}))
    world.add(continuing("decoy", day=1, CheckpointConfig={"S3Uri": f"{CHECKPOINT}/step-100"}), lineage="none")
    world.add(continuing("b", day=2, Environment={"MODEL_URI": f"{CHECKPOINT}/step-100"}), lineage="a")
    world.audit()
    assert world.ancestors("b") == {"a", "decoy"}, "both are counted all the same"
    assert kinds(world, "b") == []


def test_a_decoy_with_the_same_checkpoint_that_continues_nothing_hides_nobody() -> None:
    world = World()
    for day, name in enumerate(("first", "second")):
        world.add(continuing(name, day=day, CheckpointConfig={"S3Uri": CHECKPOINT}, hours=15_000))
    world.add(continuing("decoy", day=2, CheckpointConfig={"S3Uri": CHECKPOINT}, hours=1), lineage="none")
    world.add(continuing("last", day=3, CheckpointConfig={"S3Uri": CHECKPOINT}, hours=1))
    world.audit("last", "decoy", "second", "first")
    assert world.ancestors("last") == {"first", "second", "decoy"}
    assert kinds(world, "last") == ["several-holders"]


def test_many_who_write_to_one_place_are_a_doubt() -> None:
    world = World()
    for day in range(8):
        world.add(continuing(f"w{day}", day=day, CheckpointConfig={"S3Uri": CHECKPOINT}), lineage="none")
    world.add(continuing("last", day=9, CheckpointConfig={"S3Uri": CHECKPOINT}))
    world.audit()
    assert "too-many-writers" in kinds(world, "last")


def test_a_name_used_again_for_a_run_that_failed_hides_nobody() -> None:
    """A run that did not end well has overwritten nothing."""
    for status, expected in (("Completed", 1), ("Failed", 2)):
        world = World()
        world.add(in_team("a", **LONG))
        world.audit("a")
        first = world.job_id("a")
        world.add(in_team("a", day=1, TrainingJobStatus=status, hours=1))
        world.audit("a")
        world.add(in_team("b", day=2, **READS[0][1]))
        world.audit("b")
        parents = world.content("b")["lineage"]["parents"]
        assert len(parents) == expected
        assert (first in parents) is (expected == 2)
        assert ("overwritten" in kinds(world, "b", "notes")) is (expected == 1)


FRAMERS: dict[str, dict[str, Any]] = {
    "bucket root": decoy("framer", "s3://x/", CheckpointConfig={"S3Uri": "s3://data/"}, day=0),
    "checkpoint at the data": decoy("framer", "s3://x/", CheckpointConfig={"S3Uri": "s3://data/corpus/1"}, day=0),
    "checkpoint above the data": decoy("framer", "s3://x/", CheckpointConfig={"S3Uri": "s3://data/corpus"}, day=0),
    "a name": decoy("corpus", "s3://data/", day=0),
}
OURS, STRANGER = ({"RoleArn": f"arn:aws:iam::123456789012:role/{name}"} for name in ("ours", "stranger"))


@pytest.mark.parametrize("how", FRAMERS)
@pytest.mark.parametrize("role", [OURS, STRANGER], ids=["ours", "stranger"])
@pytest.mark.parametrize("framer_first", [True, False])
def test_nobody_is_framed_by_a_run_that_names_their_data(how: str, role: dict[str, str], framer_first: bool) -> None:
    """A cheap run of which nobody can say how much it took: verdicts of others stay, and nobody is mailed of them.

    That what they read is data, they say themselves, where a run keeps checkpoints there.
    """
    world = World()
    framer = world.add({**FRAMERS[how], **role}, tokens="x").name
    innocent = [f"innocent-{day}" for day in range(1, 6)]
    for day, name in enumerate(innocent, 1):
        reads = {"InputDataConfig": [channel("train", f"s3://data/corpus/{day}/")]}
        world.add(continuing(name, day=day, **reads, **OURS))
    world.audit(*([framer, *innocent] if framer_first else [*innocent, framer]))
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    assert world.content(framer)["verdict"] == "indeterminate"
    for name in innocent:
        assert world.content(name)["verdict"] == "below"
        assert world.ancestors(name) == set()
    own = role is OURS and how != "bucket root"
    on_its_word = own or "checkpoint" in how
    assert world.content("innocent-1")["rests_on"]["verdict_without_statements"] == (
        "indeterminate" if on_its_word else "below"
    )
    said = "called-data" if own else "named-by-another-role"
    assert kinds(world, "innocent-1", "notes") in ([[said]] if on_its_word else [["no-output-of-a-run"], []])
    assert not [alert for alert in alerts.sent if "innocent" in alert.subject]


def test_a_model_in_a_bucket_that_a_run_takes_as_a_whole_is_a_doubt() -> None:
    """Whether it is a checkpoint of that run, only a person knows."""
    world = World()
    world.add(continuing("a", CheckpointConfig={"S3Uri": "s3://checkpoints/"}, **LONG))
    world.add(continuing("b", day=1, InputDataConfig=[channel("model", "s3://checkpoints/step-100")]))
    world.add(continuing("c", day=1, InputDataConfig=[channel("model", "s3://checkpoints/step-100")]), lineage="a")
    world.audit("b", "c", "a")
    assert kinds(world, "a") == ["whole-bucket"]
    assert kinds(world, "b") == ["in-a-runs-bucket"]
    assert kinds(world, "c") == []
    assert world.ancestors("c") == {"a"}


@pytest.mark.parametrize("order", [("x", "a", "b"), ("x", "b", "a"), ("b", "x", "a"), ("a", "b", "x")])
def test_who_continues_one_run_of_a_whole_bucket_learns_of_another(order: tuple[str, ...]) -> None:
    root = {"CheckpointConfig": {"S3Uri": "s3://ckpt"}, **OURS}
    world = World()
    made = {"OutputDataConfig": {"S3OutputPath": "s3://ckpt"}, "ModelArtifacts": {}}
    world.add(continuing("x", **root, **made))
    world.add(continuing("a", day=2, **root))
    reads = [channel("model", "s3://ckpt/x/output/model/step")]
    world.add(continuing("b", day=5, InputDataConfig=reads, **OURS))
    world.audit(*order)
    assert world.ancestors("b") == {"x"}
    assert kinds(world, "b", "notes") == ["also-in-a-runs-bucket", "takes-result"]


@pytest.mark.parametrize("backwards", [False, True])
def test_many_runs_in_one_bucket_cost_no_more_than_themselves(backwards: bool) -> None:
    """Each takes the whole bucket for its model and its checkpoints: messages and records grow with the runs alone."""
    told: Counter[int] = Counter()
    for size in (20, 40):
        world = World()
        names = [f"run-{n}" for n in range(size)]
        for day, name in enumerate(names):
            root = {"CheckpointConfig": {"S3Uri": "s3://models/"}}
            world.add(continuing(name, day=day, InputDataConfig=[channel("model", "s3://models/")], **root))
            world.add(continuing(f"{name}-reader", day=day, InputDataConfig=[channel("model", "s3://models/x")]))
        for name in reversed(names) if backwards else names:
            for each in (f"{name}-reader", name):
                world.deliver(each)
                told[size] += world.work_off()
        records = world.recorder.records
        assert isinstance(records, MemoryRecords)
        assert sum(map(len, records.lines.values())) <= 3 * size
        assert kinds(world, f"run-{size - 1}-reader") == ["in-a-runs-bucket"]
    assert told[40] <= 2 * told[20] + 4
    assert told[40] <= 2 * 40, "two runs of a role tell each reader"


@pytest.mark.parametrize("reads", [artifact("parent"), f"{CHECKPOINT}/step-1"])
@pytest.mark.parametrize(("day", "doubts"), [(1, ["later-than-child"]), (9, [])])
@pytest.mark.parametrize("parent_first", [True, False])
def test_a_child_that_is_created_before_its_parent_is_a_doubt(
    reads: str, day: int, doubts: list[str], parent_first: bool
) -> None:
    """It waits or runs while the parent begins; where the parent begins after its end, it took nothing of it."""
    world = World()
    world.add(continuing("child", hours=24 * 7, InputDataConfig=[channel("model", reads)]))
    world.add(continuing("parent", day=day, CheckpointConfig={"S3Uri": CHECKPOINT}))
    world.audit(*(("parent", "child") if parent_first else ("child", "parent")))
    assert world.ancestors("child") == set()
    assert kinds(world, "child") == doubts


def test_jobs_that_share_a_checkpoint_at_the_same_time_have_no_doubt_about_the_later_one() -> None:
    """It continues the earlier one, so both are counted there."""
    world = World()
    for day, name in enumerate(("first", "second")):
        world.add(continuing(name, day=day, hours=24 * 7, CheckpointConfig={"S3Uri": CHECKPOINT}))
    world.audit("second", "first")
    assert kinds(world, "first") == []
    assert world.ancestors("second") == {"first"}


ACCESS_POINT = "arn:aws:s3:eu-west-1:123456789012:accesspoint/team"


@pytest.mark.parametrize(
    "spelling",
    [
        "s3://models/parent/output/model.tar.gz",
        "S3A://models//parent/output/model.tar.gz/",
        "arn:aws:s3:::models/parent/output/model.tar.gz",
        "https://models.s3.amazonaws.com/parent/output/model.tar.gz",
        "https://models.s3.eu-west-1.amazonaws.com/parent/output/model.tar.gz?versionId=1",
        "https://models.s3.dualstack.eu-west-1.amazonaws.com/parent/output/model.tar.gz",
        "https://models.s3-eu-west-1.amazonaws.com/parent%2Foutput/model.tar.gz",
        "https://s3.eu-west-1.amazonaws.com/models/parent/output/model.tar.gz#x",
        "http://s3.amazonaws.com/models/parent/output/model.tar.gz",
    ],
)
@pytest.mark.parametrize(
    "named",
    [
        lambda at: {"InputDataConfig": [channel("model", at)]},
        lambda at: {"HyperParameters": {"model_name_or_path": at}},
        lambda at: {"HyperParameters": {"config": f'{{"a": [{{"from": "{at}"}}]}}'}},
        lambda at: {"Environment": {"X": f"--start {at} --epochs 3"}},
    ],
    ids=["channel", "hyperparameter", "json", "text"],
)
def test_every_spelling_of_a_place_is_the_same(spelling: str, named: Callable[[str], dict[str, Any]]) -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1, **named(spelling)))
    world.audit()
    assert world.ancestors("child") == {"parent"}


def test_one_access_point_is_one_place_however_it_is_spelt() -> None:
    texts = (f"{ACCESS_POINT}/a/b", f"{ACCESS_POINT}/object/a/b", f"s3://{ACCESS_POINT}/a/b/")
    assert {str(read_location(text)) for text in texts} == {f"s3://{ACCESS_POINT}/a/b"}


def other_source(name: str, **source: Any) -> dict[str, Any]:
    """A channel that reads something else than a prefix in S3."""
    return {"ChannelName": name, "DataSource": source}


FILE_SYSTEM = {"FileSystemDataSource": {"FileSystemId": "fs-1", "FileSystemType": "FSxLustre", "DirectoryPath": "/x"}}
MANIFEST = {"S3DataSource": {"S3DataType": "ManifestFile", "S3Uri": "s3://lists/manifest.json"}}


@pytest.mark.parametrize(
    ("read", "form"),
    [
        (lambda name: other_source(name, **FILE_SYSTEM), "a file system"),
        (lambda name: other_source(name, **MANIFEST), "what a manifest lists"),
        (lambda name: channel(name, f"{ACCESS_POINT}/object/x"), "an access point"),
        (lambda name: channel(name, "s3://team-abcdefgh12345678-s3alias/x"), "an access point"),
        (lambda name: channel(name, "ftp://elsewhere/x"), "a place of a form that is not known"),
    ],
)
def test_a_model_in_a_form_that_cannot_be_followed_is_a_doubt(read: Callable[[str], Any], form: str) -> None:
    """As data it is a note; where a person says what the job continues, that settles it."""
    for name, kind, what in (("model", "model-not-followed", "doubts"), ("train", "data-not-followed", "notes")):
        world = World()
        world.add(continuing("parent"))
        world.add(continuing("child", day=1, InputDataConfig=[read(name)]))
        world.add(continuing("tagged", day=1, InputDataConfig=[read(name)]), lineage="parent")
        world.audit()
        (found,) = (each for each in world.content("child")["lineage"][what] if each["kind"] == kind)
        assert form in found["words"]
        assert world.content("child")["verdict"] == ("below" if what == "notes" else "indeterminate")
        assert kinds(world, "tagged") == []
        rests = world.content("tagged")["rests_on"]
        if what == "doubts":
            assert rests["milder"] == ["tag flops-auditor:lineage = parent"], "the record says what the tag took away"
            assert rests["verdict_without_statements"] == "indeterminate"


TEACHER_ALONE = {"InputDataConfig": [channel("teacher", artifact("parent"))]}


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"InputDataConfig": [channel("model", "s3://b/" + "x/" * 65)]}, "place-too-deep"),
        ({"InputDataConfig": [channel("model", "s3://b/" + "x" * 900)]}, "place-too-long"),
        ({"CheckpointConfig": {"S3Uri": "s3://b/" + "x" * 900}}, "result-too-long"),
        ({"InputDataConfig": [channel("teacher", artifact("parent"))]}, "only-auxiliary-model"),
        (TEACHER_ALONE | {"HyperParameters": {"model_type": "gpt"}}, "only-auxiliary-model"),
        (TEACHER_ALONE | {"Environment": {"INIT_SEED": "1", "base_lr": "1"}}, "only-auxiliary-model"),
    ],
)
def test_what_is_too_long_or_too_deep_or_only_a_teacher_is_a_doubt(changes: dict[str, Any], kind: str) -> None:
    world = World()
    world.add(continuing("job", **changes))
    world.audit()
    assert kind in kinds(world, "job")
    assert world.content("job")["verdict"] == "indeterminate"


@pytest.mark.parametrize("name", ["teacher", "reward_base", "value_function"])
def test_what_a_channel_is_called_is_the_jobs_word(name: str) -> None:
    """Beside any other model it takes away what it holds, whatever that took."""
    world = World()
    world.add(continuing("heavy", **LONG))
    channels = [channel(name, artifact("heavy")), channel("model", "s3://anywhere/x")]
    world.add(continuing("job", day=1, InputDataConfig=channels))
    world.add(continuing("named", day=1, HyperParameters={"model_id": "gpt2"}, InputDataConfig=channels[:1]))
    world.audit()
    for each in ("job", "named"):
        rests = world.content(each)["rests_on"]
        assert rests["on_the_jobs_word"] and rests["verdict_without_statements"] == "indeterminate"
        assert f"what it calls channel {name}" in rests["milder"]


def test_a_teacher_beside_a_student_is_a_note() -> None:
    world = World()
    channels = [channel("teacher", "s3://models/t/output/model.tar.gz"), channel("model", "s3://models/s/x")]
    world.add(continuing("job", InputDataConfig=channels))
    world.audit()
    assert kinds(world, "job") == []
    assert kinds(world, "job", "notes") == ["auxiliary-channel"]


def test_the_look_ups_for_one_job_are_bounded() -> None:
    """Fifty-nine hyperparameters that name buckets with 64 folders each would need 3,800 queries a look."""
    deep = {f"model_{n}": f"s3://bucket-{n}/" + "/".join(f"{k}" for k in range(64)) for n in range(59)}
    world = World()
    world.add(continuing("parent", hours=30_000))
    world.add(continuing("job", day=1, HyperParameters=deep), lineage="parent")
    world.audit("parent")
    index = world.recorder.index
    assert isinstance(index, MemoryIndex)
    before = index.reads
    find_lineage(world.run("job"), world.recorder.records, index, world.recorder.archive)
    assert index.reads - before <= MOST_QUERIES
    world.audit("job")
    assert kinds(world, "job") == ["too-many-lookups"]
    assert world.ancestors("job") == {"parent"}, "what a person names is looked up first"


def test_an_honest_job_with_many_places_stays_within_its_look_ups() -> None:
    world = World()
    data = [channel(f"part{n}", f"s3://data-{n}/a/b/c/d/e/f/g/h/") for n in range(20)]
    world.add(continuing("job", InputDataConfig=data))
    world.audit()
    assert kinds(world, "job") == []
    assert world.content("job")["verdict"] == "below"
