"""Every point of the bar holds for template.yaml, and each of them notices a template that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.template.bar import STOPS, Point, Subject, subject_of_repository, unconditional
from tests.template.switch_points import POINTS
from tests.template.tools import Findings, cfn_lint_expanded

Break = Callable[[Subject], None]


@pytest.fixture(scope="module")
def subject() -> Subject:
    return subject_of_repository()


def by_number(point: Point) -> str:
    return f"{point.number:02}"


@pytest.mark.parametrize("point", POINTS, ids=by_number)
def test_point_holds(point: Point, subject: Subject) -> None:
    assert list(point.check(subject)) == []


def properties(subject: Subject, name: str) -> dict[str, Any]:
    found: dict[str, Any] = subject.expanded["Resources"][name]["Properties"]
    return found


def put(name: str, member: str, value: object) -> Break:
    """Set a property of a resource of the expanded template."""
    return lambda subject: properties(subject, name).update({member: value})


def drop(name: str, member: str) -> Break:
    """Remove a property of a resource of the expanded template."""

    def change(subject: Subject) -> None:
        del properties(subject, name)[member]

    return change


def remove(name: str) -> Break:
    """Remove a resource of the expanded template."""

    def change(subject: Subject) -> None:
        del subject.expanded["Resources"][name]

    return change


def put_raw(name: str, member: str, value: object) -> Break:
    """Set a property of a resource of the template as it is written."""
    return lambda subject: subject.raw["Resources"][name]["Properties"].update({member: value})


def under(name: str, condition: str) -> Break:
    """Have a resource of the expanded template under a condition."""
    return lambda subject: subject.expanded["Resources"][name].update(Condition=condition)


def say(name: str, condition: object) -> Break:
    """Have the template say something else of a condition."""
    return lambda subject: subject.raw["Conditions"].update({name: condition})


def aim(schedule: str, member: str, value: object) -> Break:
    """Set a member of a schedule's target."""
    return lambda subject: properties(subject, schedule)["Target"].update({member: value})


def grant(policy: str, action: str) -> Break:
    """Add a statement to a function's policy."""
    statement = {"Sid": "Broken", "Effect": "Allow", "Action": [action], "Resource": "x"}
    return lambda subject: properties(subject, policy)["PolicyDocument"]["Statement"].append(statement)


def forget_source(subject: Subject) -> None:
    del properties(subject, "AuditQueuePolicy")["PolicyDocument"]["Statement"][1]["Condition"]


def let_root_sign(subject: Subject) -> None:
    properties(subject, "RecordKey")["KeyPolicy"]["Statement"][0]["Action"].append("kms:Sign")


def allow_http(subject: Subject) -> None:
    del properties(subject, "AlertTopicPolicy")["PolicyDocument"]["Statement"][0]


def drop_comment(subject: Subject) -> None:
    subject.raw["Resources"]["AuditFunction"]["Metadata"]["checkov"]["skip"][0]["comment"] = ""


def drop_retain(subject: Subject) -> None:
    subject.expanded["Resources"]["RecordTable"]["DeletionPolicy"] = "Delete"


def govern(subject: Subject) -> None:
    subject.raw["Parameters"]["RetentionMode"]["Default"] = "GOVERNANCE"


def unconstrain(subject: Subject) -> None:
    del subject.raw["Parameters"]["Policies"]["AllowedPattern"]


def undescribe(subject: Subject) -> None:
    del subject.raw["Outputs"]["LedgerId"]["Description"]


def untag(subject: Subject) -> None:
    del subject.samconfig["default"]["deploy"]["parameters"]["tags"]


def name_a_region(subject: Subject) -> None:
    subject.raw["Resources"]["AlertTopic"]["Properties"]["DisplayName"] = "alerts of eu-west-1"


def fail_on_empty(subject: Subject) -> None:
    subject.samconfig["default"]["deploy"]["parameters"]["fail_on_empty_changeset"] = True


def forget_checkov(subject: Subject) -> None:
    subject.findings.checkov_checked.pop("CKV_AWS_119")


def name_a_secret(subject: Subject) -> None:
    properties(subject, "AuditFunction")["Environment"]["Variables"]["API_TOKEN"] = "x"


def reserve_by_default(subject: Subject) -> None:
    subject.raw["Parameters"]["ReserveConcurrency"]["Default"] = "true"


def keep_the_log_bucket(subject: Subject) -> None:
    subject.expanded["Resources"]["AccessLogBucket"]["DeletionPolicy"] = "Retain"


