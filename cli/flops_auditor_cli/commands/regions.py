"""`flops-auditor regions`: have every other region forward the ends of training jobs to the stack's region."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from flops_auditor.aws.calls.clients import client
from flops_auditor.domain.values.arns import region_of
from flops_auditor.use_cases.operations.check_forwarding import forwarding_of
from flops_auditor_cli.adapters import forwarding_to, other_regions
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.region_stacks import deploy_region, remove_region, template
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"region": "Region", "state": "Forwards", "action": "What was done", "error": "Why not"}
WORDS = {"on": "yes", "off": "no, its rule is disabled", "missing": "no", None: "unknown"}
AT_ONCE = 8
"""Regions that are worked on at the same time; a stack takes about a minute."""


@talks_to_aws()
def regions(
    deploy: Annotated[bool, typer.Option("--deploy", help="Make or change the small stack of every region.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take these stacks away.")] = False,
    boundary: Annotated[
        str, typer.Option("--permissions-boundary", help="The permissions boundary that every role must have: an ARN.")
    ] = "",
    show_template: Annotated[
        bool, typer.Option("--template", help="Print the template, for StackSets of an organisation.")
    ] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Say which regions forward the ends of training jobs to the stack's region, or have them do it.

    Without that, the hourly listing finds a job of another region, unless somebody has deleted it before. Exits with 4
    while a region does not forward.
    """
    if show_template:
        typer.echo(template(), nl=False)
        return
    if deploy and remove:
        raise typer.BadParameter("give either --deploy or --remove")
    deployment = find_deployment(target)
    names = other_regions(deployment)
    stack, home = f"{target.stack_name}-region", region_of(deployment.output("AlertTopicArn"))
    done: dict[str, tuple[str, str]] = {}
    if deploy:
        values = {"HomeRegion": home, "PermissionsBoundaryArn": boundary}
        done = in_each(names, lambda region: deploy_region(region, stack, values))
    elif remove:
        done = in_each(names, lambda region: remove_region(region, stack))
    states = forwarding_of(names, forwarding_to(deployment))
    rows = []
    for each in states:
        action, error = done.get(each.region, ("", ""))
        rows.append(
            {"region": each.region, "state": WORDS[each.state], "action": action, "error": error or each.unread}
        )
    on = sum(each.state == "on" for each in states)
    document = {"home_region": home, "regions": rows, "forwarding": on}
    show(View("regions", document, [Table(COLUMNS, rows)], rows, tuple(COLUMNS)), output)
    say(f"{on} of {len(rows)} other regions forward the ends of training jobs to {home}")
    wanted = 0 if remove else len(rows)
    if on != wanted or any(row["error"] for row in rows):
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def in_each(names: Iterable[str], work: Callable[[str], str]) -> dict[str, tuple[str, str]]:
    """Do something in many regions at once; what was done, or why not, of each. One that fails stops no other."""

    def attempt(region: str) -> tuple[str, str]:
        try:
            outcome = work(region), ""
        except (ClientError, WaiterError, BotoCoreError) as error:
            outcome = "failed", str(error)
        say(f"{region}: {outcome[0]}")
        return outcome

    names = list(names)
    for region in names:
        client("cloudformation", region)  # clients are made one at a time: boto3's session is not made for threads
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return dict(zip(names, threads.map(attempt, names), strict=True))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(regions)
