"""Amazon Bedrock's model customization jobs: from the unchanged answer to the verdict."""

import json
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.data_tokens import BOUND_BY_DATA
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, TRAINING_JOB, Evidence, Unread, parse_evidence
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.cases import case_of
from flops_auditor.domain.runs.sources.customization_job_answer import MalformedCustomizationJob
from flops_auditor.domain.runs.sources.registry import read_pointer, source_of
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.domain.values.moments import iso
from flops_auditor_cli.json_files import UnreadableFile
from flops_auditor_cli.main import app
from tests.fakes.cases import audit, words
from tests.fakes.customization_jobs import (
    BYTES,
    LLAMA,
    NOVA,
    PLACE,
    custom_model,
    customization,
    evidence,
    listed,
    model_arn,
)
from tests.fakes.exact import exact
from tests.fakes.jobs import CREATED, describe
from tests.unit.test_amend import amendment

TABLES = load_tables()
PARAMETERS = 8_030_261_248
TEACHER = {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": "amazon.nova-premier-v1:0"}}}
REFUSED = Unread("s3:ListObjectsV2", "AccessDenied")


def audited(given: Evidence) -> Audit:
    return audit(given, TABLES)


def run_of(answer: dict[str, Any]) -> Run:
    return case_of(evidence(answer)).run


def doubts(found: Audit) -> set[str]:
    return {doubt.kind.name for doubt in found.estimate.doubts}


def test_the_size_of_its_data_bounds_its_tokens() -> None:
    """A token has a byte at least; so much English text has a token in 242115/65126 bytes. Nothing is certain."""
    found = audited(evidence())
    estimate, passes = found.estimate, 5
    usual = -(-BYTES * passes * 65_126 // 242_115)
    assert (estimate.method, found.base_model) == ("architecture", "meta-llama/Llama-3.1-8B")
    assert estimate.best_flop == 6 * PARAMETERS * usual
    assert estimate.upper_flop == 6 * PARAMETERS * BYTES * passes * 13 // 10
    assert (estimate.lower_flop, estimate.firm_flop, doubts(found)) == (0, 0, set())
    assert f"{BYTES} bytes of training data x 5 passes (epochCount)" in " ".join(words(estimate.assumptions))
    assert found.verdict == "below"
    assert found.rests_on is not None
    assert [g.source for g in found.rests_on.grounds if "size of the training data" in g.what] == ["measured"]
    assert not found.rests_on.milder


def test_no_verdict_of_above_rests_on_a_bound() -> None:
    assert audited(evidence(entry=listed(10**16))).verdict == "indeterminate"


LOGS = {"s3Uri": PLACE, "invocationLogsConfig": {"invocationLogSource": {"s3Uri": "s3://logs/"}}}
CHANGES = {
    "size-of-data-not-known": ({}, {}),
    "size-of-data-refused": ({}, REFUSED),
    "data-not-there": ({}, Unread("s3:ListObjectsV2", "NoSuchKey")),
    "data-written-later": ({}, listed(LastModified=CREATED + timedelta(seconds=1))),
    "data-not-one-file": ({"trainingDataConfig": {"s3Uri": "s3://corpora/support/"}}, listed()),
    "no-data-named": ({"trainingDataConfig": {}}, listed()),
    "data-may-be-more-than-text": ({"baseModelArn": model_arn("meta.llama3-2-90b-instruct-v1:0:128k")}, listed()),
    "passes-not-known": ({"hyperParameters": {"epochCount": "0"}}, listed()),
    "data-less-than-a-line": ({}, listed(0)),
    "data-beside-its-file": ({"trainingDataConfig": LOGS}, listed()),
    "hyperparameters-not-known": ({"hyperParameters": {"epochCount": "1", "maxSteps": "100000"}}, listed()),
    "other-customization": ({"customizationType": "IMPORTED"}, listed()),
    "teacher-generates": ({"customizationConfig": TEACHER}, listed()),
    "generates-its-data": ({"customizationType": "REINFORCEMENT_FINE_TUNING"}, listed()),
}


@pytest.mark.parametrize("doubt", CHANGES)
def test_what_nothing_bounds_is_left_open_and_a_person_settles_it(doubt: str) -> None:
    changes, entry = CHANGES[doubt]
    given = evidence(customization(**changes), entry)
    found = audited(given)
    assert (doubts(found), found.estimate.upper_flop, found.verdict) == ({doubt}, None, "indeterminate")
    assert all(each.kind.remedy for each in found.estimate.doubts)
    amended = audited(replace(given, amendments=(amendment(tokens=10**9, parameters=PARAMETERS),)))
    assert (doubts(amended), amended.verdict) == (set(), "below")
    assert audited(evidence(customization(**changes), entry, tokens="1e9")).verdict == "indeterminate"


@pytest.mark.parametrize(
    "changes", [{"customizationConfig": {"dpoConfig": {}}}, {"hyperParameters": {"epochCount": "1", "EpochCount": "9"}}]
)
def test_a_way_to_train_that_is_not_known_bounds_nothing(changes: dict[str, Any]) -> None:
    assert audited(evidence(customization(**changes))).estimate.upper_flop is None


def test_data_of_one_line_is_data() -> None:
    assert doubts(audited(evidence(entry=listed(12)))) == set()
    assert doubts(audited(evidence(entry=listed(11)))) == {"data-less-than-a-line"}


@pytest.mark.parametrize(
    "entry",
    [
        listed(-1),
        listed(Size="1e9"),
        listed(Size=True),
        listed(LastModified="yesterday"),
        listed(LastModified=None),
        {"Key": PLACE},
    ],
)
def test_a_size_that_cannot_be_read_is_none(entry: dict[str, Any]) -> None:
    assert doubts(audited(evidence(entry=entry))) == {"size-of-data-not-known"}


@pytest.mark.parametrize("passes", ["", "five", "1.5", "-1", "1000000", None])
def test_passes_that_nobody_says_are_not_one(passes: str | None) -> None:
    parameters = {} if passes is None else {"epochCount": passes}
    found = audited(evidence(customization(hyperParameters=parameters)))
    assert (doubts(found), found.verdict) == ({"passes-not-known"}, "indeterminate")


@pytest.mark.parametrize("model", [NOVA, "cohere.command-text-v14:7:4k", "anthropic.claude-3-haiku-20240307-v1:0:200k"])
def test_a_model_that_nobody_knows_the_size_of_is_left_open(model: str) -> None:
    found = audited(evidence(customization(baseModelArn=model_arn(model))))
    assert (found.estimate.method, found.verdict) == ("unknown", "indeterminate")


@pytest.mark.parametrize(
    ("model", "known"),
    [
        (LLAMA, "meta-llama/Llama-3.1-8B"),
        ("meta.llama3-3-70b-instruct-v1:0:128k", "meta-llama/Llama-3.3-70B-Instruct"),
        ("meta.llama3-2-1b-instruct-v1:0:128k", "meta-llama/Llama-3.2-1B"),
        ("meta.llama2-70b-v1:0:4k", "meta-llama/Llama-2-70b-hf"),
        ("openai.gpt-oss-20b", "openai/gpt-oss-20b"),
        ("qwen.qwen3-32b", "Qwen/Qwen3-32B"),
        (NOVA, "amazon.nova-lite-v1:0"),
    ],
)
def test_bedrocks_names_of_models_are_known(model: str, known: str) -> None:
    assert audited(evidence(customization(baseModelArn=model_arn(model)))).base_model == known


def test_a_tag_lowers_no_bound() -> None:
    """What its owner says is its best estimate; below rests on the size of the data, or on more."""
    less, more = audited(evidence(tokens="1e7")), audited(evidence(tokens="1e11"))
    assert less.estimate.best_flop == 6 * PARAMETERS * 10**7
    assert less.estimate.upper_flop == audited(evidence()).estimate.upper_flop
    assert more.estimate.upper_flop == 6 * PARAMETERS * 10**11 * 13 // 10
    assert more.estimate.firm_flop == 6 * PARAMETERS * BYTES * 5
    assert "tokens-disagree" in {each.kind.name for each in more.estimate.assumptions}
    assert BOUND_BY_DATA in {each.kind for each in less.estimate.assumptions}


@pytest.mark.parametrize(
    "tags", [{"params": "5"}, {"params": "1e9"}, {"base_model": "openai-community/gpt2", "params": "124e6"}], ids=str
)
def test_a_size_that_contradicts_its_models_lowers_no_bound(tags: dict[str, str]) -> None:
    large = listed(size=3 * 10**11)
    honest, less = audited(evidence(entry=large)), audited(evidence(entry=large, **tags))
    assert honest.verdict == less.verdict == "indeterminate"
    assert (less.estimate.cautious_upper_flop or 0) >= (honest.estimate.cautious_upper_flop or 0)


@pytest.mark.parametrize("parameters", [{}, {"epochCount": "5"}, {"do_train": "false"}])
def test_it_trains_whatever_its_owner_says(parameters: dict[str, str]) -> None:
    found = audited(evidence(customization(hyperParameters=parameters), activity="not-training"))
    assert (doubts(found) >= {"not-training-contradicted"}, found.verdict) == (True, "indeterminate")


@pytest.mark.parametrize(
    ("status", "verdict"), [("Failed", "below"), ("Stopped", "below"), ("Completed", "indeterminate")]
)
def test_what_ended_before_its_training_began_took_nothing(status: str, verdict: str) -> None:
    part = {"trainingDetails": {"status": "NotStarted"}}
    changes = {"status": status, "statusDetails": part, "baseModelArn": model_arn(NOVA)}
    found = audited(evidence(customization(**changes), {}))
    assert (found.estimate.upper_flop, found.verdict) == (0 if verdict == "below" else None, verdict)


def test_a_teacher_may_have_generated_before_the_training_began() -> None:
    part = {"trainingDetails": {"status": "NotStarted"}}
    given = customization(status="Failed", statusDetails=part, customizationConfig=TEACHER)
    assert audited(evidence(given)).verdict == "indeterminate"


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "Pausing"])
def test_one_that_has_not_ended_is_not_below(status: str) -> None:
    found = audited(evidence(customization(status=status)))
    assert (doubts(found), found.verdict) == ({"still-training"}, "indeterminate")
    assert not found.run.finished


