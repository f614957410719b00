"""Evidence that every verifier reads, whatever a run's owner wrote: what is too large is kept by its digest, and said.

What is signed can never be made smaller, and one record whose evidence nobody reads would take its verdict from the
whole ledger. So evidence is bounded before it is kept, by the verifiers' own measure and with room. Metrics go last:
100,800 points, the most that an audit asks for, always fit beside what is left then of an owner's texts.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import sha256
from typing import Any

from flops_auditor.domain.runs.evidence import TOO_LARGE, Evidence, Unread
from flops_auditor.domain.values.json_size import LARGEST_EVIDENCE, has_room

LARGEST_UNREAD = 1 << 10
"""Bytes of what no audit reads."""
LARGEST_ANSWER = 1 << 15
"""Bytes of what was answered about one package."""
LONG_TEXTS = (1024, 256)
"""Characters: the longest place of S3 is as long as the first, the longest ARN, name of a parameter or tag as the
second.
"""
LONGEST_PLACE = 1100
"""Characters: bucket and key of S3, and what stands before them."""
MOST_TAGS_SEEN = 5

METRICS = "cloudwatch:GetMetricData"
Least = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""A description without what no audit reads, with the places of results that its texts name, where they may."""
NO_MEMBERS: frozenset[str] = frozenset()


def bounded(evidence: Evidence, least: Least, places: frozenset[str] = NO_MEMBERS) -> Evidence:
    """Evidence that has no room, with as few cuts as give it room, which its `unread` names. `places` are the members
    whose texts are places.
    """
    for cut in _cuts(evidence, least, places):
        if has_room(cut.to_bytes(), LARGEST_EVIDENCE):
            return cut
    return cut


def as_digest(value: object) -> dict[str, object]:
    """What stands in place of something that is left out."""
    body = _json(value)
    return {"leftOutBytes": len(body), "sha256": sha256(body).hexdigest()}


def is_large(value: object, most: int = LARGEST_UNREAD) -> bool:
    """Whether something has more bytes than `most`."""
    return len(_json(value)) > most


def _cuts(evidence: Evidence, least: Least, places: frozenset[str]) -> Iterator[Evidence]:
    """What is left of evidence, cut by cut."""
    cut = replace(evidence, unread=tuple(each for each in evidence.unread if each.error != TOO_LARGE))

    def doubted(what: str, source: str = evidence.source) -> Evidence:
        return replace(cut, unread=(*cut.unread, Unread(source, TOO_LARGE, what)))

    cut = replace(cut, description=least(cut.description))
    yield doubted("what no audit reads is kept by its digest")
    cut = replace(cut, packages={arn: _answer(each) for arn, each in cut.packages.items()})
    yield doubted("what no audit reads, and long answers about packages, are kept by their digests")
    for longest in LONG_TEXTS:
        cut = replace(
            cut, description=_top(cut.description, longest, places), tags_seen=cut.tags_seen[-MOST_TAGS_SEEN:]
        )
        yield doubted(
            f"what no audit reads is kept by its digest, of longer texts {longest} characters with theirs, and of "
            f"earlier tags the last {MOST_TAGS_SEEN} changes"
        )
    cut = replace(doubted("what is longer than it may be is kept by its digest"), metrics=(), period_seconds=None)
    yield doubted("there is no room for metrics", METRICS)


def _answer(answer: Mapping[str, Any] | Unread) -> Mapping[str, Any] | Unread:
    """What was answered about a package, by its digest where it is long."""
    if isinstance(answer, Unread) or not is_large(answer, LARGEST_ANSWER):
        return answer
    return Unread("the answer about a package", TOO_LARGE, f"SHA-256 {as_digest(answer)['sha256']}")


def _top(description: Mapping[str, Any], longest: int, places: frozenset[str]) -> dict[str, Any]:
    """A description with shorter texts; those that are its members are the service's: who the run is."""
    return {name: v if isinstance(v, str) else _shorter(v, longest, places, name) for name, v in description.items()}


def _shorter(value: Any, longest: int, places: frozenset[str], name: str = "") -> Any:
    """With shorter texts, but for places: who reads there has to find the run."""
    if isinstance(value, str):
        most = max(longest, LONGEST_PLACE) if name in places else longest
        return value if len(value) <= most else _beginning(value, most)
    if isinstance(value, Mapping):
        return {_shorter(key, longest, places): _shorter(each, longest, places, key) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [_shorter(each, longest, places, name) for each in value]
    return value


def _beginning(text: str, longest: int) -> str:
    return f"{text[:longest]} [cut: {len(text)} characters, SHA-256 {sha256(text.encode()).hexdigest()}]"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, ensure_ascii=False).encode()
