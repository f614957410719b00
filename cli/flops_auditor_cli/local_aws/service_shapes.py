"""Requests and answers of SageMaker's operations, held against botocore's own service model: what a stand-in of the
local AWS takes and gives.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from werkzeug.wrappers import Response

from flops_auditor_cli.local_aws.training_jobs import as_datetime


class NotOfTheModel(ValueError):
    """A request or an answer that botocore's service model does not know."""


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def asked_of(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a request, its times as datetimes. Raises NotOfTheModel."""
    asked = {name: as_datetime(value) if "Time" in name else value for name, value in parameters.items()}
    return checked(operation, "input_shape", asked)


def checked(operation: str, shape: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request or an answer that is of its shape. Raises NotOfTheModel."""
    report = ParamValidator().validate(dict(value), getattr(_model().operation_model(operation), shape))
    if report.has_errors():
        raise NotOfTheModel(f"{operation}: {report.generate_report()}")
    return value


def answered(operation: str, answer: Mapping[str, Any]) -> Response:
    """An answer that is of its shape. Raises NotOfTheModel."""
    body = json.dumps(checked(operation, "output_shape", answer), default=datetime.timestamp)
    return Response(body, content_type="application/x-amz-json-1.1")


def refused(code: str, message: str) -> Response:
    """A refusal of this code."""
    text = json.dumps({"__type": code, "message": message})
    return Response(text, status=400, content_type="application/x-amz-json-1.1")
