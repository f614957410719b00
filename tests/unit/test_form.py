"""The Model Documentation Form from records. The golden files are written again by `python -m tests.golden_forms`."""

import copy
import csv
import io
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from docx import Document
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from typer.testing import CliRunner

from flops_auditor.domain.lineage.lineage import Lineage, read_lineage
from flops_auditor.domain.messages.documents.fill_form import PLACE, TrainsNoModel, range_of
from flops_auditor.domain.messages.documents.form import ONLY_ADDED_UP, FilledForm
from flops_auditor.domain.messages.documents.run_figures import UNDISCLOSED, UNSAID, wall_clock_seconds
from flops_auditor.domain.messages.roundings import hides, magnitude, magnitude_hides, power, significant, two_digits
from flops_auditor.domain.runs.evidence import CLUSTER_RUN
from flops_auditor.domain.values.visible import as_written
from flops_auditor.use_cases.auditing.keep_record import listed
from flops_auditor_cli.commands.form import document_of
from flops_auditor_cli.document import MARK, document
from flops_auditor_cli.form_view import FOR_A_PERSON, draft_document, form_view
from flops_auditor_cli.main import app
from flops_auditor_cli.model_runs import NoNewestRun, rows_of_runs, runs_of
from flops_auditor_cli.output import Output
from flops_auditor_cli.view import FactList, Headline, PointList, Table, View, show
from tests import golden_forms
from tests.fakes.demo_ledger import demo_ledger
from tests.faults.hostile import TEXTS
from tests.golden_forms import CASES, FOLDER, UNLISTED, above_in_the_demo, asked, demo, filled, in_words, runs

CHAIN = ("domain-adapt-3", "domain-adapt-2", "domain-adapt-1")
BY_HAND = {"benchmark_computation", "computation_measurement_methodology"}
SAFE_TAGS = {
    "h3", "p", "strong", "ul", "li", "table", "thead", "tbody", "tr", "th", "td",
}  # fmt: skip


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's jobs, exported."""
    return demo().bundle(tmp_path_factory.mktemp("bundle")).path


def answers(form: FilledForm) -> dict[str, str | None]:
    return {field.name: field.answer for field in form.fields}


def notes(form: FilledForm, name: str) -> tuple[str, ...]:
    return next(field.notes for field in form.fields if field.name == name)


def to_fill_in(form: FilledForm, name: str) -> str:
    return next(field.to_fill_in for field in form.fields if field.name == name)


def call(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["form", *map(str, arguments)])


# ----- What it says


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_the_golden_file_is_what_is_filled_in(case: Callable[[], FilledForm]) -> None:
    for path, content in golden_forms.files_of(case).items():
        assert path.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
def test_what_is_printed_is_by_its_schema(case: Callable[[], FilledForm], capsys: pytest.CaptureFixture[str]) -> None:
    """tests/conftest.py holds every document to its schema."""
    form = case()
    show(form_view(form, golden_forms.TODAY), Output.JSON)
    assert json.loads(capsys.readouterr().out)["form"] == "Model Documentation Form"
    documents = [draft_document(each) for each in form.notifications]
    show(View("drafts", {"drafts": documents}, [], documents), Output.JSON)
    assert len(json.loads(capsys.readouterr().out)["drafts"]) == len(form.notifications)


def test_every_golden_file_has_its_case() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == {case.__name__ for case in CASES}


