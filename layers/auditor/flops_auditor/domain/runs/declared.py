"""What a run says about itself: `flops-auditor:*` tags, PRETRAIN_FLOPS, hyperparameters, its service's own fields.

All of it is optional, none of it is trusted to be well formed. What cannot be read is kept as a doubt, never dropped:
a verdict may not be "below" while something that bears on it could not be read.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from fractions import Fraction
from typing import Literal

from flops_auditor.domain.runs.beginning_with_none import may_begin_with_none
from flops_auditor.domain.runs.hyperparameters import (
    IN_TEXT,
    Hyperparameters,
    is_hyperparameter,
    is_read,
    names_a_technique,
    parameter_name,
    perhaps_of_another_model,
)
from flops_auditor.domain.runs.model_names import is_place
from flops_auditor.domain.runs.precision_hints import hinted_precision
from flops_auditor.domain.runs.remedies import (
    AMEND,
    AMEND_ORIGINAL,
    CORRECT_ACTIVITY,
    CORRECT_STATEMENT,
    CORRECT_TAG,
)
from flops_auditor.domain.runs.spdx import unknown_in_words
from flops_auditor.domain.runs.stated import LONGEST_LICENCE, NOTHING_STATED, Question, Stated
from flops_auditor.domain.runs.yes_or_no import NO, YES
from flops_auditor.domain.values.amounts import UnreadableAmount, parse_amount
from flops_auditor.domain.values.moments import read_day
from flops_auditor.domain.values.precision import PRECISIONS, RANK, recognise_precision
from flops_auditor.domain.values.remarks import Kind, Remark, as_word

Activity = Literal["fine-tuning", "pretraining", "synthetic-data", "not-training"]
ACTIVITIES: tuple[Activity, ...] = ("fine-tuning", "pretraining", "synthetic-data", "not-training")
TAG_PREFIX = "flops-auditor:"
PRETRAIN_VARIABLE = "PRETRAIN_FLOPS"
_UNKNOWN = {"", "unknown", "none", "null", "0", "0.0"}
MOST_NAMES = 100
"""Names of one run's original that are looked up: a job gives its model a few."""
LONGEST_NAME = 120
"""Characters of a model's name that are shown."""
PRECISION_TAG = f"tag {TAG_PREFIX}precision"
USUAL = "bf16"
"""The precision that is taken where nothing is said."""
_FROM_SCRATCH = frozenset({"none", "scratch"})
"""What the tag base-model says of a run that begins with no weights."""


UNREADABLE_AMOUNT = Kind(
    "unreadable-amount", "{statement} could not be read: {text:said40} is {problem}", CORRECT_STATEMENT
)
UNREADABLE_PART = Kind(
    "unreadable-part-of-parameters", "{statement} could not be read: {text:said40} is {problem}", CORRECT_TAG
)
"""No option of `amend` says how many are active or trained: the size of the whole model would pass for it."""
UNREADABLE_ORIGINAL = Kind(
    "unreadable-pretraining-compute", "{statement} could not be read: {text:said40} is {problem}", AMEND_ORIGINAL
)
ACTIVITY_CONTRADICTED = Kind(
    "activity-contradicted",
    "contradictory evidence: the job is declared as {activity}, but {evidence}",
    CORRECT_ACTIVITY,
)
COUNTS_AS_UNKNOWN = Kind("counts-as-unknown", "{statement} is {text:said40}, which counts as unknown")
UNKNOWN_CHOICE = Kind("unknown-choice", "{statement} is {text:said40}, not one of {allowed}", CORRECT_TAG)
UNKNOWN_LICENCE = Kind(
    "unknown-licence",
    "tag flops-auditor:licence: no licence of SPDX is called {names}, so no exemption rests on it",
    CORRECT_TAG,
)
PRECISIONS_DISAGREE = Kind(
    "precisions-disagree",
    "contradictory evidence: the {statement} says {tagged}, and hyperparameters say {passed}, which is "
    "faster: the tag lowers no bound",
    CORRECT_TAG,
)
TRAINED_DISAGREE = Kind(
    "trained-parameters-disagree",
    "contradictory evidence: the tag flops-auditor:trainable-params says that {tagged:flop} parameters are trained, "
    "and hyperparameters say that all are: the tag lowers no bound",
    CORRECT_TAG,
)
PRECISION_HINTED = Kind(
    "faster-precision-hinted",
    "{statement:said80} may mean that the run multiplies in {precision}: the upper bound takes the peak of that",
)
NOT_READ = Kind(
    "too-much-to-read",
    "its {what:phrases} hold more text, texts within texts, or settings than are read: what else the job says of "
    "itself is not known",
    AMEND,
)
MORE_NAMES = Kind(
    "more-model-names-than-looked-up",
    "the job names its model in more than {most} ways, of which the first were looked up: which other model it may "
    "have begun with is not known",
    AMEND,
)
NOT_HEARD = Kind(
    "more-said-than-weighed",
    "its {what:phrases} hold more settings than are weighed, which may name a faster format, more work and another "
    "model: no verdict of below rests on less than the hardware at its fastest, nor on more than the threshold of an "
    "unknown original",
    AMEND,
)
TWO_ORIGINALS = Kind(
    "two-pretraining-figures",
    "the job gives two pretraining figures, {tagged:flop} (tag) and {variable:flop} (PRETRAIN_FLOPS): the lower one is "
    "used, since it makes the lower threshold",
)


