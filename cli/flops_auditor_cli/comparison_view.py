"""How a comparison of SageMaker with the ledger is shown."""

import time
from typing import Any

from flops_auditor.domain.values.amounts import counted
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.compare_jobs import JobComparison, RegionState
from flops_auditor_cli.output import say

SECONDS_BETWEEN_LINES = 10.0


class RegionProgress:
    """Lines on stderr: how far a region is that takes long, and how each ended that has jobs or could not be read."""

    def __init__(self) -> None:
        self._last: RegionState | None = None
        self._said_at = time.monotonic()

    def __call__(self, state: RegionState) -> None:
        """After each page."""
        if self._last is not None and self._last.region != state.region:
            self.end()
        self._last = state
        if state.error or time.monotonic() - self._said_at >= SECONDS_BETWEEN_LINES:
            self._say(state)

    def end(self) -> None:
        """After the last page of a region."""
        if self._last is not None and self._last.listed:
            self._say(self._last)
        self._last = None

    def _say(self, state: RegionState) -> None:
        without = f"{len(state.missing)} without a record"
        seen = state.error or f"{counted(state.listed, 'job')}, {state.finished} finished, {without}"
        say(f"{state.region}: {seen}")
        self._said_at = time.monotonic()


def rows_of(comparison: JobComparison, action: str) -> list[dict[str, Any]]:
    """One row per job without a record."""
    return [
        {
            "region": job.region,
            "name": job.name,
            "status": job.status,
            "ended_at": iso(job.last_modified or job.creation_time),
            "arn": job.arn,
            "job_id": job.job_id,
            "action": action,
        }
        for job in comparison.missing
    ]


def document_of(comparison: JobComparison, rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The comparison as JSON."""
    return {
        "compared_at": iso(comparison.compared_at),
        "complete_to": iso(comparison.complete_to) if comparison.complete_to else None,
        "regions": [
            {
                "region": state.region,
                "listed": state.listed,
                "finished": state.finished,
                "settling": state.settling,
                "missing": len(state.missing),
                "error": state.error or None,
            }
            for state in comparison.regions
        ],
        "jobs": rows,
    }
