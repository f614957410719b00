"""How a comparison of SageMaker with the ledger is shown."""

from typing import Any

from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.compare_jobs import Comparison, RegionState
from flops_auditor_cli.output import say


def told(state: RegionState) -> None:
    """One line per region that has jobs or could not be read, on stderr."""
    if not state.listed and not state.error:
        return
    seen = state.error or f"{state.listed} jobs, {state.finished} finished, {len(state.missing)} without a record"
    say(f"{state.region}: {seen}")


def rows_of(comparison: Comparison, action: str) -> list[dict[str, Any]]:
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


def document_of(comparison: Comparison, rows: list[dict[str, Any]]) -> dict[str, Any]:
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
