"""Custom models of Amazon Bedrock that a run begins from, and what made them.

An imported model (CreateModelImportJob) says which place in S3 its weights came from: a place like any that a run reads
a model from. A custom model says which customization job made it, as does its copy in another region; one that was
created from a model package or from S3 (CreateCustomModel) says nothing of that. Facts: Amazon Bedrock API Reference,
GetImportedModel, GetCustomModel, CreateCustomModel.
"""

import re
from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BeforeValidator, ValidationError

from flops_auditor.domain.runs.evidence import Unread
from flops_auditor.domain.runs.places import Location, Reference, each_once
from flops_auditor.domain.runs.remedies import GRANT, TAG_LINEAGE
from flops_auditor.domain.runs.run import Run
from flops_auditor.domain.runs.s3_spellings import is_access_point, read_s3
from flops_auditor.domain.runs.sources.customization_job_answer import JOB_ARN
from flops_auditor.domain.runs.sources.named_places import NOT_FOLLOWED
from flops_auditor.domain.runs.sources.training_job_answer import CamelShape, OptionalText, or_nothing, what_is_wrong
from flops_auditor.domain.runs.sources.training_job_places import CONTINUES_NOTHING
from flops_auditor.domain.values.arns import account_of
from flops_auditor.domain.values.errors import AuditorError
from flops_auditor.domain.values.remarks import Kind, Remark

Models = Mapping[str, Mapping[str, Any] | Unread]
"""By ARN: the GetImportedModel or GetCustomModel answer, or why there is none; what else stands there is left aside."""
MOST_MODELS = 10
"""Of one run, that are asked for."""
IMPORTED_MODEL = re.compile(r"arn:aws[a-z-]*:bedrock:[a-z0-9-]{1,20}:\d{12}:imported-model/[a-z0-9]{1,63}")
_MODEL = re.compile(
    rf"{IMPORTED_MODEL.pattern}|arn:aws[a-z-]*:bedrock:[a-z0-9-]{{1,20}}:\d{{12}}:custom-model/\S{{1,300}}"
)
_TEXT_ALONE = frozenset(
    {"LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"}
)
"""Architectures that take text and nothing else, as configurations of models call them (Transformers' class names)."""

MODEL_NOT_KNOWN = Kind(
    "custom-model-not-known", "{where} {arn:said200} is a custom model that no known job made", TAG_LINEAGE
)
MODEL_REFUSED = Kind(
    "custom-model-refused", "{where} {arn:said200} could not be read: {source} answered {error}", GRANT
)
MODEL_NOT_THERE = Kind(
    "custom-model-not-there", "{where} {arn:said200} could not be had: {source} answered {error}", TAG_LINEAGE
)
MODEL_WITHOUT_ORIGIN = Kind(
    "custom-model-without-origin",
    "Bedrock does not say where the weights of {where} {arn:said200} came from",
    TAG_LINEAGE,
)
BASE = "base model"
BASE_NOT_CONFIRMED = Kind(
    "base-not-confirmed",
    "its base model is what the job's description says: its custom model {arn:said200} could not be asked, whose own "
    "would also name another custom model",
)
MALFORMED_MODEL = Kind(
    "malformed-custom-model", "{where} {arn:said200} could not be read: {error:said200}", TAG_LINEAGE
)


class MalformedCustomModel(AuditorError):
    """A GetImportedModel or GetCustomModel answer that distorts what the API promises."""

    remedy = "Pass the unchanged answer of `aws bedrock get-imported-model` or `aws bedrock get-custom-model`."


class _S3DataSource(CamelShape):
    s3_uri: OptionalText = ""


class _DataSource(CamelShape):
    s3_data_source: Annotated[_S3DataSource, BeforeValidator(or_nothing)] = _S3DataSource.model_construct()


class _CustomModel(CamelShape):
    model_arn: OptionalText = ""
    job_arn: OptionalText = ""
    base_model_arn: OptionalText = ""
    model_architecture: OptionalText = ""
    model_data_source: Annotated[_DataSource, BeforeValidator(or_nothing)] = _DataSource.model_construct()


def is_custom_model(text: str) -> bool:
    """Whether a text is the ARN of a custom or imported model."""
    return _MODEL.fullmatch(text) is not None


def custom_models(run: Run) -> tuple[str, ...]:
    """ARNs of custom and imported models of the run's account among what it begins from, and of the one it made."""
    places = (*(each.location for each in run.begins), *run.results)
    arns = dict.fromkeys(place.space for place in places if is_custom_model(place.space))
    return tuple(arn for arn in arns if account_of(arn) == account_of(run.arn))[:MOST_MODELS]


