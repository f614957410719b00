"""Requests that the emulator cannot be sent, judged from the deployed policies by `policy_evaluation`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.integration.other_side import BUCKET, KEY, OTHER, TOPIC_AND_QUEUE, Site
from tests.integration.policy_evaluation import EVERYTHING, Request, allowed

ELSEWHERE = "444455556666"
ROOT, FOREIGNER = "root of the account", "a role of another account"
SIGNING = {"kms:SigningAlgorithm": "ECDSA_SHA_256", "kms:MessageType": "DIGEST"}
NEW = {"s3:if-none-match": "*"}
UNREADABLE = {
    "into a class of storage that must be restored": {"s3:x-amz-storage-class": "GLACIER"},
    "into a class of storage that may be archived later": {"s3:x-amz-storage-class": "INTELLIGENT_TIERING"},
    "under a key that its writer keeps": {"s3:x-amz-server-side-encryption-customer-algorithm": "AES256"},
    "under a KMS key of another account": {
        "s3:x-amz-server-side-encryption-aws-kms-key-id": f"arn:aws:kms:eu-west-1:{ELSEWHERE}:key/1"
    },
}
CHANGES = {
    "sets a lifecycle": "s3:PutLifecycleConfiguration",
    "sets the versioning": "s3:PutBucketVersioning",
    "changes the default retention": "s3:PutBucketObjectLockConfiguration",
    "changes the encryption": "s3:PutEncryptionConfiguration",
}


@dataclass(frozen=True)
class Attempt:
    """A request by a principal that may do everything, as far as its own policies go."""

    who: str
    action: str
    resource: Callable[[Site], str]
    policy: Callable[[Site], dict[str, Any]]
    context: Mapping[str, str | list[str]] | Callable[[Site], Mapping[str, str | list[str]]]

    def allowed(self, site: Site) -> bool:
        context = self.context(site) if callable(self.context) else self.context
        request = Request(principal(site, self.who), self.action, self.resource(site), context)
        identity = [] if self.who.endswith(".amazonaws.com") else EVERYTHING
        statements = self.policy(site)["Statement"]
        return allowed(request, identity, statements, site.stack.account_id, key=self.action.startswith("kms:"))


@dataclass(frozen=True)
class Evaluated:
    """`who` is refused `what` by `by`; `control` is the same request where it may be made."""

    what: str
    who: str
    by: str
    refused: Attempt
    control: Attempt

    @property
    def name(self) -> str:
        return f"{self.who}: {self.what}"


def principal(site: Site, who: str) -> str:
    """The ARN or the service's name of a principal."""
    known = {
        ROOT: f"arn:aws:iam::{site.stack.account_id}:root",
        FOREIGNER: f"arn:aws:iam::{ELSEWHERE}:role/anybody",
    }
    return known.get(who) or site.roles.get(who.removeprefix("widened "), who)


def on_archive(who: str, action: str, path: str = "", context: Mapping[str, str | list[str]] | None = None) -> Attempt:
    """A request on the archive, or (path) on an object of it."""
    resource = lambda site: f"arn:aws:s3:::{site.archive}{path}"  # noqa: E731 - as short as it is
    return Attempt(who, action, resource, Site.bucket_policy, context or {})


def on_key(who: str, key: str) -> Attempt:
    """A signature as the auditor makes it."""
    return Attempt(who, "kms:Sign", lambda site: site.output(key), lambda site: site.key_policy(key), SIGNING)


def on_queue(service: str, queue: str, source: Callable[[Site], str], account: str | None = None) -> Attempt:
    """A message that a service sends for a resource of ours, or (account) of somebody else."""

    def policy(site: Site) -> dict[str, Any]:
        sqs = site.root("sqs")
        answer = sqs.get_queue_attributes(QueueUrl=site.output(queue), AttributeNames=["Policy"])
        found: dict[str, Any] = json.loads(answer["Attributes"]["Policy"])
        return found

    def arn(site: Site) -> str:
        name = site.output(queue).rsplit("/", 1)[1]
        return f"arn:aws:sqs:{site.stack.region}:{site.stack.account_id}:{name}"

    return Attempt(service, "sqs:SendMessage", arn, policy, caused_by(source, account))


def on_topic(service: str, topic: str, source: Callable[[Site], str], account: str | None = None) -> Attempt:
    """A message that a service publishes."""

    def policy(site: Site) -> dict[str, Any]:
        answer = site.root("sns").get_topic_attributes(TopicArn=site.output(topic))
        found: dict[str, Any] = json.loads(answer["Attributes"]["Policy"])
        return found

    return Attempt(service, "sns:Publish", lambda site: site.output(topic), policy, caused_by(source, account))


def caused_by(source: Callable[[Site], str], account: str | None) -> Callable[[Site], dict[str, str | list[str]]]:
    """The condition keys that a service sets: for which resource, and whose."""

    def context(site: Site) -> dict[str, str | list[str]]:
        own = site.stack.account_id
        return {
            "aws:SourceArn": source(site).replace(own, account or own),
            "aws:SourceAccount": account or own,
        }

    return context


def rule(site: Site) -> str:
    """The ARN of the rule that sends finished jobs."""
    stack = site.root("cloudformation").describe_stack_resource(
        StackName="flops-auditor", LogicalResourceId="FinishedJobsRule"
    )
    name = stack["StackResourceDetail"]["PhysicalResourceId"].rsplit("/", 1)[-1]
    return f"arn:aws:events:{site.stack.region}:{site.stack.account_id}:rule/{name}"


