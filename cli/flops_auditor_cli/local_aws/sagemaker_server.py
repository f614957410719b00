"""The HTTP server that stands in for SageMaker and for CloudWatch's training-job metrics: moto, in its own process.

Run as `python -m flops_auditor_cli.local_aws.sagemaker_server --port PORT`. moto's own training jobs finish at once and
lose their Environment, so DescribeTrainingJob, ListTrainingJobs, ListTags, StopTrainingJob and GetMetricData are
answered from jobs loaded through `/_local/training-jobs` (POST loads, DELETE removes), and so are Bedrock's model
customization jobs and custom models (customization_jobs.py), SageMaker's training sessions (training_sessions.py), its
jobs of the newer kinds (sagemaker_jobs.py), its HyperPod clusters (clusters.py) and AWS Batch's jobs (batch_jobs.py);
the rest is moto's.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StructureShape
from moto.cloudwatch.models import CloudWatchBackend
from moto.core.responses import ActionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.sagemaker.exceptions import ValidationError
from moto.sagemaker.models import SageMakerModelBackend
from moto.sagemaker.responses import SageMakerResponse
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from flops_auditor_cli.local_aws.batch_jobs import LocalBatchJobs
from flops_auditor_cli.local_aws.clusters import LocalClusters
from flops_auditor_cli.local_aws.customization_jobs import LocalCustomizationJobs
from flops_auditor_cli.local_aws.jobs import (
    BATCH_PATH,
    CLUSTER_PATH,
    CUSTOM_MODEL_PATH,
    CUSTOMIZATION_PATH,
    LOAD_PATH,
    SAGEMAKER_JOB_PATH,
    SESSION_PATH,
)
from flops_auditor_cli.local_aws.sagemaker_jobs import LocalSageMakerJobs
from flops_auditor_cli.local_aws.training_jobs import (
    TRAINING_JOBS_NAMESPACE,
    LoadedJob,
    LocalTrainingJobs,
    as_datetime,
    series_of,
)
from flops_auditor_cli.local_aws.training_sessions import LocalTrainingSessions

DEFAULT_PAGE = 10
SUMMARY_MEMBERS = (
    "TrainingJobName",
    "TrainingJobArn",
    "CreationTime",
    "TrainingEndTime",
    "LastModifiedTime",
    "TrainingJobStatus",
)

StartResponse = Callable[..., Any]


def describe_shape(service: str = "sagemaker", operation: str = "DescribeTrainingJob") -> Shape:
    """botocore's shape of an operation's answer."""
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).output_shape
    if shape is None:
        raise RuntimeError(f"botocore describes no answer for {operation}")
    return shape


def shape_of_model(answer: Any) -> Shape:
    """botocore's shape of what Bedrock answers of a model, by its ARN."""
    imported = ":imported-model/" in answer["modelArn"]
    return describe_shape("bedrock", "GetImportedModel" if imported else "GetCustomModel")


