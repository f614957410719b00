"""What is recorded, as a list: the newest record of each job, the one that a name means, and what is shown of each."""

from collections.abc import Iterable, Mapping, Sequence

from flops_auditor.domain.messages.record_row import MARK_MEANS, ListedRecord
from flops_auditor.domain.messages.record_words import verdict_of
from flops_auditor.domain.values.amounts import flop
from flops_auditor.domain.values.arns import name_of
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.moments import to_the_minute
from flops_auditor.domain.values.visible import means
from flops_auditor_cli.near_names import did_you_mean
from flops_auditor_cli.schemas import LISTED, fields_of
from flops_auditor_cli.view import PointList, Table, View

COLUMNS = {
    "job_name": "Job",
    "lower": "At least",
    "flop": "FLOP",
    "upper": "At most",
    "share_at_most": "Share at most",
    "shown": "Verdict",
}
WIDE_COLUMNS = {
    "ended_at": "Ended",
    "job_name": "Job",
    "status": "Status",
    "method": "Method",
    "lower": "At least (FLOP)",
    "flop": "Best (FLOP)",
    "upper": "At most (FLOP)",
    "nearest": "Nearest threshold",
    "best_share_in_words": "Best share",
    "share_at_most": "Share at most",
    "base_model": "Base model",
    "shown": "Verdict",
}
RIGHT = ("lower", "flop", "upper", "best_share_in_words", "share_at_most")
FIELDS = fields_of(LISTED)
MOST_NAMED = 20
"""Jobs of one name that are listed."""


class NoSuchRecord(WrongInput):
    """Nothing is recorded under that name."""

    remedy = "List what there is with `flops-auditor records list`."


class SeveralJobs(WrongInput):
    """A name means several jobs: of several regions, or one after the other, since a name may be used again."""

    remedy = "Say which: give the ARN or, where the name was used again, the job id behind it."


def newest(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    """One row per job: the record of the highest revision, which supersedes the others."""
    by_job: dict[str, dict[str, str]] = {}
    for item in rows:
        known = by_job.get(item["job_id"])
        if known is None or int(item["revision"]) > int(known["revision"]):
            by_job[item["job_id"]] = item
    return sorted(by_job.values(), key=lambda item: item.get("ended_at", ""), reverse=True)


def the_one(rows: Sequence[dict[str, str]], job: str) -> dict[str, str]:
    """The row that a name, ARN or job id means, or the end of an ARN, by which mails and remarks name earlier runs.

    Raises NoSuchRecord, SeveralJobs.
    """
    named = [
        row
        for row in rows
        if job in (row["job_arn"], row["job_id"], name_of(row["job_arn"])) or means(job, row["job_name"])
    ]
    if not named:
        raise no_record_of(job, rows)
    if len(named) > 1:
        shown = [f"{r['job_arn']} (ended {r['ended_at']}, {r['verdict']}), {r['job_id']}" for r in named[:MOST_NAMED]]
        more = [f"and {len(named) - MOST_NAMED} more"] if len(named) > MOST_NAMED else []
        raise SeveralJobs(f"{job!r} means {len(named)} jobs: {'; '.join([*shown, *more])}")
    return named[0]


def no_record_of(job: str, rows: Iterable[Mapping[str, str]]) -> NoSuchRecord:
    """That a name means no recorded job, and which names are like it."""
    return NoSuchRecord(f"{job!r} has no record.{did_you_mean(job, {row['job_name'] for row in rows})}".rstrip("."))


def listing(records: Sequence[ListedRecord], left_out: int, wide: bool) -> View:
    """Records as a list, with FLOP in scientific notation and times to the minute for people. The share that it has
    room for is the one at most, as in the report: *below* rests on it.
    """
    rows = [record.row for record in records]
    people = [
        {
            **row,
            "ended_at": to_the_minute(row["ended_at"] or ""),
            "shown": verdict_of(row["verdict"], row["verdict_without_statements"], row["compared_with"]),
            "lower": flop(row["lower_flop"], "lower"),
            "flop": flop(row["best_flop"]),
            "upper": flop(row["upper_flop"], "upper"),
            "nearest": f"{row['nearest_policy']}, {row['nearest_scenario']}" if row["nearest_policy"] else "none",
            "best_share_in_words": record.best_share,
            "share_at_most": record.share_at_most,
        }
        for record, row in zip(records, rows, strict=True)
    ]
    table = Table(WIDE_COLUMNS if wide else COLUMNS, people, right=RIGHT, cut=() if wide else ("job_name",))
    note = [PointList([MARK_MEANS], "Shares")] if any(record.counts_original for record in records) else []
    return View("records", {"records": rows, "left_out": left_out}, [table, *note], rows, FIELDS)
