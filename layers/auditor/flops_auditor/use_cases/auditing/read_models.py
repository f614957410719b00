"""Reading the file of models from the archive, for the evidence of a run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from flops_auditor.domain.ledger.ledger_errors import ObjectReplaced
from flops_auditor.domain.runs.amendment import Amendment
from flops_auditor.domain.runs.models_file import (
    NO_STATEMENTS,
    MalformedModels,
    ModelStatements,
    read_models,
    statements_about,
)
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.archive_keys import MODELS, models_key, number_of
from flops_auditor.use_cases.auditing.recording import Recorder
from flops_auditor.use_cases.ports.ledger import Archive


@dataclass(frozen=True)
class ModelsVersion:
    """A version of the file: its number, None before the first one, and what it says."""

    number: int | None
    statements: ModelStatements


def newest_models(archive: Archive) -> ModelsVersion:
    """The newest version. Raises MalformedModels."""
    number = max((n for key in archive.list(MODELS) if (n := number_of(key, models_key)) is not None), default=None)
    try:
        body = None if number is None else archive.get(models_key(number))
    except ObjectReplaced as error:
        raise MalformedModels(str(error)) from error
    return ModelsVersion(None, NO_STATEMENTS) if body is None else ModelsVersion(number, read_models(body))


def said_of_models(recorder: Recorder) -> Callable[[Run], tuple[Amendment, ...]]:
    """What is said now of the model that a run begins with, and of its result; the file is read once, when asked for.

    What it returns raises MalformedModels.
    """

    @cache
    def statements() -> ModelStatements:
        return newest_models(recorder.archive).statements

    return lambda run: statements_about(run, run.declared, statements(), recorder.tables.meaning)