def test_its_time_is_that_of_its_training() -> None:
    assert run_of(customization()).time.seconds == Fraction(9000)
    assert run_of(customization(statusDetails=None)).time.seconds is None


def test_it_continues_the_job_that_made_its_custom_model() -> None:
    """The ARN of a custom model says what it began with, and the job that made it has the same place as its result."""
    first, second = run_of(customization(1)), run_of(customization(2, baseModelArn=custom_model(1)))
    [reference] = second.begins
    assert reference.location in first.results
    assert reference.unless_found is not None
    found = audit(evidence(customization(2, baseModelArn=custom_model(1))), TABLES)
    assert found.base_model == "meta-llama/Llama-3.1-8B"
    assert not_looked_up(second.begins, second.results).doubts
    assert not not_looked_up(first.begins, first.results).doubts


def test_a_lineage_tag_names_jobs_of_either_service() -> None:
    arns = ("arn:aws:sagemaker:us-west-2:123456789012:training-job/before", custom_model(7))
    run = case_of(evidence(customization(baseModelArn=custom_model(1)), lineage=" ".join(arns))).run
    assert [each.location for each in run.begins] == [Location(arn) for arn in (*arns, custom_model(1))]
    assert run.reads == (custom_model(1),)
    assert not case_of(evidence(lineage="none")).run.begins


