"""HyperPod clusters on the answers of AWS: botocore's stubber, and the local AWS's stand-in, refuse any request and any
answer that botocore's own service model does not know.
"""

import json
from datetime import datetime
from typing import Any

import pytest
from botocore.stub import Stubber
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flops_auditor.aws.calls.listing_pages import MOST_TRIES
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.clusters import PAGE, HyperPodClusters
from flops_auditor.domain.runs.evidence import plain
from flops_auditor.use_cases.auditing.keep_clusters import keep_clusters, known_cluster
from flops_auditor.use_cases.ports.side_by_side import in_turn
from flops_auditor.use_cases.ports.sources import SourceDenied, SourceUnavailable
from flops_auditor_cli.local_aws.clusters import LocalClusters
from flops_auditor_cli.local_aws.service_shapes import NotOfTheModel
from tests.fakes.clusters import LAUNCHED, READ, describe_cluster, instance, node
from tests.fakes.dropped_files import MemoryAskedTimes
from tests.fakes.ledger import MemoryArchive

REGION = "eu-west-1"


def port(sagemaker: Any) -> HyperPodClusters:
    waited: list[float] = []
    return HyperPodClusters(lambda region: sagemaker, lambda: Pace(1, waited.append, lambda: 0.0))


def answered(count: int = 2) -> dict[str, Any]:
    """As the SDK gives it."""
    answer = describe_cluster(count)
    return {**answer, "CreationTime": datetime.fromisoformat(answer["CreationTime"])}


def host(number: int) -> dict[str, Any]:
    return {**node(number), "LaunchTime": LAUNCHED}


def summary() -> dict[str, Any]:
    return {name: answered()[name] for name in ("ClusterArn", "ClusterName", "CreationTime", "ClusterStatus")}


def test_all_pages_of_clusters_and_hosts_are_read_and_kept(sagemaker: Any, stub: Stubber) -> None:
    stub.add_response("list_clusters", {"ClusterSummaries": [], "NextToken": "more"}, {"MaxResults": PAGE})
    stub.add_response("list_clusters", {"ClusterSummaries": [summary()]}, {"MaxResults": PAGE, "NextToken": "more"})
    stub.add_response("describe_cluster", answered(), {"ClusterName": "research"})
    asked = {"MaxResults": PAGE, "ClusterName": "research"}
    stub.add_response("list_cluster_nodes", {"ClusterNodeSummaries": [host(1)], "NextToken": "more"}, asked)
    stub.add_response("list_cluster_nodes", {"ClusterNodeSummaries": [host(2)]}, {**asked, "NextToken": "more"})
    archive = MemoryArchive()
    done = keep_clusters(REGION, port(sagemaker), MemoryAskedTimes(), archive, READ, in_turn, lambda: False)
    assert (done.asked, done.failed, done.left) == (("research",), {}, ())
    known = known_cluster(REGION, "research", archive, in_turn, asked_now=True)
    assert [each.instance_id for each in known.hosts] == [instance(1), instance(2)]
    assert known.answer == plain(answered())


def test_a_refusal_is_named_and_an_outage_asked_again(sagemaker: Any, stub: Stubber) -> None:
    stub.add_client_error("list_clusters", "AccessDeniedException", "not authorised", 400)
    with pytest.raises(SourceDenied, match="sagemaker:ListClusters"):
        port(sagemaker).names(REGION)
    for _ in range(MOST_TRIES):
        stub.add_client_error("list_cluster_nodes", "ThrottlingException", "slower", 400)
    with pytest.raises(SourceUnavailable, match="sagemaker:ListClusterNodes"):
        port(sagemaker).hosts("research", REGION)
    stub.add_client_error("describe_cluster", "ResourceNotFound", "gone", 400)
    with pytest.raises(SourceUnavailable, match="sagemaker:DescribeCluster"):
        port(sagemaker).describe("research", REGION)


def served(local: LocalClusters, operation: str, **asked: Any) -> Any:
    headers = {
        "X-Amz-Target": f"SageMaker.{operation}",
        "Authorization": f"AWS4 Credential=test/day/{REGION}/sagemaker",
    }
    builder = EnvironBuilder(method="POST", headers=headers, data=json.dumps(asked))
    answer = local.serve(Request(builder.get_environ()))
    assert answer is not None
    return json.loads(answer.get_data())


def test_the_local_aws_answers_page_by_page_and_by_name() -> None:
    local = LocalClusters()
    local.load_with(answered(), [host(1), host(2)])
    assert [each["ClusterName"] for each in served(local, "ListClusters")["ClusterSummaries"]] == ["research"]
    assert served(local, "DescribeCluster", ClusterName="research")["ClusterArn"] == answered()["ClusterArn"]
    first = served(local, "ListClusterNodes", ClusterName="research", MaxResults=1)
    rest = served(local, "ListClusterNodes", ClusterName="research", MaxResults=1, NextToken=first["NextToken"])
    assert [page["ClusterNodeSummaries"][0]["InstanceId"] for page in (first, rest)] == [instance(1), instance(2)]
    assert served(local, "DescribeCluster", ClusterName="other")["__type"] == "ResourceNotFound"
    assert served(local, "ListClusterNodes", ClusterName="other")["__type"] == "ResourceNotFound"
    with pytest.raises(NotOfTheModel):
        local.load_with(answered(), [{**host(1), "LaunchTime": "yesterday"}])
