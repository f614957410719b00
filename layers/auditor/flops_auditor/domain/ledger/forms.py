"""What a leaf may say: every member of a record, a heartbeat, a rotation and a statement on a bill, and no other.

This is the one list of the members of a record. A test compares it with what audits really write; whoever gives
records another member adds it here, and, once a version was released, a new predicate type.
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple

import orjson
from pydantic_core import CoreSchema, SchemaError, SchemaValidator, ValidationError
from pydantic_core import core_schema as schema

from flops_auditor.domain.ledger.billed_doors import PURPOSE_OF_DOOR
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord
from flops_auditor.domain.values.canonical_json import LARGEST_INTEGER
from flops_auditor.domain.values.json_size import MOST_HANDED_ON, MOST_REMARKS


class Text(NamedTuple):
    """A text that matches a pattern."""

    pattern: str | None = None


class OneOf(NamedTuple):
    """One of these words and no other: what is looked up in a table of ours, or decides anything, is such a word."""

    words: tuple[str, ...]


class One(NamedTuple):
    """A list of exactly one."""

    inner: Any


class Few(NamedTuple):
    """A list of at most so many."""

    inner: Any
    most: int


class Whole(NamedTuple):
    """A whole number, and never `true`."""


class Flag(NamedTuple):
    """`true` or `false`."""


class Some(NamedTuple):
    """A value that says something: `true`, or what is not empty. Where it would say nothing it is left out."""

    inner: Any


class Maybe(NamedTuple):
    """A value, or `null`."""

    inner: Any


class Named(NamedTuple):
    """An object whose members have names of its own, all of one form."""

    inner: Any


def one_of(*words: str) -> OneOf:
    """A form of words."""
    return OneOf(words)


TEXT, WHOLE, FLAG = Text(), Whole(), Flag()
NAME = Text(r"^[^\n]")
"""A text that is not empty."""
TERM = Text(r"^[a-z0-9][a-z0-9._-]{0,63}$")
"""The name of a policy, a scenario, a duty: a test holds that policies have no others."""
AMOUNT = Text(r"^(0|[1-9][0-9]{0,99})$")
"""FLOP: a whole number, as text."""
MORE = Text(r"^[1-9][0-9]{0,99}$")
"""FLOP that are left out where they are none."""
DECIMAL = Text(r"^-?(0|[1-9][0-9]{0,99})(\.[0-9]{1,12})?$")
NUMBER = Text(r"^(0|[1-9][0-9]{0,18})$")
"""An index or a size, as text: JSON numbers of 2^53 and more do not survive every reader."""
DIGEST = Text(r"^[0-9a-f]{64}$")
_DAY_OF_A_YEAR = "(0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8])"
_IN_A_LEAP_YEAR = "0[48]|[2468][048]|[13579][26]"
MOMENT = Text(
    rf"^((19[7-9][0-9]|2[0-9]{{3}})-({_DAY_OF_A_YEAR})|(19(7[26]|8[048]|9[26])|2[0-9]({_IN_A_LEAP_YEAR})|2[048]00)-02-29)"
    r"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}Z$"
)
"""A point in time that there is, of a year in which a job may be (`moments.read_time`)."""
DAY = Text(rf"^([12][0-9]{{3}}-({_DAY_OF_A_YEAR})|([12][0-9]({_IN_A_LEAP_YEAR})|1[26]00|2[048]00)-02-29)$")
"""A day that there is."""
VERSION = Text(r"^[ -~]{1,40}$")

# Words of law and audit. This room may not import them: a test holds that they are the same.
VERDICT = one_of("below", "indeterminate", "above")
ACTIVITY = one_of("fine-tuning", "pretraining", "synthetic-data", "not-training")
METHOD = one_of(
    "counted", "architecture", "hardware + MFU", "hardware + occupancy", "hardware", "not training", "unknown"
)
COMPARISON = one_of("greater than", "at least")
BASIS = one_of("updates", "cumulative")
READING = one_of("text", "ours", "disputed")
ROLE = one_of("developer", "modifier", "data-generator")
SINCE = one_of("met", "met or foreseeable")
DUTY_STATE = one_of("owed", "unless confirmed", "disputed", "owed once in force", "if over", "by another wording")
LICENCE_STANDING = one_of("not stated", "free", "other", "unknown")
GROUND_SOURCE = one_of("measured", "emitted", "declared", "table", "amended")
QUESTION = one_of(
    "ours",
    "general_purpose",
    "systemic_risk",
    "generated_data_public",
    "from_scratch",
    "pretraining_flop",
    "placed_on_market",
    "licence",
)
ASKED_BY_A_CONDITION = one_of("placed_on_market")
ACTION = one_of("stop")
ACTIVITY_CONTRADICTED = "activity-contradicted"
"""The kind of a doubt about a line that descendants take over beside those about the estimate and the lineage."""

SPOKEN = {"kind": TEXT, "words": TEXT}
REMARK = {**SPOKEN, "settle?": SPOKEN}
REMARKS = Few(REMARK, MOST_REMARKS + 1)
"""The last says how many more there are."""

STATED = {
    "ours?": FLAG,
    "generalPurpose?": FLAG,
    "systemicRisk?": FLAG,
    "generatedDataPublic?": FLAG,
    "placedOnMarket?": FLAG,
    "placedOn?": DAY,
    "licence?": Some(TEXT),
    "fromScratch?": FLAG,
    "unconfirmed?": Some([QUESTION]),
}
"""What people say of a model; what is not said is left out."""

WITHOUT_STATEMENTS = {
    "activity": ACTIVITY,
    "lower_flop": Maybe(AMOUNT),
    "firm_flop": Maybe(AMOUNT),
    "best_flop": Maybe(AMOUNT),
    "cautious_upper_flop": Maybe(AMOUNT),
    "updates_upper_flop": Maybe(AMOUNT),
    "base_model": TEXT,
    "pretraining_flop": Maybe(AMOUNT),
    "loads_weights": Maybe(FLAG),
    "doubtful": FLAG,
}
"""What descendants add up of a run without its own word."""

ANCESTOR = {
    "job_arn": TEXT,
    "job_id": DIGEST,
    "lower_flop?": AMOUNT,
    "firm_flop?": AMOUNT,
    "best_flop": Maybe(AMOUNT),
    "upper_flop": Maybe(AMOUNT),
    "activity": ACTIVITY,
    "revision": WHOLE,
    "doubts?": Some(Few(SPOKEN, MOST_HANDED_ON + 1)),
    "parents?": Some([DIGEST]),
    "base_model?": Some(TEXT),
    "pretraining_flop?": AMOUNT,
    "updates_upper_flop?": AMOUNT,
    "signal_flop?": MORE,
    "loads_weights?": Maybe(Some(FLAG)),
    "stated?": Some(STATED),
    "failed?": Some(FLAG),
    "without_statements?": WITHOUT_STATEMENTS,
    "other_names?": Some([TEXT]),
}
"""An earlier run. What is not so of it is left out, and never spelled out: a record has one spelling."""

BILLABLE_TOKENS = {
    "training_tokens?": AMOUNT,
    "sample_tokens?": AMOUNT,
    "prefill_tokens?": AMOUNT,
    "all_tokens?": AMOUNT,
    "most_tokens?": AMOUNT,
}
"""What a service charges for: each kind that it counts, or all, or what there were at most."""

JOB = {
    "source": TEXT,
    "kind": TEXT,
    "name": NAME,
    "arn": NAME,
    "region": NAME,
    "id": DIGEST,
    "status": NAME,
    "finished": FLAG,
    "succeeded": FLAG,
    "activity": ACTIVITY,
    "creation_time": Maybe(MOMENT),
    "start": Maybe(MOMENT),
    "end": Maybe(MOMENT),
    "instances": [{"type": TEXT, "count": WHOLE}],
    "billable_tokens?": Some(BILLABLE_TOKENS),
}

ESTIMATE = {
    "method": METHOD,
    "lower_flop": Maybe(AMOUNT),
    "firm_flop": Maybe(AMOUNT),
    "best_flop": Maybe(AMOUNT),
    "upper_flop": Maybe(AMOUNT),
    "cautious_upper_flop": Maybe(AMOUNT),
    "updates_upper_flop": Maybe(AMOUNT),
    "signal_flop": AMOUNT,
    "ceiling_flop": Maybe(AMOUNT),
    "accelerator_seconds": Maybe(DECIMAL),
    "peak_flop_per_s": Maybe(DECIMAL),
    "occupancy": Maybe(DECIMAL),
    "energy_kwh": Maybe(DECIMAL),
    "assumptions": REMARKS,
    "doubts": REMARKS,
    "tiers": [
        {
            "method": METHOD,
            "lower_flop": AMOUNT,
            "best_flop": AMOUNT,
            "upper_flop": Maybe(AMOUNT),
            "basis": TEXT,
            "implied_utilisation": Maybe(DECIMAL),
        }
    ],
}

DUTY = {
    "id": TERM,
    "state": DUTY_STATE,
    "what": TEXT,
    "article": TEXT,
    "to": TEXT,
    "within_days": Maybe(WHOLE),
    "since": Maybe(SINCE),
    "reading": READING,
    "left_open": TEXT,
    "form?": Some(TEXT),
    "in_force?": DAY,
    "exempt?": {"what": TEXT, "article": TEXT, "licence": LICENCE_STANDING, "by_tag": FLAG},
    "until?": DAY,
    "no_later_day?": Some(TEXT),
    "until_article?": TEXT,
}

ASSESSMENT = {
    "policy": TERM,
    "scenario": TERM,
    "title": TEXT,
    "threshold_flop": AMOUNT,
    "comparison": COMPARISON,
    "verdict": VERDICT,
    "reason": TEXT,
    "basis": BASIS,
    "inherited_flop": AMOUNT,
    "reading": READING,
    "left_open": TEXT,
    "source": TEXT,
    "meaning": TEXT,
    "condition": TEXT,
    "condition_asks": Maybe(ASKED_BY_A_CONDITION),
    "limited_to": TEXT,
    "met_at": Maybe(MOMENT),
    "met_from": Maybe(MOMENT),
    "lower_flop": Maybe(AMOUNT),
    "best_flop": Maybe(AMOUNT),
    "upper_flop": Maybe(AMOUNT),
    "rests_on": [GROUND_SOURCE],
    "verdict_without_statements": Maybe(VERDICT),
    "role": Maybe(ROLE),
    "in_force?": DAY,
    "wording_of?": TERM,
    "duties": [DUTY],
    "doubts": [SPOKEN],
    "notes": [SPOKEN],
    "settle": [SPOKEN],
}

RESTS_ON = {
    "grounds": Few(
        {"source": GROUND_SOURCE, "what": TEXT, "value": TEXT, "verdict_without": Maybe(VERDICT)}, MOST_REMARKS
    ),
    "milder": Few(TEXT, MOST_REMARKS),
    "verdict_without_statements": VERDICT,
    "on_the_jobs_word": FLAG,
    "trusts_statements": FLAG,
    "without_statements": Maybe(
        {
            **WITHOUT_STATEMENTS,
            "method": METHOD,
            "upper_flop": Maybe(AMOUNT),
            "assessments": [
                {
                    "policy": TERM,
                    "scenario": TERM,
                    "title": TEXT,
                    "threshold_flop": AMOUNT,
                    "verdict": VERDICT,
                    "best_flop": Maybe(AMOUNT),
                    "upper_flop": Maybe(AMOUNT),
                }
            ],
        }
    ),
}

LINEAGE = {
    "parents": [DIGEST],
    "ancestors": WHOLE,
    "updates_lower_flop": Maybe(AMOUNT),
    "updates_best_flop": Maybe(AMOUNT),
    "updates_upper_flop": Maybe(AMOUNT),
    "merged_flop": Maybe(AMOUNT),
    "doubts": REMARKS,
    "notes": Few(SPOKEN, MOST_REMARKS + 1),
    "kept": Maybe({"key": TEXT, "sha256": DIGEST, "count": WHOLE}),
    "base_model": TEXT,
    "other_names": [TEXT],
    "pretraining_flop": Maybe(AMOUNT),
    "loads_weights": Maybe(FLAG),
    "stated": STATED,
}

RECORD = {
    "ledger_id": TEXT,
    "job": JOB,
    "estimate": ESTIMATE,
    "cumulative": {
        "lower_flop": Maybe(AMOUNT),
        "best_flop": Maybe(AMOUNT),
        "upper_flop": Maybe(AMOUNT),
        "ancestors": [ANCESTOR],
    },
    "original": {
        "base_model": TEXT,
        "pretraining_flop": Maybe(AMOUNT),
        "highest_flop": Maybe(AMOUNT),
        "systemic_risk": FLAG,
        "general_purpose": Maybe(FLAG),
        "ours": Maybe(FLAG),
        "source": TEXT,
    },
    "assessments": [ASSESSMENT],
    "not_assessed": REMARKS,
    "verdict": VERDICT,
    "rests_on": RESTS_ON,
    "lineage": LINEAGE,
    "revision": WHOLE,
    "recorded_at": MOMENT,
    "code_version": VERSION,
    "tables": Named(DIGEST),
    "supersedes": Maybe(DIGEST),
    "previous_verdict": Maybe(VERDICT),
    "changes": [{"policy": TERM, "scenario": TERM, "from": Maybe(VERDICT), "to": Maybe(VERDICT)}],
    "due": [{"policy": TERM, "duty": TERM, "day": DAY}],
    "notification_due": Maybe(DAY),
    "action": Maybe({"kind": ACTION, "requested_at": MOMENT, "reason": TEXT}),
    "reassessed": Maybe({"tables": Named(Maybe(DIGEST)), "code_version": VERSION}),
}
"""The predicate of a record of one training job. A `?` ends the name of a member that may be absent."""

HEARTBEAT = {
    "ledger_id": TEXT,
    "sealed_at": MOMENT,
    "first_index": NUMBER,
    "index": NUMBER,
    "previous_size": NUMBER,
    "rotations": WHOLE,
    "keys": {"record": DIGEST, "checkpoint": DIGEST},
}

ROTATION = {
    "ledger_id": TEXT,
    "requested_at": MOMENT,
    "role": one_of("record", "checkpoint"),
    "number": WHOLE,
    "old_keyid": DIGEST,
    "new_public_key": TEXT,
}

DOOR = one_of(*PURPOSE_OF_DOOR)
WHY_NOT_EXPLAINED = one_of(
    "no-record", "beyond-record", "record-without-hours", "no-resource", "door-not-recorded", "not-training"
)
MOST_EXPORTED = 1000
"""Files of an export that a statement names."""
MOST_WHO = 200
"""Characters of the name of who says it."""

BILL = {
    "ledger_id": TEXT,
    "account": Text(r"^[0-9]{12}$"),
    "from": MOMENT,
    "until": MOMENT,
    "hours": Few(
        {
            "door": DOOR,
            "billed_nanoseconds": AMOUNT,
            "explained_nanoseconds": AMOUNT,
            "by_time_alone_nanoseconds": AMOUNT,
            "unknown_host_nanoseconds": AMOUNT,
        },
        16,
    ),
    "rest": Few(
        {"door": DOOR, "reason": WHY_NOT_EXPLAINED, "nanoseconds": AMOUNT, "ceiling_flop": Maybe(AMOUNT)},
        64,
    ),
    "charges": Few(
        {"door": DOOR, "reason": Maybe(WHY_NOT_EXPLAINED), "number": WHOLE, "tokens": Maybe(AMOUNT)},
        64,
    ),
    "doubts": Few(TERM, 16),
    "export": Few(DIGEST, MOST_EXPORTED),
    "compared_with": {"size": NUMBER, "root": DIGEST, "jobs": WHOLE},
    "said_by": {"who": Text(rf"^[^\n]{{1,{MOST_WHO}}}$"), "identity": Text(r"^[!-~]{1,400}$")},
    "revision": WHOLE,
    "recorded_at": MOMENT,
    "code_version": VERSION,
    "supersedes": Maybe(DIGEST),
}
"""The predicate of a statement on a bill: what records explain of what was charged. Time is of accelerators, but for
that of unknown hosts; `tokens` is null where a unit counts none, `ceiling_flop` where nobody knows the host.
"""

ANCESTORS = {"schema": one_of("https://flops-auditor.dev/ancestors/v1"), "ancestors": [ANCESTOR]}
"""An object with the ancestors of a record that has too many to list them."""


def _schema(form: Any, reading: bool = False) -> CoreSchema:  # noqa: PLR0911 - one for each kind of form
    """`reading`: from bytes that are compared with what comes out, so that what a form does not have may be dropped."""
    match form:
        case Text(None):
            return schema.str_schema(strict=True)
        case Text(pattern):
            return schema.str_schema(pattern=pattern, strict=True)
        case OneOf(words):
            return schema.literal_schema(list(words))
        case One(inner):
            return schema.list_schema(_schema(inner, reading), strict=True, min_length=1, max_length=1)
        case Whole():
            return schema.int_schema(ge=0, le=LARGEST_INTEGER, strict=True)
        case Flag():
            return schema.bool_schema(strict=True)
        case Some(inner):
            return schema.no_info_after_validator_function(_said, _schema(inner, reading))
        case Maybe(inner):
            return schema.nullable_schema(_schema(inner, reading))
        case Named(inner):
            members = schema.dict_schema(schema.str_schema(strict=True), _schema(inner, reading), strict=True)
            return schema.no_info_after_validator_function(_in_order, members) if reading else members
        case Few(inner, most):
            return schema.list_schema(_schema(inner, reading), strict=True, max_length=most)
        case [inner]:
            return schema.list_schema(_schema(inner, reading), strict=True)
        case dict():
            return schema.typed_dict_schema(
                {
                    name.removesuffix("?"): schema.typed_dict_field(
                        _schema(inner, reading), required=not name.endswith("?")
                    )
                    for name, inner in sorted(form.items(), key=lambda each: each[0].removesuffix("?"))
                },
                extra_behavior="ignore" if reading else "forbid",
                strict=True,
            )
    raise SchemaError(f"{form!r} is no form")


def _in_order(members: dict[str, Any]) -> dict[str, Any]:
    """Names that a record chooses, in ASCII, are sorted as those of forms are (RFC 8785, section 3.2.3)."""
    names = list(members)
    if names != sorted(names):
        raise ValueError("names are not in order")
    return members


def _said(value: Any) -> Any:
    """What is not so, or empty, is left out."""
    if not value:
        raise ValueError("it says nothing, and is left out then")
    return value


class Form:
    """A form that values are compared with."""

    def __init__(self, members: Mapping[str, Any], name: str) -> None:
        self._name = name
        self._members = members

    @cached_property
    def _validator(self) -> SchemaValidator:
        return SchemaValidator(_schema(dict(self._members)))

    @cached_property
    def _reader(self) -> SchemaValidator:
        return SchemaValidator(_schema(dict(self._members), reading=True))

    def check(self, content: object) -> None:
        """Exactly these members, each as it must be. Raises MalformedRecord, naming the first that is not."""
        try:
            self._validator.validate_python(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part)[:60] for part in first["loc"])
            raise MalformedRecord(f"{self._name}: {place}: {first['msg'][:120]}") from error

    def read(self, text: bytes) -> dict[str, Any] | None:
        """The value of this form whose RFC 8785 bytes the text is, read and checked at once.

        None for any other text, and for one that is not ASCII: the slow way reads it, or names what is wrong. Members
        come out sorted, with texts, exact integers and flags alone, which orjson writes as RFC 8785 has them.
        """
        if not text.isascii():
            return None
        try:
            document: dict[str, Any] = self._reader.validate_json(text)
        except ValidationError:
            return None
        return document if orjson.dumps(document) == text else None


RECORD_FORM = Form(RECORD, "the record")
HEARTBEAT_FORM = Form(HEARTBEAT, "the heartbeat")
ROTATION_FORM = Form(ROTATION, "the rotation")
BILL_FORM = Form(BILL, "the statement on a bill")
ANCESTORS_FORM = Form(ANCESTORS, "the object with ancestors")
