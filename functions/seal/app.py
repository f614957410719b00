"""Gives new records their places in the log and publishes a signed checkpoint. Scheduled; one at a time."""

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import SealEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger
from flops_auditor.aws.wiring.recording import claims_from
from flops_auditor.aws.wiring.rounds import alone
from flops_auditor.aws.wiring.sealing import sealer_from
from flops_auditor.use_cases.ledger.seal_log import seal_log

TIME_OF_A_BATCH_MS = 60_000
"""A further batch is begun only with this much time left; a batch cut off is finished by the next run."""

environment = SealEnvironment.read(os.environ)
sealer = sealer_from(environment)


@lambda_handler
@alone("seal", claims_from(environment.table_name))
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Seal what waits; records that are refused are held back and named."""
    sealed = seal_log(sealer, lambda: context.get_remaining_time_in_millis() > TIME_OF_A_BATCH_MS)
    for held in sealed.held:
        logger.error("held back", job_id=held.job_id, revision=held.revision, error=held.error, reason=held.message)
    logger.info("sealed", size=sealed.size, records=sealed.records, adopted=sealed.adopted, held=len(sealed.held))
    count("HeldRecords", len(sealed.held))
    return {"size": sealed.size, "records": sealed.records, "held": len(sealed.held)}
