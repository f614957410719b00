"""Audits the training jobs that queued events point at. One message, one job; a failed message stays in the queue."""

import json
import logging
import os
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from flops_auditor.aws.wiring.environment import AuditEnvironment
from flops_auditor.aws.wiring.recording import recorder_from
from flops_auditor.domain.runs.sources.training_job import MalformedEvent
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.use_cases.auditing.audit_job import handle_event

logger = Logger()
# Lambda's own level goes before that of Powertools; it stays INFO, since it would drop the metrics with the entries.
logging.getLogger(logger.service).setLevel(os.environ.get("POWERTOOLS_LOG_LEVEL", "INFO"))
metrics = Metrics()
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
recorder = recorder_from(AuditEnvironment.read(os.environ))


def audit_message(record: SQSRecord) -> None:
    """Audit the job of one message; an error is named in the log and in a metric, and the message is kept."""
    try:
        try:
            event = json.loads(record.body)
        except (ValueError, RecursionError) as error:
            raise MalformedEvent(f"the message is not JSON: {error}") from error
        outcome = handle_event(event, recorder, owner=record.message_id)
    except AuditorError as error:
        logger.exception(str(error), error=error.name, remedy=error.remedy, message_id=record.message_id)
        metrics.add_metric(name=error.name, unit=MetricUnit.Count, value=1)
        raise
    except Exception:
        # The batch processor keeps the message and says nothing; the log must.
        logger.exception("unexpected failure", error="Unexpected", message_id=record.message_id)
        metrics.add_metric(name="Unexpected", unit=MetricUnit.Count, value=1)
        raise
    logger.info(outcome.kind, job_id=outcome.job_id, verdict=outcome.verdict)
    if outcome.kind == "recorded":
        metrics.add_metric(name="Recorded", unit=MetricUnit.Count, value=1)
        metrics.add_metric(name=f"Verdict-{outcome.verdict}", unit=MetricUnit.Count, value=1)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """SQS batch in, partial failures out."""
    answer = process_partial_response(event=event, record_handler=audit_message, processor=processor, context=context)
    return dict(answer)
