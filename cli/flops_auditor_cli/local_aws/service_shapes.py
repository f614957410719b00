"""Stand-ins of the local AWS for operations that moto has not, or answers otherwise than AWS: their requests and
answers are held against botocore's own service model.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.training_jobs import as_datetime

_TARGET = "SageMaker."
Members = Mapping[str, Any]


class NotOfTheModel(ValueError):
    """A request or an answer that botocore's service model does not know."""


class StandIn(ABC):
    """Answers of the operation `describes` of a `service` by ARN, and what else is asked of them."""

    service = "sagemaker"
    describes: str

    def __init__(self) -> None:
        self.answers: dict[str, Members] = {}

    @abstractmethod
    def operations(self) -> Mapping[str, Callable[[Members, str], Members | None]]:
        """What answers each operation in a region; None where it knows nothing of that name."""

    @abstractmethod
    def arn_of(self, answer: Members) -> str:
        """Whose answer it is."""

    def load(self, answer: Members) -> None:
        """Make a run known. Raises NotOfTheModel."""
        self.checked(self.describes, "output_shape", answer)
        self.answers[self.arn_of(answer)] = answer

    def here(self, region: str) -> list[Members]:
        """The answers about runs of a region."""
        return [each for arn, each in self.answers.items() if arn.split(":")[3] == region]

    def serve(self, request: Request) -> Response | None:
        """The answer to a request for one of the operations, None to any other."""
        operation = self.operation_of(request)
        answering = self.operations().get(operation)
        if answering is None:
            return None
        region = request.headers["Authorization"].split("/")[2]
        try:
            answer = answering(self._asked_of(operation, json.loads(request.get_data())), region)
        except NotOfTheModel as error:
            return _refused("ValidationException", str(error))
        if answer is None:
            return _refused("ResourceNotFound", "Requested resource not found.")
        body = json.dumps(self.checked(operation, "output_shape", answer), default=datetime.timestamp)
        return Response(body, content_type="application/x-amz-json-1.1")

    def operation_of(self, request: Request) -> str:
        """Which operation a request asks for; "" where it is of another protocol."""
        return request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)

    def checked(self, operation: str, shape: str, value: Members) -> Members:
        """A request or an answer that is of its shape, or none where its operation has none. Raises NotOfTheModel."""
        expected = getattr(_model(self.service).operation_model(operation), shape)
        if expected is None and not value:
            return value
        report = ParamValidator().validate(dict(value), expected)
        if report.has_errors():
            raise NotOfTheModel(f"{operation}: {report.generate_report()}")
        return value

    def _asked_of(self, operation: str, parameters: Members) -> Members:
        """The parameters of a request, its times as datetimes. Raises NotOfTheModel."""
        asked = {name: as_datetime(value) if "Time" in name else value for name, value in parameters.items()}
        return self.checked(operation, "input_shape", asked)


def page_of(described: Sequence[Members], asked: Members, default: int) -> tuple[list[Members], Mapping[str, str]]:
    """The page that is asked for of what was created before the time that is asked for, the oldest first, since it is
    said nowhere in which order SageMaker gives them; and the token of the next one, where there is one. `default` is
    how many a page has where nothing says so.
    """
    before = asked.get("CreationTimeBefore")
    oldest_first = sorted(
        (each for each in described if before is None or each["CreationTime"] < before),
        key=lambda each: each["CreationTime"],
    )
    return part_of(oldest_first, asked, default, ("NextToken", "MaxResults"))


def part_of(
    listed: Sequence[Members], asked: Members, default: int, names: tuple[str, str] = ("nextToken", "maxResults")
) -> tuple[list[Members], Mapping[str, str]]:
    """The page that is asked for of what is listed, and the token of the next one, where there is one. `names` are the
    members that say where a page begins and how many it has, which is `default` where nothing says so.
    """
    token, most = names
    begin = int(asked.get(token, 0))
    end = begin + int(asked.get(most, default))
    return list(listed[begin:end]), {token: str(end)} if end < len(listed) else {}


@cache
def _model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _refused(code: str, message: str) -> Response:
    """A refusal of this code."""
    text = json.dumps({"__type": code, "message": message})
    return Response(text, status=400, content_type="application/x-amz-json-1.1")
