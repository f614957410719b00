"""`flops-auditor records`: list and show what was recorded, from the deployed table or from a bundle."""

from dataclasses import replace
from datetime import datetime
from enum import StrEnum
from typing import Annotated

import typer

from flops_auditor.domain.ledger.dsse import parse_envelope
from flops_auditor.domain.ledger.statement import parse_statement
from flops_auditor.domain.messages.record_row import listed_record, reaches
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.visible import meanings
from flops_auditor.use_cases.ports.records import RecordQuery
from flops_auditor_cli.audit_view import view_of
from flops_auditor_cli.deployment import Target, talks_to_aws
from flops_auditor_cli.near_names import did_you_mean, names_of_model, no_job_on
from flops_auditor_cli.options import OutputOption, WideOption, moment_or_begin, moment_or_end
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.record_source import BundleOption, RecordSource, open_records
from flops_auditor_cli.recorded import listing, the_one
from flops_auditor_cli.view import FactList, show


class VerdictChoice(StrEnum):
    """What can be asked for."""

    BELOW = "below"
    INDETERMINATE = "indeterminate"
    ABOVE = "above"


@talks_to_aws()
def list_records(
    verdict: Annotated[VerdictChoice | None, typer.Option(help="Only jobs whose newest record says so.")] = None,
    base_model: Annotated[
        str | None,
        typer.Option(help="Only jobs on this base model, by any name that the table of base models or a record has."),
    ] = None,
    lineage: Annotated[
        str | None, typer.Option(help="Only jobs that continue this one, by the job id of the first run of all.")
    ] = None,
    only_region: Annotated[str | None, typer.Option(help="Only jobs of this region.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(parser=moment_or_begin, metavar="DAY|MOMENT", help="Only jobs that ended then or later (UTC)."),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(
            parser=moment_or_end,
            metavar="DAY|MOMENT",
            help="Only jobs that ended then or before (UTC; of a day, its end).",
        ),
    ] = None,
    share_from: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="Only jobs that may have taken this share of their nearest threshold or more, such as 0.5: by the "
            "share at most.",
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many jobs.")] = 1000,
    wide: WideOption = False,
    bundle: BundleOption = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """List recorded jobs by their newest record, the latest first.

    FLOP include those of the runs that a job continues; the share is that of the nearest threshold, at most, and with
    --wide by the best estimate, too. Verdict, model, lineage, region and time are looked for in the table; the share is
    in the records alone, which are read for it.
    """
    query = RecordQuery(
        verdict=verdict or "",
        base_model=base_model or "",
        lineage=lineage or "",
        region=only_region or "",
        ended_from=iso(since) if since else "",
        ended_until=iso(until) if until else "",
    )
    source = open_records(target, bundle)
    matching = _matching(source, query) if query.asks else source.rows()
    if share_from is None:
        shown = matching[:limit]
        records = [listed_record(content) for content in source.contents(shown)]
        left_out = len(matching) - len(shown)
    else:
        every = [listed_record(content) for content in source.contents(matching)]
        large = [record for record in every if reaches(record.row, share_from)]
        records, left_out = large[:limit], len(large[limit:])
    show(listing(records, left_out, wide), output)
    if not records:
        say("No record fits." if query.asks or share_from is not None else "Nothing is recorded yet.")
        say(*_nothing_has(query, source))
    if left_out:
        say(f"{left_out} more; raise --limit to see them")


def _matching(source: RecordSource, query: RecordQuery) -> list[dict[str, str]]:
    """The rows that fit. A model may be named as it is, as it is shown, or in another way that the table of base models
    knows; where these are several models, that is said.
    """
    asked = query.base_model
    by_name = {name: source.fitting(replace(query, base_model=name)) for name in names_of_model(asked) or ("",)}
    with_jobs = {name for name, rows in by_name.items() if rows}
    if len(with_jobs.intersection(meanings(asked))) > 1:
        say(f"{asked} is the name of a model, and how another one is shown: the jobs on both are listed")
    for name in with_jobs.difference(meanings(asked)):
        say(f"{asked}: the table of base models calls it {name}, whose jobs are listed")
    rows = [row for each in by_name.values() for row in each]
    return sorted(rows, key=lambda row: row.get("ended_at", ""), reverse=True)


def _nothing_has(query: RecordQuery, source: RecordSource) -> list[str]:
    """What was asked for that no recorded job has at all, and what is like it: a name that is spelled wrong finds none,
    too.
    """
    if not query.base_model and not query.region:
        return []
    rows = source.rows()
    told = [no_job_on(query.base_model, (row.get("base_model", "") for row in rows))] if query.base_model else []
    regions = {row["region"] for row in rows}
    if query.region and query.region not in regions:
        told.append(f"No recorded job ran in {query.region}.{did_you_mean(query.region, regions)}")
    return list(filter(None, told))


@talks_to_aws()
def show_record(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    envelope: Annotated[bool, typer.Option("--envelope", help="The signed envelope itself, byte for byte.")] = False,
    bundle: BundleOption = None,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Show the newest record of a job."""
    source = open_records(target, bundle)
    line = source.line(the_one(source.named(job), job))
    if envelope:
        typer.echo(line.decode(), nl=False)
        return
    signed = parse_envelope(line)
    statement, key = parse_statement(signed.payload), signed.signatures[0].keyid
    content = statement.predicate
    facts = FactList(
        [
            ("Recorded", f"{content['recorded_at']}, revision {content['revision']}"),
            ("Signed by", f"key {key[:16]}..."),
            ("Evidence", f"SHA-256 {statement.subject_sha256[:16]}..."),
        ],
        "Record",
    )
    document = {**content, "evidence_sha256": statement.subject_sha256, "key_id": key}
    show(view_of(document, "record", (facts,)), output)


def register(app: typer.Typer) -> None:
    """Add the commands to the group."""
    app.command("list")(list_records)
    app.command("show")(show_record)
