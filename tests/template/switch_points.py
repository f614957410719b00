"""What the parameters switch, what is switched on by default, and what the schedules start: more points of the bar."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from flops_auditor.use_cases.auditing.watch_jobs import INTERVAL
from tests.template.account_points import POINTS, seconds_of
from tests.template.bar import Subject, point, target, unconditional

__all__ = ["POINTS"]


def _chosen(parameter: str, value: str) -> dict[str, Any]:
    return {"Fn::Equals": [{"Ref": parameter}, value]}


def _given(parameter: str) -> dict[str, Any]:
    return {"Fn::Not": [_chosen(parameter, "")]}


def _opens(parameter: str) -> dict[str, Any]:
    return {"Fn::And": [{"Condition": "SeesOtherDoors"}, _chosen(parameter, "true")]}


def _stops(door: str) -> dict[str, Any]:
    return {"Fn::And": [{"Condition": "StopsJobs"}, {"Condition": door}]}


CONDITIONS = {
    "HasAlertEmail": _given("AlertEmail"),
    "HasCentralAlertTopic": _given("CentralAlertTopic"),
    "HasCentralAlertKey": _given("CentralAlertKey"),
    "HasCheckpointEmail": _given("CheckpointEmail"),
    "MailsOneCheckpointADay": _chosen("CheckpointMails", "daily"),
    "HasOwnOperationsEmail": _given("OperationsEmail"),
    "HasOperationsEmail": {"Fn::Or": [{"Condition": "HasAlertEmail"}, {"Condition": "HasOwnOperationsEmail"}]},
    "HasPermissionsBoundary": _given("PermissionsBoundaryArn"),
    "HasAmender": _given("AmenderArn"),
    "HasRegulator": _given("RegulatorPrincipal"),
    "HasNewRecordKey": _given("NewRecordKey"),
    "HasNewCheckpointKey": _given("NewCheckpointKey"),
    "RetentionInYears": _chosen("RetentionUnit", "Years"),
    "StopsJobs": _chosen("StopOnCrossing", "true"),
    "ComparesArtifacts": _chosen("CompareArtifacts", "true"),
    "EncryptsEverything": _chosen("EncryptionKey", "customer-managed"),
    "ReservesConcurrency": _chosen("ReserveConcurrency", "true"),
    "HasDashboard": _chosen("Dashboard", "true"),
    "SchedulesRun": _chosen("Schedules", "ENABLED"),
    "SendsDigest": _chosen("Digest", "weekly"),
    "AnswersQueries": _chosen("Queries", "true"),
    "SeesClusters": _given("ClusterFiles"),
    "SchedulesSeeClusters": {"Fn::And": [{"Condition": "SeesClusters"}, {"Condition": "SchedulesRun"}]},
    "SeesOtherDoors": _chosen("Doors", "all"),
    "SeesTrainingSessions": _opens("TrainingSessions"),
    "SeesSageMakerJobs": _opens("SageMakerJobs"),
    "SeesBedrock": _opens("BedrockJobs"),
    "SeesBatch": _opens("BatchJobs"),
    "StopsTrainingSessions": _stops("SeesTrainingSessions"),
    "StopsSageMakerJobs": _stops("SeesSageMakerJobs"),
}
OPENED_BY_DEFAULT = {"SeesOtherDoors", "SeesTrainingSessions", "SeesSageMakerJobs", "SeesBedrock", "SeesBatch"}
ON_BY_DEFAULT = {"MailsOneCheckpointADay", "RetentionInYears", "SchedulesRun", "SendsDigest"} | OPENED_BY_DEFAULT
RATES = {
    "WatchSchedule": (INTERVAL, "every 15 minutes"),
    "SealSchedule": (timedelta(minutes=15), "every 15 minutes"),
    "ReconcileSchedule": (timedelta(hours=1), "every hour"),
    "ReportSchedule": (timedelta(days=1), "every day"),
    "ClustersSchedule": (timedelta(hours=1), "every hour"),
}
"""How often each function runs, and how its schedule says so. The watch counts with its INTERVAL."""
TRUST = {
    "Sid": "RunAsSchedule",
    "Effect": "Allow",
    "Principal": {"Service": "scheduler.amazonaws.com"},
    "Action": "sts:AssumeRole",
    "Condition": {
        "ArnLike": {
            "aws:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule-group/default"
            }
        },
        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
    },
}
"""Who takes the scheduler's role (EventBridge Scheduler User Guide, "Preventing the confused deputy")."""


@point("every condition is what its name says, and by default just those hold that watch, seal and tell", "P")
def switches(subject: Subject) -> Iterator[str]:
    conditions, parameters = subject.raw["Conditions"], subject.raw["Parameters"]
    for name in sorted(CONDITIONS.keys() | conditions.keys()):
        if conditions.get(name) != CONDITIONS.get(name):
            yield f"{name} is {conditions.get(name)}"
    defaults = {name: each.get("Default") for name, each in parameters.items()}
    held = {name for name, each in CONDITIONS.items() if holds(each, defaults)}
    yield from (f"{name} is not as it is by default" for name in sorted(held ^ ON_BY_DEFAULT))


def holds(condition: dict[str, Any], parameters: dict[str, Any]) -> bool:
    """What a condition comes to with these values of the parameters."""
    [(function, operands)] = condition.items()
    if function == "Condition":
        return holds(CONDITIONS[operands], parameters)
    if function == "Fn::Equals":
        return bool(parameters[operands[0]["Ref"]] == operands[1])
    held = [holds(each, parameters) for each in operands]
    if function == "Fn::And":
        return all(held)
    return any(held) if function == "Fn::Or" else not held[0]


@point("every schedule invokes its own function, as the role that may, at the rate that is counted with", "P")
def started(subject: Subject) -> Iterator[str]:
    schedules = subject.of("AWS::Scheduler::Schedule")
    yield from (f"{name} is missing" for name in sorted(RATES.keys() - schedules.keys()))
    for name, each in schedules.items():
        said = each["Properties"]
        function = name.removesuffix("Schedule") + "Function"
        retries = said["Target"].get("RetryPolicy", {})
        if said["Target"] != {
            "Arn": {"Fn::GetAtt": [function, "Arn"]},
            "RoleArn": {"Fn::GetAtt": ["SchedulerRole", "Arn"]},
            "RetryPolicy": retries,
            "DeadLetterConfig": {"Arn": {"Fn::GetAtt": ["DeliveryDeadLetterQueue", "Arn"]}},
        }:
            yield f"{name} does not just invoke {function} as SchedulerRole"
        rate, words = RATES.get(name, (timedelta(0), ""))
        if seconds_of(said) != rate.total_seconds():
            yield f"{name} runs at {said['ScheduleExpression']}, not each {rate}"
        elif words not in said["Description"]:
            yield f"{name} does not say {words}"
        if not 0 < retries.get("MaximumEventAgeInSeconds", 0) < rate.total_seconds():
            yield f"{name} delivers a round when the next one is due"
    role = subject.expanded["Resources"]["SchedulerRole"]["Properties"]
    if role["AssumeRolePolicyDocument"]["Statement"] != [TRUST]:
        yield "SchedulerRole is not the scheduler's"
    statements = [each for policy in role["Policies"] for each in unconditional(policy["PolicyDocument"]["Statement"])]
    invoked = {
        target(each)
        for s in statements
        if s["Action"] == "lambda:InvokeFunction"
        for each in unconditional(s["Resource"])
    }
    for name in sorted({target(each["Properties"]["Target"]["Arn"]) for each in schedules.values()} - invoked):
        yield f"SchedulerRole may not invoke {name}"
