"""A deployment that holds the demo's records, on moto's server: the adapters are real, and the keys come from a seed.

What is recorded, and when, is the same each time, so that people see the same each time.
"""

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import boto3
from moto import mock_aws
from moto.kms.models import kms_backends
from moto.server import ThreadedMotoServer

from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.dynamodb_pending import DynamoDbPendingRecords
from flops_auditor.aws.stores.dynamodb_records import DynamoDbRecords
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.use_cases.ports.ledger import LogPlace
from flops_auditor.use_cases.ports.lineage import ANYBODY
from flops_auditor.use_cases.ports.records import StoredRecord
from tests.fakes.audit import MemoryIndex, MemoryRecords
from tests.fakes.demo_ledger import demo_ledger
from tests.fakes.ledger import MemorySigner
from tests.fakes.live_ledger import LiveLedger
from tests.fakes.moto_s3 import listed_without_copies
from tests.template.loading import load

STACK, REGION, ACCOUNT = "flops-auditor", "eu-west-1", "123456789012"
TABLE, BUCKET = "records", "archive"
_TABLE_PROPERTIES = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")


@contextmanager
def deployment() -> Iterator[Mapping[str, str]]:
    """Have it up; yields the environment in which commands find it."""
    in_memory = mock_aws()  # of which the server answers, too; without the way over it this is quicker
    in_memory.start()
    try:
        _fill(demo_ledger())
    finally:
        in_memory.stop(remove_data=False)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        with listed_without_copies():
            yield {
                "AWS_ENDPOINT_URL": f"http://{host}:{port}",
                "AWS_REGION": REGION,
                "AWS_ACCESS_KEY_ID": "nobody",
                "AWS_SECRET_ACCESS_KEY": "nothing",
                "AWS_EC2_METADATA_DISABLED": "true",
            }
    finally:
        server.stop()


def _fill(ledger: LiveLedger) -> None:
    """Put into it what the ledger has in memory, by the adapters that the deployment itself writes with."""
    session: Any = boto3.Session("nobody", "nothing", region_name=REGION)
    template, s3, dynamodb = load(), session.client("s3"), session.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    archive = S3Archive(s3, BUCKET)
    for key in ledger.archive.list(""):
        archive.put_if_absent(key, ledger.archive.get(key) or b"")
    properties = template["Resources"]["RecordTable"]["Properties"]
    dynamodb.create_table(TableName=TABLE, **{name: properties[name] for name in _TABLE_PROPERTIES})
    records, recorded = DynamoDbRecords(dynamodb, TABLE), ledger.recorder.records
    assert isinstance(recorded, MemoryRecords)
    for (job_id, revision), summary in recorded.summaries.items():
        records.commit(job_id, StoredRecord(revision, recorded.lines[job_id][revision]), summary)
    places, index = ledger.recorder.index, DynamoDbLineageIndex(dynamodb, TABLE)
    assert isinstance(places, MemoryIndex)
    for (kind, _, role), entries in places.entries.items():
        index.add([(kind, entry) for entry in entries.values() if role is ANYBODY])
    logged = [LogPlace(*key, place) for key, place in ledger.pending.logged.items()]
    DynamoDbPendingRecords(dynamodb, TABLE).mark_logged(logged)
    sqs, sns, kms = (session.client(service) for service in ("sqs", "sns", "kms"))
    outputs = {
        **dict.fromkeys(template["Outputs"], "none"),
        **{name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in template["Outputs"] if name.endswith("Url")},
        **{name: sns.create_topic(Name=name)["TopicArn"] for name in template["Outputs"] if name.endswith("TopicArn")},
        "RecordTableName": TABLE,
        "ArchiveBucketName": BUCKET,
        "LedgerId": ledger.ledger,
        "RecordKeyArn": _key(kms, ledger.record),
        "CheckpointKeyArn": _key(kms, ledger.checkpoint),
    }
    parameters = {name: str(each.get("Default", "")) for name, each in template["Parameters"].items()}
    here = {"Regions": REGION, "Doors": "training-jobs"}  # moto's server lists no customization jobs by their time
    _stack(session.client("cloudformation"), {**parameters, **here}, outputs)


def _key(kms: Any, signer: MemorySigner) -> str:
    """A key of KMS that signs as this one does."""
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    kms_backends[ACCOUNT][REGION].keys[made["KeyId"]].private_key.private_key = signer.key
    return str(made["Arn"])


def _stack(cloudformation: Any, parameters: Mapping[str, str], outputs: Mapping[str, str]) -> None:
    """A stack with these parameters and outputs."""
    body = {
        "Parameters": {name: {"Type": "String"} for name in parameters},
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    given = [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()]
    cloudformation.create_stack(StackName=STACK, TemplateBody=json.dumps(body), Parameters=given)
