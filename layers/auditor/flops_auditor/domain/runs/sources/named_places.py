"""Places that the texts of a training job name: hyperparameters, variables, debugger's parameters, its command line.

What a place is for, its label tells: that of a model is begun from, that of a teacher does not count, that of an output
is where results are left. Whatever the label says, a place that SageMaker wrote for another run is that run's result.
Facts: Amazon SageMaker API Reference, CreateTrainingJob; Transformers, TrainingArguments (output_dir,
resume_from_checkpoint).
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import accumulate, product
from typing import Literal

from flops_auditor.domain.runs.declared import TAG_PREFIX
from flops_auditor.domain.runs.hyperparameters import (
    parameter_name,
    plain,
)
from flops_auditor.domain.runs.nested import LONGEST_TEXT, NestedTexts, texts_in, texts_of_command
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.resuming import goes_on_in_its_folder, tells_to_resume
from flops_auditor.domain.runs.s3_spellings import (
    PLACE,
    decoded,
    in_bucket,
    is_access_point,
    is_elsewhere,
    looks_like_s3,
    may_store,
    read_bare,
    read_s3,
)
from flops_auditor.domain.runs.sources.channel_paths import path_in_channel, results_in_channels
from flops_auditor.domain.runs.sources.own_folder import own_folder
from flops_auditor.domain.runs.sources.shell_lines import ShellLine, parameters_of, read_line, said_by
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob
from flops_auditor.domain.runs.sources.variables import LONGEST_VARIABLE, filled_in, is_open, left_open
from flops_auditor.domain.runs.sources.written_places import longer_readings
from flops_auditor.domain.values.remarks import Kind, Remark, as_word

MODEL_LIKE = re.compile(r"model|check_?point|ckpt|weight|resume|adapter|pretrain|init|base", re.IGNORECASE)
NOT_COUNTED = re.compile(r"teacher|reward|value_?function|critic|judge", re.IGNORECASE)
_WRITTEN_TO = (
    r"(?<![a-z])(?:dest(?:ination)?|dst|sink|remote[._-]?sync)(?![a-z])"
    r"|(?<![a-z])(?:s3|models?|check_?points?|ckpts?|weights?|adapters?)[._-]?out(?![a-z])|(?<![a-z])out[._-]?s3(?![a-z])"
)
"""Of labels that say by one word that something is written there (OpenCLIP's `remote_sync`)."""
_OUTPUT_LIKE = re.compile(
    rf"output|save|export|upload|push|submit|(?<![a-z])log(?![a-z])|logs|logging|logdir|{_WRITTEN_TO}", re.IGNORECASE
)
_RESULT_LIKE = re.compile(rf"(?:output|save|export|upload)(?!e?d(?![_-]?to(?![a-z])))|{_WRITTEN_TO}", re.IGNORECASE)
_KEPT_LIKE = re.compile(
    r"(?:^|\.)(?:(?:my|app|s3|cloud|trainer|training|mlflow|default)[._-])?"
    r"(?:(?:out(?:put)?s?|check_?point(?:s|ing)?|ckpts?|save|root|work(?:ing|space)?|runs?|results?|trial"
    r"|project|exp(?:eriment)?s?|jobs?|dump|snapshots?|artifacts?|final|backup|hdfs|explicit[._-]log)"
    r"[._-]?(?:dir(?:ectory)?|folder)"
    r"|(?:out|exp(?:eriment)?|jobs?|runs?|results?|artifacts?|snapshots?|workspace|dump|backup|publish|sync|mirror)"
    r"[._-]?(?:path|to|uri|url|prefix|location|root)|(?:write|store|persist|copy)[._-]?to|outputs?|out|dirpath|workspace"
    r"|storage[_-]path|checkpointing[._-]path|check_?pointer[._-](?:base[._-])?path|check_?points?[._-]storage"
    r"|default[._-]local[._-]dir|async[._-](?:check_?points?|ckpts?)[._-](?:path|uri|url|prefix|dir(?:ectory)?|folder)"
    r"|(?:check_?points?|ckpts?)[._-]root|(?:output|checkpoint|ckpt)[_-]prefix)$",
    re.IGNORECASE,
)
"""Of labels of folders in which trainers keep checkpoints, and some look for the last one (Lightning's
`default_root_dir` and `dirpath`, Ray's `storage_path`, Levanter's `checkpointer.base_path`, NeMo's `explicit_log_dir`,
verl's `default_local_dir`). Not `model_dir`: by it most read a base, which many share.
"""
_READ = re.compile(r"(?:sav|export|upload)ed|(?<!up)load|resume|restore|from|pretrain|init", re.IGNORECASE)
"""Of labels of outputs those that may be of what was saved or exported before."""
_NO_RESULT = re.compile(r"log|submit|source|code", re.IGNORECASE)
_SURELY_MODEL = re.compile(r"model|check_?point|ckpt|weight|adapter|pretrain|resume", re.IGNORECASE)
"""Of labels of addresses that may be those of any service, such as `base_url` and `init_method`."""
_NO_MODEL = re.compile(r"package_group|tracking|registry|kms|role|data_?base", re.IGNORECASE)
_BUCKET = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?bucket(?:[._-]?(?:name|uri|in|from))?", re.IGNORECASE)
_KEY = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?(?:key|prefix|object|folder)(?:[._-]?name)?", re.IGNORECASE)
_PATH = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?(?:path|dir(?:ectory)?|file)", re.IGNORECASE)
"""Of labels that are a key's only where they are a model's."""
_ROOT = re.compile(r"(?:^|[._-])(?:root|base|home|prefix|store)(?:[._-]?(?:uri|url|path|dir))?$", re.IGNORECASE)
"""Of labels of places that are the beginning of others."""
_NO_KEY = re.compile(r"secret|token|access|api|auth|kms|ssh|licen[cs]e|private|public", re.IGNORECASE)
_RELATIVE = re.compile(r"(?![/.~])[^\s:\"'<>,;|\\]+")
_WRITTEN = "output"
"""The folder in which SageMaker leaves all results of a job."""
_NO_WEIGHTS = re.compile(
    r"config|tokeni[sz]er|vocab|data_?(?:set|loader)|(?:class|loss|sample|mixture|data)[._-]?weights?|pretrain(?:ing)?[._-]?data"
    r"|model[._-]?card",
    re.IGNORECASE,
)
_NO_MODEL_FILES = re.compile(r"config|tokeni[sz]er|vocab|data|corpus|code|script|requirements", re.IGNORECASE)
"""Of names of variables those of what is no model, unless they say that it is one."""
_ARN = re.compile(
    r"arn:aws[a-z-]*:(?:sagemaker:[a-z0-9-]*:\d*:"
    r"(?:training-job|training-session|job|model-package|cluster/[a-z0-9]{12})|batch:[a-z0-9-]*:\d*:job)/\S+"
)
_MOST_WORDS = 200
"""Of a text, in which places without a scheme are looked for."""
_NAME = "TRAINING_JOB_NAME"
"""The variable that SageMaker gives a container with its job's name (Developer Guide, environment variables)."""
_FOLDERS = {"SM_INPUT_DIR": "/opt/ml/input"}
"""Variables of SageMaker's toolkit (aws/sagemaker-training-toolkit, ENVIRONMENT_VARIABLES.md)."""
_NOT_FILLED_IN = frozenset({"tag", "member"})
"""Kinds of values that no container is given by their names."""
_MOST_VARIABLES = 50
"""Of a text, that are filled in."""
_LONGER_THAN_A_HUBS_NAME = 2
"""Folders below a bucket."""
_MOST_PAIRS = 20
_MOST_APART = 100
"""Buckets, or keys, that are held against each other."""
_MOST_RESULTS = 10
_OF_A_REMOTE_FUNCTION = "s3_base_uri"
"""The argument with which SageMaker's SDK tells a remote function its own folder."""
_TOLD_ELSEWHERE = frozenset({"rest", "head", "pair", "unfilled"})
"""Kinds of texts whose places stand in the whole text, too."""
MANIFEST = "what a manifest lists"
_LINEAGE_TAG = f"{TAG_PREFIX}lineage"
_WEB = re.compile(r"\s*https?://(?!\S*(?:amazonaws|aws\.amazon)\.)\S*\s*", re.IGNORECASE)
"""In tags people refer to pages about a job."""
UNKNOWN_FORM = "a place of a form that is not known"
OPEN_PLACE = "a place that nothing fills in"
MORE_PATHS = "more paths in channels than are looked up"
MORE_VARIABLES = "variables that hold more than is filled in"

NOT_FOLLOWED = Kind(
    "model-not-followed", "{where} reads a model from {form}: whose result lies there cannot be looked up", TAG_LINEAGE
)
DATA_NOT_FOLLOWED = Kind("data-not-followed", "{where} reads {form}: whose result lies there cannot be looked up")
WHOLE_BUCKET_OF_DATA = Kind(
    "whole-bucket-of-data", "{where} reads the whole of {place:said200}: which results lie there is not looked up"
)
NOT_SEARCHED = Kind(
    "too-much-to-search",
    "its {what}s have more than the {most} characters that are searched for places, and more than SageMaker takes: "
    "what else it begins from is not known",
    TAG_LINEAGE,
)
TOO_MANY_KEYS = Kind(
    "too-many-keys",
    "its texts name buckets and keys apart from each other, more than {most} pairs of them: what else it begins from "
    "is not known",
    TAG_LINEAGE,
)
TOO_MANY_OUTPUTS = Kind(
    "too-many-named-outputs",
    "its texts name more than the {most} places for its results that are noted: who continues what lies at the others "
    "is not seen",
    TAG_LINEAGE,
)
OPEN_RESULTS = Kind(
    "open-results",
    "{where} leaves results at {form}: who continues it from there is not seen",
    TAG_LINEAGE,
)
AUXILIARY_NAMED = Kind(
    "auxiliary-named", "{where} names the place of a teacher or an auxiliary model, which does not count"
)


@dataclass(frozen=True)
class NamedPlaces:
    """What texts name: where the job begins from, where it leaves results, and remarks about what was not used.
    `own_folders` are those of its own name, where it leaves results, too, and where nothing was before it.
    `in_channels` are places of a model in a channel: how it is named, the channel, and the folders below. `auxiliary`
    is the label of a teacher's or an auxiliary model's place, "" where there is none.
    """

    references: tuple[Reference, ...]
    results: tuple[Location, ...]
    own_folders: tuple[Location, ...]
    in_channels: tuple[tuple[str, str, tuple[str, ...]], ...]
    notes: tuple[Remark, ...]
    auxiliary: str
    resumes: Literal["surely", "maybe", ""]

    def resumed(self, at: Location) -> Reference:
        """A place of the job's results, as one that it goes on from."""
        return Reference(at, "output that it resumes from", directory=True, kept=self.resumes == "maybe")


@dataclass
class _Search:
    """What was come upon so far, in texts of a job of this name, "" where it is not known."""

    job: str = ""
    references: list[Reference] = field(default_factory=list)
    results: list[Location] = field(default_factory=list)
    own_folders: list[Location] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    auxiliary: str = ""
    room: int = LONGEST_TEXT
    """Characters of texts that are filled in."""
    labelled: set[tuple[str, str]] = field(default_factory=set)
    """Texts and their labels, of which each is read once."""

    def say_auxiliary(self, leaf: "_Leaf") -> None:
        """Note that a text names what its label calls a teacher or an auxiliary model."""
        self.auxiliary = self.auxiliary or leaf.label[:64]
        self.notes.append(AUXILIARY_NAMED(where=leaf.where))


@dataclass(frozen=True)
class _Leaf:
    """A text and the names that it stands under; `where` says so for people. `again`: parts of it are leaves, too.
    `filled`: variables in it are filled in, as far as anything says what they are.
    """

    where: str
    label: str
    text: str
    again: bool = False
    filled: bool = False


def read_location(text: str) -> Location | None:
    """A place in S3 or an ARN of a run or of a model package; None for anything else."""
    text = text.strip()
    return read_s3(text) or (Location(text) if _ARN.fullmatch(text) else None)


def named_places(job: TrainingJob) -> NamedPlaces:
    """What the job's texts name."""
    command = (*job.algorithm_specification.container_entrypoint, *job.algorithm_specification.container_arguments)
    parameters = {**job.debug_hook_config.hook_parameters, **job.profiler_config.profiling_parameters}
    values = {
        **{"hyperparameter": job.hyper_parameters, "variable": job.environment, "debugger parameter": parameters},
        **{"tag": _tags_of(job), "member": job.other_texts},
    }
    channels = {f"SM_CHANNEL_{each.channel_name.upper()}": each.channel_name for each in job.input_data_config}
    known = dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), job.region) | {_NAME: job.name, **_FOLDERS}
    known |= {name: f"{known['SM_INPUT_DIR']}/data/{channel}" for name, channel in channels.items()}
    given = tuple((what, tuple(each.items())) for what, each in values.items())
    return _named(given, command, tuple(known.items()))


