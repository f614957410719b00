"""Who wrote a place, and whose job it is: only what SageMaker wrote for a run that succeeded proves it (adr/1201).

Each hostile case is what an owner did to hide a run, or to frame the job of another.
"""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from flops_auditor.domain.runs.evidence import TRAINING_JOB
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.auditing import crowds, find_holders
from flops_auditor.use_cases.auditing.audit_job import audit_job
from flops_auditor.use_cases.auditing.keep_record import first_record
from flops_auditor.use_cases.auditing.read_models import said_of_models
from flops_auditor.use_cases.recomputing.recompute import Recomputing
from tests.fakes.audit import MemoryAlerts, MemoryReassessments, MemoryRecords
from tests.fakes.cases import words
from tests.fakes.jobs import moved
from tests.fakes.lineage import World, channel, continuing
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.running import HALF, Room, running
from tests.unit.test_places import LONG, OURS, STRANGER, decoy, in_team, kinds

Job = dict[str, Any]
CHECKPOINT = "s3://ckpt/runs/run"
KEEPS = {"CheckpointConfig": {"S3Uri": CHECKPOINT}}
ARTIFACT = "s3://team/a/output/model.tar.gz"
BASE = "s3://team/base"
TRIAL = {"TuningJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/t"}
CHEAP = {"hours": 1, "day": 1, "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1}}
FAILED = {"TrainingJobStatus": "Failed"}
NOBODY = {"RoleArn": ""}
"""A run of which no role is known: its owner may have left it out."""
STRANGERS = pytest.mark.parametrize("whose", [STRANGER, NOBODY], ids=["of another role", "of no role"])


def reads(uri: str, name: str = "model") -> Job:
    """A job's input."""
    return {"InputDataConfig": [channel(name, uri)]}


def child(day: int = 3, **changes: Any) -> Job:
    """The job that continues `a`, or nothing."""
    return in_team("b", day=day, **{**OURS, **changes})


def left_by(name: str, path: str, **changes: Any) -> Job:
    """A heavy job of a stranger, whose output path and name make up a place."""
    made = {"OutputDataConfig": {"S3OutputPath": path}, "ModelArtifacts": {}, "hours": 30_000}
    return continuing(name, day=1, **{**made, **STRANGER, **changes})


def elsewhere(job: Job, region: str = "us-east-1") -> Job:
    """The same job of another region."""
    return {**job, "TrainingJobArn": job["TrainingJobArn"].replace("eu-west-1", region)}


def audited(*jobs: Job, tags: Mapping[str, str] | None = None, backwards: bool = False) -> World:
    """Jobs recorded one after the other; those of one name each as SageMaker knew it then. The tag is that of b."""
    world = World()
    for job in reversed(jobs) if backwards else jobs:
        name = job["TrainingJobName"]
        world.add(job, **(tags or {} if name == "b" else {}))
        world.audit(name)
    return world


def found(world: World) -> tuple[str, set[str], list[str]]:
    """Verdict, ancestors and doubts about lineage of b."""
    return world.content("b")["verdict"], world.ancestors("b"), kinds(world, "b")


@pytest.mark.parametrize("status", [{}, FAILED], ids=["completed", "failed"])
@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize(
    ("parent", "place", "names"),
    [
        (KEEPS, f"{CHECKPOINT}/step-100", reads(f"{CHECKPOINT}/step-100")),
        (KEEPS, f"{CHECKPOINT}/step-100", {"Environment": {"MODEL_URI": f"{CHECKPOINT}/step-100"}}),
        ({}, "s3://team/a/output/model/step-100", reads("s3://team/a/output/model/step-100")),
    ],
    ids=["checkpoint", "variable", "uncompressed output"],
)
def test_a_run_named_like_what_is_read_takes_no_place(
    parent: Job, place: str, names: Job, backwards: bool, status: Job
) -> None:
    path, _, name = place.rpartition("/")
    world = audited(in_team("a", **LONG, **OURS, **parent), decoy(name, path, **OURS, **status), child(**names))
    assert found(world) == ("above", {"a", name}, ["several-holders"])


def test_an_artifact_of_a_failed_run_takes_no_place() -> None:
    """SageMaker may say of it where its artifact would lie."""
    at = f"{CHECKPOINT}/x/output/model.tar.gz"
    failed = decoy("x", CHECKPOINT, **OURS, **{**FAILED, "ModelArtifacts": {"S3ModelArtifacts": at}})
    world = audited(in_team("a", **LONG, **OURS, **KEEPS), failed, child(**reads(at)))
    assert found(world) == ("above", {"a", "x"}, ["several-holders"])


def test_nothing_is_said_of_another_role_whose_run_is_an_ancestor_anyway() -> None:
    """A run of the job's role took its model from there, and shares the checkpoint now."""
    world = audited(
        in_team("a", **STRANGER, **KEEPS), in_team("m", day=1, **OURS, **KEEPS, **reads(ARTIFACT)), child(**KEEPS)
    )
    assert found(world) == ("below", {"a", "m"}, [])
    assert kinds(world, "b", "notes") == ["takes-result"]


FRAMERS: dict[str, tuple[list[Job], Job, Job]] = {
    "the model's folder": ([], left_by("base", "s3://team"), reads(BASE)),
    "above the model": ([], left_by("base", "s3://team"), reads(f"{BASE}/llama/7b")),
    "below the model": ([], left_by("x", BASE), reads(BASE)),
    "a checkpoint at the model": ([], left_by("x", "s3://x", CheckpointConfig={"S3Uri": BASE}), reads(BASE)),
    "a bucket of checkpoints": ([], left_by("x", "s3://x", CheckpointConfig={"S3Uri": "s3://team"}), reads(BASE)),
    "data": ([], left_by("corpus", "s3://data"), reads("s3://data/corpus/output/x", "train")),
    "its own checkpoint": ([], left_by("run", "s3://ckpt/runs"), KEEPS),
    "its own checkpoint, by a checkpoint": ([], left_by("x", "s3://x", **KEEPS), KEEPS),
    "its checkpoint, which it resumes": ([in_team("a", **OURS, **KEEPS)], left_by("run", "s3://ckpt/runs"), KEEPS),
    "its parent's folder": ([in_team("a", **OURS)], left_by("output", "s3://team/a"), reads("s3://team/a/output/")),
    "its parent's artifact": ([in_team("a", **OURS)], elsewhere(left_by("a", "s3://team")), reads(ARTIFACT)),
}


@pytest.mark.parametrize("how", FRAMERS)
@pytest.mark.parametrize("status", [{}, FAILED], ids=["completed", "failed"])
@STRANGERS
def test_a_strangers_name_for_a_place_changes_no_verdict_and_no_figure(how: str, status: Job, whose: Job) -> None:
    """Nor does it take the true parent away; that another role is not counted rests on the job's word."""
    parents, framer, place = FRAMERS[how]
    alone = audited(*parents, child(**place)).content("b")
    world = audited(*parents, child(**place), {**framer, **status, **whose})
    framed = world.content("b")
    assert framed["verdict"] == alone["verdict"] == "below"
    assert framed["cumulative"] == alone["cumulative"]
    if how != "its parent's artifact":
        assert kinds(world, "b", "notes")[0] == "named-by-another-role"
        assert framed["rests_on"]["verdict_without_statements"] == "indeterminate"
    else:
        assert framed["rests_on"]["verdict_without_statements"] == "below", "SageMaker wrote it for the parent"
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    assert not [alert for alert in alerts.sent if alert.subject.endswith(" b")]


@pytest.mark.parametrize(
    ("place", "verdict", "ancestors", "without"),
    [
        (reads(ARTIFACT), "above", {"a"}, "above"),
        (reads(ARTIFACT, "train"), "above", {"a"}, "above"),
        (reads("s3://team/a/output/"), "indeterminate", set(), "indeterminate"),
        (reads("s3://team/a"), "indeterminate", set(), "indeterminate"),
        (reads("s3://team"), "indeterminate", set(), "indeterminate"),
        (reads(f"{CHECKPOINT}/step-9"), "below", set(), "indeterminate"),
        (KEEPS, "below", set(), "indeterminate"),
        ({"HyperParameters": {"resume_from_checkpoint": f"{CHECKPOINT}/step-9"}}, "below", set(), "indeterminate"),
        (reads("s3://team/a/output/", "train"), "below", set(), "indeterminate"),
    ],
)
def test_a_chain_of_two_roles_is_never_silently_below(
    place: Job, verdict: str, ancestors: set[str], without: str
) -> None:
    """The exact artifact counts, whoever wrote it; one inside of a folder is a doubt; a name is the job's own word."""
    for jobs in ([in_team("a", **LONG, **STRANGER, **KEEPS), child(**place)],):
        for backwards in (False, True):
            world = audited(*jobs, backwards=backwards)
            assert found(world)[:2] == (verdict, ancestors)
            assert world.content("b")["rests_on"]["verdict_without_statements"] == without
    parent = in_team("a", **LONG, **STRANGER, **KEEPS)
    settled = audited(parent, child(**place), tags={"lineage": parent["TrainingJobArn"]})
    assert found(settled) == ("above", {"a"}, [])


def test_the_folder_of_an_uncompressed_artifact_proves_what_lies_in_it() -> None:
    folder = {"ModelArtifacts": {"S3ModelArtifacts": "s3://team/a/output/model/"}}
    for at in ("s3://team/a/output/model", "s3://team/a/output/model/step-9/"):
        world = audited(in_team("a", **{**LONG, **STRANGER, **folder}), child(**reads(at)))
        assert found(world) == ("above", {"a"}, [])


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
@pytest.mark.parametrize("at", [f"{BASE}/output/model", f"{BASE}/output/model/step-9", f"{BASE}/output", BASE])
def test_the_artifact_of_a_run_that_did_not_complete_proves_nothing(at: str, status: str) -> None:
    """Whether it was written, and whole, nobody knows: another role's is not counted, and is no doubt."""
    made = {"ModelArtifacts": {"S3ModelArtifacts": f"{BASE}/output/model/"}, "TrainingJobStatus": status}
    world = audited(left_by("base", "s3://team", **made), child(**reads(at)))
    assert found(world) == ("below", set(), [])
    assert kinds(world, "b", "notes") == ["named-by-another-role"]


@pytest.mark.parametrize(("hours", "kind"), [(2, "also-held"), (30_000, "maybe-overwritten")])
def test_an_artifact_where_a_later_run_of_the_role_leaves_results_rests_on_the_jobs_word(hours: int, kind: str) -> None:
    """A cheap artifact, within the checkpoints of a heavy run: only where that ended later, it may be its file."""
    at = f"{CHECKPOINT}/x/output/model.tar.gz"
    left = {"OutputDataConfig": {"S3OutputPath": CHECKPOINT}, "ModelArtifacts": {"S3ModelArtifacts": at}}
    cheap = continuing("x", **{**CHEAP, **OURS, **left, "hours": 10})
    world = audited(in_team("a", **OURS, **KEEPS, hours=hours), cheap, child(**reads(at)))
    assert found(world) == ("below", {"x"}, [])
    assert kinds(world, "b", "notes")[0] == kind
    without = world.content("b")["rests_on"]["verdict_without_statements"]
    assert without == ("below" if kind == "also-held" else "indeterminate")


AGAIN: dict[str, tuple[Job, Job, dict[str, str], bool, list[str]]] = {
    "left no artifact": ({"ModelArtifacts": {}}, reads(ARTIFACT), {}, True, []),
    "left no artifact, folder": ({"ModelArtifacts": {}}, reads("s3://team/a"), {}, True, ["several-holders"]),
    "failed": (FAILED, reads(ARTIFACT), {}, True, ["several-holders"]),
    "overwrote it": ({}, reads(ARTIFACT), {}, False, []),
    "left others of its files": ({}, reads("s3://team/a/output/model/step-9"), {}, True, ["several-holders"]),
    "the folder": ({}, reads("s3://team/a"), {}, True, ["several-holders"]),
    "a name, overwritten": ({}, {}, {"lineage": "a"}, False, []),
    "a name, elsewhere": (
        {"OutputDataConfig": {"S3OutputPath": "s3://x"}, "ModelArtifacts": {}},
        {},
        {"lineage": "a"},
        True,
        ["several-holders"],
    ),
}


@pytest.mark.parametrize("how", AGAIN)
def test_a_name_used_again_overwrites_exactly_what_sagemaker_wrote_again(how: str) -> None:
    again, place, tags, counted, doubts = AGAIN[how]
    world = World()
    world.add(in_team("a", **LONG, **OURS))
    world.audit("a")
    first = world.job_id("a")
    world.add(in_team("a", **{**CHEAP, **OURS, **again}))
    world.audit("a")
    world.add(child(**place), **tags)
    world.audit("b")
    assert (first in world.content("b")["lineage"]["parents"]) is counted
    assert found(world)[0] == ("above" if counted else "below")
    assert kinds(world, "b") == doubts
    assert ("overwritten" in kinds(world, "b", "notes")) is not counted


def test_a_name_means_the_runs_of_its_own_role_and_no_others_without_a_proof() -> None:
    ours, theirs = in_team("a", **OURS), in_team("a", **{**LONG, **STRANGER, "day": 1})
    mine = audited(ours, elsewhere(theirs), child(), tags={"lineage": "a"})
    assert found(mine) == ("below", {"a"}, [])
    assert "also-held" in kinds(mine, "b", "notes")
    assert mine.content("b")["lineage"]["parents"] != [mine.job_id("a")]
    third = in_team("a", **{**CHEAP, "RoleArn": "arn:aws:iam::123456789012:role/third"})
    for strangers in ([theirs], [elsewhere(theirs)], [elsewhere(third), theirs], [third, elsewhere(theirs)]):
        named = audited(*strangers, child(), tags={"lineage": "a"})
        assert found(named) == ("indeterminate", set(), ["lineage-names-place-of-others"])
    read = audited(elsewhere({**theirs, "ModelArtifacts": {}}), theirs, child(**reads(ARTIFACT)), tags={"lineage": "a"})
    assert found(read) == ("above", {"a"}, [])
    both = audited(
        in_team("a", **LONG, **OURS), elsewhere(in_team("a", **CHEAP, **OURS)), child(), tags={"lineage": "a"}
    )
    assert found(both) == ("above", {"a"}, ["several-holders"])


@pytest.mark.parametrize("parent_first", [True, False])
@pytest.mark.parametrize("place", [reads(ARTIFACT), KEEPS, reads("s3://ckpt/runs")])
def test_a_run_of_the_same_moment_is_as_good_as_a_later_one(place: Job, parent_first: bool) -> None:
    """Two regions, or enough tries, create two jobs within one millisecond."""
    world = audited(in_team("a", **LONG, **OURS, **KEEPS), child(day=0, **place), backwards=not parent_first)
    assert found(world) == ("indeterminate", set(), ["later-than-child"])


@pytest.mark.parametrize("parent_first", [True, False])
@pytest.mark.parametrize(
    "place",
    [reads(ARTIFACT, "train"), {"Environment": {"START": ARTIFACT}}, {"HyperParameters": {"saved_model": ARTIFACT}}],
)
def test_a_later_runs_artifact_is_a_doubt_whatever_it_is_called(place: Job, parent_first: bool) -> None:
    early = moved(child(day=0, hours=10, **place), -timedelta(hours=1))
    parent = in_team("a", **{**LONG, **OURS, "hours": 5})
    world = audited(parent, early, backwards=not parent_first)
    assert found(world) == ("indeterminate", set(), ["later-than-child"])


@pytest.mark.parametrize("parent_first", [True, False])
@pytest.mark.parametrize(
    "place",
    [
        *map(reads, (f"{CHECKPOINT}/1/2/3/4/5", "s3://team/a/output/model/x/y/z", "s3://team/a/output/model.t")),
        *(reads(at, "train") for at in ("s3://team/a/output/step-9", "s3://team/a/output/model/x/y/z")),
    ],
)
@pytest.mark.parametrize("hours", [0, 1])
def test_whatever_lies_below_what_a_later_run_left_is_a_doubt(place: Job, hours: int, parent_first: bool) -> None:
    """Wherever an earlier one would count."""
    early = moved(child(day=0, hours=10, **place), -timedelta(hours=hours))
    world = audited(in_team("a", **{**LONG, **OURS, **KEEPS, "hours": 5}), early, backwards=not parent_first)
    assert found(world) == ("indeterminate", set(), ["later-than-child"])


@pytest.mark.parametrize("parent_first", [True, False])
@pytest.mark.parametrize("at", [CHECKPOINT, f"{CHECKPOINT}/step-5"])
@pytest.mark.parametrize(("role", "said"), [(OURS, "called-data"), (STRANGER, "named-by-another-role")])
def test_a_later_runs_checkpoint_that_is_called_data_rests_on_the_jobs_word(
    at: str, role: Job, said: str, parent_first: bool
) -> None:
    early = moved(child(day=0, hours=10, **reads(at, "train")), -timedelta(hours=1))
    world = audited(in_team("a", **{**LONG, **role, **KEEPS, "hours": 5}), early, backwards=not parent_first)
    assert found(world) == ("below", set(), [])
    assert kinds(world, "b", "notes") == [said]
    assert world.content("b")["rests_on"]["verdict_without_statements"] == "indeterminate"


@pytest.mark.parametrize(
    ("place", "tags"),
    [
        (reads(ARTIFACT), {}),
        (reads("s3://team/"), {}),
        (reads(f"{ARTIFACT}/x"), {}),
        ({}, {"lineage": "a"}),
    ],
)
def test_a_trial_takes_what_sagemaker_wrote_for_another_before_it_began(place: Job, tags: dict[str, str]) -> None:
    if place == reads("s3://team/"):
        place = reads("s3://team/trials/")
    made = {"OutputDataConfig": {"S3OutputPath": "s3://team/trials"}} if "trials" in str(place) else {}
    left = {"ModelArtifacts": {"S3ModelArtifacts": "s3://team/trials/a/output/model.tar.gz"}} if made else {}
    later = moved(child(**place, **TRIAL), timedelta(days=1300))
    world = audited(in_team("a", **{**LONG, **OURS, **TRIAL, **made, **left}), later, tags=tags)
    assert found(world) == ("above", {"a"}, [])
    beside = audited(in_team("a", **{**LONG, **OURS, **TRIAL, **made, **left}), child(**place, **TRIAL), tags=tags)
    assert found(beside)[1] == (set() if made else {"a"}), "what was not there when it began, it took nothing of"


@pytest.mark.parametrize(
    "place",
    [
        reads(f"{CHECKPOINT}/step-5", "train"),
        {"Environment": {"START": f"{CHECKPOINT}/step-5"}},
        reads("s3://team/a", "train"),
    ],
)
def test_what_a_job_calls_data_where_its_role_keeps_checkpoints_rests_on_its_word(place: Job) -> None:
    world = audited(in_team("a", **LONG, **OURS, **KEEPS), child(**place))
    content = world.content("b")
    assert found(world) == ("below", set(), [])
    assert kinds(world, "b", "notes") == ["called-data"]
    assert content["rests_on"]["verdict_without_statements"] == "indeterminate"
    [ground] = content["rests_on"]["milder"]
    assert "by its role" in ground


@STRANGERS
def test_other_roles_are_left_out_before_a_crowd_is_counted(whose: Job) -> None:
    """Twenty-one cheap jobs of a stranger at the place, above it, and below it."""
    strangers = [decoy(f"s{n}", "s3://x/", **KEEPS, **whose) for n in range(21)]
    below = [decoy(f"z{n}", "s3://team/a/output", **FAILED, **whose) for n in range(21)]
    parent = in_team("a", **OURS, **KEEPS)
    for place in (KEEPS, reads(f"{CHECKPOINT}/step-1"), reads("s3://team/a")):
        world = audited(parent, child(**place), *strangers, *below)
        assert found(world) == ("below", {"a"}, [])
        assert world.content("b")["revision"] <= 1, "one more name in a list is no news"
    late = audited(*strangers, *below, parent, child(**reads(f"{CHECKPOINT}/step-1")))
    assert found(late) == ("below", {"a"}, [])


def test_a_later_parent_is_heard_of_through_a_crowd_of_strangers() -> None:
    """Whoever ends last tells those that begin from its place, however many of other roles told them before."""
    strangers = [decoy(f"s{n}", "s3://x/", **KEEPS, **STRANGER) for n in range(22)]
    world = audited(*strangers, child(**reads(f"{CHECKPOINT}/step-1")), in_team("a", **LONG, **OURS, **KEEPS))
    assert found(world) == ("above", {"a"}, [])


def test_a_stranger_costs_an_innocent_job_one_record_at_most() -> None:
    world = World()
    for job in (in_team("a", **OURS, **KEEPS), child(**KEEPS)):
        world.add(job)
        world.audit(job["TrainingJobName"])
    records, queue, told = world.recorder.records, world.recorder.queue, 0
    assert isinstance(records, MemoryRecords)
    assert isinstance(queue, MemoryReassessments)
    for number in range(40, 0, -1):
        name = f"s{number:02d}"
        world.add(decoy(name, "s3://x/", **KEEPS, **STRANGER))
        world.deliver(name)
        told += sum(message.job_id == world.job_id("b") for message in queue.waiting)
        world.work_off()
    assert sorted(records.lines[world.job_id("b")]) == [0, 1]
    assert told == 1
    assert found(world) == ("below", {"a"}, [])


def test_strangers_cost_a_job_of_a_chain_one_record_for_each_place_before_it_at_most() -> None:
    """However many there are: what a job says of a place is said once, and told to those who continue it."""
    world, length = World(), 5
    for number in range(length):
        before = [channel("model", f"s3://theirs/{number - 1}/step")] if number else []
        places = {"CheckpointConfig": {"S3Uri": f"s3://theirs/{number}"}, "InputDataConfig": before}
        world.add(continuing(f"p{number}", day=2 * number + 2, HyperParameters={}, **OURS, **places))
    world.audit()
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    verdicts = {name: world.content(name)["verdict"] for name in world.pointers}
    for again in range(3):
        for number in reversed(range(length)):
            name = f"s{number}x{again}"
            place = {"CheckpointConfig": {"S3Uri": f"s3://theirs/{number}"}}
            world.add(continuing(name, day=1, HyperParameters={}, **STRANGER, **place))
            world.deliver(name)
            world.work_off()
    assert {name: len(records.lines[world.job_id(name)]) for name in verdicts} == {
        f"p{number}": 1 + 1 + number for number in range(length)
    }
    assert {name: world.content(name)["verdict"] for name in verdicts} == verdicts


def test_what_a_tag_says_in_a_uri_is_no_more_than_the_place() -> None:
    world = audited(left_by("base", "s3://team"), child(), tags={"lineage": BASE})
    assert found(world) == ("indeterminate", set(), ["lineage-names-place-of-others"])


@pytest.mark.parametrize("made", [{}, {"ModelArtifacts": {"S3ModelArtifacts": f"{BASE}/output/model.tar.gz"}}])
@pytest.mark.parametrize("at", [BASE, f"{BASE}/output/model.tar.gz"])
@STRANGERS
def test_no_job_is_stopped_for_what_another_role_ran(made: Job, at: str, whose: Job) -> None:
    """Not for a name, and not for what it wrote: people are warned of that."""
    room = Room(stop=True)
    room.metrics.results = dict.fromkeys(("base", "innocent"), HALF)
    heavy = moved(left_by("base", "s3://team", hours=20_000, **made, **whose), -timedelta(days=1000))
    audit_job(room.jobs.add(heavy), room.recorder, owner="x")
    room.jobs.add(running("innocent", hosts=1, days=2, **OURS, **reads(at)))
    told = [alert.subject for _, alert in room.watch(3)]
    assert room.jobs.stopped == []
    assert any("OVER THE THRESHOLD" in subject for subject in told) is bool(made and at != BASE)


def test_no_job_is_stopped_for_what_another_role_ran_before_its_parent() -> None:
    room = Room(stop=True)
    room.metrics.results = dict.fromkeys(("h", "a", "b"), HALF)
    heavy = left_by(
        "h", "s3://team", hours=20_000, ModelArtifacts={"S3ModelArtifacts": "s3://team/h/output/model.tar.gz"}
    )
    light = in_team("a", day=3, hours=1, **OURS, **reads("s3://team/h/output/model.tar.gz"))
    for job, ago in ((heavy, 1000), (light, 10)):
        audit_job(room.jobs.add(moved(job, -timedelta(days=ago))), room.recorder, owner="x")
    room.jobs.add(running("b", hosts=1, days=2, **OURS, **reads(ARTIFACT)))
    told = [alert.subject for _, alert in room.watch(3)]
    assert room.jobs.stopped == []
    assert any("OVER THE THRESHOLD" in subject for subject in told), "people are warned of what is proven"


@pytest.mark.parametrize("minutes", [0, 4, 30])
def test_a_ledger_in_which_strangers_name_places_computes_again(minutes: int, tmp_path: Path) -> None:
    """Some of them are recorded at about the time of the job that they name, so that a record may have seen any."""
    ledger = LiveLedger()
    jobs = [in_team("a", **OURS, **KEEPS), child(**KEEPS), child(**reads("s3://team/a", "train"))]
    jobs[2] |= {"TrainingJobName": "c", "TrainingJobArn": jobs[2]["TrainingJobArn"][:-1] + "c"}
    jobs[2] |= {"ModelArtifacts": {"S3ModelArtifacts": "s3://team/c/output/model.tar.gz"}}
    strangers = [decoy(f"s{n}", "s3://x/", **KEEPS, **STRANGER) for n in range(3)]
    strangers.append(left_by("a", "s3://team/a", hours=1, **STRANGER, **FAILED))
    strangers[-1] |= {"TrainingJobArn": strangers[-1]["TrainingJobArn"].replace("eu-west-1", "us-east-1")}
    for job in (strangers[0], jobs[0], strangers[1], jobs[1], strangers[2], jobs[2], strangers[3]):
        ledger.add(job)
        ledger.audit(job["TrainingJobName"])
        ledger.clock.advance(minutes=minutes, seconds=1)
    assert kinds(ledger, "b", "notes")[0] == "named-by-another-role"
    assert kinds(ledger, "c", "notes") == ["called-data"]
    ledger.clock.advance(hours=3)
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.findings, list(verified.reservations)) == ([], [])


