"""Answers that break off, from a server on this machine: asked for again, and never taken for an empty answer."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from botocore.exceptions import BotoCoreError

from flops_auditor.aws.calls import clients
from flops_auditor.aws.calls.clients import MOST_ATTEMPTS
from flops_auditor.aws.calls.listing_pages import MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.calls.torn_answers import ForeignAnswer, TornAnswer
from flops_auditor.aws.sources.sagemaker import SageMakerListing
from flops_auditor.aws.stores.s3_archive import S3Archive
from flops_auditor.use_cases.ports.sources import SourceUnavailable

WHOLE = json.dumps({"Item": {"pk": {"S": "a"}}, "TrainingJobSummaries": []}).encode()


VERSIONS = b"""<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><IsTruncated>false</IsTruncated>
<Version><Key>a</Key><VersionId>1</VersionId><Size>5</Size></Version></ListVersionsResult>"""


class Server(HTTPServer):
    """Answers `torn` requests with half of the body, then with all of it."""

    torn = 0
    asked = 0
    page = b""


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.server.asked += 1
        body = WHOLE[: len(WHOLE) // 2] if self.server.asked <= self.server.torn else WHOLE
        self.answer(self.server.page or body, len(self.server.page or body))

    def do_GET(self) -> None:
        if "versions" in self.path:
            self.answer(VERSIONS, len(VERSIONS))
            return
        self.server.asked += 1
        body = WHOLE[: len(WHOLE) // 2] if self.server.asked <= self.server.torn else WHOLE
        self.answer(body, len(WHOLE))

    def answer(self, body: bytes, length: int) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(length))
        if self.server.page:
            self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    for name, value in {"ACCESS_KEY_ID": "a", "SECRET_ACCESS_KEY": "b", "DEFAULT_REGION": "eu-west-1"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{made.server_port}")
    clients.client.cache_clear()
    clients.listing_client.cache_clear()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()
    clients.client.cache_clear()
    clients.listing_client.cache_clear()


def item() -> object:
    return clients.client("dynamodb").get_item(TableName="table", Key={"pk": {"S": "a"}}).get("Item")


def test_what_breaks_off_is_asked_for_again(server: Server) -> None:
    server.torn = MOST_ATTEMPTS - 1
    assert item() == {"pk": {"S": "a"}}
    assert server.asked == MOST_ATTEMPTS


def test_what_breaks_off_each_time_is_an_error_and_no_missing_item(server: Server) -> None:
    server.torn = 100
    with pytest.raises(TornAnswer, match="GetItem"):
        item()
    assert server.asked == MOST_ATTEMPTS


def test_a_listing_that_breaks_off_is_an_outage_of_its_region(server: Server) -> None:
    server.torn = 100
    with pytest.raises(SourceUnavailable, match="ListTrainingJobs"):
        SageMakerListing(clients.sagemaker_listing_in, Pace(1000)).page("eu-west-1", datetime.now(UTC))
    assert server.asked == MOST_TRIES, "hidden tries would break the pace"


def test_an_object_whose_body_breaks_off_is_read_again(server: Server) -> None:
    server.torn = MOST_ATTEMPTS - 1
    assert S3Archive(clients.client("s3"), "archive").get("a") == WHOLE
    server.asked, server.torn = 0, 100
    with pytest.raises(BotoCoreError):
        S3Archive(clients.client("s3"), "archive").get("a")
    assert server.asked == MOST_ATTEMPTS


@pytest.mark.parametrize(
    ("service", "call", "given"),
    [
        ("cloudformation", "describe_stacks", {}),
        ("dynamodb", "get_item", {"TableName": "table", "Key": {"pk": {"S": "a"}}}),
        ("cloudwatch", "describe_alarms", {}),
    ],
)
@pytest.mark.parametrize("page", [b"<html>sign in</html>", b"<!doctype html><p>sign in"])
def test_a_page_in_place_of_the_service_is_refused(
    server: Server, service: str, call: str, given: dict[str, object], page: bytes
) -> None:
    server.page = page
    with pytest.raises(ForeignAnswer, match="something else than AWS"):
        getattr(clients.client(service), call)(**given)
    assert server.asked == 1
