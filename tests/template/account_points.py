"""What a real account meets, after the 37 points of the bar: its quotas, its failures, its bill, its organisation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from bench import cost
from flops_auditor import __version__
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
HALF_OF_THE_QUOTA = 1
"""ListTrainingJobs: 2 requests a second for an account in a region (Service Quotas, Amazon SageMaker)."""
FREE_OF_CHARGE = {"AWS::CloudFormation::WaitConditionHandle", "AWS::IAM::Role", "AWS::Events::Rule"}
MOST_A_MONTH = 6
ORDER = ("WatchSchedule", "ReconcileSchedule", "SealSchedule", "ReportSchedule")
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
    if subject.raw["Conditions"]["ReservesConcurrency"] != {"Fn::Equals": [{"Ref": "ReserveConcurrency"}, "true"]}:
        yield "ReserveConcurrency does not decide whether concurrency is reserved"
    audits = [each["ScalingConfig"] for _, each in subject.properties("AWS::Lambda::EventSourceMapping")]
    together = len(scheduled(subject))
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
    if subject.raw["Conditions"].get("SchedulesRun") != {"Fn::Equals": [{"Ref": "Schedules"}, "ENABLED"]}:
        yield "SchedulesRun is not Schedules=ENABLED"
    for name, each in subject.of("AWS::CloudWatch::Alarm").items():
        missing = each["Properties"].get("TreatMissingData")
        if missing != "notBreaching" and each.get("Condition") != "SchedulesRun":
            yield f"{name} rings where nothing is measured ({missing})"
        functions = {
            d["Value"]["Ref"] for m in watched(each["Properties"]) for d in m["Dimensions"] if "Ref" in d["Value"]
        }
        if missing == "breaching" and not functions <= set(scheduled(subject)):
            yield f"{name} waits for a function without a schedule"


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
        lists = "sagemaker:ListTrainingJobs" in actions
        function = subject.function_of_policy(policy) if lists else None
        if lists and variables[function or ""].get("LISTING_RATE") != {"Ref": "ListingRate"}:
            yield f"{function} lists at a pace of its own"


@point("the stack of another region is plain CloudFormation of what has no price by itself", "P")
def other_regions(subject: Subject) -> Iterator[str]:
    template = load_text(region_stacks.template())
    if "Transform" in template:
        yield "it has a transform"
    kinds = {each["Type"] for each in template["Resources"].values()}
    yield from sorted(kinds - FREE_OF_CHARGE)
    if (
        template["Resources"]["ForwardingRule"]["Properties"]["EventPattern"]
        != (subject.raw["Resources"]["FinishedJobsRule"]["Properties"]["EventPattern"])
    ):
        yield "it forwards other events than the stack takes"


@point("without a job it costs less than 6 USD a month, with the regions that were recorded", "P")
def cheap(subject: Subject) -> Iterator[str]:
    _, calls, prices = cost.read()
    month = cost.total(list(cost.idle(subject.raw, calls, prices)))
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
        yield from (f"{name} may run before {each} is there" for each in sorted(always - schedules - before))
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
        for role in policy["Properties"]["Roles"]
        for statement in unconditional(policy["Properties"]["PolicyDocument"]["Statement"])
        if "sns:Publish" in listed(statement["Action"]) and statement["Resource"] == {"Ref": "CentralAlertTopic"}
    }
    if not alerting:
        yield "no function alerts on the organisation's topic"
    yield from (f"{role} may not publish on CentralAlertTopic" for role in sorted(alerting - may))
