"""The tables of an audit, parsed from named files: those that this version ships, or those that a record was made with.

A record names each file by its SHA-256, so whoever holds the files of that time computes with them what was computed
then.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import sha256

from flops_auditor.domain.compute.hardware import HardwareTable
from flops_auditor.domain.compute.published_utilisation import PublishedUtilisation
from flops_auditor.domain.law.policy import MalformedPolicy, Policy
from flops_auditor.domain.law.policy_file import parse_policy
from flops_auditor.domain.originals.base_models import BaseModelTable
from flops_auditor.domain.originals.find_origin import ModelCatalogue
from flops_auditor.domain.runs.trainer_metrics import TrainerMetrics
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.json_size import MOST_DUE

ACCELERATORS = "accelerators.csv"
INSTANCE_TYPES = "instance_types.csv"
BASE_MODELS = "base_models.csv"
TRAINER_METRICS = "trainer_metrics.json"
PUBLISHED_UTILISATION = "published_utilisation.csv"
FILES = (ACCELERATORS, INSTANCE_TYPES, BASE_MODELS, TRAINER_METRICS, PUBLISHED_UTILISATION)
"""What every audit looks up, beside policies."""
POLICY_FOLDER = "policies/"


@dataclass(frozen=True)
class Tables:
    """What every audit looks up, with the files that it was parsed from, by name.

    `trusts_statements`: whether a verdict of below may rest on the job's own word (setting TrustStatements).
    """

    hardware: HardwareTable
    models: ModelCatalogue | None
    metrics: TrainerMetrics
    utilisation: PublishedUtilisation
    policies: tuple[Policy, ...]
    files: Mapping[str, bytes]
    trusts_statements: bool = True

    def meaning(self, name: str) -> str:
        """The id of the base model that a name means, or the name itself."""
        model = self.models.find(name) if self.models and name else None
        return model.model_id if model else name

    @cached_property
    def digests(self) -> Mapping[str, str]:
        """File name -> SHA-256 in hex: what a record names."""
        return {name: sha256(content).hexdigest() for name, content in self.files.items()}


class TablesIncomplete(AuditorError):
    """A set of files that an audit cannot be made with."""

    remedy = f"Give {', '.join(FILES)}, unchanged, and the files of the policies."


def parse_tables(files: Mapping[str, bytes]) -> Tables:
    """Tables from the bytes of their files, by name; policies are assessed in the order in which they stand there.

    A file is parsed once, however many sets it is part of. Raises TablesIncomplete for a set that lacks a file or has
    another one or a text that is not UTF-8, and what the parsers raise; MalformedPolicy for the wording of a wording.
    """
    policies = [name for name in files if name.startswith(POLICY_FOLDER)]
    if files.keys() != {*FILES, *policies}:
        names = ", ".join(sorted(files.keys() ^ {*FILES, *policies}))
        raise TablesIncomplete(f"not the files of an audit: {names[:200]}")
    try:
        read = tuple(read_policy(name, files[name]) for name in policies)
        check_wordings(read, {})
        return Tables(
            hardware=parse_hardware(files[ACCELERATORS], files[INSTANCE_TYPES]),
            models=parse_models(files[BASE_MODELS]),
            metrics=parse_metrics(files[TRAINER_METRICS]),
            utilisation=parse_utilisation(files[PUBLISHED_UTILISATION]),
            policies=read,
            files=dict(files),
        )
    except UnicodeDecodeError as error:
        raise TablesIncomplete(f"a file is not UTF-8: {error}") from error


def policy_name(policy_id: str) -> str:
    """How records name a policy's file."""
    return f"{POLICY_FOLDER}{policy_id}.json"


def read_policy(name: str, body: bytes, where: str = "") -> Policy:
    """A policy from its file. Raises MalformedPolicy with where the file is, by default its name, also where that is
    not the policy's.
    """
    where = where or name[:100]
    try:
        policy = _policy(body)
    except (MalformedPolicy, UnicodeDecodeError) as error:
        raise MalformedPolicy(f"{where}: {error}") from error
    if name != policy_name(policy.policy_id):
        raise MalformedPolicy(f"{where} is called {policy.policy_id[:60]!r} inside")
    return policy


def check_wordings(policies: Iterable[Policy], where: Mapping[str, str]) -> None:
    """Whoever words a law names the law: where a wording named another wording, neither would hold the duties.

    `where` says where the files of policies are, by default the files' names. Raises MalformedPolicy.
    """
    by_id = {each.policy_id: each for each in policies}
    for each in by_id.values():
        law = by_id.get(each.wording_of)
        if law is not None and law.wording_of:
            raise MalformedPolicy(
                f"{where.get(each.policy_id) or policy_name(each.policy_id)}: wording_of: {law.policy_id} "
                f"holds no law, but words {law.wording_of}: name the policy that holds the law"
            )


def check_dated(policies: Iterable[Policy]) -> None:
    """A record has room for the days of all duties that one run can have under these policies. Raises MalformedPolicy.

    Asked of whoever chooses policies, not of tables of then, under which no run may have had so many.
    """
    dated = sum(each.most_dated for each in policies if not each.wording_of)
    if dated > MOST_DUE:
        raise MalformedPolicy(
            f"the policies together have {dated} duties with a day for one run, and a record has room for {MOST_DUE}"
        )


_SETS = 16
"""How many versions of a file stay parsed."""


@lru_cache(_SETS)
def parse_hardware(accelerators: bytes, instance_types: bytes) -> HardwareTable:
    """Accelerators and instance types. Raises HardwareTableInvalid."""
    return HardwareTable.parse(accelerators.decode(), instance_types.decode())


@lru_cache(_SETS)
def parse_models(text: bytes) -> BaseModelTable:
    """Base models. Raises BaseModelTableInvalid."""
    return BaseModelTable.parse(text.decode())


@lru_cache(_SETS)
def parse_metrics(text: bytes) -> TrainerMetrics:
    """The names of metrics that training code emits."""
    return TrainerMetrics.parse(text.decode())


@lru_cache(_SETS)
def parse_utilisation(text: bytes) -> PublishedUtilisation:
    """What published runs used of their hardware. Raises UtilisationTableInvalid."""
    return PublishedUtilisation.parse(text.decode())


@lru_cache(_SETS * 4)
def _policy(text: bytes) -> Policy:
    return parse_policy(text.decode())
