"""Base models: what is known of the compute that the original model was trained with, and which model an id means.

Figures come from a table whose rows name their source. Identifiers are resolved, never guessed: a size or a version
that does not match exactly resolves to nothing. Pure: the table arrives as CSV text.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType

from flops_auditor.domain.originals.original_model import Original
from flops_auditor.domain.runs.model_names import (
    HUB_ADDRESSES,
    in_service_bucket,
    is_place,
    name_in_arn,
    service_model_id,
)
from flops_auditor.domain.runs.model_size import ModelShape, ModelSize
from flops_auditor.domain.values.amounts import UnreadableAmount, parse_amount, scientific
from flops_auditor.domain.values.errors import AuditorError

FLOP_PER_PARAMETER_AND_TOKEN = 6
"""Guidelines C(2025) 5045, Annex A.2: C = 6 x P x D for large dense transformers."""

_METHODS = frozenset({"reported", "gpu_hours", "6ND", "undisclosed"})
WEAK = "weak"
"""The confidence of a row whose source was not read, or whose author calls the figure a guess."""
_SHAPE = ("layers", "width", "heads", "kv_heads", "head_width", "vocabulary", "context")
_CONFIDENCES = frozenset({"high", "medium", "low", WEAK})

_QUANTISED = re.compile(
    r"-(?:unsloth-)?(?:(?:bnb-)?[48]-?bits?|bnb-int8|bnb|gptq|awq|gguf|ggml|exl2|mlx|fp8|fp4|nf4|nvfp4|mxfp4|int[48]|w[48]a(?:8|16)"
    r"|quantized|dynamic|kv|marlin|autoround|[48]bit-128g|\d+g|q\d(?:-[k0-9])?(?:-[msl])?|bf16|fp16|f16|safetensors|autofp8|onnx|eo8|qlora|spinquant)$"
)
_VARIANT_WORDS = frozenset({"instruct", "it", "chat", "base", "pt", "hf", "pretrained"})
_SIZE_WORD = re.compile(r"^[ae]?\d+(?:x\d+)?b$|^\d+(?:x\d+)?[bm]$|^\d+b\d+$")
_MIRRORS = frozenset(
    {
        "amd",
        "bartowski",
        "casperhansen",
        "hugging-quants",
        "huggyllama",
        "ista-daslab",
        "lmstudio-community",
        "maziyarpanahi",
        "mistral-community",
        "mlx-community",
        "neuralmagic",
        "nousresearch",
        "nvidia",
        "quantfactory",
        "redhatai",
        "solidrust",
        "thebloke",
        "unsloth",
    }
)
"""Publishers that re-upload other developers' weights under the original name, converted or quantised."""

_CACHE_FORM = re.compile(r"models--(?P<org>[^/]+?)--(?P<name>[^/]+)")
_PREPACKED = re.compile(r"^(?:infer-prepack|infer|train)-(?=.)|(?:\.tar(?:\.gz)?|\.zip)$", re.IGNORECASE)
_VERSION_TAIL = re.compile(r"(?:[/@](?:[vV]?\d+(?:\.(?:\d+|\*))*|\*|main|latest|[0-9a-f]{40}))$")


class BaseModelTableInvalid(AuditorError):
    """A row of the base-model table breaks a rule."""

    remedy = "Correct the named row in flops_auditor/data/base_models.csv and give its source."


@dataclass(frozen=True)
class PretrainingFigure:
    """The pretraining compute to measure a modification against.

    flop is None where it is undisclosed or where the source is too weak to carry a verdict alone; `weak_flop` then
    holds the weak figure, with which a caller may check that the verdict would be the same either way. `other_flop` is
    the higher figure where sources disagree: kept, not used.
    """

    flop: int | None
    weak_flop: int | None
    other_flop: int | None
    explanation: str


