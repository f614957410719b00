"""`flops-auditor amend`: better evidence about a recorded job, in a new signed record that supersedes."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from flops_auditor.aws.wiring.doors import shut_by
from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.domain.audit.record import WORDS, unrecorded
from flops_auditor.domain.compute.run_estimate import NO_SIZE
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.declared import ACTIVITIES, Activity
from flops_auditor.domain.runs.stated import Stated
from flops_auditor.domain.values.amounts import flop
from flops_auditor.domain.values.differences import differences
from flops_auditor.use_cases.auditing.amend_record import amend, foresee
from flops_auditor_cli.adapters import environment_of
from flops_auditor_cli.audit_view import stated_in, view_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import OF_VERDICT
from flops_auditor_cli.options import OutputOption, amount, number
from flops_auditor_cli.output import Output
from flops_auditor_cli.record_table import find_record
from flops_auditor_cli.schemas import AUDIT
from flops_auditor_cli.stated_options import FromScratchOption, states
from flops_auditor_cli.view import Headline, Table, View, show

COUNTED = ("estimate", "cumulative", "assessments", "original", "verdict")
"""The members of a record that evidence is given for."""


def policies_of(content: dict[str, Any]) -> list[str]:
    """The policies that a record was assessed under."""
    names = [name for name in content["tables"] if name.startswith("policies/")]
    return [name.removeprefix("policies/").removesuffix(".json") for name in names]


def _activity(text: str | None) -> Activity | None:
    """One of the activities. Raises typer.BadParameter."""
    known = next((each for each in ACTIVITIES if each == text), None)
    if text is not None and known is None:
        raise typer.BadParameter(f"--activity is one of {', '.join(ACTIVITIES)}")
    return known


@talks_to_aws()
@states
def command(
    job: Annotated[str, typer.Argument(metavar="JOB", help="Job name, ARN or job id.")],
    who: Annotated[str, typer.Option(help="Who gives the evidence: name or address.")],
    why: Annotated[str, typer.Option(help="Why it is better than what was recorded.")],
    tokens: Annotated[str | None, typer.Option(help="Training tokens, such as 1.2e9.")] = None,
    parameters: Annotated[
        str | None, typer.Option("--parameters", "--params", help="Parameters of the model, such as 8e9.")
    ] = None,
    sequence_length: Annotated[
        str | None, typer.Option(help="Tokens of a sequence, such as 8192: attention over them counts.")
    ] = None,
    layers: Annotated[str | None, typer.Option(help="Layers of the model, with --width.")] = None,
    width: Annotated[
        str | None, typer.Option(help="Width of a layer's queries, heads x width of a head: mostly the hidden size.")
    ] = None,
    mfu: Annotated[str | None, typer.Option(help="Model FLOPs utilisation (MFU), a fraction such as 0.38.")] = None,
    pretraining_flop: Annotated[
        str | None,
        typer.Option("--pretraining-flop", "--pretrain-flops", help="Compute of the original in FLOP, such as 1.5e24."),
    ] = None,
    from_scratch: FromScratchOption = None,
    activity: Annotated[
        str | None, typer.Option(help=f"What the run did: {', '.join(ACTIVITIES)}.", metavar="ACTIVITY")
    ] = None,
    attachment: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="A file that it rests on, such as a training log.")
    ] = None,
    ask_again: Annotated[
        bool,
        typer.Option(
            "--ask-again", help="Ask SageMaker and CloudWatch once more: for a corrected tag, or a right granted since."
        ),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what the record would say.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    stated: Stated,
    target: Target,
) -> None:
    """Amend a record. The new one is signed with the deployment's key and supersedes; the old one stays.

    The SHA-256 of the attachment is recorded, the attachment is yours to keep. Exits as `audit` does.
    """
    amendment = Amendment(
        who=who,
        why=why,
        at=datetime.now(UTC).replace(microsecond=0),
        tokens=amount(tokens, "--tokens"),
        parameters=amount(parameters, "--parameters"),
        sequence_length=amount(sequence_length, "--sequence-length"),
        layers=amount(layers, "--layers"),
        width=amount(width, "--width"),
        mfu=number(mfu, "--mfu", most=1),
        pretraining_flop=amount(pretraining_flop, "--pretraining-flop"),
        stated=replace(stated, from_scratch=from_scratch),
        activity=_activity(activity),
        attachment_sha256=hashlib.sha256(attachment.read_bytes()).hexdigest() if attachment else "",
        asked_again=ask_again,
    ).check()
    deployment = find_deployment(target)
    item = find_record(deployment.output("RecordTableName"), job)
    before = predicate_of(item["envelope"].encode())
    shut = tuple(sorted(shut_by(deployment.parameters)))
    recorder = recorder_from(environment_of(deployment, policies_of(before)), shut)
    job_id = before["job"]["id"]
    if dry_run:
        after = unrecorded(foresee(job_id, amendment, recorder).audited, amendment.at)
    else:
        amend(job_id, amendment, recorder)
        stored = recorder.records.latest(job_id)
        after = predicate_of(stored.line) if stored else before
    missing = missing_beside(amendment, after) if changes_nothing(before, after) else []
    show(view_of_change(before, after, dry_run, missing), output)
    raise typer.Exit(OF_VERDICT[after["verdict"]])


def changes_nothing(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether figures, doubts, lines and verdicts of two records of a job are alike."""
    kept, made = ({name: content[name] for name in COUNTED} for content in (before, after))
    return not any(differences(kept, made, without={*WORDS, "settle"}))