@dataclass(frozen=True)
class Folders:
    """Paths that a service gives the runs in its containers, empty where it gives none: a channel lies in `inputs`,
    with its name; what a run keeps over its interruptions in `checkpoints`; what it writes in `results`.
    """

    inputs: str = ""
    checkpoints: str = ""
    results: tuple[str, ...] = ()


@dataclass(frozen=True)
class Statements:
    """What a run says of itself, unread: tags, hyperparameters, environment, options of the command that its container
    starts with (`arguments`), and its service's own fields.

    `channels` are inputs that give it a model: the name that its owner chose -> where it lies. `model_names` are where
    the service's own fields name the model it trains -> its name there, most explicit first, `model_tags` are tags that
    the service's tools name it with; `technique` how it is trained; `parameter_efficient` that only adapters are;
    `evaluation` that nothing is; `generates` that it makes data for training; `trains` are those of its service's
    fields that only training has; `folders` are those of the service's containers; `unread` are kinds of these, in
    words, of which more was said than was read, `unheard` those of which all places were read, but not all settings;
    `unseen`: nobody sees what it is started with, so that it may multiply in any format that no tag rules out.
    """

    tags: Mapping[str, str]
    parameters: Mapping[str, str]
    environment: Mapping[str, str]
    channels: Mapping[str, str] = field(default_factory=dict)
    arguments: Mapping[str, str] = field(default_factory=dict)
    model_names: Mapping[str, str] = field(default_factory=dict)
    model_tags: tuple[str, ...] = ()
    technique: str = ""
    parameter_efficient: bool = False
    evaluation: bool = False
    generates: bool = False
    trains: tuple[str, ...] = ()
    folders: Folders = Folders()
    unread: tuple[str, ...] = ()
    unheard: tuple[str, ...] = ()
    unseen: bool = False


NOTHING_SAID = Statements({}, {}, {})


@dataclass(frozen=True)
class ModelName:
    """A name that a run gives the model it begins with, and where it says so, in words.

    `loaded`: its hyperparameters tell a trainer to load weights from there; `explains`: its owner says so for the audit
    alone, and knows what lies at the paths that the run names; `resumes`: it is where the run's own checkpoints lie;
    `in_text`: it stands in a text whose notation is not known, and may be another model's; `anothers`: it stands below
    a name of another model, such as a teacher's, and may be the trained one's all the same.
    """

    text: str
    where: str
    loaded: bool = False
    explains: bool = False
    resumes: bool = False
    in_text: bool = False
    anothers: bool = False

    @property
    def is_place(self) -> bool:
        """Whether it is a place, such as a path in a container, whose name anybody may choose, or no surer than one."""
        return self.in_text or is_place(self.text)

    @property
    def words(self) -> str:
        """Who says what."""
        return f"{self.where} = {as_word(self.text, LONGEST_NAME)}"


