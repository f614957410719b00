"""A cluster's runs, and the hours of its hosts that none of them explains."""

from collections.abc import Iterable, Sequence
from typing import Any

from flops_auditor.domain.audit.audit import Audit
from flops_auditor.domain.audit.record import decimal, spoken
from flops_auditor.domain.bill.cluster_hours import ClusterHours, HoursOfHost
from flops_auditor.domain.values.amounts import counted, flop, percent
from flops_auditor.domain.values.moments import iso, minute_of, to_the_minute
from flops_auditor.domain.values.remarks import Remark
from flops_auditor.use_cases.auditing.cluster_runs import ClusterRuns
from flops_auditor_cli.bill_view import DECIMALS, MOST_LISTED, hours_of, title_of_most
from flops_auditor_cli.schemas import CLUSTER_AUDIT, fields_of
from flops_auditor_cli.view import Block, FactList, Headline, PointList, Table, View

RUN_COLUMNS = {
    "run": "Run",
    "name": "Name",
    "status": "Status",
    "hours": "Accelerator h",
    "best": "FLOP",
    "upper": "At most (FLOP)",
    "verdict": "Verdict",
}
WIDE_RUN_COLUMNS = {**RUN_COLUMNS, "why": "Why"}
HOST_COLUMNS = {
    "host": "Host",
    "instance_type": "Type",
    "start": "Since (UTC)",
    "rest": "Rest (h)",
    "ceiling": "At most (FLOP)",
}
WIDE_HOST_COLUMNS = {"group": "Group", **HOST_COLUMNS}
RIGHT = ("hours", "best", "upper", "rest", "ceiling")


def cluster_view(files: ClusterRuns, audits: Sequence[Audit], hours: ClusterHours, wide: bool) -> View:
    """In every form of output."""
    runs = [_run_members(files, audited) for audited in audits]
    document = {
        "complete": hours.complete and not files.file.lines_of_no_run,
        "cluster": files.answers.cluster.cluster_arn,
        "orchestrator": files.file.orchestrator,
        "file_sha256": files.file.digest,
        "file_bytes": files.file.size,
        "lines_of_no_run": files.file.lines_of_no_run,
        "runs_without_hosts": len(files.file.told) - len(audits),
        "other_kinds": list(files.file.other_kinds),
        "accelerator_seconds": decimal(hours.there_seconds, DECIMALS),
        "unexplained_seconds": decimal(hours.rest_seconds, DECIMALS),
        "ceiling_flop": decimal(hours.ceiling_flop),
        "runs": runs,
        "hosts": list(map(_host_members, hours.hosts)),
        "doubts": [{**doubt.spoken.to_json(), "settle": None} for doubt in hours.doubts],
    }
    return View("cluster", document, list(_blocks(files, audits, hours, wide)), runs, fields_of(CLUSTER_AUDIT))


def _run_id(files: ClusterRuns, audited: Audit) -> str:
    return audited.run.arn.removeprefix(f"{files.answers.cluster.cluster_arn}/")


def _run_members(files: ClusterRuns, audited: Audit) -> dict[str, Any]:
    run, estimate, total = audited.run, audited.estimate, audited.cumulative
    return {
        "run": _run_id(files, audited),
        "job_arn": run.arn,
        "name": run.name,
        "status": run.status,
        "finished": run.finished,
        "start": iso(run.started) if run.started else None,
        "end": iso(run.ended) if run.ended else None,
        "accelerator_seconds": decimal(estimate.accelerator_seconds, DECIMALS),
        "lower_flop": decimal(total.lower_flop),
        "best_flop": decimal(total.best_flop),
        "upper_flop": decimal(total.upper_flop),
        "verdict": audited.verdict,
        "doubts": spoken(_doubts(audited), run.arn),
    }


def _host_members(each: HoursOfHost) -> dict[str, Any]:
    return {
        "host": each.host.instance_id,
        "group": each.host.group,
        "instance_type": each.host.instance_type,
        "from": iso(each.there.start),
        "until": iso(each.there.end),
        "host_seconds": decimal(each.there.seconds, DECIMALS),
        "unexplained_host_seconds": decimal(each.rest, DECIMALS),
        "ceiling_flop": decimal(each.ceiling_flop),
        "unexplained": [{"from": iso(span.start), "until": iso(span.end)} for span in each.unexplained],
    }


