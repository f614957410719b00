"""`flops-auditor records lineage`: the runs that a job continues, as a tree, each with its own compute."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.lineage.lineage import added_up, to_json
from flops_auditor.domain.lineage.tree import MOST_ROWS, TreeRow, tree
from flops_auditor.domain.messages.record_words import not_counted
from flops_auditor.domain.values.amounts import counted, flop
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Drawn, Output
from flops_auditor_cli.record_source import BundleOption, open_records
from flops_auditor_cli.recorded import the_one
from flops_auditor_cli.view import Block, Headline, PointList, Table, View, show

COLUMNS = {
    "run": "Run",
    "activity": "Activity",
    "best_flop": "Best (FLOP)",
    "upper_flop": "At most (FLOP)",
    "note": "Note",
}
RIGHT = ("best_flop", "upper_flop")


def rows_of(rows: Sequence[TreeRow], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """The tree, line by line, with the names of recorded jobs by id."""
    return [
        {
            "run": Drawn(row.branch, names.get(row.job_id, row.name)),
            "activity": row.activity,
            "best_flop": row.best_flop,
            "upper_flop": row.upper_flop,
            "note": ", ".join(word for word, so in _notes(row) if so),
        }
        for row in rows
    ]


def _notes(row: TreeRow) -> list[tuple[str, bool]]:
    doubtful = row.doubtful and not row.again
    return [("not counted", not row.counted), ("see above", row.again), ("in doubt", doubtful)]


@talks_to_aws()
def lineage_command(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    bundle: BundleOption = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Draw the runs that a job continues, and what they add up to."""
    source = open_records(target, bundle)
    content = predicate_of(source.line(the_one(source.named(job), job)))
    lineage = source.lineage(content)
    counts = added_up(lineage, content["job"]["activity"])
    document = {
        "job": content["job"],
        "estimate": {key: content["estimate"][key] for key in ("best_flop", "upper_flop")},
        "cumulative": {key: content["cumulative"][key] for key in ("best_flop", "upper_flop")},
        "parents": list(lineage.parents),
        "ancestors": [to_json(ancestor) for ancestor in lineage.ancestors],
        "not_counted": sorted({a.job_id for a in lineage.ancestors}.difference(a.job_id for a in counts)),
        "doubts": [doubt.to_json(content["job"]["arn"]) for doubt in lineage.doubts],
    }
    drawn = tree(content, lineage)
    rows = rows_of(drawn, source.names(list({row.job_id for row in drawn} - {""})))
    total, count = content["cumulative"], content["lineage"]["ancestors"]
    people = [
        {**row, "best_flop": flop(row["best_flop"]), "upper_flop": flop(row["upper_flop"], "upper")} for row in rows
    ]
    continues = (
        f"continues {counted(count, 'earlier run')}. Together" if count else "continues no run that counts. Alone"
    )
    together = f"best {flop(total['best_flop'])}, at most {flop(total['upper_flop'], 'upper')} FLOP"
    notes = [f"the nearest {MOST_ROWS} are shown; --output json has all"] if len(lineage.ancestors) >= MOST_ROWS else []
    notes += [f"{name[0].lower()}{name[1:]}: {what}" for name, what in not_counted(content)]
    blocks: list[Block] = [
        Headline(f"{content['job']['name']} {continues}: {together}"),
        Table(COLUMNS, people, right=RIGHT),
        PointList(notes, "Note"),
        PointList([doubt["words"] for doubt in document["doubts"]], "In doubt"),
    ]
    show(View("lineage", document, blocks, rows, tuple(COLUMNS)), output)


def register(app: typer.Typer) -> None:
    """Add the command to the group `records`."""
    app.command("lineage")(lineage_command)