@dataclass(frozen=True)
class Declared:
    """What the job declares, read. Amounts are whole numbers; None means not declared.

    `names` are all names of the model that it begins with, `base_model` is the first that is no mere place.
    `loads_weights`: it names weights that it loads, None where the name may be that of a configuration; `by_name`: one
    stands where trainers load weights from, whatever else may mean that it loads none. `stated` is
    what only people know. `planned_tokens` are the most that hyperparameters let it train on, or each device of it;
    `updates_of_a_rollout` how often it trains on what it generated. `extends_the_context`: it is trained on a longer
    context than the model's own. `layers_by_width`: how many layers the model has times how wide their queries are,
    as a person says it. `resumes`: it is told to go on from a checkpoint. `hinted_precision` is a faster
    format that something mentions, which raises the upper bound alone. `training_signs` are names of hyperparameters
    that only training needs, `told_not_to_train` is that of one that says that it does not train. `evaluates_alone` is
    that of one that says so, or of what it starts that is called an evaluation, where nothing else says that it trains.
    `unheard`: of more settings than were weighed. `amended` are those that a person's word replaces.
    `doubts` are declarations that bear on the figures or thresholds and could not be read; `notes` are remarks.
    """

    activity: Activity = "fine-tuning"
    base_model: str = ""
    names: tuple[ModelName, ...] = ()
    loads_weights: bool | None = False
    by_name: bool = False
    pretraining_flop: int | None = None
    stated: Stated = NOTHING_STATED
    parameters: int | None = None
    active_parameters: int | None = None
    trainable_parameters: int | None = None
    tokens: int | None = None
    precision: str = ""
    precision_tagged: bool = False
    hinted_precision: str = ""
    planned_tokens: int | None = None
    planned_tokens_of_a_device: int | None = None
    epochs: Fraction | None = None
    updates_of_a_rollout: Fraction | None = None
    sequence_length: int | None = None
    extends_the_context: bool = False
    layers_by_width: int | None = None
    resumes: bool = False
    technique: str = ""
    parameter_efficient: bool = False
    lineage: tuple[str, ...] = ()
    training_signs: tuple[str, ...] = ()
    told_not_to_train: str = ""
    evaluates_alone: str = ""
    unheard: Remark | None = None
    figure_doubts: tuple[Remark, ...] = ()
    threshold_doubts: tuple[Remark, ...] = ()
    notes: tuple[Remark, ...] = ()
    parameters_source: str = f"tag {TAG_PREFIX}params"
    tokens_source: str = f"tag {TAG_PREFIX}tokens"
    pretraining_source: str = "the job says"
    amended: frozenset[Literal["tokens", "parameters", "pretraining"]] = frozenset()
    statements: Statements = field(default=NOTHING_SAID, compare=False, repr=False)
    """What all this was read from."""

    @property
    def names_foreign_weights(self) -> bool:
        """Whether it loads weights by a name that is no place: a path may be where an earlier run's weights lie."""
        return self.loads_weights is True and not is_place(self.base_model)

    def tagged(self, what: Literal["tokens", "parameters", "pretraining"]) -> bool:
        """Whether the job itself says so, and not a person who amended its record."""
        return what not in self.amended

    @property
    def signs_of_training(self) -> tuple[str, ...]:
        """What speaks against a run that says it trains nothing: nothing, if its trainer is told so, too."""
        return () if self.told_not_to_train else self.training_signs

    @property
    def tokens_signed_for(self) -> bool:
        """Whether a person signs for the number of tokens, which settles what other evidence says of it."""
        return self.tokens is not None and not self.tagged("tokens")


