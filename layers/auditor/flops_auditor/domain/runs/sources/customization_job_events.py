"""The event that points at a customization job. It is a pointer: everything it says is asked again.

Facts: Amazon Bedrock User Guide, "How EventBridge for Amazon Bedrock works" ("Model Customization Job State Change").
Bedrock has no operation that deletes such a job, so nothing is recorded of one that it does not know.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB
from flops_auditor.domain.runs.pointer import JobPointer, read_creation_time
from flops_auditor.domain.runs.run import NOT_ENDED, state_of
from flops_auditor.domain.runs.sources.customization_job_answer import JOB_ARN
from flops_auditor.domain.values.errors import MalformedEvent

AWS_EVENT_SOURCE = "aws.bedrock"
AWS_DETAIL_TYPE = "Model Customization Job State Change"


def points_at(source: str, detail: Mapping[str, Any]) -> JobPointer | None:
    """The customization job of an event of that source; None where it names none. Raises MalformedEvent."""
    if "jobArn" not in detail:
        return None
    pointer = pointer_to(str(detail["jobArn"]))
    created = read_creation_time(detail, "creationTime")
    status = str(detail.get("jobStatus", ""))
    told = {"status": status, "finished": state_of(status) not in NOT_ENDED, "source": source}
    return pointer.model_copy(update={"creation_time": created, **told})


def pointer_to(arn: str, created: datetime | None = None) -> JobPointer:
    """A customization job by its ARN, which is its name, too: Bedrock takes either. Raises MalformedEvent for another
    ARN.
    """
    match = JOB_ARN.fullmatch(arn)
    if match is None:
        raise MalformedEvent(f"jobArn is {arn[:120]!r}")
    return JobPointer(
        service=CUSTOMIZATION_JOB,
        event_source=AWS_EVENT_SOURCE,
        arn=arn,
        name=arn,
        region=match["region"],
        account=match["account"],
        creation_time=created,
    )
