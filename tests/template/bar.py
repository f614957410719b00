"""The bar for this serverless application: points 1 to 37, each a check on the expanded template that can fail.

The points after them are in account_points.py, of what a real account meets, and in switch_points.py, of what is
switched on. L: cfn-lint, S: its serverless rules, K: checkov, P: this script, T: the test suite.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.template.loading import REPOSITORY, Template, expanded_template, load
from tests.template.tools import Findings, findings

Resource = dict[str, Any]
Check = Callable[["Subject"], Iterator[str]]

STATEFUL = ("AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::KMS::Key", "AWS::SQS::Queue")
FORBIDDEN_VERBS = ("Delete", "Remove", "Bypass", "Schedule")
FORBIDDEN_ACTIONS = {
    "s3:PutObjectRetention",
    "s3:PutObjectLegalHold",
    "s3:PutBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "s3:PutBucketObjectLockConfiguration",
    "s3:PutBucketVersioning",
    "dynamodb:UpdateTable",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:BatchWriteItem",
    "kms:PutKeyPolicy",
    "kms:DisableKey",
    "kms:CreateGrant",
}
EVENTS = "events.amazonaws.com"
SCHEDULED_RATE = re.compile(r"^(rate|cron)\(")
LITERAL = re.compile(r"arn:aws[a-z-]*:|\b\d{12}\b|\b(?:us|eu|ap|ca|sa|me|af|il|mx)(?:-gov)?-(?:[a-z]+)-\d\b")
FIXED_NAMES = {
    "AWS::DynamoDB::Table": "TableName",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::SNS::Topic": "TopicName",
    "AWS::Logs::LogGroup": "LogGroupName",
    "AWS::IAM::Role": "RoleName",
    "AWS::Lambda::Function": "FunctionName",
}


@dataclass(frozen=True)
class Subject:
    """What is checked."""

    raw: Template
    expanded: Template
    findings: Findings
    samconfig: dict[str, Any]

    def of(self, *types: str) -> dict[str, Resource]:
        """The expanded resources of these types, by logical id."""
        return {name: each for name, each in self.expanded["Resources"].items() if each["Type"] in types}

    def properties(self, type_: str) -> Iterator[tuple[str, Resource]]:
        """(logical id, properties) of each resource of a type."""
        for name, each in self.of(type_).items():
            yield name, each.get("Properties", {})

    def statements(self) -> Iterator[tuple[str, Resource]]:
        """(logical id, statement) of each IAM statement that a role has, those under a condition included."""
        for name, each in self.properties("AWS::IAM::Policy"):
            yield from ((name, statement) for statement in unconditional(each["PolicyDocument"]["Statement"]))
        for name, each in self.properties("AWS::IAM::Role"):
            for policy in each.get("Policies", []):
                yield from ((name, statement) for statement in unconditional(policy["PolicyDocument"]["Statement"]))

    def function_of_policy(self, policy: str) -> str | None:
        """The function whose role a policy is for."""
        for role in self.expanded["Resources"][policy].get("Properties", {}).get("Roles", []):
            for name, each in self.properties("AWS::Lambda::Function"):
                if target(each.get("Role")) == target(role):
                    return name
        return None

    def resource_policies(self) -> Iterator[tuple[str, Resource]]:
        """(logical id, statement) of each policy that a resource has."""
        for name, each in self.expanded["Resources"].items():
            properties = each.get("Properties", {})
            if each["Type"] in ("AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy", "AWS::S3::BucketPolicy"):
                yield from ((name, s) for s in unconditional(properties["PolicyDocument"]["Statement"]))
            if each["Type"] == "AWS::KMS::Key":
                yield from ((name, s) for s in unconditional(properties["KeyPolicy"]["Statement"]))


def unconditional(values: Any) -> Iterator[Any]:
    """Each element of a list, both branches of `Fn::If` included, `AWS::NoValue` left out."""
    for value in values if isinstance(values, list) else [values]:
        if isinstance(value, dict) and "Fn::If" in value:
            yield from unconditional(value["Fn::If"][1:])
        elif value != {"Ref": "AWS::NoValue"}:
            yield value


def listed(value: Any) -> list[Any]:
    """A list, also where the template has one element alone."""
    return value if isinstance(value, list) else [value]


def needed_by(value: Any) -> Iterator[str]:
    """The names that a resource names: CloudFormation makes those first."""
    if isinstance(value, list):
        for each in value:
            yield from needed_by(each)
    elif isinstance(value, dict):
        for key, each in value.items():
            if key in {"Ref", "DependsOn"}:
                yield from listed(each)
            elif key == "Fn::GetAtt":
                yield listed(each)[0].split(".")[0]
            else:
                if key == "Fn::Sub":
                    yield from (name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", str(listed(each)[0])))
                yield from needed_by(each)


def target(value: Any) -> str:
    """The logical id that a Ref or GetAtt names, or the value as text."""
    if isinstance(value, dict) and "Ref" in value:
        return str(value["Ref"])
    if isinstance(value, dict) and "Fn::GetAtt" in value:
        return str(value["Fn::GetAtt"][0])
    return json.dumps(value)


def texts(value: Any) -> Iterator[str]:
    """Every text inside a value."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)


