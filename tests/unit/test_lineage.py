"""Lineage: which jobs a job continues, and what they add up to."""

from fractions import Fraction
from hashlib import sha256
from typing import Any

import pytest

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.runs.sources.training_job_answer import parse_training_job
from flops_auditor.domain.runs.sources.training_job_places import outputs, references
from flops_auditor.use_cases.auditing.amend_record import amend
from tests.fakes.audit import FixedClock, MemoryAlerts, MemoryRecords
from tests.fakes.cases import words
from tests.fakes.jobs import describe
from tests.fakes.lineage import World, artifact, channel, continuing

TUNING = "arn:aws:sagemaker:eu-west-1:123456789012:hyper-parameter-tuning-job/t"


@pytest.mark.parametrize(
    ("holder", "inner", "holds"),
    [
        ("s3://b/run1", "s3://b/run1/x", True),
        ("s3://b/run1/", "s3://b/run1", True),
        ("s3://b/run1", "s3://b/run10", False),
        ("s3://b/run1", "s3://b/run10/x", False),
        ("s3://b/a/b", "s3://b/a", False),
        ("s3://b", "s3://b/a", True),
        ("s3://b/", "s3://bb/a", False),
        ("S3://b//a", "s3://b/a/x", True),
        ("s3://b/A", "s3://b/a", False),
        ("s3://b/a", "s3://b/a/../c", True),
    ],
)
def test_places_hold_each_other_by_segments(holder: str, inner: str, holds: bool) -> None:
    first, second = read_location(holder), read_location(inner)
    assert first is not None
    assert second is not None
    assert first.holds(second) is holds


@pytest.mark.parametrize(
    "text",
    ["", "s3://", "https://b/a", "https://example.org/s3.amazonaws.com/b", "/opt/ml/model", "meta-llama/Llama-3-8B"],
)
def test_what_is_no_place_is_none(text: str) -> None:
    assert read_location(text) is None


def test_the_output_path_alone_is_no_place_since_many_jobs_share_it() -> None:
    job = parse_training_job(describe("a", OutputDataConfig={"S3OutputPath": "s3://models/"}))
    assert Location("s3://models") not in outputs(job)
    assert Location("s3://models", ("a",)) in outputs(job)


@pytest.mark.parametrize(
    "changes",
    [
        {"InputDataConfig": [channel("model", artifact("parent"))]},
        {"InputDataConfig": [channel("train", artifact("parent"))]},
        {"InputDataConfig": [channel("checkpoint", "s3://models/parent/")]},
        {"InputDataConfig": [channel("model", "s3://models/parent/output/model.tar.gz/deeper/still")]},
        {"CheckpointConfig": {"S3Uri": "s3://checkpoints/parent"}},
        {"HyperParameters": {"model_name_or_path": f'"{artifact("parent")}"'}},
        {"HyperParameters": {"resume_from_checkpoint": "s3://checkpoints/parent/step-100"}},
        {"Environment": {"MODEL_URI": artifact("parent")}},
        {"ModelPackageConfig": {"SourceModelPackageArn": "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1"}},
    ],
)
def test_every_way_to_continue_a_job(changes: dict[str, Any]) -> None:
    world = World()
    world.add(
        continuing(
            "parent",
            CheckpointConfig={"S3Uri": "s3://checkpoints/parent"},
            OutputModelPackageArn="arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1",
        )
    )
    world.add(continuing("child", day=1, **changes))
    world.audit()
    assert world.ancestors("child") == {"parent"}
    assert world.ancestors("parent") == set()


@pytest.mark.parametrize(
    "named", ["parent", "arn:aws:sagemaker:eu-west-1:123456789012:training-job/parent", artifact("parent")]
)
def test_a_tag_names_the_job_that_is_continued(named: str) -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1), lineage=named)
    world.audit()
    assert world.ancestors("child") == {"parent"}
    assert words(world.content("child")["lineage"]["doubts"]) == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"InputDataConfig": [channel("model", "s3://models/parent10/output/model.tar.gz")]},
        {"InputDataConfig": [channel("model", "s3://models/paren/")]},
        {"InputDataConfig": [channel("teacher", artifact("parent"))]},
        {"InputDataConfig": [channel("reward_model", artifact("parent"))]},
        {"InputDataConfig": [channel("train", "s3://models/")]},
        {"HyperParameters": {"output_model_dir": "s3://models/parent"}},
        {"HyperParameters": {"sagemaker_submit_directory": "s3://models/parent/source/sourcedir.tar.gz"}},
    ],
)
def test_what_continues_nothing(changes: dict[str, Any]) -> None:
    """Teachers and auxiliary models are not counted (Annex A.1); a neighbour by name is not a parent."""
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1, **changes))
    world.audit()
    assert world.ancestors("child") == set()


