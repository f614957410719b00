"""`flops-auditor explain-cluster`: the runs that a cluster's operator tells of, and the hours that none explains."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated

import typer

from flops_auditor.data import load_tables
from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.audit.tables import Tables
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.case import Case
from flops_auditor.domain.values.figures import most_severe
from flops_auditor.use_cases.auditing.cluster_runs import ClusterRuns, hours_of_cluster
from flops_auditor_cli.cluster_files import (
    ClusterOption,
    NodesOption,
    OperatorsFileArgument,
    read_cluster_files,
)
from flops_auditor_cli.cluster_view import cluster_view
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE, FINE, OF_VERDICT, OVER_THRESHOLD
from flops_auditor_cli.options import (
    OutputOption,
    PolicyFolderOption,
    PolicyOption,
    TrustOption,
    WideOption,
    moment_or_begin,
    moment_or_end,
)
from flops_auditor_cli.output import Output
from flops_auditor_cli.progress import progress
from flops_auditor_cli.view import show


def explain(
    file: OperatorsFileArgument,
    cluster: ClusterOption,
    nodes: NodesOption,
    who: Annotated[str, typer.Option(help="Whose file it is: name or address.")] = "its operator",
    since: Annotated[
        datetime | None,
        typer.Option(
            "--from",
            parser=moment_or_begin,
            metavar="DAY|MOMENT",
            help="Hours from then on (UTC). Left out: since each host is there.",
        ),
    ] = None,
    until: Annotated[
        datetime | None,
        typer.Option(parser=moment_or_end, metavar="MOMENT", help="Hours until then (UTC). Left out: now."),
    ] = None,
    policy: PolicyOption = None,
    policy_dir: PolicyFolderOption = None,
    trust_statements: TrustOption = True,
    wide: WideOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Say what the runs on a HyperPod cluster took, and which hours of its hosts no run explains, without AWS.

    Runs and their hours are its operator's word, hosts are what AWS answers. Exits with 3 where a run is over a
    threshold, with 4 where that cannot be said, or hours are left.
    """
    now = datetime.now(UTC)
    begin, end = since, min(until or now, now)
    if begin and begin >= end:
        raise typer.BadParameter("--from is not before --until, or lies in the future")
    files = read_cluster_files(file, cluster, nodes, who, now)
    tables = replace(load_tables(policy, policy_dir), trusts_statements=trust_statements)
    audits = audited_runs(files, tables)
    hours = hours_of_cluster(files, begin, end)
    view = cluster_view(files, audits, hours, wide)
    show(view, output)
    worst = OF_VERDICT[most_severe([each.verdict for each in audits])] if audits else FINE
    raise typer.Exit(worst if worst == OVER_THRESHOLD or view.document["complete"] else EVIDENCE_INCOMPLETE)


def audited_runs(files: ClusterRuns, tables: Tables) -> list[Audit]:
    """Each run, on its own: whose runs it continues is looked up where it is recorded."""
    audits = []
    with progress("audits") as tell:
        for number, case in enumerate(files.cases):
            tell(number, len(files.cases))
            audits.append(_audited(case, tables))
    return audits


def _audited(case: Case, tables: Tables) -> Audit:
    return audit(case, tables, not_looked_up(case.run.begins, case.run.results, case.run.begins_doubts))


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("explain-cluster")(explain)
