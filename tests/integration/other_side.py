"""Who must not do what: each a call that is refused, beside the same call that succeeds where it may."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config

from flops_auditor_cli.local_aws import Stack

OTHER, AMENDER = "another principal", "amender"
KEEPER = "keeper of clusters"
"""The clusters function, where ClusterFiles opens that door. It records, too."""
FUNCTIONS = {"recorder": "Audit", "sealer": "Seal", "reconciler": "Reconcile", "watcher": "Watch", "reporter": "Report"}
WIDE = ["s3:*", "kms:*", "dynamodb:*"]
DIGEST = b"\x11" * 32
FAR = datetime(2100, 1, 1, tzinfo=UTC)

ROLE, BUCKET, KEY, TOPIC_AND_QUEUE = "its role", "bucket policy", "key policy", "topic or queue policy"
LOCK, ONCE, TABLE = "Object Lock", "write-once condition", "deletion protection"
# A function's role lacks the permission, and the resource's policy refuses it as well.
ROLE_OR_BUCKET, ROLE_OR_KEY = "its role and the bucket policy", "its role and the key policy"
REFUSALS = {
    ROLE: r"(AccessDenied|AuthorizationError).*no identity-based policy allows",
    BUCKET: r"AccessDenied.*explicit deny in a resource-based policy",
    # The emulator words it as if the caller's own policy lacked it, also for those who have kms:*.
    KEY: r"AccessDenied.*no identity-based policy allows",
    ROLE_OR_KEY: r"AccessDenied.*no identity-based policy allows",
    ROLE_OR_BUCKET: r"AccessDenied.*explicit deny in a resource-based policy",
    LOCK: r"AccessDenied(?!.*policy)",
    ONCE: r"PreconditionFailed",
    TABLE: r"ValidationException.*(deletion|Deletion)",
    TOPIC_AND_QUEUE: r"(AccessDenied|AuthorizationError).*explicit deny in a resource-based policy",
}

_NUMBERS = itertools.count(1)


def plain(request: Any, **_: Any) -> None:
    """As a proxy says that its client's connection was plain HTTP; the emulator takes TLS alone on its one port."""
    request.headers["X-Forwarded-Proto"] = "http"


class Site:
    """A deployed stack, and clients of it for each principal."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.archive = stack.outputs["ArchiveBucketName"]
        self.table = stack.outputs["RecordTableName"]
        self.scratch = "scratch-of-another-principal"
        functions = stack.client("lambda")
        self.roles = {
            who: functions.get_function_configuration(FunctionName=stack.outputs[f"{function}FunctionName"])["Role"]
            for who, function in {**FUNCTIONS, KEEPER: "Clusters"}.items()
        }
        self.roles |= {who: role_arn(stack, who) for who in (OTHER, AMENDER)}
        make_role(stack, OTHER)
        self._session: Any = boto3.Session()
        self._clients: dict[tuple[str, str, bool], Any] = {}
        sts = stack.client("sts")
        self._credentials = {
            who: sts.assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"] for who, arn in self.roles.items()
        }
        self.client(OTHER, "s3").create_bucket(
            Bucket=self.scratch,
            ObjectLockEnabledForBucket=True,
            CreateBucketConfiguration={"LocationConstraint": stack.region},
        )
        self.scratch_key = self.client(OTHER, "kms").create_key()["KeyMetadata"]["KeyId"]

    def client(self, who: str, service: str, *, tls: bool = True) -> Any:
        """A client with the session of a principal's role."""
        if (who, service, tls) not in self._clients:
            self._clients[who, service, tls] = self._new_client(who, service, tls=tls)
        return self._clients[who, service, tls]

    def _new_client(self, who: str, service: str, *, tls: bool) -> Any:
        held = self._credentials[who]
        client = self._session.client(
            service,
            region_name=self.stack.region,
            endpoint_url=self.stack.endpoint_url,
            aws_access_key_id=held["AccessKeyId"],
            aws_secret_access_key=held["SecretAccessKey"],
            aws_session_token=held["SessionToken"],
            verify=self.stack.ca_bundle,
            config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}),
        )
        if not tls:
            client.meta.events.register("before-send", plain)
        return client

    def root(self, service: str) -> Any:
        """A client of root, whom the emulator refuses nothing."""
        if ("root", service, True) not in self._clients:
            self._clients["root", service, True] = self.stack.client(service)
        return self._clients["root", service, True]

    def output(self, name: str) -> str:
        return self.stack.outputs[name]

    def bucket_policy(self) -> dict[str, Any]:
        """The archive's policy as deployed."""
        found: dict[str, Any] = json.loads(self.root("s3").get_bucket_policy(Bucket=self.archive)["Policy"])
        return found

    def key_policy(self, key: str) -> dict[str, Any]:
        """A key's policy as deployed."""
        answer = self.root("kms").get_key_policy(KeyId=self.output(key), PolicyName="default")
        found: dict[str, Any] = json.loads(answer["Policy"])
        return found