BROKEN: dict[int, Break] = {
    1: lambda subject: subject.findings.expanded.append("E3505 line 1: broken"),
    2: lambda subject: properties(subject, "FinishedJobsRule")["Targets"][0].pop("DeadLetterConfig"),
    3: lambda subject: properties(subject, "AuditQueue")["RedrivePolicy"].update(maxReceiveCount=4),
    4: put("AuditQueue", "VisibilityTimeout", 719),
    5: drop("AuditFunctionFinishedJobs", "FunctionResponseTypes"),
    6: drop("AuditFunctionFinishedJobs", "ScalingConfig"),
    7: remove("ReconcileSchedule"),
    8: put("AuditDeadLetterQueue", "MessageRetentionPeriod", 345600),
    10: remove("ReconcileSchedule"),
    11: lambda subject: properties(subject, "AuditFunction")["LoggingConfig"].update(LogFormat="Text"),
    12: put("AuditLogGroup", "RetentionInDays", 7),
    13: drop("AuditFunction", "TracingConfig"),
    14: remove("AuditThrottlesAlarm"),
    15: remove("AuditQueueAgeAlarm"),
    16: remove("FinishedWithoutRecordAlarm"),
    17: drop("AuditErrorsAlarm", "AlarmActions"),
    18: remove("DashboardOfTheStack"),
    19: grant("AuditPolicy", "s3:DeleteObjectVersion"),
    20: grant("AuditPolicy", "dynamodb:*"),
    21: forget_source,
    22: forget_checkov,
    23: let_root_sign,
    24: allow_http,
    25: drop("AuditRole", "PermissionsBoundary"),
    26: name_a_secret,
    27: drop_comment,
    28: put("RecordTable", "DeletionProtectionEnabled", False),
    29: drop_retain,
    30: govern,
    31: put("RecordTable", "TableName", "records"),
    32: unconstrain,
    33: undescribe,
    34: untag,
    35: name_a_region,
    36: put("AuditFunction", "Runtime", "python3.9"),
    37: fail_on_empty,
    38: reserve_by_default,
    39: keep_the_log_bucket,
    40: lambda subject: subject.raw.pop("Rules"),
    41: lambda subject: properties(subject, "DataKey")["KeyPolicy"]["Statement"][1]["Action"].remove("kms:CreateGrant"),
    42: put("WatchFunctionEventInvokeConfig", "MaximumRetryAttempts", 2),
    43: lambda subject: subject.expanded["Resources"]["WatchFreshnessAlarm"].pop("Condition"),
    45: lambda subject: subject.raw["Metadata"]["AWS::ServerlessRepo::Application"].update(SemanticVersion="0.0.1"),
    46: lambda subject: subject.expanded.update(Transform="AWS::Serverless-2016-10-31"),
    47: lambda subject: subject.raw["Parameters"]["ListingRate"].update(MaxValue=2),
    48: lambda subject: subject.raw["Resources"]["FinishedJobsRule"]["Properties"].update(EventPattern={}),
    49: lambda subject: subject.raw["Parameters"]["Dashboard"].update(Default="true"),
    50: lambda subject: subject.expanded["Resources"]["WatchSchedule"]["DependsOn"].remove("ArchiveBucketPolicy"),
    51: remove("CentralAlertPolicy"),
    52: put(
        "CheckpointTopicSubscription",
        "FilterPolicy",
        {"Fn::If": ["MailsOneCheckpointADay", {"first_of_the_day": ["false"]}, {"Ref": "AWS::NoValue"}]},
    ),
    53: put("CheckpointFreshnessAlarm", "Period", 86400),
    54: lambda subject: properties(subject, "RecordTable")["TimeToLiveSpecification"].update(AttributeName="ttl"),
    55: put("FinishedWithoutRecordAlarm", "ActionsEnabled", False),
    56: lambda subject: subject.raw["Parameters"]["Schedules"].update(Default="DISABLED"),
    57: lambda subject: properties(subject, "SealSchedule")["Target"].update(
        RoleArn={"Fn::GetAtt": ["SealRole", "Arn"]}
    ),
    44: put("HeldRecordsAlarm", "Dimensions", [{"Name": "service", "Value": {"Fn::Sub": "${AWS::StackName}-sealer"}}]),
}


@pytest.mark.parametrize("point", [each for each in POINTS if each.number != 9], ids=by_number)
def test_point_notices_a_broken_template(point: Point, subject: Subject) -> None:
    broken = copy.deepcopy(subject)
    BROKEN[point.number](broken)
    assert list(point.check(broken))


def test_expanded_template_alone_shows_a_visibility_below_the_timeout(subject: Subject) -> None:
    """E3505 fires on the expanded template only, which is why both are linted."""
    broken = copy.deepcopy(subject.expanded)
    broken["Resources"]["AuditQueue"]["Properties"]["VisibilityTimeout"] = 30
    assert any(finding.startswith("E3505") for finding in cfn_lint_expanded(broken))


