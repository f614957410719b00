"""Hours of a cluster's hosts that no run in its operator's file had, described so that they are recorded as a run is.

Nobody says what was done in them. Of each type of host and each period they are one record, which a later file about
the same period supersedes; where runs had all hours it says so, with none.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

from flops_auditor.domain.runs.cluster_time import Stay
from flops_auditor.domain.runs.sources.operators_word import SaidRun
from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.moments import iso, minute_of, read_time
from flops_auditor.domain.values.remarks import Kind, Remedy

MOST_SPANS = 20_000
"""Of one type of host in a period: a verifier reads evidence of that size."""
TYPE_NOT_SAID = "unknown"
"""Stands for the type of hosts that AWS counts and does not list, where it does not say it either."""
ANY_GROUP = "any that came and went"
"""Stands for groups that a cluster may have had while nobody asked."""
NO_RUN_HAD_THEM = Kind(
    "cluster-hours-without-a-run",
    "no run in the operator's file had these hours of hosts, and nobody says what was done in them",
    Remedy(
        "hand-in-the-runs",
        "have the operator export the runs that had them, and record them, and these hours again: "
        "`flops-auditor record-cluster` with the same --from and --until, and --why REASON",
    ),
)
HOSTS_MISSING = Kind(
    "cluster-groups-not-listed-in-full",
    "in the groups {names:list} AWS counts more hosts than were listed, or nobody asked for some of that time: how "
    "many hours of theirs no run had is not known. Hand in answers of ListClusterNodes of then that have them all",
    Remedy("list-all-hosts", "hand in all hosts of `aws sagemaker list-cluster-nodes`, with --why REASON"),
)


def name_of_hours(instance_type: str, period: Span) -> str:
    """What the hours of a type of host in a period are called, behind the cluster's ARN. No run is called so."""
    return f"no-run/{instance_type}/{iso(period.start)}/{iso(period.end)}"


def told_of_hours(
    instance_type: str, period: Span, hosts: Mapping[str, Sequence[Span]], not_listed: Sequence[str]
) -> dict[str, Any]:
    """What is said of a type of host: the spans of each, by the host's id, that no run had in a period; `not_listed`
    are groups of which hosts are missing.
    """
    spans = [(name, span) for name in sorted(hosts) for span in hosts[name]]
    rows = [{"InstanceId": name, "From": iso(span.start), "Until": iso(span.end)} for name, span in spans]
    return {
        "InstanceType": instance_type,
        "From": iso(period.start),
        "Until": iso(period.end),
        "Hours": list(islice(rows, MOST_SPANS)),
        "NotListed": sorted(not_listed),
        "LeftOut": max(0, len(rows) - MOST_SPANS),
    }


def read_hours(told: Mapping[str, Any], read_at: datetime) -> SaidRun:
    """The hours as a run of which nothing is known, in a file that was read then. Raises KeyError, TypeError,
    ValueError.
    """
    period = Span(read_time(told["From"]), read_time(told["Until"]))
    if not period.start < period.end <= read_at:
        raise ValueError("a period that had not ended when the file was read")
    kind = str(told["InstanceType"])
    stays = [Stay(str(row["InstanceId"]), read_time(row["From"]), read_time(row["Until"])) for row in told["Hours"]]
    if not all(period.start <= each.start < each.end <= period.end for each in stays):
        raise ValueError("hours outside of their period")
    missing = list(map(str, told["NotListed"]))
    return SaidRun(
        run_id=name_of_hours(kind, period),
        name=f"without a run, {kind}, {minute_of(period.start)} to {minute_of(period.end)}",
        status="Ended",
        state="gone",
        created=period.start,
        stays=tuple(stays),
        doubts=(HOSTS_MISSING(names=missing),) if missing else (),
        of_no_run=True,
    )
