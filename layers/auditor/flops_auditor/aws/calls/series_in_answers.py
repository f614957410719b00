"""Points in time and numbers of AWS's answers, read many at once: a job's metrics may have 100,800 points.

botocore tries every spelling of a time, and the time zone of the machine, for each, and looks up for each member of a
list what it is: 6 microseconds a point. A session takes another factory of parsers (botocore.session,
`response_parser_factory`), and a factory another parser of times (botocore.parsers, `set_parser_defaults`).
"""

from datetime import UTC, datetime
from typing import Any

from botocore.parsers import JSONParser, ResponseParser, ResponseParserFactory
from botocore.utils import parse_timestamp

_JsonParser: Any = JSONParser
"""Its type hints leave out what it is made of."""
_AS_READ = frozenset({"double", "float", "integer", "long"})
"""Kinds of members that are what JSON says."""


def moment(value: Any) -> datetime:
    """A point in time, in UTC, from epoch seconds as JSON has them, or from text as botocore reads it."""
    try:
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        pass  # botocore names the reason
    return parse_timestamp(value).astimezone(UTC)


class SeriesParser(_JsonParser):  # type: ignore[misc]
    """Reads lists of numbers, and of epoch seconds, at once. Series of one answer are mostly taken at the same times,
    which are then read once.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**given)
        self._last: tuple[list[float], list[datetime]] = [], []

    def _handle_list(self, shape: Any, node: list[Any]) -> list[Any]:
        kind = shape.member.type_name
        if kind in _AS_READ:
            return node
        if kind != "timestamp" or not set(map(type, node)) <= {int, float}:
            members: list[Any] = super()._handle_list(shape, node)
            return members
        if node != self._last[0]:
            self._last = node, [moment(seconds) for seconds in node]
        return list(self._last[1])


class Parsers(ResponseParserFactory):
    """Makes the parsers of a session's clients."""

    def __init__(self) -> None:
        super().__init__()
        self.set_parser_defaults(timestamp_parser=moment)

    def create_parser(self, protocol_name: str) -> ResponseParser:
        """The parser of the protocol that a service speaks; CloudWatch's is JSON."""
        own = protocol_name == "json"
        return SeriesParser(timestamp_parser=moment) if own else super().create_parser(protocol_name)
