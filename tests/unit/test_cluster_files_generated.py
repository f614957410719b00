"""Files of operators as nobody should write them: each is a named error, or its runs are audited and never milder."""

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.domain.audit.audit import Audit, audit
from flops_auditor.domain.lineage.lineage import not_looked_up
from flops_auditor.domain.runs.sources import host_lists
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.operators_word import MalformedOperatorsFile
from tests.fakes.clusters import at, evidence, host, kubectl, line, pod, pytorch_job, sacct, slurm_time
from tests.unit.test_cluster_run import TABLES, host_hours

ATTEMPTS = (
    line(end=2, state="NODE_FAIL"),
    line("100.0", end=2, JobName="step"),
    line(start=4, end=7, hosts=host(2), Submit=slurm_time(at(2))),
    line("200", start=8, end=9),
)
HOURS = {"tune-100": 5, "tune-200": 2}
OBJECTS: tuple[Any, ...] = (pytorch_job(workers=1), pod(1), pod(2))


def audits(body: bytes) -> list[Audit]:
    """Of a file that can be read; none of one that cannot."""
    try:
        every = evidence(body)
    except MalformedOperatorsFile:
        return []
    cases = [read_case(each.to_bytes()) for each in every]
    return [audit(case, TABLES, not_looked_up(case.run.begins, case.run.results)) for case in cases]


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(ATTEMPTS) - 1), st.integers(0, 400), st.binary(max_size=3))
def test_a_line_that_is_torn_makes_no_run_milder(number: int, place: int, rest: bytes) -> None:
    lines = list(map(str.encode, ATTEMPTS))
    lines[number] = lines[number][:place] + rest.replace(b"|", b"")
    for done in audits(sacct(*(each.decode("latin-1") for each in lines)) if place else b""):
        if done.verdict == "below" and done.run.name in HOURS:
            assert host_hours(done.run) == HOURS[done.run.name] or number == 1


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(ATTEMPTS), max_size=12))
def test_order_and_repetition_change_nothing(more: list[str]) -> None:
    made = {done.run.name: (host_hours(done.run), done.verdict) for done in audits(sacct(*more, *reversed(ATTEMPTS)))}
    assert made == {name: (hours, "below") for name, hours in HOURS.items()}


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_a_named_error(body: bytes) -> None:
    audits(body)
    audits(sacct(*ATTEMPTS) + body)
    audits(b"{" + body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """A document with something else at one place."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], change)
    return copy


@settings(max_examples=500, deadline=None)
@given(st.data(), JSON)
def test_whatever_stands_in_an_object_is_read_or_a_named_error(data: st.DataObject, new: Any) -> None:
    objects = json.loads(kubectl(*OBJECTS))
    path = data.draw(st.sampled_from(places(objects)))
    for done in audits(json.dumps(changed(objects, path, lambda _: new)).encode()):
        if done.verdict == "below":
            assert host_hours(done.run) == 4


@pytest.mark.parametrize(
    "lines",
    [
        [line("100", start=0.6 + number / 1000, end=9, hosts=f"a{number}-[0-19999]") for number in range(400)],
        [line(), *(line(f"100.{number}", hosts=f"a{number}-[0-19999]") for number in range(400))],
        [line(hosts=f"a{number}-[0-19999],b[") for number in range(2000)],
        [line(hosts=",".join(["[0-9999]"] * 9000))],
    ],
    ids=["allocations", "steps", "lists that cannot be read", "one list"],
)
def test_lists_of_hosts_are_bounded_before_they_are_written_out(
    lines: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of files of 100 KB whose lists name 8,000,000 hosts and more, or that end as no list does."""
    written, write = [0], host_lists._of_part

    def counted(part: str) -> Iterator[str]:
        for name in write(part):
            written[0] += 1
            yield name

    monkeypatch.setattr(host_lists, "_of_part", counted)
    with suppress(MalformedOperatorsFile):
        evidence(sacct(*lines))
    assert written[0] <= 4