@dataclass(frozen=True)
class BaseModel:
    """One row of the table. Amounts are FLOP, parameters and tokens are counts; None where not disclosed."""

    model_id: str
    aliases: tuple[str, ...]
    developer: str
    params_total: int | None
    params_active: int | None
    """Parameters used per token; equals params_total for a dense model."""
    pretraining_tokens: int | None
    pretraining_flop: int | None
    pretraining_flop_low: int | None
    pretraining_flop_high: int | None
    """What else sources give, where they disagree or give a range."""
    method: str
    """reported | gpu_hours | 6ND | undisclosed."""
    source: str
    confidence: str
    systemic_risk: bool = False
    """Listed in the table, with a source. What compute makes a model one of systemic risk is a policy's to say."""
    shape: ModelShape | None = None

    @property
    def trusted(self) -> bool:
        """Whether the source can carry a verdict: it was read, and its author does not call it a guess."""
        return self.method != "undisclosed" and self.confidence != WEAK

    @property
    def architecture_flop(self) -> int | None:
        """6 x active parameters x tokens, where both are disclosed."""
        if self.params_active is None or self.pretraining_tokens is None:
            return None
        return FLOP_PER_PARAMETER_AND_TOKEN * self.params_active * self.pretraining_tokens

    @property
    def size(self) -> ModelSize | None:
        """Parameters, where disclosed."""
        if self.params_total is None:
            return None
        active = self.params_active or self.params_total
        return ModelSize(self.params_total, active, f"base model {self.model_id}", shape=self.shape)

    @property
    def original(self) -> Original:
        """What a policy asks of the model that a job started from."""
        figure = self.pretraining_for_threshold()
        known = figure.flop if figure.flop is not None else figure.weak_flop
        trusted = figure.weak_flop is None
        return Original(
            known, self.systemic_risk, figure.explanation.rstrip("."), trusted, highest_flop=figure.other_flop
        )

    def pretraining_for_threshold(self) -> PretrainingFigure:
        """The lowest of the published figures and 6 x parameters x tokens.

        The lowest one makes the modifier's threshold lowest, so a high estimate never makes a job look small.
        """
        listed = (self.pretraining_flop, self.pretraining_flop_low, self.pretraining_flop_high, self.architecture_flop)
        figures = sorted({figure for figure in listed if figure is not None and figure > 0})
        if self.method == "undisclosed" or not figures:
            return PretrainingFigure(None, None, None, f"The pretraining compute of {self.model_id} is not disclosed.")
        lower, highest = figures[0], figures[-1]
        other = highest if highest * 200 > lower * 201 else None  # within 0.5 % it is one figure, rounded
        origin = self._origin(lower)
        if other is not None:
            origin += f"; the lowest of several figures, the highest being {scientific(other)} FLOP"
        if not self.trusted:
            return PretrainingFigure(
                None,
                lower,
                other,
                f"{self.model_id}: {scientific(lower)} FLOP ({origin}); a weak source, so it counts as undisclosed.",
            )
        return PretrainingFigure(lower, None, other, f"{self.model_id}: {scientific(lower)} FLOP ({origin}).")

    def _origin(self, flop: int) -> str:
        if flop == self.architecture_flop and flop != self.pretraining_flop:
            return (
                f"6 x {scientific(self.params_active or 0)} active parameters x "
                f"{scientific(self.pretraining_tokens or 0)} tokens"
            )
        origin = {"reported": "as published", "gpu_hours": "from accelerator hours"}.get(
            self.method, "6 x parameters x tokens"
        )
        return f"{origin}, low figure" if flop == self.pretraining_flop_low else origin


@dataclass(frozen=True)
class Resolution:
    """What an identifier means: a model and how it was recognised, or None and why not.

    `hint`: it was recognised by the parts of a path alone, which anybody may choose.
    """

    model: BaseModel | None
    reason: str
    hint: bool = False


