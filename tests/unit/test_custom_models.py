"""Custom models of Bedrock that a run begins from: imported from a run's result, made by a job, or by nobody known."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from botocore.session import Session
from hypothesis import given
from hypothesis import strategies as st

from flops_auditor import __version__
from flops_auditor.domain.ledger.verification import NothingKept
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, TRAINING_SESSION, Evidence, Unread, plain
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.custom_models import MALFORMED_MODEL, MODEL_NOT_KNOWN, MODEL_WITHOUT_ORIGIN
from flops_auditor.domain.values.archive_keys import evidence_key
from flops_auditor.use_cases.auditing.amend_record import amend
from flops_auditor.use_cases.auditing.audit_job import handle_event
from flops_auditor.use_cases.auditing.collect_custom_models import WithCustomModels
from flops_auditor.use_cases.auditing.collect_customization_job import CustomizationJobCollector
from flops_auditor.use_cases.auditing.collect_training_session import training_session_collector
from flops_auditor.use_cases.auditing.keep_record import ForeignEvidence, case_behind, newest
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.recomputing.recompute import recompute
from tests.fakes.audit import FakeTrainingJobs, MemoryAlerts, MemoryReassessments, recorder
from tests.fakes.customization_jobs import (
    ACCOUNT,
    FakeCustomizationJobs,
    custom_model,
    customization,
    evidence,
    imported,
    imported_model,
    listed,
    made_by,
)
from tests.fakes.door_world import TERRITORY, work_off
from tests.fakes.jobs import CREATED, describe, moved, tagged
from tests.fakes.training_sessions import FakeTrainingSessions, session
from tests.unit.test_amend import amendment
from tests.unit.test_customization_door import ended

LLAMA = {"model_name_or_path": "meta-llama/Llama-3.2-3B"}
CREATED_BY_NOBODY = f"{ACCOUNT}:custom-model/imported/model0000001"
PACKAGE = "arn:aws:sagemaker:eu-west-1:123456789012:model-package/m/1"
BEDROCK = Session().get_service_model("bedrock")


class World:
    """An account with training jobs, training sessions and Bedrock's jobs, whose deliveries are all worked off."""

    def __init__(self) -> None:
        self.jobs, self.sessions, self.bedrock = FakeTrainingJobs(), FakeTrainingSessions(), FakeCustomizationJobs()
        self.alerts, self.again = MemoryAlerts(), MemoryReassessments()
        made = recorder(self.jobs, alerts=self.alerts, queue=self.again)
        asked = {
            **made.collectors,
            TRAINING_SESSION: training_session_collector(self.sessions),
            CUSTOMIZATION_JOB: CustomizationJobCollector(self.bedrock, self.bedrock),
        }
        collectors = {source: WithCustomModels(each, self.bedrock) for source, each in asked.items()}
        self.recorder: Recorder = replace(made, collectors=collectors)

    def deliver(self, event: dict[str, Any]) -> str:
        """The event, and all that it has assessed again; the run's identity."""
        outcome = handle_event(event, self.recorder, "worker", TERRITORY)
        work_off(self.again, self.recorder)
        return outcome.job_id

    def train(self, job: dict[str, Any]) -> str:
        """A training job that ended."""
        self.jobs.add(job)
        return self.deliver({"source": "aws.sagemaker", "detail": {name: str(value) for name, value in job.items()}})

    def open(self, answer: dict[str, Any]) -> str:
        """A training session that ended."""
        detail = {name: str(value) for name, value in self.sessions.add(answer).items()}
        return self.deliver({"source": "flops-auditor.reconcile", "detail": {"TrainingSessionDetail": detail}})

    def tune(self, answer: dict[str, Any], **tags: str) -> str:
        """A customization job that ended."""
        return self.deliver(ended(self.bedrock.add(answer, **tags)))

    def content(self, job: str) -> dict[str, Any]:
        """The newest record of a run, which follows from its evidence."""
        kept = newest(job, self.recorder)
        assert kept is not None
        content = {**kept.content, "code_version": __version__}
        case = case_behind(job, kept, self.recorder)
        recompute(case.body, content, NothingKept(), frozenset(content["tables"].values()), self.recorder.services)
        return dict(kept.content)