def test_a_ledger_computes_again_whose_recorder_saw_some_of_the_strangers_of_one_moment(tmp_path: Path) -> None:
    """By the clocks, one of them was recorded before the job that names it not."""
    ledger = LiveLedger()
    strangers = [decoy(f"s{n}", "s3://x/", **KEEPS, **STRANGER, day=n) for n in range(2)]
    for job, later in ((strangers[0], 60), (child(**KEEPS), -90), (strangers[1], 60)):
        ledger.add(job)
        ledger.audit(job["TrainingJobName"])
        ledger.clock.advance(seconds=later)
    assert "(s0)" in words(ledger.content("b")["lineage"]["notes"])[0]
    ledger.clock.advance(hours=3)
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.findings, list(verified.reservations)) == ([], [])


def test_a_run_that_was_recorded_while_it_went_on_proves_what_it_wrote_after_that(tmp_path: Path) -> None:
    """A stop was asked for, and it completed all the same."""
    ledger = LiveLedger()
    completed = in_team("a", **STRANGER)
    ledger.add(running("a", OutputDataConfig={"S3OutputPath": "s3://team/"}, **STRANGER))
    recorder = ledger.recorder
    described = recorder.collectors[TRAINING_JOB].describe(ledger.pointers["a"])
    case = described.collect(recorder.clock(), said_of_models(recorder))
    asked = {"kind": "stop", "requested_at": iso(recorder.clock()), "reason": "x"}
    assert first_record(case, recorder, None, asked) is not None
    ledger.clock.advance(minutes=30)
    for job in (completed, child(**reads(ARTIFACT))):
        ledger.add(job)
        ledger.audit(job["TrainingJobName"])
        ledger.clock.advance(minutes=30)
    assert ledger.ancestors("b") == {"a"}
    ledger.clock.advance(hours=3)
    ledger.seal()
    verified = ledger.bundle(tmp_path).verify(recompute=Recomputing())
    assert (verified.findings, list(verified.reservations)) == ([], [])