def test_a_person_can_say_that_a_job_continues_none() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1), lineage="none")
    world.audit()
    assert world.ancestors("child") == set()
    assert "continues no other" in " ".join(words(world.content("child")["lineage"]["notes"]))


def test_the_longest_path_wins() -> None:
    world = World()
    world.add(continuing("outer", CheckpointConfig={"S3Uri": "s3://checkpoints/a"}))
    world.add(continuing("inner", day=1, OutputDataConfig={"S3OutputPath": "s3://checkpoints/a/b"}))
    world.add(continuing("child", day=2, InputDataConfig=[channel("train", "s3://checkpoints/a/b/inner/output/x")]))
    world.audit("child", "outer", "inner")
    assert world.ancestors("child") == {"inner"}


def test_a_merge_has_several_parents_and_a_diamond_counts_once() -> None:
    """Annex A.1: the compute of weights it was merged from counts, each run once."""
    world = World()
    world.add(continuing("root"))
    world.add(continuing("left", ["root"], day=1))
    world.add(continuing("right", ["root"], day=1))
    world.add(continuing("merge", ["left", "right"], day=2))
    world.audit()
    content = world.content("merge")
    assert world.ancestors("merge") == {"root", "left", "right"}
    assert int(content["cumulative"]["best_flop"]) == 4 * int(content["estimate"]["best_flop"])
    assert int(content["cumulative"]["upper_flop"]) == 4 * int(content["estimate"]["upper_flop"])


def test_a_directory_of_several_results_is_a_merge() -> None:
    world = World()
    for name in ("left", "right"):
        world.add(continuing(name, OutputDataConfig={"S3OutputPath": "s3://models/soup/"}, ModelArtifacts={}))
    world.add(continuing("merge", day=1, InputDataConfig=[channel("models", "s3://models/soup/")]))
    world.audit("merge", "left", "right")
    assert world.ancestors("merge") == {"left", "right"}


def test_a_circle_of_tags_is_refused_and_named() -> None:
    world = World()
    world.add(continuing("older"), lineage="newer")
    world.add(continuing("newer", day=1), lineage="older")
    for order in (("older", "newer"), ("newer", "older")):
        world.audit(*order)
        assert world.ancestors("newer") == {"older"}
        assert world.ancestors("older") == set()
        assert "names 'newer'" in words(world.content("older")["lineage"]["doubts"])[0]
        assert "circle" in words(world.content("older")["lineage"]["doubts"])[0]
        assert world.content("older")["verdict"] == "indeterminate"
        assert world.content("newer")["verdict"] == "indeterminate", "an ancestor with doubts forbids below"


def test_a_job_cannot_continue_itself() -> None:
    world = World()
    world.add(continuing("a", CheckpointConfig={"S3Uri": "s3://models/a"}), lineage="a")
    world.audit()
    assert world.ancestors("a") == set()
    assert "itself" in words(world.content("a")["lineage"]["doubts"])[0]


def test_a_tag_that_names_nothing_is_a_doubt_until_the_job_is_recorded() -> None:
    """Parents before the deployment are found by backfill: the child's record is corrected then."""
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", day=1), lineage="parent")
    world.audit("child")
    assert world.content("child")["verdict"] == "indeterminate"
    world.audit("parent")
    content = world.content("child")
    assert content["verdict"] == "below"
    assert content["revision"] == 1
    assert words(content["lineage"]["doubts"]) == ()


def test_trials_of_one_tuning_job_are_no_ancestors_of_each_other() -> None:
    world = World()
    trial: dict[str, Any] = {"TuningJobArn": TUNING}
    world.add(continuing("base"))
    for number in range(4):
        place = {"OutputDataConfig": {"S3OutputPath": "s3://models/trials"}, "ModelArtifacts": {}}
        everything = {"InputDataConfig": [channel("model", "s3://models/trials/"), channel("base", artifact("base"))]}
        world.add(continuing(f"trial-{number}", day=number + 1, **{**trial, **place, **everything}))
    world.add(continuing("after", day=9, InputDataConfig=[channel("model", "s3://models/trials/trial-2")]))
    world.audit()
    for number in range(4):
        assert world.ancestors(f"trial-{number}") == {"base"}
    assert world.ancestors("after") == {"trial-2", "base"}


def test_trials_that_share_a_checkpoint_continue_one_another() -> None:
    """Each of them begins with what the one before left there."""
    world = World()
    for number in range(4):
        trial = {"TuningJobArn": TUNING, "CheckpointConfig": {"S3Uri": "s3://checkpoints/shared"}}
        world.add(continuing(f"trial-{number}", day=number, **trial))
    world.audit()
    assert world.ancestors("trial-3") == {"trial-0", "trial-1", "trial-2"}
    assert words(world.content("trial-3")["lineage"]["doubts"]) == ()


