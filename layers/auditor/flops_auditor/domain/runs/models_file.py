"""What the compliance officer says of models, in one file: job owners do not know these things.

The file is YAML that is also JSON, so that it reads well and one strict parser reads it. Each version is kept; what it
says of a run's model is part of that run's evidence, and so of its signed record.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from flops_auditor.domain.runs.amendment import Amendment, read_amendment
from flops_auditor.domain.runs.declared import Declared
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.values.canonical_json import parse_strict
from flops_auditor.domain.values.errors import AuditorError

MOST_MODELS = 500
LONGEST_NAME = 300
ModelStatements = Mapping[str, Amendment]
"""Name of a model, or of a job or its ARN, -> what is said of it."""
NO_STATEMENTS: ModelStatements = MappingProxyType({})


class MalformedModels(AuditorError):
    """A file of models that does not say what it may say."""

    remedy = "Change it with `flops-auditor models set`; `flops-auditor models show` shows the newest version."


def read_models(body: bytes) -> ModelStatements:
    """Read a file of models. Raises MalformedModels."""
    try:
        entries = parse_strict(body)["models"].items()
        return {name: checked(name, read_amendment({**entry, "about": name})) for name, entry in entries}
    except MalformedModels:
        raise
    except (KeyError, TypeError, AttributeError, AuditorError) as error:
        raise MalformedModels(f"{type(error).__name__}: {error}") from error


def models_to_bytes(statements: ModelStatements) -> bytes:
    """The file: models in order of name. Raises MalformedModels for too many."""
    if len(statements) > MOST_MODELS:
        raise MalformedModels(f"{len(statements)} models, at most {MOST_MODELS}")
    entries = {name: without_about(statement) for name, statement in sorted(statements.items())}
    return (json.dumps({"models": entries}, indent=2, ensure_ascii=False) + "\n").encode()


def without_about(statement: Amendment) -> dict[str, object]:
    """A statement as it stands under its model's name."""
    return {name: value for name, value in statement.to_json().items() if name != "about"}


def checked(name: str, statement: Amendment) -> Amendment:
    """A statement that may stand in the file. Raises MalformedModels."""
    if not name.strip() or len(name) > LONGEST_NAME:
        raise MalformedModels(f"{name[:60]!r} is no name of a model")
    if any(value is not None for value in (statement.tokens, statement.parameters, statement.mfu)):
        raise MalformedModels(f"{name[:60]}: tokens, parameters and MFU are of a run, not of a model")
    if statement.stated.from_scratch is not None:
        raise MalformedModels(f"{name[:60]}: whether there is an original is said of a run, not of a model")
    return statement


def statements_about(
    run: Run, declared: Declared, statements: ModelStatements, resolve: Callable[[str], str]
) -> tuple[Amendment, ...]:
    """What is said of the model that a run begins with, then what is said of the run's own result.

    `resolve` gives the id of the model that a name means, or the name itself.
    """
    original = declared.base_model
    about_original = [s for name, s in statements.items() if original and _same(name, original, resolve)]
    about_result = [s for name, s in statements.items() if name in {run.name, run.arn}]
    return (*about_original, *(s for s in about_result if s not in about_original))


def still_about(
    run: Run, declared: Declared, amendments: Sequence[Amendment], resolve: Callable[[str], str]
) -> tuple[Amendment, ...]:
    """Without what is said of another model than the one that the run names: a statement about a model holds for a run
    whose names all mean that model, so that no name puts on another's statement.
    """
    names = {resolve(name.text).casefold() for name in declared.names if not name.is_place}
    names = names or {resolve(declared.base_model).casefold()}
    mine = {run.name, run.arn}
    return tuple(a for a in amendments if not a.about or a.about in mine or names == {resolve(a.about).casefold()})


def _same(name: str, original: str, resolve: Callable[[str], str]) -> bool:
    return name.casefold() == original.casefold() or resolve(name) == resolve(original)
