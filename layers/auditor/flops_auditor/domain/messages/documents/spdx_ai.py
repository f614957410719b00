"""A model in SPDX 3.0.1 with the AI profile, as JSON-LD: what its training took, and the verdicts as annotations."""

from typing import Any

from flops_auditor.domain.messages.documents.bom import PRODUCT, SITE, ModelBom, reference_of
from flops_auditor.domain.messages.documents.form import ONLY_ADDED_UP
from flops_auditor.domain.values.amounts import flop

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
CREATION = "_:creation"


def spdx_ai(bom: ModelBom) -> dict[str, Any]:
    """The document. What the AI profile would have besides (supplier, release, place of download) no record says."""
    prefix = f"{SITE}/spdx/{bom.job_id}/{bom.revision}#"
    agent = _element(prefix, "agent", "SoftwareAgent", name=PRODUCT)
    described = [_model(bom, prefix), *_base(bom, prefix), *_annotations(bom, prefix)]
    elements = [agent, *described]
    document = _element(
        prefix,
        "document",
        "SpdxDocument",
        name=f"Training compute of {bom.name}",
        rootElement=[f"{prefix}model"],
        element=[each["spdxId"] for each in elements],
        profileConformance=["core", "software"],
    )
    creation = {
        "type": "CreationInfo",
        "@id": CREATION,
        "specVersion": "3.0.1",
        "created": f"{bom.at[:19]}Z",
        "createdBy": [agent["spdxId"]],
        "comment": f"{PRODUCT} {bom.version}",
    }
    return {"@context": CONTEXT, "@graph": [creation, *elements, document]}


def _element(prefix: str, at: str, kind: str, /, **members: Any) -> dict[str, Any]:
    """An element with its identifier, which ends in `at`."""
    return {"type": kind, "spdxId": f"{prefix}{at}", "creationInfo": CREATION, **members}


def _model(bom: ModelBom, prefix: str) -> dict[str, Any]:
    energy = "ai_finetuningEnergyConsumption" if bom.fine_tuned else "ai_trainingEnergyConsumption"
    consumed: dict[str, Any] = {}
    if bom.energy_kwh is not None:
        amount = {
            "type": "ai_EnergyConsumptionDescription",
            "ai_energyQuantity": float(bom.energy_kwh),
            "ai_energyUnit": "kilowattHour",
        }
        consumed = {"ai_energyConsumption": {"type": "ai_EnergyConsumption", energy: [amount]}}
    return _element(
        prefix,
        "model",
        "ai_AIPackage",
        name=bom.name,
        software_primaryPurpose="model",
        ai_informationAboutTraining=_training(bom),
        **consumed,
    )


def _training(bom: ModelBom) -> str:
    """What the training took, in sentences: the profile has no place for FLOP."""
    amount = bom.amount
    best = "not known" if amount.best_flop is None else f"{amount.best_flop} FLOP"
    least, most = flop(amount.lower_flop, "lower"), flop(amount.upper_flop, "upper")
    parts = [
        f"{bom.activity}: {best} (at least {least}, at most {most})",
        f"method: {bom.method}",
        f"energy: {bom.energy_method}",
        *([f"hardware: {'; '.join(bom.hardware)}"] if bom.hardware else []),
        *([f"{ONLY_ADDED_UP}: {bom.missing}"] if bom.missing else []),
        *bom.caveats,
    ]
    return ". ".join(parts)


def _base(bom: ModelBom, prefix: str) -> list[dict[str, Any]]:
    if not bom.base_models:
        return []
    bases = [
        _element(prefix, reference_of(number), "ai_AIPackage", name=each, software_primaryPurpose="model")
        for number, each in enumerate(bom.base_models)
    ]
    descends = _element(
        prefix,
        "descends",
        "Relationship",
        relationshipType="descendantOf",
        **{"from": f"{prefix}model", "to": [each["spdxId"] for each in bases]},
    )
    return [*bases, descends]


def _annotations(bom: ModelBom, prefix: str) -> list[dict[str, Any]]:
    """The verdicts, and the signed records that all rests on."""
    texts = [f"{each.title}: {each.verdict}. {each.reason}" for each in bom.claims]
    texts += [f"Signed record of {r.job_arn}, revision {r.revision}: SHA-256 {r.sha256}" for r in bom.records]
    return [
        _element(
            prefix,
            f"annotation-{number}",
            "Annotation",
            annotationType="other",
            contentType="text/plain",
            subject=f"{prefix}model",
            statement=text,
        )
        for number, text in enumerate(texts)
    ]
