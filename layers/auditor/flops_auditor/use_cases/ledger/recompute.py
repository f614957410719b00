"""Compute a record's figures again from its evidence, with the tables that the record names, and compare."""

from collections.abc import Sequence
from functools import cache, partial
from typing import Any

from flops_auditor import __version__
from flops_auditor.data import UnknownPolicy, load_tables
from flops_auditor.domain.audit.audit import Tables, audit
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.ledger.ledger_errors import EvidenceMismatch, NotRecomputable
from flops_auditor.domain.ledger.verification import Load
from flops_auditor.domain.lineage.kept_ancestors import unpack
from flops_auditor.domain.lineage.lineage import Ancestor, read_lineage
from flops_auditor.domain.runs.evidence import parse_evidence
from flops_auditor.domain.values.errors import AuditorError


@cache
def _tables(policies: tuple[str, ...]) -> Tables:
    return load_tables(policies)


def recompute(evidence: bytes, content: dict[str, Any], load: Load) -> None:
    """Compare a predicate with what its evidence gives, and what the record says of its ancestors.

    Raises EvidenceMismatch if they differ; NotRecomputable if tables, version or ancestors are not at hand.
    """
    try:
        _recompute(evidence, content, load)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceMismatch(f"the record is not one that this version makes: {error!r:.200}") from error


def _recompute(evidence: bytes, content: dict[str, Any], load: Load) -> None:
    named = content.get("tables", {})
    policies = tuple(name[len("policies/") : -len(".json")] for name in named if name.startswith("policies/"))
    ordered = dict.fromkeys(found["policy"] for found in content["assessments"])
    try:
        tables = _tables(tuple(dict.fromkeys((*ordered, *sorted(policies)))))
    except UnknownPolicy as error:
        raise NotRecomputable(f"{content['job']['arn']}: {error}") from error
    if tables.digests != named:
        other = sorted(
            name for name in named.keys() | tables.digests.keys() if named.get(name) != tables.digests.get(name)
        )
        raise NotRecomputable(f"{content['job']['arn']} rests on other versions of {', '.join(other)[:200]}")
    try:
        again = result(audit(parse_evidence(evidence), tables, read_lineage(content, partial(_ancestors, load))))
        again["cumulative"]["ancestors"] = content["cumulative"]["ancestors"]  # what the lineage was read from
    except NotRecomputable:
        raise
    except AuditorError as error:
        raise EvidenceMismatch(f"{content['job']['arn']} cannot be audited from its evidence: {error}") from error
    differing = sorted(name for name in again if again[name] != content.get(name))
    if not differing:
        return
    message = f"{content['job']['arn']}: {', '.join(differing)} do not follow from the evidence"
    if content.get("code_version") != __version__:
        raise NotRecomputable(f"{message} with version {__version__}; recorded by {content.get('code_version')!r:.40}")
    raise EvidenceMismatch(message)


def _ancestors(load: Load, key: str, digest: str) -> Sequence[Ancestor]:
    body = load(digest)
    if body is None:
        raise NotRecomputable(f"the ancestors are listed in {key} (SHA-256 {digest}), which is not at hand")
    return unpack(body, digest)
