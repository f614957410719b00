"""`flops-auditor watch`: the jobs in progress, what they have spent and will have spent; read-only, warns nobody."""

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from flops_auditor.data import default_policies
from flops_auditor.domain.audit.forecast import RunForecast
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.watch_jobs import Watched, Watcher, look_at, running_jobs
from flops_auditor_cli.adapters import watchers_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE, OVER_THRESHOLD
from flops_auditor_cli.options import OutputOption, PolicyOption, WideOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.turns import ListingInTurns
from flops_auditor_cli.view import show
from flops_auditor_cli.watch_live import can_be_live, watch_in_lines, watch_live
from flops_auditor_cli.watch_view import Sight, view_of

INTERVAL_SECONDS = 300


@talks_to_aws()
def command(
    only_region: Annotated[list[str] | None, typer.Option(help="Only jobs of this region; may be repeated.")] = None,
    policy: PolicyOption = None,
    once: Annotated[bool, typer.Option("--once", help="Look once, also on a terminal.")] = False,
    interval: Annotated[
        int | None,
        typer.Option(
            min=10,
            max=86400,
            help="Seconds between two looks; 300 on a terminal. Elsewhere it looks once if this is not given.",
        ),
    ] = None,
    wide: WideOption = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Look at what trains now: bars towards the threshold that each job or session meets first, and when it will.

    On a terminal it looks again and again until Ctrl-C. Piped, with TERM=dumb, with --once or with another --output it
    looks once; piped with --interval it goes on, with a line of each job. Warns nobody and stops nothing; the
    deployed function does.

    A look exits with 3 when the best estimate of one is over a threshold, 4 when one could not be looked at.

    For the auditor itself the template has a CloudWatch dashboard: deploy with Dashboard=true.
    """
    deployment = find_deployment(target)
    watchers = watchers_of(deployment, policy or list(default_policies()), only_region)

    def look() -> Sight:
        return sight_of(watchers)

    goes_on = output is Output.TABLE and not once and not wide
    if goes_on and can_be_live():
        watch_live(look, interval or INTERVAL_SECONDS)
    elif goes_on and interval is not None:
        watch_in_lines(look, interval)
    else:
        sight = look()
        show(view_of(sight, wide), output)
        tell(sight)


def sight_of(watchers: Sequence[tuple[Watcher, ListingInTurns]]) -> Sight:
    """What can be seen now, through all doors."""
    done = Watched()
    forecasts: list[RunForecast] = []
    for watcher, listing in watchers:
        forecasts += forecasts_of(watcher, done)
        listing.end()
    clock = watchers[0][0].recorder.clock
    return Sight(clock(), forecasts, (*done.failures, *done.closed))


def forecasts_of(watcher: Watcher, done: Watched) -> Iterator[RunForecast]:
    """What runs behind one door; what could not be looked at is reported in `done`."""
    for running, _ in running_jobs(watcher, done):
        try:
            looked = look_at(running.job, watcher.recorder, service=watcher.service)
        except AuditorError as error:
            done.failures += (f"{running.job.arn}: {error.name}: {error}",)
            continue
        if looked is not None:
            yield looked.seen


def tell(sight: Sight) -> None:
    """Say what is missing, and end with the code of what was seen."""
    if not sight.forecasts:
        say("No training is in progress" + (" where it could be seen." if sight.failures else "."))
    for failure in sight.failures:
        say(failure)
    if sight.over:
        raise typer.Exit(OVER_THRESHOLD)
    if sight.failures:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("watch")(command)
