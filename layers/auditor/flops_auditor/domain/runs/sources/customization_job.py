"""A model customization job of Amazon Bedrock as a run."""

from collections.abc import Sequence
from fractions import Fraction

from flops_auditor.domain.runs.billable_tokens import BillableTokens
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import CUSTOMIZATION_JOB, Evidence
from flops_auditor.domain.runs.places import Location, Reference, each_once
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.custom_models import BASE, MODEL_NOT_KNOWN, takes_text_alone
from flops_auditor.domain.runs.sources.customization_job_answer import (
    NOT_STARTED,
    CustomizationJob,
    parse_customization_job,
)
from flops_auditor.domain.runs.sources.customization_job_data import EPOCHS, tokens_of
from flops_auditor.domain.runs.sources.training_job_places import named_by_the_tag
from flops_auditor.domain.runs.training_time import STILL_TRAINING, UNKNOWN_TIME, Span, TrainingTime
from flops_auditor.domain.values.remarks import Kind, Remark

SOURCE = CUSTOMIZATION_JOB
_ON_POLICY = "grpo"
"""How reinforcement fine-tuning trains (Amazon Bedrock User Guide, "Customize a model with reinforcement
fine-tuning").
"""
_ENDED = frozenset({"Completed", "Stopped", "Failed"})

DETAILS = Kind("training-details", "training time: that of its trainingDetails, {seconds:.10g} s")
NEVER_TRAINED = Kind("training-not-started", "training time: its training never began")
MODEL_UNREAD = Kind(
    "base-model-not-read",
    "its base model {arn:said200} is no ARN of a foundation model, or of a custom or imported model",
)


def read_customization_job(evidence: Evidence) -> Run:
    """The run of a GetModelCustomizationJob answer with what was asked beside it. Raises MalformedCustomizationJob."""
    return run_of(parse_customization_job(evidence.description, evidence.tags), evidence)


def run_of(job: CustomizationJob, evidence: Evidence) -> Run:
    """The run of a job whose answer is parsed already; `job` has the tags of the evidence."""
    declared = read_declared(statements(job))
    begins, notes = references(job, declared.lineage)
    reads, _ = references(job, ()) if declared.lineage else ((), ())
    tokens, doubts = tokens_of(job, evidence.objects, takes_text_alone(job.base_model_arn, evidence.packages))
    never, time = _never_trained(job), training_time(job)
    most = 0 if never else None if tokens is None else tokens.most
    return Run(
        source=SOURCE,
        kind="Model customization job",
        arn=job.job_arn,
        name=job.job_name,
        region=job.region,
        status=job.status,
        state=job.state,
        created=job.creation_time,
        started=job.training.creation_time,
        ended=max((span.end for span in time.spans), default=job.end_time or job.last_modified_time),
        time=time,
        declared=declared,
        undisclosed="" if never else "model customization job",
        billable_tokens=None if most is None else BillableTokens(most_tokens=most),
        data_tokens=tokens,
        data_doubts=() if never else doubts,
        begins=begins,
        begins_notes=notes,
        reads=tuple(str(each.location) for each in reads),
        results=tuple(Location(arn) for arn in dict.fromkeys((job.job_arn, job.output_model_arn)) if arn),
        role=job.role_arn,
        tags=job.tags,
        stop_command=f"aws bedrock stop-model-customization-job --job-identifier {job.job_arn} --region {job.region}",
    )


def statements(job: CustomizationJob) -> Statements:
    """What the job says of itself, and its service's fields of it."""
    named = job.foundation_model_arn or job.base_model_arn
    passes = {"num_train_epochs": job.hyper_parameters[EPOCHS]} if EPOCHS in job.hyper_parameters else {}
    return Statements(
        tags=job.tags,
        parameters=passes,
        environment={},
        model_names={"the service's base model": named} if named else {},
        technique=_ON_POLICY if job.kind == "reinforcement" else "",
        trains=("customizationType",),
    )


def references(job: CustomizationJob, tagged: Sequence[str]) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the job begins from, and remarks about what was not used. `tagged` is its lineage tag."""
    result, nothing = named_by_the_tag(tagged)
    if nothing:
        return each_once(result), nothing
    if job.custom_model:
        unknown = MODEL_NOT_KNOWN(where=BASE, arn=job.custom_model)
        result.append(Reference(Location(job.custom_model), BASE, unless_found=unknown))
    unread = [] if job.foundation_model or job.custom_model else [MODEL_UNREAD(arn=job.base_model_arn)]
    return each_once(result), tuple(unread)


def training_time(job: CustomizationJob) -> TrainingTime:
    """How long it trained, as far as its service says; its hardware is not disclosed, so no figure rests on it."""
    begun, ended = job.training.creation_time, job.training.last_modified_time
    doubts = () if job.finished else (STILL_TRAINING(status=job.status),)
    if _never_trained(job):
        return TrainingTime((), Fraction(0), NEVER_TRAINED())
    if job.training.status not in _ENDED or begun is None or ended is None or ended <= begun:
        return TrainingTime((), None, UNKNOWN_TIME(), doubts)
    span = Span(begun, ended)
    return TrainingTime((span,), span.seconds, DETAILS(seconds=span.seconds), doubts)


def _never_trained(job: CustomizationJob) -> bool:
    """Whether it ended before its training began; what a teacher made before that counts all the same."""
    failed = job.state in ("error", "stopped")
    return failed and job.kind != "distillation" and job.training.status == NOT_STARTED
