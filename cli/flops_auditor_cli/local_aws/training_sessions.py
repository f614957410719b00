"""SageMaker's training sessions as the local AWS answers for them, since moto has none: a stand-in made from botocore's
own service model, which refuses requests and answers that the model does not know.

Facts: Amazon SageMaker API Reference, DescribeTrainingSession, ListTrainingSessions. In which order the latter lists is
said nowhere: here the oldest come first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import botocore.session
from botocore.model import ServiceModel
from botocore.validate import ParamValidator
from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.training_jobs import as_datetime

_TARGET = "SageMaker."
_DETAIL = "TrainingSessionDetail"
_SUMMARY = ("TrainingSessionArn", "TrainingSessionStatus", "CreationTime", "LastModifiedTime")
_DEFAULT_PAGE = 10


class NotOfTheModel(ValueError):
    """A request or an answer that botocore's service model does not know."""


@dataclass
class LocalTrainingSessions:
    """Answers of DescribeTrainingSession by ARN."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any]) -> None:
        """Make a session known. Raises NotOfTheModel."""
        _checked("DescribeTrainingSession", "output_shape", answer)
        self.answers[answer[_DETAIL]["TrainingSessionArn"]] = answer

    def serve(self, request: Request) -> Response | None:
        """The answer to a request about training sessions, None to any other."""
        operation = request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        answers: Mapping[str, Callable[[Mapping[str, Any], str], Mapping[str, Any] | None]] = {
            "DescribeTrainingSession": self._described,
            "ListTrainingSessions": self._page,
        }
        if operation not in answers:
            return None
        region = request.headers["Authorization"].split("/")[2]
        try:
            answer = answers[operation](_asked(operation, json.loads(request.get_data())), region)
        except NotOfTheModel as error:
            return _refused("ValidationException", str(error))
        if answer is None:
            return _refused("ResourceNotFound", "Requested resource not found.")
        return Response(
            json.dumps(_checked(operation, "output_shape", answer), default=datetime.timestamp),
            content_type="application/x-amz-json-1.1",
        )

    def _of_region(self, region: str) -> list[Mapping[str, Any]]:
        return [each for arn, each in self.answers.items() if arn.split(":")[3] == region]

    def _described(self, asked: Mapping[str, Any], region: str) -> Mapping[str, Any] | None:
        name = asked["TrainingSessionName"]
        return next((each for each in self._of_region(region) if each[_DETAIL]["TrainingSessionName"] == name), None)

    def _page(self, asked: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        """One page of a region's sessions."""
        before = asked.get("CreationTimeBefore")
        details = [each[_DETAIL] for each in self._of_region(region)]
        details = [each for each in details if before is None or each["CreationTime"] < before]
        details.sort(key=lambda each: each["CreationTime"])
        begin = int(asked.get("NextToken", 0))
        end = begin + int(asked.get("MaxResults", _DEFAULT_PAGE))
        summaries = [{name: each[name] for name in _SUMMARY if name in each} for each in details[begin:end]]
        more = {"NextToken": str(end)} if end < len(details) else {}
        return {"TrainingSessionSummaries": summaries, **more}


@cache
def _model() -> ServiceModel:
    return botocore.session.get_session().get_service_model("sagemaker")


def _asked(operation: str, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """The parameters of a request, its times as datetimes. Raises NotOfTheModel."""
    asked = {name: as_datetime(value) if "Time" in name else value for name, value in parameters.items()}
    return _checked(operation, "input_shape", asked)


def _checked(operation: str, shape: str, value: Mapping[str, Any]) -> Mapping[str, Any]:
    """A request or an answer that is of its shape. Raises NotOfTheModel."""
    report = ParamValidator().validate(dict(value), getattr(_model().operation_model(operation), shape))
    if report.has_errors():
        raise NotOfTheModel(f"{operation}: {report.generate_report()}")
    return value


def _refused(code: str, message: str) -> Response:
    text = json.dumps({"__type": code, "message": message})
    return Response(text, status=400, content_type="application/x-amz-json-1.1")
