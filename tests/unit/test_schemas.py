"""Published schemas: versioned, complete, and numbers that jq can compare.

tests/conftest.py holds every output of every test to them.
"""

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from flops_auditor.domain.ledger.forms import WITHOUT_STATEMENTS
from flops_auditor_cli.commands.schema import NoSuchSchema
from flops_auditor_cli.main import app
from flops_auditor_cli.schemas import AMOUNTS, SCHEMAS, VERSION, schema_of, url_of, versioned


@pytest.mark.parametrize("name", SCHEMAS)
def test_every_schema_is_one_and_is_printed(name: str) -> None:
    printed = CliRunner().invoke(app, ["schema", name]).stdout
    schema = json.loads(printed)
    assert schema == schema_of(name)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == url_of(name) == f"https://flops-auditor.dev/schemas/{name}-{VERSION}.json"
    assert CliRunner().invoke(app, ["schema", schema["$id"]]).stdout == printed


def objects(schema: Any) -> Any:
    """Every schema of an object within a schema."""
    if isinstance(schema, dict):
        if schema.get("type") == "object" and "properties" in schema:
            yield schema
        for each in schema.values():
            yield from objects(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from objects(each)


@pytest.mark.parametrize("name", SCHEMAS)
def test_no_member_may_be_missing_and_none_may_be_added(name: str) -> None:
    for each in objects(schema_of(name)):
        assert set(each["required"]) == set(each["properties"])
        assert each["additionalProperties"] is False
        assert not {"pk", "sk"} & set(each["properties"])
        for member in set(each["properties"]) & AMOUNTS:
            assert each["properties"][member]["type"] == ["number", "null"]
            assert f"{member}_exact" in each["properties"]


def test_the_chain_of_runs_has_what_a_record_says_of_one_without_its_word() -> None:
    every = [each["properties"] for each in objects(schema_of("lineage"))]
    [without] = [each for each in every if "cautious_upper_flop" in each]
    assert {name.removesuffix("_exact") for name in without} == set(WITHOUT_STATEMENTS)


def test_an_amount_is_a_number_beside_its_exact_text() -> None:
    document = versioned("lineage", {"best_flop": "36488993757959568373164", "upper_flop": None, "threshold_flop": 12})
    assert document["best_flop"] == pytest.approx(3.6488993757959568e22)
    assert document["best_flop_exact"] == "36488993757959568373164"
    assert (document["upper_flop"], document["upper_flop_exact"]) == (None, None)
    assert (document["threshold_flop"], document["threshold_flop_exact"]) == (12, "12")
    assert document["version"] == VERSION


def test_the_list_names_every_schema_and_a_wrong_name_is_asked_about() -> None:
    listed = CliRunner().invoke(app, ["schema"]).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(SCHEMAS)
    with pytest.raises(NoSuchSchema, match="Did you mean records"):
        raise CliRunner().invoke(app, ["schema", "recods"]).exception or AssertionError