def trained(name: str = "first") -> dict[str, Any]:
    """A training job two days before the first customization job."""
    output = {"S3OutputPath": "s3://models/"}
    same = "arn:aws:iam::123456789012:role/tuner"
    return moved(describe(name, RoleArn=same, HyperParameters=LLAMA, OutputDataConfig=output), timedelta(days=-2))


def of_lineage(content: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in content["lineage"]["doubts"]]


def ancestors(content: dict[str, Any]) -> set[str]:
    return {each["job_arn"].rsplit("/", 1)[-1] for each in content["cumulative"]["ancestors"]}


def best(content: dict[str, Any]) -> int:
    return int(content["estimate"]["best_flop"]) + int(content["estimate"]["signal_flop"])


def test_one_fine_tune_through_three_doors_counts_once_and_accumulates() -> None:
    world = World()
    first = world.train(trained())
    arn = world.content(first)["job"]["arn"]
    second = world.open(session(0, Tags=tagged(lineage=arn)))
    model = world.bedrock.add_model(imported("s3://results/support-0/"))
    third = world.tune(customization(baseModelArn=model))
    contents = [world.content(each) for each in (first, second, third)]
    assert [ancestors(each) for each in contents] == [set(), {"first"}, {"first", "support-0"}]
    assert int(contents[2]["cumulative"]["best_flop"]) == sum(map(best, contents))
    assert int(contents[1]["cumulative"]["best_flop"]) == sum(map(best, contents[:2]))
    before = contents[2]["cumulative"]["ancestors"]
    assert int(contents[1]["cumulative"]["upper_flop"]) == sum(int(each["upper_flop"]) for each in before)
    assert of_lineage(contents[2]) == []
    assert contents[2]["original"]["base_model"] == "meta-llama/Llama-3.2-3B"
    assert contents[2]["verdict"] == "below"
    words = " ".join(each["words"] for each in contents[2]["lineage"]["notes"])
    assert "base model ('s3://results/support-0') takes the result of support-0" in words


@pytest.mark.parametrize("order", [(2, 0, 1), (2, 1, 0), (1, 2, 0)])
def test_in_whichever_order_they_are_recorded(order: tuple[int, ...]) -> None:
    world = World()
    model = world.bedrock.add_model(imported("s3://results/support-0/"))
    doors = [
        lambda: world.train(trained()),
        lambda: world.open(session(0, Tags=tagged(lineage=trained()["TrainingJobArn"]))),
        lambda: world.tune(customization(baseModelArn=model)),
    ]
    made = {at: doors[at]() for at in order}
    contents = [world.content(made[at]) for at in range(3)]
    assert int(contents[2]["cumulative"]["best_flop"]) == sum(map(best, contents))
    assert contents[2]["verdict"] == "below"


def test_an_alert_shows_the_chain_through_all_doors() -> None:
    world = World()
    big = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 64}
    hours = 2000
    long_ago = moved(describe("first", hours, HyperParameters=LLAMA, ResourceConfig=big), timedelta(days=-200))
    world.train(long_ago)
    world.open(session(0, Tags=tagged(lineage=long_ago["TrainingJobArn"])))
    world.tune(customization(baseModelArn=world.bedrock.add_model(imported("s3://results/support-0/"))))
    alert = world.alerts.sent[-1]
    chain = alert.body.partition("THE CHAIN")[2].partition("WHAT TO DO")[0]
    assert [line.split()[1] for line in chain.strip().splitlines()] == ["first", "support-0", "support-1"]
    assert alert.subject == "[FLOPs Auditor] ABOVE: support-1"


def test_who_is_named_twice_counts_once() -> None:
    world = World()
    first = world.train(trained())
    model = world.bedrock.add_model(imported("s3://models/first/output/model/"))
    second = world.tune(customization(baseModelArn=model), lineage=world.content(first)["job"]["arn"])
    content = world.content(second)
    assert ancestors(content) == {"first"}
    assert int(content["cumulative"]["best_flop"]) == best(content) + best(world.content(first))