def another_rule(site: Site) -> str:
    return f"arn:aws:events:{site.stack.region}:{site.stack.account_id}:rule/another"


def alarm(site: Site) -> str:
    return f"arn:aws:cloudwatch:{site.stack.region}:{site.stack.account_id}:alarm:any"


def topic(site: Site) -> str:
    return site.output("AlertTopicArn")


def objects() -> list[Evaluated]:
    found = [
        Evaluated(
            what, who, BUCKET, on_archive(who, action, "/records/x"), on_archive(who, "s3:GetObject", "/records/x")
        )
        for what, action in {
            "replicates an object into the archive": "s3:ReplicateObject",
            "replicates a deletion into the archive": "s3:ReplicateDelete",
            "puts an object under another key, in place": "s3:UpdateObjectEncryption",
        }.items()
        for who in (OTHER, ROOT)
    ]
    found += [
        Evaluated(
            f"puts an object {how}",
            OTHER,
            BUCKET,
            on_archive(OTHER, "s3:PutObject", "/rotations/x", {**NEW, **context}),
            on_archive(OTHER, "s3:PutObject", "/rotations/x", NEW),
        )
        for how, context in UNREADABLE.items()
    ]
    found += [
        Evaluated(what, ROOT, BUCKET, on_archive(ROOT, action, "/log/x", NEW), on_archive(by, control, "/log/x", NEW))
        for what, action, by, control in (
            ("writes `log/`", "s3:PutObject", "widened sealer", "s3:PutObject"),
            ("deletes a version", "s3:DeleteObjectVersion", ROOT, "s3:GetObjectVersion"),
            ("changes an object's retention", "s3:PutObjectRetention", ROOT, "s3:GetObjectRetention"),
        )
    ]
    found += [
        Evaluated(
            f"{what} `{path}`",
            FOREIGNER,
            BUCKET,
            on_archive(FOREIGNER, action, f"/{path}x", NEW),
            on_archive(by, action, f"/{path}x", NEW),
        )
        for what, action, path, by in (
            ("reads", "s3:GetObject", "records/", OTHER),
            ("writes", "s3:PutObject", "records/", "widened recorder"),
        )
    ]
    found += [
        Evaluated(
            f"writes `{path}`",
            f"widened {who}",
            BUCKET,
            on_archive(f"widened {who}", "s3:PutObject", f"/{path}x", NEW),
            on_archive(f"widened {owner}", "s3:PutObject", f"/{path}x", NEW),
        )
        for who, owner, paths in (
            ("recorder", "sealer", ("log/", "checkpoints/", "frontiers/", "keys.json")),
            ("sealer", "recorder", ("records/", "evidence/", "ancestors/", "tables/", "models/")),
        )
        for path in paths
    ]
    # PutObject with a retention of its own needs this permission too, which the emulator does not ask for.
    found += [
        Evaluated(
            "writes with a retention of its own",
            "widened recorder",
            BUCKET,
            on_archive("widened recorder", "s3:PutObjectRetention", "/records/x"),
            on_archive("widened recorder", "s3:PutObject", "/records/x", NEW),
        )
    ]
    by_stack: dict[str, str | list[str]] = {"aws:CalledVia": ["cloudformation.amazonaws.com"]}
    by_query: dict[str, str | list[str]] = {"aws:CalledVia": ["athena.amazonaws.com"]}
    found += [
        Evaluated(name, who, BUCKET, on_archive(who, action, "", keys), on_archive(who, action, "", by_stack))
        for what, action in CHANGES.items()
        for who, name, keys in ((OTHER, f"{what}, through another service", by_query), (ROOT, what, {}))
    ]
    return found


def signatures() -> list[Evaluated]:
    found = []
    for key, owner in (("RecordKeyArn", "recorder"), ("CheckpointKeyArn", "sealer")):
        wrong = "sealer" if owner == "recorder" else "recorder"
        found += [
            Evaluated(
                f"signs with `{key.removesuffix('Arn')}`", who, KEY, on_key(who, key), on_key(f"widened {owner}", key)
            )
            for who in (ROOT, FOREIGNER, f"widened {wrong}")
        ]
    return found


def services() -> list[Evaluated]:
    events, alarms, mail = "events.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"
    queue, dead, operations = "AuditQueueUrl", "DeliveryDeadLetterQueueUrl", "OperationsTopicArn"
    return [
        Evaluated(
            "queues a job, for another rule",
            events,
            TOPIC_AND_QUEUE,
            on_queue(events, queue, another_rule),
            on_queue(events, queue, rule),
        ),
        Evaluated(
            "queues a job, for another account",
            events,
            TOPIC_AND_QUEUE,
            on_queue(events, queue, rule, ELSEWHERE),
            on_queue(events, queue, rule),
        ),
        Evaluated("queues a job", mail, TOPIC_AND_QUEUE, on_queue(mail, queue, topic), on_queue(events, queue, rule)),
        Evaluated(
            "sends to the dead letters, for another account",
            mail,
            TOPIC_AND_QUEUE,
            on_queue(mail, dead, topic, ELSEWHERE),
            on_queue(mail, dead, topic),
        ),
        Evaluated(
            "rings an alarm, for another account",
            alarms,
            TOPIC_AND_QUEUE,
            on_topic(alarms, operations, alarm, ELSEWHERE),
            on_topic(alarms, operations, alarm),
        ),
        Evaluated(
            "publishes an alert",
            alarms,
            TOPIC_AND_QUEUE,
            on_topic(alarms, "AlertTopicArn", alarm),
            on_topic(alarms, operations, alarm),
        ),
    ]


CASES = [*objects(), *signatures(), *services()]
