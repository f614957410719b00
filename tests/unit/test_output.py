"""What people read: numbers without exponents, headings that say something, names that break nothing."""

from fractions import Fraction
from typing import Any

import pytest

from flops_auditor.domain.lineage.tree import TreeRow
from flops_auditor.domain.messages.record_words import with_shares
from flops_auditor.domain.values.amounts import percent
from flops_auditor.use_cases.operations.compare_jobs import RegionState
from flops_auditor_cli.audit_view import blocks
from flops_auditor_cli.commands.lineage import rows_of
from flops_auditor_cli.comparison_view import RegionProgress
from flops_auditor_cli.output import Drawn, cell, digits, markdown, say
from flops_auditor_cli.view import Table, cut_in_the_middle, in_markdown, in_text

DOCUMENT: dict[str, Any] = {
    "job": {"name": "a", "arn": "arn:aws:sagemaker:eu-west-1:111122223333:training-job/a", "status": "Completed"},
    "estimate": {
        "lower_flop": "500",
        "method": "hardware",
        "best_flop": "1000",
        "upper_flop": "2000",
        "cautious_upper_flop": "2000",
        "ceiling_flop": "2000",
        "energy_kwh": "43008.5",
        "assumptions": [],
        "doubts": [{"kind": "no-metric", "words": "no metric"}],
    },
    "cumulative": {"lower_flop": "1000", "best_flop": "3000", "upper_flop": "4000", "ancestors": [{}, {}]},
    "original": {"base_model": ""},
    "assessments": [],
    "not_assessed": [],
    "verdict": "below",
}
ASSESSMENT: dict[str, Any] = {
    "policy": "p",
    "scenario": "s",
    "title": "P, s",
    "threshold_flop": "10000",
    "lower_flop": "1000",
    "verdict_without_statements": "below",
    "best_flop": "3000",
    "upper_flop": "4000",
    "verdict": "below",
    "reason": "far below",
    "basis": "updates",
    "reading": "text",
    "left_open": "",
    "source": "Law, Art. 1",
    "duties": [],
    "doubts": [],
    "notes": [],
    "settle": [],
}
DUTY = {"id": "tell", "state": "owed", "what": "Tell them", "article": "Law, Art. 1", "within_days": 14}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("=1+1", "'=1+1"),
        ("\uff1d1+1", "⟨U+FF1D⟩1+1"),
        ("a;=cmd|'/C calc'!A0;b", "a;'=cmd|'/C calc'!A0;b"),
        ('a; "\uff20SUM(1)', 'a; "⟨U+FF20⟩SUM(1)'),
        ("fine;tuned", "fine;tuned"),
        ("-1.5", "-1.5"),
    ],
)
def test_no_cell_is_a_formula_in_a_spreadsheet_of_any_locale(text: str, written: str) -> None:
    """Where the comma stands in numbers, a cell ends at a semicolon, also within quotation marks."""
    assert cell(text) == written


def test_no_address_in_a_comment_is_a_link() -> None:
    """GitHub Flavored Markdown, 6.9: autolinks need no markup."""
    assert markdown("HTTPS://evil.example") == "HTTPS&#58;//evil.example"
    assert markdown("see www.evil.example") == "see www&#46;evil.example"
    assert markdown("s3://bucket/key: 1 http") == "s3://bucket/key: 1 http"


def test_numbers_have_no_exponent() -> None:
    assert [digits(value) for value in (0.9, 12.3456, 999.96, 43008.5, 1e15)] == [
        "0.9",
        "12.35",
        "1000",
        "43008",
        "1" + "0" * 15,
    ]


def text_of(document: dict[str, Any], width: int | None = None) -> str:
    return "\n".join(line for block in blocks(with_shares(document)) for line in in_text(block, width))