def named_by_tags(job: TrainingJob) -> NamedPlaces:
    """What its tags alone name."""
    return named_by_variables(_tags_of(job), "tag")


def _tags_of(job: TrainingJob) -> dict[str, str]:
    return {name: text for name, text in job.tags.items() if name != _LINEAGE_TAG and not _WEB.fullmatch(text)}


def named_by_variables(variables: Mapping[str, str], what: str) -> NamedPlaces:
    """What the variables of another container than the job's name; `what` says which these are, for people."""
    return _named(((what, tuple(variables.items())),), (), ())


@lru_cache(4)
def _named(
    values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...],
    command: tuple[str, ...],
    known: tuple[tuple[str, str], ...],
) -> NamedPlaces:
    """The same of values by what they are; `known` are variables that SageMaker sets. A job's places are asked for
    several times, and its texts may be long.
    """
    named = _Search(dict(known).get(_NAME, ""))
    leaves: list[_Leaf] = []
    for what, given in values:
        leaves += _leaves_of(texts_in(dict(given)), what, named)
        leaves += [_Leaf(_where(what, name), "", name) for name, _ in given if _may_be_place(name)]
    leaves += _leaves_of(texts_of_command(command), "argument", named)
    command = _as_far_as_searched(command)
    for part in command:
        within = texts_in({"": part}).leaves if part.lstrip()[:1] in ("{", "[") else ()
        leaves += [_Leaf("command line", each.name, each.text) for each in within] or [_Leaf("command line", "", part)]
    leaves.append(_Leaf("command line", "", " ".join(command), again=True))
    filling = [given for what, given in values if what not in _NOT_FILLED_IN]
    short = [each for given in filling for each in given if len(each[1]) <= LONGEST_VARIABLE]
    variables = {
        **dict(known),
        **{f"SM_HP_{name.upper()}": plain(value) for name, value in short},
        **dict(short),
        **parameters_of(command),
    }
    named.labelled = {(leaf.label, leaf.text) for leaf in leaves}
    leaves += _said(_Leaf("command line", "", ""), said_by(command, variables), named)
    leaves = [inner for leaf in leaves for inner in _read_as_run(leaf, variables, named)]
    seen: set[Location | str] = set()
    for leaf in leaves:
        _read(leaf, named, seen)
    _pair(leaves, named)
    results, own_folders = (tuple(dict.fromkeys(each)) for each in (named.results, named.own_folders))
    if max(len(results), len(own_folders)) > _MOST_RESULTS:
        named.notes.append(TOO_MANY_OUTPUTS(most=_MOST_RESULTS))
    in_channels = tuple(dict.fromkeys(each for leaf in leaves for each in _in_channels(leaf)))
    if len(in_channels) > _MOST_PAIRS:
        named.notes.append(NOT_FOLLOWED(where=in_channels[_MOST_PAIRS][0], form=MORE_PATHS))
    return NamedPlaces(
        tuple(named.references),
        results[:_MOST_RESULTS],
        own_folders[:_MOST_RESULTS],
        in_channels[:_MOST_PAIRS],
        tuple(dict.fromkeys(named.notes)),
        named.auxiliary,
        _resumes(leaves),
    )