@pytest.mark.parametrize(("role", "kind"), [(OURS, "also-in-a-runs-bucket"), (STRANGER, "named-by-another-role")])
def test_a_cheap_run_at_a_place_hides_none_that_keeps_checkpoints_in_the_whole_bucket(
    role: dict[str, str], kind: str
) -> None:
    heavy = in_team("a", **{**LONG, **role, "CheckpointConfig": {"S3Uri": "s3://ckpt/"}})
    cheap = decoy("x", "s3://x/", **OURS, **KEEPS)
    world = audited(heavy, cheap, child(**reads(f"{CHECKPOINT}/step-1")))
    assert found(world)[1:] == ({"x"}, [])
    assert kinds(world, "b", "notes")[0] == kind
    assert world.content("b")["rests_on"]["verdict_without_statements"] == "indeterminate"


def test_a_run_that_keeps_checkpoints_in_a_bucket_is_heard_of_behind_one_of_another_role() -> None:
    whole = {"CheckpointConfig": {"S3Uri": "s3://ckpt/"}}
    theirs, ours = in_team("s", **STRANGER, **whole), in_team("a", day=1, **LONG, **OURS, **whole)
    for jobs in ((theirs, ours), (ours, theirs)):
        world = audited(child(**reads("s3://ckpt/x")), *jobs)
        assert found(world) == ("indeterminate", set(), ["in-a-runs-bucket"])