def test_a_training_job_that_reads_a_custom_model_is_in_doubt_unless_its_tag_says_so() -> None:
    """Nobody knows how weights of Bedrock reach a container; by its tag it continues the job that made them."""
    reads = describe(HyperParameters={"model_name_or_path": custom_model(1)})
    assert case_of(Evidence(reads)).run.begins_doubts
    continues = case_of(Evidence(describe(), tags=[{"Key": "flops-auditor:lineage", "Value": custom_model(1)}])).run
    assert [(each.location, each.explicit) for each in continues.begins] == [(Location(custom_model(1)), True)]


def test_imported_weights_name_no_model() -> None:
    imported = "arn:aws:bedrock:us-west-2:123456789012:custom-model/imported/model0000001"
    found = audited(evidence(customization(baseModelArn=imported)))
    assert (found.verdict, found.run.begins[0].location) == ("indeterminate", Location(imported))


@pytest.mark.parametrize(
    "changes",
    [
        {"jobArn": "arn:aws:bedrock:us-west-2:123456789012:model-customization-job/a b"},
        {"jobArn": "arn:aws:sagemaker:us-west-2:123456789012:training-job/a"},
        {"jobName": ""},
        {"status": None},
        {"creationTime": "yesterday"},
        {"creationTime": None},
        {"hyperParameters": {"epochCount": 5}},
        {"hyperParameters": ["epochCount"]},
        {"trainingDataConfig": "s3://corpora/train.jsonl"},
        {"statusDetails": {"trainingDetails": 1}},
        {"tags": "none"},
        {"tags": [{"value": "of no key"}]},
    ],
)
def test_an_odd_answer_is_a_named_error(changes: dict[str, Any]) -> None:
    given = {key: value for key, value in {**customization(), **changes}.items() if value is not None}
    with pytest.raises(MalformedCustomizationJob) as error:
        case_of(replace(evidence(given), tags=None))
    assert error.value.remedy


