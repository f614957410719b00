"""`flops-auditor doctor`: is the deployment healthy, and up to when is the ledger complete?"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.calls.failures_in_words import in_words
from flops_auditor.aws.calls.refusals import refusals
from flops_auditor.aws.calls.side_by_side import ahead
from flops_auditor.aws.sources.batch import LIST_BATCH_JOBS
from flops_auditor.aws.sources.bedrock import LIST_JOBS as LIST_CUSTOMIZED
from flops_auditor.aws.sources.sagemaker_jobs import LIST_SAGEMAKER_JOBS
from flops_auditor.aws.sources.training_sessions import LIST_SESSIONS
from flops_auditor.aws.stores.dynamodb_cluster_files import DynamoDbFileStates
from flops_auditor.aws.stores.dynamodb_items import DynamoDbRecordItems
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.aws.wiring.doors import shut_by
from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.moments import iso
from flops_auditor.use_cases.operations.check_forwarding import check_forwarding, forwarding_of
from flops_auditor.use_cases.operations.check_health import (
    HealthCheck,
    completeness,
    health_of,
    on_their_word,
    progress_of,
    state_of_clusters,
    states_of_doors,
    told_of_alerts,
)
from flops_auditor.use_cases.operations.compare_jobs import JobComparison, compare, joined
from flops_auditor.use_cases.operations.compare_ledger import compare_ledger
from flops_auditor.use_cases.operations.reconcile_doors import (
    BATCH_JOBS,
    CUSTOMIZATION_JOBS,
    SAGEMAKER_JOBS,
    SOURCE_OF_DOOR,
    TRAINING_JOBS,
    TRAINING_SESSIONS,
)
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable
from flops_auditor.use_cases.ports.stack import StackHealth
from flops_auditor_cli.adapters import deployed, doors_of, forwarding_to, other_regions
from flops_auditor_cli.comparison_view import RegionProgress, document_of, rows_of
from flops_auditor_cli.deployment import Target, find_deployment, talks_to_aws
from flops_auditor_cli.exits import EVIDENCE_INCOMPLETE
from flops_auditor_cli.options import OutputOption
from flops_auditor_cli.output import Output, say
from flops_auditor_cli.record_table import on_word
from flops_auditor_cli.remedies import REMEDIES_HERE
from flops_auditor_cli.view import Table, View, show

COLUMNS = {"state": "State", "check": "Check", "detail": "What was seen", "remedy": "What to do"}
LISTED_BY = {
    TRAINING_SESSIONS: LIST_SESSIONS,
    SAGEMAKER_JOBS: LIST_SAGEMAKER_JOBS,
    CUSTOMIZATION_JOBS: LIST_CUSTOMIZED,
    BATCH_JOBS: LIST_BATCH_JOBS,
}
"""The action that lists what goes through each door but the first."""
FIELDS = ("check", "ok", "state", "detail", "remedy")


def asked(check: str, question: Callable[[], list[HealthCheck]]) -> list[HealthCheck]:
    """The findings of one question; a refusal or outage is a finding too, never a clean result."""
    try:
        return question()
    except (SourceDenied, SourceUnavailable, LedgerError) as failure:
        told = in_words(failure)
        named = told if isinstance(told, AuditorError) else failure
        return [HealthCheck(check, False, f"{named.name}: {named}", REMEDIES_HERE.get(named.name, named.remedy))]


@talks_to_aws()
def doctor(
    target: Target,
    whole: Annotated[bool, typer.Option("--whole", help="Read every job again, not only those that are new.")] = False,
    evidence: Annotated[
        bool, typer.Option("--evidence", help="Compare all evidence with what was signed, not only a sample of it.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Compare SageMaker with the ledger over all regions, and look at dead letters, alarms and the log.

    Table, archive and log are compared record by record; that reads all of them, and the evidence of 100 records.

    Exits with 4 when anything is missing, unread or unhealthy.
    """
    deployment = find_deployment(target)
    doors, shut = doors_of(deployment), shut_by(deployment.parameters)
    reconciler, _ = doors[TRAINING_JOBS]
    now = datetime.now(UTC)
    stack: StackHealth = deployed(deployment, target)
    document: dict[str, Any] = {}
    comparisons: dict[str, JobComparison] = {}

    def records(door: str) -> list[HealthCheck]:
        progress, (of_door, listing) = RegionProgress(), doors[door]
        comparison = compare(of_door.regions, of_door.reader, of_door.index, of_door.seen, whole=whole, told=progress)
        progress.end()
        listing.end()
        comparisons[door] = comparison
        so_far = joined(comparisons)
        document.update(document_of(so_far, rows_of(so_far, "missing")))
        if door == TRAINING_JOBS:
            return completeness(comparison)
        return [replace(each, check=f"{door}, {each.check}") for each in completeness(comparison, LISTED_BY[door])]

    def ledger() -> list[HealthCheck]:
        archive = S3Archive(client("s3"), deployment.output("ArchiveBucketName"))
        items = DynamoDbRecordItems(client("dynamodb"), deployment.output("RecordTableName"))
        with refusals("s3:ListBucketVersions"):
            return compare_ledger(archive, items, all_evidence=evidence, ahead=ahead).checks()

    def clusters() -> list[HealthCheck]:
        bucket, table = deployment.parameters.get("ClusterFiles", ""), deployment.output("RecordTableName")
        return state_of_clusters(
            bucket, DynamoDbFileStates(client("dynamodb"), table, bucket).states() if bucket else {}
        )

    central = deployment.parameters.get("CentralAlertTopic")
    told = f"alerts go to {central}: its owner knows who is subscribed"
    elsewhere = [HealthCheck("subscribers", True, told)] if central else []
    excluded = deployment.excluded_regions
    of_records = [finding for name in doors for finding in asked("records", partial(records, name))]
    findings = [
        HealthCheck("regions left out", True, f"{excluded}, as the stack's parameter ExcludedRegions says"),
        *states_of_doors(
            {name: shut[source] for name, source in SOURCE_OF_DOOR.items() if source in shut}, comparisons
        ),
        *asked("door of clusters", clusters),
        *of_records,
        *asked(
            "reconciliation",
            lambda: progress_of(
                {name: reconciler.reader.store.read(name) for name in reconciler.regions.enabled().names}, now
            ),
        ),
        *asked(
            "forwarding",
            lambda: check_forwarding(forwarding_of(other_regions(deployment), forwarding_to(deployment))),
        ),
        *asked("subscribers", lambda: elsewhere or told_of_alerts(stack.subscribers())),
        *asked("table, archive and log", ledger),
        *asked("job's word", lambda: on_their_word(on_word(deployment.output("RecordTableName"), now))),
        *asked("health", lambda: health_of(stack.queues(), stack.alarms(), stack.log(), now)),
    ]
    rows = [
        {
            "check": f.check,
            "ok": f.ok,
            "state": "ok" if f.ok else "NOT OK",
            "detail": f.detail,
            "remedy": f.remedy,
            "names": list(f.names),
        }
        for f in findings
    ]
    healthy = all(finding.ok for finding in findings)
    seen = {"healthy": healthy, "at": iso(now), "findings": rows, "comparison": document or None}
    show(View("doctor", seen, [Table(COLUMNS, rows)], rows, FIELDS), output)
    if output is not Output.JSON and not all(f.names_all for f in findings):
        say("not all are named: `flops-auditor doctor --output json` has each under `names`")
    if not healthy:
        say("not healthy or not complete: see above")
        raise typer.Exit(EVIDENCE_INCOMPLETE)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(doctor)
