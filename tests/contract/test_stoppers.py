"""What ends runs of SageMaker's services, on the answers of AWS: botocore's stubber refuses any request that its own
service model does not know.
"""

from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from flops_auditor.aws.sources.sagemaker import SageMakerStopper
from flops_auditor.aws.sources.sagemaker_jobs import SageMakerJobStopper
from flops_auditor.aws.sources.training_sessions import SessionStopper
from flops_auditor.domain.runs.sources.sagemaker_job_answer import TRAINS
from flops_auditor.use_cases.ports.sources import JobStopper, SourceDenied

REGION = "eu-west-1"
JOB_ENDED = "The request was rejected because the training job is in status Completed"
"""API Reference, StopTrainingJob. What the others answer is not documented: it is taken as of a training job."""


@pytest.mark.parametrize(
    ("made", "operation", "asked", "ended", "action"),
    [
        (
            SageMakerStopper,
            "stop_training_job",
            {"TrainingJobName": "run-1"},
            JOB_ENDED,
            "sagemaker:StopTrainingJob",
        ),
        (
            SessionStopper,
            "stop_training_session",
            {"TrainingSessionName": "run-1"},
            "the session is in status Stopped",
            "sagemaker:StopTrainingSession",
        ),
        (
            lambda client_for: SageMakerJobStopper(client_for, TRAINS),
            "stop_job",
            {"JobName": "run-1", "JobCategory": TRAINS},
            "the job is in status Completed",
            "sagemaker:StopJob",
        ),
    ],
    ids=["training job", "session", "job"],
)
def test_one_that_has_ended_or_is_gone_needs_no_stopping(
    made: Callable[[Callable[[str], Any]], JobStopper], operation: str, asked: dict[str, str], ended: str, action: str
) -> None:
    sagemaker = boto3.client("sagemaker", REGION, aws_access_key_id="test", aws_secret_access_key="test")
    stopper = made(lambda region: sagemaker)
    with Stubber(sagemaker) as stub:
        stub.add_response(operation, {}, asked)
        stub.add_client_error(operation, "ResourceNotFound", "Requested resource not found.")
        stub.add_client_error(operation, "ValidationException", ended)
        for _ in range(3):
            stopper.stop("run-1", REGION)
        stub.add_client_error(operation, "AccessDeniedException", "not authorised")
        with pytest.raises(SourceDenied, match=action):
            stopper.stop("run-1", REGION)
        stub.assert_no_pending_responses()