@pytest.mark.parametrize("action", sorted(STOPS))
@pytest.mark.parametrize("policy", ["AuditPolicy", "WatchPolicy"])
def test_unconditional_stop_of_jobs_is_noticed(subject: Subject, policy: str, action: str) -> None:
    broken = copy.deepcopy(subject)
    grant(policy, action)(broken)
    assert set(POINTS[19].check(broken)) == {f"{policy}: {action}"}


def test_a_stop_under_another_condition_is_noticed(subject: Subject) -> None:
    broken = copy.deepcopy(subject)
    statements = properties(broken, "WatchPolicy")["PolicyDocument"]["Statement"]
    [stop] = [each for each in statements if "StopTrainingSession" in repr(each)]
    stop["Fn::If"][0] = "SeesTrainingSessions"
    assert list(POINTS[19].check(broken)) == ["WatchPolicy: sagemaker:StopTrainingSession"]


def test_a_role_that_anybody_may_take_is_noticed(subject: Subject) -> None:
    broken = copy.deepcopy(subject)
    [trust] = properties(broken, "RegulatorRole")["AssumeRolePolicyDocument"]["Statement"]
    trust["Principal"] = {"AWS": "*"}
    assert list(POINTS[20].check(broken)) == ["RegulatorRole: None may assume it for any account"]


def test_a_condition_that_eventbridge_cannot_meet_is_noticed(subject: Subject) -> None:
    broken = copy.deepcopy(subject)
    policy = properties(broken, "DataKey")["KeyPolicy"]["Statement"]
    statement = next(s for s in unconditional(policy) if s["Sid"] == "EventsToEncryptedQueues")
    statement["Condition"] = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    assert list(POINTS[20].check(broken)) == ["DataKey: EventsToEncryptedQueues"]


def test_stale_suppression_is_noticed(subject: Subject) -> None:
    quiet = replace(subject, findings=Findings(checkov_skipped=[]))
    assert "AuditFunction: CKV_AWS_117 suppresses nothing" in list(POINTS[26].check(quiet))


@pytest.mark.parametrize("alarm", ["CheckpointFreshnessAlarm", "ReconcileFreshnessAlarm", "WatchFreshnessAlarm"])
def test_a_function_that_nobody_misses_is_noticed(alarm: str, subject: Subject) -> None:
    broken = copy.deepcopy(subject)
    remove(alarm)(broken)
    [found] = POINTS[15].check(broken)
    assert found.startswith("nobody is told when")


