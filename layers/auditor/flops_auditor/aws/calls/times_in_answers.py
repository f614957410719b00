"""Points in time of AWS's answers, read at once: a job's metrics may have 100,800 of them.

botocore tries every spelling of a time, and the time zone of the machine, for each: 5 microseconds. Its parser factory
takes another parser of times (botocore.parsers, `set_parser_defaults`).
"""

from datetime import UTC, datetime
from typing import Any

from botocore.utils import parse_timestamp


def moment(value: Any) -> datetime:
    """A point in time, in UTC, from epoch seconds as JSON has them, or from text as botocore reads it."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        pass  # botocore names the reason
    return parse_timestamp(value).astimezone(UTC)
