"""What a real account meets, after the 37 points of the bar: its quotas, its failures, its bill, its organisation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any
from unittest.mock import Mock

from bench import cost
from flops_auditor import __version__
from flops_auditor.aws.stores.dynamodb_partition import Partition
from flops_auditor.aws.stores.sns import SnsMailbox
from flops_auditor_cli import region_stacks
from tests.template.bar import POINTS, Subject, listed, needed_by, point, scheduled, target, unconditional, watched
from tests.template.loading import REPOSITORY, load_text

__all__ = ["POINTS"]

OPERATIONS = REPOSITORY / "docs" / "operations.md"
NEW_ACCOUNT = 10
"""Lambda executions at once in a new account (AWS Lambda Developer Guide, Lambda quotas)."""
UNRESERVED = 100
"""Executions that AWS keeps from being reserved (AWS Lambda API Reference, PutFunctionConcurrency)."""
KEPT_ALWAYS = {"RecordTable", "ArchiveBucket"}
YEARS_OF_S3 = [str(years) for years in range(1, 101)]
"""Object Lock's longest default retention (Amazon S3 API Reference, DefaultRetention, and its limits)."""
ASKED_BY_DYNAMODB = {
    *("kms:Encrypt", "kms:Decrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo", "kms:CreateGrant", "kms:DescribeKey"),
    *("kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext"),
}
"""Amazon DynamoDB Developer Guide, "DynamoDB encryption at rest usage notes", with its stars written out."""
FOR_ADMINISTRATORS = {
    *("kms:RevokeGrant", "kms:ListGrants", "kms:DisableKeyRotation"),
    *("kms:EnableKeyRotation", "kms:ListKeyRotations", "kms:RotateKeyOnDemand"),
}
SAID = {
    "for more than an hour": 3600,
    "for an hour": 3600,
    "for two hours": 2 * 3600,
    "for two days": 2 * 86400,
    "twice in a row": 2 * 3600,
    "in two rounds of an hour": 3600,
}
"""What operations.md says of when an alarm rings, in seconds; one of which it says nothing rings within an hour."""
METRICS_OF_AWS = {
    "AWS/Lambda": {"Errors", "Throttles"},
    "AWS/SQS": {"ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"},
}
"""Those that alarms read (AWS Lambda and Amazon SQS Developer Guides, on their CloudWatch metrics)."""
DIMENSION_OF = {"AWS/Lambda": "FunctionName", "AWS/SQS": "QueueName", "FlopsAuditor": "service"}
"""The one dimension of the metrics that alarms read. Powertools emits a function's own by its service's name alone."""
APPLICATION = {
    "Name": (140, r"[a-zA-Z0-9-]+"),
    "Description": (256, r"\S.*"),
    "Author": (127, r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?"),
    "SpdxLicenseId": (127, r"Apache-2\.0"),
    "SemanticVersion": (127, re.escape(__version__)),
}
"""Longest value and pattern (AWS SAM Developer Guide, "Metadata section properties")."""
LISTING = {
    "sagemaker:ListTrainingJobs",
    "sagemaker:ListTrainingSessions",
    "sagemaker:ListJobs",
    "sagemaker:ListClusters",
    "bedrock:ListModelCustomizationJobs",
    "batch:ListJobs",
}
HALF_OF_THE_QUOTA = 1
"""ListTrainingJobs: 2 requests a second for an account in a region (Service Quotas, Amazon SageMaker)."""
MEMBERS = {
    "AWS::CloudWatch::Alarm": {
        *("AlarmDescription", "AlarmActions", "OKActions", "Namespace", "MetricName", "Dimensions", "Statistic"),
        *("Period", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator", "TreatMissingData"),
    },
    "AWS::SNS::Subscription": {
        *("TopicArn", "Protocol", "Endpoint", "FilterPolicy", "FilterPolicyScope", "RedrivePolicy"),
    },
    "AWS::Scheduler::Schedule": {"Description", "ScheduleExpression", "State", "FlexibleTimeWindow", "Target"},
}
"""What alarms, subscriptions and schedules say of themselves. Each other member may keep them from their work."""
MAILED_TO = {
    "AlertTopic": ("HasAlertEmail", {"Ref": "AlertEmail"}),
    "CheckpointTopic": ("HasCheckpointEmail", {"Ref": "CheckpointEmail"}),
    "OperationsTopic": (
        "HasOperationsEmail",
        {"Fn::If": ["HasOwnOperationsEmail", {"Ref": "OperationsEmail"}, {"Ref": "AlertEmail"}]},
    ),
}
"""Of each topic, when it has its subscription, and whose."""
OPENED = {
    **dict.fromkeys(("ClustersErrorsAlarm", "ClusterFilesRefusedAlarm", "ClustersNotSeenAlarm"), "SeesClusters"),
    "ClustersFreshnessAlarm": "SchedulesSeeClusters",
    "ClustersSchedule": "SeesClusters",
}
"""What rings or runs only where a parameter opens a door that is shut by default, and the condition that says so."""
FREE_OF_CHARGE = {"AWS::CloudFormation::WaitConditionHandle", "AWS::IAM::Role", "AWS::Events::Rule"}
MOST_A_MONTH = 6
ORDER = ("WatchSchedule", "ReconcileSchedule", "SealSchedule", "ReportSchedule", "ClustersSchedule")
"""What starts last writes what a rollback cannot take away: a checkpoint under retention, and a page in a bucket."""
NOT_IN_STACK_SETS = ("AWS::Serverless::", "AWS::CloudFormation::Stack", "AWS::CloudFormation::Macro")
"""Service-managed StackSets take neither transforms and macros nor nested stacks (CloudFormation User Guide)."""
LARGEST_TEXT = 5 * 1024 * 1024
MOST_LABELS = 10


@point("a new account's quotas suffice", "P")
def new_account(subject: Subject) -> Iterator[str]:
    parameters = subject.raw["Parameters"]
    if parameters.get("ReserveConcurrency", {}).get("Default") != "false":
        yield "concurrency is reserved by default, which a new account refuses"
    audits = [each["ScalingConfig"] for _, each in subject.properties("AWS::Lambda::EventSourceMapping")]
    together = len([name for name in scheduled(subject).values() if name not in OPENED])
    for each in (config.get("MaximumConcurrency", NEW_ACCOUNT + 1) for config in audits):
        together += each if isinstance(each, int) else parameters[each["Ref"]]["Default"]
    if together > NEW_ACCOUNT:
        yield f"audits, replays and scheduled functions are {together} executions at once"
    reserved = {
        name: each["ReservedConcurrentExecutions"]
        for name, each in subject.properties("AWS::Lambda::Function")
        if "ReservedConcurrentExecutions" in each
    }
    needed = UNRESERVED
    for name, each in reserved.items():
        condition, count, otherwise = each["Fn::If"] if isinstance(each, dict) else ("", each, each)
        needed += count
        if condition != "ReservesConcurrency" or otherwise != {"Ref": "AWS::NoValue"}:
            yield f"{name} reserves {each} whatever ReserveConcurrency says"
    for text in (parameters["ReserveConcurrency"]["Description"], OPERATIONS.read_text()):
        said = re.search(r"concurrency quota is (?:below )?(\d+)", text)
        if said is None or int(said[1]) != needed:
            yield f"{len(reserved)} functions reserve, so a quota of {needed} is needed: {said and said[0]}"


@point("a failed first deployment leaves nothing that costs", "P")
def nothing_left(subject: Subject) -> Iterator[str]:
    for name, each in subject.expanded["Resources"].items():
        wanted = "Retain" if name in KEPT_ALWAYS else "RetainExceptOnCreate"
        if each.get("DeletionPolicy", "Delete") not in ("Delete", wanted):
            yield f"{name}: {each['DeletionPolicy']} stays after a first deployment that failed"
        if name in KEPT_ALWAYS and each.get("DeletionPolicy") != "Retain":
            yield f"{name} must stay whatever happens"


@point("a retention that S3 refuses is refused before anything is made", "P")
def retention_fits(subject: Subject) -> Iterator[str]:
    rule = subject.raw.get("Rules", {}).get("RetentionThatS3Takes", {})
    if rule.get("RuleCondition") != {"Fn::Equals": [{"Ref": "RetentionUnit"}, "Years"]}:
        yield "no rule on years"
    if not rule.get("Assertions"):
        yield "the rule asserts nothing"
    for each in rule.get("Assertions", []):
        if each["Assert"] != {"Fn::Contains": [YEARS_OF_S3, {"Ref": "RetentionPeriod"}]}:
            yield "the rule does not name the years from 1 to 100"
    if subject.expanded.get("Rules") != subject.raw.get("Rules"):
        yield "the serverless transform drops the rule"
    if subject.raw["Parameters"]["RetentionPeriod"]["MaxValue"] > 36500:
        yield "more than 36,500 days are let through"


@point("DataKey lets DynamoDB and its administrators do what they ask for", "P")
def data_key(subject: Subject) -> Iterator[str]:
    policy = list(unconditional(subject.expanded["Resources"]["DataKey"]["Properties"]["KeyPolicy"]["Statement"]))
    of_root = [s for s in policy if ":root" in str(s["Principal"])]
    through = {action for s in of_root if "kms:ViaService" in str(s) for action in listed(s["Action"])}
    yield from (f"{action} through DynamoDB" for action in sorted(ASKED_BY_DYNAMODB - through))
    direct = {action for s in of_root if "Condition" not in s for action in listed(s["Action"])}
    yield from (f"{action} by administrators" for action in sorted(FOR_ADMINISTRATORS - direct))


@point("scheduled functions do not retry: the schedule is the retry", "P")
def no_retries(subject: Subject) -> Iterator[str]:
    settings = {each["FunctionName"]["Ref"]: each for _, each in subject.properties("AWS::Lambda::EventInvokeConfig")}
    for function in scheduled(subject):
        if settings.get(function, {}).get("MaximumRetryAttempts") != 0:
            yield f"{function} is tried again"
        if subject.expanded["Resources"][function]["Properties"].get("DeadLetterConfig"):
            yield f"{function} makes a dead letter of each failed round"


@point("paused schedules leave no alarm ringing", "P")
def quiet_when_paused(subject: Subject) -> Iterator[str]:
    for name, each in subject.of("AWS::CloudWatch::Alarm").items():
        missing = each["Properties"].get("TreatMissingData")
        if missing != "notBreaching" and each.get("Condition") != OPENED.get(name, "SchedulesRun"):
            yield f"{name} rings where nothing is measured ({missing})"
        functions = {
            d["Value"]["Ref"] for m in watched(each["Properties"]) for d in m["Dimensions"] if "Ref" in d["Value"]
        }
        if missing == "breaching" and not functions <= set(scheduled(subject)):
            yield f"{name} waits for a function without a schedule"
    for name, each in subject.properties("AWS::Scheduler::Schedule"):
        if each.get("State") != {"Ref": "Schedules"}:
            yield f"{name} runs whatever Schedules says"


@point("every alarm reads its metric with just the dimensions that it is emitted with", "P")
def dimensions(subject: Subject) -> Iterator[str]:
    emitted = {
        each["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"]["Fn::Sub"]: emitted_by(subject, name)
        for name, each in subject.properties("AWS::Lambda::Function")
    }
    for name, each in subject.properties("AWS::CloudWatch::Alarm"):
        for metric in watched(each):
            [dimension] = metric["Dimensions"] if len(metric["Dimensions"]) == 1 else [{"Name": "", "Value": ""}]
            if dimension["Name"] != DIMENSION_OF[metric["Namespace"]]:
                yield f"{name} reads {metric['MetricName']} by {metric['Dimensions']}"
            elif dimension["Name"] == "service":
                if metric["MetricName"] not in emitted.get(dimension["Value"].get("Fn::Sub"), set()):
                    yield f"{name}: no function emits {metric['MetricName']} as {dimension['Value']}"
            elif metric["MetricName"] not in METRICS_OF_AWS[metric["Namespace"]]:
                yield f"{name}: {metric['Namespace']} has no {metric['MetricName']}"


def emitted_by(subject: Subject, function: str) -> set[str]:
    """The names of metrics that the code of a function emits."""
    code = REPOSITORY / subject.raw["Resources"][function]["Properties"]["CodeUri"]
    text = "".join(path.read_text() for path in sorted(code.glob("*.py")))
    return set(re.findall(r'(?:\bcount\(|add_metric\(name=)"(\w+)"', text))


@point("it can be published: metadata, licence and README within the repository's limits, one version", "P")
def publishable(subject: Subject) -> Iterator[str]:
    said = subject.raw["Metadata"].get("AWS::ServerlessRepo::Application", {})
    for name, (longest, pattern) in APPLICATION.items():
        value = said.get(name, "")
        if len(value) > longest or not re.fullmatch(pattern, value):
            yield f"{name} is {value!r}"
    labels = said.get("Labels", [])
    if len(labels) > MOST_LABELS or not all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in labels):
        yield f"labels: {labels}"
    for name in ("LicenseUrl", "ReadmeUrl"):
        path = REPOSITORY / said.get(name, "missing")
        if not path.is_file() or path.stat().st_size > LARGEST_TEXT:
            yield f"{name}: {path.name}"


@point("the expanded template is plain CloudFormation that StackSets take", "P")
def plain(subject: Subject) -> Iterator[str]:
    if "Transform" in subject.expanded:
        yield "it has a transform"
    for name, each in subject.expanded["Resources"].items():
        if not each["Type"].startswith("AWS::") or each["Type"].startswith(NOT_IN_STACK_SETS):
            yield f"{name}: {each['Type']}"
    for part in ("Parameters", "Conditions", "Rules"):
        if subject.expanded.get(part) != subject.raw.get(part):
            yield f"{part} are not those of the template"


@point("training jobs are listed with half of the quota at most, in regions that are found at home", "P")
def within_quotas(subject: Subject) -> Iterator[str]:
    if subject.raw["Parameters"]["ListingRate"]["MaxValue"] > HALF_OF_THE_QUOTA:
        yield "ListingRate may take more than half of what SageMaker allows"
    variables = {n: each["Environment"]["Variables"] for n, each in subject.properties("AWS::Lambda::Function")}
    for policy, statement in subject.statements():
        actions = listed(statement["Action"])
        yield from (f"{policy}: {action} is answered elsewhere" for action in actions if action.startswith("account:"))
        lists = bool(LISTING & set(actions))
        function = subject.function_of_policy(policy) if lists else None
        if lists and variables[function or ""].get("LISTING_RATE") != {"Ref": "ListingRate"}:
            yield f"{function} lists at a pace of its own"


FORWARDED = {
    "ForwardingRule": "FinishedJobsRule",
    "CustomizationForwardingRule": "FinishedCustomizationJobsRule",
    "BatchForwardingRule": "FinishedBatchJobsRule",
    "ClusterForwardingRule": "ClusterEventsRule",
}
"""Rules of other regions -> those of the stack that take what they send."""


def pattern(template: dict[str, Any], rule: str) -> Any:
    """Which events a rule takes."""
    return template["Resources"][rule]["Properties"]["EventPattern"]


@point("the stack of another region is plain CloudFormation of what has no price by itself", "P")
def other_regions(subject: Subject) -> Iterator[str]:
    template = load_text(region_stacks.template())
    if "Transform" in template:
        yield "it has a transform"
    kinds = {each["Type"] for each in template["Resources"].values()}
    yield from sorted(kinds - FREE_OF_CHARGE)
    for forwards, takes in FORWARDED.items():
        if pattern(template, forwards) != pattern(subject.raw, takes):
            yield f"{forwards} forwards other events than the stack takes"


@point("without a job it costs less than 6 USD a month, with the regions that were recorded", "P")
def cheap(subject: Subject) -> Iterator[str]:
    _, calls, prices = cost.read()
    try:
        month = cost.total(list(cost.idle(subject.raw, calls, prices)))
    except ValueError as error:
        yield f"its cost is not known: {error}"
        return
    if month >= MOST_A_MONTH:
        yield f"{month:.2f} USD"


@point("schedules, which run at once, come after all that has no condition", "P")
def schedules_last(subject: Subject) -> Iterator[str]:
    # cfn-lint's E3005: DependsOn may not name what a condition leaves out.
    resources = subject.expanded["Resources"]
    needs = {name: set(needed_by(each)) & resources.keys() for name, each in resources.items()}
    schedules = subject.of("AWS::Scheduler::Schedule").keys()
    always = {name for name, each in resources.items() if "Condition" not in each}
    for name in sorted(schedules):
        before: set[str] = set()
        ahead = [name]
        while ahead:
            new = needs[ahead.pop()] - before
            before |= new
            ahead += new
        opens = resources[name].get("Condition")
        own = {each for each, of in resources.items() if of.get("Condition") == opens} if opens else set()
        yield from (f"{name} may run before {each} is there" for each in sorted((always | own) - schedules - before))
    if schedules != set(ORDER) or any(earlier not in needs[later] for earlier, later in pairwise(ORDER)):
        yield f"schedules are not made in the order {', '.join(ORDER)}"


@point("every role that alerts may publish on an organisation's topic", "P")
def central_topic(subject: Subject) -> Iterator[str]:
    central = {"Fn::If": ["HasCentralAlertTopic", {"Ref": "CentralAlertTopic"}, {"Ref": "AlertTopic"}]}
    alerting = {
        target(each["Role"])
        for _, each in subject.properties("AWS::Lambda::Function")
        if each["Environment"]["Variables"].get("ALERT_TOPIC_ARN") == central
    }
    may = {
        target(role)
        for name, policy in subject.of("AWS::IAM::Policy").items()
        if policy.get("Condition") == "HasCentralAlertTopic"
        for role in unconditional(policy["Properties"]["Roles"])
        for statement in unconditional(policy["Properties"]["PolicyDocument"]["Statement"])
        if "sns:Publish" in listed(statement["Action"]) and statement["Resource"] == {"Ref": "CentralAlertTopic"}
    }
    if not alerting:
        yield "no function alerts on the organisation's topic"
    yield from (f"{role} may not publish on CentralAlertTopic" for role in sorted(alerting - may))


@point("who takes one checkpoint a day gets the first of each day, and no other", "P")
def one_mail_a_day(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::SNS::Subscription"):
        condition, wanted, otherwise = each.get("FilterPolicy", {}).get("Fn::If", ("", each.get("FilterPolicy"), None))
        if each["TopicArn"] != {"Ref": "CheckpointTopic"}:
            if wanted is not None:
                yield f"{name} leaves messages out"
        elif (condition, otherwise) != ("MailsOneCheckpointADay", {"Ref": "AWS::NoValue"}):
            yield f"{name} filters whatever CheckpointMails says"
        elif each.get("FilterPolicyScope", "MessageAttributes") != "MessageAttributes":
            yield f"{name} filters by the text of a mail, which is no JSON"
        elif [passes(wanted, published(first_of_the_day=first)) for first in (True, False)] != [True, False]:
            yield f"{name} filters by {wanted}"


def published(*, first_of_the_day: bool) -> dict[str, str]:
    """The attributes with which a checkpoint is mailed."""
    client = Mock()
    SnsMailbox(client, "topic").publish("checkpoint", "text", first_of_the_day=first_of_the_day)
    attributes = client.publish.call_args.kwargs["MessageAttributes"]
    return {name: each["StringValue"] for name, each in attributes.items()}


def passes(policy: dict[str, list[str]], attributes: dict[str, str]) -> bool:
    """Whether a message with these attributes passes a policy of plain values (Amazon SNS Developer Guide)."""
    return all(attributes.get(name) in values for name, values in policy.items())


@point("every alarm rings when operations.md says so", "P")
def rings_when_said(subject: Subject) -> Iterator[str]:
    what = dict(re.findall(r"^\| `(\S+)` \| ([^|]+) \|", OPERATIONS.read_text(), re.M))
    rates = {function: subject.expanded["Resources"][name] for function, name in scheduled(subject).items()}
    for name, each in subject.properties("AWS::CloudWatch::Alarm"):
        row = next((text.lower() for key, text in what.items() if fnmatchcase(name, key.replace("…", "*"))), "")
        said = next((words for words in SAID if words in row), "")
        span, periods = each["Period"] * each["EvaluationPeriods"], each["EvaluationPeriods"]
        is_age, is_silence = each["MetricName"].startswith("ApproximateAge"), each["TreatMissingData"] == "breaching"
        right = span <= 3600 if is_age or not said else span == SAID[said]
        if not right or each.get("DatapointsToAlarm", periods) != (2 if "in two rounds" in said else periods):
            yield f"{name} looks at {span} s, {said or 'at once'}"
        of_all = "Sum" if each["Namespace"] == "AWS/Lambda" else "Maximum"
        if each.get("Statistic") != ("Minimum" if is_silence else of_all):
            yield f"{name} looks at the {each.get('Statistic')}"
        threshold = SAID.get(said, 0) if is_age else int(is_silence)
        operator = "GreaterThanOrEqualToThreshold" if is_silence else "GreaterThanThreshold"
        if (each["Threshold"], each["ComparisonOperator"]) != (threshold, operator):
            yield f"{name} rings from {each['Threshold']} on"
        if is_silence and span < 2 * seconds_of(rates[each["Dimensions"][0]["Value"]["Ref"]]["Properties"]):
            yield f"{name} rings between two rounds"


def seconds_of(schedule: dict[str, Any]) -> int:
    """The time between two rounds of a schedule."""
    said = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule["ScheduleExpression"])
    return int(said[1]) * cost.RATES[said[2]] if said else 0


@point("what is to be forgotten has the attribute that the table forgets by", "P")
def forgotten(subject: Subject) -> Iterator[str]:
    table = Mock()
    Partition(table, "RecordTable", "pk").put("sk", {}, datetime(2030, 1, 1, tzinfo=UTC))
    seconds = {"N": "1893456000"}
    said = subject.expanded["Resources"]["RecordTable"]["Properties"].get("TimeToLiveSpecification", {})
    if not said.get("Enabled") or table.put_item.call_args.kwargs["Item"].get(said["AttributeName"]) != seconds:
        yield f"no item has {said}"


@point("what rings, mails and runs on a schedule does so whatever else is chosen, and people are told", "P")
def nothing_keeps_quiet(subject: Subject) -> Iterator[str]:
    for name, each in subject.of(*MEMBERS).items():
        said, condition = each["Properties"], each.get("Condition")
        yield from (f"{name} says {member}" for member in sorted(said.keys() - MEMBERS[each["Type"]]))
        if each["Type"] == "AWS::CloudWatch::Alarm":
            right = OPENED.get(name, "SchedulesRun" if said.get("TreatMissingData") == "breaching" else None)
            if condition != right:
                yield f"{name} is there by {condition}"
            if not said.get("AlarmActions") == said.get("OKActions") == [{"Ref": "OperationsTopic"}]:
                yield f"{name} tells others than OperationsTopic"
    for name, each in subject.of("AWS::Scheduler::Schedule").items():
        said = each["Properties"]
        if (
            each.get("Condition") != OPENED.get(name)
            or said["FlexibleTimeWindow"] != {"Mode": "OFF"}
            or not seconds_of(said)
        ):
            yield f"{name} does not run at its rate"
    subscriptions = subject.of("AWS::SNS::Subscription")
    if sorted(target(each["Properties"]["TopicArn"]) for each in subscriptions.values()) != sorted(MAILED_TO):
        yield "not each topic has one subscription"
    for name, each in subscriptions.items():
        said = each["Properties"]
        if (each.get("Condition"), said["Endpoint"]) != MAILED_TO.get(target(said["TopicArn"])) or (
            said["Protocol"] != "email"
        ):
            yield f"{name} mails others, or at other times, than its topic's"
