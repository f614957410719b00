"""What the parameter of each door opens: rights, rules and their queues, and nothing of a door that is shut."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pytest

from flops_auditor.aws.wiring.doors import (
    ALL_DOORS,
    SOURCE_OF_WORD,
    TRAINING_JOBS_ALONE,
    WORD_OF_PARAMETER,
    doors_by,
    shut_by,
    sources_behind,
)
from tests.template.bar import listed, target
from tests.template.loading import load
from tests.template.switch_points import CONDITIONS, holds

OTHER_WORDS = list(WORD_OF_PARAMETER.values())
SUBSETS = [chosen for size in range(len(OTHER_WORDS) + 1) for chosen in combinations(OTHER_WORDS, size)]
RULES = {
    "bedrock": {"FinishedCustomizationJobsRule", "CustomizationReplaysRule"},
    "batch": {"FinishedBatchJobsRule", "BatchReplaysRule"},
}
SAID_OF = {
    "training-sessions": {"TrainingSession"},
    "sagemaker-jobs": {"sagemaker:ListJobs", "sagemaker:DescribeJob'", "sagemaker:StopJob"},
    "bedrock": {"bedrock:", "aws.bedrock", "Model Customization"},
    "batch": {"batch:", "aws.batch", "Batch Job"},
}
"""What stands in what a stack makes only where the door is open."""
ASKED_OF_BEDROCK = {
    "bedrock:GetModelCustomizationJob",
    "bedrock:ListTagsForResource",
    "bedrock:GetImportedModel",
    "bedrock:GetCustomModel",
    "s3:ListBucket",
}
ASKED_OF_BATCH = {"batch:DescribeJobs", "batch:DescribeJobQueues", "batch:DescribeComputeEnvironments"}
RIGHTS = {
    "training-sessions": {
        "AuditPolicy": {"sagemaker:DescribeTrainingSession"},
        "WatchPolicy": {"sagemaker:ListTrainingSessions", "sagemaker:DescribeTrainingSession"},
        "ReconcilePolicy": {"sagemaker:ListTrainingSessions", "sagemaker:DescribeTrainingSession"},
    },
    "sagemaker-jobs": {
        "AuditPolicy": {"sagemaker:DescribeJob"},
        "WatchPolicy": {"sagemaker:ListJobs", "sagemaker:DescribeJob"},
        "ReconcilePolicy": {"sagemaker:ListJobs", "sagemaker:DescribeJob"},
    },
    "bedrock": {
        "AuditPolicy": ASKED_OF_BEDROCK,
        "WatchPolicy": ASKED_OF_BEDROCK,
        "ReconcilePolicy": {
            "bedrock:ListModelCustomizationJobs",
            "bedrock:GetModelCustomizationJob",
            "bedrock:ListTagsForResource",
        },
    },
    "batch": {
        "AuditPolicy": ASKED_OF_BATCH,
        "WatchPolicy": ASKED_OF_BATCH,
        "ReconcilePolicy": {"batch:ListJobs", *ASKED_OF_BATCH},
    },
}
STOPS = {"training-sessions": "sagemaker:StopTrainingSession", "sagemaker-jobs": "sagemaker:StopJob"}
"""What the watch may do besides where StopOnCrossing is on."""


def chosen_in(value: Any, parameters: dict[str, str]) -> Any:
    """A value of the template as it is deployed with these parameters."""
    if isinstance(value, list):
        branches = [chosen_in(each, parameters) for each in value]
        return [each for each in branches if each != {"Ref": "AWS::NoValue"}]
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        condition, *branches = value["Fn::If"]
        return chosen_in(branches[0 if holds(CONDITIONS[condition], parameters) else 1], parameters)
    return {name: chosen_in(each, parameters) for name, each in value.items()}


def given(words: tuple[str, ...], **others: str) -> dict[str, str]:
    """The parameters of a stack with just these doors open beside training jobs."""
    return {**{name: str(word in words).lower() for name, word in WORD_OF_PARAMETER.items()}, **others}


def resources(**parameters: str) -> dict[str, Any]:
    """What a stack makes with these parameters."""
    template = load()
    values = {**{name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}, **parameters}
    return {
        name: chosen_in({member: part for member, part in each.items() if member != "Metadata"}, values)
        for name, each in template["Resources"].items()
        if "Condition" not in each or holds(CONDITIONS[each["Condition"]], values)
    }


def policies(made: dict[str, Any]) -> Iterator[tuple[str, set[str]]]:
    for name, each in made.items():
        if each["Type"] == "AWS::IAM::Policy":
            statements = each["Properties"]["PolicyDocument"]["Statement"]
            yield name, {action for one in statements for action in listed(one["Action"])}


def gained(words: tuple[str, ...]) -> dict[str, set[str]]:
    """Which rights these doors need, beside those for training jobs."""
    shut = dict(policies(resources(**given(()))))
    rights = {name: actions - shut[name] for name, actions in policies(resources(**given(words)))}
    return {name: actions for name, actions in rights.items() if actions}


def named(words: tuple[str, ...]) -> str:
    return ",".join([TRAINING_JOBS_ALONE, *words])


def doors_told(made: dict[str, Any]) -> set[str]:
    """Each value of DOORS that a function finds."""
    functions = [each["Properties"] for each in made.values() if each["Type"] == "AWS::Serverless::Function"]
    told = [each["Environment"]["Variables"]["DOORS"] for each in functions if "DOORS" in repr(each["Environment"])]
    return {between.join(words) for between, words in (each["Fn::Join"] for each in told)}


def test_by_default_every_door_is_open() -> None:
    assert resources() == resources(**given(tuple(OTHER_WORDS), Doors=ALL_DOORS))


@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_training_jobs_alone_shuts_every_other_door(words: tuple[str, ...]) -> None:
    assert resources(**given(words, Doors=TRAINING_JOBS_ALONE)) == resources(**given(()))


@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_each_door_opens_its_rights_and_no_other(words: tuple[str, ...]) -> None:
    expected: dict[str, set[str]] = {}
    for word in words:
        for policy, actions in RIGHTS[word].items():
            expected.setdefault(policy, set()).update(actions)
    assert gained(words) == expected


@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_a_door_is_stopped_only_where_it_is_open_and_stops_are_asked_for(words: tuple[str, ...]) -> None:
    made = resources(**given(words, StopOnCrossing="true"))
    stopped = {action for _, actions in policies(made) for action in actions if action.startswith("sagemaker:Stop")}
    assert stopped == {"sagemaker:StopTrainingJob", *(STOPS[word] for word in words if word in STOPS)}


@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_of_a_shut_door_nothing_is_left(words: tuple[str, ...]) -> None:
    made = repr(resources(**given(words, StopOnCrossing="true")))
    for word, parts in SAID_OF.items():
        telling = parts | RULES.get(word, set())
        assert {part for part in telling if part in made} == (telling if word in words else set()), word


@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_queues_take_what_open_rules_send_and_name_no_other(words: tuple[str, ...]) -> None:
    made = resources(**given(words))
    for rule in (rule for word in words for rule in RULES.get(word, ())):
        [sent] = made[rule]["Properties"]["Targets"]
        for name in (f"{target(sent['Arn'])}Policy", "DeliveryDeadLetterQueuePolicy"):
            assert rule in repr(made[name]), name
    assert {rule for word, rules in RULES.items() for rule in rules if rule in made} == {
        rule for word in words for rule in RULES.get(word, ())
    }


@pytest.mark.parametrize("doors", [ALL_DOORS, TRAINING_JOBS_ALONE])
@pytest.mark.parametrize("words", SUBSETS, ids=named)
def test_functions_and_commands_open_what_the_template_opens(words: tuple[str, ...], doors: str) -> None:
    parameters = given(words, Doors=doors)
    opened = words if doors == ALL_DOORS else ()
    expected = {SOURCE_OF_WORD[word] for word in (TRAINING_JOBS_ALONE, *opened)}
    [told] = doors_told(resources(**parameters))
    assert sources_behind(told) == sources_behind(doors_by(parameters)) == expected
    assert shut_by(parameters).keys() == set(SOURCE_OF_WORD.values()) - expected


def test_every_function_that_asks_a_service_is_told_of_the_doors() -> None:
    functions = {n: each for n, each in load()["Resources"].items() if each["Type"] == "AWS::Serverless::Function"}
    told = {name for name, each in functions.items() if "DOORS" in each["Properties"]["Environment"]["Variables"]}
    assert told == {"AuditFunction", "WatchFunction", "ReconcileFunction", "ReportFunction"}


def test_what_is_neither_true_nor_false_is_refused_when_a_stack_is_deployed() -> None:
    parameters = load()["Parameters"]
    assert all(parameters[name]["AllowedValues"] == ["true", "false"] for name in WORD_OF_PARAMETER)
    assert parameters["Doors"]["AllowedValues"] == [ALL_DOORS, TRAINING_JOBS_ALONE]
