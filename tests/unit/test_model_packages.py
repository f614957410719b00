"""Model packages: the job whose artifact was registered is an ancestor, and what cannot be told is a doubt."""

import random
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.domain.runs.evidence import Evidence, parse_evidence
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.ask_again import AskedInVain
from flops_auditor.use_cases.auditing.audit_job import reassess
from flops_auditor.use_cases.auditing.collect_training_job import MOST_PACKAGES
from flops_auditor.use_cases.auditing.watch_jobs import look_at
from flops_auditor.use_cases.operations.rebuild_index import rebuild_index
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.audit import MemoryIndex, MemoryReassessments, MemoryRecords
from tests.fakes.cases import words
from tests.fakes.lineage import World, artifact, channel, continuing
from tests.fakes.running import running
from tests.unit.test_amend import amendment

ASKED = "sagemaker:DescribeModelPackage"


def arn(name: str = "registered/1", account: str = "123456789012", region: str = "eu-west-1") -> str:
    return f"arn:aws:sagemaker:{region}:{account}:model-package/{name}"


def holding(uri: str = artifact("parent")) -> dict[str, Any]:
    """A package whose model data is there."""
    return {"InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": uri}]}}


def source(package: str | None = None) -> dict[str, Any]:
    return {"ModelPackageConfig": {"SourceModelPackageArn": package or arn()}}


def family(packages: dict[str, Any], **changes: Any) -> World:
    """A parent, and a child that begins from a package."""
    world = World()
    world.jobs.packages = packages
    world.add(continuing("parent", hours=1))
    world.add(continuing("child", day=1, hours=1, **(changes or source())))
    return world


def source_at(uri: str, kind: str = "S3Object") -> dict[str, Any]:
    return {"ModelDataSource": {"S3DataSource": {"S3Uri": uri, "S3DataType": kind, "CompressionType": "None"}}}


JUNK = "s3://elsewhere/model.tar.gz"


def beside_junk(**more: Any) -> dict[str, Any]:
    """A package that says a place of no job first, and something else beside it."""
    return {"InferenceSpecification": {"Containers": [{"Image": "image", "ModelDataUrl": JUNK, **more}]}}


def listed_by(manifest: str) -> dict[str, Any]:
    """A package of what a manifest lists."""
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://elsewhere/base/", "ManifestS3Uri": manifest}
    return beside_junk(ModelDataSource={"S3DataSource": source})


def of_hub(kind: str, account: str = "123456789012") -> dict[str, Any]:
    """A package of a model of a hub."""
    content = f"arn:aws:sagemaker:eu-west-1:{account}:hub-content/mine/{kind}/a/1.0"
    source = {"S3Uri": "s3://elsewhere/base/", "HubAccessConfig": {"HubContentArn": content}}
    return beside_junk(ModelDataSource={"S3DataSource": source})


PARENT_JOB = "arn:aws:sagemaker:eu-west-1:123456789012:training-job/parent"


@pytest.mark.parametrize(
    "answer",
    [
        holding(),
        {"InferenceSpecification": {"Containers": [{"Image": "no data"}, source_at(artifact("parent"))]}},
        {"InferenceSpecification": {"Containers": [source_at("s3://models/parent/", "S3Prefix")]}},
        {"AdditionalInferenceSpecifications": [{"Name": "more", **holding()["InferenceSpecification"]}]},
        {"SourceAlgorithmSpecification": {"SourceAlgorithms": [{"ModelDataUrl": artifact("parent")}]}},
        {"SourceAlgorithmSpecification": {"SourceAlgorithms": [source_at(artifact("parent"))]}},
        beside_junk(AdditionalS3DataSource={"S3DataType": "S3Object", "S3Uri": artifact("parent")}),
        beside_junk(AdditionalS3DataSource={"S3DataType": "S3Prefix", "S3Uri": "s3://models/parent/"}),
        beside_junk(Environment={"HF_MODEL_ID": artifact("parent")}),
        beside_junk(Environment={"SETTINGS": f'{{"adapter": "{artifact("parent")}"}}'}),
        {"SourceUri": artifact("parent")},
        {"SourceUri": "s3://models/parent/output"},
        {"SourceUri": PARENT_JOB},
        {"MetadataProperties": {"GeneratedBy": PARENT_JOB}},
        {**holding("s3://elsewhere/model.tar.gz"), "MetadataProperties": {"GeneratedBy": PARENT_JOB}},
    ],
)
@pytest.mark.parametrize("order", [("parent", "child"), ("child", "parent")])
def test_every_way_in_which_a_package_names_what_made_it(answer: dict[str, Any], order: tuple[str, str]) -> None:
    world = family({arn(): answer})
    world.audit(*order)
    assert world.ancestors("child") == {"parent"}
    assert words(world.content("child")["lineage"]["doubts"]) == ()
    assert world.content("child")["verdict"] == "below"


