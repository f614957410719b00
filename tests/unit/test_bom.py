"""Formats that others read, each held to its published schema, offline."""

import copy
import io
import json
from decimal import Decimal
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from jsonschema import Draft202012Validator
from spdx_python_model.bindings import v3_0_1 as spdx
from typer.testing import CliRunner

from flops_auditor.data import hardware_table
from flops_auditor.domain.messages.documents.bom import GridFactor, ModelBom, bom_of
from flops_auditor.domain.messages.documents.cyclonedx import cyclonedx
from flops_auditor.domain.messages.documents.fill_form import NOT_KNOWN
from flops_auditor.domain.messages.documents.form import ONLY_ADDED_UP
from flops_auditor.domain.messages.documents.spdx_ai import spdx_ai
from flops_auditor_cli.commands.bom import BomFormat, in_format
from flops_auditor_cli.main import app
from tests import golden_forms
from tests.golden_forms import demo, filled, runs
from tests.schemas import spdx_schema
from tests.unit.test_form import CHAIN, HOSTILE_TEXTS, MARKUP, SAFE_TAGS

GRID = GridFactor(Decimal("231.5"), "EEA, 2024")
CARD_KEYS = {"base_model", "co2_eq_emissions"}
EMISSION_KEYS = {"emissions", "source", "training_type", "geographical_location", "hardware_used"}
"""huggingface.co/docs/hub/model-cards-co2"""


def described(*records: dict[str, Any], grid: GridFactor | None = None) -> ModelBom:
    digests = [sha256(json.dumps(each).encode()).hexdigest() for each in records]
    return bom_of(records, digests, filled(*records), hardware_table(), grid)


def chain(grid: GridFactor | None = None) -> ModelBom:
    return described(*runs(demo(), CHAIN), grid=grid)


def undisclosed() -> ModelBom:
    return described(*runs(demo(), ["serverless-llama-3-2-3b"]), grid=GRID)


def hostile() -> ModelBom:
    """Every text that a job's owner may write is hostile."""
    records = copy.deepcopy(runs(demo(), CHAIN))
    text = "".join(HOSTILE_TEXTS)
    for record in records:
        record["original"]["base_model"] = text
        for earlier in record["cumulative"]["ancestors"]:
            earlier["base_model"] = text
        record["job"].update(name=text, arn=text, region=text, instances=[{"type": text, "count": 1}])
        for assessment in record["assessments"]:
            assessment.update(title=text, reason=text)
    return described(*records, grid=GRID)


def whole_model() -> ModelBom:
    """A model of one's own: nothing was modified."""
    [content] = [golden_forms.frontier()]
    return described(content)


CASES = (chain, undisclosed, hostile, whole_model)
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)


@cache
def spdx_validator() -> Draft202012Validator:
    return Draft202012Validator(spdx_schema())