@pytest.mark.parametrize(
    ("change", "doubt"),
    [
        (lambda world: world.bedrock.denied.add("bedrock:GetImportedModel"), "custom-model-refused"),
        (lambda world: world.bedrock.models.clear(), "custom-model-not-there"),
        (lambda world: world.bedrock.add_model(imported("", modelDataSource=None)), "custom-model-without-origin"),
        (lambda world: world.bedrock.add_model(imported("gs://elsewhere/a")), "custom-model-without-origin"),
        (lambda world: world.bedrock.add_model(imported("s3://results")), "whole-bucket"),
        (lambda world: world.bedrock.add_model(imported("s3://a-1234-s3alias/a")), "model-not-followed"),
        (
            lambda world: world.bedrock.models.update({imported_model(): imported("s3://a/b", 2)}),
            "malformed-custom-model",
        ),
        (lambda world: world.bedrock.add_model(imported("", modelDataSource=1)), "malformed-custom-model"),
    ],
)
def test_what_nobody_can_say_of_an_imported_model_is_a_doubt(change: Any, doubt: str) -> None:
    """Its lineage tag settles all but a refusal, and its owner's word is named for it."""
    world = World()
    first = world.train(trained())
    world.bedrock.add_model(imported("s3://models/first/output/model/"))
    change(world)
    job = world.tune(customization(baseModelArn=imported_model()))
    content = world.content(job)
    assert (doubt in of_lineage(content), content["verdict"]) == (True, "indeterminate")
    if doubt != "custom-model-refused":
        answer = customization(baseModelArn=imported_model())
        world.bedrock.add(answer, lineage=world.content(first)["job"]["arn"])
        amend(job, amendment(asked_again=True), world.recorder)
        settled = world.content(job)
        assert (of_lineage(settled), ancestors(settled)) == ([], {"first"})
        assert not [each for each in settled["assessments"] if each["verdict_without_statements"] == "below"]


def test_a_custom_model_leads_to_the_job_that_made_it_also_by_its_copy() -> None:
    world = World()
    first = world.tune(customization(1))
    arn = world.content(first)["job"]["arn"]
    copied = custom_model(9).replace("us-west-2", "us-east-1")
    world.bedrock.add_model(made_by(arn, copied))
    content = world.content(world.tune(customization(2, baseModelArn=copied)))
    assert (of_lineage(content), content["verdict"]) == ([], "below")
    assert ancestors(content) == {arn.rsplit("/", 1)[-1]}


def test_a_custom_model_of_a_job_that_nobody_knows_is_a_doubt_until_it_is_recorded() -> None:
    world = World()
    model = world.bedrock.add_model(made_by(customization(1)["jobArn"], custom_model(1)))
    second = world.tune(customization(2, baseModelArn=model))
    assert of_lineage(world.content(second)) == ["custom-model-not-known"]
    world.tune(customization(1))
    assert (of_lineage(world.content(second)), world.content(second)["verdict"]) == ([], "below")


def test_a_custom_model_that_a_known_job_made_needs_no_answer() -> None:
    world = World()
    world.tune(customization(1))
    content = world.content(world.tune(customization(2, baseModelArn=custom_model(1))))
    assert (of_lineage(content), content["verdict"]) == ([], "below")


def test_a_refusal_to_say_what_its_own_model_was_made_from_is_a_doubt() -> None:
    world = World()
    world.bedrock.denied.add("bedrock:GetCustomModel")
    job = world.tune(customization())
    assert (of_lineage(world.content(job)), world.content(job)["verdict"]) == (
        ["custom-model-refused"],
        "indeterminate",
    )
    world.bedrock.denied.clear()
    amend(job, amendment(asked_again=True), world.recorder)
    assert (of_lineage(world.content(job)), world.content(job)["verdict"]) == ([], "below")


def test_a_model_created_from_a_package_or_from_s3_does_not_say_from_what() -> None:
    """GetCustomModel has no member for what CreateCustomModel was given."""
    world = World()
    model = world.bedrock.add_model(made_by(None, CREATED_BY_NOBODY))
    content = world.content(world.tune(customization(baseModelArn=model)))
    assert (of_lineage(content), content["verdict"]) == (["custom-model-without-origin"], "indeterminate")