def test_a_prefix_takes_what_lies_below_it_and_an_object_does_not() -> None:
    """API Reference, S3ModelDataSource: with S3Prefix all objects below the URI are the model."""
    for kind, ancestors in (("S3Prefix", {"parent"}), ("S3Object", set())):
        world = family({arn(): {"InferenceSpecification": {"Containers": [source_at("s3://models/team/", kind)]}}})
        world.add(continuing("parent", OutputDataConfig={"S3OutputPath": "s3://models/team/"}, ModelArtifacts={}))
        world.audit()
        assert world.ancestors("child") == ancestors


@pytest.mark.parametrize(
    "changes",
    [
        source(),
        {"HyperParameters": {"model_id": arn()}},
        {"Environment": {"BASE_MODEL": arn()}},
        {"ModelPackageConfig": {"SourceModelPackageArn": arn(region="us-east-1")}},
    ],
)
def test_every_way_in_which_a_job_names_a_package(changes: dict[str, Any]) -> None:
    world = family({arn(): holding(), arn(region="us-east-1"): holding()}, **changes)
    world.audit()
    assert world.ancestors("child") == {"parent"}


def test_a_person_may_name_a_package_in_the_tag() -> None:
    world = family({arn(): holding()})
    world.add(continuing("tagged", day=2), lineage=arn())
    world.audit()
    assert world.ancestors("tagged") == {"parent"}
    assert words(world.content("tagged")["lineage"]["doubts"]) == ()


def test_a_tagged_package_that_leads_to_no_known_job_is_a_doubt() -> None:
    world = family({arn(): holding("s3://elsewhere/model.tar.gz")})
    world.add(continuing("tagged", day=2), lineage=arn())
    world.audit()
    (doubt,) = words(world.content("tagged")["lineage"]["doubts"])
    assert "of which nothing is recorded" in doubt


def test_what_the_package_answered_stands_in_the_evidence_and_the_record_is_recomputed_from_it() -> None:
    world = family({arn(): holding()})
    world.audit()
    stored = world.recorder.records.latest(world.job_id("child"))
    assert stored is not None
    body = world.recorder.archive.get(evidence_key(world.job_id("child"), stored.revision))
    assert parse_evidence(body).packages == {arn(): holding()}
    recompute(body, world.content("child"), lambda digest: None)


def test_weights_that_a_package_takes_from_a_list_or_a_hub_are_a_doubt() -> None:
    """Where the list is AWS's own, or the hub another account's, they are a base model's."""
    said = "source model package reads a model from {}: whose result lies there cannot be looked up"
    served = "s3://jumpstart-cache-prod-eu-west-1/llama/manifest.json"
    for answer, doubts in (
        (listed_by("s3://elsewhere/manifest.json"), (said.format("what a manifest lists"),)),
        (listed_by(served), ()),
        (of_hub("Model"), (said.format("a private hub"),)),
        (of_hub("Model", "aws"), ()),
        (
            beside_junk(
                Environment={"MODEL_ID": "google/gemma-7b", "SAGEMAKER_SUBMIT_DIRECTORY": "s3://code/x.tar.gz"}
            ),
            (),
        ),
    ):
        world = family({arn(): answer})
        world.audit()
        assert words(world.content("child")["lineage"]["doubts"]) == doubts
        assert world.content("child")["verdict"] == ("indeterminate" if doubts else "below")


