"""How many tokens a customization job trained on: its service counts none, so the size of its data bounds them.

"You are charged for model training based on the number of tokens processed by the model (number of tokens in training
data corpus x number of epochs)": Amazon Bedrock User Guide, "Custom models". Its data is one file of JSON Lines, which
holds all the text ("Prepare your training datasets for fine-tuning and continued pre-training"), but for models that
also take pictures, which stand elsewhere.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from flops_auditor.domain.runs.data_tokens import DataTokens, tokens_of_data
from flops_auditor.domain.runs.evidence import Unread, written_at
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.remedies import AMEND, COUNT_ALL, GRANT
from flops_auditor.domain.runs.s3_spellings import read_s3
from flops_auditor.domain.runs.sources.customization_job_answer import CustomizationJob
from flops_auditor.domain.values.moments import iso
from flops_auditor.domain.values.remarks import Kind, Remark, Remedy

LIST_OBJECTS = "s3:ListObjectsV2"
NOT_THERE = "NoSuchKey"
_LINES = ".jsonl"
_TEXT_ALONE = re.compile(r"meta\.llama(?:2|3|3-1|3-3)-\d+b-.+|meta\.llama3-2-[13]b-.+")
"""Ids of foundation models that take text and nothing else, and whose parameters are published."""
EPOCHS = "epochCount"
_OTHER_PARAMETERS = frozenset(
    {
        *("batchSize", "learningRate", "learningRateMultiplier", "learningRateWarmupSteps"),
        *("earlyStoppingPatience", "earlyStoppingThreshold", "evalPercentage"),
    }
)
"""Hyperparameters that make it pass over no more than its epochs say (Amazon Bedrock User Guide, "Custom model
hyperparameters").
"""
_SHORTEST_LINE = len('{"input":""}')
"""Bytes of the shortest line of training data (Amazon Bedrock User Guide, "Prepare your training datasets for
fine-tuning and continued pre-training").
"""
_PASSES = re.compile(r"[1-9]\d{0,5}")

_LIST_IT = Remedy(
    "say-how-large-the-data-is",
    "give the answer of `aws s3api list-objects-v2` for its training data with --data, or look at its record",
)
SIZE_NOT_KNOWN = Kind(
    "size-of-data-not-known", "how large its training data {place:said200} is was not looked up", _LIST_IT
)
SIZE_REFUSED = Kind(
    "size-of-data-refused",
    "how large its training data {place:said200} is could not be read: {source} answered {error}",
    GRANT,
)
DATA_NOT_THERE = Kind(
    "data-not-there", "its training data {place:said200} is not there any more: how large it was is not known", AMEND
)
DATA_WRITTEN_LATER = Kind(
    "data-written-later",
    "its training data {place:said200} was written at {written}, after the job was created: how large it was then is "
    "not known",
    AMEND,
)
DATA_IS_NONE = Kind(
    "data-less-than-a-line",
    "contradictory evidence: its training data {place:said200} has {size} bytes, less than one line of it: how large "
    "it was when the job read it is not known",
    AMEND,
)
MORE_DATA = Kind(
    "data-beside-its-file",
    "it names other data beside its file ({names:list}): nothing bounds how many tokens that holds",
    AMEND,
)
PARAMETERS_NOT_KNOWN = Kind(
    "hyperparameters-not-known",
    "its hyperparameters {names:list} are none that are known: whether they have it pass over more than its epochs is "
    "not known",
    AMEND,
)
NOT_ONE_FILE = Kind(
    "data-not-one-file",
    "its training data {place:said200} is not one file of JSON Lines: nothing bounds how many tokens it holds",
    AMEND,
)
NO_DATA_NAMED = Kind(
    "no-data-named", "it names no training data in S3: nothing bounds how many tokens it was trained on", AMEND
)
MORE_THAN_TEXT = Kind(
    "data-may-be-more-than-text",
    "model {model:said120} may be trained on more than text, which its file of training data only names: nothing "
    "bounds how many tokens that is",
    AMEND,
)
PASSES_NOT_KNOWN = Kind(
    "passes-not-known", "nothing says how often it passed over its data ({name} is {value:said40})", AMEND
)
OTHER_CUSTOMIZATION = Kind(
    "other-customization",
    "how it was customized is not known ({type:said40}): nothing bounds how many tokens it was trained on",
    AMEND,
)
TEACHER_GENERATES = Kind(
    "teacher-generates",
    "it is trained on what its teacher {teacher:said200} generates, which counts on the cumulative basis, discarded "
    "samples included: nothing says how many tokens that are",
    COUNT_ALL,
)
GENERATES_ITS_DATA = Kind(
    "generates-its-data",
    "it generates the tokens that it is trained on, which counts on the cumulative basis: nothing says how many these "
    "are",
    COUNT_ALL,
)
Sizes = Mapping[str, Mapping[str, Any] | Unread]
"""What was answered about objects, by place: of a listing the entry of that key."""


def data_place(job: CustomizationJob) -> Location | None:
    """The one file whose size bounds the job's tokens; None where none does."""
    place = read_s3(job.training_data_config.s3_uri)
    bounds = job.kind == "tuning" and place is not None and place.path
    return place if bounds and place is not None and place.path[-1].endswith(_LINES) else None


def entry_of(listing: object, place: Location) -> Mapping[str, Any] | None:
    """The entry of an object in an answer of ListObjectsV2; None where it has none, or several, or lists another
    bucket, whose name the answer need not hold.
    """
    answer = listing if isinstance(listing, Mapping) else {}
    if answer.get("Name") not in (None, place.space.removeprefix("s3://")):
        return None
    entries, key = answer.get("Contents"), "/".join(place.path)
    listed = entries if isinstance(entries, Sequence) and not isinstance(entries, str) else ()
    matching = [each for each in listed if isinstance(each, Mapping) and each.get("Key") == key]
    return matching[0] if matching and all(each == matching[0] for each in matching) else None


def tokens_of(
    job: CustomizationJob, sizes: Sizes, text_alone: bool = False
) -> tuple[DataTokens | None, tuple[Remark, ...]]:
    """Tokens by the size of the data, or why nothing bounds them: a person's number settles that. `text_alone`: its
    model, whose id does not say so, takes text and nothing else.
    """
    doubts: list[Remark] = []
    size = _size(job, sizes, doubts)
    passes = job.hyper_parameters.get(EPOCHS, "").strip()
    if job.kind == "tuning":
        if not text_alone and not _TEXT_ALONE.fullmatch(job.foundation_model):
            doubts.append(MORE_THAN_TEXT(model=job.foundation_model or job.base_model_arn))
        if not _PASSES.fullmatch(passes):
            doubts.append(PASSES_NOT_KNOWN(name=EPOCHS, value=passes or "not said"))
        if unknown := sorted(job.hyper_parameters.keys() - _OTHER_PARAMETERS - {EPOCHS}):
            doubts.append(PARAMETERS_NOT_KNOWN(names=unknown))
        if beside := job.training_data_config.beside_the_file:
            doubts.append(MORE_DATA(names=beside))
    if size is None or doubts:
        return None, tuple(doubts)
    source = f"{size} bytes of training data x {passes} passes ({EPOCHS})"
    return tokens_of_data(size, int(passes), source), ()


def _size(job: CustomizationJob, sizes: Sizes, doubts: list[Remark]) -> int | None:
    """Bytes of the data, None where they bound nothing, which the doubts then say."""
    place, named = data_place(job), job.training_data_config.s3_uri
    if job.kind == "distillation":
        doubts.append(TEACHER_GENERATES(teacher=job.teacher or "of no name"))
    elif job.kind == "reinforcement":
        doubts.append(GENERATES_ITS_DATA())
    elif job.kind == "other":
        doubts.append(OTHER_CUSTOMIZATION(type=", ".join(job.other_ways) or job.customization_type or "not said"))
    elif not named:
        doubts.append(NO_DATA_NAMED())
    elif place is None:
        doubts.append(NOT_ONE_FILE(place=named))
    else:
        answer = sizes.get(str(place))
        if answer is None:
            doubts.append(SIZE_NOT_KNOWN(place=named))
        elif isinstance(answer, Unread):
            refused = SIZE_REFUSED(place=named, source=answer.source, error=answer.error)
            doubts.append(DATA_NOT_THERE(place=named) if answer.error == NOT_THERE else refused)
        else:
            return _size_then(job, named, answer, doubts)
    return None


def _size_then(job: CustomizationJob, named: str, entry: Mapping[str, Any], doubts: list[Remark]) -> int | None:
    """Its size when the job was created: what was not written since is as it was."""
    size, written = entry.get("Size"), written_at(entry)
    if type(size) is not int or size < 0 or written is None:
        doubts.append(SIZE_NOT_KNOWN(place=named))
    elif written > job.creation_time:
        doubts.append(DATA_WRITTEN_LATER(place=named, written=iso(written)))
    elif size < _SHORTEST_LINE:
        doubts.append(DATA_IS_NONE(place=named, size=size))
    else:
        return size
    return None