def _as_far_as_searched(command: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a command, as many as NOT_SEARCHED says are searched."""
    ends = accumulate(map(len, command))
    return tuple(word for word, end in zip(command, ends, strict=True) if end <= LONGEST_TEXT)


def _read_as_run(leaf: _Leaf, variables: Mapping[str, str], named: _Search) -> list[_Leaf]:
    """A text, what a line says that stands otherwise in it, and what it is with its variables filled in."""
    line = read_line(leaf.text, variables, any_words=leaf.again or not leaf.label)
    named.results += [left_open(place) or place for place in line.to]
    for source in line.sources:
        _name(leaf, source, named)
        _name_open(leaf, source, named)
        if source.whole_bucket and not is_open(source.space):
            named.notes.append(WHOLE_BUCKET_OF_DATA(where=leaf.where, place=str(source)))
    if any(_may_be_model(text) for text in line.open_sources):
        named.notes.append(NOT_FOLLOWED(where=leaf.where, form=OPEN_PLACE))
    if line.open_target:
        named.notes.append(OPEN_RESULTS(where=leaf.where, form=OPEN_PLACE))
    for name, near in line.not_told:
        _say_not_told(replace(leaf, label=_below(leaf, name)), near, named)
    return [*_filled(leaf, variables, named), *_said(leaf, line, named), *_in_texts(leaf, line, named)]


def _may_be_model(variable: str) -> bool:
    """Whether the name of a variable may be that of a model's place."""
    return _is_like(_SURELY_MODEL, variable) or not _is_like(_NO_MODEL_FILES, variable)


def _say_not_told(leaf: _Leaf, near: bool, named: _Search) -> None:
    """Say of an option whose value a shell makes in a way that is not followed what its label makes of it."""
    label = leaf.label.rpartition(".")[2]
    if _is_written_to(leaf.label):
        if near and (_is_like(_KEPT_LIKE, label) or _is_like(_RESULT_LIKE, label)) and not _is_like(_NO_RESULT, label):
            named.notes.append(OPEN_RESULTS(where=leaf.where, form=OPEN_PLACE))
    elif _is_of_weights(leaf.label) and not _is_like(NOT_COUNTED, leaf.label):
        named.notes.append(NOT_FOLLOWED(where=leaf.where, form=OPEN_PLACE))


def _is_written_to(label: str) -> bool:
    return (_is_like(_OUTPUT_LIKE, label) and not _is_like(_READ, label)) or _is_like(_KEPT_LIKE, label)


def _below(leaf: _Leaf, name: str) -> str:
    return ".".join(filter(None, (leaf.label, name)))


def _in_texts(leaf: _Leaf, line: ShellLine, named: _Search) -> list[_Leaf]:
    """What the texts say that stand in a line, such as a document in it, as far as no text says the same."""
    texts = texts_in({str(number): text for number, text in enumerate(line.texts)})
    if texts.unread:
        named.notes.append(NOT_SEARCHED(what=leaf.where, most=LONGEST_TEXT))
    within = [
        (_below(leaf, each.name.partition(".")[2]), each) for each in texts.leaves if each.kind not in _TOLD_ELSEWHERE
    ]
    news = [(name, each) for name, each in within if name and (name, each.text) not in named.labelled]
    named.labelled.update((name, each.text) for name, each in news)
    return [_Leaf(leaf.where, name, each.text, again=each.kind == "line", filled=True) for name, each in news]


def _said(leaf: _Leaf, line: ShellLine, named: _Search) -> list[_Leaf]:
    """What a line says under its options, as far as no text says the same."""
    copied = [(name, text) for name, text in line.copied if _is_of_weights(name) and not _is_written_to(name)]
    words = [(_below(leaf, name), text) for name, text in (*line.by_option, *copied)]
    news = [each for each in words if each not in named.labelled]
    named.labelled.update(news)
    if line.unread:
        named.notes.append(NOT_FOLLOWED(where=leaf.where, form=MORE_VARIABLES))
    return [_Leaf(leaf.where, *each, filled=True) for each in news]


def _filled(leaf: _Leaf, variables: Mapping[str, str], named: _Search) -> list[_Leaf]:
    """A text, and the same with its variables filled in; those of a line are, word by word, elsewhere."""
    if not leaf.label or leaf.again or leaf.filled or not is_open(leaf.text):
        return [leaf]
    if named.room <= 0:
        named.notes.append(NOT_FOLLOWED(where=leaf.where, form=MORE_VARIABLES))
    text = filled_in(leaf.text, variables, _MOST_VARIABLES) if named.room > 0 else leaf.text
    named.room -= len(text)
    return [*([leaf] if text != leaf.text else []), replace(leaf, text=text, filled=True)]


def _resumes(leaves: Sequence[_Leaf]) -> Literal["surely", "maybe", ""]:
    """Whether the job is told to go on from what lies where it leaves its results itself; maybe, where it loads
    something that need not lie there.
    """
    told = [(parameter_name(leaf.label), leaf.text) for leaf in leaves if leaf.label and not leaf.again]
    if any(goes_on_in_its_folder(name, text) for name, text in told):
        return "surely"
    elsewhere = (text for name, text in told if tells_to_resume(name, text))
    return "maybe" if any("://" not in text and not text.strip().startswith("/") for text in elsewhere) else ""


def _read(leaf: _Leaf, named: _Search, seen: set[Location | str]) -> None:
    """What one text names. Of a text without a label what others named before is left out, such as an option's value
    in the command line, and so it is of one whose parts were read before.
    """
    places, unread = _places_in(leaf.text, whole_lines=bool(leaf.label) and not leaf.again)
    if leaf.again or not leaf.label:
        places, unread = [each for each in places if each not in seen], [each for each in unread if each not in seen]
    seen.update(places, unread)
    for bare in _bare_in(leaf.text) if not places else ():
        _name(leaf, bare, named, exact=True)
    whole = read_bare(leaf.text, any_key=True) if not places and _is_like(_SURELY_MODEL, leaf.label) else None
    if whole is not None:
        _name_bare(leaf, whole, named)
    for place in places:
        _name(leaf, place, named)
        if leaf.filled and (place.is_artifact or _may_be_of_weights(leaf.label)):
            _name_open(leaf, place, named)
    if _is_like(NOT_COUNTED, leaf.label) and results_in_channels(leaf.text):
        named.say_auxiliary(leaf)
    for text in unread:
        _name_unread(leaf, text, named)


def _name_unread(leaf: _Leaf, text: str, named: _Search) -> None:
    """Say of an address that cannot be read what its label makes of it."""
    label = leaf.label
    output, auxiliary = _is_like(_OUTPUT_LIKE, label), _is_like(NOT_COUNTED, label)
    surely = _is_like(_SURELY_MODEL, label) and not _is_like(_NO_MODEL, label)
    model = _is_like(MODEL_LIKE, label) and (not output or _is_like(_READ, label))
    if model and ((may_store(text) and looks_like_s3(text)) or (surely and is_elsewhere(text))):
        if auxiliary:
            named.say_auxiliary(leaf)
        else:
            named.notes.append(NOT_FOLLOWED(where=leaf.where, form=UNKNOWN_FORM))
    elif looks_like_s3(text) and not (output or auxiliary):
        named.notes.append(DATA_NOT_FOLLOWED(where=leaf.where, form=UNKNOWN_FORM))


def _in_channels(leaf: _Leaf) -> list[tuple[str, str, tuple[str, ...]]]:
    """Where a text says that a model lies in a channel, whatever that one is called, and which of SageMaker's results
    it names there.
    """
    if _is_like(NOT_COUNTED, leaf.label):
        return []
    paths = results_in_channels(leaf.text)
    written = _is_like(_OUTPUT_LIKE, leaf.label) and not _is_like(_READ, leaf.label)
    told = leaf.filled or not is_open(leaf.text)
    if told and not written and _is_of_weights(leaf.label) and (path := path_in_channel(leaf.text)) is not None:
        paths.append(path)
    return [(leaf.where, channel.lower(), below) for channel, below in paths]


def _is_of_weights(label: str) -> bool:
    """Whether a label is that of a model's weights: of the names that it stands within, the innermost that says so."""
    names = reversed(label.split("."))
    telling = next((name for name in names if _is_like(_SURELY_MODEL, name) or _is_like(_NO_WEIGHTS, name)), None)
    return telling is not None and not _is_like(_NO_WEIGHTS, telling)


def _may_be_of_weights(label: str) -> bool:
    """Whether a label may be that of a model's weights, and says of nothing else."""
    return _is_like(MODEL_LIKE, label) and not _is_like(_NO_WEIGHTS, label.rpartition(".")[2])


def _name_bare(leaf: _Leaf, place: Location, named: _Search) -> None:
    """Take `bucket/key` under a model's label for the place that it may be. A hub calls its models so, too, but in two
    words.
    """
    if _is_like(NOT_COUNTED, leaf.label):
        return
    data = _is_like(_OUTPUT_LIKE, leaf.label) or len(place.path) < _LONGER_THAN_A_HUBS_NAME
    named.references.append(Reference(place, leaf.where, data=data))


def _name(leaf: _Leaf, place: Location, named: _Search, exact: bool = False) -> None:
    """Take a place for what its label says. `exact`: only what SageMaker wrote there counts."""
    where, label = leaf.where, leaf.label
    kept = _is_like(_KEPT_LIKE, label) and place.in_s3 and not exact
    result = _is_like(_RESULT_LIKE, label) and not _is_like(_NO_RESULT, label) and not exact
    output, auxiliary = _is_like(_OUTPUT_LIKE, label), _is_like(NOT_COUNTED, label)
    left = (leaf.filled and left_open(place)) or place
    if (kept and (output or not auxiliary)) or (result and not left.whole_bucket):
        named.results.append(left)
    elif not exact and (own := own_folder(place, label, named.job)):
        named.own_folders.append(own)
    if auxiliary:
        written = output and not _is_like(_READ, label)
        if not written or _WRITTEN in place.path:
            named.say_auxiliary(leaf)
        if not written:
            return
    if output:
        model = _is_like(MODEL_LIKE, label) and _is_like(_READ, label) and place.in_s3
        if place.in_s3 or place.space.rpartition(":")[2].startswith("model-package/"):
            named.references.append(Reference(place, where, data=True, exact=exact or not place.in_s3))
        if is_access_point(place) and (model or place.is_artifact):
            named.notes.append(NOT_FOLLOWED(where=where, form="an access point"))
        return
    model = _is_like(MODEL_LIKE, label) and not exact and label != _OF_A_REMOTE_FUNCTION
    named.references.append(Reference(place, where, directory=model, data=not model, exact=exact, kept=kept and model))
    if is_access_point(place):
        kind = NOT_FOLLOWED if model or place.is_artifact else DATA_NOT_FOLLOWED
        named.notes.append(kind(where=where, form="an access point"))


def _name_open(leaf: _Leaf, place: Location, named: _Search) -> None:
    """Take what a place stands for of which a part is open: it may be whatever lies in the folder above that."""
    folder = left_open(place)
    written = _is_like(_OUTPUT_LIKE, leaf.label) and not (_is_like(_READ, leaf.label) or place.is_artifact)
    if folder is None or written or _is_like(NOT_COUNTED, leaf.label):
        return
    if folder == place:
        named.notes.append(NOT_FOLLOWED(where=leaf.where, form=OPEN_PLACE))
    else:
        named.references.append(Reference(folder, leaf.where, directory=True, kept=True))


def _pair(leaves: list[_Leaf], named: _Search) -> None:
    """Buckets, or places called a root, and keys that texts name apart: those of one stem, and any where only one
    bucket is named, or where the key looks as SageMaker names results.
    """
    texts = [leaf for leaf in leaves if leaf.text]
    buckets = [(leaf, match["stem"].lower()) for leaf in texts if (match := _BUCKET.fullmatch(leaf.label))]
    roots = [(leaf, "") for leaf in texts if ":/" in leaf.text and _is_root(leaf)]
    if not buckets and not roots:
        return
    relative = [leaf for leaf in texts if _RELATIVE.fullmatch(leaf.text) and not _BUCKET.fullmatch(leaf.label)]
    keys = [(leaf, key) for leaf in relative if (key := _key_of(leaf)) is not None or _is_written(leaf.text)]
    wanted = [*_held_together(buckets, keys), *_held_together(roots, keys)]
    for bucket, below, same in sorted(wanted, key=lambda each: not each[2])[:_MOST_PAIRS]:
        place = in_bucket(plain(bucket.text), below.text)
        if place is not None:
            _name(_Leaf(below.where, f"{bucket.label}.{below.label}", below.text), place, named, exact=not same)
    if len(wanted) > _MOST_PAIRS or max(len(buckets), len(roots), len(keys)) > _MOST_APART:
        named.notes.append(TOO_MANY_KEYS(most=_MOST_PAIRS))


def _held_together(
    buckets: Sequence[tuple[_Leaf, str]], keys: Sequence[tuple[_Leaf, str | None]]
) -> Iterator[tuple[_Leaf, _Leaf, bool]]:
    """The buckets and keys that may be of one place, and whether their labels say so."""
    for (bucket, stem), (key, own) in product(buckets[:_MOST_APART], keys[:_MOST_APART]):
        alone = len(buckets) == 1 and ("/" in key.text or bool(MODEL_LIKE.search(key.label)))
        same = own is not None and (alone or own == stem)
        if same or _is_written(key.text):
            yield bucket, key, same


def _is_root(leaf: _Leaf) -> bool:
    return _is_like(_ROOT, leaf.label) and leaf.label != _OF_A_REMOTE_FUNCTION and read_s3(leaf.text) is not None


def _key_of(leaf: _Leaf) -> str | None:
    """What a label says beside that its text is a key in a bucket; None where it does not say so."""
    if _NO_KEY.search(leaf.label):
        return None
    if match := _KEY.fullmatch(leaf.label):
        return match["stem"].lower()
    if not MODEL_LIKE.search(leaf.label.rpartition(".")[2]):
        return None
    match = _PATH.fullmatch(leaf.label)
    return match["stem"].lower() if match else leaf.label.lower() if leaf.text.count("/") > 1 else None


def _is_written(text: str) -> bool:
    return _WRITTEN in text.split("/")


def _leaves_of(texts: NestedTexts, what: str, named: _Search) -> list[_Leaf]:
    """The texts that may name places, with their names; whole lines come after what is in them."""
    if texts.unread:
        named.notes.append(NOT_SEARCHED(what=what, most=LONGEST_TEXT))
    leaves = [
        _Leaf(_where(what, each.owner), each.name, each.text, again=each.kind == "line")
        for each in sorted(texts.leaves, key=lambda each: each.owner)
        if each.kind not in _TOLD_ELSEWHERE
        and not (each.kind == "item" and each.text.isdigit())  # a list of numbers names none
    ]
    return sorted(leaves, key=lambda leaf: leaf.again)


def _where(what: str, name: str) -> str:
    return f"{what} {as_word(name, 64)}"


def _may_be_place(name: str) -> bool:
    return ":" in name or "/" in name


def _bare_in(text: str) -> list[Location]:
    """Places of results without a scheme that a text mentions."""
    if f"/{_WRITTEN}" not in text:
        return []
    words = re.split(r"[\s\"'<>,;|\\=]+", text, maxsplit=_MOST_WORDS)[:_MOST_WORDS]
    return [place for word in words if (place := read_bare(word)) is not None]


def _places_in(text: str, whole_lines: bool) -> tuple[list[Location], list[str]]:
    """Every place that a text mentions, and the addresses in it that cannot be read; most texts mention none, and a
    long one is not searched for nothing.
    """
    text = text.replace("\\/", "/")
    if ":/" not in text and "arn:" not in text.lower():
        text = decoded(text)
        if ":/" not in text:
            return [], []
    whole = read_location(text)
    addresses = [each.group() for each in PLACE.finditer(text)]
    if whole is not None and len(addresses) < 2:
        return [whole, *_read_all([decoded(text), _within_brackets(text.strip())])], []
    read = {each: read_location(each) for each in addresses}
    unread = [each for each, place in read.items() if place is None]
    if not text.lstrip().startswith(tuple(addresses)) and is_elsewhere(text):
        unread.append(text)  # of a scheme that ends as one of S3 does
    places = [place for place in (whole, *read.values()) if place is not None]
    longer = _read_all(
        [*longer_readings(text, whole_lines), *map(decoded, addresses), *map(_within_brackets, addresses)]
    )
    return list(dict.fromkeys((*places, *longer))), unread or ([] if addresses else [text])


def _within_brackets(address: str) -> str:
    """An address without brackets behind it that none in it opens, "" where there are none."""
    within = address.rstrip(")]}")
    return within if within != address and not any(sign in within for sign in "([{") else ""


def _read_all(texts: Sequence[str]) -> list[Location]:
    return [place for text in texts if text and (place := read_location(text)) is not None]


@lru_cache(1024)
def _is_like(pattern: re.Pattern[str], label: str) -> bool:
    """Whether a label is one of these; thousands of texts may stand under one."""
    return pattern.search(label) is not None
