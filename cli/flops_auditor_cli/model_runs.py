"""The records of a model's runs: of a job, or of the newest run on a base model, and of all that it continues."""

from typing import Any

from flops_auditor.domain.values.errors import WrongInput
from flops_auditor_cli.output import plain, say
from flops_auditor_cli.record_source import RecordSource
from flops_auditor_cli.recorded import NoSuchRecord, the_one


class NoNewestRun(WrongInput):
    """No recorded run is of that model."""

    remedy = "List what there is with `flops-auditor records list`; name a job, or a base model as the list names it."


def rows_of_runs(source: RecordSource, what: str) -> list[dict[str, str]]:
    """The row of a job, or of a model's newest run; then those of the runs that it continues, latest first.

    Which run of a model was taken, and that others do not lead to it, is told on stderr. Raises SeveralJobs and
    NoNewestRun.
    """
    rows = source.rows()
    of_model: list[dict[str, str]] = []
    try:
        last = the_one(rows, what)
    except NoSuchRecord as error:
        of_model = [row for row in rows if row.get("base_model") == what]
        if not of_model:
            raise NoNewestRun(f"{what!r} is neither a recorded job nor the base model of one") from error
        last = of_model[0]
    [content] = source.contents([last])
    listed = {ancestor.job_id for ancestor in source.lineage(content).ancestors}
    if of_model:
        others = sum(row["job_id"] not in listed for row in of_model[1:])
        more = f"; {others} other runs on that model do not lead to it: name a job for each" if others else ""
        say(f"{plain(what)}: its newest run is {plain(last['job_arn'])}{more}")
    return [last, *(row for row in rows if row["job_id"] in listed)]


def runs_of(source: RecordSource, what: str) -> list[dict[str, Any]]:
    """The newest records of those runs, in that order. Raises SeveralJobs and NoNewestRun."""
    return source.contents(rows_of_runs(source, what))
