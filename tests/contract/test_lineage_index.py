"""Every LineageIndex behaves alike: in memory, and on a DynamoDB table. Queued messages are what the audit reads."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from flops_auditor.aws.stores.dynamodb_lineage import DynamoDbLineageIndex
from flops_auditor.aws.stores.sqs import SqsReassessments
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.reassessment import Reassessment, is_reassessment, parse_reassessment
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.use_cases.ports.lineage import ANYBODY, EVERYBODY, IndexEntry, IndexKind, LineageIndex
from tests.contract.test_records import dynamodb, table
from tests.fakes.audit import MemoryIndex

__all__ = ["dynamodb"]


class LooksEachTime(DynamoDbLineageIndex):
    """A table of which everything is read in a new look."""

    def newest(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        return self.look([at]).newest(kind, at, *asked)

    def within(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        return self.look([at]).within(kind, at, *asked)

    def beginning(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        return self.look([]).beginning(kind, at, *asked)

    def exactly(self, kind: IndexKind, at: Location, *asked: Any) -> Sequence[IndexEntry]:
        return self.look([at]).exactly(kind, at, *asked)


@pytest.fixture(params=["memory", "dynamodb", "looks"])
def index(request: pytest.FixtureRequest, dynamodb: Any) -> LineageIndex:
    if request.param == "memory":
        return MemoryIndex()
    adapter = DynamoDbLineageIndex if request.param == "dynamodb" else LooksEachTime
    return adapter(dynamodb, table(dynamodb))


def place(text: str) -> Location:
    location = read_location(text)
    assert location is not None
    return location


def entry(uri: str, second: int = 0, job: str = "a") -> IndexEntry:
    created = f"2026-03-01T00:00:{second:02d}.000Z"
    return IndexEntry(place(uri), created, job * 64, f"arn:{job}", "tuning")


def names(found: Any) -> list[str]:
    return [f"{str(e.location)[5:]} {e.job_id[0]}" for e in found]


def test_entries_come_back_as_they_were_added(index: LineageIndex) -> None:
    for uri in ("s3://b/run1", "s3://b", "s3://b/%23#/ä"):
        index.add([("output", entry(uri))])
        index.add([("output", entry(uri))])
        assert list(index.exactly("output", place(uri), "", 10)) == [entry(uri)]
        assert list(index.exactly("input", place(uri), "", 10)) == []


def test_the_places_of_one_job_are_added_together(index: LineageIndex) -> None:
    every = [entry(f"s3://b/run{number:03d}") for number in range(130)]
    index.add([("output", each) for each in (*every, every[0])])
    index.add([("input", every[0]), ("output", every[0])])
    index.add([])
    assert list(index.within("output", place("s3://b"), "", 200)) == every
    assert list(index.exactly("input", every[0].location, "", 10)) == [every[0]]


def test_entries_that_somebody_else_adds_at_the_moment_are_added_too(dynamodb: Any) -> None:
    """DynamoDB then cancels the transaction as a whole."""

    def cancelled(**_: Any) -> Any:
        raise dynamodb.exceptions.TransactionCanceledException({}, "TransactWriteItems")

    index = DynamoDbLineageIndex(dynamodb, table(dynamodb))
    with patch.object(dynamodb, "transact_write_items", cancelled):
        index.add([("output", entry("s3://b/run1")), ("output", entry("s3://b/run2"))])
    assert names(index.within("output", place("s3://b"), "", 10)) == ["b/run1 a", "b/run2 a"]


def test_an_entry_keeps_whose_it_is_and_what_was_written_for_it(index: LineageIndex) -> None:
    for uri in ("s3://b/run1/output/model.tar.gz", "s3://b/run 1 /ä#%2F"):
        whole = replace(
            entry("s3://b/run1"),
            role="arn:role",
            ended="2026-03-02",
            checkpoint=True,
            artifact=place(uri),
            succeeded=True,
        )
        index.add([("output", whole)])
        assert list(index.exactly("output", place("s3://b/run1"), "", 10)) == [whole]


@pytest.mark.parametrize("letter", ["x", "!", "#", "%", "\x7f", "\ufffd", "\U0001f600", "\U0010ffff", "\U0010ffff" * 3])
def test_no_letter_of_a_name_stands_behind_the_end_of_what_is_read(index: LineageIndex, letter: str) -> None:
    """U+10FFFF is a letter of S3's keys, too: what lay at a name with it was below no place and began with none."""
    index.add([("output", entry(f"s3://b/runs/{letter}r/step")), ("output", entry(f"s3://b/runs{letter}r"))])
    assert len(index.within("output", place("s3://b/runs"), "", 10)) == 1
    assert len(index.within("output", place("s3://b"), "", 10)) == 2
    assert len(index.beginning("output", place("s3://b/ru"), "", 10)) == 2
    assert len(index.exactly("output", place(f"s3://b/runs{letter}r"), "", 10)) == 1


def test_a_place_is_no_prefix_of_a_neighbour(index: LineageIndex) -> None:
    for uri in ("s3://b/run1", "s3://b/run10", "s3://b/run1/x", "s3://b/run1#", "s3://b/run", "s3://bb/run1"):
        index.add([("output", entry(uri))])
    assert names(index.within("output", place("s3://b/run1"), "", 10)) == ["b/run1 a", "b/run1/x a"]
    assert names(index.exactly("output", place("s3://b/run1"), "", 10)) == ["b/run1 a"]
    assert len(index.within("output", place("s3://b"), "", 10)) == 5
    assert names(index.exactly("output", place("s3://b"), "", 10)) == []


