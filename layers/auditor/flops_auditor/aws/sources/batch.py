"""The BatchJobs, JobListing and JobStates ports on AWS Batch, in any region."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from flops_auditor.aws.calls.listing_pages import page_at_pace, pages_at_pace
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.refusals import refusals
from flops_auditor.aws.sources.self_described import SelfDescribedStates
from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.sources.batch_job import passed_over
from flops_auditor.domain.runs.sources.batch_job_answer import DESCRIBE_BATCH_JOBS, MalformedBatchJob, parse_batch_job
from flops_auditor.domain.runs.sources.batch_job_hosts import (
    DESCRIBE_ENVIRONMENTS,
    Environments,
    may_have_accelerators,
)
from flops_auditor.domain.values.arns import name_of, region_of
from flops_auditor.domain.values.moments import read_time
from flops_auditor.use_cases.ports.sources import ListedJob, ListedPage, SourceDenied, UnknownTrainingJob

DESCRIBE_QUEUES = "batch:DescribeJobQueues"
LIST_BATCH_JOBS = "batch:ListJobs"
PAGE = 100
"""The most that ListJobs gives, and DescribeJobs takes, at once."""
_EVERY_JOB = [{"name": "JOB_NAME", "values": ["*"]}]
"""Without a filter ListJobs gives jobs of one status alone (API Reference, ListJobs)."""
_OF_OTHER_SERVICES = frozenset({"SAGEMAKER_TRAINING", "ECS_FARGATE"})
"""Queues of service jobs, which wrap training jobs, and of hosts without accelerators."""
_UNKNOWN = "NotFound"


class DescribedBatchJobs:
    """Needs batch:DescribeJobs, batch:DescribeJobQueues and batch:DescribeComputeEnvironments."""

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._client_for = client_for

    def describe(self, arn: str) -> Mapping[str, Any]:
        """The part of the answer that is about the job; AWS Batch leaves out what it does not know."""
        with refusals(DESCRIBE_BATCH_JOBS):
            jobs = self._client_for(region_of(arn)).describe_jobs(jobs=[name_of(arn)])["jobs"]
        if not jobs:
            raise UnknownTrainingJob(f"{arn}: DescribeJobs knows none")
        known: Mapping[str, Any] = jobs[0]
        return known

    def environments(self, queue: str) -> Environments:
        """One request for the queue, and one for its environments."""
        client = self._client_for(region_of(queue))
        try:
            with refusals(DESCRIBE_QUEUES):
                queues = client.describe_job_queues(jobQueues=[queue])["jobQueues"]
            if not queues:
                return {queue: Unread(DESCRIBE_QUEUES, _UNKNOWN)}
            named = [each["computeEnvironment"] for each in queues[0]["computeEnvironmentOrder"]]
            with refusals(DESCRIBE_ENVIRONMENTS):
                told = client.describe_compute_environments(computeEnvironments=named)["computeEnvironments"]
        except SourceDenied as denied:
            return {queue: denied.unread}
        known = {each["computeEnvironmentArn"]: each for each in told}
        return {arn: known.get(arn, Unread(DESCRIBE_ENVIRONMENTS, _UNKNOWN)) for arn in named}


class BatchListing:
    """Needs batch:DescribeJobQueues, batch:DescribeComputeEnvironments, batch:ListJobs and batch:DescribeJobs. The
    clients must not try again by themselves.

    A region without queues takes one request. Queues that cannot have accelerators are not listed, and jobs that are no
    runs are left out. Each operation keeps a pace of its own.
    """

    def __init__(self, client_for: Callable[[str], Any], pace: Callable[[], Pace]) -> None:
        self._client_for = client_for
        actions = (DESCRIBE_QUEUES, DESCRIBE_ENVIRONMENTS, LIST_BATCH_JOBS, DESCRIBE_BATCH_JOBS)
        self._paces = {action: pace() for action in actions}

    def page(self, region: str, created_before: datetime, token: str = "") -> ListedPage:
        """All runs among the region's jobs, the newest first; each page asked for again, more slowly, where it was
        throttled or did not come.
        """
        jobs = [_listed(each, region) for queue in self._queues(region) for each in self._runs(queue, region)]
        known = {each.arn: each for each in jobs if each.creation_time < created_before}
        return ListedPage(tuple(sorted(known.values(), key=lambda each: each.creation_time, reverse=True)))

    def _queues(self, region: str) -> Iterator[str]:
        """The ARNs of those queues whose jobs may have accelerators."""
        client = self._client_for(region)
        asked = self._all(DESCRIBE_QUEUES, client.describe_job_queues, region)
        queues = [each for page in asked for each in page["jobQueues"]]
        queues = [each for each in queues if each.get("jobQueueType") not in _OF_OTHER_SERVICES]
        if not queues:
            return
        told = self._all(DESCRIBE_ENVIRONMENTS, client.describe_compute_environments, region)
        known = {each["computeEnvironmentArn"]: each for page in told for each in page["computeEnvironments"]}
        for queue in queues:
            environments = [known.get(each["computeEnvironment"]) for each in queue["computeEnvironmentOrder"]]
            if any(each is None or may_have_accelerators(each) for each in environments):
                yield queue["jobQueueArn"]

    def _runs(self, queue: str, region: str) -> Iterator[Mapping[str, Any]]:
        """What DescribeJobs says of the queue's jobs, and of children, that are runs."""
        ask = partial(self._client_for(region).list_jobs, jobQueue=queue, filters=_EVERY_JOB)
        for page in self._all(LIST_BATCH_JOBS, ask, region):
            for job in self._described([each["jobId"] for each in page["jobSummaryList"]], region):
                if size := _children(job):
                    names = [f"{job['jobId']}:{index}" for index in range(size)]
                    yield from filter(_is_run, self._described(names, region))
                elif _is_run(job):
                    yield job

    def _described(self, names: Sequence[str], region: str) -> Iterator[Mapping[str, Any]]:
        client = self._client_for(region)
        for first in range(0, len(names), PAGE):
            ask = partial(client.describe_jobs, jobs=names[first : first + PAGE])
            yield from page_at_pace(ask, DESCRIBE_BATCH_JOBS, region, self._paces[DESCRIBE_BATCH_JOBS])["jobs"]

    def _all(self, action: str, ask: Callable[..., Any], region: str) -> Iterator[Mapping[str, Any]]:
        """All pages of a listing."""

        def page(token: str) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = ask(maxResults=PAGE, **({"nextToken": token} if token else {}))
            return answer

        return pages_at_pace(page, action, region, self._paces[action], after="nextToken")


