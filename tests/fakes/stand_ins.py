"""Requests to stand-ins of the local AWS, without a server."""

import json
from typing import Any

from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flops_auditor_cli.local_aws.service_shapes import StandIn

REGION = "eu-west-1"


def served(stand_in: StandIn, operation: str, **parameters: Any) -> tuple[int, Any]:
    """What it answers to a request for an operation."""
    scope = f"AWS4-HMAC-SHA256 Credential=test/d/{REGION}/sagemaker/aws4_request"
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Authorization": scope}
    builder = EnvironBuilder(method="POST", headers=headers, data=json.dumps(parameters))
    answer = stand_in.serve(Request(builder.get_environ()))
    assert answer is not None
    return answer.status_code, json.loads(answer.get_data())
