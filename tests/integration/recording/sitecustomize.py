"""Notes every AWS call that a Lambda function makes: a line of JSON in the file that RECORD_CALLS_IN names.

The interpreter of the local AWS finds this file through PYTHONPATH: neither the functions nor the library know of it.
"""

import json
import os
import sys
from pathlib import Path

NAMED = (
    *("TableName", "IndexName", "Bucket", "Key", "VersionId", "KeyId", "TopicArn", "QueueUrl"),
    *(
        "TrainingJobName",
        "TrainingSessionName",
        "JobName",
        "JobCategory",
        "ClusterName",
        "ResourceArn",
        "ModelPackageName",
        "jobIdentifier",
        "modelIdentifier",
        "resourceARN",
    ),
)


TOGETHER = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}
"""What a transaction may hold, and the right that each needs."""


def authorised(operation, parameters):
    """What IAM is asked for a call: for a transaction, each of its items."""
    if operation != "TransactWriteItems":
        return [(operation, parameters)]
    return [(TOGETHER[kind], of) for each in parameters["TransactItems"] for kind, of in each.items()]


def units(operation, parameters, together):
    """What is billed of a call, if not the call: write units with those of indexes, keys read, metrics asked for."""
    if operation in ("PutItem", "UpdateItem"):
        item = {**parameters.get("Item", {}), **parameters.get("Key", {})}
        size = sum(len(name) + len(str(next(iter(value.values())))) for name, value in item.items())
        indexes = sum(name in item for name in ("pending", "verdict", "base_model", "lineage", "kind"))
        return (-(-size // 1024) + indexes) * (2 if together else 1)
    if operation == "BatchGetItem":
        return sum(len(table["Keys"]) for table in parameters["RequestItems"].values())
    return len(parameters.get("MetricDataQueries", ())) or 1


def note(client, operation, parameters, error, together):
    meta = client.meta
    line = {
        "function": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "service": meta.service_model.signing_name,
        "operation": operation,
        "region": meta.region_name,
        "parameters": {name: parameters[name] for name in NAMED if isinstance(parameters.get(name), str)},
        "tables": sorted(parameters.get("RequestItems", {})),
        "units": units(operation, parameters, together),
        "error": error,
    }
    with Path(os.environ["RECORD_CALLS_IN"]).open("a", encoding="utf-8") as calls:
        calls.write(json.dumps(line) + "\n")


def look_in_layers_first():
    """botocore is the layer's, as in the functions on AWS: the local AWS has an older one of its own."""
    layers = filter(None, os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    sys.path[:0] = [str(Path(layer) / "python") for layer in layers]


def record_calls():
    look_in_layers_first()
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    call = BaseClient._make_api_call

    def recorded(self, operation_name, api_params):
        error = None
        try:
            return call(self, operation_name, api_params)
        except ClientError as refused:
            error = refused.response["Error"]["Code"]
            raise
        except Exception as failed:
            error = type(failed).__name__
            raise
        finally:
            for operation, parameters in authorised(operation_name, api_params):
                note(self, operation, parameters, error, operation_name != operation)

    BaseClient._make_api_call = recorded


if "AWS_LAMBDA_FUNCTION_NAME" in os.environ and "RECORD_CALLS_IN" in os.environ:
    record_calls()