def test_its_numbers_are_those_of_the_records() -> None:
    """Code of Practice, Model Documentation Form: two significant figures, the order of magnitude, MWh."""
    form, records = above_in_the_demo(), runs(demo(), CHAIN)
    flop = int(records[0]["lineage"]["updates_best_flop"])
    kwh = sum(Fraction(each["estimate"]["energy_kwh"]) for each in records)
    accelerators = sum(Fraction(each["estimate"]["accelerator_seconds"]) for each in records)
    spans = [(datetime.fromisoformat(r["job"]["start"]), datetime.fromisoformat(r["job"]["end"])) for r in records]
    seconds = sum((end - start).total_seconds() for start, end in spans)
    exact = {field.name: field.exact for field in form.fields if field.exact}
    assert exact == {
        "training_time_ncas": f"{seconds:.0f} s",
        "training_time_aio_wall_clock": f"{seconds:.0f} s",
        "training_time_aio_hardware": f"{int(accelerators)} H100 seconds",
        "computation_used_aio": f"{flop} FLOP",
        "computation_used_ncas": f"{flop} FLOP",
        "energy_used": f"{float(kwh)} kWh",
    }
    told = answers(form)
    assert told["computation_used_aio"] == f"{flop / 1e22:.1f}x10^22 FLOP"
    assert told["computation_used_ncas"] == "10^22 FLOP"
    assert told["energy_used"] == f"{float(kwh) / 1000:.2g} MWh"
    assert told["training_time_aio_wall_clock"] == f"{seconds / 86400:.2g} wall-clock days"
    assert told["training_time_aio_hardware"] == f"{float(accelerators) / 86400 / 100:.1f}x10^2 H100 days"
    assert told["training_time_ncas"] == "less than 1 month"
    assert told["model_dependencies"] == records[0]["original"]["base_model"]


def test_each_answer_names_members_that_its_records_have() -> None:
    records = {each["job"]["id"]: each for each in runs(demo(), CHAIN)}
    for field in above_in_the_demo().fields:
        assert bool(field.sources) is (field.name not in BY_HAND)
        for source in field.sources:
            record = records[source.job_id]
            assert (source.job_arn, source.revision) == (record["job"]["arn"], record["revision"])
            for member in source.members:
                part: Any = record
                for name in member.split("."):
                    part = part[name]
                assert part is not None, member


def test_all_is_filled_in_but_what_only_a_person_knows() -> None:
    form = above_in_the_demo()
    assert {field.name for field in form.fields if field.answer is None} == BY_HAND
    assert all(bool(field.to_fill_in) is (field.answer is None) for field in form.fields)
    assert (form.verdict, form.scope, form.missing) == ("above", "the modification", 0)


def test_to_whom_an_answer_goes() -> None:
    receivers = {field.name: field.receivers for field in above_in_the_demo().fields}
    assert receivers["computation_used_aio"] == ("AI Office",)
    assert receivers["computation_used_ncas"] == ("national competent authorities",)
    downstream = [name for name, to in receivers.items() if "downstream providers" in to]
    assert downstream == ["model_dependencies"], "the amount of computation is not for downstream providers"


def test_a_run_that_is_continued_and_not_here_is_said_to_be_missing() -> None:
    form = filled(*runs(demo(), CHAIN[:2]))
    assert form.missing == 1
    run = "1 run (domain-adapt-1) that the model continues and of which no record is here"
    for field in ("energy_used", "training_time_aio_hardware", "training_time_aio_wall_clock", "training_time_ncas"):
        assert f"not all records are here: {run} cannot be included" in notes(form, field)
    whole = above_in_the_demo()
    for field in ("computation_used_aio", "computation_used_ncas"):
        assert answers(form)[field] == answers(whole)[field], "the last record adds all of them up"
        assert f"as the last record adds it up, with {run}" in notes(form, field)
    shown = in_words(form)
    assert "| Runs that it continues | domain-adapt-2, domain-adapt-1 |" in shown
    assert f"| {ONLY_ADDED_UP} | domain-adapt-1 |" in shown
    assert not form.missing_runs[1:] and (whole.missing, whole.missing_runs) == (0, ())


def test_what_is_not_known_is_left_to_a_person_or_said() -> None:
    content = copy.deepcopy(demo().content("domain-adapt-1"))
    content["job"]["start"] = None
    content["estimate"].update(energy_kwh=None, accelerator_seconds=None)
    content["lineage"]["updates_best_flop"] = None
    form = filled(content)
    open_ = {field.name for field in form.fields if field.answer is None}
    assert open_ == BY_HAND | {
        "training_time_ncas", "training_time_aio_wall_clock", "training_time_aio_hardware", "computation_used_aio",
        "computation_used_ncas",
    }  # fmt: skip
    assert answers(form)["energy_used"] == "not known"
    assert answers(form)["energy_methodology"] == f"not estimated: {UNSAID}"
    assert to_fill_in(form, "training_time_aio_hardware") == f"the hardware days, by accelerator: {UNSAID}"


