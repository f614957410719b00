"""What holds in every test: a command's JSON keeps to its published schema, and no example is a measure of time."""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("timeless", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("timeless")


@cache
def _validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    from flops_auditor_cli.schemas import schema_of

    return Draft202012Validator(schema_of(name))


@pytest.fixture(autouse=True, scope="session")
def published_schemas_hold() -> Iterator[None]:
    """Check every document between its making and its printing."""
    from flops_auditor_cli import view

    made = view.versioned

    def checked(name: str, document: Mapping[str, Any]) -> dict[str, Any]:
        shown = made(name, document)
        _validator(name).validate(shown)
        return shown

    patch = pytest.MonkeyPatch()
    patch.setattr(view, "versioned", checked)
    yield
    patch.undo()
