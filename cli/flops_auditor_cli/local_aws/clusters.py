"""HyperPod clusters as the local AWS answers for them: loaded whole, since moto's have neither AWS's ids of hosts nor
their private names.

Facts: Amazon SageMaker API Reference, ListClusters, DescribeCluster, ListClusterNodes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flops_auditor_cli.local_aws.service_shapes import Members, StandIn, page_of, part_of

_SUMMARY = ("ClusterArn", "ClusterName", "CreationTime", "ClusterStatus")
_PAGE = 10


class LocalClusters(StandIn):
    """Answers of DescribeCluster by ARN, and the summaries of each cluster's hosts."""

    describes = "DescribeCluster"

    def __init__(self) -> None:
        super().__init__()
        self.nodes: dict[str, Sequence[Members]] = {}

    def operations(self) -> Mapping[str, Callable[[Members, str], Members | None]]:
        """Listing and describing clusters, and listing a cluster's hosts."""
        return {"ListClusters": self._page, "DescribeCluster": self._described, "ListClusterNodes": self._hosts}

    def arn_of(self, answer: Members) -> str:
        """The cluster's ARN."""
        return str(answer["ClusterArn"])

    def load_with(self, answer: Members, nodes: Sequence[Members]) -> None:
        """Make a cluster known with its hosts, or what is new of it. Raises NotOfTheModel."""
        self.checked("ListClusterNodes", "output_shape", {"ClusterNodeSummaries": list(nodes)})
        self.load(answer)
        self.nodes[self.arn_of(answer)] = nodes

    def _page(self, asked: Members, region: str) -> Members:
        some, more = page_of(self.here(region), asked, _PAGE)
        return {"ClusterSummaries": [{name: each[name] for name in _SUMMARY} for each in some], **more}

    def _described(self, asked: Members, region: str) -> Members | None:
        named = [each for each in self.here(region) if asked["ClusterName"] in (each["ClusterName"], self.arn_of(each))]
        return named[0] if named else None

    def _hosts(self, asked: Members, region: str) -> Members | None:
        cluster = self._described(asked, region)
        if cluster is None:
            return None
        some, more = part_of(self.nodes[self.arn_of(cluster)], asked, _PAGE, ("NextToken", "MaxResults"))
        return {"ClusterNodeSummaries": some, **more}
