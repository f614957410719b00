"""Tables shipped with the product: accelerators, instance types, base models, policies. Each row names its source.

Loaders read a file once per process; `digests` says by SHA-256 which version of each file a figure rests on.
"""

import csv
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources

from flops_auditor.domain.audit.audit import Tables
from flops_auditor.domain.audit.tables import (
    ACCELERATORS,
    BASE_MODELS,
    FILES,
    INSTANCE_TYPES,
    POLICY_FOLDER,
    TRAINER_METRICS,
    parse_tables,
)
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.law.policy import Policy, parse_policy
from flops_auditor.domain.messages.reason import Titles
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.values.errors import AuditorError

TITLES = "titles.json"
"""No figure rests on it, so no record names it: a title can be bettered without touching what was signed."""
RELEASED = "released_tables.csv"
"""Every version of a table that a release shipped: what a verifier takes for the product's own."""
POLICIES = ("aws-flops-meter-2026-05", "eu-gpai-guidelines-2025-07")


class UnknownPolicy(AuditorError):
    """A policy is asked for that is not shipped."""

    remedy = f"Choose among {', '.join(POLICIES)}; `flops-auditor catalog policies` describes them."


@cache
def read(name: str) -> str:
    """The text of one shipped file."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def content(name: str) -> bytes:
    """The bytes of one shipped file."""
    return resources.files(__name__).joinpath(name).read_bytes()


@cache
def digest(name: str) -> str:
    """The SHA-256 of one shipped file, in hex."""
    return hashlib.sha256(content(name)).hexdigest()


def policy_file(policy_id: str) -> str:
    """Where a policy stands. Raises UnknownPolicy."""
    if policy_id not in POLICIES:
        raise UnknownPolicy(f"{policy_id[:60]!r} is not a policy")
    return f"{POLICY_FOLDER}{policy_id}.json"


def digests(policies: Sequence[str] = POLICIES) -> dict[str, str]:
    """File name -> SHA-256 (hex) of every shipped table and of the named policies."""
    return {name: digest(name) for name in (*FILES, *map(policy_file, policies))}


@cache
def hardware_table() -> HardwareTable:
    """The validated accelerators and instance types. Raises HardwareTableInvalid."""
    return HardwareTable.parse(read(ACCELERATORS), read(INSTANCE_TYPES))


@cache
def base_model_table() -> BaseModelTable:
    """The validated base models. Raises BaseModelTableInvalid."""
    return BaseModelTable.parse(read(BASE_MODELS))


@cache
def trainer_metrics() -> TrainerMetrics:
    """The names of metrics that training code emits."""
    return TrainerMetrics.parse(read(TRAINER_METRICS))


@cache
def policy(policy_id: str) -> Policy:
    """One policy. Raises UnknownPolicy."""
    return parse_policy(read(policy_file(policy_id)))


@cache
def titles() -> Titles:
    """What people call the thresholds."""
    found: Titles = json.loads(read(TITLES))
    return found


@cache
def shipped() -> Mapping[str, bytes]:
    """SHA-256 (hex) -> bytes of every table and policy of this version."""
    return {digest(name): content(name) for name in digests()}


@cache
def released() -> frozenset[str]:
    """SHA-256 (hex) of every version of a table that this version or a release before it shipped."""
    return frozenset((*shipped(), *(row["sha256"] for row in csv.DictReader(read(RELEASED).splitlines()))))


def load_tables(policies: Sequence[str] = POLICIES) -> Tables:
    """Everything an audit looks up, under the named policies. Raises UnknownPolicy."""
    return parse_tables({name: content(name) for name in digests([name.strip() for name in policies])})
