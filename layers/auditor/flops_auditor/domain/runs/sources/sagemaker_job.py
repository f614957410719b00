"""A SageMaker job of the newer kinds as a run.

Its category says what it is for (CreateJob): AgentRFT trains a model by multi-turn reinforcement learning;
SyntheticDataGeneration updates no parameters, but generates data that a model is trained on, which counts with that
model's training (Annex A.1 of the Guidelines, C(2025) 5045); the others do neither. A category that is not known is
taken for training. Its service discloses no hardware. In the document of a job that trains it counts three kinds of
tokens, as a training session does.
"""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from flops_auditor.domain.runs.billable_tokens import BillableTokens, tokens_by_kind
from flops_auditor.domain.runs.declared import Statements, read_declared
from flops_auditor.domain.runs.evidence import SAGEMAKER_JOB, Evidence
from flops_auditor.domain.runs.places import Location, Reference, each_once
from flops_auditor.domain.runs.remedies import AMEND, COUNT_ALL, TAG_LINEAGE
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.sources.customization_job import NEVER_TRAINED
from flops_auditor.domain.runs.sources.model_packages import (
    FOREIGN_PACKAGE,
    PACKAGE_NOT_ASKED,
    is_package,
    is_package_of,
    unfold,
)
from flops_auditor.domain.runs.sources.sagemaker_job_answer import (
    CATEGORIES,
    GENERATES,
    NEITHER,
    TRAINS,
    SageMakerJob,
    parse_sagemaker_job,
)
from flops_auditor.domain.runs.sources.sagemaker_job_document import TRAINED
from flops_auditor.domain.runs.sources.training_job_places import named_by_the_tag, of_hub
from flops_auditor.domain.runs.sources.training_session import unsaid_tokens
from flops_auditor.domain.runs.training_time import STILL_TRAINING, UNKNOWN_TIME, TrainingTime
from flops_auditor.domain.values.remarks import Kind, Remark

SOURCE = SAGEMAKER_JOB
_KNOWN_SCHEMA = "1"
"""The major version of the documents that are read (CreateJob of AWS's guide: 1.0.0)."""
_BEFORE_TRAINING = frozenset(
    {"Starting", "Pending", "Preparing", "Downloading", "Stopping", "Stopped", "Failed", "Deleting", "DeleteFailed"}
)
"""Secondary statuses of a job that has not begun to train, and of its end."""
_MOST_TRANSITIONS = 100
"""DescribeJob gives no more of them."""

NOT_OF_TRAINING = Kind(
    "category-without-training", "training time: none, since jobs of the category {category} do not train"
)
CATEGORY_NOT_KNOWN = Kind(
    "category-not-known", "jobs of the category {category:said80} are not known: it is taken for training", AMEND
)
GENERATION_NOT_SAID = Kind(
    "generation-not-said",
    "it generates data for training, and its service does not say how much, or with which model",
    AMEND,
)
DOCUMENT_UNREAD = Kind(
    "document-not-read", "{parts:list} of its configuration cannot be read: how much it trained is not known", COUNT_ALL
)
LINEAGE_UNREAD = Kind(
    "document-without-lineage",
    "{parts:list} of its configuration cannot be read: what it goes on from is not known",
    TAG_LINEAGE,
)
SCHEMA_NOT_KNOWN = Kind(
    "document-of-another-schema",
    "its configuration is of the schema {version:said40}, which this release does not know",
    COUNT_ALL,
)
TOKENS_OF_THE_OWNER = Kind(
    "tokens-in-the-owners-document",
    "it did not complete, and its tokens stand in the document that its owner began it with: nothing says that its "
    "service wrote them",
    COUNT_ALL,
)
TRAINED_ALL_THE_SAME = Kind(
    "category-contradicted-by-tokens",
    "contradictory evidence: jobs of the category {category:said80} do not train, and it counts {tokens:flop} tokens "
    "that it trained on: it is taken for training",
    AMEND,
)
TRAINED_WITHOUT_TOKENS = Kind(
    "trained-without-tokens",
    "contradictory evidence: it trained, and its service counts no tokens of that",
    COUNT_ALL,
)


def read_sagemaker_job(evidence: Evidence) -> Run:
    """The run of a DescribeJob answer. Raises MalformedSageMakerJob."""
    return run_of(parse_sagemaker_job(evidence.description, evidence.tags))


def run_of(job: SageMakerJob) -> Run:
    """The run of a job whose answer is parsed already."""
    document, nothing = job.document, _took_nothing(job)
    declared = read_declared(statements(job))
    begins, remarks = references(job, declared.lineage)
    reads, _ = references(job, ()) if declared.lineage else ((), ())
    return Run(
        source=SOURCE,
        kind="SageMaker job",
        arn=job.job_arn,
        name=job.job_name,
        region=job.region,
        status=job.job_status,
        state=job.state,
        created=job.creation_time,
        started=job.creation_time,
        ended=job.end_time or job.last_modified_time,
        time=training_time(job),
        declared=declared,
        undisclosed="" if nothing else "SageMaker job",
        billed_tokens=document.trained if _trains(job) else None,
        billed_as=TRAINED,
        billed_all_trained=False,
        generated_tokens=(document.sampled or 0) + (document.prefilled or 0) if _trains(job) else 0,
        billable_tokens=billable_tokens(job),
        data_doubts=() if nothing else token_doubts(job),
        begins=begins,
        begins_notes=tuple(each for each in remarks if each.kind.remedy is None),
        begins_doubts=tuple(each for each in remarks if each.kind.remedy is not None),
        reads=tuple(str(each.location) for each in reads),
        results=(Location(job.job_arn), *_left(job)),
        checkpoints=() if _does_neither(job) else document.owned_outputs,
        role=job.role_arn,
        tags=job.tags,
        stop_command=(
            f"aws sagemaker stop-job --job-name {job.job_name} --job-category {job.category} --region {job.region}"
        ),
    )