def test_a_restart_from_a_shared_checkpoint_continues_the_last_job_there() -> None:
    world = World()
    for number in range(4):
        world.add(continuing(f"try-{number}", day=number, CheckpointConfig={"S3Uri": "s3://checkpoints/run"}))
    world.audit("try-2", "try-0", "try-3", "try-1")
    assert world.ancestors("try-3") == {"try-0", "try-1", "try-2"}
    assert world.content("try-3")["lineage"]["parents"] == [world.job_id("try-2")]


def test_a_parent_may_be_in_another_region() -> None:
    world = World()
    parent = continuing("parent")
    parent["TrainingJobArn"] = parent["TrainingJobArn"].replace("eu-west-1", "us-east-1")
    world.add(parent)
    world.add(continuing("child", ["parent"], day=1))
    world.audit()
    assert world.ancestors("child") == {"parent"}


def test_an_ancestor_whose_evidence_could_not_be_read_forbids_below() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.jobs.denied = {"sagemaker:ListTags"}
    world.audit("parent")
    world.jobs.denied = set()
    world.audit("child")
    content = world.content("child")
    assert content["verdict"] == "indeterminate"
    assert "ancestor parent" in content["assessments"][0]["doubts"][0]["words"]


def test_base_model_and_pretraining_compute_are_inherited_from_the_root() -> None:
    world = World()
    world.add(continuing("root", HyperParameters={"model_id": "my-org/unheard-of"}), pretrain_flops="1.5e24")
    world.add(continuing("middle", ["root"], day=1, HyperParameters={"model_id": "/opt/ml/input/data/model0"}))
    world.add(continuing("leaf", ["middle"], day=2))
    world.audit("leaf", "middle", "root")
    content = world.content("leaf")
    assert content["original"]["pretraining_flop"] == "1500000000000000000000000"
    assert content["original"]["base_model"] == "my-org/unheard-of"
    assert content["assessments"][0]["threshold_flop"] == "450000000000000000000000"
    assert "inherited from the lineage" in content["original"]["source"]


def test_a_merge_of_two_originals_takes_the_lower_threshold_and_adds_both_up() -> None:
    world = World()
    world.add(continuing("a"), pretrain_flops="9e24", base_model="org/a")
    world.add(continuing("b"), pretrain_flops="6e24", base_model="org/b")
    world.add(continuing("merge", ["a", "b"], day=1))
    world.audit()
    content = world.content("merge")
    assert content["original"]["pretraining_flop"] == str(6 * 10**24)
    assert content["lineage"]["merged_flop"] == str(15 * 10**24)
    by_scenario = {a["scenario"]: a for a in content["assessments"]}
    assert by_scenario["one-third"]["threshold_flop"] == str(2 * 10**24)
    total = by_scenario["systemic-risk-total"]
    assert (total["verdict"], total["reading"], total["inherited_flop"]) == (
        "indeterminate",
        "disputed",
        str(15 * 10**24),
    )


def test_generated_data_counts_on_the_cumulative_basis_only() -> None:
    """Annex A.1: forward passes that generated training data that is not public are no parameter updates."""
    world = World()
    world.add(continuing("teacher", hours=100))
    world.add(continuing("generate", ["teacher"], day=1), activity="synthetic-data")
    world.add(
        continuing("tune", day=2, InputDataConfig=[channel("train", artifact("generate"))]), pretrain_flops="1e24"
    )
    world.audit()
    content = world.content("tune")
    own = int(content["estimate"]["best_flop"])
    assert content["lineage"]["ancestors"] == 1, "parents in distillation are not counted"
    assert world.ancestors("tune") == {"generate", "teacher"}, "who takes the tag's word away has to count them"
    assert int(content["cumulative"]["best_flop"]) == 2 * own
    assert int(content["lineage"]["updates_best_flop"]) == own
    assert [a["scenario"] for a in world.content("generate")["assessments"]] == ["systemic-risk-generation"]
    generation = world.content("generate")["assessments"][0]
    assert generation["best_flop"] == str(own), "the training of the teacher does not count towards the data"


def test_who_continues_their_own_pretraining_is_no_modifier() -> None:
    """From-scratch training: thresholds 1e23 and 1e25 for the model as a whole."""
    world = World()
    world.add(continuing("scratch"), activity="pretraining")
    world.add(continuing("tune", ["scratch"], day=1))
    world.audit()
    found = {a["scenario"]: a for a in world.content("tune")["assessments"]}
    assert set(found) == {"general-purpose", "systemic-risk"}
    assert found["general-purpose"]["threshold_flop"] == str(10**23)
    assert found["systemic-risk"]["threshold_flop"] == str(10**25)