def objects_of(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [each for each in document["@graph"] if each["type"] == kind]


@every_case
def test_cyclonedx_is_valid_by_its_schema(case: Any) -> None:
    text = in_format(case(), BomFormat.CYCLONEDX)
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(text) is None
    references = [each["bom-ref"] for each in bom_refs(json.loads(text))]
    assert len(set(references)) == len(references)


def bom_refs(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        return [*([part] if "bom-ref" in part else []), *(each for value in part.values() for each in bom_refs(value))]
    return [each for value in part for each in bom_refs(value)] if isinstance(part, list) else []


@every_case
def test_spdx_is_valid_by_its_schema_and_its_model(case: Any) -> None:
    text = in_format(case(), BomFormat.SPDX)
    spdx_validator().validate(json.loads(text))
    objects = spdx.SHACLObjectSet()
    spdx.JSONLDDeserializer().read(io.BytesIO(text.encode()), objects)
    [model] = [each for each in objects.foreach_type(spdx.ai_AIPackage) if each._id.endswith("#model")]
    assert model.name == case().name


@every_case
def test_a_card_has_documented_members_alone(case: Any) -> None:
    text = in_format(case(), BomFormat.MODEL_CARD)
    if not text.startswith("---\n"):
        return
    metadata = yaml.safe_load(text.split("---\n")[1])
    assert set(metadata) <= CARD_KEYS
    assert set(metadata.get("co2_eq_emissions", {})) in (set(), EMISSION_KEYS)


def test_the_energy_is_that_of_the_records_and_its_source_is_unknown() -> None:
    kwh = sum(Decimal(each["estimate"]["energy_kwh"]) for each in runs(demo(), CHAIN))
    component = cyclonedx(chain())["metadata"]["component"]
    [energy] = component["modelCard"]["considerations"]["environmentalConsiderations"]["energyConsumptions"]
    assert (energy["activity"], energy["activityEnergyCost"]) == ("fine-tuning", {"value": float(kwh), "unit": "kWh"})
    [provider] = energy["energyProviders"]
    assert (provider["energySource"], provider["organization"]) == ("unknown", {"name": "unknown"})
    assert "co2CostEquivalent" not in energy, "emissions are never invented"
    [model] = [each for each in spdx_ai(chain())["@graph"] if each.get("spdxId", "").endswith("#model")]
    [amount] = model["ai_energyConsumption"]["ai_finetuningEnergyConsumption"]
    assert (amount["ai_energyQuantity"], amount["ai_energyUnit"]) == (float(kwh), "kilowattHour")


def test_the_flop_are_those_of_the_record() -> None:
    content = demo().content("domain-adapt-3")
    properties = {each["name"]: each["value"] for each in cyclonedx(chain())["metadata"]["component"]["properties"]}
    assert properties["flops-auditor:best-flop"] == content["lineage"]["updates_best_flop"]
    assert properties["flops-auditor:lower-flop"] == content["lineage"]["updates_lower_flop"]
    assert properties["flops-auditor:upper-flop"] == content["lineage"]["updates_upper_flop"]
    assert f"fine-tuning: {content['lineage']['updates_best_flop']} FLOP" in json.dumps(spdx_ai(chain()))


def test_an_amount_that_is_not_known_is_no_property() -> None:
    content = copy.deepcopy(demo().content("domain-adapt-1"))
    content["lineage"]["updates_upper_flop"] = None
    names = {each["name"] for each in cyclonedx(described(content))["metadata"]["component"]["properties"]}
    assert "flops-auditor:upper-flop" not in names
    assert "at most unknown" in json.dumps(spdx_ai(described(content)))


def test_verdicts_are_claims_whose_evidence_is_the_signed_records() -> None:
    bom, content = chain(), demo().content("domain-adapt-3")
    declared = cyclonedx(bom)["declarations"]
    claims = {each["predicate"]: each["evidence"] for each in declared["claims"]}
    verdicts = [f"{a['title']}: {a['verdict']}" for a in content["assessments"]]
    assert claims == {each: ["record-0", "record-1", "record-2"] for each in verdicts}
    [url] = [each["contents"]["url"] for each in declared["evidence"][0]["data"]]
    assert url.startswith("ni:///sha-256;") and len(url) == len("ni:///sha-256;") + 43
    statements = [each["statement"] for each in objects_of(spdx_ai(bom), "Annotation")]
    assert all(text.startswith(f"{verdict}. ") for text, verdict in zip(statements, verdicts, strict=False))
    assert all(record.sha256 in statements[len(verdicts) + n] for n, record in enumerate(bom.records))


def test_what_a_bom_is_limited_to_is_said_only_where_it_is_known() -> None:
    record = copy.deepcopy(demo().content("domain-adapt-1"))
    for role, scope in (("modifier", "the modification"), ("developer", NOT_KNOWN), (None, NOT_KNOWN)):
        record["assessments"][-1]["role"] = role
        assert filled(record).scope == scope
        properties = cyclonedx(described(record))["metadata"]["component"]["properties"]
        assert {"name": "flops-auditor:limited-to", "value": scope} in properties


def test_what_is_not_known_is_left_out_or_said() -> None:
    component = cyclonedx(undisclosed())["metadata"]["component"]
    assert component["modelCard"] == {}
    assert {"name": "flops-auditor:energy", "value": "not known"} in component["properties"]
    assert "ai_energyConsumption" not in json.dumps(spdx_ai(undisclosed()))
    card = in_format(undisclosed(), BomFormat.MODEL_CARD)
    assert yaml.safe_load(card.split("---\n")[1]) == {"base_model": "meta-llama/Llama-3.2-3B"}
    assert "| Energy | not known |" in card


def test_a_model_of_ones_own_was_trained_and_descends_from_none() -> None:
    document, bom = spdx_ai(whole_model()), cyclonedx(whole_model())
    assert "ai_trainingEnergyConsumption" in json.dumps(document)
    assert objects_of(document, "Relationship") == [] == bom["components"]


def test_emissions_follow_from_a_factor_that_a_person_gave() -> None:
    card = yaml.safe_load(in_format(chain(GRID), BomFormat.MODEL_CARD).split("---\n")[1])
    assert card["co2_eq_emissions"]["emissions"] == pytest.approx(16307.2 * 231.5)
    assert "231.5 g CO2eq/kWh (EEA, 2024)" in card["co2_eq_emissions"]["source"]
    component = cyclonedx(chain(GRID))["metadata"]["component"]
    [energy] = component["modelCard"]["considerations"]["environmentalConsiderations"]["energyConsumptions"]
    assert energy["co2CostEquivalent"] == {"value": pytest.approx(16307.2 * 231.5 / 1e6), "unit": "tCO2eq"}
    assert "co2_eq_emissions" not in in_format(chain(), BomFormat.MODEL_CARD)


def test_what_a_jobs_owner_writes_is_text_in_a_card() -> None:
    from markdown_it import MarkdownIt

    head, body = in_format(hostile(), BomFormat.MODEL_CARD).split("---\n")[1:]
    metadata = yaml.safe_load(head)
    assert set(metadata) == {"co2_eq_emissions"}, "no name that is none of the Hub's"
    tokens = MarkdownIt("commonmark").enable("table").parse(body)
    inner = [each for token in tokens for each in (token, *(token.children or []))]
    assert {each.tag for each in inner if each.tag} <= SAFE_TAGS
    assert not [each for each in inner if each.type in MARKUP]


@pytest.mark.parametrize("output", list(BomFormat))
def test_no_format_has_a_character_that_a_terminal_obeys(output: BomFormat) -> None:
    text = in_format(hostile(), output)
    assert all(each.isprintable() or each == "\n" for each in text)
    text.encode()


def test_a_run_that_is_not_here_is_in_the_compute_alone_and_said() -> None:
    """The compute of the last record counts it; it was said to be in no figure."""
    bom = described(*runs(demo(), CHAIN[:2]))
    assert bom.missing == 1
    assert bom.amount == chain().amount and bom.energy_kwh != chain().energy_kwh
    told = {"spdx": f"{ONLY_ADDED_UP}: 1", "model-card": f"| {ONLY_ADDED_UP} | 1 |"}
    words = {"cyclonedx": "runs-in-the-compute-alone", **told}
    assert all(words[output] in in_format(bom, output) for output in BomFormat)


def test_the_schemas_notice_what_is_missing() -> None:
    document = cyclonedx(chain())
    considerations = document["metadata"]["component"]["modelCard"]["considerations"]
    del considerations["environmentalConsiderations"]["energyConsumptions"][0]["energyProviders"][0]["energySource"]
    assert JsonStrictValidator(SchemaVersion.V1_7).validate_str(json.dumps(document)) is not None
    graph = spdx_ai(chain())
    [model] = [each for each in graph["@graph"] if each.get("spdxId", "").endswith("#model")]
    del model["ai_energyConsumption"]["ai_finetuningEnergyConsumption"][0]["ai_energyUnit"]
    assert not spdx_validator().is_valid(graph)


def test_the_command_reads_a_bundle(tmp_path: Path) -> None:
    bundle = demo().bundle(tmp_path).path
    arguments = ["bom", "domain-adapt-3", "--bundle", str(bundle)]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    component = json.loads(done.stdout)["metadata"]["component"]
    assert component["name"] == "domain-adapt-3"
    assert json.loads(CliRunner().invoke(app, [*arguments, "-o", "spdx"]).stdout)["@graph"]
    alone = CliRunner().invoke(app, [*arguments, "--grid-factor", "200"])
    assert (alone.exit_code, "belong together" in alone.output) == (2, True)
    given = CliRunner().invoke(app, [*arguments, "--grid-factor", "200", "--grid-source", "s", "-o", "model-card"])
    assert "co2_eq_emissions" in given.stdout
