"""Hours of a cluster's hosts that no run explains: what is planted is named to the second, and nothing twice."""

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.cluster_hours import ClusterHours, cluster_hours
from flops_auditor.domain.runs.cluster_time import ClusterHost, HostsByName, Stay, most_at_once, times_on_hosts
from flops_auditor.domain.runs.sources.cluster_answers import hosts_not_listed
from flops_auditor.domain.runs.sources.cluster_evidence import cluster_answers
from flops_auditor.domain.runs.sources.host_lists import UnreadableHosts, host_names
from flops_auditor.domain.runs.training_time import Span
from tests.fakes.clusters import CEILING, HOST, LAUNCHED, answers, at, describe_cluster, host, kinds, listing, node

TABLE = hardware_table()
END = at(10)


def hours_beside(*stays: Stay, since: datetime | None = None, count: int = 2) -> ClusterHours:
    hosts = answers(count).hosts
    return cluster_hours(hosts, times_on_hosts(stays, HostsByName(hosts), END), (since, END), TABLE)


def stay(number: int, start: float, end: float) -> Stay:
    return Stay(host(number), at(start), at(end))


def test_what_no_run_had_is_named_with_its_ceiling() -> None:
    told = hours_beside(stay(1, 0, 10), stay(2, 0, 4), stay(2, 6, 10))
    assert (told.there_seconds, told.rest_seconds) == (2 * 8 * 36000, 8 * 7200)
    assert told.ceiling_flop == 7200 * CEILING
    assert told.hosts[0].unexplained == (Span(at(4), at(6)),)
    assert not told.complete


def test_all_is_explained() -> None:
    told = hours_beside(stay(1, -5, 10), stay(2, 0, 12))
    assert (told.complete, told.rest_seconds, told.ceiling_flop) == (True, 0, 0)


def test_runs_that_share_a_host_explain_its_hour_once() -> None:
    told = hours_beside(stay(1, 0, 5), stay(1, 0, 5), stay(1, 2, 4), stay(2, 0, 10))
    assert told.rest_seconds == 8 * 5 * 3600


def test_hours_before_a_launch_and_of_strange_hosts_explain_nothing() -> None:
    told = hours_beside(stay(1, -10, 0), Stay("ip-9-9-9-9", at(0), at(10)))
    assert told.rest_seconds == told.there_seconds == 2 * 8 * 36000


def test_a_period_cuts_both() -> None:
    told = hours_beside(stay(1, 0, 6), stay(2, 0, 10), since=at(5))
    assert (told.there_seconds, told.rest_seconds) == (2 * 8 * 5 * 3600, 8 * 4 * 3600)
    assert hours_beside(since=at(11)).hosts == ()


def test_a_name_that_passed_on_explains_hours_of_whoever_had_it() -> None:
    replaced = node(2, PrivateDnsHostname=f"{host(1)}.internal", launched=at(4))
    hosts = cluster_answers(describe_cluster(1), [listing(node(1)), listing(replaced)]).hosts
    had = times_on_hosts([stay(1, 0, 10)], HostsByName(hosts), END)
    assert {each.instance_id: spans for each, spans in had.items()} == {
        hosts[0].instance_id: (Span(at(0), at(4)),),
        hosts[1].instance_id: (Span(at(4), at(10)),),
    }


def test_hosts_without_accelerators_are_left_aside_and_unknown_ones_are_told() -> None:
    known = answers(1).hosts[0]
    others = [ClusterHost(f"i-{kind}", "workers", kind, LAUNCHED, ()) for kind in ("ml.m5.xlarge", "ml.p99.48xlarge")]
    told = cluster_hours([known, *others], {}, (None, END), TABLE)
    assert [each.host.instance_type for each in told.hosts] == ["ml.p99.48xlarge", HOST]
    assert (told.ceiling_flop, told.there_seconds) == (None, 8 * 36000)
    assert kinds(told.doubts) == {"unknown-cluster-hosts"}


def test_groups_of_which_hosts_are_missing_are_told() -> None:
    listed = answers(2)
    assert hosts_not_listed(listed.cluster, [listed.hosts]) == {}
    assert hosts_not_listed(listed.cluster, [listed.hosts[1:]]) == {"workers": HOST}
    told = cluster_hours(listed.hosts, {}, (None, END), TABLE, ["workers"])
    assert (kinds(told.doubts), told.complete) == ({"cluster-groups-not-listed"}, False)


STAYS = st.lists(st.tuples(st.integers(1, 3), st.integers(-20, 700), st.integers(1, 300)), max_size=40)


@settings(max_examples=200, deadline=None)
@given(STAYS, st.integers(0, 600))
def test_each_minute_of_a_host_is_explained_or_named(stays: list[tuple[int, int, int]], since: int) -> None:
    minute = timedelta(minutes=1)
    made = [Stay(host(n), LAUNCHED + start * minute, LAUNCHED + (start + took) * minute) for n, start, took in stays]
    told = hours_beside(*made, since=LAUNCHED + since * minute, count=3)
    had = {(n, at_minute) for n, start, took in stays for at_minute in range(start, start + took)}
    alone = [(n, each) for n in (1, 2, 3) for each in range(since, 600) if (n, each) not in had]
    assert told.rest_seconds == 8 * 60 * len(alone)
    assert (told.ceiling_flop or 0) == CEILING * 60 * len(alone)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10)), max_size=20))
def test_the_most_at_once(spans: list[tuple[int, int]]) -> None:
    hours = timedelta(hours=1)
    made = [Span(LAUNCHED + start * hours, LAUNCHED + (start + took) * hours) for start, took in spans]
    moments = range(45)
    assert most_at_once(made) == max(sum(s <= each < s + t for s, t in spans) for each in moments)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("ip-10-1-2-3", ["ip-10-1-2-3"]),
        ("a1,b2", ["a1", "b2"]),
        ("n[1-3,7]", ["n1", "n2", "n3", "n7"]),
        ("n[08-11]x", ["n08x", "n09x", "n10x", "n11x"]),
        ("r[1-2]n[1-2]", ["r1n1", "r1n2", "r2n1", "r2n2"]),
        ("IP-1,ip-1", ["ip-1"]),
    ],
)
def test_lists_of_hosts(text: str, names: list[str]) -> None:
    assert list(host_names(text)) == names


@pytest.mark.parametrize(
    "text",
    [
        "n[",
        "n[]",
        "n[1-]",
        "n[3-1]",
        "n[1-99999999]",
        "n[1-9999]m[1-9999]",
        "a,,b",
        ",",
        "n]1[",
        "n[1-2",
        "x" * 200_000,
        "x" * 90_000 + "[0-19999]",
        "n[1]" * 200 + "[0-19999]",
    ],
)
def test_what_is_no_list_of_hosts_is_a_named_error(text: str) -> None:
    with pytest.raises(UnreadableHosts):
        host_names(text)
