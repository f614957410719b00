"""What the page takes from the Python verifier as it stands: error names, forms, the README, names of predicates."""

import json
from types import SimpleNamespace
from typing import Any, cast

from flops_auditor.domain.ledger import ledger_errors
from flops_auditor.domain.ledger.billed_doors import DOORS_WITH_RECORDS, PURPOSE_OF_DOOR
from flops_auditor.domain.ledger.bills import BLANK, IDENTITY, MOST_BILLS, OPEN
from flops_auditor.domain.ledger.bundle import (
    EVERYTHING,
    LONGEST_SELECTION,
    MOST_SHOWN,
    NO_CHECKPOINT,
    UNPRINTED,
    BundleKind,
    Manifest,
)
from flops_auditor.domain.ledger.bundle_readme import readme
from flops_auditor.domain.ledger.findings import defect_of
from flops_auditor.domain.ledger.forms import (
    ACTIVITY_CONTRADICTED,
    ANCESTORS,
    BILL,
    HEARTBEAT,
    RECORD,
    ROTATION,
    WITHOUT_STATEMENTS,
    Few,
    Flag,
    Maybe,
    Named,
    OneOf,
    Some,
    Text,
    Whole,
)
from flops_auditor.domain.ledger.key_history import KeyHistory
from flops_auditor.domain.ledger.ledger_errors import LedgerError
from flops_auditor.domain.ledger.named_counts import MOST_NAMES
from flops_auditor.domain.ledger.records_csv import COLUMNS, COMPARED, numbered
from flops_auditor.domain.ledger.signed_note import UnreadableNote
from flops_auditor.domain.ledger.statement import (
    BILL_PREDICATE,
    HEARTBEAT_PREDICATE,
    RECORD_PREDICATE,
    ROTATION_PREDICATE,
    STATEMENT_TYPE,
)
from flops_auditor.domain.values.arns import PARTITIONS
from flops_auditor.domain.values.json_size import MOST_DUE
from flops_auditor.domain.values.scripts import EAST_ASIAN, KANA, LOOK_LATIN, SCRIPTS, UNSUSPICIOUS
from flops_auditor.domain.values.spreadsheets import FORMULA
from flops_auditor.domain.values.visible import ALIKE, ALIKE_AMONG_OTHERS, CUT

HEAD = "// Written by `make verify-page` from the Python verifier's own tables. Change them there.\n"


def tables_js() -> str:
    """core/tables.js."""
    tables = {
        "ERRORS": _errors(),
        "STATEMENT_TYPE": STATEMENT_TYPE,
        "PREDICATES": {
            "record": RECORD_PREDICATE,
            "bill": BILL_PREDICATE,
            "heartbeat": HEARTBEAT_PREDICATE,
            "rotation": ROTATION_PREDICATE,
        },
        "FORMS": {
            "record": _form(RECORD),
            "bill": _form(BILL),
            "heartbeat": _form(HEARTBEAT),
            "rotation": _form(ROTATION),
            "ancestors": _form(ANCESTORS),
        },
        "PURPOSE_OF_DOOR": PURPOSE_OF_DOOR,
        "DOORS_WITH_RECORDS": DOORS_WITH_RECORDS,
        "SAID_BY": {"identity": IDENTITY, "blank": BLANK},
        "WITHOUT_STATEMENTS": list(WITHOUT_STATEMENTS),
        "ACTIVITY_CONTRADICTED": ACTIVITY_CONTRADICTED,
        "PARTITIONS": [list(each) for each in PARTITIONS],
        "CSV": {
            "columns": COLUMNS,
            "compared": COMPARED,
            "formula": FORMULA,
            "numbered": numbered(),
            "mostShown": MOST_SHOWN,
        },
        "MOST_BILLS": MOST_BILLS,
        "MOST_DUE": MOST_DUE,
        "MOST_NAMES": MOST_NAMES,
        "SELECTION": {"longest": LONGEST_SELECTION, "unprinted": UNPRINTED},
        "README": {"whole": _readme("whole"), "part": _readme("part")}
        | {"everything": EVERYTHING, "noCheckpoint": NO_CHECKPOINT},
    }
    return HEAD + "".join(f"\nexport const {name} = {_written(table)};\n" for name, table in tables.items())


def shown_js() -> str:
    """What the page shows names by, as domain/values/visible.py does, and the words for what a bill leaves open."""
    sight = {
        "scripts": SCRIPTS,
        "unsuspicious": UNSUSPICIOUS,
        "eastAsian": EAST_ASIAN,
        "kana": KANA,
        "lookLatin": LOOK_LATIN,
        "alike": ALIKE,
        "alikeAmongOthers": ALIKE_AMONG_OTHERS,
        "cut": CUT,
    }
    return f"const SIGHT = {_written(sight)};\nconst OPEN = {_written(OPEN)};\n"


def _written(table: object) -> str:
    """JSON, which is JavaScript as well, with a line for each member."""
    if not isinstance(table, dict):
        return json.dumps(table)
    return "{\n" + "".join(f"  {json.dumps(name)}: {json.dumps(each)},\n" for name, each in table.items()) + "}"


def _errors() -> dict[str, dict[str, str]]:
    """Weight and remedy of every error that a verifier names."""
    kinds = [each for each in vars(ledger_errors).values() if isinstance(each, type) and issubclass(each, LedgerError)]
    return {
        kind.__name__: {"weight": defect_of(kind("")).weight, "remedy": kind.remedy}
        for kind in (*kinds, UnreadableNote)
        if kind not in (LedgerError, ledger_errors.Tampered, ledger_errors.CannotVerify, ledger_errors.Reservation)
    }


def _form(form: Any) -> list[Any]:  # noqa: PLR0911 - one for each kind of form
    """A form as forms.js reads it: [kind, what it asks]."""
    match form:
        case Text(None):
            return ["text"]
        case Text(pattern):
            return ["text", pattern]
        case OneOf(words):
            return ["one of", list(words)]
        case Whole():
            return ["whole"]
        case Flag():
            return ["flag"]
        case Some(inner):
            return ["some", _form(inner)]
        case Maybe(inner):
            return ["maybe", _form(inner)]
        case Named(inner):
            return ["named", _form(inner)]
        case Few(inner, most):
            return ["few", [_form(inner), most]]
        case [inner]:
            return ["list", _form(inner)]
        case dict():
            members = {name.removesuffix("?"): [not name.endswith("?"), _form(inner)] for name, inner in form.items()}
            return ["object", members]
    raise TypeError(f"{form!r} is no form")


def _readme(kind: BundleKind) -> str:
    """The README with a mark where manifest and keys put something in."""
    manifest = Manifest(kind, "@@LEDGER@@", cast(int, "@@SIZE@@"), "@@SELECTION@@", "@@EXPORTED@@")
    keys = SimpleNamespace(current=lambda role: SimpleNamespace(keyid=f"@@{role.upper()}@@"))
    return readme(manifest, cast(KeyHistory, keys)).decode()
