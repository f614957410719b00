"""The environment variables of each function, read once and named when one is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from flops_auditor.domain.values.errors import AuditorError


class MissingVariable(AuditorError):
    """A function was started without a variable that template.yaml sets."""

    remedy = "Deploy the stack again with `sam deploy`; do not edit a function's environment by hand."


@dataclass(frozen=True)
class Environment:
    """Base of the environments: a field `table_name` is the variable TABLE_NAME."""

    @classmethod
    def read(cls, variables: Mapping[str, str]) -> Self:
        """Read every field. Raises MissingVariable naming all that are missing."""
        names = {field.name: field.name.upper() for field in fields(cls)}
        missing = sorted(name for name in names.values() if not variables.get(name))
        if missing:
            raise MissingVariable(f"{cls.__name__} lacks {', '.join(missing)}")
        return cls(**{field: variables[name] for field, name in names.items()})


@dataclass(frozen=True)
class RecordingEnvironment(Environment):
    """What every function that writes records has. `trust_statements` and `compare_artifacts`: "true" or "false"."""

    table_name: str
    archive_bucket: str
    ledger_id: str
    policies: str
    trust_statements: str
    compare_artifacts: str
    alert_topic_arn: str
    record_key_id: str


@dataclass(frozen=True)
class QueueingEnvironment(RecordingEnvironment):
    """What has recorded jobs assessed again, too."""

    audit_queue_url: str


@dataclass(frozen=True)
class ListingEnvironment(Environment):
    """What every function that lists training jobs has: `regions` and `excluded_regions` are names separated by commas,
    or "all" and "none"; `listing_rate` is in requests a second.
    """

    regions: str
    excluded_regions: str
    listing_rate: str


@dataclass(frozen=True)
class AuditEnvironment(QueueingEnvironment):
    """functions/audit. `account_id` is the account whose jobs are audited; the regions as in ListingEnvironment,
    `doors` as in ReconcileEnvironment.
    """

    account_id: str
    regions: str
    excluded_regions: str
    doors: str


@dataclass(frozen=True)
class ClustersEnvironment(QueueingEnvironment, ListingEnvironment):
    """functions/clusters. `cluster_files` is the bucket that operators of clusters write to, of the account
    `account_id`.
    """

    cluster_files: str
    account_id: str


@dataclass(frozen=True)
class WatchEnvironment(RecordingEnvironment, ListingEnvironment):
    """functions/watch. `warning_fractions`: "0.03,0.5,0.8"; `stop_on_crossing`: "true" or "false"; `doors` as in
    ReconcileEnvironment.
    """

    warning_fractions: str
    stop_on_crossing: str
    doors: str


@dataclass(frozen=True)
class SealEnvironment(Environment):
    """functions/seal."""

    table_name: str
    archive_bucket: str
    ledger_id: str
    record_key_id: str
    checkpoint_key_id: str
    checkpoint_topic_arn: str


@dataclass(frozen=True)
class ReconcileEnvironment(ListingEnvironment):
    """functions/reconcile. `doors` are words of SOURCE_OF_WORD (doors.py), separated by commas."""

    table_name: str
    audit_queue_url: str
    audit_concurrency: str
    doors: str
    alert_topic_arn: str


@dataclass(frozen=True)
class ReportEnvironment(Environment):
    """functions/report. `report_bucket` is where pages are kept; the regions as in ListingEnvironment, `doors` as in
    ReconcileEnvironment; `digest`: "weekly" or "off"; `queries`: "true" or "false".
    """

    table_name: str
    archive_bucket: str
    report_bucket: str
    ledger_id: str
    regions: str
    excluded_regions: str
    doors: str
    digest: str
    queries: str
    alert_topic_arn: str