def test_places_that_begin_so_are_neighbours_too(index: LineageIndex) -> None:
    for uri in ("s3://b/run1", "s3://b/run10", "s3://b/run1/x", "s3://b/ru", "s3://b/a/run1", "s3://bb/run1"):
        index.add([("output", entry(uri))])
    assert names(index.beginning("output", place("s3://b/run"), "", 10)) == ["b/run1 a", "b/run1/x a", "b/run10 a"]
    first = index.beginning("output", place("s3://b/run"), "", 1)
    assert names(index.beginning("output", place("s3://b/run"), first[0].cursor, 1)) == ["b/run1/x a"]
    index.add([("prefix", replace(entry("s3://b/a/run1"), location=place("s3://b/a/run1").in_folder))])
    assert str(place("s3://b/a/run1").in_folder) == "s3://b/a/run1"
    assert names(index.beginning("prefix", place("s3://b/a/r").in_folder, "", 10)) == ["b/a/run1 a"]
    assert names(index.beginning("prefix", place("s3://b/a"), "", 10)) == []


def test_what_is_read_of_a_role_stands_apart_from_all_others(index: LineageIndex) -> None:
    at = place("s3://b/run")
    ours, theirs, nobodys = (
        replace(entry("s3://b/run", number, job), role=role)
        for number, (job, role) in enumerate((("a", "ours"), ("b", "theirs"), ("c", "")))
    )
    wrote = replace(theirs, created="2026-03-02", artifact=at, succeeded=True)
    failed = replace(theirs, created="2026-03-03", artifact=at)
    made = replace(
        theirs,
        location=place("s3://b/run"),
        created="2026-03-04",
        artifact=place("s3://b/run/output/model.tar.gz"),
        succeeded=True,
    )
    wide = replace(made, created="2026-03-05", artifact=place("s3://b/run/x/output/model.tar.gz"))
    index.add(
        [(kind, each) for each in (made, wide, ours, theirs, nobodys, wrote, failed) for kind in ("output", "input")]
    )
    for role, found in (
        (ANYBODY, [ours, theirs, nobodys, wrote, failed, made, wide]),
        ("ours", [ours]),
        ("theirs", [theirs, wrote, failed, made, wide]),
        (EVERYBODY, [wrote, made]),
        ("other", []),
    ):
        assert list(index.newest("output", at, "2026-04", 10, role)) == found[::-1]
        assert list(index.exactly("output", at, "", 10, role)) == found
        assert list(index.within("output", place("s3://b"), "", 10, role)) == found
        assert list(index.beginning("output", place("s3://b/r"), "", 10, role)) == found
    assert list(index.exactly("output", at, theirs.cursor, 10, "theirs")) == [wrote, failed, made, wide]


def test_the_newest_before_a_time_comes_first(index: LineageIndex) -> None:
    for second, job in ((1, "a"), (3, "c"), (2, "b")):
        index.add([("output", entry("s3://b/run", second, job))])
    before = entry("s3://b/run", 3).created
    assert names(index.newest("output", place("s3://b/run"), before, 10)) == ["b/run b", "b/run a"]
    assert names(index.newest("output", place("s3://b/run"), before, 1)) == ["b/run b"]
    assert names(index.newest("output", place("s3://b/run"), "", 10)) == []


def test_pages_follow_each_other(index: LineageIndex) -> None:
    for second in range(5):
        index.add([("input", entry(f"s3://b/run/{second % 2}", second, "abcde"[second]))])
    everything = list(index.within("input", place("s3://b/run"), "", 10))
    assert len(everything) == 5
    paged: list[IndexEntry] = []
    while page := index.within("input", place("s3://b/run"), paged[-1].cursor if paged else "", 2):
        paged += page
    assert paged == everything
    at = place("s3://b/run/0")
    first = index.exactly("input", at, "", 1)
    assert names([*first, *index.exactly("input", at, first[0].cursor, 10)]) == ["b/run/0 a", "b/run/0 c", "b/run/0 e"]


def test_behind_the_end_of_a_place_only_what_lies_below_it_is_left(index: LineageIndex) -> None:
    for uri in ("s3://b/run", "s3://b/run/ x", "s3://b/run/#x", "s3://b/run/x", "s3://b/run1"):
        for second, job in ((1, "a"), (2, "b")):
            index.add([("input", entry(uri, second, job))])
    end = entry("s3://b/run").end_of_place
    assert list(index.exactly("input", place("s3://b/run"), end, 10)) == []
    left = names(index.within("input", place("s3://b/run"), end, 10))
    assert left == ["b/run/#x a", "b/run/#x b", "b/run/x a", "b/run/x b"]
    everything = [str(each.location) for each in index.within("input", place("s3://b/run"), "", 10)]
    assert everything[:3] == ["s3://b/run/ x", "s3://b/run/ x", "s3://b/run"]


def test_messages_arrive_as_the_audit_reads_them() -> None:
    with mock_aws():
        sqs = boto3.client("sqs", "eu-west-1", aws_access_key_id="test", aws_secret_access_key="test")
        url = sqs.create_queue(QueueName="audit")["QueueUrl"]
        sent = [Reassessment(f"{n:064x}", "2|/a/#x" if n else "") for n in range(23)]
        SqsReassessments(sqs, url).send(sent)
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        assert int(counts["ApproximateNumberOfMessagesDelayed"]) == 23
    for message in sent:
        event = json.loads(json.dumps(message.to_event()))
        assert is_reassessment(event)
        assert parse_reassessment(event) == message