def test_a_record_shows_its_doubts_its_date_and_what_it_supersedes() -> None:
    record = {
        **DOCUMENT,
        "lineage": {"parents": [], "ancestors": 40, "doubts": [{"kind": "parent", "words": "a parent is missing"}]},
        "previous_verdict": "below",
        "assessments": [{**ASSESSMENT, "duties": [DUTY]}],
        "due": [{"policy": "p", "duty": "tell", "day": "2026-12-08"}],
    }
    shown = text_of(record)
    for words in (
        "Energy            43008 kWh, this run alone\n",
        "Method            hardware, this run alone\n",
        "Hardware ceiling  2.00e3 FLOP, this run alone\n",
        "Best estimate     3.00e3 FLOP, with 40 earlier runs",
        "This run alone    1.00e3 FLOP, at most 2.00e3 FLOP",
        "In doubt\n  - no metric\n  - a parent is missing",
        "Earlier verdict   below (superseded)",
        "Due\n  - By 2026-12-08: Tell them (Law, Art. 1).",
    ):
        assert words in shown
    assert "with 2 earlier runs" in text_of(DOCUMENT)


def test_assumptions_are_one_heading_over_points() -> None:
    assumed = [{"kind": "a", "words": "one"}, {"kind": "b", "words": "two"}]
    shown = text_of({**DOCUMENT, "estimate": {**DOCUMENT["estimate"], "assumptions": assumed}})
    assert shown.endswith("Assumptions\n  - one\n  - two")
    assert shown.count("Assumption") == 1


def test_a_lineage_has_exact_figures() -> None:
    row = TreeRow("", "a", "fine-tuning", 36488993757959568373164, None, again=False, doubtful=True)
    assert rows_of([row], {})[0] == {
        "run": Drawn("", "a"),
        "activity": "fine-tuning",
        "best_flop": 36488993757959568373164,
        "upper_flop": None,
        "note": "in doubt",
    }


def test_talk_is_one_line_on_stderr_whatever_a_name_holds(capsys: pytest.CaptureFixture[str]) -> None:
    say("job \x1b[31mred\nline " + "x" * 100)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "job ⟨U+001B⟩[31mred⟨U+000A⟩line " + "x" * 100 + "\n"


def test_regions_without_jobs_are_not_talked_of(capsys: pytest.CaptureFixture[str]) -> None:
    progress = RegionProgress()
    progress(RegionState("us-east-1", 0, 0, 0, ()))
    progress(RegionState("eu-west-1", 0, 0, 0, (), "refused"))
    progress(RegionState("eu-west-2", 100, 90, 0, ()))
    progress(RegionState("eu-west-2", 130, 90, 0, ()))
    progress.end()
    said = "eu-west-1: refused\neu-west-2: 130 jobs, 90 finished, 0 without a record\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("width", [50, 60, 80, 120])
def test_no_number_is_broken_in_a_narrow_terminal(width: int) -> None:
    rows = [{"job": "a-name-of-a-job-" * 3, "flop": "4.82e19", "hours": "651158", "verdict": "indeterminate"}]
    columns = {"job": "Job", "flop": "FLOP", "hours": "Hours", "verdict": "Verdict"}
    shown = in_text(Table(columns, rows, right=("flop", "hours"), cut=("job",)), width)
    assert max(map(len, shown)) <= width
    assert all(word in shown[-1] for word in ("4.82e19", "651158", "indeterminate"))
    assert len(shown) == 3, "a name loses its middle and takes no second line"


def test_a_name_keeps_its_beginning_and_its_end() -> None:
    assert cut_in_the_middle("continued-pretraining-64-p5", 20) == "continued...ng-64-p5"
    assert cut_in_the_middle("short", 20) == "short"
    assert len(cut_in_the_middle("x" * 100, 13)) == 13


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        (None, "unknown"),
        (0, "0 %"),
        (1e-7, "under 0.001 %"),
        (0.0000123, "0.00123 %"),
        (0.034, "3.4 %"),
        (Fraction(1, 3), "33.3 %"),
        (1, "100 %"),
        (2.89, "289 %"),
        (9.99, "999 %"),
        (9.996, "10 times"),
        (29.1, "29.1 times"),
        (1234.5, "1234 times"),
    ],
)
def test_there_is_one_format_of_shares(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_markdown_marks_up_nothing_that_a_name_holds() -> None:
    hostile = "a|b *c* [d](http://e) `f` <img src=x> @everyone #1 \n| g |"
    table = in_markdown(Table({"job": "Job"}, [{"job": hostile}]))
    assert len(table.splitlines()) == 3
    for raw in ("<img", "@everyone", "](http", "*c*", " #1"):
        assert raw not in table
