"""`flops-auditor records lineage`: the runs that a job continues, as a tree, each with its own compute."""

from typing import Annotated

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.lineage.lineage import to_json
from flops_auditor.domain.lineage.tree import MOST_ROWS, Row, tree
from flops_auditor.domain.values.amounts import flop
from flops_auditor.use_cases.auditing.find_lineage import recorded_lineage
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, emit, say
from flops_auditor_cli.recorded import find_record

COLUMNS = {
    "run": "Run",
    "activity": "Activity",
    "best_flop": "Best (FLOP)",
    "upper_flop": "At most (FLOP)",
    "note": "",
}


def rows_of(rows: list[Row], people: bool) -> list[dict[str, str]]:
    """The tree; FLOP in scientific notation for people, exact otherwise."""
    shown = flop if people else _exact
    return [
        {
            "run": row.branch + row.name,
            "activity": row.activity,
            "best_flop": shown(row.best_flop),
            "upper_flop": shown(row.upper_flop),
            "note": "see above" if row.again else ("in doubt" if row.doubtful else ""),
        }
        for row in rows
    ]


def _exact(amount: int | None) -> str:
    return "" if amount is None else str(amount)


@talks_to_aws()
def lineage_command(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Draw the runs that a job continues, and what they add up to."""
    deployment = find_deployment(target)
    item = find_record(deployment.output("RecordTableName"), job)
    content = predicate_of(item["envelope"].encode())
    found = recorded_lineage(content, S3Archive(client("s3"), deployment.output("ArchiveBucketName")))
    document = {
        "job": content["job"],
        "estimate": {key: content["estimate"][key] for key in ("best_flop", "upper_flop")},
        "cumulative": {key: content["cumulative"][key] for key in ("best_flop", "upper_flop")},
        "parents": list(found.parents),
        "ancestors": [to_json(ancestor) for ancestor in found.ancestors],
        "doubts": list(found.doubts),
    }
    emit(
        rows_of(tree(content, found), output is Output.TABLE),
        output,
        COLUMNS,
        document=document,
        right=("best_flop", "upper_flop"),
    )
    if output is Output.TABLE:
        total = content["cumulative"]
        best, upper = (None if total[k] is None else int(total[k]) for k in ("best_flop", "upper_flop"))
        count = len(found.ancestors)
        runs = f"{count} earlier run{'' if count == 1 else 's'}"
        say(f"{runs}. Together with this one: best {flop(best)}, at most {flop(upper)} FLOP")
        if len(found.ancestors) >= MOST_ROWS:
            say("The nearest runs are shown; --output json has all of them")
        for doubt in found.doubts:
            say(f"In doubt: {doubt}")


def register(app: typer.Typer) -> None:
    """Add the command to the group `records`."""
    app.command("lineage")(lineage_command)
