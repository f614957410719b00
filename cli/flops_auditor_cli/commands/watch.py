"""`flops-auditor watch`: the jobs in progress, what they have spent and will have spent; read-only, warns nobody."""

from fractions import Fraction
from typing import Annotated, Any

import typer

from flops_auditor.data import default_policies
from flops_auditor.domain.audit.forecast import RunForecast, ThresholdForecast
from flops_auditor.domain.values.amounts import flop, percent
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.watch_jobs import Watched, look_at, running_jobs
from flops_auditor_cli.adapters import watcher_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE, OVER_THRESHOLD
from flops_auditor_cli.options import OutputOption, PolicyOption, WideOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.view import Table, View, show

COLUMNS = {
    "job": "Job",
    "flop": "FLOP so far",
    "best": "Share",
    "most": "At most",
    "projected": "At limit",
    "crosses_in": "Crosses in",
}
WIDE_COLUMNS = {
    "region": "Region",
    "job": "Job",
    "hours": "Hours",
    "flop": "Best so far (FLOP)",
    "upper": "At most (FLOP)",
    "nearest": "Nearest threshold",
    "best": "Best",
    "most": "At most",
    "projected": "Best at time limit",
    "crosses_in": "Crosses in",
}
RIGHT = ("hours", "flop", "upper", "best", "most", "projected", "crosses_in")
FIELDS = (
    *("region", "job", "job_arn", "hours", "best_flop", "upper_flop", "policy", "scenario", "best_share"),
    *("upper_share", "projected_best_share", "projected_upper_share", "seconds_left"),
)


def row_of(seen: RunForecast) -> dict[str, str]:
    """A running job for people: the threshold that it meets first."""
    audited, closest = seen.audited, seen.closest()
    cumulative = audited.cumulative
    hours = "unknown" if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.1f}"
    return {
        "region": audited.run.region,
        "job": audited.run.name,
        "hours": hours,
        "flop": flop(cumulative.best_flop),
        "upper": flop(cumulative.upper_flop),
        "nearest": f"{closest.assessment.policy}, {closest.assessment.scenario}" if closest else "none",
        "best": percent(closest.best_of_line if closest else None),
        "most": percent(closest.upper_of_line if closest else None),
        "projected": percent(closest.projected_best_of_line if closest else None),
        "crosses_in": _left(closest),
    }


def _left(outlook: ThresholdForecast | None) -> str:
    if outlook is None or outlook.seconds_left is None:
        return "unknown"
    return "over" if outlook.crossed else f"{float(outlook.seconds_left) / 3600:.1f} h"


def line_of(seen: RunForecast) -> dict[str, Any]:
    """A running job as a line of CSV."""
    document, closest = document_of(seen), seen.closest()
    outlook = document["outlooks"][seen.outlooks.index(closest)] if closest else {}
    hours = None if seen.spent_seconds is None else f"{float(seen.spent_seconds) / 3600:.6g}"
    job, total = document["job"], document["cumulative"]
    return {**outlook, **total, "region": job["region"], "job": job["name"], "job_arn": job["arn"], "hours": hours}


def document_of(seen: RunForecast) -> dict[str, Any]:
    """A running job for machines."""
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
                "best_share": _number(o.best_of_line),
                "upper_share": _number(o.upper_of_line),
                "projected_best_share": _number(o.projected_best_of_line),
                "projected_upper_share": _number(o.projected_upper_of_line),
                "seconds_left": _number(o.seconds_left),
            }
            for o in seen.outlooks
        ],
    }


def _number(value: Fraction | None) -> float | None:
    """A ratio or a duration for reading, not for deciding: six digits."""
    return None if value is None else float(f"{float(value):.6g}")


@talks_to_aws()
def command(
    only_region: Annotated[list[str] | None, typer.Option(help="Only jobs of this region; may be repeated.")] = None,
    policy: PolicyOption = None,
    wide: WideOption = False,
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
    forecasts: list[RunForecast] = []
    for running, _ in running_jobs(watcher, done):
        try:
            looked = look_at(running.job, watcher.recorder)
        except AuditorError as error:
            done.failures += (f"{running.job.arn}: {error.name}: {error}",)
            continue
        if looked is not None:
            forecasts.append(looked.seen)
    listing.end()
    document = {"jobs": [document_of(seen) for seen in forecasts], "failures": [*done.failures, *done.closed]}
    rows = [row_of(seen) for seen in forecasts]
    table = Table(WIDE_COLUMNS if wide else COLUMNS, rows, right=RIGHT, cut=() if wide else ("job",))
    show(View("watch", document, [table], [line_of(seen) for seen in forecasts], FIELDS), output)
    if not forecasts:
        say("No training job is in progress" + (" where it could be seen." if done.failures else "."))
    for failure in (*done.failures, *done.closed):
        say(failure)
    if any(outlook.crossed for seen in forecasts for outlook in seen.outlooks):
        raise typer.Exit(OVER_THRESHOLD)
    if done.failures or done.closed:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(command)
