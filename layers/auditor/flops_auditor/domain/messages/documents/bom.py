"""What a bill of materials says of a model, as values: formats that others read are made from them.

Nothing is invented: what no record says is left out, or is said to be unknown where a format asks for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.messages.documents.form import FilledForm, Scope
from flops_auditor.domain.messages.documents.form_file import AnswerKind
from flops_auditor.domain.messages.documents.run_figures import (
    TRAINING,
    CountedAmount,
    accelerators_of,
    amount_of,
    energies,
)
from flops_auditor.domain.messages.record_words import said_of

PRODUCT = "flops-auditor"
SITE = "https://flops-auditor.dev"


class Claim(NamedTuple):
    """On which side of a line the model is, and whether on the job's own word alone; and why."""

    title: str
    verdict: str
    reason: str


class SignedRecord(NamedTuple):
    """A record that the figures rest on: of which job, and the SHA-256 of its envelope's line, in hex."""

    job_arn: str
    job_id: str
    revision: int
    sha256: str


@dataclass(frozen=True)
class GridFactor:
    """Grams of CO2 equivalent for a kilowatt-hour, and where the figure comes from: a person gives both."""

    grams_per_kwh: Decimal
    source: str


@dataclass(frozen=True)
class ModelBom:
    """A model that a run made. Energy in kWh (None: not known); `emissions_g` only where a grid factor was given.

    `fine_tuned`: what is told is not of a model as a whole; `scope` says of what. `missing` counts runs that it
    continues and whose records are not here: the compute counts them and nothing else does; `caveats` are what is to be
    said of where the records were read. `at` is when the newest record was made, and `version` what made it.
    """

    name: str
    job_id: str
    revision: int
    ledger_id: str
    at: str
    version: str
    base_models: tuple[str, ...]
    fine_tuned: bool
    scope: Scope
    regions: tuple[str, ...]
    hardware: tuple[str, ...]
    energy_kwh: Decimal | None
    energy_method: str
    grid: GridFactor | None
    amount: CountedAmount
    method: str
    missing: int
    claims: tuple[Claim, ...]
    records: tuple[SignedRecord, ...]
    caveats: tuple[str, ...] = ()

    @property
    def emissions_g(self) -> Decimal | None:
        """Grams of CO2 equivalent."""
        if self.grid is None or self.energy_kwh is None:
            return None
        return self.energy_kwh * self.grid.grams_per_kwh

    @property
    def activity(self) -> str:
        """What the energy and the compute were used for."""
        return "fine-tuning" if self.fine_tuned else "training"


def reference_of(number: int) -> str:
    """What a document calls one of the models that were begun with; nearly always there is one."""
    return f"base-model-{number + 1}" if number else "base-model"


def bom_of(
    records: Sequence[Mapping[str, Any]],
    digests: Sequence[str],
    form: FilledForm,
    hardware: HardwareTable,
    grid: GridFactor | None = None,
    caveats: Sequence[str] = (),
) -> ModelBom:
    """From the newest records of a model's runs, the last one first, the SHA-256 of each record's line, and the form
    that was filled in from them.
    """
    content = records[0]
    trained = [each for each in records if each["job"]["activity"] in TRAINING]
    known = energies(trained)
    return ModelBom(
        name=content["job"]["name"],
        job_id=content["job"]["id"],
        revision=content["revision"],
        ledger_id=content["ledger_id"],
        at=max(each["recorded_at"] for each in records),
        version=content["code_version"],
        base_models=form.models,
        fine_tuned=form.scope != "the model as a whole",
        scope=form.scope,
        regions=tuple(dict.fromkeys(each["job"]["region"] for each in trained)),
        hardware=tuple(dict.fromkeys(hosts for each in trained for hosts in _hosts(each, hardware))),
        energy_kwh=sum(known, Decimal(0)) if len(known) == len(trained) else None,
        energy_method=_answer(form, "energy, methodology"),
        grid=grid,
        amount=amount_of(content),
        method=_answer(form, "computation, methodology"),
        missing=form.missing,
        claims=tuple(Claim(a["title"], said_of(a), a["reason"]) for a in content["assessments"]),
        records=tuple(
            SignedRecord(each["job"]["arn"], each["job"]["id"], each["revision"], digest)
            for each, digest in zip(records, digests, strict=True)
        ),
        caveats=tuple(caveats),
    )


def _answer(form: FilledForm, kind: AnswerKind) -> str:
    """What the form says of a method."""
    return next((field.answer or "" for field in form.fields if field.kind == kind), "")


def _hosts(content: Mapping[str, Any], hardware: HardwareTable) -> list[str]:
    """The hosts of a run, with their accelerators."""
    hosts = [f"{each['count']} x {each['type']}" for each in content["job"]["instances"]]
    return [f"{', '.join(hosts)} ({accelerators_of(content, hardware)})"] if hosts else []
