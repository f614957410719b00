"""Places that the texts of a training job name: hyperparameters, variables, debugger's parameters, its command line.

What a place is for, its label tells: that of a model is begun from, that of a teacher does not count, that of an output
is where results are left. Whatever the label says, a place that SageMaker wrote for another run is that run's result.
Facts: Amazon SageMaker API Reference, CreateTrainingJob; Transformers, TrainingArguments (output_dir,
resume_from_checkpoint).
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from flops_auditor.domain.runs.hyperparameters import YES, plain
from flops_auditor.domain.runs.nested import options
from flops_auditor.domain.runs.places import Location, Reference
from flops_auditor.domain.runs.remedies import TAG_LINEAGE
from flops_auditor.domain.runs.s3_spellings import (
    PLACE,
    in_bucket,
    is_access_point,
    is_elsewhere,
    looks_like_s3,
    may_store,
    read_bare,
    read_s3,
)
from flops_auditor.domain.runs.sources.training_job_answer import TrainingJob
from flops_auditor.domain.values.remarks import Kind, Remark, as_word
from flops_auditor.domain.values.texts import read_json

MODEL_LIKE = re.compile(r"model|check_?point|ckpt|weight|resume|adapter|pretrain|init|base", re.IGNORECASE)
NOT_COUNTED = re.compile(r"teacher|reward|value_?function|critic|judge", re.IGNORECASE)
_OUTPUT_LIKE = re.compile(
    r"output|save|export|upload|push|submit|(?<![a-z])log(?![a-z])|logs|logging|logdir", re.IGNORECASE
)
_RESULT_LIKE = re.compile(r"(?:output|save|export|upload)(?!e?d)", re.IGNORECASE)
_KEPT_LIKE = re.compile(
    r"(?:^|\.)(?:(?:output|check_?points?|ckpts?|save|default[_-]root|root|work(?:ing)?|run|results?|trial|project)"
    r"[_-]?dir(?:ectory)?|dirpath|storage[_-]path|artifact_uri|(?:output|checkpoint|ckpt)[_-]prefix)$",
    re.IGNORECASE,
)
"""Of labels of folders in which trainers keep checkpoints and look for the last one (Lightning's `default_root_dir` and
`dirpath`, Ray's `storage_path`). Not `model_dir`: who reads one base by it would continue all others who do.
"""
_LEAVES = re.compile(r"\bs3 +(?:sync|cp|mv) +(?:-\S+ +)*(?!s3:)[^\s-]\S* +(?P<at>s3://[^\s\"'<>,;|&)\\]+)")
"""What a line for a shell copies to S3 (AWS CLI Command Reference, s3)."""
_READ = re.compile(r"(?:sav|export|upload)ed|(?<!up)load|resume|restore|from|pretrain|init", re.IGNORECASE)
"""Of labels of outputs those that may be of what was saved or exported before."""
_NO_RESULT = re.compile(r"log|submit|source|code", re.IGNORECASE)
_SURELY_MODEL = re.compile(r"model|check_?point|ckpt|weight|adapter|pretrain|resume", re.IGNORECASE)
"""Of labels of addresses that may be those of any service, such as `base_url` and `init_method`."""
_RESUMES = re.compile(
    r"(?:^|[._-])(?:(?:auto_?)?(?:resume|restore|load|continue)"
    r"(?:_(?:from|training|ckpt|checkpoint|last|latest|if_exists))*|(?:ckpt|checkpoint)_path)$"
)
_RESUMED = YES | {"auto", "latest", "last", "on", "must"}
_NO_MODEL = re.compile(r"package_group|tracking|registry|kms|role|data_?base", re.IGNORECASE)
_BUCKET = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?bucket(?:[._-]?(?:name|uri|in|from))?", re.IGNORECASE)
_KEY = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?(?:key|prefix|object|folder)(?:[._-]?name)?", re.IGNORECASE)
_PATH = re.compile(r"(?P<stem>.*?)[._-]?(?:s3[._-]?)?(?:path|dir(?:ectory)?|file)", re.IGNORECASE)
"""Of labels that are a key's only where they are a model's."""
_NO_KEY = re.compile(r"secret|token|access|api|auth|kms|ssh|licen[cs]e|private|public", re.IGNORECASE)
_RELATIVE = re.compile(r"(?![/.~])[^\s:\"'<>,;|\\]+")
_WRITTEN = "output"
"""The folder in which SageMaker leaves all results of a job."""
_IN_A_CHANNEL = re.compile(r"/opt/ml/input/data/(?P<channel>[^/]+)(?P<below>/.*)?")
"""Where a container finds a channel (Developer Guide, "Amazon SageMaker storage paths")."""
_NO_WEIGHTS = re.compile(r"config|tokeni[sz]er|vocab", re.IGNORECASE)
_ARN = re.compile(r"arn:aws[a-z-]*:sagemaker:[a-z0-9-]*:\d*:(training-job|model-package)/\S+")
_LONGEST_LABEL = 256
_MAY_NAME = (str, dict, list)
"""What of a configuration may name a place: no number does."""
_LONGEST_TEXT = 256_000
"""Characters of all hyperparameters, or variables, that are searched for places. SageMaker takes no more than 100
hyperparameters of 2,500 characters (API Reference, CreateTrainingJob), a file any."""
_MOST_LEAVES = 200
_DEEPEST = 8
"""Of the JSON in a hyperparameter or variable: what lies deeper is read as text."""
_LONGER_THAN_A_HUBS_NAME = 2
"""Folders below a bucket."""
_MOST_PAIRS = 20
_MOST_APART = 100
"""Buckets, or keys, that are held against each other."""
_MOST_RESULTS = 10
_OF_A_REMOTE_FUNCTION = "s3_base_uri"
"""The argument with which SageMaker's SDK tells a remote function its own folder."""
UNKNOWN_FORM = "a place of a form that is not known"

NOT_FOLLOWED = Kind(
    "model-not-followed", "{where} reads a model from {form}: whose result lies there cannot be looked up", TAG_LINEAGE
)
DATA_NOT_FOLLOWED = Kind("data-not-followed", "{where} reads {form}: whose result lies there cannot be looked up")
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
AUXILIARY_NAMED = Kind(
    "auxiliary-named", "{where} names the place of a teacher or an auxiliary model, which does not count"
)


@dataclass(frozen=True)
class NamedPlaces:
    """What texts name: where the job begins from, where it leaves results, and remarks about what was not used.
    `in_channels` are places of a model in a channel: how it is named, the channel, and the folders below. `auxiliary`
    is the label of a teacher's or an auxiliary model's place, "" where there is none.
    """

    references: tuple[Reference, ...]
    results: tuple[Location, ...]
    in_channels: tuple[tuple[str, str, tuple[str, ...]], ...]
    notes: tuple[Remark, ...]
    auxiliary: str


@dataclass
class _Search:
    """What was come upon so far."""

    references: list[Reference] = field(default_factory=list)
    results: list[Location] = field(default_factory=list)
    kept: list[Location] = field(default_factory=list)
    notes: list[Remark] = field(default_factory=list)
    auxiliary: str = ""


@dataclass(frozen=True)
class _Leaf:
    """A text and the names that it stands under; `where` says so for people."""

    where: str
    label: str
    text: str


def read_location(text: str) -> Location | None:
    """A place in S3 or an ARN of a training job or model package; None for anything else."""
    text = text.strip()
    return read_s3(text) or (Location(text) if _ARN.fullmatch(text) else None)


def is_artifact(place: Location) -> bool:
    """Whether a place is called as SageMaker calls a model that it wrote, whatever it is read as."""
    return place.path[-2:] == (_WRITTEN, "model.tar.gz")


def named_places(job: TrainingJob) -> NamedPlaces:
    """What the job's texts name."""
    command = (*job.algorithm_specification.container_entrypoint, *job.algorithm_specification.container_arguments)
    parameters = {**job.debug_hook_config.hook_parameters, **job.profiler_config.profiling_parameters}
    values = {
        "hyperparameter": job.hyper_parameters,
        "variable": job.environment,
        "debugger parameter": parameters,
        "argument": options(command),
    }
    return _named(tuple((what, tuple(given.items())) for what, given in values.items()), command)


@lru_cache(4)
def _named(values: tuple[tuple[str, tuple[tuple[str, str], ...]], ...], command: tuple[str, ...]) -> NamedPlaces:
    """The same of values by what they are. A job's places are asked for several times, and its texts may be long."""
    named = _Search()
    leaves = [leaf for what, given in values for leaf in _leaves_of(dict(given), what, named)]
    leaves += [_Leaf("command line", "", text) for part in command for _, text in _inside("", part[:_LONGEST_TEXT])]
    line = " ".join(command)[:_LONGEST_TEXT]
    seen: set[Location | str] = set()
    for leaf in leaves:
        _read(leaf, named, seen)
    _pair(leaves, named)
    named.results += [place for copied in _LEAVES.finditer(line) if (place := read_location(copied["at"])) is not None]
    own = tuple(dict.fromkeys(named.results))
    if len(own) > _MOST_RESULTS:
        named.notes.append(TOO_MANY_OUTPUTS(most=_MOST_RESULTS))
    own = own[:_MOST_RESULTS]
    kept = [place for place in dict.fromkeys(named.kept) if place in own and not place.whole_bucket]
    named.references += [Reference(place, "folder that it keeps checkpoints in") for place in kept]
    if any(_RESUMES.search(leaf.label.lower()) and leaf.text.lower() in _RESUMED for leaf in leaves):
        named.references += [Reference(place, "output that it resumes from", directory=True) for place in own]
    in_channels = tuple(each for leaf in leaves if (each := _in_a_channel(leaf)) is not None)
    return NamedPlaces(
        tuple(named.references), own, in_channels[:_MOST_PAIRS], tuple(dict.fromkeys(named.notes)), named.auxiliary
    )


def _read(leaf: _Leaf, named: _Search, seen: set[Location | str]) -> None:
    """What one text names. Of a text without a label what others named before is left out, such as an option's value
    in the command line.
    """
    places, unread = _places_in(leaf.text)
    if not leaf.label:
        places, unread = [each for each in places if each not in seen], [each for each in unread if each not in seen]
    seen.update(places, unread)
    for bare in _bare_in(leaf.text) if not places else ():
        _name(leaf, bare, named, exact=True)
    whole = read_bare(leaf.text, any_key=True) if not places and _SURELY_MODEL.search(leaf.label) else None
    if whole is not None:
        _name_bare(leaf, whole, named)
    for place in places:
        _name(leaf, place, named)
    if NOT_COUNTED.search(leaf.label) or _OUTPUT_LIKE.search(leaf.label):
        return
    model = bool(MODEL_LIKE.search(leaf.label))
    for text in unread:
        surely = _SURELY_MODEL.search(leaf.label) and not _NO_MODEL.search(leaf.label)
        if model and ((may_store(text) and looks_like_s3(text)) or (surely and is_elsewhere(text))):
            named.notes.append(NOT_FOLLOWED(where=leaf.where, form=UNKNOWN_FORM))
        elif looks_like_s3(text):
            named.notes.append(DATA_NOT_FOLLOWED(where=leaf.where, form=UNKNOWN_FORM))


def _in_a_channel(leaf: _Leaf) -> tuple[str, str, tuple[str, ...]] | None:
    """Where a text says that a model lies in a channel, whatever that one is called."""
    match = _IN_A_CHANNEL.fullmatch(leaf.text.strip())
    if match is None or not _SURELY_MODEL.search(leaf.label):
        return None
    if any(other.search(leaf.label) for other in (NOT_COUNTED, _OUTPUT_LIKE, _NO_WEIGHTS)):
        return None
    return leaf.where, match["channel"], tuple(filter(None, (match["below"] or "").split("/")))


def _name_bare(leaf: _Leaf, place: Location, named: _Search) -> None:
    """Take `bucket/key` under a model's label for the place that it may be. A hub calls its models so, too, but in two
    words.
    """
    if NOT_COUNTED.search(leaf.label):
        return
    data = bool(_OUTPUT_LIKE.search(leaf.label)) or len(place.path) < _LONGER_THAN_A_HUBS_NAME
    named.references.append(Reference(place, leaf.where, data=data))


def _name(leaf: _Leaf, place: Location, named: _Search, exact: bool = False) -> None:
    """Take a place for what its label says. `exact`: only what SageMaker wrote there counts."""
    where, label = leaf.where, leaf.label
    if NOT_COUNTED.search(label):
        if _OUTPUT_LIKE.search(label) and not _READ.search(label) and _WRITTEN not in place.path:
            return
        named.auxiliary = named.auxiliary or label[:64]
        named.notes.append(AUXILIARY_NAMED(where=where))
        return
    kept = bool(_KEPT_LIKE.search(label)) and place.in_s3 and not exact
    result = bool(_RESULT_LIKE.search(label)) and not _NO_RESULT.search(label) and not exact
    if kept or (result and not place.whole_bucket):
        named.results.append(place)
        named.kept += [place] if kept else []
    if _OUTPUT_LIKE.search(label):
        model = bool(MODEL_LIKE.search(label) and _READ.search(label)) and place.in_s3
        if place.in_s3 or place.space.rpartition(":")[2].startswith("model-package/"):
            named.references.append(Reference(place, where, data=True, exact=exact or not place.in_s3))
        if is_access_point(place) and (model or is_artifact(place)):
            named.notes.append(NOT_FOLLOWED(where=where, form="an access point"))
        return
    model = bool(MODEL_LIKE.search(label)) and not exact and label != _OF_A_REMOTE_FUNCTION
    named.references.append(Reference(place, where, directory=model, data=not model, exact=exact))
    if is_access_point(place):
        kind = NOT_FOLLOWED if model or is_artifact(place) else DATA_NOT_FOLLOWED
        named.notes.append(kind(where=where, form="an access point"))


def _pair(leaves: list[_Leaf], named: _Search) -> None:
    """Buckets and keys that texts name apart: those of one stem, and any where only one bucket is named, or where the
    key looks as SageMaker names results.
    """
    buckets = [
        (leaf, match["stem"].lower()) for leaf in leaves if leaf.text and (match := _BUCKET.fullmatch(leaf.label))
    ]
    if not buckets:
        return
    relative = [leaf for leaf in leaves if _RELATIVE.fullmatch(leaf.text) and not _BUCKET.fullmatch(leaf.label)]
    keys = [(leaf, key) for leaf in relative if (key := _key_of(leaf)) is not None or _is_written(leaf.text)]
    wanted = []
    for (bucket, stem), (key, own) in product(buckets[:_MOST_APART], keys[:_MOST_APART]):
        alone = len(buckets) == 1 and ("/" in key.text or bool(MODEL_LIKE.search(key.label)))
        same = own is not None and (alone or own == stem)
        if same or _is_written(key.text):
            wanted.append((bucket, key, same))
    for bucket, key, same in sorted(wanted, key=lambda each: not each[2])[:_MOST_PAIRS]:
        place = in_bucket(plain(bucket.text), key.text)
        if place is not None:
            _name(_Leaf(key.where, f"{bucket.label}.{key.label}", key.text), place, named, exact=not same)
    if len(wanted) > _MOST_PAIRS or max(len(buckets), len(keys)) > _MOST_APART:
        named.notes.append(TOO_MANY_KEYS(most=_MOST_PAIRS))


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


def _leaves_of(values: Mapping[str, str], what: str, named: _Search) -> list[_Leaf]:
    """The texts in the values and their names, of too many the shortest."""
    searched: dict[str, str] = {}
    left = _LONGEST_TEXT
    for name, value in sorted(values.items(), key=lambda each: (len(each[1]), each[0])):
        left -= len(value)
        if left < 0:
            named.notes.append(NOT_SEARCHED(what=what, most=_LONGEST_TEXT))
            break
        searched[name] = value
    leaves = []
    for name, value in sorted(searched.items()):
        where = f"{what} {as_word(name, 64)}"
        leaves += [_Leaf(where, label, text) for label, text in _inside(name, value)]
        if _may_be_place(name):
            leaves.append(_Leaf(where, "", name))
    return leaves


def _inside(name: str, value: str) -> Iterator[tuple[str, str]]:
    """The texts in a value, which may be JSON, and JSON within it, each with the names that it stands under. A name
    that may be a place is a text, too.
    """
    waiting: list[tuple[str, object, int]] = [(name, value, 0)]
    for _ in range(_MOST_LEAVES):
        if not waiting:
            return
        label, node, depth = waiting.pop(0)
        if isinstance(node, str):
            tree = _tree(node) if depth < _DEEPEST else None
            if tree is None:
                yield label, plain(node)
                continue
            node = tree
        if isinstance(node, dict | list) and depth < _DEEPEST:
            inner = node.items() if isinstance(node, dict) else [("", each) for each in node]
            for key, each in inner:
                if _may_be_place(key):
                    yield label, key
                if isinstance(each, _MAY_NAME):
                    waiting.append((f"{label}.{key}"[-_LONGEST_LABEL:] if key else label, each, depth + 1))
        else:
            yield label, node if isinstance(node, str) else json.dumps(node)
    for label, left, _ in waiting:
        yield label, left if isinstance(left, str) else json.dumps(left)


def _tree(text: str) -> object:
    """What a text of JSON holds, where that is more than one plain word; None for any other."""
    text = text.strip()
    if text[:1] not in ("{", "[", '"'):
        return None
    try:
        tree = read_json(text)
    except (ValueError, RecursionError):
        return None
    return tree if isinstance(tree, dict | list | str) and tree != text else None


def _may_be_place(name: str) -> bool:
    return ":" in name or "/" in name


def _bare_in(text: str) -> list[Location]:
    """Places of results without a scheme that a text mentions."""
    if f"/{_WRITTEN}" not in text:
        return []
    words = re.split(r"[\s\"'<>,;|\\=]+", text, maxsplit=_MOST_LEAVES)[:_MOST_LEAVES]
    return [place for word in words if (place := read_bare(word)) is not None]


def _places_in(text: str) -> tuple[list[Location], list[str]]:
    """Every place that a text mentions, and the addresses in it that cannot be read; most texts mention none, and a
    long one is not searched for nothing.
    """
    text = text.replace("\\/", "/")
    if ":/" not in text and "arn:" not in text.lower():
        return [], []
    whole = read_location(text)
    if whole is not None:
        return [whole], []
    addresses = [each.group() for each in PLACE.finditer(text)]
    read = {each: read_location(each) for each in addresses}
    unread = [each for each, place in read.items() if place is None]
    return [place for place in read.values() if place is not None], unread or ([] if addresses else [text])
