"""A model in CycloneDX 1.7 (ECMA-424): an ML-BOM with what its training took, and the verdicts as claims.

The format has no place for FLOP, so they are properties. Of who provided the energy, and from which source, no record
says anything: both are `unknown`.
"""

from base64 import urlsafe_b64encode
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from flops_auditor.domain.messages.documents.bom import PRODUCT, SITE, ModelBom, SignedRecord, reference_of

MODEL, CLAIMED = "model", "claimed-model"
UNKNOWN = "unknown"
GRAMS_IN_A_TONNE = 1_000_000


def cyclonedx(bom: ModelBom) -> dict[str, Any]:
    """The document. Numbers are JSON numbers where the schema asks for them, and FLOP decimal texts."""
    number = uuid5(NAMESPACE_URL, f"{SITE}/bom/{bom.ledger_id}/{bom.job_id}/{bom.revision}")
    base = [{**each, "bom-ref": reference_of(number)} for number, each in enumerate(_base_models(bom))]
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.7.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.7",
        "serialNumber": number.urn,
        "version": 1,
        "metadata": {
            "timestamp": bom.at,
            "tools": {"components": [{"type": "application", "name": PRODUCT, "version": bom.version}]},
            "component": _model(bom),
        },
        "components": base,
        "dependencies": [{"ref": MODEL, "dependsOn": [each["bom-ref"] for each in base]}],
        "declarations": _declarations(bom),
    }


def _model(bom: ModelBom) -> dict[str, Any]:
    considerations = {"environmentalConsiderations": {"energyConsumptions": _energy(bom)}}
    return {
        "type": "machine-learning-model",
        "bom-ref": MODEL,
        "name": bom.name,
        "modelCard": {"considerations": considerations} if bom.energy_kwh is not None else {},
        **({"pedigree": {"ancestors": _base_models(bom)}} if bom.base_models else {}),
        "properties": _properties(bom),
    }


def _base_models(bom: ModelBom) -> list[dict[str, str]]:
    return [{"type": "machine-learning-model", "name": each} for each in bom.base_models]


def _energy(bom: ModelBom) -> list[dict[str, Any]]:
    if bom.energy_kwh is None:
        return []
    amount = {"value": float(bom.energy_kwh), "unit": "kWh"}
    grams = bom.emissions_g
    emitted = {} if grams is None else {"value": float(grams / GRAMS_IN_A_TONNE), "unit": "tCO2eq"}
    grid = [] if bom.grid is None else [("grid-factor-source", bom.grid.source)]
    provider = {"organization": {"name": UNKNOWN}, "energySource": UNKNOWN, "energyProvided": amount}
    return [
        {
            "activity": bom.activity,
            "energyProviders": [provider],
            "activityEnergyCost": amount,
            **({"co2CostEquivalent": emitted} if emitted else {}),
            "properties": _named([("energy-methodology", bom.energy_method), *grid]),
        }
    ]


def _properties(bom: ModelBom) -> list[dict[str, str]]:
    amount = bom.amount
    flop = [("best-flop", amount.best_flop), ("lower-flop", amount.lower_flop), ("upper-flop", amount.upper_flop)]
    return _named(
        [
            *((name, str(each)) for name, each in flop if each is not None),
            ("computation-methodology", bom.method),
            ("limited-to", bom.scope),
            *([("energy", "not known")] if bom.energy_kwh is None else []),
            *(("hardware", each) for each in bom.hardware),
            *(("region", each) for each in bom.regions),
            *([("runs-in-the-compute-alone", str(bom.missing))] if bom.missing else []),
            *(("caveat", each) for each in bom.caveats),
        ]
    )


def _named(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"name": f"{PRODUCT}:{name}", "value": value} for name, value in pairs]


def _declarations(bom: ModelBom) -> dict[str, Any]:
    """The verdicts as claims; their evidence is the signed records, by the digests of their lines."""
    evidence = [_evidence(each, number) for number, each in enumerate(bom.records)]
    claims = [
        {
            "bom-ref": f"claim-{number}",
            "target": CLAIMED,
            "predicate": f"{each.title}: {each.verdict}",
            "reasoning": each.reason,
            "evidence": [one["bom-ref"] for one in evidence],
        }
        for number, each in enumerate(bom.claims)
    ]
    assessor = {"bom-ref": "assessor", "thirdParty": False, "organization": {"name": bom.ledger_id}}
    attested = {"assessor": "assessor", "map": [{"claims": [each["bom-ref"] for each in claims]}]}
    return {
        "assessors": [assessor],
        "attestations": [{"summary": "Training compute against thresholds of the law", **attested}] if claims else [],
        "claims": claims,
        "evidence": evidence,
        "targets": {"components": [{"type": "machine-learning-model", "bom-ref": CLAIMED, "name": bom.name}]},
    }


def _evidence(record: SignedRecord, number: int) -> dict[str, Any]:
    """A record by a named information URI of its SHA-256 (RFC 6920)."""
    digest = urlsafe_b64encode(bytes.fromhex(record.sha256)).decode().rstrip("=")
    return {
        "bom-ref": f"record-{number}",
        "description": f"Signed record of {record.job_arn}, revision {record.revision}: a DSSE envelope in the ledger",
        "data": [{"name": record.job_id, "contents": {"url": f"ni:///sha-256;{digest}"}}],
    }
