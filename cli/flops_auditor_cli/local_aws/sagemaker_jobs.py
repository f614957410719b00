"""SageMaker's jobs of the newer kinds as the local AWS answers for them, since moto has none.

Facts: Amazon SageMaker API Reference, DescribeJob, ListJobs, StopJob.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flops_auditor_cli.local_aws.service_shapes import Members, StandIn, page_of

_SUMMARY = ("JobArn", "JobName", "JobCategory", "JobStatus", "CreationTime", "LastModifiedTime", "EndTime")
_DEFAULT_PAGE = 50


class LocalSageMakerJobs(StandIn):
    """Answers of DescribeJob by ARN."""

    describes = "DescribeJob"

    def operations(self) -> Mapping[str, Callable[[Members, str], Members | None]]:
        """Describing, listing a category, and stopping."""
        return {"DescribeJob": self._described, "ListJobs": self._page, "StopJob": self._stop}

    def arn_of(self, answer: Members) -> str:
        """The job's ARN."""
        return str(answer["JobArn"])

    def _of(self, category: str, region: str) -> list[Members]:
        return [each for each in self.here(region) if each["JobCategory"] == category]

    def _described(self, asked: Members, region: str) -> Members | None:
        jobs = self._of(asked["JobCategory"], region)
        return next((each for each in jobs if each["JobName"] == asked["JobName"]), None)

    def _stop(self, asked: Members, region: str) -> Members | None:
        known = self._described(asked, region)
        if known is None:
            return None
        self.load({**known, "JobStatus": "Stopping"})
        return {}

    def _page(self, asked: Members, region: str) -> Members:
        jobs, more = page_of(self._of(asked["JobCategory"], region), asked, _DEFAULT_PAGE)
        summaries = [
            {**{name: each[name] for name in _SUMMARY if name in each}, "JobSecondaryStatus": each["SecondaryStatus"]}
            for each in jobs
        ]
        return {"JobSummaries": summaries, **more}
