"""`flops-auditor record-cluster`: the runs that a cluster's operator tells of, as signed records."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated

import typer

from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.errors import AuditorError, WrongInput
from flops_auditor.use_cases.auditing.cluster_runs import called_in_its_file, cases_of_hours
from flops_auditor.use_cases.auditing.keep_record import newest
from flops_auditor.use_cases.auditing.record_cluster_run import ON_RECORD, record_cluster_run
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.auditing.rehearsal import rehearsed
from flops_auditor_cli.adapters import environment_of
from flops_auditor_cli.cluster_files import (
    ClusterOption,
    NodesOption,
    OperatorsFileArgument,
    read_cluster_files,
)
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE, FAILED
from flops_auditor_cli.options import OutputOption, moment_or_begin, moment_or_end
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.progress import progress
from flops_auditor_cli.schemas import RECORDED_RUN, fields_of
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"job_name": "Run", "outcome": "What became of it", "verdict": "Verdict"}
ClusterRow = dict[str, str]


class AccountNotRecorded(WrongInput):
    """The cluster is of another account than the deployment."""

    remedy = "Record it in the deployment of its own account."


@talks_to_aws()
def record(
    file: OperatorsFileArgument,
    cluster: ClusterOption,
    nodes: NodesOption,
    who: Annotated[str, typer.Option(help="Whose file it is: name or address. Each record says so.")],
    why: Annotated[
        str, typer.Option(help="Supersede records of which the file says something else now, for this reason.")
    ] = "",
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            parser=moment_or_begin,
            metavar="DAY|MOMENT",
            help="Also the hours that no run had, from then on (UTC).",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=moment_or_end, metavar="MOMENT", help="Also the hours that no run had, until then (UTC)."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be recorded.")] = False,
    output: OutputOption = Output.TABLE,
    *,
    target: Target,
) -> None:
    """Record the runs on a HyperPod cluster that have ended, each once, on the word of its operator.

    The records are signed with the deployment's key, as `amend` does it, and rest on the operator's own lines, with who
    says so and the file's digest. With --from and --until, the hours of hosts that no run had in that time are recorded
    as well, one record for each type of host. Exits with 4 where a run goes on, or is recorded otherwise.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    correction = Amendment(who=who, why=why or "handed in", at=now, asked_again=True).check()
    deployment = find_deployment(target)
    files = read_cluster_files(file, cluster, nodes, who, now)
    if account_of(files.answers.cluster.cluster_arn) != account_of(deployment.output("RecordKeyArn")):
        raise AccountNotRecorded(files.answers.cluster.cluster_arn)
    recorder = recorder_from(environment_of(deployment, deployment.policies))
    period = period_of(since, until, now)
    recorder, superseding = rehearsed(recorder) if dry_run else recorder, correction if why else None
    rows, failures, on_record = recorded(files.cases, superseding, recorder)
    if period:
        hours = cases_of_hours(files, period, now, files.stays.keys() - on_record)
        of_hours, failed, _ = recorded(hours, superseding, recorder)
        rows, failures = rows + of_hours, failures + failed
    document = {"dry_run": dry_run, "runs": rows, "failures": failures}
    show(View("cluster-records", document, [Table(COLUMNS, rows)], rows, fields_of(RECORDED_RUN)), output)
    counts = Counter(row["outcome"] for row in rows)
    say(f"Runs: {', '.join(f'{count} {outcome}' for outcome, count in sorted(counts.items())) or 'none'}", *failures)
    if failures:
        raise typer.Exit(FAILED)
    if counts.keys() & {"goes on", "recorded otherwise"}:
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def period_of(since: datetime | None, until: datetime | None, now: datetime) -> Span | None:
    """The period whose hours are asked for, if any. Raises typer.BadParameter."""
    if since is None and until is None:
        return None
    if since is None or until is None or not since < until <= now:
        raise typer.BadParameter("hours need --from and --until, which has passed")
    return Span(since, until)


def recorded(
    cases: Sequence[Case], correction: Amendment | None, recorder: Recorder
) -> tuple[list[ClusterRow], list[str], set[str]]:
    """What became of each run, the earliest end first, the runs that failed, in words, and what the file calls those
    that are on record as it says. One stops no other.
    """
    rows: list[ClusterRow] = []
    failures: list[str] = []
    on_record: set[str] = set()
    with progress("runs") as tell:
        for number, case in enumerate(cases):
            tell(number, len(cases))
            try:
                outcome, job_id = record_cluster_run(case, correction, recorder)
                kept = newest(job_id, recorder)
            except AuditorError as error:
                failures.append(f"{case.run.name}: {error.name}: {error}. {error.remedy}")
                continue
            verdict = kept.content["verdict"] if kept else ""
            named = {"job_name": case.run.name, "job_arn": case.run.arn, "job_id": job_id}
            if outcome in ON_RECORD:
                on_record.add(called_in_its_file(case))
            rows.append({**named, "outcome": outcome, "verdict": verdict})
    return rows, failures, on_record


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("record-cluster")(record)
