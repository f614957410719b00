"""Say something of a model: the next version of the file of models, and superseding records of its runs."""

from collections.abc import Iterable

from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.models_file import checked, models_to_bytes
from flops_auditor.domain.values.archive_keys import models_key
from flops_auditor.use_cases.auditing.amend_record import NothingToAmend, amend
from flops_auditor.use_cases.auditing.keep_record import MOST_ROUNDS, NotSettled
from flops_auditor.use_cases.auditing.read_models import ModelsVersion, newest_models
from flops_auditor.use_cases.auditing.recording import Recorder


def set_model(statement: Amendment, recorder: Recorder) -> ModelsVersion:
    """Write the next version of the file, with this statement in the place of an earlier one about the same model.

    Raises MalformedAmendment, MalformedModels, NotSettled.
    """
    checked(statement.about, statement.check())
    for _ in range(MOST_ROUNDS):
        kept = newest_models(recorder.archive)
        if kept.statements.get(statement.about) == statement:
            return kept
        number = 0 if kept.number is None else kept.number + 1
        statements = {**kept.statements, statement.about: statement}
        if recorder.archive.put_if_absent(models_key(number), models_to_bytes(statements)):
            return ModelsVersion(number, statements)
    raise NotSettled(f"the file of models changed {MOST_ROUNDS} times while it was written")


def amend_runs(statement: Amendment, job_ids: Iterable[str], recorder: Recorder) -> int:
    """Supersede the records of these runs with what is said of their model; the number of them.

    A run that is not recorded yet, or still running, takes it from the file.
    """
    count = 0
    for job_id in job_ids:
        try:
            amend(job_id, statement, recorder)
            count += 1
        except NothingToAmend:
            continue
    return count
