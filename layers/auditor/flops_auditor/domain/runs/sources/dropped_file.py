"""Files that the operators of clusters drop into a bucket: of which cluster one is, its key says.

Whoever may write to the bucket chooses the keys: one that is not of this form is refused before its file is read.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from flops_auditor.domain.runs.training_time import Span
from flops_auditor.domain.values.errors import WrongInput

_DAY = r"(\d{4}-\d{2}-\d{2})"
_KEY = re.compile(
    r"(?P<region>[a-z]{2}(?:-[a-z]{1,12}){1,3}-\d{1,2})/(?P<cluster>[A-Za-z0-9](?:-{0,62}[A-Za-z0-9]){0,62})/"
    rf"(?:{_DAY}--{_DAY}/)?[A-Za-z0-9][A-Za-z0-9._-]{{0,199}}",
    re.ASCII,
)
_LONGEST_CLUSTER = 63
"""Characters of a cluster's name (botocore 1.44.8, ClusterName)."""
_SHOWN = 200
"""Characters of a key that are shown."""


class WrongFileName(WrongInput):
    """A file whose key does not say of which cluster it is."""

    remedy = (
        "Put it under REGION/CLUSTER-NAME/FILE, or under REGION/CLUSTER-NAME/FROM--UNTIL/FILE with two days (UTC), "
        "such as eu-west-1/research/2026-10-01--2026-10-31/runs.txt; FILE has letters, digits, dots, - and _."
    )


@dataclass(frozen=True)
class FilePlace:
    """Of which cluster a file is. It is whole for `period`, where its key names one."""

    region: str
    cluster: str
    period: Span | None = None


def place_of(key: str) -> FilePlace:
    """What a key says. A last day counts whole. Raises WrongFileName."""
    match = _KEY.fullmatch(key)
    if match is None or len(match["cluster"]) > _LONGEST_CLUSTER:
        raise WrongFileName(f"{shown_key(key)} does not name a cluster")
    first, last = match[3], match[4]
    if first is None:
        return FilePlace(match["region"], match["cluster"])
    try:
        period = Span(_day(first), _day(last) + timedelta(days=1, milliseconds=-1))
    except (ValueError, OverflowError) as error:
        raise WrongFileName(f"{shown_key(key)} has no two days: {error}") from error
    if period.start >= period.end:
        raise WrongFileName(f"{shown_key(key)} has a last day before its first")
    return FilePlace(match["region"], match["cluster"], period)


def shown_key(key: str) -> str:
    """A key for people and logs: bounded, with whatever is no plain text in it by number."""
    text = ascii(key[:_SHOWN])
    return text + (f" and {len(key) - _SHOWN} characters more" if len(key) > _SHOWN else "")


def _day(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