@dataclass(frozen=True)
class BaseModelTable:
    """All base models, with the indexes that resolve identifiers."""

    models: Mapping[str, BaseModel]
    _by_id: Mapping[str, BaseModel]
    _by_name: Mapping[str, frozenset[str]]
    _by_stem: Mapping[str, frozenset[str]]
    _asked: dict[str, list[str]] = field(default_factory=dict, compare=False, repr=False)
    _looked_up: dict[str, Resolution] = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> "BaseModelTable":
        """Read and validate the table. Raises BaseModelTableInvalid naming the row."""
        models: dict[str, BaseModel] = {}
        by_id: dict[str, BaseModel] = {}
        by_name: defaultdict[str, set[str]] = defaultdict(set)
        by_stem: defaultdict[str, set[str]] = defaultdict(set)
        for line, row in enumerate(csv.DictReader(io.StringIO(text), strict=True), start=2):
            model = _base_model(row, f"base models row {line}")
            models[model.model_id] = model
            for identifier in (model.model_id, *model.aliases):
                key = _key(identifier)
                if by_id.setdefault(key, model) is not model:
                    raise BaseModelTableInvalid(
                        f"base models row {line}: {identifier} already means {by_id[key].model_id}"
                    )
                name = key.rpartition("/")[2]
                by_name[name].add(model.model_id)
                by_name[key.replace("/", "-")].add(model.model_id)
                stem = _stem(name)
                if stem is not None:
                    by_stem[stem].add(model.model_id)
        if not models:
            raise BaseModelTableInvalid("base models: no rows")
        return cls(
            MappingProxyType(models),
            MappingProxyType(by_id),
            MappingProxyType({name: frozenset(ids) for name, ids in by_name.items()}),
            MappingProxyType({stem: frozenset(ids) for stem, ids in by_stem.items()}),
        )

    def resolve(self, identifier: str) -> BaseModel | None:
        """The base model an identifier means, or None. `look_up` also says why."""
        return self.look_up(identifier).model

    def find(self, identifier: str) -> BaseModel | None:
        """The same as `resolve`, under the name an audit asks by."""
        return self.resolve(identifier)

    @cached_property
    def largest_flop(self) -> int:
        """The most training compute that is known of any model."""
        figures = [m.pretraining_for_threshold() for m in self.models.values()]
        return max(max(f.flop or f.weak_flop or 0, f.other_flop or 0) for f in figures)

    def nearest(self, name: str) -> list[str]:
        """Names of the table that are most like one that is not in it, the likeliest first; case is ignored."""
        if len(self._asked) > MOST_ASKED:
            self._asked.clear()
        if name not in self._asked:
            self._asked[name] = nearest_names(name, self._names)
        return self._asked[name]

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(name for model in self.models.values() for name in (model.model_id, *model.aliases))

    def look_up(self, identifier: str) -> Resolution:
        """Resolve a Hugging Face id, JumpStart id, hub-content ARN, cache folder, S3 URI or local path.

        Quantised and instruction-tuned variants resolve to their base. Never across sizes or versions.
        """
        if len(self._looked_up) > MOST_ASKED:
            self._looked_up.clear()
        if identifier not in self._looked_up:
            self._looked_up[identifier] = self._read(identifier)
        return self._looked_up[identifier]

    def _read(self, identifier: str) -> Resolution:
        text = identifier.strip().strip("\"'")
        if not text or len(text) > 1024:
            return Resolution(None, "no model identifier")
        exact = self._by_id.get(_key(text))
        if exact is not None:
            return Resolution(exact, f"{text} is listed")
        for candidate, is_path in _candidates(text):
            matches = self._match(candidate, is_path)
            if len(matches) == 1:
                model = self.models[next(iter(matches))]
                return Resolution(model, f"{text} resolves to {model.model_id}", hint=is_place(text))
            if matches:
                return Resolution(None, f"{text} is ambiguous: {', '.join(sorted(matches))}")
        return Resolution(None, f"{text} is not in the base-model table")

    def _match(self, candidate: str, is_path: bool) -> frozenset[str]:
        key = _key(candidate)
        exact = self._by_id.get(key)
        if exact is not None:
            return frozenset({exact.model_id})
        publisher, _, name = key.rpartition("/")
        if publisher and not is_path and publisher not in _MIRRORS and not self._publishes(publisher, name):
            return frozenset()
        task = service_model_id(name)
        for spelling in (name, task):
            if spelling is None:
                continue
            matches = self._by_spelling(spelling)
            if matches:
                return matches
        return frozenset()

    def _by_spelling(self, name: str) -> frozenset[str]:
        unquantised = _without_quantisation(name)
        for spelling in (name, unquantised):
            if spelling in self._by_name:
                return self._by_name[spelling]
        stem = _stem(unquantised)
        return self._by_stem.get(stem, frozenset()) if stem else frozenset()

    def _publishes(self, publisher: str, name: str) -> bool:
        """Whether the table has a model of this publisher that the name could be a variant of."""
        matches = self._by_spelling(name)
        return any(
            _key(identifier).startswith(f"{publisher}/")
            for model_id in matches
            for identifier in (model_id, *self.models[model_id].aliases)
        )


MOST_ASKED = 500
"""Answers that are remembered; an audit asks the same several times."""
MOST_NAMES = 3
ALIKE = 0.6
"""Share of matching characters from which on two names are alike (difflib's own default)."""


def nearest_names(name: str, known: Iterable[str]) -> list[str]:
    """The known names that are most like it, the likeliest first; case is ignored."""
    by_lower = {each.lower(): each for each in known}
    return [by_lower[each] for each in get_close_matches(name.lower()[:200], by_lower, MOST_NAMES, ALIKE)]


def _key(identifier: str) -> str:
    """Case, dots and underscores carry no meaning: JumpStart writes 3-1 for 3.1."""
    return identifier.strip().casefold().replace(".", "-").replace("_", "-")


def _without_quantisation(name: str) -> str:
    while True:
        shorter = _QUANTISED.sub("", name)
        if shorter == name:
            return name
        name = shorter


