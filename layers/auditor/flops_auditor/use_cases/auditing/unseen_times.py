"""Times in which nobody asked about a cluster: hosts that came and went meanwhile were never listed.

Each is kept once in the archive, under its cluster, before anything else tells when the round that ended it asked. So
before each moment that is known, all such times are kept, wherever a round died.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from flops_auditor.domain.runs.sources.cluster_evidence import NotListed
from flops_auditor.domain.values.archive_keys import UNSEEN, clusters_folder, gone_cluster_key, unseen_cluster_key
from flops_auditor.domain.values.canonical_json import canonical
from flops_auditor.domain.values.moments import iso, read_time
from flops_auditor.use_cases.ports.clusters import LastAsked
from flops_auditor.use_cases.ports.ledger import Archive

SEEN_WITHIN = timedelta(hours=2, minutes=30)
"""Rounds of each hour ask about a cluster within this time, also where one of them failed and the next began late."""
_UNTIL, _LISTED = "Until", "Listed"
"""When a round asked again, and the ids of the hosts that AWS listed then."""


def keep_unseen_time(last: LastAsked, archive: Archive, now: datetime, listed: Iterable[str]) -> None:
    """Keep that nobody asked about a cluster since it was `last` asked about, if that is longer ago than SEEN_WITHIN,
    and which hosts are `listed` now. A time that a round kept that then died is not kept again.
    """
    if now - last.at <= SEEN_WITHIN:
        return
    newest = max(archive.list(clusters_folder(last.region, last.name, last.cluster, UNSEEN)), default="")
    until = _end_of(archive.get(newest)) if newest else None
    since = max(last.at, until) if until else last.at
    if now - since > SEEN_WITHIN:
        key = unseen_cluster_key(last.region, last.name, last.cluster, iso(since))
        archive.put_if_absent(key, canonical({_UNTIL: iso(now), _LISTED: sorted(listed)}))


def keep_gone(last: LastAsked, archive: Archive, now: datetime) -> None:
    """Keep that a cluster is no longer listed, and that nobody asked before, if so. Else nobody knew what it had since
    it was described last, where the table has lost when that was asked.
    """
    keep_unseen_time(last, archive, now, ())
    archive.put_if_absent(gone_cluster_key(last.region, last.name, last.cluster, iso(now)), canonical({}))


def unseen_times(keys: Sequence[str], bodies: Sequence[bytes | None], groups: Mapping[str, str]) -> Iterator[NotListed]:
    """All `groups` of a cluster, with the types of their hosts, in each time that is kept."""
    for key, body in zip(keys, bodies, strict=True):
        listed = json.loads(body)[_LISTED] if body is not None else ()
        yield NotListed(groups, read_time(_moment_in(key)), _end_of(body), frozenset(listed))


def unseen_since(moments: Iterable[datetime], gone: Iterable[str], groups: Mapping[str, str]) -> Iterator[NotListed]:
    """The time from the last of these moments on, of a cluster that nobody asked about in this round, unless it was
    found to be gone since.
    """
    last = max(moments)
    if not any(read_time(_moment_in(key)) >= last for key in gone):
        yield NotListed(groups, last, None, frozenset())


def _moment_in(key: str) -> str:
    return key.rpartition("/")[2].removesuffix(".json")


def _end_of(body: bytes | None) -> datetime | None:
    """None where what was kept cannot be read: the time may have lasted."""
    return read_time(json.loads(body)[_UNTIL]) if body is not None else None