def test_no_flood_of_notes_pushes_out_what_the_verdict_rests_on() -> None:
    data = [channel(f"part{n}", f"s3://data/{n}") for n in range(40)]
    root = decoy("s", "s3://x/", CheckpointConfig={"S3Uri": "s3://data/"}, **STRANGER)
    world = audited(root, in_team("a", **LONG, **STRANGER, **KEEPS), child(InputDataConfig=data, **KEEPS))
    assert kinds(world, "b", "notes")[0] == "named-by-another-role"
    assert kinds(world, "b", "notes")[-1] == "more-lineage-notes"
    assert world.content("b")["rests_on"]["on_the_jobs_word"]


@pytest.mark.parametrize("parent", [STRANGER, NOBODY])
def test_a_job_of_which_no_role_is_known_continues_whoever_names_its_places(parent: Job) -> None:
    """Else its owner would leave the role out to hide what it continues."""
    for backwards in (False, True):
        world = audited(
            in_team("a", **LONG, **KEEPS, **parent), in_team("b", day=3, **KEEPS, **NOBODY), backwards=backwards
        )
        assert found(world) == ("above", {"a"}, [])


def test_many_who_keep_checkpoints_above_an_artifact_are_no_doubt_about_it() -> None:
    """A team whose jobs all name its folder: whose the file is, SageMaker says."""
    wide = {"CheckpointConfig": {"S3Uri": "s3://team/all"}}
    left = {"OutputDataConfig": {"S3OutputPath": "s3://team/all/of"}}
    at = "s3://team/all/of/a/output/model.tar.gz"
    others = [decoy(f"s{n}", "s3://x/", day=0, **wide, **OURS) for n in range(22)]
    parent = in_team("a", **OURS, **left, ModelArtifacts={"S3ModelArtifacts": at})
    world = audited(*others, parent, child(**reads(at)))
    assert found(world) == ("below", {"a"}, [])