def test_why_hardware_is_not_known_is_said_as_it_is_of_each_run() -> None:
    """Of a type that the service named and the table lacks it was said that the service did not disclose it."""
    table = "instance type 'ml.p9.48xlarge' is not in the hardware table of this tool"
    secret = "critical information of the compute or hardware provider is lacking"
    unlisted, hidden = demo().content(UNLISTED), demo().content("serverless-llama-3-2-3b")
    told = {name: (filled(*records)) for name, records in {"table": [unlisted], "secret": [hidden]}.items()}
    field = "training_time_aio_hardware"
    assert to_fill_in(told["table"], field) == f"the hardware days, by accelerator: {table}"
    assert answers(told["table"])["energy_methodology"] == f"not estimated: {table}"
    assert to_fill_in(told["secret"], field) == f"the hardware days, by accelerator: {UNDISCLOSED}"
    assert secret in str(answers(told["secret"])["energy_methodology"])
    both = filled(unlisted, hidden, demo().content("domain-adapt-1"))
    assert to_fill_in(both, field) == f"the hardware days, by accelerator: {table}; {UNDISCLOSED}"
    assert answers(both)["energy_methodology"] == f"not estimated: {table}; {UNDISCLOSED}"


def test_who_runs_a_cluster_is_no_service_that_discloses_nothing() -> None:
    content = copy.deepcopy(demo().content("serverless-llama-3-2-3b"))
    content["job"]["source"] = CLUSTER_RUN
    assert UNSAID in to_fill_in(filled(content), "training_time_aio_hardware")
    assert answers(filled(content))["energy_methodology"] == f"not estimated: {UNSAID}"


def test_energy_that_is_known_of_some_runs_is_said_of_those() -> None:
    records = copy.deepcopy(runs(demo(), CHAIN))
    records[1]["estimate"]["energy_kwh"] = None
    form = filled(*records)
    assert answers(form)["energy_used"] == "not known"
    assert notes(form, "energy_used") == ("11 MWh of 2 of 3 runs",)


def test_only_runs_that_trained_are_in_time_and_energy() -> None:
    records = copy.deepcopy(runs(demo(), CHAIN))
    records[2]["job"]["activity"] = "synthetic-data"
    form = filled(*records)
    assert len(form.runs) == 3
    assert {source.job_id for source in form.fields[0].sources} == {each["job"]["id"] for each in records[:2]}


def test_a_run_that_trained_nothing_has_no_form() -> None:
    with pytest.raises(TrainsNoModel, match="trained no model: not-training"):
        filled(demo().content("evaluation-suite"))


def test_runs_by_several_methods_say_of_how_many_each_is() -> None:
    records = copy.deepcopy(runs(demo(), CHAIN))
    records[2]["estimate"]["method"] = "counted"
    told = answers(filled(*records))["computation_methodology"]
    assert told is not None
    assert told.startswith("of 1 run: operations of the model, counted")
    assert "; of 2 runs: accelerators x training time" in told
    assert told.endswith("; the runs are added up")


def test_a_model_with_systemic_risk_tells_the_cumulative_amount() -> None:
    """Guidelines, Annex A.1: of such a model the training compute is the cumulative one."""
    content = copy.deepcopy(demo().content("domain-adapt-1"))
    content["cumulative"]["best_flop"] = "30000000000000000000000000"
    assert answers(filled(content))["computation_used_aio"] != "3.0x10^25 FLOP"
    content["original"]["systemic_risk"] = True
    assert answers(filled(content))["computation_used_aio"] == "3.0x10^25 FLOP"


