"""Every operation of S3 that changes an object or a bucket is decided: the archive refuses it, or it can stay.

The operations are those of the pinned botocore. One that a newer one brings fails this test until it is decided.
"""

from __future__ import annotations

from typing import Any

import boto3
import pytest

from tests.integration.policy_evaluation import Request, covers
from tests.template.bar import unconditional
from tests.template.loading import load

BUCKET = "arn:aws:s3:::archive"
REFUSED = {
    "CopyObject": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "DeleteObject": "s3:DeleteObject",
    "DeleteObjectAnnotation": "s3:DeleteObjectAnnotation",
    "DeleteObjectTagging": "s3:DeleteObjectTagging",
    "DeleteObjects": "s3:DeleteObject",
    "PutObject": "s3:PutObject",
    "PutObjectAcl": "s3:PutObjectAcl",
    "PutObjectAnnotation": "s3:PutObjectAnnotation",
    "PutObjectLegalHold": "s3:PutObjectLegalHold",
    "PutObjectRetention": "s3:PutObjectRetention",
    "PutObjectTagging": "s3:PutObjectTagging",
    "UpdateObjectEncryption": "s3:UpdateObjectEncryption",
    "UploadPart": "s3:PutObject",
    "UploadPartCopy": "s3:PutObject",
}
"""On objects, with the permission that each needs (Amazon S3 User Guide, "Required permissions"). A put is refused but
for one that says If-None-Match.
"""
OF_VERSIONS = ("s3:DeleteObjectVersion", "s3:PutObjectVersionAcl", "s3:PutObjectVersionTagging", "s3:ReplicateObject")
WITHOUT_AN_OPERATION = ("s3:BypassGovernanceRetention", "s3:ReplicateDelete", "s3:ReplicateTags")
BY_THE_STACK_ALONE = {
    "DeleteBucketEncryption": "s3:PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "s3:PutLifecycleConfiguration",
    "PutBucketEncryption": "s3:PutEncryptionConfiguration",
    "PutBucketLifecycle": "s3:PutLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "s3:PutLifecycleConfiguration",
    "PutBucketVersioning": "s3:PutBucketVersioning",
    "PutObjectLockConfiguration": "s3:PutBucketObjectLockConfiguration",
}
LEFT = {
    "who else than root could mend a mistake (docs/refusals.md)": {"DeleteBucketPolicy", "PutBucketPolicy"},
    "S3 deletes no bucket that has objects": {"CreateBucket", "DeleteBucket"},
    "drops parts that are no object yet; no upload in parts begins": {"AbortMultipartUpload"},
    "brings back to reading what an earlier policy let into a class of storage that must be restored": {
        "RestoreObject"
    },
    "no object is in that class of storage": {
        "DeleteBucketIntelligentTieringConfiguration",
        "PutBucketIntelligentTieringConfiguration",
    },
    "reads": {"SelectObjectContent"},
    "not of such buckets": {"RenameObject", "WriteGetObjectResponse"},
    "who may read or write, which the account's policies say; objects and their owner stay": {
        *("DeleteBucketCors", "DeleteBucketOwnershipControls", "DeleteBucketWebsite", "DeletePublicAccessBlock"),
        *("PutBucketAbac", "PutBucketAcl", "PutBucketCors", "PutBucketOwnershipControls", "PutBucketRequestPayment"),
        *("PutBucketWebsite", "PutPublicAccessBlock"),
    },
    "copies, lists, counts or tells of objects, which stay": {
        *("CreateBucketMetadataConfiguration", "CreateBucketMetadataTableConfiguration"),
        *("DeleteBucketAnalyticsConfiguration", "DeleteBucketInventoryConfiguration"),
        *("DeleteBucketMetadataConfiguration", "DeleteBucketMetadataTableConfiguration"),
        *("DeleteBucketMetricsConfiguration", "DeleteBucketReplication", "DeleteBucketTagging"),
        *("PutBucketAccelerateConfiguration", "PutBucketAnalyticsConfiguration", "PutBucketInventoryConfiguration"),
        *("PutBucketLogging", "PutBucketMetricsConfiguration", "PutBucketNotification"),
        *("PutBucketNotificationConfiguration", "PutBucketReplication", "PutBucketTagging"),
        *("UpdateBucketMetadataAnnotationTableConfiguration", "UpdateBucketMetadataInventoryTableConfiguration"),
        "UpdateBucketMetadataJournalTableConfiguration",
    },
}
"""Why an operation is not refused to who may otherwise do it."""


@pytest.fixture(scope="module")
def policy() -> list[dict[str, Any]]:
    """The archive's policy that binds whoever asks: those of its statements that name no role."""
    written = load()["Resources"]["ArchiveBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    whoever = [each for each in unconditional(written) if "ArnNotEquals" not in each.get("Condition", {})]
    return [each | {"Resource": f"{BUCKET}/*" if "Fn::Sub" in each["Resource"] else BUCKET} for each in whoever]


def refused(policy: list[dict[str, Any]], action: str, path: str, **keys: str) -> bool:
    request = Request("arn:aws:iam::123456789012:role/any", action, BUCKET + path, keys)
    return any(covers(each, request) for each in policy)


def test_every_operation_is_decided() -> None:
    client = boto3.client("s3", "eu-west-1", aws_access_key_id="none", aws_secret_access_key="none")
    model = client.meta.service_model
    changing = {
        each for each in model.operation_names if model.operation_model(each).http["method"] not in ("GET", "HEAD")
    }
    decided = [*REFUSED, *BY_THE_STACK_ALONE, *(each for several in LEFT.values() for each in several)]
    assert sorted(decided) == sorted(changing)


@pytest.mark.parametrize("action", sorted({*REFUSED.values(), *OF_VERSIONS, *WITHOUT_AN_OPERATION, "s3:MoveObject"}))
def test_it_is_refused_on_every_object(action: str, policy: list[dict[str, Any]]) -> None:
    """What nobody has heard of, too."""
    assert refused(policy, action, "/rotations/x")


@pytest.mark.parametrize("action", sorted(set(BY_THE_STACK_ALONE.values())))
def test_it_is_refused_but_to_the_stack(action: str, policy: list[dict[str, Any]]) -> None:
    assert refused(policy, action, "")
    assert not refused(policy, action, "", **{"aws:CalledVia": "cloudformation.amazonaws.com"})


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:RestoreObject"])
def test_objects_are_read(action: str, policy: list[dict[str, Any]]) -> None:
    assert not refused(policy, action, "/rotations/x")


@pytest.mark.parametrize("storage", [None, "STANDARD", "STANDARD_IA", "INTELLIGENT_TIERING", "GLACIER", "ONEZONE_IA"])
def test_a_put_goes_where_it_stays_readable(storage: str | None, policy: list[dict[str, Any]]) -> None:
    keys = {"s3:if-none-match": "*", **({"s3:x-amz-storage-class": storage} if storage else {})}
    assert refused(policy, "s3:PutObject", "/rotations/x", **keys) == (storage not in (None, "STANDARD"))