class BatchStates(SelfDescribedStates):
    """The JobStates port: needs batch:DescribeJobs."""

    asks = asks_tags = DESCRIBE_BATCH_JOBS
    status = "status"

    def __init__(self, client_for: Callable[[str], Any]) -> None:
        self._jobs = DescribedBatchJobs(client_for)

    def described(self, job: ListedJob) -> Mapping[str, Any]:
        """What DescribeJobs says of it now."""
        told = self._jobs.describe(job.arn)
        stopped = {"LastModifiedTime": read_time(told["stoppedAt"])} if told.get("stoppedAt") else {}
        tags = [{"Key": key, "Value": value} for key, value in (told.get("tags") or {}).items()]
        return {"status": told["status"], "CreationTime": read_time(told["createdAt"]), "Tags": tags, **stopped}


def _children(job: Mapping[str, Any]) -> int:
    """How many children an array job has that are runs, as all of them are where one is."""
    array = job.get("arrayProperties") or {}
    if not array.get("size") or array.get("index") is not None:
        return 0
    return int(array["size"]) if _is_run({**job, "arrayProperties": None}) else 0


def _is_run(job: Mapping[str, Any]) -> bool:
    """Whether a job is a run; one that cannot be read is taken for one, so that its audit names why."""
    try:
        return bool(job.get("createdAt")) and not passed_over(parse_batch_job(job))
    except MalformedBatchJob:
        return True


def _listed(job: Mapping[str, Any], region: str) -> ListedJob:
    stopped = read_time(job["stoppedAt"]) if job.get("stoppedAt") else None
    return ListedJob(job["jobName"], job["jobArn"], region, job["status"], read_time(job["createdAt"]), stopped)