@dataclass(frozen=True)
class Point:
    """One point of the bar."""

    number: int
    title: str
    by: str
    check: Check


POINTS: list[Point] = []


def point(title: str, by: str) -> Callable[[Check], Check]:
    """Register the next point."""

    def register(check: Check) -> Check:
        POINTS.append(Point(len(POINTS) + 1, title, by, check))
        return check

    return register


def checkov_point(subject: Subject, check: str, *types: str) -> Iterator[str]:
    """checkov passed the check, or skipped it with a reason, for each resource of the types."""
    yield from (failure for failure in subject.findings.checkov_failed if failure.startswith(check + " "))
    checked = subject.findings.checkov_checked.get(check, [])
    for name in subject.of(*types):
        original = {"AWS::Lambda::Function": "AWS::Serverless::Function"}
        kind = subject.of(*types)[name]["Type"]
        if not {f"{kind}.{name}", f"{original.get(kind, kind)}.{name}"} & set(checked):
            yield f"{check} was not run on {name}"


@point("raw template clean, expanded template clean", "S L")
def lint_is_clean(subject: Subject) -> Iterator[str]:
    yield from subject.findings.raw
    yield from subject.findings.serverless
    yield from subject.findings.expanded


@point("targets of rules and schedules have a DLQ and a RetryPolicy", "S P")
def targets_retry(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::Events::Rule"):
        for each_target in each.get("Targets", []):
            if not each_target.get("DeadLetterConfig") or not each_target.get("RetryPolicy"):
                yield f"{name}: target {each_target.get('Id')} has no DeadLetterConfig or no RetryPolicy"
    for name, each in subject.properties("AWS::Scheduler::Schedule"):
        if not each["Target"].get("DeadLetterConfig") or not each["Target"].get("RetryPolicy"):
            yield f"{name}: no DeadLetterConfig or no RetryPolicy"


def scheduled(subject: Subject) -> dict[str, str]:
    """The schedule of each function that has one, by the function's logical id."""
    return {target(each["Target"]["Arn"]): name for name, each in subject.properties("AWS::Scheduler::Schedule")}


def source_queues(subject: Subject) -> dict[str, str]:
    """The function that reads each queue, by the queue's logical id."""
    return {
        target(each["EventSourceArn"]): target(each["FunctionName"])
        for _, each in subject.properties("AWS::Lambda::EventSourceMapping")
    }


@point("source queues redrive after at least 5 tries", "P")
def sources_redrive(subject: Subject) -> Iterator[str]:
    for queue in source_queues(subject):
        policy = subject.expanded["Resources"][queue]["Properties"].get("RedrivePolicy", {})
        if policy.get("maxReceiveCount", 0) < 5 or not policy.get("deadLetterTargetArn"):
            yield f"{queue}: RedrivePolicy is {policy}"


@point("visibility is at least six times the timeout", "L P")
def visibility(subject: Subject) -> Iterator[str]:
    for queue, function in source_queues(subject).items():
        seconds = subject.expanded["Resources"][queue]["Properties"].get("VisibilityTimeout", 30)
        timeout = subject.expanded["Resources"][function]["Properties"].get("Timeout", 3)
        if seconds < 6 * timeout:
            yield f"{queue}: {seconds} s is less than six times the {timeout} s of {function}"


@point("batches report item failures", "P")
def item_failures(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::Lambda::EventSourceMapping"):
        if each.get("FunctionResponseTypes") != ["ReportBatchItemFailures"]:
            yield name


@point("concurrency is bounded", "K P")
def bounded(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_115", "AWS::Lambda::Function")
    readers = [
        (target(each["FunctionName"]), each) for _, each in subject.properties("AWS::Lambda::EventSourceMapping")
    ]
    for name, each in subject.properties("AWS::Lambda::Function"):
        bounds = ["MaximumConcurrency" in reader.get("ScalingConfig", {}) for reads, reader in readers if reads == name]
        if "ReservedConcurrentExecutions" not in each and not (bounds and all(bounds)):
            yield f"{name} has neither a reserved nor a maximum concurrency"


@point("asynchronous functions keep failed invocations, or a schedule repeats them", "K P")
def on_failure(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_116", "AWS::Lambda::Function")
    for name, each in subject.properties("AWS::Lambda::Function"):
        kept = each.get("DeadLetterConfig") or name in source_queues(subject).values()
        if not kept and name not in scheduled(subject):
            yield f"{name}: what fails is neither kept nor repeated"


@point("dead letter queues keep 14 days", "P")
def dead_letters_stay(subject: Subject) -> Iterator[str]:
    found = False
    for name, each in subject.properties("AWS::SQS::Queue"):
        if name not in source_queues(subject):
            found = True
            if each.get("MessageRetentionPeriod") != 14 * 86400:
                yield f"{name}: {each.get('MessageRetentionPeriod')} s"
    if not found:
        yield "no dead letter queue"


@point("idempotent by conditional put", "T P")
def idempotent(subject: Subject) -> Iterator[str]:
    # What is evidence goes through this file; an index that says the same when put again does not.
    source = (
        REPOSITORY / "layers" / "auditor" / "flops_auditor" / "aws" / "stores" / "dynamodb_records.py"
    ).read_text()
    puts = re.findall(r"\.put_item\((.*?)\)\n", source, re.S)
    if not puts:
        yield "nothing puts an item"
    puts += re.findall(r'\{"Put": (\{.*?\})\}', source, re.S)
    yield from (f"an unconditional put: {put[:80]}" for put in puts if "ConditionExpression" not in put)
    tests = REPOSITORY / "tests" / "contract"
    if not any("put_if_absent" in path.read_text() for path in tests.glob("test_*.py")):
        yield "no contract test of the conditional put"


@point("a scheduled reconciliation", "P")
def reconciliation(subject: Subject) -> Iterator[str]:
    for _, each in subject.properties("AWS::Scheduler::Schedule"):
        if target(each["Target"]["Arn"]) == "ReconcileFunction" and SCHEDULED_RATE.match(each["ScheduleExpression"]):
            return
    yield "nothing invokes ReconcileFunction on a schedule"


@point("logs are JSON", "P")
def json_logs(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::Lambda::Function"):
        if each.get("LoggingConfig", {}).get("LogFormat") != "JSON":
            yield name


@point("log retention is a parameter", "K P")
def log_retention(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_66", "AWS::Logs::LogGroup")
    for name, each in subject.properties("AWS::Logs::LogGroup"):
        if each.get("RetentionInDays") != {"Ref": "LogRetentionDays"}:
            yield name
    groups = subject.of("AWS::Logs::LogGroup")
    for name, each in subject.properties("AWS::Lambda::Function"):
        if target(each.get("LoggingConfig", {}).get("LogGroup")) not in groups:
            yield f"{name} logs to a group that is not this stack's"


@point("tracing is active", "S P")
def tracing(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::Lambda::Function"):
        if each.get("TracingConfig", {}).get("Mode") != "Active":
            yield name


def watched(alarm: Resource) -> Iterator[Resource]:
    """The metrics that an alarm reads, in the form of CloudWatch's Metric: of its own, or of its expression."""
    if "MetricName" in alarm:
        yield {member: alarm[member] for member in ("Namespace", "MetricName", "Dimensions")}
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield query["MetricStat"]["Metric"]


def alarms_on(subject: Subject, metric: str, statistic: str) -> list[str]:
    """The resources or texts that the alarms on a statistic of a metric alone watch."""
    return [
        target(dimension["Value"])
        for _, each in subject.properties("AWS::CloudWatch::Alarm")
        if (each.get("MetricName"), each.get("Statistic")) == (metric, statistic)
        for dimension in each.get("Dimensions", [])
    ]


@point(
    "alarms on Errors and Throttles of every function; of a scheduled one throttles are rounds that are missing", "P"
)
def function_alarms(subject: Subject) -> Iterator[str]:
    functions = set(subject.of("AWS::Lambda::Function"))
    # Lambda tries a throttled round again for minutes, then the next one comes; point 16 tells where none does.
    for metric, wanted in (("Errors", functions), ("Throttles", functions - set(scheduled(subject)))):
        missing = wanted - set(alarms_on(subject, metric, "Sum"))
        yield from (f"no alarm on {metric} of {name}" for name in sorted(missing))


@point("alarms on DLQ depth and on the oldest message", "P")
def queue_alarms(subject: Subject) -> Iterator[str]:
    sources = set(source_queues(subject))
    dead = set(subject.of("AWS::SQS::Queue")) - sources
    for queue in sorted(dead - set(alarms_on(subject, "ApproximateNumberOfMessagesVisible", "Maximum"))):
        yield f"no alarm on the depth of {queue}"
    for queue in sorted(sources - set(alarms_on(subject, "ApproximateAgeOfOldestMessage", "Maximum"))):
        yield f"no alarm on the age of {queue}"


@point("an alarm on finished jobs without a record, and on nobody comparing", "P")
def freshness(subject: Subject) -> Iterator[str]:
    alarms = [each for _, each in subject.properties("AWS::CloudWatch::Alarm")]
    if not any(each.get("MetricName") == "FinishedWithoutRecord" for each in alarms):
        yield "no alarm on FinishedWithoutRecord"
    for function in scheduled(subject):
        # Errors is 0 of a round that came to its end: its minimum is 1 where none did, and missing where none ran.
        silent = [
            each
            for each in alarms
            if (each.get("MetricName"), each.get("Statistic")) == ("Errors", "Minimum")
            and each.get("TreatMissingData") == "breaching"
            and each["Dimensions"] == [{"Name": "FunctionName", "Value": {"Ref": function}}]
            and (each["ComparisonOperator"], each["Threshold"]) == ("GreaterThanOrEqualToThreshold", 1)
        ]
        if not silent:
            yield f"nobody is told when {function} does not run"


@point("every alarm has an action, on an encrypted topic", "K P")
def alarm_actions(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_26", "AWS::SNS::Topic")
    topics = subject.of("AWS::SNS::Topic")
    for name, each in subject.properties("AWS::CloudWatch::Alarm"):
        actions = [target(action) for action in each.get("AlarmActions", [])]
        if not actions or any(action not in topics for action in actions):
            yield f"{name} has no action"
        for action in actions:
            if not topics.get(action, {}).get("Properties", {}).get("KmsMasterKeyId"):
                yield f"{name}: {action} is not encrypted"


@point("a dashboard", "P")
def dashboard(subject: Subject) -> Iterator[str]:
    bodies = [each["DashboardBody"] for _, each in subject.properties("AWS::CloudWatch::Dashboard")]
    if not bodies:
        yield "no dashboard"
    for body in bodies:
        if not json.loads(body["Fn::Sub"])["widgets"]:
            yield "the dashboard is empty"


@point("writers hold no right to delete, to change retention or lifecycle, or to change IAM", "P")
def writers_cannot_destroy(subject: Subject) -> Iterator[str]:
    for name, statement in subject.statements():
        for action in listed(statement["Action"]):
            service, _, verb = action.partition(":")
            # Taking a message off the queue after its audit is not deleting evidence.
            destroys = verb.startswith(FORBIDDEN_VERBS) and action != "sqs:DeleteMessage"
            if service == "iam" or action in FORBIDDEN_ACTIONS or destroys:
                yield f"{name}: {action}"


@point("no stars in actions; of SageMaker only Describe and List", "P")
def no_stars(subject: Subject) -> Iterator[str]:
    for name, statement in subject.statements():
        if "NotAction" in statement or "NotResource" in statement:
            yield f"{name}: {statement.get('Sid')} says what it does not cover"
        for action in listed(statement.get("Action", [])):
            if "*" in action:
                yield f"{name}: {action}"
            if action.startswith("sagemaker:") and not action.startswith(("sagemaker:Describe", "sagemaker:List")):
                # The only exceptions are under conditions that are off by default.
                if action in STOPS and stops_only_when_asked(subject, name, action):
                    continue
                yield f"{name}: {action}"
    for name, statement in subject.resource_policies():
        if statement["Effect"] == "Allow" and any("*" in action for action in listed(statement["Action"])):
            yield f"{name}: {statement.get('Sid')} allows {statement['Action']}"


STOPS = {
    "sagemaker:StopTrainingJob": "StopsJobs",
    "sagemaker:StopTrainingSession": "StopsTrainingSessions",
    "sagemaker:StopJob": "StopsSageMakerJobs",
}
"""What stops a run, and the condition under which it is granted; `switch_points.py` holds what they are."""


def stops_only_when_asked(subject: Subject, policy: str, action: str) -> bool:
    """Whether an action stands under its condition alone, and StopOnCrossing is off by default."""
    statements = subject.expanded["Resources"][policy]["Properties"]["PolicyDocument"]["Statement"]
    outside = [s for s in statements if "Fn::If" not in s and action in listed(s["Action"])]
    inside = [s["Fn::If"][0] for s in statements if "Fn::If" in s and f'"{action}"' in json.dumps(s)]
    off = subject.raw["Parameters"].get("StopOnCrossing", {}).get("Default") == "false"
    return not outside and inside == [STOPS[action]] and off


@point("resource policies name the source's ARN or account", "P")
def sources_named(subject: Subject) -> Iterator[str]:
    for name, statement in subject.resource_policies():
        principal = statement.get("Principal")
        if statement["Effect"] == "Allow" and isinstance(principal, dict) and "Service" in principal:
            condition = json.dumps(statement.get("Condition", {}))
            named = bool(re.search(r"aws:SourceA(rn|ccount)|EncryptionContext", condition))
            # EventBridge names no source to KMS (SNS Developer Guide, key management): a condition would refuse it.
            unnamed = subject.expanded["Resources"][name]["Type"] == "AWS::KMS::Key" and principal["Service"] == EVENTS
            if named == unnamed:
                yield f"{name}: {statement.get('Sid')}"
    for name, each in subject.properties("AWS::IAM::Role"):
        for statement in each["AssumeRolePolicyDocument"]["Statement"]:
            service = statement["Principal"].get("Service")
            # Whoever a parameter names, and nobody else.
            if service is None and "Ref" in listed(statement["Principal"].get("AWS", ""))[0]:
                continue
            # Lambda does not set these keys when it assumes a function's role.
            if service != "lambda.amazonaws.com" and "aws:SourceAccount" not in json.dumps(statement):
                yield f"{name}: {service} may assume it for any account"


@point("encryption by a customer's key is a parameter", "K P")
def customer_key(subject: Subject) -> Iterator[str]:
    for check, kind in (
        ("CKV_AWS_119", "AWS::DynamoDB::Table"),
        ("CKV_AWS_19", "AWS::S3::Bucket"),
        ("CKV_AWS_27", "AWS::SQS::Queue"),
        ("CKV_AWS_158", "AWS::Logs::LogGroup"),
    ):
        yield from checkov_point(subject, check, kind)
    for kind in ("AWS::DynamoDB::Table", "AWS::SQS::Queue", "AWS::Logs::LogGroup"):
        for name, each in subject.properties(kind):
            if "EncryptsEverything" not in json.dumps(each):
                yield f"{name} is not encrypted with DataKey when asked"
    if "EncryptionKey" not in subject.raw["Parameters"]:
        yield "no parameter EncryptionKey"


@point("key policies name their services", "P")
def key_policies(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::KMS::Key"):
        policy = list(unconditional(each["KeyPolicy"]["Statement"]))
        for statement in policy:
            if statement["Effect"] == "Allow" and statement.get("Principal") == "*":
                yield f"{name}: {statement.get('Sid')} is for everybody"
        if each.get("KeyUsage") == "SIGN_VERIFY":
            roots = [s for s in policy if ":root" in json.dumps(s["Principal"])]
            if any("kms:Sign" in listed(s["Action"]) for s in roots):
                yield f"{name}: IAM policies could grant kms:Sign"
        elif not any("Service" in s["Principal"] for s in policy):
            yield f"{name} names no service"


@point("no public access, TLS only", "K P")
def private(subject: Subject) -> Iterator[str]:
    for check in ("CKV_AWS_53", "CKV_AWS_54", "CKV_AWS_55", "CKV_AWS_56"):
        yield from checkov_point(subject, check, "AWS::S3::Bucket")
    protected = {
        target(listed(properties.get("Bucket") or properties.get("Queues") or properties.get("Topics"))[0])
        for each in subject.of("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy", "AWS::SNS::TopicPolicy").values()
        if (properties := each["Properties"])
        and any(
            s["Effect"] == "Deny" and s.get("Condition") == {"Bool": {"aws:SecureTransport": "false"}}
            for s in properties["PolicyDocument"]["Statement"]
        )
    }
    for name in subject.of("AWS::S3::Bucket", "AWS::SQS::Queue", "AWS::SNS::Topic"):
        if name not in protected:
            yield f"{name} takes plain HTTP"


@point("a permissions boundary is a parameter", "P")
def boundary(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::IAM::Role"):
        if "PermissionsBoundaryArn" not in json.dumps(each.get("PermissionsBoundary")):
            yield name


@point("no secrets in the environment", "K P")
def no_secrets(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_45", "AWS::Lambda::Function")
    for name, each in subject.properties("AWS::Lambda::Function"):
        for variable in each.get("Environment", {}).get("Variables", {}):
            if re.search(r"SECRET|PASSWORD|TOKEN|CREDENTIAL", variable):
                yield f"{name}: {variable}"
    for name, each in subject.raw["Parameters"].items():
        if each.get("NoEcho"):
            yield f"parameter {name} is a secret"


@point("every suppression has a reason", "P")
def reasons(subject: Subject) -> Iterator[str]:
    for name, each in [("template", subject.raw), *subject.raw["Resources"].items()]:
        metadata = each.get("Metadata", {})
        for skip in metadata.get("checkov", {}).get("skip", []):
            if len(skip.get("comment", "")) < 20:
                yield f"{name}: {skip['id']}"
            if f"{each.get('Type')}.{name} {skip['id']}" not in subject.findings.checkov_skipped:
                yield f"{name}: {skip['id']} suppresses nothing"
        for rule in metadata.get("cfn-lint", {}).get("config", {}).get("ignore_checks", []):
            if len(metadata.get("reasons", {}).get(rule, "")) < 20:
                yield f"{name}: {rule}"


@point("point-in-time recovery and deletion protection", "K P")
def recoverable(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_28", "AWS::DynamoDB::Table")
    for name, each in subject.properties("AWS::DynamoDB::Table"):
        if each.get("DeletionProtectionEnabled") is not True:
            yield f"{name} can be deleted"
        if each.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
            yield f"{name} cannot be restored"


KEPT = ("Retain", "RetainExceptOnCreate")


@point("Retain on the audit stores and keys", "L P")
def retained(subject: Subject) -> Iterator[str]:
    for name, each in subject.of(*STATEFUL).items():
        if each.get("DeletionPolicy") not in KEPT or each.get("UpdateReplacePolicy") != "Retain":
            yield name


@point("versioning and Object Lock", "K P")
def locked(subject: Subject) -> Iterator[str]:
    yield from checkov_point(subject, "CKV_AWS_21", "AWS::S3::Bucket")
    archive = subject.expanded["Resources"].get("ArchiveBucket", {}).get("Properties", {})
    rule = archive.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {})
    if archive.get("ObjectLockEnabled") is not True or rule.get("Mode") != {"Ref": "RetentionMode"}:
        yield "ArchiveBucket has no default retention"
    if subject.raw["Parameters"].get("RetentionMode", {}).get("Default") != "COMPLIANCE":
        yield "the default retention mode is not COMPLIANCE"
    if archive.get("VersioningConfiguration", {}).get("Status") != "Enabled":
        yield "ArchiveBucket has no versions"


@point("no fixed names", "P")
def no_fixed_names(subject: Subject) -> Iterator[str]:
    for kind, member in FIXED_NAMES.items():
        for name, each in subject.properties(kind):
            if member in each:
                yield f"{name}: {each[member]}"


@point("parameters described, constrained, grouped and labelled", "P")
def parameters(subject: Subject) -> Iterator[str]:
    interface = subject.raw["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    for name, each in subject.raw["Parameters"].items():
        if len(each.get("Description", "")) < 15:
            yield f"{name} is not described"
        if not any(key in each for key in ("AllowedValues", "AllowedPattern", "MinValue", "MaxValue")):
            yield f"{name} is not constrained"
        if grouped.count(name) != 1:
            yield f"{name} is in {grouped.count(name)} groups"
        if not interface["ParameterLabels"].get(name, {}).get("default"):
            yield f"{name} has no label"
    yield from (f"{name} is no parameter" for name in grouped if name not in subject.raw["Parameters"])


@point("outputs described", "P")
def outputs(subject: Subject) -> Iterator[str]:
    if not subject.raw.get("Outputs"):
        yield "no outputs"
    for name, each in subject.raw.get("Outputs", {}).items():
        if len(each.get("Description", "")) < 10:
            yield name


@point("stack tags", "P")
def tags(subject: Subject) -> Iterator[str]:
    for environment in ("default", "local"):
        if "application=" not in subject.samconfig[environment]["deploy"]["parameters"].get("tags", ""):
            yield f"samconfig.toml, {environment}: no tag `application`"


@point("no literals of partition, account or region", "L P")
def no_literals(subject: Subject) -> Iterator[str]:
    for name, each in subject.raw["Resources"].items():
        for text in texts(each.get("Properties", {})):
            if LITERAL.search(text):
                yield f"{name}: {text[:80]}"


@point("supported runtime, arm64, explicit memory and timeout", "L S P")
def runtime(subject: Subject) -> Iterator[str]:
    for name, each in subject.properties("AWS::Lambda::Function"):
        if each.get("Runtime") != "python3.13" or each.get("Architectures") != ["arm64"]:
            yield f"{name}: {each.get('Runtime')} on {each.get('Architectures')}"
        if "MemorySize" not in each or "Timeout" not in each:
            yield f"{name}: memory or timeout is left to the default"


@point("a samconfig per environment; an empty change set is no failure", "P")
def samconfig(subject: Subject) -> Iterator[str]:
    for environment in ("default", "local"):
        deploy = subject.samconfig.get(environment, {}).get("deploy", {}).get("parameters", {})
        if deploy.get("fail_on_empty_changeset") is not False:
            yield f"{environment}: fail_on_empty_changeset is not false"


def subject_of_repository() -> Subject:
    """template.yaml and samconfig.toml as they are."""
    config = tomllib.loads((REPOSITORY / "samconfig.toml").read_text())
    return Subject(load(), expanded_template(), findings(), config)
