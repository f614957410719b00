"""The adapters of a deployed stack, with the rights of whoever runs the command."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import uuid4

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.sources.deployed_stack import DeployedStack
from flops_auditor.aws.sources.forwarding import EventForwarding, bus_of
from flops_auditor.aws.wiring.doors import doors_by
from flops_auditor.aws.wiring.environment import (
    ListingEnvironment,
    QueueingEnvironment,
    ReconcileEnvironment,
    WatchEnvironment,
)
from flops_auditor.aws.wiring.listing import regions_from
from flops_auditor.aws.wiring.reconciling import reconcilers_from
from flops_auditor.aws.wiring.recording import claims_from
from flops_auditor.aws.wiring.watching import watchers_from
from flops_auditor.domain.values.arns import region_of
from flops_auditor.use_cases.auditing.watch_jobs import Watcher
from flops_auditor.use_cases.listing.job_reader import JobReader
from flops_auditor.use_cases.operations.compare_jobs import UnwrittenReadings
from flops_auditor.use_cases.operations.reconcile_jobs import Reconciler
from flops_auditor.use_cases.ports.records import LastLook, SeenJob, SeenJobs
from flops_auditor_cli.deployment import StackValues, Target
from flops_auditor_cli.local_aws.locate import find_running
from flops_auditor_cli.turns import ListingInTurns


def alert_topic_of(deployment: StackValues) -> str:
    """Where the deployed functions publish alerts: the organisation's topic, or the stack's own."""
    return deployment.parameters.get("CentralAlertTopic") or deployment.output("AlertTopicArn")


def environment_of(deployment: StackValues, policies: list[str]) -> QueueingEnvironment:
    """What the deployed audit function records with, under these policies."""
    return QueueingEnvironment(
        table_name=deployment.output("RecordTableName"),
        archive_bucket=deployment.output("ArchiveBucketName"),
        ledger_id=deployment.output("LedgerId"),
        policies=",".join(policies),
        trust_statements=deployment.parameters.get("TrustStatements", "true"),
        compare_artifacts=deployment.parameters.get("CompareArtifacts", "false"),
        alert_topic_arn=alert_topic_of(deployment),
        record_key_id=deployment.output("RecordKeyArn"),
        audit_queue_url=deployment.output("AuditQueueUrl"),
    )


def doors_of(deployment: StackValues) -> dict[str, tuple[Reconciler, ListingInTurns]]:
    """The reconciliations of a deployed stack, door by door, with the caller's rights, and the turns that each takes in
    listing.
    """
    reconcilers = reconcilers_from(
        ReconcileEnvironment(
            **listing_of(deployment),
            table_name=deployment.output("RecordTableName"),
            audit_queue_url=deployment.output("AuditQueueUrl"),
            audit_concurrency=deployment.parameters.get("AuditConcurrency", "4"),
            doors=doors_by(deployment.parameters),
            alert_topic_arn=alert_topic_of(deployment),
        )
    )
    owner, doors = a_command(), {}
    for name, each in reconcilers.items():
        turns = in_turns(each.reader, deployment, owner)
        doors[name] = replace(each, reader=replace(each.reader, listing=turns)), turns
    return doors


def in_turns(reader: JobReader, deployment: StackValues, owner: str) -> ListingInTurns:
    """The reader's listing, in turns with the deployed functions; `owner` is who lists."""
    claims = claims_from(deployment.output("RecordTableName"))
    return ListingInTurns(reader.listing, claims, float(listing_of(deployment)["listing_rate"]), owner)


def a_command() -> str:
    """One that lists, told from every other."""
    return f"command-{uuid4()}"


def listing_of(deployment: StackValues) -> dict[str, str]:
    """Where and how fast the stack lists training jobs; an older stack does as the parameters' defaults say."""
    return {
        "regions": deployment.parameters.get("Regions", "all"),
        "excluded_regions": deployment.excluded_regions,
        "listing_rate": deployment.parameters.get("ListingRate", "1"),
    }


class NotedInMemory:
    """The SeenJobs port for who only looks: what the deployed rounds noted, and what is noted now, in memory alone."""

    def __init__(self, deployed: SeenJobs) -> None:
        self._deployed = deployed

    def waiting(self, region: str) -> Sequence[SeenJob]:
        """What the deployed rounds noted."""
        return self._deployed.waiting(region)

    def note(self, jobs: Sequence[SeenJob]) -> None:
        """Nothing is kept."""

    def note_new(self, jobs: Sequence[SeenJob]) -> None:
        """Nothing is kept."""

    def describe(self, job_id: str, description: str, at: datetime) -> None:
        """Nothing is kept."""

    def described(self, job_id: str) -> str:
        """What the deployed rounds kept."""
        return self._deployed.described(job_id)

    def settle(self, jobs: Sequence[SeenJob]) -> None:
        """Nothing is kept."""

    def looks(self, job_ids: Sequence[str]) -> Mapping[str, LastLook]:
        """When the deployed rounds last looked."""
        return self._deployed.looks(job_ids)

    def note_look(self, job_id: str, look: LastLook) -> None:
        """Nothing is kept."""


def watchers_of(
    deployment: StackValues, policies: list[str], regions: list[str] | None
) -> list[tuple[Watcher, ListingInTurns]]:
    """The watch of a deployed stack, door by door, for who only looks, under these policies, in these regions or all,
    and the turns that each takes in listing.
    """
    named = {"regions": ",".join(regions), "excluded_regions": "none"} if regions else {}
    environment = WatchEnvironment(
        **{**listing_of(deployment), **named},
        **{
            name: value
            for name, value in vars(environment_of(deployment, policies)).items()
            if name != "audit_queue_url"
        },
        warning_fractions=deployment.parameters.get("WarningFractions", "0.03,0.50,0.80"),
        stop_on_crossing="false",
        doors=doors_by(deployment.parameters),
    )
    owner, watchers = a_command(), []
    for watcher in watchers_from(environment):
        listing = in_turns(watcher.reader, deployment, owner)
        reader = replace(watcher.reader, store=UnwrittenReadings(watcher.reader.store), listing=listing)
        watchers.append((replace(watcher, reader=reader, seen=NotedInMemory(watcher.seen)), listing))
    return watchers


def forwarding_to(deployment: StackValues) -> EventForwarding:
    """What other regions send to the stack's own."""
    return EventForwarding(bus_of(deployment.output("AlertTopicArn")))


def other_regions(deployment: StackValues) -> list[str]:
    """Where the account may have training jobs, but for the stack's own region."""
    regions = regions_from(ListingEnvironment(**listing_of(deployment)))
    return [name for name in regions.enabled().names if name != region_of(deployment.output("AlertTopicArn"))]


def deployed(deployment: StackValues, target: Target) -> DeployedStack:
    """The stack's own resources; the local AWS keeps alarms beside the metrics of training jobs."""
    clients = {name: client(name) for name in ("sqs", "cloudformation", "cloudwatch", "dynamodb", "s3", "sns")}
    if target.local:
        stack = find_running()
        clients |= {"cloudwatch": stack.client("alarms"), "s3": stack.client("s3")}
    return DeployedStack(clients, deployment.outputs, target.stack_name)
