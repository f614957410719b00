"""Audits the training jobs that queued events point at. One message, one job; a failed message stays in the queue."""

import gc

gc.disable()  # while modules are imported there is nothing to collect

import os
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.doors import sources_shut
from flops_auditor.aws.wiring.environment import AuditEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, named_errors, pause, seconds_left
from flops_auditor.aws.wiring.recording import recorder_from, redelivery_from, territory_from
from flops_auditor.domain.runs.sources.registry import read_event
from flops_auditor.use_cases.auditing.audit_job import DeliveredAgain, NoTimeLeft, handle_event, may_begin, pause_after

environment = AuditEnvironment.read(os.environ)
recorder, territory = recorder_from(environment, sources_shut(environment.doors)), territory_from(environment)
redelivery = redelivery_from(environment)
gc.freeze()
gc.enable()


def audit_message(message: dict[str, Any], others: int, context: LambdaContext) -> None:
    """Audit the job of one message, which so many follow in its batch. Whatever fails is named in the log."""

    def after_replay(took: float) -> None:
        pause(pause_after(took, seconds_left(context), others))

    with named_errors(message_id=message["messageId"]):
        try:
            may_begin(seconds_left(context))
            outcome = handle_event(read_event(message["body"]), recorder, message["messageId"], territory, after_replay)
        except NoTimeLeft as later:
            if redelivery.anew(message["eventSourceARN"], message["body"]):
                logger.info("delivered anew", reason=str(later))
                return
            raise
        except DeliveredAgain as later:
            redelivery.soon(message["receiptHandle"], later.seconds)
            raise
    if outcome.refusal:
        logger.error(f"replay refused: {outcome.refusal}", error=outcome.refusal.name, remedy=outcome.refusal.remedy)
        count("ReplaysRefused")
    logger.info(outcome.kind, job_id=outcome.job_id, verdict=outcome.verdict, reason=outcome.reason)
    count("Recorded", int(outcome.kind == "recorded"))


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """SQS batch in, partial failures out."""
    failed = []
    for others, message in zip(reversed(range(len(event["Records"]))), event["Records"], strict=True):
        try:
            audit_message(message, others, context)
        except Exception:
            failed.append({"itemIdentifier": message["messageId"]})
    return {"batchItemFailures": failed}
