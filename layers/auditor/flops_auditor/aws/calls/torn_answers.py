"""Answers that broke off on their way are asked for again, by every client of clients.py.

botocore reads a JSON body that is cut off as an answer without members (parsers.py, `_parse_body_as_json`): "no such
item", "no tags". And it tries again after a connection error, but not after XML or CBOR that it cannot parse.

A page for browsers, which a hotel's network or a proxy sends in place of the service, is refused at once: botocore's
parsers end in it with a KeyError, or read it as an answer without members.
"""

import json
from typing import Any

from botocore.exceptions import BotoCoreError
from botocore.parsers import ResponseParserError

JSON_PROTOCOLS = frozenset({"json", "rest-json"})
DELAY_SECONDS = 0.2


class TornAnswer(BotoCoreError):
    """A service's answers broke off each time it was asked."""

    fmt = "{operation}: the answer broke off, {attempts} times"


class ForeignAnswer(TornAnswer):
    """Something else than AWS answered, with a page for browsers."""

    fmt = "{operation}: a web page was the answer, so that something else than AWS sent it"


def ask_again(client: Any, most_attempts: int) -> Any:
    """Have `client` ask again for what broke off; raises TornAnswer after `most_attempts`, and ForeignAnswer."""

    def needs_retry(response: Any, operation: Any, attempts: int, caught_exception: Any, **_: Any) -> float | None:
        if not torn(response, operation) and not isinstance(caught_exception, ResponseParserError):
            return None
        if attempts < most_attempts:
            return DELAY_SECONDS
        raise TornAnswer(operation=operation.name, attempts=attempts)

    client.meta.events.register("needs-retry", needs_retry)
    client.meta.events.register("before-parse", _refuse_a_page)
    return client


def _refuse_a_page(operation_model: Any, response_dict: Any, **_: Any) -> None:
    """Raise ForeignAnswer. What S3 keeps may be a page; and a fault of the service may, which is asked for again."""
    kind = str(response_dict["headers"].get("content-type", "")).strip().lower()
    if operation_model.has_streaming_output or response_dict["status_code"] >= 500 or not response_dict["body"]:
        return
    if kind.startswith("text/html"):
        raise ForeignAnswer(operation=operation_model.name)


def torn(response: Any, operation: Any) -> bool:
    """Whether the body of a good answer is no whole JSON. Streams are not looked into."""
    if response is None or operation.has_streaming_output:
        return False
    http, parsed = response
    if parsed.keys() - {"ResponseMetadata"}:  # what broke off has no members; a whole answer is not parsed twice
        return False
    if http.status_code >= 300 or operation.service_model.resolved_protocol not in JSON_PROTOCOLS or not http.content:
        return False
    try:
        json.loads(http.content)
    except ValueError:
        return True
    return False