def with_datetimes(value: Any, shape: Shape) -> Any:
    """The answer with every timestamp of the shape made a datetime; members botocore does not know are refused."""
    if isinstance(shape, StructureShape):
        unknown = set(value) - set(shape.members) - {"ResponseMetadata"}
        if unknown:
            raise ValueError(f"{shape.name} has no member {sorted(unknown)}")
        return {name: with_datetimes(value[name], shape.members[name]) for name in value if name in shape.members}
    if isinstance(shape, ListShape):
        return [with_datetimes(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: with_datetimes(item, shape.value) for key, item in value.items()}
    return as_datetime(value) if shape.type_name == "timestamp" else value


def region_of(host: SageMakerModelBackend) -> str:
    """The region that a backend answers for."""
    return str(host.region_name)


def answer_from(jobs: LocalTrainingJobs) -> None:
    """Let moto's SageMaker and CloudWatch answer from the loaded jobs."""

    def describe(self: SageMakerModelBackend, training_job_name: str) -> dict[str, Any]:
        job = jobs.get(region_of(self), training_job_name)
        if job is None:
            # SageMaker's own words for a job that it does not know.
            raise ValidationError(message="Requested resource not found.")
        return job.describe_answer

    def list_tags(self: SageMakerResponse) -> ActionResult:
        job = jobs.by_arn(self._get_param("ResourceArn"))
        return ActionResult({"Tags": job.tags if job else []})

    def list_jobs(self: SageMakerResponse) -> ActionResult:
        return ActionResult(page_of(jobs.in_region(region_of(self.sagemaker_backend)), self._get_param))

    def stop(self: SageMakerResponse) -> ActionResult:
        job = jobs.get(region_of(self.sagemaker_backend), self._get_param("TrainingJobName"))
        if job is None:
            raise ValidationError(message="Requested resource not found.")
        job.describe_answer["TrainingJobStatus"] = "Stopping"
        return ActionResult({})

    def get_metric_data(
        self: CloudWatchBackend,
        queries: list[dict[str, Any]],
        start_time: datetime,
        end_time: datetime,
        scan_by: str = "TimestampDescending",
    ) -> list[dict[str, Any]]:
        return [metric_answer(jobs, query, (start_time, end_time), scan_by) for query in queries]

    for owner, name, function in (
        (SageMakerModelBackend, "describe_training_job", describe),
        (SageMakerResponse, "list_tags", list_tags),
        (SageMakerResponse, "list_training_jobs", list_jobs),
        (SageMakerResponse, "stop_training_job", stop),
        (CloudWatchBackend, "get_metric_data", get_metric_data),
    ):
        setattr(owner, name, function)


def page_of(jobs: list[LoadedJob], parameter: Callable[[str], Any]) -> dict[str, Any]:
    """One page of ListTrainingJobs: filters first, then the page."""
    if parameter("SortOrder") == "Ascending":
        jobs = jobs[::-1]
    if status := parameter("StatusEquals"):
        jobs = [job for job in jobs if job.describe_answer["TrainingJobStatus"] == status]
    if text := parameter("NameContains"):
        jobs = [job for job in jobs if text in job.name]
    for member in ("CreationTime", "LastModifiedTime"):
        if after := parameter(f"{member}After"):
            jobs = [job for job in jobs if (job.time(member) or as_datetime(after)) > as_datetime(after)]
        if before := parameter(f"{member}Before"):
            jobs = [job for job in jobs if (job.time(member) or as_datetime(before)) < as_datetime(before)]
    begin = int(parameter("NextToken") or 0)
    end = begin + int(parameter("MaxResults") or DEFAULT_PAGE)
    summaries = [
        {member: job.describe_answer[member] for member in SUMMARY_MEMBERS if member in job.describe_answer}
        for job in jobs[begin:end]
    ]
    answer: dict[str, Any] = {"TrainingJobSummaries": summaries}
    if end < len(jobs):
        answer["NextToken"] = str(end)
    return answer


def metric_answer(
    jobs: LocalTrainingJobs, query: dict[str, Any], window: tuple[datetime, datetime], scan_by: str
) -> dict[str, Any]:
    """One MetricDataResult; empty where the query is not about a training job."""
    points: list[tuple[int, float]] = []
    stat = query.get("MetricStat", {})
    metric = stat.get("Metric", {})
    dimensions = {d["Name"]: d["Value"] for d in metric.get("Dimensions", [])}
    place = dimensions.get("Host") or dimensions.get("TrainingJobName")
    if metric.get("Namespace") == TRAINING_JOBS_NAMESPACE and place:
        start, end = (as_datetime(moment).timestamp() for moment in window)
        series = jobs.series(metric["MetricName"], place)
        points = series.statistic(stat["Stat"], (start, end), int(stat["Period"]), time.time())
    if scan_by != "TimestampAscending":
        points = points[::-1]
    return {
        "id": query["Id"],
        "label": query.get("Label") or query["Id"],
        "timestamps": [datetime.fromtimestamp(begin, UTC) for begin, _ in points],
        "values": [value for _, value in points],
        "status_code": "Complete",
    }


def application(jobs: LocalTrainingJobs) -> Callable[[dict[str, Any], StartResponse], Iterable[bytes]]:
    """The WSGI application: the loaders' paths, what moto does not know, and moto for everything else."""
    moto = DomainDispatcherApplication(create_backend_app)
    shape = describe_shape()
    customization_jobs, sessions = LocalCustomizationJobs(), LocalTrainingSessions()
    newer_jobs, batch_jobs, clusters = LocalSageMakerJobs(), LocalBatchJobs(), LocalClusters()

    def loader_of(
        shape: Shape | Callable[[Any], Shape], load: Callable[[Any, dict[str, Any]], None]
    ) -> Callable[[Request], Response]:
        def load_answer(request: Request) -> Response:
            body = json.loads(request.get_data())
            answer = body["answer"]
            try:
                load(with_datetimes(answer, shape if isinstance(shape, Shape) else shape(answer)), body)
            except (KeyError, ValueError) as error:
                return Response(f"{type(error).__name__}: {error}", status=400)
            return Response(status=204)

        return load_answer

    def loader(request: Request) -> Response:
        body = json.loads(request.get_data() or b"{}")
        if request.method == "DELETE":
            return Response(status=204 if jobs.remove(body["region"], body["name"]) else 404)
        try:
            answer = with_datetimes(body["describe_answer"], shape)
            job = LoadedJob(answer, body.get("tags") or [])
            job.series.update(series_of(body.get("metrics") or {}, job.name))
            job.arn.split(":")[5]
        except (KeyError, IndexError, ValueError) as error:
            return Response(f"{type(error).__name__}: {error}", status=400)
        jobs.load(job)
        return Response(status=204)

    loads: dict[str, Callable[[Request], Response | None]] = {
        LOAD_PATH: loader,
        CUSTOMIZATION_PATH: loader_of(
            describe_shape("bedrock", "GetModelCustomizationJob"),
            lambda answer, body: customization_jobs.load(answer, body["tags"]),
        ),
        CUSTOM_MODEL_PATH: loader_of(shape_of_model, lambda answer, _: customization_jobs.load_model(answer)),
        SESSION_PATH: loader_of(
            describe_shape(operation="DescribeTrainingSession"), lambda answer, _: sessions.load(answer)
        ),
        SAGEMAKER_JOB_PATH: loader_of(
            describe_shape(operation="DescribeJob"), lambda answer, _: newer_jobs.load(answer)
        ),
        BATCH_PATH: loader_of(
            describe_shape("batch", "DescribeJobs"),
            lambda answer, body: batch_jobs.load_into(answer, body["environment"]),
        ),
    }

    nodes = describe_shape(operation="ListClusterNodes")
    loads[CLUSTER_PATH] = loader_of(
        describe_shape(operation="DescribeCluster"),
        lambda answer, body: clusters.load_with(answer, with_datetimes(body["nodes"], nodes)["ClusterNodeSummaries"]),
    )

    def serve(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        request = Request(environ)
        served = loads.get(request.path, customization_jobs.serve)(request) or sessions.serve(request)
        served = served or newer_jobs.serve(request) or batch_jobs.serve(request) or clusters.serve(request)
        if served is not None:
            return served(environ, start_response)
        answer: Iterable[bytes] = moto(environ, start_response)
        return answer

    return serve


def main() -> None:
    """Serve on 127.0.0.1 until ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    jobs = LocalTrainingJobs()
    answer_from(jobs)
    server = make_server("127.0.0.1", port, application(jobs), True, request_handler=MotoRequestHandler)
    server.serve_forever()


if __name__ == "__main__":
    main()
