"""SageMaker's training sessions as the local AWS answers for them, since moto has none.

Facts: Amazon SageMaker API Reference, DescribeTrainingSession, ListTrainingSessions, StopTrainingSession.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flops_auditor_cli.local_aws.service_shapes import Members, StandIn, page_of

_DETAIL = "TrainingSessionDetail"
_SUMMARY = ("TrainingSessionArn", "TrainingSessionStatus", "CreationTime", "LastModifiedTime")
_DEFAULT_PAGE = 10


class LocalTrainingSessions(StandIn):
    """Answers of DescribeTrainingSession by ARN."""

    describes = "DescribeTrainingSession"

    def operations(self) -> Mapping[str, Callable[[Members, str], Members | None]]:
        """Describing, listing and stopping."""
        return {
            "DescribeTrainingSession": self._described,
            "ListTrainingSessions": self._page,
            "StopTrainingSession": self._stop,
        }

    def arn_of(self, answer: Members) -> str:
        """The session's ARN."""
        return str(answer[_DETAIL]["TrainingSessionArn"])

    def _described(self, asked: Members, region: str) -> Members | None:
        name = asked["TrainingSessionName"]
        return next((each for each in self.here(region) if each[_DETAIL]["TrainingSessionName"] == name), None)

    def _stop(self, asked: Members, region: str) -> Members | None:
        known = self._described(asked, region)
        if known is None:
            return None
        self.load({_DETAIL: {**known[_DETAIL], "TrainingSessionStatus": "Stopping"}})
        return {}

    def _page(self, asked: Members, region: str) -> Members:
        details, more = page_of([each[_DETAIL] for each in self.here(region)], asked, _DEFAULT_PAGE)
        summaries = [{name: each[name] for name in _SUMMARY if name in each} for each in details]
        return {"TrainingSessionSummaries": summaries, **more}
