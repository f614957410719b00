"""Compute a record's figures again from its evidence, with the tables of its time, and compare.

The tables come from the bundle, by the digests that the record names. That somebody signed them makes them no better
than what somebody signs: only those that a release shipped are used, and those that the reader accepts by digest.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache, partial
from typing import Any

from flops_auditor import __version__
from flops_auditor.data import released, shipped
from flops_auditor.domain.audit.audit import audit
from flops_auditor.domain.audit.record import result
from flops_auditor.domain.audit.tables import FILES, POLICY_FOLDER, Tables, parse_tables
from flops_auditor.domain.ledger.ledger_errors import EvidenceMismatch, NotRecomputable, UnknownTables
from flops_auditor.domain.ledger.verification import Kept
from flops_auditor.domain.lineage.kept_ancestors import unpack
from flops_auditor.domain.lineage.lineage import Ancestor, read_lineage
from flops_auditor.domain.runs.case import read_case
from flops_auditor.domain.values.differences import differences, in_words
from flops_auditor.domain.values.errors import AuditorError

Named = tuple[tuple[str, str], ...]
"""(file name, SHA-256 in hex) of each table and policy, the policies in the order in which they were assessed."""


def recompute(evidence: bytes, content: dict[str, Any], kept: Kept, accepted: Collection[str] = ()) -> None:
    """Compare a predicate with what its evidence gives, and what the record says of its ancestors.

    `accepted` are digests of tables that the reader takes though no release shipped them. Raises EvidenceMismatch if
    they differ; NotRecomputable if a table, version or ancestors are not at hand; UnknownTables.
    """
    try:
        _recompute(evidence, content, kept, accepted)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise EvidenceMismatch(f"the record is not one that this version makes: {error!r:.200}") from error


def _recompute(evidence: bytes, content: dict[str, Any], kept: Kept, accepted: Collection[str]) -> None:
    arn, version = str(content["job"]["arn"])[:300], str(content["code_version"])[:40]
    named = _named(content)
    for name, digest in named:
        if digest not in released() and digest not in accepted:
            raise UnknownTables(
                f"{arn} rests on a {name[:100]} that no release shipped which this version knows: {digest}"
            )
    try:
        tables = _tables(named, kept)
        again = result(audit(read_case(evidence), tables, read_lineage(content, partial(_ancestors, kept))))
        again["cumulative"]["ancestors"] = content["cumulative"]["ancestors"]  # what the lineage was read from
    except NotRecomputable:
        raise
    except AuditorError as error:
        raise EvidenceMismatch(f"{arn} cannot be audited from its evidence: {error}") from error
    found = in_words(differences({name: content.get(name) for name in again}, again))
    if not found:
        return
    message = f"{arn}: recorded by version {version!r}, computed again by {__version__!r}: {found}"
    raise (EvidenceMismatch if version == __version__ else NotRecomputable)(message)


def _named(content: dict[str, Any]) -> Named:
    """The files that a record names. Their order is lost in its canonical form; that of its assessments is not."""
    named = dict(content["tables"])
    ordered = (f"{POLICY_FOLDER}{found['policy']}.json" for found in content["assessments"])
    names = dict.fromkeys((*FILES, *ordered, *sorted(named)))
    return tuple((name, named[name]) for name in names)


@lru_cache(64)
def _tables(named: Named, kept: Kept) -> Tables:
    """Tables from the bundle, or of this version where they are the same. Raises NotRecomputable for a missing one."""
    files = {}
    for name, digest in named:
        body = shipped().get(digest) or kept.table(digest)
        if body is None:
            raise NotRecomputable(f"{name[:100]} as it was then (SHA-256 {digest}) is not in the bundle")
        files[name] = body
    try:
        return parse_tables(files)
    except AuditorError as error:
        raise NotRecomputable(f"tables of then cannot be read by version {__version__!r}: {error}") from error


def _ancestors(kept: Kept, key: str, digest: str) -> Sequence[Ancestor]:
    body = kept.ancestors(digest)
    if body is None:
        raise NotRecomputable(f"the ancestors are listed in {key} (SHA-256 {digest}), which is not at hand")
    return unpack(body, digest)