def answers_of_created_models() -> st.SearchStrategy[dict[str, Any]]:
    """What GetCustomModel may answer of a model that CreateCustomModel made, member by member (botocore's shape)."""
    members = set(BEDROCK.operation_model("GetCustomModel").output_shape.members)
    text = st.sampled_from(["", "s3://models/first/output/model/", PACKAGE, custom_model(7), imported_model(), "-"])
    place = st.fixed_dictionaries({"s3Uri": text})
    values: dict[str, st.SearchStrategy[Any]] = dict.fromkeys(members, text)
    values |= dict.fromkeys(("trainingDataConfig", "validationDataConfig", "outputDataConfig"), place)
    values |= {"modelArn": st.just(CREATED_BY_NOBODY), "jobArn": st.sampled_from([None, "", "-", PACKAGE])}
    values |= {"modelStatus": st.sampled_from(["Creating", "Active", "Failed"]), "creationTime": st.just(CREATED)}
    return st.fixed_dictionaries({"modelArn": values.pop("modelArn")}, optional=values)


@given(answer=answers_of_created_models())
def test_whatever_bedrock_says_of_a_created_model_nothing_that_begins_from_it_is_below(answer: dict[str, Any]) -> None:
    """Its `jobArn` is null, says the API: the silence about its source is a doubt."""
    evidence_of_it = replace(
        evidence(customization(baseModelArn=CREATED_BY_NOBODY)), packages={CREATED_BY_NOBODY: plain(answer)}
    )
    run = case_of(evidence_of_it).run
    [doubt] = [each.unless_found for each in run.begins if each.location.space == CREATED_BY_NOBODY]
    assert doubt is not None and doubt.kind in {MODEL_WITHOUT_ORIGIN, MALFORMED_MODEL}


def test_created_models_have_no_source_in_any_answer_or_summary_of_bedrock() -> None:
    """What CreateCustomModel is given; the day that an answer has it, it can be followed."""
    given_to_it = {"modelSourceConfig", "customModelDataSource"}
    assert given_to_it <= set(BEDROCK.operation_model("CreateCustomModel").input_shape.members)
    answered = set(BEDROCK.operation_model("GetCustomModel").output_shape.members)
    summaries = BEDROCK.operation_model("ListCustomModels").output_shape.members["modelSummaries"].member.members
    assert not {name for name in answered | set(summaries) if "source" in name.lower()}


def test_a_created_model_stays_a_doubt_through_every_door_and_every_run_after() -> None:
    """A tag of a session and a model package name it, a second job goes on from what the first one made. Its base model
    and tokens are known, so that its source alone is open.
    """
    world = World()
    model = world.bedrock.add_model(made_by(None, CREATED_BY_NOBODY))
    job = world.tune(customization(1, baseModelArn=model), base_model="meta-llama/Llama-3.1-8B")
    amend(job, amendment(tokens=10**6), world.recorder)
    first = world.content(job)
    made = world.bedrock.add_model(made_by(first["job"]["arn"], custom_model(1)))
    world.jobs.packages[PACKAGE] = {"SourceUri": model}
    package = {"SourceModelPackageArn": PACKAGE}
    after = world.content(world.tune(customization(2, baseModelArn=made)))
    others = [
        world.open(session(Tags=tagged(lineage=model))),
        world.train(describe("second", HyperParameters=LLAMA, ModelPackageConfig=package)),
    ]
    for content in (first, *map(world.content, others)):
        assert "custom-model-without-origin" in of_lineage(content)
        assert (content["estimate"]["doubts"], content["verdict"]) == ([], "indeterminate")
    [ancestor] = after["cumulative"]["ancestors"]
    assert [each["kind"] for each in ancestor["doubts"]] == ["custom-model-without-origin"]
    assert (after["estimate"]["doubts"], of_lineage(after), after["verdict"]) == ([], [], "indeterminate")


