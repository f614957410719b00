"""What the JobConfigDocument of a SageMaker job says: a text in JSON that its owner began it with, to which its service
adds `ServiceOutput`.

The API Reference promises a text alone: its schema is asked for (DescribeJobSchemaVersion). What is read here is what
AWS's guide ("Training job submission", multi-turn reinforcement learning) and AWS's SageMaker Python SDK
(AgentRFTJob, MultiTurnRLTrainer) read and write in it. What is of another form is no error: it is named, and
a doubt.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flops_auditor.domain.runs.evidence import plain
from flops_auditor.domain.runs.places import Location
from flops_auditor.domain.runs.s3_spellings import is_registered
from flops_auditor.domain.runs.sources.named_places import read_location
from flops_auditor.domain.values.canonical_json import each_key_once

OUTPUT = "ServiceOutput"
USAGE = "BillableTokenUsage"
TRAINED = "TrainTokenCount"
_COUNTS = (TRAINED, "SampleTokenCount", "PrefillTokenCount")
_MOST_TOKENS = 10**18
_PACKAGES = "ModelPackageConfig"
_TRAINING = "TrainingConfig"
_LEFT_BY_OWNER = (
    ("OutputDataConfig", "S3OutputPath"),
    (_PACKAGES, "OutputModelPackageGroupArn"),
    (_PACKAGES, "IntermediateCheckpointModelPackageGroupArn"),
)
_INPUT_PACKAGE = (_PACKAGES, "InputModelPackageArn")
_NO_RESULTS = frozenset({"MlflowDetails", USAGE, "ProgressInfo"})


@dataclass(frozen=True)
class JobDocument:
    """What a document says. Counts of tokens are None where it does not say them; `owned_outputs` are places in which
    its owner has it leave results, `made` those that its service says it left, `input_package` the model package that
    it goes on from, `begun_from` its base model where that is a place, too, `read` every other place that stands in it,
    with the name that it stands under. `unread` are parts that are not of the form that is known.
    """

    base_model: str = ""
    hyper_parameters: Mapping[str, str] = field(default_factory=dict)
    input_package: Location | None = None
    begun_from: Location | None = None
    owned_outputs: tuple[Location, ...] = ()
    made: tuple[Location, ...] = ()
    read: tuple[tuple[str, Location], ...] = ()
    trained: int | None = None
    sampled: int | None = None
    prefilled: int | None = None
    unread: tuple[str, ...] = ()


def read_document(text: object) -> JobDocument:
    """What a JobConfigDocument says. Never raises: what cannot be read is said to be `unread`."""
    try:
        if not isinstance(text, str):
            raise TypeError("it is no text")
        document = plain(json.loads(text, object_pairs_hook=each_key_once))
        if not isinstance(document, dict):
            raise TypeError("it is no object")
        leaves = tuple(_leaves(document))
    except (ValueError, TypeError, RecursionError):
        return JobDocument(unread=("JobConfigDocument",))
    return _Reader(document, leaves).document()


@dataclass
class _Reader:
    root: Mapping[str, Any]
    leaves: tuple[tuple[tuple[str, ...], object], ...]
    unread: list[str] = field(default_factory=list)

    def document(self) -> JobDocument:
        counts = [self._count(name) for name in _COUNTS]
        base, package = self._text(_TRAINING, "BaseModelArn"), self._text(*_INPUT_PACKAGE).strip()
        return JobDocument(
            base_model=base,
            hyper_parameters=self._hyper_parameters(),
            input_package=Location(package) if package else None,
            begun_from=read_location(base),
            owned_outputs=tuple(self._owned_outputs()),
            made=tuple(dict.fromkeys(self._made())),
            read=tuple(dict.fromkeys(self._read())),
            trained=counts[0],
            sampled=counts[1],
            prefilled=counts[2],
            unread=tuple(dict.fromkeys(self.unread)),
        )

    def _part(self, name: str, *below: str) -> object:
        """A part by the names that lead to it; None where it, or what should hold it, is not there."""
        part: object = self.root
        for depth, each in enumerate((name, *below)):
            if not isinstance(part, Mapping):
                self.unread.append(".".join((name, *below)[:depth]))
                return None
            part = part.get(each)
            if part is None:
                return None
        return part

    def _text(self, *names: str) -> str:
        part = self._part(*names)
        if part is None or isinstance(part, str):
            return part or ""
        self.unread.append(".".join(names))
        return ""

    def _count(self, name: str) -> int | None:
        part = self._part(OUTPUT, USAGE, name)
        if part is None or (type(part) is int and 0 <= part <= _MOST_TOKENS):
            return part
        self.unread.append(f"{OUTPUT}.{USAGE}.{name}")
        return None

    def _hyper_parameters(self) -> dict[str, str]:
        part = self._part(_TRAINING, "HyperParameters")
        if part is None:
            return {}
        if not isinstance(part, Mapping):
            self.unread.append(f"{_TRAINING}.HyperParameters")
            return {}
        return {name: value if isinstance(value, str) else json.dumps(value) for name, value in part.items()}

    def _owned_outputs(self) -> Iterator[Location]:
        for names in _LEFT_BY_OWNER:
            text = self._text(*names).strip()
            if text:
                yield read_location(text) or Location(text)

    def _made(self) -> Iterator[Location]:
        for path, value in self.leaves:
            if path[0] == OUTPUT and _NO_RESULTS.isdisjoint(path) and (place := _place(value)) is not None:
                yield place

    def _read(self) -> Iterator[tuple[str, Location]]:
        """Places that are neither outputs nor the package that it goes on from."""
        for path, value in self.leaves:
            known = path[0] == OUTPUT or path in _LEFT_BY_OWNER or path == _INPUT_PACKAGE
            if not known and (place := _place(value)) is not None:
                yield ".".join(path), place


def _place(value: object) -> Location | None:
    """A text that is a place, in S3 or what SageMaker calls a run, a model package or data."""
    if not isinstance(value, str):
        return None
    text = value.strip()
    return read_location(text) or (Location(text) if is_registered(text) else None)


def _leaves(part: object, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], object]]:
    """Everything that holds nothing else, with the names that lead to it; parts of a list have their list's."""
    if isinstance(part, Mapping):
        for name, each in part.items():
            yield from _leaves(each, (*path, name))
    elif isinstance(part, list):
        for each in part:
            yield from _leaves(each, path)
    elif path:
        yield path, part
