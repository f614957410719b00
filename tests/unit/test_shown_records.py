"""Whatever a record may say can be shown: the words that tables look up, and every other value that its form takes."""

import copy
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import date
from io import StringIO
from typing import Any, get_args

import pytest

from flops_auditor.data import MODEL_DOCUMENTATION_FORM, form_text, hardware_table
from flops_auditor.domain.audit.grounds import GroundSource
from flops_auditor.domain.compute.tiers import Method
from flops_auditor.domain.law import policy_file
from flops_auditor.domain.law.due_dates import State
from flops_auditor.domain.law.licences import Standing
from flops_auditor.domain.law.policy import Basis, Comparison, Reading, Role, Since
from flops_auditor.domain.ledger import forms
from flops_auditor.domain.ledger.forms import RECORD, RECORD_FORM, Few, Flag, Maybe, Named, OneOf, Some, Text, Whole
from flops_auditor.domain.ledger.key_history import KeyRole
from flops_auditor.domain.ledger.ledger_errors import MalformedRecord
from flops_auditor.domain.ledger.records_csv import csv_row
from flops_auditor.domain.lineage.lineage import read_lineage
from flops_auditor.domain.lineage.tree import tree
from flops_auditor.domain.messages.documents.bom import bom_of
from flops_auditor.domain.messages.documents.fill_form import TrainsNoModel, fill_form
from flops_auditor.domain.messages.documents.form_file import parse_form
from flops_auditor.domain.messages.duties import duties_in_words
from flops_auditor.domain.messages.record_alert import compose
from flops_auditor.domain.messages.record_row import listed_record
from flops_auditor.domain.runs.declared import Activity
from flops_auditor.domain.runs.stated import Question
from flops_auditor.domain.values.canonical_json import LARGEST_INTEGER
from flops_auditor.domain.values.figures import Verdict
from flops_auditor.domain.values.moments import read_time
from flops_auditor.pages.render import report_page
from flops_auditor_cli.audit_view import view_of
from flops_auditor_cli.commands.bom import BomFormat, in_format
from flops_auditor_cli.form_view import form_view
from flops_auditor_cli.output import Output, json_text
from flops_auditor_cli.recorded import listing
from flops_auditor_cli.schemas import versioned
from flops_auditor_cli.view import show
from tests.fakes.reports import report_on
from tests.unit.test_record_form import everything

TODAY = date(2026, 11, 24)
FORM, HARDWARE = parse_form(form_text(MODEL_DOCUMENTATION_FORM)), hardware_table()
WORDS = {
    "VERDICT": Verdict,
    "ACTIVITY": Activity,
    "METHOD": Method,
    "COMPARISON": Comparison,
    "BASIS": Basis,
    "READING": Reading,
    "ROLE": Role,
    "SINCE": Since,
    "DUTY_STATE": State,
    "GROUND_SOURCE": GroundSource,
    "QUESTION": Question,
}
LARGEST = "9" * 100


@pytest.mark.parametrize("name", WORDS)
def test_words_that_decide_are_those_of_law_and_audit(name: str) -> None:
    assert sorted(getattr(forms, name).words) == sorted(get_args(WORDS[name]))


def test_words_beside_those_of_law_and_audit() -> None:
    assert sorted(forms.LICENCE_STANDING.words) == sorted(["not stated", *get_args(Standing)])
    assert sorted(forms.ROTATION["role"].words) == sorted(get_args(KeyRole))


def test_names_are_those_that_policies_may_have() -> None:
    assert forms.TERM.pattern == f"^{policy_file._NAME.pattern}$"


def test_points_in_time_are_those_that_are_read_again() -> None:
    """All days of some years, and days that no year has."""
    years = (1000, 1600, 1969, 1970, 1972, 1999, 2000, 2023, 2024, 2099, 2100, 2400, 2800, 2999)
    for text in (f"{y}-{m:02}-{d:02}" for y in years for m in range(14) for d in range(33)):
        moment = f"{text}T23:59:59.999Z"
        assert bool(re.match(forms.DAY.pattern or "", text)) == reads(date.fromisoformat, text)
        assert bool(re.match(forms.MOMENT.pattern or "", moment)) == reads(read_time, moment)
    for text in ("2024-02-29T24:00:00.000Z", "2024-02-29T23:60:00.000Z", "2024-02-29T23:59:60.000Z", "3000-01-01"):
        assert not any(re.match(each.pattern or "", text) for each in (forms.DAY, forms.MOMENT))


