"""A SageMaker training job as a run."""

import re
from collections.abc import Mapping, Sequence
from itertools import islice

from flops_auditor.domain.runs.billable_tokens import BillableTokens
from flops_auditor.domain.runs.declared import LONGEST_NAME, Folders, Statements, read_declared
from flops_auditor.domain.runs.evidence import TRAINING_JOB, Evidence
from flops_auditor.domain.runs.hyperparameters import is_a_number, parameter_name, plain, says_something
from flops_auditor.domain.runs.model_names import in_service_bucket
from flops_auditor.domain.runs.nested import NestedText, NestedTexts, statements_in, texts_in, texts_of_command
from flops_auditor.domain.runs.places import Reference
from flops_auditor.domain.runs.precision_hints import may_hint
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
from flops_auditor.domain.runs.sources.variables import filled_in
from flops_auditor.domain.values.precision import faster_precision_in
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
_CHECKPOINT = re.compile(r"/[^/]*(?:checkpoint|ckpt|global_?step)[^/]*", re.IGNORECASE)
"""A folder or a file below a bucket that is called one."""
MOST_STATEMENTS = 2_000
"""Of hyperparameters, of variables and of arguments, with what is read of the texts in them; what stands in no other
text goes first."""
_LONGEST_FORMAT = 100
"""Characters of what may be the name of one."""
_VARIABLE = re.compile(r"\$\{?(?P<name>\w{1,256}+)\}?")
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
        built_in=job.built_in,
        host_metrics=HOST_METRICS,
        undisclosed="serverless job" if job.serverless is not None else "",
        billed_tokens=job.billable_token_count or None,
        billed_as="BillableTokenCount",
        billable_tokens=_billable_tokens(job),
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


def _billable_tokens(job: TrainingJob) -> BillableTokens | None:
    """What a serverless job is charged by; any other one has hosts for that."""
    count = job.billable_token_count
    return None if count is None or job.serverless is None else BillableTokens(all_tokens=count)


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
    named = any(_CHECKPOINT.search(channel.uri) for channel in job.input_data_config)
    return mounted or named or any(not each.data and not in_service_bucket(str(each.location)) for each in reads)


def statements(job: TrainingJob) -> Statements:
    """What the job says of itself, in SageMaker's fields."""
    serverless, algorithm = job.serverless, job.algorithm_specification
    texts = {
        "hyperparameters": (texts_in(job.hyper_parameters), job.hyper_parameters),
        "variables": (texts_in(job.environment), job.environment),
        "arguments": (texts_of_command((*algorithm.container_entrypoint, *algorithm.container_arguments)), {}),
    }
    leaves = [leaf for each, _ in texts.values() for leaf in each.leaves]
    known, otherwise = _variables(job, leaves), _set_otherwise(job, leaves)
    stated = {what: _filled_in(_said(*each), known, each[0], otherwise) for what, each in texts.items()}
    configured = {"serverless.sequence_length": serverless.sequence_length} if serverless else {}
    return Statements(
        tags=job.tags,
        parameters={**stated["hyperparameters"], **configured},
        environment=stated["variables"],
        channels=_model_channels(job),
        arguments=stated["arguments"],
        model_names={"the service's base model": job.serverless.base_model_arn} if job.serverless else {},
        model_tags=(JUMPSTART_TAG,),
        folders=FOLDERS,
        technique=serverless.customization_technique if serverless else "",
        parameter_efficient=bool(serverless and serverless.peft),
        evaluation=bool(serverless and serverless.job_type == "Evaluation"),
        unread=tuple(what for what, (each, _) in texts.items() if each.unread),
        unheard=tuple(what for what in texts if len(stated[what]) > MOST_STATEMENTS),
    )


def _variables(job: TrainingJob, leaves: Sequence[NestedText]) -> dict[str, str]:
    """What a container's shell fills in for its variables: the job's own, those of SageMaker's toolkit, and those that
    a line sets.
    """
    set_in_lines = {leaf.name.rpartition(".")[2]: leaf.text for leaf in leaves if len(leaf.text) <= _LONGEST_FORMAT}
    channels = {f"SM_CHANNEL_{each.channel_name.upper()}": each.channel_name for each in job.input_data_config}
    places = {name: f"{FOLDERS.inputs}{channel}" for name, channel in channels.items()}
    parameters = {f"SM_HP_{name.upper().replace('-', '_')}": plain(text) for name, text in job.hyper_parameters.items()}
    return {**set_in_lines, **places, **parameters, **job.environment}


def _set_otherwise(job: TrainingJob, leaves: Sequence[NestedText]) -> frozenset[str]:
    """Variables that lines set to one value and another, or not as the job does."""
    first: dict[str, str] = dict(job.environment)
    named = ((leaf.name.rpartition(".")[2], leaf.text) for leaf in leaves)
    return frozenset(name for name, text in named if first.setdefault(name, text) != text)


def _filled_in(
    stated: Mapping[str, str], known: Mapping[str, str], texts: NestedTexts, otherwise: frozenset[str]
) -> dict[str, str]:
    """With the values of variables in place of their names; a place that no shell fills in stays as it is written, and
    so does all else that is longer than a format's name. Whether an option that is called by a format is on, says only
    a value that is known; and no number is that of a variable which is set `otherwise`, too.
    """
    named = {name: _VARIABLE.fullmatch(text) for name, text in stated.items() if "$" in text}
    whole = {
        name: known.get(variable["name"], stated[name])
        for name, variable in named.items()
        if variable and not (variable["name"] in otherwise and is_a_number(name))
    }
    short = {name: filled_in(stated[name], known) for name in named if len(stated[name]) <= _LONGEST_FORMAT}
    formats = {name: text for name, text in short.items() if may_hint(name, text) or may_hint(name, stated[name])}
    filled = {**stated, **formats, **whole}
    unfilled = {leaf.name for leaf in texts.leaves if leaf.kind == "unfilled" and "$" in filled.get(leaf.name, "")}
    switches = {name for name in unfilled if faster_precision_in(parameter_name(name))}
    return {name: text for name, text in filled.items() if name not in switches}


def _model_channels(job: TrainingJob) -> dict[str, str]:
    """Channels that give a model, by name. Its owner chose name and place: they are the job's word."""
    channels = [channel for channel in job.input_data_config if is_model_channel(channel.channel_name)]
    return {channel.channel_name[:64]: channel.uri for channel in channels}


def _said(texts: NestedTexts, given: Mapping[str, str]) -> dict[str, str]:
    """What texts say, by name: of those within others what is read of a name, or may name a precision."""

    def heard(name: str, text: str) -> bool:
        return name in given or says_something(name, text) or may_hint(name, text)

    stated = sorted(statements_in(texts, given).items(), key=lambda each: each[0] not in given)
    return dict(islice(((name, text) for name, text in stated if heard(name, text)), MOST_STATEMENTS + 1))