def role_name(who: str) -> str:
    return who.replace(" ", "-")


def role_arn(stack: Stack, who: str) -> str:
    return f"arn:aws:iam::{stack.account_id}:role/{role_name(who)}"


def make_role(stack: Stack, who: str) -> None:
    """A role of this account that may do everything to S3, KMS and DynamoDB, as far as its own policy goes."""
    iam = stack.client("iam")
    root = {"AWS": f"arn:aws:iam::{stack.account_id}:root"}
    trust = {"Effect": "Allow", "Principal": root, "Action": "sts:AssumeRole"}
    wide = {"Effect": "Allow", "Action": WIDE, "Resource": "*"}
    documents = [json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (trust, wide)]
    iam.create_role(RoleName=role_name(who), AssumeRolePolicyDocument=documents[0])
    iam.put_role_policy(RoleName=role_name(who), PolicyName="wide", PolicyDocument=documents[1])


Call = Callable[[Site], Any]


@dataclass(frozen=True)
class Case:
    """`who` is refused `what` by `by`; `control` is the same call where it may be made, and succeeds."""

    what: str
    who: str
    by: str
    call: Call
    control: Call

    @property
    def name(self) -> str:
        return f"{self.who}: {self.what}"


# ----- Calls


def put(who: str, prefix: str, *, tls: bool = True) -> Call:
    """Write a new object, as the auditor writes: under a condition that it is new."""

    def call(site: Site) -> Any:
        key = prefix if prefix.endswith(".json") else f"{prefix}of-the-test-{next(_NUMBERS)}"
        return site.client(who, "s3", tls=tls).put_object(Bucket=site.archive, Key=key, Body=b"x", IfNoneMatch="*")

    return call


def put_page(who: str, folder: str) -> Call:
    """Write an object beside the reports."""

    def call(site: Site) -> Any:
        key = f"{folder}of-the-test-{next(_NUMBERS)}"
        return site.client(who, "s3").put_object(Bucket=site.output("ReportBucketName"), Key=key, Body=b"x")

    return call


def existing(site: Site, bucket: str) -> tuple[str, str]:
    """Key and version of an object that is there."""
    key = f"records/existing-{next(_NUMBERS)}"
    writer = site.client("recorder" if bucket == site.archive else OTHER, "s3")
    return key, writer.put_object(Bucket=bucket, Key=key, Body=b"first", IfNoneMatch="*")["VersionId"]


def s3(who: str, operation: str, *, scratch: bool = False, tls: bool = True, **parameters: Any) -> Call:
    """A call on the archive, or on a bucket of another principal; KEY and VERSION are those of an object there."""

    def call(site: Site) -> Any:
        bucket = site.scratch if scratch else site.archive
        text = json.dumps(parameters, default=str)
        key, version = existing(site, bucket) if "KEY" in text else ("", "")
        filled = fill(parameters, {"KEY": key, "VERSION": version, "BUCKET": bucket})
        return getattr(site.client(who, "s3", tls=tls), operation)(Bucket=bucket, **filled)

    return call


def fill(value: Any, names: Mapping[str, str]) -> Any:
    """A value with names replaced in its texts, at any depth."""
    if isinstance(value, dict):
        return {name: fill(each, names) for name, each in value.items()}
    if isinstance(value, list):
        return [fill(each, names) for each in value]
    if not isinstance(value, str):
        return value
    for name, each in names.items():
        value = value.replace(name, each)
    return value