class _Reader:
    def __init__(self, tags: Mapping[str, str]) -> None:
        self.tags = tags
        self.figure_doubts: list[Remark] = []
        self.threshold_doubts: list[Remark] = []
        self.notes: list[Remark] = []

    def tag(self, name: str) -> str:
        return self.tags.get(TAG_PREFIX + name, "").strip()

    def count(self, name: str, option: str = "") -> int | None:
        """A tag that bears on the figures; `option` is what amends it, if anything does."""
        text = self.tag(name)
        if text.lower() in _UNKNOWN:
            if text:
                self.notes.append(COUNTS_AS_UNKNOWN(statement=f"tag {TAG_PREFIX}{name}", text=text))
            return None
        try:
            return parse_amount(text)
        except UnreadableAmount as error:
            kind = UNREADABLE_AMOUNT if option else UNREADABLE_PART
            facts = {"statement": f"tag {TAG_PREFIX}{name}", "text": text, "problem": error.problem}
            self.figure_doubts.append(kind(**facts, option=option, name=name))
            return None

    def original(self, statement: str, text: str) -> int | None:
        """A statement about the original's training compute."""
        if text.strip().lower() in _UNKNOWN:
            if text.strip():
                self.notes.append(COUNTS_AS_UNKNOWN(statement=statement, text=text))
            return None
        try:
            return parse_amount(text)
        except UnreadableAmount as error:
            doubt = UNREADABLE_ORIGINAL(statement=statement, text=text, problem=error.problem)
            self.threshold_doubts.append(doubt)
            return None

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        text = self.tag(name).lower()
        if text and text not in allowed:
            self.figure_doubts.append(self.unknown(name, text, ", ".join(allowed)))
            return ""
        return text

    def unknown(self, name: str, text: str, allowed: str) -> Remark:
        return UNKNOWN_CHOICE(statement=f"tag {TAG_PREFIX}{name}", text=text, allowed=allowed, name=name)

    def precision(self) -> str:
        return recognise_precision(self.tag("precision")) or ""

    def yes_or_no(self, name: str) -> bool | None:
        """A tag that answers a question of the law; None where it does not stand or could not be read."""
        text = self.tag(name).lower()
        if text not in YES | NO:
            self.threshold_doubts.append(self.unknown(name, text, "true, false"))
            return None
        return None if not text else text in YES

    def public(self) -> bool | None:
        """Whether generated data is public; None where no tag says so."""
        text = self.tag("generated-data").lower()
        if text and text not in {"public", "not-public"}:
            self.threshold_doubts.append(self.unknown("generated-data", text, "public, not-public"))
        return None if text not in {"public", "not-public"} else text == "public"

    def placed(self) -> tuple[bool | None, date | None]:
        """Whether the resulting model is placed on the Union market, and since when."""
        text = self.tag("placed-on-market").lower()
        if not text or text in YES | NO:
            return (text in YES if text else None), None
        try:
            return True, read_day(text)
        except ValueError:
            self.notes.append(self.unknown("placed-on-market", text, "true, false, a day such as 2026-11-24"))
            return None, None

    def stated(self, pretraining_flop: int | None, *, from_scratch: bool) -> Stated:
        """What the tags say that only people know: none of it is confirmed, nor is a figure for the original, nor that
        it begins `from_scratch`, whatever says so.
        """
        placed, since = self.placed()
        licence = self.tag("licence")[:LONGEST_LICENCE]
        if unknown := unknown_in_words(licence):
            self.notes.append(UNKNOWN_LICENCE(names=unknown, statement=f"tag {TAG_PREFIX}licence"))
        answers: dict[Question, bool | None] = {
            "ours": self.yes_or_no("original-is-ours"),
            "general_purpose": self.yes_or_no("original-is-general-purpose"),
            "systemic_risk": self.yes_or_no("systemic-risk"),
            "generated_data_public": self.public(),
            "from_scratch": True if from_scratch else None,
        }
        also: dict[Question, object] = {
            "pretraining_flop": pretraining_flop,
            "placed_on_market": placed,
            "licence": licence or None,
        }
        return Stated(
            **answers,
            placed_on_market=placed,
            placed_on=since,
            licence=licence,
            unconfirmed=frozenset(question for question, answer in {**answers, **also}.items() if answer is not None),
        )


