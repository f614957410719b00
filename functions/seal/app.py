"""Gives new records their places in the log and publishes a signed checkpoint. Scheduled; one at a time."""

import logging
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import SealEnvironment
from flops_auditor.aws.wiring.sealing import sealer_from
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.ledger.seal_log import seal_log

TIME_OF_A_BATCH_MS = 60_000
"""A further batch is begun only with this much time left; a batch cut off is finished by the next run."""

logger = Logger()
# Lambda's own level goes before that of Powertools; it stays INFO, since it would drop the metrics with the entries.
logging.getLogger(logger.service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
metrics = Metrics()
sealer = sealer_from(SealEnvironment.read(os.environ))


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, int]:
    """Seal; a refusal is named in the log and in a metric, and raised."""
    try:
        sealed = seal_log(sealer, lambda: context.get_remaining_time_in_millis() > TIME_OF_A_BATCH_MS)
    except AuditorError as error:
        logger.exception(str(error), error=error.name, remedy=error.remedy)
        metrics.add_metric(name=error.name, unit=MetricUnit.Count, value=1)
        raise
    for held in sealed.held:
        logger.error("held back", job_id=held.job_id, revision=held.revision, error=held.error, reason=held.message)
    logger.info("sealed", size=sealed.size, records=sealed.records, adopted=sealed.adopted, held=len(sealed.held))
    metrics.add_metric(name="SealedRecords", unit=MetricUnit.Count, value=sealed.records)
    metrics.add_metric(name="HeldRecords", unit=MetricUnit.Count, value=len(sealed.held))
    metrics.add_metric(name="Checkpoints", unit=MetricUnit.Count, value=1)
    return {"size": sealed.size, "records": sealed.records, "held": len(sealed.held)}
