"""The records of a model's runs: of a job, or of the newest training on a base model, and of all that it continues."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from flops_auditor.domain.messages.documents.run_figures import TRAINING
from flops_auditor.domain.values.errors import WrongInput
from flops_auditor.domain.values.visible import as_written
from flops_auditor_cli.near_names import did_you_mean, names_of_model
from flops_auditor_cli.output import say
from flops_auditor_cli.record_source import RecordSource
from flops_auditor_cli.recorded import NoSuchRecord, the_one

ModelOrJob = Annotated[
    str, typer.Argument(metavar="MODEL|JOB", help="Job name, ARN or job id; or a base model: its newest training run.")
]


class NoNewestRun(WrongInput):
    """No recorded run is of that model."""

    remedy = "List what there is with `flops-auditor records list`; name a job, or a base model as the list names it."


def rows_of_runs(source: RecordSource, what: str) -> list[dict[str, str]]:
    """The row of a job, or of a model's newest training run; then those of the runs that it continues, latest first.

    Which run of a model was taken, and that others do not lead to it, is told on stderr. Raises SeveralJobs and
    NoNewestRun.
    """
    rows = source.rows()
    of_model: list[dict[str, str]] = []
    try:
        last = the_one(rows, what)
    except NoSuchRecord as error:
        names = names_of_model(what)
        of_model = [row for row in rows if row.get("base_model", "") in names]
        if not of_model:
            raise _neither(what, rows) from error
        last = _newest_training(source, of_model)
    [content] = source.contents([last])
    listed = {ancestor.job_id for ancestor in source.lineage(content).counted}
    if of_model:
        others = sum(row["job_id"] not in {*listed, last["job_id"]} for row in of_model)
        more = f"; other runs on that model that do not lead to it: {others}, so name a job" if others else ""
        say(f"{what}: its newest training run is {last['job_arn']}{more}")
    if len({row["base_model"] for row in of_model}) > 1:
        on = as_written(last["base_model"])
        say(f"{what} is the name of a model, and how another one is shown: that run is on the one shown as {on}")
    return [last, *(row for row in rows if row["job_id"] in listed)]


def _neither(what: str, rows: Sequence[Mapping[str, str]]) -> NoNewestRun:
    """That a name means neither a job nor a model, and which are like it."""
    known = {row["job_name"] for row in rows} | {as_written(row.get("base_model", "")) for row in rows}
    return NoNewestRun(
        f"{what!r} is neither a recorded job nor the base model of one.{did_you_mean(what, known - {''})}".rstrip(".")
    )


def _newest_training(source: RecordSource, rows: Sequence[dict[str, str]]) -> dict[str, str]:
    """The newest of these that trained the model, and did not only evaluate it; the newest of all where none did."""
    for row in rows:
        [content] = source.contents([row])
        if content["job"]["activity"] in TRAINING:
            return row
    return rows[0]


def runs_of(source: RecordSource, what: str) -> list[dict[str, Any]]:
    """The newest records of those runs, in that order. Raises SeveralJobs and NoNewestRun."""
    return source.contents(rows_of_runs(source, what))
