"""What the status of a run means that was listed: its ARN tells of which service that is a word."""

from flops_auditor.domain.runs.run import RunState
from flops_auditor.domain.runs.sources.batch_job_answer import BATCH_JOB_ARN, state_of_batch_job
from flops_auditor.domain.runs.sources.sagemaker_job_answer import SAGEMAKER_JOB_ARN, state_of_sagemaker_job
from flops_auditor.domain.runs.sources.training_job_answer import state_of_training
from flops_auditor.domain.runs.sources.training_session_answer import SESSION_ARN, state_of_session


def state_of_listed(arn: str, status: str) -> RunState:
    """The state of a run of any service, by its service's word, or our own for one that is gone."""
    if SESSION_ARN.fullmatch(arn):
        return state_of_session(status)
    if BATCH_JOB_ARN.fullmatch(arn):
        return state_of_batch_job(status)
    return state_of_sagemaker_job(status) if SAGEMAKER_JOB_ARN.fullmatch(arn) else state_of_training(status)
