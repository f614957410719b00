"""The Clusters port on Amazon SageMaker, in any region."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flops_auditor.aws.calls.listing_pages import page_at_pace, pages_at_pace
from flops_auditor.aws.calls.pace import Pace

LIST_CLUSTERS = "sagemaker:ListClusters"
DESCRIBE_CLUSTER = "sagemaker:DescribeCluster"
LIST_NODES = "sagemaker:ListClusterNodes"
PAGE = 100
"""The most that SageMaker gives at once."""


class HyperPodClusters:
    """Needs sagemaker:ListClusters, sagemaker:DescribeCluster and sagemaker:ListClusterNodes. The clients must not try
    again by themselves. Each operation keeps a pace of its own.
    """

    def __init__(self, client_for: Callable[[str], Any], pace: Callable[[], Pace]) -> None:
        self._client_for = client_for
        self._paces = {action: pace() for action in (LIST_CLUSTERS, DESCRIBE_CLUSTER, LIST_NODES)}

    def names(self, region: str) -> Sequence[str]:
        """All pages."""
        pages = self._pages(region, LIST_CLUSTERS, self._client_for(region).list_clusters)
        return [each["ClusterName"] for page in pages for each in page["ClusterSummaries"]]

    def describe(self, name: str, region: str) -> Mapping[str, Any]:
        """Without what the SDK says of the request."""
        client = self._client_for(region)
        answer = page_at_pace(
            lambda: client.describe_cluster(ClusterName=name), DESCRIBE_CLUSTER, region, self._paces[DESCRIBE_CLUSTER]
        )
        return {member: value for member, value in answer.items() if member != "ResponseMetadata"}

    def hosts(self, name: str, region: str) -> Sequence[Mapping[str, Any]]:
        """All pages."""
        pages = self._pages(region, LIST_NODES, self._client_for(region).list_cluster_nodes, ClusterName=name)
        return [each for page in pages for each in page["ClusterNodeSummaries"]]

    def _pages(self, region: str, action: str, ask: Callable[..., Any], **of: str) -> list[Mapping[str, Any]]:
        def page(token: str) -> Mapping[str, Any]:
            answer: Mapping[str, Any] = ask(MaxResults=PAGE, **of, **({"NextToken": token} if token else {}))
            return answer

        return list(pages_at_pace(page, action, region, self._paces[action], of.get("ClusterName", "")))
