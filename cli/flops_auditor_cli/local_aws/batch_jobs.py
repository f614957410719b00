"""AWS Batch's jobs as the local AWS answers for them: loaded whole, since moto starts containers for its own.

Facts: AWS Batch API Reference, DescribeJobs, ListJobs, DescribeJobQueues, DescribeComputeEnvironments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from werkzeug.wrappers import Request

from flops_auditor_cli.local_aws.service_shapes import Members, StandIn, part_of

_PATHS = "/v1/"
_SUMMARY = ("jobArn", "jobId", "jobName", "createdAt", "status", "startedAt", "stoppedAt")
_MOST = 100


class LocalBatchJobs(StandIn):
    """Answers of DescribeJobs, each about one job, by its ARN; and what is said of compute environments, by theirs."""

    service = "batch"
    describes = "DescribeJobs"

    def __init__(self) -> None:
        super().__init__()
        self.environments: dict[str, Members] = {}
        self.queues: dict[str, Members] = {}

    def operations(self) -> Mapping[str, Callable[[Members, str], Members | None]]:
        """Describing jobs, queues and compute environments, and listing a queue."""
        return {
            "DescribeJobs": self._described,
            "ListJobs": self._page,
            "DescribeJobQueues": self._queues,
            "DescribeComputeEnvironments": self._environments,
        }

    def arn_of(self, answer: Members) -> str:
        """The job's ARN."""
        return str(answer["jobs"][0]["jobArn"])

    def load_into(self, answer: Members, environment: Members) -> None:
        """Make a job known, whose queue has one compute environment. Raises NotOfTheModel."""
        self.checked("DescribeComputeEnvironments", "output_shape", {"computeEnvironments": [environment]})
        self.load(answer)
        arn, queue = str(environment["computeEnvironmentArn"]), str(answer["jobs"][0]["jobQueue"])
        self.environments[arn] = environment
        self.queues[queue] = {
            "jobQueueName": queue.rsplit("/", 1)[-1],
            "jobQueueArn": queue,
            "state": "ENABLED",
            "priority": 1,
            "computeEnvironmentOrder": [{"order": 1, "computeEnvironment": arn}],
        }

    def operation_of(self, request: Request) -> str:
        """By its path, which is that of the operation in lower case."""
        names = {name.lower(): name for name in self.operations()}
        return names.get(request.path.removeprefix(_PATHS), "") if request.path.startswith(_PATHS) else ""

    def _jobs(self, region: str) -> list[Members]:
        return [answer["jobs"][0] for answer in self.here(region)]

    def _described(self, asked: Members, region: str) -> Members:
        return {"jobs": [each for each in self._jobs(region) if each["jobId"] in asked["jobs"]]}

    def _page(self, asked: Members, region: str) -> Members:
        """The page of a queue's jobs, children and nodes aside, of any status where a filter is given."""
        queue, status = asked["jobQueue"], None if asked.get("filters") else asked.get("jobStatus", "RUNNING")
        jobs = [
            each
            for each in self._jobs(region)
            if each["jobQueue"] == queue and status in (None, each["status"]) and not set(each["jobId"]) & set(":#")
        ]
        some, more = part_of(jobs, asked, _MOST)
        return {"jobSummaryList": [{name: each[name] for name in _SUMMARY if name in each} for each in some], **more}

    def _queues(self, asked: Members, region: str) -> Members:
        some, more = part_of(_named(self.queues, asked.get("jobQueues"), region), asked, _MOST)
        return {"jobQueues": some, **more}

    def _environments(self, asked: Members, region: str) -> Members:
        named = _named(self.environments, asked.get("computeEnvironments"), region)
        some, more = part_of(named, asked, _MOST)
        return {"computeEnvironments": some, **more}


def _named(known: Mapping[str, Members], names: Sequence[str] | None, region: str) -> list[Members]:
    """Those that are asked for, or all of a region."""
    here = {arn: each for arn, each in known.items() if arn.split(":")[3] == region}
    return [each for arn, each in here.items() if not names or arn in names]
