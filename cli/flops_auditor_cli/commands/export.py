"""`flops-auditor export`: write a bundle that anybody can verify without AWS - all, a time range, or one model."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.calls.side_by_side import ahead
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.domain.ledger.bundle import EVERYTHING
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.visible import as_written, meanings
from flops_auditor.pages.render import report_page
from flops_auditor.use_cases.ledger.export_bundle import (
    NothingChosen,
    RecordFilter,
    export_part,
    export_whole,
    of_job,
    of_model,
    of_time,
)
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.near_names import did_you_mean, names_of_model
from flops_auditor_cli.options import OutputOption, moment_or_begin
from flops_auditor_cli.output import Output, plain, say
from flops_auditor_cli.view import Table, View, show
from flops_auditor_cli.written import check_place

COLUMNS = {"path": "Bundle", "selection": "Selection", "records": "Records", "size": "Leaves of the log"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("export")(export)


@talks_to_aws()
def export(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The zip file to write.")],
    model: Annotated[
        str, typer.Option(help="Only jobs on this base model, every record of each of them, with proofs.")
    ] = "",
    job: Annotated[str, typer.Option(help="Only records of this training job (name or ARN), with proofs.")] = "",
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment_or_begin, metavar="DAY|MOMENT", help="Only those recorded from then on (UTC)."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=moment_or_begin, metavar="DAY|MOMENT", help="Only those recorded before (UTC)."),
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that is there.")] = False,
    *,
    target: Target,
    output: OutputOption = Output.TABLE,
) -> None:
    """Write a bundle of the ledger for a regulator: everything, or chosen records that prove their place in the log."""
    check_place(bundle)
    if bundle.exists() and not overwrite:
        raise typer.BadParameter(f"{plain(bundle)} is there already: name another file, or add --overwrite")
    deployment = find_deployment(target)
    archive, ledger = S3Archive(client("s3"), deployment.output("ArchiveBucketName")), deployment.output("LedgerId")
    chosen, selection = selection_of(model, job, since, until)
    now = datetime.now(UTC)
    if not selection:
        selection = EVERYTHING
        written = export_whole(archive, ledger, bundle, now, report_page, ahead)
    else:
        seen = NamesSeen(of_model(*names_of_model(model)) if model else chosen)
        by_model = {"by_job": seen, "chosen": chosen} if model else {"chosen": seen}
        try:
            written = export_part(archive, ledger, bundle, now, selection, page=report_page, ahead=ahead, **by_model)
        except NothingChosen as error:
            raise NothingChosen(f"{error}.{seen.alike(model, job)}".rstrip(".")) from error
    row = {"path": str(bundle), "selection": selection, "records": written.records, "size": written.size}
    show(View("export", row, [Table(COLUMNS, [row], right=("records", "size"))], [row]), output)
    for key in written.left_out:
        say(f"left out: {plain(key)} is too large for any verifier, which will say that it cannot verify it")
    if written.not_shown:
        say(f"left out: {' and '.join(written.not_shown)}, too large for a bundle; see `report` and `records list`")
    say(f"check it with: flops-auditor verify {shlex.quote(plain(bundle))}")


def model_in_words(model: str) -> str:
    """A model as it is asked for, and as the table of base models calls it where it has another name for it."""
    listed = [name for name in names_of_model(model) if name not in meanings(model)]
    return f"{model} ({', '.join(listed)})" if listed else model


class NamesSeen:
    """A filter of records that remembers which models and jobs it was asked about, to say which are like one that no
    record has.
    """

    def __init__(self, fits: RecordFilter) -> None:
        self._fits = fits
        self._models: set[str] = set()
        self._jobs: set[str] = set()

    def __call__(self, content: dict[str, Any]) -> bool:
        """Whether a record fits."""
        self._models.add(as_written(content["original"]["base_model"]))
        self._jobs.add(content["job"]["name"])
        return self._fits(content)

    def alike(self, model: str, job: str) -> str:
        """A question about names that are like these; "" where these are known, or none is like them."""
        model_known = self._models.intersection(names_of_model(model))
        asked = [("" if model_known else model, self._models), ("" if job in self._jobs else job, self._jobs)]
        return "".join(did_you_mean(name, known - {""}) for name, known in asked if name)


def selection_of(model: str, job: str, since: datetime | None, until: datetime | None) -> tuple[RecordFilter, str]:
    """Which records are asked for, of the jobs on the model if one is named; and all that is asked for in words."""
    choices: list[RecordFilter] = []
    words = [f"base model {model_in_words(model)}"] if model else []
    if job:
        choices.append(of_job(job))
        words.append(f"training job {job}")
    if since or until:
        choices.append(of_time(since, until))
        words += [f"recorded from {iso(since)}"] if since else []
        words += [f"recorded before {iso(until)}"] if until else []
    return lambda content: all(choice(content) for choice in choices), ", ".join(words)