def _blocks(files: ClusterRuns, audits: Sequence[Audit], hours: ClusterHours, wide: bool) -> Iterable[Block]:
    yield Headline(_headline(hours))
    cluster, most = files.answers.cluster, None if wide else MOST_LISTED
    pairs = [
        ("Cluster", cluster.cluster_name or cluster.cluster_arn),
        ("Said by", f"{files.who}, in a file of {files.file.orchestrator} with the SHA-256 {files.file.digest}"),
    ]
    if hours.hosts:
        start, end = min(each.there.start for each in hours.hosts), max(each.there.end for each in hours.hosts)
        pairs.append(("Looked at", f"{minute_of(start)} to {minute_of(end)}"))
    yield FactList(pairs)
    if audits:
        rows = [_run_row(files, audited) for audited in audits[:most]]
        title = title_of_most("Runs", len(audits), most)
        yield Table(WIDE_RUN_COLUMNS if wide else RUN_COLUMNS, rows, title, RIGHT, () if wide else ("run", "name"))
    yield PointList(list(dict.fromkeys(_why_open(audits))), "Why it is open")
    if idle := [each for each in hours.hosts if each.rest]:
        rows = [_host_row(each) for each in idle[:most]]
        yield Table(
            WIDE_HOST_COLUMNS if wide else HOST_COLUMNS, rows, title_of_most("No run explains", len(idle), most), RIGHT
        )
    yield PointList([*_not_read(files), *(doubt.words for doubt in hours.doubts)], "Not certain")


def _headline(hours: ClusterHours) -> str:
    if not hours.hosts:
        return "The cluster had no hosts with accelerators in that time."
    rest = f"The rest is at most {flop(hours.ceiling_flop, 'upper')} FLOP."
    if not hours.there_seconds:
        return f"No share can be told: nobody knows the accelerators of the cluster's hosts. {rest}"
    share = percent(1 - hours.rest_seconds / hours.there_seconds, "lower")
    told = f"Runs explain {share} of {hours_of(hours.there_seconds)} accelerator hours that the cluster had."
    return f"{told} {rest}" if any(each.rest for each in hours.hosts) else told


def _run_row(files: ClusterRuns, audited: Audit) -> dict[str, str]:
    seconds, total = audited.estimate.accelerator_seconds, audited.cumulative
    return {
        "run": _run_id(files, audited),
        "name": audited.run.name,
        "status": audited.run.status,
        "hours": "unknown" if seconds is None else hours_of(seconds),
        "best": flop(total.best_flop),
        "upper": flop(total.upper_flop, "upper"),
        "verdict": audited.verdict,
        "why": "; ".join(_why_open([audited])),
    }


def _why_open(audits: Iterable[Audit]) -> Iterable[str]:
    for audited in audits:
        if audited.verdict == "indeterminate":
            yield from (doubt.words for doubt in _doubts(audited))


def _doubts(audited: Audit) -> list[Remark]:
    """Of its figures, of what it goes on from, and of single lines."""
    of_lines = (doubt for line in audited.assessments if line.verdict == "indeterminate" for doubt in line.doubts)
    return list(dict.fromkeys([*audited.estimate.doubts, *audited.lineage.doubts, *of_lines]))


def _host_row(each: HoursOfHost) -> dict[str, str]:
    return {
        "host": each.host.instance_id,
        "group": each.host.group,
        "instance_type": each.host.instance_type,
        "start": to_the_minute(iso(each.there.start)),
        "rest": f"{hours_of(each.rest)} of hosts" if each.units is None else hours_of(each.units * each.rest),
        "ceiling": flop(each.ceiling_flop, "upper"),
    }


def _not_read(files: ClusterRuns) -> list[str]:
    file, told = files.file, []
    if file.lines_of_no_run:
        told.append(f"{counted(file.lines_of_no_run, 'line or object')} of the file cannot be read")
    if file.other_kinds:
        told.append(f"objects that are no runs are left aside: {', '.join(file.other_kinds[:MOST_LISTED])}")
    return told
