"""Tables shipped with the product: accelerators, instance types, base models, policies. Each row names its source.

Loaders read a file once per process; `digests` says by SHA-256 which version of each file a figure rests on.
"""

import hashlib
import json
from collections.abc import Sequence
from functools import cache
from importlib import resources

from flops_auditor.domain.audit.audit import Tables
from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.law.policy import Policy, parse_policy
from flops_auditor.domain.messages.reason import Titles
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.values.errors import AuditorError

ACCELERATORS = "accelerators.csv"
INSTANCE_TYPES = "instance_types.csv"
BASE_MODELS = "base_models.csv"
TRAINER_METRICS = "trainer_metrics.json"
FILES = (ACCELERATORS, INSTANCE_TYPES, BASE_MODELS, TRAINER_METRICS)
TITLES = "titles.json"
"""No figure rests on it, so no record names it: a title can be bettered without touching what was signed."""
POLICIES = ("aws-flops-meter-2026-05", "eu-gpai-guidelines-2025-07")


class UnknownPolicy(AuditorError):
    """A policy is asked for that is not shipped."""

    remedy = f"Choose among {', '.join(POLICIES)}; `flops-auditor catalog policies` describes them."


@cache
def read(name: str) -> str:
    """The text of one shipped file."""
    return resources.files(__name__).joinpath(name).read_text(encoding="utf-8")


@cache
def digest(name: str) -> str:
    """The SHA-256 of one shipped file, in hex."""
    return hashlib.sha256(resources.files(__name__).joinpath(name).read_bytes()).hexdigest()


def policy_file(policy_id: str) -> str:
    """Where a policy stands. Raises UnknownPolicy."""
    if policy_id not in POLICIES:
        raise UnknownPolicy(f"{policy_id[:60]!r} is not a policy")
    return f"policies/{policy_id}.json"


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


def load_tables(policies: Sequence[str] = POLICIES) -> Tables:
    """Everything an audit looks up, under the named policies. Raises UnknownPolicy."""
    names = [name.strip() for name in policies]
    return Tables(
        hardware=hardware_table(),
        models=base_model_table(),
        metrics=trainer_metrics(),
        policies=tuple(policy(name) for name in names),
        digests=digests(names),
    )
