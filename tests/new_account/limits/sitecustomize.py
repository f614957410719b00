"""What a new account in an organisation refuses. The interpreters of the local AWS find this file through PYTHONPATH.

In the emulator: a function that reserves concurrency, as Lambda does where fewer than 100 executions would be left.
In a function: calls that a service control policy denies, which moto, SageMaker's stand-in, does not know.
"""

import json
import os
import sys
from pathlib import Path

LIMIT = (
    "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution "
    "below its minimum value of [100]."
)


def refuse_reservations():
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS["AWS::Lambda::Function"]
    create = handlers["create"]

    def refusing(logical_id, props, stack_name):
        if props.get("ReservedConcurrentExecutions"):
            raise ValueError(LIMIT)
        return create(logical_id, props, stack_name)

    handlers["create"] = refusing


def look_in_layers_first():
    """botocore is the layer's, as in the functions on AWS: the local AWS has an older one of its own."""
    layers = filter(None, os.environ.get("_LAMBDA_LAYERS_DIRS", "").split(os.pathsep))
    sys.path[:0] = [str(Path(layer) / "python") for layer in layers]


def deny_by_policy():
    look_in_layers_first()
    from botocore.client import BaseClient
    from botocore.exceptions import ClientError

    call = BaseClient._make_api_call

    def judged(self, operation_name, api_params):
        service, region = self.meta.service_model.service_name, self.meta.region_name
        denied = service == "account" or region == os.environ["CLOSED_REGION"]
        line = {"service": service, "operation": operation_name, "region": region, "denied": denied}
        with Path(os.environ["CALLS_FILE"]).open("a", encoding="utf-8") as calls:
            calls.write(json.dumps(line) + "\n")
        if denied:
            message = "User is not authorized, with an explicit deny in a service control policy"
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, operation_name)
        return call(self, operation_name, api_params)

    BaseClient._make_api_call = judged


if "CLOSED_REGION" in os.environ:
    if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
        deny_by_policy()
    elif "GATEWAY_PORT" in os.environ:
        refuse_reservations()