def test_a_manifest_in_a_runs_result_is_that_runs_too() -> None:
    world = family({arn(): listed_by("s3://models/parent/output/manifest.json")})
    world.audit()
    assert world.ancestors("child") == {"parent"}


def test_a_reference_of_the_accounts_hub_is_a_note() -> None:
    world = family({arn(): of_hub("ModelReference")})
    world.audit()
    content = world.content("child")
    assert (content["verdict"], "private-hub" in [each["kind"] for each in content["lineage"]["notes"]]) == (
        "below",
        True,
    )


def test_a_container_whose_variables_name_only_code_does_not_say_what_made_it() -> None:
    answer = {"InferenceSpecification": {"Containers": [{"Environment": {"CODE": "s3://code/x.tar.gz"}}]}}
    world = family({arn(): answer})
    world.audit()
    assert "does not say where" in words(world.content("child")["lineage"]["doubts"])[0]


def test_the_data_of_a_base_model_is_no_doubt() -> None:
    world = family({arn(): holding("s3://jumpstart-cache-prod-eu-west-1/llama/artifacts/")})
    world.audit()
    assert words(world.content("child")["lineage"]["doubts"]) == ()
    assert world.content("child")["verdict"] == "below"


# ----- packages of packages


def test_a_package_made_from_another_package() -> None:
    world = family({arn(): {"SourceUri": arn("first/1")}, arn("first/1"): holding()})
    world.audit("child", "parent")
    assert world.ancestors("child") == {"parent"}
    assert words(world.content("child")["lineage"]["doubts"]) == ()


def test_what_stands_further_back_is_a_doubt() -> None:
    """Unless that package itself is the result of a job."""
    chain = {arn(): {"SourceUri": arn("b/1")}, arn("b/1"): {"SourceUri": arn("c/1")}, arn("c/1"): holding()}
    world = family(chain)
    world.audit()
    assert [subject for action, subject in world.jobs.calls if action == ASKED] == [arn(), arn("b/1")]
    (doubt,) = words(world.content("child")["lineage"]["doubts"])
    assert arn("c/1") in doubt
    assert "was not looked up" in doubt
    assert world.content("child")["verdict"] == "indeterminate"
    world.add(continuing("maker", hours=1, OutputModelPackageArn=arn("c/1")))
    world.audit("maker")
    assert world.ancestors("child") == {"maker"}
    assert words(world.content("child")["lineage"]["doubts"]) == ()


def test_packages_in_a_circle_end() -> None:
    world = family({arn(): {"SourceUri": arn("b/1")}, arn("b/1"): {"SourceUri": arn()}})
    world.audit()
    assert world.ancestors("child") == set()
    assert sum(action == ASKED for action, _ in world.jobs.calls) == 2


def test_packages_are_bounded() -> None:
    named = {f"model_{n:02d}": arn(f"p/{n}") for n in range(MOST_PACKAGES + 3)}
    world = family({package: holding() for package in named.values()}, HyperParameters=named)
    world.audit()
    assert sum(action == ASKED for action, _ in world.jobs.calls) == MOST_PACKAGES
    assert len(words(world.content("child")["lineage"]["doubts"])) == 3


# ----- packages that cannot be read


def test_a_package_of_this_account_that_cannot_be_read_is_a_doubt() -> None:
    for denied, error, said in ((set(), "ValidationException", "had"), ({ASKED}, "AccessDenied", "read")):
        world = family({})
        world.jobs.denied = denied
        world.audit()
        (doubt,) = words(world.content("child")["lineage"]["doubts"])
        assert doubt == f"source model package '{arn()}' could not be {said}: {ASKED} answered {error}"
        assert world.content("child")["verdict"] == "indeterminate"