def read_declared(statements: Statements) -> Declared:
    """Everything the run says about itself. Never raises: what cannot be read becomes a doubt."""
    reader = _Reader(statements.tags)
    if reader.tag("precision") and not reader.precision():
        reader.figure_doubts.append(reader.unknown("precision", reader.tag("precision"), ", ".join(PRECISIONS)))
    chosen = reader.choice("activity", ACTIVITIES)
    stated: Activity = next((known for known in ACTIVITIES if known == chosen), "fine-tuning")
    activity: Activity = "synthetic-data" if statements.generates else stated
    variables = {k: text for k, text in statements.environment.items() if is_read(k) or names_a_technique(k, text)}
    places = {"variable": variables, "argument": statements.arguments, "hyperparameter": statements.parameters}
    read = {word: Hyperparameters.of(given) for word, given in places.items() if given}
    parameters = Hyperparameters.together(read.values())
    from_scratch = reader.tag("base-model").lower() in _FROM_SCRATCH or parameters.begins_with_none()
    places_said = (statements.environment, statements.arguments, statements.parameters)
    perhaps = any(
        may_begin_with_none(parameter_name(key), text) for given in places_said for key, text in given.items()
    )
    names, by_name = _names(statements, read, reader)
    planned, planned_of_a_device = parameters.tokens()
    precision, tagged = _precision(parameters, reader)
    hinted = _hinted_precision(statements, precision, reader)
    may_be_any = bool(statements.unheard) or (statements.unseen and not tagged)
    pretraining_flop = _pretraining(statements.environment.get(PRETRAIN_VARIABLE, ""), reader)
    if statements.unread:
        reader.figure_doubts.append(NOT_READ(what=statements.unread))
    return Declared(
        activity="not-training" if statements.evaluation else activity,
        base_model=next((name.text for name in names if not name.is_place), names[0].text if names else ""),
        names=names,
        loads_weights=None if names and (from_scratch or perhaps or not by_name) else by_name,
        by_name=by_name,
        pretraining_flop=pretraining_flop,
        stated=reader.stated(pretraining_flop, from_scratch=from_scratch),
        parameters=reader.count("params", "--parameters"),
        active_parameters=reader.count("active-params"),
        trainable_parameters=_trained(parameters, reader),
        tokens=reader.count("tokens", "--tokens"),
        precision=precision,
        precision_tagged=tagged,
        hinted_precision=max(PRECISIONS, key=lambda name: RANK[name]) if may_be_any else hinted,
        planned_tokens=planned,
        planned_tokens_of_a_device=planned_of_a_device,
        epochs=parameters.epochs(),
        updates_of_a_rollout=parameters.updates_of_a_rollout(),
        sequence_length=parameters.sequence_length(),
        extends_the_context=parameters.extends_the_context(),
        resumes=parameters.resumes() or any(name.resumes for name in names) or bool(statements.unheard),
        technique=parameters.technique(statements.technique),
        parameter_efficient=statements.parameter_efficient or parameters.parameter_efficient(),
        lineage=tuple(part for part in reader.tag("lineage").split() if part),
        training_signs=() if statements.evaluation else (*statements.trains, *parameters.training_signs()),
        told_not_to_train=parameters.told_not_to_train(),
        evaluates_alone=parameters.evaluates_alone(),
        unheard=NOT_HEARD(what=statements.unheard) if statements.unheard else None,
        figure_doubts=tuple(reader.figure_doubts),
        threshold_doubts=tuple(reader.threshold_doubts),
        notes=tuple(reader.notes),
        statements=statements,
    )


def _precision(parameters: Hyperparameters, reader: _Reader) -> tuple[str, bool]:
    """The precision of the arithmetic, and whether a tag says so. A tag that hyperparameters contradict with a faster
    one settles nothing, and a faster one than usual counts, whoever names it (docs/adr/0402).
    """
    tagged, passed = reader.precision(), parameters.precision()
    if not tagged or not passed or RANK[passed] <= RANK[tagged]:
        return tagged or passed, bool(tagged)
    reader.notes.append(PRECISIONS_DISAGREE(statement=PRECISION_TAG, tagged=tagged.upper(), passed=passed.upper()))
    return (passed if RANK[passed] > RANK[USUAL] else ""), False


