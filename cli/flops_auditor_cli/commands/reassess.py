"""`flops-auditor reassess`: assess recorded jobs again with today's tables, after a release or an edit of a table."""

from collections import Counter
from collections.abc import Callable
from typing import Annotated, Any

import typer

from flops_auditor import data
from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.domain.ledger.statement import predicate_of
from flops_auditor.domain.values.differences import in_words
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.use_cases.auditing.reassess_record import Judged, reassess_record
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.rehearsal import rehearsed
from flops_auditor_cli.adapters import environment_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import FAILED
from flops_auditor_cli.near_names import did_you_mean, names_of_model, no_job_on
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.progress import progress
from flops_auditor_cli.record_table import items
from flops_auditor_cli.recorded import newest, no_record_of
from flops_auditor_cli.view import Table, View, show

COLUMNS = {
    "job_name": "Job",
    "before": "Verdict",
    "verdict": "Verdict now",
    "tables": "Tables that changed",
    "changes": "What changes",
}
FIELDS = ("job_name", "job_id", "revision", "before", "verdict", "change", "tables", "changes")
RecordFilter = Callable[[dict[str, Any]], bool]
"""Predicate of a job's newest record -> whether the job is assessed again."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("reassess")(reassess)


class NoSuchType(WrongInput):
    """Neither a record nor the table of instance types has the one that is asked for."""

    remedy = "`flops-auditor catalog instance-types` lists what the table has, `records list --output json` the jobs."


@talks_to_aws()
def reassess(
    everything: Annotated[bool, typer.Option("--all", help="Every recorded job.")] = False,
    model: Annotated[
        str, typer.Option(help="Jobs on this base model, by any name that the table or a record has.")
    ] = "",
    job: Annotated[str, typer.Option(help="This job: name, ARN or job id.")] = "",
    instance_type: Annotated[str, typer.Option(help="Jobs that ran on this type, such as ml.p6-b300.48xlarge.")] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list what would change, and why.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Assess recorded jobs again with the tables of this version, under the policies of the deployment.

    A record that says otherwise now is superseded by one that says which tables changed; any other one stays.
    """
    if sum(map(bool, (everything, model, job, instance_type))) != 1:
        raise typer.BadParameter("give one of --all, --model, --job, --instance-type")
    deployment = find_deployment(target)
    recorder = recorder_from(environment_of(deployment, deployment.policies))
    # The earliest end first: whoever continues a job began after it had ended, and is then assessed once.
    recorded = newest(items(deployment.output("RecordTableName"), "time", "kind", "record"))[::-1]
    rows = [row for row in recorded if not job or job in (row["job_name"], row["job_arn"], row["job_id"])]
    if job and not rows:
        raise no_record_of(job, recorded)
    recorder = rehearsed(recorder) if dry_run else recorder
    asked = Chosen(model, instance_type)
    changes, failures, looked_at = assess(rows, asked, recorder)
    nothing = asked.nothing_has() if not failures else ""
    document = {"dry_run": dry_run, "assessed": looked_at, "records": changes, "failures": failures}
    show(View("reassess", document, [Table(COLUMNS, changes, cut=("job_name",))], changes, FIELDS), output)
    changed = Counter(row["change"] for row in changes)
    say(
        f"Jobs assessed again: {looked_at}; records that {'would be' if dry_run else 'are'} superseded: {len(changes)}"
        + "".join(f", {count} {change}" for change, count in sorted(changed.items()))
    )
    say(*filter(None, [nothing]), *failures)
    if failures:
        raise typer.Exit(FAILED)


class Chosen:
    """Which jobs are asked for, by their newest record; it remembers which models and instance types it met."""

    def __init__(self, model: str, instance_type: str) -> None:
        self._model, self._instance_type = model, instance_type
        self._names = names_of_model(model)
        self._models: set[str] = set()
        self._types: set[str] = set()

    def __call__(self, content: dict[str, Any]) -> bool:
        """Whether the job of a record is asked for."""
        types = {instance["type"] for instance in content["job"]["instances"]}
        model = content["original"]["base_model"]
        self._models.add(model)
        self._types |= types
        return (not self._model or model in self._names) and (not self._instance_type or self._instance_type in types)

    def nothing_has(self) -> str:
        """That no recorded job has the model or the type, and what is like it; "" where one has.

        Raises NoSuchType for a type of which neither a record nor the table knows.
        """
        if self._model:
            return no_job_on(self._model, self._models)
        asked = self._instance_type
        if not asked or asked in self._types:
            return ""
        listed = data.hardware_table().instance_types
        if asked not in listed:
            near = did_you_mean(asked, {*listed, *self._types})
            raise NoSuchType(f"no recorded job ran on {asked!r}, which is no known instance type.{near}".rstrip("."))
        return f"No recorded job ran on {asked}."


def assess(
    rows: list[dict[str, Any]], fits: RecordFilter, recorder: Recorder
) -> tuple[list[dict[str, Any]], list[str], int]:
    """Rows of what changes, the jobs that failed in words, and how many were assessed. One failure stops nobody."""
    changes: list[dict[str, Any]] = []
    failures: list[str] = []
    looked_at = 0
    with progress("jobs") as tell:
        for number, row in enumerate(rows):
            tell(number, len(rows))
            try:
                stored = recorder.records.latest(row["job_id"])
                if stored is None or not fits(predicate_of(stored.line)):
                    continue
                judged = reassess_record(row["job_id"], recorder)
            except AuditorError as error:
                failures.append(f"{row['job_name']}: {error.name}: {error}. {error.remedy}")
                continue
            looked_at += judged is not None
            if judged is not None and judged.differences:
                changes.append(row_of(row, judged))
    return changes, failures, looked_at


def row_of(row: dict[str, str], judged: Judged) -> dict[str, Any]:
    """One job whose record changes."""
    return {
        "job_name": row["job_name"],
        "job_id": judged.job_id,
        "revision": judged.revision,
        "before": row["verdict"],
        "verdict": judged.verdict,
        "change": f"{row['verdict']} -> {judged.verdict}"
        if row["verdict"] != judged.verdict
        else "with the same verdict",
        "tables": ", ".join(judged.tables) or "none: the code or a setting changed",
        "changes": in_words(iter(judged.differences)),
    }
