"""Points in time as records hold them, read from every spelling that AWS and people use."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import orjson

_MILLISECONDS_FROM = 10**11
"""An epoch number of this size or more counts milliseconds (in seconds it would be the year 5138)."""

_TO_THE_MILLISECOND = len("2026-11-24T12:30:00.000")
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


def read_time(value: object) -> datetime:
    """A point in time, in UTC, from a datetime, ISO 8601 text, or epoch seconds or milliseconds (number or text).

    Raises ValueError for anything else. EventBridge gives epoch milliseconds, the AWS CLI ISO text, boto3 datetimes.
    """
    if isinstance(value, datetime):
        moment = value
    else:
        text = str(value).strip()
        moment = datetime.fromisoformat(text) if text[4:5] == "-" else _from_epoch(text, value)
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise ValueError(f"{str(value)[:40]!r} is not a point in time of any job")
    if moment.tzinfo is UTC:
        return moment
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def read_times(values: Iterable[Any]) -> list[datetime]:
    """Points in time as `read_time` reads each, where all are ISO 8601 text in UTC, as evidence holds them, of
    which there may be 100,800. Raises ValueError or TypeError where any is not.
    """
    moments = list(map(datetime.fromisoformat, values))
    if not {moment.tzinfo for moment in moments} <= {UTC}:
        raise ValueError("not all are in UTC")
    if moments and not _FIRST_YEAR <= min(moments).year <= max(moments).year <= _LAST_YEAR:
        raise ValueError("not all are points in time of a job")
    return moments


def read_day(text: str) -> date:
    """A day from ISO 8601 text, of a year that records may name. Raises ValueError for anything else."""
    day = date.fromisoformat(text)
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise ValueError(f"{text[:40]!r} is not a day of any model")
    return day


def _from_epoch(text: str, value: object) -> datetime:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return datetime.fromisoformat(text)
    if isinstance(value, bool) or not number.is_finite() or not 0 <= number < 10**14:
        raise ValueError(f"{text[:40]!r} is not a point in time")
    return datetime.fromtimestamp(float(number / 1000 if number >= _MILLISECONDS_FROM else number), UTC)


def iso(moment: datetime) -> str:
    """A point in time as records hold it: ISO 8601, UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def to_the_minute(recorded: str) -> str:
    """A point in time as records hold it, for people: the day and the minute, in UTC."""
    return recorded[: len("2026-11-24T12:30")].replace("T", " ")


def minute_of(moment: datetime) -> str:
    """A point in time for people."""
    return f"{to_the_minute(iso(moment))} UTC"


def all_iso(moments: Sequence[datetime]) -> list[str]:
    """Points in time as records hold them. In UTC, as AWS's answers are, orjson writes them, ten times as fast."""
    if set(map(type, moments)) != {datetime} or {moment.tzinfo for moment in moments} != {UTC}:
        return [iso(moment) for moment in moments]
    written = orjson.dumps(list(moments), option=orjson.OPT_UTC_Z)[2:-2].decode()
    if "." not in written:  # whole seconds, as times of metrics are
        return written.replace("Z", ".000Z").split('","')
    texts = written.split('","')
    return [f"{(text[:-1] + '.000')[:_TO_THE_MILLISECOND]}Z" for text in texts]
