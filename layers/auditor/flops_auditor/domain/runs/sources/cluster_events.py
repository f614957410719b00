"""Events that have a round over clusters begin before its hour: of a cluster's host, or of a file that was dropped.

What an event says is not believed: it tells in which region to look, and no more.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.sources.dropped_file import WrongFileName, place_of

CLUSTER_SOURCE = "aws.sagemaker"
FILE_SOURCE = "aws.s3"
NOWHERE = "nowhere"
"""Of a file whose key names no cluster: the hourly round says so of all of them."""


def region_to_look_at(event: Mapping[str, Any]) -> str:
    """The region that an event is about; "" where a round is to look at all of them, as a schedule asks for it."""
    source, detail = event.get("source"), event.get("detail")
    if source == CLUSTER_SOURCE:
        return str(event.get("region") or NOWHERE)
    if source != FILE_SOURCE:
        return ""
    dropped = detail.get("object") if isinstance(detail, Mapping) else None
    try:
        return place_of(str(dropped["key"])).region if isinstance(dropped, Mapping) else NOWHERE
    except (KeyError, WrongFileName):
        return NOWHERE