def test_a_chain_of_twelve_alerts_at_the_job_that_crosses() -> None:
    """Twelve jobs of 30 % of the line each: the fourth crosses it, and its alert shows the chain."""
    world = World()
    names = [f"step-{n:02d}" for n in range(12)]
    for day, name in enumerate(names):
        world.add(continuing(name, names[max(0, day - 1) : day], day=day, hours=2000), params="3e9", tokens="5.5e11")
    world.audit(*names)
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    above = [alert for alert in alerts.sent if alert.attributes["verdict"] == "above"]
    assert [world.content(name)["verdict"] for name in names[:2]] == ["below", "below"]
    assert [world.content(name)["verdict"] for name in names[3:]] == ["above"] * 9
    assert "step-03" in above[0].subject
    for name in names[:4]:
        assert name in above[0].body


def test_a_superseding_record_names_what_it_supersedes_and_keeps_the_evidence() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    world.audit("child", "parent")
    records, archive, job = world.recorder.records, world.recorder.archive, world.job_id("child")
    assert isinstance(records, MemoryRecords)
    first, second = records.lines[job][0], records.lines[job][1]
    assert world.content("child")["supersedes"] == sha256(first).hexdigest()
    assert archive.get(f"evidence/{job}/0.json") == archive.get(f"evidence/{job}/1.json")
    assert archive.get(f"records/{job}/0.json") == first
    assert archive.get(f"records/{job}/1.json") == second


def test_nothing_new_is_recorded_when_nothing_changed() -> None:
    world = World()
    world.add(continuing("parent"))
    world.add(continuing("child", ["parent"], day=1))
    for _ in range(3):
        world.audit("parent", "child")
    records = world.recorder.records
    assert isinstance(records, MemoryRecords)
    assert {max(revisions) for revisions in records.lines.values()} == {0}


def test_references_are_bounded() -> None:
    many = [channel(f"model{n}", artifact(f"p{n}")) for n in range(200)]
    world = World()
    world.add(continuing("child", InputDataConfig=many))
    world.audit()
    assert "200 places" in words(world.content("child")["lineage"]["doubts"])[0]
    assert len(references(parse_training_job(describe(InputDataConfig=many)), ())[0]) == 200


def test_a_name_used_again_leaves_the_later_result() -> None:
    """The result of a deleted job may be overwritten by another of the same name; its time tells them apart."""
    world = World()
    world.add(continuing("same"))
    world.audit("same")
    first = world.job_id("same")
    world.add(continuing("same", day=2))
    world.audit("same")
    second = world.job_id("same")
    world.add(continuing("between", ["same"], day=1))
    world.add(continuing("after", ["same"], day=3))
    world.audit("between", "after")
    assert world.content("between")["lineage"]["parents"] == [first]
    assert world.content("after")["lineage"]["parents"] == [second]


def test_a_second_line_that_is_crossed_is_told_although_the_verdict_is_the_same() -> None:
    """Above one third already, then above 1e25 with a parent that was recorded later: the two weeks must be known."""
    world = World()
    hosts = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
    tags = {"pretrain_flops": "3e24", "params": "1e11"}
    world.add(continuing("parent", hours=5000, **hosts), tokens="7.6e12", **tags)
    world.add(continuing("child", ["parent"], day=1, hours=3000, **hosts), tokens="4.56e12", **tags)
    world.audit("child")
    assert world.content("child")["verdict"] == "above"
    assert world.content("child")["notification_due"] is None
    world.audit("parent")
    content = world.content("child")
    assert content["previous_verdict"] == content["verdict"] == "above"
    assert content["notification_due"] == "2026-07-04"
    alerts = world.recorder.alerts
    assert isinstance(alerts, MemoryAlerts)
    told = [alert for alert in alerts.sent if "child" in alert.subject]
    assert len(told) == 2
    assert "systemic-risk-total" in " ".join(told[1].body.split())
    assert "2026-07-04" in told[1].body


def test_the_first_date_of_a_notification_stays() -> None:
    """Art. 52(1): two weeks from when it was met; better evidence, or another run, does not begin them again."""
    world = World()
    hosts = {"ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}}
    world.add(continuing("first", hours=9000, **hosts), pretrain_flops="3e24", params="1e11", tokens="1.3675e13")
    world.audit("first")
    assert world.content("first")["notification_due"] == "2027-01-28"
    clock = world.recorder.clock
    assert isinstance(clock, FixedClock)
    clock.advance(days=5)
    amend(world.job_id("first"), Amendment("ada", "measured", clock(), mfu=Fraction("0.49")), world.recorder)
    world.add(continuing("second", ["first"], day=1, hours=1))
    world.audit("second")
    assert world.content("first")["notification_due"] == "2027-01-28"
    assert world.content("second")["notification_due"] <= "2027-01-28", "who goes on from there has no more time"
    assert world.content("first")["revision"] == 1