def reads(read: Any, text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def values_of(form: Any) -> list[Any]:  # noqa: PLR0911, PLR0912 - one for each kind of form
    """Values at the edges of what a form takes."""
    match form:
        case Text(None):
            return ["", "x", "\u202e\x00\n", "{}[]%s", LARGEST, "2024-13-45T29:59:59.000Z"]
        case forms.AMOUNT:
            return ["0", "1", LARGEST]
        case forms.DECIMAL:
            return ["0", "-1", f"-{LARGEST}.{'9' * 12}", LARGEST, "0.000000000001"]
        case forms.MOMENT:
            return ["1970-01-01T00:00:00.000Z", "2024-02-29T12:00:00.000Z", "2999-12-31T23:59:59.999Z"]
        case forms.DAY:
            return ["1000-01-01", "2024-02-29", "2999-12-31"]
        case forms.DIGEST:
            return ["0" * 64]
        case forms.VERSION:
            return ["x", "~" * 40]
        case forms.TERM:
            return ["0", f"a{'.' * 63}"]
        case Text():
            return []
        case OneOf(words):
            return list(words)
        case Whole():
            return [0, LARGEST_INTEGER]
        case Flag():
            return [False, True]
        case Maybe(inner):
            return [None, *values_of(inner)]
        case Some(inner):
            return [each for each in values_of(inner) if each]
        case Named():
            return [{}]
        case Few(inner, _) | [inner]:
            return [[], [words for words in values_of(inner)[:2] if not isinstance(words, dict)]]
    return []


def places(form: Any, value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Each member of a value with its form; of a list its first element."""
    if path:
        yield path, form
    match form:
        case Maybe(inner) | Some(inner) if value is not None:
            yield from places(inner, value, path)
        case Named(inner):
            yield from places(inner, next(iter(value.values())), (*path, next(iter(value))))
        case Few(inner, _) | [inner] if value:
            yield from places(inner, value[0], (*path, 0))
        case dict():
            for name, inner in form.items():
                if name.removesuffix("?") in value:
                    yield from places(inner, value[name.removesuffix("?")], (*path, name.removesuffix("?")))


def shown(content: dict[str, Any]) -> None:
    """Every way in which a record is shown."""
    report_page(report_on([content]))
    csv_row(1, content)
    compose(content)
    listed = listed_record(content)
    lineage = read_lineage(content, lambda *_: ())
    tree(content, lineage)
    document = {**content, "evidence_sha256": "0" * 64, "key_id": "0" * 64}
    views = [view_of(document, "record"), listing([listed], 0, wide=True)]
    try:
        form = fill_form([content], FORM, HARDWARE)
    except TrainsNoModel:
        assert content["job"]["activity"] in {"synthetic-data", "not-training"}
    else:
        views.append(form_view(form, TODAY))
        bom = bom_of([content], ["0" * 64], form, HARDWARE)
        for output in BomFormat:
            assert in_format(bom, output)
    with redirect_stdout(StringIO()):
        for view in views:
            assert json_text(versioned(view.schema, view.document))
            for each in (Output.TABLE, Output.CSV, Output.MARKDOWN):
                show(view, each)


@pytest.fixture(scope="module")
def records() -> list[dict[str, Any]]:
    ledger = everything()
    return [ledger.content(name) for name in ledger.pointers]


def replacements(records: list[dict[str, Any]], lists: bool) -> list[tuple[int, tuple[Any, ...], Any]]:
    """(record, path, value) for each value at each member, in the first record that has it."""
    first: dict[tuple[str, ...], tuple[int, tuple[Any, ...], Any]] = {}
    for number, content in enumerate(records):
        for path, form in places(RECORD, content):
            first.setdefault(tuple(each for each in path if isinstance(each, str)), (number, path, form))
    return [
        (number, path, value)
        for number, path, form in first.values()
        if is_list(form) == lists
        for value in values_of(form)
    ]


def is_list(form: Any) -> bool:
    return isinstance(form, list | dict | Named | Few) or (isinstance(form, Maybe | Some) and is_list(form.inner))


@pytest.mark.parametrize(("lists", "together"), [(False, 40), (True, 4)], ids=["values", "lists"])
def test_every_value_that_a_record_may_have_can_be_shown(
    records: list[dict[str, Any]], lists: bool, together: int
) -> None:
    """Some are replaced together, such as stand far from one another."""
    every = replacements(records, lists)
    assert len(every) > (45 if lists else 600)
    for number, record in enumerate(records):
        of_record = [(path, value) for at, path, value in every if at == number]
        groups = -(-len(of_record) // together)
        for group in range(groups):
            content, replaced = copy.deepcopy(record), dict(of_record[group::groups])
            for path, value in replaced.items():
                put(content, path, value)
            RECORD_FORM.check(content)
            try:
                shown(content)
            except Exception as error:
                raise AssertionError(f"cannot be shown: {replaced}") from error


def put(content: Any, path: tuple[Any, ...], value: Any) -> None:
    """Nothing where something above it is gone."""
    for each in path[:-1]:
        if not content or (isinstance(content, dict) and each not in content):
            return
        content = content[each]
    if content:
        content[path[-1]] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("assessments", 0, "basis"), "x"),
        (("assessments", 0, "reading"), "x"),
        (("rests_on", "grounds", 0, "source"), "x"),
        (("estimate", "method"), "guessed"),
        (("job", "name"), ""),
        (("job", "start"), "1969-12-31T23:59:59.999Z"),
        (("job", "end"), "2023-02-29T00:00:00.000Z"),
        (("assessments", 0, "duties", 0, "state"), "waived"),
        (("notification_due",), "2026-04-31"),
    ],
)
def test_what_cannot_be_shown_is_no_record(records: list[dict[str, Any]], path: tuple[Any, ...], value: str) -> None:
    """A forger's record with such a word was valid, and every way of showing it died of it."""
    content = copy.deepcopy(records[0])
    RECORD_FORM.check(content)
    put(content, path, value)
    with pytest.raises(MalformedRecord, match=str(path[-1])):
        RECORD_FORM.check(content)


def test_duties_that_contradict_their_line_can_be_told() -> None:
    """Of their form they are, and whoever signs records can sign such: telling of them died of it."""
    (line,) = [a for a in everything().content("old")["assessments"] if a["verdict"] == "above" and a["duties"]][:1]
    line.pop("wording_of", None)
    told = {}
    for state in forms.DUTY_STATE.words:
        for duty in line["duties"]:
            duty["state"] = state
            duty.pop("in_force", None)
        told[state] = duties_in_words([line], (), TODAY)
    assert [state for state, words in told.items() if not words] in ([], ["if over"])