def sign(who: str, key: str, kind: str = "DIGEST") -> Call:
    """Sign as the auditor signs."""
    return lambda site: site.client(who, "kms").sign(
        KeyId=site.output(key), Message=DIGEST, MessageType=kind, SigningAlgorithm="ECDSA_SHA_256"
    )


def kms(who: str, operation: str, key: str | None, **parameters: Any) -> Call:
    """A call on a key of the stack, or (None) on one of another principal."""
    return lambda site: getattr(site.client(who, "kms"), operation)(
        KeyId=site.output(key) if key else site.scratch_key, **parameters
    )


def put_key_policy(who: str, key: str) -> Call:
    """Put a key's own policy once more: allowed, it changes nothing."""
    return lambda site: site.client(who, "kms").put_key_policy(
        KeyId=site.output(key), PolicyName="default", Policy=json.dumps(site.key_policy(key))
    )


def put_bucket_policy(who: str) -> Call:
    """Put the archive's own policy once more: allowed, it changes nothing."""
    return lambda site: site.client(who, "s3").put_bucket_policy(
        Bucket=site.archive, Policy=json.dumps(site.bucket_policy())
    )


def publish(who: str, topic: str, *, tls: bool = True) -> Call:
    return lambda site: site.client(who, "sns", tls=tls).publish(TopicArn=site.output(topic), Message="of the test")


def send(who: str, queue: str, *, tls: bool = True) -> Call:
    """Send a message that nobody receives during the tests."""
    return lambda site: site.client(who, "sqs", tls=tls).send_message(
        QueueUrl=site.output(queue), MessageBody="{}", DelaySeconds=900
    )


def receive(who: str) -> Call:
    return lambda site: site.client(who, "sqs").receive_message(
        QueueUrl=site.output("AuditQueueUrl"), WaitTimeSeconds=0
    )


def item(site: Site) -> dict[str, Any]:
    """The key of an item that is there."""
    key = {"pk": {"S": f"JOB#of-the-test-{next(_NUMBERS)}"}, "sk": {"S": "RECORD#1"}}
    site.root("dynamodb").put_item(TableName=site.table, Item=key | {"envelope": {"S": "signed"}})
    return key


def delete_item(who: str) -> Call:
    return lambda site: site.client(who, "dynamodb").delete_item(TableName=site.table, Key=item(site))


def delete_in_batch(who: str) -> Call:
    return lambda site: site.client(who, "dynamodb").batch_write_item(
        RequestItems={site.table: [{"DeleteRequest": {"Key": item(site)}}]}
    )


def delete_in_transaction(who: str) -> Call:
    return lambda site: site.client(who, "dynamodb").transact_write_items(
        TransactItems=[{"Delete": {"TableName": site.table, "Key": item(site)}}]
    )


def delete_in_partiql(who: str) -> Call:
    def call(site: Site) -> Any:
        key = item(site)
        return site.client(who, "dynamodb").execute_statement(
            Statement=f'DELETE FROM "{site.table}" WHERE pk=? AND sk=?',  # noqa: S608 - the name of our table
            Parameters=[key["pk"], key["sk"]],
        )

    return call


def update(who: str, attribute: str, *, returning: str = "NONE") -> Call:
    """Change one attribute of a record."""
    return lambda site: site.client(who, "dynamodb").update_item(
        TableName=site.table,
        Key=item(site),
        UpdateExpression="SET #name = :value",
        ExpressionAttributeNames={"#name": attribute},
        ExpressionAttributeValues={":value": {"S": "1"}},
        ReturnValues=returning,
    )


def put_item(who: str, pk: str) -> Call:
    """Put an item; as a lease it has run out."""
    values = {"pk": pk, "sk": "CLAIM", "claimed_by": "nobody", "claimed_until": "1970-01-01T00:00:00.000Z"}
    return lambda site: site.client(who, "dynamodb").put_item(
        TableName=site.table, Item={name: {"S": value} for name, value in values.items()}
    )


def table(who: str, operation: str, **parameters: Any) -> Call:
    return lambda site: getattr(site.client(who, "dynamodb"), operation)(TableName=site.table, **parameters)


