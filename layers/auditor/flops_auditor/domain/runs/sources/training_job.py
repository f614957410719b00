"""A SageMaker training job as a run."""

from collections.abc import Sequence

from flops_auditor.domain.runs.declared import LONGEST_NAME, Folders, Statements, read_declared
from flops_auditor.domain.runs.evidence import TRAINING_JOB, Evidence
from flops_auditor.domain.runs.hyperparameters import ALL_OF_THE_TOOLKIT
from flops_auditor.domain.runs.model_names import in_service_bucket
from flops_auditor.domain.runs.nested import flattened, options
from flops_auditor.domain.runs.places import Reference
from flops_auditor.domain.runs.run import FinalValue, Hosts, Run
from flops_auditor.domain.runs.sources.artifacts import own_artifact, own_contents, unseen, with_copies
from flops_auditor.domain.runs.sources.model_packages import beginnings
from flops_auditor.domain.runs.sources.named_places import AUXILIARY_NAMED
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob, parse_training_job
from flops_auditor.domain.runs.sources.training_job_metrics import HOST_METRICS
from flops_auditor.domain.runs.sources.training_job_places import (
    AUXILIARY_CHANNEL,
    checkpoints,
    is_model_channel,
    outputs,
    references,
)
from flops_auditor.domain.runs.sources.training_job_time import training_time
from flops_auditor.domain.values.remarks import Remark, as_word

SOURCE = TRAINING_JOB
FOLDERS = Folders(
    inputs="/opt/ml/input/data/",
    checkpoints="/opt/ml/checkpoints",
    results=("/opt/ml/checkpoints", "/opt/ml/model", "/opt/ml/output"),
)
"""In a container (SageMaker Developer Guide, "How Amazon SageMaker AI Provides Training Information"; CheckpointConfig,
LocalPath).
"""
JUMPSTART_TAG = "sagemaker-sdk:jumpstart-model-id"


def read_training_job(evidence: Evidence) -> Run:
    """The run of a DescribeTrainingJob answer with what was asked beside it. Raises MalformedJob."""
    return run_of(parse_training_job(evidence.description, evidence.tags), evidence)


def run_of(job: TrainingJob, evidence: Evidence) -> Run:
    """The run of a job whose answer is parsed already; `job` has the tags of the evidence."""
    declared = read_declared(statements(job))
    begins, remarks = beginnings(job, declared.lineage, evidence.packages)
    reads, denied = references(job, ()) if declared.lineage else (begins, ())  # whatever the tag says
    results = outputs(job)
    remarks = (*remarks, *unseen(begins, results, job, evidence.objects))
    copies = own_contents(job, evidence.objects)
    return Run(
        source=SOURCE,
        kind="Training job",
        arn=job.arn,
        name=job.name,
        region=job.region,
        status=job.training_job_status,
        state=job.state,
        created=job.creation_time,
        started=job.training_start_time,
        ended=job.training_end_time or job.last_modified_time,
        time=training_time(job, evidence.collected_at),
        declared=declared,
        hosts=tuple(Hosts(group.instance_type, group.instance_count) for group in job.groups),
        built_in=job.algorithm_specification.built_in,
        host_metrics=HOST_METRICS,
        undisclosed="serverless job" if job.serverless is not None else "",
        billed_tokens=job.billable_token_count,
        billed_as="BillableTokenCount",
        limit_seconds=job.stopping_condition.max_runtime_in_seconds,
        metric_names=job.metric_names,
        metric_expressions=tuple((each.name, each.regex) for each in job.algorithm_specification.metric_definitions),
        final_values=tuple(
            FinalValue(final.metric_name, final.value, final.timestamp) for final in job.final_metric_data_list
        ),
        begins=with_copies(begins, evidence.objects),
        begins_notes=tuple(each for each in remarks if each.kind.remedy is None),
        begins_doubts=tuple(each for each in remarks if each.kind.remedy is not None),
        reads=_denied(reads, denied) if declared.lineage else (),
        may_read_a_checkpoint=_may_read_a_checkpoint(job, reads),
        auxiliary=_auxiliary(remarks),
        results=(*results, *copies),
        checkpoints=(*checkpoints(job), *copies),
        artifact=own_artifact(job),
        family=job.tuning_job_arn,
        role=job.role_arn,
        tags=job.tags,
        stop_command=f"aws sagemaker stop-training-job --training-job-name {job.name} --region {job.region}",
    )


def _auxiliary(remarks: Sequence[Remark]) -> tuple[str, ...]:
    """Where the job names what it calls a teacher and the like."""
    channels = [each.fact("channel") for each in remarks if each.kind is AUXILIARY_CHANNEL]
    named = [str(each.fact("where")) for each in remarks if each.kind is AUXILIARY_NAMED]
    return (*(f"channel {as_word(str(name), LONGEST_NAME)}" for name in channels), *named)


def _denied(places: Sequence[Reference], remarks: Sequence[Remark]) -> tuple[str, ...]:
    """What the job reads a model from, where its lineage tag says what it continues, or that it is nothing: places, and
    what would be in doubt without the tag.
    """
    doubts = [dict(each.facts) for each in remarks if each.kind.remedy is not None]
    forms = [f"{each['form']} ({each['where']})" for each in doubts if "form" in each]
    others = [each.words for each in remarks if each.kind.remedy is not None and "form" not in dict(each.facts)]
    return (*(str(each.location) for each in places), *dict.fromkeys([*forms, *others]))


def _may_read_a_checkpoint(job: TrainingJob, reads: Sequence[Reference]) -> bool:
    """Whether it reads a model, a checkpoint or a file system; what AWS offers holds no counters."""
    mounted = any(channel.file_system for channel in job.input_data_config)
    return mounted or any(not each.data and not in_service_bucket(str(each.location)) for each in reads)


def statements(job: TrainingJob) -> Statements:
    """What the job says of itself, in SageMaker's fields."""
    serverless, algorithm = job.serverless, job.algorithm_specification
    return Statements(
        tags=job.tags,
        parameters=_parameters(job),
        environment=_variables(job),
        channels=_model_channels(job),
        arguments=options((*algorithm.container_entrypoint, *algorithm.container_arguments)),
        model_names={"the service's base model": job.serverless.base_model_arn} if job.serverless else {},
        model_tags=(JUMPSTART_TAG,),
        folders=FOLDERS,
        technique=serverless.customization_technique if serverless else "",
        parameter_efficient=bool(serverless and serverless.peft),
        evaluation=bool(serverless and serverless.job_type == "Evaluation"),
    )


def _model_channels(job: TrainingJob) -> dict[str, str]:
    """Channels that give a model, by name. Its owner chose name and place: they are the job's word."""
    channels = [channel for channel in job.input_data_config if is_model_channel(channel.channel_name)]
    return {channel.channel_name[:64]: channel.uri for channel in channels}


def _parameters(job: TrainingJob) -> dict[str, str]:
    """Hyperparameters, with the length of sequences that a serverless job was configured for."""
    configured = {"serverless.sequence_length": job.serverless.sequence_length} if job.serverless else {}
    return {**flattened(job.hyper_parameters), **configured}


def _variables(job: TrainingJob) -> dict[str, str]:
    """Variables; in place of one that holds all hyperparameters its leaves."""
    variables: dict[str, str] = {}
    for name, text in job.environment.items():
        variables.update(flattened({name: text}) if name.lower() == ALL_OF_THE_TOOLKIT else {name: text})
    return variables