def test_a_package_that_is_deleted_since_is_kept_when_asked_again_and_one_that_is_refused_stops_it() -> None:
    world = family({arn(): holding()})
    world.audit()
    world.jobs.packages.clear()
    amend(world.job_id("child"), amendment(asked_again=True), world.recorder)
    assert (world.content("child")["revision"], world.ancestors("child")) == (1, {"parent"})
    world.jobs.denied = {ASKED}
    with pytest.raises(AskedInVain, match=ASKED):
        amend(world.job_id("child"), amendment(asked_again=True, why="again"), world.recorder)


def test_a_deleted_package_that_a_known_job_made_is_none() -> None:
    """Old versions are deleted every day; the job that made this one named it."""
    world = family({})
    world.add(continuing("maker", hours=1, OutputModelPackageArn=arn()))
    world.audit("child")
    assert world.content("child")["verdict"] == "indeterminate"
    world.audit("maker")
    assert world.ancestors("child") == {"maker"}
    assert words(world.content("child")["lineage"]["doubts"]) == ()
    assert world.content("child")["verdict"] == "below"


def test_a_package_of_another_account_is_a_base_model() -> None:
    """Marketplace and AWS: nobody is asked, nothing is in doubt, and the record says what was assumed."""
    foreign = arn("marketplace-model", account="865070037744")
    world = family({}, **source(foreign))
    world.jobs.denied = {ASKED}
    world.audit()
    content = world.content("child")
    assert (content["lineage"]["doubts"], content["verdict"]) == ([], "below")
    assert words(content["lineage"]["notes"]) == (
        f"source model package '{foreign}' is of another account: taken for a base model",
    )
    assert not any(action == ASKED for action, _ in world.jobs.calls)


def test_hub_content_is_no_package() -> None:
    world = family({}, ServerlessJobConfig={"BaseModelArn": "arn:aws:sagemaker:eu-west-1:aws:hub-content/H/Model/m/1"})
    world.audit()
    assert not any(action == ASKED for action, _ in world.jobs.calls)
    assert words(world.content("child")["lineage"]["doubts"]) == ()


def test_nobody_is_asked_where_a_person_said_that_nothing_is_continued() -> None:
    world = family({})
    world.add(continuing("tagged", day=2, hours=1, **source()), lineage="none")
    world.audit("tagged")
    assert not any(action == ASKED for action, _ in world.jobs.calls)
    assert world.content("tagged")["verdict"] == "below"


GARBAGE: list[Any] = [
    "text",
    7,
    [],
    {"Containers": "text"},
    {"Containers": ["text"]},
    {"Containers": [{"ModelDataUrl": 7}]},
    {"Containers": [{"ModelDataSource": []}]},
    {"Containers": [{"ModelDataSource": {"S3DataSource": {"S3Uri": {}}}}]},
]


@pytest.mark.parametrize("garbage", GARBAGE)
def test_a_malformed_answer_is_a_doubt(garbage: Any) -> None:
    world = family({arn(): {"InferenceSpecification": garbage}})
    world.audit()
    doubts = words(world.content("child")["lineage"]["doubts"])
    assert len(doubts) == 1
    assert "could not be" in doubts[0] or "does not say where" in doubts[0]
    assert world.content("child")["verdict"] == "indeterminate"


ALIAS = "arn:aws:s3:eu-west-1:123456789012:accesspoint/team"


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        (holding(f"s3://{ALIAS}/ckpt/step-5"), "an access point"),
        ({"SourceUri": "s3://team-ab12cd-s3alias/ckpt"}, "an access point"),
        ({**holding(f"{ALIAS}/object/ckpt"), "SourceUri": "s3://elsewhere/x"}, "an access point"),
        (
            {**holding("arn:aws:s3-outposts:eu-west-1:x"), "SourceUri": "s3://elsewhere/x"},
            "a place of a form that is not known",
        ),
    ],
)
def test_a_package_whose_data_nobody_can_follow_is_a_doubt(answer: dict[str, Any], form: str) -> None:
    """Which bucket an access point leads to is not known: any run's result may lie there."""
    world = family({arn(): answer})
    world.audit()
    assert words(world.content("child")["lineage"]["doubts"]) == (
        f"source model package reads a model from {form}: whose result lies there cannot be looked up",
    )
    assert world.content("child")["verdict"] == "indeterminate"


