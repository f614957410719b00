"""The rounds over clusters on AWS: their ports, wired."""

from flops_auditor.aws.calls.clients import client, sagemaker_listing_in
from flops_auditor.aws.calls.pace import Pace
from flops_auditor.aws.sources.clusters import HyperPodClusters
from flops_auditor.aws.sources.dropped_files import S3OperatorsFiles
from flops_auditor.aws.stores.dynamodb_asked_clusters import DynamoDbAskedTimes
from flops_auditor.aws.stores.dynamodb_cluster_files import DynamoDbFileStates
from flops_auditor.aws.wiring.environment import ClustersEnvironment
from flops_auditor.aws.wiring.listing import regions_from
from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.use_cases.auditing.look_after_clusters import ClustersDoor


def clusters_door_from(environment: ClustersEnvironment) -> ClustersDoor:
    """Everything that a round works with, as the function's environment says."""
    rate, bucket = float(environment.listing_rate), environment.cluster_files
    return ClustersDoor(
        regions=regions_from(environment),
        clusters=HyperPodClusters(sagemaker_listing_in, lambda: Pace(rate)),
        times=DynamoDbAskedTimes(client("dynamodb"), environment.table_name),
        files=S3OperatorsFiles(client("s3"), bucket, environment.account_id),
        states=DynamoDbFileStates(client("dynamodb"), environment.table_name, bucket),
        recorder=recorder_from(environment),
    )