@pytest.mark.parametrize(
    ("tag", "known", "denied"),
    [("", True, []), ("none", False, [imported_model()]), ("first", True, [imported_model()])],
)
def test_a_job_that_names_a_foundation_model_continues_what_its_own_model_names(
    tag: str, known: bool, denied: list[str]
) -> None:
    """GetModelCustomizationJob is declared to name a foundation model alone, GetCustomModel may name a custom one."""
    world = World()
    first = world.content(world.train(trained()))["job"]["arn"]
    base = world.bedrock.add_model(imported("s3://models/first/output/model/"))
    world.bedrock.add_model(made_by(customization()["jobArn"], custom_model(), baseModelArn=base))
    job = world.tune(customization(), **({"lineage": first if tag == "first" else tag} if tag else {}))
    content = world.content(job)
    assert (ancestors(content) == {"first"}, of_lineage(content)) == (known, [])
    kept = newest(job, world.recorder)
    assert kept is not None
    assert list(case_behind(job, kept, world.recorder).run.reads) == denied


@pytest.mark.parametrize("answer", [Unread("bedrock:GetCustomModel", "ResourceNotFound"), {"modelArn": "another"}, {}])
def test_a_model_that_could_not_be_asked_is_said(answer: Any) -> None:
    run = case_of(replace(evidence(), packages={custom_model(): answer})).run
    assert [each.kind.name for each in run.begins_notes] == ["base-not-confirmed"]
    told = made_by(customization()["jobArn"], custom_model())
    assert not case_of(replace(evidence(), packages={custom_model(): plain(told)})).run.begins_notes


def test_a_training_jobs_tag_may_name_an_imported_model() -> None:
    world = World()
    first = world.train(trained())
    model = world.bedrock.add_model(imported("s3://models/first/output/model/"))
    world.jobs.tags_by_arn[describe("second")["TrainingJobArn"]] = tagged(lineage=model)
    content = world.content(world.train(describe("second", HyperParameters=LLAMA)))
    assert (ancestors(content), of_lineage(content)) == ({"first"}, [])
    assert int(content["cumulative"]["best_flop"]) == best(content) + best(world.content(first))


def test_a_tag_that_names_a_model_of_nobody_is_a_doubt() -> None:
    world = World()
    world.bedrock.add_model(imported("s3://models/nobodys/"))
    detail = session(Tags=tagged(lineage=imported_model()))
    assert of_lineage(world.content(world.open(detail))) == ["lineage-names-unknown"]


def test_a_package_may_say_that_it_was_made_from_a_custom_model() -> None:
    answers = {PACKAGE: {"SourceUri": imported_model()}, imported_model(): plain(imported("s3://models/first/"))}
    description = describe(ModelPackageConfig={"SourceModelPackageArn": PACKAGE})
    run = case_of(Evidence(plain(description), packages=answers)).run
    assert Location("s3://models", ("first",)) in [each.location for each in run.begins]


def test_a_training_job_continues_what_its_packages_custom_model_was_made_from() -> None:
    world = World()
    world.train(trained())
    world.bedrock.add_model(imported("s3://models/first/output/model/"))
    world.jobs.packages[PACKAGE] = {"SourceUri": imported_model()}
    package = {"SourceModelPackageArn": PACKAGE}
    second = world.train(describe("second", HyperParameters=LLAMA, ModelPackageConfig=package))
    assert (ancestors(world.content(second)), of_lineage(world.content(second))) == ({"first"}, [])
    world.bedrock.models.clear()
    third = world.train(describe("third", HyperParameters=LLAMA, ModelPackageConfig=package))
    assert of_lineage(world.content(third)) == ["custom-model-not-there"]


@pytest.mark.parametrize(
    "place",
    [
        "s3://models/first",
        "s3://models//first/output/model.tar.gz",
        "s3://models/first/output/model/merged",
        "https://models.s3.us-west-2.amazonaws.com/first/output/",
    ],
)
def test_however_the_place_of_an_import_is_spelt(place: str) -> None:
    world = World()
    world.train(trained())
    model = world.bedrock.add_model(imported(place))
    assert ancestors(world.content(world.tune(customization(baseModelArn=model)))) == {"first"}


@pytest.mark.parametrize("tags", [{"base_model": "meta-llama/Llama-3.1-8B"}, {"lineage": "none", "tokens": "1e6"}])
def test_of_an_import_of_unknown_weights_nothing_is_below_but_on_its_owners_word(tags: dict[str, str]) -> None:
    world = World()
    model = world.bedrock.add_model(imported("s3://copied/by/hand/"))
    content = world.content(world.tune(customization(baseModelArn=model), **tags))
    assert content["rests_on"]["verdict_without_statements"] == "indeterminate"