def test_the_cumulative_amount_is_told_once_a_line_of_the_forms_law_that_counts_it_is_crossed() -> None:
    content = copy.deepcopy(demo().content("domain-adapt-1"))
    content["cumulative"]["best_flop"] = "30000000000000000000000000"
    line = next(a for a in content["assessments"] if a["basis"] == "cumulative")
    line.update(verdict="indeterminate", duties=[{"form": "any", "id": "x", "within_days": None}])
    assert answers(filled(content))["computation_used_aio"] == "1.2x10^22 FLOP"
    line["verdict"] = "above"
    assert answers(filled(content))["computation_used_aio"] == "3.0x10^25 FLOP"
    line["duties"] = []
    assert answers(filled(content))["computation_used_aio"] == "1.2x10^22 FLOP", "another law's line"


def test_a_line_that_counts_another_amount_is_hidden_by_no_rounding_of_this_one() -> None:
    content = copy.deepcopy(demo().content("domain-adapt-3"))
    hidden = len(notes(filled(content), "computation_used_ncas"))
    content["assessments"][0]["best_flop"] = "1"
    assert len(notes(filled(content), "computation_used_ncas")) == hidden - 1


def test_a_base_model_that_is_a_place_is_to_be_named() -> None:
    content = copy.deepcopy(demo().content("domain-adapt-1"))
    assert notes(filled(content), "model_dependencies") == ()
    content["original"]["base_model"] = "s3://models/in-house/"
    form = filled(content)
    assert answers(form)["model_dependencies"] == "s3://models/in-house/"
    assert notes(form, "model_dependencies") == (PLACE,)


def test_a_model_of_ones_own_has_no_base_model_and_its_notification_beside() -> None:
    form = golden_forms.systemic_risk_with_its_notification()
    assert (form.scope, answers(form)["model_dependencies"]) == ("the model as a whole", "N/A")
    [draft] = form.notifications
    assert (draft.day, draft.exact_flop) == ("2027-07-25", 10_044_000_000_000_000_000_000_000)
    assert "two significant figures hide that it is over 1.00e25 FLOP: read the exact amount" in notes(
        form, "computation_used_aio"
    )


# ----- Roundings


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (0, "less than 1 month"),
        (30, "less than 1 month"),
        (31, "1 to 3 months"),
        (91, "1 to 3 months"),
        (92, "3 to 6 months"),
        (182, "3 to 6 months"),
        (183, "more than 6 months"),
        ("30.44", "1 to 3 months"),
        ("30.4399", "less than 1 month"),
        ("182.64", "more than 6 months"),
    ],
)
def test_ranges_of_the_form(days: int | str, words: str) -> None:
    assert range_of(Decimal(days), asked()) == words


def test_a_bound_is_never_told_milder_than_it_is() -> None:
    assert [two_digits(333 * 10**20, bound) for bound in ("lower", "best", "upper")] == [
        "3.3x10^22 FLOP",
        "3.3x10^22 FLOP",
        "3.4x10^22 FLOP",
    ]
    assert two_digits(996 * 10**20, "upper") == "1.0x10^23 FLOP"


def test_roundings_of_the_form() -> None:
    plain = [significant(Decimal(n)) for n in ("0", "0.0123", "12345", "9.96", "1234567", "0.125", "0.135")]
    assert plain == ["0", "0.012", "12000", "10", "1.2x10^6", "0.12", "0.14"]
    assert [power(Decimal(n)) for n in ("0", "412345", "0.05", "99.6")] == ["0", "4.1x10^5", "5.0x10^-2", "1.0x10^2"]
    magnitudes = [magnitude(flop) for flop in (None, 0, 10**25, 10**25 - 1)]
    assert magnitudes == [None, "0 FLOP", "10^25 FLOP", "10^24 FLOP"]
    assert [two_digits(flop) for flop in (None, 0, 125, 135)] == [None, "0 FLOP", "1.2x10^2 FLOP", "1.4x10^2 FLOP"]


@given(st.integers(1, 10**30), st.integers(1, 10**30))
def test_a_rounding_hides_a_crossing_exactly_where_it_tells_another_side(flop: int, threshold: int) -> None:
    """AI Act, Art. 52(1): what counts is whether the requirement is met, by the amount and not by its rounding."""
    told = str(two_digits(flop)).removesuffix(" FLOP").replace("x10^", "e")
    assert hides(flop, threshold) is ((flop > threshold) != (Decimal(told) > threshold))
    order = str(magnitude(flop)).removesuffix(" FLOP").replace("10^", "1e")
    assert Decimal(order) <= flop < 10 * Decimal(order)
    assert magnitude_hides(flop, threshold) is ((flop > threshold) != (Decimal(order) > threshold))


