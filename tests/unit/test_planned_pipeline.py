"""`plan` of a definition: every step that trains is found, in the order of what it uses, or named as not counted."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.main import app

HOURS_900 = 900 * 3600
"""With 8 hosts 94.6 % of the lowest line at most; twice so long is over it at most, and not for certain."""


def training(name: str, *after: str, hosts: int = 8, seconds: int = HOURS_900, **arguments: Any) -> dict[str, Any]:
    """A training step on Llama-3.1-8B."""
    request = {
        "AlgorithmSpecification": {"TrainingImage": "x", "TrainingInputMode": "File"},
        "RoleArn": "arn:aws:iam::111122223333:role/x",
        "OutputDataConfig": {"S3OutputPath": f"s3://b/{name}"},
        "ResourceConfig": {"InstanceType": "ml.p5.48xlarge", "InstanceCount": hosts, "VolumeSizeInGB": 10},
        "StoppingCondition": {"MaxRuntimeInSeconds": seconds},
        "Tags": [{"Key": "flops-auditor:base-model", "Value": "meta-llama/Llama-3.1-8B"}],
        **arguments,
    }
    return {"Name": name, "Type": "Training", "Arguments": request, **({"DependsOn": list(after)} if after else {})}


def other(kind: str, name: str, *after: str, **arguments: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": arguments, "DependsOn": list(after)}


def channel(uri: Any) -> dict[str, Any]:
    source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}
    return {"InputDataConfig": [{"ChannelName": "model", "DataSource": source}]}


def planned(tmp_path: Path, document: Any, *more: str) -> tuple[int, Any]:
    """Exit code, and the JSON or what was said."""
    whole = {"Version": "2020-12-01", "Steps": document} if isinstance(document, list) else document
    path = tmp_path / "definition.json"
    path.write_text(json.dumps(whole))
    outcome = CliRunner().invoke(app, ["plan", str(path), *more, "-o", "json"])
    if isinstance(outcome.exception, WrongInput):
        return 2, str(outcome.exception)
    return outcome.exit_code, json.loads(outcome.stdout)


def verdicts(document: Any) -> dict[str, str]:
    return {each["step"]: each["plan"]["verdict"] for each in document["steps"]}


REFERENCE = {"Get": "Steps.P.ProcessingOutputConfig.Outputs['model'].S3Output.S3Uri"}
CHAINED = {
    "in order": [training("A"), training("B", "A")],
    "in any order": [training("B", "A"), training("A")],
    "through a step that trains nothing": [training("B", "P"), other("Processing", "P", "A"), training("A")],
    "through a reference": [training("A"), other("Processing", "P", "A"), training("B", **channel(REFERENCE))],
    "through a place": [training("A"), training("B", **channel("s3://b/A/output/model.tar.gz"))],
    "a dependency by reference": [training("A"), {**training("B"), "DependsOn": [{"Get": "Steps.A"}]}],
    "inside of a condition": [training("A"), other("Condition", "C", "A", Conditions=[], IfSteps=[training("B")])],
    "after a step that stands in a condition": [
        other("Condition", "C", Conditions=[], IfSteps=[training("A")], ElseSteps=[training("Z", seconds=3600)]),
        training("B", "A"),
    ],
    "by the name in the lineage tag": [
        training("A"),
        training(
            "B",
            Tags=[
                {"Key": "flops-auditor:base-model", "Value": "meta-llama/Llama-3.1-8B"},
                {"Key": "flops-auditor:lineage", "Value": "A"},
            ],
        ),
    ],
}


@pytest.mark.parametrize("steps", CHAINED.values(), ids=CHAINED)
def test_what_a_step_builds_on_counts(tmp_path: Path, steps: Sequence[Any]) -> None:
    code, document = planned(tmp_path, steps)
    assert (code, document["verdict"], verdicts(document)) == (
        4,
        "indeterminate",
        {"A": "below", "B": "indeterminate", **({"Z": "below"} if len(verdicts(document)) == 3 else {})},
    )
    twice = {each["step"]: each["plan"] for each in document["steps"]}["B"]
    alone = planned(tmp_path, training("x", seconds=2 * HOURS_900)["Arguments"])[1]
    for bound in ("lower_flop", "best_flop", "upper_flop"):
        mine = [each[bound] for each in twice["assessments"]]
        assert mine == pytest.approx([each[bound] for each in alone["assessments"]], rel=1e-12)


def branched(*, either: Sequence[Any] = (), otherwise: Sequence[Any] = ()) -> dict[str, Any]:
    return other("Condition", "C", Conditions=[], IfSteps=list(either), ElseSteps=list(otherwise))


NESTED = other("Condition", "C2", Conditions=[], IfSteps=[training("B")], ElseSteps=[training("B2")])
BRANCHED = {
    "all branches train": ([branched(either=[training("A")], otherwise=[NESTED]), training("D", "C")], 1, 1),
    "one is empty": ([branched(either=[training("A")]), training("D", "C")], 0, 1),
    "both in one branch": ([branched(either=[training("A"), training("B")]), training("D", "C")], 0, 2),
    "of both by name": (
        [branched(either=[training("A")], otherwise=[training("B")]), training("D", "A", "B")],
        1,
        1,
    ),
    "by name and by the condition": ([branched(either=[training("A"), training("B")]), training("D", "C", "A")], 2, 2),
    "in a branch, after what it uses": ([branched(either=[training("A"), training("D", "A")])], 1, 1),
    "behind a branch": ([training("E"), branched(either=[training("A", "E")]), training("D", "C")], 0, 2),
    "behind the condition": (
        [training("E"), {**branched(either=[training("A", "E")]), "DependsOn": ["E"]}, training("D", "C")],
        1,
        2,
    ),
    "inner condition by name": ([branched(otherwise=[NESTED]), training("D", "C2")], 1, 1),
}
"""Steps, and how many runs D continues at least and at most."""


@pytest.mark.parametrize(("steps", "least", "most"), BRANCHED.values(), ids=BRANCHED)
def test_of_a_conditions_branches_one_counts(tmp_path: Path, steps: Sequence[Any], least: int, most: int) -> None:
    _, document = planned(tmp_path, steps)
    plan = {each["step"]: each["plan"] for each in document["steps"]}["D"]
    times = {bound: {each[f"{bound}_flop"] for each in plan["assessments"]} for bound in ("lower", "best", "upper")}
    for bound, count in (("lower", least), ("best", most), ("upper", most)):
        alone = planned(tmp_path, training("x", seconds=(1 + count) * HOURS_900)["Arguments"])[1]
        assert times[bound] == {each[f"{bound}_flop"] for each in alone["assessments"]}, bound


def test_steps_that_use_nothing_of_each_other_stand_alone(tmp_path: Path) -> None:
    code, document = planned(tmp_path, [training("A"), training("B")])
    assert (code, verdicts(document)) == (0, {"A": "below", "B": "below"})
    assert (document["verdict"], document["not_counted"]) == ("below", [])


@pytest.mark.parametrize("kind", ["Tuning", "AutoML"])
def test_a_step_that_trains_and_is_not_counted_is_never_below(tmp_path: Path, kind: str) -> None:
    code, document = planned(tmp_path, [training("A", seconds=3600), other(kind, "T")])
    assert (code, document["verdict"], verdicts(document)) == (4, "indeterminate", {"A": "below"})
    assert document["not_counted"] == [{"step": "T", "type": kind, "trains": True}]
    code, document = planned(tmp_path, [training("B", "T", seconds=3600), other(kind, "T")])
    assert verdicts(document) == {"B": "indeterminate"}


def test_however_many_jobs_a_tuning_step_defines_none_is_counted_and_what_follows_is_open(tmp_path: Path) -> None:
    """A step is neither above by the sum of trials that may not run, nor below without them."""
    large = training("x", hosts=64, seconds=10**8)["Arguments"]
    tuning = other("Tuning", "T", TrainingJobDefinitions=[{**large, "DefinitionName": name} for name in "abc"])
    code, document = planned(tmp_path, [tuning, training("B", "T", seconds=3600)])
    assert (code, verdicts(document)) == (4, {"B": "indeterminate"})
    _, alone = planned(tmp_path, [training("B", seconds=3600)])
    step, only = document["steps"][0]["plan"], alone["steps"][0]["plan"]
    assert [each["upper_flop"] for each in step["assessments"]] == [each["upper_flop"] for each in only["assessments"]]


@pytest.mark.parametrize("kind", ["Processing", "EMR", "Lambda", "Callback", "SomethingNew"])
def test_a_step_that_may_train_is_named(tmp_path: Path, kind: str) -> None:
    code, document = planned(tmp_path, [training("A", seconds=3600), other(kind, "P")])
    assert (code, document["not_counted"]) == (0, [{"step": "P", "type": kind, "trains": False}])


def test_a_large_step_inside_of_a_condition_is_found(tmp_path: Path) -> None:
    inside = other("Condition", "C", Conditions=[], IfSteps=[], ElseSteps=[training("Big", hosts=64, seconds=10**8)])
    code, document = planned(tmp_path, [training("A", seconds=3600), inside])
    assert (code, verdicts(document)) == (3, {"A": "below", "Big": "above"})


BEGINS = {
    "an earlier job": {"Tags": [{"Key": "flops-auditor:lineage", "Value": "earlier-job"}]},
    "a model of nobody knows whom": channel("s3://elsewhere/model"),
    "a model package of its account": {
        "ModelPackageConfig": {"SourceModelPackageArn": "arn:aws:sagemaker:eu-west-1:111122223333:model-package/x/1"}
    },
    "a model package of who knows which account": {
        "RoleArn": "${Parameters.Role}",
        "ModelPackageConfig": {"SourceModelPackageArn": "arn:aws:sagemaker:eu-west-1:999922223333:model-package/x/1"},
    },
    "a model package of another account": {
        "ModelPackageConfig": {"SourceModelPackageArn": "arn:aws:sagemaker:eu-west-1:999922223333:model-package/x/1"}
    },
    "a checkpoint": {"CheckpointConfig": {"S3Uri": "s3://elsewhere/checkpoints"}},
}


@pytest.mark.parametrize(
    "begins",
    [
        "an earlier job",
        "a model of nobody knows whom",
        "a model package of its account",
        "a model package of who knows which account",
    ],
)
def test_what_begins_elsewhere_is_not_below_until_somebody_says_what_that_took(tmp_path: Path, begins: str) -> None:
    request = training("x", seconds=3600, **BEGINS[begins])["Arguments"]
    code, document = planned(tmp_path, request)
    assert (code, document["verdict"]) == (4, "indeterminate")
    assert any("may be another run's result" in each["words"] for each in document["estimate"]["doubts"])
    assert planned(tmp_path, request, "--earlier-flop", "0")[0] == 0
    assert planned(tmp_path, request, "--earlier-flop", "1e24", "--base-model", "meta-llama/Llama-3.1-8B")[0] == 3


@pytest.mark.parametrize("begins", ["a checkpoint", "a model package of another account"])
def test_its_own_checkpoints_are_nobody_elses_and_anothers_package_is_a_base_model(tmp_path: Path, begins: str) -> None:
    assert planned(tmp_path, training("x", seconds=3600, **BEGINS[begins])["Arguments"])[0] == 0


def test_an_audit_of_a_file_leaves_open_what_its_own_model_package_took(tmp_path: Path) -> None:
    ended = {
        "TrainingJobName": "j",
        "TrainingJobStatus": "Completed",
        "TrainingJobArn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/j",
        "TrainingTimeInSeconds": 3600,
        "CreationTime": "2026-01-01T00:00:00Z",
        "TrainingStartTime": "2026-01-01T00:10:00Z",
        "TrainingEndTime": "2026-01-01T01:10:00Z",
    }
    path = tmp_path / "job.json"
    for begins, code in (("a model package of its account", 4), ("a model package of another account", 0)):
        path.write_text(json.dumps(training("x", seconds=3600, **BEGINS[begins])["Arguments"] | ended))
        assert CliRunner().invoke(app, ["audit", str(path)]).exit_code == code, begins


def test_nothing_earlier_may_be_written_in_any_way(tmp_path: Path) -> None:
    request = training("x", seconds=3600, **BEGINS["an earlier job"])["Arguments"]
    assert [planned(tmp_path, request, "--earlier-flop", nought)[0] for nought in ("0.0", "0e0", "00")] == [0] * 3


def test_a_multiple_has_one_form_however_large(tmp_path: Path) -> None:
    tags = [{"Key": "flops-auditor:base-model", "Value": "meta-llama/Llama-3.1-8B"}]
    for tokens, said in (("1e12", " 1691 times"), ("1e24", "e15 times"), ("1e10", " 16.9 times")):
        request = training("x", hosts=1, seconds=3600)["Arguments"]
        request["Tags"] = [*tags, {"Key": "flops-auditor:tokens", "Value": tokens}]
        _, document = planned(tmp_path, request)
        assert said in document["contradictions"][0]["words"]


def test_a_model_that_a_parameter_is_to_name_is_not_given_yet(tmp_path: Path) -> None:
    named = {"HyperParameters": {"model_name_or_path": {"Get": "Parameters.N"}}, "Tags": []}
    document = {"Parameters": [{"Name": "N", "Type": "String"}], "Steps": [training("A", **named)]}
    code, words = planned(tmp_path, document)
    assert code == 2
    assert "parameter 'N'" in words
    assert planned(tmp_path, document, "--base-model", "meta-llama/Llama-3.1-8B")[0] == 0
    document["Parameters"][0]["DefaultValue"] = "meta-llama/Llama-3.1-8B"
    assert planned(tmp_path, document)[0] == 0


def test_defaults_that_a_step_rests_on_are_among_its_assumptions(tmp_path: Path) -> None:
    parameters = [{"Name": "N", "DefaultValue": 1, "EnumValues": [1, 64]}, {"Name": "Other", "DefaultValue": 2}]
    steps = [training("A", hosts={"Get": "Parameters.N"}), training("B")]  # type: ignore[arg-type]
    _, document = planned(tmp_path, {"Parameters": parameters, "Steps": steps})
    told = {
        each["step"]: [
            remark["words"]
            for remark in each["plan"]["estimate"]["assumptions"]
            if remark["kind"] == "parameters-by-default"
        ]
        for each in document["steps"]
    }
    assert ([words.endswith(": N=1") for words in told["A"]], told["B"]) == ([True], [])


WRONG = {
    "a circle": ([training("A", "B"), training("B", "A")], "in a circle"),
    "no such step": ([training("A", "nobody")], "there is no such step"),
    "one name twice": ([training("A"), training("A")], "two steps are called"),
    "itself": ([training("A", "A")], "in a circle"),
    "a dependency that is no name": ([{**training("A"), "DependsOn": [3]}], "names no step"),
    "a dependency on a parameter": ([{**training("A"), "DependsOn": [{"Get": "Parameters.X"}]}], "names no step"),
    "a step without a name": ([{"Type": "Training", "Arguments": {}}], "has no name"),
    "a name that is none": ([{**training("A"), "Name": {"Get": "Parameters.X"}}], "has no name"),
    "a join that is a list": ([training("A", Environment={"M": {"Std:Join": ["a"]}})], "Std:Join"),
    "a join of a text": ([training("A", Environment={"M": {"Std:Join": {"Values": "abc"}}})], "Std:Join"),
    "a job that is a pipeline": ({**training("A")["Arguments"], "Steps": [training("B")]}, "both a training job"),
    "two pipelines": ({"PipelineDefinition": "{}", "Steps": [training("B")]}, "both a training job"),
    "steps that are none": (["A"], "no list of objects"),
    "no training": ([other("Processing", "P")], "no training step"),
    "no hosts": ([training("A", hosts=0)], "it has no hosts"),
}


@pytest.mark.parametrize(("steps", "said"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_said(tmp_path: Path, steps: Any, said: str) -> None:
    code, words = planned(tmp_path, steps)
    assert code == 2
    assert said in words


def test_two_counts_of_hosts_are_refused(tmp_path: Path) -> None:
    groups = [{"InstanceType": "ml.p5.48xlarge", "InstanceCount": 8, "InstanceGroupName": "g"}]
    resources = {"InstanceType": "ml.p5.48xlarge", "InstanceCount": 1, "InstanceGroups": groups, "VolumeSizeInGB": 1}
    code, words = planned(tmp_path, training("A", ResourceConfig=resources)["Arguments"])
    assert code == 2
    assert "both InstanceCount and InstanceGroups" in words


def test_one_step_alone_has_the_form_of_one_plan(tmp_path: Path) -> None:
    code, document = planned(tmp_path, CHAINED["in any order"], "--step", "B")
    assert (code, document["verdict"]) == (4, "indeterminate")


def of_8b(tmp_path: Path, **more: Any) -> tuple[int, Any]:
    """Twice the hours: over the line of Llama-3.1-8B at best."""
    return planned(tmp_path, training("x", seconds=2000 * 3600, **more)["Arguments"])


@pytest.mark.parametrize("pretraining", ["1e26", "1e40"])
def test_a_jobs_own_figure_never_raises_the_line_over_the_tables(tmp_path: Path, pretraining: str) -> None:
    assert of_8b(tmp_path)[0] == 3
    assert of_8b(tmp_path, Environment={"PRETRAIN_FLOPS": pretraining})[0] == 3


def test_of_two_names_the_lowest_line_counts(tmp_path: Path) -> None:
    tags = [{"Key": "flops-auditor:base-model", "Value": "meta-llama/Llama-3.1-405B"}]
    assert of_8b(tmp_path, Tags=tags)[0] == 0
    second = {"model_name_or_path": "meta-llama/Llama-3.1-8B"}
    code, document = of_8b(tmp_path, Tags=tags, HyperParameters=second)
    assert code == 3
    assert "model-names-disagree" in [each["kind"] for each in document["estimate"]["assumptions"]]


def test_a_guessed_precision_lowers_no_bound(tmp_path: Path) -> None:
    plain, guessed = (of_8b(tmp_path, HyperParameters=said)[1] for said in ({}, {"bf16": "false", "fp16": "false"}))
    assert guessed["estimate"]["upper_flop"] == plain["estimate"]["upper_flop"]
    assert int(guessed["estimate"]["best_flop"]) <= int(plain["estimate"]["best_flop"])


@pytest.mark.parametrize("count", [-8, 1.5])
def test_a_count_that_is_none_is_refused(tmp_path: Path, count: Any) -> None:
    path = tmp_path / "definition.json"
    path.write_text(json.dumps(training("A", hosts=count)["Arguments"]))
    outcome = CliRunner().invoke(app, ["plan", str(path)])
    assert outcome.exit_code != 0
    assert type(outcome.exception).__name__ == "MalformedJob"


def test_a_mention_of_a_faster_format_raises_the_bound_alone(tmp_path: Path) -> None:
    plain, hinted = (of_8b(tmp_path, HyperParameters=said)[1] for said in ({}, {"mp_policy": "float8"}))
    assert int(hinted["estimate"]["upper_flop"]) >= 2 * int(plain["estimate"]["upper_flop"])
    assert hinted["estimate"]["best_flop"] == plain["estimate"]["best_flop"]
