"""SageMaker's jobs of the newer kinds as the local AWS answers for them, since moto has none: a stand-in made from
botocore's own service model, which refuses requests and answers that the model does not know.

Facts: Amazon SageMaker API Reference, DescribeJob, ListJobs.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel, answered, asked_of, checked, refused

_TARGET = "SageMaker."
_SUMMARY = ("JobArn", "JobName", "JobCategory", "JobStatus", "CreationTime", "LastModifiedTime", "EndTime")
_DEFAULT_PAGE = 50


@dataclass
class LocalSageMakerJobs:
    """Answers of DescribeJob by ARN."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any]) -> None:
        """Make a job known. Raises NotOfTheModel."""
        checked("DescribeJob", "output_shape", answer)
        self.answers[answer["JobArn"]] = answer

    def serve(self, request: Request) -> Response | None:
        """The answer to a request about such jobs, None to any other."""
        operation = request.headers.get("X-Amz-Target", "").removeprefix(_TARGET)
        answers: Mapping[str, Callable[[Mapping[str, Any], str], Mapping[str, Any] | None]] = {
            "DescribeJob": self._described,
            "ListJobs": self._page,
        }
        if operation not in answers:
            return None
        region = request.headers["Authorization"].split("/")[2]
        try:
            answer = answers[operation](asked_of(operation, json.loads(request.get_data())), region)
        except NotOfTheModel as error:
            return refused("ValidationException", str(error))
        return (
            refused("ResourceNotFound", "Requested resource not found.")
            if answer is None
            else answered(operation, answer)
        )

    def _of(self, category: str, region: str) -> list[Mapping[str, Any]]:
        here = [each for arn, each in self.answers.items() if arn.split(":")[3] == region]
        return [each for each in here if each["JobCategory"] == category]

    def _described(self, asked: Mapping[str, Any], region: str) -> Mapping[str, Any] | None:
        jobs = self._of(asked["JobCategory"], region)
        return next((each for each in jobs if each["JobName"] == asked["JobName"]), None)

    def _page(self, asked: Mapping[str, Any], region: str) -> Mapping[str, Any]:
        """One page of a region's jobs of a category, the oldest first: it is not said in which order they come."""
        before = asked.get("CreationTimeBefore")
        jobs = [
            each for each in self._of(asked["JobCategory"], region) if before is None or each["CreationTime"] < before
        ]
        jobs.sort(key=lambda each: each["CreationTime"])
        begin = int(asked.get("NextToken", 0))
        end = begin + int(asked.get("MaxResults", _DEFAULT_PAGE))
        summaries = [
            {**{name: each[name] for name in _SUMMARY if name in each}, "JobSecondaryStatus": each["SecondaryStatus"]}
            for each in jobs[begin:end]
        ]
        return {"JobSummaries": summaries, **({"NextToken": str(end)} if end < len(jobs) else {})}