@pytest.mark.parametrize("answer", [{}, holding("https://elsewhere.example.com/model"), {"SourceUri": "a registry"}])
def test_a_package_that_does_not_say_what_made_it_is_a_doubt(answer: dict[str, Any]) -> None:
    world = family({arn(): answer})
    world.audit()
    assert "does not say where its model data came from" in words(world.content("child")["lineage"]["doubts"])[0]


def test_evidence_from_before_packages_were_asked_for_is_a_doubt() -> None:
    """When the record is assessed again; the package's own job settles it."""
    world = family({arn(): holding()})
    evidence = Evidence(world.jobs.descriptions["child", "eu-west-1"])
    world.recorder.archive.put_if_absent(f"evidence/{world.job_id('child')}/0.json", evidence.to_bytes())
    world.audit()
    assert "was not looked up" in words(world.content("child")["lineage"]["doubts"])[0]


# ----- the same everywhere


def test_the_watch_follows_packages_too() -> None:
    world = World()
    world.jobs.packages = {arn(): holding()}
    world.add(continuing("parent", hours=1))
    world.audit()
    world.add(running("going", **source()) | {"CreationTime": world.recorder.clock()})
    now = world.recorder.clock() + timedelta(seconds=1)
    (listed,) = [job for job in world.jobs.page("eu-west-1", now).jobs if job.name == "going"]
    looked = look_at(listed, world.recorder)
    assert looked is not None
    assert looked.seen.audited.lineage.parents == (world.job_id("parent"),)


def test_a_rebuilt_index_knows_the_places_behind_packages() -> None:
    world = family({arn(): holding()})
    world.audit("child")
    rebuilt = MemoryIndex()
    rebuild_index(world.recorder.archive, MemoryRecords(), NothingPending(), rebuilt)  # type: ignore[arg-type]
    place = read_location(artifact("parent"))
    assert place is not None
    assert [entry.job_id for entry in rebuilt.exactly("input", place, "", 10)] == [world.job_id("child")]


class NothingPending:
    """A PendingRecords port that notes nothing."""

    def have_wait(self, identities: Collection[Any]) -> None:
        """No place is looked at here."""


@settings(max_examples=60)
@given(st.integers(2, 7), st.data(), st.randoms(use_true_random=False))
def test_verdicts_do_not_depend_on_the_order_through_packages(size: int, data: Any, chance: random.Random) -> None:
    """A chain whose links are channels, packages registered from an artifact, or packages of packages."""
    links = data.draw(st.lists(st.sampled_from(["channel", "package", "nested"]), min_size=size, max_size=size))
    world = World()
    for number, link in enumerate(links):
        before = artifact(f"job-{number - 1}")
        world.jobs.packages[arn(f"p/{number}")] = holding(before)
        world.jobs.packages[arn(f"n/{number}")] = {"SourceUri": arn(f"p/{number}")}
        changes = {
            "channel": {"InputDataConfig": [channel("model", before)]},
            "package": source(arn(f"p/{number}")),
            "nested": source(arn(f"n/{number}")),
        }[link]
        world.add(continuing(f"job-{number}", day=number, hours=1, **(changes if number else {})))
    queue = world.recorder.queue
    assert isinstance(queue, MemoryReassessments)
    for number in data.draw(st.permutations(range(size))):
        world.deliver(f"job-{number}")
        while queue.waiting and chance.random() < 0.5:
            reassess(queue.waiting.pop(chance.randrange(len(queue.waiting))), world.recorder)
    world.work_off(5000)
    for number in range(size):
        assert world.ancestors(f"job-{number}") == {f"job-{n}" for n in range(number)}
        assert words(world.content(f"job-{number}")["lineage"]["doubts"]) == ()