def with_custom_models(run: Run, models: Models) -> Run:
    """The run with what its custom models were made from among what it begins from, or why that is not known."""
    run = _with_base(run, models)
    if not any(is_custom_model(each.location.space) for each in run.begins):
        return run
    asked = {arn for arn in custom_models(run) if arn in models}
    begins = [each for reference in run.begins for each in _unfolded(reference, models, asked)]
    points = [each.where for each in begins if is_access_point(each.location) and each not in run.begins]
    doubts = [NOT_FOLLOWED(where=where, form="an access point") for where in points]
    return replace(run, begins=each_once(begins), begins_doubts=(*run.begins_doubts, *doubts))


def _unfolded(reference: Reference, models: Models, asked: Container[str]) -> tuple[Reference, ...]:
    """A reference and, for a custom model, what that was made from. One that nobody asked for is a doubt, unless a
    person names it, which is one by itself.
    """
    arn = reference.location.space
    if not is_custom_model(arn):
        return (reference,)
    if arn not in asked:
        unknown = None if reference.explicit else MODEL_NOT_KNOWN(where=reference.where, arn=arn)
        return (replace(reference, unless_found=reference.unless_found or unknown),)
    behind, doubt = _behind(reference, models[arn])
    if behind is None:
        return (replace(reference, unless_found=doubt),)
    return replace(reference, unless_found=None, leads_to=(*reference.leads_to, behind.location)), behind


def _with_base(run: Run, models: Models) -> Run:
    """The run with the custom model that the model it made was customized from: its own description is declared to
    name a foundation model (GetModelCustomizationJob, baseModelArn), the model's may name either (GetCustomModel).
    """
    arn = next((place.space for place in run.results if is_custom_model(place.space)), "")
    answer = models.get(arn)
    if answer is None:
        return run
    if isinstance(answer, Unread) and answer.denied:
        refused = MODEL_REFUSED(where="its custom model", arn=arn, source=answer.source, error=answer.error)
        return replace(run, begins_doubts=(*run.begins_doubts, refused))
    told = _told(arn, models)
    base = told.base_model_arn if told else ""
    if not base:
        return replace(run, begins_notes=(*run.begins_notes, BASE_NOT_CONFIRMED(arn=arn)))
    if not is_custom_model(base):
        return run
    reads = tuple(dict.fromkeys((*run.reads, base))) if run.declared.lineage else run.reads
    if any(note.kind is CONTINUES_NOTHING for note in run.begins_notes):
        return replace(run, reads=reads)
    reference = Reference(Location(base), BASE, unless_found=MODEL_NOT_KNOWN(where=BASE, arn=base))
    return replace(run, begins=each_once((*run.begins, reference)), reads=reads)


def takes_text_alone(arn: str, models: Models) -> bool:
    """Whether Bedrock says of an imported model that its architecture takes text and nothing else."""
    told = _told(arn, models)
    return told is not None and told.model_architecture in _TEXT_ALONE


def _told(arn: str, models: Models) -> _CustomModel | None:
    """What Bedrock says of a model; None where it does not, or in no words that it promises."""
    answer = models.get(arn)
    try:
        return None if answer is None or isinstance(answer, Unread) else _read(arn, answer)
    except MalformedCustomModel:
        return None


def _behind(reference: Reference, answer: Mapping[str, Any] | Unread) -> tuple[Reference | None, Remark | None]:
    """What a custom model was made from, or the doubt that nobody says it."""
    facts = {"where": reference.where, "arn": reference.location.space}
    if isinstance(answer, Unread):
        kind = MODEL_REFUSED if answer.denied else MODEL_NOT_THERE
        return None, kind(**facts, source=answer.source, error=answer.error)
    try:
        model = _read(reference.location.space, answer)
    except MalformedCustomModel as error:
        return None, MALFORMED_MODEL(**facts, error=str(error))
    if JOB_ARN.fullmatch(model.job_arn):
        unknown = MODEL_NOT_KNOWN(**facts)
        return Reference(Location(model.job_arn), reference.where, unless_found=unknown), None
    place = read_s3(model.model_data_source.s3_data_source.s3_uri)
    if place is None:
        return None, MODEL_WITHOUT_ORIGIN(**facts)
    return Reference(place, reference.where, directory=True), None


def _read(arn: str, answer: Mapping[str, Any]) -> _CustomModel:
    try:
        model = _CustomModel.model_validate(answer)
    except ValidationError as error:
        raise MalformedCustomModel(what_is_wrong(error)) from error
    if model.model_arn != arn:
        raise MalformedCustomModel(f"modelArn: it is of {model.model_arn[:200]!r}")
    return model
