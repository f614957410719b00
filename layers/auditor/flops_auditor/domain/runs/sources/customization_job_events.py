"""The event that points at a customization job. It is a pointer: everything it says is asked again.

Facts: Amazon Bedrock User Guide, "How EventBridge for Amazon Bedrock works" ("Model Customization Job State Change").
Bedrock has no operation that deletes such a job, so nothing is recorded of one that it does not know.
"""

from collections.abc import Mapping
from typing import Any

from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB
from flops_auditor.domain.runs.pointer import JobPointer, Pointing
from flops_auditor.domain.runs.run import state_of
from flops_auditor.domain.runs.sources.batch_job_answer import is_of_batch
from flops_auditor.domain.runs.sources.customization_job_answer import JOB_ARN

AWS_EVENT_SOURCE = "aws.bedrock"
AWS_DETAIL_TYPE = "Model Customization Job State Change"


_POINTING = Pointing(
    service=CUSTOMIZATION_JOB,
    event_source=AWS_EVENT_SOURCE,
    form=JOB_ARN,
    arn_in="jobArn",
    created_in="creationTime",
    status_in="jobStatus",
    state_of=state_of,
)
pointer_to = _POINTING.by_arn
"""A customization job by its ARN, which is its name, too: Bedrock takes either. Raises MalformedEvent for another ARN.
"""


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The customization job of an event of that source; None where it names none. Raises MalformedEvent."""
    named = "jobArn" in detail and not is_of_batch(detail["jobArn"])
    return _POINTING.by_event(source, detail) if named else None
