"""The environment that template.yaml gives a function is the one that the function reads."""

from __future__ import annotations

from dataclasses import fields

import pytest

from flops_auditor.aws.wiring import environment
from tests.template.loading import REPOSITORY, load

FUNCTIONS = sorted(path.parent.name for path in (REPOSITORY / "functions").glob("*/app.py"))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_environment_is_what_the_function_reads(function: str) -> None:
    template = load()
    resource = template["Resources"][f"{function.capitalize()}Function"]
    variables = set(resource["Properties"]["Environment"]["Variables"])
    read = {each.name.upper() for each in fields(getattr(environment, f"{function.capitalize()}Environment"))}
    assert {name for name in variables if not name.startswith("POWERTOOLS_")} == read


def test_every_function_is_deployed() -> None:
    template = load()
    deployed = {
        each["Properties"]["CodeUri"].removeprefix("functions/")
        for each in template["Resources"].values()
        if each["Type"] == "AWS::Serverless::Function"
    }
    assert deployed == set(FUNCTIONS)