def _trained(parameters: Hyperparameters, reader: _Reader) -> int | None:
    """How many parameters are trained, by a tag; None where hyperparameters say that all are."""
    tagged = reader.count("trainable-params")
    if tagged is None or not parameters.trained_in_full():
        return tagged
    reader.notes.append(TRAINED_DISAGREE(tagged=tagged, statement="tag flops-auditor:trainable-params"))
    return None


def _hinted_precision(statements: Statements, precision: str, reader: _Reader) -> str:
    """A format that something mentions and that is faster than the one that is taken; empty where there is none."""
    places = {
        "hyperparameter": statements.parameters,
        "argument": statements.arguments,
        "variable": statements.environment,
    }
    hint, statement = hinted_precision(places)
    if not hint or RANK[hint] <= RANK[precision or USUAL]:
        return ""
    reader.notes.append(PRECISION_HINTED(statement=statement, precision=hint.upper()))
    return hint


def _pretraining(variable_text: str, reader: _Reader) -> int | None:
    tagged = reader.original(f"tag {TAG_PREFIX}pretrain-flops", reader.tag("pretrain-flops"))
    variable = reader.original(PRETRAIN_VARIABLE, variable_text)
    if tagged and variable and tagged != variable:
        reader.notes.append(TWO_ORIGINALS(tagged=tagged, variable=variable))
        return min(tagged, variable)
    return tagged or variable


def _names(
    statements: Statements, read: Mapping[str, Hyperparameters], reader: _Reader
) -> tuple[tuple[ModelName, ...], bool]:
    """The names of the model, first that of the service's own fields, then the most explicit, and whether one is of
    those under which weights are loaded, and not perhaps that of a configuration.
    """
    folders, tagged = statements.folders, reader.tag("base-model")
    none = tagged.lower() in _FROM_SCRATCH
    places = [(ModelName(text, where), True) for where, text in statements.model_names.items()]
    places += [] if none else [(ModelName(tagged, f"tag {TAG_PREFIX}base-model", explains=True), True)]
    for word in ("hyperparameter", "argument"):
        named_there = read[word].models(folders.results) if word in read else []
        for where, name, weights in named_there:
            place = f"{word} {as_word(where, LONGEST_NAME)}"
            places.append((_model_name(name, place, where, loaded=weights), weights))
    called = {parameter_name(key): key for key in statements.environment}
    for where, name, weights in read["variable"].models(folders.results) if "variable" in read else ():
        loaded = weights and is_hyperparameter(called[where])
        variable = f"variable {as_word(called[where], LONGEST_NAME)}"
        places.append((_model_name(name, variable, where, loaded=loaded), weights))
    places += [(ModelName(statements.tags.get(key, ""), f"tag {key}"), True) for key in statements.model_tags]
    channels = {f"channel {as_word(name, LONGEST_NAME)}": text for name, text in statements.channels.items()}
    places += [(ModelName(text, where), True) for where, text in channels.items()]
    mounted = tuple(f"{folders.inputs}{name}" for name in statements.channels if folders.inputs)
    named = [(n, weights) for n, weights in places if n.text.strip() and not _is_mounted(n.text, mounted)]
    if not named:
        return (), False
    loads = any(weights for _, weights in named)
    own = folders.checkpoints
    named.sort(key=lambda each: each[0].anothers)
    names = [replace(name, resumes=bool(own) and name.text.startswith(own)) for name, _ in named]
    each_once = list({replace(name, where=""): name for name in reversed(names)}.values())[::-1]
    if len(each_once) > MOST_NAMES:
        reader.figure_doubts.append(MORE_NAMES(most=MOST_NAMES))
    return tuple(each_once[:MOST_NAMES]), loads


def _model_name(text: str, place: str, where: str, *, loaded: bool) -> ModelName:
    """A name that stands `where`, as it is looked up."""
    anothers = perhaps_of_another_model(where)
    return ModelName(text, place, loaded and not anothers, in_text=IN_TEXT in where.split("."), anothers=anothers)


def _is_mounted(text: str, channels: tuple[str, ...]) -> bool:
    """Whether a path lies in a channel, whose own address then says more."""
    return any(text == channel or text.startswith(f"{channel}/") for channel in channels)
