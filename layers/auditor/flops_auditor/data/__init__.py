"""Tables shipped with the product: accelerators, instance types, base models, policies. Each row names its source.

Loaders read a file once per process; `digests` says by SHA-256 which version of each file a figure rests on.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from flops_auditor.domain.audit.tables import (
    ACCELERATORS,
    BASE_MODELS,
    FILES,
    INSTANCE_TYPES,
    POLICY_FOLDER,
    PUBLISHED_UTILISATION,
    TRAINER_METRICS,
    Tables,
    parse_hardware,
    parse_metrics,
    parse_models,
    parse_tables,
    parse_utilisation,
    read_policy,
)
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.published_utilisation import PublishedUtilisation
from flops_auditor.domain.law.policy import Policy
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.values.errors import WrongInput

FOLDER = Path(__file__).parent
RELEASED = "released_tables.csv"
"""Every version of a table that a release shipped: what a verifier takes for the product's own."""
MODEL_DOCUMENTATION_FORM = "forms/model-documentation-form.json"
"""What the form of the Code of Practice asks for."""
ON_BY_DEFAULT = "policies_on_by_default.json"
"""Which of the policies assess a job that nobody chose policies for; all of the folder can be chosen."""


class UnknownPolicy(WrongInput):
    """A policy is asked for that is not in the folder."""

    remedy = "Choose among those that `flops-auditor catalog policies` lists, or name their folder with --policy-dir."


@cache
def read(name: str) -> str:
    """The text of one shipped file."""
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def content(name: str) -> bytes:
    """The bytes of one shipped file."""
    return (FOLDER / name).read_bytes()


@cache
def digest(name: str) -> str:
    """The SHA-256 of one shipped file, in hex."""
    return hashlib.sha256(content(name)).hexdigest()


@cache
def default_policies() -> tuple[str, ...]:
    """The ids of the policies that are on by default."""
    return tuple(json.loads(read(ON_BY_DEFAULT)))


def policy_ids(folder: Path | None = None) -> tuple[str, ...]:
    """The ids of all policies of a folder, by default of those shipped: a file is all that a new regime takes."""
    files = folder.iterdir() if folder else (FOLDER / POLICY_FOLDER).iterdir()
    return tuple(sorted(each.name.removesuffix(".json") for each in files if each.name.endswith(".json")))


def policy_file(policy_id: str) -> str:
    """How records name a policy's file."""
    return f"{POLICY_FOLDER}{policy_id}.json"


def policy_bytes(policy_id: str, folder: Path | None = None) -> bytes:
    """A policy file: from the folder, or one of those shipped. Raises UnknownPolicy."""
    if folder is not None and policy_id in policy_ids(folder):
        return (folder / f"{policy_id}.json").read_bytes()
    if policy_id in policy_ids():
        return content(policy_file(policy_id))
    raise UnknownPolicy(f"{policy_id[:60]!r} is not a policy")


def hardware_table() -> HardwareTable:
    """The validated accelerators and instance types. Raises HardwareTableInvalid."""
    return parse_hardware(content(ACCELERATORS), content(INSTANCE_TYPES))


def base_model_table() -> BaseModelTable:
    """The validated base models. Raises BaseModelTableInvalid."""
    return parse_models(content(BASE_MODELS))


def trainer_metrics() -> TrainerMetrics:
    """The names of metrics that training code emits."""
    return parse_metrics(content(TRAINER_METRICS))


def published_utilisation() -> PublishedUtilisation:
    """What published runs used of their hardware. Raises UtilisationTableInvalid."""
    return parse_utilisation(content(PUBLISHED_UTILISATION))


def policy(policy_id: str, folder: Path | None = None) -> Policy:
    """One policy. Raises UnknownPolicy, MalformedPolicy."""
    return read_policy(policy_file(policy_id), policy_bytes(policy_id, folder))


@cache
def shipped() -> Mapping[str, bytes]:
    """SHA-256 (hex) -> bytes of every table and policy of this version."""
    names = (*FILES, *map(policy_file, policy_ids()))
    return {digest(name): content(name) for name in names}


@cache
def released() -> frozenset[str]:
    """SHA-256 (hex) of every version of a table that this version or a release before it shipped."""
    return frozenset((*shipped(), *(row["sha256"] for row in csv.DictReader(read(RELEASED).splitlines()))))


def load_tables(policies: Sequence[str] | None = None, folder: Path | None = None) -> Tables:
    """Everything an audit looks up, under the named policies, by default those that are on by default.

    `folder` holds policies beside those shipped. Raises UnknownPolicy, MalformedPolicy.
    """
    names = [name.strip() for name in policies or default_policies()]
    chosen = {policy_file(name): policy_bytes(name, folder) for name in names}
    return parse_tables({**{name: content(name) for name in FILES}, **chosen})
