"""`flops-auditor watch`: the jobs in progress, what they have spent and will have spent; read-only, warns nobody."""

from fractions import Fraction
from typing import Annotated, Any

import typer

from flops_auditor.data import default_policies
from flops_auditor.domain.audit.forecast import RunForecast, ThresholdForecast
from flops_auditor.domain.messages.early_warning import percent
from flops_auditor.domain.values.amounts import flop
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.watch_jobs import Watched, look_at, running_jobs
from flops_auditor_cli.adapters import watcher_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE, OVER_THRESHOLD
from flops_auditor_cli.options import OutputOption, PolicyOption
from flops_auditor_cli.output import Output, emit, say

COLUMNS = {
    "region": "Region",
    "job": "Job",
    "hours": "Hours",
    "best_flop": "Best so far (FLOP)",
    "upper_flop": "At most (FLOP)",
    "scenario": "Nearest threshold",
    "best_share": "Best",
    "upper_share": "At most",
    "projected": "Best at time limit",
    "crosses_in": "Crosses in",
}
RIGHT = ("hours", "best_flop", "upper_flop", "best_share", "upper_share", "projected", "crosses_in")


def row_of(seen: RunForecast) -> dict[str, str]:
    """A running job for people: the threshold that it meets first."""
    audited, nearest = seen.audited, seen.closest()
    cumulative = audited.cumulative
    hours = "unknown" if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.1f}"
    return {
        "region": audited.run.region,
        "job": audited.run.name,
        "hours": hours,
        "best_flop": flop(cumulative.best_flop),
        "upper_flop": flop(cumulative.upper_flop),
        "scenario": f"{nearest.assessment.policy}, {nearest.assessment.scenario}" if nearest else "none",
        "best_share": percent(nearest.best_share if nearest else None),
        "upper_share": percent(nearest.upper_share if nearest else None),
        "projected": percent(nearest.projected_best_share if nearest else None),
        "crosses_in": _left(nearest),
    }


def _left(outlook: ThresholdForecast | None) -> str:
    if outlook is None or outlook.seconds_left is None:
        return "unknown"
    return "over" if outlook.crossed else f"{float(outlook.seconds_left) / 3600:.1f} h"


def document_of(seen: RunForecast) -> dict[str, Any]:
    """A running job for machines; shares are decimal strings."""
    job, cumulative = seen.audited.run, seen.audited.cumulative
    return {
        "job": {"name": job.name, "arn": job.arn, "id": job.job_id, "region": job.region},
        "cumulative": {
            "best_flop": None if cumulative.best_flop is None else str(cumulative.best_flop),
            "upper_flop": None if cumulative.upper_flop is None else str(cumulative.upper_flop),
            "ancestors": len(cumulative.ancestors),
        },
        "outlooks": [
            {
                "policy": o.assessment.policy,
                "scenario": o.assessment.scenario,
                "threshold_flop": str(o.assessment.threshold_flop),
                "verdict": o.assessment.verdict,
                "best_share": _decimal(o.best_share),
                "upper_share": _decimal(o.upper_share),
                "projected_best_share": _decimal(o.projected_best_share),
                "projected_upper_share": _decimal(o.projected_upper_share),
                "seconds_left": _decimal(o.seconds_left),
            }
            for o in seen.outlooks
        ],
    }


def _decimal(value: Fraction | None) -> str | None:
    return None if value is None else f"{float(value):.6g}"


@talks_to_aws()
def command(
    only_region: Annotated[list[str] | None, typer.Option(help="Only jobs of this region; may be repeated.")] = None,
    policy: PolicyOption = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Look at the training jobs in progress once. Warns nobody and stops nothing; the deployed function does.

    Exits with 3 when the best estimate of one is over a threshold, 4 when one could not be looked at.
    """
    deployment = find_deployment(target)
    watcher, listing = watcher_of(deployment, policy or list(default_policies()), only_region)
    done = Watched()
    found: list[RunForecast] = []
    for running in running_jobs(watcher, done):
        try:
            looked = look_at(running.job, watcher.recorder)
        except AuditorError as error:
            done.failures += (f"{running.job.arn}: {error.name}: {error}",)
            continue
        if looked is not None:
            found.append(looked.seen)
    listing.end()
    documents = [document_of(seen) for seen in found]
    emit([row_of(seen) for seen in found], output, COLUMNS, document=documents, right=RIGHT)
    if not found:
        say("No training job is in progress" + (" where it could be seen." if done.failures else "."))
    for failure in (*done.failures, *done.closed):
        say(failure)
    if any(outlook.crossed for seen in found for outlook in seen.outlooks):
        raise typer.Exit(OVER_THRESHOLD)
    if done.failures or done.closed:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(command)