ALSO_BROKEN: dict[str, tuple[int, Break]] = {
    "a fifth audit": (38, lambda subject: subject.raw["Parameters"]["AuditConcurrency"].update(Default=5)),
    "many replays": (38, put("AuditFunctionReplays", "ScalingConfig", {"MaximumConcurrency": 100})),
    "a reservation by default": (38, put("AuditFunction", "ReservedConcurrentExecutions", 90)),
    "a quota of 103": (38, drop("ReportFunction", "ReservedConcurrentExecutions")),
    "an empty rule": (40, lambda subject: subject.raw["Rules"]["RetentionThatS3Takes"].update(Assertions=[])),
    "a metric that nobody emits": (44, put("NotWatchedAlarm", "MetricName", "NoSuch")),
    "a metric that AWS has not": (44, put("AuditErrorsAlarm", "MetricName", "Error")),
    "a metric of another function": (
        44,
        put(
            "FinishedWithoutRecordAlarm",
            "Dimensions",
            [{"Name": "service", "Value": {"Fn::Sub": "${AWS::StackName}-seal"}}],
        ),
    ),
    "a report before the seal": (50, lambda subject: subject.expanded["Resources"]["ReportSchedule"].pop("DependsOn")),
    "a schedule that is never paused": (43, drop("SealSchedule", "State")),
    "a filter by the text": (52, put("CheckpointTopicSubscription", "FilterPolicyScope", "MessageBody")),
    "a filter whoever asks": (52, put("CheckpointTopicSubscription", "FilterPolicy", {"first_of_the_day": ["true"]})),
    "no filter": (52, drop("CheckpointTopicSubscription", "FilterPolicy")),
    "a filter of alerts": (52, put("AlertTopicSubscription", "FilterPolicy", {"kind": ["record"]})),
    "an alarm that never rings": (53, put("NotWatchedAlarm", "Threshold", 10000)),
    "an alarm on the first of two": (53, put("RegionsFailedAlarm", "EvaluationPeriods", 1)),
    "an alarm on each of four": (53, drop("NotWatchedAlarm", "DatapointsToAlarm")),
    "an alarm on a day in a queue": (53, put("AuditQueueAgeAlarm", "Threshold", 86400)),
    "rounds as rare as their alarm": (53, put("SealSchedule", "ScheduleExpression", "rate(1 hour)")),
    "a schedule by the calendar": (49, put_raw("SealSchedule", "ScheduleExpression", "cron(0 0 1 1 ? *)")),
    "a schedule that is not a rate": (55, put("SealSchedule", "ScheduleExpression", "cron(0 0 1 1 ? *)")),
    "rounds at any time of a day": (
        55,
        put("SealSchedule", "FlexibleTimeWindow", {"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 1440}),
    ),
    "a schedule that ends": (55, put("SealSchedule", "EndDate", "2026-12-01T00:00:00Z")),
    "alerts to nobody": (55, put("AlertTopicSubscription", "TopicArn", {"Ref": "OperationsTopic"})),
    "alerts by the address of another": (55, put("AlertTopicSubscription", "Endpoint", {"Ref": "CheckpointEmail"})),
    "alerts by another protocol": (55, put("AlertTopicSubscription", "Protocol", "sqs")),
    "alerts where operations have an address": (55, under("AlertTopicSubscription", "HasOwnOperationsEmail")),
    "no subscription": (55, remove("CheckpointTopicSubscription")),
    "an alarm that the dashboard brings": (55, under("AuditDeadLetterAlarm", "HasDashboard")),
    "an alarm on another topic": (55, put("AuditDeadLetterAlarm", "AlarmActions", [{"Ref": "AlertTopic"}])),
    "a role that may not tell": (51, lambda subject: properties(subject, "CentralAlertPolicy")["Roles"].pop()),
    "an alarm on the best of an hour": (53, put("FinishedWithoutRecordAlarm", "Statistic", "Minimum")),
    "an alarm on how often was looked": (53, put("NotWatchedAlarm", "Statistic", "SampleCount")),
    "a rare error": (53, put("SealErrorsAlarm", "Statistic", "Minimum")),
    "silence of one round": (53, put("WatchFreshnessAlarm", "Statistic", "Maximum")),
    "schedules that run when paused": (56, say("SchedulesRun", {"Fn::Equals": [{"Ref": "Schedules"}, "DISABLED"]})),
    "mails that nobody asked to be daily": (56, say("MailsOneCheckpointADay", {"Fn::Equals": ["a", "a"]})),
    "no subscription for an address": (56, say("HasAlertEmail", {"Fn::Equals": [{"Ref": "AlertEmail"}, ""]})),
    "no subscription for any address": (56, say("HasOperationsEmail", {"Fn::Equals": ["a", "b"]})),
    "the wrong address": (56, say("HasOwnOperationsEmail", {"Fn::Equals": [{"Ref": "OperationsEmail"}, ""]})),
    "a condition that no table names": (56, say("HasNothing", {"Fn::Equals": ["a", "b"]})),
    "a digest that nobody gets": (56, lambda subject: subject.raw["Parameters"]["Digest"].update(Default="off")),
    "jobs that are stopped by default": (
        56,
        lambda subject: subject.raw["Parameters"]["StopOnCrossing"].update(Default="true"),
    ),
    "a round with something to say": (57, aim("SealSchedule", "Input", "{}")),
    "a round of another function": (57, aim("WatchSchedule", "Arn", {"Fn::GetAtt": ["SealFunction", "Arn"]})),
    "failed rounds that nobody keeps": (57, aim("WatchSchedule", "DeadLetterConfig", {"Arn": "other"})),
    "a round that is tried when the next is due": (
        57,
        aim("SealSchedule", "RetryPolicy", {"MaximumRetryAttempts": 3, "MaximumEventAgeInSeconds": 900}),
    ),
    "a watch half as often as it counts": (57, put("WatchSchedule", "ScheduleExpression", "rate(30 minutes)")),
    "a report that says another rate": (57, put("ReportSchedule", "Description", "Makes a report every hour")),
    "a schedule that is gone": (57, remove("SealSchedule")),
    "a role of another account": (
        57,
        lambda subject: properties(subject, "SchedulerRole")["AssumeRolePolicyDocument"]["Statement"][0].update(
            Condition={"StringEquals": {"aws:SourceAccount": "123456789012"}}
        ),
    ),
    "a function that the scheduler may not invoke": (
        57,
        lambda subject: properties(subject, "SchedulerRole")["Policies"][0]["PolicyDocument"]["Statement"][0][
            "Resource"
        ].pop(),
    ),
}


@pytest.mark.parametrize("name", ALSO_BROKEN)
def test_point_notices_this_too(name: str, subject: Subject) -> None:
    number, break_it = ALSO_BROKEN[name]
    broken = copy.deepcopy(subject)
    break_it(broken)
    assert list(POINTS[number - 1].check(broken))


def test_there_are_more_points_than_the_bar_has() -> None:
    assert [point.number for point in POINTS] == list(range(1, len(POINTS) + 1))
    assert set(BROKEN) == {point.number for point in POINTS} - {9}
    assert len(POINTS) > 37