def test_a_model_of_another_account_behind_a_package_is_a_doubt() -> None:
    foreign = imported_model().replace("123456789012", "999999999999")
    description = describe(ModelPackageConfig={"SourceModelPackageArn": PACKAGE})
    run = case_of(Evidence(plain(description), packages={PACKAGE: {"SourceUri": foreign}})).run
    unless_found = {each.location.space: each.unless_found for each in run.begins}
    assert unless_found[foreign] == MODEL_NOT_KNOWN(where="source model package", arn=foreign)


def test_nothing_is_asked_where_no_model_is_named_nor_of_other_accounts() -> None:
    world = World()
    world.train(trained())
    foreign = imported_model().replace("123456789012", "999999999999")
    world.open(session(Tags=tagged(lineage=foreign)))
    assert world.bedrock.asked == []


def run_of(*models: dict[str, Any], **changes: Any) -> Run:
    given = evidence(customization(**{"baseModelArn": imported_model(), **changes}))
    return case_of(replace(given, packages={each["modelArn"]: plain(each) for each in models})).run


@pytest.mark.parametrize(
    ("architecture", "known"),
    [("LlamaForCausalLM", True), ("MllamaForConditionalGeneration", False), ("llama", False), (None, False)],
)
def test_the_size_of_its_data_bounds_tokens_where_the_model_surely_takes_text_alone(
    architecture: str | None, known: bool
) -> None:
    run = run_of(imported("s3://models/first/", modelArchitecture=architecture))
    assert (run.data_tokens is not None) == known
    assert [each.kind.name for each in run.data_doubts] == ([] if known else ["data-may-be-more-than-text"])


def test_its_answers_are_kept_with_the_evidence() -> None:
    world = World()
    job = world.tune(customization(baseModelArn=world.bedrock.add_model(imported("s3://models/first/"))))
    kept = newest(job, world.recorder)
    assert kept is not None
    packages = case_behind(job, kept, world.recorder).evidence.packages
    assert packages[imported_model()] == plain(imported("s3://models/first/"))
    assert packages[custom_model()] == Unread("bedrock:GetCustomModel", "ResourceNotFound")


def test_whoever_writes_the_archive_alone_does_not_say_what_a_model_was_made_from() -> None:
    world = World()
    answer = customization(baseModelArn=world.bedrock.add_model(imported("s3://models/first/output/model/")))
    planted = replace(evidence(answer, listed()), packages={imported_model(): plain(imported("s3://models/nobodys/"))})
    key = evidence_key(case_of(planted).run.job_id, 0)
    assert world.recorder.archive.put_if_absent(key, planted.to_bytes())
    with pytest.raises(ForeignEvidence):
        world.tune(answer)


def test_a_model_that_is_deleted_since_stays_what_it_was_made_from() -> None:
    world = World()
    world.train(trained())
    answer = customization(baseModelArn=world.bedrock.add_model(imported("s3://models/first/output/model/")))
    job = world.tune(answer)
    world.bedrock.models.clear()
    amend(job, amendment(asked_again=True), world.recorder)
    content = world.content(job)
    assert (content["revision"], content["verdict"], ancestors(content)) == (1, "below", {"first"})


def test_another_roles_word_frames_nobody_and_its_result_is_proof() -> None:
    """The same as of a channel: a place that others only name is none of theirs, one that SageMaker wrote is."""
    world = World()
    others = "arn:aws:iam::123456789012:role/others"
    named = trained("named") | {"RoleArn": others, "CheckpointConfig": {"S3Uri": "s3://team/weights/"}}
    world.train(named)
    wrote = trained("wrote") | {"RoleArn": others}
    world.train(wrote)
    framed = world.bedrock.add_model(imported("s3://team/weights/", 1))
    proven = world.bedrock.add_model(imported("s3://models/wrote/output/model.tar.gz", 2))
    assert ancestors(world.content(world.tune(customization(1, baseModelArn=framed)))) == set()
    assert ancestors(world.content(world.tune(customization(2, baseModelArn=proven)))) == {"wrote"}