@pytest.mark.parametrize(
    ("keeps", "hours", "kind"), [(KEEPS, 2, "later-than-child"), ({"S3Uri": "s3://ckpt"}, 0, "in-a-runs-bucket")]
)
def test_a_crowd_of_strangers_softens_no_doubt(
    keeps: Job, hours: int, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of who came later, as at a bucket's root, the first page is not all."""
    for module in (crowds, find_holders):
        monkeypatch.setattr(module, "ENTRIES_IN_A_PAGE", 2)
    kept = keeps if hours else {"CheckpointConfig": keeps}
    world = World()
    world.add(in_team("a", **LONG, **OURS, **kept))
    for number in range(11 if hours else 4):
        stranger = moved(decoy(f"s{number:02d}", "s3://x/", **kept, **STRANGER, day=0), timedelta(minutes=number + 1))
        world.add(moved(stranger, -timedelta(hours=hours)))
    world.add(moved(child(day=0 if hours else 3, hours=10, **reads(f"{CHECKPOINT}/step-5")), -timedelta(hours=hours)))
    world.audit()
    assert found(world) == ("indeterminate", set(), [kind])


FOLDER = {"ModelArtifacts": {"S3ModelArtifacts": "s3://team/a/output/model/"}}


@pytest.mark.parametrize("place", [reads("s3://team/a/output/model"), reads("s3://team/a/output/model", "train"), {}])
def test_a_folder_is_not_overwritten_as_a_whole(place: Job) -> None:
    """Files of other names stay in it, so that a cheap run of the same name hides nobody."""
    world = audited(
        in_team("a", **{**LONG, **OURS, **FOLDER}),
        in_team("a", **{**CHEAP, **OURS, **FOLDER}),
        child(**place),
        tags={} if place else {"lineage": "a"},
    )
    assert found(world) == ("above", {"a"}, ["several-holders"])
    assert len(world.content("b")["lineage"]["parents"]) == 2


@pytest.mark.parametrize("kept", ["s3://team/x/output/model", "s3://team/x"])
def test_a_cheap_folder_drops_nobody_whose_checkpoints_lie_there(kept: str) -> None:
    heavy = in_team("a", **{**LONG, **OURS, "CheckpointConfig": {"S3Uri": kept}})
    made = {**FOLDER, "ModelArtifacts": {"S3ModelArtifacts": "s3://team/x/output/model/"}}
    cheap = in_team("x", **{**CHEAP, **OURS, **made})
    assert found(audited(heavy, cheap, child(**reads("s3://team/x/output/model")))) == (
        "above",
        {"a", "x"},
        ["several-holders"],
    )
    data = audited(heavy, cheap, child(**reads("s3://team/x/output/model", "train")))
    assert (found(data)[0], kinds(data, "b", "notes")[0]) == ("below", "called-data")


MAY_BE_OVERWRITTEN = f"{CHECKPOINT}/x/output/model.tar.gz"


@pytest.mark.parametrize("place", [reads(MAY_BE_OVERWRITTEN, "train"), {"Environment": {"START": MAY_BE_OVERWRITTEN}}])
def test_what_may_be_overwritten_is_said_whatever_it_is_called(place: Job) -> None:
    made = {"ModelArtifacts": {"S3ModelArtifacts": MAY_BE_OVERWRITTEN}}
    cheap = continuing("x", **{**CHEAP, **OURS, "hours": 10, "OutputDataConfig": {"S3OutputPath": CHECKPOINT}, **made})
    world = audited(in_team("a", **OURS, **KEEPS, hours=30_000), cheap, child(**place))
    assert found(world) == ("below", {"x"}, [])
    assert kinds(world, "b", "notes")[0] == "maybe-overwritten"
    assert world.content("b")["rests_on"]["verdict_without_statements"] == "indeterminate"


@pytest.mark.parametrize("place", [reads(CHECKPOINT, "train"), {"Environment": {"START": f"{CHECKPOINT}/step-5"}}])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_checkpoint_of_another_role_that_is_called_data_rests_on_the_jobs_word(place: Job, backwards: bool) -> None:
    world = audited(in_team("a", **LONG, **STRANGER, **KEEPS), child(**place), backwards=backwards)
    assert found(world) == ("below", set(), [])
    assert kinds(world, "b", "notes") == ["named-by-another-role"]
    assert world.content("b")["rests_on"]["verdict_without_statements"] == "indeterminate"


@pytest.mark.parametrize("beside", [left_by("base2", "s3://team"), left_by("x", "s3://team/baseline")])
def test_a_strangers_folder_beside_a_model_changes_no_verdict(beside: Job) -> None:
    """Whoever reads a place that is no folder reads it, too; it takes no right to write there."""
    at = f"{beside['OutputDataConfig']['S3OutputPath']}/{beside['TrainingJobName']}/output/model.tar.gz"
    world = audited(child(**reads(BASE)), {**beside, "ModelArtifacts": {"S3ModelArtifacts": at}})
    assert found(world) == ("below", set(), [])
    assert kinds(world, "b", "notes") == ["named-by-another-role"]
    assert world.content("b")["rests_on"]["verdict_without_statements"] == "indeterminate"


@pytest.mark.parametrize("status", ["Stopped", "Failed", "Completed"])
@pytest.mark.parametrize(
    "at", [ARTIFACT, "s3://team/a/", "s3://team/a/output/output.tar.gz", "s3://team/a/output/model/9"]
)
def test_a_trial_takes_whatever_another_left_before_it_began(status: str, at: str) -> None:
    """SageMaker keeps the model of a trial that was stopped early; whether a run without success counts, is open."""
    later = moved(child(**reads(at), **TRIAL), timedelta(days=1300))
    world = audited(in_team("a", **{**LONG, **OURS, **TRIAL, "TrainingJobStatus": status}), later)
    assert found(world) == ("above" if status == "Completed" else "indeterminate", {"a"}, [])


@pytest.mark.parametrize("unclear", [{}, {"PRETRAIN_FLOPS": "nan"}])
def test_what_a_run_leaves_out_on_its_word_is_handed_on_also_where_its_verdict_is_open(unclear: Job) -> None:
    """A run may be open for its original alone, which is no doubt for whoever continues it."""
    heavy = in_team("h", **LONG, **OURS, **KEEPS)
    between = in_team("a", **OURS, **reads(CHECKPOINT, "train"), day=2)
    between |= {"HyperParameters": {**between["HyperParameters"], "model_id": "gpt2"}, "Environment": unclear}
    world = World()
    world.add(heavy)
    world.add(between, **{"pretrain-flops": "1e24"})
    world.add(child(**reads(ARTIFACT)))
    world.audit()
    assert world.content("a")["verdict"] == ("indeterminate" if unclear else "below")
    assert found(world) == ("below", {"a"}, [])
    assert world.content("b")["rests_on"]["milder"] == ["what earlier runs say of themselves"]