def missing_beside(amendment: Amendment, after: Mapping[str, Any]) -> list[str]:
    """The options without which what was given is not used: tokens count times parameters."""
    estimate = after["estimate"]
    if amendment.tokens is not None and NO_SIZE.name in {each["kind"] for each in estimate["assumptions"]}:
        return ["--parameters"]
    by_size = any(tier["method"] == "architecture" for tier in estimate["tiers"])
    return ["--tokens"] if amendment.parameters is not None and not by_size else []


def view_of_change(
    before: Mapping[str, Any], after: Mapping[str, Any], dry_run: bool, missing: Sequence[str] = ()
) -> View:
    """A record before and after; the thresholds of the later one, and what is still open. `missing` are options that
    the evidence needs beside it.
    """
    revision = None if dry_run else after["revision"]
    settled = after["verdict"] != "indeterminate"
    done = "would supersede" if dry_run else f"(revision {revision}) supersedes"
    headline = f"A record {done} revision {before['revision']}: {before['verdict']} -> {after['verdict']}"
    still = "" if settled else ". That does not settle it"
    unchanged = changes_nothing(before, after)
    idle = ". No figure, line or verdict changes" if unchanged else ""
    needed = [Headline(f"What was given is not used without {name}: give it, too.") for name in missing]
    pairs = [
        ("Verdict", before["verdict"], after["verdict"]),
        ("Method", before["estimate"]["method"], after["estimate"]["method"]),
        ("Best (FLOP)", *(flop(each["cumulative"]["best_flop"]) for each in (before, after))),
        ("At most (FLOP)", *(flop(each["cumulative"]["upper_flop"], "upper") for each in (before, after))),
    ]
    rows = [{"what": what, "before": old, "after": new} for what, old, new in pairs]
    record = {name: {**after, "stated": stated_in(after)}[name] for name in AUDIT["properties"]}
    shown = view_of(record, "audit")
    document = {
        "dry_run": dry_run,
        "settled": settled,
        "unchanged": unchanged,
        "missing": list(missing),
        "before": _sums(before, before["revision"]),
        "after": _sums(after, revision),
        "record": shown.document,
    }
    blocks = (
        Headline(headline + still + idle),
        *needed,
        Table({"what": "", "before": "Before", "after": "After"}, rows),
        *shown.blocks,
    )
    return View("amend", document, blocks, rows, ("what", "before", "after"))


def _sums(content: Mapping[str, Any], revision: int | None) -> dict[str, Any]:
    total = {name: content["cumulative"][name] for name in ("best_flop", "upper_flop")}
    return {**total, "verdict": content["verdict"], "method": content["estimate"]["method"], "revision": revision}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("amend")(command)
