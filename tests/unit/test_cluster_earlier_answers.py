"""Answers of earlier days about a cluster's hosts: groups that are gone, names and launches known otherwise."""

from typing import Any

import pytest

from flops_auditor.data import hardware_table
from flops_auditor.domain.bill.cluster_hours import ClusterHours, cluster_hours
from flops_auditor.domain.runs.cluster_time import HostsByName, times_on_hosts
from flops_auditor.domain.runs.run import Hosts
from flops_auditor.domain.runs.sources.cases import read_case
from flops_auditor.domain.runs.sources.cluster_evidence import ClusterAnswers, cluster_answers
from tests.fakes.clusters import (
    HOST,
    at,
    describe_cluster,
    evidence,
    host,
    kinds,
    line,
    listing,
    node,
    of_group,
    sacct,
)
from tests.unit.test_cluster_run import audited, host_hours, the_run

WEAKER = "ml.c5.4xlarge"
TODAY = listing(node(1), node(2))
UNNAMED = {name: value for name, value in node(1).items() if name != "PrivateDnsHostname"}
LATER = node(1, launched=at(2))
GONE = (of_group("gone", 3), of_group("gone", 4))
ON_GONE = sacct(line(hosts="ip-10-1-0-[3-4]"))


def of(*listings: dict[str, Any]) -> ClusterAnswers:
    return cluster_answers(describe_cluster(), listings)


def hours(known: ClusterAnswers) -> ClusterHours:
    had = times_on_hosts((), HostsByName(known.hosts), at(10))
    return cluster_hours(known.hosts, had, (None, at(10)), hardware_table(), strange=known.strange_groups)


@pytest.mark.parametrize(
    "listings",
    [
        (listing(UNNAMED, node(2)), TODAY),
        (TODAY, listing(UNNAMED, node(2))),
        (listing(UNNAMED), listing(node(1, PrivateDnsHostname=None)), TODAY),
        (TODAY, listing(LATER, node(2))),
        (listing(LATER, node(2)), TODAY),
        (listing(LATER, UNNAMED | {"InstanceId": node(3)["InstanceId"]}), TODAY, listing(UNNAMED)),
        (TODAY, listing(node(1), *GONE)),
    ],
    ids=[
        "no name before",
        "no name since",
        "no name twice",
        "later since",
        "later before",
        "all",
        "a group that is gone",
    ],
)
def test_what_answers_know_of_a_host_is_put_together(listings: tuple[dict[str, Any], ...]) -> None:
    done = audited(sacct(line()), of(*listings))
    assert (done.verdict, host_hours(done.run)) == ("below", 4)
    (of_run,) = evidence(sacct(line()), of(*listings))
    assert read_case(of_run.to_bytes()).run == done.run


def test_a_host_is_there_from_the_earliest_launch_on() -> None:
    for listings in ((TODAY, listing(LATER)), (listing(LATER), TODAY)):
        assert [each.launched for each in of(*listings).hosts] == [at(0), at(0)]
    assert "cluster-hosts-not-launched" in kinds(the_run(sacct(line()), of(listing(LATER, node(2)))).data_doubts)


def test_groups_of_an_earlier_answer_of_the_cluster_are_known() -> None:
    for listings in (
        (TODAY, listing(node(1), *GONE)),
        (TODAY, listing(*GONE, of_group("older", 5)), listing(node(1), of_group("older", 5))),
    ):
        known = of(*listings)
        done = audited(ON_GONE, known)
        assert (done.verdict, host_hours(done.run)) == ("below", 4)
        assert read_case(evidence(ON_GONE, known)[0].to_bytes()).run == done.run
        assert (known.strange_groups, kinds(hours(known).doubts)) == ((), set())


def test_an_answer_that_may_be_another_clusters_is_a_doubt_where_its_hosts_matter() -> None:
    known = of(TODAY, listing(*GONE))
    done = audited(ON_GONE, known)
    assert (done.verdict, done.estimate.upper_flop) == ("indeterminate", None)
    assert "cluster-hosts-of-strange-groups" in kinds(done.estimate.doubts)
    assert audited(sacct(line()), known).verdict == "below"
    told = hours(known)
    assert len(told.hosts) == 4
    assert (told.complete, kinds(told.doubts)) == (False, {"cluster-groups-strange"})


@pytest.mark.parametrize("launched", [at(0), at(1.5)])
def test_a_name_of_two_hosts_at_one_time_is_a_doubt(launched: Any) -> None:
    """The one was launched again after the other had its name."""
    other = node(9, launched=launched, kind="ml.g5.48xlarge", PrivateDnsHostname=f"{host(1)}.internal")
    done = audited(sacct(line(hosts=host(1))), of(TODAY, listing(LATER), listing(other)))
    assert (done.verdict, done.estimate.upper_flop) == ("indeterminate", None)
    assert "cluster-host-names-shared" in kinds(done.estimate.doubts)
    assert audited(sacct(line(hosts=host(2))), of(TODAY, listing(LATER), listing(other))).verdict == "below"


def test_a_host_that_was_launched_again_and_then_replaced_is_known() -> None:
    other = node(9, launched=at(5), kind="ml.g5.48xlarge", PrivateDnsHostname=f"{host(1)}.internal")
    known = of(TODAY, listing(LATER), listing(other))
    assert the_run(sacct(line(hosts=host(1))), known).hosts == (Hosts(HOST, 1),)
    assert the_run(sacct(line(start=6, end=8, hosts=host(1))), known).hosts == (Hosts("ml.g5.48xlarge", 1),)


@pytest.mark.parametrize(
    ("start", "end", "kind", "passes"),
    [
        (0, 4, "ml.c5.4xlarge", True),
        (0, 2, "ml.c5.4xlarge", False),
        (2, 4, "ml.c5.4xlarge", False),
        (0, 4, HOST, False),
    ],
)
def test_no_run_goes_on_from_one_type_of_host_to_another(start: int, end: int, kind: str, passes: bool) -> None:
    """Given: a name that became another host in the third hour. Most hours were counted as those of the weaker one."""
    other = node(9, launched=at(2), kind=kind, PrivateDnsHostname=f"{host(1)}.internal")
    done = audited(sacct(line(start=start, end=end, hosts=host(1))), of(TODAY, listing(node(1)), listing(other)))
    assert ("cluster-host-names-passed-on" in kinds(done.estimate.doubts)) == passes
    assert done.verdict == ("indeterminate" if passes else "below")
