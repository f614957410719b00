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
    check_dated,
    check_wordings,
    parse_hardware,
    parse_metrics,
    parse_models,
    parse_tables,
    parse_utilisation,
    policy_name,
    read_policy,
)
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.published_utilisation import PublishedUtilisation
from flops_auditor.domain.law.policy import MalformedPolicy, Policy
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.values.errors import WrongInput

FOLDER = Path(__file__).parent
RELEASED = "released_tables.csv"
"""Every version of a table that a release shipped: what a verifier takes for the product's own."""
MODEL_DOCUMENTATION_FORM = "model-documentation-form"
"""The form whose words for how a figure was come by a bill of materials uses, too."""
FORM_FOLDER = "forms/"
"""What forms ask for, one file each: a policy names a form by the name of its file."""
ON_BY_DEFAULT = "policies_on_by_default.json"
"""Which of the policies assess a job that nobody chose policies for; all of the folder can be chosen."""


class UnknownForm(WrongInput):
    """A form is asked for that is not in the folder."""

    remedy = "Choose among those that the message names."


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
    return _shipped_ids() if folder is None else _ids_in(folder)


@cache
def _shipped_ids() -> tuple[str, ...]:
    return _ids_in(FOLDER / POLICY_FOLDER)


def _ids_in(folder: Path) -> tuple[str, ...]:
    names = (each.name for each in folder.iterdir())
    return tuple(sorted(name.removesuffix(".json") for name in names if name.endswith(".json")))


def policy_path(policy_id: str, folder: Path | None = None) -> Path:
    """Where a policy's file is: in the folder, or among those shipped. Raises UnknownPolicy."""
    if folder is not None and policy_id in policy_ids(folder):
        return folder / f"{policy_id}.json"
    if policy_id in policy_ids():
        return FOLDER / policy_name(policy_id)
    raise UnknownPolicy(f"{policy_id[:60]!r} is not a policy")


def policy_bytes(policy_id: str, folder: Path | None = None) -> bytes:
    """A policy file: from the folder, or one of those shipped. Raises UnknownPolicy, MalformedPolicy if it cannot be
    read.
    """
    path = policy_path(policy_id, folder)
    try:
        return path.read_bytes() if path.parent == folder else content(policy_name(policy_id))
    except OSError as error:
        raise MalformedPolicy(f"{path}: {error.strerror}") from error


@cache
def form_ids() -> tuple[str, ...]:
    """The ids of all forms: the names of their files."""
    return tuple(sorted(each.stem for each in (FOLDER / FORM_FOLDER).glob("*.json")))


def form_text(form_id: str) -> str:
    """What a form asks for, as its file says it. Raises UnknownForm."""
    if form_id not in form_ids():
        raise UnknownForm(f"{form_id[:60]!r} is not a form; there are: {', '.join(form_ids())}")
    return read(f"{FORM_FOLDER}{form_id}.json")


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
    """One policy; the forms and the policy that it names are there. Raises UnknownPolicy, and MalformedPolicy with the
    file's path.
    """
    return _shipped(policy_id) if folder is None else _checked(policy_id, folder)


@cache
def _shipped(policy_id: str) -> Policy:
    return _checked(policy_id, None)


def _checked(policy_id: str, folder: Path | None) -> Policy:
    parsed = _read_policy(policy_id, folder)
    path = policy_path(policy_id, folder)
    for duty in parsed.duties:
        if duty.form and duty.form not in form_ids():
            known = ", ".join(form_ids())
            raise MalformedPolicy(f"{path}: duty {duty.duty_id}: form {duty.form[:60]!r} is not one of {known}")
    if parsed.wording_of:
        if parsed.wording_of not in (*policy_ids(), *(policy_ids(folder) if folder else ())):
            raise MalformedPolicy(f"{path}: wording_of: {parsed.wording_of} is not a policy")
        check_wordings([parsed, _read_policy(parsed.wording_of, folder)], {parsed.policy_id: str(path)})
    return parsed


def _read_policy(policy_id: str, folder: Path | None) -> Policy:
    path = policy_path(policy_id, folder)
    return read_policy(policy_name(policy_id), policy_bytes(policy_id, folder), str(path))


def shipped_policy(policy_id: str, sha256: str) -> Policy | None:
    """One of this version's policies, if its file is the one with this SHA-256 (hex)."""
    known = policy_id in policy_ids() and digest(policy_name(policy_id)) == sha256
    return policy(policy_id) if known else None


@cache
def shipped() -> Mapping[str, bytes]:
    """SHA-256 (hex) -> bytes of every table and policy of this version."""
    names = (*FILES, *map(policy_name, policy_ids()))
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
    check_dated(policy(name, folder) for name in dict.fromkeys(names))
    chosen = {policy_name(name): policy_bytes(name, folder) for name in names}
    return parse_tables({**{name: content(name) for name in FILES}, **chosen})