def _stem(name: str) -> str | None:
    """The name without words that say how a model was tuned; None for a name without a size.

    "base" is the size of a RoBERTa or a Whisper, so words are only dropped beside a size such as 8B.
    """
    words = _without_quantisation(name).split("-")
    if not any(_SIZE_WORD.match(word) for word in words):
        return None
    return "-".join(word for word in words if word not in _VARIANT_WORDS)


def _candidates(text: str) -> Iterable[tuple[str, bool]]:
    """The ids that a text may contain, most explicit first, and whether each was cut from a path."""
    named = name_in_arn(text)
    if named:
        yield named, False
        return
    cached = _CACHE_FORM.findall(text)
    if cached:
        yield "/".join(cached[-1]), False
        return
    for prefix in HUB_ADDRESSES:
        if text.startswith(prefix):
            text = "/".join(text[len(prefix) :].split("/")[:2])
    is_path = "://" in text or text.startswith(("/", ".", "~")) or text.count("/") > 1
    trimmed = text.rstrip("/")
    while _VERSION_TAIL.search(trimmed):
        trimmed = _VERSION_TAIL.sub("", trimmed).rstrip("/")
    if not is_path or trimmed.count("/") == 1:
        yield trimmed, False
        if not is_path:
            return
    parts = [part for part in trimmed.split("://")[-1].split("/") if part not in ("", ".", "..", "~")]
    if in_service_bucket(text):
        yield from ((part, False) for part in reversed(parts) if service_model_id(_key(part)))
    if len(parts) >= 2:
        yield "/".join(parts[-2:]), False
    if parts:
        last = parts[-1]
        while _PREPACKED.search(last):
            last = _PREPACKED.sub("", last)
        yield last, True


def _base_model(row: Mapping[str, str], where: str) -> BaseModel:
    if None in row or any(value is None for value in row.values()):
        raise BaseModelTableInvalid(f"{where}: wrong number of columns")
    for name in ("model_id", "source"):
        if not row.get(name, "").strip():
            raise BaseModelTableInvalid(f"{where}: no {name}")
    if row["method"] not in _METHODS:
        raise BaseModelTableInvalid(f"{where}: method {row['method']!r} is not one of {', '.join(sorted(_METHODS))}")
    if row["confidence"] not in _CONFIDENCES:
        raise BaseModelTableInvalid(f"{where}: confidence must be high, medium, low or weak")
    if row["systemic_risk"] not in ("", "yes"):
        raise BaseModelTableInvalid(f"{where}: systemic_risk must be yes or empty")
    total, active = _amount(row, "params_total", where), _amount(row, "params_active", where)
    if active is not None and (total is None or active > total):
        raise BaseModelTableInvalid(f"{where}: more active parameters than parameters")
    flop = _amount(row, "pretraining_flop", where)
    low, high = _amount(row, "pretraining_flop_low", where), _amount(row, "pretraining_flop_high", where)
    if (low or high) and not (low or flop or 0) <= (flop or 0) <= (high or flop or 0):
        raise BaseModelTableInvalid(f"{where}: pretraining_flop does not lie between its low and high figures")
    if (flop is None) != (row["method"] == "undisclosed"):
        raise BaseModelTableInvalid(f"{where}: method {row['method']} contradicts pretraining_flop")
    return BaseModel(
        model_id=row["model_id"],
        aliases=tuple(alias.strip() for alias in row["aliases"].split(";") if alias.strip()),
        developer=row["developer"],
        params_total=total,
        params_active=active if active is not None else total,
        pretraining_tokens=_amount(row, "pretraining_tokens", where),
        pretraining_flop=flop,
        pretraining_flop_low=low,
        pretraining_flop_high=high,
        method=row["method"],
        source=row["source"],
        confidence=row["confidence"],
        systemic_risk=row["systemic_risk"] == "yes",
        shape=_shape(row, where),
    )


def _shape(row: Mapping[str, str], where: str) -> ModelShape | None:
    """The shape, from the model's published configuration; a row has all of it with its source, or none."""
    texts = {name: row.get(name, "").strip() for name in (*_SHAPE, "tied", "shape_source")}
    if not any(texts.values()):
        return None
    if not all(texts.values()) or texts["tied"] not in ("yes", "no"):
        raise BaseModelTableInvalid(f"{where}: a shape needs {', '.join(texts)}, tied being yes or no")
    values = {name: _amount(row, name, where) or 0 for name in _SHAPE}
    return ModelShape(**values, tied=texts["tied"] == "yes")


def _amount(row: Mapping[str, str], column: str, where: str) -> int | None:
    text = row.get(column, "").strip()
    if not text:
        return None
    try:
        return parse_amount(text)
    except UnreadableAmount as error:
        raise BaseModelTableInvalid(f"{where}: {column}: {error}") from error