def test_time_in_which_several_runs_trained_counts_once() -> None:
    def span(start: int, end: int) -> dict[str, Any]:
        days = (f"2026-01-{day:02d}T00:00:00.000Z" for day in (start, end))
        return {"job": dict(zip(("start", "end"), days, strict=True))}

    day = 86400
    assert wall_clock_seconds([span(1, 3), span(2, 4), span(6, 7)]) == 4 * day
    assert wall_clock_seconds([span(1, 9), span(2, 4), span(5, 6)]) == 8 * day
    assert wall_clock_seconds([span(2, 2)]) == 0


# ----- How it is written


def test_the_document_has_every_answer_and_marks_what_is_for_a_person() -> None:
    form = above_in_the_demo()
    content = document_of(form)
    assert content == document_of(form), "the same records give the same bytes"
    read = Document(io.BytesIO(content))
    facts, fields, lines = read.tables
    assert [cell.text for cell in fields.rows[0].cells][:2] == ["What the Form asks for", "Answer"]
    told = [row.cells[1].text for row in fields.rows[1:]]
    assert told == [each.answer or f"{FOR_A_PERSON}: {each.to_fill_in}" for each in form.fields]
    shaded = [MARK in row.cells[1]._tc.xml for row in fields.rows[1:]]
    assert shaded == [each.answer is None for each in form.fields]
    assert all("w:tblHeader" in table.rows[0]._tr.xml for table in (fields, lines))
    assert facts.rows[0].cells[1].text == "in-house/base-34b"
    assert read.core_properties.created == datetime(2026, 3, 20, 11, 14, tzinfo=UTC)
    assert read.core_properties.author == ""


def hostile_form(text: str) -> FilledForm:
    """The demo's records, with a hostile text wherever a job's owner may write one."""
    records = copy.deepcopy(runs(demo(), CHAIN))
    for record in records:
        record["original"]["base_model"] = text
        for earlier in record["cumulative"]["ancestors"]:
            earlier["base_model"] = text
        record["job"].update(name=text, arn=text, instances=[{"type": text, "count": 1}])
        record["estimate"]["assumptions"].append({"kind": "x", "words": text})
        record["lineage"]["doubts"].append({"kind": "x", "words": text})
        record["assessments"][0]["title"] = text
    return filled(*records)


LINKS = ('=HYPERLINK("http://x.example")', "[x](javascript:alert(1))", "http://x.example", "`x` | y <b>z</b> @a")
UNSEEN = ("a\ud800b", "\u202egnp.exe", "l\u0430ma", "\x0b\ufffe")
HOSTILE_TEXTS = (*TEXTS, *LINKS, *UNSEEN)
MARKUP = {"html_block", "html_inline", "link_open", "image", "code_inline", "code_block", "fence"}


def test_what_a_jobs_owner_writes_is_text_in_a_document() -> None:
    read = Document(io.BytesIO(document_of(hostile_form("".join(HOSTILE_TEXTS)))))
    plain = Document(io.BytesIO(document_of(hostile_form("s3://x"))))
    elements = [[each.tag for each in body.element.body.iter()] for body in (read, plain)]
    assert elements[0] == elements[1], "no text adds an element: no field, no link, no break"
    assert not read.inline_shapes
    assert {rel.reltype for rel in read.part.rels.values()} == {rel.reltype for rel in plain.part.rels.values()}
    assert all(run.text.isprintable() for paragraph in read.paragraphs for run in paragraph.runs)
    assert "<script>alert(1)</script>" in read.tables[0].rows[0].cells[1].text


@pytest.mark.parametrize("text", HOSTILE_TEXTS, ids=ascii)
def test_what_a_jobs_owner_writes_is_text_in_markdown(text: str) -> None:
    tokens = MarkdownIt("commonmark").enable("table").parse(in_words(hostile_form(text)))
    inner = [each for token in tokens for each in (token, *(token.children or []))]
    assert {each.tag for each in inner if each.tag} <= SAFE_TAGS
    assert not [each for each in inner if each.type in MARKUP]