def test_its_tags_may_stand_in_the_answer_as_bedrock_lists_them() -> None:
    answer = customization(tags=[{"key": "flops-auditor:tokens", "value": "5"}])
    assert case_of(replace(evidence(answer), tags=None)).run.declared.tokens == 5


def test_its_evidence_is_read_back_as_it_was() -> None:
    given = evidence()
    read = parse_evidence(given.to_bytes())
    assert (read.source, read.description, read.objects) == (given.source, given.description, given.objects)


def test_its_answer_is_told_from_that_of_a_training_job() -> None:
    assert source_of(customization()) == CUSTOMIZATION_JOB
    assert source_of(describe()) == source_of({}) == TRAINING_JOB


def event(**detail: Any) -> dict[str, Any]:
    told = {"jobArn": customization()["jobArn"], "jobName": "support-1", "jobStatus": "Completed", **detail}
    return {"source": "aws.bedrock", "detail-type": "Model Customization Job State Change", "detail": told}


def test_its_event_points_at_it() -> None:
    pointer = read_pointer(event(creationTime=iso(CREATED)))
    assert (pointer.service, pointer.arn, pointer.region) == (CUSTOMIZATION_JOB, customization()["jobArn"], "us-west-2")
    assert (pointer.account, pointer.creation_time) == ("123456789012", CREATED)
    assert (pointer.finished, pointer.trusted) == (True, True)
    assert not read_pointer(event(jobStatus="InProgress")).finished


@pytest.mark.parametrize(
    "detail", [{"jobArn": "arn:aws:bedrock:us-west-2:1:model-customization-job/a"}, {"creationTime": "soon"}]
)
def test_an_odd_event_is_a_named_error(detail: dict[str, Any]) -> None:
    with pytest.raises(MalformedEvent):
        read_pointer(event(**detail))


def test_the_command_recognises_the_unchanged_answer(tmp_path: Path) -> None:
    job, data = tmp_path / "job.json", tmp_path / "data.json"
    job.write_text(json.dumps(customization(), default=iso))
    data.write_text(json.dumps({"Contents": [listed(Key="support/train.jsonl.old"), listed()]}, default=iso))
    found = CliRunner().invoke(app, ["audit", str(job), "--data", str(data), "--output", "json"])
    assert found.exit_code == 0
    assert exact(json.loads(found.stdout))["estimate"]["best_flop"] == str(audited(evidence()).estimate.best_flop)
    alone = CliRunner().invoke(app, ["audit", str(job)])
    assert alone.exit_code == 4
    assert "--data" in alone.stdout


@pytest.mark.parametrize(
    ("listing", "taken"),
    [
        ({"Contents": [listed()]}, True),
        ({"Contents": [listed(), listed()], "Name": "corpora"}, True),
        ({"Contents": [listed(size=31)], "Name": "another-bucket"}, False),
        ({"Contents": [listed(size=31), listed()]}, False),
        ({"Contents": [listed(Key="support/train.jsonl.old")]}, False),
    ],
    ids=["alone", "twice the same", "another bucket", "two sizes", "another key"],
)
def test_a_listing_tells_the_size_of_the_one_object_in_the_one_bucket(
    listing: dict[str, Any], taken: bool, tmp_path: Path
) -> None:
    job, data = tmp_path / "job.json", tmp_path / "data.json"
    job.write_text(json.dumps(customization(), default=iso))
    data.write_text(json.dumps(listing, default=iso))
    found = CliRunner().invoke(app, ["audit", str(job), "--data", str(data)])
    assert isinstance(found.exception, UnreadableFile) != taken


@pytest.mark.parametrize("more", [["--metrics"], ["--flops-meter"], ["--data"]])
def test_the_command_takes_no_file_that_says_nothing_of_it(tmp_path: Path, more: list[str]) -> None:
    job, other = tmp_path / "job.json", tmp_path / "other.json"
    job.write_text(json.dumps(customization(), default=iso))
    other.write_text("{}")
    found = CliRunner().invoke(app, ["audit", str(job), *more, str(other)])
    assert isinstance(found.exception, UnreadableFile)
    job.write_text(json.dumps(describe(), default=iso))
    assert isinstance(CliRunner().invoke(app, ["audit", str(job), "--data", str(other)]).exception, UnreadableFile)
