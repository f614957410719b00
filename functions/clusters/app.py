"""Keeps what AWS says of HyperPod clusters, and records what their operators drop into a bucket. Scheduled, and sooner
where an event tells of a host or a file; one at a time.
"""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.clusters import clusters_door_from
from flops_auditor.aws.wiring.environment import ClustersEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, seconds_left
from flops_auditor.aws.wiring.recording import claims_from
from flops_auditor.aws.wiring.rounds import alone
from flops_auditor.domain.runs.sources.cluster_events import region_to_look_at
from flops_auditor.domain.runs.sources.dropped_file import shown_key
from flops_auditor.use_cases.auditing.look_after_clusters import look_after_clusters

SPARE_SECONDS = 180
"""Time to read one more file of the largest size, and to record one more run."""

environment = ClustersEnvironment.read(os.environ)
door = clusters_door_from(environment)


@lambda_handler
@alone("clusters", claims_from(environment.table_name))
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """A round over all regions, or over the one that an event is about. What is refused is named, whatever else is
    done.
    """
    done = look_after_clusters(door, lambda: seconds_left(context) < SPARE_SECONDS, region_to_look_at(event))
    for place, reason in done.failed.items():
        logger.error("could not be asked about clusters", place=place, reason=reason)
    for region, reason in done.closed.items():
        logger.warning("refuses, and was never read", region=region, reason=reason)
    if done.unlisted:
        logger.error("the operators' bucket could not be listed as a whole", reason=done.unlisted)
    for state in done.files.worked:
        told = logger.error if state.troubled else logger.info
        counts = {"recorded": state.recorded, "otherwise": state.otherwise, "failed": state.failed}
        why = {"reason": state.reason, "remedy": state.remedy, "runs": state.names}
        told(f"{state.stage}: {shown_key(state.key)}", extra={**why, **counts})
    count("ClustersNotSeen", len(done.failed) + bool(done.unlisted))
    count("ClusterFilesRefused", len(done.files.troubled))
    numbers = {
        "clusters": done.clusters,
        "recorded": done.files.recorded,
        "files": len(done.files.worked),
        "troubled": len(done.files.troubled),
        "left": len(done.left) + done.files.left,
    }
    logger.info("looked after", extra=numbers)
    return numbers