def test_what_a_jobs_owner_writes_is_no_formula(capsys: pytest.CaptureFixture[str]) -> None:
    """OWASP, CSV injection: a cell that begins with one of these is run by a spreadsheet."""
    for text in HOSTILE_TEXTS:
        show(form_view(hostile_form(text), golden_forms.TODAY), Output.CSV)
        cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
        assert [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))] == []


def test_a_run_that_waited_for_capacity_says_for_how_long() -> None:
    name, records = "training_time_aio_wall_clock", runs(demo(), CHAIN)
    assert not any("waited" in each for each in notes(filled(*records), name))
    last, seconds = records[0], Decimal(records[0]["estimate"]["accelerator_seconds"])
    accelerators = 8 * sum(each["count"] for each in last["job"]["instances"])
    slowed = {**last, "estimate": {**last["estimate"], "accelerator_seconds": str(seconds * Decimal("0.75"))}}
    between = wall_clock_seconds([last])
    assert between
    assert notes(filled(slowed, *records[1:]), name)[-1] == (
        f"{last['job']['name']} waited or was interrupted in this time; without such pauses it would be "
        f"{round(between - seconds * Decimal('0.75') / accelerators)} s less"
    )


def test_what_cannot_be_decided_is_said() -> None:
    told = notes(filled(*runs(demo(), ["domain-adapt-2", "domain-adapt-1"])), "computation_used_aio")
    assert told[-1] == "whether it is over 3.33e22 FLOP cannot be said"


def test_overrides_and_mixed_letters_are_shown_for_what_they_are() -> None:
    shown = in_words(hostile_form("l\u0430m\u0436\u202e"))
    assert "l⟨U\\+0430⟩m\u0436⟨U\\+202E⟩ ⟨letters: Cyrillic, Latin⟩" in shown
    assert "\u202e" not in shown


def test_a_block_that_nobody_made_visible_is_still_a_document() -> None:
    """XML 1.0, section 2.2: most control characters are in no document, not even as references."""
    blocks = [Headline("a\x00b"), PointList(["\x1b[31m"], "\x07"), Table({"a": "\x0b"}, [{"a": "\ufffe\ud800"}])]
    read = Document(io.BytesIO(document("t", blocks, datetime(2026, 1, 1, tzinfo=UTC))))
    assert [each.text for each in read.paragraphs] == ["a⟨U+0000⟩b", "⟨U+0007⟩", "⟨U+001B⟩[31m"]


def test_a_name_is_shown_in_a_document_as_everywhere_and_once() -> None:
    """`as_written` of what it made is another name."""
    name = "org/\u0430bc"
    table, facts = Table({"a": name}, [{"a": name}], name), FactList([(name, name)], name)
    blocks = [Headline(name), PointList([name], name), table, facts]
    read = Document(io.BytesIO(document("t", blocks, datetime(2026, 1, 1, tzinfo=UTC))))
    cells = [cell.text for table in read.tables for row in table.rows for cell in row.cells]
    assert {*cells, *(each.text for each in read.paragraphs)} == {as_written(name)}
    assert len(cells) == 4


# ----- The command


