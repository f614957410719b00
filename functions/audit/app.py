"""Audits the training jobs that queued events point at. One message, one job; a failed message stays in the queue."""

import json
import os
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.calls.clients import client
from flops_auditor.aws.stores.sqs import SqsRedelivery
from flops_auditor.aws.wiring.environment import AuditEnvironment
from flops_auditor.aws.wiring.handling import count, lambda_handler, logger, named_errors, pause
from flops_auditor.aws.wiring.recording import recorder_from, territory_from
from flops_auditor.domain.values.errors import MalformedEvent
from flops_auditor.use_cases.auditing.audit_job import COME_BACK_SECONDS, Claimed, handle_event, pause_after

environment = AuditEnvironment.read(os.environ)
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
recorder, territory = recorder_from(environment), territory_from(environment)
redelivery = SqsRedelivery(client("sqs"), environment.audit_queue_url)


def audit_message(record: SQSRecord, others: int, context: LambdaContext) -> None:
    """Audit the job of one message, which so many follow in its batch. The batch processor keeps a failed one and says
    nothing; the log must.
    """

    def after_replay(took: float) -> None:
        pause(pause_after(took, context.get_remaining_time_in_millis() / 1000, others))

    with named_errors(message_id=record.message_id):
        try:
            event = json.loads(record.body)
        except (ValueError, RecursionError) as error:
            raise MalformedEvent(f"the message is not JSON: {error}") from error
        try:
            outcome = handle_event(event, recorder, record.message_id, territory, after_replay)
        except Claimed:
            redelivery.soon(record.receipt_handle, COME_BACK_SECONDS)
            raise
    if outcome.refusal:
        logger.error(f"replay refused: {outcome.refusal}", error=outcome.refusal.name, remedy=outcome.refusal.remedy)
        count("ReplaysRefused")
    logger.info(outcome.kind, job_id=outcome.job_id, verdict=outcome.verdict)
    if outcome.kind == "recorded":
        count("Recorded")


@lambda_handler
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """SQS batch in, partial failures out."""
    others = iter(reversed(range(len(event["Records"]))))
    answer = process_partial_response(
        event, lambda record: audit_message(record, next(others), context), processor, context
    )
    return dict(answer)