def widen(who: str) -> Call:
    """Give the recorder's role another permission."""
    return lambda site: site.client(who, "iam").put_role_policy(
        RoleName=site.roles["recorder"].rsplit("/", 1)[1], PolicyName="more", PolicyDocument="{}"
    )


def widen_by_root(site: Site) -> Any:
    name = site.roles["recorder"].rsplit("/", 1)[1]
    harmless = {"Effect": "Allow", "Action": "s3:ListAllMyBuckets", "Resource": "*"}
    iam = site.root("iam")
    iam.put_role_policy(
        RoleName=name,
        PolicyName="more",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [harmless]}),
    )
    iam.delete_role_policy(RoleName=name, PolicyName="more")


# ----- Cases

RECORDS, LOG = ("records/", "evidence/", "ancestors/", "tables/"), ("log/", "checkpoints/", "frontiers/")
LIFECYCLE = {"Rules": [{"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}]}
ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
LESS = {"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}}
COPY = {"Key": "KEY", "CopySource": "BUCKET/KEY"}
GRANT = {"GranteePrincipal": "arn:aws:iam::111122223333:role/another-principal", "Operations": ["Sign"]}


def writes() -> list[Case]:
    """Who writes where he must not."""
    rightful = [(prefix, "recorder") for prefix in RECORDS] + [(prefix, "sealer") for prefix in LOG]
    found = [
        Case(f"writes `{prefix}`", who, BUCKET, put(who, prefix), put(owner, prefix))
        for prefix, owner in rightful
        for who in (OTHER, AMENDER)
        if not (who == AMENDER and owner == "recorder")
    ]
    found += [Case("writes `keys.json`", OTHER, BUCKET, put(OTHER, "keys.json"), put("sealer", "keys.json"))]
    for who in FUNCTIONS:
        found += [
            Case(f"writes `{prefix}`", who, ROLE_OR_BUCKET, put(who, prefix), put(owner, prefix))
            for prefix, owner in rightful
            if who != owner
        ]
    kept, keeps = "clusters/", put(KEEPER, "clusters/")
    found += [Case(f"writes `{kept}`", who, BUCKET, put(who, kept), keeps) for who in (OTHER, AMENDER)]
    found += [Case(f"writes `{kept}`", who, ROLE_OR_BUCKET, put(who, kept), keeps) for who in FUNCTIONS]
    found += [
        Case(f"writes `{prefix}`", KEEPER, ROLE_OR_BUCKET, put(KEEPER, prefix), put("sealer", prefix)) for prefix in LOG
    ]
    return found


def deletions() -> list[Case]:
    """Who deletes, overwrites, or sees to it that others can."""
    found = []
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("deletes an object (a delete marker)", "delete_object", {"Key": "KEY"}),
        ("deletes a version", "delete_object", {"Key": "KEY", "VersionId": "VERSION"}),
        ("deletes in a batch", "delete_objects", {"Delete": {"Objects": [{"Key": "KEY", "VersionId": "VERSION"}]}}),
        (
            "deletes a version around a GOVERNANCE lock",
            "delete_object",
            {"Key": "KEY", "VersionId": "VERSION", "BypassGovernanceRetention": True},
        ),
        ("overwrites without the condition", "put_object", {"Key": "KEY", "Body": b"second"}),
        ("overwrites by a copy", "copy_object", COPY),
        ("begins an upload in parts", "create_multipart_upload", {"Key": "KEY"}),
        (
            "changes an object's retention",
            "put_object_retention",
            {"Key": "KEY", "Retention": {"Mode": "GOVERNANCE", "RetainUntilDate": FAR}},
        ),
        ("puts a legal hold", "put_object_legal_hold", {"Key": "KEY", "LegalHold": {"Status": "ON"}}),
    ]
    bucket_calls: list[tuple[str, str, dict[str, Any]]] = [
        ("sets a lifecycle", "put_bucket_lifecycle_configuration", {"LifecycleConfiguration": LIFECYCLE}),
        ("removes the lifecycle", "delete_bucket_lifecycle", {}),
        ("changes the default retention", "put_object_lock_configuration", {"ObjectLockConfiguration": LESS}),
        ("sets the versioning", "put_bucket_versioning", {"VersioningConfiguration": {"Status": "Enabled"}}),
        ("changes the encryption", "put_bucket_encryption", {"ServerSideEncryptionConfiguration": ENCRYPTION}),
    ]
    for what, operation, parameters in [*calls, *bucket_calls]:
        control = s3(OTHER, operation, scratch=True, **parameters)
        found += [
            Case(what, who, BUCKET if who == OTHER else ROLE_OR_BUCKET, s3(who, operation, **parameters), control)
            for who in (OTHER, "recorder", "sealer")
        ]
    found += [
        Case("changes the bucket policy", who, ROLE, put_bucket_policy(who), put_bucket_policy(OTHER))
        for who in FUNCTIONS
    ]
    found += [
        Case("removes the bucket policy", who, ROLE, s3(who, "delete_bucket_policy"), reinstated) for who in FUNCTIONS
    ]
    return found


def reinstated(site: Site) -> Any:
    """Remove the bucket policy as an administrator may, and put it back."""
    policy = json.dumps(site.bucket_policy())
    site.client(OTHER, "s3").delete_bucket_policy(Bucket=site.archive)
    site.client(OTHER, "s3").put_bucket_policy(Bucket=site.archive, Policy=policy)


def signatures() -> list[Case]:
    """Who signs, or sees to it that others can."""
    record, checkpoint = "RecordKeyArn", "CheckpointKeyArn"
    found = [
        Case(
            f"signs with `{key.removesuffix('Arn')}`",
            who,
            KEY if who in (OTHER, AMENDER) else ROLE_OR_KEY,
            sign(who, key),
            sign(owner, key),
        )
        for key, owner, others in (
            (record, "recorder", (OTHER, "sealer", "reconciler", "watcher", "reporter")),
            (checkpoint, "sealer", (OTHER, AMENDER, "recorder", "reconciler", "watcher", "reporter")),
        )
        for who in others
    ]
    found += [
        Case("signs a message instead of a digest", who, KEY, sign(who, key, "RAW"), sign(who, key))
        for who, key in (("recorder", record), ("sealer", checkpoint))
    ]
    for key in (record, checkpoint):
        name = f"`{key.removesuffix('Arn')}`"
        found += [
            Case(
                f"grants itself {name}",
                OTHER,
                KEY,
                kms(OTHER, "create_grant", key, **GRANT),
                kms(OTHER, "create_grant", None, GranteePrincipal=GRANT["GranteePrincipal"], Operations=["Decrypt"]),
            )
        ]
        found += [
            Case(f"changes the policy of {name}", who, ROLE, put_key_policy(who, key), put_key_policy(OTHER, key))
            for who in ("recorder", "sealer")
        ]
        found += [
            Case(
                f"has {name} deleted",
                who,
                ROLE,
                kms(who, "schedule_key_deletion", key, PendingWindowInDays=7),
                lambda site: site.client(OTHER, "kms").schedule_key_deletion(
                    KeyId=site.client(OTHER, "kms").create_key()["KeyMetadata"]["KeyId"], PendingWindowInDays=7
                ),
            )
            for who in ("recorder", "sealer")
        ]
    return found


def messages() -> list[Case]:
    """Who sends, receives or publishes."""
    queue, dead = "AuditQueueUrl", "DeliveryDeadLetterQueueUrl"
    alerts, checkpoints, operations = "AlertTopicArn", "CheckpointTopicArn", "OperationsTopicArn"
    found = [
        Case("queues a job", who, ROLE, send(who, queue), send("reconciler", queue))
        for who in (OTHER, "sealer", "watcher", "reporter")
    ]
    found += [
        Case("takes a job off the queue", who, ROLE, receive(who), receive("recorder"))
        for who in (OTHER, "sealer", "reconciler", "watcher", "reporter")
    ]
    found += [
        Case("sends to the dead letters", who, ROLE, send(who, dead), send("reconciler", queue))
        for who in (OTHER, *FUNCTIONS)
    ]
    found += [
        Case("publishes an alert", who, ROLE, publish(who, alerts), publish("recorder", alerts))
        for who in (OTHER, "sealer")
    ]
    found += [
        Case("publishes a checkpoint", who, ROLE, publish(who, checkpoints), publish("sealer", checkpoints))
        for who in (OTHER, "recorder", "reconciler", "watcher", "reporter")
    ]
    found += [
        Case("rings an alarm", who, ROLE, publish(who, operations), publish("recorder", alerts))
        for who in (OTHER, *FUNCTIONS)
    ]
    return found


def pages() -> list[Case]:
    """Who writes what people read as the report, or ask in SQL."""
    return [
        Case(f"writes {what}", who, by, put_page(who, folder), put_page("reporter", "reports/"))
        for what, folder in (("a report", "reports/"), ("lines for queries", "records/"))
        for who, by in ((OTHER, BUCKET), ("recorder", ROLE_OR_BUCKET), ("sealer", ROLE_OR_BUCKET))
    ]


def plain_http() -> list[Case]:
    """The rightful call, over plain HTTP."""
    http: dict[str, Any] = {"tls": False}
    found = [
        Case("writes over plain HTTP", who, BUCKET, put(who, prefix, **http), put(who, prefix))
        for who, prefix in (("recorder", "records/"), ("sealer", "log/"))
    ]
    reading: dict[str, Any] = {"Prefix": "log/"}
    found += [
        Case(
            "lists the archive over plain HTTP",
            "sealer",
            BUCKET,
            s3("sealer", "list_object_versions", **reading, **http),
            s3("sealer", "list_object_versions", **reading),
        )
    ]
    found += [
        Case("publishes over plain HTTP", who, TOPIC_AND_QUEUE, publish(who, topic, **http), publish(who, topic))
        for who, topic in (("recorder", "AlertTopicArn"), ("sealer", "CheckpointTopicArn"))
    ]
    found += [
        Case("sends over plain HTTP", who, TOPIC_AND_QUEUE, send(who, queue, **http), send(who, queue))
        for who, queue in (("reconciler", "AuditQueueUrl"),)
    ]
    return found


def index() -> list[Case]:
    """The table: nobody whom the stack made deletes from it."""
    deletes = {
        "deletes a record from the table": delete_item,
        "deletes from the table in a batch": delete_in_batch,
        "deletes from the table in a transaction": delete_in_transaction,
        "deletes from the table in PartiQL": delete_in_partiql,
    }
    found = [Case(what, who, ROLE, call(who), call(OTHER)) for what, call in deletes.items() for who in FUNCTIONS]
    protection = {"DeletionProtectionEnabled": True}
    found += [
        Case(
            "changes a signed record in the table",
            "sealer",
            ROLE,
            update("sealer", "envelope"),
            update("sealer", "log_index"),
        ),
        Case(
            "puts an item into the table",
            "sealer",
            ROLE,
            put_item("sealer", "JOB#forged"),
            put_item("sealer", "CLAIM#ROUND#seal"),
        ),
        Case(
            "reads a whole record by an update",
            "sealer",
            ROLE,
            update("sealer", "log_index", returning="ALL_OLD"),
            update("sealer", "log_index", returning="UPDATED_OLD"),
        ),
        Case("deletes the table", OTHER, TABLE, table(OTHER, "delete_table"), table(OTHER, "describe_table")),
    ]
    for who in FUNCTIONS:
        found += [
            Case("deletes the table", who, ROLE, table(who, "delete_table"), table(OTHER, "describe_table")),
            Case(
                "changes the table's protection",
                who,
                ROLE,
                table(who, "update_table", **protection),
                table(OTHER, "update_table", **protection),
            ),
            Case("widens a role", who, ROLE, widen(who), widen_by_root),
        ]
    return found


def once() -> list[Case]:
    """The second write to a key, under the condition as the auditor writes."""
    second: dict[str, Any] = {"Key": "KEY", "Body": b"second", "IfNoneMatch": "*"}
    return [
        Case(
            "writes a key again", "recorder", ONCE, s3("recorder", "put_object", **second), put("recorder", "records/")
        )
    ]


CASES = [*writes(), *deletions(), *once(), *signatures(), *messages(), *pages(), *plain_http(), *index()]