def test_a_bundle_is_enough(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "form.docx"
    done = call("domain-adapt-3", "--bundle", bundle, "-o", "docx", "--output-file", path)
    assert done.exit_code == 0, done.output
    assert path.read_bytes() == document_of(above_in_the_demo())
    again = call("domain-adapt-3", "--bundle", bundle, "-o", "docx", "--output-file", path)
    assert (again.exit_code, "is there already" in again.output) == (2, True)
    assert call("domain-adapt-3", "--bundle", bundle, "--output-file", path, "--overwrite").exit_code == 0
    assert path.read_text().startswith("Model Documentation Form")


@pytest.mark.parametrize("output", ["json", "csv", "markdown", "table"])
def test_every_form_of_output_has_the_amount(bundle: Path, output: str) -> None:
    done = call("domain-adapt-3", "--bundle", bundle, "-o", output)
    assert done.exit_code == 0, done.output
    assert "3.6x10^22 FLOP" in done.stdout
    if output == "json":
        found = json.loads(done.stdout)
        assert [field["name"] for field in found["fields"]] == [each.name for each in asked().fields]


def test_a_model_is_its_newest_run_and_others_are_counted(bundle: Path) -> None:
    done = call("in-house/base-34b", "--bundle", bundle, "-o", "json")
    assert json.loads(done.stdout)["runs"][0]["name"] == "domain-adapt-3"
    assert (
        "its newest training run is arn:aws:sagemaker:eu-west-1:111122223333:training-job/domain-adapt-3\n"
        in done.stderr
    )


class Rows:
    """A RecordSource over records, the newest first."""

    def __init__(self, *records: dict[str, Any]) -> None:
        self.records = {each["job"]["id"]: each for each in records}

    def rows(self) -> list[dict[str, str]]:
        return [{**listed(each), "base_model": "m"} for each in self.records.values()]

    def line(self, row: Mapping[str, str]) -> bytes:
        raise NotImplementedError

    def contents(self, rows: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
        return [self.records[row["job_id"]] for row in rows]

    def lineage(self, content: Mapping[str, Any]) -> Lineage:
        return read_lineage(content, lambda _, digest: ())


class RowsOnLlama(Rows):
    """Of which the table of base models knows the model."""

    def rows(self) -> list[dict[str, str]]:
        return [{**row, "base_model": "meta-llama/Llama-3.1-8B"} for row in super().rows()]


@pytest.mark.parametrize("asked", ["meta-llama/llama-3.1-8b", "meta-llama/Llama-3.1-8B-Instruct"])
def test_a_model_is_found_by_every_name_that_the_table_knows(asked: str) -> None:
    source = RowsOnLlama(*runs(demo(), CHAIN))
    assert [each["job_name"] for each in rows_of_runs(source, asked)] == list(CHAIN)
    with pytest.raises(NoNewestRun, match=r"Did you mean meta-llama/Llama-3\.1-8B"):
        rows_of_runs(source, "meta-llama/Llama-3.1-9B")


def test_a_model_is_the_newest_run_that_trained_it(capsys: pytest.CaptureFixture[str]) -> None:
    """An evaluation of a model makes none, and neither does another run that this one does not continue."""
    evaluation, serverless = runs(demo(), ["evaluation-suite", "serverless-llama-3-2-3b"])
    source = Rows(evaluation, *runs(demo(), CHAIN), serverless)
    assert [each["job_name"] for each in rows_of_runs(source, "m")] == list(CHAIN)
    assert "other runs on that model that do not lead to it: 2, so name a job" in capsys.readouterr().err
    assert [each["job"]["name"] for each in runs_of(Rows(evaluation), "m")] == ["evaluation-suite"]
    assert [each["job_name"] for each in rows_of_runs(source, "domain-adapt-1")] == ["domain-adapt-1"]
    assert capsys.readouterr().err.count("newest training run") == 1


def test_what_is_not_there_and_what_is_not_asked_for_is_said(bundle: Path) -> None:
    missing = call("no-such-model", "--bundle", bundle)
    assert missing.exit_code != 0
    below = call("domain-adapt-1", "--bundle", bundle)
    assert "nothing asks for the Model Documentation Form" in below.stderr


def test_nothing_to_notify_is_said_and_prints_nothing(bundle: Path) -> None:
    done = CliRunner().invoke(app, ["notify-draft", "domain-adapt-3", "--bundle", str(bundle)])
    assert (done.exit_code, done.stdout) == (0, "")
    assert "there is nothing to notify" in done.stderr


def test_no_field_says_on_which_side_of_a_line_it_is_where_another_says_that_nobody_can() -> None:
    ledger = demo_ledger("pretraining-from-scratch")
    form = filled(ledger.content("pretraining-from-scratch"))
    notes = [note for field in form.fields for note in field.notes]
    assert "whether it is over 3.33e22 FLOP cannot be said" in notes
    assert not any("hides" in note for note in notes)
