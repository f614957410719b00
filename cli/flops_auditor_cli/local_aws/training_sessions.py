"""SageMaker's training sessions as the local AWS answers for them, since moto has none: a stand-in made from botocore's
own service model, which refuses requests and answers that the model does not know.

Facts: Amazon SageMaker API Reference, DescribeTrainingSession, ListTrainingSessions. In which order the latter lists is
said nowhere: here the oldest come first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel, answered, asked_of, checked, refused

_TARGET = "SageMaker."
_DETAIL = "TrainingSessionDetail"
_SUMMARY = ("TrainingSessionArn", "TrainingSessionStatus", "CreationTime", "LastModifiedTime")
_DEFAULT_PAGE = 10


@dataclass
class LocalTrainingSessions:
    """Answers of DescribeTrainingSession by ARN."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any]) -> None:
        """Make a session known. Raises NotOfTheModel."""
        checked("DescribeTrainingSession", "output_shape", answer)
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
            answer = answers[operation](asked_of(operation, json.loads(request.get_data())), region)
        except NotOfTheModel as error:
            return refused("ValidationException", str(error))
        if answer is None:
            return refused("ResourceNotFound", "Requested resource not found.")
        return answered(operation, answer)

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
