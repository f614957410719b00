"""Bedrock's model customization jobs and custom models as the local AWS answers for them: loaded whole, since moto's
jobs are of no shape that Bedrock gives (no statusDetails, and unknown by their ARN), and it has no imported models.

Facts: Amazon Bedrock API Reference, GetModelCustomizationJob, ListModelCustomizationJobs, ListTagsForResource,
GetImportedModel, GetCustomModel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.jobs import as_text
from flops_auditor_cli.local_aws.service_shapes import part_of
from flops_auditor_cli.local_aws.training_jobs import as_datetime

_JOBS = "/model-customization-jobs"
_MODELS = ("/imported-models/", "/custom-models/")
_TAGS = "/listTagsForResource"
_SUMMARY = (
    "jobArn",
    "baseModelArn",
    "jobName",
    "status",
    "statusDetails",
    "lastModifiedTime",
    "creationTime",
    "endTime",
)
_DEFAULT_PAGE = 100


@dataclass
class LocalCustomizationJobs:
    """Answers by ARN, with the tags of each job."""

    answers: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    models: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    tags: dict[str, Any] = field(default_factory=dict)

    def load(self, answer: Mapping[str, Any], tags: Any) -> None:
        """Make a job known."""
        self.answers[answer["jobArn"]] = answer
        self.tags[answer["jobArn"]] = tags

    def load_model(self, answer: Mapping[str, Any]) -> None:
        """Make an imported or custom model known."""
        self.models[answer["modelArn"]] = answer

    def serve(self, request: Request) -> Response | None:
        """The answer to a request of Bedrock's, None to any other."""
        if request.method == "POST" and request.path == _TAGS:
            arn = json.loads(request.get_data())["resourceARN"]
            return _answer({"tags": self.tags[arn]}) if arn in self.tags else _not_found(arn)
        if request.method == "GET" and request.path.startswith(_MODELS):
            arn = unquote(request.path.split("/", 2)[2])
            return _answer(self.models[arn]) if arn in self.models else _not_found(arn)
        if request.method != "GET" or not request.path.startswith(_JOBS):
            return None
        name = unquote(request.path.removeprefix(_JOBS).removeprefix("/"))
        if not name:
            return _answer(self._page(request))
        known = next((each for each in self.answers.values() if name in (each["jobArn"], each["jobName"])), None)
        return _answer(known) if known is not None else _not_found(name)

    def _page(self, request: Request) -> dict[str, Any]:
        """One page of a region's jobs, the newest first: who lists asks for no other order."""
        region = request.headers["Authorization"].split("/")[2]
        before = as_datetime(request.args.get("creationTimeBefore", "2999-01-01T00:00:00Z"))
        jobs = [
            each
            for each in self.answers.values()
            if each["jobArn"].split(":")[3] == region and as_datetime(each["creationTime"]) < before
        ]
        jobs.sort(key=lambda each: as_datetime(each["creationTime"]), reverse=True)
        some, more = part_of(jobs, request.args, _DEFAULT_PAGE)
        summaries = [{name: each[name] for name in _SUMMARY if name in each} for each in some]
        return {"modelCustomizationJobSummaries": summaries, **more}


def _answer(document: Mapping[str, Any], status: int = 200, **headers: str) -> Response:
    text = json.dumps(document, default=as_text)
    return Response(text, status=status, headers={"Content-Type": "application/json", **headers})


def _not_found(name: str) -> Response:
    message = {"message": f"Could not find {name}"}
    return _answer(message, 404, **{"x-amzn-ErrorType": "ResourceNotFoundException"})
