"""What AWS may answer about a cluster, and what its operator may drop: read, refused by name, and never *below* on a
doubt.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.runs.sources.cluster_evidence import cluster_answers
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.keep_record import newest
from tests.fakes.clusters import describe_cluster, evidence, host, line, listing, node, sacct
from tests.fakes.dropped_files import RESEARCH, ClusterWorld
from tests.faults.hostile import answers
from tests.faults.test_hostile_input import EXAMPLES, TRIED, is_below

RUNS = sacct(line("100", start=0, end=10), line("200", start=0, end=10, hosts=host(3)))
MEMBERS = ("InstanceGroupName", "InstanceId", "InstanceType", "LaunchTime", "PrivateDnsHostname")
"""Members of a host that are read."""
SOME = st.one_of(st.just(MEMBERS), st.lists(st.sampled_from(MEMBERS), unique=True))
GROUPS = st.one_of(st.just({}), answers("DescribeCluster"))


def about(description: Mapping[str, Any], whole: bool) -> dict[str, Any]:
    """An answer alone, or what it has in place of parts of a whole one."""
    known = describe_cluster()
    return {**known, **description, "ClusterArn": known["ClusterArn"]} if whole else {**description}


def hosts_of(nodes: Mapping[str, Any], kept: Sequence[str], whole: bool) -> list[Any]:
    """Hosts as they are generated, or each with these members of a whole one."""
    found = nodes.get("ClusterNodeSummaries")
    each = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    there = [{**item, **{name: node(number)[name] for name in kept}} for number, item in enumerate(each, 1)]
    return there if whole else each


@EXAMPLES
@given(
    description=GROUPS,
    nodes=answers("ListClusterNodes"),
    kept=SOME,
    whole=st.booleans(),
    asked=st.booleans(),
)
def test_any_answers_about_a_cluster_are_read_or_named(
    description: dict[str, Any], nodes: dict[str, Any], kept: Sequence[str], whole: bool, asked: bool
) -> None:
    """DescribeCluster and ListClusterNodes, of botocore's shapes and off these, alone and as parts of whole ones."""
    TRIED["answers about clusters"] += 1
    listed = listing(*hosts_of(nodes, kept, whole)) if whole else nodes
    try:
        known = cluster_answers(plain(about(description, whole)), [plain(listed)], asked=asked)
    except AuditorError as error:
        assert error.remedy
        return
    for each in evidence(RUNS, known):
        is_below(each)


@EXAMPLES
@given(
    description=GROUPS,
    nodes=answers("ListClusterNodes"),
    kept=SOME,
)
def test_a_round_over_any_cluster_ends_and_says_what_it_could_not_read(
    description: dict[str, Any], nodes: dict[str, Any], kept: Sequence[str]
) -> None:
    """The answers are kept, or named; the operator's file is recorded, waits, or is refused by name."""
    TRIED["clusters that are looked after"] += 1
    world = ClusterWorld()
    world.clusters.answers["eu-west-1", "research"] = about(description, True), hosts_of(nodes, kept, True)
    key = f"{RESEARCH}2026-10-01--2026-10-31/runs.txt"
    world.drop(RUNS, key)
    done = world.round()
    assert done.clusters or done.failed
    state = world.state(key)
    assert state.stage == "recorded" or (state.reason and state.remedy)
    assert "unexpected" not in state.reason
    assert not state.failed
    for job in {each.split("/")[1] for each in world.recorder.archive.list("records/")}:
        kept_record = newest(job, world.recorder)
        assert kept_record is not None
        estimate = kept_record.content["estimate"]
        if kept_record.content["verdict"] == "below":
            assert estimate["upper_flop"] is not None and not estimate["doubts"]