def statements(job: SageMakerJob) -> Statements:
    """What the job says of itself, and its service's fields of it."""
    if not _trains(job):
        return Statements(job.tags, {}, {}, evaluation=_does_neither(job), generates=job.category == GENERATES)
    document = job.document
    return Statements(
        tags=job.tags,
        parameters=document.hyper_parameters,
        environment={},
        model_names={"the service's base model": document.base_model} if document.base_model else {},
        parameter_efficient=job.category == TRAINS,
        trains=() if _took_nothing(job) else ("JobCategory",),
    )


def references(job: SageMakerJob, tagged: Sequence[str]) -> tuple[tuple[Reference, ...], tuple[Remark, ...]]:
    """What the job begins from, and remarks about what was not used. `tagged` is its lineage tag.

    A model package is what it goes on from, or the group that it lies in: each job leaves one of every step in its
    group, so that who is known to write there is who made it. Any other place of its document may be data that a run
    made.
    """
    result, nothing = named_by_the_tag(tagged)
    if nothing:
        return each_once(result), nothing
    if _does_neither(job):
        return each_once(result), ()
    document, foreign = job.document, []
    for where, place in (("input model package", document.input_package), ("base model", document.begun_from)):
        if place is None:
            continue
        facts = {"where": where, "arn": str(place)}
        elsewhere = is_package(place) and not is_package_of(place, job.job_arn)
        foreign += [FOREIGN_PACKAGE(**facts)] if elsewhere else []
        unknown = None if elsewhere else PACKAGE_NOT_ASKED(**facts)
        *behind, last = unfold(Reference(place, where, directory=place.in_s3), {})
        result += [*behind, replace(last, unless_found=unknown)]
    result += [Reference(place, name, directory=place.in_s3, data=True) for name, place in document.read]
    unread = [LINEAGE_UNREAD(parts=document.unread)] if document.unread and not tagged else []
    return each_once(result), (*foreign, *unread, *of_hub(document.base_model, "base model"))


def token_doubts(job: SageMakerJob) -> tuple[Remark, ...]:
    """Why its tokens are not known, which a person's number settles."""
    document = job.document
    if not _trains(job):
        return (GENERATION_NOT_SAID(),)
    doubts = [] if job.category in CATEGORIES else [CATEGORY_NOT_KNOWN(category=job.category)]
    if job.category in NEITHER:
        doubts.append(TRAINED_ALL_THE_SAME(category=job.category, tokens=document.trained))
    if document.unread:
        doubts.append(DOCUMENT_UNREAD(parts=document.unread))
    elif not _schema_known(job):
        doubts.append(SCHEMA_NOT_KNOWN(version=job.job_config_schema_version))
    if unsaid := unsaid_tokens(document.trained, document.sampled, document.prefilled):
        doubts += unsaid
    elif not _services_own(job):
        doubts.append(TOKENS_OF_THE_OWNER())
    if document.trained == 0 and not _never_began(job):
        doubts.append(TRAINED_WITHOUT_TOKENS())
    return tuple(doubts)


def billable_tokens(job: SageMakerJob) -> BillableTokens | None:
    """What its service counts of a job that trains, where the document is its service's, and can be read."""
    document = job.document
    if not _trains(job) or document.unread or not _schema_known(job) or not _services_own(job):
        return None
    return tokens_by_kind(document.trained, document.sampled, document.prefilled)


def training_time(job: SageMakerJob) -> TrainingTime:
    """Its hardware is not disclosed, so no figure rests on for how long it trained."""
    if _does_neither(job):
        return TrainingTime((), Fraction(0), NOT_OF_TRAINING(category=job.category))
    if _took_nothing(job):
        return TrainingTime((), Fraction(0), NEVER_TRAINED())
    doubts = () if job.finished else (STILL_TRAINING(status=job.job_status),)
    return TrainingTime((), None, UNKNOWN_TIME(), doubts)


def _left(job: SageMakerJob) -> tuple[Location, ...]:
    """Where it leaves what a model begins from or is trained on."""
    return () if _does_neither(job) else tuple(dict.fromkeys((*job.document.made, *job.document.owned_outputs)))


def _schema_known(job: SageMakerJob) -> bool:
    return job.job_config_schema_version.split(".")[0] == _KNOWN_SCHEMA


def _services_own(job: SageMakerJob) -> bool:
    """Whether its document is surely what its service made of it: of a job that did not complete it may be what its
    owner began it with.
    """
    return job.state in ("succeeded", "running")


def _trains(job: SageMakerJob) -> bool:
    """Whether its category is for training, or it counts tokens that it trained on where its category does nothing of
    the kind.
    """
    return job.category not in (GENERATES, *NEITHER) or (job.category in NEITHER and bool(job.document.trained))


def _does_neither(job: SageMakerJob) -> bool:
    """Whether it neither trains nor generates what is trained on."""
    return job.category in NEITHER and not _trains(job)


def _took_nothing(job: SageMakerJob) -> bool:
    """Whether it is of a category that neither trains nor generates, or ended before it began to."""
    document = job.document
    counted = document.trained or document.sampled or document.prefilled
    return _does_neither(job) or (job.category == TRAINS and _never_began(job) and not counted)


def _never_began(job: SageMakerJob) -> bool:
    """Whether its service says of all that it went through that it was before it trained, and that it has ended."""
    statuses = [each.status for each in job.secondary_status_transitions]
    told = 0 < len(statuses) < _MOST_TRANSITIONS and _BEFORE_TRAINING.issuperset(statuses)
    return told and job.state in ("stopped", "error")
